"""The Incident: everything known about one incident, folded from its entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

from warroom.errors import NotFound
from warroom.incident.alert_events import AlertsClosed, AlertSilenced
from warroom.incident.change_events import ChangeDropped, ChangePlanned
from warroom.incident.chat_events import ChannelOpened, ChatMessage, PostRerouted
from warroom.incident.conflicts import conflict, severity_holds, unread
from warroom.incident.delivery import Audience, Channel
from warroom.incident.delivery_events import DeliveryAdopted, DeliveryUpdated
from warroom.incident.drill_events import DrillEnded, DrillStarted, HintGiven
from warroom.incident.event_base import EventBase
from warroom.incident.events import (
    ACTION_TYPES,
    MILESTONES,
    OPTIONAL_SECTIONS,
    SECTIONS,
    Acknowledged,
    ActionAdded,
    ActionDone,
    ActionType,
    AlertCleared,
    AlertReceived,
    AlertsAcknowledged,
    AlertTaken,
    Closed,
    Declared,
    Entry,
    EntryAmended,
    EntryRetracted,
    EvidencePinned,
    FixRecorded,
    HandoverOffered,
    HypothesisConfirmed,
    HypothesisRuledOut,
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
    SuggestionDismissed,
    TaskAssigned,
    TaskDone,
    UnknownEvent,
    UpdatePosted,
)
from warroom.incident.follow_up_events import ActionChanged, ActionReopened, ImprovementPosted, ItemNotNeeded
from warroom.incident.identity import short_id
from warroom.incident.learning_events import LearningsShared
from warroom.incident.meeting_events import MeetingScheduled
from warroom.incident.on_call_events import OnCallHandover, OnCallTaken, TurnsSwapped
from warroom.incident.planned_changes import PlannedChange, add_planned, end_planned, replan
from warroom.incident.reminder_events import ReminderPosted
from warroom.incident.requests import RequestAccepted, RequestMade
from warroom.incident.runbook_events import (
    RunbookStepDone,
    RunbookStepUndone,
    StepRunEnded,
    StepRunStarted,
    WorkflowEnded,
)
from warroom.incident.runbook_progress import RunbookProgress, fold_runbook
from warroom.incident.scrub_events import EntryScrubbed
from warroom.incident.scrubbed import scrub_targets, without_scrubbed


@dataclass(slots=True)
class TimelineRow:
    """A row of the timeline: an entry as it reads now, after amendments and retraction.

    ``number`` is its place among the incident's entries, from 1. ``reference`` is the number of the update or
    action item it is about, or of the row it amends; "" if it is about none. ``remark`` says what two laptops
    recorded without knowing of each other led to; "" otherwise.
    """

    number: int
    entry: Entry
    at: datetime
    words: str | None = None
    retracted: bool = False
    scrubbed: bool = False
    reference: str = ""
    remark: str = ""

    @property
    def id(self) -> UUID:
        return self.entry.id

    @property
    def kind(self) -> str:
        return self.entry.kind

    @property
    def by(self) -> str:
        return self.entry.by

    @property
    def withdrawn(self) -> bool:
        """Whether it was retracted or scrubbed: then its text says nothing about the incident."""
        return self.retracted or self.scrubbed

    @property
    def text(self) -> str:
        """The text as amended, or as first written."""
        text = self.original if self.words is None else self.words
        return f"{text} ({self.remark})" if self.remark else text

    @property
    def original(self) -> str:
        """The text as first written."""
        return self.entry.event.describe(self.reference)

    @property
    def amended(self) -> bool:
        return not self.scrubbed and (self.words is not None or self.at != happened_at(self.entry))


def happened_at(entry: Entry) -> datetime:
    """Return when the event happened: when an alert fired, when a chat message was written, else when the entry
    was."""
    event = entry.event
    if isinstance(event, ChatMessage) and event.written_at:
        return min(event.written_at, entry.at)
    if isinstance(event, AlertReceived) and event.fired_at:
        return min(event.fired_at, entry.at)
    return entry.at


def in_order(milestones: Mapping[Milestone, datetime]) -> dict[Milestone, datetime]:
    """Sort the milestones by time; those at the same time stay in the order of ``MILESTONES``."""
    return dict(sorted(milestones.items(), key=lambda item: (item[1], MILESTONES.index(item[0]))))


@dataclass(frozen=True, slots=True)
class Tick:
    """A checklist item that is done; the fields are those of ``ItemChecked``.

    ``not_needed`` is why nobody has to do it; "" if it was done.
    """

    at: datetime
    by: str
    because: str = ""
    against: str = ""
    evidence: str = ""
    not_needed: str = ""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A person who holds a role since ``since``; ``offered_to`` is who was asked to take it over."""

    role: str
    title: str
    person: str
    since: datetime
    offered_to: str = ""


