"""One thing in full, over the screen. Changes nothing."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from warroom.tui.actions import BY_ID
from warroom.tui.widgets.text import block, literal


class Detail(ModalScreen[None]):
    """``text`` in full. Escape or enter leaves; c copies it."""

    DEFAULT_CSS = """
    Detail { align: center middle; }
    Detail VerticalScroll {
        width: 100; max-width: 96%; height: auto; max-height: 90%; padding: 0 1;
        background: $panel; border: round $border; border-title-color: $text-primary;
        border-subtitle-color: $text-quiet;
    }
    Detail.-revealed VerticalScroll { border: heavy $error; border-subtitle-color: $text-error; }
    Detail.-privacy Static { visibility: hidden; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss", "Leave", show=False),
        Binding(BY_ID["copy"].keys, "copy", "Copy", id="copy", show=False),
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self.box = VerticalScroll()

    def compose(self) -> ComposeResult:
        with self.box as box:
            box.border_title = literal(self._title)
            box.border_subtitle = "c copy · esc close"
            yield Static(block(self._text))

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(block(self._text).plain)
        self.notify("Copied", markup=False)
