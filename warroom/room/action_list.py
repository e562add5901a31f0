"""The action items of all incidents in one list, the overdue ones first. Records nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from warroom.errors import WarroomError
from warroom.incident.incident import Incident, fold
from warroom.room.room import WarRoom


@dataclass(frozen=True, slots=True)
class ListedAction:
    """An action item and the incident it belongs to. ``due`` is an ISO date or "", ``done_at`` UTC or None."""

    incident: str
    service: str
    title: str
    id: str
    words: str
    owner: str
    due: str
    type: str = ""
    item: str = ""
    done_at: datetime | None = None

    def overdue(self, today: date) -> bool:
        return self.done_at is None and bool(self.due) and self.due < today.isoformat()

    def public(self, today: date) -> dict[str, Any]:
        """The object in ``--json`` that others may rely on."""
        return {
            "incident": self.incident,
            "service": self.service,
            "title": self.title,
            "id": self.id,
            "text": self.words,
            "owner": self.owner,
            "due": self.due,
            "overdue": self.overdue(today),
            "type": self.type,
            "item": self.item,
            "done_at": self.done_at,
        }


def open_actions(room: WarRoom) -> list[ListedAction]:
    """Every action item that is still to do, without those of drills: practice. Reads no incident."""
    return in_order(
        ListedAction(row.id, row.service, row.title, one.id, one.words, one.owner, one.due, one.type, one.item)
        for row in room.summaries()
        if not row.drill
        for one in row.actions
    )


def all_actions(room: WarRoom) -> tuple[list[ListedAction], tuple[str, ...]]:
    """Every action item, those that are done too, without those of drills; and the incidents that cannot be read.

    Reads the whole journal.
    """
    found, unreadable = open_actions(room), []
    for row in room.summaries():
        if row.drill:
            continue
        try:
            # Folded and dropped: the room keeps what it folds, which would be the whole journal.
            incident = fold(row.id, room.journal.read(row.id))
            found += _done(incident)
        except (WarroomError, LookupError, ValueError, TypeError, AttributeError):
            unreadable.append(row.id)
    return in_order(found), tuple(unreadable)


def _done(incident: Incident) -> list[ListedAction]:
    return [
        ListedAction(
            incident.id,
            incident.service,
            incident.title,
            one.id,
            one.words,
            one.owner,
            one.due,
            one.type,
            one.item,
            one.done_at,
        )
        for one in incident.actions.values()
        if one.done_at
    ]


def in_order(actions: Iterable[ListedAction]) -> list[ListedAction]:
    """What is due first comes first, then what has no date, then what is done, the latest first."""
    everything = list(actions)
    waiting = [one for one in everything if one.done_at is None]
    done = sorted((one.done_at, place) for place, one in enumerate(everything) if one.done_at)
    waiting.sort(key=lambda one: (not one.due, one.due))
    return waiting + [everything[place] for _, place in reversed(done)]


def count_of(actions: Sequence[ListedAction], today: date) -> str:
    """How many are open and overdue, in words: ``12 open, 3 overdue``."""
    waiting = [one for one in actions if one.done_at is None]
    late = sum(one.overdue(today) for one in waiting)
    return f"{len(waiting)} open" + (f", {late} overdue" if late else "")
