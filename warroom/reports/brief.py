"""The brief: where an incident stands, for people who join late. Conditions, actions, needs (a CAN report).

The CAN report is the form in which fire services, and incident teams after them, report by radio:
https://response.pagerduty.com/training/incident_commander/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from warroom.incident import timing
from warroom.incident.advice import NextStep
from warroom.incident.events import Noted
from warroom.incident.incident import Incident
from warroom.incident.playbook import Playbook
from warroom.incident.readings import Observation
from warroom.reports.messages import format_moment, impact_line

LAST = 3
"""How many changes are named, the newest ones."""


@dataclass(frozen=True, slots=True)
class Brief:
    """Where an incident stands, in lines; ``title`` is which one it is and how bad."""

    title: str
    conditions: tuple[str, ...]
    actions: tuple[str, ...]
    needs: tuple[str, ...]
    spoken: str
    """The same in a few sentences, to be read out in about 20 seconds."""

    def text(self) -> str:
        """The brief in lines, to print or to paste into a chat."""
        return f"{self.title}\n{self.body()}"

    def body(self) -> str:
        """The brief in lines, without its title."""
        parts = (("Conditions", self.conditions), ("Actions", self.actions), ("Needs", self.needs))
        return "\n".join(f"{name}\n" + "\n".join(f"  {line}" for line in lines) for name, lines in parts)


def brief(
    incident: Incident,
    playbook: Playbook,
    steps: Sequence[NextStep],
    observation: Observation | None,
    now: datetime,
    zone: tzinfo,
) -> Brief:
    """Build the brief as of ``now``, with times in ``zone``. ``steps`` is what is to be done, most urgent first;
    ``observation`` what a console measured last."""
    severity = next((one.title for one in playbook.severities if one.id == incident.severity), incident.severity)
    drill = "DRILL · " if incident.drill else ""
    state = severity if incident.open else f"{incident.status.capitalize()}, was {severity}"
    return Brief(
        title=f"{drill}{incident.id} · {state} · {incident.service}",
        conditions=tuple(_conditions(incident, observation, now, zone)),
        actions=tuple(_actions(incident, now)) or ("Nothing is recorded yet",),
        needs=tuple(_needs(incident, playbook, steps, now, zone)) or ("Nothing",),
        spoken=" ".join(_spoken(incident, playbook, severity, now, zone)),
    )


def _conditions(incident: Incident, observation: Observation | None, now: datetime, zone: tzinfo) -> Iterator[str]:
    yield impact_line(incident)
    start, resolved = incident.milestones["started"], incident.milestones.get("resolved")
    took = timing.format_duration(timing.elapsed(incident, now))
    until = f" to {format_moment(resolved, zone, start)}" if resolved else ""
    yield f"{incident.status.capitalize()}, {took}, from {format_moment(start, zone, now)}{until}"
    if observation and incident.open:
        age = now - observation.at
        ago = f", {timing.format_duration(age)} ago" if age >= timedelta(minutes=1) else ""
        yield from (f"{reading.text}{ago}" for reading in observation.readings.values())
    for state, word in (("confirmed", "Cause"), ("open", "Suspected"), ("ruled out", "Ruled out")):
        found = incident.hypotheses_in(state)  # type: ignore[arg-type]
        if found:
            yield f"{word}: " + "; ".join(f"{one.id} {one.words}" for one in found)


def _actions(incident: Incident, now: datetime) -> Iterator[str]:
    for _, fix in incident.fixes:
        yield f"{'Temporary' if fix.temporary else 'Permanent'} fix: {fix.words}"
    for sort, word in (("change", "Changed"), ("decision", "Decided")):
        for words in _notes(incident, sort)[-LAST:]:
            yield f"{word}: {words}"
    for change in incident.planned_changes:
        yield f"Planned: {change.id} {change.words} (rollback: {change.rollback})"
    for task in incident.open_tasks:
        yield f"{task.who}: {task.words}, {time_left(task.until, now)}"
    for progress in incident.runbooks.values():
        yield f"Runbook {progress.describe()}"


def _notes(incident: Incident, sort: str) -> list[str]:
    return [
        row.text
        for row in incident.timeline
        if isinstance(row.entry.event, Noted) and row.entry.event.note == sort and not row.withdrawn
    ]


def _needs(
    incident: Incident, playbook: Playbook, steps: Sequence[NextStep], now: datetime, zone: tzinfo
) -> Iterator[str]:
    if incident.open:
        for role in playbook.roles:
            if role.id not in incident.roles:
                article = "An" if role.title[:1] in "AEIOU" else "A"
                yield f"{article} {role.title.lower()} (backup: {role.backup})"
        for audience, due in timing.next_updates(incident, playbook, now).items():
            what = f"Update {len(incident.posts) + 1}" if audience == "team" else f"Update to {audience}"
            word = "overdue since" if due.left_s < 0 else "due"
            yield f"{what}, {word} {format_moment(due.due, zone, now)}"
    for step in steps[:1]:
        if step.action not in ("assign", "update"):
            yield f"Next: {step.text}"


def _spoken(incident: Incident, playbook: Playbook, severity: str, now: datetime, zone: tzinfo) -> Iterable[str]:
    took = timing.format_duration(timing.elapsed(incident, now)).replace(" min", " minutes").replace(" h", " hours")
    took = took.replace(" s", " seconds")
    impact = incident.impact.rstrip(".")
    if not incident.open:
        yield f"{incident.id} is {incident.status}. It was {severity.lower()}, on {incident.service}: {impact}."
        yield f"It took {took}."
        return
    was = "the impact was: " if incident.impact_ended else ""
    yield f"{incident.id}, {severity.lower()}, on {incident.service}: {was}{impact}."
    mitigated = " Users are no longer affected." if incident.impact_ended else ""
    yield f"We are {took} in.{mitigated}"
    yield f"{incident.commander} leads." if incident.commander else "Nobody leads yet."
    confirmed, suspected = incident.hypotheses_in("confirmed"), incident.hypotheses_in("open")
    if confirmed:
        yield f"The cause: {confirmed[-1].words.rstrip('.')}."
    elif suspected:
        yield f"We suspect: {suspected[-1].words.rstrip('.')}."
    if incident.fixes:
        yield f"Fix in place: {incident.fixes[-1][1].words.rstrip('.')}."
    for task in incident.open_tasks[:2]:
        yield f"{task.who} is on: {task.words.rstrip('.')}."
    due = timing.next_update(incident, playbook, now)
    if due:
        at = f"{due.due.astimezone(zone):%H:%M}"
        yield f"The next update was due at {at}." if due.left_s < 0 else f"The next update is at {at}."


def time_left(until: datetime, now: datetime) -> str:
    """Return how long something still takes: ``8 min left``, or ``2 min over``."""
    left = until - now
    if left <= timedelta(0):
        return f"{timing.format_duration(-left)} over"
    minutes = -(-int(left.total_seconds()) // 60)  # rounded up: "0 min left" would be over
    return f"{timing.format_duration(timedelta(minutes=minutes))} left"
