"""The post-mortem as a value, written from the journal: people's sections, and drafts for those not yet written.

It is blameless by construction: in everything told, names become roles ("the incident commander", "a responder");
only action items keep their owners. Knows no Markdown, HTML or file.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise

from pydantic import BaseModel, ConfigDict

from warroom.incident import timing
from warroom.incident.delivery import Delivery, DeliveryState
from warroom.incident.events import (
    ActionAdded,
    ActionDone,
    AlertReceived,
    ChannelOpened,
    ChatMessage,
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
from warroom.incident.events import (
    Section as Name,
)
from warroom.incident.incident import Incident, Row, in_order
from warroom.incident.playbook import Playbook
from warroom.reports import metrics
from warroom.reports.messages import dated, moment, people
from warroom.reports.metrics import Measured, PhaseTime, Promise
from warroom.safety import redact

COMMANDER = "incident_commander"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Told(_Value):
    """A line of the timeline. ``day`` (ISO), ``time`` and ``offset`` (``CET, UTC+01:00``) are in the team's zone;
    ``data`` says where it can be looked up."""

    seq: int
    at: datetime
    day: str
    time: str
    offset: str
    kind: str
    text: str
    data: str = ""


class Gap(_Value):
    """A stretch in which nobody held a role; ``until`` is None if nobody ever did again."""

    role: str
    title: str
    since: datetime
    until: datetime | None
    time: str
    seconds: float


class Held(_Value):
    """How a role was held: by how many people, with how many handovers, for how long."""

    role: str
    title: str
    holders: int
    handovers: int
    seconds: float


class Promised(Promise):
    """A promise with its due ``time`` in the team's zone."""

    time: str


class Section(_Value):
    """What people wrote, or, while nobody has, a draft from the timeline in ``suggestions``, marked as a draft
    wherever it is shown. ``left_empty``: somebody decided that there is nothing to write."""

    words: str = ""
    suggestions: tuple[str, ...] = ()
    left_empty: bool = False


class Action(_Value):
    """An action item. ``due`` is an ISO date or ""."""

    id: str
    words: str
    owner: str
    due: str
    done: bool


class PostMortem(_Value):
    """The whole document. Times are UTC; texts are redacted and, but for action items, without names."""

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
    summary: Section
    timeline: tuple[Told, ...]
    milestones: dict[Milestone, datetime]
    milestone_times: dict[Milestone, str]
    measured: Measured
    phases: tuple[PhaseTime, ...]
    cadence: tuple[Promised, ...]
    roles: tuple[Held, ...]
    gaps: tuple[Gap, ...]
    evidence: tuple[Told, ...]
    users_affected: str
    business_impact: str
    customer_impact: str
    root_cause: Section
    went_well: Section
    could_improve: Section
    actions: tuple[Action, ...]


def write(
    incident: Incident, playbook: Playbook, deliveries: Sequence[Delivery], now: datetime, zone: tzinfo
) -> PostMortem:
    """The post-mortem of ``incident`` as far as it can be written at ``now``; times are told in ``zone``."""
    told = _Telling(incident, playbook, deliveries, now, zone)
    timeline = tuple(told.timeline())
    measured = metrics.measure(incident)
    cadence = metrics.cadence(incident, playbook, now)
    gaps = tuple(_gaps(incident, playbook, now, zone))
    start, resolved = incident.milestones.get("started"), incident.milestones.get("resolved")
    words = {name: told.blameless(text, now) for name, text in incident.sections.items()}

    def section(name: Name, suggestions: Iterable[str]) -> Section:
        if name in words:
            return Section(words=words[name], left_empty=not words[name])
        return Section(suggestions=tuple(suggestions))

    return PostMortem(
        id=incident.id,
        title=told.blameless(incident.title, now),
        service=_safe(incident.service),
        severity=told.severity,
        status=incident.status,
        drill=incident.drill,
        written_at=now,
        zone=str(zone),
        span=f"{dated(start, zone)} – {moment(resolved, zone, start) if resolved else 'ongoing'}" if start else "",
        duration_s=timing.elapsed(incident, now).total_seconds(),
        summary=section("summary", [told.summary()]),
        timeline=timeline,
        milestones=in_order(incident.milestones),
        milestone_times={name: dated(at, zone) for name, at in incident.milestones.items()},
        measured=measured,
        phases=metrics.phases(incident, playbook, now),
        cadence=tuple(Promised(**dict(p), time=moment(p.due, zone, start)) for p in cadence),
        roles=tuple(_held(incident, playbook, now)),
        gaps=gaps,
        evidence=tuple(row for row in timeline if row.kind == "evidence"),
        users_affected=words.get("users_affected", ""),
        business_impact=words.get("business_impact", ""),
        customer_impact=words.get("customer_impact", ""),
        root_cause=section("root_cause", told.causes()),
        went_well=section("went_well", _went_well(incident, playbook, measured, cadence, gaps)),
        could_improve=section("could_improve", told.could_improve(measured, cadence, gaps)),
        actions=tuple(
            Action(id=a.id, words=_safe(a.words), owner=_safe(a.owner), due=a.due, done=a.done_at is not None)
            for a in incident.actions.values()
        ),
    )


