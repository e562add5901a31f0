"""The card that a demo begins with: who you are, what will happen, and when."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from warroom.tui.widgets.text import block, literal

ALERT_AFTER = timedelta(seconds=5)
"""How long the card waits before it closes by itself."""


class BriefingScreen(ModalScreen[None]):
    """``text`` under a title, with a countdown. Enter or escape ends the countdown.

    Then ``start`` is called, once, and the card closes when it is done: a key that is pressed twice meanwhile must
    not mean the screen below.
    """

    DEFAULT_CSS = """
    BriefingScreen { align: center middle; }
    BriefingScreen Vertical {
        width: 76; max-width: 96%; height: auto; max-height: 96%; padding: 1 2;
        background: $panel; border: round $border; border-title-color: $text-primary; border-title-style: bold;
    }
    BriefingScreen #countdown { color: $key; text-style: bold; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,escape,space", "start", "Start", show=False)]

    def __init__(
        self, title: str, text: str, now: Callable[[], datetime], start: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__()
        self._start = start
        self._started = False
        self._title = title
        self._text = text
        self._now = now
        self._until = now() + ALERT_AFTER

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = literal(self._title)
            yield Static(block(self._text), markup=False)
            yield Static("", id="countdown", markup=False)

    def on_mount(self) -> None:
        self.set_interval(0.25, self.tick)
        self.tick()

    def tick(self) -> None:
        """Show the seconds left; at the end close."""
        left = self._until - self._now()
        if left <= timedelta(0) or self._started:
            self.action_start()
            return
        seconds = -(-int(left.total_seconds() * 1000) // 1000)
        self.query_one("#countdown", Static).update(f"The alert comes in {seconds} s. Enter starts at once.")

    def action_start(self) -> None:
        """End the countdown."""
        if not self._started:
            self._started = True
            self.query_one("#countdown", Static).update("The alert comes now.")
            self.run_worker(self._run())

    async def _run(self) -> None:
        await self._start()
        self.dismiss()
