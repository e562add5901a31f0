"""What the verbs print about the follow-up: action items of many incidents, what is overdue, the checklist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime

from warroom.cli import output
from warroom.incident.action_items import item_state
from warroom.incident.incident import Incident
from warroom.incident.overdue import Overdue
from warroom.incident.playbook import Playbook
from warroom.room.action_list import ListedAction


def print_actions(actions: Sequence[ListedAction], today: date) -> None:
    """Print the action items of many incidents, a line each."""
    output.table(
        [
            output.Styled.of("!", "bad") if one.overdue(today) else "✓" if one.done_at else "○",
            one.incident,
            one.id,
            one.owner or "nobody",
            output.Styled.of(f"{one.due} overdue", "bad") if one.overdue(today) else one.due or "no date",
            one.type or "–",
            one.words,
        ]
        for one in actions
    )


def overdue_rows(found: Iterable[Overdue], now: datetime) -> Iterator[list[str]]:
    """What is overdue as cells: the incident, how late it is, what, and who has to do it."""
    for one in found:
        owner = f" · {one.owner}" if one.owner else ""
        yield [one.incident or "team", output.Styled.of(one.late(now), "bad"), f"{one.text}{owner}"]


def follow_up_rows(incident: Incident, playbook: Playbook) -> Iterator[list[str]]:
    """The checklist for after the incident as rows of ``status``."""
    for item in playbook.checklists["post_incident"].items:
        glyph, state = item_state(incident, item.id)
        yield ["Follow-up", f"{glyph} {item.text}" + (f" — {state}" if state else "")]


def public_follow_up(incident: Incident, playbook: Playbook) -> list[dict[str, object]]:
    """The same for ``status --json``."""
    rows: list[dict[str, object]] = []
    for item in playbook.checklists["post_incident"].items:
        tick = incident.ticks.get(item.id)
        rows.append(
            {
                "item": item.id,
                "text": item.text,
                "done": tick is not None and not tick.not_needed,
                "not_needed": tick.not_needed if tick else "",
                "actions": [one.id for one in incident.actions.values() if one.item == item.id],
            }
        )
    return rows
