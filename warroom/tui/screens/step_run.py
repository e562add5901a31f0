"""A command of a runbook: exactly what would run, then, after a second key, its output as it comes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Static

from warroom.errors import WarroomError
from warroom.incident.timing import format_duration
from warroom.room.runbook_preview import preview_text
from warroom.room.runbook_runs import LiveRun, PreparedRun
from warroom.tui.context import ScreenContext
from warroom.tui.screens.detail import Detail
from warroom.tui.widgets.text import block, literal

LOOK_S = 0.2
"""How often the output is drawn anew, in seconds."""


class StepRunScreen(Detail):
    """A preview, then the run. Only ^s runs; escape leaves, and what runs goes on.

    ``start`` runs what was previewed, ``prepare`` makes the preview anew after the file has changed.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "nothing", show=False),  # pressed once more than meant, it must neither run nor close
        Binding("ctrl+s", "start", "Run", show=False),
        Binding("x", "stop", "Stop", show=False),
    ]

    def __init__(
        self,
        context: ScreenContext,
        prepared: PreparedRun,
        start: Callable[[PreparedRun], LiveRun],
        prepare: Callable[[], Awaitable[PreparedRun | None]],
        run: LiveRun | None = None,
    ) -> None:
        super().__init__(f"{prepared.incident_id} · run step {prepared.title}", preview_text(prepared))
        self._screen_context = context
        self._prepared = prepared
        self._start_run = start
        self._prepare = prepare
        self._live = run
        self._began = context.now()
        self._busy = False

    def on_mount(self) -> None:
        self.set_interval(LOOK_S, self._draw)
        self._draw()

    def action_nothing(self) -> None:
        """Enter does nothing here."""

    def action_start(self) -> None:
        """Run what is shown, once."""
        if self._live is None and not self._busy:
            self._busy = True
            self.run_worker(self._begin())

    async def _begin(self) -> None:
        try:
            self._live = await self._screen_context.work(lambda: self._start_run(self._prepared))
            self._began = self._screen_context.now()
        except WarroomError as error:
            self._screen_context.notify_error(error)
            prepared = await self._prepare()
            if prepared is None:
                self.dismiss()
            else:
                self._prepared = prepared
        finally:
            self._busy = False
        self._draw()

    def action_stop(self) -> None:
        """End the command, and all it started."""
        if self._live and self._live.running:
            self._live.stop()

    def _draw(self) -> None:
        if not self.is_attached:
            return
        text, hints = self._shown()
        if text != self._text:
            self._text = text
            self.query_one(Static).update(block(text))
            if self._live:
                self.box.scroll_end(animate=False)
        self.box.border_subtitle = literal(hints)

    def _shown(self) -> tuple[str, str]:
        run = self._live
        if run is None:
            return preview_text(self._prepared), "^s run it · c copy · esc cancel"
        output = run.output.text()
        if run.running:
            took = format_duration(self._screen_context.now() - self._began)
            return f"{output}\n\nRunning, {took}".lstrip(), "x stop it · c copy · esc leave it running"
        if run.result:
            end = f"{run.result.result} — recorded in the timeline"
        else:
            end = f"It has ended, but its result could not be recorded. {run.problem}"
        return f"{output}\n\n{end}".lstrip(), "c copy · esc close"
