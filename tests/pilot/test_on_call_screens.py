"""Who to call is one key away, somebody is paged by hand, and the top line says when nobody is paged."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from harness import servers
from harness.app import AppHarness, run_console, screen_text, settle, until

from warroom.config.escalation import Escalation
from warroom.config.settings import IntegrationSettings, Person, Team
from warroom.incident.commands import Declare
from warroom.incident.requests import Page
from warroom.room.escalation import escalate, follow

anyio_backend = servers.anyio_backend
pytestmark = pytest.mark.anyio

PASSCODE = "8c1f77"
PEOPLE = (
    Person(name="Alice", phone="+49 30 111"),
    Person(name="Bob", email="bob@example.com"),
    Person(name="Carol"),
)
TEAM = Team(name="Checkout", people=PEOPLE, video=f"https://meet.example.com/j/1?pwd={PASSCODE}")
STEPS = {
    "severities": ["critical"],
    "steps": [{"after": "5m", "page": ["next"]}, {"after": "1h", "page": ["everyone"]}],
}


@pytest.fixture
def paging(tmp_path: Path) -> Iterator[AppHarness]:
    """A console of a team that pages."""
    harness = AppHarness(
        tmp_path,
        team=TEAM,
        paging={"pager": IntegrationSettings(name="pager", backend="none")},
        escalation=Escalation.model_validate(STEPS),
    )
    harness.room.consequences.append(partial(follow, harness.room))
    yield harness
    harness.close()


def declared(harness: AppHarness) -> str:
    return harness.room.declare(Declare("checkout-api", "No orders", "critical")).incident.id


async def test_at_lists_whom_to_call_and_enter_copies_the_number(paging: AppHarness) -> None:
    async with run_console(paging, (120, 36)) as pilot:
        await pilot.press("@")
        await until(pilot, lambda: "Who to call" in screen_text(pilot.app))
        await until(pilot, lambda: "on call now" in screen_text(pilot.app))
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.clipboard == "+49 30 111")
        await pilot.press("down", "c")
        await until(pilot, lambda: pilot.app.clipboard == "bob@example.com")
        await pilot.press("f3")
        await settle(pilot)
        assert "+49 30 111" not in screen_text(pilot.app)


async def test_the_video_call_is_copied_and_its_passcode_is_never_shown(paging: AppHarness) -> None:
    incident = declared(paging)
    async with run_console(paging, (160, 45)) as pilot:
        pilot.app.open_incident(incident)  # type: ignore[attr-defined]
        await until(pilot, lambda: "meet.example.com" in screen_text(pilot.app))
        await pilot.press("J")
        await until(pilot, lambda: pilot.app.clipboard == TEAM.video)
        await settle(pilot)
        assert PASSCODE not in screen_text(pilot.app)


async def test_somebody_is_paged_by_hand(paging: AppHarness) -> None:
    incident = declared(paging)
    async with run_console(paging, (160, 45)) as pilot:
        pilot.app.open_incident(incident)  # type: ignore[attr-defined]
        await until(pilot, lambda: "No orders" in screen_text(pilot.app))
        await settle(pilot)
        await pilot.press("!")
        await until(pilot, lambda: "page somebody" in screen_text(pilot.app))
        await pilot.press("down", "tab", "tab", *"rollback", "ctrl+s")
        await until(pilot, lambda: bool(paging.room.deliveries(incident)) and bool(_pages(paging, incident)))
    (page,) = _pages(paging, incident)
    assert page.people == ("Bob",) and page.what == "page Bob (rollback)"


def _pages(harness: AppHarness, incident: str) -> list[Page]:
    found = [one.item.request for one in harness.room.deliveries(incident)]
    return [one for one in found if isinstance(one, Page)]


async def test_the_top_line_says_that_nobody_is_paged_until_a_console_looks(paging: AppHarness) -> None:
    incident = declared(paging)
    paging.clock.later(minutes=12)
    async with run_console(paging, (160, 45)) as pilot:
        await until(pilot, lambda: "NOBODY PAGED" in screen_text(pilot.app))
        pilot.app.open_incident(incident)  # type: ignore[attr-defined]
        await until(pilot, lambda: f"NOBODY PAGED  {incident}" in screen_text(pilot.app))
        escalate(paging.room)
        await until(pilot, lambda: "NOBODY PAGED" not in screen_text(pilot.app))
