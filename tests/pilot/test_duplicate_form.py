"""The form that closes an incident as a duplicate of another one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.app import LARGE, AppHarness, run_console, screen_text, until

from warroom.incident.commands import Declare
from warroom.tui.screens.form_dialog import Form

pytestmark = pytest.mark.anyio


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[AppHarness]:
    with AppHarness(tmp_path) as harness:
        yield harness


async def test_the_form_of_an_open_incident_closes_it_only_as_a_duplicate(harness: AppHarness) -> None:
    harness.room.declare(Declare("checkout-api", "Card payments fail"))
    second = harness.room.declare(Declare("checkout-api", "Card payments fail")).incident.id
    async with run_console(harness, LARGE, incident_id=second) as pilot:
        await pilot.press("C")
        await until(pilot, lambda: isinstance(pilot.app.screen, Form))
        assert "INC-2 is not resolved: it can only be closed as a duplicate." in screen_text(pilot.app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Resolve it first." in screen_text(pilot.app))
        assert harness.room.incident(second).open
        await pilot.press(*"INC-1", "ctrl+s")
        await until(pilot, lambda: harness.room.incident(second).duplicate_of == "INC-1")
        await until(pilot, lambda: "DUPLICATE OF INC-1" in screen_text(pilot.app))
