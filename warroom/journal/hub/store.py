"""A laptop's side of the shared room, in its journal's file: what is shared, what waits, how far the hub was read.

An entry that is shared has a row in ``hub_entries`` besides its own: with the position that the hub gave it, or
none while it waits. The order of a stream is that of the positions, then of what waits as it came; entries from
before joining come first. Thread-safe, as the journal is.
"""

from __future__ import annotations

import functools
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4, uuid5

from warroom.errors import NotFound, Refusal
from warroom.incident.conflicts import CONFLICTING
from warroom.incident.delivery import DeliveryState, OutboxItem
from warroom.incident.delivery_events import DELIVERIES, DeliveryAdopted, DeliveryUpdated
from warroom.incident.events import TEAM, Entry, Event, parse_event, serialize_event
from warroom.incident.identity import OUTSIDE, legacy_id, uuid7
from warroom.incident.scrubbed import concerns, scrub_event, scrub_targets
from warroom.journal.checksums import chain_stream, last_link, link
from warroom.journal.codec import from_ms, to_ms, upcast
from warroom.journal.hub.cleaning import cleaned
from warroom.journal.hub.port import (
    BATCH_BYTES,
    BATCH_ENTRIES,
    LARGEST_ENTRY,
    Device,
    HubEntry,
    chained,
)
from warroom.journal.hub.schema import SCRUBBED
from warroom.journal.sqlite_file import SqliteFile
from warroom.safety import redact

SHARED_STREAMS = {name: uuid5(OUTSIDE, f"stream\x1f{name}") for name in (TEAM, DELIVERIES)}
"""The streams that every laptop has, and their ids."""

SMALL_SKEW_MS = 2_000
"""A clock that is off by less is left as it is: a person could not tell, and the network takes its time too."""


_LEFT = "hub left"

CUT_OFF_MS = 60_000
"""Milliseconds without the hub after which another laptop may soon take over what this one has not sent."""


