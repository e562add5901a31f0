"""The journal in one SQLite file: tables, transactions, outbox. Never decides what happens, never sends.

One connection writes, under a lock; readers take a connection of their own from a small pool, so that reading a
long incident never holds up an append (write-ahead log). A change is on the disk before the method returns.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from warroom.config.paths import make_folder
from warroom.errors import Conflict, JournalError, NewerJournal, NotFound, NotSaved, Refusal
from warroom.incident.delivery import LONGEST_RETRY_S, Delivery, DeliveryState, OutboxItem, Receipt, delivery_id
from warroom.incident.events import TEAM, Entry, Event, parse_event
from warroom.journal.checksums import Damage, chain_all, find_damage, last_link, link
from warroom.journal.loss_detection import Saved
from warroom.journal.read_only import describe, private_copy, remove_copy, why_not_written

APPLICATION_ID = 0x57_52_4F_4D
"""``WROM`` in the file's header: tells a journal from any other SQLite database."""

# Append only: a step that has been released is never edited. A new kind of event is a step too (an empty one will
# do), so that an older warroom refuses the file instead of stumbling over the entry.
MIGRATIONS: tuple[tuple[str | Callable[[sqlite3.Connection], None], ...], ...] = (
    (
        """CREATE TABLE streams (
            stream  TEXT PRIMARY KEY,
            number  INTEGER NOT NULL,   -- 7 for INC-7, 0 for a stream that is no numbered incident
            length  INTEGER NOT NULL,   -- the seq of its last entry
            summary TEXT NOT NULL
        )""",
        """CREATE TABLE entries (
            stream TEXT NOT NULL REFERENCES streams,
            seq    INTEGER NOT NULL,    -- from 1, without gaps
            at     INTEGER NOT NULL,    -- milliseconds since 1970, UTC; so are all times here
            by     TEXT NOT NULL,
            kind   TEXT NOT NULL,
            body   TEXT NOT NULL,       -- the event as JSON
            PRIMARY KEY (stream, seq)
        ) WITHOUT ROWID""",
        """CREATE TABLE deliveries (
            n               INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order they were written in
            id              TEXT NOT NULL UNIQUE,
            stream          TEXT NOT NULL,
            seq             INTEGER NOT NULL,
            destination     TEXT NOT NULL,
            act             TEXT NOT NULL,
            body            TEXT NOT NULL,                      -- the order as JSON
            state           TEXT NOT NULL,
            attempts        INTEGER NOT NULL DEFAULT 0,
            next_attempt_at INTEGER,
            holder          TEXT NOT NULL DEFAULT '',           -- who works on it, '' for nobody
            lease_until     INTEGER NOT NULL DEFAULT 0,
            receipt         TEXT,
            error           TEXT NOT NULL DEFAULT '',
            FOREIGN KEY (stream, seq) REFERENCES entries
        )""",
        "CREATE INDEX deliveries_of_stream ON deliveries (stream, n)",
        "CREATE INDEX deliveries_open ON deliveries (n) WHERE state IN ('pending', 'sending', 'uncertain')",
        "CREATE TABLE drafts (key TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
        "INSERT INTO counter VALUES ('incident', 0)",
    ),
    ("ALTER TABLE entries ADD COLUMN chain BLOB", chain_all),  # a checksum over this entry and all before it
)

_UNOPENED = "The journal cannot be opened: "
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_NUMBERED = re.compile(r"INC-(\d{1,15})")
# What the driver raises over a file whose bytes are damaged: text that is no UTF-8 even in the error's own words,
# lengths beyond all memory.
_FAULTS = (sqlite3.Error, UnicodeError, OverflowError, MemoryError)
_UNWRITTEN = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
)
_OPEN = "state IN ('pending', 'sending', 'uncertain')"  # word for word the index's condition, or it is not used
_OUTCOMES = (DeliveryState.DELIVERED, DeliveryState.PENDING, DeliveryState.UNCONFIRMED, DeliveryState.FAILED)
_DELIVERY = "id, stream, seq, body, state, attempts, next_attempt_at, receipt, error"


