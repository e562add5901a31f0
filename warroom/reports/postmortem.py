"""The post-mortem as a value, built from the journal: what people wrote, and drafts of what they have not.

Names of people become roles ("the incident commander", "a responder") everywhere but in the owners of action items.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import groupby

from pydantic import BaseModel, ConfigDict, Field

from warroom.incident import timing
from warroom.incident.chat import parse_chat_command
from warroom.incident.chat_events import ChannelOpened, ChatMessage
from warroom.incident.delivery import Delivery
from warroom.incident.events import (
    ActionAdded,
    ActionDone,
    AlertReceived,
    EntryAmended,
    EntryRetracted,
    EvidencePinned,
    HandoverOffered,
    ItemChecked,
    Milestone,
    MilestoneAmended,
    RoleAssigned,
    RoleReleased,
    SectionWritten,
    SuggestionDismissed,
    UpdatePosted,
)
from warroom.incident.events import Section as SectionName
from warroom.incident.follow_up_events import ActionChanged, ActionReopened, ItemNotNeeded
from warroom.incident.incident import Incident, TimelineRow, in_order
from warroom.incident.learning_events import LearningsShared
from warroom.incident.meetings import scheduled
from warroom.incident.playbook import Playbook
from warroom.incident.requests import RequestMade
from warroom.incident.scrub_events import EntryScrubbed
from warroom.incident.tracking import issues
from warroom.reports import metrics
from warroom.reports.course import Course
from warroom.reports.messages import format_dated_moment, format_moment
from warroom.reports.metrics import Durations, PhaseTime, UpdatePromise
from warroom.reports.role_times import RoleGap, RoleSummary, role_gaps, role_summaries
from warroom.reports.suggestions import COMMANDER, Suggestion, SuggestionFacts, suggest
from warroom.reports.timeline_parts import RoutineEvents, TimedLine, TimelinePart, divide
from warroom.reports.warnings import names_in
from warroom.safety import redact


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class TimelineLine(_Frozen):
    """A line of the timeline.

    ``day`` (ISO), ``time`` and ``offset`` (``CET, UTC+01:00``) are in the team's zone. ``data`` is where to look it
    up, ``routine`` what it is counted as in a long timeline, "" for a key event.
    """

    seq: int
    at: datetime
    day: str
    time: str
    offset: str
    kind: str
    text: str
    data: str = ""
    routine: str = ""


class PromisedUpdate(UpdatePromise):
    """A promised update with its due ``time`` in the team's zone."""

    time: str


class PostMortemSection(_Frozen):
    """A section: what people wrote. ``left_empty``: a person decided that there is nothing to write."""

    text: str = Field("", serialization_alias="words")
    left_empty: bool = False


class PostMortemAction(_Frozen):
    """An action item. ``due`` is an ISO date or "", ``type`` one of ``ACTION_TYPES`` or "".

    ``issue`` is the address of its issue, "" if it has none.
    """

    id: str
    text: str = Field(serialization_alias="words")
    owner: str
    due: str
    done: bool
    type: str = ""
    issue: str = ""


class NotNeededItem(_Frozen):
    """An item of the follow-up checklist that was not needed after this incident, and why."""

    item: str
    text: str = Field(serialization_alias="words")
    reason: str


class CustomerMessage(_Frozen):
    """A message to customers, word for word. ``time`` is in the team's zone; ``urls`` are where it was posted."""

    at: datetime
    time: str
    title: str
    text: str
    urls: tuple[str, ...] = ()


