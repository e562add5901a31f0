"""Backups of the SQLite journal: the whole journal, as it was at one moment, in one file; and the way back.

A backup is itself a journal that SQLite can open. It has one more table, with the time it was taken and a checksum
over every row, so that damage is found in what the entries' own checksums do not cover: deliveries and drafts.
A plain copy of a journal, with or without its write-ahead log, can be restored too.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from warroom.config.paths import SEARCH_INDEX, make_folder, new_file, sync
from warroom.errors import BadInput, JournalError, NotFound, NotSaved, Refusal, SettingsError
from warroom.incident.events import TEAM
from warroom.journal.checksums import find_damage
from warroom.journal.codec import from_ms, to_ms
from warroom.journal.folder_lock import FolderLock
from warroom.journal.read_only import describe, why_not_written
from warroom.journal.restore_notice import SUFFIX, notice_path
from warroom.journal.sqlite_file import FAULTS, SqliteFile, explain
from warroom.journal.sqlite_schema import APPLICATION_ID, OPEN_DELIVERIES, migrate, version

DIGEST_SIZE = 16
"""Bytes of the checksum over a backup: BLAKE2b (RFC 7693) at 128 bits."""

IN_USE_WAIT_S = 1.0
"""How long, in seconds, a restore waits for a verb that has the journal open for a moment."""

MAY_HAVE_BEEN_SENT = "It was waiting when the backup was taken, and may have been sent since."
"""What a delivery says that was under way in a restored backup."""

BESIDE = ("-wal", "-shm", "-saved", "-lost", SUFFIX)
"""The files that belong to a journal, by what follows its name."""


_MAGIC = b"SQLite format 3\0"

_FOLDER = ".restore-"
"""How the folder begins in which a backup is checked and prepared."""


class Backup(NamedTuple):
    """What is in a backup."""

    path: Path
    taken_at: datetime | None
    """When it was taken, UTC; None for a plain copy of a journal."""
    version: int
    """The version of its schema."""
    entries: int
    incidents: int
    last_entry_at: datetime | None
    """The time of its newest entry, UTC; None if it has none."""
    size: int
    """In bytes."""


class Restored(NamedTuple):
    """What a restore did."""

    backup: Backup
    journal: Path
    kept: Path | None
    """Where the journal is that was there before; None if there was none."""
    newer_entries: int | None
    """How many entries that journal has beyond the backup; None if they cannot be counted."""
    unconfirmed: tuple[str, ...]
    """The ids of the deliveries that may have been sent since."""


# ── backing up ────────────────────────────────────────────────────────────────────────────────────────────


def back_up(journal: Path, target: Path, now: datetime, *, replace: bool = False) -> Backup:
    """Write the journal into the file ``target`` (0600), check what was written, and return what is in it.

    Other processes may write meanwhile: the backup has what was committed when it began. ``target`` is the whole
    backup or what it was before, also after a kill. Raises ``NotFound`` without a journal, ``Refusal`` if the file
    is there already (unless ``replace``) or belongs to the journal, ``JournalError`` if the journal is damaged, and
    ``SettingsError`` if the file cannot be written.
    """
    journal = journal.absolute()
    if not journal.is_file():
        raise NotFound(f"There is no journal in {journal.parent}", "Name its folder with --data.")
    if target.is_dir():
        raise BadInput(f"{target} is a folder", "Name a file in it.")
    if target.absolute().resolve() in {Path(f"{journal.resolve()}{suffix}") for suffix in ("", *BESIDE)}:
        raise Refusal(f"{target} belongs to the journal itself", "Name another file for the backup.")
    if not replace and (target.exists() or target.is_symlink()):
        raise Refusal(f"{target} already exists", "Name another file, or replace it with --force.")
    with new_file(target, replace=replace) as temporary:
        _copy_at_one_moment(journal, temporary)
        try:
            with _opened(temporary) as db:
                _seal(db, now)
        except FAULTS as error:
            what, remedy = explain(error, target.absolute())
            raise SettingsError(f"the backup cannot be written: {what}", remedy) from error
        found = _check(temporary, journal)
    return found._replace(path=target)


def _copy_at_one_moment(journal: Path, target: Path) -> None:
    source = SqliteFile(journal, reads_anyway=True)
    with contextlib.closing(source), source.reading(keep=False) as db:
        try:
            # One read transaction (https://www.sqlite.org/lang_vacuum.html): writers do not wait, and what was
            # deleted, such as a discarded draft, is not copied.
            db.execute("VACUUM INTO ?", (str(target),))
        except FAULTS as error:
            if found := why_not_written(target.parent):
                raise SettingsError(found[0], found[1], place=str(target.parent)) from error
            raise


def _seal(db: sqlite3.Connection, now: datetime) -> None:
    """Add the time and the checksum; leave out who has which incident open now."""
    db.execute("PRAGMA journal_mode = DELETE")
    db.execute("BEGIN IMMEDIATE")
    db.execute("DROP TABLE IF EXISTS backup")  # of a backup that somebody put in the journal's place
    db.execute("DELETE FROM presence")
    db.execute("CREATE TABLE backup (taken_at INTEGER NOT NULL, digest BLOB NOT NULL)")
    db.execute("INSERT INTO backup VALUES (?, ?)", (to_ms(now), _digest(db)))
    db.execute("COMMIT")


# ── restoring ─────────────────────────────────────────────────────────────────────────────────────────────


def restore(source: Path, journal: Path, now: datetime) -> Restored:
    """Put a backup in the journal's place, and keep the journal that was there beside it under a dated name.

    The backup is checked first. Deliveries that were under way in it become unconfirmed, for a person to decide:
    they may have been sent since. The next incident is numbered after those of both journals. A kill leaves the one
    journal or the other. Raises, with nothing changed, ``NotFound`` without a backup, ``NewerJournal`` for one of a
    newer warroom, ``JournalError`` for a damaged one, and ``Refusal`` while anybody has the journal open.
    """
    source, journal = source.absolute(), journal.absolute()
    if not source.exists():
        raise NotFound(f"There is no file {source}")
    if not source.is_file():
        raise BadInput(f"{source} is not a file", "Name a backup.")
    if journal.exists() and source.samefile(journal):
        raise BadInput(f"{source} is the journal in use", "Name a backup.")
    try:
        with _alone(journal), tempfile.TemporaryDirectory(dir=journal.parent, prefix=_FOLDER) as folder:
            copy = Path(folder) / journal.name
            _copy(source, copy)
            backup = _check(copy, source)._replace(path=source, size=source.stat().st_size)
            before = _Before.of(journal)
            with _opened(copy) as db:
                newer = before.count_newer(db)
                unconfirmed = _prepare(db, before.last_number)
            sync(copy)
            _fold_log(journal)
            kept = _replace_journal(journal, copy, now)
            done = Restored(backup, journal, kept, newer, unconfirmed)
            _finish(done, now)
    except OSError as error:
        raise _cannot_write(journal.parent, error) from error
    except FAULTS as error:
        what, remedy = explain(error, journal)
        raise NotSaved(f"Nothing was restored: {what}", remedy) from error
    return done


@contextlib.contextmanager
def _alone(journal: Path) -> Iterator[None]:
    """Keep every other warroom out of the journal. Raises ``Refusal`` if one is in it."""
    make_folder(journal.parent)
    lock = FolderLock(journal.parent, exclusive=True)
    if not lock.acquire(IN_USE_WAIT_S):
        raise _in_use(journal)
    try:
        for folder in journal.parent.glob(f"{_FOLDER}*"):  # of a restore that was killed
            shutil.rmtree(folder, ignore_errors=True)
        yield
    finally:
        lock.release()


def _in_use(journal: Path) -> Refusal:
    return Refusal(
        "The journal is in use: a console or warroom watch is running",
        f"Quit every warroom, then restore. To see what has it open: fuser -v {journal}",
    )


def _copy(source: Path, copy: Path) -> None:
    """Copy a backup, or a plain copy of a journal with its write-ahead log."""
    try:
        copy.touch(0o600)
        shutil.copyfile(source, copy)
        log = Path(f"{source}-wal")
        if log.is_file():
            shutil.copyfile(log, f"{copy}-wal")
    except OSError as error:
        if error.filename and str(error.filename).startswith(str(source)):
            reason = (error.strerror or "unknown reason").lower()
            raise JournalError(f"{source} cannot be read: {reason}", "Check who owns it, and its disk.") from error
        raise


def _prepare(db: sqlite3.Connection, last_number: int) -> tuple[str, ...]:
    """Make a journal of a backup that is checked. Returns the deliveries that became unconfirmed."""
    db.execute("BEGIN IMMEDIATE")
    db.execute("DROP TABLE IF EXISTS backup")
    ids = [row[0] for row in db.execute(f"SELECT id FROM deliveries WHERE {OPEN_DELIVERIES} ORDER BY n")]
    # Without a time for the next attempt they wait for a person: after hours or days, sending by itself, even after
    # looking whether it arrived, would post what is long out of date, or page somebody.
    db.execute(
        "UPDATE deliveries SET state = 'uncertain', holder = '', lease_until = 0, next_attempt_at = NULL, error = ?"
        f" WHERE {OPEN_DELIVERIES}",
        (MAY_HAVE_BEEN_SENT,),
    )
    db.execute("DELETE FROM presence")
    db.execute("UPDATE counter SET value = max(value, ?) WHERE name = 'incident'", (last_number,))
    db.execute("COMMIT")
    db.execute("PRAGMA journal_mode = DELETE")
    return tuple(ids)


class _Before(NamedTuple):
    """What is to be known of the journal that is replaced, as far as it can be read."""

    last_number: int
    """The number of its last incident."""
    lengths: dict[str, int] | None
    """The entries of each stream; None if they cannot be read."""

    @classmethod
    def of(cls, journal: Path) -> _Before:
        if not _is_database(journal):
            return cls(0, None if journal.exists() else {})
        try:
            with contextlib.closing(sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True)) as db:
                number = db.execute("SELECT value FROM counter WHERE name = 'incident'").fetchone()[0]
                lengths = {str(stream): int(n) for stream, n in db.execute("SELECT stream, length FROM streams")}
                return cls(int(number), lengths)
        except (*FAULTS, TypeError, ValueError):
            return cls(0, None)

    def count_newer(self, db: sqlite3.Connection) -> int | None:
        """How many of its entries are not in the backup."""
        if self.lengths is None:
            return None
        saved: dict[str, int] = dict(db.execute("SELECT stream, length FROM streams").fetchall())
        return sum(max(0, length - saved.get(stream, 0)) for stream, length in self.lengths.items())


def _fold_log(journal: Path) -> None:
    """Bring the write-ahead log of the journal that is replaced into its file, so that it can be kept as one.

    A damaged journal keeps its log beside it. Raises ``Refusal`` if a program that takes no folder lock, such as
    the sqlite3 shell, has it open.
    """
    if not _is_database(journal):
        return  # SQLite would delete its log
    try:
        with contextlib.closing(sqlite3.connect(f"{journal.as_uri()}?mode=rw", uri=True, timeout=0)) as db:
            db.execute("PRAGMA journal_mode = DELETE")  # refused while anybody else has it open
            db.execute("DROP TABLE IF EXISTS backup")  # of a backup that somebody put in the journal's place
    except FAULTS as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise _in_use(journal) from error


def _is_database(file: Path) -> bool:
    """Whether a file begins as SQLite's do (https://www.sqlite.org/fileformat.html)."""
    try:
        with file.open("rb") as opened:
            return opened.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def _replace_journal(journal: Path, copy: Path, now: datetime) -> Path | None:
    """Keep the journal and what belongs to it under a dated name, and give its name to ``copy``.

    The journal itself keeps its name until the copy takes it, so that there is always a whole one.
    """
    kept = Path(f"{journal}-replaced-{now:%Y%m%dT%H%M%SZ}")
    number = 1
    while kept.exists():
        number += 1
        kept = kept.with_name(f"{journal.name}-replaced-{now:%Y%m%dT%H%M%SZ}-{number}")
    there = journal.exists()
    if there:
        try:
            kept.hardlink_to(journal)
        except OSError:  # a file system without hard links
            shutil.copy2(journal, kept)
    for suffix in BESIDE:  # a log that stayed would be read into the restored journal
        with contextlib.suppress(FileNotFoundError):
            Path(f"{journal}{suffix}").rename(f"{kept}{suffix}")
    copy.replace(journal)
    return kept if there else None