@dataclass(frozen=True, slots=True)
class Tenure:
    """A period in which a person held a role; ``until`` is None while they do."""

    role: str
    person: str
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ActionItem:
    """Something to do after the incident.

    ``id`` is its number (``A3``), ``entry`` the id of its entry. ``due`` is an ISO date, or "" if it has none.
    ``item`` is the checklist item that is done with it, "" if none is.
    """

    id: str
    entry: UUID
    words: str
    owner: str
    due: str
    added_at: datetime
    done_at: datetime | None = None
    type: ActionType = ""
    item: str = ""


HypothesisState = Literal["open", "confirmed", "ruled out", "retracted"]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What somebody suspects. ``id`` is its number (``H2``), ``entry`` the id of its note, ``reason`` why it is in
    its state."""

    id: str
    entry: UUID
    words: str
    by: str
    at: datetime
    state: HypothesisState = "open"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """What a person works on until a time. ``id`` is its number (``T1``), ``entry`` the id of its entry."""

    id: str
    entry: UUID
    who: str
    words: str
    at: datetime
    until: datetime
    done_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """An update that was posted. ``number`` counts the incident's updates, ``row`` is its row in the timeline."""

    number: int
    row: int
    id: UUID
    at: datetime
    by: str
    update: UpdatePosted


