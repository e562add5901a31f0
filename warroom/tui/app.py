"""The shell: themes, keys, palette, signals, a terminal always given back. What is shown is the screens' affair."""

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
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from rich.segment import Segment
from rich.text import Text
from textual.app import App, SystemCommand
from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.filter import LineFilter
from textual.screen import Screen
from textual.theme import Theme

from warroom.redact import inert, redact
from warroom.room.courier import Courier
from warroom.room.room import WarRoom
from warroom.tui.actions import ACTIONS, key_of, keymap
from warroom.tui.bridge import Bridge, OpenLogs, Runs
from warroom.tui.screens.home import HomeScreen
from warroom.tui.screens.place import PlaceScreen
from warroom.tui.screens.war_room import WarRoomScreen

SIGNALS = (signal.SIGTERM, signal.SIGHUP)
LOST_TERMINAL = 128 + signal.SIGHUP


class Inert(LineFilter):
    """The last line of defence: no control character reaches the terminal but those Textual writes itself."""

    def apply(self, segments: list[Segment], background: object) -> list[Segment]:
        return [
            s if s.control or s.text.isprintable() else Segment(inert(s.text, newlines=False), s.style)
            for s in segments
        ]


class ActionCommands(Provider):
    """Every action of the registry, by its title, in the palette."""

    def _hits(self) -> Iterable[tuple[str, str, str, str]]:
        own = self.app.room.settings.console.keys if isinstance(self.app, Console) else {}
        for action in ACTIONS:
            if action.id != "palette":
                yield action.id, action.title, key_of(action.id, own), action.help

    async def discover(self) -> Hits:
        for action_id, title, key, help_ in self._hits():
            yield DiscoveryHit(Content(f"{title}  {key}"), self._run(action_id), text=title, help=help_)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action_id, title, key, help_ in self._hits():
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, Content(f"{title}  {key}"), self._run(action_id), text=title, help=help_)

    def _run(self, action_id: str) -> Callable[[], object]:
        async def run() -> None:
            screen = self.app.screen
            if isinstance(screen, PlaceScreen):
                await screen.action_do(action_id)

        return run


class ThemeCommands(Provider):
    """The themes, previewed as the cursor passes over them."""

    def _names(self) -> list[str]:
        return list(self.app.themes) if isinstance(self.app, Console) else []

    async def discover(self) -> Hits:
        for name in self._names():
            yield DiscoveryHit(Content(f"Theme: {name}"), self._choose(name), text=f"Theme: {name}")

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name in self._names():
            score = matcher.match(f"Theme: {name}")
            if score > 0:
                yield Hit(score, Content(f"Theme: {name}"), self._choose(name), text=f"Theme: {name}")

    def _choose(self, name: str) -> Callable[[], object]:
        async def choose() -> None:
            if isinstance(self.app, Console):
                await self.app.choose_theme(name)

        return choose