class PostMortem(_Frozen):
    """The whole document. Times are UTC. Texts are redacted and, except for action items, without names."""

    id: str
    title: str
    service: str
    severity: str
    status: str
    drill: bool
    written_at: datetime
    zone: str
    span: str
    duration_s: float
    summary: PostMortemSection
    timeline: tuple[TimelineLine, ...]
    parts: tuple[TimelinePart, ...] = Field(exclude=True)
    """The timeline divided for reading; empty unless it is long."""
    milestones: dict[Milestone, datetime]
    milestone_times: dict[Milestone, str]
    durations: Durations = Field(serialization_alias="measured")
    phases: tuple[PhaseTime, ...]
    cadence: tuple[PromisedUpdate, ...]
    roles: tuple[RoleSummary, ...]
    gaps: tuple[RoleGap, ...]
    evidence: tuple[TimelineLine, ...]
    users_affected: str
    business_impact: str
    customer_impact: str
    participants: tuple[str, ...]
    """Who took part, by role."""
    trigger: str
    """What may have set it off, in prose; "" if no change is known."""
    detection: str
    """How it was noticed, in prose."""
    resolution: tuple[str, ...]
    """What ended it, step by step."""
    severities: str
    """How long it had which severity; "" if that never changed."""
    unwritten: tuple[SectionName, ...]
    """The sections that are still to be written."""
    meeting: str
    """When the post-mortem meeting is, "" if none is scheduled."""
    root_cause: PostMortemSection
    contributing_factors: PostMortemSection
    went_well: PostMortemSection
    could_improve: PostMortemSection
    lucky: PostMortemSection
    customer_messages: tuple[CustomerMessage, ...]
    actions: tuple[PostMortemAction, ...]
    not_needed: tuple[NotNeededItem, ...] = ()
    suggestions: dict[SectionName, tuple[Suggestion, ...]] = Field(exclude=True)
    """What a person may take into each section: never part of the document."""


def build(
    incident: Incident, playbook: Playbook, deliveries: Sequence[Delivery], now: datetime, zone: tzinfo
) -> PostMortem:
    """Build the post-mortem of ``incident`` as of ``now``; times for people are in ``zone``."""
    writer = _BlamelessWriter(incident, playbook, deliveries, now, zone)
    timeline = tuple(writer.timeline())
    durations = metrics.durations_of(incident)
    cadence = metrics.cadence(incident, playbook, now)
    gaps = tuple(role_gaps(incident, playbook, now, zone))
    start, resolved = incident.milestones.get("started"), incident.milestones.get("resolved")
    texts = {name: writer.blameless(text, now) for name, text in incident.sections.items()}

    def section(name: SectionName) -> PostMortemSection:
        return PostMortemSection(text=texts.get(name, ""), left_empty=texts.get(name) == "")

    course = Course(incident, playbook, zone, now, writer.blameless)
    known = issues(incident)
    phases = metrics.phases(incident, playbook, now)
    facts = SuggestionFacts(
        incident,
        playbook,
        writer.deliveries,
        now,
        zone,
        writer.severity,
        durations,
        cadence,
        gaps,
        writer.blameless,
    )

    return PostMortem(
        id=incident.id,
        title=writer.blameless(incident.title, now),
        service=_safe(incident.service),
        severity=writer.severity,
        status=incident.status,
        drill=incident.drill,
        written_at=now,
        zone=str(zone),
        span=_format_span(start, resolved, zone),
        duration_s=timing.elapsed(incident, now).total_seconds(),
        summary=section("summary"),
        timeline=timeline,
        parts=divide([TimedLine(row.at, row.routine) for row in timeline], phases, start, zone),
        milestones=in_order(incident.milestones),
        milestone_times={name: format_dated_moment(at, zone) for name, at in incident.milestones.items()},
        durations=durations,
        phases=phases,
        cadence=tuple(PromisedUpdate(**dict(p), time=format_moment(p.due, zone, start)) for p in cadence),
        roles=tuple(role_summaries(incident, playbook, now)),
        gaps=gaps,
        evidence=tuple(row for row in timeline if row.kind == "evidence"),
        users_affected=texts.get("users_affected", ""),
        business_impact=texts.get("business_impact", ""),
        customer_impact=texts.get("customer_impact", ""),
        participants=tuple(writer.participants()),
        trigger=course.trigger(),
        detection=course.detection(durations),
        resolution=tuple(course.resolution(durations)),
        severities=course.severities(),
        unwritten=tuple(incident.unwritten),
        meeting=next((one.when for name, one in scheduled(incident).items() if name == "post-mortem"), ""),
        root_cause=section("root_cause"),
        contributing_factors=section("contributing_factors"),
        went_well=section("went_well"),
        could_improve=section("could_improve"),
        lucky=section("lucky"),
        customer_messages=tuple(writer.customer_messages()),
        actions=tuple(
            PostMortemAction(
                id=a.id,
                text=_safe(a.words),
                owner=_safe(a.owner),
                due=a.due,
                done=a.done_at is not None,
                type=a.type,
                issue=known[a.entry].url if a.entry in known else "",
            )
            for a in incident.actions.values()
        ),
        not_needed=tuple(
            NotNeededItem(item=item.id, text=item.text, reason=facts.blameless(tick.not_needed, tick.at))
            for item in playbook.checklists["post_incident"].items
            if (tick := incident.ticks.get(item.id)) and tick.not_needed
        ),
        suggestions=suggest(facts),
    )


