"""How a drill went: a few figures that the framework has targets for, and what to try next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from warroom.incident import timing
from warroom.incident.incident import Incident
from warroom.incident.playbook import Playbook
from warroom.reports import metrics

NEXT = "Next: warroom init writes your own settings; D in the console runs a drill with your team."


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """One figure of a drill. ``met`` is whether it reached its target."""

    label: str
    value: str
    met: bool


def score(incident: Incident, playbook: Playbook, now: datetime) -> tuple[ScoreLine, ...]:
    """Return the figures of a drill's incident as of ``now``."""
    return tuple(_lines(incident, playbook, now))


def score_text(lines: Sequence[ScoreLine]) -> str:
    """Return the score in lines, and what to try next."""
    reached = sum(line.met for line in lines)
    width = max(len(line.label) for line in lines)
    rows = [f"{'✓' if line.met else '○'} {line.label:<{width}}  {line.value}" for line in lines]
    return "\n".join((f"{reached} of {len(lines)} targets met", "", *rows, "", NEXT))


def _lines(incident: Incident, playbook: Playbook, now: datetime) -> Iterator[ScoreLine]:
    declared = incident.milestones["declared"]
    severity = incident.severities[0][1] if incident.severities else incident.severity
    response = timedelta(minutes=playbook.severity(severity).response_minutes)
    yield _after("Acknowledged", incident.milestones.get("acknowledged"), declared, response)
    led = next((one.since for one in incident.tenures if one.role == "incident_commander"), None)
    yield _after("Commander", led, declared, timedelta(minutes=playbook.nudges.commander_minutes))
    first = next((post.at for post in incident.posts if post.update.message != "declaration"), None)
    every = timedelta(minutes=playbook.severity(severity).update_minutes["team"])
    yield _after("First update", first, declared, every)
    promises = [one for one in metrics.cadence(incident, playbook, now) if one.kept is not None]
    kept = sum(one.kept is True for one in promises)
    yield ScoreLine("Updates on time", f"{kept} of {len(promises)}", kept == len(promises))
    rollback = bool(incident.fixes) and all(fix.rollback for _, fix in incident.fixes)
    missing = "no fix" if not incident.fixes else "not named"
    yield ScoreLine("Rollback of the fix", "named" if rollback else missing, rollback)
    resolved = "resolved" in incident.milestones
    took = timing.format_duration(timing.elapsed(incident, now))
    yield ScoreLine("Resolved", f"after {took}" if resolved else "not yet", resolved)
    cause = bool(incident.sections.get("root_cause"))
    yield ScoreLine("Root cause", "written" if cause else "not written", cause)


def _after(label: str, at: datetime | None, since: datetime, target: timedelta) -> ScoreLine:
    within = f"target {timing.format_duration(target)}"
    if at is None:
        return ScoreLine(label, f"never ({within})", met=False)
    took = max(timedelta(0), at - since)
    return ScoreLine(label, f"after {timing.format_duration(took)} ({within})", took <= target)
