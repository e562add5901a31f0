"""Shapes of incidents, their entries and deliveries, and of what a verb recorded."""

from __future__ import annotations

from datetime import datetime
from typing import NotRequired
from uuid import UUID

from typing_extensions import TypedDict

from warroom.cli.shapes import explained
from warroom.incident.advice import NextStep
from warroom.incident.delivery import DeliveryState, Receipt
from warroom.incident.events import Milestone, Status
from warroom.incident.readings import Observation


@explained
class EntryShape(TypedDict):
    """An entry of the timeline as it is now: a correction replaces its text."""

    seq: int
    """Its number in the incident, from 1."""
    id: UUID
    at: datetime
    kind: str
    by: str
    text: str
    retracted: NotRequired[bool]
    """Only where it is true."""


@explained
class DeliveryShape(TypedDict):
    """A message to a destination and how far it has come."""

    id: str
    seq: int
    """The entry it was sent for."""
    destination: str
    state: DeliveryState
    """``uncertain`` is shown as unconfirmed: nobody knows whether it arrived."""
    attempts: int
    next_attempt_at: datetime | None
    receipt: Receipt | None
    error: str


@explained
class RecordedShape(TypedDict):
    """What a verb recorded, and the deliveries it caused as they were when the verb ended."""

    id: str
    """The incident."""
    entries: list[EntryShape]
    deliveries: list[DeliveryShape]


class DeclaredShape(TypedDict):
    """The new incident. It is printed before anything is sent."""

    id: str
    severity: str
    drill: bool
    declared_at: datetime


class WrittenShape(TypedDict):
    """A file that was written."""

    path: str


class ProgressShape(TypedDict):
    done: int
    total: int


@explained
class IncidentShape(TypedDict):
    """An incident in a list."""

    id: str
    title: str
    service: str
    severity: str
    status: Status
    phase: str
    elapsed_s: int
    """Seconds since it started; since it was resolved, how long it lasted."""
    roles: dict[str, str | None]
    """Who holds each role of the playbook."""
    checklist: ProgressShape
    next_update_at: datetime | None
    milestones: dict[Milestone, datetime]
    drill: bool
    ticked_against: dict[str, str]
    """Checklist items that were ticked against what was measured, and what that was."""


@explained
class StatusShape(IncidentShape):
    """An incident, what to do next, and what a console measured last."""

    next: list[NextStep]
    """The most urgent first."""
    observation: Observation | None


@explained
class ShortStatusShape(TypedDict):
    """The line for a status bar."""

    text: str | None
    """Null where no incident is open."""


class FoundShape(TypedDict):
    """A record that a search found."""

    incident: str | None
    stream: str
    seq: int
    id: UUID
    at: datetime
    kind: str
    service: str
    by: str
    excerpt: str
    matches: list[str]
    retracted: bool


class PlaybookNameShape(TypedDict):
    """A playbook that was checked and has no mistakes."""

    name: str


@explained
class CopyShape(TypedDict):
    """What one destination would get."""

    destination: str
    text: str
    limit: int
    """The longest post there, in characters."""
    posts: int


class PreviewShape(TypedDict):
    """An update as it would be posted."""

    template: str
    audience: str
    text: str
    copies: list[CopyShape]
    warnings: list[str]