@dataclass(frozen=True, slots=True)
class HubState:
    """How this laptop takes part. Times are UTC.

    ``cursor`` is the position up to which it has read, ``head`` the last one known to exist. ``skew_ms`` is how far
    its clock is ahead of the hub's, 0 if that is little, and ``boot_ms`` when it started, by that clock.
    ``problem`` is why the hub cannot be reached now.
    """

    epoch: UUID
    device: UUID
    letter: str
    cursor: int
    chain: str
    head: int
    contact: datetime | None
    skew_ms: int
    boot_ms: int
    machine: str
    problem: str
    devices: tuple[Device, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """An entry that waits to be sent. ``n`` is its place in the order in which this laptop came by it."""

    n: int
    stream: str
    entry: HubEntry


class HubStore:
    """See the module. ``journal_id`` returns the id of the journal, ``saved`` is called with the last entry of each
    stream that was written."""

    def __init__(
        self, file: SqliteFile, journal_id: Callable[[], UUID], saved: Callable[[str, int, bytes], None]
    ) -> None:
        self._file = file
        self._journal_id = journal_id
        self._saved = saved

    # ── taking part ───────────────────────────────────────────────────────────────────────────────────────

    def state(self) -> HubState | None:
        """How this laptop takes part; None if it does not."""
        with self._file.reading() as db:
            row = db.execute(
                "SELECT epoch, device, letter, cursor, chain, head, contact, skew, boot, machine, problem,"
                " devices FROM hub"
            ).fetchone()
        if row is None:
            return None
        epoch, device, letter, cursor, chain, head, contact, skew, boot, machine, problem, devices = row
        return HubState(
            UUID(bytes=epoch),
            UUID(bytes=device),
            letter,
            cursor,
            chain,
            head,
            None if contact is None else from_ms(contact),
            skew,
            boot,
            machine,
            problem,
            tuple(
                Device(UUID(one["id"]), one["letter"], one["name"], from_ms(one["last_seen"]), one["app"])
                for one in json.loads(devices)
            ),
        )

    def in_brief(self) -> tuple[str, datetime | None, int] | None:
        """Of the state the ``problem`` and the ``contact``, and how many entries wait; None as ``state``."""
        with self._file.reading() as db:
            row = db.execute(
                "SELECT problem, contact,"
                " (SELECT count(*) FROM hub_entries WHERE pos IS NULL AND refused = '') FROM hub"
            ).fetchone()
        return row and (row[0], None if row[1] is None else from_ms(row[1]), row[2])

    def highest(self) -> int:
        """The highest number of an incident here: the hub's numbers begin above it."""
        with self._file.reading() as db:
            return int(db.execute("SELECT value FROM counter WHERE name = 'incident'").fetchone()[0])

    def prepare(self, machine: str) -> None:
        """Take part from now on, although no hub was reached yet: incidents declared until then are shared, too.

        Until the hub gives a letter, names begin with ``X`` and two digits of the device's id.
        """
        if self.state() is None and not self.has_left():
            device = uuid4()
            self.join(device, UUID(int=0), f"x{device.hex[:2]}", machine)

    def rename(self, letter: str) -> None:
        """Keep the letter that the hub has given to this laptop."""
        with self._file.writing() as db:
            db.execute("UPDATE hub SET letter = ? WHERE letter <> ?", (letter, letter))

    def join(self, device: UUID, epoch: UUID, letter: str, machine: str) -> None:
        """Take part from now on: what is recorded before stays here, until it is published."""
        with self._file.writing() as db:
            db.execute("DELETE FROM hub")
            db.execute(
                "INSERT INTO hub (one, epoch, device, letter, cursor, head, machine) VALUES (1, ?, ?, ?, 0, 0, ?)",
                (epoch.bytes, device.bytes, letter, machine),
            )
            for name, id in SHARED_STREAMS.items():
                db.execute(
                    "INSERT INTO hub_streams (stream, id, label, shared) VALUES (?, ?, ?, 1)"
                    " ON CONFLICT DO NOTHING",
                    (name, id.bytes, name),
                )

    def become(self, device: UUID, letter: str, machine: str) -> None:
        """Go on as another device: this file is a copy, or was restored, and the original may go on as well.

        Whether the deliveries that were not sent have been sent from there is not known.
        """
        with self._file.writing() as db:
            db.execute(
                "UPDATE hub_entries SET device = (SELECT device FROM hub), device_seq = n"
                " WHERE device IS NULL AND pos IS NOT NULL"
            )
            db.execute("UPDATE hub SET device = ?, letter = ?, machine = ?", (device.bytes, letter, machine))
            db.execute(
                "UPDATE deliveries SET state = 'uncertain', next_attempt_at = 0, holder = '', lease_until = 0,"
                " error = 'The data folder was copied or restored: the original may have sent it.'"
                " WHERE state IN ('pending', 'sending') AND device IS NULL"
            )

    def leave(self) -> None:
        """Take part no longer. What was shared stays here and there; what is recorded stays here until it joins
        again."""
        with self._file.writing() as db:
            db.execute("DELETE FROM hub")
            db.execute("INSERT OR REPLACE INTO observations VALUES (?, 'left')", (_LEFT,))

    def has_left(self) -> bool:
        """Whether a person had this laptop leave: it does not join again by itself."""
        with self._file.reading() as db:
            return bool(
                db.execute("SELECT 1 FROM observations WHERE stream = ? AND text <> ''", (_LEFT,)).fetchone()
            )

    def come_back(self) -> None:
        """Forget that it has left: it joins when it next reaches the hub."""
        with self._file.writing() as db:
            db.execute("DELETE FROM observations WHERE stream = ?", (_LEFT,))

    def note_contact(
        self, at: datetime, head: int, *, skew_ms: int, boot_ms: int, devices: Sequence[Device] = ()
    ) -> None:
        """Keep that the hub answered at ``at`` by its own clock, and what it said.

        ``boot_ms`` is when this laptop started, by its own clock: it moves when that clock is set.
        """
        known = json.dumps(
            [
                {
                    "id": str(one.id),
                    "letter": one.letter,
                    "name": one.name,
                    "app": one.app,
                    "last_seen": to_ms(one.last_seen),
                }
                for one in devices
            ]
        )
        with self._file.writing() as db:
            db.execute(
                "UPDATE hub SET contact = ?, problem = '', head = max(?, cursor), skew = ?, boot = ?,"
                " devices = CASE WHEN ? = '[]' THEN devices ELSE ? END",
                (to_ms(at), head, 0 if abs(skew_ms) <= SMALL_SKEW_MS else skew_ms, boot_ms, known, known),
            )

    def note_problem(self, problem: str) -> None:
        """Keep why the hub cannot be reached."""
        with self._file.writing() as db:
            db.execute("UPDATE hub SET problem = ? WHERE problem <> ?", (problem, problem))

    def keep_leases(self, names: Iterable[str], until: datetime) -> None:
        """Keep what only this laptop does until then, by the hub's clock."""
        with self._file.writing() as db:
            db.execute("UPDATE hub SET leases = ?", (json.dumps(dict.fromkeys(names, to_ms(until))),))

    def holds(self, lease: str, now: datetime) -> bool:
        """Whether this laptop is the one that does what the lease is for: so it is where it takes part in no
        room."""
        with self._file.reading() as db:
            row = db.execute("SELECT leases FROM hub").fetchone()
        return row is None or json.loads(row[0]).get(lease, 0) > to_ms(now)

    def may_be_taken(self, delivery: str, now: datetime) -> bool:
        """Whether another laptop may have taken a delivery over without this one knowing: cut off for too long."""
        with self._file.reading() as db:
            row = db.execute(
                "SELECT 1 FROM hub, deliveries d JOIN hub_entries h USING (stream, seq)"
                " WHERE d.id = ? AND h.pos IS NOT NULL AND coalesce(hub.contact, 0) < ?",
                (delivery, to_ms(now) - CUT_OFF_MS),
            ).fetchone()
        return row is not None

    # ── sharing ───────────────────────────────────────────────────────────────────────────────────────────

    def stream_id(self, stream: str) -> UUID | None:
        """The id by which every laptop knows the stream; None if it is not shared."""
        with self._file.reading() as db:
            row = db.execute("SELECT id FROM hub_streams WHERE stream = ? AND shared", (stream,)).fetchone()
        return UUID(bytes=row[0]) if row else None

    def streams(self) -> dict[UUID, str]:
        """The names here of the streams that are shared, by their ids."""
        with self._file.reading() as db:
            rows = db.execute("SELECT id, stream FROM hub_streams WHERE shared").fetchall()
        return {UUID(bytes=id): stream for id, stream in rows}

    def new_name(self, id: UUID, number: str, *, private: bool = False) -> str:
        """Return the name of a new incident, and keep the id by which every laptop will know it.

        ``number`` is the hub's name for it. Without one it has this laptop's letter, so that no one else's is
        equal: names never change afterwards. A ``private`` one stays here.
        """
        with self._file.writing() as db:
            letter = db.execute("SELECT letter FROM hub").fetchone()[0].upper()
            name = number
            while (
                not name
                or db.execute(
                    "SELECT 1 FROM streams WHERE stream = ?1 UNION SELECT 1 FROM hub_streams WHERE stream = ?1",
                    (name,),
                ).fetchone()
            ):
                db.execute("INSERT INTO counter VALUES ('lettered', 0) ON CONFLICT DO NOTHING")
                db.execute("UPDATE counter SET value = value + 1 WHERE name = 'lettered'")
                count = db.execute("SELECT value FROM counter WHERE name = 'lettered'").fetchone()[0]
                name = f"INC-{letter}{count}"
            db.execute(
                "INSERT INTO hub_streams (stream, id, label, shared) VALUES (?, ?, ?, ?)",
                (name, id.bytes, name, not private),
            )
        return name

    def publish(self, stream: str) -> int:
        """Share an incident with all its entries, and return how many. Raises ``NotFound``, and ``Refusal`` if it
        is shared already."""
        with self._file.writing() as db:
            if db.execute("SELECT 1 FROM streams WHERE stream = ?", (stream,)).fetchone() is None:
                raise NotFound(f"There is no incident {stream}", "warroom list shows the incidents there are.")
            if db.execute("SELECT 1 FROM hub_streams WHERE stream = ? AND shared", (stream,)).fetchone():
                raise Refusal(f"{stream} is shared already")
            db.execute(
                "INSERT INTO hub_streams (stream, id, label, shared) VALUES (?, ?, ?, 1)"
                " ON CONFLICT (stream) DO UPDATE SET shared = 1",
                (stream, uuid4().bytes, stream),
            )
            db.execute(
                "INSERT INTO hub_entries (stream, seq) SELECT stream, seq FROM entries WHERE stream = ?"
                " ORDER BY seq ON CONFLICT DO NOTHING",
                (stream,),
            )
            return int(db.execute("SELECT count(*) FROM entries WHERE stream = ?", (stream,)).fetchone()[0])

    def pending_count(self) -> int:
        """How many entries wait to be sent."""
        with self._file.reading() as db:
            return int(
                db.execute("SELECT count(*) FROM hub_entries WHERE pos IS NULL AND refused = ''").fetchone()[0]
            )

    def set_aside(self) -> list[tuple[str, int, str]]:
        """The entries that the hub does not accept: stream, seq and why."""
        with self._file.reading() as db:
            return db.execute(
                "SELECT stream, seq, refused FROM hub_entries WHERE refused <> '' ORDER BY n"
            ).fetchall()

    def refuse(self, n: int, reason: str) -> None:
        """Set an entry aside: it stays here and is not sent."""
        with self._file.writing() as db:
            db.execute("UPDATE hub_entries SET refused = ? WHERE n = ?", (reason, n))

    def waiting(self) -> list[Waiting]:
        """The next entries to send, as many as one batch takes; those too large for the hub are set aside."""
        with self._file.reading() as db:
            row = db.execute("SELECT device FROM hub").fetchone()
            rows = db.execute(
                "SELECT h.n, h.stream, h.seq, h.device, h.device_seq, h.seen, s.id, s.label,"
                " e.id, e.at, e.by, e.kind, e.body FROM hub_entries h JOIN hub_streams s ON s.stream = h.stream"
                " JOIN entries e ON e.stream = h.stream AND e.seq = h.seq"
                " WHERE h.pos IS NULL AND h.refused = '' AND s.shared ORDER BY h.n LIMIT ?",
                (BATCH_ENTRIES,),
            ).fetchall()
            if row is None:
                return []
            orders = {n: _orders(db, stream, seq) for n, stream, seq, *_ in rows}
            scrubs = {row[0]: _left_over(db, row[1]) for row in rows if row[-2] == SCRUBBED}
        own = UUID(bytes=row[0])
        batch: list[Waiting] = []
        size, too_large = 0, []
        for n, stream, seq, device, device_seq, seen, id, label, entry, at, by, kind, body in rows:
            if entry is None:
                body = upcast(self._journal_id(), stream, kind, body)
            one = HubEntry(
                id=UUID(bytes=entry) if entry else legacy_id(self._journal_id(), stream, seq),
                device=UUID(bytes=device) if device else own,
                device_seq=device_seq if device else n,
                stream=UUID(bytes=id),
                label=label,
                at=at,
                by=by,
                kind=kind,
                body=body,
                seen=seen,
                orders=orders[n],
                scrubs=scrubs.get(n, ""),
            )
            if one.size > LARGEST_ENTRY:
                too_large.append(n)
                continue
            size += one.size
            if batch and size > BATCH_BYTES:
                break
            batch.append(Waiting(n, stream, one))
        for n in too_large:
            self.refuse(n, f"it is larger than {LARGEST_ENTRY // 1024} KiB")
        return batch

    def confirm(self, sent: Iterable[tuple[Waiting, int]]) -> None:
        """Keep the positions that the hub has given to entries of this laptop."""
        with self._file.writing() as db:
            touched: dict[str, int] = {}
            for waiting, pos in sent:
                db.execute("UPDATE hub_entries SET pos = ? WHERE n = ? AND pos IS NULL", (pos, waiting.n))
                touched[waiting.stream] = min(pos, touched.get(waiting.stream, pos))
            for stream, first in touched.items():
                # Entries of others that were read while these waited come after them, and not before as until now.
                later = "SELECT 1 FROM hub_entries WHERE stream = ? AND pos > ? AND device IS NOT NULL"
                if db.execute(later, (stream, first)).fetchone():
                    _reorder(db, stream)

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────

    def absorb(self, page: Sequence[HubEntry], now: datetime) -> set[str]:
        """Record a page of the hub's entries, in one transaction, and return the streams that changed.

        Text in it is sanitized and secrets are masked by the rules of this laptop.
        """
        if not page:
            return set()
        # A page has the same names and keys over and over: each is looked at once.
        clean_text = functools.cache(lambda text: redact(text, personal=False).text)
        clean = [cleaned(entry, clean_text) for entry in page]
        touched: dict[str, int] = {}
        ends: dict[str, tuple[int, bytes]] = {}
        with self._file.writing() as db:
            own = db.execute("SELECT device, chain, cursor FROM hub").fetchone()
            if own is None or page[0].pos != own[2] + 1:
                return set()  # another process has read it meanwhile
            known = db.execute("SELECT coalesce(max(n), 0) FROM hub_entries").fetchone()[0]
            names = {id: stream for stream, id in db.execute("SELECT stream, id FROM hub_streams")}
            legacy = functools.cache(lambda stream: self._legacy(db, stream))
            for entry in clean:
                stream = names.get(entry.stream.bytes)
                if stream is None:
                    stream = names[entry.stream.bytes] = _new_stream(db, entry)
                if self._take(db, stream, entry, own[0], ends, legacy):
                    touched[stream] = min(entry.pos, touched.get(stream, entry.pos))
                if stream == DELIVERIES:
                    _apply(db, entry, own[0], now)
            for stream, first in touched.items():
                after = "SELECT 1 FROM hub_entries WHERE stream = ? AND n <= ? AND (pos IS NULL OR pos > ?)"
                if db.execute(after, (stream, known, first)).fetchone():
                    _reorder(db, stream)
            for stream, (seq, _) in ends.items():
                db.execute("UPDATE streams SET length = ?, summary = '' WHERE stream = ?", (seq, stream))
            chain = functools.reduce(lambda link, entry: chained(link, entry.id, entry.device), page, own[1])
            db.execute(
                "UPDATE hub SET cursor = ?, chain = ?, head = max(head, ?), contact = ?",
                (page[-1].pos, chain, page[-1].pos, to_ms(now)),
            )
        for stream, (seq, chain) in ends.items():
            self._saved(stream, seq, chain)
        return set(touched)

    def _take(
        self,
        db: sqlite3.Connection,
        stream: str,
        entry: HubEntry,
        own: bytes,
        ends: dict[str, tuple[int, bytes]],
        legacy: Callable[[str], Mapping[UUID, int]],
    ) -> bool:
        """Record one entry of the hub; whether anything changed in its stream. ``legacy`` as the method."""
        device = None if entry.device.bytes == own else entry.device.bytes
        found = db.execute(
            "SELECT seq FROM entries WHERE stream = ? AND id = ?", (stream, entry.id.bytes)
        ).fetchone()
        known = found[0] if found else legacy(stream).get(entry.id)
        if known is not None:
            row = db.execute(
                "SELECT pos, device FROM hub_entries WHERE stream = ? AND seq = ?", (stream, known)
            ).fetchone()
            if row == (entry.pos, device):
                return False
            db.execute(
                "INSERT INTO hub_entries (stream, seq, pos, device, device_seq, seen)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (stream, seq) DO UPDATE SET pos = excluded.pos,"
                " device = excluded.device, device_seq = excluded.device_seq, seen = excluded.seen, refused = ''",
                (stream, known, entry.pos, device, entry.device_seq, entry.seen),
            )
            if device is not None and (row is None or row[1] != device):
                self._give_up(db, stream, known, entry, device)
                last = (ends.get(stream) or _end(db, stream))[0]
                ends[stream] = last, last_link(db, stream, last)
            return True
        if stream not in ends:
            db.execute("INSERT INTO streams VALUES (?, 0, 0, '') ON CONFLICT DO NOTHING", (stream,))
        seq, chain = ends.get(stream) or _end(db, stream)
        seq += 1
        chain = link(
            chain,
            stream,
            seq,
            entry.at,
            entry.by.encode(),
            entry.kind.encode(),
            entry.body.encode(),
            entry.id.bytes,
        )
        ends[stream] = seq, chain
        db.execute(
            "INSERT INTO entries (stream, seq, at, by, kind, body, chain, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (stream, seq, entry.at, entry.by, entry.kind, entry.body, chain, entry.id.bytes),
        )
        db.execute(
            "INSERT INTO hub_entries (stream, seq, pos, device, device_seq, seen) VALUES (?, ?, ?, ?, ?, ?)",
            (stream, seq, entry.pos, device, entry.device_seq, entry.seen),
        )
        _keep_orders(db, stream, seq, entry, device or own)
        if entry.kind == SCRUBBED:
            db.execute("UPDATE hub_streams SET scrub = 1 WHERE stream = ?", (stream,))
        if device is not None and entry.kind in CONFLICTING:
            # Positions show whether its author had read this laptop's entries, and those may be new, too.
            _reorder(db, stream)
        return True

    def _give_up(self, db: sqlite3.Connection, stream: str, seq: int, entry: HubEntry, device: bytes) -> None:
        """Take another laptop's record of a fact from outside for one's own: it was recorded there first.

        That laptop sends what follows from it, unless that has been sent from here.
        """
        db.execute(
            "UPDATE deliveries SET device = ?"
            " WHERE stream = ? AND seq = ? AND state = 'pending' AND device IS NULL",
            (device, stream, seq),
        )
        db.execute(
            "UPDATE entries SET at = ?, by = ?, kind = ?, body = ?, id = ? WHERE stream = ? AND seq = ?",
            (entry.at, entry.by, entry.kind, entry.body, entry.id.bytes, stream, seq),
        )
        chain_stream(db, stream)
        _reorder(db, stream)

    def _legacy(self, db: sqlite3.Connection, stream: str) -> dict[UUID, int]:
        """The entries of an earlier version, by their ids, which follow from their places."""
        rows = db.execute("SELECT seq FROM entries WHERE stream = ? AND id IS NULL", (stream,))
        return {legacy_id(self._journal_id(), stream, seq): seq for (seq,) in rows}

    def chains(self) -> list[str]:
        """The checksums of the entries up to each position that was read, from none on. Reads every id."""
        with self._file.reading() as db:
            cursor, own = db.execute("SELECT cursor, device FROM hub").fetchone()
            rows = db.execute(
                "SELECT h.stream, h.seq, e.id, h.device FROM hub_entries h JOIN entries e USING (stream, seq)"
                " WHERE h.pos <= ? ORDER BY h.pos",
                (cursor,),
            ).fetchall()
        found = [""]
        for stream, seq, id, device in rows:
            entry = UUID(bytes=id) if id else legacy_id(self._journal_id(), stream, seq)
            found.append(chained(found[-1], entry, UUID(bytes=device or own)))
        return found

    def forget_unread(self) -> None:
        """Forget the positions of entries that were sent but not read back: a hub that was restored lacks them.

        They are sent again, and a hub that has them says where.
        """
        with self._file.writing() as db:
            db.execute("UPDATE hub_entries SET pos = NULL WHERE pos > (SELECT cursor FROM hub)")

    def unconfirm_after(self, pos: int, chain: str, epoch: UUID) -> int:
        """Forget the positions after ``pos``, which the hub has lost, so that those entries are sent again.

        Returns how many. They go in the order in which they came, those of other laptops under the names of these.
        ``chain`` is the checksum at ``pos``.
        """
        with self._file.writing() as db:
            changed = db.execute("UPDATE hub_entries SET pos = NULL, seen = NULL WHERE pos > ?", (pos,)).rowcount
            db.execute("UPDATE hub SET cursor = ?, head = ?, chain = ?, epoch = ?", (pos, pos, chain, epoch.bytes))
            for (stream,) in db.execute("SELECT DISTINCT stream FROM hub_entries WHERE pos IS NULL").fetchall():
                _reorder(db, stream)
        return changed

    def to_scrub(self) -> list[str]:
        """The streams from which words are to be removed that were removed on another laptop."""
        with self._file.reading() as db:
            return [stream for (stream,) in db.execute("SELECT stream FROM hub_streams WHERE scrub")]

    def scrubbed(self, stream: str) -> None:
        """Keep that they were removed."""
        with self._file.writing() as db:
            db.execute("UPDATE hub_streams SET scrub = 0 WHERE stream = ?", (stream,))

    # ── deliveries ────────────────────────────────────────────────────────────────────────────────────────

    def abandoned(self, devices: Iterable[UUID], destinations: Iterable[str]) -> list[tuple[str, int]]:
        """The deliveries that these laptops have not sent, to these destinations: id and generation."""
        with self._file.reading() as db:
            rows = db.execute(
                "SELECT id, destination, device, generation FROM deliveries"
                " WHERE state = 'pending' AND device IS NOT NULL ORDER BY n"
            ).fetchall()
        silent, wanted = {one.bytes for one in devices}, set(destinations)
        return [(id, generation) for id, name, device, generation in rows if device in silent and name in wanted]

    def record(self, event: DeliveryUpdated | DeliveryAdopted, now: datetime) -> None:
        """Record what became of a delivery, for the other laptops."""
        with self._file.writing() as db:
            record_delivery(db, event, now)


def share(db: sqlite3.Connection, stream: str, first: int, count: int, *, new: bool, private: bool) -> None:
    """Share ``count`` entries of a stream that were just recorded, from seq ``first`` on, if the stream is shared.

    A ``new`` stream is, unless it is ``private``. Called within the transaction that records them.
    """
    hub = db.execute("SELECT cursor FROM hub").fetchone()
    known = db.execute("SELECT shared FROM hub_streams WHERE stream = ?", (stream,)).fetchone()
    if hub is not None and known is None and new:
        db.execute(
            "INSERT INTO hub_streams (stream, id, label, shared) VALUES (?, ?, ?, ?)",
            (stream, uuid4().bytes, stream, not private),
        )
        known = (not private,)
    if not known or not known[0]:
        return
    seen = hub and hub[0]
    db.executemany(
        "INSERT INTO hub_entries (stream, seq, seen) VALUES (?, ?, ?)",
        [(stream, seq, seen) for seq in range(first, first + count)],
    )


def record_delivery(db: sqlite3.Connection, event: DeliveryUpdated | DeliveryAdopted, now: datetime) -> None:
    """Append an event about a delivery to the stream of deliveries, if its incident is shared."""
    shared = db.execute(
        "SELECT 1 FROM deliveries d JOIN hub_streams s USING (stream) WHERE d.id = ? AND s.shared",
        (event.delivery,),
    ).fetchone()
    if not shared or db.execute("SELECT 1 FROM hub").fetchone() is None:
        return
    seq, chain = _end(db, DELIVERIES)
    seq, at, body, id = seq + 1, to_ms(now), serialize_event(event), uuid7(now, os.urandom(10))
    chain = link(chain, DELIVERIES, seq, at, b"", event.kind.encode(), body.encode(), id.bytes)
    db.execute(
        "INSERT INTO streams VALUES (?, 0, ?, '') ON CONFLICT (stream) DO UPDATE SET length = excluded.length",
        (DELIVERIES, seq),
    )
    db.execute(
        "INSERT INTO entries (stream, seq, at, by, kind, body, chain, id) VALUES (?, ?, ?, '', ?, ?, ?, ?)",
        (DELIVERIES, seq, at, event.kind, body, chain, id.bytes),
    )
    share(db, DELIVERIES, seq, 1, new=False, private=False)


def _reorder(db: sqlite3.Connection, stream: str) -> None:
    """Say that entries known before are in another order now: a room that has folded them folds them anew."""
    db.execute("UPDATE hub_streams SET generation = generation + 1 WHERE stream = ?", (stream,))
    db.execute("UPDATE streams SET summary = '' WHERE stream = ?", (stream,))


def _end(db: sqlite3.Connection, stream: str) -> tuple[int, bytes]:
    row = db.execute("SELECT length FROM streams WHERE stream = ?", (stream,)).fetchone()
    return (row[0], last_link(db, stream, row[0])) if row else (0, b"")


def _new_stream(db: sqlite3.Connection, entry: HubEntry) -> str:
    """Make a stream for an incident that another laptop shares, and return its name here."""
    name = entry.label
    if db.execute("SELECT 1 FROM streams WHERE stream = ?", (name,)).fetchone():
        name = f"{name}/{(entry.letter or entry.device.hex[:4]).upper()}"
    digits = name.removeprefix("INC-")
    number = int(digits) if digits.isdecimal() and len(digits) <= 15 and name != digits else 0
    db.execute("INSERT INTO streams VALUES (?, ?, 0, '') ON CONFLICT DO NOTHING", (name, number))
    db.execute("UPDATE counter SET value = ? WHERE name = 'incident' AND value < ?", (number, number))
    db.execute(
        "INSERT INTO hub_streams (stream, id, label, shared) VALUES (?, ?, ?, 1)",
        (name, entry.stream.bytes, entry.label),
    )
    return name


def _orders(db: sqlite3.Connection, stream: str, seq: int) -> str:
    rows = db.execute(
        "SELECT id, body FROM deliveries WHERE stream = ? AND seq = ? ORDER BY n", (stream, seq)
    ).fetchall()
    return json.dumps([{"id": id, "item": json.loads(body)} for id, body in rows]) if rows else ""


def _left_over(db: sqlite3.Connection, stream: str) -> str:
    """What is left of the entries of a stream whose words were removed, as JSON: their ids and bodies."""
    query = "SELECT seq, at, by, body, id FROM entries WHERE stream = ? AND id IS NOT NULL"
    entries = [
        Entry(stream=stream, seq=seq, id=UUID(bytes=id), at=from_ms(at), by=by, event=parse_event(body))
        for seq, at, by, body, id in db.execute(query, (stream,)).fetchall()
    ]
    targets = scrub_targets(entries)
    return json.dumps(
        [
            {"id": str(entry.id), "body": serialize_event(scrub_event(entry.event))}
            for entry in entries
            if concerns(entry, targets) and entry.event.kind != SCRUBBED
        ]
    )


def _keep_orders(db: sqlite3.Connection, stream: str, seq: int, entry: HubEntry, device: bytes) -> None:
    for order in json.loads(entry.orders) if entry.orders else ():
        item = OutboxItem.model_validate(order["item"])
        if item.operation == "status":  # a newer one takes the place of one that still waits
            db.execute(
                "DELETE FROM deliveries WHERE stream = ? AND destination = ? AND act = 'status'"
                " AND state = 'pending' AND device IS NOT NULL",
                (stream, item.destination),
            )
        db.execute(
            "INSERT INTO deliveries (id, stream, seq, destination, act, body, state, device)"
            " VALUES (?, ?, ?, ?, ?, ?, 'pending', ?) ON CONFLICT (id) DO NOTHING",
            (order["id"], stream, seq, item.destination, item.operation, item.model_dump_json(), device),
        )


def _apply(db: sqlite3.Connection, entry: HubEntry, own: bytes, now: datetime) -> None:
    """Do what an event about a delivery says, in the order of the hub."""
    event = _event(entry.body)
    if isinstance(event, DeliveryAdopted):
        mine = entry.device.bytes == own
        db.execute(
            "UPDATE deliveries SET device = ?, generation = ?, state = ?, next_attempt_at = ?, error = ''"
            " WHERE id = ? AND generation < ? AND state = 'pending'",
            (
                None if mine else entry.device.bytes,
                event.generation,
                # Whoever takes it over looks first whether it has arrived.
                "uncertain" if mine else "pending",
                to_ms(now) if mine else None,
                event.delivery,
                event.generation,
            ),
        )
    elif isinstance(event, DeliveryUpdated) and entry.device.bytes != own:
        again = event.state is DeliveryState.PENDING
        db.execute(
            "UPDATE deliveries SET state = ?, receipt = ?, error = ?, next_attempt_at = ?, holder = '',"
            " lease_until = 0 WHERE id = ? AND state <> 'delivered'",
            (
                event.state.value,
                event.receipt.model_dump_json() if event.receipt else None,
                event.error,
                to_ms(now) if again else None,
                event.delivery,
            ),
        )


def _event(body: str) -> Event | None:
    try:
        return parse_event(body)
    except ValueError:
        return None
