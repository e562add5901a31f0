"""Where the bytes of a log are: in its file, or in memory if they cannot be read again. Knows no lines.

A store only grows at its end. A file is its own store: what was read last is kept as well, so that a file that is
cut off or rotated away still shows what stood on the screen.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from itertools import count
from threading import Lock

RECENT = 512 * 1024  # bytes of a file's end that are kept in memory
_serials = count(1)


class Numbering:
    """How many lines are before the first one a source delivered; None while they are not counted."""

    __slots__ = ("before",)

    def __init__(self, before: int | None) -> None:
        self.before = before


class ByteBuffer:
    """Bytes in memory, appended at the end and let go from the beginning. Safe to use from several threads."""

    def __init__(self, begin: int = 0) -> None:
        self._lock = Lock()
        self._chunks: list[bytes] = []
        self._starts: list[int] = []
        self.begin = begin  # bytes before this one are gone
        self.end = begin

    def append(self, data: bytes) -> None:
        """Adds bytes at the end."""
        if data:
            with self._lock:
                self._starts.append(self.end)
                self._chunks.append(data)
                self.end += len(data)

    def skip(self, size: int) -> None:
        """Begins so many bytes later; nothing has been added yet."""
        self.begin = self.end = self.end + size

    def cut(self, end: int) -> None:
        """Takes the bytes from ``end`` on away again."""
        with self._lock:
            while self._starts and self._starts[-1] >= end:
                self._starts.pop()
                self._chunks.pop()
            if self._chunks:
                self._chunks[-1] = self._chunks[-1][: end - self._starts[-1]]
            self.end = max(end, self.begin)

    def drop(self, before: int) -> None:
        """Drop chunks that are wholly before this byte."""
        with self._lock:
            gone = 0
            while gone < len(self._chunks) and self._starts[gone] + len(self._chunks[gone]) <= before:
                gone += 1
            if gone:
                del self._chunks[:gone], self._starts[:gone]
                self.begin = self._starts[0] if self._starts else self.end

    def read(self, offset: int, size: int) -> bytes:
        """The bytes from ``offset`` on, at most ``size``; without those that are gone."""
        with self._lock:
            offset, stop = max(offset, self.begin), min(offset + size, self.end)
            if offset >= stop:
                return b""
            at = bisect_right(self._starts, offset) - 1
            start = self._starts[at]
            data = self._chunks[at]
            if start + len(data) >= stop:
                return data[offset - start : stop - start]
            parts = [data[offset - start :]]
            while start + len(data) < stop:
                start += len(data)
                at += 1
                data = self._chunks[at]
                parts.append(data)
            return b"".join(parts)[: stop - offset]


class MemoryStore:
    """A log that cannot be read again. Whoever fills it lets the oldest go with ``drop``."""

    lasting = False

    def __init__(self, numbering: Numbering) -> None:
        self.serial = next(_serials)
        self.numbering = numbering
        self._tape = ByteBuffer()
        self.append, self.cut, self.drop, self.read = (
            self._tape.append,
            self._tape.cut,
            self._tape.drop,
            self._tape.read,
        )

    @property
    def begin(self) -> int:
        """The first byte that can be read."""
        return self._tape.begin

    @property
    def end(self) -> int:
        """One after the last byte."""
        return self._tape.end

    def close(self) -> None:
        """Nothing to give back."""


class FileStore:
    """The bytes of an open file from its beginning to ``end``, which whoever follows it moves on with ``take``.

    ``fd`` is duplicated. What was taken last (``RECENT`` bytes) is read from memory, the rest from the file.
    """

    lasting = True

    def __init__(self, fd: int, start: int, numbering: Numbering) -> None:
        self.serial = next(_serials)
        self.numbering = numbering
        self.start = start  # the byte at which following began
        self.frozen = False
        self._fd = os.dup(fd)
        self._recent = ByteBuffer(start)
        self._closing = Lock()

    @property
    def begin(self) -> int:
        """The first byte that can be read."""
        return self._recent.begin if self.frozen else 0

    @property
    def end(self) -> int:
        """One after the last byte that was taken."""
        return self._recent.end

    def take(self, data: bytes) -> None:
        """The bytes that follow ``end`` in the file."""
        self._recent.append(data)
        self._recent.drop(self._recent.end - RECENT)

    def skip(self, size: int) -> None:
        """So many bytes that follow are in the file, but not taken: nothing has been yet."""
        self._recent.skip(size)

    def read(self, offset: int, size: int) -> bytes:
        """The bytes from ``offset`` on, at most ``size``; what cannot be read is left out."""
        if self.frozen or offset >= self._recent.begin:
            return self._recent.read(offset, size)
        try:
            return os.pread(self._fd, size, offset)
        except OSError:
            return b""

    def freeze(self) -> None:
        """From now on only what is in memory: the file has been cut off, or holds its room on the disk for us."""
        with self._closing:
            if self._fd >= 0 and not self.frozen:
                self.frozen = True
                # The number stays in use until no thread can be reading, so that it never means another file.
                nowhere = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
                os.dup2(nowhere, self._fd, inheritable=False)
                os.close(nowhere)

    def close(self) -> None:
        """Gives the file back; what is in memory can still be read."""
        self.freeze()

    def __del__(self) -> None:
        fd, self._fd = getattr(self, "_fd", -1), -1
        if fd >= 0:
            os.close(fd)


Store = MemoryStore | FileStore
