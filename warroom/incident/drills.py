"""Drills in the domain: what a drill's incident records, its fixes judged, the commands of its player."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from warroom.errors import Refusal
from warroom.incident.chat_events import ChatMessage
from warroom.incident.commands import CommandContext, required, resolve_blockers
from warroom.incident.drill_events import DrillEnded, DrillOutcome, DrillStarted, HintGiven, Remedy
from warroom.incident.events import Closed, Event, FixRecorded, NewEntry, Resolved, TaskDone
from warroom.incident.identity import outside_id
from warroom.incident.incident import Incident

DRILL_CHAT = "chat"
"""Where scripted teammates write."""


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────


def drill_started(incident: Incident) -> DrillStarted | None:
    """What the script of this incident's drill wants to see; None for a drill without a script."""
    return next((row.entry.event for row in incident.rows if isinstance(row.entry.event, DrillStarted)), None)


def drill_ended(incident: Incident) -> DrillEnded | None:
    """How this incident's drill ended; None while it is played, and without a script."""
    return next((row.entry.event for row in incident.rows if isinstance(row.entry.event, DrillEnded)), None)


def hints_given(incident: Incident) -> list[HintGiven]:
    """The hints of the script so far."""
    return [row.entry.event for row in incident.rows if isinstance(row.entry.event, HintGiven)]


def counts_as_practice(incident: Incident) -> bool:
    """Whether this is a drill that people worked through: resolved, and not broken off."""
    ended = drill_ended(incident)
    return incident.drill and not incident.open and (ended is None or ended.outcome == "finished")


def took_part(incident: Incident) -> frozenset[str]:
    """Who did something in a drill under their own name. What scripted teammates write does not count."""
    return frozenset(row.by for row in incident.rows if row.by and not is_scripted(row.entry.event))


def is_scripted(event: Event) -> bool:
    """Whether the script wrote this chat message."""
    return isinstance(event, ChatMessage) and event.scripted


def find_remedy(started: DrillStarted, words: str) -> Remedy | None:
    """Return the remedy that a fix in these words is; None if the script knows none such."""
    said = " ".join(words.casefold().split())
    for remedy in started.remedies:
        known = " ".join(remedy.words.casefold().split())
        if said == known or said.startswith(f"{known}: "):  # chosen in the form, with a word about it
            return remedy
    return next((remedy for remedy in started.remedies if mentions(words, remedy.match)), None)


def mentions(text: str, alternatives: Iterable[str]) -> bool:
    """Whether ``text`` has all the words of one of the ``alternatives``, each at the beginning of a word."""
    said = text.casefold()
    return any(
        words and all(re.search(rf"(?<!\w){re.escape(word)}", said) for word in words)
        for alternative in alternatives
        for words in [alternative.casefold().split()]
    )


@dataclass(frozen=True, slots=True)
class JudgedFix:
    """A fix of a drill and the remedy that it is; ``remedy`` is None for one that the script does not know."""

    entry: UUID
    fix: FixRecorded
    remedy: Remedy | None

    @property
    def helps(self) -> bool:
        """Whether it ends the failure."""
        return self.remedy is not None and self.remedy.effect == "helps"


def judged_fixes(incident: Incident) -> list[JudgedFix]:
    """The fixes of a scripted drill, in the order they were recorded; [] for a script without remedies."""
    started = drill_started(incident)
    if started is None or not started.remedies:
        return []
    return [JudgedFix(entry, fix, find_remedy(started, fix.words)) for entry, fix in incident.fixes]


# ── the commands of the player ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class StartDrill:
    """Record that a script is played around this incident, once."""

    started: DrillStarted

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        if not incident.drill:
            raise Refusal(f"{incident.id} is not a drill", "Declare one with --drill.")
        return [NewEntry(self.started, outside_id("drill started", incident.id))]


@dataclass(frozen=True, slots=True)
class GiveHint:
    """Give the hint of a script, once. ``number`` is its place in the script."""

    number: int
    words: str

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        return [NewEntry(HintGiven(words=self.words), outside_id("drill hint", incident.id, str(self.number)))]


@dataclass(frozen=True, slots=True)
class SayInDrill:
    """Have a scripted teammate write in the chat. Under one ``key`` it is recorded once."""

    who: str
    words: str
    key: str
    via: str = DRILL_CHAT

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        message = ChatMessage(who=self.who, via=self.via, words=required(self.words, "The message"), scripted=True)
        return [NewEntry(message, outside_id("drill chat", incident.id, self.key))]


@dataclass(frozen=True, slots=True)
class FinishDrillTask:
    """Record that a scripted teammate finished a task; nothing if it is finished already."""

    task: UUID

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        task = next((one for one in incident.open_tasks if one.entry == self.task), None)
        if task is None:
            return []
        return [NewEntry(TaskDone(task=task.entry, words=task.words), outside_id("drill task", str(task.entry)))]


@dataclass(frozen=True, slots=True)
class EndDrill:
    """Record how a drill ended, once. One that did not finish is closed with it, whatever is outstanding."""

    outcome: DrillOutcome
    reason: str = ""
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        if not incident.drill:
            raise Refusal(f"{incident.id} is not a drill", "Only a drill can be ended this way.")
        if drill_ended(incident):
            return []
        ended = NewEntry(
            DrillEnded(outcome=self.outcome, reason=self.reason), outside_id("drill ended", incident.id)
        )
        more: list[Event | NewEntry] = []
        why = f"drill {self.outcome}"
        if self.outcome != "finished":
            if incident.open:
                more.append(Resolved(overridden=resolve_blockers(incident, context.playbook), reason=why))
            if incident.status != "closed":
                more.append(Closed(reason=why))
        return [ended, *more]
