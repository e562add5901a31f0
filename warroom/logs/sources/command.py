"""Log lines that a command prints: run without a shell, restarted when it ends, killed with all it started.

A small process of its own (``supervisor.py``) runs it, so that whatever a command starts ends with it, also what
left its session, and also when the console is killed. Its stderr, and that it ended and why, are reported
in the stream as notices. A command that repeats its last lines when it starts again (``journalctl -f``,
``kubectl logs -f``) does not show them twice.
"""

from __future__ import annotations

import os
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from warroom.logs.sources.source import LineCutter, Sink
from warroom.logs.stores import Numbering

FIRST_WAIT = 1.0  # seconds until it is started again; twice as long each time it ends soon
LONGEST_WAIT = 60.0  # seconds
STEADY = 60.0  # seconds after which a run counts as a good one, and waiting begins anew
GRACE = 2.0  # seconds between asking to end and killing
_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_ENDED = 5.0  # seconds beyond the grace in which the supervisor has killed what can be killed
_READ = 256 * 1024  # bytes a read
_REPEATS = 20_000  # lines remembered, to know them again
_HELD = 8_000_000  # bytes of lines perhaps repeated that are held back at most
_QUIET = 0.5  # seconds without output after which what is held back is shown
_STDERR_LINES = 20  # lines of stderr a second that are shown; the rest is counted
_STDERR_LINE = 500  # characters of each


