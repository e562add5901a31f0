"""One line to type in at the bottom of the screen, with the log in sight: notes, a pin's comment, a poll."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input, Static

from warroom.errors import WarroomError
from warroom.incident.quick_note import SYNTAX, describe_quick_note
from warroom.tui.screens.form_dialog import Field, Form, Submit
from warroom.tui.screens.form_screen import Draft
from warroom.tui.widgets.bars import Key
from warroom.tui.widgets.text import literal


class LineForm(Form):
    """A form of one short field at the bottom of the screen. Enter submits it, escape leaves."""

    DEFAULT_CSS = """
    LineForm { align: left bottom; background: transparent; }
    LineForm > Vertical, LineForm.-low > Vertical {
        width: 100%; max-width: 100%; max-height: 60%; border: none; border-top: solid $border;
    }
    LineForm .label, LineForm.-low .label { margin-top: 0; height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    LineForm #problem { margin-top: 0; }
    LineForm VerticalScroll, LineForm.-low VerticalScroll { margin-bottom: 1; }
    """

    def show_label(self, text: str) -> None:
        """Show ``text`` above the line."""
        self.query_one(".label", Static).update(literal(text))


class QuickNote(LineForm):
    """A note on one line, whose first characters say what it becomes. Tab opens the full form with it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "expand", "Full form", show=False, priority=True)]

    def __init__(
        self,
        title: str,
        submit: Submit,
        people: Sequence[str],
        expand: Callable[[str], Awaitable[None]],
        draft: Draft,
        kept: Mapping[str, str],
    ) -> None:
        field = Field("words", SYNTAX, hint="Connection pool exhausted on eu-1")
        super().__init__(title, (field,), submit, draft=draft, kept=kept)
        self._people = people
        self._expand = expand

    def key_hints(self) -> list[Key]:
        return [Key("↵", "save", "send"), Key("tab", "full form", "expand"), Key("esc", "save draft", "leave")]

    def on_input_changed(self, event: Input.Changed) -> None:
        meaning = describe_quick_note(event.value, self._people)
        self.show_label(f"→ {meaning}" if meaning else SYNTAX)

    async def action_expand(self) -> None:
        """Open the full form with what is typed here."""
        typed = self.values["words"]
        if not await self.let_go():
            self.dismiss(False)
            await self._expand(typed)


class DecisionPoll(LineForm):
    """Asks for objections to a proposal until a time; an objection that is typed ends it.

    ``accept`` is called once the time is over, ``object_`` with an objection; both record it. Errors they raise are
    shown, and the poll stays.
    """

    def __init__(
        self,
        title: str,
        proposal: str,
        until: datetime,
        now: Callable[[], datetime],
        accept: Callable[[], Awaitable[None]],
        object_: Callable[[str], Awaitable[None]],
    ) -> None:
        super().__init__(
            title, (Field("words", proposal, hint="who objects, and why"),), self._object, verb="object"
        )
        self._proposal = proposal
        self._until = until
        self._now = now
        self._accept = accept
        self._objection = object_
        self._over = False

    def key_hints(self) -> list[Key]:
        return [Key("↵", "record the objection", "send"), Key("esc", "cancel the poll", "leave")]

    def on_mount(self) -> None:
        self.set_interval(1.0, self.tick)
        self.call_after_refresh(self.tick)

    def tick(self) -> None:
        """Show the time left; once it is over, accept the proposal."""
        left = self._until - self._now()
        if left > timedelta(0):
            seconds = -(-int(left.total_seconds() * 1000) // 1000)
            self.show_label(f"Any strong objections? {self._proposal} — {seconds} s")
        elif not self._over and not self._busy:
            self._over = True
            self.action_send()

    async def _object(self, values: dict[str, str]) -> None:
        if values["words"].strip():
            await self._objection(values["words"])
        elif self._over:
            await self._accept()
        else:
            raise WarroomError("The poll is still running", "Type an objection, or wait for its end.")
