"""Panes side by side where there is room, behind tabs where there is not, one alone when zoomed. Knows no pane."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget

from warroom.tui.panes.pane import Pane
from warroom.tui.screens.base import BaseScreen
from warroom.tui.widgets.bars import Bar
from warroom.tui.widgets.text import literal


class PaneScreen(BaseScreen):
    """A screen of panes. A subclass names them in ``PANES``, in the order of its tabs, and composes them with a
    ``Bar`` named ``tabs``; containers of panes that may come up empty carry the class ``tiles``.
    """

    TILED_FROM: ClassVar[tuple[int, int]] = (120, 34)
    """Columns and rows from which all panes are shown at once; below, one at a time behind tabs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "next_pane(1)", "Next pane", show=False),
        Binding("shift+tab", "next_pane(-1)", "Previous pane", show=False),
    ]
    PANES: ClassVar[tuple[str, ...]] = ()
    DEFAULT_CSS = """
    PaneScreen #tabs { background: $panel; padding: 0 1; }
    PaneScreen .pane { display: none; }
    PaneScreen .pane.-active { display: block; }
    PaneScreen .tiles { display: none; }
    PaneScreen .tiles.-holds { display: block; }
    PaneScreen.-tiled #tabs { display: none; }
    PaneScreen.-tiled .pane { display: block; }
    PaneScreen.-tiled .tiles { display: block; }
    """

    active = ""
    """The pane whose tab is up."""
    _zoomed = False

    def on_mount(self) -> None:
        self.go(self.active or self.PANES[0])

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        for name in self.panes:
            if self.active != name and self.pane(name).has_focus_within:
                self.active = name
                self._lay_out()

    @property
    def panes(self) -> tuple[str, ...]:
        """The panes that there are now, in the order of their tabs."""
        return self.PANES

    def pane(self, name: str) -> Pane:
        """A pane by its name."""
        return self.query_one(f"#{name}", Pane)

    def go(self, name: str = "") -> None:
        """To a pane, or the present one again: its tab, and the cursor in it."""
        self.active = name or self.active
        self._lay_out()
        if not self.is_attached:
            return
        for child in self.pane(self.active).children:
            if child.can_focus:
                child.focus()

    def _lay_out(self) -> None:
        if not self.is_attached:
            return  # a resize can still come in while the screen is taken down
        wanted: list[tuple[Widget, bool, str]] = [(self, on, name) for name, on in self.layout_classes().items()]
        wanted += [(self.pane(name), self.active == name, "-active") for name in self.panes]
        wanted += [(tiles, bool(tiles.query(f"#{self.active}")), "-holds") for tiles in self.query(".tiles")]
        # Textual works out the styles of a whole subtree at each change: here once, after all of them.
        changed = dict.fromkeys(node for node, on, name in wanted if node.has_class(name) != on)
        for node, on, name in wanted:
            node.set_class(on, name, update=False)
        for node in [self] if self in changed else changed:
            node.update_node_styles()
        self.show_tabs()

    def layout_classes(self) -> dict[str, bool]:
        """The screen's own CSS classes, and whether it has them now."""
        width, height = self.TILED_FROM
        return {"-tiled": self.size.width >= width and self.size.height >= height and not self._zoomed}

    def show_tabs(self) -> None:
        """Bring the tabs up to date with the panes' titles, and privacy mode with itself."""
        down = self.has_class("-privacy")
        for pane in self.query(Pane):
            pane.set_privacy(down)
        # A border's title reads as markup: the pane's own text is plain.
        titles = [(name, " ".join(self.pane(name).title.split(" │ ")[0].split())) for name in self.panes]
        if sum(len(title) + 3 for _, title in titles) > self.size.width:
            titles = [(name, self.pane(name).short_title) for name in self.panes]
        self.query_one("#tabs", Bar).set_content(
            Content(" ").join(
                [
                    literal(
                        f" {title} ",
                        "$block-cursor-foreground on $block-cursor-background bold"
                        if name == self.active
                        else "$text-quiet",
                    )
                    for name, title in titles
                ]
            )
        )

    def action_next_pane(self, by: int) -> None:
        """The pane after or before, round and round; those behind tabs too."""
        self.go(self.panes[(self.panes.index(self.active) + by) % len(self.panes)])

    async def do_zoom(self) -> None:
        self._zoomed = not self._zoomed
        self._lay_out()

    async def action_back(self) -> None:
        if self._zoomed:
            await self.do_zoom()
        else:
            await super().action_back()
