"""Several sources as one stream to look at: filtered, counted, masked, bounded; never draws, never reads.

Sources feed a ``LogView`` from their threads; a screen asks it for the few lines it shows. Lines that were there
before are merged by their times, what comes later by arrival. Memory is bounded in lines and in characters: the
oldest go first, and of a source that cannot be read again it is said how many went.

A *position* counts the lines that pass the filter: it stays valid while lines come and go (``first`` grows when old
ones go), until ``layout`` changes (another filter, a merge); then ``position_of`` finds a row again.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from heapq import merge

from warroom.logs.records import Level, Record, level_of, rank, time_of
from warroom.logs.source import Chunk, Numbering, Source
from warroom.redact import Redacted, Redactor, redact

MAX_ROWS = 50_000
MAX_CHARS = 32_000_000
_MINUTES = 8           # minutes of errors that are kept
_WINDOW = 5            # seconds over which lines per second are averaged


class Row:
    """One line as the view keeps it. ``seq`` is its identity; ``level`` may be that of the line it continues."""

    __slots__ = ("feed", "level", "notice", "numbering", "ordinal", "own_level", "safe", "seq", "shown", "text",
                 "when")

    def __init__(self, seq: int, feed: _Feed, text: str, numbering: Numbering, ordinal: int) -> None:
        self.seq = seq
        self.feed = feed
        self.text = text
        self.numbering = numbering
        self.ordinal = ordinal
        self.level: Level | None = None       # what the filter goes by
        self.own_level: Level | None = None   # what the line itself states
        self.notice = False                   # said by warroom about a source, not by the source
        self.shown = True
        self.safe: Redacted | None = None     # once drawn
        self.when: datetime | bool | None = False   # False until asked for

    @property
    def label(self) -> str:
        """The name of its source, as shown."""
        return self.feed.label


class _Feed:
    """What the view knows of one source."""

    def __init__(self, source: Source, label: str) -> None:
        self.source = source
        self.label = label
        self.hidden = False
        self.dropped = 0
        self.open: dict[Numbering, Row] = {}   # lines without an end: of the file, and of the one rotated away
        self.level: Level | None = None   # of the last line that stated one
        self.redactor: Redactor | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The extent of what can be shown: positions ``first`` to ``end`` (not itself)."""

    first: int
    end: int
    generation: int
    layout: int


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source by its label; ``dropped`` lines went and cannot be read again."""

    label: str
    hidden: bool
    dropped: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What the border says. ``errors``: errors and fatals of each of the last 8 minutes, oldest first."""

    labels: tuple[str, ...]
    lines_per_second: int
    errors: tuple[int, ...]
    threshold: Level | None
    masked: int
    dropped: int


class _Rates:
    """Lines and errors by second, for the last minutes; seconds of any clock that does not go back."""

    def __init__(self) -> None:
        self._lines: dict[int, int] = {}
        self._errors: dict[int, int] = {}

    def count(self, second: int, lines: int, errors: int) -> None:
        if lines:
            self._lines[second] = self._lines.get(second, 0) + lines
        if errors:
            self._errors[second] = self._errors.get(second, 0) + errors
        for counts, keep in ((self._lines, 2 * _WINDOW), (self._errors, 60 * _MINUTES)):
            if len(counts) > 2 * keep:
                newest = max(counts)
                for old in [at for at in counts if at < newest - keep]:
                    del counts[old]

    def lines_per_second(self, now: int) -> int:
        return round(sum(self._lines.get(now - ago, 0) for ago in range(1, _WINDOW + 1)) / _WINDOW)

    def errors_by_minute(self, now: int) -> tuple[int, ...]:
        minutes = [0] * _MINUTES
        for second, errors in self._errors.items():
            ago = (now - second) // 60
            if 0 <= ago < _MINUTES:
                minutes[_MINUTES - 1 - ago] += errors
        return tuple(minutes)


# How a line begins that states no level and yet is no continuation of the one before.
_NEW_LINE = re.compile(r"[\d\[<{(]|[A-Z][a-z]{2} [ \d]\d \d\d:")


