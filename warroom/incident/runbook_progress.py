"""How far the runbooks of an incident are worked through, folded from its entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from warroom.incident.events import Entry
from warroom.incident.requests import RequestAccepted
from warroom.incident.runbook_events import (
    RunbookStepDone,
    RunbookStepUndone,
    StepRunEnded,
    StepRunStarted,
    WorkflowEnded,
)


@dataclass(frozen=True, slots=True)
class StepTick:
    """A step that is done: by which entry, when, by whom, and the result that ticked it ("" if a person did)."""

    entry: UUID
    at: datetime
    by: str
    because: str = ""


@dataclass(frozen=True, slots=True)
class StepRun:
    """A command or a workflow of a step that was run.

    ``result`` is "" while it runs, or is not known to have ended. ``url`` is where a workflow's run is,
    "" if that is not known.
    """

    entry: UUID
    by: str
    at: datetime
    step: str
    block: int
    blocks: int
    until: datetime
    result: str = ""
    succeeded: bool = False
    url: str = ""

    def is_running(self, now: datetime) -> bool:
        """Whether it may still run: its end is not recorded, and its time is not up."""
        return not self.result and now < self.until

    def is_lost(self, now: datetime) -> bool:
        """Whether its end should be recorded by now and is not, such as when its console was killed."""
        return not self.result and now >= self.until


@dataclass(frozen=True, slots=True)
class RunbookProgress:
    """What was done of a runbook: its steps that are ticked, and what was run, by the steps' ids."""

    name: str
    title: str
    steps: int
    """How many steps it had when one was ticked or run last."""
    done: Mapping[str, StepTick] = field(default_factory=dict)
    runs: tuple[StepRun, ...] = ()
    """In the order they were started."""

    def run_of(self, step: str, block: int) -> StepRun | None:
        """The last run of a command of a step; None if it was not run."""
        return next((run for run in reversed(self.runs) if (run.step, run.block) == (step, block)), None)

    def describe(self) -> str:
        """How far it is: ``Checkout is down: 2 of 7 steps done``."""
        return f"{self.title}: {min(len(self.done), self.steps)} of {self.steps} steps done"


def fold_runbook(runbooks: dict[str, RunbookProgress], entry: Entry) -> None:
    """Bring ``runbooks`` up to date with an entry about one of them, which then is the last one."""
    event = entry.event
    if isinstance(event, RunbookStepDone):
        known = _begun(runbooks, event)
        tick = StepTick(entry.id, entry.at, entry.by, event.because)
        _put(runbooks, replace(known, done={**known.done, event.step: tick}))
    elif isinstance(event, RunbookStepUndone):
        if known_ := runbooks.get(event.runbook):
            _put(runbooks, replace(known_, done={k: v for k, v in known_.done.items() if k != event.step}))
    elif isinstance(event, StepRunStarted):
        known = _begun(runbooks, event)
        run = StepRun(entry.id, entry.by, entry.at, event.step, event.block, event.blocks, event.until)
        _put(runbooks, replace(known, runs=(*known.runs, run)))
    elif isinstance(event, StepRunEnded | WorkflowEnded) and (known_ := runbooks.get(event.runbook)):
        _put(runbooks, _with_run(known_, event.run, result=event.result, succeeded=event.succeeded))
    elif isinstance(event, RequestAccepted) and event.about:
        for known in tuple(runbooks.values()):
            if any(run.entry == event.about for run in known.runs):
                # One that had not been started was resent: it runs now.
                _put(runbooks, _with_run(known, event.about, url=event.url, result=""))


def _with_run(known: RunbookProgress, entry: UUID, **changes: Any) -> RunbookProgress:
    runs = tuple(replace(run, **changes) if run.entry == entry else run for run in known.runs)
    return replace(known, runs=runs)


def _begun(runbooks: dict[str, RunbookProgress], event: RunbookStepDone | StepRunStarted) -> RunbookProgress:
    known = runbooks.get(event.runbook) or RunbookProgress(event.runbook, event.runbook_title, event.steps)
    return replace(known, title=event.runbook_title, steps=event.steps)


def _put(runbooks: dict[str, RunbookProgress], progress: RunbookProgress) -> None:
    runbooks.pop(progress.name, None)
    runbooks[progress.name] = progress
