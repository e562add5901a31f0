"""Every key and what it does, made from the registry. Knows no action by name."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from warroom.tui.actions import ACTIONS, key_of
from warroom.tui.bridge import Bridge
from warroom.tui.widgets.rows import ListRow, RowList
from warroom.tui.widgets.words import lit

DANGERS = {"": "", "posts": "posts", "ends": "ends something"}

WITHIN = (
    ("↑ ↓ pgup pgdn", "Move the cursor"),
    ("tab", "Next pane or field"),
    ("enter", "Open or choose what is under the cursor"),
    ("esc", "Back; a form keeps its draft"),
    ("^s", "Send or save a form"),
    ("^e", "Write in $EDITOR (composer)"),
)
"""The keys that move within a screen; they are not actions and cannot be given away."""


class HelpScreen(ModalScreen[None]):
    """The keys, everywhere the same. Enter on a row does it; escape leaves."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen Vertical {
        width: 108; max-width: 98%; height: 96%; background: $panel; border: round $border;
        border-title-color: $text-primary; border-subtitle-color: $text-quiet; padding: 0 1;
    }
    HelpScreen .about { height: auto; color: $text-quiet; margin-bottom: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q", "dismiss", "Leave", show=False)]

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.bridge = bridge

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Keys"
            box.border_subtitle = "esc leaves"
            yield Static(
                Content("A key means the same on every screen. Letters typed into a field never act."),
                classes="about",
            )
            yield RowList(id="keys")

    def on_mount(self) -> None:
        rows = self.query_one(RowList)
        rows.show(self._rows())
        rows.focus()

    def _rows(self) -> list[ListRow]:
        rows = []
        for place, title in (("incident", "In an incident"), ("anywhere", "Anywhere")):
            rows.append(ListRow("", lit(title, "$text-primary bold")))
            for action in ACTIONS:
                if action.place == place:
                    key = Content.styled(f"{key_of(action.id, self.bridge.keys):<7}", "$key bold")
                    words = Content.assemble(key, lit(f"{action.title:<28}"), lit(action.help, "$text-quiet"))
                    tail = lit(DANGERS[action.danger], "$text-warning") if action.danger else None
                    rows.append(ListRow(action.id, words, tail))
        rows.append(ListRow("", lit("Within a screen", "$text-primary bold")))
        for key_names, words_ in WITHIN:
            rows.append(ListRow("", Content.assemble((f"{key_names:<16}", "$key bold"), lit(words_))))
        return rows

    async def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        action_id = event.row_id
        below = self.app.screen_stack[-2]
        self.dismiss()
        act = getattr(below, "action_do", None)
        if act:
            await act(action_id)
