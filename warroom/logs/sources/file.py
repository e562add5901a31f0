"""Where log lines come from: a file that is followed, a pipe that is read; never decides what is shown.

Each source reads in a daemon thread of its own and hands whole chunks to a ``Sink``. It keeps nothing but the line
that has no end yet, and of that no more than ``LINE_CAP`` bytes. What happens to it (missing, rotated, truncated …)
it says once, in words, through the same sink, so that it appears in the stream where it happened. A sink that is a
``StoreSink`` is not handed a file's lines, but the file as a store, to read them when it wants them.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from warroom.logs.blocks import count_back
from warroom.logs.sources.inotify import FileNotifier
from warroom.logs.stores import FileStore
from warroom.logs.stores import Numbering as Numbering
from warroom.safety import strip_ansi

LINE_CAP = 64 * 1024  # bytes of one line that are kept; the rest is counted
TAIL = 256 * 1024  # bytes shown at once when a file is opened
POLL = 0.05  # seconds between two looks at a file that does not tell of its changes
WATCH = 0.5  # the same for one that does
_PACE = 0.016  # seconds between two reads while lines pour in
_READ = 256 * 1024  # bytes a read: a chunk is decoded and split in about a millisecond
_BACKLOG = 64 * 1024 * 1024  # bytes behind, beyond which following would only show what is thrown away at once
_GONE = 10  # looks a file must be missing: a rotation leaves it missing for a moment
_RETIRED = 40  # looks at a rotated file after its last line: its writer may reopen late
FIFO_AGAIN = 1.0  # seconds between two looks whether a pipe that nobody writes to has been replaced
_OPEN = 4  # rotated files that stay open, to be looked at


_AWAITED = "does not exist yet; waiting"
_REMOVED = "removed; waiting for it to return"
_KEY = b"PRIVATE KEY-----"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive lines, decoded, without their ends and colours, otherwise raw."""

    texts: list[str]
    first: int  # ordinal of the first line within its numbering, from 0
    numbering: Numbering
    grows: bool  # the first line replaces the unfinished one handed over before
    unfinished: bool  # the last line has no end yet
    history: bool  # was there before we looked
    key_block: bool  # speaks of a private key somewhere: has to be masked with memory


class Sink(Protocol):
    """Who takes the lines. Called from the sources' threads; what it does there holds the source up."""

    def lines(self, source: Source, chunk: Chunk) -> None: ...

    def notice(self, source: Source, text: str) -> None: ...


@runtime_checkable
class StoreSink(Sink, Protocol):
    """A sink that reads a file's lines where they lie."""

    def grew(self, source: Source, store: FileStore, data: bytes, *, history: bool) -> None:
        """``data`` has been taken into the store, at its end."""

    def behind(self, source: Source, store: FileStore, blocks: list[tuple[int, int, int]], *, done: bool) -> None:
        """Pieces (start, end, lines) that stand before those known, newest first; ``done`` when it ends."""

    def lost(self, source: Source, store: FileStore) -> None:
        """The file has been cut off or is gone: only what the store has in memory can still be read."""


class Source(Protocol):
    """Anything that can be read as lines. ``name`` is what it is called on the screen."""

    name: str
    lasting: bool  # what scrolls out of memory readable again (a file), or is gone (a pipe)

    def start(self, sink: Sink) -> None:
        """Begins to read, in a thread of its own; returns at once."""

    def close(self) -> None:
        """Stops reading soon; returns at once; may be called twice."""


class LineCutter:
    """Cuts bytes into lines; an unfinished last one is shown, then completed, never doubled."""

    def __init__(self, numbering: Numbering, first: int = 0) -> None:
        self.numbering = numbering
        self._ordinal = first
        self._rest = b""  # the unfinished line, at most LINE_CAP bytes of it
        self._excess = 0  # bytes of it beyond those
        self._shown = False

    def feed(self, data: bytes, *, history: bool = False) -> Chunk | None:
        """The lines that ``data`` completes or begins; None if there are none."""
        if not data:
            return None
        first, grows = self._ordinal, self._shown
        end = data.rfind(b"\n")
        texts: list[str] = []
        key_block = _KEY in (self._rest + data if self._rest else data)
        if end < 0:
            self._keep(data)
        else:
            whole = data[:end]
            if self._excess:  # the first line is the tail of one that is too long to keep
                stop = data.find(b"\n")
                self._keep(data[:stop])
                texts.append(self._text())
                whole = data[stop + 1 : end] if stop < end else b""
                lines = _decode(whole).split("\n") if stop < end else []
            else:
                lines = _decode(self._rest + whole if self._rest else whole).split("\n")
            texts += [line if len(line) <= LINE_CAP else _clip(line[:LINE_CAP], len(line)) for line in lines]
            self._ordinal += len(texts)
            self._rest, self._excess, self._shown = b"", 0, False
            if end + 1 < len(data):
                self._keep(data[end + 1 :])
        if self._rest:
            texts.append(self._text())
            self._shown = True
        return Chunk(texts, first, self.numbering, grows, bool(self._rest), history, key_block)

    def finish(self) -> None:
        """No more of the unfinished line will come: whatever is fed next begins a new one."""
        if self._rest:
            self._ordinal += 1
        self._rest, self._excess, self._shown = b"", 0, False

    def _keep(self, data: bytes) -> None:
        room = LINE_CAP - len(self._rest)
        self._rest += data[:room]
        self._excess += max(0, len(data) - room)

    def _text(self) -> str:
        text = _decode(self._rest)
        return _clip(text, len(self._rest) + self._excess) if self._excess else text


