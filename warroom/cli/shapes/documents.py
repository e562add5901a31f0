"""Shapes of figures, action items, post-mortems and exports."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from typing_extensions import TypedDict

from warroom.cli.shapes import explained
from warroom.cli.shapes.records import DeliveryShape
from warroom.incident.delivery import Channel, DeliveryState
from warroom.incident.events import ActionType, Milestone, Section, Status
from warroom.reports.metrics import Average, Durations, PhaseTime
from warroom.reports.postmortem import (
    CustomerMessage,
    NotNeededItem,
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
    improvement_posted_at: datetime | None
    """When that line was posted to the team."""
    unreadable: list[str]
    """Incidents that are not counted because they cannot be read."""
    definitions: dict[str, str]


class ImprovementShape(TypedDict):
    """The line about the last quarter; null if it was not better than the one before."""

    improvement: str | None


class PostedImprovementShape(TypedDict):
    """The line about a better quarter as it was posted, and its deliveries as they were when the verb ended."""

    quarter: str
    text: str
    deliveries: list[DeliveryShape]


@explained
class ActionItemShape(TypedDict):
    """An action item."""

    id: str
    text: str
    owner: str
    due: str
    """A date, such as 2026-02-14, or empty."""
    type: ActionType
    item: str
    """The checklist item that is done with it, or empty."""
    done_at: datetime | None


class ListedActionShape(ActionItemShape):
    """An action item in the list of all incidents."""

    incident: str
    service: str
    title: str
    overdue: bool


class ActionShape(ActionItemShape):
    """An action item and the issue that was opened for it; its keys are empty where there is none."""

    tracker: str
    issue: str
    issue_url: str


class CalendarShape(TypedDict):
    """The meetings as an iCalendar file."""

    calendar: str


@explained
class SuggestionShape(TypedDict):
    """A line that the timeline suggests for a section of the post-mortem."""

    id: str
    """For ``warroom postmortem accept`` and ``dismiss``."""
    section: Section
    text: str


@explained
class HintShape(TypedDict):
    """What to reword in the post-mortem, or what an action item lacks."""

    where: str
    """A section, or an action item such as A1."""
    hint: str


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
    """Seconds since it started; since it was resolved, how long it lasted."""
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
    """Who took part, by role."""
    trigger: str
    """What may have set it off; empty if no change is known."""
    detection: str
    """How it was noticed."""
    resolution: list[str]
    """What ended it, step by step."""
    severities: str
    """How long it had which severity; empty if that never changed."""
    unwritten: list[Section]
    """The sections that are still to be written."""
    meeting: str
    """When the post-mortem meeting is; empty if none is scheduled."""
    root_cause: PostMortemSection
    contributing_factors: PostMortemSection
    went_well: PostMortemSection
    could_improve: PostMortemSection
    lucky: PostMortemSection
    customer_messages: list[CustomerMessage]
    actions: list[PostMortemAction]
    not_needed: list[NotNeededItem]


class PostMortemShape(PostMortemBodyShape):
    """A post-mortem as a document of its own."""

    format: Literal["warroom.postmortem/1"]


class ExportedRoleShape(TypedDict):
    person: str
    since: datetime


@explained
class ExportedTickShape(TypedDict):
    at: datetime
    by: str
    because: str
    against: str
    not_needed: str
    """Why it was not needed, or empty."""


class ExportedActionShape(ActionItemShape):
    added_at: datetime


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
    scrubbed: bool


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
