"""Searching and the figures on the screen, and similar incidents in the form that declares."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, cast

import pytest
from harness.app import (
    SIZES,
    SMALL,
    AppHarness,
    SingleScreenApp,
    run_console,
    run_screen,
    screen_text,
    settle,
    toasts,
    type_in,
    until,
)
from textual.widgets import Input

from warroom.incident.alerts import ReceiveAlert
from warroom.incident.commands import Declare, Note, RecordFix, Resolve
from warroom.room.search import IncidentSearch, SimilarIncident
from warroom.tui.screens.declare import DeclareScreen
from warroom.tui.screens.search import SearchScreen
from warroom.tui.screens.stats import StatsScreen
from warroom.tui.screens.war_room import WarRoomScreen
from warroom.tui.widgets.row_list import RowList

pytestmark = pytest.mark.anyio


def _past(harness: AppHarness) -> str:
    incident = harness.room.declare(Declare("checkout-api", "Card payments fail", "high")).incident.id
    harness.room.execute(incident, Note("the pool is exhausted", "finding"))
    harness.room.execute(incident, RecordFix("Rolled back release 42", rollback="deploy 42 again"))
    harness.clock.later(minutes=30)
    harness.room.execute(incident, Resolve(reason="verified by hand"))
    return incident


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_typed_is_found_and_enter_opens_the_incident_at_that_entry(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    with AppHarness(tmp_path) as harness:
        incident = _past(harness)
        async with run_console(harness, size) as pilot:
            await pilot.press("ctrl+f")
            await until(pilot, lambda: isinstance(pilot.app.screen, SearchScreen))
            await type_in(pilot, "pool exhau")
            await until(pilot, lambda: "the pool is exhausted" in screen_text(pilot.app))
            await pilot.press("enter", "enter")
            await until(pilot, lambda: isinstance(pilot.app.screen, WarRoomScreen))
            await settle(pilot)
            rows = pilot.app.screen.query_one("#entries", RowList)
            found = next(row for row in harness.room.incident(incident).rows if row.kind == "finding")
            assert rows.cursor_id == str(found.id) and rows.has_focus


async def test_a_tick_that_the_timeline_folds_away_is_opened_in_full(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        _past(harness)
        async with run_console(harness) as pilot:
            await pilot.press("ctrl+f")
            await type_in(pilot, "kind:checked fix")
            await until(pilot, lambda: bool(pilot.app.screen.query_one("#found", RowList).shown))
            await pilot.press("enter", "enter")
            await until(pilot, lambda: "esc close" in screen_text(pilot.app))


async def test_an_alert_without_an_incident_opens_none_and_hostile_words_change_nothing(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        harness.room.receive_alert(ReceiveAlert("[red]walrus[/]", service="mail"))
        async with run_screen(harness, SearchScreen) as pilot:
            await type_in(pilot, '" OR [b] *')
            await settle(pilot)
            pilot.app.screen.query_one(Input).value = "walrus"
            await until(pilot, lambda: "[red]walrus[/]" in screen_text(pilot.app))
            await pilot.press("enter", "enter")
            await settle(pilot)
            assert "no incident" in toasts(pilot.app)[-1]
            assert cast(SingleScreenApp, pilot.app).opened == []


async def test_matches_are_hidden_in_privacy_mode(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        _past(harness)
        async with run_console(harness) as pilot:
            await pilot.press("ctrl+f")
            await type_in(pilot, "exhausted")
            await until(pilot, lambda: "the pool is exhausted" in screen_text(pilot.app))
            await pilot.press("f3")
            await until(pilot, lambda: "the pool is exhausted" not in screen_text(pilot.app))


@pytest.mark.parametrize("size", SIZES)
async def test_the_figures_stand_beside_their_definitions_and_tab_groups_them(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    with AppHarness(tmp_path) as harness:
        _past(harness)
        async with run_console(harness, size) as pilot:
            await pilot.press("percent_sign")
            await until(pilot, lambda: "Time to resolve (MTTR)" in screen_text(pilot.app))
            assert "30 min" in screen_text(pilot.app) and "from started to resolved" in _figures(pilot)
            assert "By month" in _figures(pilot)
            await pilot.press("tab")
            await until(pilot, lambda: "By service" in _figures(pilot))
            assert "checkout-api" in _figures(pilot)
            await pilot.press("shift+tab", "c")
            await settle(pilot)
            assert "not better" in toasts(pilot.app)[-1]


async def test_the_figures_follow_what_happens_and_text_in_them_is_no_markup(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        async with run_screen(harness, StatsScreen) as pilot:
            await until(pilot, lambda: "0 incidents" in screen_text(pilot.app))
            harness.room.declare(Declare("[b]mail[/]", "No mail", "high"))
            harness.room.receive_alert(ReceiveAlert("[red]walrus[/]"))
            await until(pilot, lambda: "1 incident," in screen_text(pilot.app))
            assert "[red]walrus[/]" in _figures(pilot)


def _figures(pilot: Any) -> str:
    return str(pilot.app.screen.query_one("#figures").content)


# ── similar incidents ─────────────────────────────────────────────────────────────────────────────────────


def _declaring(context: Any) -> DeclareScreen:
    return DeclareScreen(context, context.app.open_incident)


@pytest.mark.parametrize("size", SIZES)
async def test_the_form_names_a_similar_incident_and_what_fixed_it(tmp_path: Path, size: tuple[int, int]) -> None:
    with AppHarness(tmp_path) as harness:
        incident = _past(harness)
        async with run_screen(harness, _declaring, size) as pilot:
            assert "Similar" not in screen_text(pilot.app)
            await type_in(pilot, "checkout-api\tCard payments fail again")
            await until(pilot, lambda: f"Similar: {incident}" in screen_text(pilot.app))
            assert "fixed by: Rolled back release 42" in screen_text(pilot.app)


async def test_typing_and_declaring_do_not_wait_for_similar_incidents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, end = threading.Event(), threading.Event()

    def similar(self: IncidentSearch, *given: str, **named: Any) -> tuple[SimilarIncident, ...]:
        assert given[0] or given[1], "an empty form is like nothing"
        begun.set()
        end.wait(10)
        return ()

    monkeypatch.setattr(IncidentSearch, "similar", similar)
    with AppHarness(tmp_path) as harness:
        try:
            async with run_screen(harness, _declaring, SMALL) as pilot:
                await type_in(pilot, "checkout-api")
                await until(pilot, begun.is_set)
                await type_in(pilot, "\tCard payments fail\n")
                await until(pilot, lambda: cast(SingleScreenApp, pilot.app).opened == ["INC-1"])
                end.set()
        finally:
            end.set()
