"""The composer on the screen: keys in, journal and posts and text out, at the smallest and an ordinary size."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from harness.app import (
    DESTINATIONS,
    LARGE,
    SIZES,
    SMALL,
    START,
    AppHarness,
    SingleScreenApp,
    run_console,
    run_screen,
    screen_lines,
    screen_text,
    settle,
    toasts,
    type_in,
    until,
)
from harness.fakes import Clock, FakeChat
from hypothesis import example, given
from hypothesis import strategies as st
from textual import events
from textual.widgets import Input, TextArea

from warroom.config.settings import Destination
from warroom.errors import NotSaved, SettingsError
from warroom.incident.commands import Declare, Note, Pin, RecordFix, Resolve
from warroom.incident.delivery import Message
from warroom.room.drafts import packed, unpacked
from warroom.room.room import Done
from warroom.safety import redact
from warroom.tui.context import ScreenContext
from warroom.tui.screens.composer import ComposerScreen

pytestmark = pytest.mark.anyio
ESC = "\x1b"
TOKEN = "xoxb-1234567890-abcdefghijk"


@contextlib.contextmanager
def incident(folder: Path, *, lead: str = "Alice", by: str = "Alice", **how: Any) -> Iterator[AppHarness]:
    """A stage with INC-1 six minutes old, led by ``lead``."""
    with AppHarness(folder, by=by, **how) as harness:
        harness.room.declare(
            Declare("checkout-api", "Card payments fail", started_at=START - timedelta(minutes=12)), commander=lead
        )
        harness.clock.later(minutes=6)
        yield harness


def composing(template: str = "") -> Callable[[ScreenContext], ComposerScreen]:
    return lambda context: ComposerScreen(context, "INC-1", template)


def composer(app: Any) -> ComposerScreen:
    assert isinstance(app.screen, ComposerScreen)
    return app.screen


def value(app: Any, name: str) -> str:
    field = composer(app).query_one(f"#field-{name}")
    return field.text if isinstance(field, TextArea) else cast(Input, field).value


async def put(pilot: Any, name: str, text: str) -> None:
    """Go to a field, empty it, type."""
    field = composer(pilot.app).query_one(f"#field-{name}")
    field.focus()
    await pilot.pause()
    if isinstance(field, TextArea):
        field.select_all()
        await pilot.press("delete")
    else:
        await pilot.press("ctrl+a", "ctrl+k")
    await type_in(pilot, text)


def posted(harness: AppHarness) -> list[Any]:
    return list(harness.room.incident("INC-1").posts)


# ── what is shown ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", SIZES)
async def test_the_preview_is_letter_by_letter_what_is_posted(tmp_path: Path, size: tuple[int, int]) -> None:
    with incident(tmp_path) as harness:
        async with run_screen(harness, composing(), size) as pilot:
            await put(pilot, "status", "Mitigated <b>&amp; [/api]")
            await settle(pilot)
            shown = composer(pilot.app).shown
            assert shown is not None
            text = screen_text(pilot.app)
            assert "Status: Mitigated <b>&amp; [/api]" in text
            assert f"{len(shown.copies[0].text)} of 40,000" in text
            assert shown.copies[0].text == f"[chat] {shown.message.text}"
            assert all(len(line) <= size[0] for line in screen_lines(pilot.app))
            await pilot.press("ctrl+s")
            await settle(pilot)
        await asyncio.to_thread(harness.deliver)
        assert harness.chats["chat"].messages[-1].text == shown.message.text


@pytest.mark.parametrize("size", SIZES)
async def test_everything_is_in_sight_and_nothing_cut_off(tmp_path: Path, size: tuple[int, int]) -> None:
    with incident(tmp_path) as harness:
        async with run_screen(harness, composing(), size) as pilot:
            text = screen_text(pilot.app)
            for words in (
                "CRITICAL",
                "INC-1",
                "IC Alice",
                "internal · the team",
                "‹ Update ›",
                "Customers",
                "Status",
                "Impact",
                "Actions",
                "ETA",
                "Next update",
                "Preview · chat",
                "Send to",
                "✓ chat",
                "send",
                "editor",
                "copy",
                "save draft",
                "in 15 min",
            ):
                assert words in text, words


async def test_what_happened_since_the_last_update_is_drafted_evidence_too(tmp_path: Path) -> None:
    with incident(tmp_path) as harness:
        harness.room.execute("INC-1", Pin("app.log", "FATAL remaining connection slots", 88213))
        harness.room.execute("INC-1", Note("DB pool exhausted", "finding"))
        async with run_screen(harness, composing(), LARGE) as pilot:
            assert "FATAL remaining connection slots" in value(pilot.app, "actions")
            assert "DB pool exhausted" in screen_text(pilot.app)
            harness.room.execute("INC-1", Note("eu-1 only", "finding"))  # a teammate, meanwhile
            await settle(pilot)
            assert "eu-1 only" in value(pilot.app, "actions")
            await put(pilot, "actions", "We know what it is")
            harness.room.execute("INC-1", Note("and us-1", "finding"))
            await settle(pilot)
            assert value(pilot.app, "actions") == "We know what it is"


async def test_a_secret_is_masked_in_the_preview_and_said(tmp_path: Path) -> None:
    with incident(tmp_path) as harness:
        async with run_screen(harness, composing(), LARGE) as pilot:
            await put(pilot, "actions", f"rotated token={TOKEN} @here")
            await settle(pilot)
            text = screen_text(pilot.app)
            assert "1 secret redacted" in text
            assert "@here notifies everyone" in text
            shown = composer(pilot.app).shown
            assert shown is not None
            assert TOKEN not in shown.message.text
            await pilot.press("escape")
            await settle(pilot)
        assert TOKEN not in harness.journal.draft("INC-1/update/Alice")
        assert "rotated" in harness.journal.draft("INC-1/update/Alice")


async def test_a_text_that_is_too_long_for_one_post_is_said(tmp_path: Path) -> None:
    with incident(
        tmp_path, chats={"chat": FakeChat("chat", dedupes=True, max_length=120), "mail": FakeChat("mail")}
    ) as harness:
        async with run_screen(harness, composing()) as pilot:
            text = screen_text(pilot.app)
            assert re.search(r"! \d+ of 120 characters: in \d posts", text)
            assert "(1/" in text


class SlowChat(FakeChat):
    """Renders only once it may, where the text says ``slow``."""

    def render(self, message: Message) -> str:
        if "slow" in message.text:
            self.begun.set()
            assert self.free.wait(10)
        return super().render(message)

    begun: threading.Event
    free: threading.Event


async def test_a_stale_preview_cannot_land(tmp_path: Path) -> None:
    chat = SlowChat("chat", dedupes=True)
    chat.begun, chat.free = threading.Event(), threading.Event()
    with incident(tmp_path, chats={"chat": chat, "mail": FakeChat("mail", dedupes=True)}) as harness:
        async with run_screen(harness, composing()) as pilot:
            await put(pilot, "status", "slow")
            await until(pilot, chat.begun.is_set)
            await put(pilot, "status", "fresh")
            await until(pilot, lambda: "Status: fresh" in screen_text(pilot.app))
            chat.free.set()
            await settle(pilot)
            assert "Status: fresh" in screen_text(pilot.app)
            assert "Status: slow" not in screen_text(pilot.app)


async def test_a_destination_that_is_set_up_wrong_is_said_and_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with incident(tmp_path) as harness:

        def wrong(name: str) -> FakeChat:
            raise SettingsError("SLACK_TOKEN is not set", "Set it.", place="[destinations.chat]")

        monkeypatch.setattr(harness.room, "chats", wrong)
        async with run_screen(harness, composing()) as pilot:
            await put(pilot, "status", "Still at it")
            await settle(pilot)
            assert "SLACK_TOKEN is not set" in screen_text(pilot.app)
            assert value(pilot.app, "status") == "Still at it"


# ── sending ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_sending_writes_the_event_and_then_the_deliveries(tmp_path: Path) -> None:
    with incident(tmp_path) as harness:
        async with run_screen(harness, composing()) as pilot:
            await put(pilot, "next_update", "+20m")
            assert "= 14:41 CET, in 20 min" in screen_text(pilot.app)
            await pilot.press("ctrl+s")
            await settle(pilot)
            assert not isinstance(pilot.app.screen, ComposerScreen)
            assert any("INC-1·u2 is on its way to chat" in words for words in toasts(pilot.app))
        update = posted(harness)[-1].update
        assert len(harness.room.incident("INC-1").posts) == 2 and update.destinations == ("chat",)
        assert update.next_update_at == harness.clock() + timedelta(minutes=20)
        orders = [d for d in harness.room.deliveries("INC-1") if d.item.operation == "post"]
        assert [d.item.message.marker for d in orders if d.item.message] == ["INC-1·u1", "INC-1·u2"]
        assert orders[-1].state == "pending"
        assert harness.journal.draft("INC-1/update/Alice") == ""


async def test_sent_twice_is_posted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with incident(tmp_path) as harness:
        free, post_update = threading.Event(), harness.room.post_update

        def slow(*args: Any, **how: Any) -> Done:
            assert free.wait(10)
            return post_update(*args, **how)

        async with run_screen(harness, composing()) as pilot:
            monkeypatch.setattr(harness.room, "post_update", slow)
            await pilot.press("ctrl+s", "ctrl+s")
            free.set()
            await settle(pilot)
        assert len(posted(harness)) == 2


@pytest.mark.parametrize("size", SIZES)
async def test_an_update_names_the_next_one(tmp_path: Path, size: tuple[int, int]) -> None:
    with incident(tmp_path) as harness:
        async with run_screen(harness, composing(), size) as pilot:
            await put(pilot, "next_update", "")
            assert "✗ needed" in screen_text(pilot.app)
            await pilot.press("ctrl+s")
            await settle(pilot)
            assert "An update needs the time of the next one" in screen_text(pilot.app)
            assert pilot.app.focused is composer(pilot.app).query_one("#field-next_update")
            await type_in(pilot, "soon")
            assert "✗ not a time" in screen_text(pilot.app)
            await pilot.press("ctrl+s")
            await settle(pilot)
            assert len(posted(harness)) == 1
            await put(pilot, "next_update", "14:40")
            await pilot.press("ctrl+s")
            await settle(pilot)
        assert posted(harness)[-1].update.next_update_at == START + timedelta(minutes=25)


async def test_a_full_disk_costs_nothing_that_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with incident(tmp_path) as harness:

        def full(*args: Any, **how: Any) -> Any:
            raise NotSaved("The disk is full", "Make room, then try again.")

        async with run_screen(harness, composing()) as pilot:
            monkeypatch.setattr(harness.journal, "append", full)
            await put(pilot, "status", "Nearly there")
            await pilot.press("ctrl+s")
            await settle(pilot)
            assert "✗ The disk is full" in screen_text(pilot.app)
            assert value(pilot.app, "status") == "Nearly there"
            await put(pilot, "status", "Nearly there now")
            assert "The disk is full" not in screen_text(pilot.app), "an error that no longer fits is gone"
            monkeypatch.undo()
            await pilot.press("ctrl+s")
            await settle(pilot)
        assert posted(harness)[-1].update.fields["status"] == "Nearly there now"


async def test_a_destination_is_left_out_with_space(tmp_path: Path) -> None:
    both = {**DESTINATIONS, "second": DESTINATIONS["chat"].model_copy(update={"name": "second"})}
    with incident(tmp_path, destinations=both) as harness:
        async with run_screen(harness, composing()) as pilot:
            composer(pilot.app).query_one("#destinations").focus()
            await pilot.press("down")
            await settle(pilot)
            assert "Preview · second" in screen_text(pilot.app)
            assert "[second]" in screen_text(pilot.app)
            await pilot.press("space")
            await settle(pilot)
            assert "○ second" in screen_text(pilot.app)
            await pilot.press("ctrl+s")
            await settle(pilot)
        assert posted(harness)[-1].update.destinations == ("chat",)


# ── to whom ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_words_to_customers_look_different_and_need_the_commanders_ok(tmp_path: Path) -> None:
    with incident(tmp_path, by="Bob") as harness:
        async with run_screen(harness, composing()) as pilot:
            inside = composer(pilot.app).query_one("#write").styles.border_top
            await pilot.press("ctrl+t")
            await settle(pilot)
            text = screen_text(pilot.app)
            assert "PUBLIC · sent to customers" in text
            assert "✓ mail" in text
            assert "ask Alice" in text
            assert composer(pilot.app).query_one("#write").styles.border_top != inside
            await pilot.press("ctrl+s")
            await settle(pilot)
            assert "need the incident commander's OK" in screen_text(pilot.app)
            assert pilot.app.focused is composer(pilot.app).query_one("#field-approved")
            await type_in(pilot, "Alice")
            await pilot.press("ctrl+s")
            await settle(pilot)
            await pilot.press("ctrl+s")
            await settle(pilot)
        update = posted(harness)[-1].update
        assert (update.audience, update.approved_by, update.destinations) == ("customers", "Alice", ("mail",))


async def test_posting_to_customers_takes_a_second_key_that_names_where_and_an_edit_takes_the_first_back(
    tmp_path: Path,
) -> None:
    with incident(tmp_path) as harness:
        async with run_screen(harness, composing("customer_initial")) as pilot:
            before = len(posted(harness))
            assert not composer(pilot.app).query("#field-approved")  # who leads approves by sending twice
            await pilot.press("ctrl+s")
            await settle(pilot)
            text = screen_text(pilot.app)
            assert "customers will read this on mail" in text and "post to mail" in text
            assert len(posted(harness)) == before
            await put(pilot, "customer_name", "all")
            assert "customers will read this" not in screen_text(pilot.app)
            await pilot.press("ctrl+s")
            await settle(pilot)
            assert len(posted(harness)) == before
            await pilot.press("ctrl+s")
            await settle(pilot)
        assert posted(harness)[-1].update.approved_by == "Alice"


async def test_up_and_down_choose_the_status_and_own_words_stay_possible(tmp_path: Path) -> None:
    with incident(tmp_path) as harness:
        async with run_screen(harness, composing("update")) as pilot:
            field = composer(pilot.app).query_one("#field-status", Input)
            field.focus()
            await pilot.press("down")
            assert value(pilot.app, "status") == "Identified"
            await pilot.press("up", "up")
            assert value(pilot.app, "status") == "Mitigated"
            await put(pilot, "status", "Half way")
            await pilot.press("down")
            assert value(pilot.app, "status") == "Investigating"
            assert "↑↓ choose" in screen_text(pilot.app)


async def test_the_preview_is_shown_as_it_is_sent_or_as_it_is_read(tmp_path: Path) -> None:
    with incident(tmp_path) as harness:
        async with run_screen(harness, composing("update")) as pilot:
            await put(pilot, "impact", "**all** cards, 2 * 3 * 4")
            await until(pilot, lambda: "**all** cards" in screen_text(pilot.app))
            await pilot.press("ctrl+r")
            await settle(pilot)
            text = screen_text(pilot.app)
            assert "all cards, 2 * 3 * 4" in text and "rendered, ^r raw" in text
            await pilot.press("ctrl+r")
            await settle(pilot)
            assert "raw, ^r rendered" in screen_text(pilot.app)


async def test_the_countdown_to_the_next_update_stays_in_sight_while_one_writes(tmp_path: Path) -> None:
    with incident(tmp_path) as harness:
        async with run_screen(harness, composing("update")) as pilot:
            assert re.search(r"update in \d+ min", screen_text(pilot.app))
            harness.clock.later(minutes=40)
            composer(pilot.app).tick()
            await settle(pilot)
            assert re.search(r"update \d+ min OVERDUE", screen_text(pilot.app))


def test_customers_read_the_service_as_the_settings_describe_it(tmp_path: Path) -> None:
    with incident(tmp_path) as harness:
        harness.room.post_update("INC-1", "customer_initial", {})
        update = posted(harness)[-1].update
        assert "issues with Card payments" in update.words and update.title == "Service Issue - Card payments"
        assert "checkout-api" not in update.words and "INC-1" not in update.words


async def test_customers_are_greeted_once_then_updated(tmp_path: Path) -> None:
    with incident(tmp_path) as harness:
        harness.room.post_update("INC-1", "customer_initial", {})
        async with run_screen(harness, composing()) as pilot:
            await pilot.press("ctrl+t")
            await settle(pilot)
            assert composer(pilot.app).template == "customer_update"


async def test_where_nobody_is_reached_the_text_can_be_copied_and_is_recorded(tmp_path: Path) -> None:
    with incident(tmp_path, destinations={"chat": DESTINATIONS["chat"]}) as harness:
        async with run_screen(harness, composing("customer_initial")) as pilot:
            assert "No destination takes messages to customers" in screen_text(pilot.app)
            await pilot.press("ctrl+y")
            shown = composer(pilot.app).shown
            assert shown is not None
            assert cast(SingleScreenApp, pilot.app).copied == [shown.message.text]
            await pilot.press("ctrl+s")
            await settle(pilot)
            assert any("is recorded" in words for words in toasts(pilot.app))
        assert posted(harness)[-1].update.destinations == ()


async def test_a_resolved_incident_is_told_resolved(tmp_path: Path) -> None:
    with incident(tmp_path) as harness:
        harness.room.execute("INC-1", RecordFix("rolled back"))
        harness.room.execute("INC-1", Resolve("seen to be well"))
        async with run_screen(harness, composing()) as pilot:
            assert composer(pilot.app).template == "resolution"
            await pilot.press("ctrl+s")
            await settle(pilot)
        assert posted(harness)[-1].update.message == "resolution"


async def test_each_message_keeps_its_own_words(tmp_path: Path) -> None:
    with incident(tmp_path) as harness:
        async with run_screen(harness, composing()) as pilot:
            await put(pilot, "status", "For the team")
            composer(pilot.app).query_one("#which").focus()
            await pilot.press("right", "right")
            await settle(pilot)
            assert composer(pilot.app).template in ("customer_initial", "executive")
            await pilot.press("left")
            await settle(pilot)
            while composer(pilot.app).template != "update":
                await pilot.press("ctrl+t")
                await settle(pilot)
            assert value(pilot.app, "status") == "For the team"


async def test_a_teammates_post_meanwhile_is_said(tmp_path: Path) -> None:
    with incident(tmp_path) as harness, AppHarness(tmp_path, by="Bob", clock=harness.clock) as other:
        async with run_screen(harness, composing(), LARGE) as pilot:
            await put(pilot, "status", "Mine")
            other.room.post_update("INC-1", "update", {})
            await until(
                pilot, lambda: "Bob posted update #2 at 14:21:00, while you were writing" in screen_text(pilot.app)
            )
            await settle(pilot)
            assert value(pilot.app, "status") == "Mine"


@pytest.mark.parametrize("template", ["update", "executive", "customer_initial"])
async def test_a_second_update_within_a_minute_asks_before_it_goes_out(tmp_path: Path, template: str) -> None:
    with incident(tmp_path) as harness, AppHarness(tmp_path, by="Bob", clock=harness.clock) as other:
        before = len(posted(harness))
        async with run_screen(harness, composing(template), LARGE) as pilot:
            other.room.post_update("INC-1", template, {}, approved_by="Alice")
            harness.clock.later(seconds=20)
            for _ in range(1 + template.startswith("customer")):  # customers take a second key
                await pilot.press("ctrl+s")
                await settle(pilot)
            await settle(pilot)
            text = screen_text(pilot.app)
            assert f"Bob posted update #{before + 1} to" in text and "20 s ago" in text
            assert "Post yours too?" in text
            await pilot.press("enter")  # the first answer keeps it back
            await settle(pilot)
            assert isinstance(pilot.app.screen, ComposerScreen) and len(posted(harness)) == before + 1
            for _ in range(1 + template.startswith("customer")):
                await pilot.press("ctrl+s")
                await settle(pilot)
            await pilot.press("down", "enter")
            await settle(pilot)
            assert [post.by for post in posted(harness)[before:]] == ["Bob", "Alice"]


async def test_a_third_update_while_the_question_stands_is_asked_about_too(tmp_path: Path) -> None:
    with incident(tmp_path) as harness, AppHarness(tmp_path, by="Bob", clock=harness.clock) as other:
        async with run_screen(harness, composing(), LARGE) as pilot:
            other.room.post_update("INC-1", "update", {})
            await pilot.press("ctrl+s")
            await settle(pilot)
            other.room.post_update("INC-1", "update", {})
            await pilot.press("down", "enter")
            await settle(pilot)
            assert "Bob posted update #3" in screen_text(pilot.app)
            assert [post.by for post in posted(harness)] == ["Alice", "Bob", "Bob"]


async def test_a_draft_is_not_shown_to_anybody_else(tmp_path: Path) -> None:
    with incident(tmp_path) as harness, AppHarness(tmp_path, by="Bob", clock=harness.clock) as other:
        async with run_screen(harness, composing()) as pilot:
            await put(pilot, "status", "Half a sen")
            await pilot.press("escape")
            await settle(pilot)
        async with run_screen(other, composing()) as pilot:
            assert value(pilot.app, "status") == "Investigating"
            await put(pilot, "status", "Bob's")
            await pilot.press("escape")
            await settle(pilot)
        async with run_screen(harness, composing()) as pilot:
            assert value(pilot.app, "status") == "Half a sen"


async def test_a_draft_of_an_earlier_version_opens_and_is_said_to_be_anybodys(tmp_path: Path) -> None:
    with incident(tmp_path) as harness, AppHarness(tmp_path, by="Bob", clock=harness.clock) as other:
        other.room.execute("INC-1", Note("seen on eu-1"))
        harness.journal.save_draft("INC-1/update", packed({"field.status": "Half a sen"}))
        async with run_screen(harness, composing()) as pilot:
            assert value(pilot.app, "status") == "Half a sen"
            assert any("did not record who wrote it" in words for words in toasts(pilot.app))
        async with run_screen(other, composing()) as pilot:
            assert value(pilot.app, "status") == "Investigating"


# ── drafts ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("leaving", ["escape", "kill"])
async def test_what_is_half_written_survives(tmp_path: Path, leaving: str) -> None:
    clock = Clock(START)
    with incident(tmp_path, clock=clock) as harness:
        harness.room.execute("INC-1", Note("DB pool exhausted", "finding"))
        async with run_screen(harness, composing()) as pilot:
            await put(pilot, "actions", "Half a sen")
            if leaving == "escape":
                await pilot.press("escape")
                await settle(pilot)
            else:
                await until(pilot, lambda: "Half a sen" in harness.journal.draft("INC-1/update/Alice"))
                kept = harness.journal.draft("INC-1/update/Alice")
        if leaving == "kill":
            harness.journal.save_draft("INC-1/update/Alice", kept)
    clock.later(minutes=4)
    with AppHarness(tmp_path, clock=clock) as harness:
        harness.room.execute("INC-1", Note("eu-1 only", "finding"))
        async with run_screen(harness, composing()) as pilot:
            # What happened since is added; what was cut is not brought back; the proposed time is a new one.
            assert value(pilot.app, "actions").splitlines() == ["Half a sen", "Found: eu-1 only"]
            assert value(pilot.app, "next_update") == "14:40"
        assert "Half a sen" in harness.journal.draft("INC-1/update/Alice")


@pytest.mark.parametrize(
    "typed",
    [
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEabcdefghijklmnopqrstuvwxyz",
        pytest.param('curl -u root:hunter2"x\nthen "this"', marks=pytest.mark.nightly),
        pytest.param(f"token={TOKEN}\\\nand the next line", marks=pytest.mark.nightly),
        pytest.param('[/api]\n\n  set in, with "quotes"', marks=pytest.mark.nightly),
    ],
)
async def test_no_secret_in_a_draft_costs_the_rest_of_it(tmp_path: Path, typed: str) -> None:
    masked = redact(typed, personal=False).text
    with incident(tmp_path) as harness:
        async with run_screen(harness, composing()) as pilot:
            composer(pilot.app).query_one("#field-actions", TextArea).load_text(typed)
            await put(pilot, "status", "Half")
            await pilot.press("escape")
            await settle(pilot)
        async with run_screen(harness, composing()) as pilot:
            assert value(pilot.app, "status") == "Half"
            assert value(pilot.app, "actions") == masked


@given(st.dictionaries(st.sampled_from(["status", "field.actions", "off"]), st.text(max_size=60)))
@example({"status": "password:", "off": "x"})
@example({"status": "-----BEGIN RSA PRIVATE KEY-----\nMIIEabcdef", "off": "x"})
@example({"status": "\n", "off": ""})
def test_a_draft_comes_back_as_it_was_masked(values: dict[str, str]) -> None:
    kept = redact(packed(values), personal=False).text  # as the room keeps it
    assert unpacked(kept) == {name: redact(text, personal=False).text for name, text in values.items()}


async def test_an_untouched_form_leaves_no_draft(tmp_path: Path) -> None:
    with incident(tmp_path) as harness:
        async with run_screen(harness, composing()) as pilot:
            await pilot.press("escape")
            await settle(pilot)
        assert harness.journal.draft("INC-1/update/Alice") == ""


# ── the editor ────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_long_field_can_be_written_in_an_editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor = tmp_path / "edit.sh"
    editor.write_text('#!/bin/sh\nprintf "from the editor\\033[2J\\nsecond" > "$2"\n')
    editor.chmod(0o700)
    monkeypatch.setenv("EDITOR", f"{editor} --wait")
    monkeypatch.delenv("VISUAL", raising=False)
    with incident(tmp_path) as harness:
        async with run_screen(harness, composing(), LARGE) as pilot:
            monkeypatch.setattr(pilot.app, "suspend", contextlib.nullcontext)  # no terminal to lend in a test
            await pilot.press("ctrl+e")
            await settle(pilot)
            assert value(pilot.app, "actions") == "from the editor␛[2J\nsecond"
            assert "from the editor␛[2J" in screen_text(pilot.app)


@pytest.mark.parametrize(("editor", "words"), [("", "EDITOR is not set"), ("/no/such/editor", "/no/such/editor")])
async def test_no_editor_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, editor: str, words: str) -> None:
    monkeypatch.setenv("EDITOR", editor)
    monkeypatch.delenv("VISUAL", raising=False)
    with incident(tmp_path) as harness:
        async with run_screen(harness, composing()) as pilot:
            monkeypatch.setattr(pilot.app, "suspend", contextlib.nullcontext)
            await pilot.press("ctrl+e")
            await settle(pilot)
            assert any(words in result for result in toasts(pilot.app))
            assert isinstance(pilot.app.screen, ComposerScreen)


# ── bad input ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "hostile",
    [
        "[@click=app.quit]x[/]",
        *(
            pytest.param(text, marks=pytest.mark.nightly)
            for text in ("[INC-42] x", "[/api]", f"{ESC}]52;c;eA==\x07{ESC}[2J")
        ),
    ],
)
async def test_hostile_text_neither_breaks_nor_acts(tmp_path: Path, hostile: str) -> None:
    with incident(tmp_path) as harness:
        harness.room.execute("INC-1", Note(hostile, "finding"))
        async with run_screen(harness, composing(), LARGE) as pilot:
            for name in ("status", "impact", "actions", "eta"):
                field = composer(pilot.app).query_one(f"#field-{name}")
                field.focus()
                await pilot.pause()
                field.post_message(events.Paste(f"{hostile}\nsecond line"))
                await settle(pilot)
                assert ESC not in value(pilot.app, name)
                assert "second line" in value(pilot.app, name)
            assert ESC not in screen_text(pilot.app)
            assert hostile.replace(ESC, "␛").replace("\x07", "␇") in screen_text(pilot.app)
            await pilot.press("ctrl+s")
            await settle(pilot)
        assert len(posted(harness)) == 2
        assert ESC not in posted(harness)[-1].update.words


async def test_letters_never_act(tmp_path: Path) -> None:
    with incident(tmp_path) as harness:
        async with run_screen(harness, composing()) as pilot:
            before = harness.room.incident("INC-1").version
            await put(pilot, "status", "dDHT?unqrRC x")
            assert value(pilot.app, "status") == "dDHT?unqrRC x"
            for name in ("#which", "#preview", "#destinations"):
                composer(pilot.app).query_one(name).focus()
                await type_in(pilot, "dDHT?unqrRCk")
                await settle(pilot)
            assert isinstance(pilot.app.screen, ComposerScreen)
            assert (cast(SingleScreenApp, pilot.app).done, toasts(pilot.app)) == ([], [])
            assert harness.room.incident("INC-1").version == before


async def test_resizing_keeps_what_is_half_typed(tmp_path: Path) -> None:
    with incident(tmp_path) as harness:
        async with run_screen(harness, composing(), LARGE) as pilot:
            await put(pilot, "actions", "Half a sen")
            for size in (SMALL, (40, 12), LARGE, (2, 2), (120, 36), SMALL):
                await pilot.resize_terminal(*size)
                await pilot.pause()
            await type_in(pilot, "tence")
            await settle(pilot)
            assert value(pilot.app, "actions") == "Half a sentence"
            assert pilot.app.focused is composer(pilot.app).query_one("#field-actions")
            assert "Half a sentence" in screen_text(pilot.app)


@pytest.mark.parametrize("size", SIZES)
async def test_the_preview_can_be_read_to_its_end(tmp_path: Path, size: tuple[int, int]) -> None:
    with incident(tmp_path) as harness:
        for number in range(6):
            words = f"finding {number} with words enough to be wrapped at eighty columns"
            harness.room.execute("INC-1", Note(words, "finding"))
        async with run_screen(harness, composing(), size) as pilot:
            composer(pilot.app).query_one("#preview").focus()
            await pilot.press("end")
            await settle(pilot)
            assert "INC-1·u2" in screen_text(pilot.app)
            assert "Next update: 14:36 CET" in screen_text(pilot.app)


@pytest.mark.parametrize("size", SIZES)
async def test_from_declaring_to_a_post_that_arrived_on_the_whole_console(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    with AppHarness(tmp_path) as harness:
        async with run_console(harness, size) as pilot:
            await pilot.press("d")
            await settle(pilot)
            await type_in(pilot, "che\tCard payments fail\n")
            await settle(pilot)
            await pilot.press("u")
            await settle(pilot)
            await pilot.press("f3")
            assert composer(pilot.app).has_class("-privacy")
            await pilot.press("f3", "ctrl+s")
            await settle(pilot)
            await asyncio.to_thread(harness.deliver)
            await pilot.press("o")
            await settle(pilot)
            assert "u2 update" in screen_text(pilot.app)
            assert "✓ delivered" in screen_text(pilot.app)
            await pilot.press("escape")
            await settle(pilot)
            assert "INC-1" in screen_text(pilot.app)
        assert [message.marker for message in harness.chats["chat"].messages] == ["INC-1·u1", "INC-1·u2"]


async def test_a_destination_that_is_badly_set_up_is_said_and_does_not_cost_the_others(tmp_path: Path) -> None:
    with AppHarness(
        tmp_path,
        destinations={
            "chat": Destination(name="chat", backend="recording", audiences=("team",)),
            "page": Destination(name="page", backend="recording", audiences=("team",)),
        },
    ) as harness:
        incident_id = harness.room.declare(Declare("checkout-api", "Card payments fail")).incident.id
        made: list[str] = []

        def chats(name: str) -> Any:
            made.append(name)
            if name == "page":
                raise SettingsError("the secret cannot be had", place="[destinations.page] token")
            return harness.chats[name]

        harness.room.chats = chats
        for _ in range(2):
            copies = {c.destination: c for c in harness.room.preview_update(incident_id, "update", {}).copies}
        assert "the secret cannot be had" in copies["page"].problem
        assert copies["chat"].text.startswith("[chat]")
        assert made.count("chat") == 1, "what was set up once is not set up at every pause in typing"


# ── the tense, maintenance, whose update is due ───────────────────────────────────────────────────────────


async def test_the_impact_is_named_in_the_tense_of_the_status_that_is_chosen(tmp_path: Path) -> None:
    with incident(tmp_path) as harness:
        async with run_screen(harness, composing(), LARGE) as pilot:
            assert "Impact was" not in screen_text(pilot.app)
            await put(pilot, "status", "Mitigated")
            await settle(pilot)
            assert screen_text(pilot.app).count("Impact was") == 2, "the field's label and the preview"
            await put(pilot, "status", "Identified")
            await settle(pilot)
            assert "Impact was" not in screen_text(pilot.app)


@pytest.mark.parametrize("size", SIZES)
async def test_a_maintenance_window_is_announced_to_customers(tmp_path: Path, size: tuple[int, int]) -> None:
    with incident(tmp_path) as harness:
        async with run_screen(harness, composing(), size) as pilot:
            await pilot.press("ctrl+t", "ctrl+t", "ctrl+t")
            await until(pilot, lambda: composer(pilot.app).template == "customer_maintenance")
            await settle(pilot)
            text = screen_text(pilot.app)
            assert "‹ Maintenance ›" in text and "PUBLIC · sent to customers" in text and "Impact was" not in text
            await pilot.press("ctrl+s", "ctrl+s")
            await settle(pilot)
            assert "A maintenance notice needs the start of its window" in screen_text(pilot.app)
            for name, words in (
                ("window_start", "2026-01-31 22:00"),
                ("window_end", "90m"),
                ("impact", "Payments may fail"),
                ("rollback", "We go back to the version of today"),
            ):
                await put(pilot, name, words)
            await settle(pilot)
            assert "= 23:30 CET, 1 h 30 min long" in screen_text(pilot.app)
            await pilot.press("ctrl+s")
            await settle(pilot)
            assert len(posted(harness)) == 1, "once more, as with all that customers read"
            await pilot.press("ctrl+s")
            await settle(pilot)
        await asyncio.to_thread(harness.deliver)
        (notice,) = harness.chats["mail"].messages
        assert notice.kind == "maintenance" and "Until: 23:30 CET (22:30 UTC)" in notice.text


async def test_the_head_counts_down_to_the_update_of_whom_it_is_written_to(tmp_path: Path) -> None:
    with incident(tmp_path) as harness:
        harness.room.post_update("INC-1", "customer_initial", {"next_update": "+4m"})
        async with run_screen(harness, composing()) as pilot:
            assert "update in 9 min" in screen_lines(pilot.app)[0]
            await pilot.press("ctrl+t")
            await settle(pilot)
            assert "update in 4 min" in screen_lines(pilot.app)[0]
