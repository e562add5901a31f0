"""The chat on the screen: folded where there is much of it, promoted with one key, copied for pasting by hand."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.app import START, AppHarness, run_console, screen_text, settle, until
from textual import events
from textual.pilot import Pilot

from warroom.errors import NotSent
from warroom.incident.commands import Declare
from warroom.incident.delivery import Channel
from warroom.incident.incoming import IncomingMessage
from warroom.room.inbox import IncomingRecorder
from warroom.tui.widgets.row_list import RowList

pytestmark = pytest.mark.anyio


def talk(harness: AppHarness, *texts: str) -> None:
    """Bob writes in the incident's channel, a second apart."""
    messages = [
        IncomingMessage(
            id=f"m{n}",
            at=START + timedelta(seconds=n),
            author_id="U-BOB",
            author="Bob K",
            text=text,
        )
        for n, text in enumerate(texts)
    ]
    harness.clock.later(minutes=1)
    IncomingRecorder(harness.room).record("INC-1", "chat", Channel(id="C-chat"), messages)


def entries(pilot: Pilot[Any]) -> str:
    """What the timeline shows."""
    found = pilot.app.screen.query("#entries")
    return found.first(RowList).render().plain if found else ""


async def test_much_chat_in_a_row_is_one_line_and_one_key_shows_it_all(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        harness.room.declare(Declare("checkout-api", "Card payments fail"), commander="Alice")
        talk(harness, *(f"line {n} of much" for n in range(40)))
        async with run_console(harness, (160, 45), incident_id="INC-1") as pilot:
            await until(pilot, lambda: "line 39 of much" in entries(pilot))
            text = entries(pilot)
            assert (
                "37 more messages · Bob · V shows them" in text
                and "line 37 of much" in text
                and "line 36 of much" not in text
            )
            await pilot.press("V")
            await settle(pilot)
            assert "line 36 of much" in entries(pilot) and "37 more messages" not in entries(pilot)


async def test_a_message_becomes_a_finding_or_a_decision_with_one_key(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        harness.room.declare(Declare("checkout-api", "Card payments fail"), commander="Alice")
        talk(harness, "It is the pool")
        async with run_console(harness, (160, 45), incident_id="INC-1") as pilot:
            await until(pilot, lambda: "It is the pool" in entries(pilot))
            await pilot.press("1", "asterisk")
            await until(pilot, lambda: "Put the cursor on a chat message first" in screen_text(pilot.app))
            await pilot.press("2", "end", "asterisk")
            await until(pilot, lambda: "(Bob K in chat)" in entries(pilot))
            await pilot.press("up", "equals_sign")
            await settle(pilot)
            rows = {row.kind: row.text for row in harness.room.incident("INC-1").rows}
            assert rows["finding"] == "It is the pool (Bob K in chat)"
            assert rows["decision"].startswith("It is the pool")


async def test_an_answer_in_a_thread_looks_like_one(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        harness.room.declare(Declare("checkout-api", "Card payments fail"), commander="Alice")
        answer = IncomingMessage(id="2", at=START, author_id="U-BOB", author="Bob K", text="Sure?", thread="1")
        IncomingRecorder(harness.room).record("INC-1", "chat", Channel(id="C-chat"), [answer])
        async with run_console(harness, (160, 45), incident_id="INC-1") as pilot:
            await until(pilot, lambda: "↳ Sure?" in entries(pilot))


async def test_an_entry_is_copied_from_the_timeline(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        harness.room.declare(Declare("checkout-api", "Card payments fail"), commander="Alice")
        talk(harness, "It is the pool")
        async with run_console(harness, (160, 45), incident_id="INC-1") as pilot:
            await until(pilot, lambda: "It is the pool" in entries(pilot))
            await pilot.press("2", "end", "c")
            await settle(pilot)
            assert pilot.app.clipboard == "Bob K (chat): It is the pool"


async def test_the_header_says_that_a_chat_is_down_and_what_waits(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        harness.chats["chat"].outcomes = [NotSent("chat cannot be reached")] * 9
        harness.room.declare(Declare("checkout-api", "Card payments fail"), commander="Alice")
        harness.deliver(0.5)
        harness.room.post_update("INC-1", "update", {})
        async with run_console(harness, (160, 45), incident_id="INC-1") as pilot:
            await until(pilot, lambda: "down, 3 queued" in screen_text(pilot.app))


async def test_a_channel_that_people_opened_themselves_is_ticked_with_its_link(tmp_path: Path) -> None:
    """Where no destination can open one (a webhook), the item stays open and takes a pasted link."""
    with AppHarness(tmp_path) as harness:
        harness.room.declare(Declare("checkout-api", "Card payments fail"), commander="Alice")
        async with run_console(harness, (160, 45), incident_id="INC-1") as pilot:
            await until(pilot, lambda: "Create incident channel" in screen_text(pilot.app))
            await pilot.press("1", "home", "down")
            for text in ("no link", "https://x.test/c7", "https://x.test/again"):
                pilot.app.post_message(events.Paste(text))
                await settle(pilot)
            ticked = [row.text for row in harness.room.incident("INC-1").rows if row.kind == "checked"]
            assert [one for one in ticked if "channel" in one] == ["✓ Create incident channel — https://x.test/c7"]