MOST_CHAT = 40
"""More messages from the chat than this would drown the timeline of the document: then only those count that were
pinned, or made a finding or a decision. The journal keeps them all."""

_NOT_IN_TIMELINE = (
    EntryAmended,
    EntryRetracted,
    EntryScrubbed,
    MilestoneAmended,
    SectionWritten,
    SuggestionDismissed,
    LearningsShared,
    ActionAdded,
    ActionDone,
    ActionChanged,
    ActionReopened,
    ItemNotNeeded,
    RequestMade,
)
"""What other parts of the document show: changes to other entries, sections, action items. A request to a service
is shown once it was carried out."""


class _BlamelessWriter:
    """Writes the parts of one incident's post-mortem, with roles instead of names."""

    def __init__(
        self, incident: Incident, playbook: Playbook, deliveries: Sequence[Delivery], now: datetime, zone: tzinfo
    ) -> None:
        self.incident, self.playbook, self.now, self.zone = incident, playbook, now, zone
        self.deliveries = [d for d in deliveries if d.incident == incident.id]
        found = next((s for s in playbook.severities if s.id == incident.severity), None)
        self.severity = found.title if found else incident.severity.capitalize()
        names = names_in(incident)
        self._names = re.compile(
            "|".join(rf"(?<!\w)@?{re.escape(name)}(?!\w)" for name in names) if names else r"(?!)"
        )
        self._roles = {role.id: role.title for role in playbook.roles}
        self._tenures = sorted((t for t in incident.tenures), key=lambda t: t.since)
        self._since = [t.since for t in self._tenures]

    def blameless(self, text: str, at: datetime) -> str:
        """Return ``text`` redacted, with each name replaced by the role that person held at ``at``."""

        def role(match: re.Match[str]) -> str:
            writer = self._role(match[0].lstrip("@"), at)
            return writer if match.start() else writer[0].upper() + writer[1:]

        return _safe(self._names.sub(role, text))

    def _role(self, name: str, at: datetime) -> str:
        held = [
            tenure.role
            for tenure in self._tenures[: bisect_right(self._since, at)]
            if (tenure.until is None or tenure.until > at)
            and (tenure.person == name or name in tenure.person.split())
        ]
        # Of a person's roles, leading the incident matters most to a reader.
        for role in sorted(held, key=lambda role: role != COMMANDER):
            if role in self._roles:
                return f"the {self._roles[role].lower()}"
        return "a responder"

    def timeline(self) -> Iterable[TimelineLine]:
        links = {
            d.entry_id: d.receipt.url for d in self.deliveries if d.receipt and d.receipt.url.startswith("http")
        }
        talk = [row for row in self.incident.rows if isinstance(row.entry.event, ChatMessage)]
        routine = RoutineEvents()
        checked: list[TimelineRow] = []  # ticks in a row are one line
        for row in self.incident.timeline:
            event = row.entry.event
            if (
                row.withdrawn
                or isinstance(event, _NOT_IN_TIMELINE)
                or (isinstance(event, ItemChecked) and event.because)
                or (isinstance(event, ChatMessage) and (len(talk) > MOST_CHAT or parse_chat_command(event.words)))
                or (isinstance(event, UpdatePosted) and event.message == "declaration")  # says what was declared
                or (isinstance(event, ChannelOpened) and not event.url.startswith("http"))
            ):
                continue
            if isinstance(event, ItemChecked):
                checked.append(row)
                continue
            yield from self._checked(checked)
            checked.clear()
            text = self._text(row)
            data = links.get(row.id, "") or _safe(_source_of(row))
            yield self._line(row, text, data, routine(event, text))
        yield from self._checked(checked)

    def _line(self, row: TimelineRow, text: str, data: str, routine: str) -> TimelineLine:
        here = row.at.astimezone(self.zone)
        return TimelineLine(
            seq=row.number,
            at=row.at,
            day=f"{here:%Y-%m-%d}",
            time=f"{here:%H:%M}",
            offset=_offset(here),
            kind=row.kind,
            text=text,
            data=data,
            routine=routine,
        )

    def _checked(self, rows: Sequence[TimelineRow]) -> Iterable[TimelineLine]:
        """Yield one line for items that were checked one after the other on the same day."""
        for _, group in groupby(rows, lambda row: row.at.astimezone(self.zone).date()):
            same = list(group)
            text = "; ".join(self._text(row).removeprefix("✓ ") for row in same)
            yield self._line(same[0], text, "", RoutineEvents()(same[0].entry.event, text))

    def _text(self, row: TimelineRow) -> str:
        event = row.entry.event
        if row.words is not None:
            return self.blameless(row.words, row.at)
        if isinstance(event, RoleAssigned):
            return f"{event.title} {'handed over' if event.handed_over_by else 'assigned'}"
        if isinstance(event, RoleReleased):
            return f"{event.title} released"
        if isinstance(event, HandoverOffered):
            briefing = f": {self.blameless(event.briefing, row.at)}" if event.briefing else ""
            return f"{event.title}: handover offered{briefing}"
        if isinstance(event, UpdatePosted):
            return self._update_text(event, row)
        if isinstance(event, EvidencePinned):  # without the path: the document is read on other machines
            comment = f" — {event.comment}" if event.comment else ""
            return self.blameless(f"{_source_of(row)}: {event.words}{comment}", row.at)
        return self.blameless(row.text, row.at)

    def _update_text(self, event: UpdatePosted, row: TimelineRow) -> str:
        if event.audience == "team":
            return self.blameless(row.text, row.at)
        readers = "Customers" if event.audience == "customers" else "Executives"
        return f"{readers} were told: {self.blameless(event.title, row.at)}"

    def participants(self) -> Iterable[str]:
        """Yield who took part: each role that somebody held, then how many others."""
        incident = self.incident
        held = {tenure.role for tenure in incident.tenures}
        for role in self.playbook.roles:
            if role.id in held:
                people = len({tenure.person for tenure in incident.tenures if tenure.role == role.id})
                yield role.title if people == 1 else f"{role.title} ({people} people in turn)"
        leading = {tenure.person for tenure in incident.tenures}
        others = {row.by for row in incident.rows if row.by} - leading
        if others:
            yield _count(len(others), "other responder", "other responders")

    def customer_messages(self) -> Iterable[CustomerMessage]:
        """Yield what customers were told, word for word."""
        start = self.incident.milestones.get("started")
        for post in self.incident.posts:
            if post.update.audience == "customers":
                urls = (d.receipt.url for d in self.deliveries if d.entry_id == post.id and d.receipt)
                yield CustomerMessage(
                    at=post.at,
                    time=format_moment(post.at, self.zone, start),
                    title=_safe(post.update.title),
                    text=_safe(post.update.words),
                    urls=tuple(dict.fromkeys(url for url in urls if url.startswith("http"))),
                )


