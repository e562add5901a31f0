"""What a log source is, and how bytes become lines. Opens nothing.

A source reads in a daemon thread of its own and passes whole chunks to a ``Sink``. It keeps nothing but the line
that has no end yet, at most ``LINE_CAP`` bytes of it. What happens to it (missing, rotated, truncated …) it
reports once through the same sink, so that the notice appears in the stream where it happened. A sink that is a
``StoreSink`` is not given a file's lines but the file as a store, and reads them when it needs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from warroom.logs.stores import FileStore, Numbering
from warroom.safety import strip_ansi

LINE_CAP = 64 * 1024  # bytes of one line that are kept; the rest is counted
READ_SIZE = 256 * 1024  # bytes a read: a chunk is decoded and split in about a millisecond
_KEY = b"PRIVATE KEY-----"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive lines, decoded, without their ends and colours, otherwise raw."""

    texts: list[str]
    first: int  # ordinal of the first line within its numbering, from 0
    numbering: Numbering
    grows: bool  # the first line replaces the unfinished one passed on before
    unfinished: bool  # the last line has no end yet
    history: bool  # was there before we looked
    key_block: bool  # speaks of a private key somewhere: has to be masked with memory


class Sink(Protocol):
    """Who takes the lines. Called from the sources' threads; what it does there holds the source up."""

    def lines(self, source: Source, chunk: Chunk) -> None: ...

    def notice(self, source: Source, text: str) -> None: ...


@runtime_checkable
class StoreSink(Sink, Protocol):
    """A sink that reads a file's lines from the file."""

    def grew(self, source: Source, store: FileStore, data: bytes, *, history: bool) -> None:
        """``data`` has been taken into the store, at its end."""

    def behind(self, source: Source, store: FileStore, blocks: list[tuple[int, int, int]], *, done: bool) -> None:
        """Pieces (start, end, lines) that are before those known, newest first; ``done`` when it ends."""

    def lost(self, source: Source, store: FileStore) -> None:
        """The file has been cut off or is gone: only what the store has in memory can still be read."""


class Source(Protocol):
    """Anything that can be read as lines. ``name`` is what it is called on the screen."""

    name: str
    lasting: bool  # what scrolls out of memory readable again (a file), or is gone (a pipe)

    def start(self, sink: Sink) -> None:
        """Begins to read, in a thread of its own; returns at once."""

    def close(self) -> None:
        """Stops reading soon; returns at once; may be called twice."""


class LineCutter:
    """Cuts bytes into lines; an unfinished last one is shown, then completed, never doubled."""

    def __init__(self, numbering: Numbering, first: int = 0) -> None:
        self.numbering = numbering
        self._ordinal = first
        self._rest = b""  # the unfinished line, at most LINE_CAP bytes of it
        self._excess = 0  # bytes of it beyond those
        self._shown = False

    def feed(self, data: bytes, *, history: bool = False) -> Chunk | None:
        """The lines that ``data`` completes or begins; None if there are none."""
        if not data:
            return None
        first, grows = self._ordinal, self._shown
        end = data.rfind(b"\n")
        texts: list[str] = []
        key_block = _KEY in (self._rest + data if self._rest else data)
        if end < 0:
            self._keep(data)
        else:
            whole = data[:end]
            if self._excess:  # the first line is the tail of one that is too long to keep
                stop = data.find(b"\n")
                self._keep(data[:stop])
                texts.append(self._text())
                whole = data[stop + 1 : end] if stop < end else b""
                lines = _decode(whole).split("\n") if stop < end else []
            else:
                lines = _decode(self._rest + whole if self._rest else whole).split("\n")
            texts += [line if len(line) <= LINE_CAP else _clip(line[:LINE_CAP], len(line)) for line in lines]
            self._ordinal += len(texts)
            self._rest, self._excess, self._shown = b"", 0, False
            if end + 1 < len(data):
                self._keep(data[end + 1 :])
        if self._rest:
            texts.append(self._text())
            self._shown = True
        return Chunk(texts, first, self.numbering, grows, bool(self._rest), history, key_block)

    def finish(self) -> None:
        """No more of the unfinished line will come: whatever is fed next begins a new one."""
        if self._rest:
            self._ordinal += 1
        self._rest, self._excess, self._shown = b"", 0, False

    def _keep(self, data: bytes) -> None:
        room = LINE_CAP - len(self._rest)
        self._rest += data[:room]
        self._excess += max(0, len(data) - room)

    def _text(self) -> str:
        text = _decode(self._rest)
        return _clip(text, len(self._rest) + self._excess) if self._excess else text


def _decode(data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    if "\r" in text:
        text = text.replace("\r\n", "\n").removesuffix("\r")
    return strip_ansi(text)


def _clip(text: str, size: int) -> str:
    return f"{text} … ‹a line of {human_bytes(size)}, its beginning shown›"


def human_bytes(size: float) -> str:
    """``1.2 MB``: powers of 1,000."""
    unit = "bytes"
    for larger in ("kB", "MB", "GB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:,.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