@dataclass(slots=True)
class Incident:
    """The state of an incident. A value: only ``fold`` and ``apply`` write to it.

    ``version`` is the stream's version, which decisions are checked against. Collections are in the order of the
    entries.
    """

    id: str
    version: int = 0
    service: str = ""
    title: str = ""
    impact: str = ""
    severity: str = ""
    status: Status = "investigating"
    drill: bool = False
    duplicate_of: str = ""
    """The incident that this one was closed as a duplicate of, "" if it was not."""
    milestones: dict[Milestone, datetime] = field(default_factory=dict)
    roles: dict[str, Assignment] = field(default_factory=dict)
    tenures: list[Tenure] = field(default_factory=list)
    ticks: dict[str, Tick] = field(default_factory=dict)
    posts: list[Post] = field(default_factory=list)
    promised: dict[Audience, datetime] = field(default_factory=dict)
    evidence: list[tuple[UUID, EvidencePinned]] = field(default_factory=list)
    fixes: list[tuple[UUID, FixRecorded]] = field(default_factory=list)
    actions: dict[str, ActionItem] = field(default_factory=dict)
    hypotheses: dict[str, Hypothesis] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    changes: dict[str, PlannedChange] = field(default_factory=dict)
    """The changes that were planned before they were made, by their numbers."""
    sections: dict[Section, str] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    severities: list[tuple[datetime, str]] = field(default_factory=list)
    statuses: list[tuple[datetime, Status]] = field(default_factory=list)
    runbooks: dict[str, RunbookProgress] = field(default_factory=dict)
    """By name, the one worked on last at the end."""
    scrubbed: frozenset[UUID] = frozenset()
    """The entries whose words were removed for good, also those that have not arrived yet."""
    rows: list[TimelineRow] = field(default_factory=list)
    numbers: dict[UUID, int] = field(default_factory=dict)
    """The row number of each entry."""
    last_set: dict[str, Entry] = field(default_factory=dict)
    """Of the status, the severity and each role the entry that set it last: a conflict is one with that."""

    @property
    def exists(self) -> bool:
        """False for a stream without a declaration."""
        return "declared" in self.milestones

    @property
    def open(self) -> bool:
        """True while it is neither resolved nor closed."""
        return self.exists and self.status not in ("resolved", "closed")

    @property
    def state(self) -> str:
        """The status for people: "duplicate of INC-7" where it was closed as one."""
        return f"duplicate of {self.duplicate_of}" if self.duplicate_of else self.status

    @property
    def impact_ended(self) -> bool:
        """Whether users are no longer affected: mitigated, resolved or closed."""
        return self.status != "investigating"

    @property
    def commander(self) -> str:
        """The incident commander, or ""."""
        held = self.roles.get("incident_commander")
        return held.person if held else ""

    def hypotheses_in(self, state: HypothesisState) -> list[Hypothesis]:
        """The hypotheses in a state, in the order in which they were noted."""
        return [one for one in self.hypotheses.values() if one.state == state]

    @property
    def open_tasks(self) -> list[Task]:
        """The tasks that nobody has finished, the one that ends first before the others."""
        return sorted((task for task in self.tasks.values() if task.done_at is None), key=lambda task: task.until)

    def updates_to(self, audience: Audience) -> list[Post]:
        """What was posted to an audience about the course of the incident: no maintenance notices."""
        return [
            post for post in self.posts if post.update.audience == audience and post.update.message != "maintenance"
        ]

    @property
    def planned_changes(self) -> list[PlannedChange]:
        """The changes that are planned and neither made nor dropped yet, the oldest first."""
        return [change for change in self.changes.values() if change.state == "planned"]

    @property
    def unwritten(self) -> list[Section]:
        """The sections of the post-mortem still to be written. All but the root cause may be left empty."""
        may_be_empty = {name for name in self.sections if name != "root_cause"} | OPTIONAL_SECTIONS
        return [name for name in SECTIONS if not self.sections.get(name) and name not in may_be_empty]

    @property
    def timeline(self) -> list[TimelineRow]:
        """The rows in the order in which things happened, by amended times."""
        return sorted(self.rows, key=lambda row: row.at)

    def row(self, entry: UUID) -> TimelineRow | None:
        """Return the row of an entry, or None."""
        number = self.numbers.get(entry)
        return self.rows[number - 1] if number else None

    def find_row(self, text: str) -> TimelineRow:
        """Return the row with this number, or whose entry's id or short id begins with ``text``.

        Raises ``NotFound`` if there is none or more than one.
        """
        wanted = text.strip().lower().replace("-", "")
        if wanted.isdecimal() and 0 < int(wanted) <= len(self.rows):
            return self.rows[int(wanted) - 1]
        found = [
            row
            for row in self.rows
            if (len(wanted) >= 4 and row.id.hex.startswith(wanted)) or short_id(row.id) == wanted
        ]
        if len(found) != 1:
            count = "no entry" if not found else f"{len(found)} entries"
            raise NotFound(f"{self.id} has {count} {text}", "warroom timeline shows the numbers, --json the ids.")
        return found[0]

    def fresh_copy(self) -> Incident:
        """Return a copy whose collections can be changed without changing this one's."""
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
    "hypotheses",
    "tasks",
    "changes",
    "sections",
    "channels",
    "severities",
    "statuses",
    "runbooks",
    "rows",
    "numbers",
    "last_set",
)


def fold(stream: str, entries: Iterable[Entry], base: Incident | None = None) -> Incident:
    """Fold ``entries`` into an incident, starting from ``base`` (unchanged) if given. An entry seen before is
    skipped. Entries that were scrubbed are folded without their words, and what is folded on them too."""
    entries = list(entries)
    known = base.scrubbed if base else frozenset()
    scrubbed = known | scrub_targets(entries)
    if base and scrubbed != known:
        entries, base = [*(row.entry for row in base.rows), *entries], None
    entries = without_scrubbed(entries, scrubbed)
    incident = base.fresh_copy() if base else Incident(stream)
    incident.scrubbed = scrubbed
    for entry in entries:
        incident.version = max(incident.version, entry.seq)  # a shared room orders them otherwise than they came
        if entry.id in incident.numbers:
            continue
        number = len(incident.rows) + 1
        incident.numbers[entry.id] = number
        incident.rows.append(TimelineRow(number, entry, happened_at(entry)))
        _FOLDS[type(entry.event)](incident, entry, entry.event)
    return incident


def apply(incident: Incident, entry: Entry) -> Incident:
    """Return the incident after one more entry."""
    return fold(incident.id, (entry,), incident)


def _declared(inc: Incident, entry: Entry, event: Declared) -> None:
    inc.service, inc.impact, inc.title = event.service, event.impact, event.impact
    inc.severity, inc.drill = event.severity, event.drill
    inc.milestones["started"] = event.started_at
    # If no time of detection was recorded: no later than the declaration.
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
    key = f"role {event.role}"
    held = inc.roles.get(event.role)
    if conflict(inc.last_set.get(key), entry) and held and held.person != event.person:
        _remark(inc, entry, f"{held.person} had it by an entry that was not read yet; this one is later and holds")
    inc.last_set[key] = entry
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
    inc.ticks[event.item] = Tick(entry.at, entry.by, event.because, event.against, event.evidence)


