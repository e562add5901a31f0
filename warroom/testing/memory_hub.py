"""A hub in memory: the same promises as one in Postgres, without one. For tests of the protocol and of its
users."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from uuid import UUID, uuid4

from warroom.journal.hub.port import (
    BATCH_BYTES,
    BATCH_ENTRIES,
    LARGEST_ENTRY,
    Activity,
    Beat,
    Device,
    EntryRefused,
    HubEntry,
    HubUnreachable,
    News,
    Welcome,
    chained,
)
from warroom.journal.hub.schema import SCRUBBED

PRESENT_S = 30.0


class MemoryHub:
    """What the hub keeps. ``connect`` gives connections; ``backup`` and ``restore`` are those of a database."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.clock = clock
        self.lock = threading.Lock()
        self.epoch = uuid4()
        self.entries: list[HubEntry] = []
        self.chains: list[str] = [""]
        self.labels: dict[UUID, str] = {}
        self.devices: dict[UUID, Device] = {}
        self.highest = 0
        self.leases: dict[str, tuple[str, datetime]] = {}
        self.present: dict[UUID, tuple[datetime, Sequence[Activity]]] = {}
        self.generation = 0
        """Connections of an earlier one are lost."""

    def connect(self) -> MemoryHubConnection:
        """Return a new connection."""
        return MemoryHubConnection(self)

    def backup(self) -> tuple[object, ...]:
        """Return a copy of everything that is kept."""
        return deepcopy((self.entries, self.chains, self.labels, self.devices, self.highest))

    def restore(self, backup: tuple[object, ...]) -> None:
        """Go back to a copy; the epoch stays, and every connection is lost."""
        self.entries, self.chains, self.labels, self.devices, self.highest = deepcopy(backup)  # type: ignore[assignment]
        self.generation += 1

    def replace(self) -> None:
        """Begin anew, empty and with another epoch."""
        generation = self.generation
        self.__init__(self.clock)  # type: ignore[misc]
        self.generation = generation + 1


class MemoryHubConnection:
    """A connection to a ``MemoryHub``; see ``journal.hub.port.Hub``."""

    wakes = True

    def __init__(self, hub: MemoryHub) -> None:
        self._hub = hub
        self._generation = hub.generation
        self._read = len(hub.entries)

    def _check(self) -> None:
        if self._generation != self._hub.generation:
            raise HubUnreachable("The connection to the hub was lost")

    def hello(self, device: UUID, name: str, app: str, highest: int) -> Welcome:
        """See the port."""
        hub = self._hub
        with hub.lock:
            self._check()
            hub.highest = max(hub.highest, highest)
            known = hub.devices.get(device)
            count = len(hub.devices)
            letter = (
                known.letter if known else chr(97 + count) if count < 26 else f"{chr(96 + count // 26)}{count % 26}"
            )
            hub.devices[device] = Device(device, letter, name, hub.clock(), app)
            return Welcome(hub.epoch, letter, len(hub.entries), hub.clock())

    def push(self, batch: Sequence[HubEntry]) -> list[tuple[UUID, int]]:
        """See the port."""
        hub = self._hub
        with hub.lock:
            self._check()
            if any(entry.size > LARGEST_ENTRY for entry in batch):
                raise EntryRefused("The hub does not accept an entry")
            known = {(entry.stream, entry.id): entry.pos for entry in hub.entries}
            for entry in batch:
                if (entry.stream, entry.id) in known:
                    continue
                if entry.stream not in hub.labels:
                    taken = entry.label in hub.labels.values()
                    device = hub.devices.get(entry.device)
                    letter = device.letter if device else entry.stream.hex[:8]
                    hub.labels[entry.stream] = f"{entry.label}/{letter.upper()}" if taken else entry.label
                pos = known[entry.stream, entry.id] = len(hub.entries) + 1
                hub.entries.append(replace(entry, pos=pos, scrubs=""))
                if entry.kind == SCRUBBED and entry.scrubs:
                    left_over = {UUID(one["id"]): one["body"] for one in json.loads(entry.scrubs)}
                    hub.entries = [
                        replace(old, body=left_over[old.id], orders="")
                        if old.stream == entry.stream and old.id in left_over
                        else old
                        for old in hub.entries
                    ]
                hub.chains.append(chained(hub.chains[-1], entry.id, entry.device))
            return [(entry.id, known[entry.stream, entry.id]) for entry in batch]

    def pull(self, cursor: int) -> list[HubEntry]:
        """See the port."""
        hub = self._hub
        with hub.lock:
            self._check()
            self._read = len(hub.entries)
            sizes = accumulate(entry.size for entry in hub.entries[cursor : cursor + BATCH_ENTRIES])
            count = max(1, sum(size <= BATCH_BYTES for size in sizes))
            page = hub.entries[cursor : cursor + count]
            return [
                replace(
                    entry,
                    label=hub.labels[entry.stream],
                    letter=hub.devices[entry.device].letter if entry.device in hub.devices else "",
                )
                for entry in page
            ]

    def chain_at(self, pos: int) -> str | None:
        """See the port."""
        with self._hub.lock:
            self._check()
            return self._hub.chains[pos] if 0 < pos < len(self._hub.chains) else None

    def number(self, stream: UUID) -> str:
        """See the port."""
        hub = self._hub
        with hub.lock:
            self._check()
            while stream not in hub.labels:
                hub.highest += 1
                label = f"INC-{hub.highest}"
                if label not in hub.labels.values():
                    hub.labels[stream] = label
            return hub.labels[stream]

    def heartbeat(
        self, device: UUID, session: str, present: Sequence[Activity], wanted: Sequence[str], *, lease_s: float
    ) -> Beat:
        """See the port."""
        hub = self._hub
        with hub.lock:
            self._check()
            now = hub.clock()
            if device in hub.devices:
                hub.devices[device] = replace(hub.devices[device], last_seen=now)
            hub.present[device] = now + timedelta(seconds=PRESENT_S), list(present)
            for name in wanted:
                holder, until = hub.leases.get(name, (session, now))
                if holder == session or until < now:
                    hub.leases[name] = session, now + timedelta(seconds=lease_s)
            return Beat(
                len(hub.entries),
                now,
                sorted(hub.devices.values(), key=lambda one: one.letter),
                [
                    one
                    for other, (until, all) in hub.present.items()
                    if other != device and until > now
                    for one in all
                ],
                {name: hub.leases[name][0] == session for name in wanted},
            )

    def wait(self, timeout_s: float) -> Collection[News]:
        """See the port. Does not wait."""
        with self._hub.lock:
            self._check()
            return {"entries"} if len(self._hub.entries) > self._read else set()

    def close(self) -> None:
        """See the port."""
