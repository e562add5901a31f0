"""Ends the drills whose console was killed: their incidents are closed and their alerts dismissed."""

from __future__ import annotations

import platform
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from warroom.drill.lock import DrillLock
from warroom.errors import WarroomError
from warroom.incident.drills import EndDrill, drill_ended, drill_started
from warroom.incident.incident import Incident
from warroom.room.room import WarRoom

LEFT_BEHIND = timedelta(days=1)
"""After so long a drill of another machine is ended from any."""


def played_elsewhere(room: WarRoom, service: str) -> Incident | None:
    """Return the incident of ``service`` in which a teammate's laptop plays a drill now; None if there is none."""
    for summary in room.summaries():
        if summary.drill and summary.open and summary.service.casefold() == service.casefold():
            incident = room.incident(summary.id)
            shared = any(row.entry.device and row.kind == "drill" for row in incident.rows)
            if shared and drill_started(incident) and not drill_ended(incident):
                return incident
    return None


def end_leftovers(room: WarRoom, folder: Path) -> list[str]:
    """End every scripted drill that no process plays any more; the ids of their incidents.

    ``folder`` is where the drills of this machine write their logs. While one is played here nothing is done, and a
    drill without a script is left alone. What cannot be recorded is left for the next start.
    """
    lock = DrillLock(folder)
    try:
        if room.read_only or not lock.acquire():
            return []
    except OSError:
        return []
    ended = []
    try:
        for summary in room.summaries():
            if not (summary.drill and summary.open):
                continue
            with suppress(WarroomError):
                incident = room.incident(summary.id)
                started = drill_started(incident)
                if started is None or drill_ended(incident):
                    continue
                age = room.clock() - incident.milestones["declared"]
                if any(row.entry.device and row.entry.event is started for row in incident.rows):
                    continue  # a teammate's laptop plays it, and the hub says what becomes of it
                if started.machine == platform.node() or age > LEFT_BEHIND:
                    room.execute(summary.id, EndDrill("abandoned", "its console was gone"), by="")
                    ended.append(summary.id)
        with suppress(WarroomError):
            waiting = [alert.id for alert in room.team().alerts.values() if alert.event.drill and not alert.shared]
            if waiting:
                room.dismiss_alert(*waiting)
    finally:
        lock.release()
    return ended
