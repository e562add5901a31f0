"""A hub that is slow, hangs, refuses, fills up or comes back different: what a laptop does, and what it says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from uuid import uuid4

import pytest
from harness.bad_network import BadNetwork
from harness.monitoring import until
from harness.pgbouncer import pgbouncer
from harness.postgres import new_hub, shared_postgres

from warroom.bootstrap import AppContext, open_context
from warroom.incident.commands import Declare, Note
from warroom.journal.hub.postgres import PostgresHub
from warroom.testing.hub_contract import an_entry

SETTINGS = """
[team]
people = [{ name = "Ada" }, { name = "Bob" }]

[[services]]
name = "checkout-api"

[hub]
url = { env = "HUB" }
"""


class Laptop:
    """A laptop of the team, with a network of its own between it and the hub."""

    def __init__(self, folder: Path, name: str, url: str, port: int) -> None:
        self.network = BadNetwork(port)
        address = url.replace(f":{shared_postgres().port}/", f":{self.network.port}/")
        settings = folder / "settings.toml"
        settings.write_text(SETTINGS, encoding="utf-8")
        environ = {"HUB": address, "HOME": str(folder)}
        self.app: AppContext = open_context(settings, folder / f"data of {name}", name, environ=environ)
        self.app.jobs.start(*self.app.background_jobs())

    def standing(self) -> tuple[str, str]:
        """How it stands with the hub, and why."""
        assert self.app.shared
        standing = self.app.shared.standing()
        return standing.state, standing.problem

    def declare(self, impact: str = "Payments fail") -> str:
        return self.app.room.declare(Declare("checkout-api", impact, "high")).incident.id

    def note(self, incident: str, words: str) -> None:
        self.app.room.execute(incident, Note(words, "finding"))

    def has(self, incident: str, words: str) -> bool:
        """Whether the incident's timeline says this here."""
        if not any(row.id == incident for row in self.app.room.summaries()):
            return False
        return any(words in row.text for row in self.app.room.incident(incident).rows)

    def close(self) -> None:
        self.network.close()
        self.app.close()


Join = Callable[..., Laptop]


@pytest.fixture
def hub() -> str:
    return new_hub()


@pytest.fixture
def join(tmp_path: Path, hub: str) -> Iterator[Join]:
    """Makes laptops that take part, the hub at ``port``; unless it ``hangs``, they are in sync."""
    with ExitStack() as stack:

        def make(name: str, *, port: int = 0, user: str = "", hangs: bool = False) -> Laptop:
            url = hub.replace("postgres@", f"{user}@") if user else hub
            laptop = Laptop(tmp_path, name, url, port or shared_postgres().port)
            stack.callback(laptop.close)
            if not hangs:
                until(lambda: laptop.standing() == ("in sync", ""))
            return laptop

        yield make


def test_an_incident_has_the_same_name_everywhere_when_the_hubs_number_came_too_late(join: Join) -> None:
    ada, bob = join("Ada"), join("Bob")
    ada.network.delay_s = 0.4  # there and back is longer than declaring waits
    assert ada.declare() == "INC-A1"
    ada.network.heal()
    until(lambda: bool(bob.app.room.summaries()))
    assert [row.id for row in bob.app.room.summaries()] == ["INC-A1"]


# ── notifications ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_direct_connection_is_known_to_notify_at_once(hub: str) -> None:
    with closing(PostgresHub(hub)) as connection:
        assert connection.wakes


def test_news_that_comes_during_a_call_is_not_lost(hub: str) -> None:
    network = BadNetwork(shared_postgres().port)
    url = hub.replace(f":{shared_postgres().port}/", f":{network.port}/")
    with closing(PostgresHub(url)) as reader, closing(PostgresHub(hub)) as writer:
        network.swallow()
        reading = threading.Thread(target=reader.pull, args=(0,))
        reading.start()
        writer.push([an_entry(uuid4(), 1)])
        network.heal()  # the notification comes first, then the answer
        reading.join()
        assert "entries" in reader.wait(0)
    network.close()


def test_behind_a_pooler_that_passes_no_notifications_on_the_hub_is_asked(join: Join, hub: str) -> None:
    with pgbouncer(shared_postgres()) as port:
        url = hub.replace(f":{shared_postgres().port}/", f":{port}/")
        with closing(PostgresHub(url)) as connection, closing(PostgresHub(url)) as writer:
            writer.push([an_entry(uuid4(), 1)])
            assert not connection.wait(0.2) and not connection.wakes
        ada, bob = join("Ada", port=port), join("Bob", port=port)
        incident = ada.declare()
        until(lambda: bob.has(incident, "Payments fail"))
        bob.note(incident, "seen from here")
        until(lambda: ada.has(incident, "seen from here"))
