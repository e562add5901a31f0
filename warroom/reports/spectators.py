"""The page for colleagues who follow the open incidents without a console: its content, and as JSON. Pure.

It is read by more people than those who respond. So it leaves out chat, evidence, hypotheses and plain notes, names
nobody but the incident commander, and masks secrets and personal data once more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from warroom.incident import timing
from warroom.incident.delivery import Delivery, DeliveryState
from warroom.incident.incident import Incident
from warroom.incident.playbook import Playbook
from warroom.reports.messages import impact_line
from warroom.safety import redact

STALE_AFTER = timedelta(minutes=5)
"""The age at which the page warns that nobody updates it any more. It is written anew every minute."""

SHOWN_AFTER_RESOLUTION = timedelta(hours=1)
"""How long an incident stays on the page after it was resolved: its readers want to know that it is over."""

EVENTS = 15
"""How many key events of an incident are shown, the newest ones."""

KEY_EVENTS = frozenset(
    {
        "alert",
        "change",
        "closed",
        "confirmed",
        "decision",
        "declared",
        "finding",
        "fix",
        "reopened",
        "resolved",
        "severity",
        "status",
        "update",
    }
)
"""The kinds of timeline rows that are shown."""


@dataclass(frozen=True, slots=True)
class PublicUpdate:
    """An update to customers. ``delivered`` is whether it is known to have arrived anywhere."""

    at: datetime
    title: str
    text: str
    delivered: bool


@dataclass(frozen=True, slots=True)
class DueUpdate:
    """When an audience was promised its next update."""

    audience: str
    due: datetime


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """A row of the timeline."""

    at: datetime
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class SpectatorIncident:
    """An incident as its spectators see it. ``commander`` is "" while nobody leads it."""

    id: str
    drill: bool
    service: str
    impact: str
    severity: str
    severity_title: str
    status: str
    started_at: datetime
    resolved_at: datetime | None
    elapsed_s: int
    commander: str
    last_public_update: PublicUpdate | None
    next_updates: tuple[DueUpdate, ...]
    events: tuple[KeyEvent, ...]


@dataclass(frozen=True, slots=True)
class SpectatorPage:
    """The whole page as of a time. ``unreadable`` are incidents that are left out because they cannot be read."""

    as_of: datetime
    team: str
    incidents: tuple[SpectatorIncident, ...]
    unreadable: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The page as JSON; its shape is documented in ``docs/watch.md``. Times are UTC."""
        shape = {**asdict(self), "stale_after_s": int(STALE_AFTER.total_seconds())}
        return json.dumps(shape, default=_rfc3339, ensure_ascii=False, indent=2) + "\n"


def build_page(
    incidents: Iterable[tuple[Incident, Sequence[Delivery]]],
    playbook: Playbook,
    team: str,
    now: datetime,
    unreadable: Sequence[str] = (),
) -> SpectatorPage:
    """Build the page as of ``now`` from the incidents and their deliveries, the most severe open one first."""
    shown = [_incident(one, deliveries, playbook, now) for one, deliveries in incidents]
    shown.sort(key=lambda one: (one.resolved_at is not None, playbook.rank(one.severity), one.started_at))
    return SpectatorPage(now, _clean(team), tuple(shown), tuple(unreadable))


def _incident(
    incident: Incident, deliveries: Sequence[Delivery], playbook: Playbook, now: datetime
) -> SpectatorIncident:
    severities = {one.id: one.title for one in playbook.severities}
    resolved = None if incident.open else incident.milestones.get("resolved", incident.statuses[-1][0])
    return SpectatorIncident(
        id=incident.id,
        drill=incident.drill,
        service=_clean(incident.service),
        impact=_clean(impact_line(incident)),
        severity=incident.severity,
        severity_title=_clean(severities.get(incident.severity, incident.severity)),
        status=incident.status,
        started_at=incident.milestones["started"],
        resolved_at=resolved,
        elapsed_s=int(timing.elapsed(incident, now).total_seconds()),
        commander=_clean(incident.commander),
        last_public_update=_last_public_update(incident, deliveries),
        next_updates=tuple(_next_updates(incident, playbook)),
        events=tuple(_key_events(incident)),
    )


def _last_public_update(incident: Incident, deliveries: Sequence[Delivery]) -> PublicUpdate | None:
    post = next((post for post in reversed(incident.posts) if post.update.audience == "customers"), None)
    if post is None:
        return None
    title, text = _clean(post.update.title), redact(post.update.words).text.strip()
    return PublicUpdate(post.at, title, text, _is_delivered(post.id, deliveries))


def _is_delivered(entry: UUID, deliveries: Sequence[Delivery]) -> bool:
    return any(one.entry_id == entry and one.state is DeliveryState.DELIVERED for one in deliveries)


def _next_updates(incident: Incident, playbook: Playbook) -> Iterable[DueUpdate]:
    if not incident.open:
        return
    if due := timing.update_due(incident, playbook):
        yield DueUpdate("team", due[1])
    for audience, at in incident.promised.items():
        if audience != "team":
            yield DueUpdate(audience, at)


def _key_events(incident: Incident) -> list[KeyEvent]:
    rows = [row for row in incident.timeline if row.kind in KEY_EVENTS and not row.withdrawn]
    return [KeyEvent(row.at, row.kind, _clean(row.text)) for row in rows[-EVENTS:]]


def _clean(text: str) -> str:
    """``text`` in one line, without secrets, personal data and control characters."""
    return " ".join(redact(text).text.split())


def _rfc3339(value: object) -> str:
    assert isinstance(value, datetime)
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
