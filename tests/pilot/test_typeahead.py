"""Keys typed while the console, a screen or a form comes up: held in order, then acted on where they were meant."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from harness.app import (
    DEADLINE_S,
    SMALL,
    AppHarness,
    record_toasts,
    run_console,
    screen_text,
    settle,
    toasts,
    type_in,
    until,
)
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from warroom.config.paths import shipped
from warroom.incident.commands import Declare
from warroom.tui import key_queue
from warroom.tui.app import WarRoomApp
from warroom.tui.context import ConsoleDeps
from warroom.tui.screens.declare import DeclareScreen
from warroom.tui.screens.form_dialog import Form
from warroom.tui.screens.home import HomeScreen
from warroom.tui.screens.war_room import WarRoomScreen
from warroom.tui.theme import load_themes

pytestmark = pytest.mark.anyio


class Gate:
    """A call that waits until it is let through."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call
        self.reached = threading.Event()
        self._open = threading.Event()

    def __call__(self, *given: Any, **named: Any) -> Any:
        self.reached.set()
        self._open.wait(DEADLINE_S)
        return self._call(*given, **named)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[AppHarness]:
    with AppHarness(tmp_path / "data") as harness:
        harness.room.declare(Declare("checkout-api", "Card payments fail"), commander="Alice")
        yield harness


def posted(pilot: Pilot[Any], keys: str) -> None:
    """Keys in one burst, as they come from a terminal: ^ before a letter is ctrl."""
    names = {"\r": "enter", "\x1b": "escape", "\x13": "ctrl+s", " ": "space"}
    for key in keys:
        pilot.app.post_message(events.Key(names.get(key, key), key if key.isprintable() else None))


@asynccontextmanager
async def coming_up(
    harness: AppHarness, incident_id: str, *gates: Gate, slow_equip: bool
) -> AsyncIterator[Pilot[None]]:
    """The console as it starts, with ``build_deps`` held up until the first gate opens where ``slow_equip``."""
    themes = load_themes(shipped("themes"))

    def build_deps() -> ConsoleDeps:
        return ConsoleDeps(harness.room, lambda view, service: None, themes, incident_id=incident_id)

    held = Gate(build_deps)
    try:
        app = WarRoomApp(held if slow_equip else build_deps, crash_folder=harness.folder)
        record_toasts(app)
        async with app.run_test(size=SMALL, notifications=True) as pilot:
            if slow_equip:
                await until(pilot, held.reached.is_set)
            app.let_in = held.open  # type: ignore[attr-defined]
            yield pilot
    finally:
        held.open()
        for gate in gates:
            gate.open()


def notes(harness: AppHarness) -> list[str]:
    return [row.text for row in harness.room.incident("INC-1").rows if row.kind == "note"]


async def test_keys_typed_before_anything_is_loaded_write_a_note_and_nothing_else(harness: AppHarness) -> None:
    before = harness.room.incident("INC-1").version
    async with coming_up(harness, "INC-1", slow_equip=True) as pilot:
        posted(pilot, "ntypo\x13")
        await pilot.pause()
        pilot.app.let_in()  # type: ignore[attr-defined]
        await until(pilot, lambda: notes(harness) == ["typo"])
        await until(pilot, lambda: isinstance(pilot.app.screen, WarRoomScreen))
        await settle(pilot)
        assert harness.room.incident("INC-1").version == before + 1


