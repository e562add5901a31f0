"""The search index: a copy of what is in the journal, in a file beside it, that can be made anew at any time.

Full text is found by SQLite's FTS5 (https://www.sqlite.org/fts5.html), or word by word where SQLite is built
without it. Nothing here is the only copy of anything: a file that is missing, damaged or of another version is made
anew, and where none can be written the index is in memory.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from warroom.incident.events import TEAM
from warroom.incident.search import Found, SearchQuery, SearchRecord, Term
from warroom.safety import sanitize

VERSION = 1
"""The version of the tables. An index of any other is made anew."""

EXCERPT_TOKENS = 28
"""How many words an excerpt has."""

EXCERPT_LENGTH = 160
"""How many characters an excerpt has where FTS5 is missing."""

WAIT_S = 5.0
"""How long to wait for another process that brings the index up to date, in seconds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEGIN, _END = "\x02", "\x03"
"""Around what matches. Neither is in any text: that is sanitized."""

_TABLES = (
    "CREATE TABLE streams (stream TEXT PRIMARY KEY, version INTEGER NOT NULL, rows INTEGER NOT NULL, last BLOB)",
    """CREATE TABLE records (
        id        INTEGER PRIMARY KEY,
        stream    TEXT NOT NULL,
        number    INTEGER NOT NULL,
        entry     BLOB NOT NULL,
        incident  TEXT NOT NULL,
        kind      TEXT NOT NULL,
        service   TEXT NOT NULL,
        by        TEXT NOT NULL,
        at        INTEGER NOT NULL,     -- milliseconds since 1970, UTC
        weight    INTEGER NOT NULL,
        retracted INTEGER NOT NULL,
        alert     TEXT NOT NULL,
        UNIQUE (stream, number)
    )""",
    "CREATE INDEX records_of_entry ON records (entry)",
)
_FULL_TEXT = (
    "CREATE VIRTUAL TABLE words USING fts5(text, tokenize = \"unicode61 remove_diacritics 2\", prefix = '2 3')"
)
_PLAIN_TEXT = "CREATE TABLE words (text TEXT NOT NULL)"

# Scripts that put no spaces between words: a run of them is one token to FTS5, so they are looked for as they are.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)


class IndexedStream(NamedTuple):
    """How far a stream is in the index: its version, its rows, and the id of its last entry."""

    version: int
    rows: int
    last: UUID | None


class IndexFailed(Exception):
    """The index cannot be read or written. ``busy``: another process keeps it locked; else begin anew."""

    def __init__(self, error: sqlite3.Error) -> None:
        super().__init__(str(error))
        self.busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


