"""The timeline: what happened, when, who recorded it, and for a post whether it has arrived."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from textual.content import Content

from warroom.incident.chat_events import ChannelOpened, ChatMessage
from warroom.incident.delivery import Delivery, DeliveryState
from warroom.incident.drill_events import DrillStarted
from warroom.incident.events import (
    AlertReceived,
    EntryAmended,
    EntryRetracted,
    ItemChecked,
    ItemUnchecked,
    MilestoneAmended,
    SectionWritten,
    SuggestionDismissed,
    UpdatePosted,
)
from warroom.incident.incident import TimelineRow
from warroom.incident.requests import RequestAccepted
from warroom.incident.scrub_events import EntryScrubbed
from warroom.tui.actions import key_of
from warroom.tui.panes.pane import ListPane, PaneInput
from warroom.tui.widgets.row_list import ListRow
from warroom.tui.widgets.text import join, literal

KIND_WORD = {"acknowledged": "acked", "alert source": "source"}
"""What is too long for its column."""

KIND_STYLE = {
    "alert": "$text-error bold",
    "declared": "$text-error bold",
    "update": "$text-primary bold",
    "finding": "$text-accent bold",
    "decision": "$text-accent bold",
    "change": "$text-warning bold",
    "planned": "$text-warning bold",
    "fix": "$text-success bold",
    "resolved": "$text-success bold",
    "severity": "$text-warning bold",
    "reopened": "$text-error bold",
    "evidence": "$text-secondary bold",
    "hint": "$text-warning bold",
}


CHAT_TAIL = 3
"""Of chat messages in a row so many are shown, and those before them as one line."""

FOLDED = (
    ItemChecked,
    ItemUnchecked,
    ChannelOpened,
    EntryAmended,
    EntryRetracted,
    EntryScrubbed,
    MilestoneAmended,
    SectionWritten,
    SuggestionDismissed,
    DrillStarted,
)
"""Events that are not key to the course of the incident: other panes or the entries they are about show them."""


def timeline_rows(given: PaneInput, *, everything: bool = False) -> list[ListRow]:
    """The entries: time, kind, words, who; for a post whether it has arrived.

    Key events only, unless ``everything`` is asked for; items that another entry ticked are never shown, and of
    much chat in a row only the last messages are. A line stands before what is new since the person looked. Authors
    go by their first names, unless two share one.
    """
    incident, deliveries, zone, now = given.snapshot.incident, given.snapshot.deliveries, given.zone, given.now
    sent: dict[UUID, list[Delivery]] = {}
    for delivery in deliveries:
        if delivery.item.operation not in ("open", "status"):
            sent.setdefault(delivery.entry_id, []).append(delivery)
    rows, day = [], None
    today = now.astimezone(zone).date()
    authors = Counter(name.split()[0] for name in {row.by for row in incident.timeline if row.by.strip()})
    shown = [row for row in incident.timeline if _is_shown(row, everything)]
    looked = len(incident.rows) if given.looked is None else given.looked
    new = [row for row in shown if row.number > looked and row.by != given.by]
    folded = {} if everything else _folded_chat(shown)
    for row in shown:
        here = row.at.astimezone(zone)
        if here.date() != day and (day or here.date() != today):
            rows.append(ListRow("", Content.styled(f"{here:%A %d %B}", "$text-quiet")))
        day = here.date()
        if new and row is new[0]:
            rows.append(ListRow("", Content.styled(f"── {len(new)} new since you looked ──", "$text-accent bold")))
        if run := folded.get(row.number):
            if row is run[0]:
                rows.append(_chat_run(run, f"{here:%H:%M}", key_of("timeline_all", given.keys)))
            continue
        first = row.by.split()[0] if row.by.strip() else ""
        by = first if authors[first] == 1 else row.by
        rows.append(_timeline_row(row, f"{here:%H:%M}", by, sent.get(row.id, ())))
    return rows


def _folded_chat(shown: Sequence[TimelineRow]) -> dict[int, Sequence[TimelineRow]]:
    """For each message that is not shown, by number, the messages in a row that are folded with it."""
    folded: dict[int, Sequence[TimelineRow]] = {}
    for is_chat, group in itertools.groupby(shown, lambda row: isinstance(row.entry.event, ChatMessage)):
        run = list(group)[:-CHAT_TAIL]
        if is_chat and len(run) > 1:
            folded |= dict.fromkeys((row.number for row in run), run)
    return folded


def _chat_run(run: Sequence[TimelineRow], at: str, key: str) -> ListRow:
    names = list(dict.fromkeys(row.by.split()[0] for row in run if row.by.strip()))
    who = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    folded = literal(f"{len(run)} more messages · {who} · {key} shows them", "$text-quiet")
    # A row without an entry has no gutter for the cursor.
    return ListRow("", Content.assemble(" ", (f"{at} {'chat':<9}", "$text-quiet"), " ", folded))


def _is_shown(row: TimelineRow, everything: bool) -> bool:
    event = row.entry.event
    if isinstance(event, ItemChecked) and event.because:
        return False
    if isinstance(event, RequestAccepted) and not event.url:  # the row of the request says that it arrived
        return everything
    return everything or not isinstance(event, FOLDED)


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
    if isinstance(event, AlertReceived):
        return f"{text} {event.url}".rstrip()
    if isinstance(event, ChatMessage):
        answers = "↳ " if event.thread else ""
        return answers + text.removeprefix(f"{row.by} ({event.via}): ")
    if isinstance(event, UpdatePosted):
        for what in (f"update #{row.reference}: ", "declaration: "):
            text = text.removeprefix(what)
        return text
    acted = text.removeprefix(f"{row.by} ") if row.by else text
    return acted[:1].upper() + acted[1:] if acted != text else text


def _delivery_state(posts: Sequence[Delivery]) -> Content | None:
    """A tick for each destination that a post has arrived at; the others by name, with their state."""
    missing = [post for post in posts if post.state is not DeliveryState.DELIVERED]
    arrived = len(posts) - len(missing)
    ticks = Content.styled("✓" * arrived, "$text-success") if arrived else None
    return join(ticks, *(literal(f"{post.destination} {post.state.glyph}", "$text-warning") for post in missing))


def _rows(given: PaneInput) -> list[ListRow]:
    return timeline_rows(given, everything=given.all_entries)


def _all_rows(given: PaneInput) -> list[ListRow]:
    return timeline_rows(given, everything=True)


def _detail(given: PaneInput) -> str:
    rows = [row for row in given.snapshot.incident.timeline if _is_shown(row, everything=True)]
    key = key_of("timeline_all", given.keys)
    if given.all_entries:
        return f"{len(rows)} · {key} key events"
    shown = sum(_is_shown(row, everything=False) for row in rows)
    events = "key event" if shown == 1 else "key events"
    return f"{shown}" if shown == len(rows) else f"{shown} {events} · {key} all {len(rows)}"


def _count(given: PaneInput) -> str:
    return str(sum(_is_shown(row, everything=True) for row in given.snapshot.incident.timeline))


TIMELINE = ListPane(
    "timeline", "Timeline", "pane_timeline", "entries", _rows, _detail, private=True, follow=True, expand=True
)
WHOLE_TIMELINE = replace(TIMELINE, rows=_all_rows, detail=_count, follow=False)
"""The timeline of an incident that is over: all entries, opened at the beginning."""
