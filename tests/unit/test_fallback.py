"""A post that its destination does not take goes to the fallback too: once, and never if it may have arrived."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.fakes import Clock, FakeChat

from warroom.config.loading import load_playbook
from warroom.config.settings import Destination, Settings
from warroom.errors import NotSent, Unconfirmed
from warroom.incident.commands import Declare
from warroom.incident.delivery import Delivery, DeliveryState
from warroom.journal.sqlite import SqliteJournal
from warroom.room.fallback import PENDING_FOR, reroute_pending
from warroom.room.outbox import OutboxWorker
from warroom.room.room import WarRoom

SECOND = PENDING_FOR.total_seconds()


class FallbackHarness:
    """An incident declared while chat is down; its fallback is mail, whose fallback is chat."""

    def __init__(self, path: Path, failure: Exception) -> None:
        self.clock = Clock()
        self.path = path
        self.chats = {"chat": FakeChat(outcomes=[failure] * 99), "mail": FakeChat()}
        self.room = self.another()
        self.id = self.room.declare(Declare("checkout", "Card payments fail")).incident.id
        OutboxWorker(self.room).drain(0.2)

    def another(self) -> WarRoom:
        table = {
            "chat": Destination(name="chat", backend="fake", fallback="mail"),
            "mail": Destination(name="mail", backend="fake", fallback="chat", audiences=("customers",)),
        }
        settings = Settings(destinations=table)
        journal = SqliteJournal(self.path)
        chats = self.chats.__getitem__
        return WarRoom(journal, load_playbook(settings), settings, by="Ada", clock=self.clock, chats=chats)

    def posts(self, destination: str) -> list[Delivery]:
        found = self.room.deliveries(self.id)
        return [one for one in found if one.destination == destination and one.item.operation == "post"]


@pytest.fixture
def down(tmp_path: Path) -> Iterator[FallbackHarness]:
    harness = FallbackHarness(tmp_path / "journal.db", NotSent("chat cannot be reached"))
    yield harness
    harness.room.journal.close()


def test_after_two_minutes_a_pending_post_goes_to_the_fallback_and_stays_queued(down: FallbackHarness) -> None:
    down.clock.later(SECOND - 1)
    reroute_pending(down.room)
    assert down.posts("mail") == []
    down.clock.later(1)
    reroute_pending(down.room)
    (rerouted,) = down.posts("mail")
    (waiting,) = down.posts("chat")
    assert rerouted.item.message == waiting.item.message and waiting.state is DeliveryState.PENDING
    OutboxWorker(down.room).drain(2.0)
    assert [message.kind for message in down.chats["mail"].messages] == ["declaration"]
    (row,) = [row for row in down.room.incident(down.id).rows if row.kind == "rerouted"]
    assert row.text == "declaration also to mail: chat has not taken it"


def test_it_goes_there_once_whoever_looks_and_no_further(down: FallbackHarness) -> None:
    down.chats["mail"].outcomes = [NotSent("mail cannot be reached")] * 99
    down.clock.later(SECOND)
    other = down.another()
    for room in (down.room, other, down.room):
        reroute_pending(room)
    down.clock.later(SECOND)
    reroute_pending(other)
    assert len(down.posts("mail")) == len(down.posts("chat")) == 1
    other.journal.close()


def test_a_post_that_may_have_arrived_does_not_go_to_the_fallback(tmp_path: Path) -> None:
    harness = FallbackHarness(tmp_path / "journal.db", Unconfirmed("No answer came"))
    harness.clock.later(10 * SECOND)
    reroute_pending(harness.room)
    assert harness.posts("chat")[0].state is DeliveryState.UNCONFIRMED and harness.posts("mail") == []
    harness.room.journal.close()
