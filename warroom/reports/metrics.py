"""Figures: how fast, how long in which phase, which promises were kept. Never from when something was last touched.

A duration is the difference of two milestones, and None while one of them is missing.
A milestone amended to before its predecessor makes it 0, not negative. Everything is in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import fmean, median

from pydantic import BaseModel, ConfigDict

from warroom.incident import timing
from warroom.incident.delivery import AUDIENCES, Audience
from warroom.incident.events import Milestone
from warroom.incident.incident import Incident
from warroom.incident.playbook import Playbook

GRACE_S = 60.0
"""A promise names a minute; a post within that minute keeps it."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Measured(_Value):
    """One incident's times, in seconds. Over many incidents their means are MTTD, MTTA and MTTR."""

    detect_s: float | None
    acknowledge_s: float | None
    mitigate_s: float | None
    resolve_s: float | None


class PhaseTime(_Value):
    """How long the incident was in a phase; 0 for one it never reached, ``running`` while it is in it."""

    id: str
    title: str
    seconds: float
    running: bool = False


class Promise(_Value):
    """An update that was promised for ``due``: ``posted_at`` is when it came, None if it has not.

    ``kept`` is None while it is not yet due, and when the resolution made it needless; ``late_s`` is 0 if kept.
    """

    audience: Audience
    due: datetime
    posted_at: datetime | None
    kept: bool | None
    late_s: float = 0.0


class Average(_Value):
    """A figure over several incidents: how many had it, their mean and their median, in seconds."""

    count: int
    mean_s: float
    median_s: float


def measure(incident: Incident) -> Measured:
    """How long it took to detect, mitigate and resolve it since it started, to acknowledge it once declared."""

    def between(first: Milestone, then: Milestone) -> float | None:
        start, end = incident.milestones.get(first), incident.milestones.get(then)
        return max(0.0, (end - start).total_seconds()) if start and end else None

    return Measured(
        detect_s=between("started", "detected"),
        acknowledge_s=between("declared", "acknowledged"),
        mitigate_s=between("started", "mitigated"),
        resolve_s=between("started", "resolved"),
    )


def phases(incident: Incident, playbook: Playbook, now: datetime) -> tuple[PhaseTime, ...]:
    """The time spent in each phase: by the playbook's minutes since the start, the last one from the resolution
    to the closing."""
    whole = timing.elapsed(incident, now).total_seconds()
    current = timing.phase(incident, playbook, now).id if incident.exists else ""
    closed = next((at for at, status in reversed(incident.statuses) if status == "closed"), now)
    resolved = incident.milestones.get("resolved")
    rows = []
    for phase in playbook.phases:
        if phase.after_resolution:
            seconds = max(0.0, (closed - resolved).total_seconds()) if resolved else 0.0
            running = resolved is not None and incident.status != "closed"
        else:
            end = whole if phase.to_minute is None else min(whole, phase.to_minute * 60.0)
            seconds, running = max(0.0, end - phase.from_minute * 60.0), incident.open and phase.id == current
        rows.append(PhaseTime(id=phase.id, title=phase.title, seconds=seconds, running=running))
    return tuple(rows)


def cadence(incident: Incident, playbook: Playbook, now: datetime) -> tuple[Promise, ...]:
    """Every update that was promised and what became of it, in the order of the due times.

    The team is owed the first one a cadence after the declaration; from then on each post makes the next promise.
    What is posted with the declaration itself is the declaration, and keeps no promise.
    """
    promises: list[Promise] = []
    declared = incident.milestones.get("declared")
    if declared is None:
        return ()
    for audience in AUDIENCES:
        due: datetime | None = None
        since = declared
        if audience == "team" and incident.severities:
            first = next((s for s in playbook.severities if s.id == incident.severities[0][1]), None)
            due = declared + timedelta(minutes=first.update_minutes["team"]) if first else None
        for post in incident.posts:
            if post.update.audience != audience:
                continue
            opening = since == declared and (post.at - declared).total_seconds() <= GRACE_S
            if due is not None and not opening:
                promises.append(_promise(audience, due, post.at, since, incident, now))
            due, since = post.update.next_update_at, post.at
        if due is not None:
            promises.append(_promise(audience, due, None, since, incident, now))
    return tuple(sorted(promises, key=lambda promise: promise.due))


def _promise(
    audience: Audience, due: datetime, posted: datetime | None, since: datetime, incident: Incident, now: datetime
) -> Promise:
    late = ((posted or now) - due).total_seconds()
    over = next((at for at, status in incident.statuses if at >= since and status in ("resolved", "closed")), None)
    if late <= GRACE_S:
        return Promise(audience=audience, due=due, posted_at=posted, kept=True if posted else None)
    if over and (over - due).total_seconds() <= GRACE_S:  # resolved before it fell due: nobody was left waiting
        return Promise(audience=audience, due=due, posted_at=posted, kept=None)
    if posted is None and over:
        late = (over - due).total_seconds()
    return Promise(audience=audience, due=due, posted_at=posted, kept=False, late_s=late)


def over(incidents: Iterable[Measured]) -> dict[str, Average]:
    """Mean and median over several incidents: ``mttd``, ``mtta``, ``mttm`` (to mitigate) and ``mttr``.

    A figure that no incident has is left out; an incident without it does not count in it.
    """
    rows = list(incidents)
    figures = {
        "mttd": [row.detect_s for row in rows],
        "mtta": [row.acknowledge_s for row in rows],
        "mttm": [row.mitigate_s for row in rows],
        "mttr": [row.resolve_s for row in rows],
    }
    averages = {}
    for name, values in figures.items():
        known = [value for value in values if value is not None]
        if known:
            averages[name] = Average(count=len(known), mean_s=fmean(known), median_s=median(known))
    return averages
