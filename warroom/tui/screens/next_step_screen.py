"""A screen with a Next line: one step, an action with its target, and the key that does exactly that."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual import events
from textual.content import Content

from warroom.incident.advice import NextStep
from warroom.tui.actions import BY_ID, key_of
from warroom.tui.screens.base import BaseScreen, is_letter
from warroom.tui.widgets.bars import Bar
from warroom.tui.widgets.row_list import RowList
from warroom.tui.widgets.text import URGENCY_STYLE, literal

if TYPE_CHECKING:
    from warroom.tui.screens.confirm import Confirm


class NextStepScreen(BaseScreen):
    """A screen with a ``Bar`` named ``next``.

    Next names the action's own key only while that key, pressed now, acts on the step's target. Otherwise, such as
    after the cursor was moved to another row, it names the key of the action ``next``, which always does.
    Subclasses return the steps (``find_steps``) and what a key acts on (``target_of``).
    """

    steps: Sequence[NextStep] = ()
    """What is to be done, the most urgent first; the first one is on the Next line."""

    @property
    def step(self) -> NextStep | None:
        """What the Next line names."""
        return self.steps[0] if self.steps else None

    def find_steps(self) -> Sequence[NextStep]:
        """What is to be done now, the most urgent first."""
        return ()

    def target_of(self, action_id: str) -> str:
        """What an action's own key acts on if it is pressed now; "" for nothing in particular."""
        return self.step.target if self.step and self.step.action == action_id else ""

    def own_key(self, step: NextStep) -> str:
        """The key of a step's action, as people read it; "" where it would not act on the step's target now."""
        own = self.context.keys
        if step.action not in BY_ID or self.target_of(step.action) != step.target:
            return ""
        letters = all(is_letter(key) for key in own.get(step.action, BY_ID[step.action].keys).split(","))
        typing = self.focused is not None and self.focused.check_consume_key("a", "a")
        return "" if letters and typing else key_of(step.action, own)

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────

    def show_next(self) -> None:
        """Find the next step, mark its row and show it in the Next line."""
        self.steps = self.find_steps()
        self.lead()
        self.show_next_line()

    def lead(self) -> None:
        """Mark the row of the step's target in its list; the cursor rests there until a person moves it."""
        target = self.step.target if self.step else ""
        for rows in self.query(RowList):
            rows.lead(target)

    def show_next_line(self) -> None:
        """Say the step and the key that does it now, which depends on where the cursor is."""
        bars = self.query("#next")
        if self.step and bars:
            key = (self.own_key(self.step) or key_of("next", self.context.keys)) if self.step.action else ""
            bars.first(Bar).set_content(self.next_content(self.step, key))

    def next_content(self, step: NextStep, key: str) -> Content:
        """The content of the Next line: what to do, and the key that does it ("" for none)."""
        return next_line(step, key)

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        self.show_next_line()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self.show_next_line()

    # ── actions ───────────────────────────────────────────────────────────────────────────────────────────

    async def action_do(self, action_id: str, target: str = "") -> None:
        await super().action_do(action_id, target or self.target_of(action_id))

    async def do_next(self, target: str = "") -> None:
        """Run the action of the Next line on its target. What ends an incident without a form asks first."""
        step = self.step
        if step is None or not step.action:
            self.context.notify(step.text if step else "No next step on this screen; esc goes back")
        elif question := self.before(step):

            def answered(yes: bool | None) -> None:
                if yes:
                    self.start(partial(self.act, step))

            self.app.push_screen(question, answered)
        else:
            await self.act(step)

    def before(self, step: NextStep) -> Confirm | None:
        """What is asked before a step is done by the key of ``next``, which people press without reading."""
        return None

    async def act(self, step: NextStep) -> None:
        """Do a step to its target."""
        await self.action_do(step.action, step.target)


def next_line(step: NextStep, key: str) -> Content:
    """The Next line: what to do, and the key that does it ("" for none)."""
    pressing = step.urgency != "calm"
    style = URGENCY_STYLE[step.urgency] if pressing else "$text-primary bold"
    word = (" Next ", style) if pressing else ("Next ", style)
    named = Content.assemble("  ", (f"[{key}]", "$key bold")) if key else Content("")
    return Content.assemble(word, " ", literal(step.text, "bold" if pressing else ""), named)
