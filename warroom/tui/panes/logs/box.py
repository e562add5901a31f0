"""A log pane with the line to type in below it, and what the log's keys do. Knows no screen."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Literal, cast, get_args

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical

from warroom.logs.view import LogView
from warroom.tui.panes.logs.pane import LogPane, next_level
from warroom.tui.panes.logs.prompt import LogPrompt

Asked = Literal["search", "filter_in", "filter_out", "go_to", "filter_drop", "source", "watch"]


class LogBox(Vertical):
    """Shows ``view``; ``do`` carries out the log's actions, ``pane`` is for the rest."""

    DEFAULT_CSS = """
    LogBox { height: 1fr; }
    """

    def __init__(self, view: LogView, *, empty: str = "No log is watched.", id: str | None = None) -> None:
        super().__init__(id=id)
        self.pane = LogPane(view, empty=empty, id="log")
        self._prompt = LogPrompt()
        self._asked: Asked = "search"
        self._last = ""

    def compose(self) -> ComposeResult:
        yield self.pane
        yield self._prompt

    def on_key(self, event: events.Key) -> None:
        self.takes(event)

    def takes(self, event: events.Key) -> bool:
        """Whether the key is for the line to type in: it is open, or the key opens it.

        That is done at once, so that what is typed right after is not taken for commands. A screen asks for the
        keys that come while something else has the focus.
        """
        if self._prompt.is_open:
            self._prompt.take(event)
        else:
            bound = self.screen.active_bindings.get(event.key)
            action = bound.binding.id if bound else None
            if action not in get_args(Asked):
                return False
            self.do(cast(str, action))
        event.stop()
        event.prevent_default()
        return True

    def on_paste(self, event: events.Paste) -> None:
        """Into the line, if it is open."""
        if self._prompt.is_open:
            event.stop()
            self._prompt.insert(event.text)

    def do(self, action: str) -> bool:
        """Carries out an action of the log by its id; false if it is none."""
        pane = self.pane
        simple: dict[str, Callable[[], None]] = {
            "search_next": lambda: pane.find(older=True),
            "search_back": lambda: pane.find(older=False),
            "error_older": lambda: pane.find_error(older=True),
            "error_newer": lambda: pane.find_error(older=False),
            "mark": pane.mark,
            "mark_next": pane.next_mark,
            "wrap": pane.toggle_wrap,
            "copy": pane.copy,
            "reveal": pane.reveal,
            "follow": pane.follow,
            "level": lambda: pane.set_threshold(next_level(pane.view.threshold)),
        }
        if action in simple:
            simple[action]()
        elif action == "filter_drop":
            self._drop_filter()
        elif action == "source":
            self._choose_source()
        elif action in get_args(Asked):
            self.time_context(cast(Asked, action))
        else:
            return False
        return True

    def time_context(self, what: Asked, about: str = "") -> None:
        """Opens the line to type in."""
        self._asked = what
        before = {
            "search": "/",
            "filter_in": "only",
            "filter_out": "without",
            "go_to": "go to",
            "filter_drop": "drop filter",
            "source": "hide or show",
            "watch": "watch",
        }[what]
        again = f"; ↵ again for “{self._last}”" if self._last else ""
        hint = {
            "search": f"text or regular expression{again}",
            "filter_in": "show only records that contain …",
            "filter_out": "hide records that contain …",
            "go_to": "line 88213, time 14:03, -10m",
            "watch": "a file, folder or pattern, journal:UNIT, docker:NAME, run:COMMAND",
        }.get(what, about)
        self._prompt.open(before, hint)

    def _drop_filter(self) -> None:
        filters = self.pane.filters
        if len(filters) < 2:
            self.pane.drop_filter()
            return
        self.time_context("filter_drop", "  ".join(f"{n} {text}" for n, text in enumerate(filters, 1)))

    def _choose_source(self) -> None:
        sources = self.pane.view.sources
        if len(sources) < 2:
            self.pane.show_hint("there is only one source")
            return
        about = "  ".join(
            f"{n} {source.label}{' (hidden)' if source.hidden else ''}" for n, source in enumerate(sources, 1)
        )
        self.time_context("source", about)

    def on_log_prompt_typed(self, event: LogPrompt.Typed) -> None:
        """Search as you type."""
        event.stop()
        if self._asked == "search":
            self.pane.search(event.text, go=False)

    def on_log_prompt_left(self, event: LogPrompt.Left) -> None:
        """Entered, or not meant."""
        event.stop()
        text = event.text
        if self._asked == "search":
            if text is None:
                self.pane.search_done(False)
            else:
                self._last = text or self._last
                self.pane.search(self._last)
                self.pane.search_done(True)
            return
        if not text:
            return
        if self._asked == "filter_in":
            self.pane.filter_in(text)
        elif self._asked == "filter_out":
            self.pane.filter_out(text)
        elif self._asked == "go_to":
            self.pane.go_to(text)
        elif self._asked == "watch":
            # Looking a name up may wait for a disk that has gone away.
            threading.Thread(target=self._watch, args=(text,), name="log watch", daemon=True).start()
        elif text.isdecimal() and self._asked == "filter_drop":
            if 0 < int(text) <= len(self.pane.filters):
                self.pane.drop_filter(int(text) - 1)
        elif text.isdecimal() and 0 < int(text) <= len(self.pane.view.sources):
            source = self.pane.view.sources[int(text) - 1]
            self.pane.view.hide(source.label, not source.hidden)

    def _watch(self, name: str) -> None:
        from warroom.logs.sources import discovery

        view = self.pane.view
        try:
            for source in discovery.sources(os.path.expanduser(name.strip()), view.add):  # noqa: PTH111 - no path yet
                view.add(source)
        except (ValueError, OSError) as error:
            self.call_later(self.pane.show_hint, f"not a log: {error}")

    def on_log_pane_status_changed(self, event: LogPane.StatusChanged) -> None:
        """Show the number of matching lines beside the prompt as well."""
        if self._asked == "search":
            self._prompt.show_status(self.pane.searching.matches)
