"""The console: home below, incidents above, and what can be done anywhere. What is shown is the screens' affair.

Importing this loads Textual and little else. The rest is loaded in the order in which it is needed: home, then,
while home already answers keys, the war room.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.command import CommandPalette, Provider
from textual.screen import Screen
from textual.widget import Widget

from warroom import collector
from warroom.tui.base import BaseApp

if TYPE_CHECKING:
    from warroom.errors import WarroomError
    from warroom.tui.context import ConsoleDeps, ScreenContext

SAVED_WITHIN_S = 0.8
"""How long leaving waits for the disk to take the drafts."""


ALERT_POLLS = 40
"""How often it is looked, 0.05 s apart, whether the alert of a demo has arrived."""


def _action_commands() -> type[Provider]:
    from warroom.tui.palette import ActionCommands

    return ActionCommands


def _theme_commands() -> type[Provider]:
    from warroom.tui.palette import ThemeCommands

    return ThemeCommands


def _theme_search() -> type[Provider]:
    from warroom.tui.palette import ThemeSearch

    return ThemeSearch


def _load_war_room() -> None:
    """Import what the first incident opened needs, so that it opens without a pause."""
    from warroom.tui.screens import war_room  # noqa: F401

    collector.loaded()


class Palette(CommandPalette):
    """Textual's, which fails at page up and down while it lists nothing."""

    def _action_command_list(self, action: str) -> None:
        with contextlib.suppress(KeyError):
            super()._action_command_list(action)