_BLAMEFUL = {
    r"should(?:n't| not)? have|should've": "tell what was known at the time, not what is known now",
    r"could(?:n't| not)? have|could've": "tell what happened; what would help goes under improvements",
    r"fail(?:ed|s|ing|ure) to": "say what did happen, and what made it likely",
    r"neglect(?:ed|s)?|negligen(?:t|ce)|forgot|overlooked|ignored": "say what made it easy to miss",
    r"careless(?:ly|ness)?|sloppy|lazy|incompeten(?:t|ce)|stupid(?:ly)?": "judge the system, not the person",
    r"human error|operator error|user error": "an error is where the analysis begins; ask what made it possible",
    r"(?:his|her|their|whose) (?:fault|mistake)|at fault|to blame|blamed?": "ask what and how, not who",
    r"obviously|simply|just had to|common sense": "it was not obvious then",
    r"why did(?:n't| not)": "ask what and how, not why somebody did",
}
_BLAME = re.compile("|".join(rf"(?P<b{n}>\b(?:{words})\b)" for n, words in enumerate(_BLAMEFUL)), re.IGNORECASE)


def lint(text: str, names: Iterable[str] = ()) -> tuple[str, ...]:
    """What in ``text`` reads as blame, with what to write instead; ``names`` are people who may appear.

    One line for each wording, in the order found. After PagerDuty's guide to blameless post-mortems.
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


# ── telling it ──────────────────────────────────────────────────────────────────────────────────────────────

_UNTOLD = (EntryAmended, EntryRetracted, MilestoneAmended, SectionWritten)
"""The journal's own book-keeping; what it changed is told where it happened."""


