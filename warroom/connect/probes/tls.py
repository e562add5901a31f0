"""How many days the certificate of a server is still valid."""

from __future__ import annotations

import asyncio
import ssl
import time
from contextlib import suppress
from typing import Any

from pydantic import Field

from warroom.connect.probes import ProbeOptions, Seconds
from warroom.errors import WarroomError
from warroom.incident.readings import Reading, judged

DAY_S = 86_400


class TlsOptions(ProbeOptions):
    """Settings of a TLS probe."""

    host: str = Field(min_length=1)
    """The name the certificate must be for."""
    port: int = Field(443, ge=1, le=65535)
    """The port, one that speaks TLS from the first byte."""
    connect_to: str = ""
    """The machine to connect to if it is another than ``host``: one of several servers behind the name."""
    days: int = Field(14, ge=0)
    """How many days the certificate must still be valid."""
    ca_file: str = ""
    """A file of certificates to trust, PEM, instead of the system's."""
    timeout_s: Seconds = 10.0
    """How long connecting may take, in seconds."""


class TlsProbe:
    """A ``Probe`` that reads a server's certificate as a client does: one that is not accepted is noticed too."""

    Options = TlsOptions

    def __init__(self, options: TlsOptions) -> None:
        self._options = options

    async def run(self) -> Reading:
        """Connect. The value is the number of days left. ``WarroomError`` if ``ca_file`` cannot be read."""
        options = self._options
        try:
            context = await asyncio.to_thread(ssl.create_default_context, cafile=options.ca_file or None)
        except OSError as error:
            raise WarroomError(f"ca_file cannot be read: {error.strerror or 'not PEM'}") from None
        try:
            async with asyncio.timeout(options.timeout_s):
                _, writer = await asyncio.open_connection(
                    options.connect_to or options.host, options.port, ssl=context, server_hostname=options.host
                )
        except TimeoutError:
            return judged(False, f"{options.host} does not answer within {options.timeout_s:g} s")
        except ssl.SSLCertVerificationError as error:
            return judged(False, f"the certificate of {options.host} is not accepted: {error.verify_message}")
        except OSError as error:
            why = (error.strerror or str(error) or "unknown reason").lower()
            return judged(False, f"{options.host} cannot be reached: {why}")
        certificate: dict[str, Any] = writer.get_extra_info("peercert")
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        days = int((ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) // DAY_S)
        words = f"the certificate of {options.host} is valid for {days:,} more day{'s' if days != 1 else ''}"
        return judged(days >= options.days, words, days, "days")

    async def close(self) -> None:
        """Nothing is kept open."""
