"""Every fact that can be journalled: frozen, versioned, one union told apart by ``kind``. Never decides anything.

A fact is written once and never changed. When a shape must change, the new one gets a new ``kind``
(or an optional field with a default), so that every journal ever written can still be read.
Text has been made inert and secrets masked before it gets here. Times are UTC, in milliseconds.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from warroom.incident.delivery import Audience, MessageKind


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time needs a zone")
    value = value.astimezone(UTC)
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


Moment = Annotated[datetime, AfterValidator(_utc)]
"""A point in time: UTC, cut to milliseconds."""

Status = Literal["investigating", "mitigated", "resolved", "closed"]
Milestone = Literal["started", "detected", "declared", "acknowledged", "mitigated", "resolved"]
MILESTONES: tuple[Milestone, ...] = (
    "started",
    "detected",
    "declared",
    "acknowledged",
    "mitigated",
    "resolved",
)
NoteKind = Literal["note", "finding", "hypothesis", "decision", "change"]
NOTE_KINDS: tuple[NoteKind, ...] = ("note", "finding", "hypothesis", "decision", "change")
Section = Literal[
    "summary", "root_cause", "users_affected", "business_impact", "went_well", "could_improve", "customer_impact"
]
SECTIONS: tuple[Section, ...] = (
    "summary",
    "root_cause",
    "users_affected",
    "business_impact",
    "customer_impact",
    "went_well",
    "could_improve",
)


class EventBase(BaseModel):
    """What every event has: a ``kind``, and one line of ``text`` that tells it."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    label: ClassVar[str] = ""
    """The word the timeline shows for it; the kind itself where empty."""

    @property
    def text(self) -> str:
        """The fact in one or more lines, for the timeline, exports and the post-mortem."""
        raise NotImplementedError


class Declared(EventBase):
    """The incident exists. ``drill`` keeps it away from real channels."""

    kind: Literal["declared"] = "declared"
    service: str
    impact: str
    severity: str
    started_at: Moment
    detected_at: Moment | None = None
    drill: bool = False
    source: str = ""

    @property
    def text(self) -> str:
        drill = " (drill)" if self.drill else ""
        return f"{self.severity.capitalize()}{drill}: {self.service} · {self.impact}"


class AlertReceived(EventBase):
    """A monitor said something: before the declaration in the team's own stream, later in the incident's.

    ``drill`` is set by the drill player alone. No text from outside, its source included, makes an alert a drill's.
    """

    kind: Literal["alert"] = "alert"
    name: str
    source: str = ""
    service: str = ""
    detail: str = ""
    fired_at: Moment | None = None
    drill: bool = False

    @property
    def text(self) -> str:
        source = f" ({self.source})" if self.source else ""
        return f"{self.name}{source}" + (f": {self.detail}" if self.detail else "")


class Acknowledged(EventBase):
    """Somebody has the alert in hand; stops the response clock."""

    kind: Literal["acknowledged"] = "acknowledged"
    who: str

    @property
    def text(self) -> str:
        return f"{self.who} acknowledged the alert"


class RoleAssigned(EventBase):
    """A person holds a role from now on. ``handed_over_by`` names who held it before, if they handed it over."""

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
    """Nobody holds the role now."""

    kind: Literal["released"] = "released"
    role: str
    title: str
    person: str

    @property
    def text(self) -> str:
        return f"{self.title}: {self.person} released"


class HandoverOffered(EventBase):
    """A role is offered to another person; the holder keeps it until they say yes."""

    kind: Literal["handover"] = "handover"
    role: str
    title: str
    holder: str
    to: str
    briefing: str = ""

    @property
    def text(self) -> str:
        briefing = f" — {self.briefing}" if self.briefing else ""
        return f"{self.title}: {self.holder} offers it to {self.to}{briefing}"


class ItemChecked(EventBase):
    """A checklist item is done. ``because`` names the fact that ticked it, "" if a person did; ``against`` is the
    evidence against it that the person saw and overrode."""

    kind: Literal["checked"] = "checked"
    item: str
    title: str
    because: str = ""
    against: str = ""

    @property
    def text(self) -> str:
        because = f" ({self.because})" if self.because else ""
        return f"✓ {self.title}{because}" + (f" — although: {self.against}" if self.against else "")