class WarRoomApp(BaseApp):
    """The console. ``run`` returns once it is left; end the process with ``return_code``.

    ``build_deps`` is called in a thread and returns what the console works with; if it raises, the console ends and
    ``failed`` holds the error.
    ``crash_folder`` takes the report of a crash.
    """

    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_action_commands, _theme_search}
    COMMAND_PALETTE_BINDING = "ctrl+p"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "manual", "Manual", id="manual", show=False, priority=True),
        Binding("f2", "presenter", "Presenter mode", id="presenter", show=False, priority=True),
        Binding("f3", "privacy", "Privacy mode", id="privacy", show=False, priority=True),
    ]

    def __init__(
        self,
        build_deps: Callable[[], ConsoleDeps],
        *,
        crash_folder: Path | None = None,
    ) -> None:
        super().__init__(crash_folder=crash_folder)
        self._equip = build_deps
        self.failed: WarroomError | None = None
        self._equipment: ConsoleDeps | None = None
        self._screen_context: ScreenContext | None = None
        self.privacy = False
        self._behind: dict[Screen[Any], Widget] = {}
        self._begun = False

    # ── start and end ─────────────────────────────────────────────────────────────────────────────────────

    def on_mount(self) -> None:
        self.run_worker(self._begin())

    async def _begin(self) -> None:
        from warroom.errors import WarroomError

        try:
            await asyncio.to_thread(self._build_deps)
        except WarroomError as error:
            self.failed = error
            self.exit(return_code=error.exit_status)
            return
        deps, context = self.deps, self.context
        self.use_themes(deps.themes, deps.theme or context.room.settings.console.theme)
        self.set_keymap(context.keys)
        context.start()
        from warroom.tui.screens.home import HomeScreen

        home = self.push_screen(HomeScreen(context))
        if deps.incident_id:
            self.open_incident(deps.incident_id)  # above home before home is drawn
        await home
        self.goes_on = True
        for notice in context.room.notices():
            context.notify(notice, "error", timeout=60)
        if deps.notice:
            context.notify(deps.notice, "warning", timeout=60)
        if deps.briefing and deps.drill:
            self._show_briefing(*deps.briefing)
        if deps.start_drill:
            from warroom.tui.screens.drills import start_drill

            await start_drill(context, deps.start_drill)
        self._begun = True
        self.call_after_refresh(lambda: threading.Thread(target=_load_war_room, daemon=True).start())

    def _show_briefing(self, title: str, text: str) -> None:
        from warroom.tui.screens.briefing import BriefingScreen

        async def start() -> None:
            drill = self.context.drill
            if drill:
                await self.context.run_or_notify(lambda: drill.start(at_first_alert=True))
            home = self.screen_stack[1]
            for _ in range(ALERT_POLLS):  # until it can be declared
                if getattr(home, "has_alert", True):
                    break
                await asyncio.sleep(0.05)

        self.push_screen(BriefingScreen(title, text, self.context.now, start))

    def _build_deps(self) -> None:
        deps = self._equip()
        from warroom.tui.actions import keymap
        from warroom.tui.context import ScreenContext
        from warroom.tui.screens import home  # noqa: F401 — imported here, off the event loop

        keymap(deps.room.settings.console.keys)
        self._equipment = deps
        self._screen_context = ScreenContext(self, deps)

    @property
    def takes_keys(self) -> bool:
        return self._begun

    @property
    def deps(self) -> ConsoleDeps:
        """What ``build_deps`` brought; there once the home screen is."""
        assert self._equipment is not None
        return self._equipment

    @property
    def context(self) -> ScreenContext:
        """What the screens are handed."""
        assert self._screen_context is not None
        return self._screen_context

    def on_unmount(self) -> None:
        if self._screen_context:
            self._screen_context.stop()

    async def action_quit(self) -> None:
        """Leave. Nothing is lost by it: every word is in the journal, drafts included."""
        if not await self._drafts_stay(self.screen_stack):
            self.exit()

    async def _drafts_stay(self, screens: Sequence[Screen[Any]]) -> bool:
        """Whether a draft on these screens cannot be saved, which is shown; asked again, it is discarded."""
        stays = False
        for screen in screens:
            let_go: Callable[[], Awaitable[WarroomError | None]] | None = getattr(screen, "let_go", None)
            try:
                why = await asyncio.wait_for(let_go(), SAVED_WITHIN_S) if let_go else None
            except TimeoutError:  # a disk that hangs does not keep the console open
                continue
            if why:
                self.context.notify_error(why)
                stays = True
        return stays

    # ── actions of every screen ───────────────────────────────────────────────────────────────────────────

    def open_incident(self, incident_id: str, entry: UUID | None = None) -> None:
        """The war room of an incident, above home; the cursor on ``entry`` of its timeline, if that is given."""
        from warroom.tui.screens.war_room import WarRoomScreen

        while len(self.screen_stack) > 2:
            self.pop_screen()
        self.push_screen(WarRoomScreen(self.context, incident_id, entry))
        self.run_worker(self._verify(incident_id), group="verify", exit_on_error=False)

    async def _verify(self, incident_id: str) -> None:
        damage = await self.context.run_or_notify(lambda: self.context.room.damage(incident_id))
        if damage:
            self.context.notify(damage, "error", timeout=60)

    async def do_contacts(self) -> None:
        """Who to call, from wherever one is."""
        from warroom.room.on_call import contact_list
        from warroom.tui.screens.base import BaseScreen
        from warroom.tui.screens.contacts import ContactsScreen

        context, screen = self.context, self.screen
        incident = screen.subject if isinstance(screen, BaseScreen) else None
        room = context.room
        found = await context.run_or_notify(lambda: (contact_list(room, incident), room.rota().doubt(room.clock())))
        if found is not None:
            self.push_screen(ContactsScreen(*found))

    async def do_video(self) -> None:
        """Copy the address of the team's video call; only its host is shown, for a passcode may be in it."""
        from urllib.parse import urlsplit

        address = self.context.room.settings.team.video
        if not address:
            self.context.notify('The settings have no video call: add video = "https://…" to [team]', "warning")
            return
        self.copy_to_clipboard(address)
        self.context.notify(f"Copied the address of the video call on {urlsplit(address).hostname}")

    async def do_home(self) -> None:
        if not await self._drafts_stay(self.screen_stack[2:]):
            while len(self.screen_stack) > 2:
                self.pop_screen()

    async def do_declare(self) -> None:
        from warroom.tui.screens.declare import DeclareScreen

        self.push_screen(DeclareScreen(self.context, self.open_incident))

    async def do_search_all(self) -> None:
        from warroom.tui.screens.search import SearchScreen

        self._push_once(SearchScreen)

    async def do_action_list(self) -> None:
        from warroom.tui.screens.action_list import ActionListScreen

        self._push_once(ActionListScreen)

    async def do_stats(self) -> None:
        from warroom.tui.screens.stats import StatsScreen

        self._push_once(StatsScreen)

    def _push_once(self, kind: Callable[[ScreenContext], Screen[Any]]) -> None:
        """Open a screen, unless it is the one on top."""
        if type(self.screen) is not kind:
            self.push_screen(kind(self.context))

    async def do_dismiss(self) -> None:
        self.context.notify("Put the cursor on an alert of the home screen first", "warning")

    async def do_silence(self) -> None:
        self.context.notify("Put the cursor on an alert of the home screen first", "warning")

    async def do_drill(self) -> None:
        from warroom.tui.screens.drills import abandon_drill, choose_drill

        if self.context.drill is None:
            self.context.notify("No drill is available", "warning")
        elif self.context.drill_running:
            abandon_drill(self.context)
        else:
            await choose_drill(self.context)

    async def do_presenter(self) -> None:
        from warroom.tui.screens.presenter import PresenterScreen

        if isinstance(self.screen, PresenterScreen):
            self.screen.dismiss()
        elif incident_id := self._subject():
            self.push_screen(PresenterScreen(self.context, incident_id))

    async def do_privacy(self) -> None:
        self.privacy = not self.privacy
        for screen in self.screen_stack:
            if self.privacy and screen.focused:  # what is hidden loses the focus, and gets it back
                self._behind[screen] = screen.focused
            screen.set_class(self.privacy, "-privacy")
        if not self.privacy:
            self.call_after_refresh(self._give_focus_back)

    # The manual and what hides things from a shared screen work over a form or a palette too, where a screen's own
    # keys are not heard.

    async def action_privacy(self) -> None:
        """As ``do_privacy``."""
        await self.do_privacy()

    async def action_presenter(self) -> None:
        """As ``do_presenter``."""
        await self.do_presenter()

    async def action_manual(self) -> None:
        """As ``do_manual``."""
        await self.do_manual()

    def _give_focus_back(self) -> None:
        from warroom.tui.screens.pane_screen import PaneScreen

        for screen, widget in self._behind.items():
            if screen not in self.screen_stack:
                continue  # it was left hidden by privacy mode
            if isinstance(screen, PaneScreen):
                screen.go()  # to the pane that was asked for meanwhile
            elif widget.is_attached and screen.focused is None:
                screen.set_focus(widget)
        self._behind.clear()

    def push_screen(self, screen: Screen[Any] | str, *rest: Any, **named: Any) -> Any:
        """As Textual's; what is opened in privacy mode is behind it too."""
        if isinstance(screen, Screen):
            screen.set_class(self.privacy, "-privacy")
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
        from warroom.tui.screens.base import BaseScreen
        from warroom.tui.screens.help import HelpScreen

        async def do(action_id: str | None) -> None:
            if action_id and isinstance(self.screen, BaseScreen):
                await self.screen.action_do(action_id)

        groups = {
            title: [action for action in ACTIONS if action.place == place]
            for place, title in (("incident", "In an incident"), ("anywhere", "Anywhere"))
        }
        principles = self.context.room.playbook.guidance.principles
        self.push_screen(HelpScreen(groups, self.context.keys, principles), do)

    async def do_manual(self) -> None:
        from warroom.tui.screens.manual import ManualScreen

        if not any(isinstance(screen, ManualScreen) for screen in self.screen_stack):
            self.push_screen(ManualScreen())

    async def do_quit(self) -> None:
        await self.action_quit()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """None of Textual's own: every action is in the registry."""
        return ()

    # ── the screens of an incident, opened from any other of its screens ──────────────────────────────────

    def _subject(self) -> str:
        """The incident that the screen is about; "", and a word about it, where there is none."""
        from warroom.tui.screens.base import BaseScreen

        below = (screen for screen in reversed(self.screen_stack) if isinstance(screen, BaseScreen))
        subject = next((screen.incident_id for screen in below), "")
        if not subject:
            self.context.notify("Open an incident first", "warning")
        return subject

    async def do_update(self, template: str = "") -> None:
        from warroom.tui.screens.composer import ComposerScreen

        if incident_id := self._subject():
            self.push_screen(ComposerScreen(self.context, incident_id, template))

    async def do_deliveries(self, delivery: str = "") -> None:
        from warroom.tui.screens.deliveries import DeliveriesScreen

        if incident_id := self._subject():
            self.push_screen(DeliveriesScreen(self.context, incident_id, delivery))

    async def do_resolve(self, item: str = "") -> None:
        from warroom.tui.screens.resolve import ResolveScreen

        if incident_id := self._subject():
            self.push_screen(ResolveScreen(self.context, incident_id))

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
            self.push_screen(ReviewScreen(self.context, incident_id, pane))

    # ── themes ────────────────────────────────────────────────────────────────────────────────────────────

    async def choose_theme(self, name: str) -> None:
        await super().choose_theme(name)
        save = self.deps.save_theme
        if save:
            await self.context.run_or_notify(lambda: save(name))
