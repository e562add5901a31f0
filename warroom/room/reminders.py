"""Reminds the team in its chat: of late updates, roles that nobody holds, late action items and follow-up."""

from __future__ import annotations

from datetime import datetime

from warroom.incident.commands import decide
from warroom.incident.delivery import AUDIENCES, Audience, Message, OutboxItem
from warroom.incident.events import TEAM, NewEntry
from warroom.incident.identity import short_id
from warroom.incident.incident import Incident
from warroom.incident.reminder_events import ReminderPosted, ReminderSubject
from warroom.incident.reminding import (
    Remind,
    Reminder,
    due_reminders,
    late_follow_up,
    reminded_after,
    reminded_today,
    reminder_id,
)
from warroom.incident.summary import Summary
from warroom.room.action_list import count_of, open_actions
from warroom.room.jobs import PeriodicJob
from warroom.room.overdue import reviews_due
from warroom.room.room import UnitOfWork, WarRoom

LOOK_S = 20.0
"""How often it is looked what is due, in seconds."""


def remind(room: WarRoom) -> None:
    """Post every reminder that is due and was not posted yet, and record it in its incident's timeline.

    Two processes that look at the same time post it once. Raises ``JournalError``.
    """
    now = room.clock()
    subjects = wanted_subjects(room, now)
    for summary in room.summaries() if subjects else ():
        if _may_be_due(summary, room, now):
            _remind(room, summary.id, subjects)
    if "follow-up" in subjects:
        _remind_of_reviews(room, now)


def reminder_job(room: WarRoom) -> PeriodicJob:
    """The job that looks every ``LOOK_S`` seconds."""
    return PeriodicJob("reminders", LOOK_S, lambda: remind(room))


def wanted_subjects(room: WarRoom, now: datetime) -> tuple[ReminderSubject, ...]:
    """What the settings ask to be reminded of at ``now``: action items and the follow-up not before
    ``from_hour``."""
    settings, found = room.settings.reminders, list[ReminderSubject]()
    if settings.updates:
        found.append("update")
    if settings.roles:
        found.append("roles")
    if now.astimezone(room.zone).hour >= settings.from_hour:
        if settings.actions:
            found.append("actions")
        if settings.follow_up:
            found.append("follow-up")
    return tuple(found)


def _may_be_due(summary: Summary, room: WarRoom, now: datetime) -> bool:
    """Whether it is worth reading the incident: a long journal has many that are over."""
    if summary.open:
        return True
    today = now.astimezone(room.zone).date()
    late = any(reminded_today(item, today) for item in summary.actions)
    return not summary.drill and (late or bool(late_follow_up(summary, room.playbook, now, today)))


def _remind(room: WarRoom, incident_id: str, subjects: tuple[ReminderSubject, ...]) -> None:
    def decided(story: UnitOfWork) -> None:
        incident, context = story.incident, story.context
        taken = _audiences(room, incident)
        due = due_reminders(incident, room.playbook, context.now, context.today, subjects, taken)
        new = [one for one in due if incident.row(reminder_id(incident.id, one)) is None]
        entries = decide(incident, Remind(new), context)
        story.add(entries)
        for place, entry in enumerate(entries):
            message = _message(entry, context.now, story.incident)
            story.items += [
                (place, OutboxItem(operation="post", destination=name, message=post))
                for name in room.updates.destinations("team", drill=incident.drill)
                for post in room.updates.posts(name, message)
            ]

    room.transact(incident_id, decided, by="")


def _audiences(room: WarRoom, incident: Incident) -> tuple[Audience, ...]:
    """The audiences that get updates somewhere. The team's are recorded in any case."""
    takers = room.updates.destinations
    return tuple(one for one in AUDIENCES if one == "team" or takers(one, drill=incident.drill))


def _remind_of_reviews(room: WarRoom, now: datetime) -> None:
    """Remind of the team's reviews that have expired: at most once a day, as of action items."""
    today = now.astimezone(room.zone).date()
    due = [
        one
        for one in reviews_due(room)
        if one.since < now and reminded_after((today - one.since.astimezone(room.zone).date()).days + 1)
    ]
    if room.read_only or not due:
        return
    lines = [f"{one.text} · {one.late(now)}" for one in due]
    count = count_of(open_actions(room), today)
    words = "\n".join(["Reminder: the team's review is overdue.", *lines, f"Action items: {count}"])
    reminder = Reminder("follow-up", today.isoformat(), words)
    entry = NewEntry(ReminderPosted(subject="follow-up", words=words), reminder_id(TEAM, reminder))
    message = _message(entry, now)
    posts = [
        OutboxItem(operation="post", destination=name, message=post)
        for name in room.updates.destinations("team", drill=False)
        for post in room.updates.posts(name, message)
    ]
    room.transact_team(lambda team, _: [] if entry.id in team.reminders else [entry], by="", items=posts)


def _message(entry: NewEntry, now: datetime, incident: Incident | None = None) -> Message:
    event, stream = entry.event, incident.id if incident else TEAM
    assert isinstance(event, ReminderPosted)
    return Message(
        kind="note",
        audience="team",
        incident=stream,
        severity=incident.severity if incident else "",
        status=incident.status if incident else "",
        title=event.words.partition("\n")[0],
        text=event.words,
        marker=f"{stream}·{short_id(entry.id)[:4]}",
        at=now,
    )
