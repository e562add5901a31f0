"""When one of the playbook's pitfalls occurs in an incident. Pure: ``now`` is passed in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from warroom.incident import timing
from warroom.incident.events import AlertReceived
from warroom.incident.incident import Incident, happened_at
from warroom.incident.meetings import scheduled
from warroom.incident.playbook import Pitfall, Playbook

NO_COMMANDER, COMMUNICATION, RUSHING, NO_POSTMORTEM, ALERT_FATIGUE = (
    "no-commander",
    "poor-communication",
    "rushing",
    "no-postmortem",
    "alert-fatigue",
)
"""The pitfalls of the shipped playbook, by their ids. One that a team has removed is not named."""

_ROLLBACK = re.compile(r"\broll(?:ed|ing|s)?(?:[ -]?back|\b.{1,80}\bback)\b|\brevert(?:ed|ing|s)?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PitfallSeen:
    """A pitfall that occurs. ``trigger`` says by what, in a few words."""

    pitfall: Pitfall
    trigger: str

    @property
    def text(self) -> str:
        """The pitfall in full: by what it occurs, what it leads to, what helps."""
        helps = "\n".join(f"· {solution}" for solution in self.pitfall.solutions)
        return f"{self.trigger}.\n\n{self.pitfall.problem}\n\nWhat helps:\n{helps}"


def pitfalls_seen(incident: Incident, playbook: Playbook, now: datetime) -> list[PitfallSeen]:
    """The pitfalls that occur in an incident at ``now``, in the order of the playbook."""
    triggers = dict(_triggers(incident, playbook, now))
    return [PitfallSeen(one, triggers[one.id]) for one in playbook.guidance.pitfalls if one.id in triggers]


def _triggers(incident: Incident, playbook: Playbook, now: datetime) -> Iterator[tuple[str, str]]:
    limits = playbook.nudges
    if incident.open:
        waited = now - incident.milestones["declared"]
        if not incident.commander and waited >= timedelta(minutes=limits.commander_minutes):
            yield NO_COMMANDER, f"Nobody has taken command in {timing.format_duration(waited)}"
        update = timing.next_update(incident, playbook, now)
        if update and update.left_s < 0:
            late = timing.format_duration(timedelta(seconds=-update.left_s))
            yield COMMUNICATION, f"The team's update is {late} overdue"
        for entry, fix in incident.fixes:
            row = incident.row(entry)
            if row and is_rushed(incident, playbook, fix.words, row.at):
                yield RUSHING, f"A fix came within {limits.assess_minutes} min of the start"
                break
        recent = _alerts_within(incident, now - timedelta(hours=1))
        if recent >= limits.alerts_an_hour:
            yield ALERT_FATIGUE, f"{recent} alerts in the last hour"
    elif incident.status == "resolved" and not incident.drill:
        due = incident.milestones["resolved"] + timedelta(hours=limits.postmortem_hours)
        begun = incident.sections.get("root_cause") or "post-mortem" in scheduled(incident)
        if now >= due and not begun:
            waited = now - incident.milestones["resolved"]
            yield NO_POSTMORTEM, f"No post-mortem {timing.format_duration(waited)} after the resolution"


def _alerts_within(incident: Incident, since: datetime) -> int:
    alerts = (row.entry for row in incident.rows if isinstance(row.entry.event, AlertReceived))
    return sum(happened_at(entry) >= since for entry in alerts)


def is_rushed(incident: Incident, playbook: Playbook, fix: str, at: datetime) -> bool:
    """Whether a fix made at ``at`` left no time to assess. A rollback never is: it needs no cause to be known."""
    assess = timedelta(minutes=playbook.nudges.assess_minutes)
    return at - incident.milestones["started"] < assess and not _ROLLBACK.search(fix)
