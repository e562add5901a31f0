"""What a shared room costs and how soon it is seen, printed: ``python -m tests.bench.hub [incidents]``. Asserts
nothing.

A real Postgres on this machine, direct connections. Recording and showing is timed in turn with a hub and without;
``incidents`` of 300 entries each (1,000 unless named) are sent and read by a laptop that joins.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import psycopg

from tests.bench.journal import LENGTH, START, events, show, spread, timed
from tests.harness.postgres import new_hub
from warroom.bootstrap import AppContext, open_context
from warroom.incident.commands import Declare, Note
from warroom.journal.hub.sync import HubSync
from warroom.journal.port import Journal
from warroom.room.snapshot import incident_snapshot

ACTIONS = 200
BEHIND = 10_000
IDLE = 5
IDLE_S = 60.0
SETTINGS = '[team]\npeople = [{ name = "Ada" }]\n\n[[services]]\nname = "checkout-api"\n'
HUB = '\n[hub]\nurl = { env = "HUB" }\n'


def console(stack: ExitStack, folder: Path, name: str, hub: str = "") -> AppContext:
    """A console's room with its background work, in sync with ``hub`` if it has one."""
    settings = folder / ("with.toml" if hub else "without.toml")
    settings.write_text(SETTINGS + (HUB if hub else ""))
    app = stack.enter_context(open_context(settings, folder / name, name, environ={"HUB": hub}))
    app.jobs.start(*app.background_jobs())
    wait(lambda: app.shared is None or app.shared.standing().state == "in sync")
    return app


def wait(holds: Callable[[], bool]) -> None:
    """Return once it holds."""
    while not holds():
        threading.Event().wait(0.005)


def recording(folder: Path, hub: str) -> None:
    """Record a note and show it, in turn on a laptop with a hub and on one without."""
    with ExitStack() as stack:
        apps = [console(stack, folder, "alone"), console(stack, folder, "shared", hub)]
        both = [(app.room, app.room.declare(Declare("checkout-api", "payments fail")).incident.id) for app in apps]
        times: list[tuple[list[float], list[float]]] = [([], []), ([], [])]
        chance = random.Random(7)
        for n in range(ACTIONS):
            for which in (0, 1) if n % 2 else (1, 0):  # the first finds colder caches
                (room, incident), (recorded, shown) = both[which], times[which]
                recorded.append(timed(lambda r=room, i=incident, n=n: r.execute(i, Note(f"looked {n}"))))  # type: ignore[misc]
                shown.append(timed(lambda r=room, i=incident: incident_snapshot(r, i)))  # type: ignore[misc]
            threading.Event().wait(chance.random() / 20)
        sums = [[sum(pair) for pair in zip(*one, strict=True)] for one in times]
        for what, without, shared in (
            ("record a note", times[0][0], times[1][0]),
            ("fold it for the screen", times[0][1], times[1][1]),
            ("both", *sums),
        ):
            show(f"{what}, without a hub", spread(without))
            show(f"{what}, with", f"{spread(shared)}   {median(shared) / median(without):.2f} ×")


def seeing(folder: Path, hub: str) -> None:
    """Time from recording an entry until the other console is told of it and has it."""
    with ExitStack() as stack:
        ada, bob = (console(stack, folder, name, hub) for name in ("seen by", "sees"))
        incident = ada.room.declare(Declare("checkout-api", "payments fail")).incident.id
        wait(lambda: bob.journal.version(incident) > 0)
        told = threading.Event()
        bob.room.on_change(told.set)
        chance, times = random.Random(7), []
        for n in range(ACTIONS):
            ada.room.execute(incident, Note(f"looked {n}"))
            begun, wanted = time.perf_counter(), ada.journal.version(incident)
            while bob.journal.version(incident) < wanted:
                told.wait(1.0)
                told.clear()
            times.append((time.perf_counter() - begun) * 1000)
            threading.Event().wait(chance.random() / 5)
        show("an entry is on the other console after", spread(times))


def laptop(stack: ExitStack, folder: Path, name: str, hub: str) -> tuple[Journal, HubSync]:
    """A journal that has joined, and its sync; nothing is done in the background."""
    settings = folder / "with.toml"
    settings.write_text(SETTINGS + HUB)
    app = stack.enter_context(open_context(settings, folder / name, name, environ={"HUB": hub}))
    connection, sync = app.connect_hub()
    stack.callback(connection.close)
    sync.connect()
    return app.journal, sync


def record(journal: Journal, stream: str, count: int, chance: random.Random) -> None:
    """Record an incident with so many entries, some at a time."""
    whole = events(count, chance)
    for at in range(0, count, 50):
        journal.append(stream, at, whole[at : at + 50], at=START, by="Ann")


def catching_up(folder: Path, url: str) -> None:
    """A laptop that was away reads what others recorded."""
    with ExitStack() as stack:
        ada, sends = laptop(stack, folder, "ada", url)
        bob, reads = laptop(stack, folder, "bob", url)
        record(ada, "INC-1", BEHIND, random.Random(7))
        took = timed(sends.push)
        show(f"send {BEHIND} entries", f"{took / 1000:.2f} s")
        took = timed(lambda: (reads.connect(), reads.pull()))
        show(f"catch up with {BEHIND} entries", f"{took / 1000:.2f} s")
        assert bob.version("INC-1") == BEHIND


def joining(folder: Path, url: str, incidents: int) -> None:
    """A new laptop reads everything that there is."""
    with ExitStack() as stack:
        ada, sends = laptop(stack, folder, "ada of many", url)
        chance = random.Random(7)
        for number in range(incidents):
            record(ada, f"INC-{number + 1}", LENGTH, chance)
        took = timed(sends.push)
        show(f"send {incidents} incidents × {LENGTH} entries", f"{took / 1000:.1f} s")
        bob, reads = laptop(stack, folder, "bob of many", url)
        took = timed(reads.pull)
        show("first sync of them", f"{took / 1000:.1f} s, {took * 1000 / incidents / LENGTH:.0f} µs an entry")
        assert len(bob.summaries()) == incidents


def idling(folder: Path, hub: str) -> None:
    """What consoles ask of the hub while nothing happens."""
    with ExitStack() as stack, psycopg.connect(hub, autocommit=True) as db:
        for n in range(IDLE):
            console(stack, folder, f"idle {n}", hub)

        def queries() -> int:
            db.execute("SELECT pg_stat_clear_snapshot()")
            row = db.execute(
                "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
            ).fetchone()
            assert row
            return int(row[0])

        threading.Event().wait(15)  # until what connecting has cost is counted
        before, begun = queries(), datetime.now(UTC)
        threading.Event().wait(IDLE_S)
        minutes = (datetime.now(UTC) - begun).total_seconds() / 60
        show(f"{IDLE} idle consoles", f"{(queries() - before) / minutes:.0f} queries a minute")


def main(folder: Path, incidents: int) -> None:
    """Measure and print."""
    recording(folder, new_hub())
    seeing(folder, new_hub())
    catching_up(folder, new_hub())
    joining(folder, new_hub(), incidents)
    idling(folder, new_hub())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        main(Path(name), int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