class SqliteJournal:
    """The journal in the file ``path``, made if it is not there: the file 0600, a new folder 0700.

    ``wait_s`` is how long, in seconds, a change waits for another process to finish its own before it is
    ``NotSaved``. Opening raises ``NewerJournal`` for a file of a newer warroom and ``JournalError`` for one that
    is no journal, both left byte for byte as they were. Not to be carried across a fork: open it again there.

    A journal that cannot be written is ``NotSaved`` on opening. With ``reads_anyway`` it is opened all the same:
    ``read_only`` says why, every change is ``NotSaved``, and what is saved can be read.
    """

    def __init__(self, path: Path, *, wait_s: float = 5.0, reads_anyway: bool = False) -> None:
        self.path = path.absolute()
        self.read_only = ""
        self.lost: tuple[str, ...] = ()
        self._wait_s = wait_s
        self._pid = os.getpid()
        self._closed = False
        self._lock = threading.Lock()
        self._watch_lock = threading.Lock()
        self._readers: list[sqlite3.Connection] = []
        self._writer: sqlite3.Connection | None = None
        self._saved = Saved(self.path)
        self._source = self.path
        self._copy: Path | None = None
        try:
            self._open_to_write()
        except NotSaved as error:
            if not (reads_anyway and self._open_to_read()):
                raise
            self.read_only, self._remedy = error.title.removeprefix(_UNOPENED), error.remedy
        # SQLite keeps working on a file that was deleted or replaced under it; the inode gives that away.
        self._inode = self._identity()

    def _open_to_write(self) -> None:
        try:
            _prepare(self.path, self._wait_s)
            self._writer = self._connect("rw")
            self._enter_wal(self._writer)
            self._migrate(self._writer)
            self.lost = self._find_lost(self._writer)
            # This connection never writes, so its data_version moves with every change, our own included.
            self._watch = self._connect("ro")
            for name in ("", "-wal", "-shm"):
                with contextlib.suppress(OSError):  # not ours, or not there
                    Path(f"{self.path}{name}").chmod(0o600)
        except BaseException as error:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
            if isinstance(error, _FAULTS):
                what, remedy = _told(error, self.path)
                raise NotSaved(f"{_UNOPENED}{what}", remedy) from error
            raise

    def _open_to_read(self) -> bool:
        """Open what is saved without writing beside it: in its place, or a private copy; False if neither works.

        A disk that is read-only or full has no place for the files SQLite needs beside a write-ahead log. Never
        with SQLite's ``immutable``, which passes over that log.
        """
        if not self.path.is_file():
            return False
        with contextlib.suppress(*_FAULTS, JournalError):
            self._watch = self._connect("ro")
            if _version(self._watch, self.path) == len(MIGRATIONS):
                self.lost = self._find_lost(self._watch)
                return True
            self._watch.close()
        self._copy = private_copy(self.path)
        if self._copy is None:
            return False
        self._source = self._copy
        try:
            _recognise(self._source, self._wait_s)
            with contextlib.closing(self._connect("rw")) as db:
                self._enter_wal(db)
                self._migrate(db)
                self.lost = self._find_lost(db)
            self._watch = self._connect("ro")
        except (JournalError, *_FAULTS) as error:
            remove_copy(self._copy)
            if isinstance(error, NewerJournal):
                raise
            return False
        return True

    def notices(self) -> tuple[str, ...]:
        """See the port."""
        read_only = (
            f"The journal is read-only here ({self.read_only}): showing what is saved; nothing can be recorded."
            f" {self._remedy}"
            if self.read_only
            else ""
        )
        remedy = (
            "Look for a newer copy of the journal. If this older one is meant to be here, or once you have seen to"
            f" it, delete {self._saved.lost_path}"
        )
        return (*filter(None, [read_only]), *(f"{sentence}. {remedy}" for sentence in self.lost))

    # Facts

    def new_incident(self) -> str:
        """A fresh incident id; one that is given and never used leaves a gap in the numbers."""
        with self._writing() as db:
            number = db.execute("SELECT value FROM counter WHERE name = 'incident'").fetchone()[0] + 1
            db.execute("UPDATE counter SET value = ? WHERE name = 'incident'", (number,))
        return f"INC-{number}"

    def append(
        self,
        stream: str,
        expected: int,
        events: Sequence[Event],
        orders: Sequence[tuple[int, OutboxItem]] = (),
        *,
        at: datetime,
        by: str,
        summary: str = "",
    ) -> list[Entry]:
        """See the port. ``Conflict`` names who wrote meanwhile; ValueError for an order of none of ``events``."""
        entries = [
            Entry(stream=stream, seq=expected + offset, at=at, by=by, event=event)
            for offset, event in enumerate(events, 1)
        ]
        if any(not 0 <= index < len(entries) for index, _ in orders):
            raise ValueError("an order names an event that is not appended with it")
        moment = _to_ms(at)
        texts = [(entry.seq, entry.event.kind, entry.event.model_dump_json()) for entry in entries]
        with self._writing() as db:
            found = db.execute("SELECT length FROM streams WHERE stream = ?", (stream,)).fetchone()
            length: int = found[0] if found else 0
            if length != expected:
                raise self._conflict(db, stream, expected, length)
            if not texts and found is None:
                return []
            chain = last_link(db, stream, length)
            rows = []
            for seq, kind, body in texts:
                chain = link(chain, stream, seq, moment, by.encode(), kind.encode(), body.encode())
                rows.append((stream, seq, moment, by, kind, body, chain))
            numbered = _NUMBERED.fullmatch(stream)
            number = int(numbered[1]) if numbered else 0
            db.execute(
                "INSERT INTO streams VALUES (:stream, :number, :length, :summary) ON CONFLICT (stream) DO UPDATE"
                " SET length = :length, summary = CASE WHEN :summary = '' THEN summary ELSE :summary END",
                {"stream": stream, "number": number, "length": length + len(rows), "summary": summary},
            )
            # An incident that came with its number (an import) must not get a namesake later.
            db.execute("UPDATE counter SET value = ? WHERE name = 'incident' AND value < ?", (number, number))
            db.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            self._write_orders(db, entries, orders)
        if rows:
            self._saved.note(stream, length + len(rows), chain)
        return entries

    def _write_orders(
        self, db: sqlite3.Connection, entries: list[Entry], orders: Sequence[tuple[int, OutboxItem]]
    ) -> None:
        given: Counter[str] = Counter()
        for index, order in orders:
            entry = entries[index]
            identity = delivery_id(entry.stream, entry.seq, order.destination, order.act)
            given[identity] += 1
            if given[identity] > 1:
                identity = f"{identity}.{given[identity]}"
            due: int | None = None
            if order.act == "status":
                lane = (entry.stream, order.destination)
                pending = "stream = ? AND destination = ? AND act = 'status' AND state = 'pending'"
                # The wait a throttling service asked for outlives the message it was asked for.
                due = db.execute(f"SELECT max(next_attempt_at) FROM deliveries WHERE {pending}", lane).fetchone()[0]
                db.execute(f"DELETE FROM deliveries WHERE {pending}", lane)
            db.execute(
                "INSERT INTO deliveries (id, stream, seq, destination, act, body, state, next_attempt_at)"
                " VALUES (?, ?, ?, ?, ?, ?, 'pending', ?)",
                (identity, entry.stream, entry.seq, order.destination, order.act, order.model_dump_json(), due),
            )

    def _conflict(self, db: sqlite3.Connection, stream: str, expected: int, length: int) -> Conflict:
        if length < expected:
            return Conflict(
                f"The journal holds {length} entries of {stream}, not {expected}",
                "It was put back to an earlier time. Load the incident again.",
            )
        wrote = Counter(
            by or "warroom"
            for (by,) in db.execute("SELECT by FROM entries WHERE stream = ? AND seq > ?", (stream, expected))
        )
        parts = [f"{by} added {count} {'entry' if count == 1 else 'entries'}" for by, count in wrote.most_common()]
        return Conflict(" and ".join(parts) + " meanwhile", "Look at what is new, then do it again.")

    def read(self, stream: str, after: int = 0) -> list[Entry]:
        """See the port. ``JournalError`` naming the entry if one holds no event this version knows."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT seq, at, by, kind, body FROM entries WHERE stream = ? AND seq > ? ORDER BY seq",
                (stream, after),
            ).fetchall()
        return [_to_entry(stream, row) for row in rows]

    def length(self, stream: str) -> int:
        """How many entries the stream has; 0 if there is none."""
        with self._reading() as db:
            row = db.execute("SELECT length FROM streams WHERE stream = ?", (stream,)).fetchone()
        return row[0] if row else 0

    def summaries(self) -> list[tuple[str, int, str]]:
        """(stream, length, summary) of every stream but the team's, the highest incident number first."""
        with self._reading() as db:
            return db.execute(
                "SELECT stream, length, summary FROM streams WHERE stream <> ? ORDER BY number DESC, rowid DESC",
                (TEAM,),
            ).fetchall()

    # Deliveries

    def deliveries(self, stream: str | None = None, states: Collection[DeliveryState] = ()) -> list[Delivery]:
        """The deliveries of one stream or of all, in the order they were written; only those in ``states``,
        if any are named."""
        where: list[str] = ["TRUE"]
        values: list[str] = [*states]
        if states:
            where.append(f"state IN ({', '.join('?' * len(states))})")
        if stream is not None:
            where.append("stream = ?")
            values.append(stream)
        with self._reading() as db:
            rows = db.execute(
                f"SELECT {_DELIVERY} FROM deliveries WHERE {' AND '.join(where)} ORDER BY n", values
            ).fetchall()
        return [_to_delivery(row) for row in rows]

    def claim(
        self, holder: str, now: datetime, lease_s: float = 60.0, *, without: Collection[str] = ()
    ) -> Delivery | None:
        """See the port. ``holder`` is ``host:pid:token``; with any other shape only the lease ends a claim."""
        if not holder:
            raise ValueError("a holder needs a name")
        moment, lease_until = _to_ms(now), _to_ms(now) + round(lease_s * 1000)
        with self._reading() as db:  # asked often, and mostly there is nothing: that must not take the write lock
            due = _choose(db, moment, without)
        if due == _Due([], [], None):
            return None
        with self._writing() as db:
            due = _choose(db, moment, without)
            for n in due.ahead:
                db.execute("UPDATE deliveries SET lease_until = ? WHERE n = ?", (lease_until, n))
            for n in due.lost:
                db.execute(
                    "UPDATE deliveries SET state = 'uncertain', holder = '', lease_until = 0, next_attempt_at = ?"
                    " WHERE n = ?",
                    (moment, n),
                )
            if due.pick is None:
                return None
            db.execute(
                "UPDATE deliveries SET holder = ?, lease_until = ?,"
                " attempts = attempts + (state = 'pending'),"
                " next_attempt_at = CASE state WHEN 'pending' THEN NULL ELSE next_attempt_at END,"
                " state = CASE state WHEN 'pending' THEN 'sending' ELSE state END WHERE n = ?",
                (holder, lease_until, due.pick),
            )
            row = db.execute(f"SELECT {_DELIVERY} FROM deliveries WHERE n = ?", (due.pick,)).fetchone()
            return _to_delivery(row)

    def settle(
        self,
        delivery_id: str,
        *,
        holder: str,
        outcome: DeliveryState,
        receipt: Receipt | None = None,
        error: str = "",
        next_attempt_at: datetime | None = None,
        attempted: bool = True,
    ) -> bool:
        """See the port. ``next_attempt_at`` counts for ``pending`` and ``uncertain`` only."""
        if outcome not in _OUTCOMES:
            raise ValueError(f"an attempt cannot end as {outcome}")
        waits = next_attempt_at is not None and outcome in (DeliveryState.PENDING, DeliveryState.UNCONFIRMED)
        with self._writing() as db:
            changed = db.execute(
                "UPDATE deliveries SET state = ?, receipt = ?, error = ?, next_attempt_at = ?,"
                " attempts = max(0, attempts - ?), holder = '', lease_until = 0"
                " WHERE id = ? AND holder = ? AND holder <> ''",
                (
                    outcome.value,
                    receipt.model_dump_json() if receipt else None,
                    error,
                    _to_ms(next_attempt_at) if waits and next_attempt_at else None,
                    0 if attempted else 1,
                    delivery_id,
                    holder,
                ),
            )
            return changed.rowcount == 1

    def answer(self, delivery_id: str, *, sent: bool, now: datetime) -> Delivery:
        """See the port. Whoever looks into the delivery at this moment loses hold of it."""
        with self._writing() as db:
            row = db.execute("SELECT state FROM deliveries WHERE id = ?", (delivery_id,)).fetchone()
            if row is None:
                raise NotFound(f"There is no delivery {delivery_id}", "See warroom deliveries for those there are.")
            state = DeliveryState(row[0])
            if state not in (DeliveryState.UNCONFIRMED, DeliveryState.FAILED):
                raise Refusal(f"{delivery_id} is {state}: there is nothing to answer")
            newer = db.execute(
                "SELECT b.id FROM deliveries a JOIN deliveries b USING (stream, destination)"
                " WHERE a.id = ? AND a.act = 'status' AND b.act = 'status' AND b.n > a.n ORDER BY b.n DESC",
                (delivery_id,),
            ).fetchone()
            if newer and not sent:
                raise Refusal(
                    f"{delivery_id} is out of date: {newer[0]} has replaced this status message",
                    "Nothing is lost by leaving it. To have the newest one sent again, name that one.",
                )
            db.execute(
                "UPDATE deliveries SET state = ?, next_attempt_at = ?, error = '', holder = '', lease_until = 0"
                " WHERE id = ?",
                ("delivered", None, delivery_id) if sent else ("pending", _to_ms(now), delivery_id),
            )
            row = db.execute(f"SELECT {_DELIVERY} FROM deliveries WHERE id = ?", (delivery_id,)).fetchone()
            return _to_delivery(row)

    # The rest

    def change_count(self) -> int:
        """Moves with every change by any process; only good for comparing with what this object said before."""
        self._usable()
        try:
            with self._watch_lock:
                row = self._watch.execute("PRAGMA data_version").fetchone()
        except _FAULTS as error:
            raise self._unread(error) from error
        return int(row[0])

    def save_draft(self, key: str, text: str) -> None:
        """Keep a half-written text under ``key`` ("" deletes it); survives a kill."""
        text = text.encode("utf-8", "replace").decode()  # half a surrogate pair is no text SQLite takes
        with self._writing() as db:
            if text:
                db.execute(
                    "INSERT INTO drafts VALUES (:key, :text) ON CONFLICT (key) DO UPDATE SET text = :text"
                    " WHERE text <> :text",
                    {"key": key, "text": text},
                )
            else:
                db.execute("DELETE FROM drafts WHERE key = ?", (key,))

    def draft(self, key: str) -> str:
        """The half-written text under ``key``, or ""."""
        with self._reading() as db:
            row = db.execute("SELECT text FROM drafts WHERE key = ?", (key,)).fetchone()
        return row[0] if row else ""

    def move_draft(self, key: str, new: str) -> bool:
        """Move the text under ``key`` to ``new``; False, and no change, if there is none or ``new`` has one."""
        with self._writing() as db:
            moved = db.execute("UPDATE OR IGNORE drafts SET key = ? WHERE key = ?", (new, key))
            return moved.rowcount > 0

    def damage(self, stream: str) -> str:
        """See the port."""
        with self._reading() as db:
            return str(find_damage(db, stream) or "")

    def check(self) -> str:
        """One line about the journal's health, for ``warroom doctor``.

        Reads everything, so takes seconds on a large journal. ``JournalError`` says what is damaged.
        """
        problems: list[str] = []
        damaged: list[Damage] = []
        total, streams = 0, []
        with self._reading() as db:
            try:
                db.execute("BEGIN")  # one view of it all, whatever is written meanwhile
                streams = [row[0] for row in db.execute("SELECT stream FROM streams ORDER BY number, rowid")]
                damaged = [found for stream in streams if (found := find_damage(db, stream))]
                total = db.execute("SELECT count(*) FROM entries").fetchone()[0]
                problems = [row[0] for row in db.execute("PRAGMA quick_check(5)") if row[0] != "ok"]
                for table, _, parent, _ in db.execute("PRAGMA foreign_key_check").fetchmany(5):
                    problems.append(f"{table} without their {parent}")
            except _FAULTS as error:
                problems.append(_told(error, self.path)[0])
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
            return f"{self.path}: {entries} in {count}, all sound"
        sound = len(streams) - len(broken)
        raise JournalError(
            f"The journal is damaged: {'; '.join(problems)}",
            f"{sound} of {len(streams)} streams are sound and can be read. {_restore(self.path)}",
        )

    def _find_lost(self, db: sqlite3.Connection) -> tuple[str, ...]:
        """What was saved here once and is not in the journal now, a sentence each; noted until it is seen to."""
        lost: list[str] = []
        with contextlib.suppress(*_FAULTS):  # a journal that cannot be read says so elsewhere
            for stream, (seq, chain) in self._saved.last().items():
                row = db.execute("SELECT chain FROM entries WHERE stream = ? AND seq = ?", (stream, seq)).fetchone()
                if row is not None:
                    if row[0] != chain:
                        lost.append(f"{stream}: entry {seq} is not the one that was saved")
                    continue
                found = db.execute("SELECT length FROM streams WHERE stream = ?", (stream,)).fetchone()
                length = found[0] if found else 0
                if length < seq:
                    which = f"entry {seq} was" if length + 1 == seq else f"entries {length + 1} to {seq} were"
                    lost.append(f"{stream}: {which} saved and not found again: the journal is older than it was")
        self._saved.report(lost)
        return tuple(dict.fromkeys([*self._saved.lost(), *lost]))

    def close(self) -> None:
        """Move everything into the one file and let go of it; later calls raise ``JournalError``."""
        if os.getpid() != self._pid:
            return  # the locks are the parent's
        with self._lock, self._watch_lock:
            if self._closed:
                return
            self._closed = True
            self._watch.close()
            while self._readers:
                self._readers.pop().close()
            if self._writer is not None:
                with contextlib.suppress(sqlite3.Error):  # nothing is lost: the log is read at the next start
                    self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                self._writer.close()
                self._writer = None
            if self._copy is not None:
                remove_copy(self._copy)

    def __enter__(self) -> SqliteJournal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Connections

    def _connect(self, mode: str) -> sqlite3.Connection:
        connection = _connect(self._source, mode, self._wait_s)
        if mode == "rw":
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone stops at the drive's cache
            connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _enter_wal(self, db: sqlite3.Connection) -> None:
        # Of two processes that open a new file at once, SQLite turns one away without waiting for the other.
        give_up = time.monotonic() + self._wait_s
        while True:
            try:
                db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                    raise
                time.sleep(0.01)

    def _migrate(self, db: sqlite3.Connection) -> None:
        while _version(db, self.path) < len(MIGRATIONS):
            db.execute("BEGIN IMMEDIATE")
            try:
                version = _version(db, self.path)  # another process may have done it while we waited
                if version < len(MIGRATIONS):
                    for step in MIGRATIONS[version]:
                        if callable(step):
                            step(db)
                        else:
                            db.execute(step)
                    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                    db.execute(f"PRAGMA user_version = {version + 1}")
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")

    def _usable(self) -> None:
        if os.getpid() != self._pid:
            raise JournalError("The journal was opened by another process", "Open it again after a fork.")
        if self._closed:
            raise JournalError("The journal is closed", "Open it again.")

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: whole and on the disk, or not at all and ``NotSaved``."""
        with self._lock:
            self._usable()
            if self.read_only:
                raise NotSaved(f"Not saved: {self.read_only}", self._remedy)
            try:
                if self._writer is None:
                    self._writer = self._connect("rw")
                db = self._writer
                db.execute("BEGIN IMMEDIATE")
                _version(db, self.path)  # a newer warroom may have moved in while we had the file open
                yield db
                if self._identity() != self._inode:
                    raise NotSaved(
                        f"Not saved: {self.path} was removed or replaced",
                        "Put it back where it was, or start warroom again; nothing can be kept until then.",
                    )
                db.execute("COMMIT")
            except BaseException as error:
                self._undo()
                if isinstance(error, _FAULTS):
                    what, remedy = _told(error, self.path)
                    raise NotSaved(f"Not saved: {what}", remedy) from error
                raise

    def _undo(self) -> None:
        if self._writer is None:
            return
        with contextlib.suppress(sqlite3.Error):
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            return
        # What cannot even be rolled back is dropped; the next change opens anew.
        self._writer.close()
        self._writer = None

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        self._usable()
        try:
            try:
                db = self._readers.pop()
            except IndexError:
                db = self._new_reader()
            try:
                yield db
            finally:
                self._readers.append(db)
                if self._closed:  # while we read: what close() did not see is closed here
                    with contextlib.suppress(IndexError):
                        self._readers.pop().close()
        except _FAULTS as error:
            raise self._unread(error) from error

    def _new_reader(self) -> sqlite3.Connection:
        db = self._connect("ro")
        if self._identity() != self._inode:
            db.close()
            raise JournalError(
                f"{self.path} was removed or replaced", "Put it back where it was, or start warroom again."
            )
        return db

    def _unread(self, error: BaseException) -> JournalError:
        what, remedy = _told(error, self.path)
        return JournalError(f"The journal cannot be read: {what}", remedy)

    def _identity(self) -> tuple[int, int] | None:
        try:
            status = self._source.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino


def _connect(path: Path, mode: str, wait_s: float) -> sqlite3.Connection:
    option = "immutable=1" if mode == "immutable" else f"mode={mode}"
    # isolation_level None: transactions are ours to begin. check_same_thread off: our locks see to that.
    return sqlite3.connect(
        f"{path.as_uri()}?{option}", uri=True, timeout=wait_s, isolation_level=None, check_same_thread=False
    )


def _prepare(path: Path, wait_s: float) -> None:
    """Make the file and its folder for this person alone; turn away, untouched, one that is not ours to open."""
    try:
        make_folder(path.parent)
        _refuse_lone_log(path)
        try:
            # Made before SQLite makes it, which would leave it to the umask; its -wal and -shm take after it.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            for folder in (path.parent, path.parent.parent):
                with contextlib.suppress(OSError):  # some file systems cannot
                    _sync_folder(folder)
            return
        except FileExistsError:
            if path.is_dir():
                raise JournalError(f"{path} is a folder", "Name a file for the journal.") from None
            if path.stat().st_size == 0:
                return
    except OSError as error:
        known = describe(error.errno, path.parent)
        reason = f"{error.strerror or 'the folder cannot be used'}: {error.filename or path}"
        raise NotSaved(
            f"{_UNOPENED}{known[0] if known else reason}",
            known[1] if known else "Check that the folder exists, is yours, and is on a disk that can be written.",
        ) from error
    for last in (False, False, True):
        try:
            _recognise(path, wait_s)
            return
        except (JournalError, *_FAULTS):
            if last:
                raise
            time.sleep(0.02)  # another process may have been folding its log in while we looked


def _recognise(path: Path, wait_s: float) -> None:
    """Raise unless the file is a journal of ours or holds nothing yet; leave it as it is."""
    # Never with open(): closing it would drop the locks other connections of this process have on the file.
    # Never read-write: closing the last such connection folds the write-ahead log into the file. And where there
    # is a log, never without it: the file alone may be old, or half way through taking it in.
    mode = "ro" if Path(f"{path}-wal").exists() else "immutable"
    try:
        with contextlib.closing(_connect(path, mode, wait_s)) as db:
            mark = db.execute("PRAGMA application_id").fetchone()[0]
            if mark == APPLICATION_ID:
                _version(db, path)
            elif db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise JournalError(
                    f"{path} is a database of another program",
                    "Name another file for the journal; this one has been left untouched.",
                )
    except _FAULTS as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_NOTADB:
            raise
        raise JournalError(
            f"{path} is not a journal", "Name another file for the journal; this one has been left untouched."
        ) from error


def _refuse_lone_log(path: Path) -> None:
    """A write-ahead log whose journal is missing or empty: SQLite would delete it and begin with nothing."""
    log = Path(f"{path}-wal")
    # In this order: whoever makes a new journal writes the file before its log.
    if log.exists() and log.stat().st_size and not (path.exists() and path.stat().st_size):
        state = "empty" if path.exists() else "missing"
        raise JournalError(
            f"{path} is {state}, but its write-ahead log {log.name} holds {log.stat().st_size} bytes",
            f"Put the file back beside its log, from where it was moved to or from a backup, with {path.name}-wal"
            " left in place. To begin with an empty journal instead, move that log away.",
        )


def _restore(path: Path) -> str:
    return f"Stop every warroom, keep a copy of {path.parent}, and bring {path.name} back from a backup."


def _sync_folder(folder: Path) -> None:
    """Put the names in it on the disk as well: what was appended is no use in a file that has none."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _version(db: sqlite3.Connection, path: Path) -> int:
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise NewerJournal(
            f"The journal was written by a newer warroom: {path}",
            f"Upgrade warroom here. The journal is at version {version}, this warroom knows {len(MIGRATIONS)};"
            " it has been left untouched.",
        )
    return version


