"""Action items and their issues: opened once, closed with the item, done when they are closed; one poll for all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from harness.fakes import Clock

from warroom.config.loading import load_playbook
from warroom.config.settings import IntegrationSettings, Person, Settings, Team
from warroom.errors import NotFound, NotSent, Refusal, WarroomError
from warroom.incident.commands import AddAction, Close, CompleteAction, Declare, Resolve
from warroom.incident.delivery import Receipt
from warroom.incident.events import ActionDone, EntryRetracted, NewEntry
from warroom.incident.requests import Issue
from warroom.incident.tracking import issues
from warroom.journal.sqlite import SqliteJournal
from warroom.room.integration_delivery import IntegrationDelivery
from warroom.room.issue_tracking import POLL_S, IssueSync, close_finished, track, tracker_for
from warroom.room.outbox import OutboxWorker
from warroom.room.room import UnitOfWork, WarRoom

PLAYBOOK = load_playbook(Settings())


@dataclass
class Tracker:
    """An issue tracker in memory. ``closed`` are the ids of issues that somebody closed there."""

    dedupes: bool = True
    reads_back: bool = True
    requests: list[Issue] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)
    asked: list[Sequence[str]] = field(default_factory=list)
    failure: WarroomError | None = None
    reads_states: bool = True

    async def send(self, request: Issue, key: str) -> Receipt:
        self.requests.append(request)
        if request.done:
            return Receipt(id=request.known)
        opened = sum(not one.done for one in self.requests)
        return Receipt(id=str(opened), url=f"https://tracker.example/{opened}")

    async def find(self, request: Issue, key: str) -> Receipt | None:
        return None

    async def check(self) -> str:
        return "tracker"

    async def close(self) -> None: ...

    def can(self, method: str) -> bool:
        return self.reads_states

    async def states(self, ids: Sequence[str]) -> Mapping[str, bool]:
        self.asked.append(ids)
        if self.failure:
            raise self.failure
        return {id: id in self.closed for id in ids}


class World:
    """A room with the tracker "board" and an incident with two action items, A1 of Ada's and A2 of nobody's."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.tracker, self.folder = Clock(), Tracker(), folder
        self.room = self.another_room()
        self.incident = self.room.declare(Declare("checkout-api", "No orders", "critical")).incident.id
        for words, owner in (("Alert on pool use", "Ada"), ("Write a runbook", "")):
            self.room.execute(self.incident, AddAction(words, owner, "2026-02-14"))

    def another_room(self) -> WarRoom:
        tables = {
            "board": IntegrationSettings(name="board", backend="github"),
            "practice": IntegrationSettings(name="practice", backend="github", drills=True),
        }
        team = Team(people=(Person(name="Ada", handles={"github": "ada-l"}), Person(name="Bob")))
        room = WarRoom(
            SqliteJournal(self.folder / "journal.db"),
            PLAYBOOK,
            Settings(trackers=tables, team=team),
            by="Ada",
            clock=self.clock,
            chats=lambda _: None,  # type: ignore[arg-type, return-value]
        )
        room.consequences.append(partial(close_finished, room))
        return room

    def deliver(self) -> None:
        handler = IntegrationDelivery(self.room, "issue", lambda _: self.tracker)
        OutboxWorker(self.room, handlers=[handler]).drain(1.0)

    def track(self, *items: str) -> None:
        track(self.room, self.incident, "board", items)
        self.deliver()

    def sync(self, room: WarRoom | None = None) -> IssueSync:
        return IssueSync(room or self.room, "board", lambda _: self.tracker)

    def done(self) -> list[ActionDone]:
        events = [row.entry.event for row in self.room.incident(self.incident).rows]
        return [event for event in events if isinstance(event, ActionDone)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.room.journal.close()


def test_an_action_item_becomes_an_issue_with_owner_due_date_and_where_it_comes_from(world: World) -> None:
    world.track("a1")
    (request,) = world.tracker.requests
    assert (request.title, request.owner, request.assignee) == ("Alert on pool use", "Ada", "ada-l")
    assert request.due == "2026-02-14" and "Due: 2026-02-14" in request.body
    assert f"{world.incident}, checkout-api: No orders" in request.body
    incident = world.room.incident(world.incident)
    found = issues(incident)[incident.actions["A1"].entry]
    assert (found.tracker, found.id, found.url) == ("board", "1", "https://tracker.example/1")


def test_all_are_opened_at_once_and_none_twice(world: World) -> None:
    world.track("A2")
    world.track()
    assert [request.title for request in world.tracker.requests] == ["Write a runbook", "Alert on pool use"]
    with pytest.raises(Refusal):
        world.track()
    with pytest.raises(Refusal):
        world.track("A1")
    assert len(world.tracker.requests) == 2


def test_what_is_done_retracted_or_unknown_gets_no_issue(world: World) -> None:
    world.room.execute(world.incident, CompleteAction("A1"))
    with pytest.raises(Refusal):
        world.track("A1")
    with pytest.raises(NotFound):
        world.track("A9")
    world.track()
    assert [request.title for request in world.tracker.requests] == ["Write a runbook"]


def test_a_retracted_item_gets_no_issue(world: World) -> None:
    item = world.room.incident(world.incident).actions["A1"]

    def retract(story: UnitOfWork) -> None:
        story.add([NewEntry(EntryRetracted(entry=item.entry), story.context.new_id())])

    world.room.transact(world.incident, retract)
    with pytest.raises(Refusal):
        world.track("A1")


def test_an_item_that_is_done_closes_its_issue_and_the_timeline_tells_once(world: World) -> None:
    world.track()
    world.room.execute(world.incident, CompleteAction("A1"))
    world.deliver()
    closing = [request for request in world.tracker.requests if request.done]
    assert [request.known for request in closing] == ["1"]
    assert issues(world.room.incident(world.incident)).keys() == {
        item.entry for item in world.room.incident(world.incident).actions.values()
    }


def test_an_issue_that_is_closed_makes_its_item_done_once_for_all_consoles(world: World) -> None:
    world.track()
    world.tracker.closed = {"2"}
    for room in (world.room, world.another_room()):
        world.clock.later(POLL_S + 1)
        asyncio.run(world.sync(room).poll())
    (done,) = world.done()
    incident = world.room.incident(world.incident)
    assert incident.actions["A2"].done_at and not incident.actions["A1"].done_at
    assert "board" in done.describe("A2") and incident.rows[-1].by == ""
    world.deliver()
    assert not any(request.done for request in world.tracker.requests), "it is closed there already"


def test_a_closed_incident_still_learns_that_an_issue_was_closed(world: World) -> None:
    world.track()
    world.room.execute(world.incident, Resolve("enough"))
    world.room.execute(world.incident, Close("tracked elsewhere"))
    world.tracker.closed = {"1"}
    asyncio.run(world.sync().poll())
    assert len(world.done()) == 1


def test_consoles_share_one_poll_in_five_minutes(world: World) -> None:
    world.track()
    first, second = world.sync(), world.sync(world.another_room())
    assert asyncio.run(first.poll()) == POLL_S
    assert POLL_S <= asyncio.run(second.poll()) <= POLL_S + 6
    world.clock.later(POLL_S / 2)
    asyncio.run(second.poll())
    assert len(world.tracker.asked) == 1
    world.clock.later(POLL_S / 2)
    asyncio.run(second.poll())
    assert world.tracker.asked == [["1", "2"], ["1", "2"]]


def test_nothing_is_asked_where_no_item_is_tracked(world: World) -> None:
    asyncio.run(world.sync().poll())
    assert not world.tracker.asked


def test_a_tracker_that_fails_costs_its_own_line_of_health_and_comes_back(world: World) -> None:
    world.track()
    sync = world.sync()
    world.tracker.failure = NotSent("no route", retry_after=900)
    assert asyncio.run(sync.poll()) == 900
    assert sync.problem and "no route" in sync.problem.title
    world.tracker.failure = None
    world.clock.later(901)
    asyncio.run(sync.poll())
    assert sync.problem is None and len(world.tracker.asked) == 2


def test_which_tracker_is_meant_is_asked_only_where_there_are_several(world: World) -> None:
    incident = world.room.incident(world.incident)
    with pytest.raises(Refusal) as error:
        tracker_for(world.room, incident)
    assert "board" in error.value.remedy and "practice" in error.value.remedy
    assert tracker_for(world.room, incident, "board") == "board"
    drill = world.room.declare(Declare("checkout-api", "Practice", drill=True)).incident
    assert tracker_for(world.room, drill) == "practice"
    with pytest.raises(NotFound):
        track(world.room, world.incident, "bord")
