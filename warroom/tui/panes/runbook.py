"""The runbook beside the log: what to read, the steps with their ticks, the commands with their results."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from textwrap import wrap
from typing import NamedTuple

from textual.content import Content

from warroom.incident.incident import Incident
from warroom.incident.runbook import Passage, Runbook, RunbookStep
from warroom.incident.runbook_progress import RunbookProgress, StepRun
from warroom.safety import redact
from warroom.tui.panes.pane import ListPane
from warroom.tui.widgets.row_list import ListRow
from warroom.tui.widgets.text import literal

NARROWEST = 20


class RunbookCursor(NamedTuple):
    """What a row of the pane is about: a step's id, and which of its blocks (from 1; 0 for the step itself)."""

    step: str
    block: int


def cursor_of(row_id: str) -> RunbookCursor | None:
    """What the row with this id is about; None for one that is about no step."""
    step, block, *_ = [*row_id.split("."), "", ""]
    return RunbookCursor(step, int(block)) if step and block.isdecimal() else None


def next_undone(runbook: Runbook, progress: RunbookProgress | None) -> RunbookStep | None:
    """The first step that is not done; None once all are."""
    done = progress.done if progress else {}
    return next((step for step in runbook.steps if step.id not in done), None)


def runbook_detail(runbook: Runbook, progress: RunbookProgress | None) -> str:
    """What is shown behind the pane's title: which step is next."""
    following = next_undone(runbook, progress)
    place = f"step {following.number} of {len(runbook.steps)}" if following else "all steps done"
    return f"{_safe(runbook.title)} · {place}" if runbook.steps else _safe(runbook.title)


def runbook_rows(runbook: Runbook, progress: RunbookProgress | None, now: datetime, width: int) -> list[ListRow]:
    """The runbook as rows of at most ``width`` columns: each line is one, so that the cursor reaches all of it."""
    following = next_undone(runbook, progress)
    rows: list[ListRow] = []
    for section in runbook.sections:
        if section.title:
            rows.append(ListRow("", literal(_safe(section.title), "$text-primary bold")))
        for number, passage in enumerate(section.passages):
            for line, text in enumerate(_lines(passage, width)):
                rows.append(ListRow(f".{passage.line}.{number}.{line}", literal(text, "$text-quiet")))
        for step in section.steps:
            rows += _step_rows(step, progress, step is following, now, width)
    return rows


def first_row(step: RunbookStep) -> str:
    """The id of the row with the words of a step."""
    return f"{step.id}.0.0"


def _step_rows(
    step: RunbookStep, progress: RunbookProgress | None, following: bool, now: datetime, width: int
) -> Iterator[ListRow]:
    tick = progress.done.get(step.id) if progress else None
    glyph = ("✓ ", "$text-success bold") if tick else ("○ ", "bold" if following else "")
    style = "$text-quiet" if tick else "bold" if following else ""
    by = literal(tick.by.split()[0] if tick.by.strip() else "", "$text-quiet") if tick else None
    room = max(NARROWEST, width - 4 - (by.cell_length + 1 if by else 0))
    for line, text in enumerate(wrap(f"{step.number} {_safe(step.title)}", room) or [""]):
        front = Content.assemble(glyph) if line == 0 else Content("  ")
        yield ListRow(f"{step.id}.0.{line}", front + literal(text, style), by if line == 0 else None)
    block, line = 0, 100
    for passage in step.passages:
        block += passage in step.blocks
        runs = passage.kind in ("sh", "workflow")
        for place, text in enumerate(_lines(passage, width - 4)):
            line += 1
            if not runs:
                yield ListRow(f"{step.id}.0.{line}", literal(f"    {text}", "$text-quiet"))
                continue
            prompt = ("$ " if passage.kind == "sh" else "⇢ ") if place == 0 else "  "
            run = progress.run_of(step.id, block) if progress and place == 0 else None
            tail = _result(run, now) if run else None
            words = Content.assemble("  ", (prompt, "$key bold"), literal(text, "$text-accent"))
            yield ListRow(f"{step.id}.{block}.{line}", words, tail)
        run = progress.run_of(step.id, block) if progress and passage.kind == "workflow" else None
        if run and run.url:
            yield ListRow(f"{step.id}.{block}.{line}.run", literal(f"    {_safe(run.url)}", "$text-quiet"))


def _result(run: StepRun, now: datetime) -> Content:
    """How the last run of a command ended, in a few words and with a sign."""
    if run.result:
        return (
            literal(f"✓ {run.result}", "$text-success")
            if run.succeeded
            else literal(f"! {run.result}", "$text-warning bold")
        )
    if run.url and not run.is_lost(now):
        return literal("… under way there", "$text-primary")
    if run.is_lost(now):
        return literal("? no result: check what it did", "$text-warning bold")
    return literal(f"… {run.by} runs it", "$text-primary")


def _lines(passage: Passage, width: int) -> list[str]:
    """A paragraph wrapped, or the lines of a block as they are, without secrets."""
    text = _safe(passage.text)
    if passage.kind == "text":
        return wrap(text, max(NARROWEST, width - 2)) or [""]
    return text.expandtabs(4).splitlines() or [""]


def _safe(text: str) -> str:
    return redact(text, personal=False).text


def progress_of(incident: Incident, runbook: Runbook) -> RunbookProgress | None:
    """How far the incident is with a runbook; None where nothing of it was done."""
    return incident.runbooks.get(runbook.name)


RUNBOOK = ListPane(
    "runbook",
    "Runbook",
    "pane_runbook",
    "steps",
    lambda given: [],
    private=True,
    empty="There is nothing in this runbook.",
)
"""The frame; the screen fills it, for it knows which runbook is open."""
