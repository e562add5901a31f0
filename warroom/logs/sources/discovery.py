"""Resolve the name of a log: a file, a compressed one, a pipe, a pattern, a directory, a unit. Reads none of them.

Patterns and directories are looked at again and again, so that files which appear later join.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from glob import glob
from pathlib import Path

from warroom.logs.sources.command import CommandSource
from warroom.logs.sources.compressed import SUFFIXES, CompressedSource, is_compressed
from warroom.logs.sources.file import FileSource, no_log
from warroom.logs.sources.pipe import FifoSource, StreamSource
from warroom.logs.sources.source import Sink, Source

AGAIN = 2.0  # seconds between two looks at a pattern or directory
MOST = 100  # files of one pattern or directory
PREFIXES = ("journal", "docker", "run")
"""``journal:UNIT``, ``docker:CONTAINER``, ``run:COMMAND WITH ARGUMENTS``."""

# What is in a log directory and is no live log: rotated, packed, or not text at all.
_ASIDE = re.compile(r"\.\d+$|-\d{8}(?:-\d+)?$|~$|^\.|\.(?:db|sqlite3?|journal|pid|lock|sock|swp|old|bak|zip|tar)$")
# What shells name an open pipe: `warroom logs <(kubectl logs -f checkout)`.
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d{1,6})")


def command_of(name: str) -> list[str] | None:
    """The command for a name with one of the ``PREFIXES``; None for a name without.

    Raises ValueError where a quote is not closed or nothing follows the prefix.
    """
    prefix, colon, rest = name.partition(":")
    if not colon or prefix not in PREFIXES:
        return None
    words = shlex.split(rest)
    if not words:
        raise ValueError(f"nothing after {prefix}:")
    if prefix == "journal":
        return ["journalctl", "--follow", "--lines=1000", "--output=short-iso-precise", f"--unit={rest}"]
    if prefix == "docker":
        return ["docker", "logs", "--follow", "--timestamps", "--tail=1000", "--", rest]
    return words


def is_many(name: str) -> bool:
    """Whether the name is a directory or a pattern rather than one file."""
    path = Path(name)
    return path.is_dir() or (any(c in name for c in "*?[") and not path.exists())


def files(name: str) -> list[Path]:
    """The files that a path, pattern or directory matches now; a path that does not exist matches itself."""
    if not is_many(name):
        return [Path(name)]
    return [path for path, _ in _found(name)]


def file_source(path: Path) -> Source:
    """The source that reads this file, which may be a pipe, also one that is open in this process (/dev/fd/63)."""
    with suppress(OSError):  # not there yet
        if stat.S_ISFIFO(path.stat().st_mode):
            opened = _DESCRIPTOR.fullmatch(str(path))
            return StreamSource(int(opened[1]), str(path)) if opened else FifoSource(path)
    return CompressedSource(path) if is_compressed(path) else FileSource(path)


def open_to_read(path: Path) -> int:
    """A descriptor of the file or pipe. Waits for a named pipe's writer, but not for that of an open one, which
    may have come and gone."""
    opened = _DESCRIPTOR.fullmatch(str(path))
    if opened and stat.S_ISFIFO(os.fstat(int(opened[1])).st_mode):
        return os.dup(int(opened[1]))
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def kind_refused(name: str) -> str:
    """What a name is if it can never be a log: a socket, a device; else ``""``."""
    if command_of(name) is not None or is_many(name):
        return ""
    try:
        return no_log(Path(name).stat().st_mode)
    except OSError:  # it may come
        return ""


def sources(name: str, add: Callable[[Source], object]) -> list[Source]:
    """Return the sources for ``name``; those of files that appear later are passed to ``add``.

    Raises ValueError as ``command_of``.
    """
    if command := command_of(name):
        return [CommandSource(command, name.partition(":")[2] if name[:4] != "run:" else "")]
    if not is_many(name):
        return [file_source(Path(name))]
    return [GlobWatcher(name, add)]


def _found(name: str) -> list[tuple[Path, os.stat_result]]:
    """The regular files of a pattern or directory, by name; of too many, those written last."""
    paths: Iterable[Path]
    if Path(name).is_dir():
        try:
            with os.scandir(name) as entries:
                paths = [
                    Path(entry.path)
                    for entry in entries
                    if not _ASIDE.search(entry.name) and Path(entry.name).suffix not in SUFFIXES
                ]
        except OSError:
            paths = ()
    else:
        paths = map(Path, glob(name, recursive=True))  # noqa: PTH207
    known = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            known.append((path, status))
    known.sort(key=lambda found: found[1].st_mtime, reverse=True)
    return sorted(known[:MOST], key=lambda found: str(found[0]))


class GlobWatcher:
    """Gives every file of a pattern or directory to ``add``, those that appear later too.

    It has no lines itself: it reports which files joined, and that none is there yet. A file that was only
    renamed, as rotation does, does not join a second time.
    """

    lasting = True

    def __init__(self, name: str, add: Callable[[Source], object], *, again: float = AGAIN) -> None:
        self.name = name if len(name) <= 40 else "…" + name[-39:]
        self._pattern = name
        self._add = add
        self._again = again
        self._paths: set[Path] = set()
        self._files: set[tuple[int, int]] = set()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, sink: Sink) -> None:
        """Adds what is there, then watches in a daemon thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(sink,), name=f"log {self.name}", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stops watching; the sources that were added are not its own."""
        self._stop.set()

    @property
    def running(self) -> bool:
        """Whether its thread is running."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self, sink: Sink) -> None:
        first = True
        while not self._stop.is_set():
            new = self._new()
            for path in new:
                if not first:
                    sink.notice(self, f"{path.name} joined")
                self._add(file_source(path))
            if first and not new:
                sink.notice(self, "no file yet; waiting for one")
            first = False
            if self._stop.wait(self._again):
                return

    def _new(self) -> list[Path]:
        new = []
        for path, status in _found(self._pattern):
            file = (status.st_dev, status.st_ino)
            if path in self._paths or file in self._files:
                self._files.add(file)
                continue
            if len(self._paths) >= MOST:
                break
            self._paths.add(path)
            self._files.add(file)
            new.append(path)
        return new
