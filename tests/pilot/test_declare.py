"""Declaring on the screen: keys in, journal and text out, at the smallest and an ordinary size."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from harness.app import (
    LARGE,
    SIZES,
    SMALL,
    START,
    AppHarness,
    Playing,
    SingleScreenApp,
    run_screen,
    screen_lines,
    screen_text,
    settle,
    toasts,
    type_in,
    until,
)
from harness.fakes import Clock
from textual import events
from textual.screen import Screen
from textual.widgets import Input

from warroom.errors import NotSaved
from warroom.incident.alerts import ReceiveAlert
from warroom.room.room import Done
from warroom.tui.context import ScreenContext
from warroom.tui.screens.declare import DeclareScreen, SeverityTable

pytestmark = pytest.mark.anyio
ESC = "\x1b"


def declaring(alert: int = 0) -> Any:
    def make(context: ScreenContext) -> Screen[None]:
        return DeclareScreen(context, cast(SingleScreenApp, context.app).open_incident, alert)

    return make


def value(app: Any, name: str) -> str:
    return str(app.screen.query_one(f"#field-{name}", Input).value)


def alert(
    harness: AppHarness, name: str = "error_rate_50percent", minutes: float = 13, service: str = "checkout-api"
) -> None:
    harness.room.receive_alert(
        ReceiveAlert(name, "alertmanager", service, "5xx above 50 %", harness.clock() - timedelta(minutes=minutes))
    )


@pytest.mark.parametrize("size", SIZES)
async def test_an_incident_is_declared_by_keys_alone(tmp_path: Path, size: tuple[int, int]) -> None:
    with AppHarness(tmp_path) as harness:
        async with run_screen(harness, declaring(), size) as pilot:
            await type_in(pilot, "checkout-api\tCard payments fail\t")
            await pilot.press("down", "tab")
            await pilot.press("ctrl+a", "ctrl+k")
            await type_in(pilot, "-10m\n")
            await settle(pilot)
            assert cast(SingleScreenApp, pilot.app).opened == ["INC-1"]
        incident = harness.room.incident("INC-1")
        assert (incident.service, incident.impact) == ("checkout-api", "Card payments fail")
        assert incident.severity == harness.room.playbook.severities[1].id
        assert incident.commander == "Alice"
        assert incident.milestones["started"] == START - timedelta(minutes=10)
        assert not incident.drill


@pytest.mark.parametrize("size", SIZES)
async def test_all_of_the_form_and_the_table_of_severities_are_in_sight(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    with AppHarness(tmp_path) as harness:
        alert(harness)
        async with run_screen(harness, declaring(), size, drill=Playing()) as pilot:
            await pilot.press("tab", "ctrl+a", "ctrl+k", "enter")  # the problem has to fit as well
            await settle(pilot)
            text = screen_text(pilot.app)
            labels = ("Service", "Impact", "Severity", "Started", "Leads", "is on call", "declare")
            for words in (*labels, "A drill is running", "error_rate_50percent", "The impact is empty"):
                assert words in text
            for severity in harness.room.playbook.severities:
                assert severity.impact in text
                assert severity.example in text
            assert "< 15 min" in text
            assert all(len(line) <= size[0] for line in screen_lines(pilot.app))


async def test_the_worst_severity_is_proposed(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        async with run_screen(harness, declaring()) as pilot:
            await type_in(pilot, "search-api\tSlow\n")
            await settle(pilot)
        assert harness.room.incident("INC-1").severity == harness.room.playbook.severities[0].id


async def test_a_service_that_is_begun_is_completed(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        async with run_screen(harness, declaring()) as pilot:
            await type_in(pilot, "CHE\tCard payments fail")
            await pilot.press("shift+tab")
            assert value(pilot.app, "service") == "checkout-api"


async def test_the_alert_fills_the_form_and_is_taken(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        alert(harness, "older", 40, "search-api")
        alert(harness)
        async with run_screen(harness, declaring()) as pilot:
            assert "error_rate_50percent" in screen_text(pilot.app)
            assert value(pilot.app, "service") == "checkout-api"
            assert value(pilot.app, "impact") == "5xx above 50 %"
            assert "= 14:02 CET, 13 min ago" in screen_text(pilot.app)
            await pilot.press("enter")
            await settle(pilot)
        incident = harness.room.incident("INC-1")
        assert incident.milestones["started"] == START - timedelta(minutes=13)
        assert [row.entry.event.kind for row in incident.timeline].count("alert") == 1
        assert [waiting.event.name for waiting in harness.room.team().alerts.values()] == ["older"]


async def test_an_alert_that_is_named_is_the_one_that_is_taken(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        alert(harness, "older", 40, "search-api")
        alert(harness)
        first = next(iter(harness.room.team().alerts)).hex
        async with run_screen(harness, declaring(first)) as pilot:
            assert value(pilot.app, "service") == "search-api"
            await pilot.press("enter")
            await settle(pilot)
        assert [waiting.event.name for waiting in harness.room.team().alerts.values()] == ["error_rate_50percent"]


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_refused_stays_as_it_was_typed(tmp_path: Path, size: tuple[int, int]) -> None:
    with AppHarness(tmp_path) as harness:
        async with run_screen(harness, declaring(), size) as pilot:
            await type_in(pilot, "checkout-api\n")
            await settle(pilot)
            assert "✗ The impact is empty" in screen_text(pilot.app)
            assert "Say in a sentence" in screen_text(pilot.app)
            assert value(pilot.app, "service") == "checkout-api"
            await type_in(pilot, "Card payments fail")  # the cursor was put where the mistake is
            assert value(pilot.app, "impact") == "Card payments fail"
            assert "The impact is empty" not in screen_text(pilot.app), "an error that no longer fits is gone"
            await pilot.press("tab", "tab", "ctrl+a", "ctrl+k")
            await type_in(pilot, "+10m")
            assert "in the future" in screen_text(pilot.app)
            await pilot.press("enter")
            await settle(pilot)
            assert "is in the future" in screen_text(pilot.app)
            await pilot.press("ctrl+a", "ctrl+k")
            await type_in(pilot, "noonish\n")
            await settle(pilot)
            assert "is not a time" in screen_text(pilot.app)
            assert value(pilot.app, "impact") == "Card payments fail"
            assert harness.room.summaries() == []
            await pilot.press("ctrl+a", "ctrl+k")
            await type_in(pilot, "13:50\n")
            await settle(pilot)
        assert harness.room.incident("INC-1").milestones["started"] == START - timedelta(minutes=25)


async def test_a_full_disk_costs_nothing_that_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with AppHarness(tmp_path) as harness:

        def full(*args: Any, **how: Any) -> Any:
            raise NotSaved("The disk is full", "Make room, then try again.")

        async with run_screen(harness, declaring()) as pilot:
            monkeypatch.setattr(harness.journal, "append", full)
            monkeypatch.setattr(harness.journal, "save_draft", full)
            await type_in(pilot, "checkout-api\tCard payments fail\n")
            await settle(pilot)
            assert "✗ The disk is full" in screen_text(pilot.app)
            assert value(pilot.app, "impact") == "Card payments fail"
            assert sum("disk is full" in words for words in toasts(pilot.app)) == 1  # once, not at every key
            monkeypatch.undo()
            await pilot.press("enter")
            await settle(pilot)
            assert cast(SingleScreenApp, pilot.app).opened == ["INC-1"] or harness.room.summaries()


async def test_the_journal_has_it_before_the_screen_changes(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        there: list[bool] = []

        def opened(incident_id: str) -> None:
            with AppHarness(tmp_path) as other:  # another desk on the same folder sees it
                there.append(other.room.incident(incident_id).exists)

        async with run_screen(harness, lambda context: DeclareScreen(context, opened)) as pilot:
            await type_in(pilot, "checkout-api\tCard payments fail\n")
            await settle(pilot)
        assert there == [True]


async def test_enter_twice_declares_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with AppHarness(tmp_path) as harness:
        free, declare = threading.Event(), harness.room.declare

        def slow(*args: Any, **how: Any) -> Done:
            assert free.wait(10)
            return declare(*args, **how)

        async with run_screen(harness, declaring()) as pilot:
            monkeypatch.setattr(harness.room, "declare", slow)
            await type_in(pilot, "checkout-api\tCard payments fail")
            await pilot.press("enter", "enter", "ctrl+s")
            free.set()
            await settle(pilot)
        assert len(harness.room.summaries()) == 1


async def test_a_drill_declares_a_rehearsal(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        async with run_screen(harness, declaring(), drill=Playing()) as pilot:
            await type_in(pilot, "checkout-api\tCard payments fail\n")
            await settle(pilot)
        assert harness.room.incident("INC-1").drill


async def test_a_real_alert_during_a_drill_is_declared_for_real(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        alert(harness)
        async with run_screen(harness, declaring(), drill=Playing()) as pilot:
            assert "this is real" in screen_text(pilot.app)
            await pilot.press("ctrl+t")
            assert "Declare a drill" in screen_text(pilot.app)
            await pilot.press("ctrl+t", "enter")
            await settle(pilot)
        assert not harness.room.incident("INC-1").drill


async def test_a_drills_alert_declares_a_rehearsal_whatever_runs(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        harness.room.receive_alert(ReceiveAlert("error_rate", "monitor", "checkout-api", "5xx", drill=True))
        async with run_screen(harness, declaring()) as pilot:
            assert "Declare a drill" in screen_text(pilot.app)
            await pilot.press("enter")
            await settle(pilot)
        assert harness.room.incident("INC-1").drill
        assert not harness.room.team().alerts


async def test_an_outside_alert_whose_source_reads_like_a_drills_is_declared_for_real(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        harness.room.receive_alert(ReceiveAlert("error_rate", "drill: monitor", "checkout-api", "5xx"))
        async with run_screen(harness, declaring(), drill=Playing()) as pilot:
            assert "this is real" in screen_text(pilot.app)
            await pilot.press("enter")
            await settle(pilot)
        assert not harness.room.incident("INC-1").drill


async def test_what_is_made_real_leaves_the_drills_alert_to_the_drill(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        harness.room.receive_alert(ReceiveAlert("error_rate", "monitor", "checkout-api", "5xx", drill=True))
        async with run_screen(harness, declaring()) as pilot:
            await pilot.press("ctrl+t")
            assert "This is real" in screen_text(pilot.app)
            await pilot.press("enter")
            await settle(pilot)
        incident = harness.room.incident("INC-1")
        assert not incident.drill
        assert "alert" not in [row.entry.event.kind for row in incident.rows]
        assert harness.room.team().alerts


async def test_a_draft_from_a_drill_that_has_ended_declares_a_real_incident(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        async with run_screen(harness, declaring(), drill=Playing()) as pilot:
            await type_in(pilot, "checkout-api\tCard payments fail")
            await pilot.press("escape")
            await settle(pilot)
        async with run_screen(harness, declaring(), drill=Playing(running=False)) as pilot:
            assert "Declare an incident" in screen_text(pilot.app)
            await pilot.press("enter")
            await settle(pilot)
        incident = harness.room.incident("INC-1")
        assert incident.impact == "Card payments fail" and not incident.drill


async def test_nobody_need_lead_yet(tmp_path: Path) -> None:
    with AppHarness(tmp_path, on_call=None) as harness:
        async with run_screen(harness, declaring()) as pilot:
            assert "nobody yet" in screen_text(pilot.app)
            await type_in(pilot, "checkout-api\tCard payments fail\n")
            await settle(pilot)
        assert harness.room.incident("INC-1").commander == ""


@pytest.mark.parametrize("leaving", ["escape", "kill"])
async def test_what_is_half_written_survives(tmp_path: Path, leaving: str) -> None:
    clock = Clock(START)
    with AppHarness(tmp_path, clock=clock) as harness:
        async with run_screen(harness, declaring()) as pilot:
            await type_in(pilot, "checkout-api\tCard paym")
            await pilot.press("tab", "down", "tab", "ctrl+a", "ctrl+k")
            await type_in(pilot, "-10m")
            if leaving == "escape":
                await pilot.press("escape")
                await settle(pilot)
            else:  # nothing but a pause, and what is on the disk then is what a killed process leaves
                started = time.monotonic()
                await until(pilot, lambda: "14:05" in harness.journal.draft("new/declare/Alice"))
                assert time.monotonic() - started < 5
                kept = harness.journal.draft("new/declare/Alice")
        if leaving == "kill":
            harness.journal.save_draft("new/declare/Alice", kept)
    clock.later(minutes=7)
    with AppHarness(tmp_path, clock=clock) as harness:
        async with run_screen(harness, declaring()) as pilot:
            assert value(pilot.app, "service") == "checkout-api"
            assert value(pilot.app, "impact") == "Card paym"
            assert pilot.app.screen.query_one(SeverityTable).value == harness.room.playbook.severities[1].id
            assert value(pilot.app, "started") == "14:05"  # ten minutes before it was typed, not before it is read
            assert "Draft restored" in screen_text(pilot.app)
            await pilot.press("ctrl+r")
            await settle(pilot)
            assert value(pilot.app, "impact") == ""
        assert harness.journal.draft("new/declare/Alice") == ""


async def test_a_declared_form_leaves_no_draft(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        async with run_screen(harness, declaring()) as pilot:
            await type_in(pilot, "checkout-api\tCard payments fail")
            await settle(pilot)
            assert harness.journal.draft("new/declare/Alice")
            await pilot.press("enter")
            await settle(pilot)
        assert harness.journal.draft("new/declare/Alice") == ""


async def test_a_waiting_alert_is_not_pushed_over_what_was_typed(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        async with run_screen(harness, declaring()) as pilot:
            await type_in(pilot, "search-api\tSlow")
            await pilot.press("escape")
            await settle(pilot)
        alert(harness)
        async with run_screen(harness, declaring()) as pilot:
            assert value(pilot.app, "service") == "search-api"
            assert "^r" in screen_text(pilot.app)
            await pilot.press("ctrl+r")
            await settle(pilot)
            assert value(pilot.app, "service") == "checkout-api"


@pytest.mark.parametrize(
    "hostile",
    [
        f"{ESC}]52;c;eA==\x07{ESC}[2J",
        *(
            pytest.param(text, marks=pytest.mark.nightly)
            for text in ("[INC-42] x", "[/api]", "[@click=app.quit]x[/]")
        ),
    ],
)
async def test_hostile_text_neither_breaks_nor_acts(tmp_path: Path, hostile: str) -> None:
    with AppHarness(tmp_path) as harness:
        harness.room.receive_alert(ReceiveAlert(hostile, hostile, hostile, hostile))
        async with run_screen(harness, declaring()) as pilot:
            for name in ("service", "impact", "leads"):
                field = pilot.app.screen.query_one(f"#field-{name}", Input)
                field.focus()
                await pilot.press("ctrl+a", "ctrl+k")
                field.post_message(events.Paste(hostile + "\nsecond line"))
                await settle(pilot)
                assert ESC not in field.value
                assert field.value.endswith("second line")  # a paste keeps all its lines
            assert ESC not in screen_text(pilot.app)
            await pilot.press("enter")
            await settle(pilot)
        assert ESC not in harness.room.incident("INC-1").impact
        assert hostile[:4].replace(ESC, "␛") in harness.room.incident("INC-1").impact


async def test_letters_never_act(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        async with run_screen(harness, declaring()) as pilot:
            await type_in(pilot, "dDHT?unq")
            assert value(pilot.app, "service") == "dDHT?unq"
            pilot.app.screen.query_one(SeverityTable).focus()
            await type_in(pilot, "dDHT?unq")
            await settle(pilot)
            assert isinstance(pilot.app.screen, DeclareScreen)
            assert (cast(SingleScreenApp, pilot.app).done, toasts(pilot.app)) == ([], [])


async def test_resizing_keeps_what_is_half_typed(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        async with run_screen(harness, declaring(), LARGE) as pilot:
            await type_in(pilot, "checkout-api\tCard paym")
            for size in (SMALL, (40, 12), LARGE, (2, 2), SMALL):
                await pilot.resize_terminal(*size)
                await pilot.pause()
            await type_in(pilot, "ents")
            assert value(pilot.app, "impact") == "Card payments"
            assert pilot.app.focused is pilot.app.screen.query_one("#field-impact")
            assert "Card payments" in screen_text(pilot.app)


async def test_an_alert_fills_in_the_severity_by_its_rule_and_shows_its_link(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        link = "https://grafana.example.com/d/queue"
        harness.room.receive_alert(ReceiveAlert("queue_depth_1000", "prom", "checkout-api", url=link))
        async with run_screen(harness, declaring()) as pilot:
            assert link in screen_text(pilot.app)
            await pilot.press("enter")
            await until(pilot, lambda: bool(harness.room.summaries()))
        (summary,) = harness.room.summaries()
        assert summary.severity == "medium"
