"""D chooses a drill and abandons the one that runs; the fix form offers what the script knows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.app import AppHarness, Playing, run_console, screen_text, settle, until

from warroom.drill.casting import give_parts
from warroom.drill.catalog import find_drills, pick_drill
from warroom.drill.clock import ScaledClock
from warroom.drill.on_demand import DrillOnDemand
from warroom.drill.player import DrillPlayer
from warroom.incident.commands import Declare
from warroom.incident.drill_events import DrillStarted, Remedy
from warroom.incident.drills import EndDrill, StartDrill, drill_ended
from warroom.tui.screens.detail import Detail
from warroom.tui.screens.form_dialog import Form

pytestmark = pytest.mark.anyio


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[AppHarness]:
    with AppHarness(tmp_path / "data") as harness:
        yield harness


class Named(Playing):
    """A drill that records which script was started."""

    def __init__(self) -> None:
        super().__init__(running=False)
        self.names: list[str] = []

    def choices(self) -> list[tuple[str, str, str]]:
        return [("first", "The first drill", "Pages fail."), ("second", "The second drill", "")]

    def start(self, name: str = "", *, at_first_alert: bool = False) -> None:
        super().start(name)
        self.names.append(name)


async def test_d_chooses_a_drill_and_then_abandons_it(harness: AppHarness) -> None:
    drill = Named()
    async with run_console(harness, (120, 36), drill=drill) as pilot:
        await pilot.press("D")
        await until(pilot, lambda: isinstance(pilot.app.screen, Form))
        assert "The first drill — Pages fail." in screen_text(pilot.app)
        await pilot.press("down", "enter")
        await until(pilot, lambda: drill.names == ["second"])
        await settle(pilot)
        await pilot.press("D")
        await until(pilot, lambda: "Abandon it?" in screen_text(pilot.app))
        await pilot.press("enter")
        await settle(pilot)
        assert drill.running, "enter alone leaves it as it is"
        await pilot.press("D")
        await until(pilot, lambda: "Abandon it?" in screen_text(pilot.app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: not drill.running)


async def test_a_drill_that_was_named_starts_with_the_console(harness: AppHarness) -> None:
    drill = Named()
    async with run_console(harness, drill=drill, start_drill="second") as pilot:
        await until(pilot, lambda: drill.names == ["second"])


async def test_a_real_drill_is_played_and_closed_when_the_console_is_left(harness: AppHarness) -> None:
    def build(name: str, pace: float | None) -> DrillPlayer:
        chosen = pick_drill(find_drills([]), name)
        assert chosen.script
        script = give_parts(chosen.script, harness.room)
        harness.room.clock = clock = ScaledClock(60)
        return DrillPlayer(harness.room, script, harness.folder / "drill", clock, name=name)

    drill = DrillOnDemand(build, lambda: find_drills([]))
    async with run_console(harness, (120, 36), drill=drill, start_drill="feature-flag") as pilot:
        await until(pilot, lambda: "An alert is waiting" in screen_text(pilot.app))
        done = await asyncio.to_thread(harness.room.declare, Declare("checkout-api", "Orders fail", drill=True))
        await until(pilot, lambda: drill.incident_id == done.incident.id)
    ended = drill_ended(harness.room.incident(done.incident.id))
    assert ended and ended.outcome == "abandoned"
    assert harness.room.incident(done.incident.id).status == "closed"


def scripted(harness: AppHarness) -> str:
    remedies = (
        Remedy(id="a", words="Roll back to release 411", effect="helps"),
        Remedy(id="b", words="Restart all instances"),
        Remedy(id="c", words="Fail over"),
    )
    started = DrillStarted(script="x", title="x", cause="A leak.", remedies=remedies)
    incident_id = harness.room.declare(Declare("checkout-api", "Fail", drill=True)).incident.id
    harness.room.execute(incident_id, StartDrill(started))
    return incident_id


async def test_the_fix_form_offers_the_remedies_and_the_distractors_of_a_drill(harness: AppHarness) -> None:
    incident_id = scripted(harness)
    async with run_console(harness, (120, 45), incident_id=incident_id) as pilot:
        await pilot.press("f")
        await until(pilot, lambda: isinstance(pilot.app.screen, Form))
        text = screen_text(pilot.app)
        assert all(words in text for words in ("Roll back to release 411", "Restart all instances", "Fail over"))
        rows: Any = pilot.app.screen.query_one("#field-remedy")
        while rows.value != "Restart all instances":
            await pilot.press("down")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Take 5 minutes to assess" in screen_text(pilot.app))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: bool(harness.room.incident(incident_id).fixes))
    assert harness.room.incident(incident_id).fixes[0][1].words == "Restart all instances"


async def test_a_real_incident_is_offered_no_remedies(harness: AppHarness) -> None:
    incident_id = harness.room.declare(Declare("checkout-api", "Fail")).incident.id
    async with run_console(harness, (120, 45), incident_id=incident_id) as pilot:
        await pilot.press("f")
        await until(pilot, lambda: isinstance(pilot.app.screen, Form))
        assert not pilot.app.screen.query("#field-remedy")


async def test_the_debrief_comes_when_the_drill_ends_by_its_own_rule(harness: AppHarness) -> None:
    incident_id = scripted(harness)
    async with run_console(harness, (120, 45), incident_id=incident_id) as pilot:
        await asyncio.to_thread(harness.room.execute, incident_id, EndDrill("timed out"))
        await until(pilot, lambda: isinstance(pilot.app.screen, Detail))
        assert "A leak." in screen_text(pilot.app) and "targets met" in screen_text(pilot.app)
        await pilot.press("escape")
        await settle(pilot)
        assert not isinstance(pilot.app.screen, Detail)
