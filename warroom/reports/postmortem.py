"""The post-mortem as a value, built from the journal: what people wrote, and drafts of what they have not.

Names of people become roles ("the incident commander", "a responder") everywhere but in the owners of action items.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import groupby, pairwise

from pydantic import BaseModel, ConfigDict, Field

from warroom.incident import timing
from warroom.incident.chat import parse_chat_command
from warroom.incident.chat_events import ChannelOpened, ChatMessage
from warroom.incident.delivery import Delivery, DeliveryState
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
    Noted,
    Resolved,
    RoleAssigned,
    RoleReleased,
    SectionWritten,
    UpdatePosted,
)
from warroom.incident.events import Section as SectionName
from warroom.incident.incident import Incident, TimelineRow, in_order
from warroom.incident.playbook import Playbook
from warroom.incident.requests import RequestMade
from warroom.incident.scrub_events import EntryScrubbed
from warroom.reports import metrics
from warroom.reports.messages import format_dated_moment, format_moment
from warroom.reports.metrics import Durations, PhaseTime, UpdatePromise
from warroom.reports.warnings import names_in
from warroom.safety import redact

COMMANDER = "incident_commander"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class TimelineLine(_Frozen):
    """A line of the timeline.

    ``day`` (ISO), ``time`` and ``offset`` (``CET, UTC+01:00``) are in the team's zone. ``data`` is where to look it
    up.
    """

    seq: int
    at: datetime
    day: str
    time: str
    offset: str
    kind: str
    text: str
    data: str = ""


class RoleGap(_Frozen):
    """A period in which no one held a role; ``until`` is None if no one took it again."""

    role: str
    title: str
    since: datetime
    until: datetime | None
    time: str
    seconds: float


class RoleSummary(_Frozen):
    """Who held a role, in numbers: people, handovers, seconds."""

    role: str
    title: str
    holders: int
    handovers: int
    seconds: float


class PromisedUpdate(UpdatePromise):
    """A promised update with its due ``time`` in the team's zone."""

    time: str


class PostMortemSection(_Frozen):
    """A section: what people wrote, or ``suggestions`` from the timeline until they do.

    Suggestions are marked as a draft wherever they are shown. ``left_empty``: a person decided that there
    is nothing to write.
    """

    text: str = Field("", serialization_alias="words")
    suggestions: tuple[str, ...] = ()
    left_empty: bool = False


class PostMortemAction(_Frozen):
    """An action item. ``due`` is an ISO date or "", ``type`` one of ``ACTION_TYPES`` or ""."""

    id: str
    text: str = Field(serialization_alias="words")
    owner: str
    due: str
    done: bool
    type: str = ""


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
    detection: str
    """How it was noticed, in prose."""
    root_cause: PostMortemSection
    contributing_factors: PostMortemSection
    went_well: PostMortemSection
    could_improve: PostMortemSection
    lucky: PostMortemSection
    customer_messages: tuple[CustomerMessage, ...]
    actions: tuple[PostMortemAction, ...]


def build(
    incident: Incident, playbook: Playbook, deliveries: Sequence[Delivery], now: datetime, zone: tzinfo
) -> PostMortem:
    """Build the post-mortem of ``incident`` as of ``now``; times for people are in ``zone``."""
    writer = _BlamelessWriter(incident, playbook, deliveries, now, zone)
    timeline = tuple(writer.timeline())
    durations = metrics.durations_of(incident)
    cadence = metrics.cadence(incident, playbook, now)
    gaps = tuple(_role_gaps(incident, playbook, now, zone))
    start, resolved = incident.milestones.get("started"), incident.milestones.get("resolved")
    texts = {name: writer.blameless(text, now) for name, text in incident.sections.items()}

    def section(name: SectionName, suggestions: Iterable[str]) -> PostMortemSection:
        if name in texts:
            return PostMortemSection(text=texts[name], left_empty=not texts[name])
        return PostMortemSection(suggestions=tuple(suggestions))

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
        summary=section("summary", [writer.summary()]),
        timeline=timeline,
        milestones=in_order(incident.milestones),
        milestone_times={name: format_dated_moment(at, zone) for name, at in incident.milestones.items()},
        durations=durations,
        phases=metrics.phases(incident, playbook, now),
        cadence=tuple(PromisedUpdate(**dict(p), time=format_moment(p.due, zone, start)) for p in cadence),
        roles=tuple(_role_summaries(incident, playbook, now)),
        gaps=gaps,
        evidence=tuple(row for row in timeline if row.kind == "evidence"),
        users_affected=texts.get("users_affected", ""),
        business_impact=texts.get("business_impact", ""),
        customer_impact=texts.get("customer_impact", ""),
        participants=tuple(writer.participants()),
        detection=writer.detection(durations),
        root_cause=section("root_cause", writer.causes()),
        contributing_factors=section("contributing_factors", ()),
        went_well=section("went_well", _went_well(incident, playbook, durations, cadence, gaps)),
        could_improve=section("could_improve", writer.could_improve(durations, cadence, gaps)),
        lucky=section("lucky", ()),
        customer_messages=tuple(writer.customer_messages()),
        actions=tuple(
            PostMortemAction(
                id=a.id,
                text=_safe(a.words),
                owner=_safe(a.owner),
                due=a.due,
                done=a.done_at is not None,
                type=a.type,
            )
            for a in incident.actions.values()
        ),
    )


