"""What of an incident is overdue at a time: read off its summary, so that a thousand are asked at once. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from warroom.incident.playbook import Playbook
    from warroom.incident.summary import Summary

OverdueKind = Literal["response", "update", "roles", "post-mortem", "meeting", "action item", "review", "drill"]

READERS = {"team": "the team", "customers": "customers", "executives": "executives"}
"""Who reads an update, in words, by audience."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """Something that should have been done by ``since``, UTC.

    ``incident`` is "" for what concerns the team alone. ``target`` is the audience, action item or readiness item
    it is about, "" if it is about none. ``owner`` is who has to do it, if that is known.
    """

    kind: OverdueKind
    incident: str
    target: str
    text: str
    since: datetime
    owner: str = ""

    def late(self, now: datetime) -> str:
        """How late it is at ``now``: ``12 min overdue``, in days from two days on."""
        from warroom.incident.timing import format_duration

        span = now - self.since
        return f"{span.days} d overdue" if span.days >= 2 else f"{format_duration(span)} overdue"

    def public(self) -> dict[str, Any]:
        """The object in ``--json`` that others may rely on."""
        return {
            "kind": self.kind,
            "incident": self.incident or None,
            "target": self.target,
            "text": self.text,
            "owner": self.owner,
            "since": self.since,
        }


def overdue(summary: Summary, playbook: Playbook, now: datetime, zone: tzinfo) -> list[Overdue]:
    """What of this incident is overdue at ``now``, the longest first; due dates are days in ``zone``.

    Of a drill only what it practises is overdue, and only while it is open.
    """
    found = list(_while_open(summary, playbook, now) if summary.open else ())
    if not summary.drill:
        found += _afterwards(summary, playbook, now)
        found += _late_actions(summary, now.astimezone(zone).date(), zone)
    return sorted(found, key=lambda one: one.since)


def _while_open(summary: Summary, playbook: Playbook, now: datetime) -> Iterator[Overdue]:
    declared = summary.milestones["declared"]
    severity = next((one for one in playbook.severities if one.id == summary.severity), None)
    if severity and "acknowledged" not in summary.milestones:
        respond_by = declared + timedelta(minutes=severity.response_minutes)
        if respond_by < now:
            yield Overdue("response", summary.id, "", "acknowledge the alert", respond_by)
    for audience, due in summary.updates_due.items():
        if due < now:
            yield Overdue("update", summary.id, audience, f"update to {READERS[audience]}", due)
    unheld = [role.title.lower() for role in playbook.roles if role.id not in summary.roles]
    if unheld and summary.roles_due and summary.roles_due < now:
        yield Overdue("roles", summary.id, "", f"assign the {', the '.join(unheld)}", summary.roles_due)


def _afterwards(summary: Summary, playbook: Playbook, now: datetime) -> Iterator[Overdue]:
    hours = playbook.nudges.postmortem_hours
    written_by = summary.postmortem_due(hours)
    if written_by and written_by < now:
        yield Overdue("post-mortem", summary.id, "", "post-mortem", written_by)
    resolved = summary.milestones.get("resolved")
    if resolved is None or summary.status != "resolved" or resolved + timedelta(hours=hours) >= now:
        return
    for item in playbook.checklists["post_incident"].items:
        if item.done_by == "meeting-scheduled" and item.id not in summary.ticks:
            yield Overdue("meeting", summary.id, item.id, item.text, resolved + timedelta(hours=hours))


def _late_actions(summary: Summary, today: date, zone: tzinfo) -> Iterator[Overdue]:
    for action in summary.actions:
        if action.overdue(today):
            after = date.fromisoformat(action.due) + timedelta(days=1)
            since = datetime.combine(after, time(), zone).astimezone(UTC)
            yield Overdue("action item", summary.id, action.id, f"{action.id} {action.words}", since, action.owner)
