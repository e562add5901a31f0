"""What the lines of a log look like: rows in, strips out. Asks no view, moves no cursor.

All text from outside becomes segments, never markup, and passes the app's filters here, once: a row that stays on
the screen is not drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip
from textual.widget import Widget

from warroom.logs.rows import Row
from warroom.logs.search import Query

HUES = ("$text-primary", "$text-accent", "$text-success", "$text-secondary")
"""The colours of sources, in the order in which they were added; the name always stands beside it."""

CSS = """
    & > .logpane--fatal { color: $text-error; text-style: bold reverse; }
    & > .logpane--error { color: $text-error; text-style: bold; }
    & > .logpane--warn { color: $text-warning; text-style: bold; }
    & > .logpane--notice { color: $text-accent; text-style: italic; }
    & > .logpane--cursor { background: $panel; text-style: bold; }
    & > .logpane--match { text-style: reverse underline; }
    & > .logpane--hint { color: $foreground; background: $panel; text-style: bold; }
    & > .logpane--chip { color: $foreground; background: $panel; }
""" + "".join(f"    & > .logpane--hue{n} {{ color: {hue}; }}\n" for n, hue in enumerate(HUES))
PARTS = {
    *(f"logpane--{name}" for name in ("fatal", "error", "warn", "notice", "cursor", "match", "hint", "chip")),
    *(f"logpane--hue{n}" for n in range(len(HUES))),
}
"""The component classes that ``CSS`` gives a look."""

_STRIPS = 400  # drawn rows that are kept
_HEAD = 7  # cells before a label or a text: where the cursor is, and the level
_PLAIN = frozenset(("info", "debug", "trace"))

Names = tuple[str, ...]
"""Of component classes, without what they have in common."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a row is looked at: ``side`` cells scrolled away, the ``part`` of it where lines are wrapped, labels of
    ``label`` cells (0 for none), what matches ``query`` shown."""

    width: int
    cursor: bool = False
    marked: bool = False
    side: int = 0
    part: int = 0
    label: int = 0
    query: Query | None = None

    @property
    def room(self) -> int:
        """Cells there are for the text of a row."""
        return text_room(self.width, self.label)


def text_room(width: int, label: int) -> int:
    """Cells there are for the text of a row in a pane so wide, with labels of so many cells."""
    return max(0, width - _HEAD - (label + 2 if label else 0))


def one_line(text: str) -> str:
    """A row's text as it is drawn."""
    return text.expandtabs(4).replace("\n", "␤")


class Painter:
    """Draws for ``pane``, whose component classes are ``PARTS``; ``drawn`` gives a row's text, safe to draw."""

    def __init__(self, pane: Widget, drawn: Callable[[Row], str]) -> None:
        self._pane = pane
        self._drawn = drawn
        self._strips: dict[tuple[object, ...], Strip] = {}
        self._styles: dict[Names, Style] = {}
        self._ground: Color | None = None

    def clear(self) -> None:
        """Another theme: everything is drawn anew."""
        self._strips.clear()
        self._styles.clear()
        self._ground = None

    def row(self, row: Row, look: Look) -> Strip:
        """A row, or a part of it."""
        key = (row.seq, len(row.text), look)
        strip = self._strips.get(key)
        if strip is None:
            if len(self._strips) >= _STRIPS:
                self._strips.clear()
            strip = self._strips[key] = self._draw(row, look)
        return strip

    def line(self, text: str, width: int, *names: str) -> Strip:
        """A line of our own words."""
        return Strip(self._segments([(set_cell_size(text, width), names)]), width)

    def chips(self, chips: Sequence[str], width: int) -> Strip:
        """Filters, side by side."""
        parts: list[tuple[str, Names]] = []
        for chip in chips:
            parts += [(chip, ("chip",)), (" ", ())]
        return Strip(self._segments(parts)).adjust_cell_length(width, self._style())

    def _draw(self, row: Row, look: Look) -> Strip:
        base: Names = ("cursor",) if look.cursor else ()
        lead = "▸" if look.cursor else "◆" if look.marked else " "
        space = max(0, look.width - 1) if row.notice else look.room
        side = look.side + look.part * space
        head: list[tuple[str, Names]]
        body: list[tuple[str, Names]]
        if row.notice:
            head = [(lead, base)]
            text = f"── {row.label} {self._drawn(row)} ──"
            body = [(text, (*base, "notice"))]
        else:
            level = row.own_level
            word = f"{level.upper():<5} " if level else "      "
            head = [(lead, base), (word, (*base, level) if level and level not in _PLAIN else base)]
            if look.part:
                head = [(" " * _HEAD, base)]
            if look.label:
                label = row.label
                if cell_len(label) > look.label:
                    label = set_cell_size(label, look.label - 1) + "…"
                hue = f"hue{row.feed.place % len(HUES)}"
                head += [(set_cell_size(label, look.label), (*base, hue)), ("│ ", base)]
            # A character is at least one cell, or joins one that is: enough of them for the width, no more.
            text = one_line(self._drawn(row))[: 2 * (side + space) + 64]
            body = []
            done = 0
            for start, end in look.query.spans(text) if look.query else ():
                body += [(text[done:start], base), (text[start:end], (*base, "match"))]
                done = end
            body.append((text[done:], base))
        if len(body) == 1 and text.isascii():  # the ordinary line, without counting cells
            body = [(body[0][0][side : side + space].ljust(space), body[0][1])]
            if space and not look.label:
                return Strip(self._segments(head + body), look.width)
        left, right = Strip(self._segments(head)), Strip(self._segments(body)).crop(side, side + space)
        return Strip.join([left, right]).adjust_cell_length(look.width, self._style(*base))

    def _style(self, *names: str) -> Style:
        style = self._styles.get(names)
        if style is None:
            style = self._pane.rich_style
            for name in names:
                style += self._pane.get_component_rich_style(f"logpane--{name}", partial=True)
            self._styles[names] = style
        return style

    def _segments(self, parts: list[tuple[str, Names]]) -> list[Segment]:
        """Segments, those alike joined (each costs forty bytes on the way to the terminal), as the app has every
        line: nothing in it that a terminal would obey, no colours where none are wanted."""
        joined: list[tuple[str, Names]] = []
        for text, names in parts:
            if joined and joined[-1][1] == names:
                joined[-1] = joined[-1][0] + text, names
            elif text:
                joined.append((text, names))
        segments = [Segment(text, self._style(*names)) for text, names in joined]
        if self._ground is None:  # worked out anew from all that lies below, each time it is asked for
            self._ground = self._pane.background_colors[1]
        for line_filter in self._pane.get_line_filters():
            segments = line_filter.apply(segments, self._ground)
        return segments
