"""Logs on their own, full-screen, with no incident and no journal. Reads nothing itself.

Importing this loads Textual and little else: settings and themes are read once log text is on the screen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.theme import Theme
from textual.widgets import Static

from warroom import collector
from warroom.logs.view import MAX_BYTES, LogView
from warroom.tui.actions import BY_ID, LOG_ACTIONS, key_of
from warroom.tui.base import BaseApp
from warroom.tui.panes.logs.box import LogBox
from warroom.tui.panes.logs.pane import LogPane
from warroom.tui.widgets.bars import Key, KeyBar

if TYPE_CHECKING:
    from warroom.errors import WarroomError

_KEYS = (*LOG_ACTIONS, "help", "quit")
_BAR = ("search", "filter_in", "filter_out", "level", "go_to", "wrap", "watch", "follow", "help", "quit")


@dataclass(frozen=True, slots=True)
class LogViewerDeps:
    """The person's settings of the console: its theme, own keys by action, the zone of times,
    and how much is kept of logs that cannot be read again."""

    themes: Sequence[Theme] = ()
    theme: str = ""
    keys: dict[str, str] = field(default_factory=dict)
    zone: tzinfo = UTC
    log_bytes: int = MAX_BYTES


class LogViewerApp(BaseApp):
    """Shows a log view until it is left. ``view`` opens it.

    ``build_deps`` is called once log text is on the screen, in a thread; if it raises a WarroomError, the
    console ends and ``failed`` holds it.
    """

    ENABLE_COMMAND_PALETTE = False
    CSS = (
        BaseApp.CSS
        + """
    #title { height: 1; padding: 0 1; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }
    """
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(BY_ID[name].keys, f"do('{name}')", id=name, show=False) for name in _KEYS),
        Binding("escape,q", "quit", show=False),
    ]

    def __init__(
        self,
        view: Callable[[], LogView],
        *,
        build_deps: Callable[[], LogViewerDeps] | None = None,
        crash_folder: Path | None = None,
    ) -> None:
        super().__init__(crash_folder=crash_folder)
        self._view = view()  # the file is being read while the screen comes up
        self._build_deps = build_deps
        self._keys: dict[str, str] = {}
        self.failed: WarroomError | None = None
        self._box = LogBox(self._view)

    def compose(self) -> ComposeResult:
        yield Static("", id="title", markup=False)
        yield self._box
        yield KeyBar()

    def on_mount(self) -> None:
        self.goes_on = True
        self._show_keys()
        self._box.pane.focus()
        self.call_after_refresh(lambda: self.set_timer(0.05, self._move_in))

    def on_unmount(self) -> None:
        self._view.close()

    def _move_in(self) -> None:
        self.run_worker(self._with_deps())

    async def _with_deps(self) -> None:
        from warroom.errors import WarroomError

        if self._build_deps:
            try:
                deps = await asyncio.to_thread(self._build_deps)
            except WarroomError as error:
                self.failed = error
                self.exit(return_code=error.exit_status)
                return
            self._view.zone = deps.zone
            self._view.max_bytes = deps.log_bytes
            self._keys = deps.keys
            self.set_keymap({action: key for action, key in deps.keys.items() if action in _KEYS})
            self.use_themes(deps.themes, deps.theme)
            self._show_keys()
        collector.loaded()

    def _show_keys(self) -> None:
        self.query_one(KeyBar).show(
            [Key(key_of(name, self._keys), BY_ID[name].bar or BY_ID[name].title.lower(), name) for name in _BAR]
        )

    def on_log_pane_status_changed(self, event: LogPane.StatusChanged) -> None:
        for title in self.query("#title").results(Static):  # none any more once the screen is being left
            title.update(event.pane.title_text(), layout=False)

    def on_log_pane_opened(self, event: LogPane.Opened) -> None:
        from warroom.tui.screens.record_detail import RecordScreen

        self.push_screen(RecordScreen(event.record, self._view.zone, revealed=event.revealed, keys=self._keys))

    async def on_key_bar_pressed(self, event: KeyBar.Pressed) -> None:
        await self.action_do(event.action)

    async def action_do(self, action_id: str) -> None:
        """One of the log's actions, as in the war room."""
        if action_id == "quit":
            await self.action_quit()
        elif len(self.screen_stack) > 1:
            return
        elif action_id == "help":
            self._help()
        else:
            self._box.do(action_id)

    def _help(self) -> None:
        from warroom.tui.screens.help import HelpScreen

        async def do(action_id: str | None) -> None:
            if action_id:
                await self.action_do(action_id)

        self.push_screen(HelpScreen({"In a log": [BY_ID[name] for name in _KEYS]}, self._keys), do)
