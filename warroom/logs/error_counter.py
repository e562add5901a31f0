"""Counts lines and errors of a stream by the second, and learns how each source writes its lines."""

from __future__ import annotations

from datetime import timedelta

from warroom.logs.filter import LineFilter
from warroom.logs.query import decoded
from warroom.logs.sources.source import Source
from warroom.logs.statistics import HOUR
from warroom.logs.stream import LogStream, SourceLog

_LOOKED_BACK = 64_000_000  # bytes of history in which errors of the last hour are looked for


class ErrorCounter:
    """Counts errors in what the sources deliver, in their threads, without the stream's lock unless noted."""

    def __init__(self, stream: LogStream) -> None:
        self._stream = stream

    def recognise(self, source: Source, data: bytes) -> None:
        """Learns from a source's first lines how they are written, before they are shown; in its thread."""
        log = self._stream.sources.get(id(source))
        if log is None or not log.shapes.recognise(data, self._stream.wall(), self._stream.zone):
            return
        with self._stream.lock:
            log.errors = LineFilter("error", shapes=log.shapes)
            if log.tails:  # some of its lines are shown already, and may state other levels now
                self._stream.drawn_rows.clear()
                self._stream.block_lines.clear()
                self._stream.refilter()

    def study(self, log: SourceLog, data: bytes, history: bool) -> None:
        """Learns from new lines and counts them; in their source's thread, without the lock."""
        if log.shapes.lines < 50 or (log.shapes.lines < 800 and not history):
            log.shapes.learn(data)
        if history:  # what happened before we looked counts when it happened
            times = self._error_times(log, data)
            with self._stream.lock:
                for at in times:
                    self._stream.rates.count(at, 0, 1)
            return
        errors = len(log.errors.heads(data))
        with self._stream.lock:
            self._stream.rates.count(int(self._stream.clock()), data.count(b"\n"), errors)

    def _error_times(self, log: SourceLog, data: bytes) -> list[int]:
        """When errors of the last hour happened, in seconds of the clock of the rates."""
        wall, now = self._stream.wall(), int(self._stream.clock())
        times = []
        for start in log.errors.heads(data)[-1000:]:
            end = data.find(b"\n", start)
            text = decoded(data[start : end if 0 <= end < start + 4096 else start + 4096])
            when = self._stream.when(log.shape, text)
            if when and 0 <= (age := int((wall - when).total_seconds())) < 60 * (HOUR + 2):
                times.append(now - age)
        return times

    def count_past(self, log: SourceLog) -> None:
        """Errors of the last hour in what was there before; called once, in the thread that counted it."""
        wall = self._stream.wall()
        looked = 0
        for block in list(log.behind):
            store = block.store
            if store is None or looked > _LOOKED_BACK or self._stream.closed:
                break
            data = store.read(block.start, block.end - block.start)
            looked += len(data)
            when = self._stream.when(log.shape, decoded(data[:4096].split(b"\n", 1)[0]))
            if when and wall - when > timedelta(minutes=HOUR + 2):
                break
            times = self._error_times(log, data)
            with self._stream.lock:
                for at in times:
                    self._stream.rates.count(at, 0, 1)
                if when:
                    self._stream.rates.known_since = min(
                        self._stream.rates.known_since, int(self._stream.clock() - (wall - when).total_seconds())
                    )
