"""Which run of lines is on which line of a log pane: chips above, a hint below, wrapping, scrolling aside."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from textual.geometry import Size

from warroom.logs.query import Query
from warroom.logs.rows import Seq
from warroom.logs.view import LogView
from warroom.safety import sanitize
from warroom.tui.panes.logs.painter import Look, Painter, label_cells, text_room
from warroom.tui.panes.logs.runs import Run, RunFinder
from warroom.tui.panes.logs.viewport import Viewport

_CLOCK_FROM = 60
"""Columns from which on the time has a column of its own."""


@dataclass(frozen=True, slots=True)
class Lines:
    """What a pane of one size shows: its chips, then a run and the part of it for each line, then the hint."""

    chips: bool
    rows: list[tuple[Run, int]]
    hint: str

    def at(self, y: int) -> tuple[Run, int] | None:
        """What is on line ``y`` of the pane, from 0; None for chips, the hint and below the last row."""
        y -= self.chips
        return self.rows[y] if 0 <= y < len(self.rows) else None


class Layout:
    """Lays the rows of ``view`` out from where ``viewport`` is. Moves the viewport's top while it follows: which
    row is at the top is known only once the rows are laid out. Draws nothing."""

    def __init__(self, view: LogView, viewport: Viewport, painter: Painter) -> None:
        self._view = view
        self._viewport = viewport
        self._painter = painter
        self._runs = RunFinder(view, painter.text)
        self._key: tuple[object, ...] = ()
        self._rows: list[tuple[Run, int]] = []
        self._chips = False
        self._label_width = 0
        self._clock = False
        self.wrap = False
        """Whether long lines are broken; else they run out of sight to the right."""
        self.side = 0
        """Cells scrolled to the side."""
        self.marks: list[Seq] = []
        """The rows that are marked, in the order in which they were."""
        self.hint = ""
        """A sentence in the last line."""

    @property
    def filters(self) -> tuple[str, ...]:
        """The filters there are, in words."""
        return tuple(words for words, _ in self._view.filter.parts(self._view.zone))

    @property
    def chips(self) -> list[str]:
        """The filters as they are drawn."""
        return [sanitize(f" {text} ✕ ", newlines=False) for text in self.filters]

    def room(self, size: Size) -> int:
        """How many rows fit."""
        taken = bool(self.filters) + (0 if self._viewport.following and not self.hint else 1)
        return max(1, size.height - taken)

    def lines(self, size: Size) -> Lines:
        """What each line of the pane shows."""
        at = self._viewport
        key = (
            at.generation,
            at.layout,
            None if at.following else at.top,
            at.cursor,
            size,
            self.wrap,
            at.following,
            bool(self.hint),
            tuple(self.marks),
        )
        if key != self._key:
            self._chips = size.height > 1 and bool(self.filters)
            if at.following:
                runs = self._runs.before(at.cursor + 1, self.room(size), self.marks)
            else:
                runs = self._runs.after(at.top, self.room(size), self.marks)
            if runs and (at.following or runs[0].last < at.top):
                at.top = runs[0].last
            labels = [source.label for source in self._view.sources if not source.hidden]
            self._label_width = label_cells(max(map(cell_len, labels)), size.width) if len(labels) > 1 else 0
            self._clock = size.width >= _CLOCK_FROM and any(self._view.time_of(run.row) for run in runs)
            self._rows = self._wrapped(runs, size) if self.wrap else [(run, 0) for run in runs]
            self._key = key
        return Lines(self._chips, self._rows, self._hint())

    def look(self, run: Run, part: int, size: Size, query: Query | None, *, focus: bool) -> Look:
        """How a row of ``lines`` is drawn."""
        return Look(
            size.width,
            run.holds(self._viewport.cursor) and focus,
            run.row.seq in self.marks,
            self.side,
            part if self.wrap else None,
            self._label_width,
            query,
            self._clock,
            run.count,
        )

    def moved(self, position: int, lines: int) -> int:
        """The position ``lines`` runs further down, or up where that is negative."""
        return self._runs.moved(position, lines, self.marks)

    def top_for(self, position: int, size: Size) -> int:
        """The first row in sight if the last one is at ``position``."""
        return self._runs.before(position + 1, self.room(size), self.marks)[0].last

    def is_at_end(self, top: int, size: Size) -> bool:
        """Whether everything from ``top`` on fits. While following there is no line for the hint."""
        tall = size.height - self._chips
        return len(self._runs.forward(top, tall + 1, self.marks)) <= tall

    def scroll_aside(self, query: Query, size: Size) -> None:
        """Scroll to the side as far as it takes to see what was found in the line under the cursor."""
        rows = self._view.rows(self._viewport.cursor, self._viewport.cursor + 1)
        text = self._painter.text(rows[0]) if rows else ""
        span = next(query.spans(text), None)
        if self.wrap or span is None:
            return
        room = max(1, text_room(size.width, self._label_width, self._clock))
        start, end = (cell_len(text[:at]) for at in span)
        if end <= room:
            self.side = 0
        elif not self.side <= start <= end <= self.side + room:
            self.side = max(0, start - room // 2)

    def _wrapped(self, runs: list[Run], size: Size) -> list[tuple[Run, int]]:
        room, look = self.room(size), Look(size.width, part=0, label=self._label_width, clock=self._clock)
        parts = [(run, part) for run in runs for part in range(self._painter.parts(run.row, look))]
        if self._viewport.following:
            return parts[-room:]
        # The cursor stays in sight, however many lines those above it take.
        cursor = self._viewport.cursor
        at = max((n for n, (run, _) in enumerate(parts) if run.holds(cursor)), default=0)
        return parts[max(0, at - room + 1) :][:room]

    def _hint(self) -> str:
        if self.hint or self._viewport.following:
            return self.hint
        new = self._view.snapshot().end - self._viewport.seen
        return f"▼ {new:,} new · end to follow" if new > 0 else "▼ paused · end to follow"
