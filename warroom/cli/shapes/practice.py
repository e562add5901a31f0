"""Shapes of drills and runbooks."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from typing_extensions import TypedDict

from warroom.cli.shapes import explained
from warroom.incident.playbook import Pitfall
from warroom.incident.runbook import PassageKind
from warroom.reports.drill_score import ScoreLine


@explained
class DrillShape(TypedDict):
    """A drill that can be run."""

    name: str
    title: str
    service: str
    own: bool
    """Whether it is the team's own; the others are shipped."""
    path: str
    problem: str
    last_played: datetime | None


class NewDrillShape(TypedDict):
    """The script of a new drill."""

    name: str
    path: str


class CheckedDrillShape(TypedDict):
    """A script without mistakes, and what it has."""

    path: str
    title: str
    stages: int
    alerts: int
    messages: int
    remedies: int
    hints: int
    answers: int


class PastDrillShape(TypedDict):
    """A drill that was played."""

    incident: str
    script: str
    title: str
    declared_at: datetime
    outcome: str
    targets_met: int
    targets: int
    hints: int
    acknowledge_s: float | None
    resolve_s: float | None
    missed: list[str]


@explained
class TrendShape(TypedDict):
    """How often a target was met: how many times, of how many drills."""

    target: str
    latest: tuple[int, int]
    before: tuple[int, int]
    direction: Literal["better", "worse", "same", ""]


class DrillHistoryShape(TypedDict):
    """The drills that were played, and what has become better."""

    drills: list[PastDrillShape]
    trend: list[TrendShape]


class DebriefShape(TypedDict):
    """A drill looked back on."""

    title: str
    outcome: str
    lines: list[ScoreLine]
    cause: str
    fixes: list[str]
    hints: int
    pitfalls: list[Pitfall]


class DemoShape(TypedDict):
    """The incident of the demo, its post-mortem and its folder."""

    id: str
    postmortem: str
    data: str


class RunbookFileShape(TypedDict):
    """A runbook in a list."""

    name: str
    title: str
    path: str
    services: list[str]
    alerts: list[str]
    drills: bool
    steps: int


class PassageShape(TypedDict):
    kind: PassageKind
    text: str


class RunbookStepShape(TypedDict):
    step: int
    title: str
    done: bool
    passages: list[PassageShape]


class RunbookShape(TypedDict):
    """A runbook, or one step of it."""

    name: str
    title: str
    path: str
    steps: list[RunbookStepShape]


class TickedShape(TypedDict):
    """How far an incident is with a runbook after a step was ticked."""

    id: str
    runbook: str
    done: int
    steps: int


class RunShape(TypedDict):
    """How the command of a step ended, and the end of what it printed, with secrets masked."""

    id: str
    succeeded: bool
    result: str
    output: str
