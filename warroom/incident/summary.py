"""The incident in brief, for the home screen and ``status --json``. Can be recomputed from the fold at any time."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the console lists incidents before their models are loaded
    from warroom.incident.delivery import Audience
    from warroom.incident.events import Milestone
    from warroom.incident.incident import Incident
    from warroom.incident.playbook import Playbook

WORKED_LISTS = ("detection", "investigation", "resolution", "recovery")
"""The checklists that are worked while the incident runs."""


@dataclass(frozen=True, slots=True)
class OpenAction:
    """An action item not yet done; ``due`` is an ISO date or "", ``item`` the checklist item it is for or ""."""

    id: str
    words: str
    owner: str
    due: str
    type: str = ""
    item: str = ""

    def overdue(self, today: date) -> bool:
        return bool(self.due) and self.due < today.isoformat()


@dataclass(frozen=True, slots=True)
class Summary:
    """What a list of incidents needs of each, so that a thousand are listed without folding one."""

    id: str
    title: str
    service: str
    severity: str
    status: str
    drill: bool
    milestones: dict[Milestone, datetime]
    roles: dict[str, str]
    ticks: tuple[str, ...]
    next_update_at: datetime | None
    updates: int
    actions: tuple[OpenAction, ...]
    postmortem: bool
    against: dict[str, str] = field(default_factory=dict)
    """Evidence that a tick overrode, by item."""
    updates_due: dict[Audience, datetime] = field(default_factory=dict)
    """When the next update is due, by audience, while it is open; the one that is due first at the beginning."""
    roles_due: datetime | None = None
    """When somebody has to hold each role; None once it is over."""
    duplicate_of: str = ""
    """The incident that this one was closed as a duplicate of."""

    @property
    def open(self) -> bool:
        return self.status not in ("resolved", "closed")

    @property
    def state(self) -> str:
        """The status for people: "duplicate of INC-7" where it was closed as one."""
        return f"duplicate of {self.duplicate_of}" if self.duplicate_of else self.status

    def elapsed(self, now: datetime) -> timedelta:
        """From started to resolved, or to now."""
        start = self.milestones["started"]
        return max(timedelta(0), self.milestones.get("resolved", now) - start)

    @property
    def first_update_due(self) -> tuple[Audience, datetime] | None:
        """The audience whose next update is due first, and when; None if none waits for one."""
        if self.updates_due:
            return next(iter(self.updates_due.items()))
        # Kept by an earlier version: the team's alone.
        return ("team", self.next_update_at) if self.next_update_at else None

    def postmortem_due(self, hours: int) -> datetime | None:
        """When the post-mortem is due, ``hours`` after the resolution; None if none is needed, or it is written."""
        resolved = self.milestones.get("resolved")
        if resolved is None or self.postmortem or self.drill or self.status == "closed":
            return None
        return resolved + timedelta(hours=hours)

    def public(self, playbook: Playbook, now: datetime) -> dict[str, Any]:
        """The status object others may rely on."""
        items = [item.id for name in WORKED_LISTS for item in playbook.checklists[name].items]
        elapsed = self.elapsed(now)
        phase = playbook.phase_at(elapsed.total_seconds() / 60) if self.open else playbook.phases[-1]
        return {
            "id": self.id,
            "title": self.title,
            "service": self.service,
            "severity": self.severity,
            "status": self.status,
            "phase": phase.id,
            "elapsed_s": int(elapsed.total_seconds()),
            "roles": {role.id: self.roles.get(role.id) for role in playbook.roles},
            "checklist": {"done": sum(item in self.ticks for item in items), "total": len(items)},
            "next_update_at": self.next_update_at,
            "updates_due": self.updates_due,
            "milestones": self.milestones,
            "drill": self.drill,
            "ticked_against": self.against,
            "duplicate_of": self.duplicate_of or None,
        }

    def to_json(self) -> str:
        """As kept in the journal."""
        return json.dumps(asdict(self), default=datetime.isoformat, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Summary:
        """As read from the journal. ValueError, KeyError or TypeError if another version wrote it."""
        row = json.loads(text)
        row["milestones"] = {name: datetime.fromisoformat(at) for name, at in row["milestones"].items()}
        row["ticks"] = tuple(row["ticks"])
        row["actions"] = tuple(OpenAction(**action) for action in row["actions"])
        for name in ("next_update_at", "roles_due"):
            if row.get(name):
                row[name] = datetime.fromisoformat(row[name])
        summary = cls(**row)
        if summary.open and "updates_due" not in row:
            raise KeyError("updates_due")
        due = {audience: datetime.fromisoformat(at) for audience, at in row.get("updates_due", {}).items()}
        return replace(summary, updates_due=due) if due else summary


def summarise(incident: Incident, playbook: Playbook) -> Summary:
    """The brief of an incident; what does not depend on the time of asking."""
    # These load the models, which reading a Summary must not.
    from warroom.incident.action_items import open_actions
    from warroom.incident.due import roles_due, updates_due
    from warroom.incident.incident import in_order

    due = updates_due(incident, playbook)
    return Summary(
        id=incident.id,
        title=incident.title,
        service=incident.service,
        severity=incident.severity,
        status=incident.status,
        drill=incident.drill,
        milestones=in_order(incident.milestones),
        roles={role.role: role.person for role in incident.roles.values()},
        ticks=tuple(incident.ticks),
        next_update_at=due.get("team"),
        updates=len(incident.posts),
        actions=tuple(
            OpenAction(item.id, item.words, item.owner, item.due, item.type, item.item)
            for item in open_actions(incident)
        ),
        postmortem=bool(incident.sections.get("root_cause")),
        against={item: tick.against for item, tick in incident.ticks.items() if tick.against},
        updates_due=due,
        roles_due=roles_due(incident) if incident.open else None,
        duplicate_of=incident.duplicate_of,
    )
