"""The timeline: what happened, when, who recorded it, and for a post whether it has arrived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from uuid import UUID

from textual.content import Content

from warroom.incident.delivery import Delivery, DeliveryState
from warroom.incident.events import ChatMessage, ItemChecked, UpdatePosted
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
    """The entries: time, kind, words, who; for a post whether it has arrived.

    Items that another entry ticked are left out: the checklist shows them, and that entry is here. Authors go by
    their first names, unless two of them share one.
    """
    sent: dict[UUID, list[Delivery]] = {}
    for delivery in deliveries:
        if delivery.item.operation == "post":
            sent.setdefault(delivery.entry_id, []).append(delivery)
    rows, day = [], None
    today = now.astimezone(zone).date()
    authors = Counter(name.split()[0] for name in {row.by for row in incident.timeline if row.by.strip()})
    for row in filter(_is_shown, incident.timeline):
        here = row.at.astimezone(zone)
        if here.date() != day and (day or here.date() != today):
            rows.append(ListRow("", Content.styled(f"{here:%A %d %B}", "$text-quiet")))
        day = here.date()
        first = row.by.split()[0] if row.by.strip() else ""
        by = first if authors[first] == 1 else row.by
        rows.append(_timeline_row(row, f"{here:%H:%M}", by, sent.get(row.id, ())))
    return rows


def _is_shown(row: TimelineRow) -> bool:
    return not (isinstance(row.entry.event, ItemChecked) and row.entry.event.because)


def _timeline_row(row: TimelineRow, at: str, by: str, posts: Sequence[Delivery]) -> ListRow:
    style = "$text-quiet strike" if row.retracted else ""
    state = _delivery_state(posts)
    word = f"{_kind(row):<9}"
    kind = literal(word, "$text-quiet" if row.retracted else KIND_STYLE.get(row.kind, ""))
    amended = Content.styled(" (amended)", "$text-quiet") if row.amended else ""
    text = _text(row)
    words = Content.assemble((at, "$text-quiet"), " ", kind, " ", literal(text, style), amended)
    return ListRow(str(row.id), words, join(state, literal(by, "$text-quiet") if by else None))


def _kind(row: TimelineRow) -> str:
    if isinstance(row.entry.event, UpdatePosted) and row.reference:
        return f"update #{row.reference}"
    return KIND_WORD.get(row.kind, row.kind)


def _text(row: TimelineRow) -> str:
    """The row's text without what other columns show: its author, and for an update its number."""
    event, text = row.entry.event, row.text
    if isinstance(event, ChatMessage):
        return text.removeprefix(f"{row.by} ({event.via}): ")
    if isinstance(event, UpdatePosted):
        for what in (f"update #{row.reference}: ", "declaration: "):
            text = text.removeprefix(what)
        return text
    acted = text.removeprefix(f"{row.by} ") if row.by else text
    return acted[:1].upper() + acted[1:] if acted != text else text


def _delivery_state(posts: Sequence[Delivery]) -> Content | None:
    """A tick once a post has arrived everywhere; until then each destination that it has not arrived at."""
    missing = [post for post in posts if post.state is not DeliveryState.DELIVERED]
    if missing:
        return join(*(literal(f"{post.destination} {post.state.glyph}", "$text-warning") for post in missing))
    return Content.styled("✓", "$text-success") if posts else None


def _rows(given: PaneInput) -> list[ListRow]:
    return timeline_rows(given.snapshot.incident, given.snapshot.deliveries, given.zone, given.now)


def _detail(given: PaneInput) -> str:
    return str(sum(not row.retracted for row in filter(_is_shown, given.snapshot.incident.timeline)))


TIMELINE = ListPane("timeline", "Timeline", "pane_timeline", "entries", _rows, _detail, private=True, follow=True)
WHOLE_TIMELINE = replace(TIMELINE, follow=False)
"""The timeline of an incident that is over: it opens at its beginning."""
