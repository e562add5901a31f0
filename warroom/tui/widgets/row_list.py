"""Rows with a cursor that follows a row, not a place: checklist, timeline, roles, incidents. Knows no domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

MOST_LINES = 8
"""How many lines a row takes at most."""


@dataclass(frozen=True, slots=True)
class ListRow:
    """A row: ``id`` is what the cursor follows; a heading (``id`` "") is never under it.

    ``tail`` is at the right edge. The text is cut with … where it does not fit.
    """

    id: str
    content: Content
    tail: Content | None = None


class RowList(Widget, can_focus=True):
    """Rows, one line each. Up, down, page and end move; enter or a click on the cursor's row chooses.

    With ``follow``, a cursor on the last row stays on the last row as rows are added. With ``expand`` the row under
    the cursor takes as many lines as its text needs, ``wrap`` does that to every row. ``lead`` marks a row with →
    and keeps the cursor on it until a person moves it away.
    """

    DEFAULT_CSS = """
    RowList { height: 1fr; width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "go(0)", show=False),
        Binding("end", "go(-1)", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Chosen(Message):
        """Enter was pressed on a row, or it was clicked twice."""

        def __init__(self, rows: RowList, row_id: str) -> None:
            super().__init__()
            self.rows = rows
            self.row_id = row_id

        @property
        def control(self) -> RowList:
            return self.rows

    class Moved(Message):
        """The cursor is on another row."""

        def __init__(self, rows: RowList, row_id: str) -> None:
            super().__init__()
            self.rows = rows
            self.row_id = row_id

        @property
        def control(self) -> RowList:
            return self.rows

    def __init__(
        self,
        *,
        id: str | None = None,
        classes: str | None = None,
        follow: bool = False,
        expand: bool = False,
        empty: str = "",
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._rows: list[ListRow] = []
        self._cursor = -1
        self._top = 0
        self._follow = follow
        self._expand = expand
        self._wrap = False
        self._empty = empty
        self._marked = ""
        self._rest = ""
        self._led = True

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────

    @property
    def cursor_id(self) -> str:
        """The row under the cursor, "" if there is none."""
        return self._rows[self._cursor].id if 0 <= self._cursor < len(self._rows) else ""

    @property
    def shown(self) -> list[ListRow]:
        """The rows as they are."""
        return self._rows

    def show(self, rows: Sequence[ListRow]) -> None:
        """Show these rows. The cursor stays on its row, or near where it was if that one is gone."""
        rows = list(rows)
        if len(rows) == len(self._rows) and all(map(_same, rows, self._rows)):
            return
        last = not self._rows or self._cursor == self._last()
        kept, was = self.cursor_id, self._cursor
        self._rows = rows
        if self._follow and last:
            self._cursor = self._last()
        else:
            places = [place for place, row in enumerate(rows) if row.id and row.id == kept]
            self._cursor = places[0] if places else self._nearest(max(0, was))
        self._into_view()
        self.refresh()

    def wrap(self, on: bool) -> None:
        """Show every row in as many lines as its text needs, or in one."""
        if on != self._wrap:
            self._wrap = on
            self._into_view()
            self.refresh()

    def put_cursor(self, row_id: str) -> bool:
        """Put the cursor on a row; False if there is no such row."""
        for place, row in enumerate(self._rows):
            if row.id and row.id == row_id:
                self._place(place)
                return True
        return False

    def lead(self, marked: str, rest: str = "") -> None:
        """Mark a row ("" for none). The cursor rests on it, or on ``rest``, until a person moves it away."""
        if marked != self._marked:
            self._marked = marked
            self.refresh()
        self._rest = rest or marked
        if self._led and self._rest != self.cursor_id:
            self.put_cursor(self._rest)

    def lead_again(self) -> None:
        """Bring the cursor back to where ``lead`` keeps it, at once and from now on."""
        self._led = True
        self.put_cursor(self._rest)

    def _last(self) -> int:
        return max((place for place, row in enumerate(self._rows) if row.id), default=-1)

    def _nearest(self, place: int) -> int:
        able = [n for n, row in enumerate(self._rows) if row.id]
        return min(able, key=lambda n: (abs(n - place), n), default=-1)

    # ── moving ────────────────────────────────────────────────────────────────────────────────────────────

    def action_move(self, by: int) -> None:
        place = self._cursor + by
        while 0 <= place < len(self._rows) and not self._rows[place].id:
            place += by
        if 0 <= place < len(self._rows):
            self._go(place)
        elif by < 0:  # the heading above the first row comes into view
            self._top = 0
            self.refresh()
        else:
            self._show_end()

    def action_page(self, by: int) -> None:
        self._go(self._nearest(min(max(0, self._cursor + by * max(1, self.size.height - 1)), len(self._rows))))
        if by > 0 and self._cursor == self._last():
            self._show_end()

    def action_go(self, place: int) -> None:
        self._go(self._last() if place < 0 else self._nearest(0))
        if place < 0:
            self._show_end()

    def _show_end(self) -> None:
        """Bring what stands below the last row that takes the cursor into view, without losing the cursor."""
        self._top = max(self._top, min(self._cursor, self._first_above(len(self._rows) - 1)))
        self.refresh()

    def action_choose(self) -> None:
        if self.cursor_id:
            self.post_message(self.Chosen(self, self.cursor_id))

    def _go(self, place: int) -> None:
        """A person moves the cursor; back on the row that it is kept on, it is kept there again."""
        self._led = 0 <= place < len(self._rows) and self._rows[place].id == self._rest
        self._place(place)

    def _place(self, place: int) -> None:
        if place != self._cursor:
            self._cursor = place
            self.post_message(self.Moved(self, self.cursor_id))
        self._into_view()
        self.refresh()

    def _into_view(self) -> None:
        height = self.size.height
        if not height:  # not laid out yet: what is in view is settled once it is
            return
        if self._cursor < self._top:
            self._top = max(0, self._cursor)
            while self._top > 0 and not self._rows[self._top - 1].id:
                self._top -= 1  # its heading with it
        else:
            self._top = max(self._top, self._first_above(self._cursor))
        self._top = max(0, min(self._top, self._first_above(len(self._rows) - 1)))

    def _first_above(self, place: int) -> int:
        """The first row in view if the one at ``place`` is the last."""
        left = self.size.height - self._height(place)
        while place > 0 and left >= (above := self._height(place - 1)):
            left -= above
            place -= 1
        return place

    def _height(self, place: int) -> int:
        """The lines that a row takes."""
        if not self._is_expanded(place):
            return 1
        return len(self._lines(place, self.content_size.width))

    def _is_expanded(self, place: int) -> bool:
        under_cursor = self._expand and place == self._cursor and self.has_focus
        return (under_cursor or self._wrap) and 0 <= place < len(self._rows)

    def on_resize(self) -> None:
        # What was drawn while this was a tab not shown was put into view of a single row.
        self._into_view()
        self.refresh()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._scroll(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._scroll(-3)

    def _scroll(self, by: int) -> None:
        self._top = max(0, min(self._top + by, self._first_above(len(self._rows) - 1)))
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        place = self._place_at(offset.y) if offset else -1
        if 0 <= place < len(self._rows) and self._rows[place].id:
            again = place == self._cursor
            self._go(place)
            if again or event.chain > 1:
                self.action_choose()

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────

    def _place_at(self, y: int) -> int:
        """The row that is drawn at a line of the widget; -1 for none."""
        place = self._top
        while place < len(self._rows) and y >= (height := self._height(place)):
            y -= height
            place += 1
        return place if place < len(self._rows) else -1

    def render(self) -> Content:
        width, height = self.content_size.width, self.content_size.height
        if not self._rows:
            return Content.styled(self._empty, "$text-quiet")
        lines: list[Content] = []
        place = self._top
        while place < len(self._rows) and len(lines) < height:
            lines += self._lines(place, width)
            place += 1
        return Content("\n").join(lines[:height])

    def _lines(self, place: int, width: int) -> list[Content]:
        """The lines of a row: one, unless it is expanded."""
        row, under_cursor = self._rows[place], place == self._cursor and self.has_focus
        # The mark in front shows the cursor, and the row of the next step, without colour.
        next_ = bool(row.id) and row.id == self._marked
        mark = "" if not row.id else "▸" if under_cursor else "→" if next_ else " "
        tail = row.tail.truncate(max(0, width - 8), ellipsis=True) if row.tail else Content("")
        room = max(1, width - len(mark) - tail.cell_length - (1 if tail else 0))
        texts = [row.content]
        if self._is_expanded(place) and row.content.cell_length > room:
            texts = row.content.wrap(room)[:MOST_LINES]
        lines = []
        for number, text in enumerate(texts):
            text = text.truncate(room, ellipsis=True).pad_right(max(0, room - text.cell_length))
            front = mark if not number else " " * len(mark)
            line = (Content.styled(front, "$key bold") if next_ else Content(front)) + text
            if tail and not number:
                line = line + Content(" ") + tail
            if under_cursor:
                line = line.pad_right(max(0, width - line.cell_length))
                line = line.without_spans.stylize("$block-cursor-foreground on $block-cursor-background bold")
            lines.append(line)
        return lines

    def on_focus(self) -> None:
        self._settle()

    def on_blur(self) -> None:
        self._settle()

    def _settle(self) -> None:
        if self._expand:  # which row is expanded depends on the focus; it is known once Textual has set it
            self.call_later(self._into_view)
        self.refresh()


def _same(one: ListRow, other: ListRow) -> bool:
    """Whether two rows look the same; Content's own == compares the text alone, not its styles."""
    if one.id != other.id or (one.tail is None) != (other.tail is None):
        return False
    tails = one.tail is None or other.tail is None or one.tail.is_same(other.tail)
    return tails and one.content.is_same(other.content)
