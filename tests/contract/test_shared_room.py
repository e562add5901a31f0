"""A room shared by several laptops through a real Postgres: what teammates see of each other, and when cut off."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from harness.bad_network import BadNetwork
from harness.monitoring import until
from harness.postgres import new_hub, shared_postgres

from warroom.bootstrap import AppContext, open_context
from warroom.incident.commands import (
    Acknowledge,
    Declare,
    Note,
    RecordFix,
    Resolve,
    SetStatus,
)
from warroom.incident.events import Declared, Noted
from warroom.incident.incident import Incident
from warroom.incident.investigation import ConfirmHypothesis
from warroom.incident.roles import Assign
from warroom.reports import postmortem, render
from warroom.room.room import WarRoom
from warroom.room.scrubbing import scrub

SETTINGS = """
[team]
name = "Shop"
timezone = "Europe/Berlin"
people = [{ name = "Ada" }, { name = "Bob" }, { name = "Carol" }]

[[services]]
name = "checkout-api"
description = "Card payments"

[hub]
url = { env = "HUB" }
"""


class Laptop:
    """A laptop of the team: a data folder, a console's background work, and a connection that can be cut."""

    def __init__(self, folder: Path, name: str, url: str) -> None:
        self.network = BadNetwork(shared_postgres().port)
        self.hub = url
        self.url = url.replace(f":{shared_postgres().port}/", f":{self.network.port}/")
        settings = folder / "settings.toml"
        settings.write_text(SETTINGS, encoding="utf-8")
        self.app: AppContext = open_context(
            settings, folder / f"data of {name}", name, environ={"HUB": self.url, "HOME": str(folder)}
        )
        self.name = name

    @property
    def room(self) -> WarRoom:
        return self.app.room

    def work(self) -> None:
        """Do in the background what a console does."""
        self.app.jobs.start(*self.app.background_jobs())

    def incident(self, id: str) -> Incident:
        return self.app.room.incident(id)

    def has(self, id: str, words: str) -> bool:
        """Whether the incident's timeline says this here."""
        if not any(row.id == id for row in self.app.room.summaries()):
            return False
        return any(words in row.text for row in self.incident(id).rows)

    def files(self) -> list[Path]:
        """The files of its journal."""
        return list(self.app.places.data.glob("journal*"))

    def state(self) -> str:
        assert self.app.shared
        return self.app.shared.standing().state

    def close(self) -> None:
        self.app.close()
        self.network.close()


@pytest.fixture
def join(tmp_path: Path) -> Iterator[Callable[..., Laptop]]:
    """Makes laptops that share one room; their background work runs unless ``works`` is False."""
    url = new_hub()
    with ExitStack() as stack:

        def make(name: str, *, works: bool = True) -> Laptop:
            laptop = Laptop(tmp_path, name, url)
            stack.callback(laptop.close)
            if works:
                laptop.work()
                until(lambda: laptop.state() == "in sync")
            return laptop

        yield make


def declare(laptop: Laptop, impact: str = "Payments fail") -> str:
    return declare_in(laptop.room, impact)


def declare_in(room: WarRoom, impact: str) -> str:
    return room.declare(Declare("checkout-api", impact, "high")).incident.id


def note(laptop: Laptop, incident: str, words: str) -> None:
    laptop.room.execute(incident, Note(words, "finding"))


def test_what_one_records_the_other_sees(join: Callable[..., Laptop]) -> None:
    ada, bob = join("Ada"), join("Bob")
    incident = declare(ada)
    assert incident == "INC-1"
    until(lambda: bob.has(incident, "Payments fail"))
    note(bob, incident, "The database is slow")
    until(lambda: ada.has(incident, "The database is slow"))
    assert [row.id for row in ada.incident(incident).rows] == [row.id for row in bob.incident(incident).rows]
    assert bob.room.summaries()[0].severity == "high"


def test_who_is_there_and_composes_is_seen_on_the_other_laptop(join: Callable[..., Laptop]) -> None:
    ada, bob = join("Ada"), join("Bob")
    incident = declare(ada)
    until(lambda: bob.has(incident, "Payments fail"))
    ada.room.save_presence(incident, "composing an update", ada.room.clock())
    until(lambda: [(one.by, one.doing) for one in bob.room.others(incident)] == [("Ada", "composing an update")])
    ada.room.save_presence("", "", ada.room.clock())
    until(lambda: not bob.room.others(incident))


