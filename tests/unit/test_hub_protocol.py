"""The protocol of the shared room, whatever happens: crashes, lost answers, partitions, restored hubs, copies.

Every journal is a real one; the hub is in memory, and ``tests/contract/test_hub.py`` proves that it promises what
one in Postgres does.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warroom.incident.delivery import DeliveryState, Message, OutboxItem
from warroom.incident.delivery_events import DELIVERIES, DeliveryAdopted
from warroom.incident.events import TEAM, AlertReceived, Declared, Noted, SeveritySet, StatusSet
from warroom.incident.identity import outside_id
from warroom.incident.incident import fold
from warroom.journal.hub.port import HubUnreachable
from warroom.journal.hub.sync import HubSync
from warroom.journal.sqlite import SqliteJournal
from warroom.testing.memory_hub import MemoryHub, MemoryHubConnection

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
FAULTS = ("none", "before", "after", "crash")


class Interrupted(Exception):
    """The process ends here."""


class FaultyConnection:
    """A connection that fails at its ``at``-th call: before it arrives, after it was done, or by a crash of the
    laptop after it was done."""

    def __init__(self, inner: MemoryHubConnection, fault: str, at: int) -> None:
        self._inner, self._fault, self._left = inner, fault, at

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._inner, name)

        def called(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left == 0 and self._fault == "before":
                raise HubUnreachable("gone")
            answer = call(*args, **kwargs)
            if self._left == 0 and self._fault == "after":
                raise HubUnreachable("the answer was lost")
            if self._left == 0 and self._fault == "crash":
                raise Interrupted
            return answer

        return called


class Laptop:
    """A journal that takes part, and what was recorded on it."""

    def __init__(self, folder: Path, hub: MemoryHub, name: str, sent: Counter[str]) -> None:
        self.path, self.hub, self.name, self.sent = folder / name, hub, name, sent
        shutil.copy(folder / "template", self.path)
        self.machine = name
        self.clock = NOW
        self.recorded: list[UUID] = []
        self.journal = SqliteJournal(self.path)
        HubSync(
            self.journal.hub, hub.connect(), name=name, app="1", machine=name, clock=self.now, scrub=self.scrub
        ).connect()

    def scrub(self, stream: str) -> None:
        self.journal.scrub(stream)

    def now(self) -> datetime:
        self.clock += timedelta(seconds=1)
        return self.clock

    def streams(self) -> list[str]:
        return [stream for stream in self.journal.hub.streams().values() if stream.startswith("INC")]

    def append(self, stream: str, events: Sequence[Any], items: Sequence[Any] = (), **given: Any) -> None:
        version = self.journal.version(stream)
        entries = self.journal.append(stream, version, events, items, at=self.now(), by=self.name, **given)
        self.recorded += [entry.id for entry in entries if entry.id not in self.recorded]

    def declare(self) -> None:
        stream = f"INC-{self.name}{len(self.recorded)}"
        self.append(
            stream, [Declared(service="web", impact="down", severity="high", started_at=NOW)], [(0, _post())]
        )

    def note(self, pick: int) -> None:
        events = [
            Noted(note="note", words="looked"),
            SeveritySet(before="high", severity=("low", "critical")[pick % 2], rank=(3, 0)[pick % 2]),
            StatusSet(before="investigating", status=("mitigated", "investigating")[pick % 2]),
        ]
        if streams := self.streams():
            self.append(streams[pick % len(streams)], [events[pick % 3]], [(0, _post())] if pick % 2 else [])

    def take(self, pick: int) -> None:
        """Record in an incident the alert that it comes from, under the id that this has in the team's stream."""
        if streams := self.streams():
            event = AlertReceived(name=f"alert {pick}")
            self.append(streams[pick % len(streams)], [event], ids=[outside_id("alert", str(pick))])

    def alert(self, pick: int) -> None:
        self.append(TEAM, [AlertReceived(name=f"alert {pick}")], ids=[outside_id("alert", str(pick))])

    def sync(self, fault: str, at: int) -> None:
        connection = FaultyConnection(self.hub.connect(), fault, at)
        try:
            sync = HubSync(
                self.journal.hub,
                connection,
                name=self.name,
                app="1",
                machine=self.machine,
                clock=self.now,
                scrub=self.scrub,
            )
            sync.connect()
            sync.round()
        except HubUnreachable:
            pass
        except Interrupted:
            self.crash()

    def crash(self) -> None:
        self.journal.close()
        self.journal = SqliteJournal(self.path)

    def copy(self) -> None:
        """Find itself on another machine: the folder was copied and goes on there."""
        self.machine += "'"

    def deliver(self) -> None:
        claimed = self.journal.claim("far:1:x", self.now())
        if claimed and claimed.state is DeliveryState.SENDING:
            self.sent[claimed.id] += 1
        if claimed:  # one that was taken over is looked up there, and found or sent under the same key
            self.journal.complete(claimed.id, owner="far:1:x", outcome=DeliveryState.DELIVERED)

    def adopt(self) -> None:
        state = self.journal.hub.state()
        others = {device.id for device in self.hub.devices.values()} - {state.device if state else None}
        for delivery, generation in self.journal.hub.abandoned(others, ["chat"]):
            self.journal.hub.record(DeliveryAdopted(delivery=delivery, generation=generation + 1), self.now())


def _post() -> OutboxItem:
    message = Message(
        kind="update",
        audience="team",
        incident="INC-1",
        severity="high",
        status="",
        title="",
        text="t",
        marker="",
        at=NOW,
    )
    return OutboxItem(operation="post", destination="chat", message=message)


