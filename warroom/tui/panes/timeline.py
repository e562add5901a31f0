"""The timeline: what happened, when, who recorded it, and for a post whether it has arrived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from uuid import UUID

from textual.content import Content

from warroom.incident.delivery import Delivery, DeliveryState
from warroom.incident.events import ItemChecked
from warroom.incident.incident import Incident, TimelineRow
from warroom.tui.panes.pane import ListPane, PaneInput
from warroom.tui.widgets.row_list import ListRow
from warroom.tui.widgets.text import join, literal

KIND_WORD = {"acknowledged": "acked"}
"""What is too long for its column."""

KIND_STYLE = {
    "alert": "$text-error bold",
    "declared": "$text-error bold",
    "update": "$text-primary bold",
    "finding": "$text-accent bold",
    "decision": "$text-accent bold",
    "change": "$text-warning bold",
    "fix": "$text-success bold",
    "resolved": "$text-success bold",
    "severity": "$text-warning bold",
    "reopened": "$text-error bold",
    "evidence": "$text-secondary bold",
}


def timeline_rows(incident: Incident, deliveries: Sequence[Delivery], zone: tzinfo, now: datetime) -> list[ListRow]:
    """The entries: time, kind, words, who; for a post where it has arrived.

    Items that another entry ticked are left out: the checklist shows them, and that entry is here.
    """
    sent: dict[UUID, list[Delivery]] = {}
    for delivery in deliveries:
        if delivery.item.operation == "post":
            sent.setdefault(delivery.entry_id, []).append(delivery)
    rows, day = [], None
    today = now.astimezone(zone).date()
    for row in incident.timeline:
        if isinstance(row.entry.event, ItemChecked) and row.entry.event.because:
            continue
        here = row.at.astimezone(zone)
        if here.date() != day and (day or here.date() != today):
            rows.append(ListRow("", Content.styled(f"{here:%A %d %B}", "$text-quiet")))
        day = here.date()
        rows.append(_timeline_row(row, f"{here:%H:%M}", sent.get(row.id, ())))
    return rows


def _timeline_row(row: TimelineRow, at: str, posts: Sequence[Delivery]) -> ListRow:
    style = "$text-quiet strike" if row.retracted else ""
    state = join(
        *(
            literal(
                f"{post.destination} {post.state.glyph}",
                "" if post.state is DeliveryState.DELIVERED else "$text-warning",
            )
            for post in posts
        )
    )
    word = f"{KIND_WORD.get(row.kind, row.kind):<9}"
    kind = literal(word, "$text-quiet" if row.retracted else KIND_STYLE.get(row.kind, ""))
    amended = Content.styled(" (amended)", "$text-quiet") if row.amended else ""
    words = Content.assemble((at, "$text-quiet"), " ", kind, " ", literal(row.text, style), amended)
    return ListRow(str(row.id), words, join(state, literal(row.by, "$text-quiet") if row.by else None))


def _rows(given: PaneInput) -> list[ListRow]:
    return timeline_rows(given.snapshot.incident, given.snapshot.deliveries, given.zone, given.now)


def _detail(given: PaneInput) -> str:
    return str(sum(not row.retracted for row in given.snapshot.incident.rows))


TIMELINE = ListPane("timeline", "Timeline", "pane_timeline", "entries", _rows, _detail, private=True, follow=True)
WHOLE_TIMELINE = replace(TIMELINE, follow=False)
"""The timeline of an incident that is over: it opens at its beginning."""
