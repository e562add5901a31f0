"""How a drill went: what the framework asks for, whether it was reached and why not, and what the drill was about.

Computed from the drill's incident alone: what its script wants to see is recorded there (``DrillStarted``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from warroom.incident import timing
from warroom.incident.drill_events import DrillStarted
from warroom.incident.drills import drill_ended, drill_started, hints_given, judged_fixes, mentions
from warroom.incident.events import HypothesisConfirmed, Noted, Resolved, SectionWritten
from warroom.incident.incident import Incident
from warroom.incident.pitfalls import COMMUNICATION, NO_COMMANDER, NO_POSTMORTEM, RUSHING
from warroom.incident.playbook import Pitfall, Playbook
from warroom.reports import metrics

NEXT = "Next: warroom init writes your own settings; D in the console runs a drill with your team."


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """One figure of a drill. ``met`` is whether it reached its target.

    ``reason`` says why it matters or what was missing, ``pitfall`` is the id of the playbook's pitfall it touches.
    """

    label: str
    value: str
    met: bool
    reason: str = ""
    pitfall: str = ""


@dataclass(frozen=True, slots=True)
class Debrief:
    """A drill looked back on: how it ended, the score, what was behind it, and what each fix did."""

    title: str
    outcome: str
    lines: tuple[ScoreLine, ...]
    cause: str = ""
    fixes: tuple[str, ...] = ()
    hints: int = 0
    pitfalls: tuple[Pitfall, ...] = ()

    @property
    def reached(self) -> int:
        """How many targets were met."""
        return sum(line.met for line in self.lines)


def score(incident: Incident, playbook: Playbook, now: datetime) -> tuple[ScoreLine, ...]:
    """Return the figures of a drill's incident as of ``now``."""
    return tuple(_lines(incident, playbook, now))


def debrief(incident: Incident, playbook: Playbook, now: datetime) -> Debrief:
    """Return all there is to talk about after a drill, as of ``now``."""
    started, ended, lines = drill_started(incident), drill_ended(incident), score(incident, playbook, now)
    touched = {line.pitfall for line in lines if not line.met}
    return Debrief(
        title=started.title if started else incident.title,
        outcome=ended.outcome if ended else "running" if incident.open else "finished",
        lines=lines,
        cause=started.cause if started else "",
        fixes=tuple(_fixes(incident)),
        hints=len(hints_given(incident)),
        pitfalls=tuple(one for one in playbook.guidance.pitfalls if one.id in touched),
    )


def score_text(lines: Sequence[ScoreLine]) -> str:
    """Return the score in lines, and what to try next."""
    return "\n".join((*_score_rows(lines), "", NEXT))


def debrief_text(debrief: Debrief) -> str:
    """Return the debrief in lines: the score, why what was missed matters, the cause, the fixes, the pitfalls."""
    parts = [*_score_rows(debrief.lines), "", NEXT]
    missed = [line for line in debrief.lines if not line.met and line.reason]
    if missed:
        parts += ["", "Why it matters", *(f"  {line.label}: {line.reason}" for line in missed)]
    if debrief.cause:
        parts += ["", "What was wrong", f"  {debrief.cause}"]
    if debrief.fixes:
        parts += ["", "The fixes", *(f"  {fix}" for fix in debrief.fixes)]
    for pitfall in debrief.pitfalls:
        parts += ["", f"Pitfall: {pitfall.title}", f"  {pitfall.problem}"]
        parts += [f"  · {solution}" for solution in pitfall.solutions]
    return "\n".join(parts)


def _score_rows(lines: Sequence[ScoreLine]) -> list[str]:
    reached = sum(line.met for line in lines)
    width = max(len(line.label) for line in lines)
    rows = [f"{'✓' if line.met else '○'} {line.label:<{width}}  {line.value}" for line in lines]
    return [f"{reached} of {len(lines)} targets met", "", *rows]


def _lines(incident: Incident, playbook: Playbook, now: datetime) -> Iterator[ScoreLine]:
    declared = incident.milestones["declared"]
    started = drill_started(incident)
    severity = incident.severities[0][1] if incident.severities else incident.severity
    response = timedelta(minutes=playbook.severity(severity).response_minutes)
    acknowledged = incident.milestones.get("acknowledged")
    reason = "Until somebody acknowledges it, everyone else wonders whether anyone is on it."
    yield _after("Acknowledged", acknowledged, declared, response, reason, COMMUNICATION)
    led = next((one.since for one in incident.tenures if one.role == "incident_commander"), None)
    reason = "Without a commander everyone tries to lead, or nobody does."
    limit = timedelta(minutes=playbook.nudges.commander_minutes)
    yield _after("Commander", led, declared, limit, reason, NO_COMMANDER)
    if started and started.service:
        yield _service(incident, started)
    if started and started.severity:
        yield _severity(incident, playbook, started)
    yield from _communication(incident, playbook, declared, now)
    yield from _fixing(incident, started)
    yield from _ending(incident, started, now)


def _service(incident: Incident, started: DrillStarted) -> ScoreLine:
    right = incident.service.casefold() == started.service.casefold()
    value = incident.service if right else f"{incident.service}, not {started.service}"
    return ScoreLine("Service", value, right, "The wrong service calls the wrong people.", RUSHING)


def _severity(incident: Incident, playbook: Playbook, started: DrillStarted) -> ScoreLine:
    """The last severity that was set counts. One that is too high errs on the safe side, and is not met either."""
    chosen, wanted = playbook.severity(incident.severity), playbook.severity(started.severity)
    difference = playbook.rank(chosen.id) - playbook.rank(wanted.id)
    value = chosen.title if not difference else f"{chosen.title}; {wanted.title} was right"
    reason = (
        "Too low a severity means slower answers and fewer updates than users need."
        if difference > 0
        else "If in doubt the higher one is right; lower it, with a reason, once you know."
    )
    return ScoreLine("Severity", value, difference == 0, reason, COMMUNICATION)


