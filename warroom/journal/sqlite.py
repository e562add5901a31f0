"""The journal in one SQLite file: entries, incidents, the outbox and drafts."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from warroom.errors import Conflict, JournalError, NotFound, Refusal
from warroom.incident.delivery import Delivery, DeliveryState, OutboxItem, Receipt, delivery_id
from warroom.incident.delivery_events import DELIVERIES, DeliveryUpdated
from warroom.incident.events import TEAM, Entry, Event, serialize_event
from warroom.incident.identity import short_id, uuid7
from warroom.journal.checksums import Damage, find_damage, last_link, link
from warroom.journal.codec import DELIVERY_COLUMNS, ENTRY_COLUMNS, ENTRY_ORDER, to_delivery, to_entry, to_ms
from warroom.journal.hub.store import HubStore, record_delivery, share
from warroom.journal.loss_detection import LossDetector
from warroom.journal.outbox_policy import Candidate, Choice, choose
from warroom.journal.restore_notice import read_notice
from warroom.journal.scrubbing import is_scrubbed, scrub_rows
from warroom.journal.sqlite_file import FAULTS, SqliteFile, explain, restore_hint
from warroom.journal.sqlite_schema import OPEN_DELIVERIES

_NUMBERED = re.compile(r"INC-(\d{1,15})")
_OUTCOMES = (DeliveryState.DELIVERED, DeliveryState.PENDING, DeliveryState.UNCONFIRMED, DeliveryState.FAILED)


class SqliteJournal:
    """The journal in the file ``path``, created if it is missing: the file 0600, a new folder 0700.

    ``wait_s`` is how long, in seconds, a change waits for another process to finish its own before it raises
    ``NotSaved``. Opening raises ``NewerJournal`` for a file of a newer warroom and ``JournalError`` for a file that
    is not a journal; both stay byte for byte as they were. Do not use it across a fork: open it again there.

    A journal that cannot be written raises ``NotSaved`` on opening. With ``reads_anyway`` it opens read-only:
    ``read_only`` gives the reason, every change raises ``NotSaved``, and what is saved can be read.
    """

    def __init__(self, path: Path, *, wait_s: float = 5.0, reads_anyway: bool = False) -> None:
        self.path = path.absolute()
        self._id: UUID | None = None
        self._losses = LossDetector(self.path)
        self._file = SqliteFile(self.path, wait_s=wait_s, reads_anyway=reads_anyway)
        with self._file.reading(keep=False) as db:
            self.lost = self._losses.find(db)
        self.hub = HubStore(self._file, self._read_id, self._losses.record)
        """This laptop's side of the shared room."""

    @property
    def read_only(self) -> str:
        """See the port."""
        return self._file.read_only

    def notices(self) -> tuple[str, ...]:
        """See the port."""
        read_only = (
            f"The journal is read-only here ({self.read_only}): you can read it, but nothing can be recorded."
            f" {self._file.remedy}"
            if self.read_only
            else ""
        )
        remedy = (
            "Look for a newer copy of the journal. If this older one is intended, or once the loss is dealt with,"
            f" delete {self._losses.lost_path}"
        )
        restored = read_notice(self.path)
        return (*filter(None, [read_only, restored]), *(f"{sentence}. {remedy}" for sentence in self.lost))

    def new_incident(self) -> str:
        """See the port."""
        with self._file.writing() as db:
            number = db.execute("SELECT value FROM counter WHERE name = 'incident'").fetchone()[0] + 1
            db.execute("UPDATE counter SET value = ? WHERE name = 'incident'", (number,))
        return f"INC-{number}"

    def append(
        self,
        stream: str,
        expected: int,
        events: Sequence[Event],
        items: Sequence[tuple[int, OutboxItem]] = (),
        *,
        at: datetime,
        by: str | Sequence[str],
        summary: str = "",
        ids: Sequence[UUID] | None = None,
    ) -> list[Entry]:
        """See the port. ``Conflict`` names who wrote meanwhile. Raises ``ValueError`` for an item without its
        event."""
        if any(not 0 <= index < len(events) for index, _ in items):
            raise ValueError("an outbox item names an event that is not appended with it")
        at_ms = to_ms(at)
        authors = [by] * len(events) if isinstance(by, str) else by
        ids = ids if ids is not None else [uuid7(datetime.now(UTC), os.urandom(10)) for _ in events]
        with self._file.writing() as db:
            found = db.execute("SELECT length FROM streams WHERE stream = ?", (stream,)).fetchone()
            version: int = found[0] if found else 0
            if version != expected:
                raise self._conflict(db, stream, expected, version)
            if not events and found is None:
                return []
            entries: dict[int, Entry] = {}  # by the index of the event
            rows: list[tuple[object, ...]] = []
            chain = last_link(db, stream, version)
            for index, (event, entry_id, who) in enumerate(zip(events, ids, authors, strict=True)):
                known = "SELECT 1 FROM entries WHERE stream = ? AND id = ?"
                if db.execute(known, (stream, entry_id.bytes)).fetchone():
                    continue  # the same fact from outside, recorded before
                seq, body = version + len(rows) + 1, serialize_event(event)
                entries[index] = Entry(stream=stream, seq=seq, id=entry_id, at=at, by=who, event=event)
                chain = link(
                    chain, stream, seq, at_ms, who.encode(), event.kind.encode(), body.encode(), entry_id.bytes
                )
                rows.append((stream, seq, at_ms, who, event.kind, body, chain, entry_id.bytes))
            numbered = _NUMBERED.fullmatch(stream)
            number = int(numbered[1]) if numbered else 0
            db.execute(
                "INSERT INTO streams VALUES (:stream, :number, :length, :summary) ON CONFLICT (stream) DO UPDATE"
                " SET length = :length, summary = CASE WHEN :summary = '' THEN summary ELSE :summary END",
                {"stream": stream, "number": number, "length": version + len(rows), "summary": summary},
            )
            # An incident that came with its number (an import) must stay the only one of that number.
            db.execute("UPDATE counter SET value = ? WHERE name = 'incident' AND value < ?", (number, number))
            db.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            private = any(getattr(event, "private", False) for event in events[:1])
            share(db, stream, version + 1, len(rows), new=version == 0, private=private)
            self._write_items(db, [(entries[index], item) for index, item in items if index in entries])
        if rows:
            self._losses.record(stream, version + len(rows), chain)
        return list(entries.values())

    def _write_items(self, db: sqlite3.Connection, items: Sequence[tuple[Entry, OutboxItem]]) -> None:
        count: Counter[str] = Counter()
        for entry, item in items:
            key = delivery_id(entry.stream, short_id(entry.id), item.destination, item.operation)
            count[key] += 1
            if count[key] > 1:
                key = f"{key}.{count[key]}"
            due: int | None = None
            if item.operation == "status":
                partition = (entry.stream, item.destination)
                pending = "stream = ? AND destination = ? AND act = 'status' AND state = 'pending'"
                # A service that asked to wait asked for any message.
                query = f"SELECT max(next_attempt_at) FROM deliveries WHERE {pending}"
                due = db.execute(query, partition).fetchone()[0]
                db.execute(f"DELETE FROM deliveries WHERE {pending}", partition)
            db.execute(
                "INSERT INTO deliveries (id, stream, seq, destination, act, body, state, next_attempt_at)"
                " VALUES (?, ?, ?, ?, ?, ?, 'pending', ?)",
                (key, entry.stream, entry.seq, item.destination, item.operation, item.model_dump_json(), due),
            )

    def _conflict(self, db: sqlite3.Connection, stream: str, expected: int, length: int) -> Conflict:
        if length < expected:
            return Conflict(
                f"The journal has {length} entries of {stream}, not {expected}",
                "It was restored from an earlier copy. Load the incident again.",
            )
        wrote = Counter(
            by or "warroom"
            for (by,) in db.execute("SELECT by FROM entries WHERE stream = ? AND seq > ?", (stream, expected))
        )
        parts = [f"{by} added {count} {'entry' if count == 1 else 'entries'}" for by, count in wrote.most_common()]
        return Conflict(" and ".join(parts) + " meanwhile", "Look at what is new, then try again.")

    def read(self, stream: str, after: int = 0) -> list[Entry]:
        """See the port. Raises ``JournalError`` that names an entry which cannot be read."""
        with self._file.reading() as db:
            rows = db.execute(
                f"SELECT {ENTRY_COLUMNS} WHERE e.stream = ? AND e.seq > ? ORDER BY {ENTRY_ORDER}",
                (stream, after),
            ).fetchall()
        return [to_entry(self._read_id, stream, row) for row in rows]

    def scrub(self, stream: str) -> str:
        """See the port."""
        entries = self.read(stream)
        with self._file.writing() as db:
            self._losses.forget(stream)  # first: a kill in between must not raise a false alarm
            scrub_rows(db, stream, entries)
            length = db.execute("SELECT length FROM streams WHERE stream = ?", (stream,)).fetchone()
            chain = last_link(db, stream, length[0]) if length else b""
        if length:
            self._losses.record(stream, length[0], chain)
        return self._file.rewrite()

    def version(self, stream: str) -> int:
        """See the port."""
        with self._file.reading() as db:
            row = db.execute("SELECT length FROM streams WHERE stream = ?", (stream,)).fetchone()
        return row[0] if row else 0

    def generation(self, stream: str) -> int:
        """See the port."""
        with self._file.reading() as db:
            row = db.execute("SELECT generation FROM hub_streams WHERE stream = ?", (stream,)).fetchone()
        return row[0] if row else 0

    def save_summary(self, stream: str, version: int, summary: str) -> None:
        """See the port."""
        with self._file.writing() as db:
            db.execute(
                "UPDATE streams SET summary = ? WHERE stream = ? AND length = ? AND summary = ''",
                (summary, stream, version),
            )

    def summaries(self) -> list[tuple[str, int, str]]:
        """See the port."""
        with self._file.reading() as db:
            return db.execute(
                "SELECT stream, length, summary FROM streams WHERE stream NOT IN (?, ?)"
                " ORDER BY number DESC, rowid DESC",
                (TEAM, DELIVERIES),
            ).fetchall()

    def deliveries(
        self, stream: str | None = None, states: Collection[DeliveryState] = (), destination: str | None = None
    ) -> list[Delivery]:
        """See the port."""
        where: list[str] = ["TRUE"]
        values: list[str] = [*states]
        if states:
            where.append(f"d.state IN ({', '.join('?' * len(states))})")
        if stream is not None:
            where.append("d.stream = ?")
            values.append(stream)
        if destination is not None:
            where.append("d.destination = ?")
            values.append(destination)
        with self._file.reading() as db:
            rows = db.execute(
                f"SELECT {DELIVERY_COLUMNS} WHERE {' AND '.join(where)} ORDER BY d.n", values
            ).fetchall()
        return [to_delivery(self._read_id, row) for row in rows]

    def claim(
        self, owner: str, now: datetime, lease_s: float = 60.0, *, without: Collection[str] = ()
    ) -> Delivery | None:
        """See the port. With an ``owner`` in another form only the lease ends a claim."""
        if not owner:
            raise ValueError("an owner needs a name")
        moment, lease_until = to_ms(now), to_ms(now) + round(lease_s * 1000)
        with self._file.reading() as db:  # often there is nothing to do: that must not take the write lock
            choice = choose(_candidates(db), moment, without)
        if choice == Choice([], [], None):
            return None
        with self._file.writing() as db:
            choice = choose(_candidates(db), moment, without)
            for n in choice.too_long:
                db.execute("UPDATE deliveries SET lease_until = ? WHERE n = ?", (lease_until, n))
            for n in choice.abandoned:
                db.execute(
                    "UPDATE deliveries SET state = 'uncertain', holder = '', lease_until = 0, next_attempt_at = ?"
                    " WHERE n = ?",
                    (moment, n),
                )
            if choice.next is None:
                return None
            db.execute(
                "UPDATE deliveries SET holder = ?, lease_until = ?,"
                " attempts = attempts + (state = 'pending'),"
                " next_attempt_at = CASE state WHEN 'pending' THEN NULL ELSE next_attempt_at END,"
                " state = CASE state WHEN 'pending' THEN 'sending' ELSE state END WHERE n = ?",
                (owner, lease_until, choice.next),
            )
            row = db.execute(f"SELECT {DELIVERY_COLUMNS} WHERE d.n = ?", (choice.next,)).fetchone()
            return to_delivery(self._read_id, row)

    def complete(
        self,
        delivery_id: str,
        *,
        owner: str,
        outcome: DeliveryState,
        receipt: Receipt | None = None,
        error: str = "",
        next_attempt_at: datetime | None = None,
        attempted: bool = True,
    ) -> bool:
        """See the port. ``next_attempt_at`` is ignored unless pending or unconfirmed."""
        if outcome not in _OUTCOMES:
            raise ValueError(f"an attempt cannot end as {outcome}")
        waits = next_attempt_at is not None and outcome in (DeliveryState.PENDING, DeliveryState.UNCONFIRMED)
        with self._file.writing() as db:
            changed = db.execute(
                "UPDATE deliveries SET state = ?, receipt = ?, error = ?, next_attempt_at = ?,"
                " attempts = max(0, attempts - ?), holder = '', lease_until = 0"
                " WHERE id = ? AND holder = ? AND holder <> ''",
                (
                    outcome.value,
                    receipt.model_dump_json() if receipt else None,
                    error,
                    to_ms(next_attempt_at) if waits and next_attempt_at else None,
                    0 if attempted else 1,
                    delivery_id,
                    owner,
                ),
            )
            if changed.rowcount == 1 and outcome is not DeliveryState.PENDING:
                update = DeliveryUpdated(delivery=delivery_id, state=outcome, receipt=receipt, error=error)
                record_delivery(db, update, datetime.now(UTC))
            return changed.rowcount == 1

    def confirm(self, delivery_id: str, *, sent: bool, now: datetime) -> Delivery:
        """See the port. Ends the claim of a process that is looking into the delivery."""
        with self._file.writing() as db:
            row = db.execute("SELECT state, body FROM deliveries WHERE id = ?", (delivery_id,)).fetchone()
            if row is None:
                raise NotFound(f"There is no delivery {delivery_id}", "warroom deliveries lists them.")
            state, body = DeliveryState(row[0]), row[1]
            if state not in (DeliveryState.UNCONFIRMED, DeliveryState.FAILED):
                raise Refusal(f"{delivery_id} is {DeliveryState(state).label}: there is nothing to confirm")
            if not sent and is_scrubbed(body):
                raise Refusal(f"The entry of {delivery_id} was scrubbed", "There is nothing left to send.")
            newer = db.execute(
                "SELECT b.id FROM deliveries a JOIN deliveries b USING (stream, destination)"
                " WHERE a.id = ? AND a.act = 'status' AND b.act = 'status' AND b.n > a.n ORDER BY b.n DESC",
                (delivery_id,),
            ).fetchone()
            if newer and not sent:
                raise Refusal(
                    f"{delivery_id} is out of date: {newer[0]} has replaced this status message",
                    "You can leave it. To send the newest one again, name that one.",
                )
            db.execute(
                "UPDATE deliveries SET state = ?, next_attempt_at = ?, error = '', holder = '', lease_until = 0"
                " WHERE id = ?",
                ("delivered", None, delivery_id) if sent else ("pending", to_ms(now), delivery_id),
            )
            found = DeliveryState.DELIVERED if sent else DeliveryState.PENDING
            record_delivery(db, DeliveryUpdated(delivery=delivery_id, state=found), now)
            row = db.execute(f"SELECT {DELIVERY_COLUMNS} WHERE d.id = ?", (delivery_id,)).fetchone()
            return to_delivery(self._read_id, row)

    def change_count(self) -> int:
        """See the port."""
        return self._file.change_count()

    def wait_for_change(self, seen: int, timeout_s: float) -> int:
        """See the port. Looks ten times a second: SQLite does not notify other processes of a change."""
        deadline = time.monotonic() + timeout_s
        while (count := self.change_count()) == seen and (remaining := deadline - time.monotonic()) > 0:
            time.sleep(min(0.1, remaining))
        return count

    def save_draft(self, key: str, text: str) -> None:
        """See the port."""
        text = text.encode("utf-8", "replace").decode()  # SQLite does not take half a surrogate pair
        with self._file.writing() as db:
            if text:
                db.execute(
                    "INSERT INTO drafts VALUES (:key, :text) ON CONFLICT (key) DO UPDATE SET text = :text"
                    " WHERE text <> :text",
                    {"key": key, "text": text},
                )
            else:
                db.execute("DELETE FROM drafts WHERE key = ?", (key,))

    def draft(self, key: str) -> str:
        """See the port."""
        with self._file.reading() as db:
            row = db.execute("SELECT text FROM drafts WHERE key = ?", (key,)).fetchone()
        return row[0] if row else ""

    def move_draft(self, key: str, new: str) -> bool:
        """See the port."""
        with self._file.writing() as db:
            moved = db.execute("UPDATE OR IGNORE drafts SET key = ? WHERE key = ?", (new, key))
            return moved.rowcount > 0

    def save_observation(self, stream: str, text: str) -> None:
        """See the port."""
        with self._file.writing() as db:
            db.execute("INSERT OR REPLACE INTO observations VALUES (?, ?)", (stream, text))

    def observation(self, stream: str) -> str:
        """See the port."""
        with self._file.reading() as db:
            row = db.execute("SELECT text FROM observations WHERE stream = ?", (stream,)).fetchone()
        return row[0] if row else ""

    def save_presence(self, session: str, stream: str, text: str, now: datetime, until: datetime) -> None:
        """See the port."""
        with self._file.writing() as db:
            db.execute("DELETE FROM presence WHERE session = ? OR until <= ?", (session, to_ms(now)))
            if text:
                db.execute("INSERT INTO presence VALUES (?, ?, ?, ?)", (session, stream, to_ms(until), text))

    def presence(self, stream: str, now: datetime) -> list[tuple[str, str]]:
        """See the port."""
        with self._file.reading() as db:
            return db.execute(
                "SELECT session, text FROM presence WHERE stream = ? AND until > ? ORDER BY session",
                (stream, to_ms(now)),
            ).fetchall()

    def all_presence(self, now: datetime) -> list[tuple[str, str, str]]:
        """See the port."""
        with self._file.reading() as db:
            return db.execute(
                "SELECT session, stream, text FROM presence WHERE until > ? ORDER BY session", (to_ms(now),)
            ).fetchall()

    def damage(self, stream: str) -> str:
        """See the port."""
        with self._file.reading() as db:
            return str(find_damage(db, stream) or "")

    def check(self) -> str:
        """See the port."""
        problems: list[str] = []
        damaged: list[Damage] = []
        total, streams = 0, []
        with self._file.reading() as db:
            try:
                db.execute("BEGIN")  # one consistent view, whatever is written meanwhile
                streams = [row[0] for row in db.execute("SELECT stream FROM streams ORDER BY number, rowid")]
                damaged = [found for stream in streams if (found := find_damage(db, stream))]
                total = db.execute("SELECT count(*) FROM entries").fetchone()[0]
                problems = [row[0] for row in db.execute("PRAGMA quick_check(5)") if row[0] != "ok"]
                for table, _, parent, _ in db.execute("PRAGMA foreign_key_check").fetchmany(5):
                    problems.append(f"{table} without their {parent}")
            except FAULTS as error:
                problems.append(explain(error, self.path)[0])
            finally:
                with contextlib.suppress(sqlite3.Error):
                    if db.in_transaction:
                        db.execute("ROLLBACK")
        broken = {found.stream for found in damaged}
        for look in [lambda stream=stream: self.read(stream) for stream in streams if stream not in broken] + [
            self.deliveries
        ]:
            try:
                look()
            except JournalError as error:
                problems.append(error.title)
        problems = [*map(str, damaged), *problems]
        if not problems:
            entries = f"{total} {'entry' if total == 1 else 'entries'}"
            count = f"{len(streams)} {'stream' if len(streams) == 1 else 'streams'}"
            return f"{self.path}: {entries} in {count}, OK"
        sound = len(streams) - len(broken)
        raise JournalError(
            f"The journal is damaged: {'; '.join(problems)}",
            f"{sound} of {len(streams)} streams are intact and can be read. {restore_hint(self.path)}",
        )

    def _read_id(self) -> UUID:
        """Return the journal's own id. Read only for entries of earlier versions: its page may be damaged."""
        if self._id is None:
            with self._file.reading() as db:
                self._id = UUID(bytes=db.execute("SELECT id FROM journal").fetchone()[0])
        return self._id

    def close(self) -> None:
        """See the port. Merges the write-ahead log into the file."""
        self._file.close()

    def __enter__(self) -> SqliteJournal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _candidates(db: sqlite3.Connection) -> list[Candidate]:
    rows = db.execute(
        "SELECT n, stream, destination, state, next_attempt_at, holder, lease_until FROM deliveries"
        f" WHERE {OPEN_DELIVERIES} AND device IS NULL ORDER BY n"  # another laptop sends the others
    )
    found = [Candidate(*row) for row in rows]
    for one in found:
        due = one.next_attempt_at
        numbers = isinstance(one.lease_until, int) and (due is None or isinstance(due, int))
        if not (numbers and isinstance(one.owner, str) and isinstance(one.n, int)):
            raise JournalError(  # SQLite keeps a value of any type in any column
                "A delivery in the journal cannot be read",
                "The journal is damaged: run warroom doctor and restore it from a backup.",
            )
    return found
