"""A document to read: Markdown set in type off the loop, drawn line by line. Obeys no link, fetches nothing."""

from __future__ import annotations

import asyncio
import io
from typing import ClassVar

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Heading, Markdown
from rich.segment import Segment
from rich.style import Style
from rich.theme import Theme
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.worker import WorkType

from warroom.safety import sanitize

WIDEST = 100
"""Cells; longer lines are hard to read."""


class _Heading(Heading):
    """A heading at the left edge; Rich's own are centred in a box."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.justify = "left"
        yield self.text


class _Document(Markdown):
    elements: ClassVar = {**Markdown.elements, "heading_open": _Heading}


def typeset(markdown: str, width: int, heading: Style, quiet: Style) -> list[Strip]:
    """``markdown`` as lines of at most ``width`` cells; links as text, raw HTML left out, nothing obeyed."""
    plain = Style()
    theme = Theme(
        {
            **{f"markdown.h{level}": heading for level in range(1, 8)},
            "markdown.h1.border": quiet,
            "markdown.item.bullet": quiet,
            "markdown.item.number": quiet,
            "markdown.hr": quiet,
            "markdown.block_quote": quiet,
            "markdown.code": Style(bold=True),
            "markdown.code_block": plain,
            "markdown.link": plain,
            "markdown.link_url": plain,
            "markdown.list": plain,
            "markdown.item": plain,
            "markdown.em": Style(italic=True),
            "markdown.strong": Style(bold=True),
            "markdown.table.border": quiet,
            "markdown.table.header": Style(bold=True),
        }
    )
    console = Console(
        file=io.StringIO(),
        width=width,
        theme=theme,
        color_system="truecolor",
        force_terminal=True,
        legacy_windows=False,
        emoji=False,
        markup=False,
        highlight=False,
    )
    document = _Document(sanitize(markdown), hyperlinks=False)
    lines = console.render_lines(document, console.options.update(width=width), pad=False)
    strips = [Strip([s for s in line if not s.control]) for line in lines]
    while strips and not strips[0].text.strip():
        del strips[0]
    return strips


class MarkdownView(ScrollView, can_focus=True):
    """Shows a document; the arrow keys, page and end scroll it. Where one reads stays put when it changes."""

    DEFAULT_CSS = """
    MarkdownView {
        height: 1fr; width: 1fr; scrollbar-size-vertical: 1; overflow: hidden scroll; background: $background;
    }
    MarkdownView > .paper--heading { color: $text-primary; text-style: bold; }
    MarkdownView > .paper--quiet { color: $text-quiet; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"paper--heading", "paper--quiet"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_up", show=False),
        Binding("down", "scroll_down", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
        Binding("home", "scroll_home", show=False),
        Binding("end", "scroll_end", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._markdown = ""
        self._lines: list[Strip] = []
        self._setting = False
        self._again = False

    def show(self, markdown: str) -> None:
        """Show ``markdown`` once it is set in type."""
        if markdown != self._markdown:
            self._markdown = markdown
            self._set()

    @property
    def text(self) -> str:
        """What is shown."""
        return "\n".join(line.text.rstrip() for line in self._lines)

    def _set(self) -> None:
        # One at a time: what changed meanwhile is set once the present one is done.
        self._again = self._setting
        if not self._setting and self._markdown and self.is_attached:
            self._setting = True
            job: WorkType[None] = self._typeset
            self.run_worker(job)

    async def _typeset(self) -> None:
        width = max(20, min(WIDEST, (self.scrollable_content_region.width or self.size.width) - 1))
        heading = self.get_component_rich_style("paper--heading", partial=True)
        quiet = self.get_component_rich_style("paper--quiet", partial=True)
        markdown = self._markdown
        try:
            self._lines = await asyncio.to_thread(typeset, markdown, width, heading, quiet)
        finally:
            self._setting = False
        self.virtual_size = Size(width, len(self._lines))
        self.refresh()
        if self._again:
            self._set()

    def on_mount(self) -> None:
        self._set()

    def on_resize(self) -> None:
        self._set()

    def notify_style_update(self) -> None:
        """Another theme: the colours are set anew."""
        super().notify_style_update()
        self._set()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        row = y + int(self.scroll_y)
        line = self._lines[row] if row < len(self._lines) else Strip([Segment("")])
        return line.apply_style(self.rich_style).adjust_cell_length(width, self.rich_style)