async def test_keys_typed_while_the_incident_is_loaded_write_a_note_and_nothing_else(
    harness: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = harness.room.incident("INC-1").version
    slow = Gate(harness.room.incident)
    monkeypatch.setattr(harness.room, "incident", slow)
    async with coming_up(harness, "INC-1", slow, slow_equip=False) as pilot:
        await until(pilot, slow.reached.is_set)
        await until(pilot, lambda: isinstance(pilot.app.screen, WarRoomScreen))
        posted(pilot, "ntypo\x13")
        await pilot.pause()
        assert isinstance(pilot.app.screen, WarRoomScreen)
        slow.open()
        await until(pilot, lambda: notes(harness) == ["typo"])
        await settle(pilot)
        assert harness.room.incident("INC-1").version == before + 1


async def test_keys_typed_while_a_form_is_on_its_way_are_typed_into_it(
    harness: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Gate(harness.room.open_draft)
    monkeypatch.setattr(harness.room, "open_draft", slow)
    try:
        async with run_console(harness, incident_id="INC-1") as pilot:
            before = harness.room.incident("INC-1").version
            posted(pilot, "npool/k")
            await until(pilot, slow.reached.is_set)
            assert isinstance(pilot.app.screen, WarRoomScreen)
            slow.open()
            await until(pilot, lambda: "pool/k" in screen_text(pilot.app))
            assert isinstance(pilot.app.screen, Form) and harness.room.incident("INC-1").version == before
    finally:
        slow.open()


async def test_keys_typed_while_a_form_is_sent_are_for_the_screen_below(
    harness: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Gate(harness.room.execute)
    try:
        async with run_console(harness, incident_id="INC-1") as pilot:
            await pilot.press("n")
            await until(pilot, lambda: isinstance(pilot.app.screen, Form))
            await type_in(pilot, "pool")
            monkeypatch.setattr(harness.room, "execute", slow)
            posted(pilot, "\x13H")
            await until(pilot, slow.reached.is_set)
            slow.open()
            await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
            assert notes(harness) == ["pool"]
    finally:
        slow.open()


async def test_a_burst_of_keys_goes_through_several_screens_in_order(harness: AppHarness) -> None:
    async with coming_up(harness, "", slow_equip=True) as pilot:
        posted(pilot, "d" + "search-api" + "\x1b" + "?" + "\x1b" + "d")
        pilot.app.let_in()  # type: ignore[attr-defined]
        await until(
            pilot,
            lambda: (
                isinstance(pilot.app.screen, DeclareScreen)
                and [field.value for field in pilot.app.screen.query("#field-service").results(Input)]
                == ["search-api"]
            ),
        )


async def test_a_paste_keeps_its_place_among_the_keys(harness: AppHarness) -> None:
    async with coming_up(harness, "INC-1", slow_equip=True) as pilot:
        posted(pilot, "na")
        pilot.app.post_message(events.Paste("bcd"))
        posted(pilot, "e\x13")
        pilot.app.let_in()  # type: ignore[attr-defined]
        await until(pilot, lambda: notes(harness) == ["abcde"])


async def test_leaving_and_hiding_never_wait(harness: AppHarness) -> None:
    async with coming_up(harness, "INC-1", slow_equip=True) as pilot:
        posted(pilot, "n")
        await pilot.press("f3")
        assert pilot.app.privacy  # type: ignore[attr-defined]
        await pilot.press("ctrl+q")
        await until(pilot, lambda: pilot.app.return_code == 0)
        pilot.app.let_in()  # type: ignore[attr-defined]


async def test_a_screen_that_never_loads_locks_nobody_in(
    harness: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_queue, "PATIENCE_S", 0.2)
    slow = Gate(harness.room.incident)
    monkeypatch.setattr(harness.room, "incident", slow)
    async with coming_up(harness, "INC-1", slow, slow_equip=False) as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, WarRoomScreen))
        posted(pilot, "ntypo")
        await until(pilot, lambda: any("ignored" in words for words in toasts(pilot.app)))
        posted(pilot, "H")
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
        slow.open()
        await settle(pilot)
        assert notes(harness) == []


async def test_more_keys_than_can_be_held_are_dropped_not_kept_for_ever(
    harness: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_queue, "MAX_HELD", 20)
    async with coming_up(harness, "INC-1", slow_equip=True) as pilot:
        posted(pilot, "n" + "x" * 30)
        await pilot.pause()
        pilot.app.let_in()  # type: ignore[attr-defined]
        await until(pilot, lambda: isinstance(pilot.app.screen, Form))
        await settle(pilot)
        assert pilot.app.screen.values["words"] == "x" * 19  # type: ignore[attr-defined]
