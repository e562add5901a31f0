"""Keys in, text out: a room with a clock one can set, chats that remember, a glass to hold a screen; no test.

    with Stage(tmp_path) as stage:
        done = stage.room.declare(Declare("checkout-api", "Card payments fail"))
        async with on_glass(stage, lambda bridge: SomeScreen(bridge, done.incident.id), (80, 24)) as pilot:
            await pilot.press("u")
            await settle(pilot)
            assert "Post an update" in screen_text(pilot.app)

``stage.carry()`` sends what lies in the outbox, as an outbox worker would; ``on_console`` drives the whole console.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from textual import events
from textual.app import App, ComposeResult
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Static

from warroom.config.loading import load_playbook
from warroom.config.paths import shipped
from warroom.config.rota import OnCall
from warroom.config.settings import Destination, Person, Service, Settings, Team
from warroom.incident.delivery import Channel, Delivery, Message, Opening, Receipt
from warroom.incident.playbook import Playbook
from warroom.journal.sqlite import SqliteJournal
from warroom.room.outbox import OutboxWorker
from warroom.room.room import WarRoom
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

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False


class Clock:
    """The room's clock: stands still until it is moved."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def pass_(self, **span: float) -> None:
        """Let time go by: ``pass_(minutes=3)``."""
        self.at += timedelta(**span)


@dataclass
class ToldChat:
    """A chat that keeps what it is told. ``fails`` are raised, first one first, by the posts to come."""

    name: str
    max_length: int = 40_000
    dedupes: bool = True
    reads_back: bool = False
    posts: list[Message] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    fails: list[Exception] = field(default_factory=list)

    def render(self, message: Message) -> str:
        """As it stands, the destination's name in front so that previews can be told apart."""
        return f"[{self.name}] {message.text}"

    async def open(self, opening: Opening, key: str) -> Channel:
        return Channel(id=f"C-{self.name}", name=f"#{opening.name}")

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        if self.fails:
            raise self.fails.pop(0)
        if key not in self.keys:
            self.keys.append(key)
            self.posts.append(message)
        return Receipt(id=f"M{len(self.posts)}", url=f"https://chat.example/{self.name}/{len(self.posts)}")

    async def show_status(self, channel: Channel, message: Message, previous: Receipt | None, key: str) -> Receipt:
        return Receipt()

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        return None

    async def check(self) -> str:
        return self.name

    async def close(self) -> None:
        return