class ItemUnchecked(EventBase):
    """A checklist item is not done after all."""

    kind: Literal["unchecked"] = "unchecked"
    item: str
    title: str

    @property
    def text(self) -> str:
        return f"○ {self.title} (unchecked)"


class SeveritySet(EventBase):
    """The severity changed; lowering it carries a reason."""

    kind: Literal["severity"] = "severity"
    severity: str
    before: str
    reason: str = ""

    @property
    def text(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.before.capitalize()} → {self.severity.capitalize()}{reason}"


class StatusSet(EventBase):
    """The incident is being investigated (again), or its impact is mitigated."""

    kind: Literal["status"] = "status"
    status: Literal["investigating", "mitigated"]
    before: Status
    reason: str = ""

    @property
    def text(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.before.capitalize()} → {self.status.capitalize()}{reason}"


class Noted(EventBase):
    """Something written down. A decision carries its ``because``, a change its ``rollback``."""

    kind: Literal["noted"] = "noted"
    note: NoteKind
    words: str
    because: str = ""
    rollback: str = ""

    @property
    def text(self) -> str:
        because = f" — because {self.because}" if self.because else ""
        rollback = f" (rollback: {self.rollback})" if self.rollback else ""
        return f"{self.words}{because}{rollback}"


class FixRecorded(EventBase):
    """A fix was made. A temporary one names the action item for the permanent one."""

    kind: Literal["fix"] = "fix"
    words: str
    temporary: bool
    rollback: str = ""
    action: str = ""

    @property
    def text(self) -> str:
        sort = "temporary" if self.temporary else "permanent"
        rollback = f" (rollback: {self.rollback})" if self.rollback else ""
        action = f" → {self.action}" if self.action else ""
        return f"{self.words} ({sort}){rollback}{action}"


class EvidencePinned(EventBase):
    """A log line (or several) kept for good, redacted. ``line`` counts from 1, 0 if unknown."""

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
    """Words for an audience, with the template's fields they were made from.

    ``number`` counts the incident's posts from 1; ``next_update_at`` is the promise it makes.
    """

    kind: Literal["update"] = "update"
    number: int
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

    @property
    def text(self) -> str:
        impact = self.fields.get("impact", "")
        to = "" if self.audience == "team" else f" to {self.audience}"
        was = "" if self.status == "investigating" else "impact was: "
        return f"{self.message} {self.number}{to}" + (f": {was}{impact}" if impact else "")


class ActionAdded(EventBase):
    """Something to do after the incident. ``due`` is a calendar day in the team's zone."""

    kind: Literal["action"] = "action"
    action: str
    words: str
    owner: str = ""
    due: str = ""

    @property
    def text(self) -> str:
        owner = f" · {self.owner}" if self.owner else ""
        due = f" · due {self.due}" if self.due else ""
        return f"{self.action} {self.words}{owner}{due}"


class ActionDone(EventBase):
    """An action item is finished."""

    kind: Literal["action_done"] = "action_done"
    label: ClassVar[str] = "done"
    action: str
    words: str

    @property
    def text(self) -> str:
        return f"{self.action} ✓ {self.words}"


class EntryAmended(EventBase):
    """The text or the time of an earlier entry was wrong; the original stays in the journal."""

    kind: Literal["amended"] = "amended"
    entry: int
    words: str | None = None
    at: Moment | None = None

    @property
    def text(self) -> str:
        when = f" at {self.at:%H:%M:%S} UTC" if self.at else ""
        return f"entry {self.entry} amended{when}" + (f": {self.words}" if self.words else "")


class EntryRetracted(EventBase):
    """An earlier entry does not hold; it is shown struck out."""

    kind: Literal["retracted"] = "retracted"
    entry: int
    reason: str = ""

    @property
    def text(self) -> str:
        return f"entry {self.entry} retracted" + (f": {self.reason}" if self.reason else "")


class MilestoneAmended(EventBase):
    """A milestone was at another time than the journal thought."""

    kind: Literal["milestone"] = "milestone"
    milestone: Milestone
    at: Moment
    reason: str = ""

    @property
    def text(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.milestone} was at {self.at:%Y-%m-%d %H:%M:%S} UTC{reason}"


