"""Read a pipe: standard input, the output of a command, or a named pipe. Never decides what is shown."""

from __future__ import annotations

import errno
import os
import select
import stat
import threading
from contextlib import suppress
from pathlib import Path

from warroom.logs.sources.source import READ_SIZE, LineCutter, Sink
from warroom.logs.stores import Numbering

FIFO_AGAIN = 1.0  # seconds between two looks whether a pipe without a writer has been replaced


class StreamSource:
    """Reads a pipe (standard input, mostly) as fast as it comes, until it ends or is closed.

    The writer is never held up for long: what the view cannot keep, it drops and reports. ``fd`` is duplicated; the
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
        """Whether its thread is running."""
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
                if data := os.read(self._fd, READ_SIZE):
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
    """Reads a named pipe, one writer after the other, until closed. Opening it does not wait for a writer."""

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
                if data := os.read(self._fd, READ_SIZE):
                    return data
                self._waiting = True
                sink.notice(self, "no writer yet; waiting")
        while (ready := self._ready(self._again if self._waiting else None)) is not False:
            if ready is None:  # removed and made anew, perhaps
                if self._replaced():
                    self._open()
                continue
            try:
                if data := os.read(self._fd, READ_SIZE):
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
