"""When something of an open incident is due: an update for each audience, a holder for each role. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from warroom.incident import timing
from warroom.incident.delivery import AUDIENCES, Audience
from warroom.incident.incident import Incident
from warroom.incident.playbook import Playbook

ROLES_GRACE = timedelta(minutes=10)
"""So long after the declaration, or the reopening, roles may be without a holder."""


def update_due(incident: Incident, playbook: Playbook, audience: Audience) -> datetime | None:
    """When the next update to ``audience`` is due; None if none is.

    Customers and executives are due one as it was promised, else a cadence after the last; none before their first:
    whether they are told at all is a decision.
    """
    if audience == "team":
        due = timing.update_due(incident, playbook)
        return due[1] if due else None
    if not incident.open:
        return None
    if audience in incident.promised:
        return incident.promised[audience]
    posts = [post.at for post in incident.posts if post.update.audience == audience]
    known = any(
        severity.id == incident.severity for severity in playbook.severities
    )  # the playbook may have changed
    return posts[-1] + timing.cadence(incident, playbook, audience) if posts and known else None


def updates_due(incident: Incident, playbook: Playbook) -> dict[Audience, datetime]:
    """When the next update is due, by audience; those that are due none are left out."""
    found = ((audience, update_due(incident, playbook, audience)) for audience in AUDIENCES)
    return {audience: due for audience, due in found if due}


def roles_due(incident: Incident) -> datetime:
    """When somebody has to hold each role, at the latest."""
    begun = incident.statuses[-1][0] if incident.statuses else incident.milestones["declared"]
    return max(begun, incident.milestones["declared"]) + ROLES_GRACE