_BLAMEFUL = {
    r"should(?:n't| not)? have|should've": "describe what was known at the time, not what is known now",
    r"could(?:n't| not)? have|could've": "describe what happened; improvements have their own section",
    r"fail(?:ed|s|ing|ure) to": "describe what happened, and what made it likely",
    r"neglect(?:ed|s)?|negligen(?:t|ce)|forgot|overlooked|ignored": "describe what made it easy to miss",
    r"careless(?:ly|ness)?|sloppy|lazy|incompeten(?:t|ce)|stupid(?:ly)?": "judge the system, not the person",
    r"human error|operator error|user error": "an error is where analysis starts; ask what made it possible",
    r"(?:his|her|their|whose) (?:fault|mistake)|at fault|to blame|blamed?": "ask what and how, not who",
    r"obviously|simply|just had to|common sense": "it was not obvious at the time",
    r"why did(?:n't| not)": "ask what and how, not why somebody did",
}
_BLAME = re.compile("|".join(rf"(?P<b{n}>\b(?:{words})\b)" for n, words in enumerate(_BLAMEFUL)), re.IGNORECASE)


def find_blame(text: str, names: Iterable[str] = ()) -> tuple[str, ...]:
    """List the wordings in ``text`` that read as blame, each with what to write instead, in order.

    ``names`` are people who may be named. Source of the rules: PagerDuty's guide to blameless post-mortems
    (https://postmortems.pagerduty.com/culture/blameless/).
    """
    remedies = list(_BLAMEFUL.values())
    found: dict[str, str] = {}
    for match in _BLAME.finditer(text):
        group = match.lastgroup or "b0"
        found.setdefault(match[0].lower(), f'"{match[0]}": {remedies[int(group[1:])]}')
    for name in names:
        if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text):
            found.setdefault(name, f'"{name}": name the role, not the person')
    return tuple(found.values())


MOST_CHAT = 40
"""More messages from the chat than this would drown the timeline of the document: then only those count that were
pinned, or made a finding or a decision. The journal keeps them all."""

