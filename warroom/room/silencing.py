"""Silences alerts at their source, at a person's wish, and records what the source did."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from warroom.connect.ports import AlertSource
from warroom.errors import BadInput, NotFound, NotSent, Refusal
from warroom.incident.alerts import RecordSilence
from warroom.incident.team import TrackedAlert
from warroom.room import background
from warroom.room.room import WarRoom
from warroom.safety import redact

SILENCE_S = 20.0
"""How long the source may take for one alert, in seconds."""


class GuardedSilencing(AlertSource, Protocol):
    """An alert source that raises nothing but ``WarroomError``, and knows whether it can silence."""

    can_silence: bool

    async def silence(self, key: str, until: datetime, comment: str) -> str: ...


def silence_alerts(
    room: WarRoom,
    alerts: Sequence[UUID],
    until: datetime,
    reason: str = "",
) -> str:
    """Silence alerts of one source until a time (UTC), and record it; what the source did, in a few words.

    Recorded in the incident of an alert that is part of one, else in the team's stream. Raises ``NotFound`` for an
    alert that no source fires, ``Refusal`` where its source cannot or must not, and as the source does; the alerts
    before the one that failed are silenced, and repeating it is harmless.
    """
    if until <= room.clock():
        raise BadInput("The silence would be over already", "Give a time ahead, such as --for 2h.")
    known = [_tracked(room, alert) for alert in alerts]
    source = known[0].source
    table = room.settings.alerts.get(source)
    if table is None or table.read_only:
        why = "is read-only in the settings" if table else "is not in the settings any more"
        raise Refusal(f"{source} {why}", "Silence the alert there.")
    make, masked = room.alert_sources, redact(reason, personal=False).text
    assert make is not None
    return background.start(lambda: _silence(room, make, known, until, masked)).result()


def _tracked(room: WarRoom, alert: UUID) -> TrackedAlert:
    known = room.team().tracked.get(alert)
    if known is None:
        raise NotFound(
            "The alert does not fire at any alert source", "It may have cleared; warroom alert lists them."
        )
    return known


async def _silence(
    room: WarRoom,
    make: Callable[[str], GuardedSilencing],
    alerts: Sequence[TrackedAlert],
    until: datetime,
    reason: str,
) -> str:
    name = alerts[0].source
    source = await asyncio.to_thread(make, name)
    try:
        if not source.can_silence:
            raise Refusal(f"{name} cannot silence an alert", "Silence it there.")
        comment = ", ".join(filter(None, (f"silenced in warroom by {room.by}", reason)))
        outcome = ""
        for known in alerts:
            try:
                async with asyncio.timeout(SILENCE_S):
                    outcome = await source.silence(known.alert.event.fingerprint, until, comment)
            except TimeoutError:
                raise NotSent(f"{name} did not answer in time", "Try again: repeating it is harmless.") from None
            await asyncio.to_thread(_record, room, known, until, outcome, reason)
        return outcome
    finally:
        await source.close()


def _record(room: WarRoom, known: TrackedAlert, until: datetime, outcome: str, reason: str) -> None:
    alert = known.alert
    command = RecordSilence(alert.id, alert.event.name, known.source, until, outcome, reason)
    if known.incident:
        room.execute(known.incident, command)
    else:
        room.append_team(command.event())