def test_cut_off_it_goes_on_and_says_so_and_catches_up(join: Callable[..., Laptop]) -> None:
    ada, bob = join("Ada"), join("Bob")
    incident = declare(ada)
    until(lambda: bob.has(incident, "Payments fail"))
    bob.network.cut()
    note(bob, incident, "seen while cut off")
    until(lambda: bob.state() == "offline")
    assert "offline" in bob.room.hub_word()
    other = declare(bob, "Search fails")
    assert other == "INC-B1", "named without the hub"
    note(ada, incident, "meanwhile")
    bob.network.heal()
    until(lambda: ada.has(incident, "seen while cut off") and ada.has(other, "Search fails"))
    until(lambda: bob.has(incident, "meanwhile") and bob.state() == "in sync")
    assert [row.id for row in ada.incident(incident).rows] == [row.id for row in bob.incident(incident).rows]
    assert declare(bob, "Mail is late") == "INC-2", "the hub numbers again"


def test_two_who_change_the_same_while_cut_off_agree_afterwards(join: Callable[..., Laptop]) -> None:
    ada, bob = join("Ada"), join("Bob")
    incident = declare(ada)
    until(lambda: bob.has(incident, "Payments fail"))
    bob.network.cut()
    bob.room.execute(incident, SetStatus("mitigated"))
    ada.room.execute(incident, Resolve(reason="the team decided"))
    until(lambda: ada.state() == "in sync")
    bob.network.heal()
    until(lambda: bob.incident(incident).status == "resolved" and ada.has(incident, "not applied"))
    assert [row.text for row in ada.incident(incident).rows] == [row.text for row in bob.incident(incident).rows]


def test_a_private_incident_stays_until_it_is_published(join: Callable[..., Laptop]) -> None:
    ada, bob = join("Ada"), join("Bob")
    private = ada.room.declare(Declare("checkout-api", "A leak", "high", private=True)).incident.id
    public = declare(ada)
    until(lambda: bob.has(public, "Payments fail"))
    assert not any(row.id == private for row in bob.room.summaries())
    assert ada.app.shared
    ada.app.shared.publish(private)
    until(lambda: bob.has(private, "A leak"))
    assert private == "INC-A1", "the name never changes"


def test_what_is_declared_before_the_hub_is_first_reached_is_shared_as_well(join: Callable[..., Laptop]) -> None:
    ada, bob = join("Ada", works=False), join("Bob")
    ada.network.cut()
    incident = declare(ada)
    assert incident.startswith("INC-X"), "no hub has given a letter yet"
    ada.work()
    ada.network.heal()
    until(lambda: bob.has(incident, "Payments fail"))


def test_incidents_from_before_joining_stay_and_never_share_a_name(
    join: Callable[..., Laptop], tmp_path: Path
) -> None:
    for name in ("Ada", "Bob"):
        environ = {"HOME": str(tmp_path)}
        with open_context(None, tmp_path / f"data of {name}", name, environ=environ) as alone:
            assert declare_in(alone.room, f"{name}'s") == "INC-1"
    ada, bob = join("Ada", works=False), join("Bob", works=False)
    for one in (ada, bob):
        one.work()
        until(lambda: ada.state() == "in sync")
    until(lambda: bob.state() == "in sync")
    assert ada.app.shared
    ada.app.shared.publish("INC-1")
    until(lambda: bob.has("INC-1/A", "Ada's"))
    assert bob.has("INC-1", "Bob's") and not bob.has("INC-1", "Ada's")
    assert declare(bob, "new") == "INC-2"


def test_one_laptop_does_what_only_one_should(join: Callable[..., Laptop]) -> None:
    ada, bob = join("Ada"), join("Bob")
    held = [one.app.journal.hub for one in (ada, bob)]
    now = ada.room.clock

    def holders() -> list[bool]:
        return [hub.holds("reminders", now()) for hub in held]

    until(lambda: sum(holders()) == 1)
    first = holders().index(True)
    (ada, bob)[first].close()
    until(lambda: held[1 - first].holds("reminders", now()), 60)


def test_a_secret_in_what_a_teammate_sends_is_masked_on_arrival(join: Callable[..., Laptop]) -> None:
    """A laptop of another version, or with other rules, may not have masked it."""
    ada, bob = join("Ada", works=False), join("Bob")
    secret = "xoxb-" + "123456789012-123456789012-AbCdEfGhIjKlMnOpQrStUvWx"
    ada.work()
    until(lambda: ada.state() == "in sync")
    now = ada.room.clock()
    events = [
        Declared(service="web", impact="down\x1b[2J", severity="high", started_at=now),
        Noted(note="note", words=f"the token is {secret}"),
    ]
    ada.app.journal.append("INC-9", 0, events, at=now, by="Ada\x1b[31m")
    until(lambda: bob.has("INC-9", "the token is"))
    rows = bob.incident("INC-9").rows
    assert secret not in "".join(row.text for row in rows) and "‹redacted:slack" in rows[1].text
    assert not any("\x1b" in row.text or "\x1b" in row.by for row in rows)
    ada.app.journal.close()


