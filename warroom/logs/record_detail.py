"""One record in full: all its lines, formatted, and the lines around it. Draws nothing, changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import tzinfo

from warroom.logs.records import Record, is_continuation
from warroom.logs.rows import Row
from warroom.logs.unfold import unfold
from warroom.logs.view import LogView
from warroom.safety import redact, sanitize

_LINES = 400  # lines of a record at most
_PINNED = 100  # lines of it, or of a marked range, that are kept as evidence
_AROUND = 4  # lines shown before and after it
_CLIP = 400  # characters of those


class FullRecord:
    """The record of which the line at ``position`` is a part, as a view shows it now."""

    def __init__(self, view: LogView, rows: list[Row], before: list[Row], after: list[Row]) -> None:
        self._view = view
        self._rows, self._before, self._after = rows, before, after

    @classmethod
    def at(cls, view: LogView, position: int) -> FullRecord | None:
        """None for a sentence about a source, and where there is nothing."""
        found = view.rows(position, position + 1) if position >= view.snapshot().first else []
        if not found or found[0].notice:
            return None
        first, log = view.snapshot().first, found[0].log
        start, stop = position, position + 1

        def same(place: int) -> Row | None:
            rows = view.rows(place, place + 1) if place >= first else []
            return rows[0] if rows and not rows[0].notice and rows[0].log is log else None

        while (
            position - start < _LINES
            and (here := same(start)) is not None
            and is_continuation(here.text)
            and same(start - 1)
        ):
            start -= 1
        while stop - start < _LINES and (here := same(stop)) is not None and is_continuation(here.text):
            stop += 1
        return cls(
            view,
            [row for row in view.rows(start, stop) if not row.notice],
            view.rows(max(first, start - _AROUND), start),
            view.rows(stop, stop + _AROUND),
        )

    @property
    def masked(self) -> int:
        """How many secrets are masked in its lines."""
        for row in self._rows:
            self._view.safe_text(row)
        return sum(row.safe.count for row in self._rows if row.safe)

    def title(self, zone: tzinfo) -> str:
        """Its source and line number, its level and its time, as text."""
        head = self._rows[0]
        when = self._view.time_of(head)
        return " · ".join(
            part
            for part in (
                head.label,
                f"line {head.line:,}" if head.line else "",
                head.own_level or "",
                when.astimezone(zone).isoformat(sep=" ", timespec="milliseconds") if when else "",
            )
            if part
        )

    def evidence(self) -> Record:
        """What is kept of it, masked: time, level and number are those of its first line."""
        return evidence(self._view, self._rows)

    def text(self, *, masked: bool = True) -> str:
        """The record to be read at leisure, safe to draw; without ``masked`` its secrets are in it, but not
        those of its neighbours."""
        view = self._view

        def line(row: Row) -> str:
            return view.safe_text(row) if masked else sanitize(row.text)

        head, *rest = self._rows
        # Unfolding undoes escapes: what comes out is foreign again.
        whole = redact(unfold(view.safe_text(head))).text if masked else sanitize(unfold(head.text))

        def near(word: str, rows: list[Row]) -> list[str]:
            return ["\n".join([word, *("  " + view.safe_text(row)[:_CLIP] for row in rows)])] if rows else []

        parts = [*near("before", self._before), "\n".join([whole, *map(line, rest)]), *near("after", self._after)]
        return "\n\n".join(parts)


def evidence(view: LogView, rows: list[Row]) -> Record:
    """Lines as evidence, masked: time, level and number are those of the first, and of a hundred at most."""
    records = [record for row in rows[:_PINNED] if (record := view.record_of(row))]
    return replace(records[0], text="\n".join(record.text for record in records))
