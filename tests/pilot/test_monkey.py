"""Random keys over every screen while data arrives: whatever is pressed, the console goes on without a fault."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from harness.app import DEADLINE_S, AppHarness, run_console, toasts, until
from harness.fakes import Clock
from textual import events
from textual.command import CommandPalette
from textual.keys import _character_to_key
from textual.pilot import Pilot

from warroom.incident.alerts import ReceiveAlert
from warroom.incident.commands import Declare, Note
from warroom.logs.sources.file import FileSource
from warroom.logs.view import LogView
from warroom.room.room import WarRoom
from warroom.tui.actions import ACTIONS
from warroom.tui.app import WarRoomApp
from warroom.tui.screens.composer import ComposerScreen
from warroom.tui.screens.declare import DeclareScreen
from warroom.tui.screens.deliveries import DeliveriesScreen
from warroom.tui.screens.form_dialog import Form
from warroom.tui.screens.help import HelpScreen
from warroom.tui.screens.home import HomeScreen
from warroom.tui.screens.manual import ManualScreen
from warroom.tui.screens.presenter import PresenterScreen
from warroom.tui.screens.record_detail import RecordScreen
from warroom.tui.screens.resolve import ResolveScreen
from warroom.tui.screens.review import ReviewScreen
from warroom.tui.screens.war_room import WarRoomScreen

pytestmark = pytest.mark.anyio

RUNS, ROUNDS, KEYS = 5, 13, 30
"""2,160 keys, and those that open the screens. More of each to look for faults."""

LEAVES = {"ctrl+q", "ctrl+c"}
"""What leaves the console is not pressed, and ``quit`` chosen from a list does nothing here."""

LETTERS = sorted({key for action in ACTIONS for key in action.keys.split(",")} - LEAVES)
MOVES = (
    "up",
    "down",
    "left",
    "right",
    "home",
    "end",
    "pageup",
    "pagedown",
    "enter",
    "enter",
    "escape",
    "escape",
    "tab",
    "shift+tab",
    "space",
    "backspace",
    "delete",
    "ctrl+a",
    "ctrl+e",
    "ctrl+r",
    "ctrl+s",
    "ctrl+t",
    "ctrl+u",
    "ctrl+w",
    "ctrl+y",
    "ctrl+z",
    "f1",
    "f2",
    "f3",
    "1",
    "9",
    "a",
    "z",
    "ä",
    "(",
    "*",
)

OPENERS: dict[type[Any], tuple[str, ...]] = {
    HomeScreen: (),
    WarRoomScreen: ("enter",),
    Form: ("enter", "n"),
    ComposerScreen: ("enter", "u"),
    DeclareScreen: ("d",),
    DeliveriesScreen: ("enter", "o"),
    ResolveScreen: ("enter", "r"),
    ReviewScreen: ("enter", "v"),
    PresenterScreen: ("enter", "f2"),
    RecordScreen: ("enter", "4", "enter"),
    HelpScreen: ("question_mark",),
    ManualScreen: ("f1", "enter"),
    CommandPalette: ("ctrl+p",),
}
"""How each screen is reached from home."""


def post(pilot: Pilot[Any], *keys: str) -> None:
    for key in keys:
        letter = key if len(key) == 1 else None
        pilot.app.post_message(events.Key(_character_to_key(key) if letter else key, letter))


async def drained(pilot: Pilot[Any]) -> None:
    """Wait until every key was acted on."""
    console, deadline = cast(WarRoomApp, pilot.app), time.monotonic() + 3 * DEADLINE_S
    while console.message_queue_size or console.keys.waiting:
        assert time.monotonic() < deadline, "a key was never acted on"
        await asyncio.sleep(0.002)


async def go_home(pilot: Pilot[Any]) -> None:
    """Back to home, whatever is open: escape leaves everything, a second time also what cannot be saved."""
    for _ in range(20):
        if isinstance(pilot.app.screen, HomeScreen):
            return
        post(pilot, "escape")
        await drained(pilot)
        await pilot.pause()
    raise AssertionError(f"escape does not leave {pilot.app.screen}")


def disturb(chance: random.Random, other: WarRoom, log: Path, clock: Clock) -> None:
    """What comes in meanwhile: log lines, alerts, what another console writes, time."""
    with log.open("a", encoding="utf-8") as file:
        for _ in range(chance.randrange(30)):
            level = chance.choice(["INFO", "WARN", "ERROR", "FATAL"])
            file.write(f"2026-01-28T13:{chance.randrange(60):02}:00Z {level} [x] {'y' * chance.randrange(300)}\n")
    clock.later(seconds=chance.randrange(200))
    what = chance.randrange(4)
    if what == 0:
        other.receive_alert(ReceiveAlert("high error rate", source="monitoring", service="checkout-api"))
    elif what == 1:
        other.execute("INC-1", Note("a note of another console [/x] \x1b[2J"))
    elif what == 2:
        other.declare(Declare("search-api", "Nothing is found"), commander="Bob")


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[AppHarness]:
    with AppHarness(tmp_path / "data") as harness:
        yield harness


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.nightly) for n in range(1, RUNS))])
async def test_random_keys_over_all_screens_never_end_the_console(
    harness: AppHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    async def stay(self: WarRoomApp) -> None:
        return

    monkeypatch.setattr(WarRoomApp, "action_quit", stay)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.delenv("VISUAL", raising=False)
    chance, log = random.Random(seed), tmp_path / "app.log"
    log.write_text("2026-01-28T13:00:00Z ERROR pool timeout\n" * 50, encoding="utf-8")
    harness.room.declare(Declare("checkout-api", "Card payments fail"), commander="Alice")

    def watch_logs(view: LogView, service: str) -> None:
        view.add(FileSource(log, interval=0.02))

    size = chance.choice([(80, 24), (120, 36), (160, 45)])
    seen: set[type[Any]] = set()
    with AppHarness(tmp_path / "data", by="Bob", clock=harness.clock) as other:
        async with run_console(harness, size, watch_logs=watch_logs, save_theme=lambda name: None) as pilot:
            targets = [*OPENERS] * (ROUNDS // len(OPENERS))
            chance.shuffle(targets)
            for target in targets:
                await go_home(pilot)
                post(pilot, "home", *OPENERS[target])
                await drained(pilot)
                seen.add(type(pilot.app.screen))
                for _ in range(KEYS // 10):
                    post(pilot, *(chance.choice([*LETTERS, *MOVES]) for _ in range(10)))
                    await asyncio.to_thread(disturb, chance, other.room, log, harness.clock)
                    await drained(pilot)
                    seen.add(type(pilot.app.screen))
                    if chance.random() < 0.1:
                        await pilot.resize_terminal(chance.randrange(20, 170), chance.randrange(6, 50))
                assert pilot.app.return_code is None, toasts(pilot.app)
            await go_home(pilot)
            await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
            assert pilot.app.return_code is None
    assert len(seen) >= len(OPENERS) // 2, seen
