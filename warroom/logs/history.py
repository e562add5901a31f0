"""Merges what was in several files before they were opened into one history, by the times of its lines."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from heapq import merge

from warroom.logs.blocks import BLOCK_BYTES, Block, BlockIndex, cut_lines
from warroom.logs.merge import merge_history, without
from warroom.logs.stores import FileStore, Store
from warroom.logs.stream import LogStream, SourceLog, call_all, owner

_MERGED = 512 * 1024  # bytes of what is shown already that a file which joins is merged with at once


class HistoryMerger:
    """Puts lines that were there before in among the others. Called with the stream's lock held."""

    def __init__(self, stream: LogStream) -> None:
        self._stream = stream

    def merge_in(self, fresh: list[Block]) -> None:
        """Puts lines that were there before in among the others, by time; those without one stay in place."""
        if self._stream.behind_of:  # of several files the ends are merged now, the rest is merged later
            known = {id(block) for block in self._stream.behind_of.behind}
            while (oldest := self._stream.all.oldest) and id(oldest) in known:
                self._stream.all.pop()
            self._stream.behind_of = None
        near, size = list(self._stream.all), 0
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
        tails = {id(tail.block): tail for log in self._stream.sources.values() for tail in log.tails.values()}
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
        self._stream.all = merged
        self._stream.shown = self._stream.all
        self._stream.refilter()

    def remerge(self) -> None:
        """Has the history of several files merged into one, once all of it is counted; anew when one has joined."""
        logs = [log for log in self._stream.sources.values() if log.origin]
        if len(self._stream.sources) > 1 and any(log.behind for log in logs) and all(log.counted for log in logs):
            self._stream.merging += 1
            threading.Thread(
                target=self._merge_history, args=(self._stream.merging, logs), name="log merge", daemon=True
            ).start()

    def _merge_history(self, job: int, logs: list[SourceLog]) -> None:
        """All there is of the files until now, but for the last line of each where that is still growing."""

        def stale() -> bool:
            return self._stream.merging != job or self._stream.closed

        histories: list[list[Block]] = []
        recent: list[list[Block]] = []
        ends: dict[Store | None, int] = {}
        for log in logs:
            store = log.origin
            if store is None:
                return
            ends[store] = end = last_line(store)
            recent.append(self._recent(log, store, end))
            histories.append([*recent[-1], *log.behind])
        windows = list(merge_history(histories, self._stream.when_of, stale))
        with self._stream.lock:
            if stale():
                return
            for log, blocks in zip(logs, recent, strict=True):
                log.behind[0:0] = blocks
            self._put_in(windows, ends)
            waiting = self._stream.changed()
        call_all(waiting)

    def _recent(self, log: SourceLog, store: FileStore, end: int) -> list[Block]:
        """The pieces of a file from where its counted history ends, newest first."""
        blocks: list[Block] = []
        last = log.behind[0] if log.behind else None
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
                blocks.append(Block(log, store, at + start, at + cut, line, lines))
                start, line = cut, line + lines
            at += len(data)
        blocks.reverse()
        return blocks

    def _put_in(self, windows: list[Block], ends: dict[Store | None, int]) -> None:
        """Puts windows in the place of what is merged into them: all of each store before its end."""
        every = BlockIndex()
        for window in windows:
            every.prepend(window, window.lines)
        for block in self._stream.all:
            end = ends.get(block.store, -1)
            if block.runs or (block.store and block.end <= end):
                continue
            if block.store and block.start < end:
                lines = block.store.read(block.start, end - block.start).count(b"\n")
                rest = Block(block.owner, block.store, end, block.end, block.line + lines, block.lines - lines)
                for tail in owner(block).tails.values():
                    if tail.block is block:
                        tail.block = rest
                block = rest
            every.append(block, block.lines)
        self._stream.all = every
        self._stream.windows = len(windows)
        self._stream.behind_of = None
        self._stream.refilter()

    def unmerge(self, store: FileStore) -> None:
        """Takes out of the windows what can no longer be read of a store."""
        windows = [block for block in self._stream.all if block.runs]
        kept = (
            without(window, lambda run: run.store is store and run.start < store.begin)
            for window in reversed(windows)
        )
        self._put_in([window for window in kept if window], {})

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
                when = self._stream.when_of(block, data[at : min(end, at + 4096)].rstrip(b"\n"))
                if when is not None:
                    latest = max(latest, when.timestamp())
                yield latest, Block(block.owner, store, block.start + at, block.start + end, block.line + line, 1)
                at, line = end, line + 1


def last_line(store: FileStore) -> int:
    """The byte at which the unfinished last line of a store begins, as far as one can see; its end if there is
    none."""
    end = store.end
    data = store.read(max(store.begin, end - BLOCK_BYTES), min(BLOCK_BYTES, end))
    if data.endswith(b"\n"):
        return end
    return end - len(data) + data.rfind(b"\n", 0, max(0, len(data) - 1)) + 1
