"""The composer's tabs: which message is written. Holds only which one is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget


class AudienceTabs(Widget, can_focus=True):
    """The messages that can be written, one of them chosen; left and right choose."""

    DEFAULT_CSS = """
    AudienceTabs { height: 1; width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", show=False),
        Binding("right", "step(1)", show=False),
    ]

    class Chosen(Message):
        """Another message was chosen."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._names: tuple[tuple[str, str], ...] = ()
        self._chosen = ""

    def show(self, names: Sequence[tuple[str, str]], chosen: str) -> None:
        """Show the choices (value, label) and which value is chosen."""
        if (tuple(names), chosen) != (self._names, self._chosen):
            self._names, self._chosen = tuple(names), chosen
            self.refresh()

    def action_step(self, by: int) -> None:
        values = [value for value, _ in self._names]
        if self._chosen in values and len(values) > 1:
            self.post_message(self.Chosen(values[(values.index(self._chosen) + by) % len(values)]))

    def _parts(self) -> list[Content]:
        chosen = (
            "$block-cursor-foreground on $block-cursor-background bold"
            if self.has_focus
            else ("$chip-text on $chip bold")
        )
        needed = sum(len(words) + 4 for _, words in self._names)
        gap = "  " if needed <= self.size.width else " "  # on a narrow screen the last one must not be cut off
        return [
            Content.styled(f"‹ {words} ›", chosen)
            if value == self._chosen
            else Content.styled(f"{gap}{words}{gap}", "$text-quiet")
            for value, words in self._names
        ]

    def render(self) -> Content:
        return Content("").join(self._parts())

    def on_click(self, event: events.Click) -> None:
        offset, end = event.get_content_offset(self), 0
        for (value, _), part in zip(self._names, self._parts(), strict=True):
            end += part.cell_length
            if offset and offset.x < end:
                if value != self._chosen:
                    self.post_message(self.Chosen(value))
                return

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()
