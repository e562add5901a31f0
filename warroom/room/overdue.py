"""Everything that is overdue, of every incident and of the team itself. Records nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from warroom.incident.delivery import AUDIENCES
from warroom.incident.overdue import Overdue, overdue
from warroom.incident.playbook import Item
from warroom.incident.summary import Summary
from warroom.room.drill_readiness import last_drill, next_drill_by
from warroom.room.readiness import CHECKLISTS, built_in
from warroom.room.room import WarRoom


def overdue_of(room: WarRoom, summary: Summary, now: datetime) -> list[Overdue]:
    """What of one incident is overdue, the longest first.

    Left out are updates to an audience that no destination takes, and roles where the settings ask for no reminder.
    """
    takers = room.updates.destinations
    told = {"team", *(audience for audience in AUDIENCES if takers(audience, drill=summary.drill))}
    return [
        one
        for one in overdue(summary, room.playbook, now, room.zone)
        if (one.kind != "roles" or room.settings.reminders.roles) and (one.kind != "update" or one.target in told)
    ]


def overdue_by_incident(room: WarRoom, summaries: Iterable[Summary], now: datetime) -> dict[str, list[Overdue]]:
    """What is overdue of each of these incidents, by id; those with nothing overdue are left out."""
    found = ((summary.id, overdue_of(room, summary, now)) for summary in summaries)
    return {incident: late for incident, late in found if late}


def team_overdue(room: WarRoom, now: datetime) -> list[Overdue]:
    """What the team itself has let slip: reviews that have expired, and the quarterly drill."""
    found = reviews_due(room)
    last = last_drill(room)
    if last:
        found.append(Overdue("drill", "", "", "run a drill", next_drill_by(room, last)))
    return sorted((one for one in found if one.since < now), key=lambda one: one.since)


def reviews_due(room: WarRoom) -> list[Overdue]:
    """Each review, overdue from when it is due on: that may be still to come."""
    found = ((item, review_due(room, item)) for item in reviews(room))
    return [Overdue("review", "", item.id, item.text, due) for item, due in found if due]


def reviews(room: WarRoom) -> list[Item]:
    """The readiness items that are due again after a time of their own, such as the weekly review."""
    lists = (room.playbook.checklists[name].items for name in CHECKLISTS)
    return [item for items in lists for item in items if item.valid_days]


def review_due(room: WarRoom, item: Item) -> datetime | None:
    """When a review is due, UTC; None if there is nothing to review.

    That is ``valid_days`` after it was confirmed last, or, before the first time, after the first incident that was
    resolved.
    """
    reading = built_in(room, item)
    if reading is not None and reading.speaks == "for":
        return None
    if confirmed := room.team().ready.get(item.id):
        return room.playbook.ready_until(item, confirmed)
    real = (one for one in room.summaries() if not one.drill)
    resolved = min((one.milestones["resolved"] for one in real if "resolved" in one.milestones), default=None)
    return resolved + timedelta(days=item.valid_days) if resolved else None
