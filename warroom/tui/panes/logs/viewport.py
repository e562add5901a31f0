"""Which rows of a ``LogView`` are on the screen, and where the cursor is, while lines come, go and are filtered."""

from __future__ import annotations

from datetime import datetime, timedelta

from warroom.logs.rows import Seq
from warroom.logs.view import LogView


class Viewport:
    """The rows from ``top``, and the ``cursor``; both are positions of the view. Draws nothing.

    ``room`` is always the number of rows there is room for.
    """

    def __init__(self, view: LogView) -> None:
        self._view = view
        self.top = 0
        self.cursor = 0
        self.cursor_seq: Seq = (0, 0)
        """The row the cursor is on, wherever a filter moves it."""
        self.lost_seq: Seq | None = None
        """The same while a filter has not come so far yet."""
        self.following = True
        """Whether the newest line stays in sight."""
        self.seen = 0
        """Positions before this one have been on the screen, or were there when following ended."""
        self.generation = -1
        self.layout = -1

    def pause(self, end: int) -> bool:
        """Stop following; whether it was followed. ``end`` is the position after the newest line."""
        was, self.following = self.following, False
        if was:
            self.seen = end
        return was

    def follow(self) -> None:
        """Stay with the newest line from now on."""
        self.following = True
        self.lost_seq = None

    def go(self, position: int, top: int) -> None:
        """Put the cursor there, with the row at ``top`` as the first one in sight."""
        self.lost_seq = None
        self.place(position)
        self.top = top

    def show(self, position: int, room: int, below: int | None = None) -> None:
        """Put the cursor there; its row is ``below`` so many others, or where it is if it is in sight."""
        now = self._view.snapshot()
        self.lost_seq = None
        self.place(max(now.first, min(position, now.end - 1)))
        if below is not None:
            self.top = self.cursor - below
        elif not self.top <= self.cursor < self.top + room:
            self.top = self.cursor - room // 2

    def scroll(self, top: int, room: int) -> None:
        """Show the rows from ``top``; the cursor stays in sight."""
        self.top = top
        self.place(min(max(self.cursor, self.top), self.top + room - 1))

    def place(self, position: int) -> None:
        self.cursor = position
        rows = self._view.rows(position, position + 1)
        self.cursor_seq = rows[0].seq if rows else (0, 0)

    def settle(self, room: int) -> None:
        """Brings top and cursor in line with what the view has now."""
        now = self._view.snapshot()
        self.generation = now.generation
        if now.layout != self.layout:
            known = self.layout >= 0
            self.layout = now.layout
            if known and not self.following:
                self.lost_seq = self.cursor_seq
        if self.lost_seq is not None and not self.following:
            # A filter works its way back: where the cursor belongs is known once it has come so far.
            below = self.cursor - self.top
            wanted = self.lost_seq
            self.place(min(self._view.position_of(wanted), max(now.first, now.end - 1)))
            self.top = self.cursor - below
            self.seen = now.end
            if not now.working:
                self.lost_seq = None
        if self.following or now.end == now.first:
            self.top = max(now.first, now.end - room)
            self.place(max(now.first, now.end - 1))
            self.seen = now.end
            return
        if not now.first <= self.cursor < now.end:  # its line has gone
            self.place(min(max(self.cursor, now.first), now.end - 1))
        # Where fewer lines are left below than there is room for, older ones fill the screen.
        self.top = max(now.first, min(self.top, now.end - room))
        self.seen = max(self.seen, min(now.end, self.top + room))

    def moment(self, text: str) -> datetime | None:
        """The time meant, counted back from the newest line that has one."""
        from warroom.errors import BadInput
        from warroom.incident.timing import read_moment

        end = self._view.snapshot().end
        newest = (when for row in reversed(self._view.rows(end - 200, end)) if (when := self._view.time_of(row)))
        now = next(newest, None)
        if now is None:
            return None
        try:
            return read_moment(text, now + timedelta(seconds=1), self._view.zone)
        except BadInput:
            return None
