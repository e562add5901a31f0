"""What fires at an alert source, and what of it is news to the team: pure, asks no source and records nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from warroom.incident.alerts import ClearAlert, ReceiveAlert
from warroom.incident.identity import outside_id
from warroom.incident.team import Alert, TeamState, TrackedAlert

RECORDED_OF_GROUP = 20
"""How many alerts of one group are recorded while they fire; the others are only counted."""

RECORDED_OF_SOURCE = 500
"""How many alerts of one source are recorded while they fire."""


@dataclass(frozen=True, slots=True)
class Firing:
    """One alert that fires at its source now."""

    key: str
    """Identifies it at the source for as long as it fires."""
    title: str
    """Its name, such as that of the rule."""
    since: datetime | None = None
    """When it began (with a zone); None where the source does not tell."""
    service: str = ""
    severity: str = ""
    """The source's own word."""
    detail: str = ""
    url: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    group: str = ""
    """Alerts of the same group are one row on the screen. "" is a group of its own for each title and service."""
    muted: bool = False
    """Silenced at the source: it is not news, and it has not cleared."""

    @property
    def group_key(self) -> str:
        """The group, or what is used as one."""
        return self.group or f"{self.title} · {self.service}".strip(" ·")


@dataclass(frozen=True, slots=True)
class Notice:
    """What a source told of one alert: that it fires, or that it is over."""

    firing: Firing
    over: bool = False


def firing_after(source: str, notices: Sequence[Notice], team: TeamState) -> list[Firing]:
    """What fires at a source that tells of single alerts: what the team knows to fire, and what it was told now.

    What is sent late changes nothing: an alert that is known to be over, or the end of one that has begun anew.
    """
    firing = {
        known.alert.event.fingerprint: _as_recorded(known)
        for known in team.tracked.values()
        if known.source == source
    }
    for notice in notices:
        one = notice.firing
        known = firing.get(one.key)
        if notice.over:
            if known and not _began_anew(known, one.since):
                del firing[one.key]
        elif known is None and one.since and _recorded_id(source, one, one.since) in team.received:
            continue
        elif known is None or _began_anew(one, known.since):
            firing[one.key] = one
    return list(firing.values())


def _as_recorded(known: TrackedAlert) -> Firing:
    event = known.alert.event
    return Firing(
        key=event.fingerprint,
        title=event.name,
        since=event.fired_at,
        service=event.service,
        severity=event.severity,
        detail=event.detail,
        url=event.url,
        labels=event.labels,
        group=event.group,
    )


def _recorded_id(source: str, one: Firing, fired: datetime) -> UUID:
    return outside_id("alert", source, one.key, fired.isoformat())


class Changes(NamedTuple):
    """What a poll means for the team: what to record as received, and which alerts are over."""

    received: tuple[ReceiveAlert, ...]
    cleared: tuple[TrackedAlert, ...]


def compare(source: str, firing: Sequence[Firing], team: TeamState, now: datetime) -> Changes:
    """Compare what fires at ``source`` with what the team knows. ``firing`` is of a poll that succeeded.

    - An alert is over once it is missing, or has begun anew since it was recorded.
    - Of a group ``RECORDED_OF_GROUP`` alerts are recorded at most, the oldest first.
    - Where more fired than are recorded, what began before the group was dismissed, or became an incident, went
      with it. Of a smaller group each alert is news: one may have begun before and be seen only now.
    """
    tracked = {known.alert.event.fingerprint: known for known in team.tracked.values() if known.source == source}
    current = {one.key: one for one in firing}
    over = {
        key: known
        for key, known in tracked.items()
        if key not in current or _began_anew(current[key], known.alert.event.fired_at)
    }
    kept = [known for key, known in tracked.items() if key not in over]
    recorded = Counter(known.alert.event.group for known in kept)
    taken = _taken_whole(tracked.values())
    sizes = group_sizes(firing)
    received: list[ReceiveAlert] = []
    for one in sorted(current.values(), key=lambda one: (one.since or now, one.key)):
        group = one.group_key
        if one.muted or (one.key in tracked and one.key not in over):
            continue
        if recorded[group] >= RECORDED_OF_GROUP or len(kept) + len(received) >= RECORDED_OF_SOURCE:
            continue
        if group in taken and one.key not in over and (one.since is None or one.since <= taken[group]):
            continue
        recorded[group] += 1
        received.append(_received(source, one, sizes[group], team, now))
    return Changes(tuple(received), tuple(over.values()))