def _unchecked(inc: Incident, entry: Entry, event: ItemUnchecked) -> None:
    inc.ticks.pop(event.item, None)


def _not_needed(inc: Incident, entry: Entry, event: ItemNotNeeded) -> None:
    inc.ticks[event.item] = Tick(entry.at, entry.by, not_needed=event.reason)


def _severity(inc: Incident, entry: Entry, event: SeveritySet) -> None:
    before = inc.last_set.get("severity")
    if severity_holds(before, entry):
        assert before
        _remark(
            inc,
            entry,
            f"not applied: {before.by or 'someone'} had set {inc.severity} meanwhile, and the higher holds",
        )
        return
    if conflict(before, entry) and before and inc.severity != event.severity:
        _remark(inc, entry, f"{before.by or 'someone'} had set {inc.severity} meanwhile; the higher holds")
    inc.last_set["severity"] = entry
    inc.severity = event.severity
    inc.severities.append((entry.at, event.severity))


def _set_status(inc: Incident, entry: Entry, status: Status) -> bool:
    """Set the status, and return whether it was: not by who had not read its last change."""
    before = inc.last_set.get("status")
    if conflict(before, entry):
        assert before
        if inc.status != status:
            _remark(inc, entry, f"not applied: {before.by or 'someone'} had set {inc.status} meanwhile")
        return False
    inc.last_set["status"] = entry
    inc.status = status
    inc.statuses.append((entry.at, status))
    return True


def _remark(inc: Incident, entry: Entry, remark: str) -> None:
    number = inc.numbers[entry.id]
    inc.rows[number - 1] = replace(inc.rows[number - 1], remark=remark)


def _status(inc: Incident, entry: Entry, event: StatusSet) -> None:
    if not _set_status(inc, entry, event.status):
        return
    if event.status == "mitigated":
        inc.milestones["mitigated"] = entry.at
    else:
        inc.milestones.pop("mitigated", None)


def _resolved(inc: Incident, entry: Entry, event: Resolved) -> None:
    if not _set_status(inc, entry, "resolved"):
        return
    if missed := unread(((row.number, row.entry) for row in inc.rows), entry):
        _remark(inc, entry, missed)
    inc.milestones["resolved"] = entry.at
    # An incident that was never marked mitigated is mitigated by being resolved.
    inc.milestones.setdefault("mitigated", entry.at)


def _reopened(inc: Incident, entry: Entry, event: Reopened) -> None:
    if not _set_status(inc, entry, "investigating"):
        return
    inc.duplicate_of = ""
    inc.milestones.pop("resolved", None)
    inc.milestones.pop("mitigated", None)


def _closed(inc: Incident, entry: Entry, event: Closed) -> None:
    if not _set_status(inc, entry, "closed"):
        return
    inc.duplicate_of = event.duplicate_of
    if event.duplicate_of:  # its clocks stop, also if nobody resolved it: the original's go on
        inc.milestones.setdefault("resolved", entry.at)


def _noted(inc: Incident, entry: Entry, event: Noted) -> None:
    if event.note == "hypothesis":
        number = f"H{len(inc.hypotheses) + 1}"
        inc.hypotheses[number] = Hypothesis(number, entry.id, event.words, entry.by, entry.at)
    end_planned(inc.changes, event.planned, "made", entry.id)


def _change_planned(inc: Incident, entry: Entry, event: ChangePlanned) -> None:
    _refer(inc, entry.id, add_planned(inc.changes, entry, event).id)


def _change_dropped(inc: Incident, entry: Entry, event: ChangeDropped) -> None:
    if dropped := end_planned(inc.changes, event.change, "dropped", entry.id):
        _refer(inc, entry.id, dropped.id)


def _hypothesis_state(inc: Incident, entry: Entry, event: HypothesisConfirmed | HypothesisRuledOut) -> None:
    state: HypothesisState = "confirmed" if isinstance(event, HypothesisConfirmed) else "ruled out"
    if state == "confirmed":
        inc.milestones.setdefault("identified", entry.at)
    found = _hypothesis_of(inc, event.hypothesis)
    if found:
        inc.hypotheses[found.id] = replace(found, state=state, reason=event.reason)
        _refer(inc, entry.id, found.id)


