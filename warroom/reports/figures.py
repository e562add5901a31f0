"""Figures over many incidents: times, promised updates, severities, alerts, action items. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from typing import Literal
from uuid import UUID

from warroom.incident.playbook import Playbook
from warroom.reports import metrics
from warroom.reports.cases import Case, Fired
from warroom.reports.improvement import Quarter, improvement_line
from warroom.reports.metrics import Average
from warroom.reports.repeated_causes import DEFINITION as CAUSES_DEFINITION
from warroom.reports.repeated_causes import Cause, RepeatedCause, repeated_causes

GroupBy = Literal["month", "service", "severity"]
GROUPINGS: tuple[GroupBy, ...] = ("month", "service", "severity")

TITLES: Mapping[str, str] = {
    "mttd": "Time to detect (MTTD)",
    "mtta": "Time to acknowledge (MTTA)",
    "mttm": "Time to mitigate (MTTM)",
    "mttr": "Time to resolve (MTTR)",
}
"""The durations in their order, and what they are called."""

DEFINITIONS: Mapping[str, str] = {
    "mttd": "from started to detected",
    "mtta": "from declared to acknowledged",
    "mttm": "from started to mitigated; resolving mitigates",
    "mttr": "from started to resolved",
    "durations": "Medians over the incidents that have both milestones, as amended. Nine of ten incidents took at"
    f" most the p90, which is given from {metrics.P90_FROM} incidents on.",
    "updates": "Promised updates that were posted no later than a minute after they were due. One that a resolution"
    " made unnecessary, or that is not due yet, does not count.",
    "severity": "The severity at the declaration against the present or last one.",
    "alerts": "How often each alert fired, became an incident (all alerts of a group do) or was dismissed. The"
    " others are waiting, or cleared before anybody did either.",
    "actions": "Action items of these incidents. One is overdue from the day after its due date.",
    "causes": CAUSES_DEFINITION,
    "period": "An incident counts in the month in which it was declared, in the team's time zone.",
    "drills": "Drills are in none of the figures above.",
}
"""What each figure means, and the milestones it is made from."""


# ── the figures ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Group:
    """Incidents with something in common: how many, their times, and their promised updates."""

    name: str
    incidents: int
    averages: Mapping[str, Average]
    promised: int
    kept: int

    @property
    def kept_share(self) -> float | None:
        """Which part of the promised updates came in time, 0 to 1; None if none was promised."""
        return self.kept / self.promised if self.promised else None


@dataclass(frozen=True, slots=True)
class AlertRule:
    """How often one alert fired, and what became of it."""

    name: str
    fired: int
    incidents: int
    dismissed: int


@dataclass(frozen=True, slots=True)
class ActionFigures:
    """Action items; an overdue one is open too."""

    open: int = 0
    overdue: int = 0
    done: int = 0


@dataclass(frozen=True, slots=True)
class IncidentFigures:
    """The figures of a period. ``since`` and ``until`` bound it; None where it has no bound.

    ``severities`` counts incidents by their last severity, the worst first; ``changes`` by (declared, last).
    ``months`` has every month from the first incident to the last. Only ``drills`` is about drills.
    """

    since: datetime | None
    until: datetime | None
    all: Group
    drills: Group
    by: GroupBy
    groups: tuple[Group, ...]
    months: tuple[Group, ...]
    severities: Mapping[str, int]
    changes: Mapping[tuple[str, str], int]
    alerts: tuple[AlertRule, ...]
    actions: ActionFigures
    causes: tuple[RepeatedCause, ...]
    improvement: str = ""
    """One line about the last quarter if it was better than the one before; "" if it was not."""
    quarter: str = ""
    """The quarter that ``improvement`` is about or would be: the last complete one, such as ``Q4 2025``."""
    posted_at: datetime | None = None
    """When ``improvement`` was posted to the team; None if it was not."""
    unreadable: tuple[str, ...] = field(default=())
    """Incidents that could not be read, and are in no figure."""


def figures_of(
    cases: Sequence[Case],
    fired: Mapping[UUID, Fired],
    playbook: Playbook,
    now: datetime,
    zone: tzinfo,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    by: GroupBy = "month",
    unreadable: tuple[str, ...] = (),
) -> IncidentFigures:
    """Compute the figures of the incidents declared, and the alerts fired, from ``since`` to before ``until``."""

    def within(at: datetime) -> bool:
        return (since is None or at >= since) and (until is None or at < until)

    chosen = [case for case in cases if within(case.declared_at)]
    real = [case for case in chosen if not case.drill]
    order = {severity.id: rank for rank, severity in enumerate(playbook.severities)}
    return IncidentFigures(
        since=since,
        until=until,
        all=group_of("all", real),
        drills=group_of("drills", [case for case in chosen if case.drill]),
        by=by,
        groups=_grouped(real, by, zone, order),
        months=_grouped(real, "month", zone, order),
        severities=_by_rank(Counter(case.severity for case in real), order),
        changes=Counter((case.declared_severity, case.severity) for case in real),
        alerts=_alert_rules(cases, fired, within),
        actions=_actions(real, now.astimezone(zone).date()),
        causes=_causes(real),
        improvement=improvement_line([case for case in cases if not case.drill], now, zone),
        quarter=str(Quarter.of(now, zone).before),
        unreadable=unreadable,
    )


def group_of(name: str, cases: Sequence[Case]) -> Group:
    """Return the figures of these incidents as one group."""
    return Group(
        name=name,
        incidents=len(cases),
        averages=metrics.averages_of(case.durations for case in cases),
        promised=sum(case.promised for case in cases),
        kept=sum(case.kept for case in cases),
    )


def _grouped(cases: Sequence[Case], by: GroupBy, zone: tzinfo, order: Mapping[str, int]) -> tuple[Group, ...]:
    key: Callable[[Case], str] = {
        "month": lambda case: case.month(zone),
        "service": lambda case: case.service,
        "severity": lambda case: case.severity,
    }[by]
    found: dict[str, list[Case]] = {}
    for case in cases:
        found.setdefault(key(case), []).append(case)
    if by == "month":
        names = _months(found)
    elif by == "severity":
        names = sorted(found, key=lambda name: (order.get(name, len(order)), name))
    else:
        names = sorted(found, key=lambda name: (-len(found[name]), name))
    return tuple(group_of(name, found.get(name, [])) for name in names)


def _months(found: Iterable[str]) -> list[str]:
    """Every month from the first to the last, those without an incident too."""
    known = sorted(found)
    if not known:
        return []
    year, month = map(int, known[0].split("-"))
    names = [known[0]]
    while names[-1] != known[-1]:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        names.append(f"{year:04}-{month:02}")
    return names


def _by_rank(counts: Mapping[str, int], order: Mapping[str, int]) -> dict[str, int]:
    """The counts of every severity of the playbook, the worst first, then of those it does not have any more."""
    others = sorted(name for name in counts if name not in order)
    return {name: counts.get(name, 0) for name in [*order, *others]}


def _alert_rules(
    cases: Iterable[Case], fired: Mapping[UUID, Fired], within: Callable[[datetime], bool]
) -> tuple[AlertRule, ...]:
    alerts = dict(fired)
    for case in cases:
        for alert in case.alerts:  # the one an incident was declared from has the same id in both streams
            known = alerts.get(alert.id)
            alerts[alert.id] = Fired(alert.id, alert.name, known.at if known else alert.at, "incident", alert.drill)
    rules: dict[str, list[Fired]] = {}
    for alert in alerts.values():
        if not alert.drill and within(alert.at):
            rules.setdefault(alert.name, []).append(alert)
    rows = (
        AlertRule(
            name,
            len(found),
            sum(alert.outcome == "incident" for alert in found),
            sum(alert.outcome == "dismissed" for alert in found),
        )
        for name, found in rules.items()
    )
    return tuple(sorted(rows, key=lambda rule: (-rule.fired, rule.name)))


def _actions(cases: Iterable[Case], today: date) -> ActionFigures:
    items = [item for case in cases for item in case.actions]
    waiting = [item for item in items if not item.done]
    overdue = sum(bool(item.due) and item.due < today.isoformat() for item in waiting)
    return ActionFigures(open=len(waiting), overdue=overdue, done=len(items) - len(waiting))


def _causes(cases: Iterable[Case]) -> tuple[RepeatedCause, ...]:
    return repeated_causes(
        Cause(
            case.id,
            case.service,
            case.declared_at,
            case.root_cause,
            sum(not item.done for item in case.actions),
        )
        for case in cases
        if case.root_cause
    )
