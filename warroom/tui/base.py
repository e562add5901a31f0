"""The base of every screen program: restores the terminal, survives errors, has themes, draws nothing raw."""

from __future__ import annotations

import asyncio
import contextlib
import select
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.app import App
from textual.command import CommandPalette
from textual.dom import DOMNode
from textual.drivers._writer_thread import WriterThread
from textual.filter import LineFilter
from textual.message import Message
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.theme import Theme
from textual.widget import Widget
from textual.worker import WorkerFailed, get_current_worker

from warroom.diagnostics import write_report
from warroom.tui.faults import ErrorReports, summary
from warroom.tui.guard import GONE, guard, leaving
from warroom.tui.key_queue import KeyQueue
from warroom.watchdog import watchdog

SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
AT_ONCE = ("ctrl+q", "f3")
LOST_TERMINAL = 128 + signal.SIGHUP


class ControlFilter(LineFilter):
    """The last line of defence: no control character reaches the terminal but those Textual writes itself."""

    def apply(self, segments: list[Segment], background: object) -> list[Segment]:
        if all(s.control or s.text.isprintable() for s in segments):
            return segments
        from warroom.safety import sanitize  # its patterns cost more than a first frame can pay

        return [s if s.control else Segment(sanitize(s.text, newlines=False), s.style) for s in segments]


GROUND = Theme(
    name="ground",
    primary="#6bb2f7",
    foreground="#e1e7ef",
    background="#10151c",
    dark=True,
    variables={
        "sev-critical": "#d3222f",
        "sev-high": "#f39a2e",
        "sev-medium": "#e9d35b",
        "sev-low": "#3a4d66",
        "status-ok": "#1d4532",
        "status-late": "#f0b541",
        "status-overdue": "#d3222f",
        "chip": "#2a3747",
        "privacy": "#0a0e13",
        "sev-critical-text": "#ffffff",
        "sev-high-text": "#1c1003",
        "sev-medium-text": "#1a1704",
        "sev-low-text": "#eaf1fa",
        "status-ok-text": "#a5efbf",
        "status-late-text": "#1c1403",
        "status-overdue-text": "#ffffff",
        "chip-text": "#dbe5f1",
        "privacy-text": "#98a6b8",
        "text-quiet": "#9fadbf",
        "key": "#8ecbff",
        "surface-quiet": "#131922",
    },
)
"""The first frames, before any theme file is read: the colours of the default theme. Whatever is opened that early
finds every variable it may use."""


