"""The commands of an investigation: hypotheses, tasks for a limited time, and undoing what one has just done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from warroom.errors import BadInput, NotFound, Refusal
from warroom.incident.change_events import ChangeDropped, ChangePlanned
from warroom.incident.commands import CommandContext, required
from warroom.incident.events import (
    ActionDone,
    EntryRetracted,
    Event,
    HypothesisConfirmed,
    HypothesisRuledOut,
    ItemChecked,
    ItemUnchecked,
    NewEntry,
    Noted,
    RoleAssigned,
    RoleReleased,
    SuggestionDismissed,
    TaskAssigned,
    TaskDone,
)
from warroom.incident.follow_up import ReopenAction
from warroom.incident.follow_up_events import ItemNotNeeded
from warroom.incident.incident import Hypothesis, HypothesisState, Incident, TimelineRow
from warroom.incident.runbook_events import RunbookStepDone, RunbookStepUndone

UNDO_WITHIN = timedelta(seconds=10)
"""How long a person can undo what they did last."""

TASK_MINUTES = 10
"""How long a task takes unless somebody says otherwise: the length of a timed step of the framework."""

LONGEST_TASK = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class ConfirmHypothesis:
    """Say that a hypothesis is right. ``hypothesis`` is its number; "" means the only one that is open."""

    hypothesis: str = ""
    reason: str = ""

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        found = _to_decide(incident, self.hypothesis, "confirmed")
        return [HypothesisConfirmed(hypothesis=found.entry, words=found.words, reason=self.reason.strip())]


@dataclass(frozen=True, slots=True)
class RuleOutHypothesis:
    """Say that a hypothesis is wrong. ``hypothesis`` is its number; "" means the only one that is open."""

    hypothesis: str = ""
    reason: str = ""

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        found = _to_decide(incident, self.hypothesis, "ruled out")
        return [HypothesisRuledOut(hypothesis=found.entry, words=found.words, reason=self.reason.strip())]


def _to_decide(incident: Incident, number: str, state: HypothesisState) -> Hypothesis:
    """Return the hypothesis of a number. Raises ``Refusal`` if it is in ``state`` already, and ``NotFound``."""
    found = find_hypothesis(incident, number)
    if found.state == state:
        raise Refusal(f"{found.id} is already {state}", "Nothing to do.")
    return found


def find_hypothesis(incident: Incident, number: str) -> Hypothesis:
    """Return the hypothesis of a number (``H2``), or for "" the only one that is open.

    Raises ``NotFound`` naming those there are.
    """
    known = [one for one in incident.hypotheses.values() if one.state != "retracted"]
    open_ones = incident.hypotheses_in("open")
    wanted = number.strip().upper()
    found = [one for one in known if one.id == wanted] if wanted else open_ones
    if len(found) == 1:
        return found[0]
    if not known:
        raise NotFound("There is no hypothesis yet", "Note one first: warroom note --hypothesis TEXT.")
    choices = "; ".join(f"{one.id} {one.words}" for one in (open_ones or known))
    title = f"There is no hypothesis {wanted}" if wanted else "Several hypotheses are open"
    if not wanted and not open_ones:
        title = "No hypothesis is open"
    raise NotFound(title, f"Name one by its number: {choices}.")


@dataclass(frozen=True, slots=True)
class AssignTask:
    """Give a person something to do within ``minutes``; when they are over, the console asks how it went."""

    who: str
    words: str
    minutes: float = TASK_MINUTES

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        if not incident.open:
            raise Refusal(f"{incident.id} is {incident.status}", "Add an action item for what is to be done later.")
        who = required(self.who, "Who does it", "Name a person, such as @Bob.")
        words = required(self.words, "The task", "Say in a few words what to do.")
        span = timedelta(minutes=self.minutes)
        if not timedelta(0) < span <= LONGEST_TASK:
            raise BadInput("A task takes from 1 minute to 24 hours", "Give a time such as 10m or 1h.")
        return [TaskAssigned(who=who, words=words, until=context.now + span)]


@dataclass(frozen=True, slots=True)
class CompleteTask:
    """Say that a task is finished. ``task`` is its number, such as ``T1``."""

    task: str

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        task = incident.tasks.get(self.task.strip().upper())
        if task is None:
            known = ", ".join(one.id for one in incident.open_tasks) or "none"
            raise NotFound(f"There is no task {self.task!r}", f"Open tasks: {known}.")
        if task.done_at:
            raise Refusal(f"{task.id} is already done", "Nothing to do.")
        return [TaskDone(task=task.entry, words=task.words)]


@dataclass(frozen=True, slots=True)
class Undo:
    """Take back one's own last tick, note or role assignment, made within ``UNDO_WITHIN``."""

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        for row in reversed(incident.rows):
            recent = row.by == context.by and context.now - row.entry.at <= UNDO_WITHIN
            if recent and (undone := _undoing(incident, row, context)):
                return undone
        seconds = int(UNDO_WITHIN.total_seconds())
        raise Refusal(
            f"You have not ticked, noted, assigned or finished anything in the last {seconds} s",
            "Untick an item, retract a note or release a role instead.",
        )


