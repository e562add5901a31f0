"""The history of several files as one stream by time, a window after the other; never keeps a line, never draws.

A window is a ``Block`` made of ``runs``: of each file the lines written in a certain time, some five hundred in
all. Its lines are merged one by one only when it is shown (``rows.MergedLines``), so that files of a
gigabyte can be looked at, searched and filtered as one stream without a word about each of their lines.

A file is in the order of its times, more or less; where it is not, its lines keep their order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import inf

from warroom.logs.blocks import BLOCK_BYTES, Block, cut_lines
from warroom.logs.rows import When

WINDOW = BLOCK_BYTES // 2  # bytes of the file that writes most; merging them takes some milliseconds
_TIMELESS = 200  # lines without a time after which none is expected any more in a piece
_HEAD = 4096  # bytes of a line in which its time is expected


def merge_history(
    histories: Sequence[Sequence[Block]], when: When, cancelled: Callable[[], bool], window: int = WINDOW
) -> Iterator[Block]:
    """The windows, newest first; each history are the pieces of one file, newest first.

    A file without any time comes as a whole after the others. Ends early if ``cancelled``.
    """
    files = [_File(history, when, window) for history in histories]
    while live := [file for file in files if file.block]:
        if cancelled():
            return
        latest = max(live, key=lambda file: file.begins)
        since = latest.begins
        runs = [latest.all() if file is latest else file.from_(since) for file in live]
        yield _merged_lines([run for run in runs if run])


def without(window: Block, lost: Callable[[Block], bool]) -> Block | None:
    """The window without the runs that are lost; itself if there are none, None if there are no others."""
    kept = [run for run in window.runs if not lost(run)]
    if len(kept) == len(window.runs):
        return window
    return _merged_lines(kept) if kept else None


def _merged_lines(runs: Sequence[Block]) -> Block:
    window = Block(None, None, 0, 0, 0, sum(run.lines for run in runs))
    window.runs = tuple(runs)
    return window


class _File:
    """What is left of one file's history, from its newest piece back."""

    def __init__(self, history: Sequence[Block], when: When, window: int) -> None:
        self._left = list(reversed(history))
        self._when = when
        self._window = window
        self.block: Block | None = None
        self.begins = inf  # when the first line of the piece was written, seconds since 1970
        self._data = b""
        self._starts: list[int] = []
        self._next()

    def all(self) -> Block:
        """The whole piece."""
        block = self.block
        assert block
        self._next()
        return block

    def from_(self, since: float) -> Block | None:
        """The records of the piece from then on, the last ones; None if there are none."""
        block = self.block
        if block is None or not self._starts:
            return None
        low, high = 0, len(self._starts)
        while low < high:
            middle = at = (low + high) // 2
            while at < high and (moment := self._time(at)) is None:
                at += 1
            if at == high or (moment is not None and moment >= since):
                high = middle
            else:
                low = at + 1
        while low < len(self._starts) and self._time(low) is None:  # they go on with the record before
            low += 1
        if low == len(self._starts):
            return None
        if not low:
            return self.all()
        cut = block.start + self._starts[low]
        newer = Block(block.owner, block.store, cut, block.end, block.line + low, block.lines - low)
        self.block = Block(block.owner, block.store, block.start, cut, block.line, low)
        del self._starts[low:]
        return newer

    def _next(self) -> None:
        self.block = self._left.pop() if self._left else None
        self._data, self._starts = b"", []
        block = self.block
        if block is None or block.store is None:
            return
        size = block.end - block.start
        data = block.store.read(block.start, min(size, 4 * BLOCK_BYTES))
        if (
            size <= 4 * BLOCK_BYTES and len(data) == size
        ):  # else one endless line, or a file that has changed under us
            if size > self._window and len(ends := cut_lines(data, self._window)) > 1:
                self._left += self._parts(block, data, ends)
                self._next()
                return
            at = 0
            while 0 <= at < size:
                self._starts.append(at)
                at = data.find(b"\n", at) + 1 or size
        self._data = data
        times = (self._time(at) for at in range(min(_TIMELESS, max(1, len(self._starts)))))
        self.begins = min(self.begins, next((time for time in times if time is not None), inf))

    def _parts(self, block: Block, data: bytes, ends: Sequence[int]) -> list[Block]:
        parts, at, line = [], 0, block.line
        for end in ends:
            lines = data.count(b"\n", at, end) + (end == len(data) and not data.endswith(b"\n"))
            parts.append(Block(block.owner, block.store, block.start + at, block.start + end, line, lines))
            at, line = end, line + lines
        return parts

    def _time(self, place: int) -> float | None:
        start = self._starts[place] if self._starts else 0
        end = self._data.find(b"\n", start, start + _HEAD)
        block = self.block
        assert block
        when = self._when(block, self._data[start : end if end >= 0 else start + _HEAD])
        return when.timestamp() if when else None
