"""The commands about a change that is planned: record it before it is made, then mark it made, or drop it.

That a change is documented, with its rollback, before it is made is what the framework's third pitfall asks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from warroom.errors import Refusal
from warroom.incident.change_events import ChangeDropped, ChangePlanned
from warroom.incident.commands import CommandContext, required
from warroom.incident.events import Event, NewEntry, Noted
from warroom.incident.incident import Incident
from warroom.incident.planned_changes import find_planned


@dataclass(frozen=True, slots=True)
class PlanChange:
    """Record a change before it is made, with the way back."""

    words: str
    rollback: str

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        words, rollback = required(self.words, "The change"), self.rollback.strip()
        if not rollback:
            raise Refusal(
                "A planned change needs its rollback plan", "Say how to undo it, or “none” if it cannot be undone."
            ).about("rollback")
        return [ChangePlanned(words=words, rollback=rollback)]


@dataclass(frozen=True, slots=True)
class MakeChange:
    """Say that a planned change is made. ``change`` is its number; "" means the only one that is planned."""

    change: str = ""

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        found = find_planned(incident.changes, self.change)
        return [Noted(note="change", words=found.words, rollback=found.rollback, planned=found.entry)]


@dataclass(frozen=True, slots=True)
class DropChange:
    """Say that a planned change is not made. ``change`` is its number; "" means the only one that is planned."""

    change: str = ""
    reason: str = ""

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        found = find_planned(incident.changes, self.change)
        return [ChangeDropped(change=found.entry, words=found.words, reason=self.reason.strip())]
