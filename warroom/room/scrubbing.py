"""Removes the text of an entry for good, and tells what could not be reached."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from warroom.incident.corrections import ScrubEntry
from warroom.incident.delivery import Delivery, DeliveryState
from warroom.incident.events import TEAM, NewEntry
from warroom.incident.identity import outside_id
from warroom.incident.incident import Incident, TimelineRow
from warroom.incident.scrub_events import EntryScrubbed
from warroom.incident.scrubbed import concerns, words_of
from warroom.room.room import Done, WarRoom

SHORTEST = 6
"""From how many characters on it is told that the same words are in another entry."""

_OUT = (DeliveryState.DELIVERED, DeliveryState.UNCONFIRMED, DeliveryState.SENDING)


@dataclass(frozen=True, slots=True)
class ScrubPlan:
    """What scrubbing an entry reaches, and what it does not.

    ``cancelled`` are deliveries that wait and will not be sent; ``sent`` have left or may have, and cannot be
    recalled. ``repeats`` are other rows that hold the same words and are not scrubbed with it.
    """

    row: TimelineRow
    cancelled: tuple[Delivery, ...]
    sent: tuple[Delivery, ...]
    repeats: tuple[TimelineRow, ...]


def plan_scrub(room: WarRoom, incident_id: str, entry: str) -> ScrubPlan:
    """Return what scrubbing the entry would do. Changes nothing. Raises ``NotFound``."""
    incident = room.incident(incident_id)
    row = incident.find_row(entry)
    target = frozenset({row.id})
    reached = {one.id for one in incident.rows if concerns(one.entry, target)}
    deliveries = [one for one in room.deliveries(incident_id) if one.entry_id in reached]
    return ScrubPlan(
        row,
        tuple(one for one in deliveries if one.state is DeliveryState.PENDING and _has_words(one)),
        tuple(one for one in deliveries if one.state in _OUT and _has_words(one)),
        tuple(_repeats(incident, reached)),
    )


def scrub(room: WarRoom, incident_id: str, entry: str, reason: str = "") -> tuple[Done, str]:
    """Remove the text of the entry for good; what was recorded, and "" or why old bytes may remain on the disk.

    That it was scrubbed is recorded first. After a crash in between the text is shown nowhere, and scrubbing the
    entry again removes it. An alert is removed from the team's entries as well. Raises as ``ScrubEntry`` and
    ``NotSaved``.
    """
    done = room.execute(incident_id, ScrubEntry(entry, reason))
    problem = room.journal.scrub(incident_id)
    alert = done.incident.find_row(entry).id
    if alert in room.team().received:
        event = EntryScrubbed(entry=alert, reason=reason)
        room.append_team(NewEntry(event, outside_id("scrubbed", incident_id, str(alert))))
        problem = room.journal.scrub(TEAM) or problem
    room.notify()
    return done, problem


def _has_words(delivery: Delivery) -> bool:
    """Whether it sends words that stay: the status message is written anew where it is shown."""
    item = delivery.item
    return item.operation != "status" and (item.message is not None or item.request is not None)


def _repeats(incident: Incident, reached: set[UUID]) -> Iterable[TimelineRow]:
    """The rows beside ``reached`` that hold a text of those, or of whose texts those hold one."""
    texts = set().union(*(_long_words(row) for row in incident.rows if row.id in reached))
    for row in incident.rows:
        if row.id not in reached and any(own in text or text in own for own in _long_words(row) for text in texts):
            yield row


def _long_words(row: TimelineRow) -> set[str]:
    return {text.strip() for text in words_of(row.entry.event) if len(text.strip()) >= SHORTEST}
