"""Runs one command, and ends it with everything it started when asked to, or when whoever asked for it is gone.

    python -I -S supervisor.py CONTROL GRACE COMMAND [ARGUMENT …]

A program of its own: it outlives a killed console, so nothing that a command started is left behind. It
imports nothing of warroom and little else, to start in milliseconds. Through the socket with the number CONTROL it
writes ``R`` (running), ``E2`` (cannot be started, with the error number) and ``S0`` (ended, with the status as
``subprocess`` counts it), each on a line. A byte from the other side asks it to end all within GRACE seconds before
it kills; so does the end of the socket, with less grace.

On Linux also processes that left the session are found: this process adopts them (PR_SET_CHILD_SUBREAPER), so that
they stay below it in /proc. Elsewhere those of the command's process group are.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from contextlib import suppress

ABANDONED_GRACE_S = 0.5
"""Between asking to end and killing, once whoever asked for the command is gone."""
_GIVE_UP_S = 2.0  # after which processes that cannot be killed are left alone
_LOOK_S = 0.02  # between two looks at what is still running
_PDEATHSIG, _SUBREAPER = 1, 36  # <linux/prctl.h>


def main(control: int, grace_s: float, argv: list[str]) -> None:
    """Run the command until it is asked to end."""
    os.set_inheritable(control, False)
    _prctl(_SUBREAPER, 1)
    woken, wake = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    ending = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    for number in (signal.SIGCHLD, *ending):
        signal.signal(number, lambda *_: None)
    started = _start(argv)
    if isinstance(started, OSError):
        _report(control, f"E{started.errno}")
        return
    _report(control, "R")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for fd in (1, 2):  # the command's alone: their end is its end
        os.dup2(nowhere, fd)
    command = _Command(started, control)
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(woken, select.POLLIN)
    asked = b""
    while True:
        ready = [fd for fd, _ in poll.poll()]
        command.reap()
        if woken in ready and set(os.read(woken, 512)) & set(ending):
            break
        if control in ready:
            try:
                asked = os.read(control, 1)
            except OSError:
                asked = b""
            break
    command.end_all(grace_s if asked else min(grace_s, ABANDONED_GRACE_S), woken)


class _Command:
    """The command and all that came of it."""

    def __init__(self, pid: int, control: int) -> None:
        self._pid = pid
        self._control = control

    def reap(self) -> None:
        """Reap what has ended; report the command's own status."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid == self._pid:
                _report(self._control, f"S{os.waitstatus_to_exitcode(status)}")

    def end_all(self, grace_s: float, woken: int) -> None:
        """Ask every process that is alive to end, then kill it."""
        kill_at = time.monotonic() + grace_s
        asked: set[int] = set()
        while living := self._living():
            late = time.monotonic() - kill_at
            if late > _GIVE_UP_S:
                break
            for pid in living if late >= 0 else living - asked:
                for number in (signal.SIGKILL,) if late >= 0 else (signal.SIGTERM, signal.SIGCONT):
                    try:
                        os.kill(pid, number)
                    except OSError:  # it is gone, or another user's
                        break
            asked |= living
            select.select([woken], [], [], _LOOK_S)
            with suppress(BlockingIOError):
                os.read(woken, 512)
            self.reap()
        self.reap()

    def _living(self) -> set[int]:
        """The processes that came of the command; as one negative number their group if they cannot be listed."""
        below = _descendants()
        if below is not None:
            return below
        try:
            os.killpg(self._pid, 0)
        except OSError:
            return set()
        return {-self._pid}


def _descendants() -> set[int] | None:
    """Everything alive below this process, children first; None if the system does not report it."""
    if not sys.platform.startswith("linux"):
        return None
    children: dict[int, list[int]] = {}
    try:
        names = os.listdir("/proc")  # noqa: PTH208 - pathlib costs more than all the rest of the start
    except OSError:
        return None
    for name in names:
        if name.isdecimal():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                    stat = file.read()
            except OSError:
                continue
            # Behind the name, which may hold anything: proc_pid_stat(5).
            state, parent = stat[stat.rindex(b")") + 2 :].split(None, 2)[:2]
            if state not in (b"Z", b"X"):
                children.setdefault(int(parent), []).append(int(name))
    found: set[int] = set()
    todo = [os.getpid()]
    if not children:
        return None
    while todo:
        for pid in children.get(todo.pop(), ()):
            found.add(pid)
            todo.append(pid)
    return found


def _start(argv: list[str]) -> int | OSError:
    """Start the command in a session of its own; its number, or why it cannot be started."""
    report_read, report_write = os.pipe()
    here = os.getpid()
    pid = os.fork()
    if not pid:
        try:
            os.setsid()
            _prctl(_PDEATHSIG, signal.SIGKILL)  # should this process be killed
            if os.getppid() != here:
                os._exit(127)
            for number in (signal.SIGPIPE, signal.SIGXFSZ):  # ignored by Python, and that is inherited
                signal.signal(number, signal.SIG_DFL)
            os.execvp(argv[0], argv)
        except OSError as error:
            os.write(report_write, str(error.errno).encode())
        finally:
            os._exit(127)
    os.close(report_write)
    failed = os.read(report_read, 16)
    os.close(report_read)
    return OSError(int(failed), "") if failed else pid


def _prctl(option: int, value: int) -> None:
    """Linux's prctl; nothing elsewhere."""
    if sys.platform.startswith("linux"):
        with suppress(ImportError, OSError, AttributeError):
            import ctypes

            ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _report(control: int, word: str) -> None:
    with suppress(OSError):  # the console is gone
        os.write(control, f"{word}\n".encode())


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
