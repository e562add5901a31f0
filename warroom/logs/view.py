"""Several sources as one stream to look at: filtered, counted, masked, bounded; never draws, never opens a file.

Sources feed a ``LogView`` from their threads; a screen asks it for the few lines it shows, and only those are read,
decoded, recognised and masked. A file stays where it is (its last part at once, its beginning as soon as it has
been counted); what comes from a pipe is kept in memory, the oldest goes first, and a notice counts the lines.

Of one file the whole can be looked at, and of several as well: what was there before is merged by its times (the
ends at once, the rest when it has been counted: ``merge_history``), what comes later by arrival. A *position*
counts the lines that pass the filter: it stays valid while lines come (``end`` grows), go and are counted
(``first`` moves), until ``layout`` changes (another filter, a merge); then ``position_of`` finds a row again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo

from warroom.logs.blocks import Block, cut_lines
from warroom.logs.error_counter import ErrorCounter
from warroom.logs.filter import Filter
from warroom.logs.filter_run import FilterRun
from warroom.logs.history import HistoryMerger
from warroom.logs.query import Query
from warroom.logs.records import Level, Record
from warroom.logs.row_reader import RowReader
from warroom.logs.rows import Row, Seq
from warroom.logs.sources.source import Chunk, Source
from warroom.logs.stores import FileStore, MemoryStore, Store
from warroom.logs.stream import LogStream, SourceLog, Tail, call_all
from warroom.safety import redact

MAX_BYTES = 64_000_000  # of sources that cannot be read again


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
    """What the border shows. ``errors``: errors and fatals of each of the last 8 minutes, oldest first.

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
        self._stream = LogStream(max_bytes, clock, wall, zone)
        self._filters = FilterRun(self._stream)
        self._history = HistoryMerger(self._stream)
        self._errors = ErrorCounter(self._stream)
        self._reader = RowReader(self._stream, masks=masks)
        for source in sources:
            self.add(source)

    @property
    def zone(self) -> tzinfo:
        """The zone of log times without an offset; times are worked out when they are asked for."""
        return self._stream.zone

    @zone.setter
    def zone(self, zone: tzinfo) -> None:
        self._stream.zone = zone

    @property
    def max_bytes(self) -> int:
        """What is kept of sources that cannot be read again."""
        return self._stream.max_bytes

    @max_bytes.setter
    def max_bytes(self, size: int) -> None:
        self._stream.max_bytes = size

    @property
    def masks(self) -> bool:
        """Whether secrets are masked in what is drawn."""
        return self._reader.masks

    def add(self, source: Source) -> str:
        """Start to read the source; return its label (its name, made unique if it is taken)."""
        with self._stream.lock:
            taken = {log.label for log in self._stream.sources.values()}
            label, n = source.name, 2
            while label in taken:
                label, n = f"{source.name}·{n}", n + 1
            self._stream.sources[id(source)] = SourceLog(source, redact(label).text, len(self._stream.sources))
        source.start(self)
        return label

    @property
    def sources(self) -> tuple[SourceState, ...]:
        """All sources, in the order added."""
        with self._stream.lock:
            return tuple(SourceState(log.label, log.hidden, log.dropped) for log in self._stream.sources.values())

    def hide(self, label: str, hidden: bool = True) -> None:
        """Leaves the lines of a source out of what is shown, or brings them back; it is read on meanwhile."""
        with self._stream.lock:
            for log in self._stream.sources.values():
                if log.label == label and log.hidden != hidden:
                    log.hidden = hidden
                    self._filters.refilter()

    def close(self) -> None:
        """Stops all sources. What is in memory can still be looked at."""
        with self._stream.lock:
            self._stream.closed = True
            self._stream.job += 1
            logs = list(self._stream.sources.values())
            stores: set[Store] = {block.store for block in self._stream.all if block.store}
            stores |= {log.origin for log in logs if log.origin}
        for log in logs:
            log.source.close()
        for store in stores:
            store.close()

    # -- what sources call

    def lines(self, source: Source, chunk: Chunk) -> None:
        """Takes lines from a source (its ``Sink``); called from that source's thread."""
        data = "\n".join(chunk.texts).encode("utf-8", "surrogatepass")
        self._errors.recognise(source, data if chunk.unfinished else data + b"\n")
        with self._stream.lock:
            log = self._stream.sources.get(id(source))
            if log is None or self._stream.closed:
                return
            store = log.stores.get(chunk.numbering)
            if store is None:
                if len(log.stores) > 3:  # of files rotated long ago
                    del log.stores[next(iter(log.stores))]
                store = log.stores[chunk.numbering] = MemoryStore(chunk.numbering)
            tail = log.tails.get(store.serial)
            if chunk.grows and tail and tail.open is not None:
                if data.startswith(tail.open):
                    data = data[len(tail.open) :]
                else:  # what looked like broken text has become whole
                    self._stream.take_back(log, tail)
            if not chunk.unfinished:
                data += b"\n"
            store.append(data)
            self._stream.bytes += len(data)
            self._took(log, store, data, chunk.history, chunk.first)
            tail = log.tails[store.serial]
            tail.open = chunk.texts[-1].encode("utf-8", "surrogatepass") if chunk.unfinished else None
            self._stream.evict()
            waiting = self._stream.changed()
        call_all(waiting)
        self._errors.study(log, data, chunk.history)

    def notice(self, source: Source, text: str) -> None:
        """Takes a sentence about a source (its ``Sink``): it becomes a row of the stream."""
        with self._stream.lock:
            log = self._stream.sources.get(id(source))
            if log is None or self._stream.closed:
                return
            self._stream.note(log, text)
            waiting = self._stream.changed()
        call_all(waiting)

    def grew(self, source: Source, store: FileStore, data: bytes, *, history: bool) -> None:
        """Takes bytes of a file (its ``StoreSink``): ``data`` is what the store now ends with."""
        self._errors.recognise(source, data)
        with self._stream.lock:
            log = self._stream.sources.get(id(source))
            if log is None or self._stream.closed:
                store.close()
                return
            opened = history and log.origin is None
            if opened:
                log.origin, log.counted = store, not store.start
            self._took(log, store, data, history, 0)
            tail = log.tails[store.serial]
            tail.open = None if data.endswith(b"\n") else b""
            if opened and self._stream.filter:  # wanted before there was anything to go through
                self._filters.refilter()
            if opened and log.counted:
                self._history.remerge()
            self._stream.evict()
            waiting = self._stream.changed()
        call_all(waiting)
        self._errors.study(log, data, history)  # after the lines are on their way to the screen

    def behind(self, source: Source, store: FileStore, blocks: list[tuple[int, int, int]], *, done: bool) -> None:
        """Takes what has been counted of a file before what is shown of it (its ``StoreSink``)."""
        with self._stream.lock:
            log = self._stream.sources.get(id(source))
            if log is None or self._stream.closed or log.origin is not store:
                return
            last = log.behind[-1].line if log.behind else 0
            for start, end, count in blocks:
                last -= count
                log.behind.append(block := Block(log, store, start, end, last, count))
                if self._stream.behind_of is log and not store.frozen:
                    self._stream.all.prepend(block, count)
            log.counted = log.counted or done
            if done:
                self._history.remerge()
            if not done and self._stream.shown is self._stream.all:
                return  # older lines do not matter to a reader of the newest: reported once they are complete
            waiting = self._stream.changed()
        call_all(waiting)
        if done:
            self._errors.count_past(log)

    def lost(self, source: Source, store: FileStore) -> None:
        """Only what the store has in memory can still be read (its ``StoreSink``)."""
        with self._stream.lock:
            log = self._stream.sources.get(id(source))
            if log is None:
                return
            self._stream.block_lines.clear()
            if log.origin is store:
                log.behind.clear()
                log.origin = None
                self._stream.behind_of = None
                self._stream.merging += 1
            if self._stream.windows:
                self._history.unmerge(store)
            while (oldest := self._stream.all.oldest) and oldest.store is store and oldest.end <= store.begin:
                oldest.gone = True
                self._stream.all.pop()
            for block in self._stream.all:
                if block.store is store and block.start < store.begin:
                    self._stream.trim(block, store.begin)
            if self._stream.shown is not self._stream.all:
                self._filters.refilter()
            waiting = self._stream.changed()
        call_all(waiting)

    def _took(self, log: SourceLog, store: Store, data: bytes, history: bool, first: int) -> None:
        """Adds the lines of ``data``, with which the store now ends."""
        tail = log.tails.get(store.serial)
        merging = history and len(self._stream.sources) > 1 and len(self._stream.all) > 0
        if (
            not len(self._stream.all)
            and isinstance(store, FileStore)
            and history
            and len(self._stream.sources) == 1
        ):
            self._stream.behind_of = log
        fresh: list[Block] = []
        byte = store.end - len(data)
        at = 0
        if tail and tail.open is not None:  # the rest of a line that is in the stream already
            at = data.find(b"\n") + 1 or len(data)
            self._stream.extend(tail.block, at, 0)
        skipped = at
        for cut in cut_lines(data[skipped:] if skipped else data, self._stream.block_bytes):
            stop = skipped + cut
            lines = data.count(b"\n", at, stop) + (stop == len(data) and not data.endswith(b"\n"))
            block = tail.block if tail else None
            if (
                tail
                and block
                and not merging
                and block is self._stream.all.newest
                and block.end == byte + at
                and block.end - block.start + stop - at <= self._stream.block_bytes
            ):
                self._stream.extend(block, stop - at, lines)
            else:
                start = store.start if tail is None and isinstance(store, FileStore) else byte + at
                block = Block(log, store, start, byte + stop, tail.line if tail else first, lines)
                if merging:
                    fresh.append(block)
                else:
                    self._stream.append(block)
            if tail is None:
                tail = log.tails[store.serial] = Tail(block, first)
                if len(log.tails) > 8:  # of files rotated long ago
                    del log.tails[next(iter(log.tails))]
            tail.block = block
            tail.line += lines
            at = stop
        if merging:
            self._history.merge_in(fresh)

    # -- what screens call

    def snapshot(self) -> Snapshot:
        """What there is now."""
        stream = self._stream
        with stream.lock:
            shown = stream.shown
            return Snapshot(shown.first, shown.end, stream.generation, stream.layout, stream.working, stream.done)

    def rows(self, start: int, stop: int) -> list[Row]:
        """The rows at positions ``start`` to ``stop`` (not itself), as far as there are any."""
        return self._reader.rows(start, stop)

    def safe_text(self, row: Row) -> str:
        """The row's text, safe to keep. Worked out once; what it masked is counted once."""
        return self._reader.safe_text(row)

    def drawn_text(self, row: Row) -> str:
        """The row's text, safe to draw."""
        return self._reader.drawn_text(row)

    def record_at(self, position: int) -> Record | None:
        """The line at a position as evidence; None for a notice or where there is nothing."""
        return self._reader.record_at(position)

    def record_of(self, row: Row) -> Record | None:
        """The row as evidence; None for a notice."""
        return self._reader.record_of(row)

    def time_of(self, row: Row) -> datetime | None:
        """The time in the row, UTC."""
        return self._reader.time_of(row)

    def position_of(self, seq: Seq) -> int:
        """Where the row with this ``seq`` is now; if it is not shown, where the next one is that came after it."""
        return self._reader.position_of(seq)

    def line(self, number: int) -> Seq | None:
        """What the line with this number (from 1) is known by: of the file whose history is shown, or of the first
        source that has it. None if there is none, or it has not been counted yet."""
        return self._reader.line(number)

    def moment(self, when: datetime) -> int | None:
        """The position of the first line written at ``when`` or later; None if no line near has a time."""
        return self._reader.moment(when)

    def spans(self) -> list[tuple[int, int, Block]]:
        """The pieces shown, with the positions before and after each, oldest first."""
        return self._reader.spans()

    def matching(self, block: Block, query: Query | None) -> int:
        """How many of a piece's lines ``hits`` would find, without finding their rows in a window."""
        return self._reader.matching(block, query)

    def hits(self, block: Block, query: Query | None) -> list[int]:
        """The lines of a piece, by their number among those shown, that match; without a query those that state an
        error."""
        return self._reader.hits(block, query)

    @property
    def filter(self) -> Filter:
        """What is shown."""
        return self._stream.filter

    @property
    def threshold(self) -> Level | None:
        """The least level that is shown; None shows everything."""
        return self._stream.filter.level

    def set_threshold(self, level: Level | None) -> None:
        """Shows only records of at least this level, the lines that continue them (a stack trace), and notices."""
        self.set_filter(replace(self._stream.filter, level=level))

    def set_filter(self, wanted: Filter) -> None:
        """Shows only what passes; the newest at once, the rest as it is found (``Snapshot.working``)."""
        with self._stream.lock:
            if wanted != self._stream.filter:
                self._stream.filter = wanted
                self._filters.refilter()

    def figures(self) -> Figures:
        """The current figures; equal as long as nothing has changed."""
        now = int(self._stream.clock())
        with self._stream.lock:
            return Figures(
                tuple(log.label for log in self._stream.sources.values() if not log.hidden),
                self._stream.rates.lines_per_second(now),
                self._stream.rates.errors_by_minute(now),
                self._stream.filter.level,
                self._reader.masked,
                sum(log.dropped for log in self._stream.sources.values()),
                self._stream.rates.spike(now),
            )

    def when_changed(self, generation: int, callback: Callable[[], None]) -> None:
        """Calls ``callback`` once, as soon as the generation is not ``generation``; perhaps in a source's thread.

        It must return quickly and must not call the view.
        """
        with self._stream.lock:
            if self._stream.generation == generation:
                self._stream.waiting.append(callback)
                return
        callback()
