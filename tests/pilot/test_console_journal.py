"""The console over a journal that cannot be written, or whose entries are damaged: it opens, works, and says so."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from harness.app import START, AppHarness, run_console, screen_text, settle, until

from warroom.errors import NotSaved
from warroom.incident.commands import Declare
from warroom.journal import sqlite_file
from warroom.journal.backup import back_up, restore

pytestmark = pytest.mark.anyio


def declared(folder: Path) -> str:
    with AppHarness(folder) as harness:
        return harness.room.declare(Declare("checkout-api", "Card payments fail")).incident.id


@pytest.mark.parametrize("place", ["", "INC-1"], ids=["home", "war room"])
async def test_a_journal_that_cannot_be_written_is_shown_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    declared(tmp_path)

    def full(*_: object) -> None:
        raise NotSaved("The journal cannot be opened: the disk is full", "Free some space.")

    monkeypatch.setattr(sqlite_file, "_create_or_check", full)
    with AppHarness(tmp_path) as harness:
        async with run_console(harness, (120, 36), incident_id=place) as pilot:
            app = pilot.app
            await until(pilot, lambda: "Card payments fail" in screen_text(app))
            await until(pilot, lambda: "nothing can be recorded" in screen_text(app))
            shown = screen_text(app)
            assert "READ-ONLY" in shown.splitlines()[0]
            assert "the disk is full" in shown
            if place:
                await pilot.press("k")  # acknowledge
                await settle(pilot)
                await until(pilot, lambda: "Not saved: the disk is full" in screen_text(app))
        assert harness.journal.version("INC-1") == harness.room.incident("INC-1").version


@pytest.mark.parametrize("place", ["", "INC-1"], ids=["home", "war room"])
async def test_a_restored_journal_opens_and_the_screen_says_what_happened(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    declared(folder)
    back_up(folder / "journal.sqlite", tmp_path / "backup.sqlite", START)
    restore(tmp_path / "backup.sqlite", folder / "journal.sqlite", START)
    with AppHarness(folder) as harness:
        async with run_console(harness, (120, 36), incident_id=place) as pilot:
            await until(pilot, lambda: "The journal was restored at" in screen_text(pilot.app))
            await until(pilot, lambda: "Card payments fail" in screen_text(pilot.app))
            assert "READ-ONLY" not in screen_text(pilot.app)


async def test_a_war_room_says_from_which_entry_on_its_incident_is_damaged(tmp_path: Path) -> None:
    declared(tmp_path)
    with sqlite3.connect(tmp_path / "journal.sqlite") as db:
        db.execute("UPDATE entries SET at = at + 1 WHERE stream = 'INC-1' AND seq = 2")
    db.close()
    with AppHarness(tmp_path) as harness:
        async with run_console(harness, (120, 36), incident_id="INC-1") as pilot:
            await until(pilot, lambda: "INC-1 is damaged from entry 2 on" in screen_text(pilot.app))
            assert "READ-ONLY" not in screen_text(pilot.app)
