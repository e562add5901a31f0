"""The events of the journal: frozen values, one union discriminated by ``kind``.

An event is written once and never changed. A new shape gets a new ``kind`` or an optional field with a default, so
that every journal can still be read; ``journal/codec.py`` upcasts what earlier versions wrote. Text is sanitized
and redacted before it gets here. Times are UTC, in milliseconds.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Literal, cast, get_args
from uuid import UUID

from pydantic import Field
from pydantic_core import from_json

from warroom.incident.alert_events import AlertsClosed, AlertSilenced
from warroom.incident.change_events import ChangeDropped, ChangePlanned
from warroom.incident.chat_events import ChannelOpened, ChatMessage, PostRerouted
from warroom.incident.delivery import Audience, MessageKind
from warroom.incident.delivery_events import DeliveryAdopted, DeliveryUpdated
from warroom.incident.drill_events import DrillEnded, DrillStarted, HintGiven
from warroom.incident.event_base import EventBase, Moment, to_moment
from warroom.incident.follow_up_events import ActionChanged, ActionReopened, ImprovementPosted, ItemNotNeeded
from warroom.incident.identity import short_id
from warroom.incident.learning_events import LearningsShared
from warroom.incident.meeting_events import MeetingScheduled
from warroom.incident.on_call_events import OnCallHandover, OnCallTaken, TurnsSwapped
from warroom.incident.readings import Measured
from warroom.incident.reminder_events import ReminderPosted
from warroom.incident.requests import RequestAccepted, RequestMade
from warroom.incident.runbook_events import (
    RunbookStepDone,
    RunbookStepUndone,
    StepRunEnded,
    StepRunStarted,
    WorkflowEnded,
)
from warroom.incident.scrub_events import EntryScrubbed

Status = Literal["investigating", "mitigated", "resolved", "closed"]
Milestone = Literal["started", "detected", "declared", "acknowledged", "identified", "mitigated", "resolved"]
MILESTONES: tuple[Milestone, ...] = (
    "started",
    "detected",
    "declared",
    "acknowledged",
    "identified",
    "mitigated",
    "resolved",
)
NoteKind = Literal["note", "finding", "hypothesis", "decision", "change"]
NOTE_KINDS: tuple[NoteKind, ...] = ("note", "finding", "hypothesis", "decision", "change")
Section = Literal[
    "summary",
    "root_cause",
    "contributing_factors",
    "users_affected",
    "business_impact",
    "customer_impact",
    "went_well",
    "could_improve",
    "lucky",
]
SECTIONS: tuple[Section, ...] = (
    "summary",
    "root_cause",
    "contributing_factors",
    "users_affected",
    "business_impact",
    "customer_impact",
    "went_well",
    "could_improve",
    "lucky",
)
OPTIONAL_SECTIONS: frozenset[Section] = frozenset({"contributing_factors", "lucky"})
"""Sections without which a post-mortem is written: few incidents have something to say in them."""
ActionType = Literal["", "prevent", "detect", "mitigate", "learn"]
ACTION_TYPES: Mapping[ActionType, str] = {
    "prevent": "make it less likely",
    "detect": "notice it sooner",
    "mitigate": "make it shorter or smaller",
    "learn": "documents, training, process",
}
"""What an action item is for, as in the post-mortem of Google's Site Reliability Workbook."""


class Declared(EventBase):
    """The incident was declared. A ``drill`` posts only to destinations meant for drills.

    In a shared room a ``private`` one stays on the laptop where it was declared, until it is published.
    """

    kind: Literal["declared"] = "declared"
    service: str
    impact: str
    severity: str
    started_at: Moment
    detected_at: Moment | None = None
    drill: bool = False
    source: str = ""
    private: bool = False

    @property
    def text(self) -> str:
        drill = " (drill)" if self.drill else ""
        return f"{self.severity.capitalize()}{drill}: {self.service} · {self.impact}"


class AlertReceived(EventBase):
    """A monitor fired an alert: in the team's stream before a declaration, in the incident's after it.

    ``fingerprint`` identifies the alert at its source, ``severity`` is the source's own word. Only the drill player
    sets ``drill``: no text from outside makes an alert part of a drill. ``group_size`` is how many alerts of
    ``group`` fired at the source when this one was recorded, 0 if unknown.
    """

    kind: Literal["alert"] = "alert"
    name: str
    source: str = ""
    service: str = ""
    detail: str = ""
    fired_at: Moment | None = None
    drill: bool = False
    fingerprint: str = ""
    severity: str = ""
    url: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    group: str = ""
    group_size: int = 0

    @property
    def text(self) -> str:
        source = f" ({self.source})" if self.source else ""
        return f"{self.name}{source}" + (f": {self.detail}" if self.detail else "")