def _hypothesis_of(inc: Incident, entry: UUID) -> Hypothesis | None:
    return next((one for one in inc.hypotheses.values() if one.entry == entry), None)


def _task(inc: Incident, entry: Entry, event: TaskAssigned) -> None:
    number = f"T{len(inc.tasks) + 1}"
    inc.tasks[number] = Task(number, entry.id, event.who, event.words, entry.at, event.until)
    _refer(inc, entry.id, number)


def _task_done(inc: Incident, entry: Entry, event: TaskDone) -> None:
    task = next((task for task in inc.tasks.values() if task.entry == event.task), None)
    if task:
        inc.tasks[task.id] = replace(task, done_at=entry.at)
        _refer(inc, entry.id, task.id)


def _fix(inc: Incident, entry: Entry, event: FixRecorded) -> None:
    inc.fixes.append((entry.id, event))
    end_planned(inc.changes, event.planned, "made", entry.id)
    if isinstance(event.action, str):
        _refer(inc, entry.id, event.action)


def _evidence(inc: Incident, entry: Entry, event: EvidencePinned) -> None:
    inc.evidence.append((entry.id, event))


def _update(inc: Incident, entry: Entry, event: UpdatePosted) -> None:
    number = len(inc.posts) + 1
    inc.posts.append(Post(number, inc.numbers[entry.id], entry.id, entry.at, entry.by, event))
    _refer(inc, entry.id, str(number))
    if event.message == "maintenance":
        return  # it tells nothing of this incident's course, so an update that was promised is still due
    if event.audience == "team" and event.fields.get("impact"):
        inc.impact = event.fields["impact"]
    if event.next_update_at:
        inc.promised[event.audience] = event.next_update_at
    else:
        inc.promised.pop(event.audience, None)


def _action(inc: Incident, entry: Entry, event: ActionAdded) -> None:
    number = f"A{len(inc.actions) + 1}"
    inc.actions[number] = ActionItem(
        number, entry.id, event.words, event.owner, event.due, entry.at, type=event.type, item=event.item
    )
    _refer(inc, entry.id, number)
    for fix_entry, fix in inc.fixes:
        if fix.action == entry.id:
            _refer(inc, fix_entry, number)


def _action_state(inc: Incident, entry: Entry, event: ActionDone | ActionReopened) -> None:
    meant = event.action if isinstance(event, ActionDone) else event.entry
    item = next((item for item in inc.actions.values() if meant in (item.entry, item.id)), None)
    if item:
        inc.actions[item.id] = replace(item, done_at=entry.at if isinstance(event, ActionDone) else None)
        _refer(inc, entry.id, item.id)


def _action_changed(inc: Incident, entry: Entry, event: ActionChanged) -> None:
    item = next((item for item in inc.actions.values() if item.entry == event.entry), None)
    if item:
        kind = event.type if event.type in ACTION_TYPES else ""
        inc.actions[item.id] = replace(item, owner=event.owner, due=event.due, type=cast("ActionType", kind))
        _refer(inc, entry.id, item.id)


def _refer(inc: Incident, entry: UUID, reference: str) -> None:
    number = inc.numbers[entry]
    # A new row: the old one is shared with every earlier fold of this incident.
    inc.rows[number - 1] = replace(inc.rows[number - 1], reference=reference)


def _amended(inc: Incident, entry: Entry, event: EntryAmended) -> None:
    row = inc.row(event.entry)
    if row:
        words = row.words if event.words is None else event.words
        inc.rows[row.number - 1] = replace(row, at=event.at or row.at, words=words)
        _refer(inc, entry.id, str(row.number))
        if event.words is not None and (found := _hypothesis_of(inc, event.entry)):
            inc.hypotheses[found.id] = replace(found, words=event.words)


def _retracted(inc: Incident, entry: Entry, event: EntryRetracted) -> None:
    row = inc.row(event.entry)
    if row:
        inc.rows[row.number - 1] = replace(row, retracted=True)
        _refer(inc, entry.id, str(row.number))
        inc.evidence = [pinned for pinned in inc.evidence if pinned[0] != event.entry]
        inc.fixes = [fix for fix in inc.fixes if fix[0] != event.entry]
        replan(inc.changes, event.entry)
        if found := _hypothesis_of(inc, event.entry):
            inc.hypotheses[found.id] = replace(found, state="retracted")


