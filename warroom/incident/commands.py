"""The commands: each turns an incident into new events, or is refused with a reason.

A command is a frozen value and ``decide`` is pure: the same incident and context give the same events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import ClassVar, Protocol
from uuid import UUID

from warroom.errors import BadInput, JustPosted, NotFound, Refusal
from warroom.incident.action_items import actions_for, finished_items
from warroom.incident.alert_events import AlertsClosed
from warroom.incident.change_events import ChangePlanned
from warroom.incident.chat_events import ChannelOpened, ChatMessage
from warroom.incident.delivery import Audience, MessageKind
from warroom.incident.events import (
    NOTE_KINDS,
    Acknowledged,
    ActionAdded,
    ActionDone,
    ActionType,
    AlertCleared,
    AlertsAcknowledged,
    Closed,
    Declared,
    Event,
    EvidencePinned,
    FixRecorded,
    ItemChecked,
    ItemUnchecked,
    NewEntry,
    Noted,
    NoteKind,
    ReadinessConfirmed,
    Reopened,
    Resolved,
    RoleAssigned,
    Section,
    SectionWritten,
    SeveritySet,
    StatusSet,
    UpdatePosted,
)
from warroom.incident.identity import outside_id
from warroom.incident.incident import ActionItem, Incident
from warroom.incident.learning_events import LearningsShared
from warroom.incident.meeting_events import MeetingScheduled
from warroom.incident.planned_changes import find_planned
from warroom.incident.playbook import Item, Playbook
from warroom.incident.readings import Measured
from warroom.incident.requests import RequestAccepted

INCIDENT_LISTS = ("detection", "investigation", "resolution", "recovery", "post_incident")
"""The checklists that are worked once per incident; the others belong to the team."""

JUST_POSTED = timedelta(minutes=1)
"""How long after someone else's update a second one to the same audience has to be confirmed."""

MAINTENANCE_NEEDS: Mapping[str, tuple[str, str]] = {
    "window_start": ("the start of its window", "Give it, such as 2026-01-31 22:00."),
    "window_end": ("the end of its window", "Give it, such as 23:30, or for how long: 2h."),
    "impact": ("its impact", "Say what customers will notice."),
    "rollback": ("its rollback", "Say what you do if something goes wrong."),
}
"""The fields that a maintenance notice must not leave empty: what is missing, and what to do."""

PERMANENT_FIX_DAYS = 7
"""When the permanent fix is due after a temporary one: the framework reviews action items within a week."""


@dataclass(frozen=True, slots=True)
class CommandContext:
    """Who gives a command, when, by which playbook. ``new_id`` returns a new entry id."""

    playbook: Playbook
    now: datetime
    by: str
    today: date
    """The date in the team's zone, which due dates count from."""

    new_id: Callable[[], UUID]


class Command(Protocol):
    """Something a person or a service may do to an incident."""

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        """Return the events that follow; a ``NewEntry`` if the id of its entry is given.

        Raises ``Refusal`` (why, and what to do), ``BadInput`` or ``NotFound``.
        """
        ...


def decide(incident: Incident, command: Command, context: CommandContext) -> list[NewEntry]:
    """Return the entries that ``command`` leads to, and the checklist items that they check.

    An entry from outside that the incident already has is left out, so the result may be empty. Raises as
    ``Command.decide`` does.
    """
    if not incident.exists and not isinstance(command, Declare):
        raise NotFound(f"There is no incident {incident.id}", "warroom list shows the incidents there are.")
    if incident.status == "closed" and not getattr(command, "after_closing", False):
        raise Refusal(f"{incident.id} is closed", "Reopen it first: warroom reopen REASON.")
    decided = command.decide(incident, context)
    new = [item if isinstance(item, NewEntry) else NewEntry(item, context.new_id()) for item in decided]
    new = [entry for entry in new if entry.id not in incident.numbers]
    # The action item that a temporary fix brings is not one that somebody thought of.
    automatic = {entry.event.action for entry in new if isinstance(entry.event, FixRecorded)}
    happened = [entry.event for entry in new if entry.id not in automatic]
    checked = _checked_by(happened, incident, context.playbook)
    return new + [NewEntry(event, context.new_id()) for event in checked]


