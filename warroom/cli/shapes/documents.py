"""Shapes of figures, action items, post-mortems and exports."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from typing_extensions import TypedDict

from warroom.cli.shapes import explained
from warroom.incident.delivery import Channel, DeliveryState
from warroom.incident.events import ActionType, Milestone, Status
from warroom.reports.metrics import Average, Durations, PhaseTime
from warroom.reports.postmortem import (
    CustomerMessage,
    PostMortemAction,
    PostMortemSection,
    PromisedUpdate,
)
from warroom.reports.role_times import RoleGap, RoleSummary


class UpdatesShape(TypedDict):
    """Updates that were promised, those that came in time, and their share from 0 to 1."""

    promised: int
    kept: int
    share: float | None


@explained
class FiguresGroupShape(TypedDict):
    """Figures over a group of incidents."""

    incidents: int
    durations: dict[str, Average | None]
    """Null where no incident has it."""
    updates: UpdatesShape


class NamedGroupShape(FiguresGroupShape):
    """Figures over the incidents of a month, a service or a severity."""

    name: str


class SeverityChangeShape(TypedDict):
    declared: str
    final: str
    incidents: int


class AlertFiguresShape(TypedDict):
    name: str
    fired: int
    incidents: int
    dismissed: int


class ActionFiguresShape(TypedDict):
    open: int
    overdue: int
    done: int


class CauseShape(TypedDict):
    words: list[str]
    incidents: list[str]
    services: list[str]
    open_actions: int


@explained
class FiguresShape(FiguresGroupShape):
    """Figures over all incidents. Durations are in seconds, shares from 0 to 1."""

    since: datetime | None
    until: datetime | None
    severities: dict[str, int]
    severity_changes: list[SeverityChangeShape]
    by: Literal["month", "service", "severity"]
    groups: list[NamedGroupShape]
    alerts: list[AlertFiguresShape]
    actions: ActionFiguresShape
    repeated_causes: list[CauseShape]
    drills: FiguresGroupShape
    improvement: str | None
    """One line about the last quarter, if it was better than the one before."""
    unreadable: list[str]
    """Incidents that are not counted because they cannot be read."""
    definitions: dict[str, str]


class ImprovementShape(TypedDict):
    """The line about the last quarter; null if it was not better than the one before."""

    improvement: str | None


@explained
class ActionShape(TypedDict):
    """An action item and the issue that was opened for it."""

    id: str
    text: str
    owner: str
    due: str
    """A date, such as 2026-02-14, or empty."""
    done_at: datetime | None
    type: ActionType
    tracker: str
    issue: str
    issue_url: str


class CalendarShape(TypedDict):
    """The meetings as an iCalendar file."""

    calendar: str


class PostMortemLineShape(TypedDict):
    seq: int
    at: datetime
    kind: str
    text: str
    data: str


@explained
class PostMortemBodyShape(TypedDict):
    """A post-mortem. Texts are redacted and, but for the owners of action items, without names."""

    id: str
    title: str
    service: str
    severity: str
    status: Status
    drill: bool
    written_at: datetime
    zone: str
    span: str
    duration_s: float
    summary: PostMortemSection
    timeline: list[PostMortemLineShape]
    milestones: dict[Milestone, datetime]
    milestone_times: dict[Milestone, str]
    """In the team's zone, as people read them."""
    measured: Durations
    phases: list[PhaseTime]
    cadence: list[PromisedUpdate]
    roles: list[RoleSummary]
    gaps: list[RoleGap]
    evidence: list[PostMortemLineShape]
    users_affected: str
    business_impact: str
    customer_impact: str
    participants: list[str]
    detection: str
    root_cause: PostMortemSection
    contributing_factors: PostMortemSection
    went_well: PostMortemSection
    could_improve: PostMortemSection
    lucky: PostMortemSection
    customer_messages: list[CustomerMessage]
    actions: list[PostMortemAction]


class PostMortemShape(PostMortemBodyShape):
    """A post-mortem as a document of its own."""

    format: Literal["warroom.postmortem/1"]


class ExportedRoleShape(TypedDict):
    person: str
    since: datetime


class ExportedTickShape(TypedDict):
    at: datetime
    by: str
    because: str
    against: str


class ExportedActionShape(TypedDict):
    id: str
    text: str
    owner: str
    due: str
    added_at: datetime
    done_at: datetime | None


class ExportedIncidentShape(TypedDict):
    id: str
    seq: int
    title: str
    service: str
    impact: str
    severity: str
    status: Status
    drill: bool
    milestones: dict[Milestone, datetime]
    roles: dict[str, ExportedRoleShape]
    checklist: dict[str, ExportedTickShape]
    actions: list[ExportedActionShape]
    sections: dict[str, str]
    channels: dict[str, Channel]


class ExportedEntryShape(TypedDict):
    seq: int
    id: UUID
    at: datetime
    kind: str
    by: str
    text: str
    amended: bool
    retracted: bool


class ExportedDeliveryShape(TypedDict):
    id: str
    seq: int
    destination: str
    act: str
    state: DeliveryState
    attempts: int
    url: str


class ExportShape(TypedDict):
    """A whole incident: its state, timeline, deliveries and post-mortem."""

    format: Literal["warroom.incident/1"]
    incident: ExportedIncidentShape
    timeline: list[ExportedEntryShape]
    deliveries: list[ExportedDeliveryShape]
    postmortem: PostMortemBodyShape
