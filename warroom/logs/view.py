"""Several sources as one stream to look at: filtered, counted, masked, bounded; never draws, never opens a file.

Sources feed a ``LogView`` from their threads; a screen asks it for the few lines it shows, and only those are read,
decoded, recognised and masked. A file stays where it is (its last part at once, its beginning as soon as it has
been counted); what comes from a pipe is kept in memory, the oldest goes first, and it is said how many lines went.

Of one file the whole can be looked at, and of several as well: what was there before is merged by its times (the
ends at once, the rest when it has been counted: ``merge_history``), what comes later by arrival. A *position*
counts the lines that pass the filter: it stays valid while lines come (``end`` grows), go and are counted
(``first`` moves), until ``layout`` changes (another filter, a merge); then ``position_of`` finds a row again.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from heapq import merge

from warroom.logs.blocks import BLOCK_BYTES, Block, BlockIndex, cut_lines
from warroom.logs.filter import Filter, LineFilter, LineShapes
from warroom.logs.line_shapes import LineShape
from warroom.logs.merge import merge_history, without
from warroom.logs.query import Query, decoded
from warroom.logs.records import Level, Record
from warroom.logs.rows import BlockLines, MergedLines, Row, Seq, before, starts
from warroom.logs.sources.file import LINE_CAP, Chunk, Source, human_bytes
from warroom.logs.statistics import HOUR, Rates
from warroom.logs.stores import FileStore, MemoryStore, Numbering, Store
from warroom.safety import redact, sanitize

MAX_BYTES = 64_000_000  # of sources that cannot be read again
_MAX_PIECES = 40_000
_MERGED = 512 * 1024  # bytes of what is shown already that a file which joins is merged with at once
_AT_ONCE_S = 0.02  # a filter works so long before it goes on in the background
_CUTS = 12  # pieces whose lines are kept in memory
_ROWS = 2_000  # rows that are kept as they were drawn
_COUNTED = 100_000  # masked rows that are remembered as counted
_LOOKED_BACK = 64_000_000  # bytes of history in which errors of the last hour are looked for


class _Feed:
    """What the view knows of one source."""

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
        self.tails: dict[int, _Tail] = {}  # by store: where its last line is
        self.origin: FileStore | None = None  # the file whose history was there before we looked
        self.behind: list[Block] = []  # that history, newest first, as far as it has been counted
        self.counted = False  # … which is all of it

    @property
    def shape(self) -> LineShape:
        """How its lines are read."""
        return self.shapes.shape


@dataclass(slots=True)
class _Tail:
    """The end of what is known of a store."""

    block: Block
    line: int  # number of the next line
    open: bytes | None = None  # an unfinished last line (of pushed text: as it was pushed)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The extent of what can be shown: positions ``first`` to ``end`` (not itself).

    ``working``: a filter or the counting of a file has not reached its end, older lines will turn up;
    ``done`` is how far it is, from 0 to 1.
    """

    first: int
    end: int
    generation: int
    layout: int
    working: bool = False
    done: float = 1.0


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source by its label; ``dropped`` lines went and cannot be read again."""

    label: str
    hidden: bool
    dropped: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What the border says. ``errors``: errors and fatals of each of the last 8 minutes, oldest first.

    ``spike``: how many times as many errors there were in the last minute as in a minute of the hour before; None
    unless it is a spike (``statistics.SPIKE``).
    """

    labels: tuple[str, ...]
    lines_per_second: int
    errors: tuple[int, ...]
    threshold: Level | None
    masked: int
    dropped: int
    spike: float | None = None


