"""Starts workflows of runbook steps at a service: shown first, then recorded and queued in one transaction.

Alert values and what people typed reach a workflow only where the runbook says so, as the whole value of an input.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from warroom import toml
from warroom.config.paths import shown
from warroom.errors import Refusal
from warroom.incident.commands import decide
from warroom.incident.incident import Incident
from warroom.incident.requests import WorkflowRun
from warroom.incident.runbook import Passage, RunbookStep, WorkflowCall, read_workflow
from warroom.incident.runbook_commands import StartStepRun
from warroom.room.requests import add_request, takers
from warroom.room.room import Done, UnitOfWork, WarRoom
from warroom.room.runbook_runs import VARIABLES, incident_variables, read_block
from warroom.room.runbooks import RunbookFile
from warroom.safety import redact

LONGEST_RUN = timedelta(hours=6)
"""How long the result of a workflow is waited for; a job of GitHub Actions may not take longer."""

DEADLINE = timedelta(minutes=10)
"""How long a start that does not get through is tried: a restart an hour later is not what was asked for."""

RUN_VARIABLE = "WARROOM_RUN"
"""Stands for an id of the run alone, by which its workflow can be recognised."""

_VARIABLE = re.compile(r"\$(?:\{(WARROOM_\w+)\}|(WARROOM_\w+))")


@dataclass(frozen=True, slots=True)
class PreparedWorkflow:
    """A workflow exactly as it would be started now: what a person sees before they agree."""

    incident_id: str
    file: RunbookFile
    step: RunbookStep
    block: int
    """Which of the step's commands and workflows, from 1."""
    service: str
    """Who starts it, by its name in the settings."""
    request: WorkflowRun

    @property
    def title(self) -> str:
        """The step, by its number and words."""
        return f"{self.step.number} {self.step.title}"

    @property
    def call(self) -> str:
        """What is started, and with which inputs, in lines."""
        request = self.request
        inputs = "".join(f"\n  {name} = {value}" for name, value in request.inputs.items())
        return f"{request.repository} {request.workflow} @ {request.ref}{inputs}"


def prepare_workflow(
    room: WarRoom, incident_id: str, file: RunbookFile, step_id: str, block: int = 1
) -> PreparedWorkflow:
    """Read the runbook anew and return what a workflow of it would be started with. Starts and records nothing.

    Raises ``Refusal`` where it may not be started, ``NotFound`` where the step is gone.
    """
    incident = room.incident(incident_id)
    file, step, found = read_block(room, incident, file, step_id, block)
    if found.kind != "workflow":
        raise Refusal(f"“{step.title}” runs a command, not a workflow", "Run it as one.")
    call, problems = read_workflow(found)
    if call is None:
        first = problems[0]
        raise Refusal("This workflow cannot be read", f"{shown(file.path)}:{first.line}: {first.text}")
    service = _service(room, incident, call)
    run = uuid4()
    variables = incident_variables(incident, file, step, room.by) | {RUN_VARIABLE: str(run)}
    inputs = {name: _value(name, text, variables, file, found) for name, text in call.inputs.items()}
    what = f"start {call.workflow} of {call.repository}"
    request = WorkflowRun(
        incident=incident.id,
        what=what,
        run=run,
        repository=call.repository,
        workflow=call.workflow,
        ref=call.ref,
        inputs=inputs,
    )
    _refuse_secrets(request, file, found)
    return PreparedWorkflow(incident.id, file, step, block, service, request)


