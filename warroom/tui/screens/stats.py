"""The figures over all incidents, beside their definitions. Computes nothing; posts a better quarter when asked."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from warroom.reports.figures import GROUPINGS, GroupBy, IncidentFigures
from warroom.reports.figures_text import figure_lines
from warroom.room.figures_reader import FiguresReader
from warroom.room.improvement import ImprovementPost, post_improvement, prepare_improvement
from warroom.tui.actions import BY_ID, key_of
from warroom.tui.context import ScreenContext
from warroom.tui.feed import Updated
from warroom.tui.screens.base import BaseScreen
from warroom.tui.screens.confirm import Confirm
from warroom.tui.widgets.bars import Bar, Key, KeyBar
from warroom.tui.widgets.text import literal

_LOOKS = {"title": "$text-primary bold", "note": "$text-quiet", "good": "$text-success bold", "row": ""}


class StatsScreen(BaseScreen):
    """The figures, brought up to date as incidents change. Tab groups them by month, service, severity."""

    CSS = """
    StatsScreen #top { background: $panel; padding: 0 1; }
    StatsScreen VerticalScroll { height: 1fr; padding: 0 1; }
    StatsScreen #figures { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "group(1)", "Group by the next", show=False, priority=True),
        Binding("shift+tab", "group(-1)", "Group by the previous", show=False, priority=True),
        Binding(BY_ID["copy"].keys, "do('copy')", "Copy the line about the last quarter", id="copy", show=False),
        Binding(BY_ID["publish"].keys, "do('publish')", "Post that line to the team", id="publish", show=False),
    ]
    BAR: ClassVar[tuple[str, ...]] = ("search_all", "palette", "help")

    def __init__(self, context: ScreenContext) -> None:
        super().__init__(context)
        self._reader = FiguresReader(context.room)
        self._by: GroupBy = GROUPINGS[0]
        self._figures: IncidentFigures | None = None

    @property
    def loaded(self) -> bool:
        return self._figures is not None

    def compose(self) -> ComposeResult:
        yield Bar(id="top")
        with VerticalScroll():
            yield Static("Reading every incident …", id="figures", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one("#top", Bar).set_content(Content.styled("Figures", "bold"))
        self.query_one(VerticalScroll).focus()
        self._show_keys()

    def on_screen_resume(self) -> None:
        self._load()

    def on_screen_suspend(self) -> None:
        if self.covered:
            self.context.feed.leave(self)

    def on_unmount(self) -> None:
        self.context.feed.leave(self)

    def on_resize(self) -> None:
        self._show()

    def _load(self) -> None:
        by = self._by
        self.context.feed.watch(self, lambda: self._reader.read(by=by))

    def on_updated(self, event: Updated[IncidentFigures]) -> None:
        if event.value.by == self._by:  # else it was read before the grouping was changed
            self._figures = event.value
            self._show()

    def _show(self) -> None:
        if self._figures is None or not self.is_attached:
            return
        lines = [
            literal(line.text, _LOOKS[line.look])
            for line in figure_lines(self._figures, self.context.zone, self.size.width - 4)
        ]
        self.query_one("#figures", Static).update(Content("\n").join(lines))
        self._show_keys()

    def _show_keys(self) -> None:
        following = GROUPINGS[(GROUPINGS.index(self._by) + 1) % len(GROUPINGS)]
        copy = Key(
            key_of("copy", self.context.keys),
            "copy the good news",
            "copy",
            on=bool(self._figures and self._figures.improvement),
        )
        postable = copy.on and not (self._figures and self._figures.posted_at)
        post = Key(key_of("publish", self.context.keys), "post it", "publish", on=postable)
        self.show_keys((Key("tab", f"by {following}", "group(1)"), copy, post, Key("esc", "back", "back")))

    def action_group(self, by: int) -> None:
        """Group the incidents by the next thing, round and round."""
        self._by = GROUPINGS[(GROUPINGS.index(self._by) + by) % len(GROUPINGS)]
        self._load()

    async def do_publish(self) -> None:
        """Show what would be posted to the team about a better quarter, and ask."""
        figures = self._figures
        if figures is None:
            return
        room = self.context.room
        prepared = await self.context.run_or_notify(lambda: prepare_improvement(room, figures))
        if prepared is None:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.start(partial(self._publish, prepared))

        where = ", ".join(copy.destination for copy in prepared.copies)
        question = Confirm(
            f"{prepared.quarter} · post to the team",
            f"Post this on {where}?",
            about=prepared.preview(),
            no="No, not now",
            yes=f"Yes, post it on {where}",
        )
        self.app.push_screen(question, answered)

    async def _publish(self, post: ImprovementPost) -> None:
        def record() -> bool:
            post_improvement(self.context.room, post)
            return True

        if await self.context.run_or_notify(record):
            self.context.notify("Being posted; home shows it if it does not arrive")

    async def do_copy(self) -> None:
        """Copy the line about a better quarter, to post it."""
        if self._figures and self._figures.improvement:
            self.app.copy_to_clipboard(literal(self._figures.improvement).plain)
            self.context.notify("Copied: paste it where your team reads it")
        else:
            self.context.notify(
                "The last complete quarter was not better than the one before, or is too small to say", "warning"
            )
