"""The commands about alerts: what a monitor reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from warroom.incident.alert_events import AlertsClosed, AlertSilenced
from warroom.incident.commands import CommandContext, required
from warroom.incident.events import (
    AlertCleared,
    AlertReceived,
    AlertsAcknowledged,
    Event,
    NewEntry,
)
from warroom.incident.identity import outside_id
from warroom.incident.incident import Incident


@dataclass(frozen=True, slots=True)
class ReceiveAlert:
    """Record an alert. Only the drill player sets ``drill``.

    ``fingerprint`` identifies the alert at its source: received twice for the same time, it is one entry.
    """

    name: str
    source: str = ""
    service: str = ""
    detail: str = ""
    fired_at: datetime | None = None
    drill: bool = False
    fingerprint: str = ""
    severity: str = ""
    url: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    group: str = ""
    group_size: int = 0

    def entry(self, context: CommandContext) -> NewEntry:
        """Return the entry to record. Raises ``BadInput`` for an alert without a name."""
        fired = self.fired_at or context.now
        event = AlertReceived(
            name=required(self.name, "The alert"),
            source=self.source,
            service=self.service,
            detail=self.detail,
            fired_at=fired,
            drill=self.drill,
            fingerprint=self.fingerprint,
            severity=self.severity,
            url=self.url,
            labels=self.labels,
            group=self.group,
            group_size=self.group_size,
        )
        if not self.fingerprint:
            return NewEntry(event, context.new_id())
        return NewEntry(event, outside_id("alert", self.source, self.fingerprint, fired.isoformat()))

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        return [self.entry(context)]


@dataclass(frozen=True, slots=True)
class ClearAlert:
    """Record that an alert is over. ``alert`` is the entry that recorded it; ``last`` as in ``AlertCleared``."""

    alert: UUID
    name: str
    cleared_at: datetime | None = None
    last: bool = False
    after_closing: ClassVar[bool] = True

    def entry(self, context: CommandContext) -> NewEntry:
        """Return the entry to record."""
        cleared = self.cleared_at or context.now
        event = AlertCleared(alert=self.alert, name=self.name, cleared_at=cleared, last=self.last)
        return NewEntry(event, outside_id("alert cleared", str(self.alert)))

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        entry = self.entry(context)
        return [] if incident.row(entry.id) else [entry]


@dataclass(frozen=True, slots=True)
class RecordSourceTold:
    """Record what the source of alerts of this incident did when it was told that somebody is on them.

    ``alerts`` are their entries, each with its key at the source.
    """

    source: str
    alerts: Mapping[UUID, str]
    outcome: str
    refused: bool = False
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        told = told_alerts(incident)
        new = {alert: key for alert, key in self.alerts.items() if alert not in told}
        if not new:
            return []
        event = AlertsAcknowledged(
            source=self.source,
            alerts=tuple(new),
            keys=tuple(new.values()),
            outcome=self.outcome,
            refused=self.refused,
        )
        return [NewEntry(event, outside_id("alerts acknowledged", incident.id, *map(str, new)))]


@dataclass(frozen=True, slots=True)
class RecordSourceClosed:
    """Record what the source of alerts of this incident did when it was told that the incident is resolved.

    ``last`` as in ``AlertsClosed``.
    """

    source: str
    alerts: tuple[UUID, ...]
    outcome: str
    refused: bool = False
    last: bool = False
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        closed = closed_alerts(incident)
        new = tuple(alert for alert in self.alerts if alert not in closed)
        if not new:
            return []
        event = AlertsClosed(
            source=self.source, alerts=new, outcome=self.outcome, refused=self.refused, last=self.last
        )
        return [NewEntry(event, outside_id("alerts closed", incident.id, *map(str, new)))]


@dataclass(frozen=True, slots=True)
class RecordSilence:
    """Record that an alert was silenced at its source until a time. ``alert`` is the entry that recorded it."""

    alert: UUID
    name: str
    source: str
    until: datetime
    outcome: str
    reason: str = ""
    after_closing: ClassVar[bool] = True

    def event(self) -> AlertSilenced:
        """Return the event to record."""
        return AlertSilenced(
            alert=self.alert,
            name=self.name,
            source=self.source,
            until=self.until,
            outcome=self.outcome,
            reason=self.reason.strip(),
        )

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        return [self.event()]


def told_alerts(incident: Incident) -> frozenset[UUID]:
    """The alerts of the incident about which their source has been told, or has refused to be."""
    events = (row.entry.event for row in incident.rows)
    return frozenset(alert for event in events if isinstance(event, AlertsAcknowledged) for alert in event.alerts)


def closed_alerts(incident: Incident) -> frozenset[UUID]:
    """The alerts of the incident whose source has been told that it is resolved, or has refused to be."""
    events = (row.entry.event for row in incident.rows)
    return frozenset(alert for event in events if isinstance(event, AlertsClosed) for alert in event.alerts)


def acknowledged_at(source: str, incident: Incident) -> dict[UUID, str]:
    """The alerts of the incident that ``source`` has acknowledged, each with its key there."""
    return {
        alert: key
        for row in incident.rows
        if isinstance(event := row.entry.event, AlertsAcknowledged)
        if event.source == source and not event.refused
        for alert, key in zip(event.alerts, event.keys, strict=False)  # earlier versions recorded no keys
    }
