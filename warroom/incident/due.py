"""When something of an open incident is due: an update for each audience, a holder for each role. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from warroom.incident import timing
from warroom.incident.delivery import AUDIENCES, Audience
from warroom.incident.incident import Incident
from warroom.incident.playbook import Playbook

ROLES_GRACE = timedelta(minutes=10)
"""So long after the declaration, or the reopening, roles may be without a holder."""


def updates_due(incident: Incident, playbook: Playbook) -> dict[Audience, datetime]:
    """When the next update is due, by audience, the first one at the beginning; those due none are left out."""
    found = ((audience, timing.update_due(incident, playbook, audience)) for audience in AUDIENCES)
    return dict(sorted(((audience, due[1]) for audience, due in found if due), key=lambda one: one[1]))


def roles_due(incident: Incident) -> datetime:
    """When somebody has to hold each role, at the latest."""
    begun = incident.statuses[-1][0] if incident.statuses else incident.milestones["declared"]
    return max(begun, incident.milestones["declared"]) + ROLES_GRACE