class AlertCleared(EventBase):
    """A monitor reports that an alert is over. ``alert`` is the entry of its ``AlertReceived``.

    ``last``: it was the last alert of the incident that still fired.
    """

    kind: Literal["alert_cleared"] = "alert_cleared"
    label: ClassVar[str] = "cleared"
    alert: UUID
    name: str
    cleared_at: Moment | None = None
    last: bool = False

    @property
    def text(self) -> str:
        return f"{self.name} cleared"


class AlertsAcknowledged(EventBase):
    """The incident's alerts were acknowledged at their source, or the source refused that.

    ``alerts`` are the entries of their ``AlertReceived``, ``keys`` what identifies each at the source, and
    ``outcome`` is what the source did about them.
    """

    kind: Literal["alerts_acknowledged"] = "alerts_acknowledged"
    label: ClassVar[str] = "alert source"
    source: str
    alerts: tuple[UUID, ...]
    outcome: str
    refused: bool = False
    keys: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        many = f"{len(self.alerts)} alerts" if len(self.alerts) != 1 else "the alert"
        told = f"{self.source} was not told of {many}" if self.refused else f"{self.source} was told of {many}"
        return f"{told}: {self.outcome}"


class Acknowledged(EventBase):
    """Someone is responding to the alert; stops the response clock.

    ``source`` is the alert source that is told, "" if none can be: its answer ticks the checklist.
    """

    kind: Literal["acknowledged"] = "acknowledged"
    who: str
    source: str = ""

    @property
    def text(self) -> str:
        return f"{self.who} acknowledged the alert"


class RoleAssigned(EventBase):
    """A person has a role from now on. ``handed_over_by`` is the holder before, if they handed it over."""

    kind: Literal["assigned"] = "assigned"
    role: str
    title: str
    person: str
    handed_over_by: str = ""

    @property
    def text(self) -> str:
        after = f", handed over by {self.handed_over_by}" if self.handed_over_by else ""
        return f"{self.title}: {self.person}{after}"


class RoleReleased(EventBase):
    """The role has no holder."""

    kind: Literal["released"] = "released"
    role: str
    title: str
    person: str

    @property
    def text(self) -> str:
        return f"{self.title}: {self.person} released"


class HandoverOffered(EventBase):
    """A role is offered to another person; the holder keeps it until they accept."""

    kind: Literal["handover"] = "handover"
    role: str
    title: str
    holder: str
    to: str
    briefing: str = ""

    @property
    def text(self) -> str:
        briefing = f" — {self.briefing}" if self.briefing else ""
        return f"{self.title}: handover from {self.holder} to {self.to} offered{briefing}"


class ItemChecked(EventBase):
    """A checklist item is done.

    ``because`` is the kind of event that checked it, "" if a person did. ``evidence`` is the reading at that time;
    ``against`` is a reading that contradicted it and that the person overrode.
    """

    kind: Literal["checked"] = "checked"
    item: str
    title: str
    because: str = ""
    against: str = ""
    evidence: str = ""

    @property
    def text(self) -> str:
        because = f" ({self.because.replace('_', ' ')})" if self.because else ""
        evidence = f" — {self.evidence}" if self.evidence else ""
        return f"✓ {self.title}{because}{evidence}" + (f" — although: {self.against}" if self.against else "")


class ItemUnchecked(EventBase):
    """A checklist item is not done after all."""

    kind: Literal["unchecked"] = "unchecked"
    item: str
    title: str

    @property
    def text(self) -> str:
        return f"○ {self.title} (unchecked)"


class SeveritySet(EventBase):
    """The severity changed. Lowering it has a reason. ``rank`` is its place in the playbook, 0 for the highest."""

    kind: Literal["severity"] = "severity"
    severity: str
    before: str
    reason: str = ""
    rank: int = -1

    @property
    def text(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.before.capitalize()} → {self.severity.capitalize()}{reason}"


class StatusSet(EventBase):
    """The status changed: investigated (again), or mitigated."""

    kind: Literal["status"] = "status"
    status: Literal["investigating", "mitigated"]
    before: Status
    reason: str = ""

    @property
    def text(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.before.capitalize()} → {self.status.capitalize()}{reason}"


