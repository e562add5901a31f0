"""Applies a filter to a stream: the newest lines immediately, the rest in a thread."""

from __future__ import annotations

import threading
import time

from warroom.logs.blocks import Block, BlockIndex
from warroom.logs.rows import before
from warroom.logs.stream import LogStream, SourceLog, call_all

_AT_ONCE_S = 0.02  # a filter works so long before it continues in the background


class FilterRun:
    """Decides which blocks of a stream are shown, and with how many lines. Called with the stream's lock held."""

    def __init__(self, stream: LogStream) -> None:
        self._stream = stream
        stream.refilter = self.refilter

    def refilter(self) -> None:
        self._stream.layout += 1
        self._stream.job += 1
        self._stream.working, self._stream.done = False, 1.0
        for log in self._stream.sources.values():
            log.line_filter = None
        visible = [log for log in self._stream.sources.values() if not log.hidden]
        alone = visible[0] if len(visible) == 1 and visible[0].origin else None
        if (
            not self._stream.filter
            and len(visible) == len(self._stream.sources)
            and self._stream.behind_of is alone
        ):
            self._stream.shown = self._stream.all
        else:
            self._stream.shown = BlockIndex()
            self._pass(self._stream.job, self._stream.shown, alone)
        call_all(self._stream.changed())

    def _pass(self, job: int, shown: BlockIndex, alone: SourceLog | None) -> None:
        """Fills ``shown`` with what passes, newest first: for a moment at once, then in a thread."""
        todo = list(self._stream.all)
        if alone:
            known = {id(block) for block in alone.behind}
            todo = [block for block in todo if not block.runs and id(block) not in known]
        if todo:  # the last one may be growing: whatever comes is added to it
            last = todo.pop()
            shown.append(last, self._stream.passing(last))
        began = time.perf_counter()
        while todo and time.perf_counter() - began < _AT_ONCE_S:
            self._put(shown, todo.pop())
        place = 0
        while not todo and alone and place < len(alone.behind) and time.perf_counter() - began < _AT_ONCE_S:
            self._put(shown, alone.behind[place])
            place += 1
        if todo or (alone and (place < len(alone.behind) or not self._counted_whole(alone))):
            self._stream.working = True
            self._stream.done = 0.0
            threading.Thread(
                target=self._pass_on, args=(job, shown, todo, alone, place), name="log filter", daemon=True
            ).start()

    def _counted_whole(self, log: SourceLog) -> bool:
        return log.counted or log.origin is None or self._stream.closed

    def _put(self, shown: BlockIndex, block: Block) -> None:
        if not block.gone and (lines := self._stream.passing(block)):
            shown.prepend(block, lines)

    def _pass_on(self, job: int, shown: BlockIndex, todo: list[Block], alone: SourceLog | None, place: int) -> None:
        for log in (
            [alone] if alone else list(self._stream.sources.values())
        ):  # whatever a file looked like in other days
            for sample in log.behind[:: max(1, len(log.behind) // 32)]:
                if sample.store:
                    data = sample.store.read(sample.start, 4096)
                    log.shapes.learn(data[: data.rfind(b"\n") + 1])
        reported_at = time.perf_counter()
        total = len(todo) + (len(alone.behind) if alone else 0) or 1
        pause = threading.Event()
        done = 0
        while True:
            with self._stream.lock:
                if self._stream.job != job:
                    return
                block: Block | None = todo.pop() if todo else None
                if block is None and alone:
                    if place < len(alone.behind):
                        block = alone.behind[place]
                        place += 1
                    elif self._counted_whole(alone):
                        alone = None
                if block is None and alone is None:
                    self._stream.working, self._stream.done = False, 1.0
                    waiting = self._stream.changed()
                    break
                line_filter = self._stream.line_filter(block) if block and not block.runs else None
            if block is None:  # it is still being counted
                pause.wait(0.005)
                continue
            if line_filter and block.store:
                lines = line_filter.count(block.store.read(block.start, block.end - block.start), before(block))
            else:
                lines = self._stream.passing(block)
            done += 1
            with self._stream.lock:
                if self._stream.job != job:
                    return
                if lines and not block.gone:
                    shown.prepend(block, lines)
                total = max(total, done, len(alone.behind) if alone else 0)
                self._stream.done = done / total
                waiting = []
                if time.perf_counter() - reported_at > 0.25:
                    reported_at = time.perf_counter()
                    waiting = self._stream.changed()
            call_all(waiting)
        call_all(waiting)
