"""An incident that was declared twice: closing one as a duplicate of the other, and noticing that two are one."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from warroom.errors import Refusal
from warroom.incident.commands import CommandContext
from warroom.incident.events import AlertReceived, Closed, Event, NewEntry, Noted
from warroom.incident.identity import outside_id
from warroom.incident.incident import Incident


@dataclass(frozen=True, slots=True)
class CloseAsDuplicate:
    """Close the incident as a duplicate of ``original``, whatever is outstanding. It need not be resolved."""

    original: Incident
    reason: str = ""
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        original = self.original
        if original.id == incident.id:
            raise Refusal(f"{incident.id} is no duplicate of itself", "Name the other incident.")
        if incident.duplicate_of == original.id:
            raise Refusal(f"{incident.id} is already closed as a duplicate of {original.id}", "Nothing to do.")
        if original.duplicate_of == incident.id:
            raise Refusal(
                f"{original.id} is closed as a duplicate of {incident.id}",
                f"Reopen {original.id} first if it is the one to go on with.",
            )
        if original.duplicate_of:
            raise Refusal(
                f"{original.id} is itself a duplicate of {original.duplicate_of}",
                f"Close {incident.id} as a duplicate of {original.duplicate_of} instead.",
            )
        if original.drill != incident.drill:
            drill, real = (original, incident) if original.drill else (incident, original)
            raise Refusal(f"{drill.id} is a drill and {real.id} is not", "Close each by itself.")
        return [Closed(reason=self.reason.strip(), duplicate_of=original.id)]


def note_of_duplicate(duplicate: Incident) -> NewEntry:
    """The note in the original that leads to its duplicate; recorded twice, it is one entry."""
    words = f"{duplicate.id} was closed as a duplicate of this incident"
    closed = sum(status == "closed" for _, status in duplicate.statuses)
    return NewEntry(Noted(note="note", words=words), outside_id("duplicate", duplicate.id, str(closed)))


def find_original(incident: Incident, others: Iterable[Incident]) -> str:
    """Return the id of the oldest open incident that came from the same alert and was declared earlier; "" if none.

    The same alert is the same entry, or the same fingerprint or group at the same source. Only the later of two has
    an original, so that two people do not close both.
    """
    if not incident.open:
        return ""
    own = _alerts(incident)
    older = [
        other
        for other in others
        if other.open and other.drill == incident.drill and _age(other) < _age(incident) and own & _alerts(other)
    ]
    return min(older, key=_age).id if older else ""


def _age(incident: Incident) -> tuple[datetime, UUID]:
    return incident.milestones["declared"], incident.rows[0].id


def came_from_alert(incident: Incident) -> bool:
    """Whether an alert belongs to the incident, so that another may have come from it as well."""
    return bool(_alerts(incident))


def _alerts(incident: Incident) -> set[Hashable]:
    keys: set[Hashable] = set()
    for row in incident.rows:
        event = row.entry.event
        if isinstance(event, AlertReceived) and not row.retracted:
            keys.add(row.id)
            keys |= {("fingerprint", event.source, event.fingerprint)} if event.fingerprint else set()
            keys |= {("group", event.source, event.group)} if event.group else set()
    return keys
