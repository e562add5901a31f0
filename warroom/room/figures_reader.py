"""Reads every incident for the figures, each only once for each of its versions. Computes nothing itself."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from warroom.errors import WarroomError
from warroom.incident.events import TEAM
from warroom.incident.incident import fold
from warroom.reports.cases import Case, Fired, add_team_alerts, case_of
from warroom.reports.figures import GroupBy, IncidentFigures, figures_of
from warroom.room.room import WarRoom


class FiguresReader:
    """The figures of a room. Safe to call from any thread; the first call reads the whole journal."""

    def __init__(self, room: WarRoom) -> None:
        self._room = room
        self._cases: dict[str, tuple[int, Case]] = {}
        self._fired: dict[UUID, Fired] = {}
        self._team_version = 0
        self._lock = threading.Lock()

    def read(
        self, *, since: datetime | None = None, until: datetime | None = None, by: GroupBy = "month"
    ) -> IncidentFigures:
        """Return the figures as of now, of the period and grouped as asked for.

        An incident that cannot be read is named in ``unreadable`` and left out.
        """
        room, now = self._room, self._room.clock()
        with self._lock:
            unreadable = self._refresh(now)
            cases = [case for _, case in self._cases.values()]
            fired = dict(self._fired)
        figures = figures_of(
            cases, fired, room.playbook, now, room.zone, since=since, until=until, by=by, unreadable=unreadable
        )
        posted = room.team().improvements.get(figures.quarter)
        return replace(figures, posted_at=posted[0]) if posted else figures

    def _refresh(self, now: datetime) -> tuple[str, ...]:
        journal, playbook = self._room.journal, self._room.playbook
        unreadable = []
        for stream, version, _ in journal.summaries():
            known = self._cases.get(stream)
            if known and known[0] == version and known[1].durations.resolve_s is not None:
                continue  # of an open one the promised updates depend on the time
            try:
                # Folded anew and dropped: the room keeps what it folds, which would be the whole journal.
                incident = fold(stream, journal.read(stream))
                if incident.duplicate_of:  # the original is what happened
                    self._cases.pop(stream, None)
                elif incident.exists:
                    self._cases[stream] = (version, case_of(incident, playbook, now))
            except (WarroomError, LookupError, ValueError, TypeError, AttributeError):
                unreadable.append(stream)
        entries = journal.read(TEAM, self._team_version)
        add_team_alerts(self._fired, entries)
        if entries:
            self._team_version = max(entry.seq for entry in entries)
        return tuple(unreadable)
