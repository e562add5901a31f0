"""The lines at the edges of a screen: the next thing to do, and the keys. They run actions and know none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static


class Bar(Static):
    """One or more lines that are repainted only when their content changes."""

    DEFAULT_CSS = """
    Bar { height: 1; width: 1fr; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__("", id=id, classes=classes, markup=False)
        self._content: Content | None = None

    def set_content(self, content: Content) -> None:
        """Show ``content``."""
        # is_same also compares styles, where == compares the text alone.
        if self._content is None or not self._content.is_same(content):
            self._content = content
            self.update(content, layout=False)  # its size is the style sheet's; a layout repaints the whole screen


@dataclass(frozen=True, slots=True)
class Key:
    """A key in the key bar: what to press, what it does, the action a click runs, and whether it can be done."""

    key: str
    word: str
    action: str
    on: bool = True


class KeyBar(Widget):
    """The keys of this screen, dimmed where they cannot be used now. A click runs the action.

    Textual's own Footer keeps every key it ever drew in memory; this one draws text.
    """

    DEFAULT_CSS = """
    KeyBar { height: 1; width: 1fr; background: $footer-background; color: $footer-foreground; padding: 0 1; }
    """

    class Pressed(Message):
        """A key in the bar was clicked."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._keys: tuple[Key, ...] = ()
        self._warning = ""

    def show(self, keys: Sequence[Key]) -> None:
        """Show these keys; the last two stay in sight where the rest does not fit."""
        if tuple(keys) != self._keys:
            self._keys = tuple(keys)
            self.refresh()

    def warn(self, text: str) -> None:
        """Show ``text`` instead of the keys; "" shows the keys again."""
        if text != self._warning:
            self._warning = text
            self.refresh()

    def _fitting(self) -> list[Key]:
        width, keys = self.content_size.width, list(self._keys)
        while len(keys) > 3 and sum(len(k.key) + len(k.word) + 3 for k in keys) - 2 > width:
            del keys[-3]
        return keys

    def render(self) -> Content:
        if self._warning:
            return Content.styled(self._warning, "$text-warning bold")
        parts = []
        for key in self._fitting():
            if key.on:
                parts.append(Content.assemble((key.key, "$key bold"), f" {key.word}"))
            else:
                parts.append(Content.styled(f"{key.key} {key.word}", "$text-disabled"))
        return Content("  ").join(parts)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        x = 0
        for key in self._fitting():
            width = len(key.key) + 1 + len(key.word)
            if offset and x <= offset.x < x + width:
                self.post_message(self.Pressed(key.action))
                return
            x += width + 2
