"""Reads the few rows of a stream that are looked at: decoded, masked, with their times; finds rows again.

Every method may be called from any thread.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime

from warroom.logs.blocks import Block
from warroom.logs.query import Query, decoded
from warroom.logs.records import Record
from warroom.logs.rows import BlockLines, MergedLines, Row, Seq, before, starts
from warroom.logs.sources.source import LINE_CAP, human_bytes
from warroom.logs.stores import Numbering
from warroom.logs.stream import LogStream, owner
from warroom.safety import redact, sanitize

_CUTS = 12  # blocks whose lines are kept in memory
_ROWS = 2_000  # rows that are kept as they were drawn
_COUNTED = 100_000  # masked rows that are remembered as counted


class RowReader:
    """The rows of ``stream``. Without ``masks`` secrets are drawn; what is kept as evidence is always masked."""

    def __init__(self, stream: LogStream, *, masks: bool) -> None:
        self._stream = stream
        self.masks = masks
        self.masked = 0
        """How many secrets were masked in the rows that were looked at."""
        self._counted: set[Seq] = set()

    def rows(self, start: int, stop: int) -> list[Row]:
        """The rows at positions ``start`` to ``stop`` (not itself), as far as there are any."""
        rows: list[Row] = []
        with self._stream.lock:
            at = max(start, self._stream.shown.first)
            stop = min(stop, self._stream.shown.end)
            while at < stop:
                found = self._stream.shown.locate(at)
                if found is None:
                    break
                block, index = found
                cut = self._block_lines(block)
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
            with self._stream.lock:
                if row.seq not in self._counted:
                    if len(self._counted) < _COUNTED:
                        self._counted.add(row.seq)
                    self.masked += safe.count
        return safe.text

    def drawn_text(self, row: Row) -> str:
        """The row's text, safe to draw."""
        return self.safe_text(row) if self.masks or row.notice else sanitize(row.text)

    def record_at(self, position: int) -> Record | None:
        """The line at a position as evidence; None for a notice or where there is nothing."""
        rows = self.rows(position, position + 1)
        return self.record_of(rows[0]) if rows and position >= self._stream.shown.first else None

    def record_of(self, row: Row) -> Record | None:
        """The row as evidence; None for a notice."""
        if row.notice:
            return None
        return Record(row.label, row.line, self.time_of(row), row.own_level, self.safe_text(row))

    def time_of(self, row: Row) -> datetime | None:
        """The time in the row, UTC."""
        if row.when is False:
            row.when = None if row.notice else self._stream.when_parsed(row.log.shape, row.parsed)
        return row.when if isinstance(row.when, datetime) else None

    def position_of(self, seq: Seq) -> int:
        """Where the row with this ``seq`` is now; if it is not shown, where the next one is that came after it."""
        serial, byte = seq
        with self._stream.lock:
            best: int | None = None
            seen = False
            for low, top, block in reversed(self._stream.shown.spans()):
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
                    cut = self._block_lines(block)
                    return min(low + bisect_left(cut.starts, byte - block.start), max(low, top))
                if block.start > byte:
                    best, seen = low, True
                elif seen:
                    break
            return self._stream.shown.end if best is None else best

    def line(self, number: int) -> Seq | None:
        """What the line with this number (from 1) is known by: of the file whose history is shown, or of the first
        source that has it. None if there is none, or it has not been counted yet."""
        with self._stream.lock:
            for log in [self._stream.behind_of] if self._stream.behind_of else [*self._stream.sources.values()]:
                for block in (
                    *reversed(log.behind),
                    *(block for block in self._stream.all if block.owner is log),
                ):
                    if block.store is None or block.store.numbering.before is None:
                        continue
                    index = number - 1 - block.store.numbering.before - block.line
                    if 0 <= index < block.lines:
                        begin = starts(block)
                        return (block.store.serial, block.start + begin[index]) if index < len(begin) else None
            return None

    def moment(self, when: datetime) -> int | None:
        """The position of the first line written at ``when`` or later; None if no line near has a time."""
        with self._stream.lock:
            low, high = self._stream.shown.first, self._stream.shown.end
        last = high
        has_times = False
        while low < high:
            middle = (low + high) // 2
            found, with_time = None, middle
            for row in self.rows(middle, min(high, middle + 200)):
                if (found := self.time_of(row)) is not None:
                    break
                with_time += 1
            if found is None or found >= when:
                high = middle
            else:
                low = with_time + 1
            has_times = has_times or found is not None
        if not has_times:
            return None
        for place, row in enumerate(self.rows(low, low + 200)):  # past what continues the record before
            if self.time_of(row) is not None:
                return low + place
        return min(low, last - 1)

    def _merged_lines(self, window: Block) -> MergedLines:
        cut = self._block_lines(window)
        assert isinstance(cut, MergedLines)
        return cut

    def _block_lines(self, block: Block) -> BlockLines | MergedLines:
        """Where in a piece the lines begin that are shown."""
        key = (block.serial, block.end, self._stream.layout)
        cut = self._stream.block_lines.get(key)
        if cut is None:
            if block.runs:
                shown = [
                    (run, BlockLines(run, self._stream.line_filter(run)))
                    for run in block.runs
                    if not owner(run).hidden
                ]
                cut = MergedLines(shown, self._stream.when_of)
            else:
                cut = BlockLines(block, self._stream.line_filter(block))
            self._stream.block_lines[key] = cut
            while len(self._stream.block_lines) > _CUTS:
                self._stream.block_lines.popitem(last=False)
        else:
            self._stream.block_lines.move_to_end(key)
        return cut

    def _row(self, block: Block, cut: BlockLines | MergedLines, index: int) -> Row:
        if isinstance(cut, MergedLines):
            block, cut, index = cut.run(index)
        log = owner(block)
        if block.store is None:
            row = Row(log, (-block.serial, 0), block.notice, Numbering(None), 0)
            row.notice = True
            return row
        start = cut.starts[index]
        seq = (block.store.serial, block.start + start)
        line, size = cut.line(start)
        key = (seq, size)
        known = self._stream.drawn_rows.get(key)
        if known is None:
            text = decoded(line)
            if size > LINE_CAP:
                text = f"{text} … ‹a line of {human_bytes(size)}, its beginning shown›"
            known = Row(log, seq, text, block.store.numbering, block.line + cut.number(index))
            known.safe = cut.safe(start)
            if len(self._stream.drawn_rows) >= _ROWS:
                self._stream.drawn_rows.clear()
            self._stream.drawn_rows[key] = known
        return known

    def _blank(self, block: Block) -> Row:
        return Row(owner(block.runs[0] if block.runs else block), (0, 0), "", Numbering(None), 0)

    def spans(self) -> list[tuple[int, int, Block]]:
        """The pieces shown, with the positions before and after each, oldest first."""
        with self._stream.lock:
            return self._stream.shown.spans()

    def matching(self, block: Block, query: Query | None) -> int:
        """How many of a piece's lines ``hits`` would find, without finding their rows in a window."""
        if block.runs:
            return sum(self.matching(run, query) for run in block.runs if not owner(run).hidden)
        return len(self.hits(block, query))

    def hits(self, block: Block, query: Query | None) -> list[int]:
        """The lines of a piece, by their number among those shown, that match; without a query those that state an
        error."""
        if block.runs:
            found = [(run, self.hits(run, query)) for run in block.runs if not owner(run).hidden]
            if not any(lines for _, lines in found):
                return []
            with self._stream.lock:
                merged = self._merged_lines(block)
                places = (merged.place(number, line) for number, (_, lines) in enumerate(found) for line in lines)
                return sorted(place for place in places if place is not None)
        if block.store is None:
            return []
        end = block.end
        data = block.store.read(block.start, end - block.start)
        starts = query.starts(data) if query else owner(block).errors.heads(data)
        if not starts:
            return []
        with self._stream.lock:
            line_filter = self._stream.line_filter(block)
        if line_filter:
            shown = {start: place for place, start in enumerate(line_filter.starts(data, before(block)))}
            return [shown[start] for start in starts if start in shown]
        numbers, number, at = [], 0, 0
        for start in starts:
            number += data.count(b"\n", at, start)
            at = start
            numbers.append(number)
        return numbers
