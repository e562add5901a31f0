"""The events about runbooks: steps that were ticked, commands and workflows of steps that were run."""

from typing import ClassVar, Literal
from uuid import UUID

from warroom.incident.event_base import EventBase, Moment

RunOutcome = Literal["ended", "timed out", "stopped", "not started"]
"""How a run came to its end: by itself, by its time limit, by a person, or before it began."""


class RunbookStepDone(EventBase):
    """A step of a runbook is done.

    ``step`` depends on the words of the step alone; ``number`` is its place among ``steps`` when it was ticked.
    ``because`` is the result that ticked it, "" if a person did.
    """

    kind: Literal["runbook_step"] = "runbook_step"
    label: ClassVar[str] = "runbook"
    runbook: str
    runbook_title: str
    step: str
    title: str
    number: int
    steps: int
    because: str = ""

    @property
    def text(self) -> str:
        because = f" ({self.because})" if self.because else ""
        return f"✓ {self.title}{because} — {self.runbook_title}, step {self.number} of {self.steps}"


class RunbookStepUndone(EventBase):
    """A step of a runbook is not done after all."""

    kind: Literal["runbook_step_undone"] = "runbook_step_undone"
    label: ClassVar[str] = "runbook"
    runbook: str
    step: str
    title: str

    @property
    def text(self) -> str:
        return f"○ {self.title} (unticked)"


class StepRunStarted(EventBase):
    """A person had a command or a workflow of a step run. It is recorded before that starts.

    ``block`` counts what can be run of the step from 1 to ``blocks``. ``command`` is its text; a workflow runs at a
    service and has no ``folder``. ``until`` is when its time is up: without a
    ``StepRunEnded`` by then nobody knows what became of it.
    """

    kind: Literal["step_run"] = "step_run"
    label: ClassVar[str] = "run"
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
    until: Moment

    @property
    def text(self) -> str:
        return f"{self.title} — {self.runbook_title}, step {self.number} of {self.steps}\n{self.command}"


class StepRunEnded(EventBase):
    """A command of a step came to its end. ``run`` is the entry of its ``StepRunStarted``.

    ``status`` is its exit status, None where there is none. ``output`` is what it printed, redacted; where that was
    more than is kept, the end of it.
    """

    kind: Literal["step_result"] = "step_result"
    label: ClassVar[str] = "evidence"
    run: UUID
    runbook: str
    step: str
    title: str
    outcome: RunOutcome
    status: int | None = None
    seconds: float = 0.0
    output: str = ""

    @property
    def result(self) -> str:
        """How it ended, in a few words: ``exit status 0 after 3.2 s``."""
        if self.outcome == "not started":
            return "could not be started"
        after = f"after {self.seconds:.1f} s" if self.seconds < 60 else f"after {self.seconds / 60:.0f} min"
        if self.outcome == "ended" and self.status is not None:
            return f"exit status {self.status} {after}"
        return f"{self.outcome} {after}"

    @property
    def succeeded(self) -> bool:
        return self.outcome == "ended" and self.status == 0

    @property
    def text(self) -> str:
        return f"{self.title}: {self.result}" + (f"\n{self.output}" if self.output else "")


class WorkflowEnded(EventBase):
    """A workflow of a step came to its end, or was not started. ``run`` is the entry of its ``StepRunStarted``.

    ``conclusion`` is the service's word for how it ended, such as "success"; "" for one that was not started, and
    ``reason`` then says why. ``url`` is where the run is.
    """

    kind: Literal["workflow_result"] = "workflow_result"
    label: ClassVar[str] = "evidence"
    run: UUID
    runbook: str
    step: str
    title: str
    conclusion: str = ""
    reason: str = ""
    seconds: float = 0.0
    url: str = ""

    @property
    def result(self) -> str:
        """How it ended, in a few words: ``success after 3 min``."""
        if not self.conclusion:
            return "not started"
        after = f"{self.seconds:.0f} s" if self.seconds < 60 else f"{self.seconds / 60:.0f} min"
        return f"{self.conclusion} after {after}"

    @property
    def succeeded(self) -> bool:
        return self.conclusion == "success"

    @property
    def text(self) -> str:
        more = self.reason or self.url
        return f"{self.title}: {self.result}" + (f"\n{more}" if more else "")
