"""The demo on the screen: a briefing, an alert at once, and a score at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.app import AppHarness, Playing, run_console, screen_text, settle, until
from textual.pilot import Pilot

from warroom.incident.alerts import ReceiveAlert
from warroom.incident.commands import Close, Declare, Reopen, Resolve
from warroom.room.room import WarRoom
from warroom.tui.screens.briefing import BriefingScreen
from warroom.tui.screens.detail import Detail
from warroom.tui.screens.home import HomeScreen

pytestmark = pytest.mark.anyio

BRIEFING = ("Checkout down", "You are Ada, on call.")


class Recorder(Playing):
    """A drill that records how it was started."""

    def __init__(self, room: WarRoom | None = None) -> None:
        self.room = room
        self.running = False
        self.started: list[bool] = []

    def start(self, name: str = "", *, at_first_alert: bool = False) -> None:
        super().start(name, at_first_alert=at_first_alert)
        self.started.append(at_first_alert)
        if self.room:
            self.room.receive_alert(ReceiveAlert("errors", "monitor", "checkout-api", "54 %", drill=True))


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[AppHarness]:
    with AppHarness(tmp_path / "data") as harness:
        yield harness


def card(pilot: Pilot[Any]) -> BriefingScreen:
    assert isinstance(pilot.app.screen, BriefingScreen)
    return pilot.app.screen


async def test_enter_closes_the_briefing_and_the_alert_comes_at_once(harness: AppHarness) -> None:
    drill = Recorder(harness.room)
    async with run_console(harness, drill=drill, briefing=BRIEFING) as pilot:
        text = screen_text(pilot.app)
        assert "You are Ada, on call." in text and "The alert comes in 5 s" in text
        assert drill.started == []
        await pilot.press("enter")
        await until(pilot, lambda: drill.started == [True])
        assert isinstance(pilot.app.screen, HomeScreen)


async def test_enter_pressed_twice_never_opens_an_incident_of_the_past(harness: AppHarness) -> None:
    past = harness.room.declare(Declare("web", "Slow pages")).incident.id
    harness.room.execute(past, Resolve("seen to recover"))
    drill = Recorder(harness.room)
    async with run_console(harness, drill=drill, briefing=BRIEFING) as pilot:
        await pilot.press("enter", "enter", "enter")
        await until(pilot, lambda: not isinstance(pilot.app.screen, BriefingScreen))
        await settle(pilot)
        assert drill.started == [True]
        assert getattr(pilot.app.screen, "incident_id", "") != past  # the drill's own, if it was quick


async def test_the_briefing_counts_down_and_closes_by_itself(harness: AppHarness) -> None:
    drill = Recorder(harness.room)
    async with run_console(harness, drill=drill, briefing=BRIEFING) as pilot:
        screen = card(pilot)
        harness.clock.later(seconds=3)
        screen.tick()
        await settle(pilot)
        assert "The alert comes in 2 s" in screen_text(pilot.app) and drill.started == []
        harness.clock.later(seconds=2)
        screen.tick()
        screen.tick()
        await until(pilot, lambda: drill.started == [True])


async def test_after_the_drill_home_neither_waits_for_its_alert_nor_forgets_its_follow_up(
    harness: AppHarness,
) -> None:
    class Declared(Recorder):
        @property
        def awaits_declaration(self) -> bool:
            return False

    drill = Declared()
    incident_id = harness.room.declare(Declare("checkout-api", "Card payments fail", drill=True)).incident.id
    harness.room.execute(incident_id, Resolve("seen to recover"))
    drill.start()
    async with run_console(harness, (120, 36), drill=drill) as pilot:
        text = screen_text(pilot.app)
        assert "wait for its alert" not in text and "drill in progress" not in text
        assert f"Finish the drill: the follow-up of {incident_id}" in text
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(pilot.app.screen, HomeScreen))


async def test_closing_a_drill_shows_its_score_once_and_closing_a_real_incident_none(harness: AppHarness) -> None:
    for drill in (True, False):
        incident_id = harness.room.declare(Declare("checkout-api", "Fail", drill=drill)).incident.id
        harness.room.execute(incident_id, Resolve("seen to recover"))
        async with run_console(harness, incident_id=incident_id) as pilot:
            await asyncio.to_thread(harness.room.execute, incident_id, Close("enough"))
            await settle(pilot)
            assert isinstance(pilot.app.screen, Detail) == drill
            if drill:
                assert "targets met" in screen_text(pilot.app) and "warroom init" in screen_text(pilot.app)
                await pilot.press("escape")
                await settle(pilot)
                assert not isinstance(pilot.app.screen, Detail)
        async with run_console(harness, incident_id=incident_id) as pilot:
            assert not isinstance(pilot.app.screen, Detail)  # it was closed before this console opened
        harness.room.execute(incident_id, Reopen("for the next"))


async def test_home_shows_how_to_reach_who_is_on_call_and_hides_it_in_privacy_mode(harness: AppHarness) -> None:
    async with run_console(harness, (120, 36)) as pilot:
        assert "On call and services" in screen_text(pilot.app)
        assert "Alice" in screen_text(pilot.app) and "checkout-api" in screen_text(pilot.app)
        await pilot.press("f3")
        await settle(pilot)
        assert "checkout-api" not in screen_text(pilot.app)
