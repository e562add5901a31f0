"""The SQLite file of a journal: created, checked, opened, read and written in transactions. Knows no events.

One connection writes, under a lock. Readers take a connection of their own from a pool, so that reading a long
incident never delays an append (write-ahead log). A change is on disk when its transaction returns.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from warroom.config.paths import make_folder
from warroom.errors import JournalError, NewerJournal, NotSaved
from warroom.journal.folder_lock import FolderLock
from warroom.journal.read_only import describe, private_copy, remove_copy, why_not_written
from warroom.journal.sqlite_schema import APPLICATION_ID, MIGRATIONS, migrate, version

_CANNOT_OPEN = "The journal cannot be opened: "

# What the driver raises for a file with damaged bytes: text that is not UTF-8, even in the error itself, and
# lengths beyond all memory.
FAULTS = (sqlite3.Error, UnicodeError, OverflowError, MemoryError)

_NOT_WRITABLE = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
)


class SqliteFile:
    """The journal in the file ``path``, created if it is missing: the file 0600, a new folder 0700.

    ``wait_s`` is how long, in seconds, a change waits for another process to finish its own before it raises
    ``NotSaved``. Opening raises ``NewerJournal`` for a file of a newer warroom and ``JournalError`` for a file that
    is not a journal; both stay byte for byte as they were. Do not use it across a fork: open it again there.

    A journal that cannot be written raises ``NotSaved`` on opening. With ``reads_anyway`` it opens read-only:
    ``read_only`` gives the reason, every change raises ``NotSaved``, and what is saved can be read.
    """

    def __init__(self, path: Path, *, wait_s: float = 5.0, reads_anyway: bool = False) -> None:
        self.path = path.absolute()
        self.read_only = ""
        """Why nothing can be written; "" if it can."""
        self.remedy = ""
        """What to do about ``read_only``."""
        self._wait_s = wait_s
        self._pid = os.getpid()
        self._closed = False
        self._lock = threading.Lock()
        self._watch_lock = threading.Lock()
        self._readers: list[sqlite3.Connection] = []
        self._writer: sqlite3.Connection | None = None
        self._source = self.path
        self._copy: Path | None = None
        self._use = FolderLock(self.path.parent)
        try:
            self._open(reads_anyway)
        except BaseException:
            self._use.release()
            raise
        # SQLite keeps working on a file that was deleted or replaced under it; the inode gives that away.
        self._inode = self._file_identity()

    def _open(self, reads_anyway: bool) -> None:
        try:
            self._open_to_write()
        except NotSaved as error:
            if not (reads_anyway and self._open_to_read()):
                raise
            self.read_only, self.remedy = error.title.removeprefix(_CANNOT_OPEN), error.remedy

    def _lock_folder(self) -> None:
        """Keep ``warroom restore`` from replacing the file while it is open here; wait for one that is at it."""
        with contextlib.suppress(OSError):  # not ours, or a file system without locks
            make_folder(self.path.parent)
            if not self._use.acquire(self._wait_s):
                raise JournalError(
                    f"{self.path} is being restored from a backup", "Start warroom again when that has ended."
                )

    def _open_to_write(self) -> None:
        try:
            self._lock_folder()
            _create_or_check(self.path, self._wait_s)
            self._writer = self._connect("rw")
            self._enter_wal(self._writer)
            migrate(self._writer, self.path)
            # This connection never writes, so its data_version moves with every change, our own included.
            self._watch = self._connect("ro")
            for name in ("", "-wal", "-shm"):
                with contextlib.suppress(OSError):  # not ours, or not there
                    Path(f"{self.path}{name}").chmod(0o600)
        except BaseException as error:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
            if isinstance(error, FAULTS):
                what, remedy = explain(error, self.path)
                raise NotSaved(f"{_CANNOT_OPEN}{what}", remedy) from error
            raise

    def _open_to_read(self) -> bool:
        """Open what is saved without writing beside it: in its place, or a private copy; False if neither works.

        A disk that is read-only or full has no place for the files SQLite needs beside a write-ahead log. Never
        with SQLite's ``immutable``, which passes over that log.
        """
        if not self.path.is_file():
            return False
        with contextlib.suppress(*FAULTS, JournalError):
            self._watch = self._connect("ro")
            if version(self._watch, self.path) == len(MIGRATIONS):
                return True
            self._watch.close()
        self._copy = private_copy(self.path)
        if self._copy is None:
            return False
        self._source = self._copy
        try:
            _check_journal(self._source, self._wait_s)
            with contextlib.closing(self._connect("rw")) as db:
                self._enter_wal(db)
                migrate(db, self.path)
            self._watch = self._connect("ro")
        except (JournalError, *FAULTS) as error:
            remove_copy(self._copy)
            if isinstance(error, NewerJournal):
                raise
            return False
        return True

    def change_count(self) -> int:
        """A number that changes with every change by any process; compare it only with this object's own."""
        self._check_open()
        try:
            with self._watch_lock:
                row = self._watch.execute("PRAGMA data_version").fetchone()
        except FAULTS as error:
            raise self._cannot_read(error) from error
        return int(row[0])

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
            self._use.release()

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

    def _check_open(self) -> None:
        if os.getpid() != self._pid:
            raise JournalError("The journal was opened by another process", "Open it again after a fork.")
        if self._closed:
            raise JournalError("The journal is closed", "Open it again.")

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: whole and on the disk, or not at all and ``NotSaved``."""
        with self._lock:
            self._check_open()
            if self.read_only:
                raise NotSaved(f"Not saved: {self.read_only}", self.remedy)
            try:
                if self._writer is None:
                    self._writer = self._connect("rw")
                db = self._writer
                db.execute("BEGIN IMMEDIATE")
                version(db, self.path)  # a newer warroom may have moved in while we had the file open
                yield db
                if self._file_identity() != self._inode:
                    raise NotSaved(
                        f"Not saved: {self.path} was removed or replaced",
                        "Put it back where it was, or start warroom again; nothing can be kept until then.",
                    )
                db.execute("COMMIT")
            except BaseException as error:
                self._roll_back()
                if isinstance(error, FAULTS):
                    what, remedy = explain(error, self.path)
                    raise NotSaved(f"Not saved: {what}", remedy) from error
                raise

    def rewrite(self) -> str:
        """Rewrite the file without what was deleted or replaced, and empty the write-ahead log.

        Returns "", or why old bytes may remain. Takes seconds for a journal of hundreds of megabytes.
        """
        with self._lock:
            self._check_open()
            try:
                if self._writer is None:
                    self._writer = self._connect("rw")
                self._writer.execute("VACUUM")
                give_up = time.monotonic() + self._wait_s
                while self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                    if time.monotonic() > give_up:
                        return "another process is reading the journal"
                    time.sleep(0.01)
            except FAULTS as error:
                return explain(error, self.path)[0]
        return ""

    def _roll_back(self) -> None:
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
    def reading(self, *, keep: bool = True) -> Iterator[sqlite3.Connection]:
        """Lend a connection that reads. ``keep`` returns it to the pool; otherwise it is closed."""
        self._check_open()
        try:
            try:
                db = self._readers.pop()
            except IndexError:
                db = self._new_reader()
            try:
                yield db
            finally:
                if keep:
                    self._readers.append(db)
                else:
                    db.close()
                if self._closed:  # while we read: what close() did not see is closed here
                    with contextlib.suppress(IndexError):
                        self._readers.pop().close()
        except FAULTS as error:
            raise self._cannot_read(error) from error

    def _new_reader(self) -> sqlite3.Connection:
        db = self._connect("ro")
        if self._file_identity() != self._inode:
            db.close()
            raise JournalError(
                f"{self.path} was removed or replaced", "Put it back where it was, or start warroom again."
            )
        return db

    def _cannot_read(self, error: BaseException) -> JournalError:
        what, remedy = explain(error, self.path)
        return JournalError(f"The journal cannot be read: {what}", remedy)

    def _file_identity(self) -> tuple[int, int] | None:
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


def _create_or_check(path: Path, wait_s: float) -> None:
    """Make the file and its folder for this person alone; turn away, untouched, one that is not ours to open."""
    try:
        make_folder(path.parent)
        _check_orphaned_log(path)
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
            f"{_CANNOT_OPEN}{known[0] if known else reason}",
            known[1] if known else "Check that the folder exists, is yours, and is on a disk that can be written.",
        ) from error
    for last in (False, False, True):
        try:
            _check_journal(path, wait_s)
            return
        except (JournalError, *FAULTS):
            if last:
                raise
            time.sleep(0.02)  # another process may have been folding its log in while we looked


def _check_journal(path: Path, wait_s: float) -> None:
    """Raise unless the file is a journal of ours or holds nothing yet; leave it as it is."""
    # Never with open(): closing it would drop the locks other connections of this process have on the file.
    # Never read-write: closing the last such connection folds the write-ahead log into the file. And where there
    # is a log, never without it: the file alone may be old, or half way through taking it in.
    mode = "ro" if Path(f"{path}-wal").exists() else "immutable"
    try:
        with contextlib.closing(_connect(path, mode, wait_s)) as db:
            mark = db.execute("PRAGMA application_id").fetchone()[0]
            if mark == APPLICATION_ID:
                version(db, path)
            elif db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise JournalError(
                    f"{path} is a database of another program",
                    "Name another file for the journal; this one has been left untouched.",
                )
    except FAULTS as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_NOTADB:
            raise
        raise JournalError(
            f"{path} is not a journal", "Name another file for the journal; this one has been left untouched."
        ) from error


def _check_orphaned_log(path: Path) -> None:
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


def restore_hint(path: Path) -> str:
    return f"Stop every warroom, keep a copy of {path.parent}, and run warroom restore with a backup."


def _sync_folder(folder: Path) -> None:
    """Put the names in it on the disk as well: what was appended is no use in a file that has none."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def explain(error: BaseException, path: Path) -> tuple[str, str]:
    """What went wrong, in words, and its remedy."""
    code = getattr(error, "sqlite_errorcode", None)
    if code and code & 0xFF in _NOT_WRITABLE and (found := why_not_written(path.parent)):
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
    return f"{path} is damaged", f"warroom doctor says which incidents are sound. {restore_hint(path)}"
