"""The frame of a pane, and panes of rows as values that a screen composes and fills by iterating over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widget import Widget

from warroom.room.snapshot import IncidentSnapshot
from warroom.tui.actions import key_of, with_keys
from warroom.tui.widgets.row_list import ListRow, RowList

if TYPE_CHECKING:
    from warroom.incident.events import Section
    from warroom.reports.suggestions import Suggestion


class Pane(Container):
    """A titled frame around one widget; ``key`` goes to it. ``private`` panes are blank in privacy mode."""

    SCOPED_CSS = False  # privacy mode is a class of the screen, above
    DEFAULT_CSS = """
    Pane { border: round $border-blurred; border-title-color: $text-quiet; padding: 0 1; height: 1fr; }
    Pane:focus-within { border: round $border; border-title-color: $text-primary; }
    Pane { border-title-style: bold; border-subtitle-color: $text-quiet; }
    .-privacy Pane.private { background: $privacy; }
    .-privacy Pane.private > * { visibility: hidden; }
    """

    def __init__(self, inside: Widget, *, id: str, title: str, key: str = "", private: bool = False) -> None:
        super().__init__(id=id, classes="pane private" if private else "pane")
        self._inside = inside
        self._label = f"{key} {title}".lstrip()
        self._private = private
        self._hidden = False
        self.border_title = self._titled = Content(self._label)

    def compose(self) -> ComposeResult:
        yield self._inside

    @property
    def short_title(self) -> str:
        """The key that goes to the pane, its name, and a count if the title begins with one."""
        first = self._titled.plain.removeprefix(self._label).split()[:1]
        return " ".join([self._label, *(word for word in first if word[0].isdigit())])

    @property
    def title(self) -> str:
        """The frame's title, as text."""
        return self._titled.plain

    def show_detail(self, detail: Content | str) -> None:
        """Show ``detail``, such as a count, behind the title. Setting the same again repaints nothing."""
        title = Content.assemble(self._label, "  ", detail) if detail else Content(self._label)
        if not title.is_same(self._titled):
            self.border_title = self._titled = title

    def set_privacy(self, down: bool) -> None:
        """Say that privacy mode is down, where it hides this pane."""
        if self._private and down != self._hidden:
            self._hidden = down
            self.border_subtitle = Content("hidden · F3 to show") if down else ""


@dataclass(frozen=True, slots=True)
class PaneInput:
    """What the rows of a pane are made from."""

    snapshot: IncidentSnapshot
    now: datetime
    zone: tzinfo
    keys: Mapping[str, str]
    """The person's own keys, by action."""
    width: int = 80
    """Columns of the pane's inside."""
    all_entries: bool = False
    """Whether the timeline also shows ticks, channels and corrections."""
    looked: int | None = None
    """How many entries there were when the person looked last; None while they look."""
    by: str = ""
    """Who looks: their own entries are not new to them."""
    suggestions: Mapping[Section, Sequence[Suggestion]] = field(default_factory=dict)
    """What is offered for each section of the post-mortem."""


def _no_detail(given: PaneInput) -> str:
    return ""


def _no_action(row_id: str) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class ListPane:
    """A pane of rows. ``action`` is the action that goes to it; its key, as the person has it, is in the title."""

    id: str
    title: str
    action: str
    list_id: str
    rows: Callable[[PaneInput], list[ListRow]]
    detail: Callable[[PaneInput], str] = _no_detail
    """What is shown behind the title, such as a count."""
    choose: Callable[[str], str] = _no_action
    """The action that Enter does to a row, by the row's id; "" shows the timeline entry in full."""
    private: bool = False
    follow: bool = False
    expand: bool = False
    """Whether the row under the cursor takes as many lines as its text needs."""
    empty: str = ""
    """What is shown instead of rows; ``{action}`` is that action's key."""
    each_second: bool = False
    """Whether its rows depend on the time of day."""

    def build(self, keys: Mapping[str, str]) -> Pane:
        """The widget, still empty."""
        rows = RowList(id=self.list_id, follow=self.follow, expand=self.expand, empty=with_keys(self.empty, keys))
        key = key_of(self.action, keys)
        return Pane(rows, id=self.id, title=self.title, key=key, private=self.private)
