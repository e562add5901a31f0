"""Shares what was learned with the team: the command that records it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from warroom.errors import Refusal
from warroom.incident.commands import CommandContext, required
from warroom.incident.events import Event, NewEntry
from warroom.incident.identity import outside_id
from warroom.incident.incident import Incident
from warroom.incident.learning_events import LearningsShared


@dataclass(frozen=True, slots=True)
class ShareLearnings:
    """Post ``words`` to the team. It is posted once for each incident; ``url`` is the document's address."""

    words: str
    url: str = ""
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        if incident.open:
            raise Refusal(f"{incident.id} is still open", "Resolve it first.")
        return [
            NewEntry(LearningsShared(words=required(self.words, "The text"), url=self.url), shared_id(incident.id))
        ]


def shared_id(incident_id: str) -> UUID:
    """Return the id of the entry: the same in every process."""
    return outside_id("learnings", incident_id)


def is_shared(incident: Incident) -> bool:
    """Whether the learnings of an incident were posted to the team."""
    return incident.row(shared_id(incident.id)) is not None
