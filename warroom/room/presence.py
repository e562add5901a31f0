"""Keeps other consoles informed which incident this one shows, and what is done there."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import datetime

from warroom.errors import WarroomError
from warroom.incident.presence import RENEW_S
from warroom.room.jobs import JobRunner, PeriodicJob, Wakeup
from warroom.room.room import WarRoom


class PresenceReporter:
    """Reports what this console shows, at every change and every ``RENEW_S`` seconds. Safe from any thread."""

    def __init__(self, room: WarRoom, jobs: JobRunner) -> None:
        self._room = room
        self._jobs = jobs
        self._lock = threading.Lock()
        self._shown: tuple[str, str] = ("", "")
        self._since: datetime = room.clock()
        self._saved = ""
        self._wakeup = Wakeup()
        self._job = PeriodicJob("presence", RENEW_S, self._save, self._wakeup)

    def show(self, incident_id: str, doing: str = "") -> None:
        """Report that this console shows an incident ("" for none), and what is done there. Returns at once."""
        if self._room.read_only or (incident_id, doing) == self._shown:
            return
        with self._lock:
            self._shown, self._since = (incident_id, doing), self._room.clock()
        self._jobs.start(self._job)
        self._wakeup.set()

    def stop(self) -> None:
        """Report that this console shows nothing any more."""
        self._jobs.end(self._job)
        with self._lock:
            self._shown = ("", "")
        with suppress(WarroomError):  # it expires by itself
            self._save()

    def _save(self) -> None:
        with self._lock:
            (incident_id, doing), since = self._shown, self._since
            if incident_id or self._saved:
                self._room.save_presence(incident_id, doing, since)
                self._saved = incident_id