class Noted(EventBase):
    """A note. A decision has a ``because``, a change a ``rollback``.

    ``planned`` is the entry that planned the change, before it was made.
    """

    kind: Literal["noted"] = "noted"
    note: NoteKind
    words: str
    because: str = ""
    rollback: str = ""
    planned: UUID | None = None

    @property
    def text(self) -> str:
        because = f" — because {self.because}" if self.because else ""
        rollback = f" (rollback: {self.rollback})" if self.rollback else ""
        return f"{self.words}{because}{rollback}"


def _outcome(number: str, words: str, reason: str) -> str:
    """Return a hypothesis with its number, and why it is right or wrong."""
    return f"{number} {words}".lstrip() + (f" — {reason}" if reason else "")


class HypothesisConfirmed(EventBase):
    """A hypothesis turned out to be right. ``hypothesis`` is the entry of its note, ``words`` what that said."""

    kind: Literal["hypothesis_confirmed"] = "hypothesis_confirmed"
    label: ClassVar[str] = "confirmed"
    hypothesis: UUID
    words: str
    reason: str = ""

    def describe(self, number: str) -> str:
        return _outcome(number, self.words, self.reason)


class HypothesisRuledOut(EventBase):
    """A hypothesis turned out to be wrong. ``hypothesis`` is the entry of its note, ``words`` what that said."""

    kind: Literal["hypothesis_ruled_out"] = "hypothesis_ruled_out"
    label: ClassVar[str] = "ruled out"
    hypothesis: UUID
    words: str
    reason: str = ""

    def describe(self, number: str) -> str:
        return _outcome(number, self.words, self.reason)


class TaskAssigned(EventBase):
    """A person works on something for a limited time, ``until``; then they are asked how it went."""

    kind: Literal["task"] = "task"
    who: str
    words: str
    until: Moment

    def describe(self, number: str) -> str:
        return f"{number} {self.who}: {self.words}".lstrip()


class TaskDone(EventBase):
    """A task is finished. ``task`` is the entry that assigned it."""

    kind: Literal["task_done"] = "task_done"
    label: ClassVar[str] = "task done"
    task: UUID
    words: str

    def describe(self, number: str) -> str:
        return f"{number} ✓ {self.words}".lstrip()


class FixRecorded(EventBase):
    """A fix was made. A temporary one has an ``action`` item for the permanent one.

    ``action`` is an entry id; in journals before version 3 the number of the action item (``A1``). ``measured`` is
    what the probes measured just before, by their names. ``planned`` is the entry that planned it.
    """

    kind: Literal["fix"] = "fix"
    words: str
    temporary: bool
    rollback: str = ""
    action: UUID | str = ""
    measured: dict[str, Measured] = Field(default_factory=dict)
    planned: UUID | None = None

    def describe(self, number: str) -> str:
        sort = "temporary" if self.temporary else "permanent"
        rollback = f" (rollback: {self.rollback})" if self.rollback else ""
        action = f" → {number}" if number else ""
        return f"{self.words} ({sort}){rollback}{action}"


class EvidencePinned(EventBase):
    """One or more log lines kept as evidence, redacted. ``line`` counts from 1, 0 if unknown."""

    kind: Literal["evidence"] = "evidence"
    source: str
    line: int = 0
    logged_at: Moment | None = None
    level: str = ""
    words: str
    comment: str = ""

    @property
    def text(self) -> str:
        place = f"{self.source}:{self.line}" if self.line else self.source
        comment = f" — {self.comment}" if self.comment else ""
        return f"{place} {self.words}{comment}"


class UpdatePosted(EventBase):
    """An update for an audience, with the template fields it was composed from.

    ``next_update_at`` is when it promises the next one.
    """

    kind: Literal["update"] = "update"
    message: MessageKind
    template: str
    audience: Audience
    status: Status
    fields: dict[str, str] = Field(default_factory=dict)
    title: str
    words: str
    next_update_at: Moment | None = None
    destinations: tuple[str, ...] = ()
    approved_by: str = ""

    def describe(self, number: str) -> str:
        impact = self.fields.get("impact", "")
        # It may say that it is over before the status is set.
        over = self.status != "investigating" or self.fields.get("status", "").casefold().startswith(
            ("mitigated", "resolved")
        )
        past = "impact was: " if over and self.message != "maintenance" else ""
        named = {
            "customer": "customer update",
            "executive": "executive update",
            "maintenance": "maintenance notice",
        }
        what = named.get(self.message, self.message)
        numbered = f" #{number}" if number and self.message != "declaration" else ""
        return f"{what}{numbered}" + (f": {past}{impact}" if impact else "")


