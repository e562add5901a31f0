"""The log pane: draws the visible rows of a ``LogView`` and moves about in them; never reads a log, never decides.

Only rows on the screen are masked and styled, once each. The view wakes the pane when there is something new: the
first repaint is immediate, further ones at most ``FRAMES`` a second; without news nothing runs but a look at the
figures once a second. All text from outside is drawn as segments, never parsed as markup.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from warroom.logs.records import Level, Record
from warroom.logs.search import BadPattern, Query, find
from warroom.logs.view import LogView, Row
from warroom.redact import inert

FRAMES = 12          # repaints a second at most, while lines pour in
_WHEEL = 3           # rows a notch of the wheel
_SIDE = 16           # cells a step to the side
_LABEL = 16          # cells of a source's label at most
_STRIPS = 400        # drawn rows that are kept
_BARS = "▁▂▃▄▅▆▇█"


def _guarded(method: Callable[[LogPane], None]) -> Callable[[LogPane], None]:
    """Keeps the failure of a timer or a message within the pane: Textual would end the whole console for it."""

    def call(pane: LogPane) -> None:
        try:
            method(pane)
        except Exception as error:   # noqa: BLE001 - a broken pane must not take the incident console with it
            pane.log.error(f"log pane: {type(error).__name__}")
            pane.say(f"the log pane failed ({type(error).__name__}); end to try again")

    return call


THRESHOLDS: tuple[Level | None, ...] = (None, "warn", "error")
"""The levels that one key goes through: everything, warnings and worse, errors alone."""


def next_level(level: Level | None) -> Level | None:
    """The threshold after this one."""
    place = THRESHOLDS.index(level) if level in THRESHOLDS else 0
    return THRESHOLDS[(place + 1) % len(THRESHOLDS)]


class LogPane(Widget, can_focus=True):
    """Follows a ``LogView`` until the reader scrolls up; ``end`` follows again.

    Letters are bound by the screen, which calls the public methods; only movement is bound here.
    """

    DEFAULT_CSS = """
    LogPane {
        height: 1fr;
        color: $foreground;
        & > .logpane--fatal { color: $text-error; text-style: bold reverse; }
        & > .logpane--error { color: $text-error; text-style: bold; }
        & > .logpane--warn { color: $text-warning; text-style: bold; }
        & > .logpane--info { color: $foreground; }
        & > .logpane--debug { color: $foreground; }
        & > .logpane--trace { color: $foreground; }
        & > .logpane--label { color: $text-primary; }
        & > .logpane--notice { color: $text-accent; text-style: italic; }
        & > .logpane--cursor { background: $panel; text-style: bold; }
        & > .logpane--match { text-style: reverse underline; }
        & > .logpane--hint { color: $foreground; background: $panel; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "logpane--fatal", "logpane--error", "logpane--warn", "logpane--info", "logpane--debug", "logpane--trace",
        "logpane--label", "logpane--notice", "logpane--cursor", "logpane--match", "logpane--hint",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False), Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False), Binding("pagedown", "page(1)", show=False),
        Binding("home", "first", show=False), Binding("end", "follow", show=False),
        Binding("left", "side(-1)", show=False), Binding("right", "side(1)", show=False),
    ]

    class StatusChanged(Message):
        """The text for the border is another one now; ask ``title_text()``."""

        def __init__(self, pane: LogPane) -> None:
            super().__init__()
            self.pane = pane

        @property
        def control(self) -> LogPane:
            """The pane."""
            return self.pane

    class _News(Message, bubble=False):
        """The view has changed; posted from the thread that changed it."""

    class _Found(Message, bubble=False):
        """A search has ended; ``seq`` of the row, or None."""

        def __init__(self, token: int, seq: int | None) -> None:
            super().__init__()
            self.token = token
            self.seq = seq

    def __init__(
        self,
        view: LogView,
        *,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._view = view
        self._clock = clock
        self._top = 0                 # position of the first row shown
        self._cursor = 0
        self._cursor_seq = -1         # the row the cursor is on, wherever a filter moves it
        self._following = True
        self._seen = 0                # positions before this one have been on the screen, or were there when paused
        self._side = 0                # cells scrolled to the side
        self._generation = -1
        self._layout = -1
        self._painted = float("-inf")
        self._due: Timer | None = None
        self._title = ""
        self._hint = ""
        self._query: Query | None = None
        self._search_token = 0
        self._strips: dict[tuple[object, ...], Strip] = {}
        self._listening = False       # the view will wake us at its next change
        self._gone = False

    # -- what the screen calls

    @property
    def view(self) -> LogView:
        """The view that is shown."""
        return self._view

    @property
    def following(self) -> bool:
        """Whether the newest line stays in sight."""
        return self._following

    def cursor_record(self) -> Record | None:
        """The line under the cursor, masked, as evidence; None on a notice or an empty pane."""
        self._settle()
        return self._view.record_at(self._cursor)

    def set_threshold(self, level: Level | None) -> None:
        """Shows lines of at least this level; None shows all. The cursor stays on its line, or the next shown."""
        self._view.set_threshold(level)
        self._repaint()
        self._tick()

    def search(self, text: str, *, regex: bool = False) -> None:
        """Looks for the text, from the cursor upwards, then downwards, in a thread; no text ends searching."""
        self._stop_search()
        self._hint = ""
        try:
            self._query = Query.of(text, regex=regex) if text else None
        except BadPattern as error:
            self._query = None
            self.say(str(error))
        if self._query:
            now = self._view.snapshot()
            self._seek([(self._cursor, now.first - 1), (self._cursor + 1, now.end)])
        self.refresh()

    def find_next(self) -> None:
        """Goes to the next line below that has what was searched for."""
        self._seek([(self._cursor + 1, self._view.snapshot().end)])

    def find_previous(self) -> None:
        """Goes to the next line above that has what was searched for."""
        self._seek([(self._cursor - 1, self._view.snapshot().first - 1)])

    def follow(self) -> None:
        """Goes to the newest line and stays with it."""
        self._stop_search()
        self._hint = ""
        self._following = True
        self._repaint()
        self._tick()

    def say(self, hint: str) -> None:
        """Shows a sentence in the pane's last line, until the next movement."""
        self._hint = inert(hint, newlines=False)
        self.refresh()

    def title_text(self) -> Content:
        """The border's text: sources, rates, errors, level, masks, whether it follows. Literal, never markup."""
        return Content(self._title or self._status())

    # -- movement

    def action_move(self, rows: int) -> None:
        """Moves the cursor."""
        self._settle()
        self._go(self._cursor + rows)

    def action_page(self, pages: int) -> None:
        """Moves the cursor by a screenful."""
        self._settle()
        rows = max(1, self._room() - 1)
        self._top += pages * rows
        self._go(self._cursor + pages * rows)

    def action_first(self) -> None:
        """Moves the cursor to the oldest line there is."""
        self._go(self._view.snapshot().first)

    def action_follow(self) -> None:
        """Goes to the newest line and stays with it."""
        self.follow()

    def action_side(self, steps: int) -> None:
        """Scrolls to the side; lines are not wrapped."""
        self._side = max(0, self._side + steps * _SIDE)
        self.refresh()

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        event.prevent_default()
        self._wheel(-_WHEEL)

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        event.prevent_default()
        self._wheel(_WHEEL)

    def on_click(self, event: events.Click) -> None:
        """Puts the cursor on the row."""
        offset = event.get_content_offset(self)
        if offset is not None and 0 <= offset.y < self._room():
            self._settle()
            if self._top + offset.y < self._view.snapshot().end:
                self._go(self._top + offset.y)

    def _wheel(self, rows: int) -> None:
        self._settle()
        now = self._view.snapshot()
        top = self._top + rows
        if rows > 0 and (self._following or top >= now.end - self.size.height):
            self.follow()
            return
        self._pause(now.end)
        self._top = max(now.first, top)
        self._place(min(max(self._cursor, self._top), self._top + self._room() - 1))
        self._repaint()

    def _go(self, position: int) -> None:
        """Puts the cursor there and the row in sight; at the very end, following begins."""
        now = self._view.snapshot()
        self._hint = ""
        if position >= now.end - 1:
            self.follow()
            return
        self._pause(now.end)
        self._place(max(now.first, position))
        room = self._room()
        self._top = max(now.first, min(max(self._top, self._cursor - room + 1), self._cursor, now.end - 1))
        self._repaint()

    def _pause(self, end: int) -> None:
        if self._following:
            self._following = False
            self._seen = end
            self._tick()

    def _place(self, position: int) -> None:
        self._cursor = position
        rows = self._view.rows(position, position + 1)
        self._cursor_seq = rows[0].seq if rows else -1

    def _room(self) -> int:
        """Rows there is room for: the last line is taken while there is something to say."""
        return max(1, self.size.height - (0 if self._following and not self._hint else 1))

    def _settle(self) -> None:
        """Brings top and cursor in line with what the view has now."""
        now = self._view.snapshot()
        self._generation = now.generation
        room = self._room()
        if now.layout != self._layout:
            known = self._layout >= 0
            self._layout = now.layout
            if known and not self._following:
                below = self._cursor - self._top
                self._place(self._view.position_of(self._cursor_seq))
                self._top = self._cursor - below
                self._seen = now.end
        if self._following or now.end == now.first:
            self._top = max(now.first, now.end - room)
            self._place(max(now.first, now.end - 1))
            self._seen = now.end
            return
        if not now.first <= self._cursor < now.end:   # its line has gone
            self._place(min(max(self._cursor, now.first), now.end - 1))
        self._top = max(now.first, min(self._top, now.end - 1))
        self._seen = max(self._seen, min(now.end, self._top + room))

    # -- waking and repainting

    def on_mount(self) -> None:
        """Begins to listen to the view."""
        self.set_interval(1.0, self._tick)
        self._repaint()
        self._tick()

    def on_unmount(self) -> None:
        """Stops listening and searching."""
        self._gone = True
        self._stop_search()

    def on_resize(self) -> None:
        """More or fewer rows; those drawn before are other rows now."""
        self._repaint()

    def on_focus(self) -> None:
        """The cursor appears."""
        self.refresh()

    def on_blur(self) -> None:
        """The cursor disappears."""
        self.refresh()

    def notify_style_update(self) -> None:
        """Another theme: what was drawn is drawn anew."""
        super().notify_style_update()
        self._strips.clear()

    def _wake(self) -> None:
        """Called once by whichever thread changed the view."""
        self._listening = False
        if not self._gone:
            try:
                self.post_message(self._News())
            except RuntimeError:   # the loop has closed under us
                self._gone = True

    def _on_log_pane__news(self, message: _News) -> None:
        wait = self._painted + 1 / FRAMES - self._clock()
        if wait <= 0:
            self._repaint()
        elif self._due is None:
            self._due = self.set_timer(wait, self._repaint)

    @_guarded
    def _repaint(self) -> None:
        if self._due is not None:
            self._due.stop()
            self._due = None
        self._painted = self._clock()
        try:
            self._settle()
            self.refresh()
        finally:   # listens on, whatever happened
            if not self._listening and not self._gone:
                self._listening = True
                self._view.when_changed(self._generation, self._wake)

    @_guarded
    def _tick(self) -> None:
        status = self._status()
        if status != self._title:
            self._title = status
            self.post_message(self.StatusChanged(self))

    def _status(self) -> str:
        figures = self._view.figures()
        parts = [" ".join(figures.labels) or "no source", f"{figures.lines_per_second:,} lines/s"]
        most = max(figures.errors)
        bars = "".join(_BARS[-(-n * (len(_BARS) - 1) // most)] for n in figures.errors) + " " if most else ""
        parts.append(f"errors {bars}{figures.errors[-1]:,}/min")
        if figures.threshold:
            parts.append(f"level ≥ {figures.threshold}")
        if figures.masked:
            parts.append(f"{figures.masked:,} masked")
        if figures.dropped:
            parts.append(f"{figures.dropped:,} dropped")
        parts.append("following" if self._following else "paused")
        return " │ ".join(parts)

    # -- searching

    def _stop_search(self) -> None:
        self._search_token += 1

    def _seek(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Searches the ranges in turn, in a thread of its own; the answer comes as a message."""
        query, view = self._query, self._view
        if query is None:
            self.say("nothing to search for yet")
            return
        self._stop_search()
        token = self._search_token

        def stale() -> bool:
            return self._search_token != token or self._gone

        def run() -> None:
            seq: int | None = None
            for start, stop in ranges:
                place = find(query, view.texts, start, stop, stale) if start != stop else None
                rows = view.rows(place, place + 1) if place is not None else []
                if rows:
                    seq = rows[0].seq
                    break
            if not stale():
                try:
                    self.post_message(self._Found(token, seq))
                except RuntimeError:
                    self._gone = True

        threading.Thread(target=run, name="log search", daemon=True).start()

    def _on_log_pane__found(self, message: _Found) -> None:
        if message.token != self._search_token or self._query is None:
            return
        if message.seq is None:
            self.say(f"no other line with “{self._query.text}” that way")
            return
        self._settle()
        now = self._view.snapshot()
        self._pause(now.end)
        self._place(self._view.position_of(message.seq))
        room = self._room()
        if not self._top <= self._cursor < self._top + room:
            self._top = self._cursor - room // 2
        self._hint = ""
        self._repaint()

    # -- drawing

    def render_line(self, y: int) -> Strip:
        """One line of the pane."""
        width = self.size.width
        try:
            if y == self.size.height - 1 and (hint := self._hint_text()):
                return self._hint_strip(hint, width)
            rows = self._view.rows(self._top + y, self._top + y + 1)
            if not rows or self._top + y < self._view.snapshot().first:
                return Strip.blank(width, self.rich_style)
            return self._row_strip(rows[0], self._top + y == self._cursor, width)
        except Exception as error:   # noqa: BLE001 - an error in a render ends the whole console
            return Strip([Segment(f"cannot be drawn: {type(error).__name__}"[:width], self.rich_style)])

    def _hint_text(self) -> str:
        if self._hint or self._following:
            return self._hint
        new = self._view.snapshot().end - self._seen
        return f"▼ {new:,} new · end to follow" if new > 0 else "▼ paused · end to follow"

    def _hint_strip(self, hint: str, width: int) -> Strip:
        style = self.rich_style + self.get_component_rich_style("logpane--hint", partial=True)
        return Strip([Segment(set_cell_size(f" {hint}", width), style)], width)

    def _row_strip(self, row: Row, at_cursor: bool, width: int) -> Strip:
        cursor = at_cursor and self.has_focus
        labels = [source.label for source in self._view.sources if not source.hidden]
        label_width = min(_LABEL, max(map(cell_len, labels), default=0)) if len(labels) > 1 else 0
        query = self._query.pattern if self._query else None
        key = (row.seq, row.text, row.level, cursor, width, self._side, label_width, query)
        strip = self._strips.get(key)
        if strip is None:
            if len(self._strips) >= _STRIPS:
                self._strips.clear()
            strip = self._strips[key] = self._draw(row, cursor, width, label_width)
        return strip

    def _draw(self, row: Row, cursor: bool, width: int, label_width: int) -> Strip:
        base = self.rich_style
        mark = self.get_component_rich_style("logpane--cursor", partial=True) if cursor else Style.null()

        def part(text: str, *names: str) -> Segment:
            style = base + mark
            for name in names:
                style += self.get_component_rich_style(f"logpane--{name}", partial=True)
            return Segment(text, style)

        head = [part("▸" if cursor else " ")]
        if row.notice:
            body = [part(f"── {row.label} {self._view.safe_text(row)} ──", "notice")]
        else:
            level = row.own_level
            head += [part(f"{level.upper():<5}", level) if level else part("     "), part(" ")]
            if label_width:
                head += [part(set_cell_size(row.label, label_width), "label"), part("│ ")]
            # A character is at least one cell, or joins one that is: enough of them for the width, no more.
            text = self._view.safe_text(row)[:2 * (self._side + width) + 64].expandtabs(4).replace("\n", "␤")
            body = []
            done = 0
            for start, end in self._query.spans(text) if self._query else ():
                body += [part(text[done:start]), part(text[start:end], "match")]
                done = end
            body.append(part(text[done:]))
        left = Strip(head)
        right = Strip([segment for segment in body if segment.text])
        room = max(0, width - left.cell_length)
        right = right.crop(self._side, self._side + room)
        return Strip.join([left, right]).adjust_cell_length(width, base + mark)