def _decode(data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    if "\r" in text:
        text = text.replace("\r\n", "\n").removesuffix("\r")
    return strip_ansi(text)


def _clip(text: str, size: int) -> str:
    return f"{text} … ‹a line of {human_bytes(size)}, its beginning shown›"


def human_bytes(size: float) -> str:
    """``1.2 MB``: powers of 1,000."""
    unit = "bytes"
    for larger in ("kB", "MB", "GB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:,.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"


# ---------------------------------------------------------------------------------------------- files


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

    Its last ``tail`` bytes come at once, then whatever is appended: as it happens where the system tells, else at
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
        self._said = ""
        self._first = True  # nothing has been looked at yet: what is there is history
        self._seen = False
        self._untold = 0  # changes in a row that were found though nobody told of them

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
        """Whether its thread still lives."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        busy, told = True, False
        try:
            while not self._stop.is_set():
                began = time.monotonic()
                before = self._open.offset if self._open else -1
                try:
                    busy = self._look()
                except OSError as error:  # a vanished mount, EIO, ESTALE: told, then tried again from the name
                    self._say(f"cannot be read: {error.strerror or error}")
                    self._drop()
                    busy = False
                if self._watch and self._open and -1 < before < self._open.offset:
                    # Found out three times running without being told: a network mount, most likely.
                    self._untold = 0 if told else self._untold + 1
                if not busy:
                    told = self._rest(began)
                elif self._store_sink and self._watch and (left := _PACE - (time.monotonic() - began)) > 0:
                    # While lines pour in they are taken by the dozen: each wake costs more than all its lines.
                    self._stop.wait(left)
                    told = True
        finally:
            self._drop()
            for old, _ in self._retired:
                old.close()
            if self._watch:
                self._watch.close()

    def _rest(self, began: float) -> bool:
        """Waits until there may be something new; whether we were told so."""
        if self._watch is None:
            self._watch = FileNotifier()
            self._aim()
            return not self._stop.is_set()  # what happened until now nobody can have told
        told = (
            self._untold < 3
            and self._watch.tells
            and not self._missing
            and not self._retired
            and self._open is not None
        )
        pause = self._interval if self._interval is not None else WATCH if told else POLL
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

    def _say(self, condition: str) -> None:
        """Each condition is told when it begins, not at every look."""
        if condition != self._said:
            self._said = condition
            self._tell(condition)

    def _tell(self, text: str) -> None:
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
                self._say(_REMOVED if self._seen else _AWAITED)
                self._first = False
            elif self._missing >= _GONE:
                self._say(_REMOVED)
                self._retire(current)
                self._open = None
            return busy
        self._missing = 0
        if current is None:
            self._enter(history=self._first)
            self._first = False
            return self._open is not None
        if (status.st_dev, status.st_ino) != current.identity:
            self._tell("rotated; reading the new file")
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
            self._say(f"is {kind}, not a log" if (kind := no_log(mode)) else "is a pipe now; add it again")
            return
        current = self._open = _Open(fd)
        self._seen = True
        self._aim()
        size = current.size()
        if self._said and not quietly:
            self._tell({_REMOVED: "came back", _AWAITED: "exists now"}.get(self._said, "readable again"))
        self._said = ""
        for old, shapes in self._retired:
            if old.identity == current.identity:  # moved away and back: go on where we were
                self._retired.remove((old, shapes))
                current.close()
                self._open = old
                return
        if not size and not quietly:
            self._tell("empty")
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
            except OSError:  # numbers stay unknown; the reading itself will say what is wrong
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
            self._tell("truncated; reading from its beginning")
            current.cutter.finish()
            if current.store:
                self._lose(current.store)
            current.begin_at(0)
            return True
        if size - current.offset > _BACKLOG and not self._store_sink:
            skip = size - self._tail
            self._tell(f"{human_bytes(skip - current.offset)} skipped to keep up; they are in the file")
            current.begin_at(skip)
            self._read_tail(current, size, history=False)
            return True
        most = 4 * _READ if self._store_sink else _READ
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
            self._tell("contains binary data, shown as ␀ or �")
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
        size = min(before, 4 * _READ)
        at = os.pread(fd, size, before - size).rfind(b"\n")
        if at >= 0:
            return before - size + at + 1
        before -= size
    return 0


# ---------------------------------------------------------------------------------------------- pipes


class StreamSource:
    """Reads a pipe (standard input, mostly) as fast as it comes, until it ends or is closed.

    The writer is never held up for long: what the view cannot keep, it drops and says so. ``fd`` is duplicated; the
    caller may close its own.
    """

    lasting = False

    def __init__(self, fd: int, name: str = "stdin") -> None:
        self.name = name
        self._fd = os.dup(fd) if fd >= 0 else -1  # -1: nothing is open yet
        self._cutter = LineCutter(Numbering(0))
        self._wake_read, self._wake_write = os.pipe()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._released = False

    def start(self, sink: Sink) -> None:
        """Begins to read, in a daemon thread; returns at once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(sink,), name=f"log {self.name}", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stops reading at once; returns at once."""
        with self._lock:
            if self._stop.is_set():
                return
            self._stop.set()
            if self._thread is None:
                self._release()
            elif not self._released:
                os.write(self._wake_write, b"x")

    @property
    def running(self) -> bool:
        """Whether its thread still lives."""
        return self._thread is not None and self._thread.is_alive()

    def _release(self) -> None:
        for fd in (self._fd, self._wake_read, self._wake_write):
            if fd >= 0:
                os.close(fd)
        self._released = True

    def _run(self, sink: Sink) -> None:
        binary = False
        try:
            while not self._stop.is_set():
                data = self._read(sink)
                if data is None:
                    return
                if not binary and b"\0" in data:
                    binary = True
                    sink.notice(self, "contains binary data, shown as ␀ or �")
                if chunk := self._cutter.feed(data):
                    sink.lines(self, chunk)
        except OSError as error:
            if not self._stop.is_set():
                sink.notice(self, f"cannot be read: {error.strerror or error}")
        finally:
            with self._lock:
                self._release()

    def _read(self, sink: Sink) -> bytes | None:
        """The next bytes; None when it is over."""
        while self._ready():
            try:
                if data := os.read(self._fd, _READ):
                    return data
            except BlockingIOError:
                continue
            sink.notice(self, "end of input")
            return None
        return None

    def _ready(self, seconds: float | None = None) -> bool | None:
        """Waits until there is something to read. False once this is closed, None after so many ``seconds``."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        ready = {fd for fd, _ in poll.poll(None if seconds is None else 1000 * seconds)}
        return False if self._wake_read in ready else True if ready else None


class FifoSource(StreamSource):
    """Reads a named pipe, one writer after the other, until closed. Opening it waits for nobody."""

    def __init__(self, path: Path | str, *, name: str | None = None, again: float = FIFO_AGAIN) -> None:
        self.path = Path(path)
        super().__init__(-1, name or self.path.name)
        self._again = again
        self._identity = (0, 0)
        self._waiting = False  # no writer has it open, as far as was seen

    def _read(self, sink: Sink) -> bytes | None:
        if self._fd < 0:
            self._open()
            with suppress(BlockingIOError):  # it has a writer that has written nothing so far
                if data := os.read(self._fd, _READ):
                    return data
                self._waiting = True
                sink.notice(self, "no writer yet; waiting")
        while (ready := self._ready(self._again if self._waiting else None)) is not False:
            if ready is None:  # removed and made anew, perhaps
                if self._replaced():
                    self._open()
                continue
            try:
                if data := os.read(self._fd, _READ):
                    self._waiting = False
                    return data
            except BlockingIOError:
                self._waiting = False
                continue
            # Opened anew before it is closed: what another writer has written meanwhile stays.
            self._cutter.finish()
            self._waiting = True
            self._open()
            sink.notice(self, "its writer closed the pipe; waiting for another")
        return None

    def _open(self) -> None:
        fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        status = os.fstat(fd)
        if not stat.S_ISFIFO(status.st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, "no longer a pipe; add it again")
        with self._lock:
            old, self._fd = self._fd, fd
        self._identity = (status.st_dev, status.st_ino)
        if old >= 0:
            os.close(old)

    def _replaced(self) -> bool:
        try:
            status = self.path.stat()
        except OSError:
            return False
        return (status.st_dev, status.st_ino) != self._identity
