"""What the team has to be reminded of: late updates, roles nobody holds, late action items and follow-up. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import ClassVar
from uuid import UUID

from warroom.incident import timing
from warroom.incident.action_items import open_actions
from warroom.incident.commands import CommandContext
from warroom.incident.delivery import AUDIENCES, Audience
from warroom.incident.due import roles_due
from warroom.incident.events import Event, NewEntry
from warroom.incident.identity import outside_id
from warroom.incident.incident import Incident
from warroom.incident.overdue import READERS, Overdue, overdue
from warroom.incident.playbook import Playbook
from warroom.incident.reminder_events import ReminderPosted, ReminderSubject
from warroom.incident.summary import OpenAction, Summary, summarise

UPDATE_GRACE = timedelta(minutes=2)
"""So long after the promised time nobody is reminded: the update may just be being written."""

DAILY_FOR = 7
"""What is late is reminded of on each of so many days, then once a week."""

MOST_NAMED = 10
"""How many action items one reminder names; the others are counted."""


@dataclass(frozen=True, slots=True)
class Reminder:
    """One reminder. ``occasion`` distinguishes it from others of its subject: the promised time, or the day."""

    subject: ReminderSubject
    occasion: str
    words: str


def due_reminders(
    incident: Incident,
    playbook: Playbook,
    now: datetime,
    today: date,
    subjects: Collection[ReminderSubject],
    audiences: Collection[Audience] = AUDIENCES,
) -> list[Reminder]:
    """The reminders that are due at ``now``, whether they have been posted or not.

    ``today`` is the date in the team's zone, ``audiences`` are those that some destination takes. A drill reminds
    while it is open only: its follow-up is practice.
    """
    found: list[Reminder] = []
    if incident.open and "update" in subjects:
        found += _late_updates(incident, playbook, now, audiences)
    if incident.open and "roles" in subjects:
        found += _unheld_roles(incident, playbook, now, today)
    if "actions" in subjects and not incident.drill:
        found += _late_actions(incident, today)
    if "follow-up" in subjects and not incident.open:
        found += _late_follow_up(incident, playbook, now, today)
    return found


def reminded_today(item: OpenAction, today: date) -> bool:
    """Whether ``today`` is a day on which this action item is reminded of."""
    return item.overdue(today) and reminded_after((today - date.fromisoformat(item.due)).days)


def reminded_after(days: int) -> bool:
    """Whether there is a reminder on the day so many days after the last one in time: daily, later weekly."""
    return days <= DAILY_FOR or days % 7 == 1


def late_follow_up(summary: Summary, playbook: Playbook, now: datetime, today: date) -> list[Overdue]:
    """What of an incident's follow-up is overdue, apart from its action items, and is reminded of ``today``."""
    late = overdue(summary, playbook, now, UTC)  # the zone matters to due dates alone
    return [one for one in late if one.kind in ("post-mortem", "meeting") and _in_turn(one, today)]


def _in_turn(one: Overdue, today: date) -> bool:
    return reminded_after((today - one.since.date()).days + 1)


def _late_updates(
    incident: Incident, playbook: Playbook, now: datetime, audiences: Collection[Audience]
) -> Iterator[Reminder]:
    for audience in AUDIENCES:
        waits = timing.update_due(incident, playbook, audience) if audience in audiences else None
        due = waits[1] if waits else None
        if due and now - due >= UPDATE_GRACE:
            late = timing.format_duration(now - due)
            words = f"Reminder: the update of {incident.id} to {READERS[audience]} is {late} overdue."
            yield Reminder("update", f"{audience} {due.isoformat()}", words)


def _unheld_roles(incident: Incident, playbook: Playbook, now: datetime, today: date) -> Iterator[Reminder]:
    unheld = [role.title.lower() for role in playbook.roles if role.id not in incident.roles]
    if unheld and now >= roles_due(incident):
        words = f"Reminder: {incident.id} has no {_listed(unheld, 'or')}."
        yield Reminder("roles", today.isoformat(), words)


def _late_actions(incident: Incident, today: date) -> Iterator[Reminder]:
    open_items = [OpenAction(item.id, item.words, item.owner, item.due) for item in open_actions(incident)]
    late = [item for item in open_items if reminded_today(item, today)]
    if not late:
        return
    many = (
        f"{len(late)} action items of {incident.id} are" if len(late) > 1 else f"an action item of {incident.id} is"
    )
    lines = [f"{item.id} {item.words} · {item.owner or 'no owner'} · due {item.due}" for item in late[:MOST_NAMED]]
    if len(late) > MOST_NAMED:
        lines.append(f"and {len(late) - MOST_NAMED} more")
    yield Reminder("actions", today.isoformat(), "\n".join([f"Reminder: {many} overdue.", *lines]))


def _late_follow_up(incident: Incident, playbook: Playbook, now: datetime, today: date) -> Iterator[Reminder]:
    late = late_follow_up(summarise(incident, playbook), playbook, now, today)
    if late:
        lines = [f"{one.text} · {one.late(now)}" for one in late]
        words = "\n".join([f"Reminder: the follow-up of {incident.id} is overdue.", *lines])
        yield Reminder("follow-up", today.isoformat(), words)


def _listed(words: Sequence[str], last: str) -> str:
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else words[0]


@dataclass(frozen=True, slots=True)
class Remind:
    """Record reminders. Each is recorded once, however many processes find it due."""

    reminders: Sequence[Reminder]
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        return [
            NewEntry(ReminderPosted(subject=one.subject, words=one.words), reminder_id(incident.id, one))
            for one in self.reminders
        ]


def reminder_id(incident: str, reminder: Reminder) -> UUID:
    """Return the id of a reminder's entry: the same in every process."""
    return outside_id("reminder", incident, reminder.subject, reminder.occasion)
