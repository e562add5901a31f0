"""The background work of a console without a screen: what it does and what ails it, a line each."""

from __future__ import annotations

import asyncio
import queue
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from warroom import collector, diagnostics
from warroom.cli import output
from warroom.errors import WarroomError
from warroom.incident.delivery import Delivery, DeliveryState
from warroom.incident.events import TEAM, Entry
from warroom.room import background
from warroom.room.jobs import Job
from warroom.room.outbox import OutboxWorker

if TYPE_CHECKING:
    from warroom.bootstrap import AppContext
    from warroom.room.spectator_page import SpectatorPageWriter

LOOK_S = 0.5
"""How often it is looked how the jobs are doing, in seconds."""


class Line(NamedTuple):
    """One line of what is done: about an incident or a job, and what happened. ``bad`` is what did not work."""

    about: str
    text: str
    bad: bool = False


class Watch:
    """The watch of one process. Lines come from any thread and are printed by the one that waits for them.

    ``page`` is the spectators' page to keep, "" for none. Raises ``WarroomError`` if it cannot be written.
    """

    def __init__(self, app: AppContext, *, json: bool = False, page: str = "") -> None:
        self._app = app
        self._json = json
        self._lines: queue.SimpleQueue[Line | None] = queue.SimpleQueue()
        self._health: dict[str, str] = {}
        self._bad = 0
        self._jobs = app.background_jobs()
        self._page = _page(app, page) if page else None
        if self._page:
            self._jobs = (*self._jobs, self._page.job())
        app.room.on_recorded(self._recorded)
        for job in self._jobs:
            if isinstance(job, OutboxWorker):
                job.on_outcome = self._delivered

    def run(self, listen: str = "") -> None:
        """Work until SIGTERM or SIGINT; ``listen`` is where to receive webhooks. Raises as ``hook_server``."""
        jobs: list[Job] = list(self._jobs)
        if listen:
            server, address = self._app.hook_server(listen)
            jobs.append(server)
            self._put(server.name, f"listening on {address}")
        before = [(number, signal.signal(number, self._end)) for number in (signal.SIGTERM, signal.SIGINT)]
        self._put("watch", f"started as {self._app.room.by}: {', '.join(job.name for job in jobs)}")
        self._app.jobs.start(*jobs)
        collector.loaded()
        try:
            while True:
                with suppress(queue.Empty):
                    line = self._lines.get(timeout=LOOK_S)
                    if line is None:
                        break
                    self._print(line)
                self._look()
            self._app.jobs.stop()
            self._print_waiting()
            self._print(Line("watch", "ended"))
        finally:
            for number, handler in before:
                signal.signal(number, handler)

    def once(self, wait_s: float) -> bool:
        """Do everything that is due once, and send for ``wait_s`` seconds; whether all of it could be done."""
        background.start(lambda: self._round([job for job in self._jobs if hasattr(job, "once")])).result()
        self._look(one_by_one=self._jobs)
        outbox = next(job for job in self._jobs if isinstance(job, OutboxWorker))
        for delivery in outbox.drain(wait_s):
            if delivery.state in (DeliveryState.PENDING, DeliveryState.SENDING):
                words = f"{_what(delivery)} to {delivery.destination} is still {delivery.state.label}"
                self._put(delivery.incident, f"{words}: {delivery.error}" if delivery.error else words, bad=True)
        if self._page:
            self._page.write_if_due()  # what was sent meanwhile
        self._print_waiting()
        return not self._bad

    # ── what happens, from any thread ─────────────────────────────────────────────────────────────────────

    def _recorded(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            about = "alerts" if entry.stream == TEAM and "alert" in entry.event.kind else entry.stream
            self._put(about, f"recorded {entry.kind}: {' · '.join(entry.event.text.splitlines())}")

    def _delivered(self, delivery: Delivery, outcome: DeliveryState, error: str) -> None:
        words = f"{_what(delivery)} to {delivery.destination}: {outcome.label}"
        self._put(delivery.incident, f"{words} — {error}" if error else words, bad=outcome in _UNDONE)

    def _put(self, about: str, text: str, *, bad: bool = False) -> None:
        self._lines.put(Line(about, " ".join(text.split()), bad))

    def _end(self, *_: Any) -> None:
        self._lines.put(None)  # safe in a signal handler: SimpleQueue.put can be re-entered

    # ── the waiting thread ────────────────────────────────────────────────────────────────────────────────

    def _look(self, one_by_one: Sequence[Job] = ()) -> None:
        """Put a line for each job whose health has changed."""
        now = (
            {job.name: " ".join(str(job.problem).split()) if job.problem else "" for job in one_by_one}
            if one_by_one
            else {job.name: job.problem for job in self._app.jobs.health()}
        )
        for name, problem in now.items():
            if problem != self._health.get(name, ""):
                self._put(name, problem or "works again", bad=bool(problem))
        self._health = now

    def _print_waiting(self) -> None:
        with suppress(queue.Empty):
            while True:
                if line := self._lines.get_nowait():
                    self._print(line)

    def _print(self, line: Line) -> None:
        self._bad += line.bad
        now = self._app.room.clock()
        if self._json:
            output.row({"at": now, "about": line.about, "text": line.text, "failed": line.bad})
        else:
            output.print_out(f"{output.rfc3339(now)} {line.about}{' !' if line.bad else ''} {line.text}")
        output.flush()

    async def _round(self, jobs: Sequence[Any]) -> None:
        hubs = [job for job in jobs if job.name == "hub"]  # first: it says what this laptop does; last, what it did
        for part in (hubs, [job for job in jobs if job not in hubs], hubs):
            await asyncio.gather(*(self._once(job) for job in part))

    async def _once(self, job: Any) -> None:
        try:
            await job.once()
        except WarroomError as error:
            self._put(job.name, str(error), bad=True)
        except Exception as error:  # noqa: BLE001 — one job's bug must not end the others
            diagnostics.log_failure(f"job {job.name}", error)
            self._put(job.name, f"crashed ({type(error).__name__}); the diagnostic log has details", bad=True)


def _page(app: AppContext, path: str) -> SpectatorPageWriter:
    from warroom.room.spectator_page import SpectatorPageWriter

    page = SpectatorPageWriter(app.room, Path(path).expanduser())
    page.write_if_due()  # a path that is wrong ends the watch before it starts
    return page


_UNDONE = (DeliveryState.FAILED, DeliveryState.UNCONFIRMED)


def _what(delivery: Delivery) -> str:
    item = delivery.item
    if item.operation == "post" and item.message:
        return f"post {item.message.marker}"
    return {"open": "channel", "status": "status message"}.get(item.operation, item.operation)