class SearchIndex:
    """The index in the file ``path`` (0600), opened when it is first used. Safe to call from any thread.

    ``full_text`` False does without FTS5, as where SQLite lacks it. Every method raises ``IndexFailed`` where the
    file cannot be used.
    """

    def __init__(self, path: Path | None, *, full_text: bool = True) -> None:
        self._path = path
        self._wants_full_text = full_text
        self._full_text = False
        self._db: sqlite3.Connection | None = None
        self._lock = threading.RLock()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    # ── opening ───────────────────────────────────────────────────────────────────────────────────────────

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection; a change that was begun is taken back where something fails."""
        with self._lock:
            try:
                if self._db is None:
                    self._db = self._open()
                yield self._db
            except sqlite3.Error as error:
                raise IndexFailed(error) from error
            finally:
                if self._db is not None and self._db.in_transaction:
                    with contextlib.suppress(sqlite3.Error):
                        self._db.execute("ROLLBACK")

    def reset(self, *, in_memory: bool = False) -> None:
        """Begin anew with an empty index: in the same file, or in memory for as long as this process runs."""
        with self._lock:
            self.close()
            if in_memory:
                self._path = None
            elif self._path is not None:
                with contextlib.suppress(OSError):
                    self._path.unlink()

    def _open(self) -> sqlite3.Connection:
        if self._path is not None:
            try:
                return self._open_file(self._path)
            except OSError:
                self._path = None  # a folder that cannot be written: the index is in memory
            except sqlite3.DatabaseError as error:
                if IndexFailed(error).busy:
                    raise
                self.reset()  # damaged, or of another version
                with contextlib.suppress(OSError, sqlite3.Error):
                    return self._open_file(self._path)
                self._path = None
        db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._prepare(db)
        return db

    def _open_file(self, path: Path) -> sqlite3.Connection:
        with contextlib.suppress(FileExistsError):  # 0600 from the beginning: it holds what the journal does
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        db = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA synchronous = OFF")  # a power cut costs the index, which is made anew
            self._prepare(db)
        except BaseException:
            db.close()
            raise
        return db

    def _prepare(self, db: sqlite3.Connection) -> None:
        db.execute("BEGIN IMMEDIATE")
        try:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for table in _TABLES:
                    db.execute(table)
                self._create_words(db)
                db.execute(f"PRAGMA user_version = {VERSION}")
            elif version != VERSION:
                raise sqlite3.DatabaseError("an index of another version")
            kind = db.execute("SELECT sql FROM sqlite_master WHERE name = 'words'").fetchone()[0]
            self._full_text = "fts5" in kind
            db.execute("SELECT count(*) FROM words LIMIT 1")  # fails if this SQLite has no FTS5
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")

    def _create_words(self, db: sqlite3.Connection) -> None:
        if self._wants_full_text:
            with contextlib.suppress(sqlite3.OperationalError):
                db.execute(_FULL_TEXT)
                return
        db.execute(_PLAIN_TEXT)

    # ── bringing it up to date ────────────────────────────────────────────────────────────────────────────

    def streams(self) -> dict[str, IndexedStream]:
        """Return how far each stream is in the index."""
        with self._opened() as db:
            rows = db.execute("SELECT stream, version, rows, last FROM streams").fetchall()
        return {
            stream: IndexedStream(version, count, UUID(bytes=last) if last else None)
            for stream, version, count, last in rows
        }

    def store(
        self,
        stream: str,
        at: IndexedStream,
        records: Iterable[SearchRecord],
        *,
        whole: bool,
        outdated: Sequence[int] = (),
    ) -> None:
        """Put ``records`` of a stream into the index, over those of the same numbers, and say how far it is.

        ``whole`` removes all others of the stream, ``outdated`` those of these numbers.
        """
        with self._opened() as db:
            db.execute("BEGIN IMMEDIATE")
            if whole:
                ids = "SELECT id FROM records WHERE stream = ?"
                db.execute(f"DELETE FROM words WHERE rowid IN ({ids})", (stream,))
                db.execute("DELETE FROM records WHERE stream = ?", (stream,))
            for number in outdated:
                self._remove(db, stream, number)
            for record in records:
                if not whole:
                    self._remove(db, stream, record.number)
                self._insert(db, record)
            last = at.last.bytes if at.last else None
            db.execute("INSERT OR REPLACE INTO streams VALUES (?, ?, ?, ?)", (stream, at.version, at.rows, last))
            db.execute("COMMIT")

    def drop(self, stream: str) -> None:
        """Remove a stream that the journal does not have any more."""
        self.store(stream, IndexedStream(0, 0, None), (), whole=True)
        with self._opened() as db:
            db.execute("DELETE FROM streams WHERE stream = ?", (stream,))

    def mark_taken(self, taken: Iterable[tuple[UUID, str]]) -> None:
        """Note which incidents alerts of the team's stream became."""
        with self._opened() as db:
            db.executemany(
                "UPDATE records SET incident = ? WHERE entry = ? AND stream = ?",
                [(incident, alert.bytes, TEAM) for alert, incident in taken],
            )

    @staticmethod
    def _remove(db: sqlite3.Connection, stream: str, number: int) -> None:
        found = db.execute("SELECT id FROM records WHERE stream = ? AND number = ?", (stream, number)).fetchone()
        if found:
            db.execute("DELETE FROM words WHERE rowid = ?", found)
            db.execute("DELETE FROM records WHERE id = ?", found)

    @staticmethod
    def _insert(db: sqlite3.Connection, record: SearchRecord) -> None:
        inserted = db.execute(
            "INSERT INTO records (stream, number, entry, incident, kind, service, by, at, weight, retracted, alert)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.stream,
                record.number,
                record.entry.bytes,
                record.incident,
                sanitize(record.kind),
                sanitize(record.service),
                sanitize(record.by),
                (record.at - _EPOCH) // timedelta(milliseconds=1),
                record.weight,
                record.retracted,
                sanitize(record.alert),
            ),
        )
        text = sanitize(record.text)
        db.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (inserted.lastrowid, text))

    # ── finding ───────────────────────────────────────────────────────────────────────────────────────────

    def find(self, query: SearchQuery, limit: int) -> list[Found]:
        """Return the best ``limit`` matches, the best first; without words to find, the newest first."""
        if query.empty:
            return []
        with self._opened() as db:
            by_words = [term for term in query.terms if self._full_text and not _needs_like(term)]
            wanted = [term for term in by_words if not term.excluded]
            conditions, values = _filters(query)
            for term in query.terms:
                if term not in by_words:
                    conditions.append(f"words.text {'NOT ' * term.excluded}LIKE ? ESCAPE '\\'")
                    values.append(f"%{_like(term.text)}%")
                elif term.excluded:
                    conditions.append("words.rowid NOT IN (SELECT rowid FROM words WHERE words MATCH ?)")
                    values.append(_phrase(term))
            excerpt, order = "words.text", "r.at DESC"
            if wanted:
                conditions.append("words MATCH ?")
                values.append(" AND ".join(map(_phrase, wanted)))
                excerpt = f"snippet(words, 0, '{_BEGIN}', '{_END}', '…', {EXCERPT_TOKENS})"
                order = "bm25(words) * r.weight, r.at DESC"  # the better a match, the smaller its bm25
            # The alert that an incident was declared from is in both streams.
            conditions.append(
                "NOT (r.stream = ? AND EXISTS (SELECT 1 FROM records o WHERE o.entry = r.entry AND o.stream <> ?))"
            )
            rows = db.execute(
                "SELECT r.stream, r.number, r.entry, r.incident, r.kind, r.service, r.by, r.at, r.retracted,"
                f" {excerpt} FROM words JOIN records r ON r.id = words.rowid WHERE {' AND '.join(conditions)}"
                f" ORDER BY {order} LIMIT ?",
                (*values, TEAM, TEAM, limit),
            ).fetchall()
        marked = [] if wanted else [term.text for term in query.terms if not term.excluded]
        return [_found(row, marked) for row in rows]

    def alerts(self) -> list[tuple[str, str]]:
        """Return (incident, alert name) of every alert that belongs to an incident or became one."""
        with self._opened() as db:
            return db.execute(
                "SELECT DISTINCT incident, alert FROM records WHERE alert <> '' AND incident <> ''"
            ).fetchall()


