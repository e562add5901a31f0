"""Tells an alert source what becomes of the incidents of its alerts: that they are acknowledged, and resolved.

What the source answers is recorded in the incident's timeline, once; a refusal too. A source that cannot be reached
is told after its next poll.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from warroom.connect.ports import AlertSource
from warroom.errors import NotFound, Refusal, Rejected
from warroom.incident.alerts import (
    RecordSourceClosed,
    RecordSourceTold,
    acknowledged_at,
    closed_alerts,
    told_alerts,
)
from warroom.incident.commands import Command
from warroom.room.room import WarRoom

TOLD_AT_ONCE = 20
"""How many alerts of an incident a source is told about after one poll; the others follow after the next."""

RESOLVED_WITHIN = timedelta(days=1)
"""An incident that was resolved longer ago is no news to a source: silences are over by then."""


class GuardedSource(AlertSource, Protocol):
    """An alert source that raises nothing but ``WarroomError``, and knows what it can do."""

    can_acknowledge: bool
    can_resolve: bool
    ends_alerts: bool

    async def acknowledge(self, key: str, comment: str) -> str: ...

    async def resolve(self, key: str, comment: str) -> str: ...


Due = tuple[str, Mapping[UUID, str]]
"""An incident, and those of its alerts that are due to be told about: their entries and keys."""


class SourceTeller:
    """Tells one alert source of the settings."""

    def __init__(self, room: WarRoom, source: str) -> None:
        self._room = room
        self._source = source
        self._resolved_seen = -1

    async def acknowledge(self, source: GuardedSource) -> None:
        """Tell it which incidents have been acknowledged. Raises ``WarroomError`` but for a refusal."""
        for incident, alerts in await asyncio.to_thread(lambda: list(self._unacknowledged())):
            told, outcome = {}, ""
            for alert, key in alerts.items():
                try:
                    outcome = await source.acknowledge(key, f"{incident}, acknowledged in warroom")
                    told[alert] = key
                except (Rejected, Refusal) as error:
                    refused = RecordSourceTold(self._source, {alert: key}, error.title, refused=True)
                    await self._record(incident, refused)
            await self._record(incident, RecordSourceTold(self._source, told, outcome))

    async def resolve(self, source: GuardedSource) -> None:
        """Tell it which incidents have been resolved. Raises ``WarroomError`` but for a refusal."""
        count = self._room.change_count()
        if count == self._resolved_seen:
            return
        due = await asyncio.to_thread(lambda: list(self._unresolved(source.ends_alerts)))
        for incident, alerts in due:
            told: list[UUID] = []
            outcome = ""
            for alert, key in alerts.items():
                try:
                    outcome = await source.resolve(key, f"{incident}, resolved in warroom")
                    told.append(alert)
                except (Rejected, Refusal) as error:
                    refused = RecordSourceClosed(self._source, (alert,), error.title, refused=True)
                    await self._record(incident, refused)
            last = await asyncio.to_thread(self._none_open, incident, told if source.ends_alerts else ())
            await self._record(incident, RecordSourceClosed(self._source, tuple(told), outcome, last=last))
        if not due:
            self._resolved_seen = count

    async def _record(self, incident: str, command: Command) -> None:
        await asyncio.to_thread(lambda: self._room.execute(incident, command, by=""))

    def _unacknowledged(self) -> Iterable[Due]:
        """The incidents that are acknowledged and open, with their alerts about which the source was not told."""
        for incident_id, alerts in self._tracked().items():
            try:
                incident = self._room.incident(incident_id)
            except NotFound:
                continue
            if incident.open and "acknowledged" in incident.milestones:
                yield from _some(incident_id, alerts, told_alerts(incident))

    def _unresolved(self, ends_alerts: bool) -> Iterable[Due]:
        """The incidents that were resolved lately, with their alerts about which the source was not told."""
        tracked, now = self._tracked(), self._room.clock()
        for summary in self._room.summaries():
            resolved = summary.milestones.get("resolved")
            if summary.open or summary.duplicate_of or resolved is None or now - resolved > RESOLVED_WITHIN:
                continue
            incident = self._room.incident(summary.id)
            alerts = tracked.get(incident.id, {}) if ends_alerts else acknowledged_at(self._source, incident)
            yield from _some(incident.id, alerts, closed_alerts(incident))

    def _tracked(self) -> Mapping[str, Mapping[UUID, str]]:
        """The alerts of the source that fire and are part of an incident, by incident.

        Those of a duplicate are the original's: they are not over because one of two incidents was closed.
        """
        originals = {row.id: row.duplicate_of for row in self._room.summaries() if row.duplicate_of}
        by_incident: dict[str, dict[UUID, str]] = {}
        for id, known in self._room.team().tracked.items():
            if known.source == self._source and known.incident:
                incident = originals.get(known.incident, known.incident)
                by_incident.setdefault(incident, {})[id] = known.alert.event.fingerprint
        return by_incident

    def _none_open(self, incident: str, over: Sequence[UUID]) -> bool:
        """Whether no alert of the incident fires at any source, but those that are ``over``."""
        return not (self._room.team().firing_of(incident) - set(over))


def _some(incident: str, alerts: Mapping[UUID, str], done: frozenset[UUID]) -> Iterable[Due]:
    due = [(alert, key) for alert, key in alerts.items() if alert not in done][:TOLD_AT_ONCE]
    if due:
        yield incident, dict(due)