def _taken_whole(tracked: Iterable[TrackedAlert]) -> dict[str, datetime]:
    """When each group was dismissed, or became an incident, of which more fired than were recorded."""
    groups: dict[str, list[TrackedAlert]] = {}
    for known in tracked:
        if known.taken_at:
            groups.setdefault(known.alert.event.group, []).append(known)
    return {
        group: max(one.taken_at for one in taken if one.taken_at)
        for group, taken in groups.items()
        if len(taken) >= RECORDED_OF_GROUP or any(one.alert.event.group_size > RECORDED_OF_GROUP for one in taken)
    }


def group_sizes(firing: Sequence[Firing]) -> Counter[str]:
    """How many alerts of each group fire; a muted one does not count."""
    return Counter(one.group_key for one in firing if not one.muted)


def clear(known: TrackedAlert, now: datetime) -> ClearAlert:
    """The command that records that an alert is over."""
    return ClearAlert(known.alert.id, known.alert.event.name, now)


def _began_anew(one: Firing, recorded: datetime | None) -> bool:
    # Times are stored in milliseconds.
    return bool(one.since and recorded and one.since - recorded > timedelta(seconds=1))


def _received(source: str, one: Firing, size: int, team: TeamState, now: datetime) -> ReceiveAlert:
    fired = one.since or now
    if _recorded_id(source, one, fired) in team.received:
        fired = now  # it was cleared, and the source gives the time it began at first
    return ReceiveAlert(
        name=one.title,
        source=source,
        service=one.service,
        detail=one.detail,
        fired_at=fired,
        fingerprint=one.key,
        severity=one.severity,
        url=one.url,
        labels=dict(one.labels),
        group=one.group_key,
        group_size=size,
    )


@dataclass(frozen=True, slots=True)
class SourceReport:
    """How the last poll of an alert source went, kept for other processes and for the screen."""

    at: datetime
    """When it was polled (UTC)."""
    succeeded_at: datetime | None = None
    """When a poll succeeded last."""
    next_at: datetime | None = None
    """When it is due again."""
    firing: int = 0
    problem: str = ""
    groups: Mapping[str, int] = field(default_factory=dict)
    """The sizes of the groups of which not every alert is recorded."""
    acknowledges: bool = False
    """Whether the source is told when an incident of its alerts is acknowledged."""

    def to_json(self) -> str:
        """The report as text."""

        def moment(at: datetime | None) -> str:
            return at.isoformat() if at else ""

        return json.dumps(
            {
                "at": moment(self.at),
                "succeeded_at": moment(self.succeeded_at),
                "next_at": moment(self.next_at),
                "firing": self.firing,
                "problem": self.problem,
                "groups": dict(self.groups),
                "acknowledges": self.acknowledges,
            },
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str) -> SourceReport | None:
        """The report ``to_json`` wrote; None for anything else, such as one of another version."""
        try:
            data = json.loads(text)
            at, succeeded, due = (
                datetime.fromisoformat(data[key]) if data[key] else None
                for key in ("at", "succeeded_at", "next_at")
            )
            groups = {str(name): int(size) for name, size in data["groups"].items()}
            aware = all(one is None or one.tzinfo for one in (at, succeeded, due))
            tells = bool(data.get("acknowledges"))
            report = (
                cls(at, succeeded, due, int(data["firing"]), str(data["problem"]), groups, tells) if at else None
            )
            return report if aware else None
        except (ValueError, LookupError, TypeError, AttributeError):
            return None