_NOT_IN_TIMELINE = (
    EntryAmended,
    EntryRetracted,
    EntryScrubbed,
    MilestoneAmended,
    SectionWritten,
    ActionAdded,
    ActionDone,
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
            yield self._line(row, self._text(row), links.get(row.id, "") or _safe(_source_of(row)))
        yield from self._checked(checked)

    def _line(self, row: TimelineRow, text: str, data: str) -> TimelineLine:
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
        )

    def _checked(self, rows: Sequence[TimelineRow]) -> Iterable[TimelineLine]:
        """Yield one line for items that were checked one after the other on the same day."""
        for _, group in groupby(rows, lambda row: row.at.astimezone(self.zone).date()):
            same = list(group)
            yield self._line(same[0], "; ".join(self._text(row).removeprefix("✓ ") for row in same), "")

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
            event = event.model_copy(update={"source": event.source.rpartition("/")[2]})
            return self.blameless(event.text, row.at)
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

    def detection(self, durations: Durations) -> str:
        """How it was noticed and how long that took, in a sentence or two."""
        incident = self.incident
        detected, started = incident.milestones.get("detected"), incident.milestones.get("started")
        if detected is None or started is None:
            return ""
        alert = next((row for row in incident.rows if isinstance(row.entry.event, AlertReceived)), None)
        after = f", {_format_seconds(durations.detect_s)} after it started" if durations.detect_s else ""
        when = format_moment(detected, self.zone, started)
        if alert and isinstance(alert.entry.event, AlertReceived):
            event = alert.entry.event
            source = f" of {event.source}" if event.source else ""
            text = f"The alert {event.name}{source} fired at {when}{after}."
        else:
            text = f"It was noticed at {when}{after}; no alert had fired."
        if (took := durations.acknowledge_s) is not None:
            text += f" It was acknowledged {_format_seconds(took)} after the declaration."
        return self.blameless(text, detected)

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

    def summary(self) -> str:
        incident = self.incident
        start, resolved = incident.milestones.get("started"), incident.milestones.get("resolved")
        took = timing.format_duration(timing.elapsed(incident, self.now))
        text = f"{incident.service}: {incident.impact.rstrip('. ')}. {self.severity}"
        if start:
            text += f", from {format_dated_moment(start, self.zone)}"
        text += (
            f" to {format_moment(resolved, self.zone, start)}, {took}." if resolved else f", ongoing for {took}."
        )
        for _, fix in incident.fixes[-1:]:
            text += f" {'A temporary' if fix.temporary else 'A permanent'} fix was made: {fix.words.rstrip('. ')}."
        return self.blameless(text, self.now)

    def causes(self) -> Iterable[str]:
        """Yield what may have contributed: confirmed hypotheses, findings, then what is still suspected. There is
        rarely only one cause."""
        for one in self.incident.hypotheses_in("confirmed"):
            yield f"Confirmed: {self.blameless(one.words, one.at)}"
        for row in self.incident.timeline:
            event = row.entry.event
            if isinstance(event, Noted) and event.note == "finding" and not row.withdrawn:
                yield self.blameless(row.text, row.at)
        for one in self.incident.hypotheses_in("open"):
            yield f"Suspected: {self.blameless(one.words, one.at)}"

    def could_improve(
        self, durations: Durations, cadence: Sequence[UpdatePromise], gaps: Sequence[RoleGap]
    ) -> Iterable[str]:
        incident, playbook = self.incident, self.playbook
        target = _response_target_s(incident, playbook)
        if durations.detect_s is not None and durations.detect_s > playbook.nudges.escalate_minutes * 60:
            yield f"Detected after {_format_seconds(durations.detect_s)}: which alert would have caught it?"
        if target and durations.acknowledge_s is not None and durations.acknowledge_s > target:
            took = _format_seconds(durations.acknowledge_s)
            yield f"Acknowledged after {took}; the target is {_format_seconds(target)}."
        late = [promise for promise in cadence if promise.kept is False]
        if late:
            worst = _format_seconds(max(promise.late_s for promise in late))
            yield f"{len(late)} of {_count_due(cadence)} promised updates were late or missing, by up to {worst}."
        for gap in gaps:
            if gap.role == COMMANDER and gap.seconds > playbook.nudges.commander_minutes * 60:
                yield f"There was no incident commander for {_format_seconds(gap.seconds)}."
        for row in incident.rows:
            event = row.entry.event
            if isinstance(event, Resolved) and event.overridden and not row.retracted:
                open_items = ", ".join(event.overridden)
                yield self.blameless(f"Resolved with open items ({open_items}): {event.reason}", row.at)
            if isinstance(event, ItemChecked) and event.against and not row.retracted:
                yield self.blameless(f"“{event.title}” was checked although: {event.against}.", row.at)
        temporary = [fix for _, fix in incident.fixes if fix.temporary]
        if temporary and not any(not fix.temporary for _, fix in incident.fixes):
            yield "The fix is temporary; the permanent one is outstanding."
        unproved = [fix for _, fix in incident.fixes if not fix.rollback]
        if unproved:
            yield f"{_count(len(unproved), 'fix', 'fixes')} had no rollback recorded."
        lost = [d for d in self.deliveries if d.state in (DeliveryState.FAILED, DeliveryState.UNCONFIRMED)]
        for name in dict.fromkeys(d.destination for d in lost):
            number = sum(d.destination == name for d in lost)
            yield f"{_count(number, 'message', 'messages')} to {_safe(name)} may not have arrived."
        loose = [item.id for item in incident.actions.values() if not (item.owner and item.due)]
        if loose:
            yield f"Without an owner or a due date: {', '.join(loose)}."


