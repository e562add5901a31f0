"""Shapes of people, alerts, logs and of what set-up and health verbs print."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from typing_extensions import TypedDict

from warroom.cli.shapes import explained
from warroom.incident.readings import Verdict
from warroom.logs.records import Level

ShiftShape = TypedDict("ShiftShape", {"person": str, "from": datetime, "until": datetime | None})


class RotaShape(TypedDict):
    """Who is on call, and the next shifts."""

    on_call: str | None
    shifts: list[ShiftShape]
    problem: str


class ContactShape(TypedDict):
    """Somebody who can be called."""

    name: str
    because: str
    phone: str
    email: str
    handles: dict[str, str]


ServiceShape = TypedDict("ServiceShape", {"service": str, "is": str})


class ConnectedShape(TypedDict):
    """A destination that was connected, what the service answered, and the files that were written."""

    name: str
    found: list[str]
    written: list[str]


class ConnectStepsShape(TypedDict):
    """What to do in a service before it can be connected."""

    service: str
    steps: list[str]


class AlertSourceShape(TypedDict):
    """A source of alerts and how its last poll went."""

    source: str
    backend: str
    every_s: float | None
    polled_at: datetime | None
    succeeded_at: datetime | None
    firing: int | None
    problem: str


class SilenceShape(TypedDict):
    """An alert that was silenced at its source."""

    alert: str
    source: str
    until: datetime
    outcome: str


class RulesShape(TypedDict):
    """A rule file for Prometheus, and the playbook's rules of which no form is known."""

    rules: str
    unknown: list[str]


@explained
class AlertShape(TypedDict):
    """An alert that waits for somebody to declare an incident, or to dismiss it."""

    alert: int
    """Its number, for ``warroom declare --alert N``."""
    id: UUID
    at: datetime
    name: str
    source: str
    service: str
    detail: str
    drill: bool
    severity: str
    url: str
    labels: dict[str, str]
    group: str
    cleared_at: datetime | None


class TopicShape(TypedDict):
    """A page of the manual in the list of its pages."""

    topic: str
    explains: str


class PageShape(TypedDict):
    """A page of the manual."""

    topic: str
    markdown: str


class ReadyShape(TypedDict):
    """An item of the readiness checklist; ``speaks`` and ``reading`` are what was measured about it."""

    item: str
    text: str
    holds: bool
    confirmed_at: datetime | None
    holds_until: datetime | None
    speaks: Verdict | None
    reading: str | None


class ProbeShape(TypedDict):
    """What a probe has just measured."""

    probe: str
    kind: str
    service: str
    verifies: str
    at: datetime | None
    speaks: Verdict
    text: str
    value: float | None
    unit: str


class CheckShape(TypedDict):
    """One thing that doctor looked at."""

    check: str
    state: Literal["fine", "look", "wrong"]
    text: str


class DiagnosticLogShape(TypedDict):
    """The diagnostic log: where it is, and its last entries."""

    path: str
    text: str


class LogRecordShape(TypedDict):
    """A line of a log; ``time`` and ``level`` where the line has them."""

    time: datetime | None
    level: Level | None
    source: str
    line: int | None
    text: str


class WatchLineShape(TypedDict):
    """Something that the background work did; ``about`` is an incident or a job."""

    at: datetime
    about: str
    text: str
    failed: bool
