"""The commands about runbooks: tick a step, take the tick back, record a run and how it ended.

A run is that of a command on this machine, or of a workflow at a service.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from warroom.errors import NotFound, Refusal
from warroom.incident.commands import CommandContext
from warroom.incident.events import Event, NewEntry
from warroom.incident.identity import outside_id
from warroom.incident.incident import Incident
from warroom.incident.runbook_events import (
    RunbookStepDone,
    RunbookStepUndone,
    RunOutcome,
    StepRunEnded,
    StepRunStarted,
    WorkflowEnded,
)
from warroom.incident.runbook_progress import RunbookProgress


@dataclass(frozen=True, slots=True)
class TickStep:
    """Say that a step of a runbook is done. The fields are those of ``RunbookStepDone``."""

    runbook: str
    runbook_title: str
    step: str
    title: str
    number: int
    steps: int

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        if self.step in _done(incident, self.runbook):
            raise Refusal(f"“{self.title}” is already done", "Nothing to do.")
        done = RunbookStepDone(
            runbook=self.runbook,
            runbook_title=self.runbook_title,
            step=self.step,
            title=self.title,
            number=self.number,
            steps=self.steps,
        )
        return [done]


@dataclass(frozen=True, slots=True)
class UntickStep:
    """Take the tick from a step of a runbook."""

    runbook: str
    step: str
    title: str

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        if self.step not in _done(incident, self.runbook):
            raise Refusal(f"“{self.title}” is not done", "Nothing to do.")
        return [RunbookStepUndone(runbook=self.runbook, step=self.step, title=self.title)]


@dataclass(frozen=True, slots=True)
class StartStepRun:
    """Record that a command of a step is about to run, for at most ``limit_s`` seconds.

    ``drills`` says whether the runbook lets its commands run in a drill. Refused while the same command runs.
    """

    runbook: str
    runbook_title: str
    step: str
    title: str
    number: int
    steps: int
    block: int
    blocks: int
    command: str
    folder: str
    limit_s: float
    drills: bool = False

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        if incident.drill and not self.drills:
            raise Refusal(
                f"{incident.id} is a drill, and “{self.runbook_title}” runs nothing in drills",
                "Where its commands do no harm, write drills: true into its header.",
            )
        progress = incident.runbooks.get(self.runbook)
        running = progress.run_of(self.step, self.block) if progress else None
        if running and running.is_running(context.now):
            raise Refusal(
                f"{running.by or 'Somebody'} has this running since {running.at:%H:%M:%S} UTC",
                "Wait for its result; it is in the timeline when it ends.",
            )
        started = StepRunStarted(
            runbook=self.runbook,
            runbook_title=self.runbook_title,
            step=self.step,
            title=self.title,
            number=self.number,
            steps=self.steps,
            block=self.block,
            blocks=self.blocks,
            command=self.command,
            folder=self.folder,
            until=context.now + timedelta(seconds=self.limit_s),
        )
        return [started]


@dataclass(frozen=True, slots=True)
class EndStepRun:
    """Record how a run ended, once; a step whose commands have all succeeded is then done."""

    run: UUID
    outcome: RunOutcome
    status: int | None = None
    seconds: float = 0.0
    output: str = ""
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        row = incident.row(self.run)
        started = row.entry.event if row else None
        if not isinstance(started, StepRunStarted):
            raise NotFound(f"{incident.id} has no such run", "warroom timeline shows what was run.")
        ended = StepRunEnded(
            run=self.run,
            runbook=started.runbook,
            step=started.step,
            title=started.title,
            outcome=self.outcome,
            status=self.status,
            seconds=round(self.seconds, 1),
            output=self.output,
        )
        entries: list[Event | NewEntry] = [NewEntry(ended, outside_id("step-run", str(self.run)))]
        if ended.succeeded:
            entries += _tick(incident, started, f"exit status {self.status}")
        return entries


@dataclass(frozen=True, slots=True)
class EndWorkflow:
    """Record how a workflow ended, once by all consoles; its step is then done as after ``EndStepRun``.

    The fields are those of ``WorkflowEnded``. One that was not started can be resent, and then has an end as well.
    """

    run: UUID
    conclusion: str = ""
    reason: str = ""
    url: str = ""
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        row = incident.row(self.run)
        id = outside_id("workflow-run", str(self.run), "ended" if self.conclusion else "not started")
        if row is None or not isinstance(started := row.entry.event, StepRunStarted) or incident.row(id):
            return []
        ended = WorkflowEnded(
            run=self.run,
            runbook=started.runbook,
            step=started.step,
            title=started.title,
            conclusion=self.conclusion,
            reason=self.reason,
            seconds=round((context.now - row.entry.at).total_seconds(), 1),
            url=self.url,
        )
        entries: list[Event | NewEntry] = [NewEntry(ended, id)]
        if ended.succeeded:
            entries += _tick(incident, started, f"workflow: {ended.conclusion}")
        return entries


def _tick(incident: Incident, started: StepRunStarted, because: str) -> list[Event]:
    """The tick of a step after a run of it has succeeded, if all else of it has and it is not ticked."""
    progress = incident.runbooks[started.runbook]
    if started.step in progress.done or not _others_succeeded(progress, started):
        return []
    done = RunbookStepDone(
        runbook=started.runbook,
        runbook_title=started.runbook_title,
        step=started.step,
        title=started.title,
        number=started.number,
        steps=started.steps,
        because=because,
    )
    return [done]


def _others_succeeded(progress: RunbookProgress, started: StepRunStarted) -> bool:
    others = [block for block in range(1, started.blocks + 1) if block != started.block]
    runs = [progress.run_of(started.step, block) for block in others]
    return all(run is not None and run.succeeded for run in runs)


def _done(incident: Incident, runbook: str) -> frozenset[str]:
    progress = incident.runbooks.get(runbook)
    return frozenset(progress.done) if progress else frozenset()
