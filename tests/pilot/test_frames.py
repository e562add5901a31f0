"""A few whole frames as text at three sizes: what a person sees, so that a change of it is read in a review.

The frames stand in ``tests/frames``. After a change that is meant run this file with ``WARROOM_FRAMES=write``, then
read the difference.
"""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.app import LARGE, SMALL, AppHarness, run_console, screen_lines, screen_text, settle, until
from textual.pilot import Pilot

from warroom.incident.commands import (
    Acknowledge,
    AddAction,
    Check,
    Command,
    Declare,
    Note,
    Pin,
    RecordChat,
    RecordFix,
    Resolve,
    WriteSection,
)
from warroom.incident.roles import Assign
from warroom.tui.widgets.markdown_view import MarkdownView

pytestmark = pytest.mark.anyio

FRAMES = Path(__file__).parent / "frames"
WRITE = os.environ.get("WARROOM_FRAMES") == "write"
MIDDLE = (120, 36)


def _incident(harness: AppHarness, *, over: bool) -> str:
    room, clock = harness.room, harness.clock
    started = clock.at - timedelta(minutes=4)
    done = room.declare(
        Declare("checkout-api", "Card payments fail for one customer in three", started_at=started),
        commander="Alice",
    )
    incident_id = done.incident.id

    def do(*commands: Command) -> None:
        for command in commands:
            clock.later(minutes=1)
            room.execute(incident_id, command)

    do(
        Acknowledge(),
        Assign("technical_lead", "Bob"),
        Note("Connection pool exhausted on eu-1 since the 14:02 deploy", "finding"),
        Pin("app.log", "FATAL remaining connection slots are reserved", 88213, clock.at, "error"),
        Note("pool 50→200", "change", rollback="revert env"),
    )
    room.post_update(incident_id, "update", {"next_update": "+15m"})
    room.record_chat(incident_id, RecordChat("Carol", "slack", "refunds are failing as well"))
    clock.later(minutes=6)
    if over:
        do(RecordFix("Rolled back checkout-api to 2026.01.27", True, "deploy 2026.01.28 again"))
        do(*(Check(item.id) for item in room.playbook.checklists["recovery"].items), Resolve())
        do(WriteSection("root_cause", "The pool was sized for half of the load."))
        do(AddAction("Alert on pool usage over 80 %", "Carol", "2026-02-14"))
    harness.deliver()
    return incident_id


SHOTS = {
    "home": (False, ("H",)),
    "war-room": (False, ()),
    "resolve": (False, ("r",)),
    "presenter": (False, ("f2",)),
    "review": (True, ("v",)),
}


@pytest.mark.parametrize("size", [SMALL, MIDDLE, LARGE], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SHOTS)
async def test_the_frame_is_as_it_was_agreed(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    over, keys = SHOTS[name]
    with AppHarness(tmp_path / "data") as harness:
        incident_id = await asyncio.to_thread(_incident, harness, over=over)
        how = {"incident_id": incident_id, "watch_logs": lambda view, service: None}
        async with run_console(harness, size, **how) as pilot:
            await until(pilot, lambda: "Opening the logs" not in screen_text(pilot.app))
            await settle(pilot)
            if keys:
                await pilot.press(*keys)
                await settle(pilot)
            if name == "review":
                await until(pilot, lambda: bool(pilot.app.screen.query_one(MarkdownView).text))
            await _compare(pilot, f"{name}-{size[0]}x{size[1]}")


async def _compare(pilot: Pilot[Any], name: str) -> None:
    file = FRAMES / f"{name}.txt"
    if WRITE:
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join(screen_lines(pilot.app)) + "\n", encoding="utf-8")
    agreed = file.read_text("utf-8").splitlines()
    assert screen_lines(pilot.app) == agreed


def test_no_frame_is_wider_or_higher_than_its_size() -> None:
    from rich.cells import cell_len

    files = sorted(FRAMES.glob("*.txt"))
    assert len(files) == 3 * len(SHOTS)
    for file in files:
        width, height = map(int, file.stem.rpartition("-")[2].split("x"))
        lines = file.read_text("utf-8").splitlines()
        assert len(lines) == height, file.name
        assert max(map(cell_len, lines)) <= width, file.name
