"""A journal that cannot be written: why not, and a private copy to read where SQLite cannot read it in place."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROBE = 65_536
"""Bytes that are written to test the disk: SQLite's shared memory file alone takes half of that."""

ATTEMPTS = 5
"""How often a copy is taken again because the journal changed meanwhile."""


def describe(number: int | None, folder: Path) -> tuple[str, str] | None:
    """What an errno means for files in ``folder``, and its remedy; None for one that is of no use here."""
    match number:
        case errno.ENOSPC:
            return "the disk is full", f"Free some space for {folder}, then do it again."
        case errno.EDQUOT:
            return "your disk quota is used up", f"Free some space for {folder}, or have the quota raised."
        case errno.EROFS:
            return "the disk is mounted read-only", f"See why {folder} is (mount, dmesg), and mount it for writing."
        case errno.EMFILE | errno.ENFILE:
            return "too many files are open", "Raise the limit (ulimit -n), or end programs that hold files open."
        case errno.EFBIG:
            return "a file may not grow any more", "Raise the limit on the size of files (ulimit -f)."
        case errno.EACCES | errno.EPERM:
            return f"{folder} cannot be written", "Check who owns it, and its permissions."
    return None


def why_not_written(folder: Path) -> tuple[str, str] | None:
    """Why nothing can be written in ``folder`` and the remedy, found out by trying; None if that works.

    SQLite distinguishes most of these only by codes that Python's sqlite3 does not pass on.
    """
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(bytes(PROBE))
            os.fsync(file.fileno())
    except OSError as error:
        return describe(error.errno, folder)
    return None


def private_copy(path: Path) -> Path | None:
    """A copy of the journal with its write-ahead log, in a new temporary folder for this person alone.

    None if there is room for it nowhere. ``remove_copy`` it afterwards.

    Both files, because the journal's own may be old, or half way through taking in its log.
    """
    for place in _places():
        copy: Path | None = None
        with suppress(OSError):
            copy = Path(tempfile.mkdtemp(prefix="warroom-", dir=place)) / path.name  # 0700
            if _copy_whole(path, copy):
                return copy
        if copy:
            remove_copy(copy)
    return None


def remove_copy(copy: Path) -> None:
    """Remove a private copy and its folder. Opens no file: there may be no descriptor left for one."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(OSError):
            Path(f"{copy}{suffix}").unlink()
    with suppress(OSError):
        copy.parent.rmdir()


def _places() -> Iterator[str]:
    """Where a copy may be kept; memory too, as the full disk may be that of the temporary folder."""
    with suppress(OSError):  # no place at all is fit
        yield tempfile.gettempdir()
    for place in (os.environ.get("XDG_RUNTIME_DIR"), "/dev/shm"):
        if place and Path(place).is_dir():
            yield place


def _copy_whole(path: Path, copy: Path) -> bool:
    """Copy the journal as it stood at one moment; False if it changes too often for that."""
    files = [path, Path(f"{path}-wal")]
    for _ in range(ATTEMPTS):
        before = [_stamp(file) for file in files]
        for file, name in zip(files, (copy, Path(f"{copy}-wal")), strict=True):
            name.unlink(missing_ok=True)
            with suppress(FileNotFoundError):  # no log: everything is in the file
                shutil.copyfile(file, name)
                name.chmod(0o600)
        if [_stamp(file) for file in files] == before:
            return True
    return False


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
