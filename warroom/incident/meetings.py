"""The meetings after an incident: when they should be, and the command that records one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import ClassVar

from warroom.errors import BadInput, Refusal
from warroom.incident.commands import CommandContext
from warroom.incident.events import Event, NewEntry
from warroom.incident.identity import outside_id
from warroom.incident.incident import Incident
from warroom.incident.meeting_events import Meeting, MeetingScheduled
from warroom.incident.playbook import Nudges

MINUTES: dict[Meeting, int] = {"post-mortem": 60, "action review": 30}
"""How long each meeting is by default."""

_SLOTS = (time(10), time(14))
"""When a meeting may begin, in the team's zone."""

_NOTICE = timedelta(hours=2)
"""How long before a meeting people hear of it, at least."""


def scheduled(incident: Incident) -> dict[Meeting, MeetingScheduled]:
    """The meetings that are in the calendar, as they were scheduled last."""
    return {
        event.meeting: event
        for row in incident.rows
        if not row.retracted and isinstance(event := row.entry.event, MeetingScheduled)
    }


def times_scheduled(incident: Incident, meeting: Meeting) -> int:
    """How often a meeting was scheduled, or moved."""
    events = (row.entry.event for row in incident.rows)
    return sum(isinstance(event, MeetingScheduled) and event.meeting == meeting for event in events)


def proposed(meeting: Meeting, resolved: datetime, now: datetime, zone: tzinfo, limits: Nudges) -> datetime:
    """When a meeting should be, UTC: on a weekday, in working hours of ``zone``.

    The post-mortem meeting takes the first slot after the resolution, the review of action items the last one
    within the ``actions_review_days`` of the playbook; once that has passed, the first one from ``now`` on.
    """
    earliest = max(resolved, now) + _NOTICE
    if meeting == "action review":
        days = limits.actions_review_days
        last = [slot for slot in _slots(resolved, days, zone) if slot <= resolved + timedelta(days)]
        if last and last[-1] >= earliest:
            return last[-1]
    return next(slot for slot in _slots(earliest, 5, zone) if slot >= earliest)


def _slots(start: datetime, days: int, zone: tzinfo) -> list[datetime]:
    """The slots of the weekdays from the day of ``start`` on, in UTC and in order."""
    first = start.astimezone(zone).date()
    found = (first + timedelta(day) for day in range(days + 1))
    return [
        datetime.combine(day, slot, zone).astimezone(UTC) for day in found if day.weekday() < 5 for slot in _SLOTS
    ]


@dataclass(frozen=True, slots=True)
class ScheduleMeeting:
    """Record that a meeting is in the calendar. The same time recorded again is no news.

    ``minutes`` is its length, ``zone`` the team's.
    """

    meeting: Meeting
    at: datetime
    minutes: int
    zone: tzinfo
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        if incident.open:
            raise Refusal(f"{incident.id} is still open", "Resolve it first.")
        if not 5 <= self.minutes <= 480:
            raise BadInput(f"A meeting of {self.minutes} minutes", "Give 5 to 480 minutes.")
        when = f"{self.at.astimezone(self.zone):%a %d %b %Y %H:%M %Z}"
        event = MeetingScheduled(meeting=self.meeting, at=self.at, minutes=self.minutes, when=when)
        before = scheduled(incident).get(self.meeting)
        if before and (before.at, before.minutes) == (event.at, event.minutes):
            return []
        number = times_scheduled(incident, self.meeting)
        return [NewEntry(event, outside_id("meeting", incident.id, self.meeting, str(number), self.at.isoformat()))]