class LogView:
    """The stream. Every method may be called from any thread and returns within a few milliseconds.

    ``clock`` gives seconds for the rates, ``wall`` the UTC time history is counted back from; ``zone``
    is that of log times without an offset.
    """

    def __init__(
        self,
        sources: Iterable[Source] = (),
        *,
        max_rows: int = MAX_ROWS,
        max_chars: int = MAX_CHARS,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        zone: tzinfo = UTC,
    ) -> None:
        self._lock = threading.RLock()
        self._max_rows = max_rows
        self._max_chars = max_chars
        self._clock = clock
        self._wall = wall
        self._zone = zone
        self._feeds: dict[int, _Feed] = {}        # by id(source)
        self._rows: list[Row] = []
        self._shown: list[Row] = []               # those that pass the filter, in the same order
        self._chars = 0
        self._first = 0                           # position of _shown[0]
        self._seq = 0
        self._generation = 0
        self._layout = 0
        self._threshold: Level | None = None
        self._rates = _Rates()
        self._masked = 0
        self._waiting: list[Callable[[], None]] = []
        self._closed = False
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
            self._feeds[id(source)] = _Feed(source, redact(label).text)
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
        """Stops all sources. What was read can still be looked at."""
        with self._lock:
            self._closed = True
            feeds = list(self._feeds.values())
        for feed in feeds:
            feed.source.close()

    # -- what sources call

    def lines(self, source: Source, chunk: Chunk) -> None:
        """Takes lines from a source (its ``Sink``); called from that source's thread."""
        levels = [level_of(text) for text in chunk.texts]   # the costly part, outside the lock
        with self._lock:
            feed = self._feeds.get(id(source))
            if feed is None or self._closed:
                return
            rows = self._rows_of(feed, chunk, levels)
            self._count(chunk, rows, levels)
            if chunk.history and len(self._feeds) > 1 and self._rows:
                self._merge(rows)
            else:
                self._append(rows)
            self._evict()
            waiting = self._changed()
        _call(waiting)

    def notice(self, source: Source, text: str) -> None:
        """Takes a sentence about a source (its ``Sink``): it becomes a row of the stream."""
        with self._lock:
            feed = self._feeds.get(id(source))
            if feed is None or self._closed:
                return
            self._append([self._notice(feed, text)])
            waiting = self._changed()
        _call(waiting)

    # -- what screens call

    def snapshot(self) -> Snapshot:
        """What there is now."""
        with self._lock:
            return Snapshot(self._first, self._first + len(self._shown), self._generation, self._layout)

    def rows(self, start: int, stop: int) -> list[Row]:
        """The rows at positions ``start`` to ``stop`` (not itself), as far as there are any."""
        with self._lock:
            low = max(0, start - self._first)
            return self._shown[low:max(low, stop - self._first)]

    def texts(self, start: int, stop: int) -> list[str]:
        """As ``rows``, but the raw text, for searching only: it has not been made safe."""
        return [row.text for row in self.rows(start, stop)]

    def safe_text(self, row: Row) -> str:
        """The row's text, safe to draw and to keep. Worked out once; what it masked is counted once."""
        safe = row.safe
        if safe is None:
            safe = redact(row.text)
            with self._lock:
                if row.safe is None:
                    row.safe = safe
                    self._masked += safe.count
        return safe.text

    def record_at(self, position: int) -> Record | None:
        """The line at a position as evidence; None for a notice or where there is nothing."""
        rows = self.rows(position, position + 1)
        return self.record_of(rows[0]) if rows and position >= self._first else None

    def record_of(self, row: Row) -> Record | None:
        """The row as evidence; None for a notice."""
        if row.notice:
            return None
        before = row.numbering.before
        line = None if before is None else before + row.ordinal + 1
        return Record(row.label, line, self._time(row), row.own_level, self.safe_text(row))

    def position_of(self, seq: int) -> int:
        """Where the row with this ``seq`` is now; if it is not shown, where the next one is that came after it."""
        with self._lock:
            best = self._first + len(self._shown)
            best_seq: int | None = None
            for place, row in enumerate(self._shown, self._first):
                if row.seq == seq:
                    return place
                if row.seq > seq and (best_seq is None or row.seq < best_seq):
                    best, best_seq = place, row.seq
            return best

    @property
    def threshold(self) -> Level | None:
        """The least level that is shown; None shows everything."""
        return self._threshold

    def set_threshold(self, level: Level | None) -> None:
        """Shows only lines of at least this level, the lines that continue them (a stack trace), and notices."""
        with self._lock:
            if level != self._threshold:
                self._threshold = level
                self._refilter()

    def figures(self) -> Figures:
        """The figures of the moment; equal as long as there is nothing new to say."""
        now = int(self._clock())
        with self._lock:
            return Figures(
                tuple(feed.label for feed in self._feeds.values() if not feed.hidden),
                self._rates.lines_per_second(now),
                self._rates.errors_by_minute(now),
                self._threshold,
                self._masked,
                sum(feed.dropped for feed in self._feeds.values()),
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

    # -- inside; all with the lock held

    def _changed(self) -> list[Callable[[], None]]:
        self._generation += 1
        waiting, self._waiting = self._waiting, []
        return waiting

    def _notice(self, feed: _Feed, text: str) -> Row:
        row = Row(self._seq, feed, text, Numbering(None), 0)
        self._seq += 1
        row.notice = True
        return row

    def _rows_of(self, feed: _Feed, chunk: Chunk, levels: list[Level | None]) -> list[Row]:
        """New rows for a chunk; the row of an unfinished line is brought up to date in its place."""
        masker = feed.redactor
        if masker is None and chunk.key_block:
            masker = feed.redactor = Redactor(inside=chunk.history and _begins_inside_key(chunk.texts))
        rows: list[Row] = []
        last_at = len(chunk.texts) - 1
        seq, ordinal, numbering, before = self._seq, chunk.first, chunk.numbering, feed.level
        grown = feed.open.pop(numbering, None)
        for at, text in enumerate(chunk.texts):
            if grown is not None and at == 0 and chunk.grows:
                row = grown
                self._chars += len(text) - len(row.text)
                row.text, row.safe, row.when = text, None, False
            else:
                row = Row(seq, feed, text, numbering, ordinal)
                seq += 1
                rows.append(row)
            ordinal += 1
            level = row.own_level = levels[at]
            if level is None and before is not None and not _NEW_LINE.match(text):
                level = before
            row.level = level
            if not (chunk.unfinished and at == last_at):
                before = level
                if masker is not None:   # lines of a key block are masked in order, with memory
                    row.safe = masker.line(text)
                    self._masked += row.safe.count
            elif masker is not None and masker.inside:
                row.safe = Redactor(inside=True).line(text)
        if masker is not None and not masker.inside:
            feed.redactor = None
        if grown is not None and grown.shown != self._passes(grown):
            self._refilter()
        self._seq, feed.level = seq, before
        if chunk.unfinished and (last := rows[-1] if rows else grown):
            if len(feed.open) > 3:
                feed.open.clear()
            feed.open[numbering] = last
        return rows

    def _count(self, chunk: Chunk, rows: list[Row], levels: list[Level | None]) -> None:
        lines = len(levels) - (1 if chunk.unfinished else 0)
        now = int(self._clock())
        if not chunk.history:
            bad = levels[:lines]
            self._rates.count(now, lines, bad.count("error") + bad.count("fatal"))
            return
        wall = self._wall()
        for row in rows:   # what happened before we looked counts when it happened
            if row.own_level in ("error", "fatal") and (when := self._time(row)):
                age = int((wall - when).total_seconds())
                if 0 <= age < 60 * _MINUTES:
                    self._rates.count(now - age, 0, 1)

    def _passes(self, row: Row) -> bool:
        if row.feed.hidden:
            return False
        return self._threshold is None or row.notice or rank(row.level) >= rank(self._threshold)

    def _append(self, rows: list[Row]) -> None:
        self._rows += rows
        self._chars += sum(len(row.text) for row in rows)
        if self._threshold is None and not any(feed.hidden for feed in self._feeds.values()):
            self._shown += rows
            return
        for row in rows:
            row.shown = self._passes(row)
        self._shown += [row for row in rows if row.shown]

    def _refilter(self) -> None:
        for row in self._rows:
            row.shown = self._passes(row)
        self._first = 0
        self._shown = [row for row in self._rows if row.shown]
        self._layout += 1
        _call(self._changed())

    def _merge(self, rows: list[Row]) -> None:
        """Puts lines that were there before in among the others, by time; those without one stay in place."""
        old = self._rows
        keyed = merge(self._keyed(old), self._keyed(rows), key=lambda pair: pair[0])
        self._rows = [row for _, row in keyed]
        self._chars += sum(len(row.text) for row in rows)
        self._refilter()

    def _keyed(self, rows: list[Row]) -> list[tuple[float, Row]]:
        """Each row with a time that never goes back: its own, or that of the row before."""
        keyed: list[tuple[float, Row]] = []
        latest = 0.0
        for row in rows:
            when = None if row.notice else self._time(row)
            if when is not None:
                latest = max(latest, when.timestamp())
            keyed.append((latest, row))
        return keyed

    def _time(self, row: Row) -> datetime | None:
        if row.when is False:
            row.when = time_of(row.text, now=self._wall(), zone=self._zone)
        return row.when if isinstance(row.when, datetime) else None

    def _evict(self) -> None:
        """Lets the oldest go, a fifth at a time, so that each line pays for it once."""
        if len(self._rows) <= self._max_rows and self._chars <= self._max_chars:
            return
        keep_rows, keep_chars = self._max_rows * 4 // 5, self._max_chars * 4 // 5
        gone = chars = 0
        while gone < len(self._rows) - 1 and (
                len(self._rows) - gone > keep_rows or self._chars - chars > keep_chars):
            chars += len(self._rows[gone].text)
            gone += 1
        leaving = self._rows[:gone]
        del self._rows[:gone]
        self._chars -= chars
        shown = sum(row.shown for row in leaving)
        del self._shown[:shown]
        self._first += shown
        for row in leaving:
            feed = row.feed
            if row.notice or feed.source.lasting:
                continue
            feed.dropped += 1
            if feed.dropped == 1:
                self._append([self._notice(
                    feed, "more than can be kept: from here on the oldest of its lines are dropped")])


def _begins_inside_key(texts: list[str]) -> bool:
    """Whether the first line is the middle of a private key: its END comes before any BEGIN."""
    for text in texts:
        if "PRIVATE KEY-----" in text:
            return "-----END" in text and "-----BEGIN" not in text
    return False


def _call(callbacks: list[Callable[[], None]]) -> None:
    for callback in callbacks:
        callback()
