"""Keys in, text out: a room on a clock the test sets, chats that record, one screen or the whole console.

    with AppHarness(tmp_path) as harness:
        done = harness.room.declare(Declare("checkout-api", "Card payments fail"))
        async with run_screen(harness, lambda context: SomeScreen(context, done.incident.id), (80, 24)) as pilot:
            await pilot.press("u")
            await settle(pilot)
            assert "Post an update" in screen_text(pilot.app)

``harness.deliver()`` sends what is in the outbox, as the outbox worker does; ``run_console`` runs the whole
console.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, cast
from uuid import UUID
from weakref import WeakKeyDictionary

from textual import events
from textual.app import App, ComposeResult
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Static

from harness.fakes import Clock, FakeChat
from warroom.config.loading import load_playbook
from warroom.config.paths import shipped
from warroom.config.rota import OnCall
from warroom.config.settings import Destination, Person, Service, Settings, Team
from warroom.incident.delivery import Delivery
from warroom.incident.playbook import Playbook
from warroom.journal.search_index import SearchIndex
from warroom.journal.sqlite import SqliteJournal
from warroom.room.outbox import OutboxWorker
from warroom.room.room import WarRoom
from warroom.room.search import IncidentSearch
from warroom.tui.base import BaseApp
from warroom.tui.context import ConsoleDeps, ScreenContext
from warroom.tui.screens.base import BaseScreen
from warroom.tui.theme import load_themes
from warroom.tui.widgets.bars import KeyBar

START = datetime(2026, 1, 28, 13, 15, tzinfo=UTC)
"""14:15 in Berlin, a Wednesday; Alice is on call."""

SMALL, LARGE = (80, 24), (160, 45)
SIZES = [SMALL, LARGE]
DEADLINE_S = 10.0


@dataclass
class Playing:
    """A drill as the screen knows it: one that is being played."""

    running: bool = True

    @property
    def awaits_declaration(self) -> bool:
        return self.running

    def choices(self) -> list[tuple[str, str, str]]:
        return [("small", "A small drill", "Pages fail.")]

    def start(self, name: str = "", *, at_first_alert: bool = False) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False


PEOPLE = (
    Person(name="Alice", roles=("incident_commander",)),
    Person(name="Bob"),
    Person(name="Carol"),
)
SERVICES = (Service(name="checkout-api", description="Card payments"), Service(name="search-api"))
DESTINATIONS = {
    "chat": Destination(name="chat", backend="recording", audiences=("team", "executives"), drills=True),
    "mail": Destination(name="mail", backend="recording", audiences=("customers",)),
}


def settings(**changes: Any) -> Settings:
    """Three people (Alice on call), two services, a chat for team and executives, a mail for customers."""
    given = {
        "team": Team(name="Checkout", company="Example Ltd", timezone="Europe/Berlin", people=PEOPLE),
        "services": SERVICES,
        "on_call": OnCall(rotation=("Alice", "Bob", "Carol"), starts=date(2026, 1, 26)),
        "destinations": DESTINATIONS,
    }
    return Settings(**{**given, **changes})


class AppHarness:
    """A real room and journal in ``folder``, its clock and its chats. Two on one folder are two consoles."""

    def __init__(
        self,
        folder: Path,
        *,
        by: str = "Alice",
        clock: Clock | None = None,
        chats: Mapping[str, FakeChat] | None = None,
        playbook: Playbook | None = None,
        **changes: Any,
    ) -> None:
        self.folder = folder
        self.clock = clock or Clock(START)
        self.settings = settings(**changes)
        self.chats = dict(chats or {name: FakeChat(name, dedupes=True) for name in self.settings.destinations})
        self.journal = SqliteJournal(folder / "journal.sqlite", reads_anyway=True)
        self.room = WarRoom(
            self.journal,
            playbook or load_playbook(self.settings),
            self.settings,
            by=by,
            clock=self.clock,
            chats=lambda name: self.chats[name],
        )
        self.search = IncidentSearch(self.room, SearchIndex(folder / "search.sqlite"))

    def deliver(self, within_s: float = DEADLINE_S) -> list[Delivery]:
        """Send what is in the outbox; call it in a thread (``asyncio.to_thread``)."""
        return OutboxWorker(self.room).drain(within_s)

    def close(self) -> None:
        self.search.close()
        self.journal.close()

    def __enter__(self) -> AppHarness:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


# ── an app that shows one screen ──────────────────────────────────────────────────────────────────────────


class _BottomScreen(BaseScreen):
    """What is below the tested screen, where home would be."""

    def compose(self) -> ComposeResult:
        yield Static("bottom")
        yield KeyBar()


class SingleScreenApp(BaseApp):
    """The console with one screen and no home. What it is asked to do ``anywhere`` is only recorded."""

    takes_keys = True  # type: ignore[assignment]

    def __init__(
        self, harness: AppHarness, make: Callable[[ScreenContext], Screen[Any]], *, drill: Any = None
    ) -> None:
        super().__init__(crash_folder=harness.folder)
        self.harness = harness
        deps = ConsoleDeps(harness.room, watch_logs=cast(Any, None), drill=drill, search=lambda: harness.search)
        self.context = ScreenContext(self, deps)
        self.opened: list[str] = []
        self.opened_at: list[UUID | None] = []
        self.done: list[str] = []
        self.copied: list[str] = []
        self._make = make
        for theme in load_themes(shipped("themes")):
            self.register_theme(theme)
        self.theme = harness.settings.console.theme

    def on_mount(self) -> None:
        self.context.feed.start()
        self.push_screen(_BottomScreen(self.context))
        self.push_screen(self._make(self.context))

    def on_unmount(self) -> None:
        self.context.stop()

    def open_incident(self, incident_id: str, entry: UUID | None = None) -> None:
        self.opened.append(incident_id)
        self.opened_at.append(entry)

    def copy_to_clipboard(self, text: str) -> None:
        self.copied.append(text)
        super().copy_to_clipboard(text)

    async def do_declare(self) -> None:
        self.done.append("declare")

    async def do_update(self, template: str = "") -> None:
        self.done.append("update")

    async def do_quit(self) -> None:
        self.done.append("quit")


@asynccontextmanager
async def run_screen(
    harness: AppHarness,
    make: Callable[[ScreenContext], Screen[Any]],
    size: tuple[int, int] = SMALL,
    *,
    drill: Any = None,
) -> AsyncIterator[Pilot[None]]:
    """Show the screen that ``make`` makes and wait until it has settled, toasts included."""
    app = SingleScreenApp(harness, make, drill=drill)
    record_toasts(app)
    async with app.run_test(size=size, notifications=True) as pilot:
        await settle(pilot)
        yield pilot


@asynccontextmanager
async def run_console(harness: AppHarness, size: tuple[int, int] = SMALL, **how: Any) -> AsyncIterator[Pilot[None]]:
    """The whole console over the harness's room, settled at home (or where ``incident_id=`` says)."""
    from warroom.tui.app import WarRoomApp

    given = {
        "watch_logs": lambda view, service: None,
        "themes": load_themes(shipped("themes")),
        "search": lambda: harness.search,
        **how,
    }
    app = WarRoomApp(lambda: ConsoleDeps(harness.room, **given), crash_folder=harness.folder)  # type: ignore[arg-type]
    record_toasts(app)
    async with app.run_test(size=size, notifications=True) as pilot:
        # The first frame comes before the dependencies are there.
        await until(pilot, lambda: app.takes_keys)
        await settle(pilot)
        yield pilot


