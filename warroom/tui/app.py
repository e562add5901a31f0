"""The console: home below, incidents above, and what can be done anywhere. What is shown is the screens' affair.

Importing this loads Textual and little else: the first frame waits for nothing more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.command import CommandPalette, Provider
from textual.screen import Screen
from textual.widget import Widget

from warroom.tui.splash import Ground
from warroom.tui.base import Shell

if TYPE_CHECKING:
    from warroom.errors import WarroomError
    from warroom.incident.summary import Summary
    from warroom.incident.readings import Reading
    from warroom.tui.context import Bridge, Equipment

SAVED_WITHIN_S = 0.8
"""How long leaving waits for the disk to take the drafts."""


def _action_commands() -> type[Provider]:
    from warroom.tui.palette import ActionCommands

    return ActionCommands


def _theme_commands() -> type[Provider]:
    from warroom.tui.palette import ThemeCommands

    return ThemeCommands


class Palette(CommandPalette):
    """Textual's, which fails at page up and down while it lists nothing."""

    def _action_command_list(self, action: str) -> None:
        with contextlib.suppress(KeyError):
            super()._action_command_list(action)


class Console(Shell):
    """The console. ``run`` returns once it is left; end the process with ``return_code``.

    The first frame is drawn at once, the incidents that ``glimpse`` gives in the next. Then ``equip`` is called, in
    a thread, and brings what the console works with; if it raises, the console ends and ``failed`` holds the error.
    ``crash_folder`` takes the report of a crash.
    """

    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_action_commands, _theme_commands}
    COMMAND_PALETTE_BINDING = "ctrl+p"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "presenter", "Presenter mode", id="presenter", show=False, priority=True),
        Binding("f3", "curtain", "Curtain", id="curtain", show=False, priority=True),
    ]

    def __init__(
        self,
        equip: Callable[[], Equipment],
        *,
        glimpse: Callable[[], Sequence[Summary]] = tuple,
        crash_folder: Path | None = None,
    ) -> None:
        super().__init__(crash_folder=crash_folder)
        self._ground = Ground(glimpse)
        self._equip = equip
        self.failed: WarroomError | None = None
        self._equipment: Equipment | None = None
        self._bridge: Bridge | None = None
        self.curtain = False
        self._behind: dict[Screen[Any], Widget] = {}
        self._begun = False

    # ── beginning and end ───────────────────────────────────────────────────────────────────────────────

    def compose(self) -> ComposeResult:
        yield self._ground

    def on_mount(self) -> None:
        # Everything the console is made of is imported after the first frames are on the glass.
        self.call_after_refresh(self._look)

    def _look(self) -> None:
        self._ground.look()
        self.call_after_refresh(lambda: self.run_worker(self._begin()))

    async def _begin(self) -> None:
        from warroom.errors import WarroomError

        try:
            await asyncio.to_thread(self._furnish)
        except WarroomError as error:
            self.failed = error
            self.exit(return_code=error.exit_status)
            return
        equipment, bridge = self.equipment, self.bridge
        self.use_themes(equipment.themes, bridge.room.settings.console.theme)
        self.set_keymap(bridge.keys)
        bridge.start()
        from warroom.tui.screens.home import HomeScreen

        await self.push_screen(HomeScreen(bridge))
        self.goes_on = True
        for notice in bridge.room.notices():
            bridge.say(notice, "error", timeout=60)
        if equipment.notice:
            bridge.say(equipment.notice, "warning", timeout=60)
        if equipment.incident_id:
            self.open_incident(equipment.incident_id)
        self._begun = True

    def _furnish(self) -> None:
        equipment = self._equip()
        from warroom.tui.actions import keymap
        from warroom.tui.context import Bridge
        from warroom.tui.screens import war_room  # noqa: F401 — imported here, off the loop, for when it is shown

        keymap(equipment.room.settings.console.keys)
        self._equipment = equipment
        self._bridge = Bridge(self, equipment)

    @property
    def takes_keys(self) -> bool:
        return self._begun

    @property
    def equipment(self) -> Equipment:
        """What ``equip`` brought; there once the home screen is."""
        assert self._equipment is not None
        return self._equipment

    @property
    def bridge(self) -> Bridge:
        """What the screens are handed."""
        assert self._bridge is not None
        return self._bridge

    def on_unmount(self) -> None:
        if self._bridge:
            self._bridge.stop()

    async def action_quit(self) -> None:
        """Leave. Nothing is lost by it: every word is in the journal, drafts included."""
        if not await self._drafts_stay(self.screen_stack):
            self.exit()

    async def _drafts_stay(self, screens: Sequence[Screen[Any]]) -> bool:
        """Whether a draft on these screens cannot be saved, which is said; asked again it is given up."""
        stays = False
        for screen in screens:
            let_go: Callable[[], Awaitable[WarroomError | None]] | None = getattr(screen, "let_go", None)
            try:
                why = await asyncio.wait_for(let_go(), SAVED_WITHIN_S) if let_go else None
            except TimeoutError:  # a disk that hangs keeps nobody here
                continue
            if why:
                self.bridge.tell(why)
                stays = True
        return stays

    # ── what can be done anywhere ───────────────────────────────────────────────────────────────────────

    def open_incident(self, incident_id: str) -> None:
        """The war room of an incident, above home."""
        from warroom.tui.screens.war_room import WarRoomScreen

        while len(self.screen_stack) > 2:
            self.pop_screen()
        self.push_screen(WarRoomScreen(self.bridge, incident_id))
        self.run_worker(self._verify(incident_id), group="verify", exit_on_error=False)

    async def _verify(self, incident_id: str) -> None:
        damage = await self.bridge.carry_out(lambda: self.bridge.room.damage(incident_id))
        if damage:
            self.bridge.say(damage, "error", timeout=60)

    async def do_home(self) -> None:
        if not await self._drafts_stay(self.screen_stack[2:]):
            while len(self.screen_stack) > 2:
                self.pop_screen()

    async def do_declare(self) -> None:
        from warroom.tui.screens.declare import DeclareScreen

        self.push_screen(DeclareScreen(self.bridge, self.open_incident))

    async def do_drill(self) -> None:
        drill = self.bridge.drill
        if drill is None or self.bridge.rehearsing:
            self.bridge.say("A drill is running already" if drill else "No drill is at hand", "warning")
            return
        await self.bridge.carry_out(drill.start)
        self.bridge.say("The drill begins: watch for its alert on the home screen")

    async def do_presenter(self) -> None:
        from warroom.tui.screens.presenter import PresenterScreen

        if isinstance(self.screen, PresenterScreen):
            self.screen.dismiss()
        elif incident_id := self._subject():
            self.push_screen(PresenterScreen(self.bridge, incident_id))

    async def do_curtain(self) -> None:
        self.curtain = not self.curtain
        for screen in self.screen_stack:
            if self.curtain and screen.focused:  # what is hidden loses the focus, and gets it back
                self._behind[screen] = screen.focused
            screen.set_class(self.curtain, "-curtain")
        if not self.curtain:
            self.call_after_refresh(self._give_focus_back)

    # What hides things from a shared screen works over a form or a palette too, where a screen's own keys are not
    # heard.

    async def action_curtain(self) -> None:
        """As ``do_curtain``."""
        await self.do_curtain()

    async def action_presenter(self) -> None:
        """As ``do_presenter``."""
        await self.do_presenter()

    def _give_focus_back(self) -> None:
        from warroom.tui.screens.pane_screen import TiledScreen

        for screen, widget in self._behind.items():
            if screen not in self.screen_stack:
                continue  # it was left behind the curtain
            if isinstance(screen, TiledScreen):
                screen.go()  # to the pane that was asked for meanwhile
            elif widget.is_attached and screen.focused is None:
                screen.set_focus(widget)
        self._behind.clear()

    def push_screen(self, screen: Screen[Any] | str, *rest: Any, **named: Any) -> Any:
        """As Textual's; what is opened while the curtain is down is behind it too."""
        if isinstance(screen, Screen):
            screen.set_class(self.curtain, "-curtain")
        return super().push_screen(screen, *rest, **named)

    async def do_theme(self) -> None:
        self.push_screen(Palette(providers=[_theme_commands()], placeholder="Choose a theme…"))

    def action_command_palette(self) -> None:
        """Open the palette, unless it is open already, below presenter mode too."""
        if not any(isinstance(screen, CommandPalette) for screen in self.screen_stack):
            self.push_screen(Palette())

    async def do_palette(self) -> None:
        self.action_command_palette()

    async def do_help(self) -> None:
        from warroom.tui.actions import ACTIONS
        from warroom.tui.screens.help import HelpScreen
        from warroom.tui.screens.base import PlaceScreen

        async def do(action_id: str | None) -> None:
            if action_id and isinstance(self.screen, PlaceScreen):
                await self.screen.action_do(action_id)

        groups = {
            title: [action for action in ACTIONS if action.place == place]
            for place, title in (("incident", "In an incident"), ("anywhere", "Anywhere"))
        }
        self.push_screen(HelpScreen(groups, self.bridge.keys), do)

    async def do_quit(self) -> None:
        await self.action_quit()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """None of Textual's own: every action is in the registry."""
        return ()

    # ── the screens of an incident, opened from any other of its screens ────────────────────────────────

    def _subject(self) -> str:
        """The incident that the screen is about; "", and a word about it, where there is none."""
        from warroom.tui.screens.base import PlaceScreen

        below = (screen for screen in reversed(self.screen_stack) if isinstance(screen, PlaceScreen))
        subject = next((screen.incident_id for screen in below), "")
        if not subject:
            self.bridge.say("Open an incident first", "warning")
        return subject

    async def do_update(self, template: str = "") -> None:
        from warroom.tui.screens.composer import ComposerScreen

        if incident_id := self._subject():
            self.push_screen(ComposerScreen(self.bridge, incident_id, template))

    async def do_deliveries(self, delivery: str = "") -> None:
        from warroom.tui.screens.deliveries import DeliveriesScreen

        if incident_id := self._subject():
            self.push_screen(DeliveriesScreen(self.bridge, incident_id, delivery))

    async def do_resolve(self, item: str = "") -> None:
        from warroom.tui.screens.incident_screen import IncidentScreen
        from warroom.tui.screens.resolve import ResolveScreen

        incident_id = self._subject()

        def evidence(item_id: str) -> Reading | None:
            # Whichever screen of this incident is open below knows, such as the war room with its logs.
            below = [s for s in self.screen_stack if isinstance(s, IncidentScreen) and s.incident_id == incident_id]
            below = [s for s in below if not isinstance(s, ResolveScreen)]  # which asks the others
            return next((reading for s in below if (reading := s.evidence(item_id))), None)

        if incident_id:
            self.push_screen(ResolveScreen(self.bridge, incident_id, evidence))

    async def do_review(self, section: str = "") -> None:
        self._review("sections" if section else "draft")

    async def do_pane_draft(self) -> None:
        self._review("draft")

    async def do_pane_actions(self) -> None:
        self._review("actions")

    async def do_pane_sections(self) -> None:
        self._review("sections")

    def _review(self, pane: str) -> None:
        from warroom.tui.screens.review import ReviewScreen

        if incident_id := self._subject():
            self.push_screen(ReviewScreen(self.bridge, incident_id, pane))

    # ── themes ──────────────────────────────────────────────────────────────────────────────────────────

    async def choose_theme(self, name: str) -> None:
        await super().choose_theme(name)
        save = self.equipment.save_theme
        if save:
            await self.bridge.carry_out(lambda: save(name))
