"""The log pane on its own, full-screen, with no incident and no journal. Reads nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.theme import Theme
from textual.widgets import Static

from warroom.logs.view import LogView
from warroom.tui.actions import BY_ID, LOG_ACTIONS, key_of
from warroom.tui.screens.form import Field, Form
from warroom.tui.shell import Shell
from warroom.tui.widgets.bars import Key, KeyBar
from warroom.tui.widgets.logpane import LogPane, next_level


class LogConsole(Shell):
    """Shows a log view until it is left. ``keys`` are the person's own, by action."""

    ENABLE_COMMAND_PALETTE = False
    CSS = Shell.CSS + """
    #title { height: 1; padding: 0 1; background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(BY_ID[name].keys, f"do('{name}')", id=name, show=False) for name in (*LOG_ACTIONS, "quit")),
        Binding("escape,q", "quit", show=False),
    ]

    def __init__(
        self, view: Callable[[], LogView], *, themes: Sequence[Theme], theme: str, keys: dict[str, str]
    ) -> None:
        super().__init__()
        self.use_themes(themes, theme)
        self._open = view
        self._view: LogView | None = None
        self._keys = keys
        self._found = ""
        self.set_keymap({action: key for action, key in keys.items() if action in (*LOG_ACTIONS, "quit")})

    def compose(self) -> ComposeResult:
        yield Static("", id="title", markup=False)
        self._view = self._open()
        yield LogPane(self._view, id="log")
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one(KeyBar).show([
            Key(key_of(name, self._keys), BY_ID[name].bar or BY_ID[name].title.lower(), name)
            for name in (*LOG_ACTIONS, "quit")
        ])  # fmt: skip
        self._pane.focus()

    def on_unmount(self) -> None:
        if self._view:
            self._view.close()

    @property
    def _pane(self) -> LogPane:
        return self.query_one(LogPane)

    def on_log_pane_status_changed(self, event: LogPane.StatusChanged) -> None:
        self.query_one("#title", Static).update(event.pane.title_text())

    async def on_key_bar_pressed(self, event: KeyBar.Pressed) -> None:
        await self.action_do(event.action)

    async def action_do(self, action_id: str) -> None:
        """One of the log's actions, as in the war room."""
        if action_id == "search":
            self.push_screen(Form("search the log", (Field("text", "Find", self._found),), self._find, verb="find"))
        elif action_id == "search_next":
            self._pane.find_previous()
        elif action_id == "level":
            self._pane.set_threshold(next_level(self._pane.view.threshold))
        elif action_id == "follow":
            self._pane.follow()
        else:
            await self.action_quit()

    async def _find(self, values: dict[str, str]) -> None:
        self._found = values["text"]
        self._pane.search(values["text"])