PEOPLE = (
    Person(name="Alice", roles=("incident_commander",)),
    Person(name="Bob"),
    Person(name="Carol"),
)
SERVICES = (Service(name="checkout-api", description="Card payments"), Service(name="search-api"))
DESTINATIONS = {
    "chat": Destination(name="chat", backend="told", audiences=("team", "executives"), drills=True),
    "mail": Destination(name="mail", backend="told", audiences=("customers",)),
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


class Stage:
    """A real room over a real journal in ``folder``, its clock and its chats. Two on one folder are two desks."""

    def __init__(
        self,
        folder: Path,
        *,
        by: str = "Alice",
        clock: Clock | None = None,
        chats: Mapping[str, ToldChat] | None = None,
        playbook: Playbook | None = None,
        **changes: Any,
    ) -> None:
        self.folder = folder
        self.clock = clock or Clock()
        self.settings = settings(**changes)
        self.chats = dict(chats or {name: ToldChat(name) for name in self.settings.destinations})
        self.journal = SqliteJournal(folder / "journal.sqlite", reads_anyway=True)
        self.room = WarRoom(
            self.journal,
            playbook or load_playbook(self.settings),
            self.settings,
            by=by,
            clock=self.clock,
            chats=lambda name: self.chats[name],
        )

    def carry(self, within_s: float = DEADLINE_S) -> list[Delivery]:
        """Send what lies in the outbox; call it off the loop (``asyncio.to_thread``)."""
        return OutboxWorker(self.room).drain(within_s)

    def close(self) -> None:
        self.journal.close()

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


# ── a glass to hold one screen ──────────────────────────────────────────────────────────────────────────────


class _Floor(BaseScreen):
    """What lies below the screen that is tested, where home would."""

    def compose(self) -> ComposeResult:
        yield Static("floor")
        yield KeyBar()


class Glass(BaseApp):
    """The console with one screen and no home. What it is asked to do ``anywhere`` it only writes down."""

    takes_keys = True  # type: ignore[assignment]

    def __init__(self, stage: Stage, make: Callable[[ScreenContext], Screen[Any]], *, drill: Any = None) -> None:
        super().__init__(crash_folder=stage.folder)
        self.stage = stage
        self.context = ScreenContext(self, ConsoleDeps(stage.room, watch_logs=cast(Any, None), drill=drill))
        self.opened: list[str] = []
        self.did: list[str] = []
        self.copied: list[str] = []
        self._make = make
        for theme in load_themes(shipped("themes")):
            self.register_theme(theme)
        self.theme = stage.settings.console.theme

    def on_mount(self) -> None:
        self.context.feed.start()
        self.push_screen(_Floor(self.context))
        self.push_screen(self._make(self.context))

    def on_unmount(self) -> None:
        self.context.stop()

    def open_incident(self, incident_id: str) -> None:
        self.opened.append(incident_id)

    def copy_to_clipboard(self, text: str) -> None:
        self.copied.append(text)
        super().copy_to_clipboard(text)

    async def do_declare(self) -> None:
        self.did.append("declare")

    async def do_update(self, template: str = "") -> None:
        self.did.append("update")

    async def do_quit(self) -> None:
        self.did.append("quit")


@asynccontextmanager
async def on_glass(
    stage: Stage, make: Callable[[ScreenContext], Screen[Any]], size: tuple[int, int] = SMALL, *, drill: Any = None
) -> AsyncIterator[Pilot[None]]:
    """The screen that ``make`` makes, shown and settled, toasts included."""
    app = Glass(stage, make, drill=drill)
    async with app.run_test(size=size, notifications=True) as pilot:
        await settle(pilot)
        yield pilot


@asynccontextmanager
async def on_console(stage: Stage, size: tuple[int, int] = SMALL, **how: Any) -> AsyncIterator[Pilot[None]]:
    """The whole console over the stage's room, settled at home (or where ``incident_id=`` says)."""
    from warroom.tui.app import WarRoomApp

    given = {"watch_logs": lambda view, service: None, "themes": load_themes(shipped("themes")), **how}
    app = WarRoomApp(lambda: ConsoleDeps(stage.room, **given), crash_folder=stage.folder)  # type: ignore[arg-type]
    async with app.run_test(size=size, notifications=True) as pilot:
        # The first frame comes before anything is equipped; the screens stand once their worker has ended.
        await until(pilot, lambda: isinstance(app.screen, BaseScreen))
        await settle(pilot)
        yield pilot


# ── waiting and looking ─────────────────────────────────────────────────────────────────────────────────────


class _Probe:
    """A reader of the feed. It is told last, so once it has heard, everybody has."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.heard = asyncio.Event()

    def post_message(self, message: object) -> bool:
        self._loop.call_soon_threadsafe(self.heard.set)
        return True


async def settle(pilot: Pilot[Any], within_s: float = DEADLINE_S) -> None:
    """Wait until the screens know all that the journal knows and nothing is under way.

    A worker in the group "endless" is not waited for. AssertionError names what did not end in time.
    """
    app = cast(Any, pilot.app)
    deadline = time.monotonic() + within_s
    while not _with_deps(app):
        assert time.monotonic() < deadline, "the console was never furnished"
        await asyncio.sleep(0.01)
    while True:
        count = app.context.room.change_count()
        probe = _Probe()
        app.context.feed.watch(cast(Any, probe), lambda: None)
        try:
            await asyncio.wait_for(probe.heard.wait(), max(0.1, deadline - time.monotonic()))
        finally:
            app.context.feed.leave(cast(Any, probe))
        await pilot.pause()
        under_way = [w for w in app.workers if not w.is_finished and w.group != "endless"]
        if not under_way and app.context.room.change_count() == count:
            return
        assert time.monotonic() < deadline, f"not settled: {under_way or 'the journal goes on changing'}"
        await asyncio.sleep(0.01)


def _with_deps(app: Any) -> bool:
    try:  # the console gets its bridge only after its first frame
        return app.context is not None
    except AssertionError:
        return False


async def until(pilot: Pilot[Any], seen: Callable[[], bool], within_s: float = DEADLINE_S) -> None:
    """Wait until ``seen()``; AssertionError with the screen as it is if that does not come."""
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


def said(app: App[Any]) -> list[str]:
    """What was said in passing, the oldest first."""
    return [notice.message for notice in app._notifications]
