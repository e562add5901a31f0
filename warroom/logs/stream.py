"""The state of a log stream: its blocks in order, what passes the filter, and the lock that protects both.

``LogView`` is the interface. The modules beside this one each do one thing to the stream: ``filter_run`` applies a
filter, ``history`` merges what was there before by time, ``row_reader`` reads what is shown, ``error_counter``
counts errors. Every method here is called with the lock held, unless noted.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import partial

from warroom.logs.blocks import BLOCK_BYTES, Block, BlockIndex
from warroom.logs.filter import Filter, LineFilter, LineShapes
from warroom.logs.line_shapes import LineShape
from warroom.logs.query import decoded
from warroom.logs.records import ParsedLine
from warroom.logs.rows import BlockLines, MergedLines, Row, Seq, before
from warroom.logs.sources.source import Source
from warroom.logs.statistics import Rates
from warroom.logs.stores import FileStore, MemoryStore, Numbering

_MAX_BLOCKS = 40_000


class SourceLog:
    """What is known of one source."""

    def __init__(self, source: Source, label: str, place: int) -> None:
        self.source = source
        self.label = label
        self.place = place
        self.hidden = False
        self.dropped = 0
        self.shapes = LineShapes()
        self.errors = LineFilter("error", shapes=self.shapes)
        self.line_filter: LineFilter | None = None
        self.stores: dict[Numbering, MemoryStore] = {}
        self.tails: dict[int, Tail] = {}  # by store: where its last line is
        self.origin: FileStore | None = None  # the file whose history was there before we looked
        self.behind: list[Block] = []  # that history, newest first, as far as it has been counted
        self.counted = False  # … which is all of it

    @property
    def shape(self) -> LineShape:
        """How its lines are read."""
        return self.shapes.shape


@dataclass(slots=True)
class Tail:
    """The end of what is known of a store."""

    block: Block
    line: int  # number of the next line
    open: bytes | None = None  # an unfinished last line (of pushed text: as it was pushed)


class LogStream:
    """The blocks of all sources, in memory and on disk, with what passes the filter."""

    def __init__(
        self,
        max_bytes: int,
        clock: Callable[[], float],
        wall: Callable[[], datetime],
        zone: tzinfo,
    ) -> None:
        self.lock = threading.RLock()
        self.max_bytes = max_bytes
        """What is kept of sources that cannot be read again."""
        self.block_bytes = max(64, min(BLOCK_BYTES, max_bytes // 16))
        self.clock = clock
        self.wall = wall
        self.zone = zone
        """The zone of log times without an offset; times are worked out when they are asked for."""
        self.sources: dict[int, SourceLog] = {}  # by id(source)
        self.all = BlockIndex()
        self.shown = self.all  # what passes the filter; the same object where everything does
        self.bytes = 0  # in memory
        self.generation = 0
        self.layout = 0
        self.filter = Filter()
        self.behind_of: SourceLog | None = None  # whose history is part of the stream: that of the only file
        self.windows = 0  # … or of all files, merged into so many windows
        self.merging = 0  # by number, as self.job
        self.rates = Rates(int(clock()))
        self.waiting: list[Callable[[], None]] = []
        self.closed = False
        self.job = 0  # a filter run under way, by number; stops when another is wanted
        self.working = False
        self.done = 1.0
        self.block_lines: OrderedDict[tuple[int, int, int], BlockLines | MergedLines] = OrderedDict()
        self.drawn_rows: dict[tuple[Seq, int], Row] = {}
        self.refilter: Callable[[], None] = lambda: None
        """Apply the filter anew; set by ``FilterRun``."""

    def when(self, shape: LineShape, text: str) -> datetime | None:
        return shape.time(text, now=self.wall(), zone=self.zone)

    def when_parsed(self, shape: LineShape, line: ParsedLine) -> datetime | None:
        return shape.time_of(line, now=self.wall(), zone=self.zone)

    def when_of(self, block: Block, line: bytes) -> datetime | None:
        return self.when(owner(block).shape, decoded(line))

    def changed(self) -> list[Callable[[], None]]:
        self.generation += 1
        waiting, self.waiting = self.waiting, []
        return waiting

    def append(self, block: Block) -> None:
        self.all.append(block, block.lines)
        if self.shown is not self.all:
            self.shown.append(block, self.passing(block))

    def extend(self, block: Block, size: int, lines: int) -> None:
        """The piece has grown; with no lines more, its last line has."""
        whole = block.end
        block.end += size
        block.lines += lines
        if lines:
            self.all.add(block, lines)
        if self.shown is self.all or block.owner.hidden:  # type: ignore[attr-defined]
            return
        line_filter = self.line_filter(block)
        if line_filter is None:
            self.shown.add(block, lines)
        elif lines and block.store and block.end - block.start > 4096:
            data = block.store.read(whole, size)
            self.shown.add(block, line_filter.count(data, before(block, whole)))
        else:
            self.shown.add(block, self.passing(block) - self.shown.lines_of(block))

    def take_back(self, log: SourceLog, tail: Tail) -> None:
        """The unfinished last line of pushed text is not what it seemed."""
        block, store = tail.block, tail.block.store
        assert isinstance(store, MemoryStore) and tail.open is not None
        size = len(tail.open)
        store.cut(store.end - size)
        self.bytes -= size
        block.end -= size
        tail.open = b""

    def trim(self, block: Block, begin: int) -> None:
        """The beginning of a piece is gone."""
        store = block.store
        assert store
        data = store.read(begin, block.end - begin)
        skip = data.find(b"\n") + 1
        lines = data.count(b"\n", skip) + (not data.endswith(b"\n"))
        self.all.add(block, lines - block.lines)
        block.line += block.lines - lines
        block.start, block.lines = begin + skip, lines

    def note(self, log: SourceLog, text: str) -> None:
        block = Block(log, None, 0, 0, 0, 1)
        block.notice = text
        self.append(block)

    def line_filter(self, block: Block) -> LineFilter | None:
        log = owner(block)
        if not self.filter or block.notice:
            return None
        if log.line_filter is None:
            log.line_filter = self.filter.line_filter(log.shapes, partial(self.when, log.shape))
        return log.line_filter

    def passing(self, block: Block) -> int:
        """How many of a piece's lines are shown."""
        if block.runs:
            return sum(map(self.passing, block.runs))
        if owner(block).hidden:
            return 0
        line_filter = self.line_filter(block)
        if line_filter is None or block.store is None:
            return block.lines
        return line_filter.count(block.store.read(block.start, block.end - block.start), before(block))

    def _forget(self) -> None:
        """The oldest piece goes."""
        block = self.all.oldest
        if block is None:
            return
        self.all.pop()
        block.gone = True
        if self.shown is not self.all and self.shown.oldest is block:
            self.shown.pop()
        store = block.store
        if store is None or isinstance(store, FileStore):
            return
        log = owner(block)
        self.bytes -= block.end - block.start
        store.drop(block.end)
        if log.source.lasting:
            return
        first = not log.dropped
        log.dropped += block.lines
        if first:
            self.note(log, "more lines than can be kept: the oldest are dropped from here on")

    def evict(self) -> None:
        while (
            self.bytes > self.max_bytes
            or len(self.all) > _MAX_BLOCKS + len(self.behind_of.behind if self.behind_of else ()) + self.windows
        ) and len(self.all) > 1:
            self._forget()


def owner(block: Block) -> SourceLog:
    """The source a block belongs to."""
    assert isinstance(block.owner, SourceLog)
    return block.owner


def call_all(callbacks: list[Callable[[], None]]) -> None:
    """Call each of them; without the lock."""
    for callback in callbacks:
        callback()
