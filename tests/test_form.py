"""A form over the war room: what is typed is kept as it is typed, and survives a refusal, leaving, and a kill."""

from __future__ import annotations

from pathlib import Path

import pytest
from pilot import SMALL, Stage, on_console, screen_text, settle, type_in, until

from warroom.incident.decisions import Declare
from warroom.tui.screens.form import Form

pytestmark = pytest.mark.anyio


def declared(stage: Stage) -> str:
    return stage.room.declare(Declare("checkout-api", "Card payments fail")).incident.id


async def test_what_is_typed_is_on_the_disk_before_the_form_is_left(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        incident_id = declared(stage)
        async with on_console(stage, SMALL, incident_id=incident_id) as pilot:
            await pilot.press("n")
            await settle(pilot)
            await type_in(pilot, "pool exhausted")
            await until(pilot, lambda: "pool exhausted" in stage.room.saved_draft(incident_id, "note"))
            assert isinstance(pilot.app.screen, Form)
    with Stage(tmp_path) as again:
        async with on_console(again, SMALL, incident_id=incident_id) as pilot:
            await pilot.press("n")
            await settle(pilot)
            assert "pool exhausted" in screen_text(pilot.app)


async def test_a_note_that_is_saved_leaves_no_draft(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        incident_id = declared(stage)
        async with on_console(stage, SMALL, incident_id=incident_id) as pilot:
            await pilot.press("n")
            await settle(pilot)
            await type_in(pilot, "pool exhausted")
            await pilot.press("ctrl+s")
            await settle(pilot)
            assert any(row.text == "pool exhausted" for row in stage.room.incident(incident_id).rows)
            assert stage.room.saved_draft(incident_id, "note") == ""


async def test_a_refused_change_stays_in_the_form_with_the_reason(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        incident_id = declared(stage)
        async with on_console(stage, SMALL, incident_id=incident_id) as pilot:
            await pilot.press("n")
            await settle(pilot)
            await type_in(pilot, "pool 50 to 200")
            await pilot.press("tab", "end", "ctrl+s")
            await settle(pilot)
            text = screen_text(pilot.app)
            assert "A change needs its rollback plan" in text
            assert isinstance(pilot.app.screen, Form)
            assert pilot.app.screen.values["words"] == "pool 50 to 200"