def _told(error: BaseException, path: Path) -> tuple[str, str]:
    """What went wrong, in words, and its remedy."""
    code = getattr(error, "sqlite_errorcode", None)
    if code and code & 0xFF in _UNWRITTEN and (found := why_not_written(path.parent)):
        return found
    match code and code & 0xFF:
        case sqlite3.SQLITE_FULL:
            return "the disk is full", f"Free some space for {path.parent}, then do it again."
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return f"{path} cannot be written", "Check who owns it, and that its disk is not mounted read-only."
        case sqlite3.SQLITE_CANTOPEN:
            return f"{path} cannot be opened", "Check that its folder is there, is yours, and can be written."
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "another process keeps the journal locked", f"Do it again; if it lasts, see: fuser -v {path}"
        case sqlite3.SQLITE_IOERR:
            return "the disk gave an error", f"Check space, quota and health of the disk that holds {path.parent}."
        case sqlite3.SQLITE_CONSTRAINT | sqlite3.SQLITE_MISUSE | sqlite3.SQLITE_INTERRUPT | sqlite3.SQLITE_ABORT:
            return f"{error} ({path})", "Run warroom doctor."
    # What is left is a file that is not as it was written. The driver's own words may quote its content.
    return f"{path} is damaged", f"warroom doctor says which incidents are sound. {_restore(path)}"