class ActionAdded(EventBase):
    """Something to do after the incident. ``due`` is an ISO date in the team's zone.

    ``item`` is the checklist item that is done with it, "" if none is.
    """

    kind: Literal["action"] = "action"
    words: str
    owner: str = ""
    due: str = ""
    type: ActionType = ""
    item: str = ""

    def describe(self, number: str) -> str:
        owner = f" · {self.owner}" if self.owner else ""
        due = f" · due {self.due}" if self.due else ""
        return f"{number} {self.words}{owner}{due}".lstrip()


class ActionDone(EventBase):
    """An action item is done. ``action`` is its entry; in journals before version 3 its number (``A1``).

    ``via`` is the issue tracker that its issue was closed in, "" if it was finished here.
    """

    kind: Literal["action_done"] = "action_done"
    label: ClassVar[str] = "done"
    action: UUID | str
    words: str
    via: str = ""

    def describe(self, number: str) -> str:
        via = f" (its issue in {self.via} was closed)" if self.via else ""
        return f"{number} ✓ {self.words}{via}".lstrip()


class EntryAmended(EventBase):
    """The text or the time of an earlier entry was wrong. The original stays in the journal."""

    kind: Literal["amended"] = "amended"
    entry: UUID
    words: str | None = None
    at: Moment | None = None

    def describe(self, number: str) -> str:
        when = f" at {self.at:%H:%M:%S} UTC" if self.at else ""
        return f"entry {number or short_id(self.entry)} amended{when}" + (f": {self.words}" if self.words else "")


class EntryRetracted(EventBase):
    """An earlier entry is wrong; it is shown struck through."""

    kind: Literal["retracted"] = "retracted"
    entry: UUID
    reason: str = ""

    def describe(self, number: str) -> str:
        return f"entry {number or short_id(self.entry)} retracted" + (f": {self.reason}" if self.reason else "")


class MilestoneAmended(EventBase):
    """A milestone was at another time than recorded."""

    kind: Literal["milestone"] = "milestone"
    milestone: Milestone
    at: Moment
    reason: str = ""

    @property
    def text(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.milestone} was at {self.at:%Y-%m-%d %H:%M:%S} UTC{reason}"


class Resolved(EventBase):
    """Service is restored; the clocks stop. ``overridden`` lists what was still open, ``reason`` why it was
    resolved."""

    kind: Literal["resolved"] = "resolved"
    overridden: tuple[str, ...] = ()
    reason: str = ""

    @property
    def text(self) -> str:
        if not self.overridden:
            return "Resolved, recovery verified"
        return f"Resolved with {len(self.overridden)} open: {self.reason}"


class Reopened(EventBase):
    """The incident was reopened; the clocks resume."""

    kind: Literal["reopened"] = "reopened"
    reason: str

    @property
    def text(self) -> str:
        return f"Reopened: {self.reason}"


class Closed(EventBase):
    """The follow-up is finished, or the incident is a duplicate of another one, ``duplicate_of`` ("" if not)."""

    kind: Literal["closed"] = "closed"
    reason: str = ""
    duplicate_of: str = ""

    @property
    def text(self) -> str:
        duplicate = f" as a duplicate of {self.duplicate_of}" if self.duplicate_of else ""
        return f"Closed{duplicate}" + (f": {self.reason}" if self.reason else "")


class SectionWritten(EventBase):
    """A person wrote a section of the post-mortem. The latest version counts.

    ``settles`` names the suggestions that its text takes in, or leaves out on purpose; None means all of the
    section's.
    """

    kind: Literal["section"] = "section"
    section: Section
    words: str
    settles: tuple[str, ...] | None = None

    @property
    def text(self) -> str:
        return f"{self.section.replace('_', ' ')}: {self.words or 'nothing to report'}"


class SuggestionDismissed(EventBase):
    """A person left a suggestion out of the post-mortem. ``words`` is what it said at that time."""

    kind: Literal["suggestion_dismissed"] = "suggestion_dismissed"
    label: ClassVar[str] = "dismissed"
    section: Section
    suggestion: str
    words: str

    @property
    def text(self) -> str:
        return f"suggestion for {self.section.replace('_', ' ')}: {self.words}"


class AlertTaken(EventBase):
    """An alert of the team's stream became an incident, or was dismissed (``incident`` is "")."""

    kind: Literal["alert_taken"] = "alert_taken"
    alert: UUID
    incident: str = ""

    @property
    def text(self) -> str:
        alert = short_id(self.alert)
        return f"alert {alert} → {self.incident}" if self.incident else f"alert {alert} dismissed"