class _Telling:
    """One incident being told without names."""

    def __init__(
        self, incident: Incident, playbook: Playbook, deliveries: Sequence[Delivery], now: datetime, zone: tzinfo
    ) -> None:
        self.incident, self.playbook, self.now, self.zone = incident, playbook, now, zone
        self.deliveries = [d for d in deliveries if d.incident == incident.id]
        found = next((s for s in playbook.severities if s.id == incident.severity), None)
        self.severity = found.title if found else incident.severity.capitalize()
        names = people(incident)
        self._names = re.compile(
            "|".join(rf"(?<!\w)@?{re.escape(name)}(?!\w)" for name in names) if names else r"(?!)"
        )
        self._roles = {role.id: role.title for role in playbook.roles}
        self._tenures = sorted((t for t in incident.tenures), key=lambda t: t.since)
        self._since = [t.since for t in self._tenures]

    def blameless(self, text: str, at: datetime) -> str:
        """``text``, redacted, with the role in the place of each name, as held at ``at``."""

        def role(match: re.Match[str]) -> str:
            told = self._role(match[0].lstrip("@"), at)
            return told if match.start() else told[0].upper() + told[1:]

        return _safe(self._names.sub(role, text))

    def _role(self, name: str, at: datetime) -> str:
        held = [
            tenure.role
            for tenure in self._tenures[: bisect_right(self._since, at)]
            if (tenure.until is None or tenure.until > at)
            and (tenure.person == name or name in tenure.person.split())
        ]
        # Who leads is told first: that is the part they spoke in.
        for role in sorted(held, key=lambda role: role != COMMANDER):
            if role in self._roles:
                return f"the {self._roles[role].lower()}"
        return "a responder"

    def timeline(self) -> Iterable[Told]:
        links = {d.seq: d.receipt.url for d in self.deliveries if d.receipt and d.receipt.url.startswith("http")}
        for row in self.incident.timeline:
            event = row.entry.event
            here = row.at.astimezone(self.zone)
            if row.retracted or isinstance(event, _UNTOLD) or (isinstance(event, ItemChecked) and event.because):
                continue
            yield Told(
                seq=row.seq,
                at=row.at,
                day=f"{here:%Y-%m-%d}",
                time=f"{here:%H:%M}",
                offset=_offset(here),
                kind=row.kind,
                text=self._text(row),
                data=links.get(row.seq, "") or _safe(_data(row)),
            )

    def _text(self, row: Row) -> str:
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
        if isinstance(event, ActionAdded | ActionDone):
            return self.blameless(f"{event.action} {event.words}", row.at)
        return self.blameless(event.text, row.at)

    def summary(self) -> str:
        incident = self.incident
        start, resolved = incident.milestones.get("started"), incident.milestones.get("resolved")
        took = timing.format_duration(timing.elapsed(incident, self.now))
        said = f"{incident.service}: {incident.impact.rstrip('. ')}. {self.severity}"
        if start:
            said += f", from {dated(start, self.zone)}"
        said += f" to {moment(resolved, self.zone, start)}, {took}." if resolved else f", ongoing for {took}."
        for _, fix in incident.fixes[-1:]:
            said += f" {'A temporary' if fix.temporary else 'A permanent'} fix was made: {fix.words.rstrip('. ')}."
        return self.blameless(said, self.now)

    def causes(self) -> Iterable[str]:
        """Findings, then hypotheses: what may have contributed. Several causes are the rule."""
        for sort in ("finding", "hypothesis"):
            for row in self.incident.timeline:
                event = row.entry.event
                if isinstance(event, Noted) and event.note == sort and not row.retracted:
                    word = "" if sort == "finding" else "Suspected: "
                    yield word + self.blameless(row.text, row.at)

    def could_improve(self, measured: Measured, cadence: Sequence[Promise], gaps: Sequence[Gap]) -> Iterable[str]:
        incident, playbook = self.incident, self.playbook
        target = _target(incident, playbook)
        if measured.detect_s is not None and measured.detect_s > playbook.nudges.escalate_minutes * 60:
            yield f"It went unnoticed for {_spoken(measured.detect_s)}: which alert would have told us?"
        if target and measured.acknowledge_s is not None and measured.acknowledge_s > target:
            yield f"Acknowledged after {_spoken(measured.acknowledge_s)}, {_spoken(target)} were allowed."
        late = [promise for promise in cadence if promise.kept is False]
        if late:
            worst = _spoken(max(promise.late_s for promise in late))
            yield f"{len(late)} of {_due(cadence)} promised updates came late or not at all, by up to {worst}."
        for gap in gaps:
            if gap.role == COMMANDER and gap.seconds > playbook.nudges.commander_minutes * 60:
                yield f"Nobody was incident commander for {_spoken(gap.seconds)}."
        for row in incident.rows:
            event = row.entry.event
            if isinstance(event, Resolved) and event.overridden and not row.retracted:
                open_items = ", ".join(event.overridden)
                yield self.blameless(f"Resolved before all was verified ({open_items}): {event.reason}", row.at)
            if isinstance(event, ItemChecked) and event.against and not row.retracted:
                yield self.blameless(f"“{event.title}” was ticked although: {event.against}.", row.at)
        temporary = [fix for _, fix in incident.fixes if fix.temporary]
        if temporary and not any(not fix.temporary for _, fix in incident.fixes):
            yield "The fix is temporary: the permanent one is still owed."
        unproved = [fix for _, fix in incident.fixes if not fix.rollback]
        if unproved:
            yield f"{_count(len(unproved), 'fix', 'fixes')} had no rollback written down."
        lost = [d for d in self.deliveries if d.state in (DeliveryState.FAILED, DeliveryState.UNCONFIRMED)]
        for name in dict.fromkeys(d.destination for d in lost):
            number = sum(d.destination == name for d in lost)
            yield f"{_count(number, 'message', 'messages')} to {_safe(name)} did not arrive for certain."
        loose = [item.id for item in incident.actions.values() if not (item.owner and item.due)]
        if loose:
            yield f"Without an owner or a due date: {', '.join(loose)}."


