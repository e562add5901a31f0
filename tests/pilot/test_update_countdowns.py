"""Whose update is due: the most urgent comes first, on every screen that counts down, and Next asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.app import LARGE, SMALL, AppHarness, run_console, screen_lines, screen_text, settle, until

from warroom.incident.commands import Acknowledge, Declare
from warroom.tui.screens.composer import ComposerScreen

pytestmark = pytest.mark.anyio
SIZES = [SMALL, (120, 36), LARGE]
NO_LOGS = {"watch_logs": lambda view, service: None}


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[AppHarness]:
    """INC-1 at 14:17: the team waits until 14:30, customers until 14:27, executives until 14:50."""
    with AppHarness(tmp_path) as made:
        made.room.declare(Declare("checkout-api", "Card payments fail", "critical"), commander="Alice")
        made.room.execute("INC-1", Acknowledge())
        made.clock.later(minutes=2)
        made.room.post_update("INC-1", "customer_initial", {"next_update": "+10m"})
        made.room.post_update("INC-1", "executive", {"next_update": "+33m"})
        yield made


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_the_header_names_the_audience_that_is_due_first(harness: AppHarness, size: tuple[int, int]) -> None:
    harness.clock.later(minutes=4)
    async with run_console(harness, size, incident_id="INC-1", **NO_LOGS) as pilot:
        await settle(pilot)
        head = "\n".join(screen_lines(pilot.app)[:4])
        assert "Customer update in 6 min · due 14:27" in head
        assert "team in 9 min · 14:30" in head
        assert ("executives in 29 min · 14:50" in head) == (size != SMALL), "nothing is squeezed in at 80 columns"


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_presenter_mode_counts_down_to_the_audience_that_is_due_first(
    harness: AppHarness, size: tuple[int, int]
) -> None:
    async with run_console(harness, size, incident_id="INC-1", **NO_LOGS) as pilot:
        await pilot.press("f2")
        await settle(pilot)
        assert "Next update to customers in" in screen_text(pilot.app)
        assert "due 14:27" in screen_text(pilot.app)


async def test_next_asks_for_the_late_update_to_customers_and_its_key_writes_it(harness: AppHarness) -> None:
    harness.clock.later(minutes=12)
    async with run_console(harness, incident_id="INC-1", **NO_LOGS) as pilot:
        await until(pilot, lambda: "Update customers now" in screen_text(pilot.app))
        assert "CUSTOMER UPDATE 2 min OVERDUE" in screen_text(pilot.app)
        await pilot.press("u")
        await until(pilot, lambda: isinstance(pilot.app.screen, ComposerScreen) and pilot.app.screen.ready)
        assert isinstance(pilot.app.screen, ComposerScreen)
        assert pilot.app.screen.template == "customer_update"


async def test_home_shows_the_update_that_is_late(harness: AppHarness) -> None:
    harness.clock.later(minutes=12)
    async with run_console(harness) as pilot:
        await until(pilot, lambda: "customers update 2 min LATE" in screen_text(pilot.app))
