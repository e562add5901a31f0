"""The outbox worker: what each outcome leads to and when, on a virtual clock and a chat of the port's shape."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness import servers
from harness.fakes import Clock, FakeChat
from pydantic import SecretStr

from warroom.config.loading import load_playbook
from warroom.config.settings import Destination, Person, Settings, Team
from warroom.connect.attempt import leaving
from warroom.connect.chat import headline
from warroom.connect.chat.webhook import Webhook, WebhookOptions
from warroom.connect.ports import Chat
from warroom.errors import NotSent, Refusal, Rejected, SettingsError, Unconfirmed
from warroom.incident.commands import Declare
from warroom.incident.delivery import Channel, Delivery, DeliveryState, Message, Opening, OutboxItem, Receipt
from warroom.incident.events import Noted
from warroom.incident.roles import Assign
from warroom.journal.sqlite import SqliteJournal
from warroom.room import background
from warroom.room import outbox as outbox_module
from warroom.room.jobs import JobRunner
from warroom.room.outbox import OutboxWorker, backoff
from warroom.room.room import WarRoom

START = datetime(2026, 1, 28, 12, 0, tzinfo=UTC)
PLAYBOOK = load_playbook(Settings())


class RoomHarness:
    """A room on a journal of its own with the named fake chats as destinations."""

    def __init__(self, path: Path, chats: dict[str, FakeChat], **destinations: dict[str, Any]) -> None:
        self.clock = Clock()
        self.chats = chats
        self.journal = SqliteJournal(path)
        settings = Settings(
            team=Team(
                people=(
                    Person(name="Ada", handles={"fake": "U-ADA"}),
                    Person(name="Bo", handles={"a": "U-BO-HERE"}),
                    Person(name="Cy"),
                )
            ),
            destinations={
                name: Destination.model_validate({"name": name, "backend": "fake", **destinations.get(name, {})})
                for name in chats
            },
        )
        self.made: list[str] = []
        self.room = WarRoom(self.journal, PLAYBOOK, settings, by="Ada", clock=self.clock, chats=self.chat)
        self.outbox = OutboxWorker(self.room)

    def chat(self, name: str) -> Chat:
        self.made.append(name)
        return self.chats[name]

    def declare(self, **more: Any) -> str:
        return self.room.declare(Declare("checkout-api", "No orders", "critical", **more)).incident.id

    def update(self, incident: str) -> None:
        self.room.post_update(incident, "update", {"next_update": "+15m"})

    def deliver(self, rounds: int = 1) -> list[Delivery]:
        """Let the outbox worker do all that is due now."""
        for _ in range(rounds):
            asyncio.run(self.outbox._work(lambda: self.outbox.idle, look_s=0.02))
        return self.room.deliveries()

    def state(self, ends: str) -> Delivery:
        return next(delivery for delivery in self.room.deliveries() if delivery.id.endswith(ends))

    @property
    def post(self) -> Delivery:
        """The first post of the first destination."""
        return next(delivery for delivery in self.room.deliveries() if delivery.item.operation == "post")


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine must not cut off what a test lets the outbox worker finish."""
    monkeypatch.setattr(outbox_module, "GRACE_S", 20.0)


@pytest.fixture
def make_harness(tmp_path: Path) -> Iterator[Callable[..., RoomHarness]]:
    made: list[RoomHarness] = []

    def make(chats: dict[str, FakeChat] | None = None, **destinations: dict[str, Any]) -> RoomHarness:
        made.append(RoomHarness(tmp_path / f"journal{len(made)}", chats or {"a": FakeChat()}, **destinations))
        return made[-1]

    yield make
    for one in made:
        one.journal.close()


# what arrives, and in what order


