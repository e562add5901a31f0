"""Where lines are in large logs: blocks of whole lines with one count each; never keeps a line, never reads.

A ``Block`` is up to ``BLOCK_BYTES`` bytes of one store. A ``BlockIndex`` is blocks one after the other, as they are
shown, each with the number of its lines that are: all, or what a filter lets through. It grows at both ends — new
lines ahead, history behind while it is being counted — and the position of a line does not change by that. A
gigabyte takes 8,000 pieces, about 1 MB.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import count

from warroom.logs.stores import Store

BLOCK_BYTES = 128 * 1024
_READ = 1024 * 1024  # bytes a pread: with the counting about half a millisecond of the interpreter's lock
_serials = count(1)


class Block:
    """Whole lines of one store, bytes ``start`` to ``end``; or a ``notice``, one line that no store has.

    Or a window of several files: then it consists of ``runs``, a piece of each. The last line may still be
    growing. ``line`` is the number of the first line within its store, from 0 where
    following began, less than 0 before.
    """

    __slots__ = ("end", "gone", "line", "lines", "notice", "owner", "runs", "serial", "start", "store")

    def __init__(self, owner: object, store: Store | None, start: int, end: int, line: int, lines: int) -> None:
        self.serial = next(_serials)
        self.owner = owner
        self.store = store
        self.start = start
        self.end = end
        self.line = line
        self.lines = lines
        self.notice = ""
        self.runs: tuple[Block, ...] = ()
        self.gone = False


class BlockIndex:
    """Pieces in their order, each with the number of lines it shows. Positions count those lines, from 0 ahead."""

    def __init__(self) -> None:
        self._ahead: list[Block] = []
        self._to = array("q")  # position after each piece ahead
        self._low = 0  # position before the first piece ahead
        self._behind: list[Block] = []
        self._from = array("q")  # position before each piece behind

    @property
    def first(self) -> int:
        """The position of the oldest line."""
        return self._from[-1] if self._from else self._low

    @property
    def end(self) -> int:
        """One after the position of the newest line."""
        return self._to[-1] if self._to else self._low

    @property
    def newest(self) -> Block | None:
        """The last piece."""
        return self._ahead[-1] if self._ahead else self._behind[0] if self._behind else None

    @property
    def oldest(self) -> Block | None:
        """The first piece."""
        return self._behind[-1] if self._behind else self._ahead[0] if self._ahead else None

    def __len__(self) -> int:
        return len(self._ahead) + len(self._behind)

    def __iter__(self) -> Iterator[Block]:
        yield from reversed(self._behind)
        yield from self._ahead

    def append(self, block: Block, lines: int) -> None:
        """Adds a piece after the others."""
        self._to.append(self.end + lines)
        self._ahead.append(block)

    def prepend(self, block: Block, lines: int) -> None:
        """Adds a piece before the others."""
        self._from.append(self.first - lines)
        self._behind.append(block)

    def pop(self) -> None:
        """Takes the oldest piece away; the others keep their positions."""
        if self._behind:
            self._behind.pop()
            self._from.pop()
        elif self._ahead:
            self._low = self._to[0]
            del self._ahead[0], self._to[0]

    def add(self, block: Block, lines: int) -> bool:
        """Says that a piece shows that many lines more (or fewer); false if it is not among the pieces ahead."""
        for at in range(len(self._ahead) - 1, -1, -1):
            if self._ahead[at] is block:
                for later in range(at, len(self._to)):
                    self._to[later] += lines
                return True
        return False

    def lines_of(self, block: Block) -> int:
        """How many lines a piece shows, if it is among those ahead."""
        for at in range(len(self._ahead) - 1, -1, -1):
            if self._ahead[at] is block:
                return self._to[at] - (self._to[at - 1] if at else self._low)
        return 0

    def locate(self, position: int) -> tuple[Block, int] | None:
        """The piece with the line at this position, and the number of shown lines in it before that one."""
        if not self.first <= position < self.end:
            return None
        if position >= self._low:
            at = bisect_right(self._to, position)
            return self._ahead[at], position - (self._to[at - 1] if at else self._low)
        # _from goes down: the piece is the first one that begins at or before the position
        low, high = 0, len(self._from) - 1
        while low < high:
            middle = (low + high) // 2
            if self._from[middle] <= position:
                high = middle
            else:
                low = middle + 1
        return self._behind[low], position - self._from[low]

    def spans(self) -> list[tuple[int, int, Block]]:
        """All pieces with the positions before and after them, oldest first."""
        tops = [self._low, *self._from[:-1]] if self._from else []
        behind = [(low, top, block) for low, top, block in zip(self._from, tops, self._behind, strict=True)]
        lows = [self._low, *self._to[:-1]] if self._to else []
        return behind[::-1] + list(zip(lows, self._to, self._ahead, strict=True))


def cut_lines(data: bytes, limit: int = BLOCK_BYTES) -> list[int]:
    """Where to cut whole lines into pieces: the ends, each after a newline and about ``limit`` bytes apart.

    The last end is that of the data. A cut falls before a line that looks like the beginning of a record where
    there is one near.
    """
    ends = []
    at = 0
    while len(data) - at > limit:
        cut = data.rfind(b"\n", at, at + limit) + 1
        if cut <= at:
            cut = data.find(b"\n", at + limit) + 1
            if not cut:
                break
        tried = cut
        for _ in range(40):  # a stack trace stays with its record
            if tried <= at or data[tried : tried + 1] not in _GOES_ON:
                break
            tried = data.rfind(b"\n", at, tried - 1) + 1
        at = tried if tried > at else cut
        ends.append(at)
    if at < len(data):
        ends.append(len(data))
    return ends


_GOES_ON = frozenset((b" ", b"\t", b"}", b")"))


def count_back(
    fd: int, end: int, found: Callable[[list[tuple[int, int, int]]], None], cancelled: Callable[[], bool]
) -> int | None:
    """Reads ``fd`` from byte ``end``, where a line begins, back to its beginning.

    Hands over pieces (start, end, lines), newest first, a megabyte at a time; returns the number of lines; None if
    stopped, or if the file is shorter than it was. Raises OSError where reading fails. A gigabyte in the page cache
    takes about half a second.
    """
    total = 0
    while end > 0 and not cancelled():
        size = min(end, _READ)
        while True:  # until the beginning of a line is among what was read
            start = end - size
            data = os.pread(fd, size, start)
            if len(data) < size:
                return None
            skip = 0 if start == 0 else data.find(b"\n") + 1
            if 0 < skip < size or start == 0:
                break
            start, data = _line_start(fd, start), b""
            break
        if not data:  # one line longer than a read
            found([(start, end, 1)])
            total += 1
            end = start
            continue
        blocks = []
        at = skip
        body = data[skip:] if skip else data
        for cut in cut_lines(body):
            lines = body.count(b"\n", at - skip, cut)
            blocks.append((start + at, start + skip + cut, lines))
            at = skip + cut
            total += lines
        blocks.reverse()
        found(blocks)
        end = start + skip
    return None if end > 0 else total


def _line_start(fd: int, before: int) -> int:
    """The byte at which the line begins in whose middle ``before`` is."""
    while before > 0:
        size = min(before, _READ)
        at = os.pread(fd, size, before - size).rfind(b"\n")
        if at >= 0:
            return before - size + at + 1
        before -= size
    return 0
