"""A workflow of a runbook: exactly what would be started, and a second key that starts it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Static

from warroom.errors import WarroomError
from warroom.room.workflow_runs import PreparedWorkflow, workflow_preview
from warroom.tui.context import ScreenContext
from warroom.tui.screens.detail import Detail
from warroom.tui.widgets.text import block, literal


class WorkflowStartScreen(Detail):
    """A preview. Only ^s starts the workflow; escape leaves.

    ``start`` starts what was previewed, ``prepare`` makes the preview anew after the file has changed.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "nothing", show=False),  # pressed once more than meant, it must neither start nor close
        Binding("ctrl+s", "start", "Start", show=False),
    ]

    def __init__(
        self,
        context: ScreenContext,
        prepared: PreparedWorkflow,
        start: Callable[[PreparedWorkflow], object],
        prepare: Callable[[], Awaitable[PreparedWorkflow | None]],
    ) -> None:
        title = f"{prepared.incident_id} · start the workflow of step {prepared.title}"
        super().__init__(title, workflow_preview(prepared))
        self._screen_context = context
        self._prepared = prepared
        self._start_workflow = start
        self._prepare = prepare
        self._busy = False

    def on_mount(self) -> None:
        self.box.border_subtitle = literal("^s start it · c copy · esc cancel")

    def action_nothing(self) -> None:
        """Enter does nothing here."""

    def action_start(self) -> None:
        """Start what is shown, once."""
        if not self._busy:
            self._busy = True
            self.run_worker(self._begin())

    async def _begin(self) -> None:
        try:
            await self._screen_context.work(lambda: self._start_workflow(self._prepared))
        except WarroomError as error:
            self._screen_context.notify_error(error)
            prepared = await self._prepare()
            if prepared is None:
                self.dismiss()
                return
            self._prepared, self._text = prepared, workflow_preview(prepared)
            self.query_one(Static).update(block(self._text))
            self._busy = False
            return
        self._screen_context.notify("Started; its result will be in the timeline")
        self.dismiss()