class Resolved(EventBase):
    """Service is restored; the clocks stop. ``overridden`` lists what was still open, with the reason."""

    kind: Literal["resolved"] = "resolved"
    overridden: tuple[str, ...] = ()
    reason: str = ""

    @property
    def text(self) -> str:
        if not self.overridden:
            return "Resolved, recovery verified"
        return f"Resolved over {len(self.overridden)} open: {self.reason}"


class Reopened(EventBase):
    """It was not over; the clocks go on."""

    kind: Literal["reopened"] = "reopened"
    reason: str

    @property
    def text(self) -> str:
        return f"Reopened: {self.reason}"


class Closed(EventBase):
    """The follow-up is done or handed on; the incident is history."""

    kind: Literal["closed"] = "closed"
    reason: str = ""

    @property
    def text(self) -> str:
        return "Closed" + (f": {self.reason}" if self.reason else "")


class ChannelOpened(EventBase):
    """A destination has a channel for this incident."""

    kind: Literal["channel"] = "channel"
    destination: str
    channel: str
    name: str = ""
    url: str = ""
    invited: int = 0

    @property
    def text(self) -> str:
        return f"{self.destination}: {self.name or self.channel or 'ready'}"


class ChatMessage(EventBase):
    """Somebody said something in a chat that the incident should remember."""

    kind: Literal["heard"] = "heard"
    who: str
    via: str
    words: str

    @property
    def text(self) -> str:
        return f"{self.who} ({self.via}): {self.words}"


class SectionWritten(EventBase):
    """A person wrote a section of the post-mortem; the last one written counts."""

    kind: Literal["section"] = "section"
    section: Section
    words: str

    @property
    def text(self) -> str:
        return f"{self.section.replace('_', ' ')}: {self.words or 'left empty'}"


class AlertTaken(EventBase):
    """An alert of the team's stream became an incident, or was set aside (``incident`` is "")."""

    kind: Literal["alert_taken"] = "alert_taken"
    alert: int
    incident: str = ""

    @property
    def text(self) -> str:
        return f"alert {self.alert} → {self.incident}" if self.incident else f"alert {self.alert} set aside"


class ReadinessConfirmed(EventBase):
    """An item of the preparation or improvement list held true at this time (team stream)."""

    kind: Literal["ready"] = "ready"
    item: str
    title: str

    @property
    def text(self) -> str:
        return f"✓ {self.title}"


Event = Annotated[
    Declared
    | AlertReceived
    | Acknowledged
    | RoleAssigned
    | RoleReleased
    | HandoverOffered
    | ItemChecked
    | ItemUnchecked
    | SeveritySet
    | StatusSet
    | Noted
    | FixRecorded
    | EvidencePinned
    | UpdatePosted
    | ActionAdded
    | ActionDone
    | EntryAmended
    | EntryRetracted
    | MilestoneAmended
    | Resolved
    | Reopened
    | Closed
    | ChannelOpened
    | ChatMessage
    | SectionWritten
    | AlertTaken
    | ReadinessConfirmed,
    Field(discriminator="kind"),
]

_adapter: TypeAdapter[Event] | None = None


def parse_event(body: str | bytes) -> Event:
    """The event that ``body`` (JSON) holds; pydantic's ValidationError if it holds none we know."""
    global _adapter  # built on first use: half of this module's import time
    if _adapter is None:
        _adapter = TypeAdapter(Event)
    return _adapter.validate_json(body)


class Entry(BaseModel):
    """An event in its place: the journal numbers a stream's entries from 1 without gaps.

    ``stream`` is an incident's id (``INC-7``) or ``team``; ``by`` is who did it, "" for warroom itself.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    stream: str
    seq: int
    at: Moment
    by: str
    event: Event

    @property
    def kind(self) -> str:
        """The word the timeline shows: notes by their own kind."""
        event = self.event
        return event.note if isinstance(event, Noted) else event.label or event.kind

    def public(self) -> dict[str, Any]:
        """The shape ``timeline --json`` promises."""
        return {"seq": self.seq, "at": self.at, "kind": self.kind, "by": self.by, "text": self.event.text}


TEAM = "team"
"""The stream of facts that belong to no incident: alerts not yet declared, readiness."""
