"""The history of several files as one stream by time, a window after the other; never keeps a line, never draws.

A window is a ``Piece`` made of ``strands``: of each file the lines written in a certain time, some five hundred in
all. Its lines are merged one by one only when somebody looks at it (``rows.WovenCut``), so that files of a gigabyte
can be looked at, searched and filtered as one stream without a word about each of their lines.

A file is in the order of its times, more or less; where it is not, its lines stay together as they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import inf

from warroom.logs.blocks import PIECE, Piece, cut_lines
from warroom.logs.rows import When

WINDOW = PIECE // 2  # bytes of the file that writes most; merging them takes some milliseconds
_TIMELESS = 200  # lines without a time after which none is expected any more in a piece
_HEAD = 4096  # bytes of a line in which its time stands


def weave(
    histories: Sequence[Sequence[Piece]], when: When, cancelled: Callable[[], bool], window: int = WINDOW
) -> Iterator[Piece]:
    """The windows, newest first; each history are the pieces of one file, newest first.

    A file none of whose lines tells a time comes as a whole after the others. Ends early if ``cancelled``.
    """
    files = [_File(history, when, window) for history in histories]
    while live := [file for file in files if file.piece]:
        if cancelled():
            return
        latest = max(live, key=lambda file: file.begins)
        since = latest.begins
        strands = [latest.all() if file is latest else file.from_(since) for file in live]
        yield _woven([strand for strand in strands if strand])


def without(window: Piece, lost: Callable[[Piece], bool]) -> Piece | None:
    """The window without the strands that are lost; itself if there are none, None if there are no others."""
    kept = [strand for strand in window.strands if not lost(strand)]
    if len(kept) == len(window.strands):
        return window
    return _woven(kept) if kept else None


def _woven(strands: Sequence[Piece]) -> Piece:
    window = Piece(None, None, 0, 0, 0, sum(strand.lines for strand in strands))
    window.strands = tuple(strands)
    return window


class _File:
    """What is left of one file's history, from its newest piece back."""

    def __init__(self, history: Sequence[Piece], when: When, window: int) -> None:
        self._left = list(reversed(history))
        self._when = when
        self._window = window
        self.piece: Piece | None = None
        self.begins = inf  # when the first line of the piece was written, seconds since 1970
        self._data = b""
        self._starts: list[int] = []
        self._next()

    def all(self) -> Piece:
        """The whole piece."""
        piece = self.piece
        assert piece
        self._next()
        return piece

    def from_(self, since: float) -> Piece | None:
        """The records of the piece from then on, the last ones; None if there are none."""
        piece = self.piece
        if piece is None or not self._starts:
            return None
        low, high = 0, len(self._starts)
        while low < high:
            middle = at = (low + high) // 2
            while at < high and (told := self._time(at)) is None:
                at += 1
            if at == high or (told is not None and told >= since):
                high = middle
            else:
                low = at + 1
        while low < len(self._starts) and self._time(low) is None:  # they go on with the record before
            low += 1
        if low == len(self._starts):
            return None
        if not low:
            return self.all()
        cut = piece.start + self._starts[low]
        newer = Piece(piece.owner, piece.store, cut, piece.end, piece.line + low, piece.lines - low)
        self.piece = Piece(piece.owner, piece.store, piece.start, cut, piece.line, low)
        del self._starts[low:]
        return newer

    def _next(self) -> None:
        self.piece = self._left.pop() if self._left else None
        self._data, self._starts = b"", []
        piece = self.piece
        if piece is None or piece.store is None:
            return
        size = piece.end - piece.start
        data = piece.store.read(piece.start, min(size, 4 * PIECE))
        if size <= 4 * PIECE and len(data) == size:  # else one endless line, or a file that has changed under us
            if size > self._window and len(ends := cut_lines(data, self._window)) > 1:
                self._left += self._parts(piece, data, ends)
                self._next()
                return
            at = 0
            while 0 <= at < size:
                self._starts.append(at)
                at = data.find(b"\n", at) + 1 or size
        self._data = data
        told = (self._time(at) for at in range(min(_TIMELESS, max(1, len(self._starts)))))
        self.begins = min(self.begins, next((time for time in told if time is not None), inf))

    def _parts(self, piece: Piece, data: bytes, ends: Sequence[int]) -> list[Piece]:
        parts, at, line = [], 0, piece.line
        for end in ends:
            lines = data.count(b"\n", at, end) + (end == len(data) and not data.endswith(b"\n"))
            parts.append(Piece(piece.owner, piece.store, piece.start + at, piece.start + end, line, lines))
            at, line = end, line + lines
        return parts

    def _time(self, place: int) -> float | None:
        start = self._starts[place] if self._starts else 0
        end = self._data.find(b"\n", start, start + _HEAD)
        piece = self.piece
        assert piece
        when = self._when(piece, self._data[start : end if end >= 0 else start + _HEAD])
        return when.timestamp() if when else None