def _checked_by(events: Sequence[Event], incident: Incident, playbook: Playbook) -> list[ItemChecked]:
    done = set(incident.ticks)
    finished = finished_items(incident, events)
    ticks: list[ItemChecked] = []
    for event in events:
        facts = _FACTS[type(event)](event) if type(event) in _FACTS else ()
        with_action = finished.get(event, "") if isinstance(event, ActionDone) else ""
        for name in INCIDENT_LISTS:
            for item in playbook.checklists[name].items if facts or with_action else ():
                if (item.done_by in facts or item.id == with_action) and item.id not in done:
                    done.add(item.id)
                    ticks.append(ItemChecked(item=item.id, title=item.text, because=event.kind))
    return ticks


def _posted(event: UpdatePosted) -> tuple[str, ...]:
    if event.message == "resolution":
        return ("resolution-posted",)
    if event.message == "maintenance":
        return ()
    # The declaration repeats what it was declared with: nobody has assessed the impact by it.
    assessed = event.message == "update" and bool(event.fields.get("impact"))
    return ("update-posted", "impact-stated") if assessed else ("update-posted",)


_FACTS: dict[type, Callable[..., tuple[str, ...]]] = {
    Declared: lambda e: ("severity-set",),
    SeveritySet: lambda e: ("severity-set", "impact-stated"),
    Acknowledged: lambda e: () if e.source else ("acknowledged",),
    AlertsAcknowledged: lambda e: () if e.refused else ("acknowledged",),
    AlertsClosed: lambda e: ("alerts-closed",) if e.last else (),
    AlertCleared: lambda e: ("alerts-closed",) if e.last else (),
    ChannelOpened: lambda e: ("channel-opened", "people-invited")[: 1 + bool(e.invited)] if e.talk else (),
    UpdatePosted: lambda e: _posted(e),
    RoleAssigned: lambda e: (f"role-assigned:{e.role}",),
    EvidencePinned: lambda e: ("evidence-pinned",),
    Noted: lambda e: (f"{e.note}-noted",),
    ChangePlanned: lambda e: ("decision-noted",),
    FixRecorded: lambda e: ("fix-recorded",),
    ActionAdded: lambda e: ("action-added",) if e.owner else (),
    SectionWritten: lambda e: ("postmortem-written",) if e.section == "root_cause" and e.words else (),
    RequestAccepted: lambda e: ("postmortem-published",) if e.request == "document" and not e.public else (),
    LearningsShared: lambda e: ("postmortem-published",),
    MeetingScheduled: lambda e: ("meeting-scheduled",) if e.meeting == "post-mortem" else (),
}
"""What each event makes true, in the terms of the playbook's ``done_by``."""


def required(text: str, what: str, remedy: str = "") -> str:
    """Return ``text`` without the spaces around it. Raises ``BadInput`` if nothing is left."""
    text = text.strip()
    if not text:
        raise BadInput(f"{what} is empty", remedy or "Give it in a few words.")
    return text


def not_in_future(at: datetime, context: CommandContext, what: str, field: str = "") -> datetime:
    """Return ``at``. Raises ``Refusal`` if that is still to come; ``what`` and ``field`` are named in it."""
    # A minute's grace: two machines' clocks never quite agree.
    if at > context.now + timedelta(minutes=1):
        raise Refusal(f"{what} is in the future", "Give a past time, such as -10m or 14:03.").about(field)
    return at


