"""Cases: what the figures need of each incident and alert, so that a thousand incidents fit into memory. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Literal
from uuid import UUID

from warroom.incident.events import AlertReceived, AlertTaken, Entry
from warroom.incident.incident import Incident
from warroom.incident.playbook import Playbook
from warroom.reports import metrics
from warroom.reports.metrics import Durations


@dataclass(frozen=True, slots=True)
class Fired:
    """An alert that fired. ``outcome`` is "incident", "dismissed", or "" for neither."""

    id: UUID
    name: str
    at: datetime
    outcome: Literal["incident", "dismissed", ""] = ""
    drill: bool = False


@dataclass(frozen=True, slots=True)
class ActionState:
    """An action item: its due date ("" for none) and whether it is done."""

    due: str
    done: bool


@dataclass(frozen=True, slots=True)
class Case:
    """One incident as far as figures go. ``promised`` counts the updates that fell due, ``kept`` those in time."""

    id: str
    service: str
    declared_at: datetime
    severity: str
    declared_severity: str
    drill: bool
    durations: Durations
    promised: int
    kept: int
    root_cause: str
    actions: tuple[ActionState, ...]
    alerts: tuple[Fired, ...]

    def month(self, zone: tzinfo) -> str:
        """The month of its declaration, such as ``2026-01``."""
        return f"{self.declared_at.astimezone(zone):%Y-%m}"


def case_of(incident: Incident, playbook: Playbook, now: datetime) -> Case:
    """Return what the figures need of an incident, as of ``now``."""
    promises = [one for one in metrics.cadence(incident, playbook, now) if one.kept is not None]
    return Case(
        id=incident.id,
        service=incident.service,
        declared_at=incident.milestones["declared"],
        severity=incident.severity,
        declared_severity=incident.severities[0][1] if incident.severities else incident.severity,
        drill=incident.drill,
        durations=metrics.durations_of(incident),
        promised=len(promises),
        kept=sum(one.kept is True for one in promises),
        root_cause=incident.sections.get("root_cause", ""),
        actions=tuple(ActionState(item.due, item.done_at is not None) for item in incident.actions.values()),
        alerts=tuple(
            Fired(row.id, row.entry.event.name, row.at, "incident", incident.drill)
            for row in incident.rows
            if isinstance(row.entry.event, AlertReceived)
        ),
    )


def add_team_alerts(fired: dict[UUID, Fired], entries: Iterable[Entry]) -> None:
    """Add the alerts of further entries of the team's stream, by the id of their entry, and what became of them."""
    for entry in entries:
        event = entry.event
        if isinstance(event, AlertReceived) and entry.id not in fired:
            at = min(event.fired_at or entry.at, entry.at)
            fired[entry.id] = Fired(entry.id, event.name, at, drill=event.drill)
        elif isinstance(event, AlertTaken) and event.alert in fired:
            known = fired[event.alert]
            if known.outcome != "incident":  # dismissed at a second console, it is an incident all the same
                outcome: Literal["incident", "dismissed"] = "incident" if event.incident else "dismissed"
                fired[event.alert] = Fired(known.id, known.name, known.at, outcome, known.drill)
