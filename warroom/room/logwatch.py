"""Watches the logs of incidents' services, whatever screen is shown, and measures their errors."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from warroom.errors import WarroomError
from warroom.incident.readings import ERRORS, KEEP_AGAIN, LogStats, Observation, Reading, of_errors
from warroom.logs.view import LogView
from warroom.room.jobs import JobRunner, PeriodicJob
from warroom.room.room import WarRoom

OBSERVE_S = 5.0
"""How often what is measured is compared with what was kept, in seconds."""

AttachLogs = Callable[[LogView, str], None]
"""Has a view read the logs of a service, given by its name."""


class LogWatch:
    """The logs of one incident. ``view`` is what the log pane shows."""

    def __init__(self, room: WarRoom, incident_id: str, jobs: JobRunner) -> None:
        self.incident_id = incident_id
        self.view = LogView(zone=room.zone, wall=room.clock, max_bytes=room.settings.console.log_mb * 1_000_000)
        self._room = room
        self._jobs = jobs
        self._kept: Observation | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._job = PeriodicJob(f"log watch {incident_id}", OBSERVE_S, self.keep)

    def start(self) -> None:
        """Keep what is measured for other processes from now on."""
        self._jobs.start(self._job)

    def close(self) -> None:
        """Stop watching; nothing is stored any more."""
        with self._lock:
            self._closed = True
        self._jobs.end(self._job)
        self.view.close()

    def observe(self) -> Observation:
        """What is measured now. Takes a few milliseconds at most."""
        figures = self.view.figures()
        readings: dict[str, Reading] = {ERRORS: of_errors(figures.errors)} if figures.labels else {}
        return Observation(
            self._room.clock(),
            self._room.by,
            readings,
            LogStats(figures.labels, figures.lines_per_second, figures.dropped),
            self._jobs.health(),
        )

    def keep(self) -> None:
        """Store what is measured if it differs from what is stored, or if that is old."""
        with self._lock:
            if not self._closed and not self._room.read_only:
                self._keep()

    def _keep(self) -> None:
        now, before = self.observe(), self._kept
        if not now.readings and before is None:
            return
        says_the_same = before is not None and (before.readings, before.jobs) == (now.readings, now.jobs)
        if before is None or not says_the_same or now.at - before.at >= KEEP_AGAIN:
            self._room.save_observation(self.incident_id, now)
            self._kept = now


class LogWatches:
    """The log watches of one console, by incident."""

    def __init__(self, room: WarRoom, attach: AttachLogs, jobs: JobRunner) -> None:
        self._room = room
        self._attach = attach
        self._jobs = jobs
        self._watches: dict[str, LogWatch] = {}

    def open(self, incident_id: str) -> LogWatch:
        """The watch of an incident; a new one reads no log before ``attach``."""
        if incident_id not in self._watches:
            self._watches[incident_id] = LogWatch(self._room, incident_id, self._jobs)
        return self._watches[incident_id]

    def attach(self, incident_id: str, service: str) -> None:
        """Have the watch of an incident read the logs of ``service``. Errors as the function that does it."""
        watch = self._watches.get(incident_id)
        if watch is not None:
            self._attach(watch.view, service)
            watch.start()

    def close(self, incident_id: str) -> None:
        """Stop watching the logs of an incident."""
        watch = self._watches.pop(incident_id, None)
        if watch is not None:
            watch.close()

    def observe(self, incident_id: str) -> Observation | None:
        """What is measured about an incident now; None if this console watches no log of it."""
        watch = self._watches.get(incident_id)
        if watch is None:
            return None
        observation = watch.observe()
        return observation if observation.readings else None

    def stop(self) -> None:
        """Stop all watches; what they measured last stays for other processes."""
        for incident_id, watch in tuple(self._watches.items()):
            with suppress(WarroomError):
                watch.keep()
            self.close(incident_id)
