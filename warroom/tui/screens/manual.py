"""The manual, over any screen: its topics, and a page of it to read. The same pages as ``warroom help``."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.worker import WorkType

from warroom.config import help_pages
from warroom.tui.widgets.markdown_view import MarkdownView
from warroom.tui.widgets.row_list import ListRow, RowList
from warroom.tui.widgets.text import literal


class ManualScreen(ModalScreen[None]):
    """The topics of the manual. Enter opens a page; escape goes back to the topics, then leaves."""

    DEFAULT_CSS = """
    ManualScreen { align: center middle; }
    ManualScreen Vertical {
        width: 108; max-width: 98%; height: 96%; background: $panel; border: round $border;
        border-title-color: $text-primary; border-subtitle-color: $text-quiet; padding: 0 1;
    }
    ManualScreen MarkdownView { display: none; background: $panel; }
    ManualScreen.-reading MarkdownView { display: block; }
    ManualScreen.-reading RowList { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back", show=False)]

    def compose(self) -> ComposeResult:
        with Vertical():
            yield RowList(id="topics")
            yield MarkdownView(id="page")

    def on_mount(self) -> None:
        self._show_topics()
        job: WorkType[None] = self._load_topics
        self.run_worker(job)

    async def _load_topics(self) -> None:
        topics = await asyncio.to_thread(help_pages.topics)
        rows = [
            ListRow(name, Content.assemble((f"{name:<14}", "$key bold"), literal(explains)))
            for name, explains in topics.items()
        ]
        self.query_one(RowList).show(rows)

    def _show_topics(self) -> None:
        self.remove_class("-reading")
        self._entitle("Manual", "enter read · esc close")
        self.query_one(RowList).focus()

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        async def read() -> None:
            text = await asyncio.to_thread(help_pages.page, event.row_id)
            view = self.query_one(MarkdownView)
            self.add_class("-reading")
            self._entitle(f"Manual: {event.row_id}", "↑ ↓ pgup pgdn scroll · esc topics")
            view.show(text)
            view.scroll_home(animate=False)
            view.focus()

        job: WorkType[None] = read
        self.run_worker(job, exclusive=True)

    def _entitle(self, title: str, keys: str) -> None:
        box = self.query_one(Vertical)
        box.border_title, box.border_subtitle = title, keys

    def action_back(self) -> None:
        """From a page to the topics, from the topics to the screen below."""
        if self.has_class("-reading"):
            self._show_topics()
        else:
            self.dismiss()
