"""Sample entries, deliveries and processes for tests of journals. Names no database."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from warroom.incident.delivery import DeliveryState, Message, OutboxItem
from warroom.incident.events import Noted
from warroom.incident.identity import short_id
from warroom.journal.port import Journal

NOW = datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=UTC)
HOST = socket.gethostname().replace(":", "-")
ME = f"{HOST}:{os.getpid()}:me"
OTHER = f"{HOST}:{os.getpid()}:other"
FAR = "elsewhere:4711:outbox"


@dataclass(frozen=True)
class Place:
    """Where a journal is kept: ``open`` gives a handle, ``source`` is Python that binds ``journal`` elsewhere."""

    open: Callable[[], Journal]
    source: str


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def note(words: str = "p99 doubled") -> Noted:
    return Noted(note="finding", words=words)


def post(destination: str = "slack", text: str = "we look into it") -> OutboxItem:
    message = Message(
        kind="update",
        audience="team",
        incident="INC-1",
        severity="critical",
        status="investigating",
        title="Update 1",
        text=text,
        marker="INC-1·u1",
        at=NOW,
    )
    return OutboxItem(operation="post", destination=destination, message=message)


def status(destination: str = "slack", text: str = "investigating") -> OutboxItem:
    return post(destination, text).model_copy(update={"operation": "status"})


def write(journal: Journal, *items: OutboxItem, stream: str = "INC-1") -> list[str]:
    """Append one note with these items; return the ids of the stream's deliveries."""
    journal.append(stream, journal.version(stream), [note()], [(0, item) for item in items], at=NOW, by="Ann")
    return [delivery.id for delivery in journal.deliveries(stream)]


def named(journal: Journal, delivery_id: str) -> str:
    """Return the delivery's id with its entry's number in place of the entry's short id."""
    incident, entry, rest = delivery_id.split(".", 2)
    number = next(each.seq for each in journal.read(incident) if short_id(each.id) == entry)
    return f"{incident}.{number}.{rest}"


def take(journal: Journal, now: datetime = NOW, owner: str = ME) -> tuple[str, DeliveryState] | None:
    claimed = journal.claim(owner, now)
    return (claimed.id, claimed.state) if claimed else None


def states(journal: Journal) -> list[str]:
    return [delivery.state.value for delivery in journal.deliveries()]


def elsewhere(place: Place, body: str, *, argument: str = "") -> subprocess.Popen[str]:
    """Start another process that runs ``body`` with a ``journal`` of its own."""
    prelude = "import os, signal, socket, sys\nfrom datetime import datetime\n"
    code = f"{prelude}{place.source}\nnow = datetime.fromisoformat({NOW.isoformat()!r})\n{body}"
    return subprocess.Popen(
        [sys.executable, "-c", code, argument],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def at_once(place: Place, body: str, count: int = 3) -> list[list[str]]:
    """Run ``body`` in ``count`` processes that start together, journals open; return what they print."""
    running = [
        elsewhere(place, f"print('ready', flush=True)\nsys.stdin.readline()\n{body}", argument=str(n))
        for n in range(count)
    ]
    for process in running:
        assert process.stdout and process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    printed = [process.communicate(timeout=60)[0].split() for process in running]
    assert [process.returncode for process in running] == [0] * count
    return printed
