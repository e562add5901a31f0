"""What is still to do of an incident's action items, and the checklist items that are done with them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from warroom.incident.events import ActionDone, Event
from warroom.incident.incident import ActionItem, Incident


def is_to_do(incident: Incident, item: ActionItem) -> bool:
    """Whether an action item is neither done nor retracted."""
    row = incident.row(item.entry)
    return item.done_at is None and not (row and row.retracted)


def open_actions(incident: Incident) -> list[ActionItem]:
    """The action items that are still to do, in the order in which they were added."""
    return [item for item in incident.actions.values() if is_to_do(incident, item)]


def actions_for(incident: Incident, checklist_item: str) -> list[ActionItem]:
    """The action items still to do that were added for a checklist item, by its id."""
    return [item for item in open_actions(incident) if item.item == checklist_item]


def item_state(incident: Incident, checklist_item: str) -> tuple[str, str]:
    """How an item of the follow-up stands: a glyph, and why it is not needed or what it waits for ("" for
    neither)."""
    if tick := incident.ticks.get(checklist_item):
        return ("–", f"not needed: {tick.not_needed}") if tick.not_needed else ("✓", "")
    waits = (
        " ".join(filter(None, (one.id, one.owner, f"due {one.due}" if one.due else "")))
        for one in actions_for(incident, checklist_item)
    )
    return "○", ", ".join(waits)


def finished_items(incident: Incident, events: Iterable[Event]) -> dict[ActionDone, str]:
    """The checklist items that are done with the action items which ``events`` finish: by the event, their ids.

    A checklist item with several action items is done with the last of them.
    """
    finishing = [event for event in events if isinstance(event, ActionDone)]
    done = {event.action for event in finishing}
    found: dict[ActionDone, str] = {}
    for event in finishing:
        action = next((one for one in incident.actions.values() if event.action in (one.entry, one.id)), None)
        if action and action.item:
            others = actions_for(incident, action.item)
            if all({other.entry, other.id} & done for other in others):
                found[event] = action.item
    return found