def _filters(query: SearchQuery) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    for column, value in (("service", query.service), ("kind", query.kind), ("by", query.by)):
        if value:
            conditions.append(f"r.{column} LIKE ? ESCAPE '\\'")
            values.append(f"{_like(value)}%")
    if query.incident:
        conditions.append("r.incident = ?")
        values.append(sanitize(query.incident))
    for operator, at in ((">=", query.since), ("<", query.until)):
        if at:
            conditions.append(f"r.at {operator} ?")
            values.append((at - _EPOCH) // timedelta(milliseconds=1))
    return conditions, values


def _like(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", sanitize(text))


def _needs_like(term: Term) -> bool:
    """Whether FTS5 would find no word in it: only punctuation, or a script without spaces."""
    return not any(map(str.isalnum, term.text)) or bool(_UNSPACED.search(term.text))


def _phrase(term: Term) -> str:
    """A phrase of FTS5: in quotes nothing is an operator."""
    phrase = sanitize(term.text).replace('"', '""')
    return f'"{phrase}"' if term.whole else f'"{phrase}" *'


def _found(row: tuple[Any, ...], marked: Sequence[str]) -> Found:
    stream, number, entry, incident, kind, service, by, at, retracted, text = row
    excerpt = _mark(text, marked) if marked else _split(text)
    return Found(
        stream,
        number,
        UUID(bytes=entry),
        incident,
        kind,
        service,
        by,
        _EPOCH + timedelta(milliseconds=at),
        excerpt,
        bool(retracted),
    )


def _split(text: str) -> tuple[tuple[str, bool], ...]:
    """The parts of a text with marks: (text, whether it is between two)."""
    parts: list[tuple[str, bool]] = []
    for place, piece in enumerate(re.split(f"[{_BEGIN}{_END}]", " ".join(text.split()))):
        if piece:
            parts.append((piece, place % 2 == 1))
    if len(parts) == 1 and not parts[0][1] and len(parts[0][0]) > EXCERPT_LENGTH:
        return ((parts[0][0][: EXCERPT_LENGTH - 1] + "…", False),)
    return tuple(parts)


def _mark(text: str, words: Sequence[str]) -> tuple[tuple[str, bool], ...]:
    """An excerpt around the first of ``words``, each of them marked."""
    text = " ".join(text.split())
    escaped = "|".join(re.escape(" ".join(word.split())) for word in words if word.strip())
    pattern = re.compile(escaped, re.IGNORECASE)
    first = pattern.search(text)
    begin = max(0, first.start() - EXCERPT_LENGTH // 3) if first else 0
    cut = text[begin : begin + EXCERPT_LENGTH]
    cut = ("…" if begin else "") + cut + ("…" if begin + EXCERPT_LENGTH < len(text) else "")
    return _split(pattern.sub(lambda match: f"{_BEGIN}{match[0]}{_END}" if match[0] else "", cut))
