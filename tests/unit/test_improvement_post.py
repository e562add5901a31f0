"""The line about a better quarter: posted once for each quarter, as its preview said, its outcome never guessed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from harness.app import AppHarness
from harness.fakes import Clock, FakeChat

from warroom.config.settings import Destination
from warroom.errors import NotFound, Refusal, Unconfirmed
from warroom.incident.commands import Declare, Resolve
from warroom.incident.delivery import DeliveryState
from warroom.incident.events import TEAM
from warroom.room.figures_reader import FiguresReader
from warroom.room.improvement import (
    ImprovementPost,
    improvement_deliveries,
    post_improvement,
    prepare_improvement,
)

LINE = "Q4 2025 was better than Q3 2025: mitigated in 20 min (was 1 h), resolved in 20 min (was 1 h). 3 incidents."


def two_quarters(folder: Path, chat: FakeChat, minutes: int = 20) -> AppHarness:
    """Three incidents of an hour each in one quarter, three of 20 minutes in the next; it is January."""
    destinations = {
        "chat": Destination(name="chat", backend="recording", audiences=("team",)),
        "mail": Destination(name="mail", backend="recording", audiences=("customers",)),
    }
    chats = {"chat": chat, "mail": FakeChat("mail")}
    harness = AppHarness(folder, clock=Clock(), chats=chats, destinations=destinations)
    for month, took in ((7, 60), (8, 60), (9, 60), (10, minutes), (11, minutes), (12, minutes)):
        harness.clock.at = datetime(2025, month, 3, 9, tzinfo=UTC)
        incident = harness.room.declare(Declare("checkout-api", "No orders", "low")).incident.id
        harness.clock.later(minutes=took)
        harness.room.execute(incident, Resolve("enough"))
    harness.clock.at = datetime(2026, 1, 5, 9, tzinfo=UTC)
    harness.deliver()
    chat.messages.clear()
    return harness


def prepared(harness: AppHarness) -> ImprovementPost:
    return prepare_improvement(harness.room, FiguresReader(harness.room).read())


def test_what_the_preview_shows_is_what_the_team_reads_and_customers_do_not(tmp_path: Path) -> None:
    chat = FakeChat("chat")
    with two_quarters(tmp_path, chat) as harness:
        post = prepared(harness)
        assert post.words == LINE and post.preview() == f"── chat\n[chat] {LINE}"
        assert not harness.room.deliveries(TEAM), "a preview sends nothing"
        post_improvement(harness.room, post)
        harness.deliver()
        assert [one.text for one in chat.messages] == [LINE]
        assert [one.destination for one in improvement_deliveries(harness.room, post.quarter)] == ["chat"]


def test_of_two_consoles_one_posts_it_and_the_other_hears_who_did(tmp_path: Path) -> None:
    chat = FakeChat("chat")
    with (
        two_quarters(tmp_path, chat) as first,
        AppHarness(
            tmp_path, by="Bob", clock=first.clock, chats=first.chats, destinations=first.settings.destinations
        ) as second,
    ):
        mine, theirs = prepared(first), prepared(second)
        post_improvement(first.room, mine)
        with pytest.raises(Refusal, match="posted already, by Alice on 05 Jan 2026"):
            post_improvement(second.room, theirs)
        with pytest.raises(Refusal, match="posted already"):
            prepared(second)
        first.deliver()
        assert len(chat.messages) == 1


def test_an_unknown_outcome_is_reported_as_unknown_and_waits_for_a_person(tmp_path: Path) -> None:
    chat = FakeChat("chat")
    with two_quarters(tmp_path, chat) as harness:
        chat.outcomes = [Unconfirmed("no answer")]
        post_improvement(harness.room, prepared(harness))
        harness.deliver()
        (delivery,) = improvement_deliveries(harness.room, "Q4 2025")
        assert delivery.state is DeliveryState.UNCONFIRMED
        assert delivery in harness.room.stuck()
        harness.room.confirm_delivery(delivery.id, sent=True)
        (delivery,) = improvement_deliveries(harness.room, "Q4 2025")
        assert delivery.state is DeliveryState.DELIVERED and not chat.messages, "it was not sent a second time"


def test_a_quarter_that_was_not_better_is_not_posted(tmp_path: Path) -> None:
    with (
        two_quarters(tmp_path, FakeChat("chat"), minutes=90) as harness,
        pytest.raises(Refusal, match="Q4 2025 was not better"),
    ):
        prepared(harness)


def test_without_a_destination_of_the_team_there_is_nowhere_to_post(tmp_path: Path) -> None:
    with two_quarters(tmp_path, FakeChat("chat")) as harness:
        chosen = harness.room.settings
        only = {"mail": chosen.destinations["mail"]}
        harness.room.updates.settings = chosen.model_copy(update={"destinations": only})
        with pytest.raises(NotFound):
            prepared(harness)
