"""Laptops that are killed, a Postgres that is killed and a network that fails: afterwards everyone has the same."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
import tomli_w
from harness.bad_network import BadNetwork
from harness.chat_services import Asked, ChatServer, Fault, MatrixService, WebhookService
from harness.hub_laptop import PEOPLE, LaptopServer, acknowledged, finished
from harness.monitoring import until
from harness.postgres import new_hub, shared_postgres

from warroom.config.paths import JOURNAL
from warroom.incident.delivery import DeliveryState
from warroom.incident.delivery_events import DELIVERIES
from warroom.incident.events import TEAM
from warroom.incident.incident import fold
from warroom.journal.sqlite import SqliteJournal

TROUBLES = ("cut", "heal", "delay", "half close", "kill", "heal", "kill postgres", "cut", "kill", "heal")


class Laptop:
    """A data folder of the team, the process on it, and its network."""

    def __init__(self, server: LaptopServer, folder: Path, name: str, hub: str, **options: Any) -> None:
        self._server, self.folder, self.name = server, folder, name
        self.network = BadNetwork(shared_postgres().port)
        address = hub.replace(f":{shared_postgres().port}/", f":{self.network.port}/")
        self._options = {"folder": str(folder), "name": name, "hub": address, **options}
        self._pid = 0

    def start(self) -> None:
        self._pid = self._server.start(**self._options)

    def kill(self) -> None:
        self._server.kill(self._pid)

    def journal(self) -> SqliteJournal:
        return SqliteJournal(self.folder / self.name / JOURNAL)


class Team:
    """Laptops with their options, the chat services that they post to, and a hub."""

    def __init__(self, stack: ExitStack, folder: Path, laptops: Mapping[str, Mapping[str, Any]]) -> None:
        self.folder = folder
        self.chance = random.Random(12)
        self.lost, self.pause_s = 0.0, 0.0
        self.matrix, self.plain = MatrixService(shared=True), WebhookService()
        chat = stack.enter_context(ChatServer(self.matrix, self.plain, fault=self._fault, pause_s=self._pause))
        self.hub = new_hub()
        (folder / "settings.toml").write_text(_settings(chat, self.matrix, self.plain), encoding="utf-8")
        server = stack.enter_context(LaptopServer())
        self.laptops = [Laptop(server, folder, name, self.hub, **options) for name, options in laptops.items()]
        for one in self.laptops:
            stack.callback(one.network.close)
            one.start()

    def _fault(self, asked: Asked) -> Fault | None:
        """Of what is posted, this share is carried out and its answer lost."""
        return Fault(done=True) if asked.method != "GET" and self.chance.random() < self.lost else None

    def _pause(self, asked: Asked) -> float:
        return self.pause_s if asked.service == "plain" or "m.room.message" in asked.path else 0.0

    def finished(self) -> int:
        for errors in self.folder.glob("*.err"):
            assert not (text := errors.read_text(encoding="utf-8")), text
        return sum(finished(self.folder, one.name) for one in self.laptops)

    def meet(self, trouble: str) -> None:
        one = self.chance.choice(self.laptops)
        match trouble:
            case "cut":
                one.network.cut()
            case "half close":
                one.network.half_close()
            case "delay":
                one.network.delay_s = 0.05
            case "heal":
                one.network.heal()
            case "kill":
                one.kill()
                one.start()
            case "kill postgres":
                shared_postgres().kill()
                shared_postgres().start()

    def heal(self) -> None:
        for one in self.laptops:
            one.network.heal()
        with ExitStack() as stack:
            journals = [stack.enter_context(one.journal()) for one in self.laptops]
            until(lambda: self._is_settled(journals), 120)

    def _is_settled(self, journals: list[SqliteJournal]) -> bool:
        head = self.query("SELECT pos FROM warroom.head")[0][0]
        states = [journal.hub.state() for journal in journals]
        return (
            all(state is not None and state.cursor == head and not state.problem for state in states)
            and not any(journal.hub.pending_count() for journal in journals)
            and not any(_is_on_its_way(one) for journal in journals for one in journal.deliveries())
            and head == self.query("SELECT pos FROM warroom.head")[0][0]
        )

    def query(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.hub, autocommit=True) as db:
            return db.execute(query.encode()).fetchall()


def _settings(chat: ChatServer, *services: Any) -> str:
    destinations = {
        one.name: {"backend": one.backend, "plain_secrets": True, **one.options(chat.url_of(one))}
        for one in services
    }
    return tomli_w.dumps(
        {
            "team": {"people": [{"name": name} for name in PEOPLE]},
            "services": [{"name": "checkout-api"}],
            "destinations": destinations,
            "hub": {"url": {"env": "HUB"}},
        }
    )


def _is_on_its_way(delivery: Any) -> bool:
    return delivery.state in (DeliveryState.PENDING, DeliveryState.SENDING) or delivery.next_attempt_at is not None


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize(("actions", "between"), [(40, 9), pytest.param(500, 20, marks=pytest.mark.nightly)])
def test_whatever_is_killed_and_cut_all_laptops_end_with_the_same(
    stack: ExitStack, tmp_path: Path, actions: int, between: int
) -> None:
    team = Team(stack, tmp_path, {name: {"actions": actions, "pause_s": 0.5} for name in PEOPLE})
    team.lost = 0.1
    for n, trouble in enumerate(itertools.cycle(TROUBLES), 1):
        until(lambda n=n: team.finished() >= min(n * between, 4 * actions), 60)  # type: ignore[misc]
        if team.finished() >= 4 * actions:
            break
        team.meet(trouble)
    team.heal()
    for one in team.laptops:
        one.kill()
    check(team)


def check(team: Team) -> None:
    positions = team.query("SELECT pos, id::text, device, device_seq FROM warroom.entry ORDER BY pos")
    assert [row[0] for row in positions] == list(range(1, len(positions) + 1)), "positions have a gap"
    on_hub = {id for _, id, _, _ in positions}
    last: dict[UUID, int] = {}
    for _, _, device, device_seq in positions:
        assert device_seq > last.get(device, 0), "a laptop's entries are in another order"
        last[device] = device_seq
    for one in team.laptops:
        lost = set(acknowledged(team.folder, one.name)) - on_hub
        assert not lost, f"{one.name}'s journal has acknowledged entries that are lost"
    rooms = []
    for one in team.laptops:
        with one.journal() as journal:
            journal.check()
            rooms.append(_room(journal))
    assert rooms[0] == rooms[1] == rooms[2] == rooms[3]
    deliveries = rooms[0].pop("deliveries")
    assert {state for (_, where), state in deliveries.items() if where == "matrix"} == {DeliveryState.DELIVERED}
    arrived = Counter(row.key for row in team.matrix.rows)
    assert arrived.keys() >= {id for id, where in deliveries if where == "matrix" and id.endswith(".post")}
    assert set(arrived.values()) == {1}
    assert set(Counter(row.key for row in team.plain.rows).values()) == {1}, "a post was sent twice"


def _room(journal: SqliteJournal) -> dict[Any, Any]:
    """What a laptop shows, by stream. Status messages are left out: whether a newer one has replaced another before
    that was sent depends on when a laptop hears of it."""
    deliveries = [one for one in journal.deliveries() if one.item.operation != "status"]
    found: dict[Any, Any] = {"deliveries": {(one.id, one.destination): one.state for one in deliveries}}
    for id, stream in journal.hub.streams().items():
        entries = journal.read(stream)
        found[id] = [stream, [(entry.id, entry.pos, entry.at, entry.by, entry.event) for entry in entries]]
        if stream not in (TEAM, DELIVERIES) and entries:
            incident = fold(stream, entries)
            found[id] += [incident.status, incident.severity, incident.roles, [row.text for row in incident.rows]]
    return found


# ── a laptop that falls silent ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("sends", [True, False], ids=["while sending", "before sending"])
def test_what_a_killed_laptop_has_not_sent_is_sent_by_another_once(
    stack: ExitStack, tmp_path: Path, sends: bool
) -> None:
    """A service that does not recognise the same post twice gets nothing: there a person is asked."""
    quick = {"silent_s": 2.0, "beat_s": 0.3, "pause_s": 0.3}
    team = Team(stack, tmp_path, {"Ada": {**quick, "actions": 1, "sends": sends}, "Bob": quick})
    ada, bob = team.laptops
    team.pause_s = 60.0  # the services carry it out, and Ada never hears of it
    until(lambda: team.finished() == 1)
    journal = stack.enter_context(bob.journal())
    until(lambda: len(_posts(journal)) == 2)
    if sends:
        until(lambda: bool(team.matrix.rows and team.plain.rows))
    ada.kill()
    team.pause_s = 0.0
    until(lambda: _posts(journal) == {"matrix": DeliveryState.DELIVERED, "plain": DeliveryState.UNCONFIRMED})
    assert [row.own for row in team.matrix.rows if str(row.key).endswith(".post")] == [True]
    assert len(team.plain.rows) == int(sends)
    ada.start()  # it hears that Bob has taken it over before it sends anything
    team.heal()
    assert set(Counter(row.key for row in team.matrix.rows).values()) == {1}
    assert set(Counter(row.key for row in team.plain.rows).values()) <= {1}


def _posts(journal: SqliteJournal) -> dict[str, DeliveryState]:
    found = [one for one in journal.deliveries() if one.item.operation == "post"]
    return {one.destination: one.state for one in found if not one.next_attempt_at}
