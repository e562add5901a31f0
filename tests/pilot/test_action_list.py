"""Action items of all incidents by keys: overdue first, opened at their incident, done by one key."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from harness.app import SIZES, AppHarness, run_console, run_screen, screen_lines, screen_text, settle, toasts, until
from textual.pilot import Pilot

from warroom.config.settings import IntegrationSettings
from warroom.errors import Unconfirmed
from warroom.incident.action_items import open_actions
from warroom.incident.commands import AddAction, Check, CompleteAction, Declare, Resolve, WriteSection
from warroom.incident.delivery import DeliveryState
from warroom.incident.events import TEAM
from warroom.room.improvement import improvement_deliveries
from warroom.room.issue_tracking import track
from warroom.tui.actions import BY_ID
from warroom.tui.screens.action_list import ActionListScreen
from warroom.tui.screens.home import HomeScreen
from warroom.tui.screens.review import ReviewScreen
from warroom.tui.widgets.row_list import RowList

pytestmark = pytest.mark.anyio
FINISH, LIST, NOT_NEEDED = (BY_ID[name].keys for name in ("finish_action", "action_list", "not_needed"))


def with_actions(harness: AppHarness) -> tuple[str, str]:
    """Two incidents that are over: one with an action item to come and one without a date, one with two overdue."""
    found = []
    for actions in (
        (AddAction("Write a runbook", "Bob", "2026-03-01"), AddAction("Draw the [flow]")),
        (AddAction("Bigger pool", "Alice", "2026-01-20"), AddAction("Alert on pool use", "Bob", "2026-01-10")),
    ):
        incident = harness.room.declare(Declare("checkout-api", "No orders")).incident.id
        for command in (*actions, Resolve("enough")):
            harness.room.execute(incident, command)
        found.append(incident)
    return found[0], found[1]


def rows_of(pilot: Pilot[Any]) -> list[str]:
    return [row.id for row in pilot.app.screen.query_one("#actions", RowList).shown]


@pytest.mark.parametrize("size", SIZES)
async def test_the_overdue_ones_come_first_with_incident_owner_due_date_and_type(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    with AppHarness(tmp_path) as harness:
        first, second = with_actions(harness)
        harness.room.execute(first, AddAction("Page on DNS", "Carol", "2026-02-01", "detect"))
        async with run_console(harness, size) as pilot:
            await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
            await pilot.press(LIST)
            await until(pilot, lambda: "Alert on pool use" in screen_text(pilot.app))
            order = [f"{second}:A2", f"{second}:A1", f"{first}:A3", f"{first}:A1", f"{first}:A2"]
            assert rows_of(pilot) == order
            shown = next(line for line in screen_lines(pilot.app) if "Alert on pool use" in line)
            assert f"! {second} A2" in shown and "Bob  2026-01-10 OVERDUE" in shown
            assert any(
                "Draw the [flow]" in line and "no owner  no date" in line for line in screen_lines(pilot.app)
            )
            assert any("Page on DNS" in line and "detect" in line for line in screen_lines(pilot.app))
            assert "5 open, 2 overdue" in screen_text(pilot.app)
            await pilot.press("tab")
            await until(pilot, lambda: rows_of(pilot) == [f"{second}:A1"])
            await pilot.press("tab")
            await until(pilot, lambda: rows_of(pilot) == order[:2])


async def test_one_key_finishes_the_item_under_the_cursor_and_one_takes_it_back(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        _, second = with_actions(harness)
        async with run_screen(harness, ActionListScreen) as pilot:
            await until(pilot, lambda: bool(rows_of(pilot)))
            await pilot.press(FINISH)
            await until(pilot, lambda: f"{second}:A2" not in rows_of(pilot))
            assert [one.id for one in open_actions(harness.room.incident(second))] == ["A1"]
            await pilot.press("ctrl+z")
            await until(pilot, lambda: f"{second}:A2" in rows_of(pilot))
            await pilot.press("ctrl+z")
            await settle(pilot)
            assert "Nothing was finished here" in toasts(pilot.app)[-1]


async def test_an_item_that_is_an_issue_elsewhere_is_finished_only_after_a_question(tmp_path: Path) -> None:
    board = {"board": IntegrationSettings(name="board", backend="board")}
    with AppHarness(tmp_path, trackers=board) as harness:
        _, second = with_actions(harness)
        track(harness.room, second, "board", ["A2"])
        async with run_screen(harness, ActionListScreen) as pilot:
            await until(pilot, lambda: bool(rows_of(pilot)))
            await pilot.press(FINISH)
            await until(pilot, lambda: "closes its issue in board" in screen_text(pilot.app))
            await pilot.press("escape")
            assert len(open_actions(harness.room.incident(second))) == 2
            await pilot.press(FINISH)
            await until(pilot, lambda: "closes its issue in board" in screen_text(pilot.app))
            await pilot.press("down", "ctrl+s")
            await until(pilot, lambda: len(open_actions(harness.room.incident(second))) == 1)


@pytest.mark.parametrize("start", ["list", "home"])
async def test_enter_opens_the_review_with_the_cursor_on_the_item_and_escape_comes_back(
    tmp_path: Path, start: str
) -> None:
    with AppHarness(tmp_path) as harness:
        with_actions(harness)
        async with run_console(harness) as pilot:
            await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
            if start == "list":
                await pilot.press(LIST)
                await until(pilot, lambda: isinstance(pilot.app.screen, ActionListScreen))
                await until(pilot, lambda: bool(rows_of(pilot)))
                await pilot.press("enter")
            else:
                await pilot.press("tab")
                rows = pilot.app.screen.query_one("#owed", RowList)
                await until(pilot, lambda: rows.has_focus and bool(rows.shown))
                assert "OVERDUE" in screen_text(pilot.app)
                await pilot.press("enter")
            await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
            todo = pilot.app.screen.query_one("#todo", RowList)
            await until(pilot, lambda: todo.cursor_id == "A2" and todo.has_focus)
            assert todo.shown[0].id == "A1", "it is not where the cursor begins by itself"
            await pilot.press("escape")
            await until(pilot, lambda: not isinstance(pilot.app.screen, ReviewScreen))


async def test_enter_at_home_opens_the_part_of_the_review_that_is_late_and_the_cursor_keeps_its_row(
    tmp_path: Path,
) -> None:
    with AppHarness(tmp_path) as harness:
        _, second = with_actions(harness)
        harness.clock.later(hours=49)
        async with run_console(harness) as pilot:
            await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
            await pilot.press("tab")
            rows = pilot.app.screen.query_one("#owed", RowList)
            await until(pilot, lambda: rows.has_focus and "Schedule post-mortem meeting" in screen_text(pilot.app))
            rows.put_cursor(f"review:{second}:checklist")
            harness.clock.later(minutes=5)
            await until(pilot, lambda: "1 h 5 min OVERDUE" in screen_text(pilot.app))
            assert rows.cursor_id == f"review:{second}:checklist" and len({row.id for row in rows.shown}) == len(
                rows.shown
            )
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
            items = pilot.app.screen.query_one("#items", RowList)
            await until(pilot, lambda: items.has_focus and bool(items.shown))


async def test_home_finishes_an_overdue_item_by_the_same_key(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        _, second = with_actions(harness)
        async with run_console(harness) as pilot:
            await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
            await pilot.press("tab")
            rows = pilot.app.screen.query_one("#owed", RowList)
            await until(pilot, lambda: rows.has_focus and rows.cursor_id == f"action:{second}:A2")
            assert f"{FINISH} done" in screen_text(pilot.app)
            await pilot.press(FINISH)
            await until(pilot, lambda: len(open_actions(harness.room.incident(second))) == 1)


async def test_next_at_home_goes_through_what_is_overdue_before_it_offers_a_drill(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        for incident in with_actions(harness):
            harness.room.execute(incident, WriteSection("root_cause", "A pool"))
        async with run_console(harness) as pilot:
            await until(pilot, lambda: "Next  2 action items are overdue" in screen_text(pilot.app))
            await pilot.press("ctrl+n")
            await until(pilot, lambda: isinstance(pilot.app.screen, ActionListScreen))
            await until(pilot, lambda: len(rows_of(pilot)) == 4)
            await pilot.press(FINISH)
            await until(pilot, lambda: len(rows_of(pilot)) == 3)
            await pilot.press(FINISH)
            await until(pilot, lambda: len(rows_of(pilot)) == 2)
            await pilot.press("escape")
            await until(pilot, lambda: "All quiet" in screen_text(pilot.app))
            harness.clock.later(days=7, seconds=1)
            await until(pilot, lambda: "Next  Review action items weekly: due" in screen_text(pilot.app))


async def test_the_list_is_hidden_in_privacy_mode(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        with_actions(harness)
        async with run_console(harness) as pilot:
            await pilot.press(LIST)
            await until(pilot, lambda: "Bigger pool" in screen_text(pilot.app))
            await pilot.press("f3")
            await until(pilot, lambda: "Bigger pool" not in screen_text(pilot.app))


# ── the follow-up checklist ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", SIZES)
async def test_an_item_of_the_follow_up_is_not_needed_for_a_reason_and_space_takes_that_back(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    with AppHarness(tmp_path) as harness:
        incident, _ = with_actions(harness)
        async with run_screen(harness, lambda context: ReviewScreen(context, incident, "checklist"), size) as pilot:
            rows = pilot.app.screen.query_one("#items", RowList)
            await until(pilot, lambda: rows.has_focus and bool(rows.shown))
            rows.put_cursor("docs")
            assert "_ not needed" in screen_text(pilot.app)
            await pilot.press(NOT_NEEDED)
            await until(pilot, lambda: "why is it not needed?" in screen_text(pilot.app))
            await pilot.press(*"small", "ctrl+s")
            await until(pilot, lambda: "not needed: small" in screen_text(pilot.app))
            assert "– Update documentation" in screen_text(pilot.app)
            rows.put_cursor("docs")
            await pilot.press("space")
            await until(pilot, lambda: "Not needed: small. Marked by Alice" in screen_text(pilot.app))
            await pilot.press("down", "ctrl+s")
            await until(pilot, lambda: "docs" not in harness.room.incident(incident).ticks)


async def test_an_action_item_that_is_added_on_an_item_of_the_follow_up_ticks_it_once_done(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        incident, _ = with_actions(harness)
        size = (140, 40)
        async with run_screen(harness, lambda context: ReviewScreen(context, incident, "checklist"), size) as pilot:
            rows = pilot.app.screen.query_one("#items", RowList)
            await until(pilot, lambda: rows.has_focus and bool(rows.shown))
            rows.put_cursor("docs")
            await pilot.press(BY_ID["action_item"].keys)
            await until(pilot, lambda: "which is done with it" in screen_text(pilot.app))
            await pilot.press("tab", *"Runbook", "ctrl+s")
            await until(pilot, lambda: "A3 due" in screen_text(pilot.app))
            await pilot.press("space")
            await until(pilot, lambda: "Finish A3 first" in toasts(pilot.app)[-1])
            harness.room.execute(incident, CompleteAction("A3"))
            await until(pilot, lambda: "✓ Update documentation" in screen_text(pilot.app))


async def test_next_goes_on_to_the_action_item_that_is_left(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        room = harness.room
        incident = room.declare(Declare("checkout-api", "No orders")).incident.id
        room.execute(incident, Resolve("enough"))
        room.execute(incident, AddAction("Runbook", item="docs"))
        for item in room.playbook.checklists["post_incident"].items:
            if item.id != "docs":
                room.execute(incident, Check(item.id))
        room.post_update(incident, "resolution", {})
        for section in room.incident(incident).unwritten:
            room.execute(incident, WriteSection(section, "As it was."))
        async with run_screen(harness, lambda context: ReviewScreen(context, incident), (140, 40)) as pilot:
            await until(pilot, lambda: "Finish A1: Runbook" in screen_text(pilot.app))
            await pilot.press("ctrl+n")
            await until(pilot, lambda: "finish an action item" in screen_text(pilot.app))
            await pilot.press("ctrl+s")
            await until(pilot, lambda: f"close {incident}" in screen_text(pilot.app))


# ── a better quarter ──────────────────────────────────────────────────────────────────────────────────────


def better_quarter(harness: AppHarness) -> None:
    for month, took in ((7, 60), (8, 60), (9, 60), (10, 20), (11, 20), (12, 20)):
        harness.clock.at = datetime(2025, month, 3, 9, tzinfo=UTC)
        incident = harness.room.declare(Declare("checkout-api", "No orders", "low")).incident.id
        harness.clock.later(minutes=took)
        harness.room.execute(incident, Resolve("enough"))
    harness.clock.at = datetime(2026, 1, 5, 9, tzinfo=UTC)
    harness.deliver()


async def test_a_better_quarter_is_posted_once_after_its_preview_and_an_unknown_outcome_is_settled_at_home(
    tmp_path: Path,
) -> None:
    with AppHarness(tmp_path) as harness:
        better_quarter(harness)
        chat = harness.chats["chat"]
        chat.dedupes, chat.outcomes = False, [Unconfirmed("no answer")]
        async with run_console(harness, (120, 36)) as pilot:
            await pilot.press(BY_ID["stats"].keys)
            await until(pilot, lambda: "Q4 2025 was better" in screen_text(pilot.app))
            await pilot.press(BY_ID["publish"].keys)
            await until(pilot, lambda: "Post this on chat?" in screen_text(pilot.app))
            assert "[chat] Q4 2025 was better than Q3 2025" in screen_text(pilot.app)
            await pilot.press("escape")
            await settle(pilot)
            assert not harness.room.deliveries(TEAM)
            await pilot.press(BY_ID["publish"].keys)
            await until(pilot, lambda: "Post this on chat?" in screen_text(pilot.app))
            await pilot.press("down", "ctrl+s")
            await until(pilot, lambda: bool(harness.room.deliveries(TEAM)))
            await until(pilot, lambda: "Posted 05 Jan 2026" in " ".join(screen_text(pilot.app).split()))
            harness.deliver()
            await pilot.press(BY_ID["publish"].keys)
            await until(pilot, lambda: "posted already, by Alice" in toasts(pilot.app)[-1])
            await pilot.press("escape")
            await until(pilot, lambda: "unconfirmed" in screen_text(pilot.app))
            rows = pilot.app.screen.query_one("#owed", RowList)
            rows.focus()
            rows.action_go(0)
            await pilot.press("enter")
            await until(pilot, lambda: "Did it arrive?" in screen_text(pilot.app))
            await pilot.press("down", "ctrl+s")
            (delivery,) = improvement_deliveries(harness.room, "Q4 2025")
            await until(
                pilot,
                lambda: improvement_deliveries(harness.room, "Q4 2025")[0].state is DeliveryState.DELIVERED,
            )
            assert delivery.destination == "chat"
