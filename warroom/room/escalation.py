"""Pages people to an incident that nobody acknowledges, step by step, and tells the paging services when to stop.

A step is asked for once by all consoles together: its entry has an id made from the incident and the step. What
follows from a declaration, an acknowledgement and a resolution is recorded in their transaction; for the steps that
come later a console or ``warroom watch`` has to run, and leaves a sign that it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from warroom.config.escalation import EVERYONE, NEXT, ON_CALL, EscalationStep
from warroom.errors import NotFound, Refusal
from warroom.incident.events import Acknowledged, Closed, Resolved
from warroom.incident.identity import outside_id
from warroom.incident.incident import Incident
from warroom.incident.requests import Page
from warroom.incident.timing import format_duration
from warroom.room.requests import add_request, takers
from warroom.room.room import Done, UnitOfWork, WarRoom

if TYPE_CHECKING:
    from warroom.room.jobs import Job

LOOK_S = 2.0
"""How often it is looked which steps are due, in seconds."""

SIGN_S = 20.0
"""How often a console leaves the sign that it pages, in seconds."""

SILENT = timedelta(seconds=90)
"""Without a sign for so long, no console and no watch is taken to run."""

LATE = timedelta(minutes=1)
"""A step that is taken so long after its time says so."""

SIGN = "escalation"
"""The key under which the journal keeps the sign."""


@dataclass(frozen=True, slots=True)
class EscalationState:
    """How the escalation of an incident stands that nobody has acknowledged."""

    incident: str
    since: datetime
    """From when its steps are counted (UTC)."""
    next_at: datetime | None
    """When the next step is due (UTC); None after the last one."""
    whom: str
    """Whom that step pages, in the words of the settings."""
    looked_at: datetime | None
    """When a console or watch looked last (UTC)."""

    def problem(self, now: datetime) -> str:
        """Why nobody is paged, as a sentence; "" while somebody is, and after the last step."""
        last = max(filter(None, (self.looked_at, self.since)))
        if self.next_at is None or now - last < SILENT:
            return ""
        return f"no console or warroom watch was running for {format_duration(now - last)}: nobody was paged"

    def text(self, now: datetime) -> str:
        """What comes next, in a few words: ``pages next in 3 min``; "" after the last step."""
        if self.next_at is None:
            return ""
        left = self.next_at - now
        return f"pages {self.whom} " + (f"in {format_duration(left)}" if left > timedelta(0) else "now")


def follow(room: WarRoom, story: UnitOfWork) -> None:
    """Add to a unit of work what the paging services have to be asked because of it: see ``WarRoom.extend``."""
    add_due_steps(room, story)
    events = [entry.event for entry in story.entries]
    if any(isinstance(event, Acknowledged) for event in events):
        _tell_paged(room, story, "acknowledge", "stop paging: acknowledged")
    if any(isinstance(event, Resolved) or (isinstance(event, Closed) and event.duplicate_of) for event in events):
        _tell_paged(room, story, "resolve", "stop paging: resolved")


def escalate(room: WarRoom) -> None:
    """Take every step that is due, of every open incident, and leave the sign that somebody looks."""
    table = room.settings.escalation
    if table is None or room.read_only:
        return
    waiting = [row for row in room.summaries() if row.open and "acknowledged" not in row.milestones]
    for row in waiting:
        with suppress(NotFound, Refusal):
            room.transact(row.id, lambda story: add_due_steps(room, story), by="")
    if waiting:
        _leave_sign(room)


def escalation_job(room: WarRoom) -> Job:
    """The job that looks every ``LOOK_S`` seconds."""
    from warroom.room.jobs import PeriodicJob  # asyncio; not for verbs that only look

    return PeriodicJob("escalation", LOOK_S, lambda: escalate(room))


def escalation_state(room: WarRoom, incident: Incident) -> EscalationState | None:
    """How the escalation of an incident stands; None where there is none: it is acknowledged, of another severity,
    or a drill that pages nobody."""
    since = counted_from(room, incident)
    table = room.settings.escalation
    if since is None or table is None:
        return None
    services = takers(room, incident, "page")
    if not any(_through(step, services) for step in table.steps):
        return None
    paged = set(_asked(room, incident))
    left = [step for number, step in enumerate(table.steps) if number not in paged]
    following = left[0] if left else None
    text = room.journal.observation(SIGN)
    with suppress(ValueError):
        looked = datetime.fromisoformat(text) if text else None
        return EscalationState(
            incident.id,
            since,
            since + following.after if following else None,
            ", ".join(following.page) if following else "",
            looked,
        )
    return None


def counted_from(room: WarRoom, incident: Incident) -> datetime | None:
    """From when an incident's steps are counted: its declaration, or when it got a severity that is escalated; None
    where it is not escalated now."""
    table = room.settings.escalation
    if table is None or not incident.open or "acknowledged" in incident.milestones:
        return None
    severities = table.severities or (room.playbook.severities[0].id,)
    if incident.severity not in severities:
        return None
    since = incident.milestones["declared"]
    for at, severity in incident.severities:
        if severity not in severities:
            since = datetime.max.replace(tzinfo=at.tzinfo)
        elif at < since:
            since = at
    return max(since, incident.milestones["declared"])


def add_due_steps(room: WarRoom, story: UnitOfWork) -> None:
    """Add the requests of every step that is due and has not been asked for."""
    table, incident, now = room.settings.escalation, story.incident, story.context.now
    since = counted_from(room, incident)
    if table is None or since is None:
        return
    services, asked = takers(room, incident, "page"), set(_asked(room, incident))
    for number, step in enumerate(table.steps):
        late = now - (since + step.after)
        if late < timedelta(0):
            return
        if number in asked:
            continue
        why = f"nobody acknowledged within {format_duration(step.after)}" if step.after else "declared"
        if late >= LATE:
            why += f"; {format_duration(late)} late"
        people = whom(room, incident, step.page, now)
        for service in _through(step, services):
            page = page_of(room, story.incident, people, why)
            add_request(room, story, service, page, once=("escalation", str(number)))


def page_by_hand(
    room: WarRoom, incident_id: str, people: Sequence[str], services: Sequence[str], reason: str
) -> Done:
    """Page these people through these services, all that may be asked if none is named. ``Refusal`` without any."""

    def decided(story: UnitOfWork) -> None:
        known = services or takers(room, story.incident, "page")
        if not known:
            drill = " for drills" if story.incident.drill else ""
            raise Refusal(f"There is no paging service{drill}", "Add [paging.NAME]: warroom help integrations.")
        for service in known:
            why = reason.strip() or f"by {story.context.by}"
            add_request(room, story, service, page_of(room, story.incident, people, why))

    return room.transact(incident_id, decided)


def page_of(room: WarRoom, incident: Incident, people: Sequence[str], why: str) -> Page:
    """The request that pages ``people``."""
    names = ", ".join(people) or "those on call there"
    return Page(
        incident=incident.id,
        what=f"page {names} ({why})",
        people=tuple(people),
        service=incident.service,
        severity=incident.severity,
        title=incident.title,
        url=room.settings.team.video,
        at=incident.milestones["declared"],
    )


def whom(room: WarRoom, incident: Incident, words: Iterable[str], now: datetime) -> list[str]:
    """The people that the words of a step mean now, each once."""
    rota, found = room.rota(), []
    for word in words:
        if word == ON_CALL:
            found.append(rota.person(now))
        elif word == NEXT:
            following = rota.following(now)
            found.append(following.person if following else "")
        elif word == EVERYONE:
            found += [person.name for person in room.settings.team.people]
        elif any(role.id == word for role in room.playbook.roles):
            held = incident.roles.get(word)
            able = [person.name for person in room.settings.team.people if word in person.roles]
            found += [held.person] if held else able
        else:
            found.append(word)
    return list(dict.fromkeys(filter(None, found)))


def _through(step: EscalationStep, services: Sequence[str]) -> list[str]:
    """The services a step pages through, of those that may be asked."""
    return [name for name in services if name in step.through or not step.through]


def _asked(room: WarRoom, incident: Incident) -> Iterable[int]:
    """The numbers of the steps that have been asked for."""
    table = room.settings.escalation
    for number in range(len(table.steps) if table else 0):
        ids = (
            outside_id("request", incident.id, "page", service, "escalation", str(number))
            for service in room.settings.paging
        )
        if any(incident.row(id) for id in ids):
            yield number


def _tell_paged(room: WarRoom, story: UnitOfWork, change: str, what: str) -> None:
    """Ask each service through which somebody was paged to acknowledge or resolve its alert."""
    paged: dict[str, list[str]] = {}
    for delivery in room.journal.deliveries(story.incident.id):
        request = delivery.item.request
        if isinstance(request, Page) and request.change == "trigger":
            paged.setdefault(delivery.destination, []).extend(request.people)
    for _, item in story.items:
        if isinstance(item.request, Page) and item.request.change == "trigger":
            paged.setdefault(item.destination, []).extend(item.request.people)
    at = story.incident.milestones["resolved" if change == "resolve" else "acknowledged"]
    for service, people in paged.items():
        if service in takers(room, story.incident, "page"):
            page = page_of(room, story.incident, tuple(dict.fromkeys(people)), "")
            page = page.model_copy(update={"change": change, "what": what})
            add_request(room, story, service, page, once=(change, at.isoformat()))


def _leave_sign(room: WarRoom) -> None:
    now, text = room.clock(), room.journal.observation(SIGN)
    with suppress(ValueError):
        if text and timedelta(0) <= now - datetime.fromisoformat(text) < timedelta(seconds=SIGN_S):
            return
    room.journal.save_observation(SIGN, now.isoformat())
