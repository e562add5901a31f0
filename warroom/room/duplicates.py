"""Closes an incident as a duplicate of another, and finds the one that came from the same alert."""

from __future__ import annotations

from contextlib import suppress

from warroom.errors import WarroomError
from warroom.incident.commands import decide
from warroom.incident.duplicates import CloseAsDuplicate, came_from_alert, find_original, note_of_duplicate
from warroom.incident.incident import Incident
from warroom.room.room import Done, UnitOfWork, WarRoom
from warroom.safety import redact

MOST = 20
"""How many open incidents are compared. More are open only where they are left open."""


def close_as_duplicate(room: WarRoom, incident_id: str, original_id: str, reason: str = "") -> Done:
    """Close the incident as a duplicate of ``original_id``, and leave a note that leads there in the original.

    Raises ``NotFound`` if there is no such incident, and ``Refusal`` as ``CloseAsDuplicate``.
    """
    original_id, reason = original_id.strip().upper(), redact(reason, personal=False).text

    def decided(story: UnitOfWork) -> None:
        # Read anew at each turn: somebody else may have closed the original as a duplicate of this one.
        command = CloseAsDuplicate(room.incident(original_id), reason)
        story.add(decide(story.incident, command, story.context))

    done = room.transact(incident_id, decided)

    def noted(story: UnitOfWork) -> None:
        note = note_of_duplicate(done.incident)
        if story.incident.row(note.id) is None:
            story.add([note])

    with suppress(WarroomError):  # it is closed; that it is a duplicate is known without the note
        room.transact(original_id, noted)
    return done


def original_of(room: WarRoom, incident: Incident) -> str:
    """Return the open incident that this one came from the same alert as, if that one is older; "" if none.

    Looks at the ``MOST`` newest ones: every screen asks, and each has to be folded.
    """
    if not (incident.open and came_from_alert(incident)):
        return ""
    others = [row.id for row in room.summaries() if row.open and row.id != incident.id][:MOST]
    return find_original(incident, map(room.incident, others))


def duplicates_of(room: WarRoom, incident_id: str) -> tuple[str, ...]:
    """Return the incidents that were closed as duplicates of this one, the newest first."""
    return tuple(row.id for row in room.summaries() if row.duplicate_of == incident_id)
