"""Laptops of a shared room as processes that can be killed at any instruction; no test.

A server has warroom imported and forks one process for each start. The process opens the laptop's data folder,
does in the background what a console does, and acts as a busy responder. It writes down what the journal has
acknowledged: an entry named there must never be lost.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Never

PEOPLE = ("Ada", "Bob", "Carol", "Dan")


class LaptopServer:
    """Starts processes of laptops; a context manager that ends them."""

    def __init__(self) -> None:
        environ = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": str(Path(__file__).parents[1])}
        self._process = subprocess.Popen(
            [sys.executable, "-c", "import harness.hub_laptop as p; p.serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environ,
            cwd=Path(__file__).parents[2],
        )
        self._pids: list[int] = []

    def start(self, **options: Any) -> int:
        """Start a laptop, see ``work``, and return its process id."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(options) + "\n")
        self._process.stdin.flush()
        self._pids.append(int(self._process.stdout.readline()))
        return self._pids[-1]

    def kill(self, pid: int) -> None:
        """End a laptop as ``kill -9`` does, and return once it is gone."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            while True:
                os.kill(pid, 0)
                threading.Event().wait(0.002)

    def __enter__(self) -> LaptopServer:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self._pids:
            self.kill(pid)
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


# ── in the server ─────────────────────────────────────────────────────────────────────────────────────────


def serve() -> None:
    """Fork a laptop for each line of options on standard input, and print its process id."""
    import warroom.bootstrap
    import warroom.connect.chat.matrix
    import warroom.connect.chat.webhook
    import warroom.journal.hub.postgres
    import warroom.room.exclusive
    import warroom.room.inbox
    import warroom.room.outbox
    import warroom.room.reminders  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the laptops
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _run(json.loads(line))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _run(options: dict[str, Any]) -> Never:
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(os.open(Path(options["folder"]) / f"{options['name']}.err", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    os.dup2(2, 1)
    try:
        work(**options)
    except BaseException:  # noqa: BLE001 — it must not go on as a second server
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    os._exit(1)


def work(
    folder: str,
    name: str,
    hub: str,
    *,
    actions: int = 0,
    seed: int = 0,
    silent_s: float = 120.0,
    pause_s: float = 30.0,
    beat_s: float = 10.0,
    sends: bool = True,
) -> None:
    """Act until ``actions`` are done by this laptop, with those before it was killed, and stay there.

    ``silent_s``, ``pause_s`` and ``beat_s`` replace the constants of ``room.hub_job``. Unless it ``sends``, its
    posts stay in the outbox.
    """
    from datetime import timedelta

    import warroom.journal.hub.store as store
    import warroom.room.hub_job as hub_job
    import warroom.room.outbox as outbox
    from warroom.bootstrap import open_context

    hub_job.SILENT, hub_job.LONGEST_PAUSE_S, hub_job.BEAT_S = timedelta(seconds=silent_s), pause_s, beat_s
    store.CUT_OFF_MS = round(silent_s * 500)
    outbox.HUB_LOOK_S = min(outbox.HUB_LOOK_S, silent_s / 4)
    place = Path(folder)
    app = open_context(place / "settings.toml", place / name, name, environ={"HUB": hub, "HOME": folder})
    with (place / f"{name}.log").open("ab", buffering=0) as log:
        _acknowledge(app.journal, log)
        jobs = [one for one in app.background_jobs() if sends or one.name != "outbox"]
        app.jobs.start(*jobs)
        while app.journal.hub.state() is None:  # what is recorded before joining stays here
            threading.Event().wait(0.05)
        chance = random.Random(f"{seed} {name} {os.getpid()}")
        for _ in range(finished(place, name), actions):
            _act(app.room, chance, name)
            log.write(b"action\n")
            threading.Event().wait(chance.random() / 12)
        threading.Event().wait()


def _acknowledge(journal: Any, log: Any) -> None:
    append = journal.append

    def acknowledged(*args: Any, **kwargs: Any) -> Any:
        entries = append(*args, **kwargs)
        log.write("".join(f"entry {entry.id}\n" for entry in entries).encode())
        return entries

    journal.append = acknowledged


def _act(room: Any, chance: random.Random, name: str) -> None:
    from warroom.errors import Conflict, Refusal
    from warroom.incident.commands import Declare, Note, SetSeverity, SetStatus
    from warroom.incident.roles import Assign

    known = [row.id for row in room.summaries()]
    with suppress(Refusal, Conflict):
        if len(known) < 2 or chance.random() < 0.02:
            room.declare(Declare("checkout-api", f"{name} sees errors", chance.choice(["critical", "high"])))
            return
        incident = chance.choice(known)
        match chance.randrange(10):
            case 0:
                status = chance.choice(["investigating", "mitigated"])
                room.execute(incident, SetStatus(status))
            case 1:
                room.execute(incident, SetSeverity(chance.choice(["critical", "high", "medium"]), "seen again"))
            case 2:
                room.execute(incident, Assign("incident_commander", chance.choice(PEOPLE)))
            case 3 | 4:
                room.post_update(incident, "update", {"actions": f"{name} looks {chance.random()}"})
            case _:
                room.execute(incident, Note(f"{name} looks {chance.random()}", chance.choice(["note", "finding"])))


def finished(folder: Path, name: str) -> int:
    """How many actions a laptop has finished."""
    return len([line for line in _log(folder, name) if line == "action"])


def acknowledged(folder: Path, name: str) -> list[str]:
    """The ids of the entries that a laptop's journal has acknowledged, in their order."""
    return [line.removeprefix("entry ") for line in _log(folder, name) if line.startswith("entry ")]


def _log(folder: Path, name: str) -> list[str]:
    try:
        text = (folder / f"{name}.log").read_text(encoding="ascii")
    except FileNotFoundError:
        return []
    return text[: text.rfind("\n") + 1].split("\n")
