"""Metrics: durations between milestones, time in each phase, promised updates. All in seconds.

A duration is the difference of two milestones, and None while one of them is missing. If a milestone was amended to
before its predecessor, the duration is 0, not negative.
"""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import fmean, median

from pydantic import BaseModel, ConfigDict

from warroom.incident import timing
from warroom.incident.delivery import AUDIENCES, Audience
from warroom.incident.events import Milestone
from warroom.incident.incident import Incident
from warroom.incident.playbook import Phase, Playbook

GRACE_S = 60.0
"""A due time is a minute; a post within that minute is on time."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Durations(_Frozen):
    """One incident's durations, in seconds. Their means over many incidents are MTTD, MTTA, MTTM and MTTR."""

    detect_s: float | None
    acknowledge_s: float | None
    mitigate_s: float | None
    resolve_s: float | None


class PhaseTime(_Frozen):
    """The time spent in a phase: 0 if it was never reached, ``running`` while the incident is in it."""

    id: str
    title: str
    seconds: float
    running: bool = False


class UpdatePromise(_Frozen):
    """An update promised for ``due``; ``posted_at`` is None if it was not posted.

    ``kept`` is None while it is not due yet, and if the resolution made it unnecessary; ``late_s`` is 0 if kept.
    """

    audience: Audience
    due: datetime
    posted_at: datetime | None
    kept: bool | None
    late_s: float = 0.0


P90_FROM = 10
"""From so many incidents on a p90 is given: of fewer it would be the worst of them."""


class Average(_Frozen):
    """A metric over several incidents: how many have it, mean and median in seconds.

    Nine of ten incidents took at most ``p90_s`` (nearest rank); None for fewer than ``P90_FROM``.
    """

    count: int
    mean_s: float
    median_s: float
    p90_s: float | None = None


def durations_of(incident: Incident) -> Durations:
    """Measure detect, mitigate and resolve from the start, acknowledge from the declaration."""

    def between(first: Milestone, then: Milestone) -> float | None:
        start, end = incident.milestones.get(first), incident.milestones.get(then)
        return max(0.0, (end - start).total_seconds()) if start and end else None

    return Durations(
        detect_s=between("started", "detected"),
        acknowledge_s=between("declared", "acknowledged"),
        mitigate_s=between("started", "mitigated"),
        resolve_s=between("started", "resolved"),
    )


def phases(incident: Incident, playbook: Playbook, now: datetime) -> tuple[PhaseTime, ...]:
    """Measure the time in each phase, which together are the time from the start to the resolution.

    A phase ends with what the playbook says ends it, whatever the minute; where that was never recorded, after the
    playbook's minutes. The one after the resolution lasts until the incident is closed.
    """
    total = timing.elapsed(incident, now).total_seconds()
    closed = next((at for at, status in reversed(incident.statuses) if status == "closed"), now)
    resolved = incident.milestones.get("resolved")
    rows: list[PhaseTime] = []
    begins = 0.0
    for phase in playbook.phases:
        if phase.after_resolution:
            seconds = max(0.0, (closed - resolved).total_seconds()) if resolved else 0.0
            running = resolved is not None and incident.status != "closed"
        else:
            ends = _phase_end(incident, phase, total)
            ends = min(total, max(begins, ends))
            running = incident.open and begins < total <= ends
            seconds, begins = ends - begins, ends
        rows.append(PhaseTime(id=phase.id, title=phase.title, seconds=seconds, running=running))
    return tuple(rows)


def _phase_end(incident: Incident, phase: Phase, total: float) -> float:
    """When a phase ends, in seconds since the start: infinite for one that has not ended yet."""
    started = incident.milestones.get("started")
    if phase.ends and started:
        if phase.ends == "fix":
            rows = (incident.row(entry) for entry, _ in incident.fixes[:1])
            at = next((row.at for row in rows if row), incident.milestones.get("mitigated"))
        else:
            at = incident.milestones.get(phase.ends)
        if at is not None:
            return max(0.0, (at - started).total_seconds())
    return math.inf if phase.to_minute is None else phase.to_minute * 60.0


def cadence(incident: Incident, playbook: Playbook, now: datetime) -> tuple[UpdatePromise, ...]:
    """List every promised update and whether it was kept, by due time.

    The first one for the team is due one cadence after the declaration; after that each post promises the next. The
    post of the declaration itself does not count as one.
    """
    promises: list[UpdatePromise] = []
    declared = incident.milestones.get("declared")
    if declared is None:
        return ()
    for audience in AUDIENCES:
        due: datetime | None = None
        since = declared
        if audience == "team" and incident.severities:
            first = next((s for s in playbook.severities if s.id == incident.severities[0][1]), None)
            due = declared + timedelta(minutes=first.update_minutes["team"]) if first else None
        for post in incident.updates_to(audience):
            opening = since == declared and (post.at - declared).total_seconds() <= GRACE_S
            if due is not None and not opening:
                promises.append(_promise(audience, due, post.at, since, incident, now))
            due, since = post.update.next_update_at, post.at
        if due is not None:
            promises.append(_promise(audience, due, None, since, incident, now))
    return tuple(sorted(promises, key=lambda promise: promise.due))


def _promise(
    audience: Audience, due: datetime, posted: datetime | None, since: datetime, incident: Incident, now: datetime
) -> UpdatePromise:
    late = ((posted or now) - due).total_seconds()
    ended = next((at for at, status in incident.statuses if at >= since and status in ("resolved", "closed")), None)
    if late <= GRACE_S:
        return UpdatePromise(audience=audience, due=due, posted_at=posted, kept=True if posted else None)
    if ended and (ended - due).total_seconds() <= GRACE_S:  # resolved before it was due: it was not needed
        return UpdatePromise(audience=audience, due=due, posted_at=posted, kept=None)
    if posted is None and ended:
        late = (ended - due).total_seconds()
    return UpdatePromise(audience=audience, due=due, posted_at=posted, kept=False, late_s=late)


def averages_of(incidents: Iterable[Durations]) -> dict[str, Average]:
    """Return each metric over several incidents: ``mttd``, ``mtta``, ``mttm`` (mitigate) and ``mttr``.

    A metric that no incident has is left out. An incident without a metric does not count in it.
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
        known = sorted(value for value in values if value is not None)
        if known:
            rank = (len(known) * 9 + 9) // 10
            p90 = known[rank - 1] if len(known) >= P90_FROM else None
            averages[name] = Average(count=len(known), mean_s=fmean(known), median_s=median(known), p90_s=p90)
    return averages