def _finish(done: Restored, now: datetime) -> None:
    """Say at the next starts what happened, and drop the search index. The restore is done, even if this fails."""
    with contextlib.suppress(OSError):
        sync(done.journal.parent)
    for suffix in ("", "-wal", "-shm"):  # made anew; it would find what is no longer there
        with contextlib.suppress(OSError):
            Path(f"{done.journal.parent / SEARCH_INDEX}{suffix}").unlink(missing_ok=True)
    with contextlib.suppress(SettingsError), new_file(notice_path(done.journal), replace=True) as file:
        file.write_text(_notice(done, now), encoding="utf-8")


def _notice(done: Restored, now: datetime) -> str:
    taken = done.backup.taken_at
    origin = f"a backup taken at {taken:%Y-%m-%d %H:%MZ}" if taken else str(done.backup.path)
    parts = [f"The journal was restored at {now:%Y-%m-%d %H:%MZ} from {origin}"]
    if done.kept:
        parts.append(f"the one before is {done.kept.name}")
    if count := len(done.unconfirmed):
        messages = "1 delivery of the backup" if count == 1 else f"{count} deliveries of the backup"
        parts.append(f"{messages} may have been sent since: warroom deliveries")
    return "; ".join(parts)


def _cannot_write(folder: Path, error: OSError) -> NotSaved:
    what, remedy = describe(error.errno, folder) or (
        (error.strerror or "unknown reason").lower(),
        f"Check who owns {folder}, and its disk.",
    )
    return NotSaved(f"Nothing was restored: {what}", remedy)


