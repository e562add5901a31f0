"""What the team did about an incident, in the past tense: the actions that an update lists. Pure.

An action is about the incident: a change, a decision, a fix, what was found out. Ticking a box is none: what
the box stands for is recorded by itself where it matters to readers.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo

from warroom.incident.alert_events import AlertSilenced
from warroom.incident.events import (
    EvidencePinned,
    FixRecorded,
    HypothesisConfirmed,
    HypothesisRuledOut,
    Noted,
    SeveritySet,
    TaskDone,
)
from warroom.incident.incident import Incident, TimelineRow
from warroom.incident.playbook import Playbook
from warroom.incident.runbook_events import RunbookStepDone, StepRunEnded, WorkflowEnded

MAX_LENGTH = 200
"""Characters of one action."""

_NOTES = {"finding": "Found", "change": "Changed", "decision": "Decided", "hypothesis": "Suspected"}


def actions_taken(incident: Incident, playbook: Playbook, after: int, zone: tzinfo) -> Iterator[str]:
    """Yield what was done after row number ``after``, in the order in which it happened, one line each.

    ``zone`` is the team's, for times of day.
    """
    for row in incident.timeline:
        if row.number > after and not row.withdrawn and (action := describe_action(row, incident, playbook, zone)):
            line = " ".join(action.split())
            yield line if len(line) <= MAX_LENGTH else line[: MAX_LENGTH - 1] + "…"


def describe_action(row: TimelineRow, incident: Incident, playbook: Playbook, zone: tzinfo) -> str:
    """Return what a row of the timeline adds to the actions, "" if nothing."""
    event = row.entry.event
    if isinstance(event, Noted):
        return _describe_note(row, event, incident)
    if isinstance(event, HypothesisConfirmed):
        return f"Confirmed: {event.words}"
    if isinstance(event, HypothesisRuledOut):
        return f"Ruled out: {event.words}"
    if isinstance(event, FixRecorded):
        return f"Applied a {'temporary' if event.temporary else 'permanent'} fix: {row.words or event.words}"
    if isinstance(event, EvidencePinned):
        return f"Found evidence: {row.text}"
    if isinstance(event, RunbookStepDone):
        return _describe_step(event, incident)
    if isinstance(event, StepRunEnded | WorkflowEnded):
        return _describe_run(event)
    if isinstance(event, AlertSilenced):
        return f"Silenced the alert {event.name} until {event.until.astimezone(zone):%H:%M %Z}"
    if isinstance(event, TaskDone):
        return f"Finished: {event.words}"
    if isinstance(event, SeveritySet):
        return _describe_severity(event, playbook)
    return ""


def _describe_note(row: TimelineRow, event: Noted, incident: Incident) -> str:
    if event.note == "hypothesis" and not any(one.entry == row.id for one in incident.hypotheses_in("open")):
        return ""  # what became of it is an entry of its own
    return f"{_NOTES[event.note]}: {row.text}" if event.note in _NOTES else ""


def _describe_step(event: RunbookStepDone, incident: Incident) -> str:
    """A step that people did by hand. One that a command has ticked is described by the run."""
    progress = incident.runbooks.get(event.runbook)
    if event.because or not progress or event.step not in progress.done:
        return ""
    return f"Followed the runbook {event.runbook_title}: {event.title}"


def _describe_run(event: StepRunEnded | WorkflowEnded) -> str:
    if isinstance(event, StepRunEnded):
        return "" if event.outcome == "not started" else f"Ran a runbook step: {event.title} ({event.result})"
    return f"Ran a workflow: {event.title} ({event.result})" if event.conclusion else ""


def _describe_severity(event: SeveritySet, playbook: Playbook) -> str:
    order = [severity.id for severity in playbook.severities]  # the worst first
    before, after = (severity_title(playbook, id) for id in (event.before, event.severity))
    if event.before not in order or event.severity not in order:
        return f"Changed the severity from {before} to {after}"
    raised = order.index(event.severity) < order.index(event.before)
    return f"{'Raised' if raised else 'Lowered'} the severity from {before} to {after}"


def severity_title(playbook: Playbook, id: str) -> str:
    """Return the severity's title, or its id if the playbook no longer has it."""
    return next((severity.title for severity in playbook.severities if severity.id == id), id.capitalize())