def _communication(
    incident: Incident, playbook: Playbook, declared: datetime, now: datetime
) -> Iterator[ScoreLine]:
    severity = incident.severities[0][1] if incident.severities else incident.severity
    first = next((post.at for post in incident.posts if post.update.message != "declaration"), None)
    every = timedelta(minutes=playbook.severity(severity).update_minutes["team"])
    reason = "People who hear nothing ask, and rumors spread."
    yield _after("First update", first, declared, every, reason, COMMUNICATION)
    promises = [one for one in metrics.cadence(incident, playbook, now) if one.kept is not None]
    kept = sum(one.kept is True for one in promises)
    reason = "An update that comes when it was promised is what others plan by."
    kept_all = kept == len(promises)
    yield ScoreLine("Updates on time", f"{kept} of {len(promises)}", kept_all, reason, COMMUNICATION)


def _fixing(incident: Incident, started: DrillStarted | None) -> Iterator[ScoreLine]:
    fixed = [row.entry.at for entry, _ in incident.fixes if (row := incident.row(entry))]
    pinned = [row.entry.at for entry, _ in incident.evidence if (row := incident.row(entry))]
    if not pinned:
        value, met = "none pinned", False
    elif fixed and pinned[0] > fixed[0]:
        value, met = "pinned after the fix", False
    else:
        value, met = "pinned first" if fixed else "pinned", True
    reason = "A fix without evidence is a guess. Take five minutes to assess before acting."
    yield ScoreLine("Evidence before the fix", value, met, reason, RUSHING)
    judged = judged_fixes(incident)
    if started and started.remedies:
        wrong = sum(not one.helps for one in judged)
        helped = any(one.helps for one in judged)
        value = "none" if not judged else "the right one at once" if helped and not wrong else ""
        if judged and wrong:
            value = f"{'found' if helped else 'not found'}, {wrong} that did not help"
        reason = "Each fix that does not help costs time, and some make it worse."
        yield ScoreLine("The right fix", value, helped and not wrong, reason, RUSHING)
    rollback = bool(incident.fixes) and all(fix.rollback for _, fix in incident.fixes)
    missing = "no fix" if not incident.fixes else "not named"
    planned = rollback and all(fix.planned for _, fix in incident.fixes)
    named = "named before the fix, in its plan" if planned else "named"
    reason = "When a fix makes it worse, the way back has to be known already."
    yield ScoreLine("Rollback of the fix", named if rollback else missing, rollback, reason, RUSHING)


def _ending(incident: Incident, started: DrillStarted | None, now: datetime) -> Iterator[ScoreLine]:
    ended = drill_ended(incident)
    broken_off = ended is not None and ended.outcome != "finished"
    resolved = "resolved" in incident.milestones and not broken_off
    overridden = next(
        (row.entry.event.overridden for row in reversed(incident.rows) if isinstance(row.entry.event, Resolved)), ()
    )
    verified = resolved and not overridden
    value = "all of it" if verified else f"{len(overridden)} left open" if resolved else "not resolved"
    reason = "What only seems fixed comes back, after the all-clear."
    yield ScoreLine("Verified before resolved", value, verified, reason, RUSHING)
    took = timing.format_duration(timing.elapsed(incident, now))
    value = f"after {took}" if resolved else ended.outcome if broken_off and ended else "not yet"
    yield ScoreLine("Resolved", value, resolved, "The drill ended with users still affected.", RUSHING)
    reason = "Without the cause the same incident happens again."
    if started and started.cause_match:
        found = _cause_found(incident, started)
        value = (
            f"found after {timing.format_duration(found - incident.milestones['declared'])}"
            if found
            else "not found"
        )
        yield ScoreLine("Root cause", value, found is not None, reason, NO_POSTMORTEM)
    else:
        cause = bool(incident.sections.get("root_cause"))
        yield ScoreLine("Root cause", "written" if cause else "not written", cause, reason, NO_POSTMORTEM)


def _cause_found(incident: Incident, started: DrillStarted) -> datetime | None:
    """When the cause was first named: in a finding or a decision, a confirmed hypothesis, or the post-mortem."""
    for row in incident.rows:
        event = row.entry.event
        match event:
            case Noted(note="finding" | "decision") | HypothesisConfirmed() | SectionWritten(section="root_cause"):
                if not row.retracted and mentions(event.words, started.cause_match):
                    return row.entry.at
    return None


def _fixes(incident: Incident) -> Iterator[str]:
    """What each fix of the drill did, and why."""
    effects = {"helps": "it helped", "nothing": "it did not help", "worse": "it made things worse"}
    for one in judged_fixes(incident):
        effect = effects[one.remedy.effect] if one.remedy else "it did not help"
        why = f" {one.remedy.why}" if one.remedy and one.remedy.why else ""
        yield f"{one.fix.words} — {effect}.{why}"


def _after(
    label: str, at: datetime | None, since: datetime, target: timedelta, reason: str, pitfall: str
) -> ScoreLine:
    within = f"target {timing.format_duration(target)}"
    if at is None:
        return ScoreLine(label, f"never ({within})", False, reason, pitfall)
    took = max(timedelta(0), at - since)
    return ScoreLine(label, f"after {timing.format_duration(took)} ({within})", took <= target, reason, pitfall)