# ── waiting and looking ───────────────────────────────────────────────────────────────────────────────────


class _LastWatcher:
    """A watcher of the feed. Watchers are notified in order, so once this one is, all the others are too."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.notified = asyncio.Event()

    def post_message(self, message: object) -> bool:
        self._loop.call_soon_threadsafe(self.notified.set)
        return True


async def settle(pilot: Pilot[Any], within_s: float = DEADLINE_S) -> None:
    """Wait until the screens show all that is in the journal and no worker is running.

    A worker in the group "endless" is not waited for. AssertionError names what did not end in time.
    """
    app = cast(Any, pilot.app)
    deadline = time.monotonic() + within_s
    while not _with_deps(app):
        assert time.monotonic() < deadline, "the console never got its dependencies"
        await asyncio.sleep(0.01)
    while True:
        count = app.context.room.change_count()
        probe = _LastWatcher()
        app.context.feed.watch(cast(Any, probe), lambda: None)
        try:
            await asyncio.wait_for(probe.notified.wait(), max(0.1, deadline - time.monotonic()))
        finally:
            app.context.feed.leave(cast(Any, probe))
        await pilot.pause()
        under_way = [w for w in app.workers if not w.is_finished and w.group != "endless"]
        if not under_way and app.context.room.change_count() == count:
            return
        assert time.monotonic() < deadline, f"not settled: {under_way or 'the journal keeps changing'}"
        await asyncio.sleep(0.01)


def _with_deps(app: Any) -> bool:
    try:  # the console gets its context only after its first frame
        return app.context is not None
    except AssertionError:
        return False


async def until(pilot: Pilot[Any], seen: Callable[[], bool], within_s: float = DEADLINE_S) -> None:
    """Wait until ``seen()``; AssertionError with the screen as it is if that takes too long."""
    deadline = time.monotonic() + within_s
    while not seen():
        assert time.monotonic() < deadline, screen_text(pilot.app)
        await pilot.pause()
        await asyncio.sleep(0.01)


async def type_in(pilot: Pilot[Any], text: str) -> None:
    """Type a text as keys: \\n is enter, \\t is tab. Letters come in one burst, as from a quick hand."""
    names = {" ": "space", "\n": "enter", "\t": "tab"}
    for part in re.findall(r"[^\n\t]+|[\n\t]", text):
        if part in names:
            await pilot.press(names[part])
            continue
        for letter in part:
            pilot.app.post_message(events.Key(names.get(letter) or _character_to_key(letter), letter))
        await pilot.pause()
        await until(pilot, lambda: not cast(BaseApp, pilot.app).keys.waiting)


def screen_lines(app: App[Any]) -> list[str]:
    """What the top screen shows, line by line."""
    strips: Iterator[Any] = app.screen._compositor.render_strips()  # type: ignore[assignment]
    return ["".join(segment.text for segment in strip).rstrip() for strip in strips]


def screen_text(app: App[Any]) -> str:
    """What the top screen shows."""
    return "\n".join(screen_lines(app))


def toasts(app: App[Any]) -> list[str]:
    """The notifications shown so far, the oldest first."""
    return list(_TOASTS[app])


def clear_toasts(app: App[Any]) -> None:
    """Forget the notifications shown so far."""
    _TOASTS[app].clear()


_TOASTS: WeakKeyDictionary[App[Any], list[str]] = WeakKeyDictionary()


def record_toasts(app: App[Any]) -> None:
    """Textual forgets a notification after a few seconds, which a busy machine may need for the next step."""
    shown, notify = _TOASTS.setdefault(app, []), app.notify

    def recorded(message: str, **how: Any) -> None:
        shown.append(message)
        notify(message, **how)

    cast(Any, app).notify = recorded
