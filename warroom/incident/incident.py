"""The Incident: all that is known about one incident, folded from its entries. Reads no clock, decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from warroom.incident.delivery import Audience, Channel
from warroom.incident.events import (
    MILESTONES,
    SECTIONS,
    Acknowledged,
    ActionAdded,
    ActionDone,
    AlertReceived,
    AlertTaken,
    ChannelOpened,
    ChatMessage,
    Closed,
    Declared,
    Entry,
    EntryAmended,
    EntryRetracted,
    EventBase,
    EvidencePinned,
    FixRecorded,
    HandoverOffered,
    ItemChecked,
    ItemUnchecked,
    Milestone,
    MilestoneAmended,
    Noted,
    ReadinessConfirmed,
    Reopened,
    Resolved,
    RoleAssigned,
    RoleReleased,
    Section,
    SectionWritten,
    SeveritySet,
    Status,
    StatusSet,
    UpdatePosted,
)


@dataclass(slots=True)
class Row:
    """One line of the timeline: an entry as it reads now, after amendments and retraction."""

    entry: Entry
    at: datetime
    words: str | None = None
    retracted: bool = False

    @property
    def seq(self) -> int:
        return self.entry.seq

    @property
    def kind(self) -> str:
        return self.entry.kind

    @property
    def by(self) -> str:
        return self.entry.by

    @property
    def text(self) -> str:
        """The text as amended, or as first written."""
        return self.entry.event.text if self.words is None else self.words

    @property
    def amended(self) -> bool:
        return self.words is not None or self.at != happened_at(self.entry)


def happened_at(entry: Entry) -> datetime:
    """When what the entry records happened: for an alert when it fired, else when the entry was written."""
    event = entry.event
    if isinstance(event, AlertReceived) and event.fired_at:
        return min(event.fired_at, entry.at)
    return entry.at


def in_order(milestones: Mapping[Milestone, datetime]) -> dict[Milestone, datetime]:
    """The milestones by time; those at the same time in their natural order."""
    return dict(sorted(milestones.items(), key=lambda item: (item[1], MILESTONES.index(item[0]))))


@dataclass(frozen=True, slots=True)
class Tick:
    """A checklist item that is done. ``because`` names the fact that ticked it, "" if a person did; ``against`` is
    evidence that the person overrode."""

    at: datetime
    by: str
    because: str = ""
    against: str = ""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A person holding a role since ``since``; ``offered_to`` names who is asked to take it over."""

    role: str
    title: str
    person: str
    since: datetime
    offered_to: str = ""


@dataclass(frozen=True, slots=True)
class Tenure:
    """A stretch of time in which a person held a role; ``until`` is None while they do."""

    role: str
    person: str
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ActionItem:
    """Something to do after the incident. ``due`` is an ISO date, or "" if none was given."""

    id: str
    words: str
    owner: str
    due: str
    added_at: datetime
    done_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """An update as it was posted, with the entry that holds it."""

    seq: int
    at: datetime
    by: str
    update: UpdatePosted


