"""Single lines, cut out of the piece that contains them. Keeps no piece and reads no more than one."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from heapq import merge
from typing import Protocol

from warroom.logs.blocks import BLOCK_BYTES, Block
from warroom.logs.filter import LOOK_BACK, LineFilter
from warroom.logs.line_shapes import LineShape
from warroom.logs.query import decoded
from warroom.logs.records import Level, ParsedLine
from warroom.logs.sources.source import LINE_CAP
from warroom.logs.stores import Numbering
from warroom.safety import Redacted, Redactor

_KEY = b"PRIVATE KEY-----"

Seq = tuple[int, int]
"""What a row is known by, whatever the filter: its store and its first byte there."""


When = Callable[[Block, bytes], datetime | None]
"""Says when a line of a piece was written."""


class Origin(Protocol):
    """Where a row comes from: a source, by the name it is shown by and its place among the others, from 0."""

    label: str
    place: int

    @property
    def shape(self) -> LineShape:
        """How its lines are read."""


class Row:
    """One line as it is looked at. ``seq`` is its identity; ``text`` is raw."""

    __slots__ = ("_parsed", "drawn", "log", "notice", "numbering", "ordinal", "safe", "seq", "text", "when")

    def __init__(self, log: Origin, seq: Seq, text: str, numbering: Numbering, ordinal: int) -> None:
        self.log = log
        self.seq = seq
        self.text = text
        self.numbering = numbering
        self.ordinal = ordinal
        self.notice = False  # written by warroom about a source, not by the source
        self.safe: Redacted | None = None  # once drawn
        self.drawn: str | None = None  # as a pane shows it, once shown
        self.when: datetime | bool | None = False  # False until asked for
        self._parsed: ParsedLine | None = None

    @property
    def label(self) -> str:
        """The name of its source, as shown."""
        return self.log.label

    @property
    def parsed(self) -> ParsedLine:
        """Its level and its time as it is written. Read once, by what was known of the source's lines then."""
        if self._parsed is None:
            self._parsed = self.log.shape.read(self.text)
        return self._parsed

    @property
    def own_level(self) -> Level | None:
        """The level the line itself states."""
        return None if self.notice else self.parsed.level

    @property
    def line(self) -> int | None:
        """Its number, from 1; None while the lines are not counted."""
        before = self.numbering.before
        return None if before is None or self.notice else before + self.ordinal + 1


class BlockLines:
    """The lines of a piece that are shown, in the order of the piece."""

    def __init__(self, block: Block, line_filter: LineFilter | None) -> None:
        self._block_bytes = block
        self._data = b""
        self._numbers: list[int] = []
        self._safe: dict[int, Redacted] = {}
        self.starts: list[int] = [0]
        store = block.store
        if store is None:
            return
        size = block.end - block.start
        if size > 4 * BLOCK_BYTES:  # a line too long to be taken whole
            self._data = store.read(block.start, LINE_CAP)
            return
        data = self._data = store.read(block.start, size)
        if line_filter:
            self.starts = line_filter.starts(data, before(block))
            number = at = 0
            for start in self.starts:
                number += data.count(b"\n", at, start)
                at = start
                self._numbers.append(number)
        else:
            self.starts = _line_starts(data)
        ahead = store.read(max(block.start - LOOK_BACK, store.begin), min(LOOK_BACK, block.start - store.begin))
        if _KEY in data or _KEY in ahead:
            self._mask(ahead, data)

    def line(self, start: int) -> tuple[bytes, int]:
        """The line that begins there, as far as it is kept, and its size."""
        if self._block_bytes.end - self._block_bytes.start > 4 * BLOCK_BYTES:
            return self._data, self._block_bytes.end - self._block_bytes.start - 1
        end = self._data.find(b"\n", start)
        end = end if end >= 0 else len(self._data)
        return self._data[start : min(end, start + LINE_CAP)], end - start

    def number(self, index: int) -> int:
        """How many lines of the piece are before the one that is shown at this index."""
        return self._numbers[index] if self._numbers else index

    def safe(self, start: int) -> Redacted | None:
        """The line masked, if that takes knowing the lines before it: within a private key."""
        return self._safe.get(start)

    def _mask(self, ahead: bytes, data: bytes) -> None:
        first = ahead.find(b"\n") + 1
        lines = (ahead[first:] + data).split(b"\n")
        inside = False
        for line in lines:
            if _KEY in line:
                inside = b"-----END" in line and b"-----BEGIN" not in line
                break
        masker = Redactor(inside=inside)
        at = first - len(ahead)
        for line in lines:
            if masker.inside or _KEY in line:
                safe = masker.line(decoded(line[:LINE_CAP]))
                if at >= 0:
                    self._safe[at] = safe
            at += len(line) + 1


class MergedLines:
    """The lines of a window of several files that are shown, by their times.

    Those of each run stay in their order, one without a time with the one before it.
    """

    def __init__(self, cuts: Sequence[tuple[Block, BlockLines]], when: When) -> None:
        self._cuts = cuts
        self._when = when
        runs = (self._timed(number, block, cut) for number, (block, cut) in enumerate(cuts))
        self.starts = [(number, index) for _, number, index in merge(*runs, key=lambda line: line[0])]
        self._places: dict[tuple[int, int], int] | None = None

    def run(self, index: int) -> tuple[Block, BlockLines, int]:
        """The piece that contains the line at this index, its cut, and the line's index there."""
        number, place = self.starts[index]
        return *self._cuts[number], place

    def place(self, number: int, index: int) -> int | None:
        """The index of a line of a run in all; None if another filter hides it by now."""
        if self._places is None:
            self._places = {line: place for place, line in enumerate(self.starts)}
        return self._places.get((number, index))

    def find(self, serial: int, byte: int) -> int | None:
        """The index of the line that begins at this byte of a store, or of the next shown one of its file."""
        for number, (block, cut) in enumerate(self._cuts):
            if block.store and block.store.serial == serial and block.start <= byte < block.end:
                index = bisect_left(cut.starts, byte - block.start)
                return self.place(number, index)
        return None

    def _timed(self, number: int, block: Block, cut: BlockLines) -> Iterator[tuple[float, int, int]]:
        latest = 0.0
        for index, start in enumerate(cut.starts):
            line, _ = cut.line(start)
            if (when := self._when(block, line[:4096])) is not None:
                latest = max(latest, when.timestamp())
            yield latest, number, index


def _line_starts(data: bytes) -> list[int]:
    starts = [0]
    at = 0
    for line in data.split(b"\n"):
        at += len(line) + 1
        starts.append(at)
    while starts and starts[-1] >= len(data):
        starts.pop()
    return starts or [0]


def starts(block: Block) -> list[int]:
    """Where the lines of a piece begin."""
    if block.store is None or block.end - block.start > 4 * BLOCK_BYTES:
        return [0]
    return _line_starts(block.store.read(block.start, block.end - block.start))


def before(block: Block, at: int | None = None) -> Callable[[], bytes]:
    """The bytes before a byte of a piece's store, whole lines if they are not too long."""
    store, byte = block.store, block.start if at is None else at

    def read() -> bytes:
        if store is None:
            return b""
        start = max(byte - LOOK_BACK, store.begin)
        data = store.read(start, byte - start)
        return data if start == 0 else data[data.find(b"\n") + 1 :]

    return read
