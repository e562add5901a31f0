"""The team's own stream, folded: alerts, who swapped turns, and when each readiness item was last confirmed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from warroom.errors import NotFound
from warroom.incident.alert_events import AlertSilenced
from warroom.incident.events import AlertCleared, AlertReceived, AlertTaken, Entry, ReadinessConfirmed
from warroom.incident.follow_up_events import ImprovementPosted
from warroom.incident.identity import short_id
from warroom.incident.on_call_events import OnCallHandover, OnCallTaken, TurnsSwapped
from warroom.incident.reminder_events import ReminderPosted
from warroom.incident.scrub_events import EntryScrubbed
from warroom.incident.scrubbed import scrub_alert

CLEARED_SHOWN = timedelta(minutes=15)
"""How long a waiting alert that has cleared is still shown: people who saw it should see what became of it."""


CLEARED_KEPT = timedelta(days=1)
"""How long it can still be declared from or dismissed."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A waiting alert. ``id`` is that of its entry in the team's stream, ``number`` its place there, from 1."""

    id: UUID
    number: int
    at: datetime
    event: AlertReceived
    cleared_at: datetime | None = None
    silenced_until: datetime | None = None
    """Until when somebody had its source keep quiet about it."""
    shared: bool = False
    """Whether it was recorded on another laptop of a shared room."""


@dataclass(frozen=True, slots=True)
class TrackedAlert:
    """An alert of an alert source that has not cleared there, whatever the team has done with it."""

    alert: Alert
    taken_at: datetime | None = None
    """When it became an incident or was dismissed; None while it waits."""
    incident: str = ""
    """The incident it became, "" if none."""

    @property
    def source(self) -> str:
        """The name of its source in the settings."""
        return self.alert.event.source


@dataclass(frozen=True, slots=True)
class TeamState:
    """The team's stream, folded. ``ready`` is when each preparation or improvement item was last confirmed.

    ``alerts`` are those waiting; ``tracked`` are those with a fingerprint that have not cleared; ``received`` is
    the entries of all there were. ``on_call`` is what was swapped and taken, ``handovers`` the entries of the
    handovers that were told, both in order.
    """

    version: int = 0
    alerts: dict[UUID, Alert] = field(default_factory=dict)
    ready: dict[str, datetime] = field(default_factory=dict)
    received: frozenset[UUID] = frozenset()
    tracked: dict[UUID, TrackedAlert] = field(default_factory=dict)
    on_call: tuple[TurnsSwapped | OnCallTaken, ...] = ()
    handovers: tuple[UUID, ...] = ()
    improvements: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    """The quarters of which the team was told that they were better: when, and by whom."""
    reminders: tuple[UUID, ...] = ()
    """The entries of the reminders of reviews, in order."""

    def shown(self, now: datetime) -> dict[UUID, Alert]:
        """Return the waiting alerts to show at ``now``: one that has cleared goes after ``CLEARED_SHOWN``."""
        return {
            id: alert
            for id, alert in self.alerts.items()
            if alert.cleared_at is None or now - alert.cleared_at < CLEARED_SHOWN
        }

    def firing_of(self, incident: str) -> set[UUID]:
        """Return the alerts that became this incident and have not cleared at their source."""
        return {id for id, known in self.tracked.items() if known.incident == incident}

    def find_tracked(self, text: str) -> TrackedAlert:
        """Return the alert that fires at its source with this number, or whose id begins with ``text``, waiting or
        not. Raises ``NotFound``."""
        wanted = text.strip().lower().replace("-", "")
        found = [
            known
            for id, known in self.tracked.items()
            if wanted in (str(known.alert.number), short_id(id)) or (len(wanted) >= 4 and id.hex.startswith(wanted))
        ]
        if len(found) != 1:
            raise NotFound(f"No alert {text} fires at an alert source", "warroom alert lists the waiting ones.")
        return found[0]

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
    tracked = dict(start.tracked)
    on_call, handovers = list(start.on_call), list(start.handovers)
    improvements, reminders = dict(start.improvements), list(start.reminders)
    for entry in entries:
        version, event = max(version, entry.seq), entry.event
        if isinstance(event, AlertReceived) and entry.id not in received:
            received.add(entry.id)
            alerts[entry.id] = alert = Alert(entry.id, entry.seq, entry.at, event, shared=entry.device is not None)
            if event.fingerprint:
                tracked[entry.id] = TrackedAlert(alert)
        elif isinstance(event, AlertTaken):
            alerts.pop(event.alert, None)
            if event.alert in tracked:
                tracked[event.alert] = replace(tracked[event.alert], taken_at=entry.at, incident=event.incident)
        elif isinstance(event, AlertCleared):
            tracked.pop(event.alert, None)
            if event.alert in alerts:
                alerts[event.alert] = replace(alerts[event.alert], cleared_at=event.cleared_at or entry.at)
        elif isinstance(event, AlertSilenced) and event.alert in alerts:
            alerts[event.alert] = replace(alerts[event.alert], silenced_until=event.until)
        elif isinstance(event, EntryScrubbed):
            if waiting := alerts.get(event.entry):
                alerts[event.entry] = replace(waiting, event=scrub_alert(waiting.event))
            if known := tracked.get(event.entry):
                alert = replace(known.alert, event=scrub_alert(known.alert.event))
                tracked[event.entry] = replace(known, alert=alert)
        elif isinstance(event, ReadinessConfirmed):
            ready[event.item] = entry.at
        elif isinstance(event, TurnsSwapped | OnCallTaken):
            on_call.append(event)
        elif isinstance(event, OnCallHandover):
            handovers.append(entry.id)
        elif isinstance(event, ImprovementPosted):
            improvements.setdefault(event.quarter, (entry.at, entry.by))
        elif isinstance(event, ReminderPosted):
            reminders.append(entry.id)
    alerts = _without_old(alerts, entry.at) if version > start.version else alerts
    return TeamState(
        version,
        alerts,
        ready,
        frozenset(received),
        tracked,
        tuple(on_call),
        tuple(handovers),
        improvements,
        tuple(reminders),
    )


def _without_old(alerts: dict[UUID, Alert], now: datetime) -> dict[UUID, Alert]:
    old = {id for id, one in alerts.items() if one.cleared_at and now - one.cleared_at > CLEARED_KEPT}
    return {id: one for id, one in alerts.items() if id not in old} if old else alerts