def test_a_declaration_opens_the_channel_posts_and_shows_the_status(
    make_harness: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat()
    harness = make_harness({"a": chat})
    incident = harness.declare()
    assert {d.state for d in harness.deliver()} == {DeliveryState.DELIVERED}
    assert [act for act, _ in chat.asked] == ["open", "post", "status"]
    assert harness.post.receipt == Receipt(id=f"m-{harness.post.id}")
    opening = chat.openings[0]
    assert opening.name == "inc-1-checkout-api" and opening.incident == incident
    assert opening.invite == ("U-ADA", "U-BO-HERE")
    assert harness.room.incident(incident).channels["a"] == Channel(id="C-", name="#inc-1-checkout-api")
    assert {"channel", "tag-people"} <= set(harness.room.incident(incident).ticks)
    assert chat.closed == 1


def test_nothing_is_sent_twice_however_often_the_outbox_is_looked_at(
    make_harness: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat()
    harness = make_harness({"a": chat})
    harness.declare()
    harness.deliver(3)
    assert len(chat.arrived) == len(set(chat.arrived)) == 2


def test_order_is_kept_in_a_lane_and_lanes_do_not_wait_for_each_other(
    make_harness: Callable[..., RoomHarness],
) -> None:
    slow, quick = FakeChat(outcomes=[NotSent("slow down", retry_after=60)]), FakeChat()
    harness = make_harness({"slow": slow, "quick": quick})
    incident = harness.declare()
    harness.update(incident)
    harness.deliver()
    assert len(quick.tried) == 2 and len(slow.tried) == 1, "the throttled one keeps its second post back"
    harness.clock.later(61)
    harness.deliver()
    order = [delivery.id for delivery in harness.room.deliveries() if delivery.item.operation == "post"]
    assert slow.arrived[:1] == [key for key in order if ".slow." in key][:1]
    assert [key for key in slow.arrived if key.endswith("post")] == [key for key in order if ".slow." in key]


def test_a_destination_that_hangs_delays_no_other(make_harness: Callable[..., RoomHarness]) -> None:
    hangs, quick = FakeChat(), FakeChat()
    harness = make_harness({"hangs": hangs, "quick": quick})
    harness.declare()

    async def work() -> None:
        hangs.gate = asyncio.Event()
        outbox = OutboxWorker(harness.room)
        done = threading.Event()
        task = asyncio.create_task(outbox._work(done.is_set, look_s=0.01))
        async with asyncio.timeout(10):
            sent = [DeliveryState.DELIVERED] * 3
            while not hangs.under_way or [d.state for d in harness.room.deliveries() if ".quick." in d.id] != sent:
                await asyncio.sleep(0.001)
            assert harness.state("hangs.post").state is DeliveryState.SENDING
            hangs.gate.set()
            while harness.state("hangs.status").state is not DeliveryState.DELIVERED:
                await asyncio.sleep(0.001)
            done.set()
            await task

    asyncio.run(work())


def test_one_lane_has_one_request_at_a_time(make_harness: Callable[..., RoomHarness]) -> None:
    chat = FakeChat()
    harness = make_harness({"a": chat})
    incident = harness.declare()
    for _ in range(4):
        harness.update(incident)
    harness.deliver()
    assert chat.most_under_way == 1


def test_the_status_message_is_one_and_is_edited(make_harness: Callable[..., RoomHarness]) -> None:
    chat = FakeChat()
    harness = make_harness({"a": chat})
    incident = harness.declare()
    harness.deliver()
    harness.update(incident)
    harness.deliver()
    first = next(one for one in harness.room.deliveries() if one.item.operation == "status")
    assert [previous for previous, _ in chat.statuses] == ["", f"s-{first.id}"]


def test_a_backend_is_made_once_for_many_incidents(make_harness: Callable[..., RoomHarness]) -> None:
    chat = FakeChat()
    harness = make_harness({"a": chat})
    for _ in range(5):
        harness.declare()
    harness.deliver()
    assert harness.made.count("a") == chat.closed == 1


# outcomes


def test_what_was_certainly_not_sent_is_tried_again_later_and_later(
    make_harness: Callable[..., RoomHarness], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)
    monkeypatch.setattr(outbox_module.random, "random", lambda: 0.0)
    chat = FakeChat(outcomes=[NotSent("no route") for _ in range(4)])
    harness = make_harness({"a": chat})
    harness.declare()
    for attempt, wait in enumerate((1, 2, 4, 8), 1):
        harness.deliver()
        post = harness.post
        assert (post.state, post.attempts, post.error) == (DeliveryState.PENDING, attempt, "no route")
        assert post.next_attempt_at is not None
        waited = (post.next_attempt_at - harness.clock()).total_seconds()
        assert wait <= waited <= wait * 1.25
        harness.clock.at = post.next_attempt_at - timedelta(milliseconds=1)
        harness.deliver()
        assert len(chat.tried) == attempt, "not a moment too soon"
        harness.clock.at = post.next_attempt_at
    harness.deliver()
    assert harness.post.state is DeliveryState.DELIVERED and harness.post.error == ""


def test_a_service_that_asks_for_a_longer_wait_gets_it(make_harness: Callable[..., RoomHarness]) -> None:
    chat = FakeChat(outcomes=[NotSent("slow down", retry_after=42)])
    harness = make_harness({"a": chat})
    harness.declare()
    harness.deliver()
    assert harness.post.next_attempt_at == START + timedelta(seconds=42)


def test_waits_grow_to_five_minutes_and_no_further() -> None:
    waits = [backoff(attempt, None, lambda: 0.0) for attempt in range(1, 12)]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert backoff(1, None, lambda: 1.0) == 1.25
    assert backoff(1, 7200) == 300 and backoff(10, 1, lambda: 0.0) == 300
    assert backoff(10_000, None, lambda: 0.0) == 300


def test_a_refusal_is_final_says_why_and_does_not_block_what_follows(
    make_harness: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat(outcomes=[Rejected("The channel is archived", "Unarchive it.")])
    harness = make_harness({"a": chat})
    incident = harness.declare()
    harness.deliver()
    assert harness.post.state is DeliveryState.FAILED
    assert harness.post.error == str(Rejected("The channel is archived", "Unarchive it."))
    harness.update(incident)
    harness.deliver()
    assert len(chat.arrived) == 2 and harness.post.state is DeliveryState.FAILED
    harness.room.confirm_delivery(harness.post.id, sent=False)
    harness.deliver()
    assert harness.post.state is DeliveryState.DELIVERED, "a person may have it sent again"


def test_a_channel_that_cannot_be_opened_is_said_at_every_post(make_harness: Callable[..., RoomHarness]) -> None:
    chat = FakeChat(refuses_to_open=Rejected("missing scope channels:manage"))
    harness = make_harness({"a": chat})
    harness.declare()
    assert {(d.state, d.error) for d in harness.deliver()} == {
        (DeliveryState.FAILED, "missing scope channels:manage")
    }
    chat.refuses_to_open = None
    harness.room.confirm_delivery(harness.post.id, sent=False)
    harness.deliver()
    assert harness.post.state is DeliveryState.DELIVERED, "the post opens what the opening could not"


def test_what_this_process_cannot_send_is_left_to_one_that_can(make_harness: Callable[..., RoomHarness]) -> None:
    harness = make_harness({"a": FakeChat(), "b": FakeChat()})

    def without_token(name: str) -> Chat:
        if name == "a":
            harness.made.append(name)
            raise SettingsError('the secret { env = "T" } cannot be had', "Put it there.", "[destinations.a] token")
        return harness.chats[name]

    without = WarRoom(
        harness.journal, PLAYBOOK, harness.room.settings, by="cron", clock=harness.clock, chats=without_token
    )
    harness.declare()
    begun = time.monotonic()
    left = OutboxWorker(without).drain(60)
    assert time.monotonic() - begun < 30, "what cannot be sent from here is not waited for"
    assert len(harness.made) <= 2, "nor tried over and over; a claim may be on its way already"
    waiting = [one for one in left if one.destination == "a"]
    assert {(one.state, one.attempts, one.next_attempt_at) for one in waiting} == {(DeliveryState.PENDING, 0, None)}
    assert waiting[0].lacks_settings and "[destinations.a] token" in waiting[0].error
    assert all(one.state is DeliveryState.DELIVERED for one in left if one.destination == "b")
    assert [one.id for one in harness.room.stuck()] == [waiting[0].id], "it is shown"
    assert {one.state for one in harness.deliver()} == {DeliveryState.DELIVERED}, "and another may send it at once"
    assert harness.room.stuck() == []


def test_a_destination_that_the_settings_lack_waits_for_others(make_harness: Callable[..., RoomHarness]) -> None:
    harness = make_harness({"a": FakeChat()})
    harness.declare()
    there = harness.room.settings
    harness.room.settings = there.model_copy(update={"destinations": {}})
    harness.deliver()
    assert {one.state for one in harness.room.deliveries()} == {DeliveryState.PENDING}
    assert "no longer name a" in harness.room.deliveries()[0].error
    harness.room.settings = there
    harness.outbox = OutboxWorker(harness.room)
    assert {one.state for one in harness.deliver()} == {DeliveryState.DELIVERED}


def test_a_process_tries_again_itself_once_what_was_missing_may_be_there(
    make_harness: Callable[..., RoomHarness], monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = make_harness({"a": FakeChat()})
    harness.outbox = OutboxWorker(harness.room, lambda: harness.clock().timestamp())
    tried: list[datetime] = []

    def missing(name: str) -> Chat:
        tried.append(harness.clock())
        raise SettingsError("the file is not there")

    ready, harness.room.chats = harness.room.chats, missing
    harness.declare()
    pauses = [outbox_module.UNABLE_S * 2**times for times in range(3)]
    for tries, pause in enumerate(pauses, 1):
        harness.deliver()
        harness.clock.later(pause - 0.1)
        harness.deliver()
        assert len(tried) == tries, "not before the pause is over, which doubles"
        harness.clock.later(0.1)
    harness.room.chats = ready
    harness.deliver()
    assert harness.post.state is DeliveryState.DELIVERED


def try_once(harness: RoomHarness) -> None:
    """Attempt the delivery that is due."""
    claimed = harness.journal.claim(harness.outbox.owner, harness.clock())
    assert claimed
    asyncio.run(harness.outbox._deliver(claimed))


@pytest.mark.parametrize(
    ("problem", "error"),
    [
        (NotSent("no route"), "no route"),
        (Unconfirmed("no answer"), "no answer"),
        (TimeoutError(), "Not sent: time ran out while its channel was being opened"),
        (ZeroDivisionError(), "a crashed: ZeroDivisionError"),
    ],
)
def test_an_opening_that_failed_for_now_is_tried_again_later(
    make_harness: Callable[..., RoomHarness], problem: Exception, error: str
) -> None:
    chat = FakeChat(refuses_to_open=problem)
    harness = make_harness({"a": chat})
    harness.declare()
    try_once(harness)
    opening = harness.state("open")
    assert (opening.state, opening.error) == (DeliveryState.PENDING, error)
    assert opening.next_attempt_at is not None and opening.next_attempt_at > harness.clock()
    chat.refuses_to_open = None
    harness.clock.at = opening.next_attempt_at
    assert {delivery.state for delivery in harness.deliver()} == {DeliveryState.DELIVERED}


def test_a_post_that_is_not_answered_in_time_is_in_doubt(make_harness: Callable[..., RoomHarness]) -> None:
    harness = make_harness({"a": FakeChat(outcomes=[TimeoutError()])})
    harness.declare()
    harness.deliver()
    assert (harness.post.state, harness.post.error) == (DeliveryState.UNCONFIRMED, "a took too long to answer")


def test_a_read_back_that_is_not_answered_in_time_leaves_the_post_in_doubt(
    make_harness: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat(reads_back=True, outcomes=[(Unconfirmed("no answer"),)], lost_reads=[TimeoutError()])
    harness = make_harness({"a": chat})
    harness.declare()
    harness.deliver()
    harness.clock.later(outbox_module.READ_BACK_S)
    harness.deliver()
    assert (harness.post.state, harness.post.error) == (DeliveryState.UNCONFIRMED, "a took too long to answer")
    assert harness.post.next_attempt_at is not None and chat.tried == [harness.post.id]


def test_all_that_was_refused_is_sent_again_but_no_replaced_status_and_nothing_in_doubt(
    make_harness: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat(refuses_to_open=Rejected("missing scope"))
    harness = make_harness({"a": chat, "b": FakeChat(outcomes=[Unconfirmed("no answer")])})
    incident = harness.declare()
    harness.deliver()
    harness.update(incident)
    harness.deliver()
    old, new = [one for one in harness.room.deliveries() if one.id.endswith("a.status")]
    assert {one.state for one in harness.room.deliveries() if one.destination == "a"} == {DeliveryState.FAILED}
    chat.refuses_to_open = None
    again = harness.room.resend_failed()
    assert old.id not in {one.id for one in again} and new.id in {one.id for one in again}
    harness.deliver()
    assert [title for _, title in chat.statuses] == [new.item.message.title]  # type: ignore[union-attr]
    assert len(chat.tried) == 2 and harness.room.resend_failed() == []
    assert [one.state for one in harness.room.stuck()] == [DeliveryState.UNCONFIRMED], (
        "a replaced status asks nobody"
    )


def test_a_backend_that_breaks_leaves_its_post_in_doubt_and_others_alone(
    make_harness: Callable[..., RoomHarness],
) -> None:
    harness = make_harness({"a": FakeChat(outcomes=[ZeroDivisionError("xoxb-secret")]), "b": FakeChat()})
    harness.declare()
    harness.deliver()
    post = harness.state("a.post")
    assert post.state is DeliveryState.UNCONFIRMED and post.next_attempt_at is None
    assert post.error == "a crashed: ZeroDivisionError"
    assert harness.state("b.post").state is DeliveryState.DELIVERED


# doubt


def test_in_doubt_a_deduping_chat_gets_it_again_and_its_readers_once(
    make_harness: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat(dedupes=True, outcomes=[(Unconfirmed("no answer"),)])
    harness = make_harness({"a": chat})
    harness.declare()
    harness.deliver()
    post = harness.post
    assert post.state is DeliveryState.UNCONFIRMED and post.next_attempt_at is not None
    harness.clock.at = post.next_attempt_at
    harness.deliver()
    assert harness.post.state is DeliveryState.DELIVERED
    assert chat.tried == [post.id, post.id] and chat.arrived.count(post.id) == 1


def test_a_deduping_chat_that_never_answers_is_asked_ever_more_rarely(
    make_harness: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat(dedupes=True, outcomes=[Unconfirmed("no answer") for _ in range(12)])
    harness = make_harness({"a": chat})
    harness.declare()
    waits = []
    while harness.deliver() and (due := harness.post.next_attempt_at):
        waits.append((due - harness.clock()).total_seconds())
        harness.clock.at = due
    assert len(waits) == 12 and waits[0] < 2 and waits[-1] >= 300
    assert all(later > sooner for sooner, later in itertools.pairwise(waits[:9]))
    assert harness.post.state is DeliveryState.DELIVERED and chat.arrived.count(harness.post.id) == 1


@dataclass
class ForgetfulChat(FakeChat):
    """A chat that recognises a key for ten minutes."""

    dedupe_window_s: float = 600.0


@pytest.mark.parametrize(("age_s", "repeated"), [(594, True), (595, False)])
def test_in_doubt_it_is_repeated_only_well_before_the_service_forgets_its_key(
    make_harness: Callable[..., RoomHarness], age_s: float, repeated: bool
) -> None:
    chat = ForgetfulChat(dedupes=True, outcomes=[(Unconfirmed("no answer"),)])
    harness = make_harness({"a": chat})
    harness.outbox = OutboxWorker(harness.room, lambda: harness.clock().timestamp())
    harness.declare()
    harness.deliver()
    harness.clock.later(age_s)
    harness.deliver()
    post = harness.post
    assert chat.tried == [post.id] * (2 if repeated else 1) and chat.arrived.count(post.id) == 1
    assert post.state is (DeliveryState.DELIVERED if repeated else DeliveryState.UNCONFIRMED)
    assert post.next_attempt_at is None


def test_in_doubt_a_chat_that_can_be_read_is_read_first(make_harness: Callable[..., RoomHarness]) -> None:
    chat = FakeChat(reads_back=True, outcomes=[(Unconfirmed("no answer"),)])
    harness = make_harness({"a": chat})
    harness.declare()
    harness.deliver()
    post = harness.post
    assert post.state is DeliveryState.UNCONFIRMED and post.next_attempt_at == START + timedelta(
        seconds=outbox_module.READ_BACK_S
    )
    assert ("find", post.id) not in chat.asked, "it may still be on its way"
    harness.clock.later(outbox_module.READ_BACK_S)
    harness.deliver()
    assert harness.post.state is DeliveryState.DELIVERED and harness.post.receipt == Receipt(id=f"m-{post.id}")
    assert chat.tried == [post.id]


def test_what_was_read_and_is_certainly_not_there_is_sent_again(make_harness: Callable[..., RoomHarness]) -> None:
    chat = FakeChat(reads_back=True, outcomes=[Unconfirmed("reset")])
    harness = make_harness({"a": chat})
    harness.declare()
    harness.deliver()
    harness.clock.later(outbox_module.READ_BACK_S)
    harness.deliver()
    assert harness.post.state is DeliveryState.DELIVERED and chat.arrived.count(harness.post.id) == 1


@pytest.mark.parametrize(
    "problem", [NotSent("no route"), NotSent("slow down", retry_after=30), Unconfirmed("cut off")]
)
def test_a_read_back_that_fails_never_leads_to_a_blind_resend(
    make_harness: Callable[..., RoomHarness], problem: Exception
) -> None:
    chat = FakeChat(reads_back=True, outcomes=[(Unconfirmed("no answer"),)], lost_reads=[problem])
    harness = make_harness({"a": chat})
    harness.declare()
    harness.deliver()
    harness.clock.later(outbox_module.READ_BACK_S)
    harness.deliver()
    post = harness.post
    assert (
        post.state is DeliveryState.UNCONFIRMED
        and post.next_attempt_at is not None
        and post.next_attempt_at > harness.clock()
    )
    harness.clock.at = post.next_attempt_at
    harness.deliver()
    assert harness.post.state is DeliveryState.DELIVERED
    assert chat.tried == [post.id] and chat.arrived.count(post.id) == 1


@pytest.mark.parametrize("problem", [Rejected("missing scope channels:history"), SettingsError("no token")])
def test_a_read_back_that_is_refused_leaves_the_question_to_a_person(
    make_harness: Callable[..., RoomHarness], problem: Exception
) -> None:
    chat = FakeChat(reads_back=True, outcomes=[(Unconfirmed("no answer"),)], lost_reads=[problem])
    harness = make_harness({"a": chat})
    harness.declare()
    harness.deliver()
    harness.clock.later(outbox_module.READ_BACK_S)
    harness.deliver()
    assert harness.post.state is DeliveryState.UNCONFIRMED and harness.post.next_attempt_at is None
    assert str(problem).split("\n")[0] in harness.post.error
    assert chat.tried == [harness.post.id]


def test_a_destination_that_is_gone_while_in_doubt_stays_in_doubt_for_others(
    make_harness: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat(reads_back=True, outcomes=[(Unconfirmed("no answer"),)])
    harness = make_harness({"a": chat})
    harness.declare()
    harness.deliver()
    there = harness.room.settings
    harness.room.settings = there.model_copy(update={"destinations": {}})
    harness.clock.later(outbox_module.READ_BACK_S)
    harness.deliver()
    assert harness.post.state is DeliveryState.UNCONFIRMED and harness.post.lacks_settings
    assert harness.post.error.startswith("It may have arrived. ") and "no longer name a" in harness.post.error
    assert [one.id for one in harness.room.stuck()] == [harness.post.id], "a person may know"
    harness.room.settings = there
    harness.outbox = OutboxWorker(harness.room)
    harness.deliver()
    harness.clock.later(outbox_module.READ_BACK_S)
    harness.deliver()
    assert harness.post.state is DeliveryState.DELIVERED and chat.tried == [harness.post.id]


def test_read_backs_that_keep_failing_end_with_a_person(make_harness: Callable[..., RoomHarness]) -> None:
    chat = FakeChat(
        reads_back=True,
        outcomes=[(Unconfirmed("no answer"),)],
        lost_reads=[Unconfirmed("cut off") for _ in range(50)],
    )
    harness = make_harness({"a": chat})
    harness.declare()
    for _ in range(20):
        harness.deliver()
        if harness.post.next_attempt_at is None:
            break
        harness.clock.at = harness.post.next_attempt_at
    assert harness.post.state is DeliveryState.UNCONFIRMED and harness.post.next_attempt_at is None
    assert chat.tried == [harness.post.id]
    assert [act for act, _ in chat.asked].count("find") == outbox_module.GIVE_UP_READING


def test_in_doubt_with_no_way_to_know_a_person_is_asked_and_the_lane_goes_on(
    make_harness: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat(outcomes=[Unconfirmed("no answer")])
    harness = make_harness({"a": chat})
    incident = harness.declare()
    harness.update(incident)
    harness.deliver()
    assert (
        harness.post.state is DeliveryState.UNCONFIRMED
        and harness.post.next_attempt_at is None
        and harness.post.error == "no answer"
    )
    assert len(chat.arrived) == 2, "the update and the status went out"
    harness.clock.later(3600)
    harness.deliver()
    assert chat.tried.count(harness.post.id) == 1, "never again by itself"
    harness.room.confirm_delivery(harness.post.id, sent=True)
    harness.deliver()
    assert harness.post.state is DeliveryState.DELIVERED and chat.tried.count(harness.post.id) == 1
    with pytest.raises(Refusal):
        harness.room.confirm_delivery(harness.post.id, sent=False)


def test_a_person_who_says_it_did_not_arrive_has_it_sent(make_harness: Callable[..., RoomHarness]) -> None:
    chat = FakeChat(outcomes=[Unconfirmed("no answer")])
    harness = make_harness({"a": chat})
    harness.declare()
    harness.deliver()
    harness.room.confirm_delivery(harness.post.id, sent=False)
    harness.deliver()
    assert harness.post.state is DeliveryState.DELIVERED and chat.arrived.count(harness.post.id) == 1


def test_a_status_message_in_doubt_is_looked_for_before_a_second_one_is_made(
    make_harness: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat(reads_back=True)
    harness = make_harness({"a": chat})
    harness.declare()
    real = chat.show_status

    async def lost(channel: Channel, message: Message, previous: Receipt | None, key: str) -> Receipt:
        await real(channel, message, previous, key)
        chat.show_status = real  # type: ignore[method-assign]
        raise Unconfirmed("no answer")

    chat.show_status = lost  # type: ignore[method-assign]
    harness.deliver()
    for _ in range(5):
        due = harness.state("status").next_attempt_at
        if due:
            harness.clock.at = due
            harness.deliver()
    key = harness.state("status").id
    assert harness.state("status").state is DeliveryState.DELIVERED and chat.arrived.count(key) == 1


@pytest.mark.parametrize(
    ("reads_back", "shown", "looked_for"),
    [(True, False, True), (True, True, False), (False, False, False), (False, True, False)],
)
def test_a_status_message_in_doubt_is_repeated_unless_a_second_one_could_be_seen(
    make_harness: Callable[..., RoomHarness], reads_back: bool, shown: bool, looked_for: bool
) -> None:
    chat = FakeChat(reads_back=reads_back)
    harness = make_harness({"a": chat})
    incident = harness.declare()
    if shown:
        harness.deliver()
        harness.update(incident)
    chat.outcomes = [None, "status", Unconfirmed("no answer")]
    harness.deliver()
    status = [one for one in harness.room.deliveries() if one.item.operation == "status"][-1]
    assert status.state is (DeliveryState.UNCONFIRMED if looked_for else DeliveryState.PENDING)
    assert status.next_attempt_at is not None
    harness.clock.at = status.next_attempt_at
    harness.deliver()
    assert harness.state(status.id).state is DeliveryState.DELIVERED
    assert (("find", status.id) in chat.asked) == looked_for


# attempts that are cut off


@dataclass
class CutOff(FakeChat):
    """A chat that has the work on it cancelled at one named point, and says when something leaves."""

    cut_at: str = ""
    reports_sending: bool = True

    async def _pass(self, point: str) -> None:
        if point == self.cut_at:
            task = asyncio.current_task()
            assert task
            task.cancel()
        await asyncio.sleep(0)

    async def open(self, opening: Opening, key: str) -> Channel:
        await self._pass("opening")
        return await super().open(opening, key)

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        await self._pass("connecting")
        leaving()
        await self._pass("sending")
        receipt = await super().post(channel, message, key)
        await self._pass("reading the answer")
        return receipt


@pytest.mark.parametrize("at_point", ["opening", "connecting"])
def test_an_attempt_cut_off_before_anything_left_is_not_uncertain(
    make_harness: Callable[..., RoomHarness], at_point: str
) -> None:
    chat = CutOff(cut_at=at_point)
    harness = make_harness({"a": chat})
    harness.declare()
    cut_off(harness, until="post" if at_point == "connecting" else "open")
    delivery = harness.post if at_point == "connecting" else harness.state("open")
    assert (delivery.state, delivery.attempts, delivery.next_attempt_at) == (DeliveryState.PENDING, 0, None)
    assert delivery.error.startswith("Not sent: time ran out while ")
    chat.cut_at = ""
    harness.deliver()
    assert harness.post.state is DeliveryState.DELIVERED and chat.arrived.count(harness.post.id) == 1


@pytest.mark.parametrize("at_point", ["sending", "reading the answer"])
def test_an_attempt_cut_off_after_something_left_is_uncertain(
    make_harness: Callable[..., RoomHarness], at_point: str
) -> None:
    harness = make_harness({"a": CutOff(cut_at=at_point)})
    harness.declare()
    cut_off(harness, until="post")
    assert (harness.post.state, harness.post.attempts) == (DeliveryState.UNCONFIRMED, 1)


def test_a_backend_that_does_not_tell_is_uncertain_from_the_call_on(
    make_harness: Callable[..., RoomHarness],
) -> None:
    harness = make_harness({"a": CutOff(cut_at="connecting", reports_sending=False)})
    harness.declare()
    cut_off(harness, until="post")
    assert harness.post.state is DeliveryState.UNCONFIRMED


def test_secrets_that_are_still_looked_up_leave_everything_not_sent(
    make_harness: Callable[..., RoomHarness],
) -> None:
    harness = make_harness({"a": FakeChat()})
    over = threading.Event()

    def chat(name: str) -> Chat:
        over.wait(60)
        return harness.chats[name]

    harness.room.chats = chat
    try:
        harness.declare()
        begun = time.monotonic()
        deliveries = harness.outbox.drain(0.2)
        assert time.monotonic() - begun < 30, "a look-up that is stuck is left behind"
        assert {(d.state, d.attempts) for d in deliveries} == {(DeliveryState.PENDING, 0)}
        assert "secrets" in deliveries[0].error
    finally:
        over.set()


def test_a_delivery_in_doubt_that_is_cut_off_stays_in_doubt_and_is_not_left_to_a_person(
    make_harness: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat(reads_back=True, outcomes=[(Unconfirmed("no answer"),)])
    harness = make_harness({"a": chat})
    harness.declare()
    harness.deliver()
    harness.clock.later(outbox_module.READ_BACK_S)
    over = threading.Event()
    harness.outbox = OutboxWorker(harness.room)
    harness.room.chats = lambda name: over.wait(60) and chat  # type: ignore[assignment, return-value]
    try:
        harness.outbox.drain(0.2)
        assert harness.post.state is DeliveryState.UNCONFIRMED and harness.post.next_attempt_at is not None
        assert harness.post.error == "no answer"
    finally:
        over.set()


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144])
def test_a_webhook_cut_off_anywhere_is_uncertain_if_and_only_if_its_request_may_have_left(
    make_harness: Callable[..., RoomHarness], steps: int
) -> None:
    with servers.RawServer(...) as server:
        options = WebhookOptions(url=SecretStr(f"{server.url}/in"))
        harness = make_harness({"hook": Webhook(options)})  # type: ignore[dict-item]
        harness.declare()
        cut_off(harness, until="post", steps=steps)
        state = harness.post.state
        assert state in (DeliveryState.PENDING, DeliveryState.UNCONFIRMED)
    assert state is DeliveryState.UNCONFIRMED or not any(
        harness.post.id.encode() in request for request in server.requests
    )


def cut_off(harness: RoomHarness, *, until: str, steps: int | None = None) -> None:
    """Carry what is due up to the first delivery with this act, and cancel that one's attempt.

    At the point the chat names, or after ``steps`` turns of the loop.
    """

    async def work() -> None:
        while True:
            claimed = harness.journal.claim(harness.outbox.owner, harness.clock())
            assert claimed
            task = asyncio.create_task(harness.outbox._deliver(claimed))
            if claimed.item.operation == until:
                for _ in range(steps or 0):
                    await asyncio.sleep(0)
                if steps is not None:
                    task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                return
            await task

    background.run(work())


def test_what_can_be_tried_again_within_the_wait_is_waited_for(make_harness: Callable[..., RoomHarness]) -> None:
    chat = FakeChat(outcomes=[NotSent("slow down")])
    harness = make_harness({"a": chat})
    harness.room.clock = lambda: datetime.now(UTC)
    harness.declare()
    assert {delivery.state for delivery in harness.outbox.drain(60)} == {DeliveryState.DELIVERED}


@pytest.mark.parametrize(("size", "invited"), [(5, "ABCDE"), (6, "ABF")])
def test_a_small_team_is_invited_whole_a_larger_one_by_what_each_does(
    make_harness: Callable[..., RoomHarness], size: int, invited: str
) -> None:
    chat = FakeChat()
    harness = make_harness({"a": chat})
    roles = {"F": ()}  # anyone may be needed of those with no role of their own
    people = tuple(
        Person(name=name, handles={"fake": name}, roles=roles.get(name, ("communications_lead",)))
        for name in "ABCDEF"[:size]
    )
    team = harness.room.settings.team.model_copy(update={"people": people})
    harness.room.settings = harness.room.settings.model_copy(update={"team": team})
    incident = harness.declare()
    harness.room.execute(incident, Assign("incident_commander", "A"))
    harness.room.execute(incident, Assign("technical_lead", "B"))
    harness.deliver()
    assert "".join(chat.openings[0].invite) == invited


def test_a_channel_is_named_in_letters_and_digits_of_ascii(make_harness: Callable[..., RoomHarness]) -> None:
    chat = FakeChat()
    harness = make_harness({"a": chat})
    harness.room.declare(Declare("Zahlung für EU (v2)", "No orders", "critical"))
    harness.deliver()
    assert chat.openings[0].name == "inc-1-zahlung-f-r-eu--v2"


def test_an_item_of_a_kind_this_version_does_not_know_waits_and_holds_up_nothing_else(
    make_harness: Callable[..., RoomHarness],
) -> None:
    harness = make_harness({"a": FakeChat()})
    incident = harness.declare()
    page = OutboxItem(kind="page", operation="post", destination="pager")
    version = harness.journal.version(incident)
    harness.journal.append(incident, version, [Noted(note="note", words="paged")], [(0, page)], at=START, by="Ada")
    states = {delivery.destination: delivery for delivery in harness.deliver()}
    assert states["a"].state is DeliveryState.DELIVERED
    waiting = states["pager"]
    assert (waiting.state, waiting.attempts) == (DeliveryState.PENDING, 0) and waiting.lacks_settings
    assert "no items of kind page" in waiting.error and "Update warroom." in waiting.error


# kills, and several outbox workers


class Killed(BaseException):
    """The end of a process, between two instructions."""


def abandoned(harness: RoomHarness, owner: str, count: int) -> Delivery:
    """Claims as an outbox worker makes them before it is killed; the last one claimed."""
    claimed = None
    for _ in range(count):
        if claimed:
            harness.room.keep_channel(claimed.incident, claimed.destination, Channel(id="C-"), 0)
            harness.journal.complete(claimed.id, owner=owner, outcome=DeliveryState.DELIVERED)
        claimed = harness.journal.claim(owner, harness.clock())
    assert claimed
    return claimed


def test_a_claim_of_a_dead_process_is_found_out_about_before_it_is_sent_again(
    make_harness: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat(reads_back=True)
    harness = make_harness({"a": chat})
    harness.declare()
    host = OutboxWorker(harness.room).owner.partition(":")[0]
    lost = abandoned(harness, f"{host}:{_dead_pid()}:x", 2)
    assert lost.item.operation == "post"
    harness.deliver()
    assert chat.asked == [] or chat.tried == [], "its request may still be on its way"
    chat.arrived.append(lost.id)
    harness.clock.later(outbox_module.READ_BACK_S)
    harness.deliver()
    assert harness.state(lost.id).state is DeliveryState.DELIVERED
    assert chat.tried == [] and chat.arrived.count(lost.id) == 1


def test_a_claim_of_a_dead_process_at_a_chat_that_cannot_tell_is_a_persons_to_judge(
    make_harness: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat()
    harness = make_harness({"a": chat})
    harness.declare()
    host = OutboxWorker(harness.room).owner.partition(":")[0]
    lost = abandoned(harness, f"{host}:{_dead_pid()}:x", 2)
    harness.deliver()
    found = harness.state(lost.id)
    assert found.state is DeliveryState.UNCONFIRMED and found.next_attempt_at is None and found.error
    assert chat.tried == []


def test_a_lease_that_ran_out_is_taken_over_and_the_late_answer_is_not_heeded(
    make_harness: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat(dedupes=True)
    harness = make_harness({"a": chat})
    harness.declare()
    elsewhere = "another-host:1:x"
    lost = abandoned(harness, elsewhere, 2)
    harness.deliver()
    assert harness.state(lost.id).state is DeliveryState.SENDING, "held as long as the lease lasts"
    harness.clock.later(outbox_module.LEASE_S + 1)
    harness.deliver()
    assert harness.state(lost.id).state is DeliveryState.DELIVERED and chat.arrived.count(lost.id) == 1
    assert not harness.journal.complete(lost.id, owner=elsewhere, outcome=DeliveryState.FAILED, error="late")
    assert harness.state(lost.id).state is DeliveryState.DELIVERED


def _dead_pid() -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


def test_two_outbox_workers_share_the_work_and_never_a_delivery(make_harness: Callable[..., RoomHarness]) -> None:
    chats = {name: FakeChat() for name in "abc"}
    harness = make_harness(chats)
    for _ in range(6):
        harness.update(harness.declare())
    one, two = OutboxWorker(harness.room), OutboxWorker(harness.room)
    jobs, others = JobRunner(), JobRunner()
    jobs.start(one)
    others.start(two)
    _until(lambda: all(d.state is DeliveryState.DELIVERED for d in harness.room.deliveries()), "all is delivered")
    jobs.stop()
    others.stop()
    for chat in chats.values():
        posts = [key for act, key in chat.asked if act == "post"]
        assert len(posts) == len(set(posts)) == 12


def _until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline, what
        threading.Event().wait(0.005)


# threads, drains, drills, disks


def test_an_outbox_worker_at_work_sends_what_is_posted_meanwhile_at_once(
    make_harness: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat()
    harness = make_harness({"a": chat})
    outbox = OutboxWorker(harness.room)
    jobs = JobRunner()
    jobs.start(outbox)
    begun = time.monotonic()
    for _ in range(5):
        incident = harness.declare()
        _until(
            lambda incident=incident: (
                {d.state for d in harness.room.deliveries(incident)} == {DeliveryState.DELIVERED}
            ),  # type: ignore[misc]
            "delivered",
        )
    assert time.monotonic() - begun < 5 * outbox_module.LOOK_S, "it is woken, it does not wait for its next look"
    jobs.stop()
    assert chat.closed == 1


def test_whoever_shows_deliveries_is_woken_when_one_is_settled(make_harness: Callable[..., RoomHarness]) -> None:
    harness = make_harness({"a": FakeChat()})
    harness.declare()
    wake, seen = threading.Event(), []
    harness.room.on_change(wake.set)
    settle = harness.journal.complete

    def settled(*given: Any, **more: Any) -> bool:
        wake.clear()
        kept = settle(*given, **more)
        seen.append(wake)
        return kept

    harness.journal.complete = settled  # type: ignore[method-assign]
    claimed = harness.journal.claim("h:1:x", harness.clock())
    assert claimed
    asyncio.run(harness.outbox._deliver(claimed))
    assert seen and wake.is_set()


def test_stopping_waits_for_the_request_under_way(make_harness: Callable[..., RoomHarness]) -> None:
    harness = make_harness({"a": FakeChat()})
    outbox = OutboxWorker(harness.room)
    jobs = JobRunner()
    jobs.start(outbox)
    harness.declare()
    jobs.stop()
    assert DeliveryState.SENDING not in {d.state for d in harness.room.deliveries()}


def test_draining_ends_when_all_is_out(make_harness: Callable[..., RoomHarness]) -> None:
    harness = make_harness({"a": FakeChat(), "b": FakeChat()})
    incident = harness.declare()
    begun = time.monotonic()
    assert {d.state for d in OutboxWorker(harness.room).drain(60, incident)} == {DeliveryState.DELIVERED}
    assert time.monotonic() - begun < 30


def test_draining_gives_up_when_its_time_is_over_and_leaves_the_rest_for_later(
    make_harness: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat(outcomes=[NotSent("no route", retry_after=200)])
    harness = make_harness({"a": chat})
    begun = time.monotonic()
    states = [d.state for d in OutboxWorker(harness.room).drain(0.3, harness.declare())]
    assert states == [DeliveryState.DELIVERED, DeliveryState.PENDING, DeliveryState.PENDING]
    assert time.monotonic() - begun < 20
    harness.clock.later(201)
    harness.deliver()
    assert harness.post.state is DeliveryState.DELIVERED


def test_a_drain_without_time_sends_nothing(make_harness: Callable[..., RoomHarness]) -> None:
    harness = make_harness({"a": FakeChat()})
    harness.declare()
    stopped = OutboxWorker(harness.room, lambda: 100.0)
    assert {delivery.state for delivery in stopped.drain(0.0)} == {DeliveryState.PENDING}


def test_a_drain_that_is_interrupted_lets_the_request_under_way_finish(
    make_harness: Callable[..., RoomHarness], monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = FakeChat()
    harness = make_harness({"a": chat})
    harness.declare()
    under_way, post, start, wait = threading.Event(), chat.post, background.start, futures.wait
    waited: list[float] = []

    async def slow(channel: Channel, message: Message, key: str) -> Receipt:
        under_way.set()
        while not harness.outbox._stop.is_set():
            await asyncio.sleep(0)
        return await post(channel, message, key)

    def interrupted(main: Callable[[], Any]) -> Any:
        work = start(main)

        def result(timeout: float) -> None:
            assert under_way.wait(10)
            raise KeyboardInterrupt

        work.result = result  # type: ignore[method-assign, assignment]
        return work

    def noted(works: list[Any], timeout: float) -> Any:
        waited.append(timeout)
        return wait(works, timeout)

    monkeypatch.setattr(chat, "post", slow)
    monkeypatch.setattr(background, "start", interrupted)
    monkeypatch.setattr(futures, "wait", noted)
    with pytest.raises(KeyboardInterrupt):
        harness.outbox.drain(60)
    assert harness.post.state is DeliveryState.DELIVERED
    assert len(chat.tried) == 1 and harness.state("status").state is DeliveryState.PENDING
    assert waited[0] > outbox_module.GRACE_S + outbox_module.CLOSE_S, "it covers the request and the connections"


def test_draining_that_runs_out_of_time_leaves_no_claim_behind(make_harness: Callable[..., RoomHarness]) -> None:
    chat = FakeChat()
    harness = make_harness({"a": chat})
    for _ in range(20):
        harness.declare()
        OutboxWorker(harness.room).drain(0.0)
        assert DeliveryState.SENDING not in {d.state for d in harness.room.deliveries()}


def test_draining_one_incident_does_not_wait_for_another(make_harness: Callable[..., RoomHarness]) -> None:
    chat = FakeChat(outcomes=[NotSent("no route", retry_after=200)])
    harness = make_harness({"a": chat})
    harness.declare()
    harness.deliver()
    second = harness.declare()
    begun = time.monotonic()
    assert {d.state for d in OutboxWorker(harness.room).drain(60, second)} == {DeliveryState.DELIVERED}
    assert time.monotonic() - begun < 30


def test_what_waits_for_a_person_is_not_waited_for(make_harness: Callable[..., RoomHarness]) -> None:
    harness = make_harness({"a": FakeChat(outcomes=[Unconfirmed("no answer")])})
    begun = time.monotonic()
    OutboxWorker(harness.room).drain(60, harness.declare())
    assert time.monotonic() - begun < 30 and harness.post.state is DeliveryState.UNCONFIRMED


def test_a_drill_reaches_only_what_is_meant_for_drills(make_harness: Callable[..., RoomHarness]) -> None:
    chats = {"real": FakeChat(), "practice": FakeChat()}
    harness = make_harness(chats, practice={"drills": True})
    harness.update(harness.declare(drill=True))
    harness.deliver()
    assert chats["real"].asked == [] and len(chats["practice"].arrived) == 3
    harness.declare()
    harness.deliver()
    assert chats["real"].asked


def test_audiences_reach_their_own_destinations(make_harness: Callable[..., RoomHarness]) -> None:
    chats = {"a": FakeChat(), "public": FakeChat()}
    harness = make_harness(chats, public={"audiences": ["customers"]})
    incident = harness.declare()
    harness.room.post_update(incident, "customer_initial", {}, approved_by="Ada")
    harness.deliver()
    assert [act for act, _ in chats["public"].asked] == ["open", "post"]
    (opening,) = chats["public"].openings
    for words in (opening.name, headline(opening), opening.topic):
        assert "inc-1" not in words.lower() and "checkout" not in words, "customers read the channel's name too"
    assert len(chats["a"].tried) == 1


def test_an_outbox_that_cannot_be_read_is_trouble_that_passes(
    make_harness: Callable[..., RoomHarness], monkeypatch: pytest.MonkeyPatch
) -> None:
    from warroom.errors import NotSaved

    harness = make_harness({"a": FakeChat()})
    outbox = OutboxWorker(harness.room)
    claim = harness.journal.claim

    def full(*given: Any, **more: Any) -> Any:
        raise NotSaved("Not saved: the disk is full", "Free some space.")

    monkeypatch.setattr(harness.journal, "claim", full)
    jobs = JobRunner()
    jobs.start(outbox)
    harness.declare()
    _until(lambda: outbox.problem is not None, "the trouble is told")
    monkeypatch.setattr(harness.journal, "claim", claim)
    harness.room.notify()
    _until(lambda: harness.post.state is DeliveryState.DELIVERED, "it goes on by itself")
    assert outbox.problem is None
    jobs.stop()


def test_a_channel_that_was_opened_but_could_not_be_kept_is_opened_again_not_given_up(
    make_harness: Callable[..., RoomHarness], monkeypatch: pytest.MonkeyPatch
) -> None:
    from warroom.errors import NotSaved

    chat = FakeChat()
    harness = make_harness({"a": chat})
    harness.declare()
    keep = harness.room.keep_channel

    def full(*given: Any) -> None:
        monkeypatch.setattr(harness.room, "keep_channel", keep)
        raise NotSaved("Not saved: the disk is full", "Free some space.")

    monkeypatch.setattr(harness.room, "keep_channel", full)
    harness.deliver()
    first = harness.room.deliveries()[0]
    assert first.state is DeliveryState.PENDING and "disk is full" in first.error
    harness.clock.later(60)
    harness.deliver()
    assert {d.state for d in harness.room.deliveries()} == {DeliveryState.DELIVERED}
