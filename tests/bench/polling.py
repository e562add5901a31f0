"""How many requests consoles of one journal make, printed: ``python -m tests.bench.polling``. Asserts nothing.

Ten alert sources, polled for an hour of a clock that is moved by hand, by one console and by three: their alerts
fire, clear, fire again, and come in bursts. Beside the requests stands how many facts were recorded.
"""

from __future__ import annotations

import asyncio
import heapq
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from tests.harness.fakes import START, Clock, FakeChat
from warroom.config.loading import load_playbook
from warroom.config.settings import AlertSourceSettings, Service, Settings
from warroom.incident.alerting import Firing
from warroom.incident.events import TEAM, AlertCleared, AlertReceived
from warroom.journal.sqlite import SqliteJournal
from warroom.room.alert_watch import AlertWatch
from warroom.room.room import WarRoom

SOURCES = [f"source{number}" for number in range(10)]
HOUR_S = 3600.0
EVERY_S = 30.0
SETTINGS = Settings(
    services=(Service(name="Checkout"),),
    alerts={
        name: AlertSourceSettings.model_validate({"name": name, "backend": "fake", "service": "Checkout"})
        for name in SOURCES
    },
)


class ChangingSource:
    """What fires changes with the clock: for each alert ten minutes on, ten off, shifted; in the third ten minutes
    a burst of thirty in one group."""

    can_acknowledge = can_resolve = ends_alerts = False

    def __init__(self, name: str, clock: Clock) -> None:
        self.polls = 0
        self._name, self._clock = name, clock

    def at(self, minutes: int) -> dict[str, Firing]:
        """What fires so many minutes after the start, by its key."""
        firing: dict[str, Firing] = {}
        for number in range(3):
            turn, within = divmod(minutes + 5 * number, 20)
            if within < 10:
                began = START + timedelta(minutes=20 * turn - 5 * number)
                key = f"alert {number}"
                firing[key] = Firing(key=key, title=f"{self._name} {key}", since=began, group=key)
        if 20 <= minutes < 30:
            began = START + timedelta(minutes=20)
            keys = [f"burst {number}" for number in range(30)]
            firing |= {key: Firing(key=key, title=key, since=began, group="burst") for key in keys}
        return firing

    async def firing(self) -> Sequence[Firing]:
        self.polls += 1
        return list(self.at(int((self._clock() - START).total_seconds() // 60)).values())

    async def close(self) -> None:
        """Nothing to let go of."""


def poll_for_an_hour(folder: Path, consoles: int) -> tuple[dict[str, ChangingSource], Counter[str]]:
    """Have so many consoles poll the sources for an hour. Returns these, and how often each fact was recorded:
    an alert by its source, key and beginning, and its end by the same."""
    clock = Clock()
    sources = {name: ChangingSource(name, clock) for name in SOURCES}
    book, chats = load_playbook(SETTINGS), {"": FakeChat()}.__getitem__
    rooms = [
        WarRoom(SqliteJournal(folder / "journal.db"), book, SETTINGS, by="Alice", clock=clock, chats=chats)
        for _ in range(consoles)
    ]
    watches = [AlertWatch(room, name, sources.__getitem__) for room in rooms for name in SOURCES]
    due = [(0.0, place, watch) for place, watch in enumerate(watches)]
    while due[0][0] < HOUR_S:
        at, place, watch = heapq.heappop(due)
        clock.at = START + timedelta(seconds=at)
        heapq.heappush(due, (at + asyncio.run(watch.poll()), place, watch))
    facts: Counter[str] = Counter()
    names: dict[object, str] = {}
    for entry in rooms[0].journal.read(TEAM, 0):
        if isinstance(event := entry.event, AlertReceived):
            names[entry.id] = f"{event.source} {event.fingerprint} {event.fired_at:%H:%M}"
            facts[names[entry.id]] += 1
        elif isinstance(event, AlertCleared):
            facts[f"{names[event.alert]} is over"] += 1
    for room in rooms:
        room.journal.close()
    return sources, facts


def main() -> None:
    """Print a row for one console, and one for three."""
    print(f"{len(SOURCES)} sources for an hour, every {EVERY_S:.0f} s")
    print(f"{'consoles':>8}  {'requests a minute':>17}  {'facts':>6}  {'recorded twice':>14}")
    for consoles in (1, 3):
        with tempfile.TemporaryDirectory() as folder:
            sources, facts = poll_for_an_hour(Path(folder), consoles)
        requests = sum(source.polls for source in sources.values()) / 60
        twice = sum(count > 1 for count in facts.values())
        print(f"{consoles:8}  {requests:17.1f}  {len(facts):6}  {twice:14}")


if __name__ == "__main__":
    main()
