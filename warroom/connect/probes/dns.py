"""Whether a name resolves, and to the addresses it should."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from pydantic import Field, field_validator

from warroom.connect.probes import ProbeOptions, Seconds
from warroom.incident.readings import Reading, judged


class DnsOptions(ProbeOptions):
    """Settings of a DNS probe."""

    host: str = Field(min_length=1)
    """The name to resolve, by this machine's resolver."""
    expect: tuple[str, ...] = ()
    """Addresses that must all be among the answers; empty: any answer will do."""
    timeout_s: Seconds = 5.0
    """How long the answer may take, in seconds."""

    @field_validator("expect")
    @classmethod
    def _addresses(cls, expect: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(str(ipaddress.ip_address(one)) for one in expect)
        except ValueError:
            raise ValueError("must be IP addresses") from None


class DnsProbe:
    """A ``Probe`` that resolves a name."""

    Options = DnsOptions

    def __init__(self, options: DnsOptions) -> None:
        self._options = options

    async def run(self) -> Reading:
        """Resolve the name."""
        options = self._options
        try:
            async with asyncio.timeout(options.timeout_s):
                answers = await asyncio.get_running_loop().getaddrinfo(options.host, None, type=socket.SOCK_STREAM)
        except TimeoutError:
            return judged(False, f"{options.host} is not resolved within {options.timeout_s:g} s")
        except (OSError, UnicodeError):  # a name that cannot be one is a UnicodeError
            return judged(False, f"{options.host} does not resolve")
        found = sorted({str(answer[4][0]) for answer in answers})
        missing = [address for address in options.expect if address not in found]
        words = f"{options.host} resolves to {', '.join(found)}"
        return judged(not missing, f"{words}, not to {', '.join(missing)}" if missing else words)

    async def close(self) -> None:
        """Nothing is kept open."""
