"""Searching in a log pane: what is searched for, how many lines match, and the way back to where it began."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from warroom.logs.finder import Search, SearchRunner, Way
from warroom.logs.query import BadPattern, Query
from warroom.logs.rows import Seq
from warroom.logs.view import LogView
from warroom.tui.panes.logs.viewport import Viewport


class SearchedPane(Protocol):
    """What a search needs of the pane it searches in."""

    def show_hint(self, hint: str) -> None:
        """Show a sentence; "" for none."""

    def show_position(self, position: int, below: int | None = None) -> None:
        """Put the cursor there, ``below`` so many other rows."""

    def follow(self) -> None:
        """Go to the newest line and stay with it."""

    def matches_changed(self) -> None:
        """The number of matching lines is another one."""

    def found(self, position: int) -> None:
        """A match is there."""

    def run_later(self, call: Callable[[], None]) -> None:
        """Make the call in the screen's thread; nothing once the pane has gone. Thread-safe."""


class PaneSearch:
    """The search of one pane. Lines are read in a thread; every answer of a search that was replaced is ignored."""

    def __init__(self, pane: SearchedPane, view: LogView, viewport: Viewport) -> None:
        self._pane = pane
        self._view = view
        self._viewport = viewport
        self._search: Search | None = None
        self._errors = Search(view, None)
        self._runner = SearchRunner()
        self._number = 0
        """Of the search whose answers are awaited."""
        self._began: tuple[bool, Seq, int] | None = None
        """Whether it was followed, the cursor's row, and how far down, when the person began to type."""
        self.matches = ""
        """How many lines match what is searched for, as text; "" while it is not known."""

    @property
    def query(self) -> Query | None:
        """What is searched for."""
        return self._search.query if self._search else None

    def search(self, text: str, *, go: bool = True) -> None:
        """Search for the text or regular expression, from the cursor upwards, then downwards, and count the lines
        that have it; no text ends searching. Without ``go`` a pane that follows keeps following.

        The viewport must be settled."""
        self.stop()
        self.matches = ""
        self._pane.show_hint("")
        try:
            query = Query.typed(text) if text else None
        except BadPattern as error:
            query = None
            self._pane.show_hint(str(error))
        self._search = Search(self._view, query) if query else None
        if query:
            at = self._viewport
            if self._began is None:
                self._began = at.following, at.cursor_seq, at.cursor - at.top
            ways = [(at.cursor, True), (at.cursor + 1, False)] if go or not at.following else []
            self._start(self._search, ways, count=True)

    def keep(self) -> None:
        """What was typed is meant."""
        self._began = None

    def cancel(self) -> None:
        """What was typed is not meant: the cursor goes back to where it began."""
        began, self._began = self._began, None
        self.stop()
        self._search, self.matches = None, ""
        self._pane.show_hint("")
        if began and began[0]:
            self._pane.follow()
        elif began:
            self._pane.show_position(self._view.position_of(began[1]), began[2])

    def find(self, *, older: bool) -> None:
        """Go to the next line above (or below) that has what was searched for."""
        self._start(self._search, [self._way(older)])

    def find_error(self, *, older: bool) -> None:
        """Go to the next line above (or below) with an error."""
        self._start(self._errors, [self._way(older)])

    def stop(self) -> None:
        """Stop looking."""
        self._number += 1
        self._runner.stop()

    def _way(self, older: bool) -> Way:
        cursor = self._viewport.cursor
        return (cursor - 1, True) if older else (cursor + 1, False)

    def _start(self, search: Search | None, ways: Sequence[Way], *, count: bool = False) -> None:
        """Search each way in turn."""
        if search is None:
            self._pane.show_hint("no search yet")
            return
        what = f"with “{search.query.text}”" if search.query else "with an error"
        self._number += 1
        number = self._number
        self._runner.start(
            search,
            ways,
            lambda seq: self._pane.run_later(lambda: self._found(number, seq, what)),
            lambda text: self._pane.run_later(lambda: self._counted(number, text)),
            count=count,
        )

    def _found(self, number: int, seq: Seq | None, what: str) -> None:
        if number != self._number:
            return
        if seq is None:
            self._pane.show_hint(f"no other line {what} that way")
        else:
            self._pane.found(self._view.position_of(seq))

    def _counted(self, number: int, text: str) -> None:
        if number == self._number:
            self.matches = text
            self._pane.matches_changed()