def _went_well(
    incident: Incident, playbook: Playbook, measured: Measured, cadence: Sequence[Promise], gaps: Sequence[Gap]
) -> Iterable[str]:
    target = _target(incident, playbook)
    if target and measured.acknowledge_s is not None and measured.acknowledge_s <= target:
        yield f"Acknowledged within {_spoken(measured.acknowledge_s)}, {_spoken(target)} were allowed."
    kept = sum(promise.kept is True for promise in cadence)
    if kept and kept == _due(cadence):
        yield "Every promised update came in time." if kept > 1 else "The promised update came in time."
    limit = playbook.nudges.commander_minutes * 60
    led = [tenure for tenure in incident.tenures if tenure.role == COMMANDER]
    if led and all(gap.seconds <= limit for gap in gaps if gap.role == COMMANDER):
        yield "Somebody was in command from the beginning to the end."
    if incident.evidence:
        yield f"{_count(len(incident.evidence), 'piece', 'pieces')} of evidence kept for the analysis."
    ready = sum(bool(fix.rollback) for _, fix in incident.fixes)
    if ready and ready == len(incident.fixes):
        yield "Every fix had its rollback ready."
    for row in incident.rows:
        event = row.entry.event
        overrode = any(tick.against for tick in incident.ticks.values())
        if isinstance(event, Resolved) and not event.overridden and not row.retracted and not overrode:
            yield "Recovery was verified before it was called resolved."
            break


def _target(incident: Incident, playbook: Playbook) -> float | None:
    """The response time asked for at the severity it was declared with, in seconds."""
    first = incident.severities[0][1] if incident.severities else ""
    return next((s.response_minutes * 60.0 for s in playbook.severities if s.id == first), None)


def _due(cadence: Sequence[Promise]) -> int:
    return sum(promise.kept is not None for promise in cadence)


def _gaps(incident: Incident, playbook: Playbook, now: datetime, zone: tzinfo) -> Iterable[Gap]:
    """Where nobody held a role, from the declaration to the resolution. A role nobody ever took is one gap."""
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
            time = f"{moment(since, zone, start)} to {moment(until, zone, start) if taken else 'the end'}"
            yield Gap(
                role=role.id,
                title=role.title,
                since=since,
                until=until if taken else None,
                time=time,
                seconds=(until - since).total_seconds(),
            )


def _held(incident: Incident, playbook: Playbook, now: datetime) -> Iterable[Held]:
    end = incident.milestones.get("resolved", now)
    for role in playbook.roles:
        tenures = [tenure for tenure in incident.tenures if tenure.role == role.id]
        if tenures:
            spans = (min(tenure.until or end, end) - tenure.since for tenure in tenures)
            held = sum((max(span, timedelta(0)) for span in spans), timedelta(0))
            following = pairwise(tenures)
            yield Held(
                role=role.id,
                title=role.title,
                holders=len({tenure.person for tenure in tenures}),
                handovers=sum(first.person != then.person for first, then in following),
                seconds=held.total_seconds(),
            )


def _data(row: Row) -> str:
    """Where a row's facts can be looked up, apart from the links of its deliveries."""
    event = row.entry.event
    if isinstance(event, EvidencePinned):
        return f"{event.source}:{event.line}" if event.line else event.source
    if isinstance(event, AlertReceived):
        return event.source
    if isinstance(event, ChannelOpened):
        # Not a file of this machine: the document is read elsewhere.
        return event.url if event.url.startswith("http") else ""
    if isinstance(event, UpdatePosted):
        return ", ".join(event.destinations)
    return event.via if isinstance(event, ChatMessage) else ""


def _offset(here: datetime) -> str:
    """The zone of a local time as a document names it: ``CET, UTC+01:00``, ``UTC``."""
    name, digits = here.tzname() or "", f"{here:%z}"
    if not name[:1].isalpha():  # some zones are named by their offset only
        name = ""
    offset = "UTC" if int(digits) == 0 else f"UTC{digits[:3]}:{digits[3:5]}"
    return offset if name in ("", offset) else f"{name}, {offset}"


def _safe(text: str) -> str:
    return redact(text, personal=False).text


def _spoken(seconds: float) -> str:
    return timing.format_duration(timedelta(seconds=seconds))


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