def _scrubbed(inc: Incident, entry: Entry, event: EntryScrubbed) -> None:
    row = inc.row(event.entry)
    if row:
        words = f"scrubbed by {entry.by or 'warroom'}, {entry.at:%Y-%m-%d %H:%M} UTC"
        inc.rows[row.number - 1] = replace(row, words=words, scrubbed=True)
        _refer(inc, entry.id, str(row.number))


def moved_along(
    milestones: Mapping[Milestone, datetime], amended: Milestone, at: datetime
) -> dict[Milestone, datetime]:
    """Return what amending a milestone sets: itself, and a milestone that was derived from it."""
    moved = {amended: at}
    if amended == "started" and milestones.get("detected") == milestones.get("started"):
        moved["detected"] = max(at, milestones.get("detected", at))
    if amended == "resolved" and milestones.get("mitigated") == milestones.get("resolved"):
        moved["mitigated"] = min(at, milestones.get("mitigated", at))
    return moved


def _milestone(inc: Incident, entry: Entry, event: MilestoneAmended) -> None:
    inc.milestones |= moved_along(inc.milestones, event.milestone, event.at)


def _channel(inc: Incident, entry: Entry, event: ChannelOpened) -> None:
    inc.channels[event.destination] = Channel(
        id=event.channel, name=event.name, url=event.url, thread=event.thread, talk=event.talk
    )


def _section(inc: Incident, entry: Entry, event: SectionWritten) -> None:
    inc.sections[event.section] = event.words


def _runbook(inc: Incident, entry: Entry, event: EventBase) -> None:
    fold_runbook(inc.runbooks, entry)


def _row_only(inc: Incident, entry: Entry, event: EventBase) -> None:
    """The row in the timeline is all."""


_FOLDS: dict[type[EventBase], Callable[[Incident, Entry, Any], None]] = {
    Declared: _declared,
    Acknowledged: _acknowledged,
    RoleAssigned: _assigned,
    RoleReleased: _released,
    HandoverOffered: _offered,
    ItemChecked: _checked,
    ItemUnchecked: _unchecked,
    ItemNotNeeded: _not_needed,
    SeveritySet: _severity,
    StatusSet: _status,
    Resolved: _resolved,
    Reopened: _reopened,
    Closed: _closed,
    FixRecorded: _fix,
    EvidencePinned: _evidence,
    UpdatePosted: _update,
    ActionAdded: _action,
    ActionDone: _action_state,
    ActionReopened: _action_state,
    ActionChanged: _action_changed,
    EntryAmended: _amended,
    EntryRetracted: _retracted,
    EntryScrubbed: _scrubbed,
    MilestoneAmended: _milestone,
    ChannelOpened: _channel,
    SectionWritten: _section,
    SuggestionDismissed: _row_only,
    Noted: _noted,
    ChangePlanned: _change_planned,
    ChangeDropped: _change_dropped,
    HypothesisConfirmed: _hypothesis_state,
    HypothesisRuledOut: _hypothesis_state,
    TaskAssigned: _task,
    TaskDone: _task_done,
    RunbookStepDone: _runbook,
    RunbookStepUndone: _runbook,
    StepRunStarted: _runbook,
    StepRunEnded: _runbook,
    WorkflowEnded: _runbook,
    AlertReceived: _row_only,
    AlertTaken: _row_only,
    AlertCleared: _row_only,
    AlertsAcknowledged: _row_only,
    AlertsClosed: _row_only,
    AlertSilenced: _row_only,
    ReminderPosted: _row_only,
    LearningsShared: _row_only,
    UnknownEvent: _row_only,
    ChatMessage: _row_only,
    PostRerouted: _row_only,
    TurnsSwapped: _row_only,
    OnCallTaken: _row_only,
    OnCallHandover: _row_only,
    RequestMade: _row_only,
    RequestAccepted: _runbook,
    MeetingScheduled: _row_only,
    ReadinessConfirmed: _row_only,
    DrillStarted: _row_only,
    HintGiven: _row_only,
    DrillEnded: _row_only,
    DeliveryUpdated: _row_only,
    DeliveryAdopted: _row_only,
    ImprovementPosted: _row_only,
}
