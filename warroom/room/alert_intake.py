"""Records what fires at an alert source: what is news to the team, and what is over. Each fact once, however many
processes see it: it is compared within the transaction that records it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from warroom.errors import NotFound
from warroom.incident.alerting import Firing, clear, compare
from warroom.incident.alerts import ReceiveAlert
from warroom.incident.commands import CommandContext
from warroom.incident.events import NewEntry
from warroom.incident.team import TeamState
from warroom.room.room import WarRoom
from warroom.safety import redact


class AlertIntake:
    """Records for one alert source of the settings. Blocks; ``WarroomError`` where the journal cannot be used."""

    def __init__(self, room: WarRoom, source: str) -> None:
        self._room = room
        self._source = source
        self._services = {service.name.casefold(): service.name for service in room.settings.services}
        self._default_service = room.settings.alerts[source].service

    def at_home(self, one: Firing) -> Firing:
        """The alert with its service as the settings call it."""
        return replace(
            one, service=self._services.get(one.service.casefold(), one.service) or self._default_service
        )

    def record(self, firing_of: Callable[[TeamState], Sequence[Firing]]) -> None:
        """Record everything that fires there; ``firing_of`` returns it, given what the team knows."""
        self._clear_in_incidents(firing_of(self._room.team()))

        def news(team: TeamState, context: CommandContext) -> Sequence[NewEntry]:
            changes = compare(self._source, firing_of(team), team, context.now)
            return [
                *(clear(known, context.now).entry(context) for known in changes.cleared),
                *(_redacted(received).entry(context) for received in changes.received),
            ]

        self._room.transact_team(news, by="")

    def _clear_in_incidents(self, firing: Sequence[Firing]) -> None:
        """Record in each incident which of its alerts are over. Before the team's stream does: what that says has
        been done, is done."""
        room = self._room
        team, now = room.team(), room.clock()
        over: set[UUID] = set()
        for known in compare(self._source, firing, team, now).cleared:
            over.add(known.alert.id)
            if known.incident:
                last = not (team.firing_of(known.incident) - over)
                with suppress(NotFound):
                    room.execute(known.incident, replace(clear(known, now), last=last), by="")


def _redacted(command: ReceiveAlert) -> ReceiveAlert:
    """The command with secrets masked in every text but the key, which must tell alerts apart."""

    def masked(text: str) -> str:
        return redact(text, personal=False).text

    return replace(
        command,
        name=masked(command.name),
        service=masked(command.service),
        detail=masked(command.detail),
        severity=masked(command.severity),
        url=masked(command.url),
        labels={name: masked(value) for name, value in command.labels.items()},
    )
