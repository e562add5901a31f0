"""Finds the nearest line that matches and counts them all, piece by piece, until stopped; never moves a cursor."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence

from warroom.logs.blocks import Block
from warroom.logs.query import Query
from warroom.logs.rows import Seq
from warroom.logs.view import LogView


class Search:
    """One search through what a view shows: for ``query``, or without one for lines that state an error.

    Remembers how many lines of each piece match, so that going on to the next is quick. Asked by one thread at a
    time; what is shown may change between two calls.
    """

    def __init__(self, view: LogView, query: Query | None) -> None:
        self.query = query
        self._view = view
        self._known: dict[int, tuple[int, int]] = {}  # by piece: where it ended, how many lines matched
        self._layout = -1

    def nearest(self, position: int, *, older: bool, cancelled: Callable[[], bool]) -> Seq | None:
        """The first line that matches from this position on, upwards or downwards; None if there is none."""
        spans = self._spans()
        at = bisect_right(spans, position, key=lambda span: span[0]) - 1
        order: Iterable[int] = range(min(at, len(spans) - 1), -1, -1) if older else range(max(at, 0), len(spans))
        for place in order:
            if cancelled():
                return None
            low, _, block = spans[place]
            known = self._known.get(block.serial)
            if known and known == (block.end, 0):
                continue
            hits = self._hits(block)
            fitting = [low + hit for hit in hits if (low + hit <= position if older else low + hit >= position)]
            if fitting and (rows := self._view.rows(found := fitting[-1 if older else 0], found + 1)):
                return rows[0].seq
        return None

    def count(self, cancelled: Callable[[], bool], report: Callable[[int, float], None]) -> int | None:
        """Counts all lines that match, newest first; None if stopped. ``report`` gets the count so far and how much
        of what is shown has been gone through (0 to 1), every dozen pieces."""
        spans = self._spans()
        total = sum(known[1] for _, _, block in spans if (known := self._get(block)))
        for place in range(len(spans) - 1, -1, -1):
            if cancelled():
                return None
            block = spans[place][2]
            if self._get(block) is None:
                total += self._count(block)
            if place % 12 == 0:
                report(total, 1 - place / len(spans))
        return total

    def place_of(self, position: int) -> tuple[int, int] | None:
        """Return the match at this position as (its number, the total); None while they are being counted."""
        before = total = 0
        for low, _, block in self._spans():
            known = self._get(block)
            if known is None:
                return None
            if known[1] and low <= position:
                before += (
                    sum(low + hit <= position for hit in self._hits(block))
                    if low + block.lines > position
                    else known[1]
                )
            total += known[1]
        return before, total

    def place_of_seq(self, seq: Seq) -> tuple[int, int] | None:
        """As ``place_of``, for a line; None for errors as well, which are not counted."""
        return self.place_of(self._view.position_of(seq)) if self.query else None

    def _spans(self) -> list[tuple[int, int, Block]]:
        layout = self._view.snapshot().layout
        if layout != self._layout:
            self._layout = layout
            self._known = {}
        return self._view.spans()

    def _get(self, block: Block) -> tuple[int, int] | None:
        known = self._known.get(block.serial)
        return known if known and known[0] == block.end else None

    def _count(self, block: Block) -> int:
        end = block.end
        lines = self._view.matching(block, self.query)
        self._known[block.serial] = end, lines
        return lines

    def _hits(self, block: Block) -> list[int]:
        end = block.end
        hits = self._view.hits(block, self.query)
        self._known[block.serial] = end, len(hits)
        return hits


_TOLD = 0.2  # seconds between two words about how far a count is

Way = tuple[int, bool]
"""From where to look, and whether upwards (to older lines)."""


class SearchRunner:
    """Runs searches in threads, one at a time: a newer search ends the one before, which reports nothing more."""

    def __init__(self) -> None:
        self._one = threading.Lock()
        self._number = 0

    def stop(self) -> None:
        """Nothing is searched for any more."""
        self._number += 1

    def start(
        self,
        search: Search,
        ways: Sequence[Way],
        found: Callable[[Seq | None], None],
        counted: Callable[[str], None],
        *,
        count: bool = False,
    ) -> None:
        """Try each of the ``ways`` in turn.

        ``found`` gets the first line (it is not called where there are no ways), ``counted`` how many there are, in
        words: while they are counted, if that is asked for, and then which of them was found. Both are called in a
        thread, and only by the newest search.
        """
        self.stop()
        number = self._number

        def stale() -> bool:
            return self._number != number

        def show_status(text: str) -> None:
            if not stale():
                counted(text)

        def run() -> None:
            with self._one:
                seq = None
                for position, older in ways:
                    seq = search.nearest(position, older=older, cancelled=stale)
                    if seq is not None:
                        break
                if not stale() and ways:
                    found(seq)
                if count and not stale():
                    last = time.monotonic()

                    def so_far(lines: int, done: float) -> None:
                        nonlocal last
                        if time.monotonic() - last > _TOLD:
                            last = time.monotonic()
                            show_status(f"{lines:,} lines, {done:.0%} searched")

                    total = search.count(stale, so_far)
                    if total is not None:
                        show_status(f"{total:,} {'line' if total == 1 else 'lines'}")
                if seq is not None and not stale() and (place := search.place_of_seq(seq)):
                    show_status(f"{place[0]:,} of {place[1]:,} lines")

        threading.Thread(target=run, name="log search", daemon=True).start()