def start_workflow(room: WarRoom, prepared: PreparedWorkflow) -> Done:
    """Record that the previewed workflow starts, and queue it, in one transaction.

    Raises as ``prepare_workflow``, and ``Refusal`` where what would be started has changed since the preview, or
    the same workflow runs already.
    """
    file, step = prepared.file, prepared.step
    now = prepare_workflow(room, prepared.incident_id, file, step.id, prepared.block)
    started_anew = now.request.model_copy(update={"run": prepared.request.run, "inputs": prepared.request.inputs})
    if started_anew != prepared.request or now.service != prepared.service or _inputs(now) != _inputs(prepared):
        raise Refusal("This has changed since the preview", "Nothing was started. Look at it again first.")
    request = prepared.request.model_copy(update={"deadline": room.clock() + DEADLINE})
    start = StartStepRun(
        runbook=file.name,
        runbook_title=file.runbook.title,
        step=step.id,
        title=step.title,
        number=step.number,
        steps=len(file.runbook.steps),
        block=prepared.block,
        blocks=len(step.blocks),
        command=prepared.call,
        folder="",
        limit_s=LONGEST_RUN.total_seconds(),
        drills=file.runbook.drills,
    )

    def decided(story: UnitOfWork) -> None:
        entries = decide(story.incident, start, story.context)
        story.add(entries)
        add_request(room, story, prepared.service, request, about=entries[0].id)

    return room.transact(prepared.incident_id, decided)


def workflow_preview(prepared: PreparedWorkflow) -> str:
    """What a person reads before a workflow is started, in lines."""
    request = prepared.request
    inputs = "\n".join(f"  {name} = {value or '(empty)'}" for name, value in request.inputs.items())
    text = (
        f"  repository  {request.repository}\n"
        f"  workflow    {request.workflow}\n"
        f"  ref         {request.ref}\n\n"
        f"{f'Inputs:{chr(10)}{inputs}' if inputs else 'It gets no inputs.'}\n\n"
        f"Started through {prepared.service}, within {DEADLINE // timedelta(minutes=1)} min or not at all."
    )
    return redact(text, personal=False).text


def _service(room: WarRoom, incident: Incident, call: WorkflowCall) -> str:
    """Who starts workflows of the repository: the first service that may, and whose settings allow it."""
    names = takers(room, incident, "workflow")
    if not names:
        if room.settings.workflows:
            name = next(iter(room.settings.workflows))
            raise Refusal(
                f"{incident.id} is a drill, and {name} is not meant for drills",
                f"Set drills = true in [workflows.{name}] to start workflows in drills.",
            )
        raise Refusal(
            "The settings name no service that starts workflows", "Add [workflows.NAME]: warroom help runbooks."
        )
    for name in names:
        allowed = room.settings.workflows[name].options.get("repositories")
        # A backend that has no such list decides by itself.
        if not isinstance(allowed, list) or call.repository.casefold() in (str(one).casefold() for one in allowed):
            return name
    raise Refusal(
        f"The settings do not let workflows of {call.repository} be started",
        f'Add "{call.repository}" to repositories in [workflows.{names[0]}] if runbooks may start them.',
    )


def _value(name: str, text: str, variables: dict[str, str], file: RunbookFile, block: Passage) -> str:
    """The value of an input. A variable is the whole of it, or it is no variable of ours."""
    found = _VARIABLE.search(text)
    if found is None:
        return text
    variable = found[1] or found[2]
    place = f"{shown(file.path)}, line {block.line}"
    if found[0] != text:
        raise Refusal(f"{variable} must be the whole value of the input {name}", f"Correct it: {place}.")
    known = [RUN_VARIABLE, *(f"WARROOM_{one}" for one in VARIABLES)]
    if variable not in known and not variable.startswith("WARROOM_ALERT_LABEL_"):
        raise Refusal(f"There is no variable {variable}", f"{toml.allowed(known, variable)} {place}.")
    return variables.get(variable, "")


def _refuse_secrets(request: WorkflowRun, file: RunbookFile, block: Passage) -> None:
    """Refuse what would be masked on its way: the workflow would get something else than the runbook says."""
    texts = (request.repository, request.workflow, request.ref, *request.inputs, *request.inputs.values())
    if any(redact(text, personal=False).text != text for text in texts):
        raise Refusal(
            "This workflow holds what looks like a secret",
            f"Keep it as a secret of the repository. {shown(file.path)}, line {block.line}.",
        )


def _inputs(prepared: PreparedWorkflow) -> dict[str, str]:
    """The inputs, without the id that is new for each preview."""
    own = str(prepared.request.run)
    return {name: "" if value == own else value for name, value in prepared.request.inputs.items()}
