"""Where lines begin in a large file: one newline count for each 64 KiB, filled in piecemeal; never keeps a line.

122 kB of memory for a gigabyte. Blocks may be counted in any order (the end of the file first, since that is on the
screen first); a line number is known as soon as everything before it has been counted. Whoever fills it from two
sides lets them meet between two blocks.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_right
from collections.abc import Callable
from threading import Lock

BLOCK = 64 * 1024
_READ = 1024 * 1024   # bytes a pread: keeps the interpreter lock for about 3 ms while counting


class LineIndex:
    """Sparse line ↔ byte index of one file. Safe to fill from one thread and ask from another."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts = array("I")      # newlines in each block
        self._known = bytearray()      # 1 where a block has been counted whole, or as far as the file goes
        self._sums = array("Q", [0])   # newlines before each block, as far as there is no gap

    def add(self, offset: int, data: bytes) -> None:
        """Counts ``data``, which stands at byte ``offset``; each byte of the file must be given exactly once."""
        at = 0
        with self._lock:
            while at < len(data):
                block, inside = divmod(offset + at, BLOCK)
                end = min(len(data), at + BLOCK - inside)
                while len(self._counts) <= block:
                    self._counts.append(0)
                    self._known.append(0)
                self._counts[block] += data.count(b"\n", at, end)
                self._known[block] = 1
                at = end

    def lines_before(self, offset: int, fd: int) -> int | None:
        """How many newlines stand before byte ``offset``, or None while not everything before it has been counted.

        Reads at most one block of ``fd``. Raises OSError where that fails.
        """
        block, inside = divmod(offset, BLOCK)
        with self._lock:
            before = self._sum(block)
        if before is None or not inside:
            return before
        return before + os.pread(fd, inside, block * BLOCK).count(b"\n")

    def offset_of(self, line: int, fd: int) -> int | None:
        """The byte at which ``line`` (from 1) begins, or None if not counted yet or beyond the end.

        Reads at most one block of ``fd``. Raises OSError where that fails.
        """
        if line <= 1:
            return 0
        with self._lock:
            self._sum(len(self._counts))
            block = bisect_right(self._sums, line - 2) - 1
            left = line - 1 - self._sums[block]
        data = os.pread(fd, BLOCK, block * BLOCK)
        at = -1
        for _ in range(left):
            at = data.find(b"\n", at + 1)
            if at < 0:
                return None
        return block * BLOCK + at + 1

    def _sum(self, block: int) -> int | None:
        while len(self._sums) <= block:
            last = len(self._sums) - 1
            # The last block is still growing: its own count may change, so no sum is kept beyond it.
            if last >= len(self._counts) or not self._known[last]:
                return None
            if last == len(self._counts) - 1:
                return self._sums[last] + self._counts[last] if block == last + 1 else None
            self._sums.append(self._sums[last] + self._counts[last])
        return self._sums[block]


def count_lines(
    fd: int, end: int, add: Callable[[int, bytes], None], cancelled: Callable[[], bool]
) -> int | None:
    """Reads bytes 0 to ``end`` of ``fd`` backwards into ``add``; the newlines found; None if stopped or cut short.

    Raises OSError where reading fails. A gigabyte in the page cache takes about half a second.
    """
    total = 0
    while end > 0:
        if cancelled():
            return None
        start = max(0, (end - 1) // _READ * _READ)
        data = os.pread(fd, end - start, start)
        if len(data) < end - start:   # truncated under us: whoever follows the file will say so
            return None
        add(start, data)
        total += data.count(b"\n")
        end = start
    return total
