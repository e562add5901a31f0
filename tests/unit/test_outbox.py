"""The outbox worker: what each outcome leads to and when, on a virtual clock and a chat of the port's shape."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness import servers
from pydantic import SecretStr

from warroom.config.loading import load_playbook
from warroom.config.settings import Destination, Person, Settings, Team
from warroom.connect.attempt import leaving
from warroom.connect.chat import headline
from warroom.connect.chat.webhook import Webhook, WebhookOptions
from warroom.connect.ports import Chat
from warroom.errors import NotSent, Refusal, Rejected, SettingsError, Unconfirmed
from warroom.incident.commands import Declare
from warroom.incident.delivery import Channel, Delivery, DeliveryState, Message, Opening, Receipt
from warroom.journal.sqlite import SqliteJournal
from warroom.room import background
from warroom.room import outbox as outbox_module
from warroom.room.jobs import JobRunner
from warroom.room.outbox import OutboxWorker, backoff
from warroom.room.room import WarRoom

START = datetime(2026, 1, 28, 12, 0, tzinfo=UTC)
PLAYBOOK = load_playbook(Settings())


@dataclass
class Clock:
    """The time as the test says it."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class FakeChat:
    """A chat whose outcomes are scripted. ``arrived`` is what its readers see, whatever the sender was told.

    An error in ``outcomes`` is raised before a post arrives, or after it if it stands in a tuple.
    """

    dedupes: bool = False
    reads_back: bool = False
    max_length: int = 4000
    outcomes: list[Any] = field(default_factory=list)
    openings: list[Opening] = field(default_factory=list)
    arrived: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    statuses: list[tuple[str, str]] = field(default_factory=list)
    refuses_to_open: Exception | None = None
    lost_reads: list[Exception] = field(default_factory=list)
    gate: asyncio.Event | None = None
    under_way: int = 0
    most_under_way: int = 0
    closed: int = 0

    def render(self, message: Message) -> str:
        return message.text

    async def open(self, opening: Opening, key: str) -> Channel:
        self.asked.append(("open", key))
        if self.refuses_to_open:
            raise self.refuses_to_open
        self.openings.append(opening)
        return Channel(id="C1", name=opening.name)

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        self.asked.append(("post", key))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            if self.gate:
                await self.gate.wait()
            outcome = self.outcomes.pop(0) if self.outcomes else None
            if isinstance(outcome, Exception):
                raise outcome
            if not (self.dedupes and key in self.arrived):
                self.arrived.append(key)
            if isinstance(outcome, tuple):
                raise outcome[0]
            return Receipt(id=f"m-{key}")
        finally:
            self.under_way -= 1

    async def show_status(self, channel: Channel, message: Message, previous: Receipt | None, key: str) -> Receipt:
        self.asked.append(("status", key))
        outcome = self.outcomes.pop(0) if self.outcomes and self.outcomes[0] == "status" else None
        if outcome:
            raise self.outcomes.pop(0)
        self.statuses.append((previous.id if previous else "", message.title))
        if previous is None:
            self.arrived.append(key)
        return Receipt(id=previous.id if previous else f"s-{key}")

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        self.asked.append(("find", key))
        if self.lost_reads:
            raise self.lost_reads.pop(0)
        return Receipt(id=f"m-{key}") if key in self.arrived else None

    async def check(self) -> str:
        return "fake"

    async def close(self) -> None:
        self.closed += 1

    @property
    def posts(self) -> list[str]:
        """The keys tried, in order, statuses and openings left out."""
        return [key for act, key in self.asked if act == "post"]


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

    def carry(self, rounds: int = 1) -> list[Delivery]:
        """Let the outbox worker do all that is due now."""
        for _ in range(rounds):
            seen = -1

            def done() -> bool:
                nonlocal seen
                before, seen = seen, self.journal.change_count()
                return seen == before

            asyncio.run(self.outbox._work(done, look_s=0.02))
        return self.room.deliveries()

    def state(self, ends: str) -> Delivery:
        return next(delivery for delivery in self.room.deliveries() if delivery.id.endswith(ends))

    @property
    def post(self) -> Delivery:
        """The first post of the first destination."""
        return next(delivery for delivery in self.room.deliveries() if delivery.order.act == "post")


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine must not cut off what a test lets the outbox worker finish."""
    monkeypatch.setattr(outbox_module, "GRACE_S", 20.0)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Callable[..., RoomHarness]]:
    made: list[RoomHarness] = []

    def make(chats: dict[str, FakeChat] | None = None, **destinations: dict[str, Any]) -> RoomHarness:
        made.append(RoomHarness(tmp_path / f"journal{len(made)}", chats or {"a": FakeChat()}, **destinations))
        return made[-1]

    yield make
    for one in made:
        one.journal.close()


# what arrives, and in what order


def test_a_declaration_opens_the_channel_posts_and_shows_the_status(desk: Callable[..., RoomHarness]) -> None:
    chat = FakeChat()
    at = desk({"a": chat})
    incident = at.declare()
    assert {d.state for d in at.carry()} == {DeliveryState.DELIVERED}
    assert [act for act, _ in chat.asked] == ["open", "post", "status"]
    assert at.post.receipt == Receipt(id=f"m-{at.post.id}")
    opening = chat.openings[0]
    assert opening.name == "inc-1-checkout-api" and opening.incident == incident
    assert opening.invite == ("U-ADA", "U-BO-HERE")
    assert at.room.incident(incident).channels["a"] == Channel(id="C1", name="inc-1-checkout-api")
    assert {"channel", "tag-people"} <= set(at.room.incident(incident).ticks)
    assert chat.closed == 1


def test_nothing_is_sent_twice_however_often_the_outbox_is_looked_at(desk: Callable[..., RoomHarness]) -> None:
    chat = FakeChat()
    at = desk({"a": chat})
    at.declare()
    at.carry(3)
    assert len(chat.arrived) == len(set(chat.arrived)) == 2


def test_order_is_kept_in_a_lane_and_lanes_do_not_wait_for_each_other(desk: Callable[..., RoomHarness]) -> None:
    slow, quick = FakeChat(outcomes=[NotSent("slow down", retry_after=60)]), FakeChat()
    at = desk({"slow": slow, "quick": quick})
    incident = at.declare()
    at.update(incident)
    at.carry()
    assert len(quick.posts) == 2 and len(slow.posts) == 1, "the throttled one keeps its second post back"
    at.clock.later(61)
    at.carry()
    order = [delivery.id for delivery in at.room.deliveries() if delivery.order.act == "post"]
    assert slow.arrived[:1] == [key for key in order if ".slow." in key][:1]
    assert [key for key in slow.arrived if key.endswith("post")] == [key for key in order if ".slow." in key]


def test_a_destination_that_hangs_delays_no_other(desk: Callable[..., RoomHarness]) -> None:
    hangs, quick = FakeChat(), FakeChat()
    at = desk({"hangs": hangs, "quick": quick})
    at.declare()

    async def work() -> None:
        hangs.gate = asyncio.Event()
        outbox = OutboxWorker(at.room)
        done = threading.Event()
        task = asyncio.create_task(outbox._work(done.is_set, look_s=0.01))
        async with asyncio.timeout(10):
            sent = [DeliveryState.DELIVERED] * 3
            while not hangs.under_way or [d.state for d in at.room.deliveries() if ".quick." in d.id] != sent:
                await asyncio.sleep(0.001)
            assert at.state("hangs.post").state is DeliveryState.SENDING
            hangs.gate.set()
            while at.state("hangs.status").state is not DeliveryState.DELIVERED:
                await asyncio.sleep(0.001)
            done.set()
            await task

    asyncio.run(work())


def test_one_lane_has_one_request_at_a_time(desk: Callable[..., RoomHarness]) -> None:
    chat = FakeChat()
    at = desk({"a": chat})
    incident = at.declare()
    for _ in range(4):
        at.update(incident)
    at.carry()
    assert chat.most_under_way == 1


def test_the_status_message_is_one_and_is_edited(desk: Callable[..., RoomHarness]) -> None:
    chat = FakeChat()
    at = desk({"a": chat})
    incident = at.declare()
    at.carry()
    at.update(incident)
    at.carry()
    assert [previous for previous, _ in chat.statuses] == ["", f"s-{incident}.5.a.status"] or (
        len(chat.statuses) == 2 and chat.statuses[0][0] == "" and chat.statuses[1][0].startswith("s-")
    )


def test_a_backend_is_made_once_for_many_incidents(desk: Callable[..., RoomHarness]) -> None:
    chat = FakeChat()
    at = desk({"a": chat})
    for _ in range(5):
        at.declare()
    at.carry()
    assert at.made.count("a") == chat.closed == 1


# outcomes


def test_what_was_certainly_not_sent_is_tried_again_later_and_later(
    desk: Callable[..., RoomHarness], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)
    monkeypatch.setattr(outbox_module.random, "random", lambda: 0.0)
    chat = FakeChat(outcomes=[NotSent("no route") for _ in range(4)])
    at = desk({"a": chat})
    at.declare()
    for attempt, wait in enumerate((1, 2, 4, 8), 1):
        at.carry()
        post = at.post
        assert (post.state, post.attempts, post.error) == (DeliveryState.PENDING, attempt, "no route")
        assert post.next_attempt_at is not None
        waited = (post.next_attempt_at - at.clock()).total_seconds()
        assert wait <= waited <= wait * 1.25
        at.clock.now = post.next_attempt_at - timedelta(milliseconds=1)
        at.carry()
        assert len(chat.posts) == attempt, "not a moment too soon"
        at.clock.now = post.next_attempt_at
    at.carry()
    assert at.post.state is DeliveryState.DELIVERED and at.post.error == ""


def test_a_service_that_asks_for_a_longer_wait_gets_it(desk: Callable[..., RoomHarness]) -> None:
    chat = FakeChat(outcomes=[NotSent("slow down", retry_after=42)])
    at = desk({"a": chat})
    at.declare()
    at.carry()
    assert at.post.next_attempt_at == START + timedelta(seconds=42)


def test_waits_grow_to_five_minutes_and_no_further() -> None:
    waits = [backoff(attempt, None, lambda: 0.0) for attempt in range(1, 12)]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert backoff(1, None, lambda: 1.0) == 1.25
    assert backoff(1, 7200) == 300 and backoff(10, 1, lambda: 0.0) == 300
    assert backoff(10_000, None, lambda: 0.0) == 300


def test_a_refusal_is_final_says_why_and_does_not_block_what_follows(desk: Callable[..., RoomHarness]) -> None:
    chat = FakeChat(outcomes=[Rejected("The channel is archived", "Unarchive it.")])
    at = desk({"a": chat})
    incident = at.declare()
    at.carry()
    assert at.post.state is DeliveryState.FAILED
    assert at.post.error == str(Rejected("The channel is archived", "Unarchive it."))
    at.update(incident)
    at.carry()
    assert len(chat.arrived) == 2 and at.post.state is DeliveryState.FAILED
    at.room.confirm_delivery(at.post.id, sent=False)
    at.carry()
    assert at.post.state is DeliveryState.DELIVERED, "a person may have it sent again"


def test_a_channel_that_cannot_be_opened_is_said_at_every_post(desk: Callable[..., RoomHarness]) -> None:
    chat = FakeChat(refuses_to_open=Rejected("missing scope channels:manage"))
    at = desk({"a": chat})
    at.declare()
    assert {(d.state, d.error) for d in at.carry()} == {(DeliveryState.FAILED, "missing scope channels:manage")}
    chat.refuses_to_open = None
    at.room.confirm_delivery(at.post.id, sent=False)
    at.carry()
    assert at.post.state is DeliveryState.DELIVERED, "the post opens what the opening could not"


def test_what_this_process_cannot_send_is_left_to_one_that_can(desk: Callable[..., RoomHarness]) -> None:
    at = desk({"a": FakeChat(), "b": FakeChat()})

    def without_token(name: str) -> Chat:
        if name == "a":
            at.made.append(name)
            raise SettingsError('the secret { env = "T" } cannot be had', "Put it there.", "[destinations.a] token")
        return at.chats[name]

    without = WarRoom(at.journal, PLAYBOOK, at.room.settings, by="cron", clock=at.clock, chats=without_token)
    at.declare()
    begun = time.monotonic()
    left = OutboxWorker(without).drain(60)
    assert time.monotonic() - begun < 30, "what cannot be sent from here is not waited for"
    assert len(at.made) <= 2, "nor tried over and over; a claim may be on its way already"
    waiting = [one for one in left if one.destination == "a"]
    assert {(one.state, one.attempts, one.next_attempt_at) for one in waiting} == {(DeliveryState.PENDING, 0, None)}
    assert waiting[0].lacks_settings and "[destinations.a] token" in waiting[0].error
    assert all(one.state is DeliveryState.DELIVERED for one in left if one.destination == "b")
    assert [one.id for one in at.room.stuck()] == [waiting[0].id], "it is shown"
    assert {one.state for one in at.carry()} == {DeliveryState.DELIVERED}, "and another may send it at once"
    assert at.room.stuck() == []


def test_a_destination_that_the_settings_lack_waits_for_others(desk: Callable[..., RoomHarness]) -> None:
    at = desk({"a": FakeChat()})
    at.declare()
    there = at.room.settings
    at.room.settings = there.model_copy(update={"destinations": {}})
    at.carry()
    assert {one.state for one in at.room.deliveries()} == {DeliveryState.PENDING}
    assert "no longer name a" in at.room.deliveries()[0].error
    at.room.settings = there
    at.outbox = OutboxWorker(at.room)
    assert {one.state for one in at.carry()} == {DeliveryState.DELIVERED}


def test_a_process_tries_again_itself_once_what_was_missing_may_be_there(
    desk: Callable[..., RoomHarness], monkeypatch: pytest.MonkeyPatch
) -> None:
    at = desk({"a": FakeChat()})
    ready = at.room.chats

    def missing(name: str) -> Chat:
        raise SettingsError("the file is not there")

    at.room.chats = missing
    at.declare()
    at.carry()
    at.room.chats = ready
    at.carry()
    assert at.post.state is DeliveryState.PENDING, "not at once"
    now = time.monotonic()
    at.outbox._monotonic = lambda: now + outbox_module.UNABLE_S + 1
    at.carry()
    assert at.post.state is DeliveryState.DELIVERED


def test_all_that_was_refused_is_sent_again_but_no_replaced_status_and_nothing_in_doubt(
    desk: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat(refuses_to_open=Rejected("missing scope"))
    at = desk({"a": chat, "b": FakeChat(outcomes=[Unconfirmed("no answer")])})
    incident = at.declare()
    at.carry()
    at.update(incident)
    at.carry()
    old, new = [one for one in at.room.deliveries() if one.id.endswith("a.status")]
    assert {one.state for one in at.room.deliveries() if one.destination == "a"} == {DeliveryState.FAILED}
    chat.refuses_to_open = None
    again = at.room.resend_failed()
    assert old.id not in {one.id for one in again} and new.id in {one.id for one in again}
    at.carry()
    assert [title for _, title in chat.statuses] == [new.order.message.title]  # type: ignore[union-attr]
    assert len(chat.posts) == 2 and at.room.resend_failed() == []
    assert [one.state for one in at.room.stuck()] == [DeliveryState.UNCONFIRMED], "a replaced status asks nobody"


def test_a_backend_that_breaks_leaves_its_post_in_doubt_and_others_alone(desk: Callable[..., RoomHarness]) -> None:
    at = desk({"a": FakeChat(outcomes=[ZeroDivisionError("xoxb-secret")]), "b": FakeChat()})
    at.declare()
    at.carry()
    post = at.state("a.post")
    assert post.state is DeliveryState.UNCONFIRMED and post.next_attempt_at is None
    assert post.error == "a crashed: ZeroDivisionError"
    assert at.state("b.post").state is DeliveryState.DELIVERED


# doubt


def test_in_doubt_a_deduping_chat_gets_it_again_and_its_readers_once(desk: Callable[..., RoomHarness]) -> None:
    chat = FakeChat(dedupes=True, outcomes=[(Unconfirmed("no answer"),)])
    at = desk({"a": chat})
    at.declare()
    at.carry()
    post = at.post
    assert post.state is DeliveryState.UNCONFIRMED and post.next_attempt_at is not None
    at.clock.now = post.next_attempt_at
    at.carry()
    assert at.post.state is DeliveryState.DELIVERED
    assert chat.posts == [post.id, post.id] and chat.arrived.count(post.id) == 1


def test_a_deduping_chat_that_never_answers_is_asked_ever_more_rarely(desk: Callable[..., RoomHarness]) -> None:
    chat = FakeChat(dedupes=True, outcomes=[Unconfirmed("no answer") for _ in range(12)])
    at = desk({"a": chat})
    at.declare()
    waits = []
    while at.carry() and (due := at.post.next_attempt_at):
        waits.append((due - at.clock()).total_seconds())
        at.clock.now = due
    assert len(waits) == 12 and waits[0] < 2 and waits[-1] >= 300
    assert all(later > sooner for sooner, later in itertools.pairwise(waits[:9]))
    assert at.post.state is DeliveryState.DELIVERED and chat.arrived.count(at.post.id) == 1


def test_in_doubt_a_chat_that_can_be_read_is_read_first(desk: Callable[..., RoomHarness]) -> None:
    chat = FakeChat(reads_back=True, outcomes=[(Unconfirmed("no answer"),)])
    at = desk({"a": chat})
    at.declare()
    at.carry()
    post = at.post
    assert post.state is DeliveryState.UNCONFIRMED and post.next_attempt_at == START + timedelta(
        seconds=outbox_module.READ_BACK_S
    )
    assert ("find", post.id) not in chat.asked, "it may still be on its way"
    at.clock.later(outbox_module.READ_BACK_S)
    at.carry()
    assert at.post.state is DeliveryState.DELIVERED and at.post.receipt == Receipt(id=f"m-{post.id}")
    assert chat.posts == [post.id]


def test_what_was_read_and_is_certainly_not_there_is_sent_again(desk: Callable[..., RoomHarness]) -> None:
    chat = FakeChat(reads_back=True, outcomes=[Unconfirmed("reset")])
    at = desk({"a": chat})
    at.declare()
    at.carry()
    at.clock.later(outbox_module.READ_BACK_S)
    at.carry()
    assert at.post.state is DeliveryState.DELIVERED and chat.arrived.count(at.post.id) == 1


@pytest.mark.parametrize(
    "problem", [NotSent("no route"), NotSent("slow down", retry_after=30), Unconfirmed("cut off")]
)
def test_a_read_back_that_fails_never_leads_to_a_blind_resend(
    desk: Callable[..., RoomHarness], problem: Exception
) -> None:
    chat = FakeChat(reads_back=True, outcomes=[(Unconfirmed("no answer"),)], lost_reads=[problem])
    at = desk({"a": chat})
    at.declare()
    at.carry()
    at.clock.later(outbox_module.READ_BACK_S)
    at.carry()
    post = at.post
    assert (
        post.state is DeliveryState.UNCONFIRMED
        and post.next_attempt_at is not None
        and post.next_attempt_at > at.clock()
    )
    at.clock.now = post.next_attempt_at
    at.carry()
    assert at.post.state is DeliveryState.DELIVERED
    assert chat.posts == [post.id] and chat.arrived.count(post.id) == 1


@pytest.mark.parametrize("problem", [Rejected("missing scope channels:history"), SettingsError("no token")])
def test_a_read_back_that_is_refused_leaves_the_question_to_a_person(
    desk: Callable[..., RoomHarness], problem: Exception
) -> None:
    chat = FakeChat(reads_back=True, outcomes=[(Unconfirmed("no answer"),)], lost_reads=[problem])
    at = desk({"a": chat})
    at.declare()
    at.carry()
    at.clock.later(outbox_module.READ_BACK_S)
    at.carry()
    assert at.post.state is DeliveryState.UNCONFIRMED and at.post.next_attempt_at is None
    assert str(problem).split("\n")[0] in at.post.error
    assert chat.posts == [at.post.id]


def test_a_destination_that_is_gone_while_in_doubt_stays_in_doubt_for_others(
    desk: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat(reads_back=True, outcomes=[(Unconfirmed("no answer"),)])
    at = desk({"a": chat})
    at.declare()
    at.carry()
    there = at.room.settings
    at.room.settings = there.model_copy(update={"destinations": {}})
    at.clock.later(outbox_module.READ_BACK_S)
    at.carry()
    assert at.post.state is DeliveryState.UNCONFIRMED and at.post.lacks_settings
    assert at.post.error.startswith("It may have arrived. ") and "no longer name a" in at.post.error
    assert [one.id for one in at.room.stuck()] == [at.post.id], "a person may know"
    at.room.settings = there
    at.outbox = OutboxWorker(at.room)
    at.carry()
    at.clock.later(outbox_module.READ_BACK_S)
    at.carry()
    assert at.post.state is DeliveryState.DELIVERED and chat.posts == [at.post.id]


def test_read_backs_that_keep_failing_end_with_a_person(desk: Callable[..., RoomHarness]) -> None:
    chat = FakeChat(
        reads_back=True,
        outcomes=[(Unconfirmed("no answer"),)],
        lost_reads=[Unconfirmed("cut off") for _ in range(50)],
    )
    at = desk({"a": chat})
    at.declare()
    for _ in range(20):
        at.carry()
        if at.post.next_attempt_at is None:
            break
        at.clock.now = at.post.next_attempt_at
    assert at.post.state is DeliveryState.UNCONFIRMED and at.post.next_attempt_at is None
    assert chat.posts == [at.post.id] and len([1 for act, _ in chat.asked if act == "find"]) < 10


def test_in_doubt_with_no_way_to_know_a_person_is_asked_and_the_lane_goes_on(
    desk: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat(outcomes=[Unconfirmed("no answer")])
    at = desk({"a": chat})
    incident = at.declare()
    at.update(incident)
    at.carry()
    assert (
        at.post.state is DeliveryState.UNCONFIRMED
        and at.post.next_attempt_at is None
        and at.post.error == "no answer"
    )
    assert len(chat.arrived) == 2, "the update and the status went out"
    at.clock.later(3600)
    at.carry()
    assert chat.posts.count(at.post.id) == 1, "never again by itself"
    at.room.confirm_delivery(at.post.id, sent=True)
    at.carry()
    assert at.post.state is DeliveryState.DELIVERED and chat.posts.count(at.post.id) == 1
    with pytest.raises(Refusal):
        at.room.confirm_delivery(at.post.id, sent=False)


def test_a_person_who_says_it_did_not_arrive_has_it_sent(desk: Callable[..., RoomHarness]) -> None:
    chat = FakeChat(outcomes=[Unconfirmed("no answer")])
    at = desk({"a": chat})
    at.declare()
    at.carry()
    at.room.confirm_delivery(at.post.id, sent=False)
    at.carry()
    assert at.post.state is DeliveryState.DELIVERED and chat.arrived.count(at.post.id) == 1


def test_a_status_message_in_doubt_is_looked_for_before_a_second_one_is_made(
    desk: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat(reads_back=True)
    at = desk({"a": chat})
    at.declare()
    real = chat.show_status

    async def lost(channel: Channel, message: Message, previous: Receipt | None, key: str) -> Receipt:
        await real(channel, message, previous, key)
        chat.show_status = real  # type: ignore[method-assign]
        raise Unconfirmed("no answer")

    chat.show_status = lost  # type: ignore[method-assign]
    at.carry()
    for _ in range(5):
        due = at.state("status").next_attempt_at
        if due:
            at.clock.now = due
            at.carry()
    key = at.state("status").id
    assert at.state("status").state is DeliveryState.DELIVERED and chat.arrived.count(key) == 1


# attempts that are cut off


@dataclass
class CutOff(FakeChat):
    """A chat that has the work on it cancelled at one named point, and says when something leaves."""

    at: str = ""
    tells_when_it_sends: bool = True

    async def _pass(self, point: str) -> None:
        if point == self.at:
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
    desk: Callable[..., RoomHarness], at_point: str
) -> None:
    chat = CutOff(at=at_point)
    at = desk({"a": chat})
    at.declare()
    cut_off(at, until="post" if at_point == "connecting" else "open")
    delivery = at.post if at_point == "connecting" else at.state("open")
    assert (delivery.state, delivery.attempts, delivery.next_attempt_at) == (DeliveryState.PENDING, 0, None)
    assert delivery.error.startswith("Not sent: time ran out while ")
    chat.at = ""
    at.carry()
    assert at.post.state is DeliveryState.DELIVERED and chat.arrived.count(at.post.id) == 1


@pytest.mark.parametrize("at_point", ["sending", "reading the answer"])
def test_an_attempt_cut_off_after_something_left_is_uncertain(
    desk: Callable[..., RoomHarness], at_point: str
) -> None:
    at = desk({"a": CutOff(at=at_point)})
    at.declare()
    cut_off(at, until="post")
    assert (at.post.state, at.post.attempts) == (DeliveryState.UNCONFIRMED, 1)


def test_a_backend_that_does_not_tell_is_uncertain_from_the_call_on(desk: Callable[..., RoomHarness]) -> None:
    at = desk({"a": CutOff(at="connecting", tells_when_it_sends=False)})
    at.declare()
    cut_off(at, until="post")
    assert at.post.state is DeliveryState.UNCONFIRMED


def test_secrets_that_are_still_looked_up_leave_everything_not_sent(desk: Callable[..., RoomHarness]) -> None:
    at = desk({"a": FakeChat()})
    over = threading.Event()

    def chat(name: str) -> Chat:
        over.wait(60)
        return at.chats[name]

    at.room.chats = chat
    try:
        at.declare()
        begun = time.monotonic()
        deliveries = at.outbox.drain(0.2)
        assert time.monotonic() - begun < 30, "a look-up that is stuck is left behind"
        assert {(d.state, d.attempts) for d in deliveries} == {(DeliveryState.PENDING, 0)}
        assert "secrets" in deliveries[0].error
    finally:
        over.set()


def test_a_delivery_in_doubt_that_is_cut_off_stays_in_doubt_and_is_not_left_to_a_person(
    desk: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat(reads_back=True, outcomes=[(Unconfirmed("no answer"),)])
    at = desk({"a": chat})
    at.declare()
    at.carry()
    at.clock.later(outbox_module.READ_BACK_S)
    over = threading.Event()
    at.outbox = OutboxWorker(at.room)
    at.room.chats = lambda name: over.wait(60) and chat  # type: ignore[assignment, return-value]
    try:
        at.outbox.drain(0.2)
        assert at.post.state is DeliveryState.UNCONFIRMED and at.post.next_attempt_at is not None
        assert at.post.error == "no answer"
    finally:
        over.set()


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144])
def test_a_webhook_cut_off_anywhere_is_uncertain_if_and_only_if_its_request_may_have_left(
    desk: Callable[..., RoomHarness], steps: int
) -> None:
    with servers.RawServer(...) as server:
        options = WebhookOptions(url=SecretStr(f"{server.url}/in"))
        at = desk({"hook": Webhook(options)})  # type: ignore[dict-item]
        at.declare()
        cut_off(at, until="post", steps=steps)
        state = at.post.state
        assert state in (DeliveryState.PENDING, DeliveryState.UNCONFIRMED)
    assert state is DeliveryState.UNCONFIRMED or not any(
        at.post.id.encode() in request for request in server.requests
    )


def cut_off(at: RoomHarness, *, until: str, steps: int | None = None) -> None:
    """Carry what is due up to the first delivery with this act, and cancel that one's attempt.

    At the point the chat names, or after ``steps`` turns of the loop.
    """

    async def work() -> None:
        while True:
            claimed = at.journal.claim(at.outbox.owner, at.clock())
            assert claimed
            task = asyncio.create_task(at.outbox._deliver(claimed))
            if claimed.order.act == until:
                for _ in range(steps or 0):
                    await asyncio.sleep(0)
                if steps is not None:
                    task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                return
            await task

    background.run(work())


# kills, and several outbox workers


class Killed(BaseException):
    """The end of a process, between two instructions."""


def abandoned(at: RoomHarness, owner: str, count: int) -> Delivery:
    """Claims as an outbox worker makes them before it is killed; the last one claimed."""
    claimed = None
    for _ in range(count):
        if claimed:
            at.room.keep_channel(claimed.incident, claimed.destination, Channel(id="C1"), 0)
            at.journal.complete(claimed.id, owner=owner, outcome=DeliveryState.DELIVERED)
        claimed = at.journal.claim(owner, at.clock())
    assert claimed
    return claimed


def test_a_claim_of_a_dead_process_is_found_out_about_before_it_is_sent_again(
    desk: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat(reads_back=True)
    at = desk({"a": chat})
    at.declare()
    host = OutboxWorker(at.room).owner.partition(":")[0]
    lost = abandoned(at, f"{host}:{_dead_pid()}:x", 2)
    assert lost.order.act == "post"
    at.carry()
    assert chat.asked == [] or chat.posts == [], "its request may still be on its way"
    chat.arrived.append(lost.id)
    at.clock.later(outbox_module.READ_BACK_S)
    at.carry()
    assert at.state(lost.id).state is DeliveryState.DELIVERED
    assert chat.posts == [] and chat.arrived.count(lost.id) == 1


def test_a_claim_of_a_dead_process_at_a_chat_that_cannot_tell_is_a_persons_to_judge(
    desk: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat()
    at = desk({"a": chat})
    at.declare()
    host = OutboxWorker(at.room).owner.partition(":")[0]
    lost = abandoned(at, f"{host}:{_dead_pid()}:x", 2)
    at.carry()
    found = at.state(lost.id)
    assert found.state is DeliveryState.UNCONFIRMED and found.next_attempt_at is None and found.error
    assert chat.posts == []


def test_a_lease_that_ran_out_is_taken_over_and_the_late_answer_is_not_heeded(
    desk: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat(dedupes=True)
    at = desk({"a": chat})
    at.declare()
    elsewhere = "another-host:1:x"
    lost = abandoned(at, elsewhere, 2)
    at.carry()
    assert at.state(lost.id).state is DeliveryState.SENDING, "held as long as the lease lasts"
    at.clock.later(outbox_module.LEASE_S + 1)
    at.carry()
    assert at.state(lost.id).state is DeliveryState.DELIVERED and chat.arrived.count(lost.id) == 1
    assert not at.journal.complete(lost.id, owner=elsewhere, outcome=DeliveryState.FAILED, error="late")
    assert at.state(lost.id).state is DeliveryState.DELIVERED


def _dead_pid() -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


def test_two_outbox_workers_share_the_work_and_never_a_delivery(desk: Callable[..., RoomHarness]) -> None:
    chats = {name: FakeChat() for name in "abc"}
    at = desk(chats)
    for _ in range(6):
        at.update(at.declare())
    one, two = OutboxWorker(at.room), OutboxWorker(at.room)
    jobs, others = JobRunner(), JobRunner()
    jobs.start(one)
    others.start(two)
    _until(lambda: all(d.state is DeliveryState.DELIVERED for d in at.room.deliveries()), "all is delivered")
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


def test_an_outbox_worker_at_work_sends_what_is_posted_meanwhile_at_once(desk: Callable[..., RoomHarness]) -> None:
    chat = FakeChat()
    at = desk({"a": chat})
    outbox = OutboxWorker(at.room)
    jobs = JobRunner()
    jobs.start(outbox)
    begun = time.monotonic()
    for _ in range(5):
        incident = at.declare()
        _until(
            lambda incident=incident: {d.state for d in at.room.deliveries(incident)} == {DeliveryState.DELIVERED},  # type: ignore[misc]
            "delivered",
        )
    assert time.monotonic() - begun < 5 * outbox_module.LOOK_S, "it is woken, it does not wait for its next look"
    jobs.stop()
    assert chat.closed == 1


def test_whoever_shows_deliveries_is_woken_when_one_is_settled(desk: Callable[..., RoomHarness]) -> None:
    at = desk({"a": FakeChat()})
    at.declare()
    wake, seen = threading.Event(), []
    at.room.on_change(wake.set)
    settle = at.journal.complete

    def settled(*given: Any, **more: Any) -> bool:
        wake.clear()
        kept = settle(*given, **more)
        seen.append(wake)
        return kept

    at.journal.complete = settled  # type: ignore[method-assign]
    claimed = at.journal.claim("h:1:x", at.clock())
    assert claimed
    asyncio.run(at.outbox._deliver(claimed))
    assert seen and wake.is_set()


def test_stopping_waits_for_the_request_under_way(desk: Callable[..., RoomHarness]) -> None:
    at = desk({"a": FakeChat()})
    outbox = OutboxWorker(at.room)
    jobs = JobRunner()
    jobs.start(outbox)
    at.declare()
    jobs.stop()
    assert DeliveryState.SENDING not in {d.state for d in at.room.deliveries()}


def test_draining_ends_when_all_is_out(desk: Callable[..., RoomHarness]) -> None:
    at = desk({"a": FakeChat(), "b": FakeChat()})
    incident = at.declare()
    begun = time.monotonic()
    assert {d.state for d in OutboxWorker(at.room).drain(60, incident)} == {DeliveryState.DELIVERED}
    assert time.monotonic() - begun < 30


def test_draining_gives_up_when_its_time_is_over_and_leaves_the_rest_for_later(
    desk: Callable[..., RoomHarness],
) -> None:
    chat = FakeChat(outcomes=[NotSent("no route", retry_after=200)])
    at = desk({"a": chat})
    begun = time.monotonic()
    states = [d.state for d in OutboxWorker(at.room).drain(0.3, at.declare())]
    assert states == [DeliveryState.DELIVERED, DeliveryState.PENDING, DeliveryState.PENDING]
    assert time.monotonic() - begun < 20
    at.clock.later(201)
    at.carry()
    assert at.post.state is DeliveryState.DELIVERED


def test_draining_that_runs_out_of_time_leaves_no_claim_behind(desk: Callable[..., RoomHarness]) -> None:
    chat = FakeChat()
    at = desk({"a": chat})
    for _ in range(20):
        at.declare()
        OutboxWorker(at.room).drain(0.0)
        assert DeliveryState.SENDING not in {d.state for d in at.room.deliveries()}


def test_draining_one_incident_does_not_wait_for_another(desk: Callable[..., RoomHarness]) -> None:
    chat = FakeChat(outcomes=[NotSent("no route", retry_after=200)])
    at = desk({"a": chat})
    at.declare()
    at.carry()
    second = at.declare()
    begun = time.monotonic()
    assert {d.state for d in OutboxWorker(at.room).drain(60, second)} == {DeliveryState.DELIVERED}
    assert time.monotonic() - begun < 30


def test_what_waits_for_a_person_is_not_waited_for(desk: Callable[..., RoomHarness]) -> None:
    at = desk({"a": FakeChat(outcomes=[Unconfirmed("no answer")])})
    begun = time.monotonic()
    OutboxWorker(at.room).drain(60, at.declare())
    assert time.monotonic() - begun < 30 and at.post.state is DeliveryState.UNCONFIRMED


def test_a_drill_reaches_only_what_is_meant_for_drills(desk: Callable[..., RoomHarness]) -> None:
    chats = {"real": FakeChat(), "practice": FakeChat()}
    at = desk(chats, practice={"drills": True})
    at.update(at.declare(drill=True))
    at.carry()
    assert chats["real"].asked == [] and len(chats["practice"].arrived) == 3
    at.declare()
    at.carry()
    assert chats["real"].asked


def test_audiences_reach_their_own_destinations(desk: Callable[..., RoomHarness]) -> None:
    chats = {"a": FakeChat(), "public": FakeChat()}
    at = desk(chats, public={"audiences": ["customers"]})
    incident = at.declare()
    at.room.post_update(incident, "customer_initial", {}, approved_by="Ada")
    at.carry()
    assert [act for act, _ in chats["public"].asked] == ["open", "post"]
    (opening,) = chats["public"].openings
    for words in (opening.name, headline(opening), opening.topic):
        assert "inc-1" not in words.lower() and "checkout" not in words, "customers read the channel's name too"
    assert len(chats["a"].posts) == 1


def test_an_outbox_that_cannot_be_read_is_trouble_that_passes(
    desk: Callable[..., RoomHarness], monkeypatch: pytest.MonkeyPatch
) -> None:
    from warroom.errors import NotSaved

    at = desk({"a": FakeChat()})
    outbox = OutboxWorker(at.room)
    claim = at.journal.claim

    def full(*given: Any, **more: Any) -> Any:
        raise NotSaved("Not saved: the disk is full", "Free some space.")

    monkeypatch.setattr(at.journal, "claim", full)
    jobs = JobRunner()
    jobs.start(outbox)
    at.declare()
    _until(lambda: outbox.problem is not None, "the trouble is told")
    monkeypatch.setattr(at.journal, "claim", claim)
    at.room.notify()
    _until(lambda: at.post.state is DeliveryState.DELIVERED, "it goes on by itself")
    assert outbox.problem is None
    jobs.stop()


def test_a_channel_that_was_opened_but_could_not_be_kept_is_opened_again_not_given_up(
    desk: Callable[..., RoomHarness], monkeypatch: pytest.MonkeyPatch
) -> None:
    from warroom.errors import NotSaved

    chat = FakeChat()
    at = desk({"a": chat})
    at.declare()
    keep = at.room.keep_channel

    def full(*given: Any) -> None:
        monkeypatch.setattr(at.room, "keep_channel", keep)
        raise NotSaved("Not saved: the disk is full", "Free some space.")

    monkeypatch.setattr(at.room, "keep_channel", full)
    at.carry()
    first = at.room.deliveries()[0]
    assert first.state is DeliveryState.PENDING and "disk is full" in first.error
    at.clock.later(60)
    at.carry()
    assert {d.state for d in at.room.deliveries()} == {DeliveryState.DELIVERED}
