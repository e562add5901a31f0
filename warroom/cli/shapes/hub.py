"""Shapes of the shared room."""

from __future__ import annotations

from datetime import datetime

from typing_extensions import TypedDict

from warroom.cli.shapes import explained
from warroom.room.shared_room import State


@explained
class LaptopShape(TypedDict):
    """A laptop that takes part."""

    letter: str
    """Its mark in the names of incidents that were declared while the hub could not be reached."""
    name: str
    last_seen_at: datetime
    version: str


@explained
class HubShape(TypedDict):
    """How this laptop stands with the hub."""

    state: State
    cursor: int
    """How many of the hub's entries were read."""
    head: int
    """How many entries the hub has."""
    pending: int
    """How many entries wait to be sent."""
    set_aside: list[str]
    """The entries that the hub does not accept, and why."""
    last_contact_at: datetime | None
    problem: str | None
    clock_ahead_s: float
    """How far this laptop's clock is ahead of the hub's, in seconds."""
    device: str | None
    """The letter of this laptop."""
    devices: list[LaptopShape]


@explained
class CreatedHubShape(TypedDict):
    """A hub that was created or brought up to date."""

    address: str
    """Without the password."""
    member_role: str | None
    """The role that teammates' roles are granted; null where this user may not create one."""


@explained
class PublishedShape(TypedDict):
    """An incident that is shared from now on."""

    id: str
    entries: int
    sent: bool
    """Whether the hub has them; otherwise they are sent once it is reached."""
