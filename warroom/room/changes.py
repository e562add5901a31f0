"""Records what changed before an incident as its first evidence, once, whichever console looks first.

Never holds up the declaration: a job of the consoles and of ``warroom watch`` looks for incidents that lack it. A
drill has none: its outage is played.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from warroom.connect.changes import Change, read_changes
from warroom.errors import WarroomError
from warroom.incident.events import EvidencePinned, NewEntry
from warroom.incident.identity import outside_id
from warroom.incident.incident import Incident
from warroom.incident.timing import format_duration
from warroom.room.jobs import PeriodicJob
from warroom.room.room import UnitOfWork, WarRoom

SOURCE = "changes"
"""What the evidence calls its source."""

BEFORE = timedelta(hours=24)
"""How long before the incident started changes are looked for."""

WITHIN = timedelta(minutes=30)
"""How long after the declaration they are still recorded: later they would not be the first evidence."""

LOOK_S = 2.0
"""How often a console looks for new incidents, in seconds."""

RETRY = timedelta(seconds=60)
"""How long one that could not be read is left alone."""


class ChangesRecorder:
    """Looks for incidents that lack their changes."""

    def __init__(self, room: WarRoom) -> None:
        self._room = room
        self._seen = -1
        self._waiting: dict[str, str] = {}  # incidents that lack them, and why
        self._again = room.clock()

    def job(self) -> PeriodicJob:
        """The job of this console."""
        return PeriodicJob(SOURCE, LOOK_S, self.record_all)

    def record_all(self) -> None:
        """Record the changes of every new incident. Raises ``WarroomError`` with what could not be read."""
        room = self._room
        count, now = room.change_count(), room.clock()
        if room.read_only or (count == self._seen and not (self._waiting and now >= self._again)):
            if self._waiting:
                raise WarroomError("; ".join(self._waiting.values()))
            return
        failed: dict[str, str] = {}
        for one in room.summaries():
            if not one.open or one.drill or now - one.milestones["declared"] > WITHIN:
                continue
            if one.id in self._waiting and now < self._again:
                failed[one.id] = self._waiting[one.id]
                continue
            try:
                record_changes(room, room.incident(one.id))
            except WarroomError as error:
                failed[one.id] = f"the changes of {one.service} are not known: {error.title}"
        if failed != self._waiting or now >= self._again:
            self._again = now + RETRY
        self._seen, self._waiting = room.change_count(), failed
        if failed:
            raise WarroomError("; ".join(failed.values()))


def record_changes(room: WarRoom, incident: Incident) -> None:
    """Record what changed in the service of an incident, unless that was done or the settings do not say how.

    Takes at most ten seconds. Raises ``WarroomError`` if it cannot be read.
    """
    service = room.settings.service(incident.service)
    if service is None or not service.changes or incident.row(_id(incident.id, 0)):
        return
    started = incident.milestones["started"]
    found = asyncio.run(read_changes(service.changes, started - BEFORE))

    def decided(story: UnitOfWork) -> None:
        if not story.incident.row(_id(incident.id, 0)):
            story.add(_evidence(story.incident, found))

    room.transact(incident.id, decided, by="")


def _evidence(incident: Incident, changes: Sequence[Change]) -> list[NewEntry]:
    started = incident.milestones["started"]
    if not changes:
        hours = BEFORE // timedelta(hours=1)
        changes = [Change(f"nothing changed in the {hours} hours before the incident")]
    events = []
    for number, change in enumerate(changes):
        when = ""
        if change.at:
            apart = format_duration(abs(started - change.at))
            when = f"{apart} {'before' if change.at <= started else 'after'} the start"
        event = EvidencePinned(source=SOURCE, words=change.words, logged_at=change.at, comment=when)
        events.append(NewEntry(event, _id(incident.id, number)))
    return events


def _id(incident_id: str, number: int) -> UUID:
    return outside_id(SOURCE, incident_id, str(number))