# ── the course of the incident ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Declare:
    """Declare the incident. A ``private`` one stays on this laptop until it is published."""

    service: str
    impact: str
    severity: str = ""
    started_at: datetime | None = None
    detected_at: datetime | None = None
    drill: bool = False
    source: str = ""
    private: bool = False

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        if incident.exists:
            raise Refusal(f"{incident.id} is already declared", "Declare another incident instead.")
        service = required(self.service, "The service", "Name what is affected, such as checkout-api.")
        impact = required(self.impact, "The impact", "Say in a sentence what users notice.")
        # The framework treats what is not yet known as the higher severity.
        severity = context.playbook.severity(self.severity or context.playbook.severities[0].id)
        started = not_in_future(self.started_at or context.now, context, "The start", "started")
        detected = not_in_future(self.detected_at, context, "The detection") if self.detected_at else None
        if detected and detected < started:
            raise Refusal("It was detected before it started", "Give an earlier start.").about("started")
        return [
            Declared(
                service=service,
                impact=impact,
                severity=severity.id,
                started_at=started,
                detected_at=detected,
                drill=self.drill,
                source=self.source,
                private=self.private,
            )
        ]


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Acknowledge the incident: someone is on it. ``source`` is the alert source that is told of it, "" if none."""

    source: str = ""

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        if "acknowledged" in incident.milestones:
            raise Refusal(f"{incident.id} is already acknowledged", "Nothing to do.")
        if not incident.open:
            raise Refusal(f"{incident.id} is {incident.status}", "Reopen it first if it is back.")
        return [Acknowledged(who=context.by, source=self.source)]


@dataclass(frozen=True, slots=True)
class SetSeverity:
    """Raise the severity at once, or lower it with a reason."""

    severity: str
    reason: str = ""

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        severity = context.playbook.severity(self.severity)
        if severity.id == incident.severity:
            raise Refusal(f"{incident.id} is {severity.title} already", "Nothing to do.")
        lower = context.playbook.rank(severity.id) > context.playbook.rank(incident.severity)
        if lower and not self.reason.strip():
            raise Refusal(
                f"Lowering the severity to {severity.title} needs a reason",
                "Say why it is less severe than thought; the timeline records it.",
            )
        rank = context.playbook.rank(severity.id)
        return [SeveritySet(severity=severity.id, before=incident.severity, reason=self.reason.strip(), rank=rank)]


@dataclass(frozen=True, slots=True)
class SetStatus:
    """Say that the impact is mitigated, or that it is being investigated again."""

    status: str
    reason: str = ""

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        if self.status == "resolved":
            return Resolve(reason=self.reason).decide(incident, context)
        if self.status not in ("investigating", "mitigated"):
            raise BadInput(f"{self.status!r} is not a status", "Use investigating, mitigated or resolved.")
        if not incident.open:
            raise Refusal(f"{incident.id} is {incident.status}", "Reopen it first: warroom reopen REASON.")
        if self.status == incident.status:
            raise Refusal(f"{incident.id} is {self.status} already", "Nothing to do.")
        status = "mitigated" if self.status == "mitigated" else "investigating"
        return [StatusSet(status=status, before=incident.status, reason=self.reason.strip())]


def resolve_blockers(
    incident: Incident, playbook: Playbook, against: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """What still keeps the incident from being resolved, in the order to work on it.

    ``against`` holds live evidence against recovery items, by item; a tick does not outweigh it.
    """
    blockers = [] if incident.fixes else ["No fix is recorded"]
    for item in playbook.checklists["recovery"].items:
        evidence = (against or {}).get(item.id, "")
        if item.id not in incident.ticks:
            blockers.append(f"Not verified: {item.text}" + (f" — {evidence}" if evidence else ""))
        elif evidence:
            blockers.append(f"Ticked, but not met: {item.text} — {evidence}")
    return tuple(blockers)


@dataclass(frozen=True, slots=True)
class Resolve:
    """Say that service is restored. ``reason`` resolves over what is still open.

    ``against`` is live evidence against recovery items, by item.
    """

    reason: str = ""
    against: dict[str, str] = field(default_factory=dict)

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        if not incident.open:
            raise Refusal(f"{incident.id} is {incident.status} already", "Nothing to do.")
        blockers = resolve_blockers(incident, context.playbook, self.against)
        if blockers and not self.reason.strip():
            raise Refusal(
                f"{incident.id} cannot be resolved yet",
                "Verify these, or give a reason to resolve anyway.",
                blockers,
            )
        return [Resolved(overridden=blockers, reason=self.reason.strip() if blockers else "")]


@dataclass(frozen=True, slots=True)
class Reopen:
    """Say that it was not over. The recovery has to be verified anew."""

    reason: str
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        if incident.open:
            raise Refusal(f"{incident.id} is open", "Nothing to do.")
        reason = required(self.reason, "The reason", "Say why.")
        unverified: list[Event] = [
            ItemUnchecked(item=item.id, title=item.text)
            for item in context.playbook.checklists["recovery"].items
            if item.id in incident.ticks
        ]
        return [Reopened(reason=reason), *unverified]


def close_blockers(incident: Incident, playbook: Playbook) -> tuple[str, ...]:
    """What is still outstanding of the 48-hour checklist."""
    return tuple(item.text for item in playbook.checklists["post_incident"].items if item.id not in incident.ticks)


@dataclass(frozen=True, slots=True)
class Close:
    """Close the incident: the follow-up is done. ``reason`` closes it although something is outstanding."""

    reason: str = ""

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        if incident.open:
            raise Refusal(f"{incident.id} is not resolved", "Resolve it first.")
        owed = close_blockers(incident, context.playbook)
        if owed and not self.reason.strip():
            raise Refusal(
                f"{incident.id} has outstanding follow-up", "Do these, or give a reason to close anyway.", owed
            )
        return [Closed(reason=self.reason.strip())]


# ── the checklist ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Check:
    """Check a checklist item. One with an open action item is done when that is.

    ``evidence`` is the reading for it; ``against`` is one that contradicts it, which only ``anyway`` overrides.
    """

    item: str
    against: str = ""
    anyway: bool = False
    evidence: str = ""

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        item = context.playbook.item(self.item)
        if item.id in incident.ticks:
            state = "not needed" if incident.ticks[item.id].not_needed else "already done"
            raise Refusal(f"“{item.text}” is {state}", "Nothing to do.")
        if actions := actions_for(incident, item.id):
            names = " and ".join(action.id for action in actions)
            raise Refusal(f"“{item.text}” is done when {names} is", f"Finish {names} first.")
        against = self.against.strip()
        if against and not self.anyway:
            raise Refusal(
                f"“{item.text}” is contradicted: {against}",
                "Look into it first, or use --anyway; the timeline records the evidence.",
            )
        return [ItemChecked(item=item.id, title=item.text, against=against, evidence=self.evidence.strip())]


@dataclass(frozen=True, slots=True)
class Uncheck:
    """Take the tick from a checklist item."""

    item: str

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        item = context.playbook.item(self.item)
        if item.id not in incident.ticks:
            raise Refusal(f"“{item.text}” is not done", "Nothing to do.")
        return [ItemUnchecked(item=item.id, title=item.text)]


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Note:
    """Write something down. A change names its rollback."""

    words: str
    note: NoteKind = "note"
    because: str = ""
    rollback: str = ""

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        if self.note not in NOTE_KINDS:
            raise BadInput(f"{self.note!r} is not a kind of note", f"Use one of {', '.join(NOTE_KINDS)}.")
        words = required(self.words, f"The {self.note}")
        rollback = self.rollback.strip()
        if self.note == "change" and not rollback:
            raise Refusal(
                "A change needs its rollback plan", "Say how to undo it, or “none” if it cannot be undone."
            )
        return [Noted(note=self.note, words=words, because=self.because.strip(), rollback=rollback)]


@dataclass(frozen=True, slots=True)
class RecordFix:
    """Record a fix; a temporary one adds an action item for the permanent fix.

    ``measured`` is what the probes measure before the fix shows, by their names. ``planned`` is the number of the
    planned change that the fix is, "" for none: it is made with the fix, and its rollback is the fix's unless that
    has one. ``permanent`` is what the permanent fix is expected to be, such as "Code fix needed".
    """

    words: str
    temporary: bool = False
    rollback: str = ""
    measured: Mapping[str, Measured] = field(default_factory=dict)
    planned: str = ""
    permanent: str = ""

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        words, measured = required(self.words, "The fix"), dict(self.measured)
        plan = find_planned(incident.changes, self.planned) if self.planned else None
        fix = FixRecorded(
            words=words,
            temporary=self.temporary,
            rollback=self.rollback.strip() or (plan.rollback if plan else ""),
            measured=measured,
            planned=plan.entry if plan else None,
        )
        if not self.temporary:
            return [fix]
        lead, kind = incident.roles.get("technical_lead"), self.permanent.strip()
        due = context.today + timedelta(days=PERMANENT_FIX_DAYS)
        action = NewEntry(
            ActionAdded(
                words=f"Permanent fix for: {words}" + (f" ({kind})" if kind else ""),
                owner=lead.person if lead else "",
                due=due.isoformat(),
            ),
            context.new_id(),
        )
        return [fix.model_copy(update={"action": action.id}), action]


@dataclass(frozen=True, slots=True)
class Pin:
    """Keep log lines as evidence. ``words`` are redacted already."""

    source: str
    words: str
    line: int = 0
    logged_at: datetime | None = None
    level: str = ""
    comment: str = ""

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        words = required(self.words, "The evidence", "Choose a log line with text.")
        pinned = EvidencePinned(
            source=self.source or "log",
            line=self.line,
            logged_at=self.logged_at,
            level=self.level,
            words=words,
            comment=self.comment.strip(),
        )
        if pinned in (event for _, event in incident.evidence):
            raise Refusal("That line is already pinned", "Nothing to do.")
        return [pinned]


@dataclass(frozen=True, slots=True)
class RecordChat:
    """Record a chat message. ``message_id`` identifies it at ``via``: recorded twice, it is one entry."""

    who: str
    via: str
    words: str
    message_id: str = ""

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        message = ChatMessage(who=self.who, via=self.via, words=required(self.words, "The message"))
        if not self.message_id:
            return [message]
        return [NewEntry(message, outside_id("chat", self.via, self.message_id))]


@dataclass(frozen=True, slots=True)
class PostUpdate:
    """Say something to an audience. Updates to customers need the incident commander's OK.

    ``seen`` is the number of the last update that whoever posts this has read. Somebody else's that came after
    it, to the same audience and within ``JUST_POSTED``, is a reason to ask first.
    """

    message: MessageKind
    template: str
    audience: Audience
    title: str
    words: str
    fields: dict[str, str] = field(default_factory=dict)
    next_update_at: datetime | None = None
    destinations: tuple[str, ...] = ()
    approved_by: str = ""
    seen: int = 0

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        words = required(self.words, "The update")
        next_at = self.next_update_at
        over = self.message == "resolution" or not incident.open
        if next_at is None and self.audience == "team" and not over:
            raise Refusal(
                "An update needs the time of the next one",
                "Give it, such as +15m or 14:30.",
            ).about("next_update")
        self._complete_notice()
        if next_at is not None and next_at <= context.now:
            raise Refusal("The next update is in the past", "Give a future time, such as +15m.").about(
                "next_update"
            )
        approved = self.approved_by.strip()
        if self.audience == "customers" and not approved:
            if context.by != incident.commander:
                leader = incident.commander or "an incident commander, once one is assigned"
                raise Refusal(
                    "Updates to customers need the incident commander's OK",
                    f"Ask {leader}, and name who approved it.",
                ).about("approved")
            approved = context.by
        self._not_just_posted(incident, context)
        return [
            UpdatePosted(
                message=self.message,
                template=self.template,
                audience=self.audience,
                status=incident.status,
                fields=self.fields,
                title=self.title,
                words=words,
                next_update_at=None if over else next_at,
                destinations=self.destinations,
                approved_by=approved,
            )
        ]

    def _complete_notice(self) -> None:
        """Refuse a maintenance notice whose template asks for more than was given."""
        for name, (what, remedy) in MAINTENANCE_NEEDS.items() if self.message == "maintenance" else ():
            if name in self.fields and not self.fields[name].strip():
                raise Refusal(f"A maintenance notice needs {what}", remedy).about(name)

    def _not_just_posted(self, incident: Incident, context: CommandContext) -> None:
        to_them = (post for post in reversed(incident.posts) if post.update.audience == self.audience)
        last = next(to_them, None)
        if last is None or last.update.message == "declaration" or last.by == context.by:
            return
        age = abs(context.now - last.at)  # two machines' clocks never quite agree
        if last.number > self.seen and age < JUST_POSTED:
            who = "the team" if self.audience == "team" else self.audience
            about = last.update.fields.get("impact", "").strip() or last.update.title
            raise JustPosted(
                f"{last.by or 'Somebody'} posted update #{last.number} to {who}"
                f" {int(age.total_seconds())} s ago: {about}",
                "Read it first. If yours is still needed, post it too: warroom update --anyway.",
                last.number,
            )


@dataclass(frozen=True, slots=True)
class WriteSection:
    """Write a section of the post-mortem; the last one written counts. No words leave it empty on purpose.

    ``settles`` names the suggestions that the person has seen in it; None means all of the section's.
    """

    section: Section
    words: str
    settles: tuple[str, ...] | None = None
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        return [SectionWritten(section=self.section, words=self.words.strip(), settles=self.settles)]


# ── the follow-up ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class AddAction:
    """Write down something to do after the incident; ``due`` is an ISO date or "".

    ``item`` is the item of the follow-up checklist that is done with it, by its id; "" for none.
    """

    words: str
    owner: str = ""
    due: str = ""
    type: ActionType = ""
    item: str = ""

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        due = iso_day(self.due)
        words = required(self.words, "The action item")
        item = follow_up_item(context.playbook, self.item) if self.item else None
        if item and item.id in incident.ticks:
            raise Refusal(
                f"“{item.text}” is already done", "Add the action item by itself, or untick the item first."
            )
        return [
            ActionAdded(
                words=words, owner=self.owner.strip(), due=due, type=self.type, item=item.id if item else ""
            )
        ]


@dataclass(frozen=True, slots=True)
class CompleteAction:
    """Say that an action item is finished."""

    action: str
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        item = known_action(incident, self.action)
        if item.done_at:
            raise Refusal(f"{item.id} is already done", "Nothing to do.")
        return [ActionDone(action=item.entry, words=item.words)]


def iso_day(text: str) -> str:
    """Return a day as an ISO date; "" for "". Raises ``BadInput`` for anything else."""
    text = text.strip()
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        raise BadInput(f"{text!r} is not a day", "Use a date such as 2026-02-14.") from None


def known_action(incident: Incident, name: str) -> ActionItem:
    """Return an action item by its number, such as ``A1``. Raises ``NotFound``."""
    item = incident.actions.get(name.strip().upper())
    if item is None:
        known = ", ".join(incident.actions) or "none yet"
        raise NotFound(f"There is no action item {name!r}", f"There are: {known}.")
    return item


def follow_up_item(playbook: Playbook, item_id: str) -> Item:
    """Return an item of the follow-up checklist. Raises ``NotFound``, ``Refusal`` for one of another checklist."""
    item, items = playbook.item(item_id), playbook.checklists["post_incident"].items
    if item not in items:
        known = ", ".join(one.id for one in items)
        raise Refusal(f"“{item.text}” is not part of the follow-up", f"These are: {known}.")
    return item


@dataclass(frozen=True, slots=True)
class OpenChannel:
    """Keep where a destination talks about the incident."""

    destination: str
    channel: str
    name: str = ""
    url: str = ""
    invited: int = 0
    thread: str = ""
    talk: bool = True
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        return [
            ChannelOpened(
                destination=self.destination,
                channel=self.channel,
                name=self.name,
                url=self.url,
                invited=self.invited,
                thread=self.thread,
                talk=self.talk,
            )
        ]


# ── the team's own stream ─────────────────────────────────────────────────────────────────────────────────


def confirm_ready(item_id: str, playbook: Playbook) -> list[Event]:
    """An item of the preparation or improvement list holds true now. NotFound if there is none such."""
    item = playbook.item(item_id)
    return [ReadinessConfirmed(item=item.id, title=item.text)]
