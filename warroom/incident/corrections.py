"""The commands that put the record right: an entry is never changed, a later one corrects it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from warroom.errors import Refusal
from warroom.incident.commands import CommandContext, not_in_future, required
from warroom.incident.events import (
    EntryAmended,
    EntryRetracted,
    Event,
    Milestone,
    MilestoneAmended,
    NewEntry,
    UnknownEvent,
)
from warroom.incident.incident import Incident, moved_along
from warroom.incident.scrub_events import EntryScrubbed
from warroom.incident.scrubbed import scrub_changes

RETRACTABLE = ("noted", "evidence", "fix", "chat", "alert", "suggestion_dismissed")


@dataclass(frozen=True, slots=True)
class AmendEntry:
    """Correct the text or the time of an entry. ``entry`` is a row number, an id or the beginning of one."""

    entry: str
    words: str | None = None
    at: datetime | None = None
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        row = incident.find_row(self.entry)
        if row.retracted or row.scrubbed:
            what = "retracted" if row.retracted else "scrubbed"
            raise Refusal(f"Entry {row.number} is {what}", "Write a new note instead.")
        words = None if self.words is None else required(self.words, "The text")
        at = not_in_future(self.at, context, "The time") if self.at else None
        if (words is None or words == row.text) and (at is None or at == row.at):
            raise Refusal("It already says that", "Change the text or the time.")
        return [EntryAmended(entry=row.id, words=words, at=at)]


@dataclass(frozen=True, slots=True)
class RetractEntry:
    """Retract an entry. What changed the incident is undone by its own command instead.

    ``entry`` is a row number, an id or the beginning of one.
    """

    entry: str
    reason: str = ""
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        row = incident.find_row(self.entry)
        if row.retracted:
            raise Refusal(f"Entry {row.number} is already retracted", "Nothing to do.")
        if row.entry.event.kind not in RETRACTABLE:
            raise Refusal(
                f"A {row.kind} entry cannot be retracted",
                "Undo it with its own command, or amend its text or time.",
            )
        return [EntryRetracted(entry=row.id, reason=self.reason.strip())]


@dataclass(frozen=True, slots=True)
class ScrubEntry:
    """Remove the text of an entry for good. ``entry`` is a row number, an id or the beginning of one.

    An entry that was scrubbed before is scrubbed again without a new event: the first time may have been cut off.
    """

    entry: str
    reason: str = ""
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        row = incident.find_row(self.entry)
        if row.scrubbed:
            return []
        if isinstance(row.entry.event, UnknownEvent):
            raise Refusal(f"Entry {row.number} is from a newer warroom", "Upgrade warroom here, then scrub it.")
        if not scrub_changes(row.entry.event):
            raise Refusal(f"Entry {row.number} has no text of its own", "Nothing to do.")
        return [EntryScrubbed(entry=row.id, reason=self.reason.strip())]


@dataclass(frozen=True, slots=True)
class AmendMilestone:
    """Say when a milestone really was."""

    milestone: Milestone
    at: datetime
    reason: str = ""
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        at = not_in_future(self.at, context, f"{self.milestone.capitalize()}")
        known = incident.milestones
        if self.milestone == "resolved" and "resolved" not in known:
            raise Refusal(f"{incident.id} is not resolved", "Resolve it first.")
        after = {**known, **moved_along(known, self.milestone, at)}
        start, end = after["started"], after.get("resolved", context.now + timedelta(minutes=1))
        if not all(start <= when <= end for when in after.values()):
            raise Refusal(
                f"{self.milestone.capitalize()} would be outside the incident",
                "Started is first and resolved last: correct the other milestone first.",
            )
        return [MilestoneAmended(milestone=self.milestone, at=at, reason=self.reason.strip())]
