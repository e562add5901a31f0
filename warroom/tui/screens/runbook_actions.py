"""What can be done with runbooks in the war room: open one, tick its steps, run its commands and workflows."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from warroom.incident.advice import NextStep
from warroom.incident.runbook import RunbookStep
from warroom.incident.runbook_commands import TickStep, UntickStep
from warroom.room.runbook_runs import LiveRun, PreparedRun, prepare_run
from warroom.room.runbooks import RunbookFile, RunbookLibrary, read_again, read_library
from warroom.room.workflow_runs import PreparedWorkflow, prepare_workflow, start_workflow
from warroom.tui.panes.pane import Pane
from warroom.tui.panes.runbook import (
    RunbookCursor,
    cursor_of,
    first_row,
    next_undone,
    progress_of,
    runbook_detail,
    runbook_rows,
)
from warroom.tui.screens.confirm import Confirm
from warroom.tui.screens.form_dialog import FieldInput
from warroom.tui.screens.incident_actions import IncidentActions
from warroom.tui.screens.step_run import StepRunScreen
from warroom.tui.screens.workflow_start import WorkflowStartScreen
from warroom.tui.widgets.row_list import ListRow, RowList
from warroom.tui.widgets.text import literal

NO_RUNBOOK = "There is no runbook. Put Markdown files into the folder runbooks beside the settings."
CLOSE = "close"
STEP = "step:"
"""What the target of an action begins with if it is a step of the open runbook."""


class RunbookActions(IncidentActions):
    """An incident screen with a pane for a runbook."""

    runbook: RunbookFile | None = None
    """The one that is open."""
    suggested: RunbookFile | None = None
    """The one that is about this incident, until one is opened."""

    def go(self, name: str = "") -> None:
        """To a pane."""
        raise NotImplementedError

    # ── opening ───────────────────────────────────────────────────────────────────────────────────────────

    def _read(self) -> RunbookLibrary:
        return read_library(self.context.room.settings.runbooks.folders)

    async def look_for_runbook(self) -> None:
        """Find out whether a runbook is about this incident, for the Next line."""
        library = await self.context.run_or_notify(self._read)
        matches = library.about(self.incident) if library else []
        if matches and self.runbook is None:
            self.suggested = matches[0].file

    def runbook_step(self) -> NextStep | None:
        """What Next says of runbooks: that there is one for this incident, until one is opened."""
        if self.suggested is None or self.runbook is not None or not self.incident.open:
            return None
        return NextStep("pane_runbook", "", f"Open the runbook: {self.suggested.runbook.title}")

    async def do_pane_runbook(self) -> None:
        """Go to the open runbook; from there, or where none is open, to another one."""
        steps = self.query_one("#steps", RowList)
        if self.runbook is not None and not steps.has_focus:
            self.go("runbook")
            return
        library = await self.context.run_or_notify(self._read)
        if library is None:
            return
        if not library.files:
            self.context.notify(NO_RUNBOOK, "warning")
            return
        matches = library.about(self.incident)
        if self.runbook is None and len(matches) == 1:
            self.open_runbook(matches[0].file)
            return
        reasons = {match.file.name: match.reason for match in matches}
        others = [file for file in library.files if file.name not in reasons]
        choices = [(match.file.name, match.file.runbook.title, match.reason) for match in matches]
        choices += [(file.name, file.runbook.title, "") for file in others]

        def chosen(name: str | None) -> None:
            if name == CLOSE:
                self.close_runbook()
            elif name:
                self.open_runbook(library.find(name))

        chooser = RunbookChooser(f"{self.incident_id} · runbook", choices, closes=self.runbook is not None)
        self.app.push_screen(chooser, chosen)

    def open_runbook(self, file: RunbookFile) -> None:
        """Show a runbook beside the log, and go there."""
        self.runbook = file
        self.set_class(True, "-runbook")
        self.query_one("#steps", RowList).lead_again()
        self.go("runbook")
        self.show_runbook()
        self.call_after_refresh(self.show_runbook)  # once its width is known
        self.show_next_line()

    def close_runbook(self) -> None:
        """Give its room back to the log."""
        self.runbook = self.suggested = None
        self.set_class(False, "-runbook")
        self.go("logs")

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────

    def show_runbook(self) -> None:
        """Bring the pane up to date with the ticks and the runs; the cursor rests on the next step."""
        if self.runbook is None or self.snapshot is None or not self.is_attached:
            return
        runbook, progress = self.runbook.runbook, progress_of(self.incident, self.runbook.runbook)
        rows = self.query_one("#steps", RowList)
        width = rows.content_size.width or self.size.width // 2
        rows.show(runbook_rows(runbook, progress, self.context.now(), width))
        self.query_one("#runbook", Pane).show_detail(literal(runbook_detail(runbook, progress)))
        self.lead_runbook()

    def lead_runbook(self) -> None:
        """Keep the cursor of the pane on the next step until a person moves it away."""
        if self.runbook is None or self.snapshot is None:
            return
        following = next_undone(self.runbook.runbook, progress_of(self.incident, self.runbook.runbook))
        self.query_one("#steps", RowList).lead("", first_row(following) if following else "")

    # ── steps ─────────────────────────────────────────────────────────────────────────────────────────────

    def target_of(self, action_id: str) -> str:
        steps = self.query_one("#steps", RowList)
        if action_id not in ("check", "run_step") or self.focused is not steps:
            return super().target_of(action_id)
        cursor = cursor_of(steps.cursor_id)
        return f"{STEP}{cursor.step}:{cursor.block}" if cursor else STEP

    def _step(self, target: str) -> tuple[RunbookStep, RunbookCursor] | None:
        """The step that a target names; a notification says so if it names none."""
        step_id, _, block = target.removeprefix(STEP).partition(":")
        step = self.runbook.runbook.step(step_id) if self.runbook else None
        if step is None:
            words = "Put the cursor on a step of the runbook first ({pane_runbook})"
            self.context.notify(self.context.with_keys(words), "warning")
            return None
        return step, RunbookCursor(step_id, int(block or 0))

    async def do_check(self, item: str = "") -> None:
        """Tick an item of the checklist, or a step of the runbook; a ticked step is unticked after a question."""
        if not item.startswith(STEP):
            await super().do_check(item)
            return
        found = self._step(item)
        if found is None or self.runbook is None:
            return
        step, runbook = found[0], self.runbook.runbook
        progress = progress_of(self.incident, runbook)
        tick = progress.done.get(step.id) if progress else None
        if tick is None:
            command = TickStep(runbook.name, runbook.title, step.id, step.title, step.number, len(runbook.steps))
            if await self.run_command(command):
                self.query_one("#steps", RowList).lead_again()
            return
        at = f"{tick.at.astimezone(self.context.zone):%H:%M}"
        question = Confirm(
            f"{self.incident_id} · untick",
            f"Untick step {step.number}?",
            about=f"{step.title}\nTicked by {tick.by or 'warroom'} at {at}. The timeline records the change.",
            no="No, leave it ticked",
            yes="Yes, untick it",
        )

        def answered(yes: bool | None) -> None:
            if yes:
                self.start(partial(self._untick_step, UntickStep(runbook.name, step.id, step.title)))

        self.app.push_screen(question, answered)

    async def _untick_step(self, command: UntickStep) -> None:
        await self.run_command(command)

    async def do_run_step(self, target: str = "") -> None:
        """Show what the command or workflow under the cursor would do; only a second key runs it."""
        found = self._step(target or STEP)
        if found is None or self.runbook is None:
            return
        step, cursor = found
        if not step.blocks:
            self.context.notify(f"Step {step.number} has no command to run", "warning")
            return
        file, block = self.runbook, cursor.block or self._first_to_run(step)
        if block <= len(step.blocks) and step.blocks[block - 1].kind == "workflow":
            await self._preview_workflow(step, block)
            return
        running = self.context.runbook_runs.running(self.incident_id, file.name, step.id, block)
        if running:
            self._show_run(running.prepared, running)
        elif prepared := await self._prepare(step, block):
            self._show_run(prepared)

    def _first_to_run(self, step: RunbookStep) -> int:
        """The first command of a step that has not succeeded yet; the first one once all have."""
        progress = progress_of(self.incident, self.runbook.runbook) if self.runbook else None
        for block in range(1, len(step.blocks) + 1):
            run = progress.run_of(step.id, block) if progress else None
            if run is None or not run.succeeded:
                return block
        return 1

    async def _preview_workflow(self, step: RunbookStep, block: int) -> None:
        room = self.context.room

        async def prepare() -> PreparedWorkflow | None:
            fresh = await self._read_again()
            if fresh is None:
                return None
            return await self.context.run_or_notify(
                lambda: prepare_workflow(room, self.incident_id, fresh, step.id, block)
            )

        if prepared := await prepare():
            self.app.push_screen(
                WorkflowStartScreen(self.context, prepared, lambda one: start_workflow(room, one), prepare)
            )

    async def _read_again(self) -> RunbookFile | None:
        """Read the file anew: the pane then shows what would run."""
        file, room = self.runbook, self.context.room
        if file is None:
            return None
        fresh = await self.context.run_or_notify(lambda: read_again(room.settings.runbooks.folders, file))
        if fresh is not None:
            self.runbook = fresh
            self.show_runbook()
        return fresh

    async def _prepare(self, step: RunbookStep, block: int) -> PreparedRun | None:
        room, fresh = self.context.room, await self._read_again()
        if fresh is None:
            return None
        return await self.context.run_or_notify(lambda: prepare_run(room, self.incident_id, fresh, step.id, block))

    def _show_run(self, prepared: PreparedRun, run: LiveRun | None = None) -> None:
        def ended(live: LiveRun) -> None:  # from the thread of the run
            if not screen.is_attached:
                result = live.result.result if live.result else f"its result is lost: {live.problem}"
                self.context.notify(f"Step {prepared.title}: {result}")

        def start(prepared: PreparedRun) -> LiveRun:
            return self.context.runbook_runs.start(prepared, ended)

        screen = StepRunScreen(
            self.context, prepared, start, lambda: self._prepare(prepared.step, prepared.block), run
        )
        self.app.push_screen(screen)


class RunbookChooser(ModalScreen[str]):
    """Choose a runbook: those about the incident come first; typing searches the titles. Escape leaves."""

    DEFAULT_CSS = """
    RunbookChooser { align: center middle; }
    RunbookChooser > Vertical {
        width: 84; max-width: 96%; height: 18; max-height: 90%; padding: 0 1;
        background: $panel; border: round $border; border-title-color: $text-primary;
        border-subtitle-color: $text-quiet;
    }
    RunbookChooser Input, RunbookChooser Input:focus { border: none; height: 1; padding: 0 1; }
    RunbookChooser Input, RunbookChooser Input:focus { background: $surface; }
    RunbookChooser RowList { background: $panel; margin-top: 1; }
    RunbookChooser.-privacy RowList { visibility: hidden; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Leave", show=False)]

    def __init__(self, title: str, choices: list[tuple[str, str, str]], *, closes: bool) -> None:
        super().__init__()
        self._title = title
        self._choices = choices
        self._closes = closes

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = literal(self._title)
            box.border_subtitle = "↵ open · esc leave"
            yield FieldInput(placeholder="search the titles", id="wanted", select_on_focus=False)
            yield RowList(id="found", empty="No runbook has these words in its title.")

    def on_mount(self) -> None:
        self._fill("")
        self.query_one("#wanted").focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._fill(event.value)

    def _fill(self, wanted: str) -> None:
        words = wanted.casefold().split()
        rows = [
            ListRow(name, literal(title), literal(reason or name, "$text-accent" if reason else "$text-quiet"))
            for name, title, reason in self._choices
            if all(word in f"{title} {name}".casefold() for word in words)
        ]
        if self._closes and not words:
            rows.append(ListRow(CLOSE, literal("(close the runbook)", "$text-quiet")))
        found = self.query_one("#found", RowList)
        found.show(rows)
        found.lead(found.cursor_id)

    def on_key(self, event: events.Key) -> None:
        found = self.query_one("#found", RowList)
        if event.key in ("up", "down"):
            event.stop()
            found.action_move(1 if event.key == "down" else -1)
            found.lead(found.cursor_id)

    def on_input_submitted(self) -> None:
        self._choose(self.query_one("#found", RowList).cursor_id)

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self._choose(event.row_id)

    def _choose(self, name: str) -> None:
        if name:
            self.dismiss(name)
