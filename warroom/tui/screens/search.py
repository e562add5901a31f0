"""Searching everything that was ever recorded, as one types. Opens incidents; changes nothing."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input
from textual.worker import WorkType

from warroom.errors import WarroomError
from warroom.incident.search import FILTERS, Found
from warroom.room.search import LIMIT, SearchResult
from warroom.tui.context import ScreenContext
from warroom.tui.panes.pane import Pane
from warroom.tui.screens.base import BaseScreen
from warroom.tui.screens.form_dialog import FieldInput
from warroom.tui.widgets.bars import Bar, Key, KeyBar
from warroom.tui.widgets.row_list import ListRow, RowList
from warroom.tui.widgets.text import literal

PAUSE_S = 0.12
"""So long nothing may be typed before a search begins."""

HINT = '"a phrase"  -without  ' + "  ".join(f"{name}:" for name in FILTERS)


class SearchScreen(BaseScreen):
    """A line to type in, and what matches below it. Enter goes to the matches, and from there opens the incident at
    that entry."""

    CSS = """
    SearchScreen #query { border: none; height: 1; padding: 0 1; background: $surface; }
    SearchScreen #query:focus { background: $background; }
    SearchScreen #hint { color: $text-quiet; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "other", "Words or matches", show=False, priority=True),
        Binding("down", "matches", "To the matches", show=False),
    ]
    BAR: ClassVar[tuple[str, ...]] = ("stats", "palette", "help")

    def __init__(self, context: ScreenContext) -> None:
        super().__init__(context)
        self._found: tuple[Found, ...] = ()

    def compose(self) -> ComposeResult:
        yield FieldInput(id="query", placeholder="Search everything recorded", select_on_focus=False)
        yield Bar(id="hint")
        rows = RowList(id="found", expand=True, empty="")
        yield Pane(rows, id="matches", title="Matches", private=True)
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one("#matches").add_class("-active")
        self.query_one("#hint", Bar).set_content(literal(HINT))
        self.query_one(Input).focus()
        self.show_keys(
            (Key("↵", "open", "open"), Key("tab", "words or matches", "other"), Key("esc", "back", "back"))
        )

    # ── searching ─────────────────────────────────────────────────────────────────────────────────────────

    def on_input_changed(self, event: Input.Changed) -> None:
        job: WorkType[None] = partial(self._search, event.value)  # a call, so that none is left unawaited
        self.run_worker(job, group="search", exclusive=True)

    async def _search(self, text: str) -> None:
        await asyncio.sleep(PAUSE_S)  # a worker that is cancelled by the next letter gets no further
        search = self.context.search
        if search is None:
            return
        pane = self.query_one("#matches", Pane)
        pane.show_detail("searching …")
        try:
            # Not in the room's threads: the first search reads the whole journal, and a form must not wait.
            result = await asyncio.to_thread(lambda: search().find(text))
        except WarroomError as error:
            pane.show_detail("")
            self.context.notify_error(error)
            return
        self._show(text, result)

    def _show(self, text: str, result: SearchResult) -> None:
        if not self.is_attached:
            return
        self._found = result.found
        count = f"{LIMIT}, the best of more" if len(self._found) == LIMIT else str(len(self._found))
        missing = f" · not searched, cannot be read: {', '.join(result.unreadable)}" if result.unreadable else ""
        self.query_one("#matches", Pane).show_detail(literal(f"{count}{missing}") if text.strip() else "")
        rows = self.query_one("#found", RowList)
        rows.show([self._row(number, found) for number, found in enumerate(self._found)])
        rows.action_go(0)

    def _row(self, number: int, found: Found) -> ListRow:
        here = found.at.astimezone(self.context.zone)
        day = f"{here:%d %b %H:%M}" if here.year == self.context.now().year else f"{here:%d %b %Y}"
        excerpt = [literal(text, "$text-accent bold" if marked else "") for text, marked in found.excerpt]
        words = Content.assemble(
            literal(f"{found.incident or found.stream:<8} ", "bold"),
            literal(f"{day:<13} ", "$text-quiet"),
            literal(f"{found.kind:<9} ", "$text-quiet"),
            Content.styled("retracted ", "$text-warning") if found.retracted else "",
            *excerpt,
        )
        return ListRow(str(number), words, literal(found.by, "$text-quiet") if found.by else None)

    # ── actions ───────────────────────────────────────────────────────────────────────────────────────────

    def action_other(self) -> None:
        """From the words to the matches, or back."""
        if self.query_one(Input).has_focus:
            self.action_matches()
        else:
            self.query_one(Input).focus()

    def action_matches(self) -> None:
        """To the matches, if there are any."""
        if self._found:
            self.query_one("#found", RowList).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_matches()

    def action_open(self) -> None:
        """Open the match under the cursor."""
        self.query_one("#found", RowList).action_choose()

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        found = self._found[int(event.row_id)]
        if not found.incident:
            self.context.notify("This belongs to no incident")
            return
        opener = getattr(self.app, "open_incident", None)
        if opener:
            opener(found.incident, found.entry if found.stream == found.incident else None)