class _Row(NamedTuple):
    n: int
    stream: str
    destination: str
    state: str
    next_attempt_at: int | None
    holder: str
    lease_until: int


class _Due(NamedTuple):
    """The claims whose holder is lost, those whose lease ends too far ahead, and the next delivery."""

    lost: list[int]
    ahead: list[int]
    pick: int | None


def _choose(db: sqlite3.Connection, now: int, without: Collection[str]) -> _Due:
    lost: list[int] = []
    ahead: list[int] = []
    pick: int | None = None
    busy: set[tuple[str, str]] = set()
    # Nothing is put off for longer: a later time was written before the clock was set back.
    latest = now + round(LONGEST_RETRY_S * 1000)
    for values in db.execute(
        "SELECT n, stream, destination, state, next_attempt_at, holder, lease_until FROM deliveries"
        f" WHERE {_OPEN} ORDER BY n"
    ):
        row = _Row(*values)
        due = row.next_attempt_at
        held = row.holder != ""
        if held and (row.lease_until <= now or _is_dead(row.holder)):
            lost.append(row.n)
            held, due = False, now
        elif row.state == "uncertain" and due is None:
            continue  # waits for a person, and holds nobody up meanwhile
        elif held and row.lease_until > latest:
            ahead.append(row.n)
        lane = (row.stream, row.destination)
        ready = not held and not now < (due or 0) <= latest
        if pick is None and ready and lane not in busy and row.destination not in without:
            pick = row.n
        busy.add(lane)
    return _Due(lost, ahead, pick)


