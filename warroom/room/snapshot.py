"""What the screens and ``warroom status`` show: frozen values, read together from the room. Draws nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo

from warroom.config.rota import Rota
from warroom.incident.advice import NextStep, next_steps
from warroom.incident.alerting import AlertGroup, group_alerts
from warroom.incident.delivery import Delivery
from warroom.incident.incident import Incident
from warroom.incident.overdue import Overdue
from warroom.incident.playbook import Item, Playbook
from warroom.incident.presence import Presence
from warroom.incident.readings import Observation, Reading, worse_than, worst_of
from warroom.incident.summary import Summary
from warroom.incident.team import TeamState
from warroom.incident.timing import format_duration
from warroom.incident.topology import Trouble
from warroom.reports.brief import Brief, brief
from warroom.room.drill_readiness import DRILL_MEASURES, last_drill, next_drill_by
from warroom.room.duplicates import duplicates_of, original_of
from warroom.room.escalation import EscalationState, escalation_state
from warroom.room.overdue import reviews_due
from warroom.room.readiness import action_review
from warroom.room.room import WarRoom

AFTER_FIX = timedelta(minutes=15)
"""For how long after a fix what is measured is compared with what was measured before it."""


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

    troubles: tuple[Trouble, ...] = ()
    """The services that the incident's service needs and that are in trouble themselves, the nearest first."""
    escalation: EscalationState | None = None
    """Who is paged next; None where nobody will be."""
    hub: str = ""
    """How this laptop stands with the hub, in a word; "" where no room is shared."""
    original: str = ""
    """The older open incident that came from the same alert, "" if there is none."""
    duplicates: tuple[str, ...] = ()
    """The incidents that were closed as duplicates of this one."""

    def next_steps(self, now: datetime, spike: float | None = None) -> Sequence[NextStep]:
        """What to do at ``now``, the most urgent first. ``spike``: see ``advice.next_steps``."""
        worse = self.worse_since_fix(now)
        return next_steps(self.incident, self.playbook, self.deliveries, now, spike, worse, self.original)

    def worse_since_fix(self, now: datetime) -> list[str]:
        """What is measured worse than before the last fix, in words; [] once that is ``AFTER_FIX`` ago."""
        if self.observation is None or not self.incident.fixes:
            return []
        entry, fix = self.incident.fixes[-1]
        row = self.incident.row(entry)
        if row is None or now - row.entry.at > AFTER_FIX:
            return []
        readings = {
            name: reading
            for name, reading in self.observation.dated().items()
            if reading.is_fresh(now) and reading.at and reading.at > row.entry.at
        }
        return worse_than(fix.measured, readings)

    def reading(self, item_id: str, now: datetime) -> Reading | None:
        """What is measured about a checklist item; None if it has no probe or nothing measures it."""
        probe = self.playbook.item(item_id).probe
        if not probe or self.observation is None:
            return None
        return worst_of(dated(reading, now) for reading in self.observation.of_probe(probe))

    def other_readings(self, items: Iterable[Item], now: datetime) -> list[tuple[str, Reading]]:
        """What is measured that verifies none of these items: the name of each probe and its reading, bad first."""
        if self.observation is None:
            return []
        shown = {item.probe for item in items if item.probe}
        found = [
            (name, dated(reading, now))
            for name, reading in self.observation.dated().items()
            if not shown & {name, reading.verifies}
        ]
        return sorted(found, key=lambda one: (not one[1].against, one[0]))


def dated(reading: Reading, now: datetime) -> Reading:
    """A reading with its age in words; one that is too old speaks neither for nor against an item."""
    age = now - (reading.at or now)
    if age < timedelta(seconds=1):
        return reading
    speaks = reading.speaks if reading.is_fresh(now) else "neither"
    return replace(reading, text=f"{reading.text}, {format_duration(age)} ago", speaks=speaks)


@dataclass(frozen=True, slots=True)
class HomeSnapshot:
    """All incidents in brief, the team, and what is outstanding."""

    summaries: tuple[Summary, ...]
    team: TeamState
    on_call: str
    stuck: tuple[Delivery, ...]
    at: datetime
    rota: Rota | None = None
    """Who is on call when."""
    escalations: tuple[EscalationState, ...] = ()
    """Of the open incidents that nobody has acknowledged."""
    alerts: tuple[AlertGroup, ...] = ()
    """The waiting alerts, those that fire first."""
    drill_due: datetime | None = None
    """When the next drill is due; None if there was none yet."""
    measured: Mapping[str, Reading] = field(default_factory=dict)
    """What warroom itself measures about items of readiness, by item: drills, open action items."""
    reviews: tuple[Overdue, ...] = ()
    """The team's reviews, overdue from when they are due on: that may be still to come."""
    hub: str = ""
    """As in ``IncidentSnapshot``."""


def incident_snapshot(room: WarRoom, incident_id: str) -> IncidentSnapshot:
    """One incident as it is now, with what a console measured last. Errors as ``WarRoom.incident``."""
    room.rota()  # brings what ``on_call`` answers up to date
    incident = room.incident(incident_id)
    return IncidentSnapshot(
        incident,
        tuple(room.deliveries(incident_id)),
        room.playbook,
        room.observation(incident_id),
        room.others(incident_id),
        tuple(room.troubled_dependencies(incident.service, drill=incident.drill)),
        escalation_state(room, incident),
        room.hub_word(),
        original_of(room, incident),
        duplicates_of(room, incident_id),
    )


def incident_brief(snapshot: IncidentSnapshot, now: datetime, zone: tzinfo) -> Brief:
    """The incident in a few lines for people who join late, as of ``now``, with times in ``zone``."""
    steps = snapshot.next_steps(now)
    return brief(snapshot.incident, snapshot.playbook, steps, snapshot.observation, now, zone)


def home_snapshot(room: WarRoom) -> HomeSnapshot:
    """What the home screen shows, as it is now."""
    team, now, rota = room.team(), room.clock(), room.rota()
    summaries = tuple(room.summaries())
    alerts = tuple(group_alerts(team, room.source_reports(), now))
    last = last_drill(room)
    measures = {**DRILL_MEASURES, "action-review": action_review}
    measured = {item.id: measures[item.probe](room, item) for item in room.playbook.items if item.probe in measures}
    return HomeSnapshot(
        summaries,
        team,
        rota.person(now),
        tuple(room.stuck()),
        now,
        rota,
        _escalations(room, summaries),
        alerts,
        next_drill_by(room, last) if last else None,
        measured,
        tuple(reviews_due(room)),
        room.hub_word(),
    )


def _escalations(room: WarRoom, summaries: Iterable[Summary]) -> tuple[EscalationState, ...]:
    if room.settings.escalation is None:
        return ()
    waiting = (room.incident(row.id) for row in summaries if row.open and "acknowledged" not in row.milestones)
    return tuple(state for one in waiting if (state := escalation_state(room, one)))