# ── checking ──────────────────────────────────────────────────────────────────────────────────────────────


def _check(path: Path, name: Path) -> Backup:
    """Read everything in the file ``path``, known to people as ``name``, and return what is in it.

    A copy of an older version is brought up to date. Raises ``JournalError`` in words if it is not a journal or is
    not as it was written, ``NewerJournal`` for one of a newer warroom.
    """
    try:
        with _opened(path) as db:
            if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                raise JournalError(f"{name} is not a journal", "Name a file that warroom backup wrote.")
            number = version(db, name)
            taken = db.execute("SELECT taken_at FROM backup").fetchone() if _has_seal(db) else None
            if problems := [*_find_problems(db)]:
                raise _damaged(name, "; ".join(problems))
            migrate(db, path)
            streams = [row[0] for row in db.execute("SELECT stream FROM streams ORDER BY number, rowid")]
            if found := [str(damage) for one in streams if (damage := find_damage(db, one))]:
                raise _damaged(name, "; ".join(found))
            entries, last = db.execute("SELECT count(*), max(at) FROM entries").fetchone()
            return Backup(
                path=path,
                taken_at=from_ms(taken[0]) if taken else None,
                version=number,
                entries=entries,
                incidents=sum(1 for one in streams if one != TEAM),
                last_entry_at=from_ms(last) if last is not None else None,
                size=path.stat().st_size,
            )
    except (*FAULTS, TypeError, ValueError, IndexError) as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_NOTADB:
            raise JournalError(f"{name} is not a journal", "Name a file that warroom backup wrote.") from error
        what = explain(error, path)[0]
        raise _damaged(name, "parts of it cannot be read" if what.startswith(str(path)) else what) from error