class BaseApp(App[None]):
    """An app that ends well, by a signal or a lost terminal, and that survives an unexpected error. End the process
    with ``return_code``.

    ``crash_folder`` takes the reports of such errors.
    """

    TITLE = "warroom"
    CSS_PATH = None
    CSS = """
    Screen { background: $background; color: $foreground; }
    ModalScreen { background: $background 55%; }
    Toast { background: $panel; color: $foreground; }
    /* Above the Next line and the keys: what to do now is never covered by what was just done. */
    ToastRack { margin-bottom: 2; }
    LineForm ToastRack { margin-bottom: 6; }
    """

    def __init__(self, *, crash_folder: Path | None = None) -> None:
        super().__init__()
        self.themes: dict[str, Theme] = {}
        self._theme_before = ""
        self._inert = ControlFilter()  # one for good: what it has made of a line is kept by its identity
        self._crash_folder = crash_folder or Path(tempfile.gettempdir())
        self.faults = ErrorReports(self._crash_folder, self._notify_fault)
        self.goes_on = False
        """Whether an unexpected error is survived: from when there is a screen to go on with."""
        self._at_work: set[MessagePump] = set()
        self.keys = KeyQueue(self, self._at_work, lambda: self.takes_keys, self._pass_on, self._notify_dropped)
        self._ended_by = 0  # the signal
        self._terminal_title = ""  # as set by us
        self._lent = False
        self.register_theme(GROUND)
        self.theme = GROUND.name

    # ── themes ────────────────────────────────────────────────────────────────────────────────────────────

    def use_themes(self, themes: Sequence[Theme], wanted: str) -> None:
        """Use these themes; ``wanted`` now, the first of them if there is none of that name."""
        self.themes = {theme.name: theme for theme in themes}
        for theme in themes:
            self.register_theme(theme)
        self.theme = wanted if wanted in self.themes else next(iter(self.themes), "textual-dark")

    async def choose_theme(self, name: str) -> None:
        """Use a theme from now on."""
        self._theme_before = name
        self.theme = name

    def on_command_palette_opened(self) -> None:
        self._theme_before = self.theme

    def on_command_palette_option_highlighted(self, event: CommandPalette.OptionHighlighted) -> None:
        hit = getattr(event.highlighted_event.option, "hit", None)
        name = (getattr(hit, "text", None) or "").removeprefix("Theme: ")
        self.theme = name if name in self.themes else self._theme_before

    def on_command_palette_closed(self, event: CommandPalette.Closed) -> None:
        if not event.option_selected and self._theme_before:
            self.theme = self._theme_before

    # ── start and end ─────────────────────────────────────────────────────────────────────────────────────

    def run(self, **how: Any) -> None:
        """As Textual's. From the first moment on, a signal ends it in order, with the status that belongs to it."""
        before = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
        threading.excepthook = self._on_thread_failed
        try:
            with watchdog.screen():
                super().run(**how)
                self._restore_terminal_title()
        finally:
            threading.excepthook = threading.__excepthook__
            for number, handler in before.items():
                signal.signal(number, handler)
            if self._ended_by:
                self._return_code = 128 + self._ended_by

    def _on_signal(self, number: int, frame: object = None) -> None:
        # Raising here would break off whatever runs, a task of Textual's or a write to the disk.
        if self._lent and number in (signal.SIGINT, signal.SIGQUIT):
            return  # a key that was meant for the program that has the terminal
        self._ended_by = self._ended_by or number
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # closed: it is ending already
                loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        if self._ended_by:
            self.exit(return_code=128 + self._ended_by)

    def exit(self, result: None = None, return_code: int = 0, message: Any = None) -> None:
        """End in order, and in time: the first call counts."""
        if not self._exit:
            super().exit(result, return_code, message)
            watchdog.expect_end(return_code)

    async def _process_messages(self, *given: Any, **named: Any) -> None:
        self._end()  # a signal that came before there was a loop
        if not named.get("headless"):
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, failed: self._handle_fault(failed.get("exception")))
            _watch_terminal(lambda: self._on_signal(signal.SIGHUP))
        await super()._process_messages(*given, **named)

    @contextlib.contextmanager
    def suspend(self) -> Iterator[None]:
        """As Textual's; the signals of the keys go to the program that has the terminal."""
        self._lent = True
        try:
            with super().suspend(), watchdog.keys_lent():
                yield
        finally:
            self._lent = False

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._inert]

    def set_terminal_title(self, title: str) -> None:
        """Set the title of the terminal's window; the one from before comes back at the end."""
        if self._driver is None or self.is_headless or self._exit or title == self._terminal_title:
            return
        before, self._terminal_title = self._terminal_title, title
        # XTWINOPS 22 and 23 save and restore the title: https://invisible-island.net/xterm/ctlseqs/ctlseqs.html
        save = "" if before else "\x1b[22;0t"
        text = "".join(c for c in title if c.isprintable())
        self._driver.write(f"{save}\x1b]0;{text}\x07")

    def _restore_terminal_title(self) -> None:
        # After Textual's writer has ended, whose queue is full where the terminal takes no output.
        if self._terminal_title and sys.__stderr__:
            with contextlib.suppress(OSError, ValueError):
                sys.__stderr__.write("\x1b[23;0t")
                sys.__stderr__.flush()

    # ── keys ──────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def takes_keys(self) -> bool:
        """Whether there is a screen for keys; before that they are held."""
        return self.goes_on

    async def on_event(self, event: events.Event) -> None:
        # What leaves, and what hides things from a shared screen, never waits.
        waits = isinstance(event, events.Key | events.Paste) and not event.is_forwarded
        if waits and getattr(event, "key", "") not in AT_ONCE and self.keys.hold(event):  # type: ignore[arg-type]
            self.run_worker(self.keys.hand_on(), group="keys")
        else:
            await super().on_event(event)

    async def _pass_on(self, key: events.Key | events.Paste) -> None:
        try:
            await super().on_event(key)
        except Exception as error:  # noqa: BLE001 — the edge
            self._handle_exception(error)

    def _notify_dropped(self, text: str) -> None:
        self.notify(text, severity="warning", markup=False, timeout=6)

    # ── faults ────────────────────────────────────────────────────────────────────────────────────────────
    #
    # Textual ends the app at the first exception in a handler, action, timer, worker or render. All those ways meet
    # in the three methods below. Once there is a screen to go on with, the console goes on.

    def _handle_exception(self, error: Exception) -> None:
        if isinstance(error, WorkerFailed) and isinstance(error.error, Exception):
            if isinstance(error.error, GONE) and leaving(get_current_worker().node):
                return
            error = error.error
        if self._exit and isinstance(error, GONE):
            return  # what is taken down is not there any more
        if self.goes_on or self._exit:
            self._handle_fault(error)
        else:
            super()._handle_exception(error)

    async def _dispatch_message(self, message: Message) -> None:
        self._at_work.add(self)
        try:
            await super()._dispatch_message(message)
        except Exception as error:  # noqa: BLE001 — the edge
            self._handle_exception(error)
        finally:
            self._at_work.discard(self)

    def _register_child(self, parent: DOMNode, child: Widget, before: int | None, after: int | None) -> None:
        """Every widget and screen, Textual's own too, comes to life here; scrollbars excepted."""
        guard(child, self._handle_exception, self._at_work)
        super()._register_child(parent, child, before, after)

    def _handle_fault(self, error: BaseException | None) -> None:
        """Report an error and go on. From any thread."""
        if error is not None:
            self.faults.note(error)

    def _notify_fault(self, text: str) -> None:
        from warroom.safety import sanitize

        if not self._exit:
            self.notify(sanitize(text), severity="error", markup=False, timeout=10)

    def _on_thread_failed(self, failed: threading.ExceptHookArgs) -> None:
        if isinstance(failed.thread, WriterThread) and isinstance(failed.exc_value, OSError):
            self._on_signal(signal.SIGHUP)  # the terminal is gone, which is no fault of the program
        else:
            self._handle_fault(failed.exc_value)

    def leave_broken(self, screen: Screen[Any]) -> None:
        """Close a screen that could not be set up, so that no one is stuck on half of one."""
        if self.screen is screen and len(self.screen_stack) > 2:
            self.pop_screen()

    def _fatal_error(self) -> None:
        """Textual's own report shows local variables, tokens among them; ours names a file with the bare trace."""
        error = sys.exc_info()[1] or self._exception or RuntimeError("unknown error")
        self.bell()
        self._exit_renderables.append(
            Text(
                f"warroom crashed: {summary(error)}\n"
                f"Nothing you entered is lost. The report is in {write_report(error, self._crash_folder)}."
            )
        )
        self._close_messages_no_wait()


def _watch_terminal(end: Callable[[], None]) -> None:
    """Call ``end`` when the terminal is gone, even if SIGHUP is ignored or the loop is stuck in a write."""

    def watch() -> None:
        poll = select.poll()
        poll.register(sys.__stdin__.fileno() if sys.__stdin__ else 0, 0)
        poll.poll()  # asks for nothing, so it returns on hang-up or error only
        watchdog.expect_end(LOST_TERMINAL)
        end()

    threading.Thread(target=watch, name="terminal", daemon=True).start()
