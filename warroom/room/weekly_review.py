"""The weekly review of action items as calendar entries for the next weeks. Records nothing.

Each week is an entry of its own: a rule that repeats one in UTC would move by an hour when the clocks change.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from warroom.incident.identity import outside_id
from warroom.reports.calendar import Attendee, CalendarEntry, to_ics
from warroom.room.action_list import count_of, open_actions
from warroom.room.room import WarRoom

WEEKS = 13
"""How many reviews are written: those of a quarter."""

MINUTES = 30
"""How long one is by default."""

_HOUR = time(10)
_MONDAY = 0


def first_review(room: WarRoom) -> datetime:
    """When the first review should be, UTC: next Monday at 10:00 in the team's zone."""
    here = room.clock().astimezone(room.zone)
    day = here.date() + timedelta(days=(_MONDAY - here.weekday()) % 7)
    first = datetime.combine(day, _HOUR, room.zone)
    return (first if first > here else datetime.combine(day + timedelta(days=7), _HOUR, room.zone)).astimezone(UTC)


def review_calendar(room: WarRoom, first: datetime | None = None, minutes: int = MINUTES) -> str:
    """The reviews of the next ``WEEKS`` weeks as an iCalendar file, at the same local time as the ``first`` one.

    Everybody of the team with an e-mail address is invited. Importing it again replaces the entries of these weeks.
    """
    now = room.clock()
    begin = (first or first_review(room)).astimezone(room.zone)
    actions = open_actions(room)
    today = now.astimezone(room.zone).date()
    lines = [f"Action items: {count_of(actions, today)} on {today:%d %b %Y}"]
    lines += [
        " · ".join(filter(None, (f"{one.incident} {one.id} {one.words}", one.owner, one.due))) for one in actions
    ]
    lines += ["The list as it is then: warroom actions --all --open", "Afterwards: warroom ready review-actions"]
    people = tuple(Attendee(one.name, one.email) for one in room.settings.team.people if one.email)
    weeks = (begin.date() + timedelta(weeks=week) for week in range(WEEKS))
    return to_ics(
        CalendarEntry(
            uid=outside_id("weekly review", room.settings.team.name, "-".join(map(str, day.isocalendar()[:2]))),
            title="Weekly review of action items",
            description="\n".join(lines),
            at=datetime.combine(day, begin.time(), room.zone).astimezone(UTC),
            minutes=minutes,
            stamp=now,
            sequence=int(now.timestamp() // 60),  # a later file wins
            attendees=people,
        )
        for day in weeks
    )
