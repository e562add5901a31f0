"""The planned changes of an incident, folded from its entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from warroom.errors import NotFound, Refusal
from warroom.incident.change_events import ChangePlanned
from warroom.incident.events import Entry

ChangeState = Literal["planned", "made", "dropped"]


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """A change that was recorded before it was made.

    ``id`` is its number (``C1``), ``entry`` the id of its entry, ``ended`` the entry that says what became of it.
    """

    id: str
    entry: UUID
    words: str
    rollback: str
    by: str
    at: datetime
    state: ChangeState = "planned"
    ended: UUID | None = None


def add_planned(changes: dict[str, PlannedChange], entry: Entry, event: ChangePlanned) -> PlannedChange:
    """Add a change to ``changes``, with the next number."""
    number = f"C{len(changes) + 1}"
    changes[number] = PlannedChange(number, entry.id, event.words, event.rollback, entry.by, entry.at)
    return changes[number]


def end_planned(
    changes: dict[str, PlannedChange], change: UUID | None, state: ChangeState, ended: UUID
) -> PlannedChange | None:
    """Put the change of an entry into ``state``, by the entry ``ended``. None if there is none, or it has ended."""
    found = next((one for one in changes.values() if one.entry == change and one.state == "planned"), None)
    if found:
        changes[found.id] = replace(found, state=state, ended=ended)
    return found


def replan(changes: dict[str, PlannedChange], retracted: UUID) -> None:
    """Put the change that a retracted entry ended back into the state of being planned."""
    for one in changes.values():
        if one.ended == retracted:
            changes[one.id] = replace(one, state="planned", ended=None)
            return


def find_planned(changes: Mapping[str, PlannedChange], number: str) -> PlannedChange:
    """Return the planned change of a number (``C1``), or for "" the only one.

    Raises ``Refusal`` if it has been made or dropped, and ``NotFound`` naming those there are.
    """
    planned = [one for one in changes.values() if one.state == "planned"]
    wanted = number.strip().upper()
    known = changes.get(wanted)
    if known and known.state != "planned":
        raise Refusal(f"{known.id} is already {known.state}", "Nothing to do.")
    found = [known] if known else [] if wanted else planned
    if len(found) == 1:
        return found[0]
    if not planned:
        raise NotFound("No change is planned", "Plan one first: warroom change TEXT --rollback TEXT.")
    title = f"There is no change {wanted}" if wanted else "Several changes are planned"
    raise NotFound(title, f"Name one by its number: {'; '.join(f'{one.id} {one.words}' for one in planned)}.")
