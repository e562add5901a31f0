"""What the screens and ``warroom status`` show: frozen values, read together from the room. Draws nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from warroom.incident.advice import NextStep, next_steps
from warroom.incident.alerting import AlertGroup, group_alerts
from warroom.incident.delivery import Delivery
from warroom.incident.incident import Incident
from warroom.incident.playbook import Playbook
from warroom.incident.presence import Presence
from warroom.incident.readings import Observation, Reading
from warroom.incident.summary import Summary
from warroom.incident.team import TeamState
from warroom.incident.timing import format_duration
from warroom.reports.brief import Brief, brief
from warroom.room.room import WarRoom

FRESH = timedelta(minutes=2)
"""How long a stored observation speaks for or against an item; an older one is only shown."""


@dataclass(frozen=True, slots=True)
class IncidentSnapshot:
    """One incident: what is recorded, what is measured, and what to do next."""

    incident: Incident
    deliveries: tuple[Delivery, ...]
    playbook: Playbook
    observation: Observation | None = None
    """What a console measured last, with the health of its background jobs; None if none did."""

    others: tuple[Presence, ...] = ()
    """Who else has the incident open."""

    def next_steps(self, now: datetime, spike: float | None = None) -> Sequence[NextStep]:
        """What to do at ``now``, the most urgent first. ``spike``: see ``advice.next_steps``."""
        return next_steps(self.incident, self.playbook, self.deliveries, now, spike)

    def reading(self, item_id: str, now: datetime) -> Reading | None:
        """What is measured about a checklist item; None if it has no probe or nothing measures it."""
        probe = self.playbook.item(item_id).probe
        if not probe or self.observation is None:
            return None
        reading = self.observation.readings.get(probe)
        age = now - self.observation.at
        if reading is None or age < timedelta(seconds=1):
            return reading
        text = f"{reading.text}, {format_duration(age)} ago"
        return Reading(text, reading.speaks if age <= FRESH else "neither")


@dataclass(frozen=True, slots=True)
class HomeSnapshot:
    """All incidents in brief, the team, and what is outstanding."""

    summaries: tuple[Summary, ...]
    team: TeamState
    on_call: str
    stuck: tuple[Delivery, ...]
    at: datetime
    alerts: tuple[AlertGroup, ...] = ()
    """The waiting alerts, those that fire first."""


def incident_snapshot(room: WarRoom, incident_id: str) -> IncidentSnapshot:
    """One incident as it is now, with what a console measured last. Errors as ``WarRoom.incident``."""
    return IncidentSnapshot(
        room.incident(incident_id),
        tuple(room.deliveries(incident_id)),
        room.playbook,
        room.observation(incident_id),
        room.others(incident_id),
    )


def incident_brief(snapshot: IncidentSnapshot, now: datetime, zone: tzinfo) -> Brief:
    """The incident in a few lines for people who join late, as of ``now``, with times in ``zone``."""
    steps = snapshot.next_steps(now)
    return brief(snapshot.incident, snapshot.playbook, steps, snapshot.observation, now, zone)


def home_snapshot(room: WarRoom) -> HomeSnapshot:
    """What the home screen shows, as it is now."""
    team, now = room.team(), room.clock()
    alerts = tuple(group_alerts(team, room.source_reports(), now))
    return HomeSnapshot(tuple(room.summaries()), team, room.on_call(), tuple(room.stuck()), now, alerts)
