"""A form over the war room: what is typed is kept as it is typed, and survives a refusal, leaving, and a kill."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from harness.app import DEADLINE_S, SMALL, AppHarness, run_console, screen_text, settle, toasts, type_in, until
from textual.pilot import Pilot
from textual.widgets import Input, Static

from warroom.errors import NotSaved
from warroom.incident.commands import Declare
from warroom.tui.screens.form_dialog import Form
from warroom.tui.screens.line_form import DecisionPoll

pytestmark = pytest.mark.anyio


def declared(harness: AppHarness) -> str:
    return harness.room.declare(Declare("checkout-api", "Card payments fail")).incident.id


async def test_what_is_typed_is_on_the_disk_before_the_form_is_left(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        incident_id = declared(harness)
        async with run_console(harness, SMALL, incident_id=incident_id) as pilot:
            await pilot.press("n")
            await settle(pilot)
            await type_in(pilot, "pool exhausted")
            await until(pilot, lambda: "pool exhausted" in harness.room.saved_draft(incident_id, "note"))
            assert isinstance(pilot.app.screen, Form)
    with AppHarness(tmp_path) as again:
        async with run_console(again, SMALL, incident_id=incident_id) as pilot:
            await pilot.press("n")
            await settle(pilot)
            assert "pool exhausted" in screen_text(pilot.app)


async def test_a_note_that_is_saved_leaves_no_draft(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        incident_id = declared(harness)
        async with run_console(harness, SMALL, incident_id=incident_id) as pilot:
            await pilot.press("n")
            await settle(pilot)
            await type_in(pilot, "pool exhausted")
            await pilot.press("ctrl+s")
            await settle(pilot)
            assert any(row.text == "pool exhausted" for row in harness.room.incident(incident_id).rows)
            assert harness.room.saved_draft(incident_id, "note") == ""


async def test_a_refused_change_stays_in_the_form_with_the_reason(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        incident_id = declared(harness)
        async with run_console(harness, SMALL, incident_id=incident_id) as pilot:
            await pilot.press("n")
            await settle(pilot)
            await type_in(pilot, "pool 50 to 200")
            await pilot.press("tab")
            await settle(pilot)
            await pilot.press("tab", "end", "ctrl+s")
            await settle(pilot)
            text = screen_text(pilot.app)
            assert "A change needs its rollback plan" in text
            assert isinstance(pilot.app.screen, Form)
            assert pilot.app.screen.values["words"] == "pool 50 to 200"


# ── quick notes ───────────────────────────────────────────────────────────────────────────────────────────


async def test_a_quick_note_says_what_it_becomes_and_becomes_that(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        incident_id = declared(harness)
        async with run_console(harness, SMALL, incident_id=incident_id) as pilot:
            await pilot.press("n")
            await settle(pilot)
            assert "!f finding" in screen_text(pilot.app)
            await type_in(pilot, "@bo 15m check the replicas")
            assert "Task for Bob, 15 min" in screen_text(pilot.app)
            await pilot.press("enter")
            await settle(pilot)
            [task] = harness.room.incident(incident_id).open_tasks
            assert (task.who, task.words) == ("Bob", "check the replicas")


async def test_a_line_that_is_refused_stays_with_the_reason(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        incident_id = declared(harness)
        async with run_console(harness, SMALL, incident_id=incident_id) as pilot:
            await pilot.press("n")
            await settle(pilot)
            await type_in(pilot, "!c pool 50 to 200")
            await pilot.press("enter")
            await settle(pilot)
            text = screen_text(pilot.app)
            assert "A change needs its rollback plan" in text and "!c pool 50 to 200" in text


async def test_tab_takes_what_is_typed_to_the_full_form_and_nothing_is_left_behind(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        incident_id = declared(harness)
        async with run_console(harness, SMALL, incident_id=incident_id) as pilot:
            await pilot.press("n")
            await settle(pilot)
            await type_in(pilot, "!d roll back | only change")
            await pilot.press("tab")
            await settle(pilot)
            form = pilot.app.screen
            assert isinstance(form, Form) and form.values == {
                "words": "roll back",
                "note": "decision",
                "because": "only change",
                "rollback": "",
            }
            await pilot.press("ctrl+s")
            await settle(pilot)
            assert [row.kind for row in harness.room.incident(incident_id).rows][-2:] == ["decision", "checked"]
            assert harness.room.saved_draft(incident_id, "note") == ""


async def test_a_draft_of_the_full_form_comes_back_in_the_full_form(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        incident_id = declared(harness)
        async with run_console(harness, SMALL, incident_id=incident_id) as pilot:
            await pilot.press("n")
            await settle(pilot)
            await type_in(pilot, "!h network")
            await pilot.press("tab")
            await settle(pilot)
            await pilot.press("escape")
            await settle(pilot)
            await pilot.press("n")
            await settle(pilot)
            form = pilot.app.screen
            assert isinstance(form, Form) and form.values["note"] == "hypothesis"


# ── a poll ────────────────────────────────────────────────────────────────────────────────────────────────


async def open_poll(pilot: Pilot[Any]) -> DecisionPoll:
    await pilot.press("P")
    await settle(pilot)
    await type_in(pilot, "Roll back to 412")
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, DecisionPoll))
    await settle(pilot)
    assert isinstance(pilot.app.screen, DecisionPoll)
    return pilot.app.screen


async def test_a_proposal_without_an_objection_becomes_a_decision_when_the_time_is_over(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        incident_id = declared(harness)
        async with run_console(harness, SMALL, incident_id=incident_id) as pilot:
            poll = await open_poll(pilot)
            assert "Any strong objections? Roll back to 412 — 60 s" in screen_text(pilot.app)
            await pilot.press("enter")  # early: nothing is decided
            await settle(pilot)
            assert pilot.app.screen is poll
            harness.clock.later(seconds=59)
            poll.tick()
            await settle(pilot)
            assert "— 1 s" in screen_text(pilot.app)
            harness.clock.later(seconds=1)
            poll.tick()
            await until(pilot, lambda: poll not in pilot.app.screen_stack)
            texts = [row.text for row in harness.room.incident(incident_id).rows if row.kind == "decision"]
            assert texts == ["Roll back to 412 — because no objection within 60 s"]


async def test_an_objection_ends_the_poll_and_nothing_is_decided(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        incident_id = declared(harness)
        async with run_console(harness, SMALL, incident_id=incident_id) as pilot:
            poll = await open_poll(pilot)
            await type_in(pilot, "Bob: the migration cannot be undone")
            await pilot.press("enter")
            await until(pilot, lambda: poll not in pilot.app.screen_stack)
            rows = harness.room.incident(incident_id).rows
            assert not any(row.kind == "decision" for row in rows)
            assert rows[-1].text.endswith("objection: Bob: the migration cannot be undone")


async def test_escape_cancels_a_poll_and_records_nothing(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        incident_id = declared(harness)
        async with run_console(harness, SMALL, incident_id=incident_id) as pilot:
            poll = await open_poll(pilot)
            before = harness.room.incident(incident_id).version
            await pilot.press("escape")
            await until(pilot, lambda: poll not in pilot.app.screen_stack)
            assert harness.room.incident(incident_id).version == before


# ── a disk that takes nothing ─────────────────────────────────────────────────────────────────────────────


def full(*_: Any, **__: Any) -> Any:
    raise NotSaved("The disk is full", "Free some space and try again.")


async def open_note(pilot: Pilot[Any]) -> None:
    await pilot.press("n")


async def open_composer(pilot: Pilot[Any]) -> None:
    await pilot.press("u")


async def open_declaration(pilot: Pilot[Any]) -> None:
    await pilot.press("d")


async def open_resolution(pilot: Pilot[Any]) -> None:
    await pilot.press("r", "tab")


FORMS = (open_note, open_composer, open_declaration, open_resolution)


@pytest.mark.parametrize("opening", FORMS, ids=lambda opening: opening.__name__)
async def test_escape_loses_no_text_that_the_disk_does_not_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opening: Callable[[Pilot[Any]], Awaitable[None]]
) -> None:
    with AppHarness(tmp_path) as harness:
        incident_id = declared(harness)
        async with run_console(harness, (120, 40), incident_id=incident_id) as pilot:
            await opening(pilot)
            await settle(pilot)
            form = pilot.app.screen
            monkeypatch.setattr(harness.room, "save_draft", full)
            await type_in(pilot, "half a thought")
            await pilot.press("escape")
            await settle(pilot)
            assert pilot.app.screen is form and "half a thought" in screen_text(pilot.app)
            problem = form.query_one("#problem", Static)
            assert problem.display and problem.region.height > 0
            said_there = str(problem.content)
            assert "The draft is not saved: The disk is full" in said_there
            assert "Leave again to discard" in said_there
            # Once there is room again, leaving keeps it.
            monkeypatch.undo()
            await pilot.press("escape")
            await until(pilot, lambda: pilot.app.screen is not form)
            await opening(pilot)
            await settle(pilot)
            assert "half a thought" in screen_text(pilot.app)


@pytest.mark.parametrize("opening", FORMS, ids=lambda opening: opening.__name__)
async def test_a_text_that_cannot_be_saved_is_discarded_by_leaving_twice_and_a_new_word_asks_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opening: Callable[[Pilot[Any]], Awaitable[None]]
) -> None:
    with AppHarness(tmp_path) as harness:
        incident_id = declared(harness)
        async with run_console(harness, (120, 40), incident_id=incident_id) as pilot:
            await opening(pilot)
            await settle(pilot)
            form = pilot.app.screen
            monkeypatch.setattr(harness.room, "save_draft", full)
            await type_in(pilot, "half")
            await pilot.press("escape")
            await type_in(pilot, " a thought")
            await pilot.press("escape")
            await settle(pilot)
            assert pilot.app.screen is form
            await pilot.press("escape")
            await until(pilot, lambda: pilot.app.screen is not form)


@pytest.mark.parametrize("leaving", ["ctrl+q", "f2 H"])
async def test_nothing_leaves_a_form_behind_whose_text_the_disk_does_not_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaving: str
) -> None:
    with AppHarness(tmp_path) as harness:
        incident_id = declared(harness)
        async with run_console(harness, (120, 40), incident_id=incident_id) as pilot:
            await open_note(pilot)
            await settle(pilot)
            form = pilot.app.screen
            monkeypatch.setattr(harness.room, "save_draft", full)
            await type_in(pilot, "half a thought")
            await pilot.press(*leaving.split())
            await until(pilot, lambda: any("The draft is not saved" in words for words in toasts(pilot.app)))
            assert form in pilot.app.screen_stack and pilot.app.return_code is None
            await pilot.press(leaving.split()[-1])
            if leaving == "ctrl+q":
                await until(pilot, lambda: pilot.app.return_code == 0)
            else:
                await until(pilot, lambda: form not in pilot.app.screen_stack)


async def test_a_disk_that_hangs_keeps_nobody_in_the_console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with AppHarness(tmp_path) as harness:
        incident_id, hung = declared(harness), threading.Event()
        async with run_console(harness, (120, 40), incident_id=incident_id) as pilot:
            await open_note(pilot)
            await settle(pilot)
            monkeypatch.setattr(harness.room, "save_draft", lambda *_: hung.wait(DEADLINE_S))
            pilot.app.screen.query_one(Input).value = "half a thought"
            await pilot.press("ctrl+q")
            await until(pilot, lambda: pilot.app.return_code == 0)
            hung.set()
