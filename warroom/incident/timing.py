"""Phase, step, countdowns and durations of an incident at an explicit ``now``. Reads no clock."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Literal

from warroom.errors import BadInput
from warroom.incident.delivery import AUDIENCES, Audience
from warroom.incident.incident import Incident
from warroom.incident.playbook import Phase, Playbook, Step

Urgency = Literal["calm", "soon", "late", "overdue"]
"""How pressing a countdown is: fine, nearly due, just past, well past. Shown by word, glyph and colour."""


@dataclass(frozen=True, slots=True)
class Countdown:
    """A time something is promised for. ``left_s`` is negative once it is past."""

    due: datetime
    left_s: float
    whole_s: float

    @property
    def distance(self) -> timedelta:
        """How far ``due`` is from now, ahead or past."""
        return timedelta(seconds=abs(self.left_s))

    @property
    def urgency(self) -> Urgency:
        """``soon`` in the last fifth of the wait; ``overdue`` a fifth of the wait (at least 1 min) past due."""
        if self.left_s > self.whole_s / 5:
            return "calm"
        if self.left_s > 0:
            return "soon"
        return "late" if -self.left_s < max(60.0, self.whole_s / 5) else "overdue"

    @property
    def share(self) -> float:
        """How much of the wait has passed, 0 to 1."""
        return min(1.0, max(0.0, 1 - self.left_s / self.whole_s)) if self.whole_s > 0 else 1.0


def elapsed(incident: Incident, now: datetime) -> timedelta:
    """From ``started`` to ``resolved``, or to now while it is not; never negative."""
    start = incident.milestones.get("started")
    if start is None:
        return timedelta(0)
    return max(timedelta(0), incident.milestones.get("resolved", now) - start)


def phase(incident: Incident, playbook: Playbook, now: datetime) -> Phase:
    """The phase the incident is in: by the minutes since it started, the last one once it is resolved."""
    if not incident.open:
        return playbook.phases[-1]
    return playbook.phase_at(elapsed(incident, now).total_seconds() / 60)


def step(incident: Incident, playbook: Playbook, now: datetime) -> Step | None:
    """The timed investigation step of this minute, or None."""
    if not incident.open:
        return None
    return playbook.step_at(elapsed(incident, now).total_seconds() / 60)


def cadence(incident: Incident, playbook: Playbook, audience: Audience = "team") -> timedelta:
    """How often an audience gets an update at the incident's severity."""
    return timedelta(minutes=playbook.severity(incident.severity).update_minutes[audience])


def update_due(
    incident: Incident, playbook: Playbook, audience: Audience = "team"
) -> tuple[datetime, datetime] | None:
    """Since when an audience waits for its next update, and when that is due. None once resolved.

    The team: as the last post promised, None if it promised none. Before the first post, and after a reopening that
    found no promise, it is due a cadence later.

    Customers and executives: as it was promised, else a cadence after the last post. None before their first one:
    whether they are informed at all is a decision. None once customers have read that it is resolved.
    """
    if not incident.open:
        return None
    posts = incident.updates_to(audience)
    if audience in incident.promised:
        return posts[-1].at, incident.promised[audience]
    begun = incident.milestones["declared"]
    for (_, before), (at, _) in itertools.pairwise(incident.statuses):
        if before in ("resolved", "closed"):
            begun = at
    if audience == "team":
        return None if posts and posts[-1].at >= begun else (begun, begun + cadence(incident, playbook))
    if not posts or (posts[-1].update.template == "customer_resolution" and posts[-1].at >= begun):
        return None
    since = max(posts[-1].at, begun)
    return since, since + cadence(incident, playbook, audience)


def next_update(
    incident: Incident, playbook: Playbook, now: datetime, audience: Audience = "team"
) -> Countdown | None:
    """The countdown to an audience's next update; None if none is due."""
    due = update_due(incident, playbook, audience)
    return Countdown(due[1], (due[1] - now).total_seconds(), (due[1] - due[0]).total_seconds()) if due else None


def next_updates(incident: Incident, playbook: Playbook, now: datetime) -> dict[Audience, Countdown]:
    """The countdowns to the next update of each audience that waits for one, the one that is due first at the
    beginning."""
    found = {audience: next_update(incident, playbook, now, audience) for audience in AUDIENCES}
    waiting = {audience: countdown for audience, countdown in found.items() if countdown}
    return dict(sorted(waiting.items(), key=lambda one: one[1].due))


def response(incident: Incident, playbook: Playbook, now: datetime) -> Countdown | None:
    """The countdown to the severity's response target; None once the incident is acknowledged or over."""
    if not incident.open or "acknowledged" in incident.milestones:
        return None
    since = incident.milestones["declared"]
    due = since + timedelta(minutes=playbook.severity(incident.severity).response_minutes)
    return Countdown(due, (due - now).total_seconds(), (due - since).total_seconds())


def format_duration(duration: timedelta) -> str:
    """Format a duration; it never looks like a time of day: ``1 h 12 min``, ``45 s``, ``2 d 3 h``."""
    seconds = int(duration.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    days, hours, mins = seconds // 86_400, seconds // 3600 % 24, seconds // 60 % 60
    parts = [(days, "d"), (hours, "h"), (mins, "min")]
    return " ".join(f"{n} {unit}" for n, unit in parts if n)


_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGO = re.compile(r"([+-]?)\s*(\d{1,6})\s*(s|min|m|h|d|w)")
_OF_DAY = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


def read_moment(text: str, now: datetime, zone: tzinfo, *, ahead: bool = False) -> datetime:
    """A time as people type it, in UTC.

    ``now`` · ``-10m`` ``+15m`` ``90s`` ``2h`` (a bare duration is ahead or ago by ``ahead``) · ``14:03`` in the
    team's zone (the last such time, or the next one if ``ahead``) · ``2026-01-28 14:03`` · RFC 3339.
    Raises BadInput naming these.
    """
    typed, now = text.strip(), now.astimezone(UTC)
    if typed.lower() in ("", "now"):
        return now
    try:
        if match := _AGO.fullmatch(typed):
            sign = {"-": -1, "+": 1, "": 1 if ahead else -1}[match[1]]
            return now + sign * timedelta(seconds=int(match[2]) * _UNITS[match[3]])
        if match := _OF_DAY.fullmatch(typed):
            of_day = time(int(match[1]), int(match[2]), int(match[3] or 0))
            today = now.astimezone(zone).date()
            # When clocks are put back, one hour comes twice; ``fold`` distinguishes the two.
            times = sorted(
                datetime.combine(today + timedelta(days=day), of_day, zone).replace(fold=fold).astimezone(UTC)
                for day in (-1, 0, 1)
                for fold in (0, 1)
            )
            # A minute of grace: who types the present minute means the present, not a day away.
            if ahead:
                return next(then for then in times if then >= now - timedelta(minutes=1))
            return next(then for then in reversed(times) if then <= now + timedelta(minutes=1))
        moment = datetime.fromisoformat(typed)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput(
            f"{typed!r} is not a time", "Use now, -10m, +15m, 14:03, 2026-01-28 14:03 or 2026-01-28T14:03:00Z."
        ) from None


def read_duration(text: str) -> float:
    """``10s``, ``15m``, ``2h``, ``1d``, or bare seconds; in seconds. Raises BadInput."""
    typed = text.strip()
    match = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)\s*(s|min|m|h|d|w)?", typed)
    if not match:
        raise BadInput(f"{typed!r} is not a duration", "Use 10s, 15m, 2h or 1d.")
    return float(match[1]) * _UNITS[match[2] or "s"]
