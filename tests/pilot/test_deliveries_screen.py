"""The deliveries on the screen: what came of each post, and a person's word where nobody knows."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from harness.app import (
    SIZES,
    SMALL,
    AppHarness,
    run_screen,
    screen_lines,
    screen_text,
    settle,
    toasts,
    type_in,
    until,
)

from warroom.errors import NotSaved, NotSent, Rejected, Unconfirmed
from warroom.incident.commands import Declare
from warroom.incident.delivery import Delivery, DeliveryState
from warroom.tui.context import ScreenContext
from warroom.tui.screens.deliveries import DeliveriesScreen
from warroom.tui.screens.form_dialog import Form

pytestmark = pytest.mark.anyio


@contextlib.asynccontextmanager
async def incident(folder: Path, *fails: Exception) -> AsyncIterator[AppHarness]:
    """INC-1 whose first posts went as ``fails`` say, on a chat that cannot tell what arrived."""
    with AppHarness(folder) as harness:
        chat = harness.chats["chat"]
        chat.dedupes = False
        chat.outcomes = list(fails)
        harness.room.declare(Declare("checkout-api", "Card payments fail"), commander="Alice")
        await asyncio.to_thread(harness.deliver, 1.0)
        yield harness


def showing(context: ScreenContext) -> DeliveriesScreen:
    return DeliveriesScreen(context, "INC-1")


def post(harness: AppHarness) -> Delivery:
    return next(d for d in harness.room.deliveries("INC-1") if d.item.operation == "post")


@pytest.mark.parametrize("size", SIZES)
async def test_every_state_has_its_word_and_its_sign(tmp_path: Path, size: tuple[int, int]) -> None:
    async with incident(tmp_path, Unconfirmed("No answer came")) as harness:
        harness.chats["chat"].outcomes = [Rejected("channel_is_archived", "Unarchive the channel.")]
        harness.room.post_update("INC-1", "update", {})
        await asyncio.to_thread(harness.deliver, 1.0)
        harness.chats["chat"].outcomes = [NotSent("chat is busy", retry_after=9)]
        harness.room.post_update("INC-1", "update", {})
        await asyncio.to_thread(harness.deliver, 1.0)
        harness.room.post_update("INC-1", "customer_initial", {})
        async with run_screen(harness, showing, size) as pilot:
            text = screen_text(pilot.app)
            states = ("✓ delivered", "? unconfirmed", "✗ failed", "… pending")
            rows = ("u1 declaration", "u2 update", " customer", "create channel", "needs you", "retry in")
            for words in (*states, *rows, "No answer came"):
                assert words in text, words
            assert all(len(line) <= size[0] for line in screen_lines(pilot.app))
            await pilot.press("down", "down")
            await settle(pilot)
            assert "channel_is_archived" in screen_text(pilot.app)
            assert "Unarchive the channel." in screen_text(pilot.app)


@pytest.mark.parametrize(
    ("keys", "state"),
    [
        (("down",), DeliveryState.DELIVERED),
        (("down", "down"), DeliveryState.PENDING),
        ((), DeliveryState.UNCONFIRMED),
    ],
)
async def test_a_person_settles_what_nobody_knows(
    tmp_path: Path, keys: tuple[str, ...], state: DeliveryState
) -> None:
    async with incident(tmp_path, Unconfirmed("No answer came")) as harness:
        async with run_screen(harness, showing) as pilot:
            await pilot.press("enter")  # the cursor begins where somebody is asked for
            await pilot.pause()
            assert isinstance(pilot.app.screen, Form)
            assert "Look for INC-1·u1 on chat" in screen_text(pilot.app)
            await pilot.press(*keys, "enter")
            await settle(pilot)
            assert isinstance(pilot.app.screen, DeliveriesScreen)
            assert {
                DeliveryState.DELIVERED: "✓ delivered",
                DeliveryState.PENDING: "… pending",
                DeliveryState.UNCONFIRMED: "? unconfirmed",
            }[state] in screen_lines(pilot.app)[3]
        assert post(harness).state is state
        if state is DeliveryState.PENDING:
            await asyncio.to_thread(harness.deliver)
            assert [message.marker for message in harness.chats["chat"].messages] == ["INC-1·u1"]


async def test_what_arrived_is_not_asked_about(tmp_path: Path) -> None:
    async with incident(tmp_path) as harness, run_screen(harness, showing) as pilot:
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, DeliveriesScreen)
        assert toasts(pilot.app) == ["It arrived"]
        assert "https://chat.example/chat/1" in (await below(pilot, "u1 declaration"))


@pytest.mark.parametrize("sure", [True, False])
async def test_all_that_was_refused_is_sent_again_once_confirmed(tmp_path: Path, sure: bool) -> None:
    no = Rejected("channel_is_archived", "Unarchive the channel.")
    async with incident(tmp_path, no, no, no) as harness:
        for _ in range(2):
            harness.room.post_update("INC-1", "update", {})
        await asyncio.to_thread(harness.deliver, 1.0)
        async with run_screen(harness, showing) as pilot:
            await pilot.press("ctrl+r")
            await settle(pilot)
            text = screen_text(pilot.app)
            assert "3 refused deliveries" in text and "Send them again to chat" in text
            await pilot.press(*(("down",) if sure else ()), "enter")
            await settle(pilot)
            states = {d.state for d in harness.room.deliveries("INC-1") if d.item.operation == "post"}
            assert states == {DeliveryState.PENDING if sure else DeliveryState.FAILED}


async def test_with_nothing_refused_there_is_nothing_to_send_again(tmp_path: Path) -> None:
    async with incident(tmp_path) as harness, run_screen(harness, showing) as pilot:
        await pilot.press("ctrl+r")
        await settle(pilot)
        assert toasts(pilot.app) == ["Nothing has failed"]


async def below(pilot: object, what: str) -> str:
    """The screen with the cursor on the row of ``what``."""
    app = pilot.app  # type: ignore[attr-defined]
    for _ in range(10):
        if any("▸" in line and what in line for line in screen_lines(app)):
            break
        await pilot.press("up")  # type: ignore[attr-defined]
    return screen_text(app)


async def test_it_is_live(tmp_path: Path) -> None:
    async with incident(tmp_path) as harness, run_screen(harness, showing) as pilot:
        harness.room.post_update("INC-1", "update", {})
        await until(pilot, lambda: "u2 update" in screen_text(pilot.app))
        assert "… pending" in screen_text(pilot.app)
        await asyncio.to_thread(harness.deliver)
        await until(pilot, lambda: "… pending" not in screen_text(pilot.app))


async def test_a_full_disk_leaves_the_question_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **how: object) -> Delivery:
        raise NotSaved("The disk is full", "Make room, then try again.")

    async with incident(tmp_path, Unconfirmed("No answer came")) as harness:
        async with run_screen(harness, showing) as pilot:
            monkeypatch.setattr(harness.journal, "confirm", full)
            await pilot.press("enter")
            await pilot.press("down", "enter")
            await settle(pilot)
            assert "✗ The disk is full" in screen_text(pilot.app)
            assert "● It arrived" in screen_text(pilot.app)
            monkeypatch.undo()
            await pilot.press("enter")
            await settle(pilot)
        assert post(harness).state is DeliveryState.DELIVERED


async def test_hostile_text_neither_breaks_nor_acts(tmp_path: Path) -> None:
    async with (
        incident(tmp_path, Rejected("[/api] \x1b[2J [INC-42]", "[@click=app.quit]x[/]")) as harness,
        run_screen(harness, showing, (160, 45)) as pilot,
    ):
        text = screen_text(pilot.app)
        assert "\x1b" not in text
        assert "[/api] ␛[2J [INC-42]" in text
        await pilot.press("enter")
        await settle(pilot)
        assert "[@click=app.quit]x[/]" in screen_text(pilot.app)


async def test_resizing_keeps_the_cursor(tmp_path: Path) -> None:
    async with (
        incident(tmp_path, Unconfirmed("No answer came")) as harness,
        run_screen(harness, showing, (160, 45)) as pilot,
    ):
        for size in (SMALL, (20, 5), (160, 45), SMALL):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert any("▸" in line and "u1 declaration" in line for line in screen_lines(pilot.app))


async def test_keys_mean_here_what_they_mean_elsewhere(tmp_path: Path) -> None:
    async with incident(tmp_path) as harness, run_screen(harness, showing) as pilot:
        await type_in(pilot, "u")
        await settle(pilot)
        await type_in(pilot, "d")
        assert pilot.app.done == ["update", "declare"]  # type: ignore[attr-defined]
