"""Follow a file by its name, across rotation and truncation. Never decides what is shown."""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from contextlib import suppress
from pathlib import Path

from warroom.logs.blocks import count_back
from warroom.logs.sources.inotify import FileNotifier
from warroom.logs.sources.source import READ_SIZE, LineCutter, Sink, StoreSink, human_bytes
from warroom.logs.stores import FileStore, Numbering

TAIL = 256 * 1024  # bytes shown at once when a file is opened
POLL = 0.05  # seconds between two looks at a file whose changes the system does not report
WATCH = 0.5  # the same for one whose changes it reports
_PACE = 0.016  # seconds between two reads while lines pour in
_BACKLOG = 64 * 1024 * 1024  # bytes behind, beyond which following would only show what is thrown away at once
_GONE = 10  # looks a file must be missing: a rotation leaves it missing for a moment
_RETIRED = 40  # looks at a rotated file after its last line: its writer may reopen late
_OPEN = 4  # rotated files that stay open, to be looked at

_AWAITED = "does not exist yet; waiting"
_REMOVED = "removed; waiting for it to return"


class _Open:
    """One opened file: where we are in it and what has been counted. Used by its source's thread only."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        status = os.fstat(fd)
        self.identity = (status.st_dev, status.st_ino)
        self.offset = 0
        self.numbering = Numbering(0)
        self.cutter = LineCutter(self.numbering)
        self.fingerprint = b""  # the last bytes read: if they changed, the file has been written anew
        self.binary = False
        self.store: FileStore | None = None

    def begin_at(self, offset: int) -> None:
        self.offset = offset
        self.numbering = Numbering(None if offset else 0)
        self.cutter = LineCutter(self.numbering)
        self.fingerprint = b""
        self.store = None

    def size(self) -> int:
        return os.fstat(self.fd).st_size

    def rewritten(self) -> bool:
        mark = self.fingerprint
        return bool(mark) and os.pread(self.fd, len(mark), self.offset - len(mark)) != mark

    def close(self) -> None:
        os.close(self.fd)


class FileSource:
    """Follows a file by its name, across rotation and truncation, whether or not it exists yet.

    Its last ``tail`` bytes come at once, then whatever is appended: at once where the system reports it, else at
    most ``interval`` seconds later.
    """

    lasting = True

    def __init__(
        self, path: Path | str, *, name: str | None = None, interval: float | None = None, tail: int = TAIL
    ) -> None:
        self.path = Path(path)
        self.name = name or self.path.name
        self._interval = interval
        self._tail = tail
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._watch: FileNotifier | None = None
        self._sink: Sink | None = None
        self._store_sink: StoreSink | None = None
        self._open: _Open | None = None
        self._retired: list[tuple[_Open, int]] = []
        self._past: list[FileStore] = []  # of rotated files, oldest first
        self._missing = 0
        self._shown = ""
        self._first = True  # nothing has been looked at yet: what is there is history
        self._seen = False
        self._unreported = 0  # changes in a row that the system did not report

    def start(self, sink: Sink) -> None:
        """Begins to follow, in a daemon thread; returns at once."""
        if self._thread is None:
            self._sink = sink
            self._store_sink = sink if isinstance(sink, StoreSink) else None
            self._thread = threading.Thread(target=self._run, name=f"log {self.name}", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stops within one interval; returns at once."""
        self._stop.set()
        if self._watch:
            self._watch.stop()

    @property
    def running(self) -> bool:
        """Whether its thread is running."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        busy, notified = True, False
        try:
            while not self._stop.is_set():
                began = time.monotonic()
                before = self._open.offset if self._open else -1
                try:
                    busy = self._look()
                except OSError as error:  # a vanished mount, EIO, ESTALE: reported, then opened again by name
                    self._report_condition(f"cannot be read: {error.strerror or error}")
                    self._drop()
                    busy = False
                if self._watch and self._open and -1 < before < self._open.offset:
                    # Not reported three times in a row: a network mount, most likely.
                    self._unreported = 0 if notified else self._unreported + 1
                if not busy:
                    notified = self._rest(began)
                elif self._store_sink and self._watch and (left := _PACE - (time.monotonic() - began)) > 0:
                    # While lines pour in they are taken by the dozen: each wake costs more than all its lines.
                    self._stop.wait(left)
                    notified = True
        finally:
            self._drop()
            for old, _ in self._retired:
                old.close()
            if self._watch:
                self._watch.close()

    def _rest(self, began: float) -> bool:
        """Wait until there may be something new; return whether the system reported it."""
        if self._watch is None:
            self._watch = FileNotifier()
            self._aim()
            return not self._stop.is_set()  # the system cannot have reported what happened until now
        notified = (
            self._unreported < 3
            and self._watch.tells
            and not self._missing
            and not self._retired
            and self._open is not None
        )
        pause = self._interval if self._interval is not None else WATCH if notified else POLL
        happened = self._watch.wait(pause)
        if happened and (left := _PACE - (time.monotonic() - began)) > 0:
            self._stop.wait(left)
        return happened

    def _aim(self) -> None:
        if self._watch:
            self._watch.at(str(self.path))

    def _drop(self) -> None:
        if self._open:
            self._open.close()
            self._open = None

    def _report_condition(self, condition: str) -> None:
        """Report a condition when it begins, not at every look."""
        if condition != self._shown:
            self._shown = condition
            self._report(condition)

    def _report(self, text: str) -> None:
        if self._sink and not self._stop.is_set():
            self._sink.notice(self, text)

    def _look(self) -> bool:
        """One look at the file; true if there may be more to read at once."""
        busy = self._visit_retired()
        current = self._open
        if current and self._read(current):
            return True
        try:
            status = self.path.stat()
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                raise
            self._missing += 1
            if current is None:
                self._report_condition(_REMOVED if self._seen else _AWAITED)
                self._first = False
            elif self._missing >= _GONE:
                self._report_condition(_REMOVED)
                self._retire(current)
                self._open = None
            return busy
        self._missing = 0
        if current is None:
            self._enter(history=self._first)
            self._first = False
            return self._open is not None
        if (status.st_dev, status.st_ino) != current.identity:
            self._report("rotated; reading the new file")
            self._retire(current)
            self._open = None
            self._enter(history=False, quietly=True)
            return True
        return busy

    def _enter(self, *, history: bool, quietly: bool = False) -> None:
        fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # never hangs on a FIFO
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            mode = os.fstat(fd).st_mode
            os.close(fd)
            kind = no_log(mode)
            self._report_condition(f"is {kind}, not a log" if kind else "is a pipe now; add it again")
            return
        current = self._open = _Open(fd)
        self._seen = True
        self._aim()
        size = current.size()
        if self._shown and not quietly:
            self._report({_REMOVED: "came back", _AWAITED: "exists now"}.get(self._shown, "readable again"))
        self._shown = ""
        for old, shapes in self._retired:
            if old.identity == current.identity:  # moved away and back: go on where we were
                self._retired.remove((old, shapes))
                current.close()
                self._open = old
                return
        if not size and not quietly:
            self._report("empty")
        if history:
            if size > self._tail:
                current.begin_at(size - self._tail)
            self._read_tail(current, size, history=True)

    def _count(self, current: _Open, end: int) -> None:
        """Counts the lines before byte ``end``, where one begins, in the background."""
        numbering, store, store_sink, fd = current.numbering, current.store, self._store_sink, os.dup(current.fd)

        def found(blocks: list[tuple[int, int, int]], done: bool = False) -> None:
            if store_sink and store:
                store_sink.behind(self, store, blocks, done=done)

        def count() -> None:
            try:
                numbering.before = count_back(fd, end, found, self._stop.is_set)
            except OSError:  # numbers stay unknown; reading will report what is wrong
                pass
            finally:
                os.close(fd)
                found([], done=True)

        threading.Thread(target=count, name=f"count {self.name}", daemon=True).start()

    def _read_tail(self, current: _Open, size: int, *, history: bool) -> None:
        start = current.offset
        data = os.pread(current.fd, size - start, start)
        if not data:
            return
        if start and os.pread(current.fd, 1, start - 1) != b"\n":  # began in the middle of a line
            cut = data.find(b"\n") + 1
            if 0 < cut < len(data):
                start, data = start + cut, data[cut:]
            else:  # one long line
                if not self._store_sink:
                    data = b"\xe2\x80\xa6" + data
                start = _beginning(current.fd, start)
        current.offset = start
        if self._store_sink:
            current.store = FileStore(current.fd, start, current.numbering)
            current.store.skip(size - len(data) - start)
        current.offset = size - len(data)
        self._took(current, data)
        self._hand(current, data, history=history)
        if start:
            self._count(current, start)

    def _read(self, current: _Open) -> bool:
        size = current.size()
        if size == current.offset:
            return False
        if size < current.offset or current.rewritten():
            self._report("truncated; reading from its beginning")
            current.cutter.finish()
            if current.store:
                self._lose(current.store)
            current.begin_at(0)
            return True
        if size - current.offset > _BACKLOG and not self._store_sink:
            skip = size - self._tail
            self._report(f"{human_bytes(skip - current.offset)} skipped to keep up; they are in the file")
            current.begin_at(skip)
            self._read_tail(current, size, history=False)
            return True
        most = 4 * READ_SIZE if self._store_sink else READ_SIZE
        data = os.pread(current.fd, min(most, size - current.offset), current.offset)
        if not data:
            return False
        self._took(current, data)
        self._hand(current, data)
        return True

    def _took(self, current: _Open, data: bytes) -> None:
        if self._store_sink:
            if current.store is None:
                current.store = FileStore(current.fd, current.offset, current.numbering)
            current.store.take(data)
        current.offset += len(data)
        current.fingerprint = (current.fingerprint + data[-64:])[-64:]

    def _hand(self, current: _Open, data: bytes, *, history: bool = False) -> None:
        if not current.binary and b"\0" in data:
            current.binary = True
            self._report("contains binary data, shown as ␀ or �")
        if self._stop.is_set():
            return
        if self._store_sink and current.store:
            self._store_sink.grew(self, current.store, data, history=history)
        elif self._sink and (chunk := current.cutter.feed(data, history=history)):
            self._sink.lines(self, chunk)

    def _retire(self, old: _Open) -> None:
        while self._read(old):  # first finish the old file
            pass
        old.cutter.finish()
        self._retired.append((old, _RETIRED))
        if old.store:
            self._past.append(old.store)
            if len(self._past) > _OPEN:
                self._lose(self._past.pop(0))

    def _lose(self, store: FileStore) -> None:
        store.freeze()
        if self._store_sink and not self._stop.is_set():
            self._store_sink.lost(self, store)

    def _visit_retired(self) -> bool:
        if not self._retired:
            return False
        keep: list[tuple[_Open, int]] = []
        for old, shapes in self._retired:
            if self._read(old):
                keep.append((old, _RETIRED))
            elif shapes > 1:
                keep.append((old, shapes - 1))
            else:
                if old.store and not os.fstat(old.fd).st_nlink:  # deleted: it takes up room as long as it is open
                    with suppress(ValueError):
                        self._past.remove(old.store)
                    self._lose(old.store)
                old.close()
        self._retired = keep
        return False


def no_log(mode: int) -> str:
    """What a file of this mode is, if that is nothing that can be read as a log; else ``""``."""
    if stat.S_ISREG(mode) or stat.S_ISFIFO(mode):
        return ""
    return "a socket" if stat.S_ISSOCK(mode) else "a folder" if stat.S_ISDIR(mode) else "a device"


def _beginning(fd: int, before: int) -> int:
    """Where the line begins in whose middle ``before`` is; as far back as one line is kept at most."""
    while before > 0:
        size = min(before, 4 * READ_SIZE)
        at = os.pread(fd, size, before - size).rfind(b"\n")
        if at >= 0:
            return before - size + at + 1
        before -= size
    return 0
