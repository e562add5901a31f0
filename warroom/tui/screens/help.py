"""Every key and what it does, made from the registry. Knows no action by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

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
    """The keys of these actions, by title of their group; ``keys`` are the person's own. Enter on a row leaves with
    its action's id, escape with none."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen Vertical {
        width: 108; max-width: 98%; height: 96%; background: $panel; border: round $border;
        border-title-color: $text-primary; border-subtitle-color: $text-quiet; padding: 0 1;
    }
    HelpScreen .about { height: auto; color: $text-quiet; margin-bottom: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q", "dismiss", "Leave", show=False)]

    def __init__(self, groups: Mapping[str, Sequence[Action]], keys: Mapping[str, str]) -> None:
        super().__init__()
        self._groups = groups
        self._keys = keys

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Keys"
            box.border_subtitle = "esc close"
            yield Static(
                Content("Keys work the same everywhere except while typing."),
                classes="about",
            )
            yield RowList(id="keys")

    def on_mount(self) -> None:
        rows = self.query_one(RowList)
        rows.show(self._rows())
        rows.focus()

    def _rows(self) -> list[ListRow]:
        rows = []
        for title, actions in self._groups.items():
            rows.append(ListRow("", literal(title, "$text-primary bold")))
            for action in actions:
                key = Content.styled(f"{key_of(action.id, self._keys):<7}", "$key bold")
                words = Content.assemble(key, literal(f"{action.title:<28}"), literal(action.help, "$text-quiet"))
                tail = literal(DANGERS[action.danger], "$text-warning") if action.danger else None
                rows.append(ListRow(action.id, words, tail))
        rows.append(ListRow("", literal("Within a screen", "$text-primary bold")))
        for key_names, words_ in WITHIN:
            rows.append(ListRow("", Content.assemble((f"{key_names:<16}", "$key bold"), literal(words_))))
        return rows

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        self.dismiss(event.row_id)
