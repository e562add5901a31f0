"""Tells the team's chat when somebody's turn begins, and asks a paging service for its schedule."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol

from warroom.config.rota import Rota, ScheduleReport, Shift, schedule_key
from warroom.errors import NotFound, Refusal, WarroomError
from warroom.incident.commands import CommandContext
from warroom.incident.delivery import Message, OutboxItem
from warroom.incident.events import TEAM, NewEntry
from warroom.incident.identity import outside_id
from warroom.incident.on_call_events import OnCallHandover
from warroom.incident.team import TeamState
from warroom.room.jobs import PeriodicJob, Wakeup
from warroom.room.room import UnitOfWork, WarRoom

LOOK_S = 15.0
"""How often it is looked whether a turn has begun, in seconds."""

TOLD_WITHIN = timedelta(hours=12)
"""A handover that no console saw is posted by the next one, unless it is longer ago."""

ASKED_EVERY = timedelta(minutes=5)
"""How often a paging service is asked for its schedule."""

AHEAD = timedelta(days=28)
"""How far ahead it is asked."""

ANSWER_S = 30.0
"""How long its answer may take, in seconds."""


def tell_handover(room: WarRoom) -> None:
    """Record that the present turn began, and post it to the team's chat and to each open incident: once, however
    many consoles look."""
    rota, now = room.rota(), room.clock()
    shift = rota.shift(now)
    if room.read_only or shift is None or now - shift.begins > TOLD_WITHIN or rota.doubt(now):
        return
    before = rota.person(shift.begins - timedelta(microseconds=1))
    fact = ("on-call handover", shift.begins.isoformat(), shift.person)
    event = OnCallHandover(person=shift.person, before=before, words=_words(rota, shift, now))
    id = outside_id(*fact)

    def news(team: TeamState, context: CommandContext) -> Sequence[NewEntry]:
        return [] if id in team.handovers else [NewEntry(event, id)]

    if id in room.team().handovers:
        return
    names = room.updates.destinations("team", drill=False)
    message = _message(TEAM, event.words, now)
    posts = [OutboxItem(operation="post", destination=name, message=message) for name in names]
    for row in room.summaries():
        if row.open and not row.drill:
            with suppress(NotFound, Refusal):
                _tell_incident(room, row.id, event, fact)
    room.transact_team(news, by="", items=posts)


def _tell_incident(room: WarRoom, incident_id: str, event: OnCallHandover, fact: Sequence[str]) -> None:
    def decided(story: UnitOfWork) -> None:
        incident, id = story.incident, outside_id(*fact, incident_id)
        if incident.row(id):
            return
        was = f" (before: {event.before})" if event.before else ""
        words = f"{event.person} is on call now{was}"
        message = _message(incident.id, words, story.context.now, incident.severity, incident.status)
        names = room.updates.destinations("team", drill=incident.drill)
        items = [OutboxItem(operation="post", destination=name, message=message) for name in names]
        story.items += [(len(story.entries), item) for item in items]
        story.add([NewEntry(event.model_copy(update={"words": words}), id)])

    room.transact(incident_id, decided, by="")


def rota_job(room: WarRoom) -> PeriodicJob:
    """The job that looks every ``LOOK_S`` seconds whether a turn has begun."""
    return PeriodicJob("on call", LOOK_S, lambda: tell_handover(room))


def _words(rota: Rota, shift: Shift, now: datetime) -> str:
    following = rota.following(now)
    until = f" until {shift.ends.astimezone(rota.zone):%a %d %b %H:%M}" if shift.ends else ""
    return f"{shift.person} is on call{until}" + (f", then {following.person}" if following else "")


def _message(incident: str, words: str, now: datetime, severity: str = "", status: str = "") -> Message:
    return Message(
        kind="note",
        audience="team",
        incident=incident,
        severity=severity,
        status=status,
        title=words,
        text=words,
        marker=words,
        at=now,
    )


class ScheduleService(Protocol):
    """A paging service that knows who is on call."""

    async def shifts(self, since: datetime, until: datetime) -> Sequence[Shift]: ...

    async def close(self) -> None: ...


class ScheduleWatch:
    """The job that keeps what a paging service says about its schedule, for every process.

    Consoles share the work: each answer is kept with its time, and whoever finds a fresh one waits. ``make`` makes
    the service by its name; it may block.
    """

    name = "schedule"

    def __init__(self, room: WarRoom, service: str, make: Callable[[str], ScheduleService]) -> None:
        self.problem: WarroomError | None = None
        self._room = room
        self._name = service
        self._make = make
        self._wakeup = Wakeup()
        self._stopping = False

    async def run(self) -> None:
        """See ``Job``."""
        while not self._stopping:
            try:
                await self.look()
            except WarroomError as error:
                self.problem = error
            await self._wakeup.wait(LOOK_S)

    def stop(self) -> None:
        """See ``Job``."""
        self._stopping = True
        self._wakeup.set()

    async def look(self) -> None:
        """Ask, unless this or another console has just done so. Errors as those of the journal."""
        room, now = self._room, self._room.clock()
        text = await asyncio.to_thread(room.journal.observation, schedule_key(self._name))
        known = ScheduleReport.from_json(text) if text else ScheduleReport()
        if known.asked_at and timedelta(0) <= now - known.asked_at < ASKED_EVERY:
            self.problem = WarroomError(known.problem) if known.problem else None
            return
        try:
            shifts = await self._ask(now)
            report = ScheduleReport(now, tuple(self._named(one) for one in shifts), "", now)
            self.problem = None
        except (WarroomError, TimeoutError) as error:
            title = error.title if isinstance(error, WarroomError) else f"{self._name} did not answer in time"
            report = ScheduleReport(known.at, known.shifts, title, now)
            self.problem = WarroomError(f"the schedule of {self._name} is not read: {title}")
        await asyncio.to_thread(room.journal.save_observation, schedule_key(self._name), report.to_json())

    async def _ask(self, now: datetime) -> Sequence[Shift]:
        service = await asyncio.to_thread(self._make, self._name)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await service.shifts(now - timedelta(days=1), now + AHEAD)
        finally:
            await service.close()

    def _named(self, shift: Shift) -> Shift:
        """The shift under the name that the team gives the person."""
        wanted = shift.person.casefold()
        people = self._room.settings.team.people
        name = next((one.name for one in people if wanted in (one.email.casefold(), one.name.casefold())), "")
        return shift._replace(person=name or shift.person)
