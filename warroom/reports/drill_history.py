"""The team's drills, one after another: what each was about, how it went, and what has become better.

Never a ranking: nothing here is about a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from warroom.incident.drills import drill_started
from warroom.incident.incident import Incident
from warroom.incident.playbook import Playbook
from warroom.reports.drill_score import Debrief, debrief
from warroom.reports.metrics import durations_of

LATEST = 3
"""How many drills the trend compares with those before them."""


@dataclass(frozen=True, slots=True)
class PastDrill:
    """A drill that was played. ``at`` is when its incident was declared (UTC), durations are in seconds."""

    incident: str
    script: str
    at: datetime
    debrief: Debrief
    acknowledge_s: float | None
    resolve_s: float | None


@dataclass(frozen=True, slots=True)
class Trend:
    """How often a target was met: in the latest drills, and in those before them; ``(met, drills)``."""

    label: str
    latest: tuple[int, int]
    before: tuple[int, int]

    @property
    def direction(self) -> str:
        """ "better", "worse" or "same"; "" if there is nothing to compare with."""
        (met, many), (met_before, many_before) = self.latest, self.before
        if not many or not many_before:
            return ""
        difference = met * many_before - met_before * many
        return "better" if difference > 0 else "worse" if difference < 0 else "same"


def past_drills(incidents: Iterable[Incident], playbook: Playbook, now: datetime) -> list[PastDrill]:
    """The drills among ``incidents``, the oldest first. An incident that is still open is not one of the past."""
    drills = [_past(incident, playbook, now) for incident in incidents if incident.drill and not incident.open]
    return sorted(drills, key=lambda one: one.at)


def _past(incident: Incident, playbook: Playbook, now: datetime) -> PastDrill:
    started, took = drill_started(incident), durations_of(incident)
    over = debrief(incident, playbook, now)
    finished = over.outcome == "finished"
    return PastDrill(
        incident=incident.id,
        script=started.script if started else "",
        at=incident.milestones["declared"],
        debrief=over,
        acknowledge_s=took.acknowledge_s,
        resolve_s=took.resolve_s if finished else None,
    )


def trends(drills: Sequence[PastDrill]) -> list[Trend]:
    """How often each target was met in the ``LATEST`` drills and in all before; abandoned ones do not count.

    The targets are in the order of the score.
    """
    counted = [one for one in drills if one.debrief.outcome != "abandoned"]
    latest, before = counted[-LATEST:], counted[:-LATEST]
    labels = dict.fromkeys(line.label for one in reversed(counted) for line in one.debrief.lines)
    return [Trend(label, _met(label, latest), _met(label, before)) for label in labels]


def _met(label: str, drills: Iterable[PastDrill]) -> tuple[int, int]:
    found = [line.met for one in drills for line in one.debrief.lines if line.label == label]
    return sum(found), len(found)
