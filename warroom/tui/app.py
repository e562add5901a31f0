"""The console: home below, incidents above, and what can be done anywhere. What is shown is the screens' affair."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual.app import SystemCommand
from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.screen import Screen
from textual.theme import Theme

from warroom.room.courier import Courier
from warroom.room.room import WarRoom
from warroom.tui.actions import ACTIONS, key_of, keymap
from warroom.tui.bridge import Bridge, OpenLogs, Runs
from warroom.tui.screens.home import HomeScreen
from warroom.tui.screens.place import PlaceScreen
from warroom.tui.screens.war_room import WarRoomScreen
from warroom.tui.shell import Shell


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


class Console(Shell):
    """The console. ``run`` returns once it is left; end the process with ``return_code``.

    ``save_theme`` keeps a chosen theme for the next time; ``crash_folder`` takes the report of a crash.
    ``incident_id`` opens that war room at once, above home.
    """

    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {ActionCommands, ThemeCommands}
    COMMAND_PALETTE_BINDING = "ctrl+p"

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
        super().__init__(themes, room.settings.console.theme, crash_folder=crash_folder)
        self.room = room
        self.bridge = Bridge(self, room, open_logs=open_logs, courier=courier, drill=drill)
        self._start_at = incident_id
        self._save_theme = save_theme
        self._start_drill = start_drill
        self._theme_before = ""
        self.curtain = False
        """Whether what is not meant for everybody on the call is hidden."""
        self.set_keymap(keymap(room.settings.console.keys))

    # ── beginning and end ───────────────────────────────────────────────────────────────────────────────

    def on_mount(self) -> None:
        self.bridge.start()
        self.push_screen(HomeScreen(self.bridge))
        if self._start_at:
            self.push_screen(WarRoomScreen(self.bridge, self._start_at))

    def on_unmount(self) -> None:
        self.bridge.stop()

    async def action_quit(self) -> None:
        """Leave. Nothing is lost by it: every word is in the journal, drafts included."""
        self.exit()

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
        self.curtain = not self.curtain
        for screen in self.screen_stack:
            screen.set_class(self.curtain, "-curtain")

    def push_screen(self, screen: Screen[Any] | str, *rest: Any, **named: Any) -> Any:
        """As Textual's; what is opened while the curtain is down is behind it too."""
        if isinstance(screen, Screen):
            screen.set_class(self.curtain, "-curtain")
        return super().push_screen(screen, *rest, **named)

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
