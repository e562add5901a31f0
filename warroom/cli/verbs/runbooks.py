"""The verbs about runbooks: list them with what is wrong in their files, print one, tick and run its steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from warroom.cli import output
from warroom.cli.context import CliContext, verb
from warroom.cli.reporting import confirm
from warroom.config.paths import shown
from warroom.errors import NotFound, Refusal
from warroom.incident.incident import Incident
from warroom.incident.runbook_commands import TickStep, UntickStep
from warroom.safety import redact

if TYPE_CHECKING:
    from warroom.incident.runbook import Runbook, RunbookStep
    from warroom.incident.runbook_progress import RunbookProgress
    from warroom.room.runbooks import RunbookFile, RunbookLibrary

SECTION = "Runbooks"


@verb(SECTION, reads=True, example="warroom runbooks")
def runbooks(context: CliContext) -> None:
    """List the runbooks, what they are about, and what is wrong in their files."""
    library = _library(context)
    if context.json:
        output.data(
            [
                {
                    "name": file.name,
                    "title": file.runbook.title,
                    "path": str(file.path),
                    "services": file.runbook.services,
                    "alerts": file.runbook.alerts,
                    "drills": file.runbook.drills,
                    "steps": len(file.runbook.steps),
                }
                for file in library.files
            ]
        )
    else:
        output.table([[file.name, file.runbook.title, _about(file.runbook)] for file in library.files])
        if not library.files:
            output.print_err("No runbooks. Put Markdown files into a folder of [runbooks]: warroom help runbooks")
    for problem in library.problems:
        output.print_err(f"! {problem}")


@verb(
    SECTION, example="warroom runbook\nwarroom runbook checkout-api --step 3 --done\nwarroom runbook --step 2 --run"
)
@click.argument("name", required=False, metavar="[NAME]")
@click.option("--step", type=click.IntRange(1), metavar="N", help="The step that the others are about.")
@click.option("--done", "tick", flag_value="done", help="Tick the step.")
@click.option("--undone", "tick", flag_value="undone", help="Take the tick from the step.")
@click.option("--run", is_flag=True, help="Show what the step's command or workflow would do, ask, and run it.")
@click.option("--block", type=click.IntRange(1), default=1, metavar="N", help="Which command of the step.")
@click.option("--yes", is_flag=True, help="Run without asking, for scripts.")
def runbook(
    context: CliContext, name: str | None, step: int | None, tick: str | None, run: bool, block: int, yes: bool
) -> None:
    """Print a runbook, tick its steps, run their commands.

    Without a name it is the one about the incident.
    """
    if (tick or run) and step is None:
        raise click.UsageError("Name the step: --step N")
    library = _library(context)
    file = library.find(name) if name else _of_incident(context, library)
    if step is None:
        _print(context, file)
        return
    steps = file.runbook.steps
    if step > len(steps):
        raise NotFound(f"{file.runbook.title} has no step {step}", f"It has {len(steps)}.")
    found = steps[step - 1]
    if run:
        _run(context, file, found, block, yes)
    elif tick:
        _tick(context, file.runbook, found, done=tick == "done")
    elif context.json:
        output.data(_public(file, [found], _progress(context, file.runbook)))
    else:
        output.print_out(f"{found.number}  {_safe(found.title)}")
        for passage in found.passages:
            output.print_out(_indented(passage.text))


def _library(context: CliContext) -> RunbookLibrary:
    from warroom.room.runbooks import read_library

    return read_library(context.room.settings.runbooks.folders)


def _of_incident(context: CliContext, library: RunbookLibrary) -> RunbookFile:
    incident = context.incident()
    matches = library.about(incident)
    if len(matches) == 1:
        return matches[0].file
    if not matches:
        raise NotFound(f"No runbook is about {incident.service}", "Name one: warroom runbooks lists them.")
    names = ", ".join(match.file.name for match in matches)
    raise Refusal("Several runbooks are about this incident", f"Name one of {names}.")


def _about(runbook: Runbook) -> str:
    parts = [", ".join(runbook.services), ", ".join(f"alert {alert}" for alert in runbook.alerts)]
    return " · ".join(part for part in parts if part) or "by its file name"


def _print(context: CliContext, file: RunbookFile) -> None:
    progress = _progress(context, file.runbook)
    if context.json:
        output.data(_public(file, file.runbook.steps, progress))
        return
    output.print_out(f"{_safe(file.runbook.title)}  ({shown(file.path)})")
    for section in file.runbook.sections:
        if section.title:
            output.print_out(f"\n{_safe(section.title)}")
        for passage in section.passages:
            output.print_out(_indented(passage.text))
        for step in section.steps:
            done = "✓" if progress and step.id in progress.done else "○"
            output.print_out(f"\n{done} {step.number}  {_safe(step.title)}")
            for passage in step.passages:
                mark = {"sh": "$ ", "workflow": "⇢ "}.get(passage.kind, "")
                output.print_out(_indented(f"{mark}{passage.text}"))


def _public(file: RunbookFile, steps: Sequence[RunbookStep], progress: RunbookProgress | None) -> dict[str, Any]:
    """The shape that ``runbook --json`` promises, with these of its steps."""
    return {
        "name": file.name,
        "title": _safe(file.runbook.title),
        "path": str(file.path),
        "steps": [
            {
                "step": step.number,
                "title": _safe(step.title),
                "done": bool(progress and step.id in progress.done),
                "passages": [{"kind": one.kind, "text": _safe(one.text)} for one in step.passages],
            }
            for step in steps
        ],
    }


def _progress(context: CliContext, runbook: Runbook) -> RunbookProgress | None:
    """How far the incident is with the runbook; None where there is no incident."""
    if not context.incident_id and not any(row.open for row in context.room.summaries()):
        return None
    return context.incident().runbooks.get(runbook.name)


def _tick(context: CliContext, runbook: Runbook, step: RunbookStep, *, done: bool) -> None:
    incident = context.incident()
    tick = TickStep(runbook.name, runbook.title, step.id, step.title, step.number, len(runbook.steps))
    result = context.room.execute(incident.id, tick if done else UntickStep(runbook.name, step.id, step.title))
    progress = result.incident.runbooks[runbook.name]
    if context.json:
        output.data(
            {"id": incident.id, "runbook": runbook.name, "done": len(progress.done), "steps": progress.steps}
        )
    else:
        output.print_out(f"{incident.id}  {progress.describe()}")


def _run(context: CliContext, file: RunbookFile, step: RunbookStep, block: int, yes: bool) -> None:
    from warroom.room.runbook_preview import preview_text
    from warroom.room.runbook_runs import RunbookRuns, prepare_run

    incident: Incident = context.incident()
    if block <= len(step.blocks) and step.blocks[block - 1].kind == "workflow":
        _start_workflow(context, incident, file, step, block, yes)
        return
    prepared = prepare_run(context.room, incident.id, file, step.id, block)
    if not yes:
        confirm(f"Step {prepared.title}\n\n{preview_text(prepared)}", "Run it?", "nothing ran")
    runs = RunbookRuns(context.room, context.environ)
    run = runs.start(prepared)
    try:
        run.wait()
    except KeyboardInterrupt:
        runs.stop()
    if run.problem:
        raise run.problem
    if run.result is None:
        raise Refusal("It was not ended in time", "warroom timeline shows whether it has ended.")
    if context.json:
        ended = run.result
        output.data(
            {"id": incident.id, "succeeded": ended.succeeded, "result": ended.result, "output": ended.output}
        )
    elif run.result.output:
        output.print_out(run.result.output)
    output.print_err(f"{incident.id}  {run.result.result}")
    if not run.result.succeeded:
        click.get_current_context().exit(1)


def _start_workflow(
    context: CliContext, incident: Incident, file: RunbookFile, step: RunbookStep, block: int, yes: bool
) -> None:
    from warroom.cli.reporting import report_done
    from warroom.room.workflow_runs import prepare_workflow, start_workflow, workflow_preview

    prepared = prepare_workflow(context.room, incident.id, file, step.id, block)
    if not yes:
        confirm(f"Step {prepared.title}\n\n{workflow_preview(prepared)}", "Run it?", "nothing ran")
    report_done(context, start_workflow(context.room, prepared))


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in _safe(text).splitlines())


def _safe(text: str) -> str:
    return redact(text, personal=False).text