def _undoing(incident: Incident, row: TimelineRow, context: CommandContext) -> Sequence[Event | NewEntry]:
    """Return the events that take back what ``row`` did; none if it cannot be taken back, or was already."""
    event, at = row.entry.event, row.entry.at
    if isinstance(event, ActionDone) and not event.via:
        done = next((one for one in incident.actions.values() if one.entry == event.action), None)
        return ReopenAction(done.id).decide(incident, context) if done and done.done_at == at else []
    if (isinstance(event, ItemChecked) and not event.because) or isinstance(event, ItemNotNeeded):
        tick = incident.ticks.get(event.item)
        return [ItemUnchecked(item=event.item, title=event.title)] if tick and tick.at == at else []
    if isinstance(event, RunbookStepDone) and not event.because:
        progress = incident.runbooks.get(event.runbook)
        step = progress.done.get(event.step) if progress else None
        untick = RunbookStepUndone(runbook=event.runbook, step=event.step, title=event.title)
        return [untick] if step and step.entry == row.id else []
    if isinstance(event, Noted) and not row.retracted:
        return [EntryRetracted(entry=row.id, reason="undone"), *_ticks_with(incident, row)]
    if isinstance(event, ChangePlanned):
        planned = any(one.entry == row.id for one in incident.planned_changes)
        drop = ChangeDropped(change=row.id, words=event.words, reason="undone")
        return [drop, *_ticks_with(incident, row)] if planned else []
    if isinstance(event, SuggestionDismissed) and not row.retracted:
        return [EntryRetracted(entry=row.id, reason="undone")]
    if isinstance(event, RoleAssigned):
        held = incident.roles.get(event.role)
        if held is None or held.person != event.person or held.since != at:
            return []
        before = [one.person for one in incident.tenures if one.role == event.role and one.until == at]
        back: Event = RoleReleased(role=event.role, title=event.title, person=event.person)
        if before and before[-1] != event.person:
            back = RoleAssigned(role=event.role, title=event.title, person=before[-1])
        return [back, *_ticks_with(incident, row)]
    return []


def _ticks_with(incident: Incident, row: TimelineRow) -> list[Event]:
    """Return events that untick the items which ``row`` ticked by itself, and which still are."""
    found: list[Event] = []
    for other in incident.rows[row.number :]:
        event = other.entry.event
        if not (isinstance(event, ItemChecked) and event.because == row.entry.event.kind):
            break
        tick = incident.ticks.get(event.item)
        if other.entry.at == row.entry.at and tick and tick.at == row.entry.at:
            found.append(ItemUnchecked(item=event.item, title=event.title))
    return found
