"""Put the meetings after an incident into a calendar file: proposes their times and records them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from warroom.errors import Refusal
from warroom.incident.action_items import open_actions
from warroom.incident.identity import outside_id
from warroom.incident.incident import Incident
from warroom.incident.meeting_events import Meeting, MeetingScheduled
from warroom.incident.meetings import (
    MINUTES,
    ScheduleMeeting,
    proposed,
    scheduled,
    times_scheduled,
)
from warroom.incident.tracking import published
from warroom.reports.calendar import Attendee, CalendarEntry, to_ics
from warroom.room.room import Done, WarRoom

MEETINGS: tuple[Meeting, ...] = ("post-mortem", "action review")


def planned(room: WarRoom, incident: Incident, meeting: Meeting) -> datetime:
    """When a meeting is, or should be if it is not scheduled yet; UTC. ``Refusal`` for an incident that is open."""
    if known := scheduled(incident).get(meeting):
        return known.at
    if incident.open:
        raise Refusal(f"{incident.id} is still open", "Resolve it first.")
    return proposed(meeting, incident.milestones["resolved"], room.clock(), room.zone, room.playbook.nudges)


def schedule(room: WarRoom, incident_id: str, at: datetime | None = None, minutes: int | None = None) -> Done:
    """Record both meetings as scheduled; ``at`` and ``minutes`` are those of the post-mortem meeting.

    What is not given stays as it is, or is proposed.
    """
    entries = []
    for meeting in MEETINGS:
        incident = room.incident(incident_id)
        known = scheduled(incident).get(meeting)
        ours = meeting == "post-mortem"
        when = (at if ours else None) or planned(room, incident, meeting)
        length = (minutes if ours else None) or (known.minutes if known else MINUTES[meeting])
        done = room.execute(incident_id, ScheduleMeeting(meeting, when, length, room.zone))
        entries += done.entries
    return Done(room.incident(incident_id), entries)


def calendar(room: WarRoom, incident: Incident) -> str:
    """The incident's meetings that are scheduled, as an iCalendar file."""
    recorded = ((row.entry.event, row.entry.at) for row in incident.rows)
    stamps = {event.meeting: at for event, at in recorded if isinstance(event, MeetingScheduled)}
    return to_ics(
        CalendarEntry(
            uid=_uid(incident, meeting),
            title=f"{incident.id} {'post-mortem' if meeting == 'post-mortem' else 'review of action items'}: "
            f"{incident.title}",
            description=_description(incident, meeting),
            at=event.at,
            minutes=event.minutes,
            stamp=stamps[meeting],
            sequence=times_scheduled(incident, meeting) - 1,
            attendees=_attendees(room, incident),
        )
        for meeting, event in scheduled(incident).items()
    )


def _uid(incident: Incident, meeting: Meeting) -> UUID:
    # An id alone is not enough: another team's journal has an INC-7 too.
    return outside_id("calendar", incident.id, str(incident.rows[0].id), meeting)


def _description(incident: Incident, meeting: Meeting) -> str:
    lines = [f"{incident.service}: {incident.title}"]
    if meeting == "action review":
        todo = open_actions(incident)
        lines += [" · ".join(filter(None, (f"{item.id} {item.words}", item.owner, item.due))) for item in todo]
    else:
        lines.append("Blameless: what happened, why, and what makes it less likely.")
    lines += [one.url for one in published(incident).values() if one.url and not one.public]
    return "\n".join(lines)


def _attendees(room: WarRoom, incident: Incident) -> tuple[Attendee, ...]:
    """Who scheduled it, who held a role, who owns an action item: those whose e-mail address the settings know."""
    names = [room.by, *(one.person for one in incident.tenures), *(one.owner for one in incident.actions.values())]
    people = (room.settings.person(name) for name in dict.fromkeys(names) if name)
    return tuple({one.email: Attendee(one.name, one.email) for one in people if one and one.email}.values())
