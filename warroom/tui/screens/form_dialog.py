"""A form over the screen: a few fields, one action. What is refused stays in the form, as it was typed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from warroom.errors import Refusal, WarroomError
from warroom.safety import sanitize
from warroom.tui.screens.form_screen import PAUSE_S, Draft
from warroom.tui.widgets.bars import Key, KeyBar
from warroom.tui.widgets.row_list import ListRow, RowList
from warroom.tui.widgets.text import block, literal

LOW = 30
"""Below so many rows a form does without gaps, so that its fields and keys fit."""

Submit = Callable[[dict[str, str]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Field:
    """One thing a form asks for.

    ``choices`` (value, what people read) make it a list to choose from; ``long`` a text of several lines;
    ``suggest`` completes while typing. ``hint`` is shown in the empty field.
    """

    id: str
    label: str
    value: str = ""
    hint: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    suggest: tuple[str, ...] = ()
    long: bool = False


class FieldInput(Input):
    """A line to type in. A paste of several lines keeps them all, joined, and nothing a terminal would obey."""

    def _on_paste(self, event: events.Paste) -> None:
        text = sanitize(" ".join(event.text.splitlines()), newlines=False)
        if text:
            start, end = self.selection
            self.replace(text, min(start, end), max(start, end))
        event.stop()
        event.prevent_default()


class ChoiceInput(FieldInput):
    """A line to type in that also offers choices: up and down go through them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "choose(-1)", show=False),
        Binding("down", "choose(1)", show=False),
    ]

    def __init__(self, value: str, choices: Sequence[str], *, id: str) -> None:
        super().__init__(value, id=id, select_on_focus=False)
        self._choices = tuple(choices)

    def action_choose(self, by: int) -> None:
        """Take the choice after or before the present one, round and round; the first one after own words."""
        known = [choice.casefold() for choice in self._choices]
        now = self.value.strip().casefold()
        place = (known.index(now) + by) % len(known) if now in known else 0
        self.value = self._choices[place]
        self.cursor_position = len(self.value)


class FieldArea(TextArea):
    """Several lines to type in; tab goes on to the next field. Nothing a terminal would obey gets in by a paste."""

    def __init__(self, value: str = "", *, id: str | None = None, placeholder: str = "") -> None:
        super().__init__(sanitize(value), id=id, soft_wrap=True, tab_behavior="focus", placeholder=placeholder)

    async def _on_paste(self, event: events.Paste) -> None:
        self.replace(sanitize(event.text), *self.selection, maintain_selection_offset=False)
        event.stop()
        event.prevent_default()


class Choices(RowList):
    """A list to choose one of; the cursor is the choice, marked even where the list has no focus."""

    def __init__(self, choices: Sequence[tuple[str, str]], value: str, *, id: str) -> None:
        super().__init__(id=id)
        self._options = tuple(choices)
        first = choices[0][0] if choices else ""
        self._chosen = value if value in dict(choices) else first  # a draft may name what is no longer there
        self.styles.height = min(len(choices), 8)
        self._fill()
        self.put_cursor(self._chosen)

    @property
    def value(self) -> str:
        return self._chosen

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        self._chosen = event.row_id
        self._fill()

    def _fill(self) -> None:
        self.show(
            [
                ListRow(value, Content.assemble("● " if value == self._chosen else "○ ", literal(words)))
                for value, words in self._options
            ]
        )


