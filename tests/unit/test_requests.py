"""Requests to outside services: recorded with the outbox, done once, their outcome known or said to be unknown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from harness.fakes import Clock

from warroom.config.loading import load_playbook
from warroom.config.settings import IntegrationSettings, Settings
from warroom.errors import NotFound, NotSent, Refusal, Rejected, Unconfirmed
from warroom.incident.commands import Declare
from warroom.incident.delivery import Delivery, DeliveryState, OutboxItem, Receipt
from warroom.incident.requests import Document, RequestAccepted, RequestMade
from warroom.journal.sqlite import SqliteJournal
from warroom.room.integration_delivery import IntegrationDelivery
from warroom.room.outbox import OutboxWorker
from warroom.room.requests import ask, takers
from warroom.room.room import WarRoom

PLAYBOOK = load_playbook(Settings())


@dataclass
class Wiki:
    """A document store. ``outcomes`` are those of the next requests: an error before the effect, or after it in a
    tuple."""

    dedupes: bool = False
    reads_back: bool = True
    outcomes: list[Any] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)

    async def send(self, request: Document, key: str) -> Receipt:
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if isinstance(outcome, Exception):
            raise outcome
        if not (self.dedupes and key in self.kept):
            self.kept.append(key)
            self.titles.append(request.title)
        if outcome:
            raise outcome[0]
        return self._receipt(key)

    async def find(self, request: Document, key: str) -> Receipt | None:
        return self._receipt(key) if key in self.kept else None

    async def check(self) -> str:
        return "wiki"

    async def close(self) -> None: ...

    def _receipt(self, key: str) -> Receipt:
        return Receipt(id=f"page {self.kept.index(key) + 1}", url="https://wiki.example/1")


class World:
    """A room with one document store, "wiki", and an open incident."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.wiki = Clock(), Wiki()
        self.journal = SqliteJournal(folder / "journal.db")
        tables = {
            "wiki": IntegrationSettings(name="wiki", backend="wiki"),
            "practice": IntegrationSettings(name="practice", backend="wiki", drills=True),
        }
        self.room = WarRoom(
            self.journal, PLAYBOOK, Settings(documents=tables), by="Ada", clock=self.clock, chats=lambda _: None
        )  # type: ignore[arg-type, return-value]
        self.incident = self.room.declare(Declare("checkout-api", "No orders", "critical")).incident.id
        self.outbox = self.worker()

    def worker(self) -> OutboxWorker:
        return OutboxWorker(self.room, handlers=[IntegrationDelivery(self.room, "document", lambda _: self.wiki)])

    def document(self, title: str = "Post-mortem") -> Document:
        return Document(
            incident=self.incident, what="publish it", title=title, markdown="# Post-mortem", at=self.clock()
        )

    def deliver(self) -> Delivery:
        self.outbox.drain(1.0)
        (delivery,) = self.room.deliveries(self.incident)
        return delivery

    def accepted(self) -> list[RequestAccepted]:
        events = [row.entry.event for row in self.room.incident(self.incident).rows]
        return [event for event in events if isinstance(event, RequestAccepted)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.journal.close()


def test_what_is_asked_for_is_done_and_recorded_with_where_it_is(world: World) -> None:
    made = ask(world.room, world.incident, "wiki", world.document()).entries[0]
    assert world.deliver().state is DeliveryState.DELIVERED
    assert world.wiki.titles == ["Post-mortem"]
    (accepted,) = world.accepted()
    assert (accepted.made, accepted.id, accepted.url) == (made.id, "page 1", "https://wiki.example/1")


def test_what_has_been_asked_for_once_is_not_asked_for_again(world: World) -> None:
    for _ in range(2):
        ask(world.room, world.incident, "wiki", world.document(), once=["post-mortem", "1"])
    ask(world.room, world.incident, "wiki", world.document("Other"), once=["post-mortem", "2"])
    events = [row.entry.event for row in world.room.incident(world.incident).rows]
    assert sum(isinstance(event, RequestMade) for event in events) == 2
    world.outbox.drain(1.0)
    assert world.wiki.titles == ["Post-mortem", "Other"]


def test_a_secret_in_a_request_never_leaves(world: World) -> None:
    secret = "ghp_" + "a1B2" * 9
    ask(world.room, world.incident, "wiki", world.document(f"Token {secret}"))
    world.deliver()
    assert secret not in world.wiki.titles[0]
    assert secret not in str(world.room.deliveries(world.incident))


def test_an_answer_that_is_lost_is_read_back_and_recorded_once(world: World) -> None:
    world.wiki.outcomes = [(Unconfirmed("no answer"),)]
    ask(world.room, world.incident, "wiki", world.document())
    assert world.deliver().state is DeliveryState.UNCONFIRMED
    world.clock.later(60)
    assert world.deliver().state is DeliveryState.DELIVERED
    assert len(world.wiki.titles) == len(world.accepted()) == 1


def test_where_nothing_tells_whether_it_was_done_a_person_is_asked(world: World) -> None:
    world.wiki.reads_back = False
    world.wiki.outcomes = [(Unconfirmed("no answer"),)]
    ask(world.room, world.incident, "wiki", world.document())
    delivery = world.deliver()
    assert (delivery.state, delivery.next_attempt_at) == (DeliveryState.UNCONFIRMED, None)
    assert not world.accepted()


def test_a_service_that_deduplicates_is_asked_again(world: World) -> None:
    world.wiki.dedupes = True
    world.wiki.outcomes = [(Unconfirmed("no answer"),)]
    ask(world.room, world.incident, "wiki", world.document())
    world.deliver()
    world.clock.later(60)
    assert world.deliver().state is DeliveryState.DELIVERED
    assert world.wiki.titles == ["Post-mortem"]


@pytest.mark.parametrize(
    ("error", "state"),
    [(NotSent("no connection"), DeliveryState.PENDING), (Rejected("not allowed", "Ask."), DeliveryState.FAILED)],
)
def test_a_refusal_and_a_lost_connection_are_told_apart(
    world: World, error: Exception, state: DeliveryState
) -> None:
    world.wiki.outcomes = [error]
    ask(world.room, world.incident, "wiki", world.document())
    assert world.deliver().state is state
    assert not world.wiki.kept


def test_a_drill_leaves_services_alone_that_are_not_meant_for_it(world: World) -> None:
    drill = world.room.declare(Declare("checkout-api", "Practice", "critical", drill=True)).incident
    assert takers(world.room, drill, "document") == ["practice"]
    with pytest.raises(Refusal):
        ask(world.room, drill.id, "wiki", world.document())
    assert not world.room.deliveries(drill.id)
    ask(world.room, drill.id, "practice", world.document())


def test_a_service_the_settings_do_not_name_is_refused_with_those_they_do(world: World) -> None:
    with pytest.raises(NotFound) as found:
        ask(world.room, world.incident, "wikki", world.document())
    assert "wiki" in found.value.remedy


def test_a_request_survives_the_journal(world: World) -> None:
    item = OutboxItem.asking("wiki", world.document())
    assert OutboxItem.model_validate_json(item.model_dump_json()) == item