class LogView:
    """The stream. Every method may be called from any thread and returns within a few milliseconds.

    ``clock`` gives seconds for the rates, ``wall`` the UTC time history is counted back from; ``zone``
    is that of log times without an offset. Without ``masks`` secrets are drawn as they are, for whoever asked for
    it; what is kept as evidence is masked all the same.
    """

    def __init__(
        self,
        sources: Iterable[Source] = (),
        *,
        max_bytes: int = MAX_BYTES,
        masks: bool = True,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        zone: tzinfo = UTC,
    ) -> None:
        self._lock = threading.RLock()
        self.max_bytes = max_bytes
        """What is kept of sources that cannot be read again."""
        self.masks = masks
        self._block_bytes = max(64, min(BLOCK_BYTES, max_bytes // 16))
        self._clock = clock
        self._wall = wall
        self.zone = zone
        """The zone of log times without an offset; times are worked out when they are asked for."""
        self._feeds: dict[int, _Feed] = {}  # by id(source)
        self._all = BlockIndex()
        self._shown = self._all  # what passes the filter; the same object where everything does
        self._bytes = 0  # in memory
        self._generation = 0
        self._layout = 0
        self._filter = Filter()
        self._behind_of: _Feed | None = None  # whose history is part of the stream: that of the only file
        self._windows = 0  # … or of all files, merged into so many windows
        self._merging = 0  # by number, as self._job
        self._rates = Rates(int(clock()))
        self._masked = 0
        self._counted: set[Seq] = set()
        self._waiting: list[Callable[[], None]] = []
        self._closed = False
        self._job = 0  # a filter pass under way, by number; stops when another is wanted
        self._working = False
        self._done = 1.0
        self._cuts: OrderedDict[tuple[int, int, int], BlockLines | MergedLines] = OrderedDict()
        self._rows: dict[tuple[Seq, int], Row] = {}
        for source in sources:
            self.add(source)

    # -- sources

    def add(self, source: Source) -> str:
        """Starts to read the source; returns the label it is shown by (its name, told apart if it is taken)."""
        with self._lock:
            taken = {feed.label for feed in self._feeds.values()}
            label, n = source.name, 2
            while label in taken:
                label, n = f"{source.name}·{n}", n + 1
            self._feeds[id(source)] = _Feed(source, redact(label).text, len(self._feeds))
        source.start(self)
        return label

    @property
    def sources(self) -> tuple[SourceState, ...]:
        """All sources, in the order added."""
        with self._lock:
            return tuple(SourceState(feed.label, feed.hidden, feed.dropped) for feed in self._feeds.values())

    def hide(self, label: str, hidden: bool = True) -> None:
        """Leaves the lines of a source out of what is shown, or brings them back; it is read on meanwhile."""
        with self._lock:
            for feed in self._feeds.values():
                if feed.label == label and feed.hidden != hidden:
                    feed.hidden = hidden
                    self._refilter()

    def close(self) -> None:
        """Stops all sources. What is in memory can still be looked at."""
        with self._lock:
            self._closed = True
            self._job += 1
            feeds = list(self._feeds.values())
            stores: set[Store] = {block.store for block in self._all if block.store}
            stores |= {feed.origin for feed in feeds if feed.origin}
        for feed in feeds:
            feed.source.close()
        for store in stores:
            store.close()

    # -- what sources call

    def lines(self, source: Source, chunk: Chunk) -> None:
        """Takes lines from a source (its ``Sink``); called from that source's thread."""
        data = "\n".join(chunk.texts).encode("utf-8", "surrogatepass")
        self._recognise(source, data if chunk.unfinished else data + b"\n")
        with self._lock:
            feed = self._feeds.get(id(source))
            if feed is None or self._closed:
                return
            store = feed.stores.get(chunk.numbering)
            if store is None:
                if len(feed.stores) > 3:  # of files rotated long ago
                    del feed.stores[next(iter(feed.stores))]
                store = feed.stores[chunk.numbering] = MemoryStore(chunk.numbering)
            tail = feed.tails.get(store.serial)
            if chunk.grows and tail and tail.open is not None:
                if data.startswith(tail.open):
                    data = data[len(tail.open) :]
                else:  # what looked like broken text has become whole
                    self._take_back(feed, tail)
            if not chunk.unfinished:
                data += b"\n"
            store.append(data)
            self._bytes += len(data)
            self._took(feed, store, data, chunk.history, chunk.first)
            tail = feed.tails[store.serial]
            tail.open = chunk.texts[-1].encode("utf-8", "surrogatepass") if chunk.unfinished else None
            self._evict()
            waiting = self._changed()
        _call(waiting)
        self._study(feed, data, chunk.history)

    def notice(self, source: Source, text: str) -> None:
        """Takes a sentence about a source (its ``Sink``): it becomes a row of the stream."""
        with self._lock:
            feed = self._feeds.get(id(source))
            if feed is None or self._closed:
                return
            self._note(feed, text)
            waiting = self._changed()
        _call(waiting)

    def grew(self, source: Source, store: FileStore, data: bytes, *, history: bool) -> None:
        """Takes bytes of a file (its ``StoreSink``): ``data`` is what the store now ends with."""
        self._recognise(source, data)
        with self._lock:
            feed = self._feeds.get(id(source))
            if feed is None or self._closed:
                store.close()
                return
            opened = history and feed.origin is None
            if opened:
                feed.origin, feed.counted = store, not store.start
            self._took(feed, store, data, history, 0)
            tail = feed.tails[store.serial]
            tail.open = None if data.endswith(b"\n") else b""
            if opened and self._filter:  # wanted before there was anything to go through
                self._refilter()
            if opened and feed.counted:
                self._remerge()
            self._evict()
            waiting = self._changed()
        _call(waiting)
        self._study(feed, data, history)  # after the lines are on their way to the screen

    def behind(self, source: Source, store: FileStore, blocks: list[tuple[int, int, int]], *, done: bool) -> None:
        """Takes what has been counted of a file before what is shown of it (its ``StoreSink``)."""
        with self._lock:
            feed = self._feeds.get(id(source))
            if feed is None or self._closed or feed.origin is not store:
                return
            last = feed.behind[-1].line if feed.behind else 0
            for start, end, count in blocks:
                last -= count
                feed.behind.append(block := Block(feed, store, start, end, last, count))
                if self._behind_of is feed and not store.frozen:
                    self._all.prepend(block, count)
            feed.counted = feed.counted or done
            if done:
                self._remerge()
            if not done and self._shown is self._all:
                return  # older lines are of no interest to who looks at the newest: told once it is all
            waiting = self._changed()
        _call(waiting)
        if done:
            self._count_past(feed)

    def lost(self, source: Source, store: FileStore) -> None:
        """Only what the store has in memory can still be read (its ``StoreSink``)."""
        with self._lock:
            feed = self._feeds.get(id(source))
            if feed is None:
                return
            self._cuts.clear()
            if feed.origin is store:
                feed.behind.clear()
                feed.origin = None
                self._behind_of = None
                self._merging += 1
            if self._windows:
                self._unmerge(store)
            while (oldest := self._all.oldest) and oldest.store is store and oldest.end <= store.begin:
                oldest.gone = True
                self._all.pop()
            for block in self._all:
                if block.store is store and block.start < store.begin:
                    self._trim(block, store.begin)
            if self._shown is not self._all:
                self._refilter()
            waiting = self._changed()
        _call(waiting)

    # -- what screens call

    def snapshot(self) -> Snapshot:
        """What there is now."""
        with self._lock:
            shown = self._shown
            return Snapshot(shown.first, shown.end, self._generation, self._layout, self._working, self._done)

    def rows(self, start: int, stop: int) -> list[Row]:
        """The rows at positions ``start`` to ``stop`` (not itself), as far as there are any."""
        rows: list[Row] = []
        with self._lock:
            at = max(start, self._shown.first)
            stop = min(stop, self._shown.end)
            while at < stop:
                found = self._shown.locate(at)
                if found is None:
                    break
                block, index = found
                cut = self._cut(block)
                ahead = min(stop - at, max(0, len(cut.starts) - index))
                rows += [self._row(block, cut, index + n) for n in range(ahead)]
                if not ahead:  # fewer than were counted: the file has changed under us
                    ahead = 1
                    rows.append(self._blank(block))
                at += ahead
        return rows

    def safe_text(self, row: Row) -> str:
        """The row's text, safe to keep. Worked out once; what it masked is counted once."""
        safe = row.safe
        if safe is None:
            safe = row.safe = redact(row.text)
        if safe.count:
            with self._lock:
                if row.seq not in self._counted:
                    if len(self._counted) < _COUNTED:
                        self._counted.add(row.seq)
                    self._masked += safe.count
        return safe.text

    def drawn_text(self, row: Row) -> str:
        """The row's text, safe to draw."""
        return self.safe_text(row) if self.masks or row.notice else sanitize(row.text)

    def record_at(self, position: int) -> Record | None:
        """The line at a position as evidence; None for a notice or where there is nothing."""
        rows = self.rows(position, position + 1)
        return self.record_of(rows[0]) if rows and position >= self._shown.first else None

    def record_of(self, row: Row) -> Record | None:
        """The row as evidence; None for a notice."""
        if row.notice:
            return None
        return Record(row.label, row.line, self.time_of(row), row.own_level, self.safe_text(row))

    def time_of(self, row: Row) -> datetime | None:
        """When the row says it was written, UTC."""
        if row.when is False:
            row.when = None if row.notice else self._when(row.feed.shape, row.text)
        return row.when if isinstance(row.when, datetime) else None

    def position_of(self, seq: Seq) -> int:
        """Where the row with this ``seq`` is now; if it is not shown, where the next one is that came after it."""
        serial, byte = seq
        with self._lock:
            best: int | None = None
            seen = False
            for low, top, block in reversed(self._shown.spans()):
                if block.runs:
                    run = next((s for s in block.runs if s.store and s.store.serial == serial), None)
                    if run and run.start <= byte < run.end:
                        place = self._merged_lines(block).find(serial, byte)
                        return min(low + place, max(low, top)) if place is not None else top
                    if run and run.start > byte:
                        best, seen = low, True
                    continue
                if block.store is None:
                    if -block.serial == serial:
                        return low
                    continue
                if block.store.serial != serial:
                    continue
                if block.start <= byte < block.end:
                    cut = self._cut(block)
                    return min(low + bisect_left(cut.starts, byte - block.start), max(low, top))
                if block.start > byte:
                    best, seen = low, True
                elif seen:
                    break
            return self._shown.end if best is None else best

    def line(self, number: int) -> Seq | None:
        """What the line with this number (from 1) is known by: of the file whose history is shown, or of the first
        source that has it. None if there is none, or it has not been counted yet."""
        with self._lock:
            for feed in [self._behind_of] if self._behind_of else [*self._feeds.values()]:
                for block in (*reversed(feed.behind), *(block for block in self._all if block.owner is feed)):
                    if block.store is None or block.store.numbering.before is None:
                        continue
                    index = number - 1 - block.store.numbering.before - block.line
                    if 0 <= index < block.lines:
                        begin = starts(block)
                        return (block.store.serial, block.start + begin[index]) if index < len(begin) else None
            return None

    def moment(self, when: datetime) -> int | None:
        """The position of the first line written at ``when`` or later; None if no line near says when it was."""
        now = self.snapshot()
        low, high = now.first, now.end
        told = False
        while low < high:
            middle = (low + high) // 2
            found, told_at = None, middle
            for row in self.rows(middle, min(high, middle + 200)):
                if (found := self.time_of(row)) is not None:
                    break
                told_at += 1
            if found is None or found >= when:
                high = middle
            else:
                low = told_at + 1
            told = told or found is not None
        if not told:
            return None
        for place, row in enumerate(self.rows(low, low + 200)):  # past what continues the record before
            if self.time_of(row) is not None:
                return low + place
        return min(low, now.end - 1)

    @property
    def filter(self) -> Filter:
        """What is shown."""
        return self._filter

    @property
    def threshold(self) -> Level | None:
        """The least level that is shown; None shows everything."""
        return self._filter.level

    def set_threshold(self, level: Level | None) -> None:
        """Shows only records of at least this level, the lines that continue them (a stack trace), and notices."""
        self.set_filter(replace(self._filter, level=level))

    def set_filter(self, wanted: Filter) -> None:
        """Shows only what passes; the newest at once, the rest as it is found (``Snapshot.working``)."""
        with self._lock:
            if wanted != self._filter:
                self._filter = wanted
                self._refilter()

    def figures(self) -> Figures:
        """The figures of the moment; equal as long as there is nothing new to say."""
        now = int(self._clock())
        with self._lock:
            return Figures(
                tuple(feed.label for feed in self._feeds.values() if not feed.hidden),
                self._rates.lines_per_second(now),
                self._rates.errors_by_minute(now),
                self._filter.level,
                self._masked,
                sum(feed.dropped for feed in self._feeds.values()),
                self._rates.spike(now),
            )

    def when_changed(self, generation: int, callback: Callable[[], None]) -> None:
        """Calls ``callback`` once, as soon as the generation is not ``generation``; perhaps in a source's thread.

        It must return quickly and must not call the view.
        """
        with self._lock:
            if self._generation == generation:
                self._waiting.append(callback)
                return
        callback()

    # -- what a search calls, from its own thread

    def spans(self) -> list[tuple[int, int, Block]]:
        """The pieces shown, with the positions before and after each, oldest first."""
        with self._lock:
            return self._shown.spans()

    def matching(self, block: Block, query: Query | None) -> int:
        """How many of a piece's lines ``hits`` would find, without finding out where they stand in a window."""
        if block.runs:
            return sum(self.matching(run, query) for run in block.runs if not _owner(run).hidden)
        return len(self.hits(block, query))

    def hits(self, block: Block, query: Query | None) -> list[int]:
        """The lines of a piece, by their number among those shown, that match; without a query those that state an
        error."""
        if block.runs:
            found = [(run, self.hits(run, query)) for run in block.runs if not _owner(run).hidden]
            if not any(lines for _, lines in found):
                return []
            with self._lock:
                merged = self._merged_lines(block)
                places = (merged.place(number, line) for number, (_, lines) in enumerate(found) for line in lines)
                return sorted(place for place in places if place is not None)
        if block.store is None:
            return []
        end = block.end
        data = block.store.read(block.start, end - block.start)
        starts = query.starts(data) if query else _owner(block).errors.heads(data)
        if not starts:
            return []
        with self._lock:
            line_filter = self._line_filter(block)
        if line_filter:
            shown = {start: place for place, start in enumerate(line_filter.starts(data, before(block)))}
            return [shown[start] for start in starts if start in shown]
        numbers, number, at = [], 0, 0
        for start in starts:
            number += data.count(b"\n", at, start)
            at = start
            numbers.append(number)
        return numbers

    # -- inside; all with the lock held

    def _when(self, shape: LineShape, text: str) -> datetime | None:
        return shape.time(text, now=self._wall(), zone=self.zone)

    def _when_of(self, block: Block, line: bytes) -> datetime | None:
        return self._when(_owner(block).shape, decoded(line))

    def _changed(self) -> list[Callable[[], None]]:
        self._generation += 1
        waiting, self._waiting = self._waiting, []
        return waiting

    def _took(self, feed: _Feed, store: Store, data: bytes, history: bool, first: int) -> None:
        """Adds the lines of ``data``, with which the store now ends."""
        tail = feed.tails.get(store.serial)
        merging = history and len(self._feeds) > 1 and len(self._all) > 0
        if not len(self._all) and isinstance(store, FileStore) and history and len(self._feeds) == 1:
            self._behind_of = feed
        fresh: list[Block] = []
        byte = store.end - len(data)
        at = 0
        if tail and tail.open is not None:  # the rest of a line that is in the stream already
            at = data.find(b"\n") + 1 or len(data)
            self._extend(tail.block, at, 0)
        skipped = at
        for cut in cut_lines(data[skipped:] if skipped else data, self._block_bytes):
            stop = skipped + cut
            lines = data.count(b"\n", at, stop) + (stop == len(data) and not data.endswith(b"\n"))
            block = tail.block if tail else None
            if (
                tail
                and block
                and not merging
                and block is self._all.newest
                and block.end == byte + at
                and block.end - block.start + stop - at <= self._block_bytes
            ):
                self._extend(block, stop - at, lines)
            else:
                start = store.start if tail is None and isinstance(store, FileStore) else byte + at
                block = Block(feed, store, start, byte + stop, tail.line if tail else first, lines)
                if merging:
                    fresh.append(block)
                else:
                    self._append(block)
            if tail is None:
                tail = feed.tails[store.serial] = _Tail(block, first)
                if len(feed.tails) > 8:  # of files rotated long ago
                    del feed.tails[next(iter(feed.tails))]
            tail.block = block
            tail.line += lines
            at = stop
        if merging:
            self._merge(fresh)

    def _append(self, block: Block) -> None:
        self._all.append(block, block.lines)
        if self._shown is not self._all:
            self._shown.append(block, self._passing(block))

    def _extend(self, block: Block, size: int, lines: int) -> None:
        """The piece has grown; with no lines more, its last line has."""
        whole = block.end
        block.end += size
        block.lines += lines
        if lines:
            self._all.add(block, lines)
        if self._shown is self._all or block.owner.hidden:  # type: ignore[attr-defined]
            return
        line_filter = self._line_filter(block)
        if line_filter is None:
            self._shown.add(block, lines)
        elif lines and block.store and block.end - block.start > 4096:
            data = block.store.read(whole, size)
            self._shown.add(block, line_filter.count(data, before(block, whole)))
        else:
            self._shown.add(block, self._passing(block) - self._shown.lines_of(block))

    def _take_back(self, feed: _Feed, tail: _Tail) -> None:
        """The unfinished last line of pushed text is not what it seemed."""
        block, store = tail.block, tail.block.store
        assert isinstance(store, MemoryStore) and tail.open is not None
        size = len(tail.open)
        store.cut(store.end - size)
        self._bytes -= size
        block.end -= size
        tail.open = b""

    def _trim(self, block: Block, begin: int) -> None:
        """The beginning of a piece is gone."""
        store = block.store
        assert store
        data = store.read(begin, block.end - begin)
        skip = data.find(b"\n") + 1
        lines = data.count(b"\n", skip) + (not data.endswith(b"\n"))
        self._all.add(block, lines - block.lines)
        block.line += block.lines - lines
        block.start, block.lines = begin + skip, lines

    def _note(self, feed: _Feed, text: str) -> None:
        block = Block(feed, None, 0, 0, 0, 1)
        block.notice = text
        self._append(block)

    # -- figures

    def _recognise(self, source: Source, data: bytes) -> None:
        """Learns from a source's first lines how they are written, before they are shown; in its thread."""
        feed = self._feeds.get(id(source))
        if feed is None or not feed.shapes.recognise(data, self._wall(), self.zone):
            return
        with self._lock:
            feed.errors = LineFilter("error", shapes=feed.shapes)
            if feed.tails:  # some of its lines are shown already, and may state other levels now
                self._rows.clear()
                self._cuts.clear()
                self._refilter()

    def _study(self, feed: _Feed, data: bytes, history: bool) -> None:
        """Learns from new lines and counts them; in their source's thread, without the lock."""
        if feed.shapes.lines < 50 or (feed.shapes.lines < 800 and not history):
            feed.shapes.learn(data)
        if history:  # what happened before we looked counts when it happened
            times = self._error_times(feed, data)
            with self._lock:
                for at in times:
                    self._rates.count(at, 0, 1)
            return
        errors = len(feed.errors.heads(data))
        with self._lock:
            self._rates.count(int(self._clock()), data.count(b"\n"), errors)

    def _error_times(self, feed: _Feed, data: bytes) -> list[int]:
        """When errors of the last hour happened, in seconds of the clock of the rates."""
        wall, now = self._wall(), int(self._clock())
        times = []
        for start in feed.errors.heads(data)[-1000:]:
            end = data.find(b"\n", start)
            text = decoded(data[start : end if 0 <= end < start + 4096 else start + 4096])
            when = self._when(feed.shape, text)
            if when and 0 <= (age := int((wall - when).total_seconds())) < 60 * (HOUR + 2):
                times.append(now - age)
        return times

    def _count_past(self, feed: _Feed) -> None:
        """Errors of the last hour in what was there before; called once, in the thread that counted it."""
        wall = self._wall()
        looked = 0
        for block in list(feed.behind):
            store = block.store
            if store is None or looked > _LOOKED_BACK or self._closed:
                break
            data = store.read(block.start, block.end - block.start)
            looked += len(data)
            when = self._when(feed.shape, decoded(data[:4096].split(b"\n", 1)[0]))
            if when and wall - when > timedelta(minutes=HOUR + 2):
                break
            times = self._error_times(feed, data)
            with self._lock:
                for at in times:
                    self._rates.count(at, 0, 1)
                if when:
                    self._rates.known_since = min(
                        self._rates.known_since, int(self._clock() - (wall - when).total_seconds())
                    )

    # -- filters

    def _line_filter(self, block: Block) -> LineFilter | None:
        feed = _owner(block)
        if not self._filter or block.notice:
            return None
        if feed.line_filter is None:
            feed.line_filter = self._filter.line_filter(feed.shapes, partial(self._when, feed.shape))
        return feed.line_filter

    def _passing(self, block: Block) -> int:
        """How many of a piece's lines are shown."""
        if block.runs:
            return sum(map(self._passing, block.runs))
        if _owner(block).hidden:
            return 0
        line_filter = self._line_filter(block)
        if line_filter is None or block.store is None:
            return block.lines
        return line_filter.count(block.store.read(block.start, block.end - block.start), before(block))

    def _refilter(self) -> None:
        self._layout += 1
        self._job += 1
        self._working, self._done = False, 1.0
        for feed in self._feeds.values():
            feed.line_filter = None
        visible = [feed for feed in self._feeds.values() if not feed.hidden]
        alone = visible[0] if len(visible) == 1 and visible[0].origin else None
        if not self._filter and len(visible) == len(self._feeds) and self._behind_of is alone:
            self._shown = self._all
        else:
            self._shown = BlockIndex()
            self._pass(self._job, self._shown, alone)
        _call(self._changed())

    def _pass(self, job: int, shown: BlockIndex, alone: _Feed | None) -> None:
        """Fills ``shown`` with what passes, newest first: for a moment at once, then in a thread."""
        todo = list(self._all)
        if alone:
            known = {id(block) for block in alone.behind}
            todo = [block for block in todo if not block.runs and id(block) not in known]
        if todo:  # the last one may be growing: whatever comes is added to it
            last = todo.pop()
            shown.append(last, self._passing(last))
        began = time.perf_counter()
        while todo and time.perf_counter() - began < _AT_ONCE_S:
            self._put(shown, todo.pop())
        place = 0
        while not todo and alone and place < len(alone.behind) and time.perf_counter() - began < _AT_ONCE_S:
            self._put(shown, alone.behind[place])
            place += 1
        if todo or (alone and (place < len(alone.behind) or not self._counted_whole(alone))):
            self._working = True
            self._done = 0.0
            threading.Thread(
                target=self._pass_on, args=(job, shown, todo, alone, place), name="log filter", daemon=True
            ).start()

    def _counted_whole(self, feed: _Feed) -> bool:
        return feed.counted or feed.origin is None or self._closed

    def _put(self, shown: BlockIndex, block: Block) -> None:
        if not block.gone and (lines := self._passing(block)):
            shown.prepend(block, lines)

    def _pass_on(self, job: int, shown: BlockIndex, todo: list[Block], alone: _Feed | None, place: int) -> None:
        for feed in [alone] if alone else list(self._feeds.values()):  # whatever a file looked like in other days
            for sample in feed.behind[:: max(1, len(feed.behind) // 32)]:
                if sample.store:
                    data = sample.store.read(sample.start, 4096)
                    feed.shapes.learn(data[: data.rfind(b"\n") + 1])
        told = time.perf_counter()
        total = len(todo) + (len(alone.behind) if alone else 0) or 1
        pause = threading.Event()
        done = 0
        while True:
            with self._lock:
                if self._job != job:
                    return
                block: Block | None = todo.pop() if todo else None
                if block is None and alone:
                    if place < len(alone.behind):
                        block = alone.behind[place]
                        place += 1
                    elif self._counted_whole(alone):
                        alone = None
                if block is None and alone is None:
                    self._working, self._done = False, 1.0
                    waiting = self._changed()
                    break
                line_filter = self._line_filter(block) if block and not block.runs else None
            if block is None:  # it is still being counted
                pause.wait(0.005)
                continue
            if line_filter and block.store:
                lines = line_filter.count(block.store.read(block.start, block.end - block.start), before(block))
            else:
                lines = self._passing(block)
            done += 1
            with self._lock:
                if self._job != job:
                    return
                if lines and not block.gone:
                    shown.prepend(block, lines)
                total = max(total, done, len(alone.behind) if alone else 0)
                self._done = done / total
                waiting = []
                if time.perf_counter() - told > 0.25:
                    told = time.perf_counter()
                    waiting = self._changed()
            _call(waiting)
        _call(waiting)

    def _merge(self, fresh: list[Block]) -> None:
        """Puts lines that were there before in among the others, by time; those without one stay in place."""
        if self._behind_of:  # of several files the ends are merged now, the rest is merged later
            known = {id(block) for block in self._behind_of.behind}
            while (oldest := self._all.oldest) and id(oldest) in known:
                self._all.pop()
            self._behind_of = None
        near, size = list(self._all), 0
        far = 0
        for place in range(len(near) - 1, -1, -1):
            size += near[place].end - near[place].start
            if size > _MERGED or near[place].runs:
                far = place + 1
                break
        keyed = merge(self._keyed(near[far:]), self._keyed(fresh), key=lambda pair: pair[0])
        merged = BlockIndex()
        for block in near[:far]:
            merged.append(block, block.lines)
        last: Block | None = None
        tails = {id(tail.block): tail for feed in self._feeds.values() for tail in feed.tails.values()}
        for _, line in keyed:
            if last and line.store is last.store and line.store and line.start == last.end:
                last.end, last.lines = line.end, last.lines + line.lines
                merged.add(last, line.lines)
            else:
                merged.append(line, line.lines)
                last = line
        by_store = {block.store.serial: block for block in merged if block.store}  # the last one of each
        for tail in tails.values():
            if tail.block.store and tail.block.store.serial in by_store:
                tail.block = by_store[tail.block.store.serial]
        self._all = merged
        self._shown = self._all
        self._refilter()

    # -- merging histories

    def _remerge(self) -> None:
        """Has the history of several files merged into one, once all of it is counted; anew when one has joined."""
        feeds = [feed for feed in self._feeds.values() if feed.origin]
        if len(self._feeds) > 1 and any(feed.behind for feed in feeds) and all(feed.counted for feed in feeds):
            self._merging += 1
            threading.Thread(
                target=self._merge_history, args=(self._merging, feeds), name="log merge", daemon=True
            ).start()

    def _merge_history(self, job: int, feeds: list[_Feed]) -> None:
        """All there is of the files until now, but for the last line of each where that is still growing."""

        def stale() -> bool:
            return self._merging != job or self._closed

        histories: list[list[Block]] = []
        recent: list[list[Block]] = []
        ends: dict[Store | None, int] = {}
        for feed in feeds:
            store = feed.origin
            if store is None:
                return
            ends[store] = end = _last_line(store)
            recent.append(self._recent(feed, store, end))
            histories.append([*recent[-1], *feed.behind])
        windows = list(merge_history(histories, self._when_of, stale))
        with self._lock:
            if stale():
                return
            for feed, blocks in zip(feeds, recent, strict=True):
                feed.behind[0:0] = blocks
            self._put_in(windows, ends)
            waiting = self._changed()
        _call(waiting)

    def _recent(self, feed: _Feed, store: FileStore, end: int) -> list[Block]:
        """The pieces of a file from where its counted history ends, newest first."""
        blocks: list[Block] = []
        last = feed.behind[0] if feed.behind else None
        at, line = (last.end, last.line + last.lines) if last else (store.start, 0)
        while at < end:
            data = store.read(at, min(8 * BLOCK_BYTES, end - at))
            if at + len(data) < end:
                data = data[: data.rfind(b"\n") + 1]
            if not data:  # an endless line, or the file is gone: it stays where it is
                break
            start = 0
            for cut in cut_lines(data):
                lines = data.count(b"\n", start, cut)
                blocks.append(Block(feed, store, at + start, at + cut, line, lines))
                start, line = cut, line + lines
            at += len(data)
        blocks.reverse()
        return blocks

    def _put_in(self, windows: list[Block], ends: dict[Store | None, int]) -> None:
        """Puts windows in the place of what is merged into them: all of each store before its end."""
        every = BlockIndex()
        for window in windows:
            every.prepend(window, window.lines)
        for block in self._all:
            end = ends.get(block.store, -1)
            if block.runs or (block.store and block.end <= end):
                continue
            if block.store and block.start < end:
                lines = block.store.read(block.start, end - block.start).count(b"\n")
                rest = Block(block.owner, block.store, end, block.end, block.line + lines, block.lines - lines)
                for tail in _owner(block).tails.values():
                    if tail.block is block:
                        tail.block = rest
                block = rest
            every.append(block, block.lines)
        self._all = every
        self._windows = len(windows)
        self._behind_of = None
        self._refilter()

    def _unmerge(self, store: FileStore) -> None:
        """Takes out of the windows what can no longer be read of a store."""
        windows = [block for block in self._all if block.runs]
        kept = (
            without(window, lambda run: run.store is store and run.start < store.begin)
            for window in reversed(windows)
        )
        self._put_in([window for window in kept if window], {})

    def _merged_lines(self, window: Block) -> MergedLines:
        cut = self._cut(window)
        assert isinstance(cut, MergedLines)
        return cut

    def _keyed(self, blocks: list[Block]) -> Iterator[tuple[float, Block]]:
        """Each line as a piece of its own, with a time that never goes back: its own, or that of the one before."""
        latest = 0.0
        for block in blocks:
            store = block.store
            if store is None:
                yield latest, block
                continue
            data = store.read(block.start, block.end - block.start)
            at = line = 0
            while at < len(data):
                end = data.find(b"\n", at) + 1 or len(data)
                when = self._when_of(block, data[at : min(end, at + 4096)].rstrip(b"\n"))
                if when is not None:
                    latest = max(latest, when.timestamp())
                yield latest, Block(block.owner, store, block.start + at, block.start + end, block.line + line, 1)
                at, line = end, line + 1

    # -- rows

    def _cut(self, block: Block) -> BlockLines | MergedLines:
        """Where in a piece the lines begin that are shown."""
        key = (block.serial, block.end, self._layout)
        cut = self._cuts.get(key)
        if cut is None:
            if block.runs:
                shown = [
                    (run, BlockLines(run, self._line_filter(run))) for run in block.runs if not _owner(run).hidden
                ]
                cut = MergedLines(shown, self._when_of)
            else:
                cut = BlockLines(block, self._line_filter(block))
            self._cuts[key] = cut
            while len(self._cuts) > _CUTS:
                self._cuts.popitem(last=False)
        else:
            self._cuts.move_to_end(key)
        return cut

    def _row(self, block: Block, cut: BlockLines | MergedLines, index: int) -> Row:
        if isinstance(cut, MergedLines):
            block, cut, index = cut.run(index)
        feed = _owner(block)
        if block.store is None:
            row = Row(feed, (-block.serial, 0), block.notice, Numbering(None), 0)
            row.notice = True
            return row
        start = cut.starts[index]
        seq = (block.store.serial, block.start + start)
        line, size = cut.line(start)
        key = (seq, size)
        known = self._rows.get(key)
        if known is None:
            text = decoded(line)
            if size > LINE_CAP:
                text = f"{text} … ‹a line of {human_bytes(size)}, its beginning shown›"
            known = Row(feed, seq, text, block.store.numbering, block.line + cut.number(index))
            known.safe = cut.safe(start)
            if len(self._rows) >= _ROWS:
                self._rows.clear()
            self._rows[key] = known
        return known

    def _blank(self, block: Block) -> Row:
        return Row(_owner(block.runs[0] if block.runs else block), (0, 0), "", Numbering(None), 0)

    # -- letting go

    def _forget(self) -> None:
        """The oldest piece goes."""
        block = self._all.oldest
        if block is None:
            return
        self._all.pop()
        block.gone = True
        if self._shown is not self._all and self._shown.oldest is block:
            self._shown.pop()
        store = block.store
        if store is None or isinstance(store, FileStore):
            return
        feed = _owner(block)
        self._bytes -= block.end - block.start
        store.drop(block.end)
        if feed.source.lasting:
            return
        first = not feed.dropped
        feed.dropped += block.lines
        if first:
            self._note(feed, "more lines than can be kept: the oldest are dropped from here on")

    def _evict(self) -> None:
        while (
            self._bytes > self.max_bytes
            or len(self._all) > _MAX_PIECES + len(self._behind_of.behind if self._behind_of else ()) + self._windows
        ) and len(self._all) > 1:
            self._forget()


def _owner(block: Block) -> _Feed:
    assert isinstance(block.owner, _Feed)
    return block.owner


def _last_line(store: FileStore) -> int:
    """The byte at which the unfinished last line of a store begins, as far as one can see; its end if there is
    none."""
    end = store.end
    data = store.read(max(store.begin, end - BLOCK_BYTES), min(BLOCK_BYTES, end))
    if data.endswith(b"\n"):
        return end
    return end - len(data) + data.rfind(b"\n", 0, max(0, len(data) - 1)) + 1


def _call(callbacks: list[Callable[[], None]]) -> None:
    for callback in callbacks:
        callback()
