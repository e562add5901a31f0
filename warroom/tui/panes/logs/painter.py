"""What the lines of a log look like: rows in, strips out. Asks no view, moves no cursor.

All text from outside becomes segments, never markup, and passes the app's filters here, once: a row that stays on
the screen is not drawn again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip
from textual.widget import Widget

from warroom.logs.message import message
from warroom.logs.query import Query
from warroom.logs.rows import Row
from warroom.logs.view import LogView
from warroom.tui.panes.logs.runs import MOST

ON_DARK = ("#7cc4f5", "#e6a3d3", "#8fdc92", "#b9a8ff", "#5fd6d6", "#d9bf9c", "#c9d36a", "#a9bad0")
ON_LIGHT = ("#0a5aa8", "#952a80", "#1a6a30", "#5a3cc2", "#006a72", "#7a4718", "#596000", "#46566b")
ON_ANSI = (
    "ansi_cyan",
    "ansi_magenta",
    "ansi_green",
    "ansi_blue",
    "ansi_bright_cyan",
    "ansi_bright_magenta",
    "ansi_bright_green",
    "ansi_bright_blue",
)
"""The colours of sources on a dark, a light and an unknown background: neither red nor amber, which mean a level,
each with a contrast of at least 4.5:1. The name is always beside it."""


def hue(place: int, ground: Color) -> str:
    """The style of the source in this place, from 0: a colour, past the last one again in italics, then underlined.

    No two of twenty-four sources in a row look the same.
    """
    hues = ON_ANSI if ground.ansi is not None else ON_DARK if ground.brightness < 0.5 else ON_LIGHT
    return f"{hues[place % len(hues)]} {('', 'italic', 'underline')[place // len(hues) % 3]}".rstrip()


def short_label(label: str, cells: int) -> str:
    """A source's name in so many cells; of a longer one the middle is left out, as names often begin alike."""
    if cell_len(label) > cells:
        label = label.removesuffix(".log")
    if cell_len(label) <= cells:
        return set_cell_size(label, cells)
    head = chop_cells(label, max(1, (cells - 1) // 2))[0]
    tail = chop_cells(label[::-1], max(1, cells - 1 - cell_len(head)))[0][::-1]
    return set_cell_size(f"{head}…{tail}", cells)


CSS = """
    & > .logpane--fatal { color: $text-error; text-style: bold reverse; }
    & > .logpane--error { color: $text-error; text-style: bold; }
    & > .logpane--warn { color: $text-warning; text-style: bold; }
    & > .logpane--notice { color: $text-accent; text-style: italic; }
    & > .logpane--cursor { background: $panel; text-style: bold; }
    & > .logpane--match { text-style: reverse underline; }
    & > .logpane--hint { color: $foreground; background: $panel; text-style: bold; }
    & > .logpane--count { color: $text-accent; text-style: bold; }
    & > .logpane--chip { color: $foreground; background: $panel; }
"""
PARTS = {
    f"logpane--{name}" for name in ("fatal", "error", "warn", "notice", "cursor", "match", "count", "hint", "chip")
}
"""The component classes that ``CSS`` gives a look."""

_STRIPS = 400  # drawn rows that are kept
_HEAD = 7  # cells before a label or a text: where the cursor is, and the level
_CLOCK = 9  # cells of the time of day and a blank
_PLAIN = frozenset(("info", "debug", "trace"))
_PARTS = 20  # lines that one row takes at most where long lines are wrapped
_COUNTED = 24  # cells for the text from which on the number of lines is shown
_HUE = "hue"  # of a source, in a list of names; the place follows

Names = tuple[str, ...]
"""Of component classes, without what they have in common."""


class Look(NamedTuple):
    """How a row is looked at: ``side`` cells scrolled away, or the ``part`` of it where lines are wrapped (None
    where they are not), labels of ``label`` cells (0 for none), what matches ``query`` shown; with ``clock`` the
    time of day in a column of its own."""

    width: int
    cursor: bool = False
    marked: bool = False
    side: int = 0
    part: int | None = None
    label: int = 0
    query: Query | None = None
    clock: bool = False
    lines: int = 1
    """How many lines, the same but for their times, the row shows."""

    @property
    def room(self) -> int:
        """Cells there are for the text of a row."""
        return text_room(self.width, self.label, self.clock)

    @property
    def head(self) -> int:
        """Cells before the label or the text of a row."""
        return _HEAD + (_CLOCK if self.clock else 0)


def label_cells(widest: int, width: int) -> int:
    """Cells of the column of labels: as many as the widest label, but no more than the messages can spare."""
    return min(widest, 12 if width >= 100 else 8)


def text_room(width: int, label: int, clock: bool) -> int:
    """Cells there are for the text of a row in a pane so wide, with labels of so many cells and with the time."""
    return max(0, width - _HEAD - (_CLOCK if clock else 0) - (label + 2 if label else 0))


def one_line(text: str) -> str:
    """A row's text as it is drawn."""
    return text.expandtabs(4).replace("\n", "␤")


def line_breaks(text: str, space: int) -> list[tuple[int, int]]:
    """Where the lines of a wrapped text begin and end, ``_PARTS`` of them at most.

    A character of two cells is not cut in two."""
    width = max(1, space)
    if text.isascii():
        return [(at, at + width) for at in range(0, min(max(1, len(text)), _PARTS * width), width)]
    breaks, at, used = [], 0, 0
    for place, character in enumerate(text):
        cells = cell_len(character)
        if used + cells > width and place > at:
            breaks.append((at, place))
            if len(breaks) == _PARTS:
                return breaks
            at, used = place, 0
        used += cells
    return [*breaks, (at, len(text))]


class Painter:
    """Draws the rows of ``view`` for ``pane``, whose component classes are ``PARTS``."""

    def __init__(self, pane: Widget, view: LogView) -> None:
        self._pane = pane
        self._view = view
        self._strips: dict[tuple[object, ...], Strip] = {}
        self._times: dict[tuple[int, tzinfo], str] = {}
        self._styles: dict[Names, Style] = {}
        self._background: Color | None = None

    def clear(self) -> None:
        """Another theme: everything is drawn anew."""
        self._strips.clear()
        self._styles.clear()
        self._background = None

    def row(self, row: Row, look: Look) -> Strip:
        """A row, or a part of it."""
        key = (row.seq, len(row.text), row.own_level, look)
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

    def parts(self, row: Row, look: Look) -> int:
        """How many lines the row takes where long lines are wrapped."""
        return len(line_breaks(self.text(row), _space(row, look)))

    def hue(self, place: int) -> str:
        """The style of the source in this place."""
        return hue(place, self._background_color())

    def text(self, row: Row) -> str:
        """The text of a row as it is drawn: its message, where its time and level are in columns of their own."""
        if row.drawn is None:
            row.drawn = self._parsed(row)
        return row.drawn

    def _parsed(self, row: Row) -> str:
        text = one_line(self._view.drawn_text(row))
        if row.notice:
            return f"── {row.label} {text} ──"
        return message(text) if row.own_level or self._view.time_of(row) else text

    def _draw(self, row: Row, look: Look) -> Strip:
        base: Names = ("cursor",) if look.cursor else ()
        if look.lines > 1 and not look.part and look.room > _COUNTED:
            return self._counted(row, look, base)
        space = _space(row, look)
        text = self.text(row)
        head, body = self._head(row, look, base), (*base, "notice") if row.notice else base
        more = False
        if look.part is None:
            # A character is at least one cell, or joins one that is: enough of them for the width, no more.
            start, end, side = 0, min(len(text), 2 * (look.side + space) + 64), look.side
            if text[:end].isascii():
                start, end, side = look.side, look.side + space, 0
        else:
            breaks = line_breaks(text, space)
            start, end = breaks[min(look.part, len(breaks) - 1)]
            side = 0
            more = look.part == _PARTS - 1 and end < len(text)
        parts: list[tuple[str, Names]] = []
        done = start
        for left, right in look.query.spans(text[: 2 * end + 64]) if look.query and not row.notice else ():
            left, right = max(left, done), min(right, end)
            if left < right:
                parts += [(text[done:left], body), (text[left:right], (*base, "match"))]
                done = right
        parts.append((text[done:end], body))
        if space and not side and not more and text[start:end].isascii():  # the ordinary line: no cells to count
            parts.append((" " * (space - len(text[start:end])), base))
            return Strip(self._segments(head + parts), look.width)
        drawn = Strip(self._segments(parts))
        if side or drawn.cell_length > space:
            drawn = drawn.crop(side, side + space)
        if more:  # the rest is seen by opening the record
            drawn = Strip.join([drawn.crop(0, space - 1), Strip(self._segments([("…", body)]))])
        strip = Strip.join([Strip(self._segments(head)), drawn])
        return strip.adjust_cell_length(look.width, self._style(*base))

    def _counted(self, row: Row, look: Look, base: Names) -> Strip:
        """A row for several lines: their number is at the right edge, where no long text cuts it off."""
        plus = "+" if look.lines > MOST else ""
        tail = f" ×{min(look.lines, MOST):,}{plus} "
        left = self._draw(row, look._replace(width=look.width - len(tail), lines=1))
        return Strip.join([left, Strip(self._segments([(tail, (*base, "count"))]))])

    def _head(self, row: Row, look: Look, base: Names) -> list[tuple[str, Names]]:
        """The cells before the text: the cursor, the level, the source."""
        lead = "▸" if look.cursor else "◆" if look.marked else " "
        if row.notice:
            return [(" " if look.part else lead, base)]
        level = row.own_level
        word = f"{level.upper():<5} " if level else "      "
        head = [(lead, base), (word, (*base, level) if level and level not in _PLAIN else base)]
        if look.clock:
            at = self._view.time_of(row)
            head.insert(1, (self._time(at) if at else " " * _CLOCK, base))
        if look.part:
            head = [(" " * look.head, base)]
        if look.label:
            label = short_label(row.label, look.label)
            head += [(label, (*base, f"{_HUE}{row.log.place}")), ("│ ", base)]
        return head

    def _time(self, at: datetime) -> str:
        """The time of day in the view's zone, and a blank. Kept, since the lines of a second come together."""
        key = int(at.timestamp()), self._view.zone
        known = self._times.get(key)
        if known is None:
            if len(self._times) >= _STRIPS:
                self._times.clear()
            known = self._times[key] = f"{at.astimezone(self._view.zone):%H:%M:%S} "
        return known

    def _style(self, *names: str) -> Style:
        style = self._styles.get(names)
        if style is None:
            style = self._pane.rich_style
            for name in names:
                if name.startswith(_HUE):
                    style += _rich_style(self.hue(int(name[len(_HUE) :])))
                else:
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
        for line_filter in self._pane.get_line_filters():
            segments = line_filter.apply(segments, self._background_color())
        return segments

    def _background_color(self) -> Color:
        if self._background is None:  # Textual computes it from all that is below at every access
            self._background = self._pane.background_colors[1]
        return self._background


def _space(row: Row, look: Look) -> int:
    """Cells there are for the text of this row."""
    return max(0, look.width - 1) if row.notice else look.room


def _rich_style(style: str) -> Style:
    color, _, more = style.partition(" ")
    return Style(color=Color.parse(color).rich_color, italic="italic" in more, underline="underline" in more)
