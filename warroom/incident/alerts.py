"""The commands about alerts: what a monitor reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from warroom.incident.commands import CommandContext, required
from warroom.incident.events import (
    AlertCleared,
    AlertReceived,
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
        )
        if not self.fingerprint:
            return NewEntry(event, context.new_id())
        return NewEntry(event, outside_id("alert", self.source, self.fingerprint, fired.isoformat()))

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        return [self.entry(context)]


@dataclass(frozen=True, slots=True)
class ClearAlert:
    """Record that an alert is over. ``alert`` is the entry that recorded it."""

    alert: UUID
    name: str
    cleared_at: datetime | None = None
    after_closing: ClassVar[bool] = True

    def entry(self, context: CommandContext) -> NewEntry:
        """Return the entry to record."""
        cleared = self.cleared_at or context.now
        event = AlertCleared(alert=self.alert, name=self.name, cleared_at=cleared)
        return NewEntry(event, outside_id("alert cleared", str(self.alert)))

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        return [self.entry(context)]
