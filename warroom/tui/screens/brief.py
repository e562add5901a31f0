"""The brief, over the screen: to read out, to copy, or to post for people who join late."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from warroom.reports.brief import Brief
from warroom.tui.actions import BY_ID, key_of
from warroom.tui.screens.detail import Detail
from warroom.tui.widgets.text import block, literal

if TYPE_CHECKING:
    from warroom.tui.screens.incident_screen import IncidentScreen


class BriefScreen(Detail):
    """A brief in full. The key of ``update`` opens the composer with it; c copies it, escape leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(BY_ID["update"].keys, "post", "Post it", id="update", show=False)
    ]

    def __init__(self, brief: Brief, screen: IncidentScreen) -> None:
        super().__init__(brief.title, f"{brief.body()}\n\nTo read out\n  {brief.spoken}")
        self._brief = brief
        self._below = screen

    def on_mount(self) -> None:
        keys = self._below.context.keys
        hints = f"{key_of('copy', keys)} copy · {key_of('update', keys)} post as an update · esc close"
        self.box.border_subtitle = literal(hints)

    def action_copy(self) -> None:
        """Copy the brief with its title, without what is to be read out."""
        self.app.copy_to_clipboard(block(self._brief.text()).plain)
        self.notify("Copied", markup=False)

    def action_post(self) -> None:
        """Open the composer with the brief, which shows what each destination would get."""
        from warroom.tui.screens.composer import ComposerScreen

        below, brief = self._below, self._brief
        lines = [line for line in (*brief.conditions[2:], *brief.actions) if line]
        lines += [f"Needed: {line}" for line in brief.needs if not line.startswith(("Update", "Next", "Nothing"))]
        self.dismiss()
        self.app.push_screen(
            ComposerScreen(below.context, below.incident_id, "update", given={"actions": "\n".join(lines)})
        )
