"""The commands about roles: who holds one, and how it passes from one person to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from warroom.errors import Refusal
from warroom.incident.commands import CommandContext, required
from warroom.incident.events import (
    Event,
    HandoverOffered,
    NewEntry,
    RoleAssigned,
    RoleReleased,
)
from warroom.incident.incident import Incident


@dataclass(frozen=True, slots=True)
class Assign:
    """Give a role to a person, whoever held it before."""

    role: str
    person: str

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        role = context.playbook.role(self.role)
        person = required(self.person, "The person", "Name who takes the role.")
        held = incident.roles.get(role.id)
        if held and held.person == person:
            raise Refusal(f"{person} is {role.title} already", "Nothing to do.")
        return [RoleAssigned(role=role.id, title=role.title, person=person)]


@dataclass(frozen=True, slots=True)
class TakeRoles:
    """Take every role that nobody holds."""

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        free = [role for role in context.playbook.roles if role.id not in incident.roles]
        if not free:
            raise Refusal("Every role has somebody", "Hand one over, or release it first.")
        return [RoleAssigned(role=role.id, title=role.title, person=context.by) for role in free]


@dataclass(frozen=True, slots=True)
class Release:
    """Take a role from its holder."""

    role: str

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        role = context.playbook.role(self.role)
        held = incident.roles.get(role.id)
        if not held:
            raise Refusal(f"Nobody is {role.title}", "Nothing to do.")
        return [RoleReleased(role=role.id, title=role.title, person=held.person)]


@dataclass(frozen=True, slots=True)
class HandOver:
    """Offer a role to another person; they hold it only once they accept."""

    role: str
    to: str
    briefing: str = ""

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        role = context.playbook.role(self.role)
        to = required(self.to, "The person", "Name who takes over.")
        held = incident.roles.get(role.id)
        if not held:
            raise Refusal(f"Nobody is {role.title}", f"Assign it: warroom assign {role.id} {to}.")
        if held.person == to:
            raise Refusal(f"{to} is {role.title} already", "Nothing to do.")
        return [
            HandoverOffered(
                role=role.id, title=role.title, holder=held.person, to=to, briefing=self.briefing.strip()
            )
        ]


@dataclass(frozen=True, slots=True)
class AcceptHandover:
    """Say yes to a role that is offered."""

    role: str

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        role = context.playbook.role(self.role)
        held = incident.roles.get(role.id)
        if not held or not held.offered_to:
            raise Refusal(f"{role.title} has not been offered to anyone", "Offer it first: warroom handover.")
        return [RoleAssigned(role=role.id, title=role.title, person=held.offered_to, handed_over_by=held.person)]
