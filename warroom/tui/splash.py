"""The first thing drawn: the incidents in plain words, while the rest of the console is loaded. Takes no keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from warroom.incident.summary import Summary


class Splash(Vertical):
    """Home's frame and the rows that fit into it, in the places where home will have them."""

    DEFAULT_CSS = """
    Splash #ground-top { height: 1; padding: 0 1; background: $panel; text-style: bold; }
    Splash #ground-list { height: 1fr; border: round $panel; padding: 0 1; }
    Splash #ground-list { text-wrap: nowrap; text-overflow: ellipsis; }
    Splash #ground-end { height: 2; background: $panel; }
    """

    def __init__(self, look: Callable[[], Sequence[Summary]]) -> None:
        super().__init__()
        self._look = look

    def compose(self) -> ComposeResult:
        yield Static("warroom", id="ground-top", markup=False)
        frame = Static("", id="ground-list", markup=False)
        frame.border_title = "Incidents"
        yield frame
        yield Static("", id="ground-end", markup=False)

    def look(self) -> None:
        """Draw what is open and what was, as far as there is room."""
        rows = self._look()
        if not self.is_attached:
            return  # it is being left already
        live, past = [row for row in rows if row.open], [row for row in rows if not row.open]
        now = datetime.now(UTC)
        lines = [f"   {_words(row)}   {str(row.elapsed(now)).partition('.')[0]}" for row in live]
        lines += [f"   {_words(row)}   {row.status}" for row in past]
        self.query_one("#ground-list", Static).update(Content("\n".join(lines[: self.size.height])))


def _words(row: Summary) -> str:
    # Kept inert in the journal; what another program put there is stopped by the shell's filter.
    return " ".join(f"{row.severity.upper():<9} {row.id}  {row.service} · {row.title}".split("\n"))
