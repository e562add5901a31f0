"""A hub that is slow, hangs, refuses, fills up or comes back different: what a laptop does, and what it says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from harness.bad_network import BadNetwork
from harness.monitoring import until
from harness.pgbouncer import pgbouncer
from harness.postgres import new_hub, shared_postgres
from harness.program import ForkedProgram

from warroom import bootstrap
from warroom.bootstrap import AppContext, open_context
from warroom.incident.commands import Declare, Note
from warroom.journal.hub.port import SCHEMA
from warroom.journal.hub.postgres import PostgresHub, create_hub
from warroom.journal.hub.schema import MEMBER
from warroom.room import hub_job
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

    def __init__(self, folder: Path, name: str, url: str, port: int, clock: Callable[[], datetime]) -> None:
        self.network = BadNetwork(port)
        address = url.replace(f":{shared_postgres().port}/", f":{self.network.port}/")
        settings = folder / "settings.toml"
        settings.write_text(SETTINGS, encoding="utf-8")
        self._settings, self._data = settings, folder / f"data of {name}"
        self._environ = {"HUB": address, "HOME": str(folder)}
        self.app: AppContext = open_context(settings, self._data, name, environ=self._environ, clock=clock)
        self.app.jobs.start(*(job for job in self.app.background_jobs() if job.name == "hub"))

    def standing(self) -> tuple[str, str]:
        """How it stands with the hub, and why."""
        assert self.app.shared
        standing = self.app.shared.standing()
        return standing.state, standing.problem

    def status(self) -> dict[str, Any]:
        """What ``warroom hub status --json`` says in a process of its own."""
        arguments = ["--settings", str(self._settings), "--data", str(self._data), "hub", "status", "--json"]
        with ForkedProgram(arguments, {**self._environ, "LANG": "C.UTF-8"}) as program:
            out, err = program.communicate(timeout=30)
        assert "Traceback" not in err
        found: dict[str, Any] = json.loads(out)
        return found

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
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for long: not for an answer, not before the next try."""
    monkeypatch.setattr(PostgresHub.__init__, "__kwdefaults__", {"answer_s": 1.0, "connect_s": 2})
    monkeypatch.setattr(hub_job, "LONGEST_PAUSE_S", 0.2)
    monkeypatch.setattr(hub_job, "REFUSED_PAUSE_S", 0.2)


def execute(hub: str, *statements: str) -> None:
    with psycopg.connect(hub, autocommit=True) as db:
        for statement in statements:
            db.execute(statement.encode())


LOSE_CONNECTIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture
def join(tmp_path: Path, hub: str) -> Iterator[Join]:
    """Makes laptops that take part, the hub at ``port``."""
    with ExitStack() as stack:

        def make(
            name: str, *, port: int = 0, user: str = "postgres", clock: Callable[[], datetime] = bootstrap.utc_now
        ) -> Laptop:
            laptop = Laptop(
                tmp_path, name, hub.replace("postgres@", f"{user}@"), port or shared_postgres().port, clock
            )
            stack.callback(laptop.close)
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


# ── a hub that does not take part ─────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("impatient")
def test_a_hub_that_falls_silent_is_given_up_and_found_again(join: Join) -> None:
    ada, bob = join("Ada"), join("Bob")
    incident = ada.declare()
    until(lambda: bob.has(incident, "Payments fail"))
    ada.network.swallow()
    ada.note(incident, "recorded meanwhile")
    assert ada.has(incident, "recorded meanwhile"), "it is shown before the hub has it"
    until(lambda: "did not answer within 1 s" in ada.standing()[1])
    until(lambda: "cannot be reached: it does not answer" in ada.standing()[1])  # nor when it is called anew
    assert ada.standing()[0] == "offline"
    ada.network.heal()
    until(lambda: bob.has(incident, "recorded meanwhile"))
    until(lambda: ada.standing() == ("in sync", ""))


TROUBLES = {
    "disk full": (
        """CREATE FUNCTION warroom.fill() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
           CREATE TRIGGER fill BEFORE INSERT ON warroom.entry EXECUTE FUNCTION warroom.fill()""",
        "DROP FUNCTION warroom.fill CASCADE",
        "The disk of the hub is full",
    ),
    "read-only": (
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on',"
        " current_database()); END $$",
        "SET TRANSACTION READ WRITE; DO $$ BEGIN EXECUTE format("
        "'ALTER DATABASE %I RESET default_transaction_read_only', current_database()); END $$",
        "The hub takes no entries: its database is read-only",
    ),
    "newer schema": (
        f"UPDATE warroom.meta SET schema = {SCHEMA + 1}",
        f"UPDATE warroom.meta SET schema = {SCHEMA}",
        f"The hub is at version {SCHEMA + 1}, this warroom knows {SCHEMA}",
    ),
    "no schema": (
        "ALTER SCHEMA warroom RENAME TO elsewhere",
        "ALTER SCHEMA elsewhere RENAME TO warroom",
        "The database is no hub yet",
    ),
}

NIGHTLY = ("read-only", "no schema")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "trouble", ["disk full", "newer schema", *(pytest.param(one, marks=pytest.mark.nightly) for one in NIGHTLY)]
)
def test_a_hub_in_trouble_is_named_and_what_was_recorded_arrives_afterwards(
    join: Join, hub: str, trouble: str
) -> None:
    begin, end, words = TROUBLES[trouble]
    ada, bob = join("Ada"), join("Bob")
    incident = ada.declare()
    until(lambda: bob.has(incident, "Payments fail"))
    execute(hub, begin, LOSE_CONNECTIONS)
    ada.note(incident, "recorded meanwhile")
    until(lambda: ada.standing() == ("offline", words))
    status = ada.status()
    assert (status["state"], status["problem"]) == ("offline", words) and status["pending"] > 0
    execute(hub, end, LOSE_CONNECTIONS)
    until(lambda: bob.has(incident, "recorded meanwhile"))
    until(lambda: ada.standing() == ("in sync", ""))


