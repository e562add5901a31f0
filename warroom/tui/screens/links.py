"""The links of an incident, one key away: opened in the browser, or copied."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from warroom.room.links import IncidentLink
from warroom.tui.actions import BY_ID
from warroom.tui.browser import open_url
from warroom.tui.context import ScreenContext
from warroom.tui.widgets.row_list import ListRow, RowList
from warroom.tui.widgets.text import literal

HINTS = "↵ open · y copy · esc close"


class LinksScreen(ModalScreen[None]):
    """Enter opens the link under the cursor in the browser, y copies it; over SSH copying is what works."""

    DEFAULT_CSS = """
    LinksScreen { align: center middle; }
    LinksScreen > Vertical {
        width: 100; max-width: 96%; height: auto; max-height: 90%; padding: 0 1;
        background: $panel; border: round $border; border-title-color: $text-primary;
        border-subtitle-color: $text-quiet;
    }
    LinksScreen RowList { background: $panel; }
    LinksScreen.-privacy RowList { visibility: hidden; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Leave", show=False),
        Binding(f"y,{BY_ID['copy'].keys}", "copy", "Copy", show=False),
    ]

    def __init__(self, context: ScreenContext, title: str, links: Sequence[IncidentLink]) -> None:
        super().__init__()
        self._screen_context = context
        self._title = title
        self._links = list(links)

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = literal(self._title)
            box.border_subtitle = HINTS
            yield RowList(id="links")

    def on_mount(self) -> None:
        rows = self.query_one("#links", RowList)
        width = max((len(link.name) for link in self._links), default=0)
        rows.show(
            [
                ListRow(
                    str(place),
                    Content.assemble(literal(f"{link.name:<{width}}"), "  ", literal(link.url, "$text-quiet")),
                )
                for place, link in enumerate(self._links)
            ]
        )
        rows.styles.height = min(20, len(self._links)) or 1
        rows.lead("0")
        rows.focus()

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        if link := self._link():
            self.run_worker(self._open(link))

    def action_copy(self) -> None:
        """Copy the address under the cursor."""
        if link := self._link():
            self.app.copy_to_clipboard(link.url)
            self._screen_context.notify("Copied")

    async def _open(self, link: IncidentLink) -> None:
        if await self._screen_context.work(lambda: open_url(link.url, os.environ)):
            self._screen_context.notify(f"Opened {link.name}")
        else:
            self.app.copy_to_clipboard(link.url)
            self._screen_context.notify("No browser can be opened from here; the address is copied", "warning")

    def _link(self) -> IncidentLink | None:
        id = self.query_one("#links", RowList).cursor_id
        return self._links[int(id)] if id else None
