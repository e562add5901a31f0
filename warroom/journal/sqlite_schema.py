"""The schema of the SQLite journal and its migrations."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from warroom.errors import NewerJournal
from warroom.journal.checksums import chain_all

APPLICATION_ID = 0x57_52_4F_4D
"""``WROM`` in the file's header: distinguishes a journal from other SQLite databases."""

# Append only: a released migration is never edited.
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
            body            TEXT NOT NULL,                      -- the outbox item as JSON
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
    ("ALTER TABLE entries ADD COLUMN chain BLOB", chain_all),  # a checksum of this entry and all before it
    (
        # 16 bytes; NULL for an entry of an earlier version, whose id follows from the journal's id
        "ALTER TABLE entries ADD COLUMN id BLOB",
        "CREATE UNIQUE INDEX entries_by_id ON entries (stream, id) WHERE id IS NOT NULL",
        "CREATE TABLE journal (id BLOB NOT NULL)",
        "INSERT INTO journal VALUES (randomblob(16))",
    ),
    ("CREATE TABLE observations (stream TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID",),
    (
        "CREATE TABLE presence (session TEXT PRIMARY KEY, stream TEXT NOT NULL, until INTEGER NOT NULL,"
        " text TEXT NOT NULL) WITHOUT ROWID",
    ),
    (
        # How this journal takes part in a shared room; no row if it does not.
        """CREATE TABLE hub (
            one          INTEGER PRIMARY KEY CHECK (one = 1),
            epoch        BLOB NOT NULL,              -- of the hub; another hub has another
            device       BLOB NOT NULL,
            letter       TEXT NOT NULL,
            cursor       INTEGER NOT NULL,           -- the position up to which it was read
            chain        TEXT NOT NULL DEFAULT '',   -- the checksum of the ids up to there
            head         INTEGER NOT NULL,           -- the last position known
            contact      INTEGER,                    -- when it answered last, by this machine's clock
            skew         INTEGER NOT NULL DEFAULT 0, -- milliseconds this machine's clock is ahead of the hub's
            boot         INTEGER NOT NULL DEFAULT 0, -- when it started, by its own clock, when that was measured
            machine      TEXT NOT NULL,              -- where the file was when it joined
            problem      TEXT NOT NULL DEFAULT '',
            devices      TEXT NOT NULL DEFAULT '[]',
            leases       TEXT NOT NULL DEFAULT '{}'  -- what only this laptop does now, each with its end
        )""",
        """CREATE TABLE hub_streams (
            stream     TEXT PRIMARY KEY,
            id         BLOB NOT NULL UNIQUE,         -- the same on every laptop
            label      TEXT NOT NULL,                -- its name in the hub
            shared     INTEGER NOT NULL,
            generation INTEGER NOT NULL DEFAULT 0,   -- changes when entries known before come in another order
            scrub      INTEGER NOT NULL DEFAULT 0    -- words that were removed elsewhere are still here
        ) WITHOUT ROWID""",
        """CREATE TABLE hub_entries (
            n          INTEGER PRIMARY KEY AUTOINCREMENT, -- the order in which this laptop came by them
            stream     TEXT NOT NULL,
            seq        INTEGER NOT NULL,
            pos        INTEGER UNIQUE,               -- in the hub; NULL while it does not have it
            device     BLOB,                         -- NULL for this laptop's own
            device_seq INTEGER,
            seen       INTEGER,                      -- the cursor when it was recorded
            refused    TEXT NOT NULL DEFAULT '',     -- why the hub does not accept it
            UNIQUE (stream, seq)
        )""",
        "CREATE INDEX hub_entries_waiting ON hub_entries (n) WHERE pos IS NULL",
        "ALTER TABLE deliveries ADD COLUMN device BLOB",  # which laptop sends it; NULL for this one
        "ALTER TABLE deliveries ADD COLUMN generation INTEGER NOT NULL DEFAULT 0",  # how often it was taken over
    ),
)

OPEN_DELIVERIES = "state IN ('pending', 'sending', 'uncertain')"
"""The condition of the index ``deliveries_open``, word for word: SQLite does not use the index otherwise."""


def version(db: sqlite3.Connection, path: Path) -> int:
    """Return the schema version of the journal. Raises ``NewerJournal`` if a newer warroom wrote it."""
    found: int = db.execute("PRAGMA user_version").fetchone()[0]
    if found > len(MIGRATIONS):
        raise NewerJournal(
            f"The journal was written by a newer warroom: {path}",
            f"Upgrade warroom here. The journal is at version {found}, this warroom knows {len(MIGRATIONS)};"
            " the file is untouched.",
        )
    return found


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Bring the journal to the present version, one transaction a version. Other processes may do the same."""
    while version(db, path) < len(MIGRATIONS):
        db.execute("BEGIN IMMEDIATE")
        try:
            present = version(db, path)  # another process may have migrated it while this one waited
            if present < len(MIGRATIONS):
                for step in MIGRATIONS[present]:
                    if callable(step):
                        step(db)
                    else:
                        db.execute(step)
                db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                db.execute(f"PRAGMA user_version = {present + 1}")
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")