@pytest.mark.usefixtures("impatient")
def test_a_revoked_password_is_named_without_showing_it(join: Join, hub: str) -> None:
    role = f"ada{hub.rpartition('hub')[2]}"
    execute(hub, f"CREATE ROLE {role} LOGIN PASSWORD 'first-word' IN ROLE {MEMBER}")
    shared_postgres().ask_for_password(role)
    ada = join("Ada", user=f"{role}:first-word")
    incident = ada.declare()
    until(lambda: ada.standing() == ("in sync", ""))
    execute(hub, f"ALTER ROLE {role} PASSWORD 'second-word'", LOSE_CONNECTIONS)
    ada.note(incident, "recorded meanwhile")
    until(lambda: "refused user or password" in ada.standing()[1])
    status = ada.status()
    assert "refused user or password" in status["problem"] and "first-word" not in str(status)
    execute(hub, f"ALTER ROLE {role} PASSWORD 'first-word'")
    until(lambda: ada.standing() == ("in sync", ""))


# ── a hub that is not what it was ─────────────────────────────────────────────────────────────────────────


def test_an_entry_of_a_newer_warroom_is_a_row_and_stops_nothing(join: Join, hub: str) -> None:
    ada, bob = join("Ada"), join("Bob")
    incident = ada.declare()
    until(lambda: bob.has(incident, "Payments fail"))
    stream = ada.app.journal.hub.stream_id(incident)
    with closing(PostgresHub(hub)) as newer:
        device = uuid4()
        newer.hello(device, "Carol", "99", 0)
        entry = an_entry(device, 1, stream=stream, body='{"kind":"hologram","words":"hello"}')
        newer.push(
            [replace(entry, kind="hologram", v=99), replace(entry, id=uuid4(), device_seq=2, body="no JSON")]
        )
    ada.note(incident, "after it")
    for one in (ada, bob):
        until(lambda one=one: one.has(incident, "after it") and one.has(incident, "hologram"))  # type: ignore[misc]
        assert one.has(incident, "hologram (from a newer warroom)")
    assert len(bob.app.room.incident(incident).rows) == len(ada.app.room.incident(incident).rows)


RESTORE = """
    TRUNCATE warroom.entry, warroom.stream, warroom.device, warroom.head;
    INSERT INTO warroom.head TABLE kept.head; INSERT INTO warroom.stream TABLE kept.stream;
    INSERT INTO warroom.device TABLE kept.device; INSERT INTO warroom.entry TABLE kept.entry;
"""


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("comes_back", ["from a backup", "empty"])
def test_a_hub_that_lost_entries_gets_them_again(join: Join, hub: str, comes_back: str) -> None:
    ada, bob = join("Ada"), join("Bob")
    incident = ada.declare()
    until(lambda: bob.has(incident, "Payments fail") and ada.standing() == ("in sync", ""))
    execute(hub, "CREATE SCHEMA kept")
    for table in ("head", "stream", "device", "entry"):
        execute(hub, f"CREATE TABLE kept.{table} AS TABLE warroom.{table}")
    for one in (ada, bob):
        one.note(incident, "lost on the hub")
    until(lambda: all(_notes(one, incident) == 2 for one in (ada, bob)))
    if comes_back == "empty":
        execute(hub, "DROP SCHEMA warroom CASCADE", LOSE_CONNECTIONS)
        create_hub(hub)
    else:
        execute(hub, RESTORE, LOSE_CONNECTIONS)
    ada.note(incident, "new on the hub")
    until(lambda: bob.has(incident, "new on the hub"))
    for one in (ada, bob):
        until(lambda one=one: one.standing() == ("in sync", ""))  # type: ignore[misc]
    with psycopg.connect(hub) as db:
        rows = db.execute("SELECT pos, id, body FROM warroom.entry ORDER BY pos").fetchall()
    assert [pos for pos, _, _ in rows] == list(range(1, len(rows) + 1))
    assert sum("lost on the hub" in body for _, _, body in rows) == 2
    on_hub = [id for _, id, _ in rows]
    for one in (ada, bob):
        assert [entry.id for entry in one.app.journal.read(incident)] == [
            id for id in on_hub if id in {entry.id for entry in one.app.journal.read(incident)}
        ]
        assert _notes(one, incident) == 2
    assert one.status()["cursor"] == len(rows)


def _notes(laptop: Laptop, incident: str) -> int:
    return sum("lost on the hub" in row.text for row in laptop.app.room.incident(incident).rows)


@pytest.mark.parametrize("hours", [1, pytest.param(-1, marks=pytest.mark.nightly)])
def test_a_clock_that_is_wrong_is_said_and_does_not_count(
    join: Join, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    def wrong() -> datetime:
        return datetime.now(UTC) + timedelta(hours=hours)

    monkeypatch.setattr(bootstrap, "utc_now", wrong)
    ada = join("Ada", clock=wrong)
    incident = ada.declare()
    (declared, *_) = ada.app.journal.read(incident)
    assert abs(declared.at - datetime.now(UTC)) < timedelta(minutes=5)
    assert ada.app.shared
    assert round(ada.app.shared.standing().skew / timedelta(hours=1)) == hours
