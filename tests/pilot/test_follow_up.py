"""The follow-up by keys: nothing leaves warroom before a second key press, and customers are asked about alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.app import AppHarness, run_screen, screen_text, settle, until

from warroom.config.settings import IntegrationSettings
from warroom.incident.commands import AddAction, Check, Declare, Resolve, WriteSection
from warroom.incident.delivery import Receipt
from warroom.incident.meetings import scheduled
from warroom.incident.requests import RequestMade
from warroom.room.integration_delivery import IntegrationDelivery
from warroom.room.outbox import OutboxWorker
from warroom.room.publishing import publish
from warroom.tui.actions import BY_ID
from warroom.tui.screens.review import ReviewScreen

pytestmark = pytest.mark.anyio
SIZE = (140, 40)


class Service:
    """Takes every request."""

    dedupes = reads_back = True

    async def send(self, request: object, key: str) -> Receipt:
        return Receipt(id="17", url="https://example.com/17")

    async def close(self) -> None: ...


@pytest.fixture
def harness(tmp_path: Path) -> AppHarness:
    tables = {name: IntegrationSettings(name=name, backend=name) for name in ("board", "wiki", "page")}
    documents = {name: tables[name] for name in ("wiki", "page")}
    harness = AppHarness(tmp_path, trackers={"board": tables["board"]}, documents=documents)
    harness.room.is_public = lambda name: name == "page"
    return harness


def resolved(harness: AppHarness) -> str:
    """An incident that is over, with two action items and what customers may read."""
    incident = harness.room.declare(Declare("checkout-api", "No orders", "critical")).incident.id
    for command in (
        *(AddAction("Alert on pool use", "Bob"), AddAction("Write a runbook"), Resolve("enough")),
        *(WriteSection("summary", "Nobody could order."), WriteSection("root_cause", "A pool.")),
    ):
        harness.room.execute(incident, command)
    return incident


def asked(harness: AppHarness, incident: str) -> list[tuple[str, str]]:
    """Which service was asked for what."""
    events = [row.entry.event for row in harness.room.incident(incident).rows]
    return [(event.service, event.what) for event in events if isinstance(event, RequestMade)]


def deliver(harness: AppHarness) -> None:
    handlers = [IntegrationDelivery(harness.room, kind, lambda _: Service()) for kind in ("issue", "document")]  # type: ignore[arg-type, return-value]
    OutboxWorker(harness.room, handlers=handlers).drain(1.0)


async def test_issues_are_opened_after_a_second_key_and_the_number_stands_beside_the_item(
    harness: AppHarness,
) -> None:
    with harness:
        incident = resolved(harness)
        async with run_screen(harness, lambda context: ReviewScreen(context, incident), SIZE) as pilot:
            await pilot.press(BY_ID["track"].keys)
            await until(pilot, lambda: "Open an issue for" in screen_text(pilot.app))
            assert "All 2" in screen_text(pilot.app)
            await pilot.press("escape")
            assert not asked(harness, incident), "one key opens nothing"
            await pilot.press(BY_ID["track"].keys)
            await until(pilot, lambda: "Open an issue for" in screen_text(pilot.app))
            await pilot.press("ctrl+s")
            await until(pilot, lambda: len(asked(harness, incident)) == 2)
            assert {service for service, _ in asked(harness, incident)} == {"board"}
            deliver(harness)
            await until(pilot, lambda: "#17" in screen_text(pilot.app))


async def test_the_team_is_published_to_together_and_customers_by_a_question_of_their_own(
    harness: AppHarness,
) -> None:
    with harness:
        incident = resolved(harness)
        async with run_screen(harness, lambda context: ReviewScreen(context, incident), SIZE) as pilot:
            await pilot.press(BY_ID["publish"].keys)
            await until(pilot, lambda: "For whom" in screen_text(pilot.app))
            assert "CUSTOMERS: page" in screen_text(pilot.app)
            await pilot.press("ctrl+s")
            await until(pilot, lambda: "Publish it to wiki?" in screen_text(pilot.app))
            await pilot.press("ctrl+s")  # the first answer keeps everything as it is
            assert not asked(harness, incident)

            await pilot.press(BY_ID["publish"].keys)
            await until(pilot, lambda: "For whom" in screen_text(pilot.app))
            await pilot.press("down", "ctrl+s")
            await until(pilot, lambda: "Publish this to customers on page?" in screen_text(pilot.app))
            assert "Nobody could order." in screen_text(pilot.app), "they see what customers will read"
            await pilot.press("down", "ctrl+s")
            await until(pilot, lambda: bool(asked(harness, incident)))
            assert [service for service, _ in asked(harness, incident)] == ["page"]


async def test_next_shares_the_learnings_by_publishing_where_the_settings_have_a_store(
    harness: AppHarness,
) -> None:
    with harness:
        incident = resolved(harness)
        room = harness.room
        for section in room.incident(incident).unwritten:
            room.execute(incident, WriteSection(section, ""))
        for item in room.playbook.checklists["post_incident"].items:
            if item.id != "share" and item.id not in room.incident(incident).ticks:
                room.execute(incident, Check(item.id))
        room.post_update(incident, "resolution", {})
        async with run_screen(harness, lambda context: ReviewScreen(context, incident), SIZE) as pilot:
            await until(pilot, lambda: "Share learnings with team: publish" in screen_text(pilot.app))
            publish(room, incident, ["wiki"])
            deliver(harness)
            await until(pilot, lambda: f"close {incident}" in screen_text(pilot.app))


async def test_the_meetings_are_written_to_a_file_and_recorded(
    harness: AppHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with harness:
        incident = resolved(harness)
        async with run_screen(harness, lambda context: ReviewScreen(context, incident), SIZE) as pilot:
            await pilot.press(BY_ID["calendar"].keys)
            await until(pilot, lambda: "2026-01-29 10:00" in screen_text(pilot.app))
            await pilot.press("ctrl+s")
            await until(pilot, lambda: (tmp_path / f"{incident}.ics").exists())
            await settle(pilot)
            assert "meeting" in harness.room.incident(incident).ticks
            assert len(scheduled(harness.room.incident(incident))) == 2
