"""The shell of every screen program: a terminal given back, themes, nothing raw drawn, crashes told safely."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.segment import Segment
from rich.text import Text
from textual.app import App
from textual.command import CommandPalette
from textual.filter import LineFilter
from textual.theme import Theme

SIGNALS = (signal.SIGTERM, signal.SIGHUP)
LOST_TERMINAL = 128 + signal.SIGHUP


class Inert(LineFilter):
    """The last line of defence: no control character reaches the terminal but those Textual writes itself."""

    def apply(self, segments: list[Segment], background: object) -> list[Segment]:
        if all(s.control or s.text.isprintable() for s in segments):
            return segments
        from warroom.redact import inert  # its patterns cost more than a first frame can pay

        return [s if s.control else Segment(inert(s.text, newlines=False), s.style) for s in segments]


GROUND = Theme(
    name="ground", primary="#6bb2f7", foreground="#e1e7ef", background="#10151c", dark=True,
    variables={
        "sev-critical": "#d3222f", "sev-high": "#f39a2e", "sev-medium": "#e9d35b", "sev-low": "#3a4d66",
        "status-ok": "#1d4532", "status-late": "#f0b541", "status-overdue": "#d3222f", "chip": "#2a3747",
        "curtain": "#0a0e13", "sev-critical-text": "#ffffff", "sev-high-text": "#1c1003",
        "sev-medium-text": "#1a1704", "sev-low-text": "#eaf1fa", "status-ok-text": "#a5efbf",
        "status-late-text": "#1c1403", "status-overdue-text": "#ffffff", "chip-text": "#dbe5f1",
        "curtain-text": "#98a6b8", "text-quiet": "#9fadbf", "key": "#8ecbff", "surface-quiet": "#131922",
    },
)  # fmt: skip
"""The first frames, before any theme file is read: the colours of the default theme. Whatever is opened that early
finds every variable it may use."""


class Shell(App[None]):
    """An app that ends well: by a signal, by a lost terminal, by a crash. End the process with ``return_code``.

    ``crash_folder`` takes the report of a crash.
    """

    TITLE = "warroom"
    CSS_PATH = None
    CSS = """
    Screen { background: $background; color: $foreground; }
    ModalScreen { background: $background 55%; }
    Toast { background: $panel; color: $foreground; }
    /* Above the Next line and the keys: what to do now is never covered by what was just done. */
    ToastRack { margin-bottom: 2; }
    """

    def __init__(self, *, crash_folder: Path | None = None) -> None:
        super().__init__()
        self.themes: dict[str, Theme] = {}
        self._theme_before = ""
        self._inert = Inert()  # one for good: what it has made of a line is kept by its identity
        self._crash_folder = crash_folder or Path(tempfile.gettempdir())
        self.register_theme(GROUND)
        self.theme = GROUND.name

    # ── themes ──────────────────────────────────────────────────────────────────────────────────────────

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

    # ── beginning and end ───────────────────────────────────────────────────────────────────────────────

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, self.end_by, number)
        if not self.is_headless:
            _watch_terminal(loop, self.end_by)

    def end_by(self, number: int) -> None:
        """End as a process ended by this signal does."""
        self.exit(return_code=128 + number)

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._inert]

    def _fatal_error(self) -> None:
        """Textual's own report shows local variables, tokens among them; ours names a file with the bare trace."""
        from warroom.redact import redact

        error = sys.exc_info()[1] or self._exception
        report = self._crash_folder / f"crash-{os.getpid()}.txt"
        trace = "".join(traceback.format_exception(error)) if error else "unknown"
        with contextlib.suppress(OSError):
            descriptor = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(redact(trace).text)
        name = type(error).__name__ if error else "an unknown error"
        said = redact(str(error), personal=True).text.splitlines()[:1]
        self.bell()
        self._exit_renderables.append(
            Text(f"warroom broke: {name}: {said[0] if said else ''}\n"
                 f"Nothing that was entered is lost. The report is {report}.")
        )  # fmt: skip
        self._close_messages_no_wait()


def _watch_terminal(loop: asyncio.AbstractEventLoop, end: Callable[[int], None], grace_s: float = 2.0) -> None:
    """End the process when the terminal is gone, even if SIGHUP is ignored or the loop is stuck in a write."""

    def watch() -> None:
        poll = select.poll()
        poll.register(sys.__stdin__.fileno() if sys.__stdin__ else 0, 0)
        poll.poll()  # asks for nothing, so it returns on hang-up or error only
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(end, signal.SIGHUP)
        time.sleep(grace_s)
        os._exit(LOST_TERMINAL)

    threading.Thread(target=watch, name="terminal", daemon=True).start()