def _went_well(
    incident: Incident,
    playbook: Playbook,
    durations: Durations,
    cadence: Sequence[UpdatePromise],
    gaps: Sequence[RoleGap],
) -> Iterable[str]:
    target = _response_target_s(incident, playbook)
    if target and durations.acknowledge_s is not None and durations.acknowledge_s <= target:
        took = _format_seconds(durations.acknowledge_s)
        yield f"Acknowledged within {took}; the target is {_format_seconds(target)}."
    kept = sum(promise.kept is True for promise in cadence)
    if kept and kept == _count_due(cadence):
        yield "Every promised update was on time." if kept > 1 else "The promised update was on time."
    limit = playbook.nudges.commander_minutes * 60
    led = [tenure for tenure in incident.tenures if tenure.role == COMMANDER]
    if led and all(gap.seconds <= limit for gap in gaps if gap.role == COMMANDER):
        yield "There was an incident commander from start to end."
    kept_evidence = sum(row.kind == "evidence" and not row.retracted for row in incident.rows)
    if kept_evidence:
        yield f"{_count(kept_evidence, 'piece', 'pieces')} of evidence kept for the analysis."
    for progress in incident.runbooks.values():
        if progress.done:
            yield f"A runbook was open — {progress.describe()}."
    ready = sum(bool(fix.rollback) for _, fix in incident.fixes)
    if ready and ready == len(incident.fixes):
        yield "Every fix had a rollback recorded."
    for row in incident.rows:
        event = row.entry.event
        overrode = any(tick.against for tick in incident.ticks.values())
        if isinstance(event, Resolved) and not event.overridden and not row.retracted and not overrode:
            yield "Recovery was verified before the incident was resolved."
            break


def _response_target_s(incident: Incident, playbook: Playbook) -> float | None:
    """Return the response target of the severity it was declared with, in seconds."""
    first = incident.severities[0][1] if incident.severities else ""
    return next((s.response_minutes * 60.0 for s in playbook.severities if s.id == first), None)


def _format_span(start: datetime | None, resolved: datetime | None, zone: tzinfo) -> str:
    if start is None:
        return ""
    end = format_moment(resolved, zone, start) if resolved else "ongoing"
    return f"{format_dated_moment(start, zone)} – {end}"


def _count_due(cadence: Sequence[UpdatePromise]) -> int:
    return sum(promise.kept is not None for promise in cadence)


def _role_gaps(incident: Incident, playbook: Playbook, now: datetime, zone: tzinfo) -> Iterable[RoleGap]:
    """Yield the periods without a holder, from declaration to resolution; one for a role never taken."""
    start, end = incident.milestones.get("declared"), incident.milestones.get("resolved", now)
    if start is None:
        return
    for role in playbook.roles:
        free, stretches = start, []
        for tenure in sorted((t for t in incident.tenures if t.role == role.id), key=lambda tenure: tenure.since):
            if free < min(tenure.since, end):
                stretches.append((free, min(tenure.since, end), True))
            free = max(free, tenure.until or end)
        if free < end:
            stretches.append((free, end, False))
        for since, until, taken in stretches:
            end_time = format_moment(until, zone, start) if taken else "the end"
            time = f"{format_moment(since, zone, start)} to {end_time}"
            yield RoleGap(
                role=role.id,
                title=role.title,
                since=since,
                until=until if taken else None,
                time=time,
                seconds=(until - since).total_seconds(),
            )


def _role_summaries(incident: Incident, playbook: Playbook, now: datetime) -> Iterable[RoleSummary]:
    end = incident.milestones.get("resolved", now)
    for role in playbook.roles:
        tenures = [tenure for tenure in incident.tenures if tenure.role == role.id]
        if tenures:
            spans = (min(tenure.until or end, end) - tenure.since for tenure in tenures)
            held = sum((max(span, timedelta(0)) for span in spans), timedelta(0))
            following = pairwise(tenures)
            yield RoleSummary(
                role=role.id,
                title=role.title,
                holders=len({tenure.person for tenure in tenures}),
                handovers=sum(first.person != then.person for first, then in following),
                seconds=held.total_seconds(),
            )


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
