"""The rows of the home screen's follow-up: what did not arrive, what is overdue, what is due next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from warroom.incident import timing
from warroom.incident.events import TEAM
from warroom.incident.overdue import Overdue
from warroom.room.overdue import overdue_of
from warroom.room.snapshot import HomeSnapshot
from warroom.tui.actions import key_of
from warroom.tui.context import ScreenContext
from warroom.tui.widgets.row_list import ListRow
from warroom.tui.widgets.text import literal

ACTIONS = 10
"""How many action items that are not overdue are listed; the screen of all action items has the rest."""

KINDS = ("post-mortem", "meeting", "action item")
"""What is listed as overdue; what an open incident waits for stands in its own row."""


def follow_up_rows(over: HomeSnapshot, context: ScreenContext, now: datetime) -> Iterator[ListRow]:
    """The follow-up of all incidents. The first word of a row's id says what Enter does."""
    for one in over.stuck:
        target = f"open:{one.incident}:{one.id}" if one.incident != TEAM else f"delivery:{one.id}"
        words = f"{one.state.glyph} {one.incident} {one.destination}: {one.state.label}"
        yield ListRow(target, literal(words, "$text-warning"))
    late = [one for row in over.summaries for one in overdue_of(context.room, row, now) if one.kind in KINDS]
    late += [one for one in over.reviews if one.since < now]
    yield from (_late_row(one, now) for one in sorted(late, key=lambda one: one.since))
    for row in over.summaries:
        due = row.postmortem_due(context.room.playbook.nudges.postmortem_hours)
        if due and due >= now:
            when = literal(f"due in {timing.format_duration(due - now)}")
            yield ListRow(f"review:{row.id}:sections", literal(f"{row.id} post-mortem"), when)
    yield from _actions(over, context, now)


def review_words(over: HomeSnapshot, context: ScreenContext, now: datetime) -> str:
    """Why somebody should go through the action items now; "" if nothing is overdue."""
    today = now.astimezone(context.zone).date()
    late = sum(action.overdue(today) for row in over.summaries if not row.drill for action in row.actions)
    if late:
        return f"{late} action items are overdue" if late > 1 else "An action item is overdue"
    return next((f"{one.text}: due" for one in over.reviews if one.since < now), "")


def _late_row(one: Overdue, now: datetime) -> ListRow:
    target = {
        "action item": f"action:{one.incident}:{one.target}",
        "review": f"ready:{one.target}",
        "post-mortem": f"review:{one.incident}:sections",
        "meeting": f"review:{one.incident}:checklist",
    }
    words = literal(f"{one.incident} {one.text}".strip(), "$text-error bold")
    late = one.late(now).replace("overdue", "OVERDUE")
    return ListRow(target[one.kind], words, literal(f"{one.owner} {late}".strip()))


def _actions(over: HomeSnapshot, context: ScreenContext, now: datetime) -> Iterator[ListRow]:
    """The action items that are not overdue, the one that is due first before the others."""
    today = now.astimezone(context.zone).date()
    waiting = [
        (action, row.id)
        for row in over.summaries
        if not row.open and not row.drill
        for action in row.actions
        if not action.overdue(today)
    ]
    waiting.sort(key=lambda one: (not one[0].due, one[0].due))
    for action, incident in waiting[:ACTIONS]:
        words = f"{incident} {action.id} {action.words}"
        when = literal(f"{action.owner} {action.due}".strip())
        yield ListRow(f"action:{incident}:{action.id}", literal(words), when)
    if len(waiting) > ACTIONS:
        more = f"and {len(waiting) - ACTIONS} more: {key_of('action_list', context.keys)}"
        yield ListRow("actions", literal(more, "$text-quiet"))
