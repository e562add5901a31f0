"""What the team knows beside its incidents: alerts nobody has taken yet, and when each readiness item last held."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from warroom.incident.events import AlertReceived, AlertTaken, Entry, ReadinessConfirmed


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that is waiting; ``seq`` is its entry in the team's stream."""

    seq: int
    at: datetime
    event: AlertReceived


@dataclass(frozen=True, slots=True)
class Team:
    """The team's stream, folded. ``ready`` holds when each preparation or improvement item was last true."""

    seq: int = 0
    alerts: dict[int, Alert] = field(default_factory=dict)
    ready: dict[str, datetime] = field(default_factory=dict)


def fold_team(entries: Iterable[Entry], base: Team | None = None) -> Team:
    """The team as ``entries`` tell, on top of ``base``."""
    start = base or Team()
    seq, alerts, ready = start.seq, dict(start.alerts), dict(start.ready)
    for entry in entries:
        seq, event = entry.seq, entry.event
        if isinstance(event, AlertReceived):
            alerts[entry.seq] = Alert(entry.seq, entry.at, event)
        elif isinstance(event, AlertTaken):
            alerts.pop(event.alert, None)
        elif isinstance(event, ReadinessConfirmed):
            ready[event.item] = entry.at
    return Team(seq, alerts, ready)