@dataclass(slots=True)
class Incident:
    """An incident as its entries tell it. A value: only ``fold`` and ``apply`` make one; nobody else writes to it.

    ``seq`` is the number of the last entry folded in, which is what a decision is checked against.
    Collections keep the order in which things happened.
    """

    id: str
    seq: int = 0
    service: str = ""
    title: str = ""
    impact: str = ""
    severity: str = ""
    status: Status = "investigating"
    drill: bool = False
    milestones: dict[Milestone, datetime] = field(default_factory=dict)
    roles: dict[str, Assignment] = field(default_factory=dict)
    tenures: list[Tenure] = field(default_factory=list)
    ticks: dict[str, Tick] = field(default_factory=dict)
    posts: list[Post] = field(default_factory=list)
    promised: dict[Audience, datetime] = field(default_factory=dict)
    evidence: list[tuple[int, EvidencePinned]] = field(default_factory=list)
    fixes: list[tuple[int, FixRecorded]] = field(default_factory=list)
    actions: dict[str, ActionItem] = field(default_factory=dict)
    sections: dict[Section, str] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    severities: list[tuple[datetime, str]] = field(default_factory=list)
    statuses: list[tuple[datetime, Status]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    @property
    def exists(self) -> bool:
        """False for a stream without a declaration."""
        return "declared" in self.milestones

    @property
    def open(self) -> bool:
        """True while the clocks run: neither resolved nor closed."""
        return self.exists and self.status not in ("resolved", "closed")

    @property
    def impact_ended(self) -> bool:
        """Whether users are no longer affected: mitigated, resolved or closed. The impact is then told as past."""
        return self.status != "investigating"

    @property
    def commander(self) -> str:
        """Who leads, or ""."""
        held = self.roles.get("incident_commander")
        return held.person if held else ""

    @property
    def unwritten(self) -> list[Section]:
        """The sections of the post-mortem still to be written. Any but the root cause may be left empty."""
        may_be_empty = {name for name in self.sections if name != "root_cause"}
        return [name for name in SECTIONS if not self.sections.get(name) and name not in may_be_empty]

    @property
    def timeline(self) -> list[Row]:
        """The rows in the order in which things happened, amended times counted."""
        return sorted(self.rows, key=lambda row: row.at)

    def row(self, seq: int) -> Row | None:
        """The row of entry ``seq``, or None."""
        return self.rows[seq - 1] if 0 < seq <= len(self.rows) else None

    def fresh_copy(self) -> Incident:
        """A copy whose collections may be written to without touching this one's."""
        twin = copy(self)
        for name in _COLLECTIONS:
            setattr(twin, name, copy(getattr(self, name)))
        return twin


_COLLECTIONS = (
    "milestones",
    "roles",
    "tenures",
    "ticks",
    "posts",
    "promised",
    "evidence",
    "fixes",
    "actions",
    "sections",
    "channels",
    "severities",
    "statuses",
    "rows",
)


def fold(stream: str, entries: Iterable[Entry], base: Incident | None = None) -> Incident:
    """The incident that ``entries`` tell, on top of ``base`` (left as it was) if one is given."""
    incident = base.fresh_copy() if base else Incident(stream)
    for entry in entries:
        incident.seq = entry.seq
        incident.rows.append(Row(entry, happened_at(entry)))
        _FOLDS[type(entry.event)](incident, entry, entry.event)
    return incident


def apply(incident: Incident, entry: Entry) -> Incident:
    """The incident after one more entry."""
    return fold(incident.id, (entry,), incident)


def _declared(inc: Incident, entry: Entry, event: Declared) -> None:
    inc.service, inc.impact, inc.title = event.service, event.impact, event.impact
    inc.severity, inc.drill = event.severity, event.drill
    inc.milestones["started"] = event.started_at
    # Where nobody said when it was noticed: by the declaration it was.
    inc.milestones["detected"] = event.detected_at or max(entry.at, event.started_at)
    inc.milestones["declared"] = entry.at
    inc.severities.append((entry.at, event.severity))
    inc.statuses.append((entry.at, "investigating"))


def _acknowledged(inc: Incident, entry: Entry, event: Acknowledged) -> None:
    inc.milestones.setdefault("acknowledged", entry.at)


def _end_tenure(inc: Incident, role: str, at: datetime) -> None:
    for place in range(len(inc.tenures) - 1, -1, -1):
        tenure = inc.tenures[place]
        if tenure.role == role and tenure.until is None:
            inc.tenures[place] = Tenure(role, tenure.person, tenure.since, at)
            return


def _assigned(inc: Incident, entry: Entry, event: RoleAssigned) -> None:
    _end_tenure(inc, event.role, entry.at)
    inc.roles[event.role] = Assignment(event.role, event.title, event.person, entry.at)
    inc.tenures.append(Tenure(event.role, event.person, entry.at))


def _released(inc: Incident, entry: Entry, event: RoleReleased) -> None:
    _end_tenure(inc, event.role, entry.at)
    inc.roles.pop(event.role, None)


def _offered(inc: Incident, entry: Entry, event: HandoverOffered) -> None:
    held = inc.roles.get(event.role)
    if held:
        inc.roles[event.role] = Assignment(held.role, held.title, held.person, held.since, event.to)


def _checked(inc: Incident, entry: Entry, event: ItemChecked) -> None:
    inc.ticks[event.item] = Tick(entry.at, entry.by, event.because, event.against)


def _unchecked(inc: Incident, entry: Entry, event: ItemUnchecked) -> None:
    inc.ticks.pop(event.item, None)


def _severity(inc: Incident, entry: Entry, event: SeveritySet) -> None:
    inc.severity = event.severity
    inc.severities.append((entry.at, event.severity))


def _set_status(inc: Incident, at: datetime, status: Status) -> None:
    inc.status = status
    inc.statuses.append((at, status))


def _status(inc: Incident, entry: Entry, event: StatusSet) -> None:
    _set_status(inc, entry.at, event.status)
    if event.status == "mitigated":
        inc.milestones["mitigated"] = entry.at
    else:
        inc.milestones.pop("mitigated", None)


def _resolved(inc: Incident, entry: Entry, event: Resolved) -> None:
    _set_status(inc, entry.at, "resolved")
    inc.milestones["resolved"] = entry.at
    # What was never mitigated apart from being resolved, was mitigated then.
    inc.milestones.setdefault("mitigated", entry.at)


def _reopened(inc: Incident, entry: Entry, event: Reopened) -> None:
    _set_status(inc, entry.at, "investigating")
    inc.milestones.pop("resolved", None)
    inc.milestones.pop("mitigated", None)


def _closed(inc: Incident, entry: Entry, event: Closed) -> None:
    _set_status(inc, entry.at, "closed")


def _fix(inc: Incident, entry: Entry, event: FixRecorded) -> None:
    inc.fixes.append((entry.seq, event))


def _evidence(inc: Incident, entry: Entry, event: EvidencePinned) -> None:
    inc.evidence.append((entry.seq, event))


def _update(inc: Incident, entry: Entry, event: UpdatePosted) -> None:
    inc.posts.append(Post(entry.seq, entry.at, entry.by, event))
    if event.audience == "team" and event.fields.get("impact"):
        inc.impact = event.fields["impact"]
    if event.next_update_at:
        inc.promised[event.audience] = event.next_update_at
    else:
        inc.promised.pop(event.audience, None)


def _action(inc: Incident, entry: Entry, event: ActionAdded) -> None:
    inc.actions[event.action] = ActionItem(event.action, event.words, event.owner, event.due, entry.at)


def _action_done(inc: Incident, entry: Entry, event: ActionDone) -> None:
    item = inc.actions.get(event.action)
    if item:
        inc.actions[item.id] = ActionItem(item.id, item.words, item.owner, item.due, item.added_at, entry.at)


def _amended(inc: Incident, entry: Entry, event: EntryAmended) -> None:
    row = inc.row(event.entry)
    if row:
        # A new Row: the old one is shared with every earlier fold of this incident.
        inc.rows[event.entry - 1] = Row(
            row.entry, event.at or row.at, row.words if event.words is None else event.words, row.retracted
        )


def _retracted(inc: Incident, entry: Entry, event: EntryRetracted) -> None:
    row = inc.row(event.entry)
    if row:
        inc.rows[event.entry - 1] = Row(row.entry, row.at, row.words, retracted=True)
        inc.evidence = [pinned for pinned in inc.evidence if pinned[0] != event.entry]
        inc.fixes = [fix for fix in inc.fixes if fix[0] != event.entry]


def moved_along(
    milestones: Mapping[Milestone, datetime], amended: Milestone, at: datetime
) -> dict[Milestone, datetime]:
    """What amending a milestone sets: itself, and one that was only taken from it if that would lie outside."""
    moved = {amended: at}
    if amended == "started" and milestones.get("detected") == milestones.get("started"):
        moved["detected"] = max(at, milestones.get("detected", at))
    if amended == "resolved" and milestones.get("mitigated") == milestones.get("resolved"):
        moved["mitigated"] = min(at, milestones.get("mitigated", at))
    return moved


def _milestone(inc: Incident, entry: Entry, event: MilestoneAmended) -> None:
    inc.milestones |= moved_along(inc.milestones, event.milestone, event.at)


def _channel(inc: Incident, entry: Entry, event: ChannelOpened) -> None:
    inc.channels[event.destination] = Channel(id=event.channel, name=event.name, url=event.url)


def _section(inc: Incident, entry: Entry, event: SectionWritten) -> None:
    inc.sections[event.section] = event.words


def _only_told(inc: Incident, entry: Entry, event: EventBase) -> None:
    """The row in the timeline is all there is to it."""


_FOLDS: dict[type[EventBase], Callable[[Incident, Entry, Any], None]] = {
    Declared: _declared,
    Acknowledged: _acknowledged,
    RoleAssigned: _assigned,
    RoleReleased: _released,
    HandoverOffered: _offered,
    ItemChecked: _checked,
    ItemUnchecked: _unchecked,
    SeveritySet: _severity,
    StatusSet: _status,
    Resolved: _resolved,
    Reopened: _reopened,
    Closed: _closed,
    FixRecorded: _fix,
    EvidencePinned: _evidence,
    UpdatePosted: _update,
    ActionAdded: _action,
    ActionDone: _action_done,
    EntryAmended: _amended,
    EntryRetracted: _retracted,
    MilestoneAmended: _milestone,
    ChannelOpened: _channel,
    SectionWritten: _section,
    Noted: _only_told,
    AlertReceived: _only_told,
    AlertTaken: _only_told,
    ChatMessage: _only_told,
    ReadinessConfirmed: _only_told,
}
