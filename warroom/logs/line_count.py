"""Counts the lines of interest in logs: errors, or what matches a pattern. Shows nothing and keeps no line.

A log is counted from its end backwards as far as its source gives it at once; then by the arrival of its lines.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

from warroom.logs.filter import LineFilter, LineShapes
from warroom.logs.query import decoded
from warroom.logs.sources.discovery import GlobWatcher
from warroom.logs.sources.source import Chunk, Source
from warroom.safety.patterns import Pattern

CATCHING_UP = timedelta(seconds=5)
"""How long after its start what a command prints may be older than it is: it begins with its last lines."""

KEPT = timedelta(hours=3)
"""For how long a count is kept."""

_LONG = 4096  # bytes of a line that are read for its time


class _Log:
    """What is known of one source."""

    def __init__(self, begun: datetime) -> None:
        self.begun = begun
        self.shapes = LineShapes()
        self.errors = LineFilter("error", shapes=self.shapes)
        self.known_since = begun
        self.read = False  # whether a line has been read
        self.notice = ""  # what the source has said since its last line
        self.unfinished = ""


class LineCount:
    """A ``Sink`` that counts. ``match`` (RE2) says what; "" means errors. Safe to use from any thread.

    ``wall`` is the time (UTC), ``zone`` that of log times without an offset. Raises ``BadPattern``.
    """

    def __init__(
        self,
        match: str = "",
        *,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        zone: tzinfo = UTC,
    ) -> None:
        self._pattern = Pattern(match) if match else None
        self._wall = wall
        self._zone = zone
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._logs: dict[Source, _Log] = {}
        self._counts: Counter[int] = Counter()  # by second since 1970

    def add(self, source: Source) -> None:
        """Begin to read a source."""
        with self._lock:
            self._logs[source] = _Log(self._wall())
        source.start(self)

    def close(self) -> None:
        """Stop reading."""
        with self._lock:
            sources = list(self._logs)
        for source in sources:
            source.close()

    def now(self) -> datetime:
        """The time it counts by (UTC)."""
        return self._wall()

    def since(self, at: datetime) -> int:
        """How many lines there were after ``at``, at most ``KEPT`` ago."""
        begin = int(at.timestamp())
        with self._lock:
            return sum(count for second, count in self._counts.items() if second > begin)

    @property
    def known_since(self) -> datetime:
        """From when on every log is known (UTC)."""
        with self._lock:
            return max((log.known_since for log in self._readable().values()), default=self._wall())

    @property
    def problem(self) -> str:
        """Why silence proves nothing: what a log cannot be read for; "" while all can be."""
        with self._lock:
            for source, log in self._readable().items():
                if log.notice or not log.read:
                    return f"{source.name}: {log.notice or 'nothing has been read yet'}"
            return ""

    def wait_started(self, within_s: float) -> None:
        """Wait until every source has given a line or a notice, at most so long."""
        with self._changed:
            self._changed.wait_for(
                lambda: all(log.read or log.notice for log in self._readable().values()), within_s
            )

    def _readable(self) -> dict[Source, _Log]:
        """Those that have lines: a pattern or folder has none itself once it has files."""
        files = {source: log for source, log in self._logs.items() if not isinstance(source, GlobWatcher)}
        return files or self._logs

    # -- what sources call

    def lines(self, source: Source, chunk: Chunk) -> None:
        """Take lines (``Sink``)."""
        with self._lock:
            log = self._logs[source]
            texts = list(chunk.texts)
            if log.unfinished and not chunk.grows:
                texts.insert(0, log.unfinished)
            log.unfinished = texts.pop() if chunk.unfinished and texts else ""
            log.read, log.notice = True, ""
            if texts:
                self._count(log, "\n".join(texts).encode("utf-8", "surrogatepass") + b"\n", history=chunk.history)
            self._changed.notify_all()

    def notice(self, source: Source, text: str) -> None:
        """Take a sentence about a source (``Sink``)."""
        with self._lock:
            self._logs[source].notice = text
            self._changed.notify_all()

    def _count(self, log: _Log, data: bytes, *, history: bool) -> None:
        now = self._wall()
        log.shapes.recognise(data, now, self._zone)
        log.shapes.learn(data)
        old = history or now - log.begun < CATCHING_UP
        if old and (first := self._time(log, data, 0, now)):
            log.known_since = min(log.known_since, first)
        for start in self._starts(log, data):
            at = self._time(log, data, start, now) if old else now
            if at is None and not history:
                at = now
            if at is not None and now - at <= KEPT:
                self._counts[int(min(at, now).timestamp())] += 1
        oldest = int((now - KEPT).timestamp())
        for second in [one for one in self._counts if one < oldest]:
            del self._counts[second]

    def _starts(self, log: _Log, data: bytes) -> list[int]:
        if self._pattern is None:
            return log.errors.heads(data)
        starts, at = [], 0
        while found := self._pattern.search(data, at):
            starts.append(data.rfind(b"\n", 0, found[0]) + 1)
            at = data.find(b"\n", found[1]) + 1
            if not at or at >= len(data):
                break
        return starts

    def _time(self, log: _Log, data: bytes, start: int, now: datetime) -> datetime | None:
        end = data.find(b"\n", start)
        return log.shapes.shape.time(decoded(data[start:end][:_LONG]), now=now, zone=self._zone)
