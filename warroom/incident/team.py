"""The team's own stream, folded: waiting alerts, and when each readiness item was last confirmed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from warroom.errors import NotFound
from warroom.incident.events import AlertCleared, AlertReceived, AlertTaken, Entry, ReadinessConfirmed
from warroom.incident.identity import short_id


@dataclass(frozen=True, slots=True)
class Alert:
    """A waiting alert. ``id`` is that of its entry in the team's stream, ``number`` its place there, from 1."""

    id: UUID
    number: int
    at: datetime
    event: AlertReceived
    cleared_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TeamState:
    """The team's stream, folded. ``ready`` is when each preparation or improvement item was last confirmed.

    ``alerts`` are those waiting; ``received`` is the entries of all there were.
    """

    version: int = 0
    alerts: dict[UUID, Alert] = field(default_factory=dict)
    ready: dict[str, datetime] = field(default_factory=dict)
    received: frozenset[UUID] = frozenset()

    def find_alert(self, text: str) -> Alert:
        """Return the waiting alert with this number or whose id begins with ``text``. Raises ``NotFound``."""
        wanted = text.strip().lower().replace("-", "")
        found = [
            alert
            for alert in self.alerts.values()
            if wanted in (str(alert.number), short_id(alert.id))
            or (len(wanted) >= 4 and alert.id.hex.startswith(wanted))
        ]
        if len(found) != 1:
            raise NotFound(f"No alert {text} is waiting", "warroom alert lists the waiting ones.")
        return found[0]


def fold_team(entries: Iterable[Entry], base: TeamState | None = None) -> TeamState:
    """Fold ``entries`` into the team, starting from ``base`` if given. An alert seen before is skipped."""
    start = base or TeamState()
    version, alerts, ready, received = start.version, dict(start.alerts), dict(start.ready), set(start.received)
    for entry in entries:
        version, event = entry.seq, entry.event
        if isinstance(event, AlertReceived) and entry.id not in received:
            received.add(entry.id)
            alerts[entry.id] = Alert(entry.id, entry.seq, entry.at, event)
        elif isinstance(event, AlertTaken):
            alerts.pop(event.alert, None)
        elif isinstance(event, AlertCleared) and event.alert in alerts:
            alerts[event.alert] = replace(alerts[event.alert], cleared_at=event.cleared_at or entry.at)
        elif isinstance(event, ReadinessConfirmed):
            ready[event.item] = entry.at
    return TeamState(version, alerts, ready, frozenset(received))
