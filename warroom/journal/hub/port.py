"""What warroom asks of a hub: it gives each entry a position, without gaps, and hands entries out by position."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from warroom.errors import WarroomError

SCHEMA = 1
"""The version of the hub's tables and functions that this warroom knows."""

FORMAT = 1
"""The version of an entry as it travels."""

LARGEST_ENTRY = 64 * 1024
"""Bytes of an entry's text, its deliveries included. A larger one stays on its laptop, and ``hub status`` names
it."""

BATCH_ENTRIES = 500
BATCH_BYTES = 1024 * 1024


News = Literal["entries", "present"]
"""What a hub notifies of: that there are more entries, or that someone came, went or does something else."""


def chained(previous: str, id: UUID, device: UUID) -> str:
    """Return the checksum of the entries up to one, from that of the entries before it ("" for none).

    Two hubs, or a hub and a laptop, that have the same one have the same entries in the same order. The device is
    part of it: of a fact from outside, each laptop has a record of its own until it has read which came first.
    """
    return hashlib.md5(f"{previous}{id}{device}".encode(), usedforsecurity=False).hexdigest()


class HubUnreachable(WarroomError):
    """The hub did not answer, or the connection was lost: what was sent may have arrived. It is tried again."""


class HubRefused(WarroomError):
    """The hub does not let this laptop in: a password that was revoked, a newer schema, no schema at all."""


class EntryRefused(WarroomError):
    """The hub does not accept an entry. The others of its batch were not recorded either."""


@dataclass(frozen=True, slots=True)
class HubEntry:
    """An entry as it travels. Times are milliseconds since 1970, UTC.

    ``stream`` is the same on every laptop; ``label`` is what people call it, proposed by who shares it first.
    ``device_seq`` grows with each entry of a device. ``seen`` is the position up to which the author had read when
    it was recorded, None if that is not known. ``orders`` are its deliveries, as JSON. ``scrubs``, of an entry
    that says that the words of others were removed, are what is left of those, as JSON: the hub keeps that in
    their place. ``pos`` is 0 until the hub has given one.
    """

    id: UUID
    device: UUID
    device_seq: int
    stream: UUID
    label: str
    at: int
    by: str
    kind: str
    body: str
    seen: int | None = None
    orders: str = ""
    scrubs: str = ""
    v: int = FORMAT
    pos: int = 0
    letter: str = ""

    @property
    def size(self) -> int:
        """Its size in bytes, nearly: that of its texts."""
        return len(self.body.encode()) + len(self.orders.encode()) + len(self.by.encode()) + 200


@dataclass(frozen=True, slots=True)
class Device:
    """A laptop that takes part. ``last_seen`` is by the hub's clock, ``app`` the version of its warroom and
    the mark of its playbook."""

    id: UUID
    letter: str
    name: str
    last_seen: datetime
    app: str = ""

    @property
    def version(self) -> str:
        """The version of its warroom."""
        return self.app.partition(" ")[0]

    @property
    def playbook(self) -> str:
        """The mark of its playbook, "" if it is not known: two laptops with one mark have the same one."""
        return self.app.partition(" ")[2]


@dataclass(frozen=True, slots=True)
class Welcome:
    """What a hub answers to a laptop that connects. ``now`` is its clock, UTC."""

    epoch: UUID
    letter: str
    head: int
    now: datetime


@dataclass(frozen=True, slots=True)
class Activity:
    """What a session does in a stream, as kept in the journal's ``presence``: JSON, opaque here."""

    session: str
    stream: UUID
    text: str


@dataclass(frozen=True, slots=True)
class Beat:
    """What a hub answers to a heartbeat: how things are with everyone, by its own clock."""

    head: int
    now: datetime
    devices: Sequence[Device] = ()
    present: Sequence[Activity] = ()
    """What the sessions of other devices do."""
    leases: Mapping[str, bool] = field(default_factory=dict)
    """Of each lease that was asked for, whether this session has it."""


class Hub(Protocol):
    """A connection to a hub. One thread at a time uses it.

    Every method raises ``HubUnreachable`` within a bounded time, after which the connection is not used again,
    and ``HubRefused``.
    """

    def hello(self, device: UUID, name: str, app: str, highest: int) -> Welcome:
        """Register the device, or recognise it; incidents will be numbered from above ``highest``."""
        ...

    def push(self, batch: Sequence[HubEntry]) -> list[tuple[UUID, int]]:
        """Record the batch in one transaction and return each entry's id and position, in the order of the batch.

        An entry whose id its stream has stays as it is: two streams may have the same fact. Raises
        ``EntryRefused`` with nothing recorded.
        """
        ...

    def pull(self, cursor: int) -> list[HubEntry]:
        """Return entries after position ``cursor``, in order: at most ``BATCH_ENTRIES`` and about
        ``BATCH_BYTES``."""
        ...

    def chain_at(self, pos: int) -> str | None:
        """Return the checksum of the entries up to a position, see ``chained``; None if nothing is there."""
        ...

    def number(self, stream: UUID) -> str:
        """Return the name of a new incident, ``INC-1`` upwards, no one else's; the same again for the same
        stream."""
        ...

    def heartbeat(
        self, device: UUID, session: str, present: Sequence[Activity], wanted: Sequence[str], *, lease_s: float
    ) -> Beat:
        """Say that the device is there and what its sessions do, and ask for leases of ``lease_s`` seconds."""
        ...

    @property
    def wakes(self) -> bool:
        """Whether ``wait`` is known to return when there is news: behind some poolers it is not."""
        ...

    def wait(self, timeout_s: float) -> Collection[News]:
        """Wait for news, at most ``timeout_s`` seconds, and return of what there is some."""
        ...

    def close(self) -> None:
        """Close the connection. Never raises."""
        ...
