"""Runs: consecutive lines that are the same but for their times, shown as one row with their number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from warroom.logs.rows import Row, Seq
from warroom.logs.view import LogView

MOST = 2_000
"""How many lines are looked at to fill a screen, and to count a run."""

_GROWS = 32
"""Above the screen one line is read to see whether a run goes on there, then so many times as many."""


@dataclass(frozen=True, slots=True)
class Run:
    """Lines from position ``first`` to ``last`` that are the same but for their times;
    ``row`` is the last of them. One line is a run."""

    row: Row
    first: int
    last: int

    @property
    def count(self) -> int:
        """How many lines it has."""
        return self.last - self.first + 1

    def holds(self, position: int) -> bool:
        """Whether the line at ``position`` is one of them."""
        return self.first <= position <= self.last


class RunFinder:
    """Finds the runs of ``view`` that fit on a screen. ``text`` returns a row's text as it is drawn."""

    def __init__(self, view: LogView, text: Callable[[Row], str]) -> None:
        self._view = view
        self._text = text

    def before(self, end: int, room: int, apart: Sequence[Seq]) -> list[Run]:
        """Return the last ``room`` runs before position ``end``. A row in ``apart`` is a run of its own."""
        first, size = self._view.snapshot().first, room
        while True:
            start = max(first, end - size)
            found = self._runs(self._view.rows(start, end), start, apart)
            if len(found) >= room or start == first or size >= MOST:
                found = found[-room:]
                return [self._with_start(found[0], apart), *found[1:]] if found else []
            size = min(MOST, 4 * size)

    def after(self, top: int, room: int, apart: Sequence[Seq]) -> list[Run]:
        """Return ``room`` runs from the line at ``top`` on; where fewer are left, those that fill the screen."""
        found = self.forward(top, room, apart)
        end = self._view.snapshot().end
        if not found or (len(found) < room and found[-1].last >= end - 1):
            return self.before(end, room, apart)
        return [self._with_start(found[0], apart), *found[1:]]

    def forward(self, start: int, most: int, apart: Sequence[Seq]) -> list[Run]:
        """Return up to ``most`` runs from the line at ``start`` on. The first may have begun before it."""
        now, size = self._view.snapshot(), most + 1
        start = max(start, now.first)
        while True:
            end = min(now.end, start + size)
            found = self._runs(self._view.rows(start, end), start, apart)
            if len(found) > most or size >= MOST or end >= now.end:
                return found[:most]
            size = min(MOST, 4 * size)

    def moved(self, position: int, by: int, apart: Sequence[Seq]) -> int:
        """Return the last line of the run that is ``by`` runs away from the one at ``position``; the position after
        the newest line where there is none that far below, the oldest line where there is none that far above."""
        if by < 0:
            found = self.before(position + 1, 1 - by, apart)
            return found[0].last if len(found) == 1 - by else self._view.snapshot().first
        found = self.forward(position, 1 + by, apart)
        return found[by].last if len(found) > by else self._view.snapshot().end

    def _runs(self, rows: Sequence[Row], start: int, apart: Sequence[Seq]) -> list[Run]:
        found: list[Run] = []
        before: tuple[object, ...] = ()
        for position, row in enumerate(rows, start):
            looks = self._looks(row, apart)
            if looks == before and found:
                found[-1] = Run(row, found[-1].first, position)
            else:
                found.append(Run(row, position, position))
            before = looks
        return found

    def _with_start(self, run: Run, apart: Sequence[Seq]) -> Run:
        """The run with what belongs to it above the first line that was read."""
        first, size, looks = run.first, 1, self._looks(run.row, apart)
        while run.last - first < MOST:
            start = max(self._view.snapshot().first, first - size)
            rows = self._view.rows(start, first)
            alike = 0
            for row in reversed(rows):
                if self._looks(row, apart) != looks:
                    return Run(run.row, first - alike, run.last)
                alike += 1
            first -= alike
            if not rows:
                break
            size *= _GROWS
        return Run(run.row, first, run.last)

    def _looks(self, row: Row, apart: Sequence[Seq]) -> tuple[object, ...]:
        """What two rows of a run have in common: all but the time."""
        if row.notice or (apart and row.seq in apart):
            return (row.seq,)
        return (self._text(row), row.own_level, row.log.place)
