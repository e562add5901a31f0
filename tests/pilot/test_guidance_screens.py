"""The playbook's guidance on the screen: shown when it helps, and never in the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.app import (
    LARGE,
    SMALL,
    AppHarness,
    run_console,
    screen_lines,
    screen_text,
    settle,
    toasts,
    type_in,
    until,
)
from textual.pilot import Pilot

from warroom.incident.change_commands import PlanChange
from warroom.incident.commands import Acknowledge, Declare, RecordFix, Resolve
from warroom.incident.incident import Incident
from warroom.tui.screens.confirm import Confirm
from warroom.tui.screens.detail import Detail
from warroom.tui.screens.form_dialog import Form
from warroom.tui.screens.war_room import WarRoomScreen
from warroom.tui.widgets.row_list import RowList

pytestmark = pytest.mark.anyio

MIDDLE = (120, 36)


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[AppHarness]:
    with AppHarness(tmp_path) as opened:
        yield opened


def declared(harness: AppHarness, *, minutes: float = 0, commander: str = "Alice") -> str:
    incident_id = harness.room.declare(Declare("checkout-api", "Payments fail"), commander=commander).incident.id
    harness.room.execute(incident_id, Acknowledge())
    harness.clock.later(minutes=minutes)
    return incident_id


def of(harness: AppHarness, incident_id: str) -> Incident:
    return harness.room.incident(incident_id)


async def form(pilot: Pilot[Any], key: str) -> Form:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, Form))
    await settle(pilot)
    assert isinstance(pilot.app.screen, Form)
    return pilot.app.screen


async def in_war_room(pilot: Pilot[Any]) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, WarRoomScreen))
    await settle(pilot)


# ── step items ────────────────────────────────────────────────────────────────────────────────────────────


async def test_enter_on_a_step_item_opens_a_finding_headed_with_it(harness: AppHarness) -> None:
    incident_id = declared(harness, minutes=6)
    item = harness.room.playbook.steps[0].items[0]
    async with run_console(harness, LARGE, incident_id=incident_id) as pilot:
        await until(pilot, lambda: f"· {item}" in screen_text(pilot.app))
        await pilot.press("1")
        rows = pilot.app.screen.query_one("#items", RowList)
        rows.put_cursor("asked:gather:0")
        asked = await form(pilot, "enter")
        assert asked.values["words"] == f"{item}: " and asked.values["note"] == "finding"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Nothing is written" in screen_text(pilot.app))
        await type_in(pilot, "412 at 13:58")
        await pilot.press("ctrl+s")
        await in_war_room(pilot)
        assert of(harness, incident_id).rows[-2].text == f"{item}: 412 at 13:58"
        assert f"✓ {item}" in screen_text(pilot.app)


async def test_what_answers_the_fix_strategy_is_a_decision(harness: AppHarness) -> None:
    incident_id = declared(harness, minutes=21)
    async with run_console(harness, LARGE, incident_id=incident_id) as pilot:
        await until(pilot, lambda: "· Restart services?" in screen_text(pilot.app))
        await pilot.press("1")
        pilot.app.screen.query_one("#items", RowList).put_cursor("asked:strategy:1")
        asked = await form(pilot, "enter")
        assert (asked.values["words"], asked.values["note"]) == ("Restart services: ", "decision")


# ── the form of a fix ─────────────────────────────────────────────────────────────────────────────────────


async def test_the_fix_form_asks_the_playbooks_questions_and_fits_a_small_screen(harness: AppHarness) -> None:
    incident_id = declared(harness, minutes=7)
    playbook = harness.room.playbook
    async with run_console(harness, SMALL, incident_id=incident_id) as pilot:
        await form(pilot, "f")
        text = " ".join(screen_text(pilot.app).split())
        assert all(one.removesuffix("?") in text for one in playbook.fix_strategy.immediate_actions)
        assert "Code fix needed" in text and "how to undo it" in text and "save" in text
        assert playbook.guidance.temporary_fix[0] in text
        await pilot.press("down", "tab")
        await type_in(pilot, "to 411")
        await pilot.press("tab", "tab", "down", "down", "tab")
        await type_in(pilot, "deploy 412")
        await pilot.press("ctrl+s")
        await in_war_room(pilot)
    [(_, fix)] = of(harness, incident_id).fixes
    assert (fix.words, fix.temporary, fix.rollback) == ("Rollback deployment: to 411", True, "deploy 412")
    [action] = of(harness, incident_id).actions.values()
    assert action.words == "Permanent fix for: Rollback deployment: to 411 (Configuration change)"


async def test_the_guidance_follows_the_kind_of_the_fix(harness: AppHarness) -> None:
    incident_id, guidance = declared(harness, minutes=7), harness.room.playbook.guidance
    rushing = next(one for one in guidance.pitfalls if one.id == "rushing")
    async with run_console(harness, LARGE, incident_id=incident_id) as pilot:
        await form(pilot, "f")
        assert "Permanent fix:" in screen_text(pilot.app)
        await pilot.press("tab", "tab", "down")
        await settle(pilot)
        text = screen_text(pilot.app)
        assert guidance.permanent_fix[0] in text and guidance.temporary_fix[0] not in text
        assert "Permanent fix:" not in text
        await pilot.press("down")
        await settle(pilot)
        assert rushing.solutions[1] in screen_text(pilot.app)


async def test_letters_typed_at_the_choices_are_the_text_of_the_fix(harness: AppHarness) -> None:
    incident_id = declared(harness, minutes=7)
    async with run_console(harness, SMALL, incident_id=incident_id) as pilot:
        await form(pilot, "f")
        await type_in(pilot, "Pool raised")
        await pilot.press("ctrl+s")
        await in_war_room(pilot)
    assert of(harness, incident_id).fixes[0][1].words == "Pool raised"


async def test_a_fix_within_five_minutes_is_warned_about_once_and_never_blocked(harness: AppHarness) -> None:
    incident_id = declared(harness, minutes=4)
    async with run_console(harness, SMALL, incident_id=incident_id) as pilot:
        await form(pilot, "f")
        await pilot.press("down", "down", "ctrl+s")
        await until(pilot, lambda: "Take 5 minutes to assess" in screen_text(pilot.app))
        assert not of(harness, incident_id).fixes
        await pilot.press("ctrl+s")
        await in_war_room(pilot)
    assert of(harness, incident_id).fixes[0][1].words == "Restart services"


@pytest.mark.parametrize(("minutes", "downs"), [(4, 1), (5, 2)], ids=["a rollback", "after five minutes"])
async def test_a_fix_that_is_not_rushed_is_saved_at_once(harness: AppHarness, minutes: int, downs: int) -> None:
    incident_id = declared(harness, minutes=minutes)
    async with run_console(harness, SMALL, incident_id=incident_id) as pilot:
        await form(pilot, "f")
        await pilot.press(*["down"] * downs, "ctrl+s")
        await in_war_room(pilot)
    assert of(harness, incident_id).fixes


# ── planned changes ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_fix_that_is_decided_is_planned_then_recorded_as_made(harness: AppHarness) -> None:
    incident_id = declared(harness, minutes=7)
    async with run_console(harness, MIDDLE, incident_id=incident_id) as pilot:
        await form(pilot, "f")
        await pilot.press("down", "down", "down", "tab", "tab", "end", "ctrl+s")
        await until(pilot, lambda: "needs its rollback plan" in screen_text(pilot.app))
        await pilot.press("tab")
        await type_in(pilot, "scale in")
        await pilot.press("ctrl+s")
        await in_war_room(pilot)
        [plan] = of(harness, incident_id).planned_changes
        assert (plan.words, plan.rollback) == ("Scale resources", "scale in")
        assert not of(harness, incident_id).fixes
        asked = await form(pilot, "f")
        assert asked.values["choice"] == "C1", "what is planned is what was most likely made"
        await pilot.press("ctrl+s")
        await in_war_room(pilot)
    [(_, fix)] = of(harness, incident_id).fixes
    assert (fix.words, fix.rollback) == ("Scale resources", "scale in")
    assert not of(harness, incident_id).planned_changes


async def test_a_draft_of_a_fix_that_names_a_dropped_plan_falls_back_to_the_first_choice(
    harness: AppHarness,
) -> None:
    incident_id = declared(harness, minutes=7)
    harness.room.execute(incident_id, PlanChange("Pool 50→200", "undo it"))
    async with run_console(harness, MIDDLE, incident_id=incident_id) as pilot:
        await form(pilot, "f")
        await type_in(pilot, "halfway")
        await pilot.press("escape")
        await in_war_room(pilot)
        await pilot.press("less_than_sign")
        await until(pilot, lambda: not of(harness, incident_id).planned_changes)
        assert (await form(pilot, "f")).values["choice"] == "other"


async def test_a_planned_change_is_marked_made_or_dropped_with_one_key(harness: AppHarness) -> None:
    incident_id = declared(harness)
    for words in ("Pool 50→200", "Search off"):
        harness.room.execute(incident_id, PlanChange(words, "undo it"))
    async with run_console(harness, MIDDLE, incident_id=incident_id) as pilot:
        await pilot.press("8")
        await until(pilot, lambda: "C2 Search off" in screen_text(pilot.app))
        assert "rollback: undo it" in screen_text(pilot.app)
        pilot.app.screen.query_one("#investigation", RowList).put_cursor("C2")
        await pilot.press("less_than_sign")
        await until(pilot, lambda: of(harness, incident_id).changes["C2"].state == "dropped")
        await pilot.press("greater_than_sign")
        await until(pilot, lambda: of(harness, incident_id).changes["C1"].state == "made")
        await until(pilot, lambda: "Planned changes" not in screen_text(pilot.app))
        await pilot.press("greater_than_sign")
        await until(pilot, lambda: any("No change is planned" in one for one in toasts(pilot.app)))


async def test_which_of_several_planned_changes_is_asked_where_none_is_under_the_cursor(
    harness: AppHarness,
) -> None:
    incident_id = declared(harness)
    for words in ("Pool 50→200", "Search off"):
        harness.room.execute(incident_id, PlanChange(words, "undo it"))
    async with run_console(harness, MIDDLE, incident_id=incident_id) as pilot:
        await pilot.press("3")
        await settle(pilot)
        await form(pilot, "less_than_sign")
        await pilot.press("down", "ctrl+s")
        await in_war_room(pilot)
    assert [one.id for one in of(harness, incident_id).planned_changes] == ["C1"]


async def test_the_key_of_the_next_step_asks_before_it_marks_a_change_made(harness: AppHarness) -> None:
    incident_id = declared(harness)
    harness.room.execute(incident_id, PlanChange("Pool 50→200", "undo it"))
    async with run_console(harness, SMALL, incident_id=incident_id) as pilot:
        await until(pilot, lambda: "C1 is planned: Pool 50→200" in screen_text(pilot.app))
        await pilot.press("ctrl+n")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await pilot.press("enter")
        await in_war_room(pilot)
        assert of(harness, incident_id).changes["C1"].state == "planned"
        await pilot.press("ctrl+n")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await pilot.press("down", "enter")
        await until(pilot, lambda: of(harness, incident_id).changes["C1"].state == "made")


async def test_a_note_can_be_a_planned_change(harness: AppHarness) -> None:
    incident_id = declared(harness)
    async with run_console(harness, SMALL, incident_id=incident_id) as pilot:
        await form(pilot, "n")
        await type_in(pilot, "!p Pool 50→200 | revert it")
        await pilot.press("tab")
        await until(pilot, lambda: isinstance(pilot.app.screen, Form) and "note" in pilot.app.screen.values)
        await pilot.press("ctrl+s")
        await in_war_room(pilot)
    [plan] = of(harness, incident_id).planned_changes
    assert (plan.words, plan.rollback) == ("Pool 50→200", "revert it")


# ── pitfalls ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_pitfall_stands_above_next_until_it_is_dismissed_and_comes_once(harness: AppHarness) -> None:
    incident_id = declared(harness, minutes=3, commander="")
    async with run_console(harness, SMALL, incident_id=incident_id) as pilot:
        await until(pilot, lambda: "Nobody has taken command in 3 min" in screen_text(pilot.app))
        lines = screen_lines(pilot.app)
        assert "Pitfall" in lines[-3] and "Next" in lines[-2]
        await pilot.press("comma")
        await until(pilot, lambda: isinstance(pilot.app.screen, Detail))
        pitfall = next(one for one in harness.room.playbook.guidance.pitfalls if one.id == "no-commander")
        assert all(one in screen_text(pilot.app) for one in (pitfall.title, *pitfall.solutions))
        await pilot.press("escape")
        await in_war_room(pilot)
        harness.clock.later(minutes=1)
        await settle(pilot)
        assert "Pitfall" not in screen_text(pilot.app)
        await pilot.press("comma")
        await until(pilot, lambda: any("No pitfall to show" in one for one in toasts(pilot.app)))


async def test_a_pitfall_that_has_passed_goes_and_makes_room_for_the_next(harness: AppHarness) -> None:
    incident_id = declared(harness, minutes=4)
    harness.room.execute(incident_id, RecordFix("Restarted"))
    async with run_console(harness, SMALL, incident_id=incident_id) as pilot:
        await until(pilot, lambda: "A fix came within 5 min of the start" in screen_text(pilot.app))
        await pilot.press("comma")
        await until(pilot, lambda: isinstance(pilot.app.screen, Detail))
        await pilot.press("escape")
        await in_war_room(pilot)
        harness.clock.later(minutes=20)
        await until(pilot, lambda: "The team's update is" in screen_text(pilot.app))


# ── the rest of the guidance ──────────────────────────────────────────────────────────────────────────────


async def test_the_principles_stand_below_the_keys(harness: AppHarness) -> None:
    incident_id = declared(harness)
    async with run_console(harness, SMALL, incident_id=incident_id) as pilot:
        await pilot.press("question_mark")
        await settle(pilot)
        await pilot.press("end")
        await settle(pilot)
        text = screen_text(pilot.app)
        assert all(one[:40] in text for one in harness.room.playbook.guidance.principles)


async def test_the_form_of_a_declaration_says_what_comes_right_after_it(harness: AppHarness) -> None:
    async with run_console(harness, MIDDLE) as pilot:
        await pilot.press("d")
        await until(pilot, lambda: "Declare an incident" in screen_text(pilot.app))
        await settle(pilot)
        assert all(one in screen_text(pilot.app) for one in harness.room.playbook.guidance.first_response)


async def test_the_learning_loop_stands_below_the_follow_up(harness: AppHarness) -> None:
    incident_id = declared(harness)
    harness.room.execute(incident_id, Resolve(reason="it went away"))
    async with run_console(harness, SMALL, incident_id=incident_id) as pilot:
        await pilot.press("v", "1")
        await until(pilot, lambda: "Learning loop" in screen_text(pilot.app))
        assert all(one in screen_text(pilot.app) for one in harness.room.playbook.guidance.learning_loop)