class Form(ModalScreen[bool]):
    """Asks for ``fields``, then calls ``submit`` with them; closes once that succeeds.

    While it runs the form stays; a WarroomError it raises is shown in the form, with its remedy and every
    blocker. Escape leaves; what was typed is kept in ``draft``, if there is one, and comes back as ``kept``.
    """

    DEFAULT_CSS = """
    Form { align: center middle; }
    Form > Vertical {
        width: 84; max-width: 96%; height: auto; max-height: 96%;
        background: $panel; border: round $border; border-title-color: $text-primary; padding: 0 1;
    }
    Form VerticalScroll { height: auto; max-height: 1fr; }
    Form.-privacy VerticalScroll > * { visibility: hidden; }
    Form .label { color: $text-quiet; margin-top: 1; }
    Form .about { color: $text-quiet; }
    Form Input, Form TextArea, Form Choices { background: $surface; }
    Form Input, Form Input:focus { border: none; height: 1; padding: 0 1; }
    Form TextArea, Form TextArea:focus { border: none; height: 5; padding: 0 1; }
    Form Input:focus, Form TextArea:focus { background: $background; }
    Form .text-area--placeholder { color: $text-disabled; }
    Form #problem { height: auto; color: $text-error; margin-top: 1; display: none; }
    Form KeyBar { dock: bottom; background: $panel; padding: 0; }
    Form VerticalScroll { margin-bottom: 2; }
    Form.-low .label { margin-top: 0; }
    Form.-alone TextArea, Form.-alone TextArea:focus { height: 12; }
    Form.-low TextArea, Form.-low TextArea:focus { height: 3; }
    Form.-low.-alone TextArea, Form.-low.-alone TextArea:focus { height: 8; }
    Form.-low VerticalScroll { margin-bottom: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", show=False, priority=True),
        Binding("ctrl+s", "send", "Save", show=False, priority=True),
        Binding("enter", "next", "Next", show=False),
    ]

    def __init__(
        self,
        title: str,
        fields: Sequence[Field],
        submit: Submit,
        *,
        verb: str = "save",
        about: str = "",
        draft: Draft | None = None,
        kept: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._title = title
        self._fields = tuple(fields)
        self._submit = submit
        self._verb = verb
        self._about = about
        self._draft = draft
        self._busy = False
        self._pause: Timer | None = None
        self._was = kept or {}

    @property
    def takes_keys(self) -> bool:
        """Not while it is being sent: what is typed then is for what comes after it."""
        return not self._busy

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = literal(self._title)
            with VerticalScroll(can_focus=False):
                if self._about:
                    yield Static(block(self._about), classes="about")
                for field in self._fields:
                    yield from self.compose_field(field)
                yield Static("", id="problem", markup=False)
            yield KeyBar()

    def compose_field(self, field: Field) -> ComposeResult:
        """The label of a field and what it is filled in with."""
        yield Static(literal(field.label), classes="label", id=f"label-{field.id}")
        yield self._widget(field, self._was.get(field.id, field.value))

    def _widget(self, field: Field, value: str) -> Widget:
        name = f"field-{field.id}"
        if field.choices:
            return Choices(field.choices, value, id=name)
        if field.long:
            return FieldArea(value, id=name, placeholder=field.hint)
        suggester = SuggestFromList(field.suggest, case_sensitive=False) if field.suggest else None
        return FieldInput(value, id=name, placeholder=field.hint, suggester=suggester, select_on_focus=False)

    def on_mount(self) -> None:
        self.query_one(KeyBar).show(self.key_hints())
        # A text that is all there is to the form gets the room, and goes on where it ends.
        self.set_class(len(self._fields) == 1 and self._fields[0].long, "-alone")
        for area in self.query(FieldArea):
            area.move_cursor(area.document.end)
        for field in self._fields:
            self.query_one(f"#field-{field.id}").focus()
            break

    def key_hints(self) -> list[Key]:
        """The keys that are shown at the bottom of the form."""
        return [
            # In a long text enter begins a line; only a single short field is sent by it.
            Key("↵" if len(self._fields) == 1 and not self._fields[0].long else "^s", self._verb, "send"),
            *([Key("tab", "next field", "next")] if len(self._fields) > 1 else []),
            Key("esc", "save draft" if self._draft else "leave", "leave"),
        ]

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height < LOW, "-low")

    @property
    def values(self) -> dict[str, str]:
        """The fields as they are."""
        values = {}
        for field in self._fields:
            widget = self.query_one(f"#field-{field.id}")
            if isinstance(widget, Choices):
                values[field.id] = widget.value
            elif isinstance(widget, TextArea):
                values[field.id] = widget.text
            elif isinstance(widget, Input):
                values[field.id] = widget.value
        return values

    def on_input_changed(self, event: Input.Changed) -> None:
        self._keep_soon()

    def on_text_area_changed(self) -> None:
        self._keep_soon()

    def on_row_list_moved(self) -> None:
        self._keep_soon()

    def _keep_soon(self) -> None:
        """Keep the draft at the next pause: a kill costs no more than the last moment's typing."""
        if self._draft:
            if self._pause:
                self._pause.stop()
            self._pause = self.set_timer(PAUSE_S, self._keep_now)

    def _keep_now(self) -> None:
        if self._draft and not self._busy and self.is_attached and self._draft.put(self._typed()):
            self.run_worker(self._draft.save())

    def _typed(self) -> Mapping[str, str]:
        """The fields, {} if they are as they were at the start."""
        values = self.values
        return values if any(values[field.id] != field.value for field in self._fields) else {}

    async def let_go(self) -> WarroomError | None:
        """Save the draft before this form is left; why it has to stay if that fails."""
        self._stop_keeping()
        if not self._draft or self._busy:
            return None
        self._draft.put(self._typed())
        why = await self._draft.let_go()
        if why:
            self.complain(why)
        return why

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.action_next()

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.action_next()

    async def on_key_bar_pressed(self, event: KeyBar.Pressed) -> None:
        await self.run_action(event.action)

    def action_next(self) -> None:
        """To the next field; from the last one, submit."""
        last = self.query_one(f"#field-{self._fields[-1].id}")
        if self.focused is last or self.focused is None:
            self.action_send()
        else:
            self.focus_next()

    async def action_leave(self) -> None:
        if not await self.let_go():
            self.dismiss(False)

    def _stop_keeping(self) -> None:
        if self._pause:
            self._pause.stop()
            self._pause = None

    def action_send(self) -> None:
        if not self._busy:
            self._busy = True
            self.run_worker(self._send())

    async def _send(self) -> None:
        try:
            await self._submit(self.values)
        except WarroomError as error:
            self.complain(error)
        else:
            self._stop_keeping()
            if self._draft:
                await self._draft.forget()
            self.dismiss(True)
        finally:
            self._busy = False

    def complain(self, error: WarroomError) -> None:
        """Show why it was refused, and what to do."""
        problem = self.query_one("#problem", Static)
        lines = [f"✗ {error.title}"]
        if isinstance(error, Refusal):
            lines += [f"  · {blocker}" for blocker in error.blockers]
        lines += [f"  {error.remedy}"] if error.remedy else []
        problem.update(block("\n".join(lines)))
        problem.display = True
        problem.scroll_visible(animate=False)
