"""The log pane: draws the visible rows of a ``LogView`` and moves about in them; never reads a log, never decides.

Only rows on the screen are masked and styled, once each. The view wakes the pane when there is something new: the
first repaint is immediate, further ones at most ``FRAMES`` a second, none while another screen covers it; without
news nothing runs but a look at the figures once a second. All text from outside is drawn as segments, never as
markup.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from math import inf
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from warroom.logs.query import BadPattern, Query
from warroom.logs.record_detail import FullRecord, evidence
from warroom.logs.records import Level, Record
from warroom.logs.view import LogView
from warroom.safety import sanitize
from warroom.tui.panes.logs.layout import Layout
from warroom.tui.panes.logs.painter import CSS, PARTS, Painter
from warroom.tui.panes.logs.repaint_limit import RepaintLimit
from warroom.tui.panes.logs.search import PaneSearch
from warroom.tui.panes.logs.status import names, status
from warroom.tui.panes.logs.viewport import Viewport

_BEHIND = 1.0  # the same behind a form: Textual then draws the form anew each time as well
_WHEEL = 3  # rows a notch of the wheel
_SIDE = 16  # cells a step to the side


def _guarded(method: Callable[[LogPane], None]) -> Callable[[LogPane], None]:
    """Keeps the failure of a timer or a message within the pane: Textual would end the whole console for it."""

    def call(pane: LogPane) -> None:
        try:
            method(pane)
        except Exception as error:  # noqa: BLE001 - a broken pane must not take the incident console with it
            pane.log.error(f"log pane: {type(error).__name__}")
            pane.show_hint(f"the log pane failed ({type(error).__name__}); end to try again")

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

    DEFAULT_CSS = "LogPane { height: 1fr; color: $foreground;" + CSS + "}"
    COMPONENT_CLASSES: ClassVar[set[str]] = PARTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "first", show=False),
        Binding("end", "follow", show=False),
        Binding("left", "side(-1)", show=False),
        Binding("right", "side(1)", show=False),
        Binding("enter", "open", show=False),
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

    class Opened(Message):
        """A record is to be shown in full, with its secrets in clear if it is ``revealed``."""

        def __init__(self, pane: LogPane, record: FullRecord, *, revealed: bool = False) -> None:
            super().__init__()
            self.pane = pane
            self.record = record
            self.revealed = revealed

    class SpikeSeen(Message):
        """The error rate has spiked to ``times`` what it was in the last hour; posted once as it begins."""

        def __init__(self, pane: LogPane, times: float) -> None:
            super().__init__()
            self.pane = pane
            self.times = times

    class _News(Message, bubble=False):
        """The view has changed; posted from the thread that changed it."""

    def __init__(
        self,
        view: LogView,
        *,
        empty: str = "No log is watched.",
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._view = view
        self._empty = empty  # the text while there is no source
        self._viewport = Viewport(view)
        self._limit = RepaintLimit(clock)
        self._due: Timer | None = None
        self._title = ""
        self._spike_seen = False
        self._painter = Painter(self, view)
        self._layout = Layout(view, self._viewport, self._painter)
        self.searching = PaneSearch(self, view, self._viewport)
        self._listening = False  # the view will wake us at its next change
        self._gone = False

    # -- what the screen calls

    @property
    def view(self) -> LogView:
        """The view that is shown."""
        return self._view

    @property
    def following(self) -> bool:
        """Whether the newest line stays in sight."""
        return self._viewport.following

    def evidence(self) -> Record | None:
        """What is to be pinned, masked: the lines from the first mark to the last if there are two, else the record
        under the cursor with all its lines; None where there is none."""
        if len(self._layout.marks) < 2:
            record = self._record()
            return record.evidence() if record else None
        places = sorted(self._view.position_of(seq) for seq in self._layout.marks)
        rows = [row for row in self._view.rows(places[0], places[-1] + 1) if not row.notice]
        return evidence(self._view, rows) if rows else None

    def copy(self) -> None:
        """What would be pinned goes to the clipboard of whoever looks at the terminal."""
        record = self.evidence()
        if record is None:
            self.show_hint("nothing to copy here")
            return
        self.app.copy_to_clipboard(record.text)
        lines = record.text.count("\n") + 1
        self.show_hint(f"copied, masked: {lines} {'line' if lines == 1 else 'lines'}")

    def _settle(self) -> None:
        self._viewport.settle(self._room())

    def _record(self) -> FullRecord | None:
        self._settle()
        return FullRecord.at(self._view, self._viewport.cursor)

    def set_threshold(self, level: Level | None) -> None:
        """Shows lines of at least this level; None shows all. The cursor stays on its line, or the next shown."""
        self._view.set_threshold(level)
        self._repaint()
        self._tick()

    def filter_in(self, text: str) -> None:
        """Shows only records that have this, besides the filters there are."""
        self._add_filter(text, within=True)

    def filter_out(self, text: str) -> None:
        """Shows no records that have this."""
        self._add_filter(text, within=False)

    @property
    def filters(self) -> tuple[str, ...]:
        """The filters there are, in words, in the order in which ``drop_filter`` counts them."""
        return self._layout.filters

    def drop_filter(self, place: int = -1) -> None:
        """Takes one filter away, by its place in ``filters``."""
        parts = self._view.filter.parts(self._view.zone)
        if not parts:
            self.show_hint("no filter to remove")
            return
        self._view.set_filter(parts[place % len(parts)][1])
        self._repaint()
        self._tick()

    def search(self, text: str, *, go: bool = True) -> None:
        """Search for the text or regular expression; see ``PaneSearch.search``."""
        self._settle()
        self.searching.search(text, go=go)
        self.refresh()

    def search_done(self, keep: bool) -> None:
        """The search stays as it is, or was not meant: the cursor goes back to where it began."""
        if keep:
            self.searching.keep()
            return
        self.searching.cancel()
        self.refresh()

    def find(self, *, older: bool) -> None:
        """Go to the next line above (or below) that has what was searched for."""
        self.searching.find(older=older)

    def find_error(self, *, older: bool) -> None:
        """Go to the next line above (or below) with an error."""
        self._settle()
        self.searching.find_error(older=older)

    def go_to(self, text: str) -> None:
        """Go to a line by its number (``88213``) or to a time (``14:03``, ``-10m``, ``2025-03-05 14:03``), the
        latest such time before the newest line."""
        text = text.strip()
        if not text:
            return
        if text.isdecimal():
            seq = self._view.line(int(text))
            if seq is None:
                self.show_hint(f"there is no line {text} (yet)")
                return
            self.show_position(self._view.position_of(seq))
            return
        when = self._viewport.moment(text)
        if when is None:
            self.show_hint(f"“{text}” is neither a line number nor a time: 88213, 14:03, -10m")
            return
        position = self._view.moment(when)
        if position is None:
            self.show_hint("no line here has a time")
            return
        self.show_position(position)

    def go_to_moment(self, when: datetime) -> bool:
        """Go to the first line written at ``when`` or later; False if no line has a time."""
        position = self._view.moment(when)
        if position is not None:
            self.show_position(position, self._room() // 2)
        return position is not None

    def mark(self) -> None:
        """Marks the line under the cursor, or takes its mark away."""
        self._settle()
        seq = self._viewport.cursor_seq
        if seq in self._layout.marks:
            self._layout.marks.remove(seq)
        elif self._view.record_at(self._viewport.cursor):
            self._layout.marks.append(seq)
        self.refresh()

    def next_mark(self) -> None:
        """Go to the next mark above, from the first to the last again."""
        places = sorted(self._view.position_of(seq) for seq in self._layout.marks)
        if not places:
            self.show_hint("no line is marked")
            return
        above = [place for place in places if place < self._viewport.cursor]
        self.show_position(above[-1] if above else places[-1])

    def toggle_wrap(self) -> None:
        """Breaks long lines, or lets them run out of sight to the right."""
        self._layout.wrap = not self._layout.wrap
        self._layout.side = 0
        self._repaint()

    def follow(self) -> None:
        """Go to the newest line and stay with it."""
        self.searching.stop()
        self._layout.hint = ""
        self._viewport.follow()
        self._repaint()
        self._tick()

    def show_hint(self, hint: str) -> None:
        """Shows a sentence in the pane's last line, until the next movement."""
        self._layout.hint = sanitize(hint, newlines=False)
        self.refresh()

    # -- movement

    def action_move(self, lines: int) -> None:
        """Moves the cursor."""
        self._settle()
        self._go(self._layout.moved(self._viewport.cursor, lines))

    def action_page(self, pages: int) -> None:
        """Moves the cursor by a screenful."""
        self._settle()
        lines = pages * max(1, self._room() - 1)
        target = self._layout.moved(self._viewport.cursor, lines)
        if target < self._view.snapshot().end - 1:
            self._layout.lines(self.size)  # while it follows, the top is known only once it is laid out
            self._viewport.top = self._layout.moved(self._viewport.top, lines)
        self._go(target)

    def action_first(self) -> None:
        """Moves the cursor to the oldest line there is."""
        self._go(self._view.snapshot().first)

    def action_follow(self) -> None:
        """Go to the newest line and stay with it."""
        self.follow()

    def action_side(self, steps: int) -> None:
        """Scrolls to the side, where lines are not wrapped."""
        layout = self._layout
        layout.side = 0 if layout.wrap else max(0, layout.side + steps * _SIDE)
        self.refresh()

    def action_open(self) -> None:
        """Opens the record under the cursor."""
        if record := self._record():
            self.post_message(self.Opened(self, record))

    def reveal(self) -> None:
        """Opens the record under the cursor with its secrets in clear, for a moment."""
        if record := self._record():
            self.post_message(self.Opened(self, record, revealed=True))

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        event.prevent_default()
        self._wheel(-_WHEEL)

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        event.prevent_default()
        self._wheel(_WHEEL)

    def on_click(self, event: events.Click) -> None:
        """Puts the cursor on the row; on a chip, takes its filter away."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        self._settle()
        lines = self._layout.lines(self.size)
        if lines.chips and offset.y == 0:
            x = 0
            for place, chip in enumerate(self._layout.chips):
                if x <= offset.x < x + cell_len(chip):
                    self.drop_filter(place)
                    return
                x += cell_len(chip) + 1
        elif offset.y - lines.chips < self._room() and (row := lines.at(offset.y)):
            self._go(row[0].last)

    def _wheel(self, rows: int) -> None:
        self._settle()
        now, room = self._view.snapshot(), self._room()
        self._layout.lines(self.size)  # while it follows, the top is known only once it is laid out
        top = self._layout.moved(self._viewport.top, rows)
        if rows > 0 and (self._viewport.following or self._layout.is_at_end(top, self.size)):
            self.follow()
            return
        self._pause(now.end)
        self._viewport.scroll(max(now.first, top), room)
        self._repaint()

    def _go(self, position: int) -> None:
        """Puts the cursor there and the row in sight; at the very end, following begins."""
        now = self._view.snapshot()
        self._layout.hint = ""
        if position >= now.end - 1:
            self.follow()
            return
        self._layout.lines(self.size)  # while it follows, the top is known only once it is laid out
        self._pause(now.end)
        visible = [run for run, _ in self._layout.lines(self.size).rows]
        position, top = max(now.first, position), self._viewport.top
        if position < top:
            top = position
        elif not any(run.holds(position) for run in visible[: self._room()]):
            top = self._layout.top_for(position, self.size)
        self._viewport.go(position, top)
        self._repaint()

    def show_position(self, position: int, below: int | None = None) -> None:
        """Move the cursor there; the row is shown ``below`` so many others, or where it is if it is visible."""
        self._settle()
        self._pause(self._view.snapshot().end)
        self._layout.hint = ""
        self._viewport.show(position, self._room(), below)
        self._repaint()

    def _pause(self, end: int) -> None:
        if self._viewport.pause(end):
            self._tick()

    def _room(self) -> int:
        return self._layout.room(self.size)

    # -- waking and repainting

    def on_mount(self) -> None:
        """Begins to listen to the view."""
        self.set_interval(1.0, self._tick)
        self.app.screen_change_signal.subscribe(self, self._uncovered)
        self._repaint()
        self._tick()

    def on_unmount(self) -> None:
        """Stops listening and searching."""
        self._gone = True
        self.searching.stop()

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
        """Another theme: what was drawn is drawn anew, the colours of the title too."""
        super().notify_style_update()
        self._painter.clear()
        if self.is_mounted and self._title:
            self.post_message(self.StatusChanged(self))

    def _wake(self) -> None:
        """Called once by whichever thread changed the view."""
        self._listening = False
        if not self._gone:
            try:
                self.post_message(self._News())
            except RuntimeError:  # the loop has closed under us
                self._gone = True

    def _on_log_pane__news(self, message: _News) -> None:
        if self._due is not None:
            return
        held = self._held()
        wait = max(self._limit.wait_s(), held)
        if held == inf:
            return  # drawn again when it is seen again
        if wait <= 0:
            self._spend()
        else:
            self._due = self.set_timer(wait, self._spend)

    def _held(self) -> float:
        """Seconds a repaint has to wait because of what covers the pane; infinite under a full screen."""
        stack = self.app.screen_stack
        above = stack[stack.index(self.screen) + 1 :] if self.screen in stack else ()
        if any(not screen.is_modal for screen in above):
            return inf
        return _BEHIND if above else 0.0

    def _uncovered(self, screen: object) -> None:
        """Another screen is on top now; perhaps ours."""
        if not self._gone and self._held() < inf:
            self._repaint()
            self._tick()

    def _spend(self) -> None:
        self._limit.spend()
        self._repaint()

    @_guarded
    def _repaint(self) -> None:
        if self._due is not None:
            self._due.stop()
            self._due = None
        self._limit.painted()
        try:
            self._settle()
            self.refresh()
        finally:  # listens on, whatever happened
            if not self._listening and not self._gone:
                self._listening = True
                self._view.when_changed(self._viewport.generation, self._wake)

    @_guarded
    def _tick(self) -> None:
        text = self._status()
        if text != self._title and self._held() < inf:
            self._title = text
            self.post_message(self.StatusChanged(self))

    def _status(self) -> str:
        figures = self._view.figures()
        if figures.spike and not self._spike_seen:
            self.post_message(self.SpikeSeen(self, figures.spike))
        self._spike_seen = bool(figures.spike)
        query = self.searching.query
        return status(
            self._view,
            figures,
            following=self.following,
            query=query.text if query else "",
            matches=self.searching.matches,
        )

    def title_text(self) -> Content:
        """The border's text. Literal, never markup."""
        title = Content(self._title or self._status())
        at = 0
        for name, place in names(self._view) if len(self._view.sources) > 1 else ():
            title = title.stylize(self._painter.hue(place), at, at + len(name))
            at += len(name) + 1
        return title

    def _add_filter(self, text: str, *, within: bool) -> None:
        if not text:
            return
        try:
            query = Query.typed(text)
        except BadPattern as error:
            self.show_hint(str(error))
            return
        now = self._view.filter
        self._view.set_filter(
            replace(now, within=(*now.within, query)) if within else replace(now, without=(*now.without, query))
        )
        self._repaint()
        self._tick()

    # -- what the search calls

    def run_later(self, call: Callable[[], None]) -> None:
        """Make the call in the screen's thread; nothing once the pane has gone. Thread-safe."""
        if not self._gone:
            try:
                self.call_later(call)
            except RuntimeError:  # the loop has closed under us
                self._gone = True

    def found(self, position: int) -> None:
        """A match is there: the cursor goes to it."""
        self.show_position(position)
        if self.searching.query:
            self._layout.scroll_aside(self.searching.query, self.size)
        self.refresh()

    def matches_changed(self) -> None:
        """The number of matching lines is another one."""
        self._tick()
        self.post_message(self.StatusChanged(self))

    # -- drawing

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of the pane within ``crop``.

        Without the cache that Textual puts between a widget and the screen for borders, padding and the like: the
        pane has none of them, and while lines pour in, keeping each row a second and third time takes as long as
        drawing it.
        """
        size = self.size
        strips = [self._line(y, size) for y in crop.line_range]
        if crop.column_span != (0, size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def render_line(self, y: int) -> Strip:
        """One line of the pane."""
        return self._line(y, self.size)

    def _line(self, y: int, size: Size) -> Strip:
        try:
            lines, painter = self._layout.lines(size), self._painter
            if lines.chips and y == 0:
                return painter.chips(self._layout.chips, size.width)
            if y == size.height - 1 and lines.hint:
                return painter.line(f" {lines.hint}", size.width, "hint")
            if row := lines.at(y):
                run, part = row
                query = self.searching.query
                return painter.row(run.row, self._layout.look(run, part, size, query, focus=self.has_focus))
            words = [] if self._view.sources else self._empty.splitlines()
            y -= lines.chips + len(lines.rows)
            return painter.line(words[y] if y < len(words) else "", size.width)
        except Exception as error:  # noqa: BLE001 - an error in a render ends the whole console
            return Strip([Segment(f"cannot be drawn: {type(error).__name__}"[: size.width], self.rich_style)])