class ReadinessConfirmed(EventBase):
    """An item of the preparation or improvement list was confirmed (team stream)."""

    kind: Literal["ready"] = "ready"
    item: str
    title: str

    @property
    def text(self) -> str:
        return f"✓ {self.title}"


class UnknownEvent(EventBase):
    """An event of a later version: kept as it is, shown as a plain row. ``body`` is its JSON."""

    kind: str
    body: str

    @property
    def text(self) -> str:
        return f"{self.kind} (from a newer warroom)"


KnownEvent = Annotated[
    Declared
    | AlertReceived
    | AlertCleared
    | AlertsAcknowledged
    | AlertsClosed
    | AlertSilenced
    | ReminderPosted
    | Acknowledged
    | RoleAssigned
    | RoleReleased
    | HandoverOffered
    | ItemChecked
    | ItemUnchecked
    | ItemNotNeeded
    | SeveritySet
    | StatusSet
    | Noted
    | ChangePlanned
    | ChangeDropped
    | HypothesisConfirmed
    | HypothesisRuledOut
    | TaskAssigned
    | TaskDone
    | FixRecorded
    | EvidencePinned
    | UpdatePosted
    | ActionAdded
    | ActionDone
    | ActionReopened
    | ActionChanged
    | EntryAmended
    | EntryRetracted
    | EntryScrubbed
    | MilestoneAmended
    | Resolved
    | Reopened
    | Closed
    | ChannelOpened
    | ChatMessage
    | PostRerouted
    | RunbookStepDone
    | RunbookStepUndone
    | StepRunStarted
    | StepRunEnded
    | WorkflowEnded
    | RequestMade
    | RequestAccepted
    | SectionWritten
    | SuggestionDismissed
    | MeetingScheduled
    | LearningsShared
    | AlertTaken
    | ReadinessConfirmed
    | TurnsSwapped
    | OnCallTaken
    | OnCallHandover
    | DrillStarted
    | HintGiven
    | DrillEnded
    | ImprovementPosted
    | DeliveryUpdated
    | DeliveryAdopted,
    Field(discriminator="kind"),
]

Event = KnownEvent | UnknownEvent

EVENT_KINDS: Mapping[str, type[EventBase]] = {
    model.model_fields["kind"].default: model for model in get_args(get_args(KnownEvent)[0])
}
"""The models of the events by their kinds. Each is built when its first event is made or read."""

_KIND = re.compile(r'\{"kind":"([^"\\]*)"')
"""How a serialized event begins: the kind is its first field."""


def parse_event(body: str) -> Event:
    """Parse an event from JSON: an ``UnknownEvent`` for an unknown kind.

    Raises ``ValueError`` for anything else (pydantic's ``ValidationError`` is one).
    """
    # By its kind, not by a validator of the whole union: that would build the models of all kinds at each start.
    start = _KIND.match(body)
    model = EVENT_KINDS.get(start[1]) if start else None
    if model is None:
        kind = _read_kind(body)
        model = EVENT_KINDS.get(kind)
        if model is None:
            return UnknownEvent(kind=kind, body=body)
    return cast("Event", model.model_validate_json(body))


def _read_kind(body: str) -> str:
    event = from_json(body)
    kind = event.get("kind") if isinstance(event, dict) else None
    if not isinstance(kind, str):
        raise ValueError("an event needs a kind")
    return kind


def serialize_event(event: Event) -> str:
    """Return the event as JSON; an ``UnknownEvent`` byte for byte as it was read."""
    return event.body if isinstance(event, UnknownEvent) else event.model_dump_json()


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An event to append, with the id of its entry."""

    event: Event
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An event in the journal.

    ``id`` never changes and is unique in its stream; ``seq`` is its position in this journal, from 1 without gaps.
    ``stream`` is an incident's id (``INC-7``) or ``team``. ``by`` is who did it, "" for warroom itself. ``at`` is
    UTC, truncated to milliseconds as the journal keeps it; ``ValueError`` without a zone.

    In a shared room ``pos`` is its position in the hub, None while the hub does not have it; ``device`` is the
    laptop it comes from, and ``seen`` the position up to which its author had read.
    """

    stream: str
    seq: int
    id: UUID
    at: datetime
    by: str
    event: Event
    pos: int | None = None
    device: UUID | None = None
    seen: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", to_moment(self.at))

    @property
    def kind(self) -> str:
        """The word the timeline shows; for a note its own kind."""
        event = self.event
        return event.note if isinstance(event, Noted) else event.label or event.kind


TEAM = "team"
"""The stream of events that belong to no incident: alerts not yet declared, readiness."""