class CommandSource:
    """Runs ``argv`` and reads what it prints, until closed. ``name`` is what it is called on the screen.

    ``argv`` is never given to a shell and has no terminal and an empty stdin: what would ask for a password fails.
    """

    lasting = False

    def __init__(
        self,
        argv: Sequence[str],
        name: str = "",
        *,
        first_wait: float = FIRST_WAIT,
        longest_wait: float = LONGEST_WAIT,
        grace: float = GRACE,
    ) -> None:
        if not argv:
            raise ValueError("a command has at least one word")
        self.argv = tuple(argv)
        self.name = name or _short(argv)
        self._first_wait = first_wait
        self._longest_wait = longest_wait
        self._grace = grace
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._control: socket.socket | None = None  # to the supervisor of the present run
        self._wake_read, self._wake_write = os.pipe()
        self._cutter = LineCutter(Numbering(0))
        self._echo = _ReplayFilter()
        self._binary = False

    def start(self, sink: Sink) -> None:
        """Begins to run it, in a daemon thread; returns at once."""
        if self._thread is None and not self._stop.is_set():
            self._thread = threading.Thread(target=self._run, args=(sink,), name=f"log {self.name}", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Asks the command and all it started to end, and kills what does not; returns at once."""
        with self._lock:
            if self._stop.is_set():
                return
            self._stop.set()
            if self._thread is None:
                self._release()
                return
            os.write(self._wake_write, b"x")
            self._ask_to_end()

    @property
    def running(self) -> bool:
        """Whether its thread is running; it is as long as the command may be started again."""
        return self._thread is not None and self._thread.is_alive()

    def _release(self) -> None:
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _ask_to_end(self) -> None:
        if self._control is not None:
            with suppress(OSError):
                self._control.send(b"T")

    def _run(self, sink: Sink) -> None:
        wait, unable = self._first_wait, False
        try:
            while not self._stop.is_set():
                began = time.monotonic()
                ending = self._once(sink, unable)
                if self._stop.is_set():
                    return
                if time.monotonic() - began >= STEADY:
                    wait = self._first_wait
                if ending and not (unable and ending.startswith("cannot")):
                    sink.notice(self, f"{ending}; starting it again in {_seconds(wait)}")
                unable = ending.startswith("cannot")
                if self._woken(wait):
                    return
                wait = min(2 * wait, self._longest_wait)
                self._cutter.finish()
                self._echo.restarted()
        finally:
            with self._lock:
                self._stop.set()
                self._release()

    def _woken(self, seconds: float) -> bool:
        """Waits that long, or until this is closed."""
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        return bool(poll.poll(1000 * seconds))

    def _once(self, sink: Sink, unable: bool) -> str:
        """One run from start to end; how it ended."""
        with self._lock:
            if self._stop.is_set():
                return ""
            ours, theirs = socket.socketpair()
            self._control = ours
            with theirs:
                try:
                    process = subprocess.Popen(
                        [
                            *(sys.executable, "-I", "-S", str(_SUPERVISOR)),
                            *(str(theirs.fileno()), str(self._grace), *self.argv),
                        ],
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE,
                        start_new_session=True,  # no terminal to ask on
                        pass_fds=[theirs.fileno()],
                    )
                except (OSError, ValueError) as error:
                    self._hang_up()
                    return f"cannot be started: {getattr(error, 'strerror', None) or error}"
        reports = _SupervisorReports(ours)
        try:
            if self._running(reports):
                if unable:
                    sink.notice(self, "started")
                self._read(sink, process, reports)
        finally:
            self._end(process, reports)
        return reports.ending()

    def _hang_up(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None

    def _running(self, reports: _SupervisorReports) -> bool:
        """Whether the command could be started; false as well once this is closed."""
        poll = select.poll()
        for fd in (reports.fileno(), self._wake_read):
            poll.register(fd, select.POLLIN)
        while not reports.running and not reports.over:
            if self._wake_read in {fd for fd, _ in poll.poll()}:
                return False
            reports.take()
        return reports.running

    def _read(self, sink: Sink, process: subprocess.Popen[bytes], reports: _SupervisorReports) -> None:
        """Hands over what it prints, until it has ended and all is read, or this is closed."""
        assert process.stdout and process.stderr
        out, err, control = process.stdout.fileno(), process.stderr.fileno(), reports.fileno()
        complaints = _StderrLimiter()
        poll = select.poll()
        open_ends = {out, err}
        for fd in (out, err, control, self._wake_read):
            poll.register(fd, select.POLLIN)
        while open_ends and not self._stop.is_set():
            waiting = self._echo.holds or complaints.holds or reports.over
            ready = {fd for fd, _ in poll.poll(1000 * _QUIET if waiting else None)}
            if self._wake_read in ready:
                return
            if not ready and self._echo.holds:
                self._hand(sink, self._echo.let_go())
            for fd in ready & open_ends:
                data = os.read(fd, _READ)
                if not data:
                    poll.unregister(fd)
                    open_ends.discard(fd)
                elif fd == out:
                    self._hand(sink, self._echo.fresh(data))
                    if again := self._echo.repeated:
                        sink.notice(self, f"{again:,} repeated lines are hidden")
                        self._echo.repeated = 0
                else:
                    complaints.take(data)
            for line in complaints.due():
                sink.notice(self, line)
            if control in ready:
                reports.take()
                if reports.over:
                    poll.unregister(control)
            # Somebody it left behind may hold its pipes for ever: what is silent now is over.
            elif not ready and reports.over:
                break
        self._hand(sink, self._echo.let_go())
        for line in complaints.due(finished=True):
            sink.notice(self, line)

    def _hand(self, sink: Sink, data: bytes) -> None:
        if not data or self._stop.is_set():
            return
        if not self._binary and b"\0" in data:
            self._binary = True
            sink.notice(self, "prints binary data, shown as ␀ or �")
        if chunk := self._cutter.feed(data):
            sink.lines(self, chunk)

    def _end(self, process: subprocess.Popen[bytes], reports: _SupervisorReports) -> None:
        """Sees the command and all it started ended."""
        with self._lock:
            self._ask_to_end()
        try:
            process.wait(self._grace + _ENDED)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reports.take()
        with self._lock:
            self._hang_up()
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()


class _SupervisorReports:
    """What the supervisor of one run has reported through its socket."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._words = b""
        self.running = False
        self.over = False  # the command has ended, could not be started, or its supervisor is gone
        self._status: int | None = None
        self._error = 0

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._control.fileno()

    def take(self) -> None:
        """Take in what is there; waits if there is nothing."""
        try:
            data = self._control.recv(256)
        except OSError:
            data = b""
        self.over = self.over or not data
        *words, self._words = (self._words + data).split(b"\n")
        for word in words:
            self.running = self.running or word == b"R"
            self.over = self.over or word != b"R"
            if word[:1] == b"S":
                self._status = int(word[1:])
            elif word[:1] == b"E":
                self._error = int(word[1:])

    def ending(self) -> str:
        """How the run ended, in words."""
        if self._error:
            return f"cannot be started: {os.strerror(self._error)}"
        if self._status is None:
            return "was killed" if self.running else "cannot be started: Python itself could not"
        if self._status < 0:
            with suppress(ValueError):
                return f"was killed by {signal.Signals(-self._status).name}"
        return f"ended with status {self._status}" if self._status else "ended"


def _short(argv: Sequence[str]) -> str:
    words = shlex.join([os.path.basename(argv[0]), *argv[1:]])  # noqa: PTH119
    return words if len(words) <= 32 else words[:31] + "…"


def _seconds(wait: float) -> str:
    return f"{wait:.0f} s" if wait >= 1 else f"{1000 * wait:.0f} ms"


class _StderrLimiter:
    """The lines of stderr, so many a second."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: deque[str] = deque()
        self._more = 0
        self._second = 0.0
        self._shown = 0

    @property
    def holds(self) -> bool:
        """Whether something is waiting to be reported."""
        return bool(self._lines or self._more)

    def take(self, data: bytes) -> None:
        *whole, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[: 4 * _STDERR_LINE]
        for line in whole:
            text = line[: 4 * _STDERR_LINE].decode("utf-8", "replace").strip()[:_STDERR_LINE]
            if not text:
                continue
            if len(self._lines) < _STDERR_LINES:
                self._lines.append(text)
            else:
                self._more += 1

    def due(self, *, finished: bool = False) -> list[str]:
        """What may be reported now."""
        if finished and self._rest:
            self.take(b"\n")
        if time.monotonic() - self._second >= 1:
            self._second, self._shown = time.monotonic(), 0
        reports = []
        while self._lines and (finished or self._shown < _STDERR_LINES):
            reports.append(f"stderr: {self._lines.popleft()}")
            self._shown += 1
        if self._more and not self._lines and (finished or self._shown < _STDERR_LINES):
            reports.append(f"stderr: … and {self._more:,} lines more")
            self._more = 0
        return reports


_DATED = re.compile(rb"\d\d:\d\d|\d{9}")


class _ReplayFilter:
    """Knows the last lines of the run before, and lets only what follows them through when they come again."""

    def __init__(self) -> None:
        self._known: deque[int] = deque(maxlen=_REPEATS)
        self._part = b""
        self._held: bytes | None = None  # None: this run is past what it may repeat
        self.repeated = 0  # lines left out and not reported yet

    @property
    def holds(self) -> bool:
        """Whether lines are held back until it is clear what they are."""
        return bool(self._held)

    def restarted(self) -> None:
        """What comes next may be a repetition."""
        self._part = b""
        self._held = b"" if self._known else None

    def fresh(self, data: bytes) -> bytes:
        """As much of ``data``, and of what was held back before it, as is new for certain."""
        if self._held is None:
            self._remember(data)
            return data
        self._held += data
        if len(self._held) > _HELD:
            return self.let_go()
        lines = self._held.split(b"\n")[:-1]
        known = list(self._known)
        dated = False
        going: set[int] | None = None  # places in `known` where the repetition may be by now
        for number, line in enumerate(lines):
            mark = hash(line)
            if going is None:
                going = {place + 1 for place, other in enumerate(known) if other == mark}
            else:
                going = {place + 1 for place in going if place < len(known) and known[place] == mark}
            if not going:
                return self.let_go()
            dated = dated or _DATED.search(line) is not None
            # Up to the last line of the run before. Without a time in any of them they may well be new ones.
            if going == {len(known)}:
                if not dated:
                    return self.let_go()
                self.repeated = number + 1
                rest = self._held.split(b"\n", number + 1)[-1]
                self._held = None
                self._remember(rest)
                return rest
        return b""

    def let_go(self) -> bytes:
        """What was held back is new after all."""
        data, self._held = self._held or b"", None
        self._remember(data)
        return data

    def _remember(self, data: bytes) -> None:
        if b"\n" not in data:
            self._part = (self._part + data)[:_READ]
            return
        *whole, self._part = (self._part + data).split(b"\n")
        self._known.extend(map(hash, whole[-_REPEATS:]))
