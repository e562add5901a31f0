"""Who held which role for how long, and when nobody did. Pure; names nobody."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise

from pydantic import BaseModel, ConfigDict

from warroom.incident.incident import Incident
from warroom.incident.playbook import Playbook
from warroom.reports.messages import format_moment


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class RoleGap(_Frozen):
    """A period in which no one held a role; ``until`` is None if no one took it again."""

    role: str
    title: str
    since: datetime
    until: datetime | None
    time: str
    seconds: float


class RoleSummary(_Frozen):
    """Who held a role, in numbers: people, handovers, seconds."""

    role: str
    title: str
    holders: int
    handovers: int
    seconds: float


def role_gaps(incident: Incident, playbook: Playbook, now: datetime, zone: tzinfo) -> Iterable[RoleGap]:
    """Yield the periods without a holder, from declaration to resolution; one for a role never taken."""
    start, end = incident.milestones.get("declared"), incident.milestones.get("resolved", now)
    if start is None:
        return
    for role in playbook.roles:
        free, stretches = start, []
        for tenure in sorted((t for t in incident.tenures if t.role == role.id), key=lambda tenure: tenure.since):
            if free < min(tenure.since, end):
                stretches.append((free, min(tenure.since, end), True))
            free = max(free, tenure.until or end)
        if free < end:
            stretches.append((free, end, False))
        for since, until, taken in stretches:
            end_time = format_moment(until, zone, start) if taken else "the end"
            time = f"{format_moment(since, zone, start)} to {end_time}"
            yield RoleGap(
                role=role.id,
                title=role.title,
                since=since,
                until=until if taken else None,
                time=time,
                seconds=(until - since).total_seconds(),
            )


def role_summaries(incident: Incident, playbook: Playbook, now: datetime) -> Iterable[RoleSummary]:
    end = incident.milestones.get("resolved", now)
    for role in playbook.roles:
        tenures = [tenure for tenure in incident.tenures if tenure.role == role.id]
        if tenures:
            spans = (min(tenure.until or end, end) - tenure.since for tenure in tenures)
            held = sum((max(span, timedelta(0)) for span in spans), timedelta(0))
            following = pairwise(tenures)
            yield RoleSummary(
                role=role.id,
                title=role.title,
                holders=len({tenure.person for tenure in tenures}),
                handovers=sum(first.person != then.person for first, then in following),
                seconds=held.total_seconds(),
            )
