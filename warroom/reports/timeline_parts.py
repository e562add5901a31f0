"""Divides a long timeline into parts that can be read: key events line by line, routine ones counted. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import groupby
from typing import NamedTuple

from warroom.incident.chat_events import ChannelOpened, ChatMessage
from warroom.incident.events import (
    AlertCleared,
    AlertReceived,
    Event,
    EvidencePinned,
    ItemChecked,
    ItemUnchecked,
    Noted,
    TaskAssigned,
    TaskDone,
    UpdatePosted,
)
from warroom.incident.runbook_events import RunbookStepDone, RunbookStepUndone, StepRunEnded, StepRunStarted
from warroom.reports.metrics import PhaseTime

LONG = 60
"""A timeline of more lines is divided, and its routine is counted instead of listed."""

_ROUTINE: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (AlertCleared, "alert cleared"),
    (EvidencePinned, "log line kept as evidence"),
    ((ItemChecked, ItemUnchecked), "checklist change"),
    ((TaskAssigned, TaskDone), "change of a task"),
    ((RunbookStepDone, RunbookStepUndone, StepRunStarted, StepRunEnded), "runbook step"),
    (ChatMessage, "chat message"),
    (ChannelOpened, "channel opened"),
)
_PLURALS = {
    "alert cleared": "alerts cleared",
    "log line kept as evidence": "log lines kept as evidence",
    "change of a task": "changes of tasks",
    "channel opened": "channels opened",
    "alert that had fired before": "alerts that had fired before",
}


class RoutineEvents:
    """Tells routine events from key events, in the order of the timeline: a repetition is routine."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()

    def __call__(self, event: Event, text: str) -> str:
        """Return what an event is counted as in a long timeline, "" for a key event."""
        for kinds, name in _ROUTINE:
            if isinstance(event, kinds):
                return name
        if isinstance(event, Noted) and event.note == "note":
            return "note"
        if isinstance(event, UpdatePosted) and event.audience == "team" and event.message == "update":
            return "team update"
        if isinstance(event, AlertReceived):
            return "alert that had fired before" if self._repeated("alert", event.name) else ""
        if isinstance(event, UpdatePosted):
            return f"{event.message} update" if self._repeated(event.audience, text) else ""
        return ""

    def _repeated(self, kind: str, text: str) -> bool:
        repeated = (kind, text) in self._seen
        self._seen.add((kind, text))
        return repeated


class TimedLine(NamedTuple):
    """What a part needs to know of a line: when it was, and what it is counted as."""

    at: datetime
    routine: str


class TimelinePart(NamedTuple):
    """A part of a timeline.

    ``day`` is an ISO date, ``title`` has its times and its phase. ``lines`` are the places of its key events among
    all lines; ``also`` says in words what else there was.
    """

    day: str
    title: str
    lines: tuple[int, ...]
    also: str


def divide(
    lines: Sequence[TimedLine], phases: Sequence[PhaseTime], started: datetime | None, zone: tzinfo
) -> tuple[TimelinePart, ...]:
    """Divide the lines of a timeline, in order, by day, phase and hour in ``zone``; a short one into nothing."""
    if len(lines) <= LONG:
        return ()
    ends = list(_phase_ends(phases, started)) if started else []

    def place(number: int) -> tuple[str, str, int]:
        here = lines[number].at.astimezone(zone)
        return f"{here:%Y-%m-%d}", _phase_at(lines[number].at, ends), here.hour

    groups: list[tuple[str, str, list[int]]] = []
    for (day, phase, _), group in groupby(range(len(lines)), key=place):
        numbers = list(group)
        if groups and groups[-1][0] == day and all(lines[number].routine for number in numbers):
            groups[-1][2].extend(numbers)  # nothing of its own to tell
        else:
            groups.append((day, phase, numbers))
    parts = []
    for day, phase, numbers in groups:
        begin, end = (lines[number].at.astimezone(zone) for number in (numbers[0], numbers[-1]))
        routine = Counter(lines[number].routine for number in numbers if lines[number].routine)
        parts.append(
            TimelinePart(
                day,
                " · ".join(filter(None, ("–".join(dict.fromkeys((f"{begin:%H:%M}", f"{end:%H:%M}"))), phase))),
                tuple(number for number in numbers if not lines[number].routine),
                ", ".join(f"{count} {_named(name, count)}" for name, count in routine.most_common()),
            )
        )
    return tuple(parts)


def _named(name: str, count: int) -> str:
    return name if count == 1 else _PLURALS.get(name, f"{name}s")


def _phase_ends(phases: Sequence[PhaseTime], started: datetime) -> Iterator[tuple[datetime, str]]:
    end = started
    for phase in phases:
        end += timedelta(seconds=phase.seconds)
        if phase.seconds > 0:
            yield end, phase.title


def _phase_at(at: datetime, ends: Sequence[tuple[datetime, str]]) -> str:
    return next((title for end, title in ends if at < end), ends[-1][1] if ends else "")
