"""The input line under a log; posts a message after a pause in typing, and when the text is entered.

It never has the focus: its box hands it the keys that reach the pane, one after the other, so that what is typed
quickly stays in order. (Textual's Input takes the focus, and keys that came before it did are commands.)
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from warroom.safety import sanitize

PAUSE = 0.15  # seconds without a key before what was typed so far is looked for
_LONGEST = 1000


class LogPrompt(Widget):
    """Hidden until ``open``; hides itself when it is left."""

    DEFAULT_CSS = """
    LogPrompt {
        height: 1; display: none; background: $panel; color: $foreground;
        & > .logprompt--quiet { text-style: italic; }
        & > .logprompt--what { text-style: bold; }
        & > .logprompt--cursor { text-style: reverse; }
    }
    """
    COMPONENT_CLASSES = {"logprompt--quiet", "logprompt--what", "logprompt--cursor"}  # noqa: RUF012

    class Typed(Message):
        """So much has been typed, and then nothing for a moment."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """Entered; or given up, where ``text`` is None."""

        def __init__(self, text: str | None) -> None:
            super().__init__()
            self.text = text

    def __init__(self) -> None:
        super().__init__()
        self._what = self._hint = self._status = self._text = ""
        self._at = 0
        self._due: Timer | None = None

    @property
    def is_open(self) -> bool:
        """Whether keys are for this line."""
        return bool(self.display)

    def open(self, what: str, hint: str) -> None:
        """Show the prompt; ``what`` is before the input, ``hint`` in it while it is empty."""
        self._what, self._hint = what, sanitize(hint, newlines=False)
        self._status = self._text = ""
        self._at = 0
        self.display = True
        self.refresh()

    def show_status(self, text: str) -> None:
        """Says something at the end of the line."""
        if text != self._status:
            self._status = text
            self.refresh()

    def take(self, event: events.Key) -> None:
        """A key, while it is open."""
        key, text, at = event.key, self._text, self._at
        if key == "enter":
            self._leave(text)
        elif key in ("escape", "ctrl+c"):
            self._leave(None)
        elif key == "backspace" and at:
            self._put(text[: at - 1] + text[at:], at - 1)
        elif key in ("backspace", "delete"):
            self._put(text[:at] + text[at + 1 :] if key == "delete" else text, at)
        elif key in ("left", "ctrl+b"):
            self._put(text, max(0, at - 1))
        elif key in ("right", "ctrl+f"):
            self._put(text, min(len(text), at + 1))
        elif key in ("home", "ctrl+a"):
            self._put(text, 0)
        elif key in ("end", "ctrl+e"):
            self._put(text, len(text))
        elif key == "ctrl+u":
            self._put(text[at:], 0)
        elif key == "ctrl+k":
            self._put(text[:at], at)
        elif key == "ctrl+w":
            start = text[:at].rstrip().rfind(" ") + 1
            self._put(text[:start] + text[at:], start)
        elif event.is_printable and event.character:
            self.insert(event.character)

    def insert(self, text: str) -> None:
        """Text at the cursor, on one line and with nothing in it that a terminal would obey."""
        text = sanitize(" ".join(text.splitlines()) if len(text) > 1 else text, newlines=False)
        whole = (self._text[: self._at] + text + self._text[self._at :])[:_LONGEST]
        self._put(whole, min(self._at + len(text), _LONGEST))

    def _put(self, text: str, at: int) -> None:
        changed = text != self._text
        self._text, self._at = text, at
        self.refresh()
        if changed:
            if self._due is not None:
                self._due.stop()
            self._due = self.set_timer(PAUSE, self._typed)

    def _typed(self) -> None:
        self._due = None
        if self.is_open:
            self.post_message(self.Typed(self._text))

    def _leave(self, text: str | None) -> None:
        if self._due is not None:
            self._due.stop()
            self._due = None
        self.display = False
        self.post_message(self.Left(text))

    def render_line(self, y: int) -> Strip:
        """The line."""
        width, plain = self.size.width, self.rich_style

        def part(text: str, name: str = "") -> Segment:
            style = self.get_component_rich_style(f"logprompt--{name}", partial=True) if name else None
            return Segment(text, plain + style if style else plain)

        what = f" {self._what} "
        status = f" {self._status} " if self._status else ""
        room = max(4, width - cell_len(what) - cell_len(status) - 1)
        before, after = self._text[: self._at], self._text[self._at :] + " "
        while cell_len(before) >= room:
            before = before[1:]
        segments = [part(what, "what"), part(before), part(after[0], "cursor")]
        segments.append(part(after[1:]) if self._text else part(self._hint, "quiet"))
        line = Strip(segments).adjust_cell_length(max(0, width - cell_len(status)), plain)
        return Strip.join([line, Strip([part(status)])]).adjust_cell_length(width, plain)
