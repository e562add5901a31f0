"""Incidents of the last weeks, so that the home screen of a demo looks as a team's does after a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from warroom.incident.commands import (
    Acknowledge,
    AddAction,
    Check,
    Close,
    Command,
    CompleteAction,
    Declare,
    Note,
    RecordFix,
    Resolve,
    WriteSection,
)
from warroom.incident.roles import Assign
from warroom.room.room import WarRoom


@dataclass(frozen=True, slots=True)
class PastIncident:
    """An incident that is over. Minutes count from its start; ``actions`` are (what, who, due in days from now)."""

    hours_ago: float
    service: str
    impact: str
    severity: str
    minutes: int
    finding: str
    fix: str
    root_cause: str = ""
    actions: Sequence[tuple[str, str, int]] = ()
    closed: bool = False


HISTORY = (
    PastIncident(
        580,
        "web",
        "Product pages time out for half of the visitors",
        "high",
        47,
        "The image cache was emptied by a deployment",
        "Warmed the image cache by hand",
        "The deployment removed the cache's volume.",
        (("Keep the cache's volume over deployments", "Chen Wei", -10),),
        closed=True,
    ),
    PastIncident(
        220,
        "payments",
        "Refunds fail",
        "critical",
        72,
        "The provider's certificate expired",
        "Renewed the certificate",
        "Nobody was warned before the certificate expired.",
        (
            ("Alert 14 days before a certificate expires", "Emeka Obi", -2),
            ("List every certificate and its owner", "Bruno Keller", 5),
        ),
    ),
    PastIncident(
        30,
        "checkout-api",
        "Discount codes are rejected",
        "medium",
        26,
        "The code table was read from a stale replica",
        "Read discount codes from the primary",
    ),
)
READY = ("on-call", "contacts", "alerts", "templates")
"""Readiness items that were confirmed lately, where the playbook has them."""


def write_history(room: WarRoom, incidents: Sequence[PastIncident] = HISTORY) -> None:
    """Record ``incidents`` as if they had been worked on in ``room`` at their time, by its team.

    The room's clock shows those times meanwhile, so nobody else may use the room. Errors as ``WarRoom.execute``.
    """
    clock = room.clock
    now = clock()
    try:
        known = {
            item.id for name in ("preparation", "improvement") for item in room.playbook.checklists[name].items
        }
        room.clock = lambda: now - timedelta(days=6)
        for item in READY:
            if item in known:
                room.confirm_ready(item)
        for past in incidents:
            _write(room, past, now)
    finally:
        room.clock = clock


def _write(room: WarRoom, past: PastIncident, now: datetime) -> None:
    start = now - timedelta(hours=past.hours_ago)
    people = [person.name for person in room.settings.team.people] or [room.by]
    leader, lead = people[0], people[1 % len(people)]

    def at(minute: float, *commands: Command, by: str = leader) -> None:
        room.clock = lambda: start + timedelta(minutes=minute)
        for command in commands:
            room.execute(incident_id, command, by=by)

    room.clock = lambda: start + timedelta(minutes=3)
    declared = Declare(past.service, past.impact, past.severity, started_at=start)
    incident_id = room.declare(declared, commander=leader).incident.id
    at(4, Acknowledge(), Assign("technical_lead", lead))
    at(past.minutes * 0.4, Note(past.finding, "finding"), by=lead)
    at(past.minutes * 0.7, RecordFix(past.fix, rollback="not needed"), by=lead)
    at(past.minutes - 1, *(Check(item.id) for item in room.playbook.checklists["recovery"].items))
    at(past.minutes, Resolve())
    room.post_update(incident_id, "resolution", {})
    day: date = now.astimezone(room.zone).date()
    later = past.minutes + 240
    if past.root_cause:
        at(later, WriteSection("root_cause", past.root_cause))
    for what, who, days in past.actions:
        at(later, AddAction(what, who, (day + timedelta(days=days)).isoformat()))
    if past.closed:
        at(later + 60, *(CompleteAction(f"A{n}") for n in range(1, len(past.actions) + 1)))
        at(later + 61, Close("followed up in the weekly review"))