def _is_dead(holder: str) -> bool:
    """Whether ``holder`` is for certain a process of this machine that lives no more."""
    host, _, rest = holder.partition(":")
    pid = rest.partition(":")[0]
    ours = socket.gethostname().replace(":", "-")  # a colon ends the host
    if host != ours or not (pid.isascii() and pid.isdigit()) or int(pid) <= 0:
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


def _to_entry(stream: str, row: tuple[int, int, str, str, str]) -> Entry:
    seq, at, by, kind, body = row
    try:
        return Entry(stream=stream, seq=seq, at=_from_ms(at), by=by, event=parse_event(body))
    except (ValueError, TypeError, OverflowError) as error:  # a ValidationError is a ValueError
        raise JournalError(
            f"Entry {seq} of {stream} cannot be read (kind “{kind}”)",
            "If a newer warroom wrote it, upgrade this one. If not, the journal is damaged: run warroom doctor"
            " and bring it back from a backup.",
        ) from error


def _to_delivery(row: tuple[str, str, int, str, str, int, int | None, str | None, str]) -> Delivery:
    identity, stream, seq, body, state, attempts, due, receipt, error = row
    try:
        return Delivery(
            id=identity,
            incident=stream,
            seq=seq,
            order=OutboxItem.model_validate_json(body),
            state=DeliveryState(state),
            attempts=attempts,
            next_attempt_at=None if due is None else _from_ms(due),
            receipt=None if receipt is None else Receipt.model_validate_json(receipt),
            error=error,
        )
    except (ValueError, TypeError, OverflowError) as problem:
        raise JournalError(
            f"Delivery {identity} cannot be read",
            "The journal is damaged: run warroom doctor and bring it back from a backup.",
        ) from problem


def _to_ms(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError("a time needs a zone")
    return (moment - _EPOCH) // _MS


def _from_ms(moment: int) -> datetime:
    return _EPOCH + moment * _MS