@pytest.mark.parametrize("cut_s", [0.0, pytest.param(120.0, marks=pytest.mark.nightly)])
def test_three_laptops_run_a_drill_together_and_write_the_same_post_mortem(
    join: Callable[..., Laptop], cut_s: float
) -> None:
    """One of them is cut off in the middle. The drill's teammates, alerts and logs are played by Ada's console."""
    ada, bob, carol = team = join("Ada"), join("Bob"), join("Carol")
    pace = 10.0 if cut_s else 120.0  # the drill ends by its own rule
    player = ada.app.drill(ada.app.drill_logs, None, "", pace)
    player.start(at_first_alert=True)
    try:
        until(lambda: any(alert.event.drill for alert in bob.room.team().alerts.values()))
        alert = next(iter(bob.room.team().alerts.values()))
        declared = bob.room.declare(Declare("checkout-api", "Orders fail", "critical"), alert=alert.id)
        incident = declared.incident.id
        assert declared.incident.drill, "the alert of a drill declares a drill on every laptop"
        until(lambda: all(one.has(incident, "Orders fail") for one in team))
        until(lambda: ada.has(incident, "Drill") or len(ada.incident(incident).rows) > 3)
        carol.room.execute(incident, Acknowledge())
        ada.room.execute(incident, Assign("incident_commander", "Ada"))
        carol.network.cut()
        hypothesis = Note("The last deployment broke the pool", "hypothesis")
        carol.room.execute(incident, hypothesis)
        carol.room.execute(incident, Note("Pool is exhausted", "finding"))
        bob.room.post_update(incident, "update", {"status": "investigating", "actions": "Looking at the pool"})
        until(lambda: carol.state() == "offline")
        threading.Event().wait(cut_s)
        ada.room.execute(incident, RecordFix("Rolled back the deployment", rollback="deploy again"))
        carol.network.heal()
        until(lambda: bob.has(incident, "Pool is exhausted") and carol.has(incident, "Rolled back"))
        bob.room.execute(incident, ConfirmHypothesis("H1"))
        logs = bob.app.drill_on_demand(bob.app.drill_logs).logs_of("checkout-api")
        assert logs and all(log.is_file() for log in logs), "each laptop writes the drill's logs"
        carol.room.execute(incident, Resolve(reason="drill"))
        until(lambda: all(one.incident(incident).status == "resolved" for one in team))
    finally:
        player.stop()
    until(lambda: len({one.incident(incident).version for one in team}) == 1 and ada.state() == "in sync")
    until(lambda: len({tuple(row.id for row in one.incident(incident).rows) for one in team}) == 1)
    now = ada.room.clock()
    written = {_post_mortem(one, incident, now) for one in team}
    assert len(written) == 1
    (text,) = written
    assert "Orders fail" in text and "Rolled back the deployment" in text and "Pool is exhausted" in text


def _post_mortem(laptop: Laptop, incident: str, now: datetime) -> str:
    room, found = laptop.app.room, laptop.incident(incident)
    built = postmortem.build(found, room.playbook, room.deliveries(incident), now, room.zone)
    return render.to_format(built, room.playbook, "markdown")


def test_a_hub_that_never_answers_holds_up_nothing(tmp_path: Path) -> None:
    """It accepts the connection and says nothing: declaring and recording are as without it."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    (tmp_path / "settings.toml").write_text(SETTINGS, encoding="utf-8")
    environ = {"HUB": f"postgresql://x@127.0.0.1:{port}/x", "HOME": str(tmp_path)}
    with open_context(tmp_path / "settings.toml", tmp_path / "data", "Ada", environ=environ) as app:
        app.jobs.start(*app.background_jobs())
        done = threading.Event()

        def act() -> None:
            incident = app.room.declare(Declare("web", "down", "high")).incident.id
            app.room.execute(incident, Note("noted", "note"))
            done.set()

        threading.Thread(target=act, daemon=True).start()
        assert done.wait(5), "an action waits for the hub"
    listener.close()


def test_what_is_scrubbed_is_gone_from_the_hub_and_from_every_laptop(join: Callable[..., Laptop]) -> None:
    ada, bob = join("Ada"), join("Bob")
    incident = declare(ada)
    note(ada, incident, "the customer is Jane Roe")
    until(lambda: bob.has(incident, "Jane Roe"))
    row = next(row for row in ada.incident(incident).rows if "Jane Roe" in row.text)
    scrub(ada.room, incident, str(row.id), "a name")
    until(lambda: bob.has(incident, "scrubbed: a name") and not bob.has(incident, "Jane Roe"))
    until(lambda: b"Jane Roe" not in b"".join(file.read_bytes() for file in bob.files()))
    with psycopg.connect(bob.hub) as db:
        assert not db.execute("SELECT 1 FROM warroom.entry WHERE body LIKE '%Jane Roe%'").fetchall()
    assert ada.app.journal.check() and bob.app.journal.check()
