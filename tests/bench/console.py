"""Measure start-up as people feel it, and print ratios: ``python -m tests.bench.console``. Asserts nothing.

Usable means: the Next line is drawn and a key has been answered (``?`` opened the list of keys). The peers run in
turn in the same pseudo-terminal of 160×45: an empty Textual app that answers a key, and ``import pydantic``.
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
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from warroom.bootstrap import open_context
from warroom.config.loading import load_playbook
from warroom.config.paths import shipped
from warroom.incident.commands import Acknowledge, Declare
from warroom.incident.events import Declared, Noted
from warroom.incident.incident import fold
from warroom.incident.roles import Assign
from warroom.incident.summary import summarise
from warroom.journal.sqlite import SqliteJournal

RUNS = 9
INCIDENTS, LENGTH = 1_000, 300
EMPTY = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("FIRST-FRAME", id="text")
    def on_key(self, event):
        self.query_one("#text").update("KEY-ANSWERED")
Empty().run()
"""


def medians_s(calls: Mapping[str, Callable[[], float]], runs: int = RUNS) -> dict[str, float]:
    """The median of ``runs`` calls of each, taken in turn, after a round that does not count; in seconds."""
    rounds = [{name: call() for name, call in calls.items()} for _ in range(runs + 1)][1:]
    return {name: statistics.median(one[name] for one in rounds) for name in calls}


def whole(*command: str) -> float:
    """Seconds a command takes from start to end."""
    begun = time.perf_counter()
    # Not checked: acknowledging again is refused, which takes as long as acknowledging.
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
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


def usable_after(drawn: bytes, key: bytes, answer: bytes, *command: str) -> float:
    """Seconds from the start of a program until ``key``, typed once ``drawn`` was seen, was answered."""
    begun = time.perf_counter()
    with on_terminal(*command) as (_, terminal):
        read_until(terminal, drawn)
        os.write(terminal, key)
        return read_until(terminal, answer) - begun


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
        # What is installed has its bytecode beside it; the round that does not count writes ours.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

        zero = Path(folder) / "zero"
        fill(full)
        for place in (data, full):
            with open_context(None, place, "Ann") as context:
                done = context.room.declare(Declare("checkout-api", "Card payments fail"))
                context.room.execute(done.incident.id, Acknowledge())
                context.room.execute(done.incident.id, Assign("incident_commander", "Ann"))

        def console(place: Path, *more: str) -> Callable[[], float]:
            command = (python, "-m", "warroom", "--data", str(place), *more)
            return lambda: usable_after(b"Next", b"?", b"In an incident", *command)

        def verb(*words: str) -> Callable[[], float]:
            return lambda: whole(python, "-m", "warroom", "--data", str(data), *words)

        usable = medians_s(
            {
                "empty Textual app": lambda: usable_after(
                    b"FIRST-FRAME", b"k", b"KEY-ANSWERED", python, "-c", EMPTY
                ),
                "home, no incident": console(zero),
                "home, 1,000 incidents": console(full),
                "war room": console(data, "open", "INC-1"),
                "war room, 1,000 incidents": console(full, "open", f"INC-{INCIDENTS + 1}"),
            }
        )
        for name, seconds in usable.items():
            print(f"{name:<28}{seconds * 1000:6.0f} ms   {seconds / usable['empty Textual app']:.2f} × empty app")

        lasting = medians_s(
            {
                "import pydantic": lambda: whole(python, "-c", "import pydantic"),
                "--help": verb("--help"),
                "list": verb("list"),
                "status": verb("status"),
                "note": verb("note", "pool exhausted"),
                "ack": verb("ack"),
                "list, with settings": verb("--settings", str(shipped("sample_data") / "settings.toml"), "list"),
            }
        )
        for name, seconds in lasting.items():
            print(
                f"{name:<28}{seconds * 1000:6.0f} ms   {seconds / lasting['import pydantic']:.2f} × import pydantic"
            )

        with on_terminal(python, "-m", "warroom", "--data", str(data), "open", "INC-1") as (pid, terminal):
            read_until(terminal, b"Timeline")
            swallow(terminal, 4.0)
            before, span = cpu_s(pid), 10.0
            came = swallow(terminal, span)
            used = cpu_s(pid) - before
        print(f"idle war room                   {used / span:6.2%} of a core, {came / span:,.0f} bytes/s written")


if __name__ == "__main__":
    main()
