"""Who to call, over the screen: a list whose phone numbers can be copied. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from warroom.room.on_call import Contact
from warroom.tui.actions import BY_ID
from warroom.tui.widgets.row_list import ListRow, RowList
from warroom.tui.widgets.text import join, literal


class ContactsScreen(ModalScreen[None]):
    """Everybody, whom to call first at the top. Enter copies the phone number, or what else reaches them."""

    DEFAULT_CSS = """
    ContactsScreen { align: center middle; }
    ContactsScreen Vertical {
        width: 100; max-width: 96%; height: auto; max-height: 90%; padding: 0 1;
        background: $panel; border: round $border; border-title-color: $text-primary;
        border-subtitle-color: $text-quiet;
    }
    ContactsScreen.-privacy RowList { visibility: hidden; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Leave", show=False),
        Binding(BY_ID["copy"].keys, "copy", "Copy", id="copy", show=False),
    ]

    def __init__(self, contacts: Sequence[Contact], doubt: str = "") -> None:
        super().__init__()
        self._contacts = {one.name: one for one in contacts}
        self._doubt = doubt
        self._rows = RowList(id="who", empty="There is nobody: add [[team.people]] to the settings.")

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Who to call"
            box.border_subtitle = "↵ copy the number · esc close"
            yield self._rows

    def on_mount(self) -> None:
        self._rows.styles.height = min(20, len(self._contacts) + bool(self._doubt)) or 1
        rows = [ListRow("", literal(self._doubt, "$text-warning"))] if self._doubt else []
        self._rows.show([*rows, *(self._row(one) for one in self._contacts.values())])
        self._rows.focus()

    @staticmethod
    def _row(contact: Contact) -> ListRow:
        reach = (contact.phone, contact.email, contact.handles_text)
        words = join(literal(contact.name, "bold"), *(literal(one) for one in reach if one), gap="  ")
        return ListRow(
            contact.name, words, literal(contact.because, "$text-quiet") if contact.because else Content()
        )

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.action_copy()

    def action_copy(self) -> None:
        """Copy the phone number of the person under the cursor; without one the e-mail address or the handle."""
        contact = self._contacts.get(self._rows.cursor_id)
        if contact is None:
            return
        found = contact.phone or contact.email or next(iter(contact.handles.values()), "")
        if not found:
            self.notify(f"The settings say no way to reach {contact.name}", severity="warning", markup=False)
            return
        self.app.copy_to_clipboard(found)
        what = "phone" if contact.phone else "e-mail" if contact.email else "handle"
        self.notify(f"Copied the {what} of {contact.name}", markup=False)
