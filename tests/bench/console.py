"""How quick the program is, printed: ``python -m tests.bench.console``. Asserts nothing; ratios are what travels.

Help against ``import pydantic``, the first frame against an empty Textual app, home with a thousand incidents,
an idle war room's share of a core. Programs run in a pseudo-terminal of 160×45, turn and turn about.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from warroom.bootstrap import open_context
from warroom.config.settings import load_playbook
from warroom.incident.commands import Acknowledge, Assign, Declare
from warroom.incident.events import Declared, Noted
from warroom.incident.incident import fold
from warroom.incident.summary import summarise
from warroom.journal.sqlite import SqliteJournal

RUNS = 9
INCIDENTS, LENGTH = 1_000, 300
EMPTY = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("FIRST-FRAME")
Empty().run()
"""


def median_s(call: Callable[[], float], runs: int = RUNS) -> float:
    """The median of ``runs`` calls after one that does not count."""
    call()
    return statistics.median(call() for _ in range(runs))


def whole(*command: str) -> float:
    """Seconds a command takes from start to end."""
    begun = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


@contextlib.contextmanager
def on_terminal(*command: str, environ: dict[str, str] | None = None) -> Iterator[tuple[int, int]]:
    """The command in a terminal of its own: (pid, file descriptor). It is ended afterwards."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update({"TERM": "xterm-256color", "COLORTERM": "truecolor", **(environ or {})})
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 45, 160, 0, 0))
    try:
        yield pid, terminal
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def read_until(terminal: int, mark: bytes, within_s: float = 20.0) -> float:
    """The moment at which ``mark`` was on the wire. RuntimeError if it never was."""
    seen, end = b"", time.perf_counter() + within_s
    while time.perf_counter() < end:
        if select.select([terminal], [], [], 0.05)[0]:
            try:
                seen = (seen + os.read(terminal, 65_536))[-400_000:]
            except OSError:
                break
            if mark in seen:
                return time.perf_counter()
    raise RuntimeError(f"{mark!r} never came; last: {seen[-300:]!r}")


def swallow(terminal: int, for_s: float) -> int:
    """Read for so long; the bytes that came."""
    count, end = 0, time.perf_counter() + for_s
    while (left := end - time.perf_counter()) > 0:
        if select.select([terminal], [], [], left)[0]:
            count += len(os.read(terminal, 65_536))
    return count


def first_frame(mark: bytes, *command: str) -> float:
    """Seconds from the start of a program until ``mark`` is drawn."""
    begun = time.perf_counter()
    with on_terminal(*command) as (_, terminal):
        return read_until(terminal, mark) - begun


def cpu_s(pid: int) -> float:
    """Processor seconds a process has used, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fill(folder: Path) -> None:
    """A data folder with a thousand incidents of three hundred entries each."""
    from warroom.config.settings import Settings

    playbook, journal = load_playbook(Settings()), SqliteJournal(folder / "journal.sqlite")
    start = datetime.now(UTC) - timedelta(days=400)
    for n in range(INCIDENTS):
        at = start + timedelta(hours=8 * n)
        declared = Declared(service="checkout-api", impact=f"payments fail {n}", severity="high", started_at=at)
        notes = [Noted(note="finding", words=f"pool {k} of {LENGTH} exhausted") for k in range(LENGTH - 1)]
        stream = journal.new_incident()
        entries = journal.append(stream, 0, [declared], at=at, by="Ann")
        summary = summarise(fold(stream, entries), playbook).to_json()
        journal.append(stream, 1, notes, at=at, by="Ann", summary=summary)
    journal.close()


def main() -> None:
    """Measure and print."""
    python = sys.executable
    with tempfile.TemporaryDirectory() as folder:
        data, full = Path(folder) / "one", Path(folder) / "thousand"
        full.mkdir()
        environ = {"HOME": folder, "WARROOM_AS": "Ann", "XDG_CONFIG_HOME": folder, "XDG_DATA_HOME": folder}
        os.environ.update(environ)
        for name in ("WARROOM_SETTINGS", "WARROOM_DATA", "WARROOM_THEME", "WARROOM_PLAYBOOK"):
            os.environ.pop(name, None)

        help_s = median_s(lambda: whole(python, "-m", "warroom", "--help"))
        pydantic_s = median_s(lambda: whole(python, "-c", "import pydantic"))
        print(f"--help                      {help_s * 1000:6.0f} ms   {help_s / pydantic_s:.2f} × import pydantic")

        empty_s = median_s(lambda: first_frame(b"FIRST-FRAME", python, "-c", EMPTY))
        ours_s = median_s(lambda: first_frame(b"warroom", python, "-m", "warroom", "--data", str(data)))
        home_s = median_s(lambda: first_frame(b"Readiness", python, "-m", "warroom", "--data", str(data)))
        print(f"first frame, empty app      {empty_s * 1000:6.0f} ms")
        print(f"first frame, console        {ours_s * 1000:6.0f} ms   {ours_s / empty_s:.2f} × empty app")
        print(f"home, all of it             {home_s * 1000:6.0f} ms   {home_s / empty_s:.2f} × empty app")

        fill(full)
        gaps = []
        for _ in range(RUNS):
            with on_terminal(python, "-m", "warroom", "--data", str(full)) as (_, terminal):
                framed = read_until(terminal, b"warroom")
                gaps.append(read_until(terminal, f"INC-{INCIDENTS}".encode()) - framed)
        listed = statistics.median(gaps)
        print(f"1,000 incidents listed      {listed * 1000:6.0f} ms   after the first frame")

        with open_context(None, data, "Ann") as house:
            done = house.room.declare(Declare("checkout-api", "Card payments fail"))
            house.room.execute(done.incident.id, Acknowledge())
            house.room.execute(done.incident.id, Assign("incident_commander", "Ann"))
        with on_terminal(python, "-m", "warroom", "--data", str(data), "open", "INC-1") as (pid, terminal):
            read_until(terminal, b"Timeline")
            swallow(terminal, 4.0)
            before, span = cpu_s(pid), 10.0
            came = swallow(terminal, span)
            used = cpu_s(pid) - before
        print(f"idle war room               {used / span:6.2%} of a core, {came / span:,.0f} bytes/s written")


if __name__ == "__main__":
    main()
