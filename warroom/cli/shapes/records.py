"""Shapes of incidents, their entries and deliveries, and of what a verb recorded."""

from __future__ import annotations

from datetime import datetime
from typing import NotRequired
from uuid import UUID

from typing_extensions import TypedDict

from warroom.cli.shapes import explained
from warroom.incident.advice import NextStep
from warroom.incident.delivery import Audience, DeliveryState, Receipt
from warroom.incident.events import Milestone, Status
from warroom.incident.overdue import OverdueKind
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
    scrubbed: NotRequired[bool]
    """Only where it is true: its text was removed for good."""


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


class SentShape(TypedDict):
    delivery: str
    destination: str
    state: DeliveryState


@explained
class ScrubbedShape(TypedDict):
    """An entry whose text was removed for good."""

    seq: int
    id: UUID
    cancelled: list[str]
    """Deliveries of it that are not sent any more."""
    sent: list[SentShape]
    """Deliveries that cannot be recalled: delete the text there."""
    repeats: list[int]
    """Other entries with the same words."""
    problem: str | None
    """Why old bytes may remain in the journal's files; null where none do."""


class WrittenShape(TypedDict):
    """A file that was written."""

    path: str


@explained
class BackupShape(TypedDict):
    """A backup of the journal: a file, and what is in it."""

    path: str
    taken_at: datetime | None
    """Null for a plain copy of a journal."""
    version: int
    """Of the journal's tables."""
    entries: int
    incidents: int
    last_entry_at: datetime | None
    size: int
    """In bytes."""


@explained
class RestoredShape(TypedDict):
    """What a restore did."""

    journal: str
    kept: str | None
    """Where the journal is that was there before."""
    newer_entries: int | None
    """How many entries that journal has beyond the backup; null if they cannot be counted."""
    unconfirmed: list[str]
    """The deliveries that may have been sent since."""
    backup: BackupShape


class ProgressShape(TypedDict):
    done: int
    total: int


@explained
class OverdueShape(TypedDict):
    """Something that should have been done by ``since``."""

    kind: OverdueKind
    incident: str | None
    """Null for what concerns the team alone."""
    target: str
    """The audience, action item or readiness item it is about, or empty."""
    text: str
    owner: str
    """Who has to do it, or empty where nobody knows."""
    since: datetime


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
    updates_due: dict[Audience, datetime]
    """When each audience is due its next update."""
    milestones: dict[Milestone, datetime]
    drill: bool
    ticked_against: dict[str, str]
    """Checklist items that were ticked against what was measured, and what that was."""
    duplicate_of: str | None
    """The incident that it was closed as a duplicate of."""
    overdue: list[OverdueShape]
    """The longest first."""


@explained
class FollowUpItemShape(TypedDict):
    """An item of the checklist for after the incident."""

    item: str
    text: str
    done: bool
    not_needed: str
    """Why it was not needed, or empty."""
    actions: list[str]
    """The action items it is done with, such as A1."""


@explained
class StatusShape(IncidentShape):
    """An incident, what to do next, and what a console measured last."""

    team_overdue: list[OverdueShape]
    """What the team itself has let slip, whatever the incident."""
    follow_up: list[FollowUpItemShape]
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
