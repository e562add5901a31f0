"""Whether a service's logs are quiet: no error, or no line that matches a pattern, for some minutes.

The wiring opens the logs (``LogProbe`` in ``connect.ports``): this module reads none.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from warroom.connect.ports import LineCounter, OpenLogs
from warroom.connect.probes import ProbeOptions
from warroom.errors import WarroomError
from warroom.incident.readings import Reading, judged
from warroom.safety.patterns import BadPattern, Pattern

START_S = 3.0
"""How long the first reading waits for the logs to be read, in seconds."""


def _pattern(text: str) -> str:
    try:
        Pattern(text)
    except BadPattern as error:
        raise ValueError(f"the pattern {error}") from None
    return text


class LogsOptions(ProbeOptions):
    """Settings of a log probe."""

    minutes: int = Field(5, ge=1, le=120)
    """How many minutes must have been quiet."""
    match: Annotated[str, AfterValidator(_pattern)] = ""
    """What must not be in the logs: a regular expression in RE2 syntax, matched line by line; empty: errors."""
    at_most: int = Field(0, ge=0)
    """How many such lines in those minutes are still good."""
    log: str = ""
    """One of the service's logs, by its name or as `logs` has it; empty: all of them."""


class LogsProbe:
    """A ``LogProbe``. Silence that has not been watched for long enough, or cannot be, speaks for nothing."""

    Options = LogsOptions

    def __init__(self, options: LogsOptions) -> None:
        self._options = options
        self._open: OpenLogs | None = None
        self._count: LineCounter | None = None

    def use_logs(self, open_logs: OpenLogs) -> None:
        """See ``LogProbe``."""
        self._open = open_logs

    async def run(self) -> Reading:
        """Count. The value is the number of lines. ``WarroomError`` where a log cannot be read."""
        if self._count is None:
            if self._open is None:
                raise WarroomError("there are no logs to read")
            self._count = await asyncio.to_thread(self._open, self._options.match, self._options.log)
            await asyncio.to_thread(self._count.wait_started, START_S)
        return self._judge(self._count)

    async def close(self) -> None:
        """Stop reading."""
        count, self._count = self._count, None
        if count is not None:
            count.close()

    def _judge(self, count: LineCounter) -> Reading:
        options = self._options
        begin = count.now() - timedelta(minutes=options.minutes)
        found = count.since(begin)
        noun = "matching line" if options.match else "error"
        words = f"{found:,} {noun}{'s' if found != 1 else ''}" if found else f"no {noun}s"
        if found > options.at_most:
            return judged(False, f"{words} in the last {options.minutes} min", found, "lines")
        if problem := count.problem:
            raise WarroomError(problem)
        if (known := count.known_since) > begin:
            watched = int((count.now() - known).total_seconds() // 60)
            return judged(None, f"{words} in {watched} min; watched for {options.minutes} min they count", found)
        return judged(True, f"{words} in the last {options.minutes} min", found, "lines")