def _format_span(start: datetime | None, resolved: datetime | None, zone: tzinfo) -> str:
    if start is None:
        return ""
    end = format_moment(resolved, zone, start) if resolved else "ongoing"
    return f"{format_dated_moment(start, zone)} – {end}"


def _source_of(row: TimelineRow) -> str:
    """Return where to look a row up, apart from the links of its deliveries."""
    event = row.entry.event
    if isinstance(event, EvidencePinned):
        source = event.source.rpartition("/")[2]  # not a path: the document is read on other machines
        return f"{source}:{event.line}" if event.line else source
    if isinstance(event, AlertReceived):
        return event.url or event.source
    if isinstance(event, ChannelOpened):
        # Not a local file: the document is read on other machines.
        return event.url if event.url.startswith("http") else ""
    return event.via if isinstance(event, ChatMessage) else ""


def _offset(here: datetime) -> str:
    """Format the zone of a local time: ``CET, UTC+01:00`` or ``UTC``."""
    name, digits = here.tzname() or "", f"{here:%z}"
    if not name[:1].isalpha():  # some zones are named by their offset only
        name = ""
    offset = "UTC" if int(digits) == 0 else f"UTC{digits[:3]}:{digits[3:5]}"
    return offset if name in ("", offset) else f"{name}, {offset}"


def _safe(text: str) -> str:
    return redact(text, personal=False).text


def _format_seconds(seconds: float) -> str:
    return timing.format_duration(timedelta(seconds=seconds))


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
