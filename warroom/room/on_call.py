"""What people do about who is on call: swap turns, take the pager; and the list of whom to call. Sends nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from warroom.config.rota import Rota
from warroom.errors import BadInput
from warroom.incident.commands import CommandContext
from warroom.incident.events import NewEntry
from warroom.incident.incident import Incident
from warroom.incident.on_call_events import OnCallTaken
from warroom.incident.team import TeamState
from warroom.room.room import WarRoom
from warroom.safety import redact


def swap_turns(room: WarRoom, person: str, other: str, on: date, other_on: date | None = None) -> None:
    """Record that two people swap turns, see ``Rota.swap``; its ``Refusal`` where there is no such turn."""

    def decided(team: TeamState, context: CommandContext) -> Sequence[NewEntry]:
        rota = Rota(room.settings.on_call, room.zone, team.on_call, room.rota().report)
        return [NewEntry(rota.swap(person, other, on, other_on), context.new_id())]

    room.transact_team(decided)


def take_on_call(room: WarRoom, person: str, start: datetime, until: datetime) -> None:
    """Record that ``person`` is on call from ``start`` to ``until``, whoever's turn it is. ``BadInput`` for a time
    that is over before it begins."""
    if until <= start or until <= room.clock():
        raise BadInput("That time is over", "Give a later --until.")
    taken = OnCallTaken(person=redact(person, personal=False).text, start=start, until=until)
    room.transact_team(lambda team, context: [NewEntry(taken, context.new_id())])


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody to call, why they stand where they do in the list, and how to reach them."""

    name: str
    because: str
    phone: str = ""
    email: str = ""
    handles: Mapping[str, str] = field(default_factory=dict)

    @property
    def handles_text(self) -> str:
        """The handles in one line."""
        return ", ".join(f"{service} {handle}" for service, handle in self.handles.items())


def contact_list(room: WarRoom, incident: Incident | None = None) -> list[Contact]:
    """Whom to call, each person once: on call now, next, who holds a role, whom the escalation pages, everyone."""
    known = {person.name: person for person in room.settings.team.people}
    found: dict[str, Contact] = {}
    for name, because in _in_order(room, incident):
        if name and name not in found:
            person = known.get(name)
            if person is None:
                found[name] = Contact(name, because)
            else:
                found[name] = Contact(name, because, person.phone, person.email, person.handles)
    return list(found.values())


def _in_order(room: WarRoom, incident: Incident | None) -> Iterator[tuple[str, str]]:
    from warroom.room.escalation import whom

    rota, now = room.rota(), room.clock()
    yield rota.person(now), "on call now"
    for held in incident.roles.values() if incident else ():
        yield held.person, held.title.lower()
    following = rota.following(now)
    if following:
        yield following.person, f"on call from {following.begins.astimezone(room.zone):%a %d %b %H:%M}"
    for step in room.settings.escalation.steps if room.settings.escalation and incident else ():
        for name in whom(room, incident, step.page, now) if incident else ():
            yield name, "escalation"
    for person in room.settings.team.people:
        titles = [role.title.lower() for role in room.playbook.roles if role.id in person.roles]
        yield person.name, f"can be {', '.join(titles)}" if titles else ""
