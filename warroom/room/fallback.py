"""Sends a post that its destination does not take to the destination's fallback as well."""

from __future__ import annotations

from datetime import timedelta

from warroom.incident.chat import ReroutePost
from warroom.incident.chat_events import PostRerouted
from warroom.incident.commands import decide
from warroom.incident.delivery import Delivery, DeliveryState, OutboxItem
from warroom.room.jobs import PeriodicJob
from warroom.room.room import UnitOfWork, WarRoom

PENDING_FOR = timedelta(minutes=2)
"""A post that has been pending for so long goes to the fallback."""

LOOK_S = 10.0
"""How often pending posts are looked at, in seconds."""


def reroute_pending(room: WarRoom) -> None:
    """Send every post that has been pending for too long to its destination's fallback; it stays queued itself.

    An unconfirmed post is left alone: it may have arrived. Recorded in the timeline, and done once, however many
    processes look. Raises ``JournalError``.
    """
    for delivery in room.journal.deliveries(states=(DeliveryState.PENDING,)):
        destination = room.settings.destinations.get(delivery.destination)
        if destination and destination.fallback and delivery.item.operation == "post" and delivery.item.message:
            _reroute(room, delivery, destination.fallback)


def fallback_job(room: WarRoom) -> PeriodicJob:
    """The job that looks every ``LOOK_S`` seconds."""
    return PeriodicJob("fallback", LOOK_S, lambda: reroute_pending(room))


def _reroute(room: WarRoom, delivery: Delivery, fallback: str) -> None:
    incident = room.incident(delivery.incident)
    row = incident.row(delivery.entry_id)
    message = delivery.item.message
    if row is None or message is None or isinstance(row.entry.event, PostRerouted):
        return  # what a fallback does not take goes no further
    if room.clock() - row.entry.at < PENDING_FOR:
        return
    command = ReroutePost(delivery.id, delivery.destination, fallback, message.kind)

    def decided(story: UnitOfWork) -> None:
        entries = decide(story.incident, command, story.context)
        story.add(entries)
        posts = room.updates.posts(fallback, message) if entries else ()
        story.items += [(0, OutboxItem(operation="post", destination=fallback, message=post)) for post in posts]

    room.transact(delivery.incident, decided, by="")
