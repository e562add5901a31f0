"""Every key and what it does, made from the registry. Knows no action by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from warroom.tui.actions import Action, key_of
from warroom.tui.widgets.row_list import ListRow, RowList
from warroom.tui.widgets.text import literal

DANGERS = {"": "", "posts": "posts", "ends": "ends incident"}

WITHIN = (
    ("↑ ↓ pgup pgdn", "Move the cursor"),
    ("tab", "Next pane or field"),
    ("enter", "Open or choose the row under the cursor"),
    ("esc", "Back; a form saves its draft"),
    ("^s", "Send or save a form"),
    ("^e", "Write in $EDITOR (composer)"),
)
"""The keys that move within a screen; they are not actions and cannot be given away."""


class HelpScreen(ModalScreen[str]):
    """The keys of these actions, by title of their group, and the playbook's ``principles`` below them.

    ``keys`` are the person's own. Enter on a row leaves with its action's id, escape with none.
    """

    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen Vertical {
        width: 108; max-width: 98%; height: 96%; background: $panel; border: round $border;
        border-title-color: $text-primary; border-subtitle-color: $text-quiet; padding: 0 1;
    }
    HelpScreen .about { height: auto; color: $text-quiet; margin-bottom: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Leave", show=False)]

    def __init__(
        self, groups: Mapping[str, Sequence[Action]], keys: Mapping[str, str], principles: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self._principles = principles
        self._groups = groups
        self._keys = keys
        self._filter = ""

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Keys"
            box.border_subtitle = "esc close"
            yield Static(
                Content("Type to filter, enter does it. Keys work the same everywhere except while typing."),
                classes="about",
                id="filter",
            )
            yield RowList(id="keys")

    def on_mount(self) -> None:
        rows = self.query_one(RowList)
        rows.show(self._rows())
        rows.focus()

    def on_key(self, event: events.Key) -> None:
        """Letters filter the list; ? closes it while nothing is typed."""
        if event.key == "question_mark" and not self._filter:
            self.dismiss()
        elif event.key == "backspace":
            self._filter_by(self._filter[:-1])
        elif event.is_printable and event.character:
            self._filter_by(self._filter + event.character)
        else:
            return
        event.stop()
        event.prevent_default()

    def _filter_by(self, text: str) -> None:
        self._filter = text
        about = literal(f"/ {text}", "$key bold") if text else Content("Type to filter, enter does it.")
        self.query_one("#filter", Static).update(about)
        rows = self.query_one(RowList)
        rows.show(self._rows())
        rows.action_go(0)

    def _matches(self, action: Action) -> bool:
        words = f"{key_of(action.id, self._keys)} {action.title} {action.help}".casefold()
        return all(word in words for word in self._filter.casefold().split())

    def _rows(self) -> list[ListRow]:
        rows = []
        for title, every in self._groups.items():
            actions = [action for action in every if self._matches(action)]
            if not actions:
                continue
            rows.append(ListRow("", literal(title, "$text-primary bold")))
            for action in actions:
                key = Content.styled(f"{key_of(action.id, self._keys):<7}", "$key bold")
                words = Content.assemble(key, literal(f"{action.title:<28}"), literal(action.help, "$text-quiet"))
                tail = literal(DANGERS[action.danger], "$text-warning") if action.danger else None
                rows.append(ListRow(action.id, words, tail))
        if self._filter:
            return rows or [ListRow("", literal("No action has these words.", "$text-quiet"))]
        rows.append(ListRow("", literal("Within a screen", "$text-primary bold")))
        for key_names, words_ in WITHIN:
            rows.append(ListRow("", Content.assemble((f"{key_names:<16}", "$key bold"), literal(words_))))
        if self._principles:
            rows.append(ListRow("", literal("Principles of incident response", "$text-primary bold")))
            rows += [ListRow("", literal(f"· {principle}")) for principle in self._principles]
        return rows

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        self.dismiss(event.row_id)
