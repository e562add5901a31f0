"""Writes the log files of a drill."""

from __future__ import annotations

import heapq
import os
import random
import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from warroom.config.paths import make_folder
from warroom.drill.script import HEX_DIGITS, PLACEHOLDER, RANGE, TIME_FORMATS, LogLines, LogStage, Script

MAX_BACKFILL = timedelta(minutes=30)
"""A clock that stood still or jumped (a laptop asleep) leaves a gap in the logs rather than a flood of lines."""


class LogWriter:
    """Writes a script's log files up to any time it is asked for. The same script and times give the same lines.

    Raises ``OSError`` if the files cannot be made.
    """

    def __init__(self, script: Script, folder: Path, begin: datetime) -> None:
        self.paths = {name: folder / file for name, file in script.logs.items()}
        self.stage: LogStage | None = None
        self._first_log = next(iter(script.logs))
        self._random = random.Random(script.title)
        self._written_until = begin
        self._due: list[tuple[datetime, int, LogLines]] = []  # a heap
        make_folder(folder)
        for path in self.paths.values():
            path.unlink(missing_ok=True)  # of an earlier drill; a follower then sees the file replaced
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))

    def begin_stage(self, stage: LogStage, at: datetime) -> None:
        """Write ``stage`` instead of the present one from ``at`` on."""
        self.write(at)
        self.stage = stage
        first = self.paths[self._first_log]
        _append({first: [self._fill(line, at) for line in stage.once]})
        self._due = [
            (at + timedelta(seconds=lines.every * self._random.random()), index, lines)
            for index, lines in enumerate(stage.lines)
        ]
        heapq.heapify(self._due)

    def write(self, until: datetime) -> None:
        """Write all lines up to ``until``. Raises ``OSError``; those lines are then lost, later ones are not."""
        since = max(self._written_until, until - MAX_BACKFILL)
        self._written_until = max(self._written_until, until)
        new: dict[Path, list[str]] = defaultdict(list)
        while self._due and self._due[0][0] <= until:
            at, index, lines = heapq.heappop(self._due)
            if at >= since:
                new[self.paths[lines.log]].append(self._fill(self._random.choice(lines.texts), at))
            pause = timedelta(seconds=lines.every * self._random.uniform(0.4, 1.6))
            heapq.heappush(self._due, (max(at, since) + pause, index, lines))
        _append(new)

    @property
    def next_due(self) -> datetime | None:
        """When the next line is due, or None if there is none."""
        return self._due[0][0] if self._due else None

    def find_last(self, log: str, contains: str) -> tuple[int, str] | None:
        """Return the number (from 1) and text of the last line of ``log`` that contains ``contains``, or None."""
        lines = self.paths[log].read_text(encoding="utf-8", errors="replace").split("\n")
        return next(((n, lines[n - 1]) for n in range(len(lines), 0, -1) if contains in lines[n - 1]), None)

    def _fill(self, text: str, at: datetime) -> str:
        def fill(match: re.Match[str]) -> str:
            placeholder: str = match[1]
            if placeholder in TIME_FORMATS:
                formatted = at.astimezone(UTC).strftime(TIME_FORMATS[placeholder])
                return f"{formatted}.{at.microsecond // 1000:03}Z" if placeholder == "time" else formatted
            if bounds := RANGE.fullmatch(placeholder):
                return str(self._random.randint(int(bounds[1]), int(bounds[2])))
            if digits := HEX_DIGITS.fullmatch(placeholder):
                return f"{self._random.getrandbits(4 * int(digits[1])):0{digits[1]}x}"
            return self._random.choice(placeholder.split("|"))

        return PLACEHOLDER.sub(fill, text)


def _append(lines: dict[Path, list[str]]) -> None:
    for path, texts in lines.items():
        if texts:
            with path.open("a", encoding="utf-8", newline="") as file:
                file.write("".join(f"{text}\n" for text in texts))