laptops = st.integers(0, 2)
STEPS = st.one_of(
    st.tuples(st.just("declare"), laptops),
    st.tuples(st.just("note"), laptops, st.integers(0, 11)),
    st.tuples(st.just("note"), laptops, st.integers(0, 11)),
    st.tuples(st.just("alert"), laptops, st.integers(0, 2)),
    st.tuples(st.just("take"), laptops, st.integers(0, 2)),
    st.tuples(st.just("sync"), laptops, st.sampled_from(FAULTS), st.integers(1, 9)),
    st.tuples(st.just("sync"), laptops, st.just("none"), st.just(0)),
    st.tuples(st.just("deliver"), laptops),
    st.tuples(st.just("adopt"), laptops),
    st.tuples(st.just("crash"), laptops),
    st.tuples(st.just("copy"), laptops),
    st.tuples(st.just("backup")),
    st.tuples(st.just("restore")),
    st.tuples(st.just("replace")),
)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        SqliteJournal(Path(name) / "template").close()
        yield Path(name)


@settings(max_examples=250)
@given(steps=st.lists(STEPS, min_size=1, max_size=40))
def test_all_laptops_end_with_the_same_room(folder: Path, steps: list[Any]) -> None:
    run(folder, steps)


@pytest.mark.nightly
@settings(max_examples=3000, derandomize=False)
@given(steps=st.lists(STEPS, min_size=1, max_size=60))
def test_all_laptops_end_with_the_same_room_whatever_else_happens(folder: Path, steps: list[Any]) -> None:
    run(folder, steps)


def run(folder: Path, steps: list[Any]) -> None:
    hub, sent = MemoryHub(lambda: NOW), Counter[str]()
    where = Path(tempfile.mkdtemp(dir=folder))
    shutil.copy(folder / "template", where / "template")
    team = [Laptop(where, hub, name, sent) for name in "xyz"]
    backup = hub.backup()
    copied: set[int] = set()
    try:
        for step in steps:
            match step:
                case ("backup",):
                    backup = hub.backup()
                case ("restore",):
                    hub.restore(backup)
                case ("replace",):
                    hub.replace()
                    backup = hub.backup()
                case (action, laptop, *given_):
                    if action == "copy":
                        copied.add(laptop)
                    getattr(team[laptop], action)(*given_)
        for _ in range(3):  # healed: everyone comes by, and once more for what the others brought
            for one in team:
                one.sync("none", 0)
        check(hub, team, sent)
    finally:
        for one in team:
            with suppress(Exception):
                one.journal.close()
        shutil.rmtree(where)


def check(hub: MemoryHub, team: list[Laptop], sent: Counter[str]) -> None:
    assert [entry.pos for entry in hub.entries] == list(range(1, len(hub.entries) + 1))
    places = {entry.id: entry.pos for entry in hub.entries}
    for one in team:
        assert one.journal.hub.pending_count() == 0
        # Nothing that was recorded is lost, and what a laptop recorded is in its order.
        order = [places[id] for id in one.recorded if not _is_outside(id)]
        assert order == sorted(order)
        assert all(id in places for id in one.recorded)
        one.journal.check()
    rooms = [_room(one) for one in team]
    assert rooms[0] == rooms[1] == rooms[2]
    assert all(count == 1 for count in sent.values()), sent
    owners = Counter(id for one in team for id in _own_deliveries(one))
    assert set(owners.values()) <= {1}, "a delivery is left to exactly one laptop"
    assert len(owners) == len({one.id for laptop in team for one in laptop.journal.deliveries()})


def _is_outside(id: UUID) -> bool:
    return id.version == 5


def _own_deliveries(one: Laptop) -> list[str]:
    with sqlite3.connect(one.path) as db:
        return [id for (id,) in db.execute("SELECT id FROM deliveries WHERE device IS NULL")]


def _room(one: Laptop) -> dict[UUID, Any]:
    found: dict[UUID, Any] = {}
    for id, stream in one.journal.hub.streams().items():
        entries = one.journal.read(stream)
        found[id] = [(entry.id, entry.pos, entry.at, entry.by, entry.event) for entry in entries]
        if stream not in (TEAM, DELIVERIES) and entries:
            incident = fold(stream, entries)
            found[id] += [incident.status, incident.severity, incident.roles, len(incident.rows)]
    return found


@given(steps=st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 11)), max_size=12))
def test_what_is_folded_step_by_step_is_what_is_folded_at_once(folder: Path, steps: list[Any]) -> None:
    """The generation tells when entries that were read before come in another order."""
    where = Path(tempfile.mkdtemp(dir=folder))
    shutil.copy(folder / "template", where / "template")
    hub = MemoryHub(lambda: NOW)
    x, y = (Laptop(where, hub, name, Counter()) for name in "xy")
    try:
        x.declare()
        x.sync("none", 0)
        y.sync("none", 0)
        stream = x.streams()[0]
        known = fold(stream, x.journal.read(stream))
        generation = x.journal.generation(stream)
        for writer, syncing, pick in steps:
            (x, y)[writer].note(pick)
            (x, y)[syncing].sync("none", 0)
            if (now := x.journal.generation(stream)) != generation:
                known, generation = fold(stream, x.journal.read(stream)), now
            known = fold(stream, x.journal.read(stream, known.version), known)
            whole = fold(stream, x.journal.read(stream))
            assert [row.id for row in known.rows] == [row.id for row in whole.rows]
            assert (known.status, known.severity) == (whole.status, whole.severity)
    finally:
        x.journal.close()
        y.journal.close()
        shutil.rmtree(where)
