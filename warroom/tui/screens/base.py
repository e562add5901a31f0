"""A screen with actions: runs them by their ids, shows why one cannot be run, updates the key bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.keys import key_to_character
from textual.screen import Screen
from textual.worker import WorkType

from warroom.errors import WarroomError
from warroom.incident import timing
from warroom.incident.incident import Incident
from warroom.tui.actions import ACTIONS, BY_ID, Action, bindings, key_of
from warroom.tui.base import BaseApp
from warroom.tui.context import ScreenContext
from warroom.tui.feed import LoadFailed
from warroom.tui.widgets.bars import Key, KeyBar

SMALLEST = (80, 24)
"""Columns and rows that a screen needs."""


class BaseScreen(Screen[None]):
    """The base of every full screen. An action ``x`` is carried out by the method ``do_x`` of the
    screen, or of the app."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("anywhere"),
        Binding("escape", "back", "Back", show=False),
    ]
    BAR: ClassVar[tuple[str, ...]] = ()
    """The ids of the actions in the key bar, in order; the registry's own ``bar`` words where empty."""
    DOING: ClassVar[str] = ""
    """What others are told that the person does on this screen, such as "composing an update"."""
    incident_id = ""
    """The id of the incident this screen is about, loaded or not; "" if it is about none."""

    def __init__(self, context: ScreenContext) -> None:
        super().__init__()
        self.context = context
        self.opening = 0
        """How many screens are on their way that this one opens: what is typed meanwhile is for them."""
        self.has_problem = False
        """Whether what it shows could not be loaded the last time."""

    def on_mount(self) -> None:
        self.set_interval(1.0, self._beat)

    def _beat(self) -> None:
        if not self.covered:
            self.tick()
            self._title_terminal()

    def _title_terminal(self) -> None:
        """Say in the terminal's title which incident is open, for whoever looks at another window."""
        incident, app = self.subject, self.app
        if isinstance(app, BaseApp):
            running = incident is not None and incident.open
            app.set_terminal_title(self._incident_title(incident) if incident and running else app.TITLE)

    def _incident_title(self, incident: Incident) -> str:
        elapsed = timing.format_duration(timing.elapsed(incident, self.context.now()))
        drill = "DRILL " if incident.drill else ""
        return f"{drill}{incident.severity.upper()} {incident.id} {elapsed}"

    async def on_event(self, event: events.Event) -> None:
        await super().on_event(event)
        if isinstance(event, events.Resize):
            (width, height), (columns, rows) = event.size, SMALLEST
            small = width < columns or height < rows
            for bar in self.query(KeyBar):
                bar.warn(f"{width}×{height} is too small: {columns}×{rows} is needed" if small else "")

    def tick(self) -> None:
        """Bring what depends on the time of day up to date: called once a second while the screen is seen."""

    def on_screen_resume(self) -> None:
        self.context.presence.show(self.incident_id, self.DOING)
        self.tick()
        self._title_terminal()

    @property
    def takes_keys(self) -> bool:
        """Whether keys mean this screen, as it is now; until they do they are held."""
        return not self.opening and (self.loaded or self.has_problem)

    @property
    def loaded(self) -> bool:
        """Whether it shows what it is about."""
        return True

    @property
    def covered(self) -> bool:
        """Whether another full screen covers this one. Textual paints all of the upper one whenever
        something changes in the lower, so a covered screen keeps still."""
        stack = self.app.screen_stack
        above = stack[stack.index(self) + 1 :] if self in stack else ()
        return any(not screen.is_modal for screen in above)

    @property
    def subject(self) -> Incident | None:
        """The incident this screen is about, once it is loaded; None if there is none."""
        return None

    def why_off(self, action: Action) -> str:
        """Why an action cannot be done now, "" if it can."""
        return action.why_off(self.subject)

    async def action_do(self, action_id: str, target: str = "") -> None:
        """Run an action of the registry, on ``target`` if it has one; or show why not."""
        why = self.why_off(BY_ID[action_id])
        if why:
            self.context.notify(self.context.with_keys(why), "warning")
            return
        for holder in (self, self.app):
            method = getattr(holder, f"do_{action_id}", None)
            if method:
                await (method(target) if target else method())
                return
        where = "only in the war room; esc goes back" if self.subject else "open an incident first"
        self.context.notify(f"{BY_ID[action_id].title}: {where}", "warning")

    def start(self, job: WorkType[None]) -> None:
        """Run ``job`` as a worker; a call, so that none is left unawaited."""
        self.run_worker(job)

    async def action_back(self) -> None:
        """Leave this screen for the one below."""
        if len(self.app.screen_stack) > 2:
            self.dismiss()

    async def on_key_bar_pressed(self, event: KeyBar.Pressed) -> None:
        event.stop()
        if event.action in BY_ID:
            await self.action_do(event.action)
        else:
            await self.run_action(event.action)

    @property
    def bar(self) -> Sequence[str]:
        """The actions in the key bar as it is now."""
        return self.BAR

    def show_keys(self, first: tuple[Key, ...] = ()) -> None:
        """Bring the key bar up to date with what can be done now."""
        own = self.context.keys
        chosen = [BY_ID[id_] for id_ in self.bar] if self.bar else [a for a in ACTIONS if a.bar]
        self.query_one(KeyBar).show(
            [
                *first,
                *(
                    Key(
                        key_of(action.id, own),
                        action.bar or action.title.lower(),
                        action.id,
                        on=not self.why_off(action),
                    )
                    for action in chosen
                ),
            ]
        )

    def on_load_failed(self, event: LoadFailed) -> None:
        self.has_problem = True
        if not isinstance(event.error, WarroomError):
            raise event.error  # from the feed's thread to where unexpected errors are reported
        self.context.notify_error(event.error)

    def notify_error(self, error: WarroomError) -> None:
        """Say what went wrong, and what to do about it."""
        self.context.notify_error(error)


def is_letter(key: str) -> bool:
    """Whether a key types something into a field that has the focus."""
    character = key_to_character(key.strip())
    return bool(character and character.isprintable())