def _find_problems(db: sqlite3.Connection) -> Iterator[str]:
    if _has_seal(db) and [row[0] for row in db.execute("SELECT digest FROM backup")] != [_digest(db)]:
        yield "it does not match its checksum"
    yield from (row[0] for row in db.execute("PRAGMA integrity_check(5)") if row[0] != "ok")
    for table, _, parent, _ in db.execute("PRAGMA foreign_key_check").fetchmany(5):
        yield f"{table} without their {parent}"


def _has_seal(db: sqlite3.Connection) -> bool:
    """Whether the file is a backup; not a journal, which has a write-ahead log, that was made by copying one."""
    if db.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        return False
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = 'backup'").fetchone() is not None


def _digest(db: sqlite3.Connection) -> bytes:
    """A checksum over the schema, its version and every row, whichever page they are on."""
    found = hashlib.blake2b(digest_size=DIGEST_SIZE, usedforsecurity=False)
    cursor = db.cursor()
    found.update(repr(cursor.execute("PRAGMA user_version").fetchone()).encode())
    tables: list[str] = []
    for kind, name, sql in cursor.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name"):
        if name != "backup":
            found.update(repr((kind, name, sql)).encode("utf-8", "surrogateescape"))
            if kind == "table":
                tables.append(name)
    factory = db.text_factory
    db.text_factory = _Text  # as bytes, but other than a blob of the same bytes
    try:
        for table in tables:
            for row in db.execute(f'SELECT * FROM "{table}" NOT INDEXED'):
                found.update(repr(row).encode())
    finally:
        db.text_factory = factory
    return found.digest()


class _Text(bytes):
    """Text of a row as its bytes, which need not be UTF-8."""

    def __repr__(self) -> str:
        return f"text {bytes(self)!r}"


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a copy that nobody else has open, to read and change it."""
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = FULL")
        yield db


def _damaged(name: Path, reason: str) -> JournalError:
    return JournalError(f"{name} is damaged: {reason}", "Nothing was changed. Use another backup.")
