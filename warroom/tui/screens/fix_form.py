"""The form of a fix: decided and still to be made, or made. Shows the playbook's guidance for the kind chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual import events
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Input, Static

from warroom.incident.change_commands import PlanChange
from warroom.incident.commands import RecordFix
from warroom.incident.incident import Incident
from warroom.incident.pitfalls import RUSHING
from warroom.incident.playbook import Playbook, as_choice
from warroom.tui.screens.drills import OTHER_FIX, remedy_field
from warroom.tui.screens.form_dialog import ChoiceInput, Choices, Field, Form, Submit
from warroom.tui.screens.form_screen import Draft
from warroom.tui.widgets.text import literal

TEMPORARY, PERMANENT, PLANNED = "temporary", "permanent", "planned"


def fix_fields(incident: Incident, playbook: Playbook) -> tuple[Field, ...]:
    """The fields of the form, which begins with the only planned change, if one is.

    To choose from are the planned changes, then a drill's remedies or the questions of the fix strategy.
    """
    strategy, planned = playbook.fix_strategy, incident.planned_changes
    remedies = remedy_field(incident)
    plans = [(change.id, f"{change.id} {change.words} (planned)") for change in planned]
    answers = ((answer, answer) for answer in _answers(strategy.immediate_actions))
    offered = remedies.choices if remedies else (OTHER_FIX, *answers)
    chosen = planned[0].id if len(planned) == 1 else OTHER_FIX[0]
    kinds = (
        (TEMPORARY, "Made, temporary — adds an action item for the permanent fix"),
        (PERMANENT, "Made, permanent"),
        (PLANNED, "Decided — not made yet; plan it with its rollback"),
    )
    return (
        Field("remedy" if remedies else "choice", "What to do", chosen, choices=(*plans, *offered)),
        Field("words", "In a few words", hint="Rolled back checkout-api to 2026.01.27"),
        Field("sort", "Kind", choices=kinds),
        Field(
            "solution", "Permanent fix: ↑ ↓ choose, or type", hint=" · ".join(_answers(strategy.permanent_solution))
        ),
        Field("rollback", "Rollback", hint="how to undo it"),
    )


def _answers(questions: Sequence[str]) -> list[str]:
    return [as_choice(question) for question in questions]


def fix_command(incident: Incident, values: Mapping[str, str]) -> RecordFix | PlanChange:
    """The command of a form that is filled in: what was chosen, with what was typed."""
    chosen, typed = values.get("remedy") or values["choice"], values["words"].strip()
    plan = incident.changes.get(chosen)
    what = plan.words if plan else "" if chosen == OTHER_FIX[0] else chosen
    words = f"{what}: {typed}" if what and typed else what or typed
    if values["sort"] == PLANNED:
        return PlanChange(words, values["rollback"] or (plan.rollback if plan else ""))
    temporary = values["sort"] == TEMPORARY
    return RecordFix(
        words,
        temporary,
        values["rollback"],
        planned=plan.id if plan else "",
        permanent=values["solution"] if temporary else "",
    )


class FixForm(Form):
    """Asks which fix. Letters typed at the choices go to the text below them."""

    def __init__(
        self,
        title: str,
        fields: Sequence[Field],
        submit: Submit,
        playbook: Playbook,
        *,
        draft: Draft | None = None,
        kept: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(title, fields, submit, draft=draft, kept=kept)
        self._playbook = playbook

    def on_mount(self) -> None:
        super().on_mount()
        self._show_kind()

    def compose_field(self, field: Field) -> ComposeResult:
        yield from super().compose_field(field)
        if field.id == "sort":
            yield Static("", id="guidance", classes="about", markup=False)

    def _widget(self, field: Field, value: str) -> Widget:
        if field.id != "solution":
            return super()._widget(field, value)
        line = ChoiceInput(value, _answers(self._playbook.fix_strategy.permanent_solution), id="field-solution")
        line.placeholder = field.hint
        return line

    def on_row_list_moved(self) -> None:
        super().on_row_list_moved()
        self._show_kind()

    def on_key(self, event: events.Key) -> None:
        """Who knows what was done types it: it belongs in the text, though the cursor stands at the choices."""
        if isinstance(self.focused, Choices) and event.character and event.is_printable and event.key != "space":
            words = self.query_one("#field-words", Input)
            words.focus()
            words.insert_text_at_cursor(event.character)
            event.stop()
            event.prevent_default()

    def _show_kind(self) -> None:
        """Show what to mind about the kind that is chosen; only a temporary fix is asked for its permanent one."""
        kind, guidance = self.query_one("#field-sort", Choices).value, self._playbook.guidance
        rushing = next((one.solutions for one in guidance.pitfalls if one.id == RUSHING), ())
        lines = {TEMPORARY: guidance.temporary_fix, PERMANENT: guidance.permanent_fix, PLANNED: rushing}[kind]
        self.query_one("#guidance", Static).update(literal(" · ".join(lines)))
        for part in ("label", "field"):
            self.query_one(f"#{part}-solution").display = kind == TEMPORARY
