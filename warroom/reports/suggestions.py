"""Draws suggestions for the sections of a post-mortem from the timeline. Pure.

A suggestion is offered to a person, who accepts, edits or dismisses it; it is never part of the document. Its
``key`` says what it is about and stays the same while its figures change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from warroom.incident import timing
from warroom.incident.delivery import Delivery, DeliveryState
from warroom.incident.events import SECTIONS, ItemChecked, Noted, Resolved, Section
from warroom.incident.identity import short_id
from warroom.incident.incident import Incident, TimelineRow
from warroom.incident.playbook import Playbook
from warroom.incident.suggestions import settled
from warroom.reports.messages import format_dated_moment, format_moment
from warroom.reports.metrics import Durations, UpdatePromise
from warroom.reports.role_times import RoleGap
from warroom.safety import redact

COMMANDER = "incident_commander"

MOST_FINDINGS = 5
"""How many findings are offered as the root cause and as contributing factors each: of more, the latest."""


class Suggestion(NamedTuple):
    """A line for ``section``; ``key`` identifies it among those of the incident."""

    section: Section
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class SuggestionFacts:
    """What suggestions are drawn from. ``blameless`` replaces names in a text as of a time."""

    incident: Incident
    playbook: Playbook
    deliveries: Sequence[Delivery]
    now: datetime
    zone: tzinfo
    severity: str
    durations: Durations
    cadence: Sequence[UpdatePromise]
    gaps: Sequence[RoleGap]
    blameless: Callable[[str, datetime], str]

    @property
    def commander_limit_s(self) -> float:
        return self.playbook.nudges.commander_minutes * 60.0

    @property
    def response_target_s(self) -> float | None:
        """The response target of the severity it was declared with, in seconds."""
        first = self.incident.severities[0][1] if self.incident.severities else ""
        return next((s.response_minutes * 60.0 for s in self.playbook.severities if s.id == first), None)


def suggest(facts: SuggestionFacts) -> dict[Section, tuple[Suggestion, ...]]:
    """Return what is offered for each section: nothing that a person has accepted, edited or dismissed."""
    decided = settled(facts.incident)
    lines: Mapping[Section, Iterable[tuple[str, str]]] = {
        "summary": _summary(facts),
        "root_cause": _root_cause(facts),
        "contributing_factors": _contributing_factors(facts),
        "customer_impact": _customer_impact(facts),
        "went_well": _went_well(facts),
        "could_improve": _could_improve(facts),
    }
    offered = {
        section: tuple(
            Suggestion(section, key, text)
            for key, text in lines.get(section, ())
            if text and not decided.covers(section, key)
        )
        for section in SECTIONS
    }
    return {section: found for section, found in offered.items() if found}


def _summary(facts: SuggestionFacts) -> Iterable[tuple[str, str]]:
    incident, zone = facts.incident, facts.zone
    start, resolved = incident.milestones.get("started"), incident.milestones.get("resolved")
    took = timing.format_duration(timing.elapsed(incident, facts.now))
    text = f"{incident.service}: {incident.impact.rstrip('. ')}. {facts.severity}"
    if start:
        text += f", from {format_dated_moment(start, zone)}"
    text += f" to {format_moment(resolved, zone, start)}, {took}." if resolved else f", ongoing for {took}."
    for _, fix in incident.fixes[-1:]:
        text += f" {'A temporary' if fix.temporary else 'A permanent'} fix was made: {fix.words.rstrip('. ')}."
    yield "summary", facts.blameless(text, facts.now)


def _notes(incident: Incident, kind: str) -> list[TimelineRow]:
    return [
        row
        for row in incident.timeline
        if isinstance(row.entry.event, Noted) and row.entry.event.note == kind and not row.withdrawn
    ]


def _root_cause(facts: SuggestionFacts) -> Iterable[tuple[str, str]]:
    """Yield what may be the cause: confirmed hypotheses, else the findings up to where it was identified, then what
    is still suspected."""
    incident = facts.incident
    confirmed = incident.hypotheses_in("confirmed")
    for one in confirmed:
        yield f"hypothesis-{short_id(one.entry)}", f"Confirmed: {facts.blameless(one.words, one.at)}"
    if not confirmed:
        for row in _latest_findings(incident):
            yield f"finding-{short_id(row.id)}", facts.blameless(row.text, row.at)
    for one in incident.hypotheses_in("open"):
        yield f"hypothesis-{short_id(one.entry)}", f"Suspected: {facts.blameless(one.words, one.at)}"


def _contributing_factors(facts: SuggestionFacts) -> Iterable[tuple[str, str]]:
    """Yield the latest findings where the root cause has a confirmed hypothesis: there is rarely only one cause."""
    if facts.incident.hypotheses_in("confirmed"):
        for row in _latest_findings(facts.incident):
            yield f"finding-{short_id(row.id)}", facts.blameless(row.text, row.at)


def _latest_findings(incident: Incident) -> list[TimelineRow]:
    """The findings that led to the cause: the latest ones until it was identified, or until users were helped."""
    milestones = incident.milestones
    until = milestones.get("identified") or milestones.get("mitigated")
    findings = _notes(incident, "finding")
    before = [row for row in findings if until is None or row.at <= until]
    return (before or findings)[-MOST_FINDINGS:]


def _customer_impact(facts: SuggestionFacts) -> Iterable[tuple[str, str]]:
    """Yield what customers were last told about the impact."""
    told = [post for post in facts.incident.posts if post.update.audience == "customers"]
    impact = next((text for post in reversed(told) if (text := post.update.fields.get("impact", "").strip())), "")
    if impact:
        yield "told-customers", facts.blameless(f"As customers were told: {impact}", facts.now)


def _went_well(facts: SuggestionFacts) -> Iterable[tuple[str, str]]:
    incident, target = facts.incident, facts.response_target_s
    took = facts.durations.acknowledge_s
    if target and took is not None and took <= target:
        yield (
            "acknowledged-in-time",
            f"Acknowledged within {_format_seconds(took)}; the target is {_format_seconds(target)}.",
        )
    kept = sum(promise.kept is True for promise in facts.cadence)
    if kept and kept == _count_due(facts.cadence):
        text = "Every promised update was on time." if kept > 1 else "The promised update was on time."
        yield "updates-on-time", text
    led = [tenure for tenure in incident.tenures if tenure.role == COMMANDER]
    if led and all(gap.seconds <= facts.commander_limit_s for gap in facts.gaps if gap.role == COMMANDER):
        yield "commander-throughout", "There was an incident commander from start to end."
    pinned = sum(row.kind == "evidence" and not row.withdrawn for row in incident.rows)
    if pinned:
        yield "evidence-kept", f"{_count(pinned, 'piece', 'pieces')} of evidence kept for the analysis."
    for name, progress in incident.runbooks.items():
        if progress.done:
            yield f"runbook-{name}", f"A runbook was open — {progress.describe()}."
    ready = sum(bool(fix.rollback) for _, fix in incident.fixes)
    if ready and ready == len(incident.fixes):
        yield "rollbacks-ready", "Every fix had a rollback recorded."
    overrode = any(tick.against for tick in incident.ticks.values())
    ends = [row.entry.event for row in incident.rows if not row.retracted]
    if not overrode and any(isinstance(event, Resolved) and not event.overridden for event in ends):
        yield "recovery-verified", "Recovery was verified before the incident was resolved."


def _could_improve(facts: SuggestionFacts) -> Iterable[tuple[str, str]]:
    incident, playbook, durations = facts.incident, facts.playbook, facts.durations
    if durations.detect_s is not None and durations.detect_s > playbook.nudges.escalate_minutes * 60:
        took = _format_seconds(durations.detect_s)
        yield "detected-late", f"Detected after {took}: which alert would have caught it?"
    target = facts.response_target_s
    if target and durations.acknowledge_s is not None and durations.acknowledge_s > target:
        took = _format_seconds(durations.acknowledge_s)
        yield "acknowledged-late", f"Acknowledged after {took}; the target is {_format_seconds(target)}."
    yield from _slow(facts)
    late = [promise for promise in facts.cadence if promise.kept is False]
    if late:
        worst = _format_seconds(max(promise.late_s for promise in late))
        due = _count_due(facts.cadence)
        yield "updates-late", f"{len(late)} of {due} promised updates were late or missing, by up to {worst}."
    for number, gap in enumerate(gap for gap in facts.gaps if gap.role == COMMANDER):
        if gap.seconds > facts.commander_limit_s:
            text = f"There was no incident commander for {_format_seconds(gap.seconds)}."
            yield f"no-commander-{number + 1}", text
    yield from _overrides(facts)
    temporary = [fix for _, fix in incident.fixes if fix.temporary]
    if temporary and not any(not fix.temporary for _, fix in incident.fixes):
        yield "temporary-fix", "The fix is temporary; the permanent one is outstanding."
    unproved = sum(not fix.rollback for _, fix in incident.fixes)
    if unproved:
        yield "no-rollback", f"{_count(unproved, 'fix', 'fixes')} had no rollback recorded."
    lost = [d for d in facts.deliveries if d.state in (DeliveryState.FAILED, DeliveryState.UNCONFIRMED)]
    for name in dict.fromkeys(d.destination for d in lost):
        number = sum(d.destination == name for d in lost)
        text = (
            f"{_count(number, 'message', 'messages')} to {redact(name, personal=False).text} may not have arrived."
        )
        yield f"undelivered-{name}", text
    loose = [item.id for item in incident.actions.values() if not (item.owner and item.due)]
    if loose:
        yield "loose-actions", f"Without an owner or a due date: {', '.join(loose)}."


def _slow(facts: SuggestionFacts) -> Iterable[tuple[str, str]]:
    """Yield where it took longer than the playbook's investigation to find the cause, and then to help users.

    The questions are those of GitLab's incident review: how could diagnosis and mitigation have been faster?
    """
    milestones = facts.incident.milestones
    limit = next((phase.to_minute for phase in facts.playbook.phases if phase.ends == "fix"), None)
    declared, identified = milestones.get("declared"), milestones.get("identified")
    mitigated = milestones.get("mitigated")
    if limit is None or declared is None or identified is None:
        return
    if identified - declared > timedelta(minutes=limit):
        took = timing.format_duration(identified - declared)
        yield (
            "identified-late",
            f"The root cause was identified {took} after the declaration: what would have shown it sooner?",
        )
    if mitigated and mitigated - identified > timedelta(minutes=limit):
        took = timing.format_duration(mitigated - identified)
        yield (
            "mitigated-late",
            f"Users were affected for another {took} once the cause was known: what would have shortened that?",
        )


def _overrides(facts: SuggestionFacts) -> Iterable[tuple[str, str]]:
    """Yield where somebody went on although something spoke against it."""
    for row in facts.incident.rows:
        event = row.entry.event
        if row.withdrawn:
            continue
        if isinstance(event, Resolved) and event.overridden:
            text = f"Resolved with open items ({', '.join(event.overridden)}): {event.reason}"
            yield f"resolved-{short_id(row.id)}", facts.blameless(text, row.at)
        if isinstance(event, ItemChecked) and event.against:
            text = f"“{event.title}” was checked although: {event.against}."
            yield f"checked-{short_id(row.id)}", facts.blameless(text, row.at)


def _count_due(cadence: Sequence[UpdatePromise]) -> int:
    return sum(promise.kept is not None for promise in cadence)


def _format_seconds(seconds: float) -> str:
    return timing.format_duration(timedelta(seconds=seconds))


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