def report_key(source: str) -> str:
    """The key under which the journal keeps the report of a source."""
    return f"alerts/{source}"


_WORDS = (
    ("critical", "crit", "fatal", "page", "emergency", "disaster", "p1", "sev1", "1", "down"),
    ("high", "error", "major", "p2", "sev2", "2"),
    ("medium", "warning", "warn", "minor", "average", "p3", "sev3", "3"),
    ("low", "info", "information", "notice", "none", "p4", "sev4", "p5", "4", "5"),
)
"""What monitoring systems call a severity, the worst first."""


def severity_of(
    alert: Alert,
    severities: Sequence[str],
    critical: Sequence[str],
    warning: Sequence[str],
    own: Mapping[str, str] | None = None,
) -> str:
    """The severity an incident of this alert begins with; "" if nothing says which.

    ``own`` maps the source's words to severities and goes first; then come the alert rules of the playbook
    (``critical`` means the highest of ``severities``, ``warning`` the third), then the words in common use.
    ``severities`` are ids, the highest first.
    """
    word = alert.event.severity.strip().casefold()
    for given, severity in (own or {}).items():
        if given.strip().casefold() == word and severity in severities:
            return severity
    name = alert.event.name.strip().casefold()
    rank: int | None = None
    if name in (rule.casefold() for rule in critical):
        rank = 0
    elif name in (rule.casefold() for rule in warning):
        rank = 2
    elif word in (severity.casefold() for severity in severities):
        return next(severity for severity in severities if severity.casefold() == word)
    else:
        rank = next((rank for rank, words in enumerate(_WORDS) if word in words), None)
    return "" if rank is None else severities[min(rank, len(severities) - 1)]


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """Waiting alerts that are one row on the screen."""

    newest: Alert
    alerts: tuple[UUID, ...]
    """All of them, for a dismissal."""
    count: int
    """How many fire at the source, those that are only counted included."""
    cleared: bool
    """Whether none of them fires any more; ``newest`` is then the one that cleared last."""
    silenced_until: datetime | None = None
    """Until when all of them are silenced at their source; None if one is not."""


def group_alerts(team: TeamState, reports: Mapping[str, SourceReport], now: datetime) -> list[AlertGroup]:
    """The alerts to show at ``now`` in groups: those that fire first, the newest first.

    ``reports`` are those of the sources, which know of how many a group is.
    """
    groups: dict[tuple[str, str, bool], list[Alert]] = {}
    for alert in team.shown(now).values():
        groups.setdefault(_group_of(alert), []).append(alert)
    found = [_group(alerts, reports, now) for alerts in groups.values()]
    return sorted(found, key=lambda group: (group.cleared, -group.newest.number))


def _group(alerts: Sequence[Alert], reports: Mapping[str, SourceReport], now: datetime) -> AlertGroup:
    firing = [alert for alert in alerts if alert.cleared_at is None]
    newest = firing[-1] if firing else max(alerts, key=lambda alert: (alert.cleared_at or alert.at, alert.number))
    event = newest.event
    count = len(firing or alerts)
    if firing and event.group:
        report = reports.get(event.source)
        count = max(count, report.groups.get(event.group, 0) if report else event.group_size)
    silences = [alert.silenced_until for alert in firing if alert.silenced_until and alert.silenced_until > now]
    silenced = min(silences) if silences and len(silences) == len(firing) else None
    return AlertGroup(newest, tuple(alert.id for alert in alerts), count, not firing, silenced)


def _group_of(alert: Alert) -> tuple[str, str, bool]:
    """What alerts of one row have in common: their group at the source, else what they say."""
    event = alert.event
    if event.group:
        return event.source, event.group, event.drill
    return event.name, event.service, event.drill


def same_group(alert: Alert, team: TeamState) -> list[UUID]:
    """The waiting alerts of the alert's group at its source, itself among them."""
    if not alert.event.group:
        return [alert.id]
    return [one.id for one in team.alerts.values() if _group_of(one) == _group_of(alert)]
