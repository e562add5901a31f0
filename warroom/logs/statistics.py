"""How many lines and errors there are, by second and minute, and when the errors spike; never sees a line.

Seconds are those of any clock that does not go back.
"""

from __future__ import annotations

MINUTES = 8  # minutes of errors that are shown
HOUR = 60  # minutes of errors they are compared with
_WINDOW = 5  # seconds over which lines per second are averaged
SPIKE = 5.0
"""How many times its own past the error rate must be before it is called a spike …"""
_LEAP_ERRORS = 10  # … and how many errors a minute at least


class Rates:
    """Lines and errors by second, for the last minutes; seconds of any clock that does not go back."""

    def __init__(self, began: int) -> None:
        self._lines: dict[int, int] = {}
        self._errors: dict[int, int] = {}
        self._past: dict[int, int] = {}  # errors by minute
        self.known_since = began  # the second from which on errors have been counted

    def count(self, second: int, lines: int, errors: int) -> None:
        if lines:
            self._lines[second] = self._lines.get(second, 0) + lines
        if errors:
            self._errors[second] = self._errors.get(second, 0) + errors
            self._past[second // 60] = self._past.get(second // 60, 0) + errors
        for counts, keep in ((self._lines, 2 * _WINDOW), (self._errors, 60 * MINUTES), (self._past, 2 * HOUR)):
            if len(counts) > 2 * keep:
                newest = max(counts)
                for old in [at for at in counts if at < newest - keep]:
                    del counts[old]

    def lines_per_second(self, now: int) -> int:
        return round(sum(self._lines.get(now - ago, 0) for ago in range(1, _WINDOW + 1)) / _WINDOW)

    def errors_by_minute(self, now: int) -> tuple[int, ...]:
        minutes = [0] * MINUTES
        for second, errors in self._errors.items():
            ago = (now - second) // 60
            if 0 <= ago < MINUTES:
                minutes[MINUTES - 1 - ago] += errors
        return tuple(minutes)

    def spike(self, now: int) -> float | None:
        """The last minute against the hour before it; at least ten minutes of that must be known."""
        errors = self.errors_by_minute(now)[-1]
        known = min(HOUR, (now - self.known_since) // 60 - 2)
        if errors < _LEAP_ERRORS or known < 10:
            return None
        minute = now // 60
        usual = sum(self._past.get(minute - ago, 0) for ago in range(2, known + 2)) / known
        ratio = errors / max(usual, 1.0)  # below one a minute any handful would be a spike
        return ratio if ratio >= SPIKE else None
