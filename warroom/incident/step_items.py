"""The items of the timed steps of an investigation, and what was found about them.

A finding is about an item if it begins with the item's words and a colon, such as "Check recent deployments: v412
at 13:58". Pure.
"""

from __future__ import annotations

from warroom.incident.events import Noted
from warroom.incident.incident import Incident
from warroom.incident.playbook import Playbook

_PREFIX = "asked:"


def step_item_id(step: str, number: int) -> str:
    """Return the id of an item by its step and its place there, from 0.

    No checklist item has such an id, and no step of a runbook.
    """
    return f"{_PREFIX}{step}:{number}"


def step_item(playbook: Playbook, item_id: str) -> str:
    """Return the words of an item of a step by its id; "" if there is none."""
    if not item_id.startswith(_PREFIX):
        return ""
    name, _, number = item_id.removeprefix(_PREFIX).partition(":")
    items = next((step.items for step in playbook.steps if step.id == name), ())
    return items[int(number)] if number.isdecimal() and int(number) < len(items) else ""


def finding_about(item: str) -> str:
    """Return how a finding about an item begins."""
    return f"{item.removesuffix('?')}: "


def findings_about(incident: Incident, item: str) -> list[str]:
    """What was found about an item so far, without the words of the item."""
    begin = finding_about(item).casefold()
    return [
        row.text[len(begin) :]
        for row in incident.rows
        if isinstance(row.entry.event, Noted)
        and row.entry.event.note in ("finding", "decision")
        and not row.withdrawn
        and row.text.casefold().startswith(begin)
    ]
