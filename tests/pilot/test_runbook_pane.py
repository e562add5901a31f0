"""Runbooks in the war room: opened beside the log, ticked, and run only by a second key."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.app import LARGE, SIZES, SMALL, AppHarness, run_console, screen_text, settle, toasts, type_in, until
from textual.pilot import Pilot

from warroom.config.settings import RunbookSettings
from warroom.incident.commands import Acknowledge, Declare
from warroom.incident.incident import Incident
from warroom.incident.runbook_events import RunbookStepDone, StepRunEnded, StepRunStarted
from warroom.tui.screens.confirm import Confirm
from warroom.tui.screens.runbook_actions import RunbookChooser
from warroom.tui.screens.step_run import StepRunScreen
from warroom.tui.widgets.row_list import RowList

pytestmark = pytest.mark.anyio

CHECKOUT = """\
---
services: [checkout-api]
drills: true
---
# Checkout is down

Do [/this] \x1b[2J in order; the key is password=hunter2hunter2.

## Look

- [ ] Count the waiting connections
- [ ] Restart the pool

  ```sh
  echo restarted $WARROOM_SERVICE
  touch ran
  ```
- [ ] Tell payments
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "runbooks"
    folder.mkdir()
    (folder / "checkout.md").write_text(CHECKOUT)
    return folder


@pytest.fixture
def harness(tmp_path: Path, folder: Path) -> Iterator[AppHarness]:
    with AppHarness(tmp_path / "data", runbooks=RunbookSettings(folders=(str(folder),), run=True)) as harness:
        yield harness


class WarRoom:
    """The console in the war room of a declared incident."""

    def __init__(self, harness: AppHarness, size: tuple[int, int] = LARGE, **declared: Any) -> None:
        done = harness.room.declare(Declare("checkout-api", "No orders", **declared), commander="Alice")
        self.harness, self.incident_id = harness, done.incident.id
        harness.room.execute(self.incident_id, Acknowledge())
        how: dict[str, Any] = {"incident_id": self.incident_id, "watch_logs": lambda view, service: None}
        self._console = run_console(harness, size, **how)

    async def __aenter__(self) -> WarRoom:
        self.pilot: Pilot[Any] = await self._console.__aenter__()
        await until(self.pilot, lambda: bool(self.pilot.app.screen.query("#steps")))
        await settle(self.pilot)
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._console.__aexit__(*error)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await settle(self.pilot)

    @property
    def text(self) -> str:
        return screen_text(self.pilot.app)

    @property
    def top(self) -> Any:
        return self.pilot.app.screen

    @property
    def steps(self) -> RowList:
        return self.top.query_one("#steps", RowList)

    @property
    def incident(self) -> Incident:
        return self.harness.room.incident(self.incident_id)

    def events(self, kind: type[Any]) -> list[Any]:
        return [row.entry.event for row in self.incident.rows if isinstance(row.entry.event, kind)]


@pytest.mark.parametrize("size", SIZES, ids=["small", "large"])
async def test_one_key_opens_the_runbook_beside_the_log(harness: AppHarness, size: tuple[int, int]) -> None:
    async with WarRoom(harness, size) as room:
        assert not room.top.query_one("#runbook").display
        await room.press("9")
        assert room.steps.has_focus and room.top.query_one("#runbook").display
        assert room.top.query_one("#logs").display == (size == LARGE)
        assert "Checkout is down · step 1 of 3" in room.text and "Restart the pool" in room.text
        assert "[/this] ␛[2J in order" in room.text and "hunter2" not in room.text, "text from outside is safe"
        await room.press("4")
        assert room.top.query_one("#logs").display and room.top.query_one("#runbook").display == (size == LARGE)


async def test_next_names_the_runbook_until_it_is_open(harness: AppHarness) -> None:
    async with WarRoom(harness) as room:
        await until(room.pilot, lambda: bool(room.top.suggested))
        room.top.tick()
        assert any(step.text == "Open the runbook: Checkout is down" for step in room.top.steps)
        await room.press("9")
        assert all(step.action != "pane_runbook" for step in room.top.find_steps())


async def test_steps_are_ticked_one_after_the_other_and_unticked_after_a_question(harness: AppHarness) -> None:
    async with WarRoom(harness, SMALL) as room:
        await room.press("9", "space", "space")
        done = room.events(RunbookStepDone)
        assert [event.title for event in done] == ["Count the waiting connections", "Restart the pool"]
        assert room.incident.rows[-1].by == "Alice" and "step 3 of 3" in room.text
        await room.press("home", "down", "space")
        assert isinstance(room.top, Confirm) and "Ticked by Alice" in room.text
        await room.press("enter")
        assert len(room.incident.runbooks["checkout"].done) == 2
        await room.press("space", "down", "enter")
        assert len(room.incident.runbooks["checkout"].done) == 1


async def test_another_consoles_tick_shows(harness: AppHarness, tmp_path: Path, folder: Path) -> None:
    from warroom.incident.runbook import parse_runbook
    from warroom.incident.runbook_commands import TickStep

    step = parse_runbook(CHECKOUT, "checkout").steps[0]
    async with WarRoom(harness) as room:
        await room.press("9")
        tick = TickStep("checkout", "Checkout is down", step.id, step.title, 1, 3)
        await asyncio.to_thread(lambda: harness.room.execute(room.incident_id, tick, by="Bob"))
        await until(room.pilot, lambda: "step 2 of 3" in room.text)
        assert any("Bob" in line for line in room.text.splitlines() if "Count the waiting" in line)


async def run_screen_of_step_2(room: WarRoom) -> None:
    await room.press("9", "space", "dollar_sign")
    assert isinstance(room.top, StepRunScreen), room.text


async def test_a_command_runs_by_a_second_key_and_its_output_is_evidence(harness: AppHarness, folder: Path) -> None:
    async with WarRoom(harness) as room:
        await run_screen_of_step_2(room)
        assert "echo restarted $WARROOM_SERVICE" in room.text and "touch ran" in room.text
        assert "WARROOM_SERVICE=checkout-api" in room.text and "PATH, HOME, LANG" in room.text
        await room.press("enter", "space", "dollar_sign")
        assert isinstance(room.top, StepRunScreen)
        assert not room.events(StepRunStarted) and not (folder / "ran").exists(), "no other key runs it"
        await room.press("ctrl+s")
        shown = ("exit status 0", "restarted checkout-api", "recorded in the timeline")
        await until(room.pilot, lambda: all(words in room.text for words in shown))
        assert [event.output for event in room.events(StepRunEnded)] == ["restarted checkout-api"]
        await room.press("ctrl+s", "escape")
        assert len(room.events(StepRunStarted)) == 1, "it runs once"
        assert "step 3 of 3" in room.text and "✓ exit status 0" in room.text


async def test_leaving_the_preview_runs_nothing(harness: AppHarness, folder: Path) -> None:
    async with WarRoom(harness, SMALL) as room:
        await run_screen_of_step_2(room)
        await room.press("escape")
        assert not isinstance(room.top, StepRunScreen) and not room.events(StepRunStarted)


async def test_a_file_that_changed_under_the_preview_is_shown_again(harness: AppHarness, folder: Path) -> None:
    async with WarRoom(harness) as room:
        await run_screen_of_step_2(room)
        (folder / "checkout.md").write_text(CHECKOUT.replace("touch ran", "touch other"))
        await room.press("ctrl+s")
        await until(room.pilot, lambda: "touch other" in room.text)
        assert any("changed since the preview" in toast for toast in toasts(room.pilot.app))
        assert not room.events(StepRunStarted)
        await room.press("ctrl+s")
        await until(room.pilot, lambda: "exit status 0" in room.text)
        assert (folder / "other").exists() and not (folder / "ran").exists()


async def test_a_command_that_is_left_goes_on_can_be_seen_again_and_stopped(
    harness: AppHarness, folder: Path
) -> None:
    (folder / "checkout.md").write_text(CHECKOUT.replace("touch ran", "exec sleep 60"))
    async with WarRoom(harness) as room:
        await run_screen_of_step_2(room)
        await room.press("ctrl+s")
        await until(room.pilot, lambda: "Running" in room.text and "restarted checkout-api" in room.text)
        await room.press("escape")
        assert "Alice runs it" in room.text
        await room.press("dollar_sign")
        assert isinstance(room.top, StepRunScreen) and "Running" in room.text
        await room.press("x")
        await until(room.pilot, lambda: "stopped after" in room.text)
        assert [event.outcome for event in room.events(StepRunEnded)] == ["stopped"]


async def test_leaving_the_console_ends_what_it_runs_and_records_that(harness: AppHarness, folder: Path) -> None:
    (folder / "checkout.md").write_text(CHECKOUT.replace("touch ran", "exec sleep 60"))
    async with WarRoom(harness) as room:
        await run_screen_of_step_2(room)
        await room.press("ctrl+s")
        await until(room.pilot, lambda: "Running" in room.text)
    assert [event.outcome for event in room.events(StepRunEnded)] == ["stopped"]


async def test_where_the_settings_run_nothing_the_key_says_so(harness: AppHarness) -> None:
    off = harness.settings.runbooks.model_copy(update={"run": False})
    harness.room.settings = harness.settings.model_copy(update={"runbooks": off})
    async with WarRoom(harness) as room:
        await room.press("9", "space", "dollar_sign")
        assert "The settings run no commands" in toasts(room.pilot.app)[-1]
        await room.press("end", "dollar_sign")
        assert "has no command to run" in toasts(room.pilot.app)[-1]
        await room.press("1", "dollar_sign")
        assert "Put the cursor on a step of the runbook first (9)" in toasts(room.pilot.app)[-1]


async def test_of_several_one_is_chosen_by_its_title(harness: AppHarness, folder: Path) -> None:
    (folder / "pool.md").write_text("---\nservices: [checkout-api]\n---\n# The pool is dry\n- [ ] x\n")
    (folder / "web.md").write_text("# The shop is slow\n- [ ] y\n")
    async with WarRoom(harness) as room:
        await room.press("9")
        assert isinstance(room.top, RunbookChooser)
        lines = [line for line in room.text.splitlines() if " is " in line and "│" in line]
        assert [word in line for word, line in zip(("Checkout", "pool", "shop"), lines, strict=False)] == [True] * 3
        assert "service checkout-api" in lines[0] and "service" not in lines[2]
        await type_in(room.pilot, "shop")
        assert "The pool is dry" not in room.text
        await room.press("enter")
        assert "The shop is slow · step 1 of 1" in room.text
        await room.press("9", "down", "down", "down", "enter")
        assert not room.top.query_one("#runbook").display, "the last choice closes it"


async def test_with_no_runbook_the_key_says_where_they_go(harness: AppHarness, folder: Path) -> None:
    (folder / "checkout.md").unlink()
    async with WarRoom(harness, SMALL) as room:
        await room.press("9")
        assert "Put Markdown files into the folder runbooks" in toasts(room.pilot.app)[-1]