class Console(App[None]):
    """The console. ``run`` returns once it is left; end the process with ``return_code``.

    ``save_theme`` keeps a chosen theme for the next time; ``crash_folder`` takes the report of a crash.
    ``incident_id`` opens the war room at once; ``log_paths`` without an incident open just the log.
    """

    TITLE = "warroom"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {ActionCommands, ThemeCommands}
    COMMAND_PALETTE_BINDING = "ctrl+p"
    CSS_PATH = None
    CSS = """
    Screen { background: $background; color: $foreground; }
    Toast { background: $panel; color: $foreground; }
    """

    def __init__(
        self,
        room: WarRoom,
        *,
        open_logs: OpenLogs,
        themes: Sequence[Theme],
        courier: Courier | None = None,
        drill: Runs | None = None,
        start_drill: Callable[[], None] | None = None,
        incident_id: str = "",
        save_theme: Callable[[str], None] | None = None,
        crash_folder: Path | None = None,
    ) -> None:
        super().__init__()
        self.room = room
        self.bridge = Bridge(self, room, open_logs=open_logs, courier=courier, drill=drill)
        self.themes = {theme.name: theme for theme in themes}
        for theme in themes:
            self.register_theme(theme)
        self._start_at = incident_id
        self._save_theme = save_theme
        self._crash_folder = crash_folder or Path(tempfile.gettempdir())
        self._start_drill = start_drill
        self._theme_before = ""
        self._died_of = 0
        self.set_keymap(keymap(room.settings.console.keys))
        wanted = room.settings.console.theme
        self.theme = wanted if wanted in self.themes else next(iter(self.themes), "textual-dark")

    # ── beginning and end ───────────────────────────────────────────────────────────────────────────────

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, self._end_by, number)
        if not self.is_headless:
            _watch_terminal(loop, self._end_by)
        self.bridge.start()
        self.push_screen(HomeScreen(self.bridge))
        if self._start_at:
            self.push_screen(WarRoomScreen(self.bridge, self._start_at))

    def on_unmount(self) -> None:
        self.bridge.stop()

    def _end_by(self, number: int) -> None:
        self._died_of = number
        self.exit(return_code=128 + number)

    async def action_quit(self) -> None:
        """Leave. Nothing is lost by it: every word is in the journal, drafts included."""
        self.exit()

    def _fatal_error(self) -> None:
        """Textual's own report shows local variables, tokens among them; ours names a file with the bare trace."""
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

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), Inert()]

    # ── what can be done anywhere ───────────────────────────────────────────────────────────────────────

    def open_incident(self, incident_id: str) -> None:
        """The war room of an incident, above home."""
        while len(self.screen_stack) > 2:
            self.pop_screen()
        self.push_screen(WarRoomScreen(self.bridge, incident_id))

    async def do_home(self) -> None:
        while len(self.screen_stack) > 2:
            self.pop_screen()

    async def do_declare(self) -> None:
        from warroom.tui.screens.declare import DeclareScreen

        self.push_screen(DeclareScreen(self.bridge, self.open_incident))

    async def do_drill(self) -> None:
        if self._start_drill is None:
            self.bridge.say("A drill is running already" if self.bridge.drill else "No drill is at hand", "warning")
            return
        await self.bridge.work(self._start_drill)
        self.bridge.say("The drill begins: watch for its alert on the home screen")

    async def do_presenter(self) -> None:
        from warroom.tui.screens.presenter import PresenterScreen

        screen = self.screen
        if isinstance(screen, PresenterScreen):
            screen.dismiss()
        elif isinstance(screen, PlaceScreen) and screen.subject:
            self.push_screen(PresenterScreen(self.bridge, screen.subject.id))
        else:
            self.bridge.say("Open an incident to present it", "warning")

    async def do_curtain(self) -> None:
        for screen in self.screen_stack:
            screen.toggle_class("-curtain")

    async def do_theme(self) -> None:
        self.push_screen(CommandPalette(providers=[ThemeCommands], placeholder="Choose a theme…"))

    async def do_palette(self) -> None:
        self.action_command_palette()

    async def do_help(self) -> None:
        from warroom.tui.screens.help import HelpScreen

        self.push_screen(HelpScreen(self.bridge))

    async def do_quit(self) -> None:
        await self.action_quit()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """None of Textual's own: every action is in the registry."""
        return ()

    # ── themes ──────────────────────────────────────────────────────────────────────────────────────────

    async def choose_theme(self, name: str) -> None:
        """Use a theme, and keep it for the next time."""
        self._theme_before = name
        self.theme = name
        save = self._save_theme
        if save:
            await self.bridge.carry_out(lambda: save(name))

    def on_command_palette_opened(self) -> None:
        self._theme_before = self.theme

    def on_command_palette_option_highlighted(self, event: CommandPalette.OptionHighlighted) -> None:
        hit = getattr(event.highlighted_event.option, "hit", None)
        text = getattr(hit, "text", None) or ""
        name = text.removeprefix("Theme: ")
        self.theme = name if text.startswith("Theme: ") and name in self.themes else self._theme_before

    def on_command_palette_closed(self, event: CommandPalette.Closed) -> None:
        if not event.option_selected:
            self.theme = self._theme_before


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

