"""Whether something accepts connections at a port."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from pydantic import Field

from warroom.connect.probes import ProbeOptions, Seconds
from warroom.incident.readings import Reading, judged


class TcpOptions(ProbeOptions):
    """Settings of a TCP probe."""

    host: str = Field(min_length=1)
    """A name or an address."""
    port: int = Field(ge=1, le=65535)
    """The port to connect to."""
    timeout_s: Seconds = 5.0
    """How long connecting may take, in seconds."""


class TcpProbe:
    """A ``Probe`` that connects and hangs up."""

    Options = TcpOptions

    def __init__(self, options: TcpOptions) -> None:
        self._options = options

    async def run(self) -> Reading:
        """Connect. The value is the time that took, in ms."""
        options = self._options
        where = f"{options.host}:{options.port}"
        begun = time.monotonic()
        try:
            async with asyncio.timeout(options.timeout_s):
                _, writer = await asyncio.open_connection(options.host, options.port)
        except TimeoutError:
            return judged(False, f"{where} does not answer within {options.timeout_s:g} s")
        except OSError as error:
            why = (error.strerror or str(error) or "unknown reason").lower()
            return judged(False, f"{where} cannot be reached: {why}")
        took = (time.monotonic() - begun) * 1000
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return judged(True, f"{where} accepts connections ({took:.0f} ms)", took, "ms")

    async def close(self) -> None:
        """Nothing is kept open."""
