"""Polls the alert sources and records what is news; tells a source when an incident of its alerts is acknowledged.

Several consoles on one journal share the work: each poll leaves a report, and who finds a fresh one waits. A fact
that two of them see is recorded once all the same: it is compared within the transaction that records it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from warroom.connect.ports import AlertSource
from warroom.errors import NotFound, NotSent, Refusal, Rejected, WarroomError
from warroom.incident.alerting import RECORDED_OF_GROUP, Firing, SourceReport, clear, compare, group_sizes
from warroom.incident.alerts import ReceiveAlert, RecordSourceTold, told_alerts
from warroom.incident.commands import CommandContext
from warroom.incident.events import NewEntry
from warroom.incident.team import TeamState
from warroom.room.jobs import Wakeup
from warroom.room.room import WarRoom
from warroom.safety import redact

POLL_S = 25.0
"""How long one poll may take, in seconds."""

REFUSED_S = 60.0
"""A source that refuses is asked again after so many seconds, made anew with the secrets of then."""

LONGEST_PAUSE_S = 300.0

TOLD_AT_ONCE = 20
"""How many alerts a source is told about after one poll; the others follow after the next."""


class GuardedSource(AlertSource, Protocol):
    """An alert source that raises nothing but ``WarroomError``, and knows what it can do."""

    can_acknowledge: bool

    async def acknowledge(self, key: str, comment: str) -> str: ...


class AlertWatch:
    """The job that polls one alert source of the settings.

    ``make`` makes the source by its name; it may block, for a secret may come from a command.
    """

    def __init__(self, room: WarRoom, source: str, make: Callable[[str], GuardedSource]) -> None:
        self.name = f"alerts {source}"
        self.problem: WarroomError | None = None
        self._room = room
        self._source_name = source
        self._table = room.settings.alerts[source]
        self._services = {service.name.casefold(): service.name for service in room.settings.services}
        self._make = make
        self._source: GuardedSource | None = None
        self._failures = 0
        self._polled_at: datetime | None = None
        self._wakeup = Wakeup()
        self._stopping = False

    async def run(self) -> None:
        """See ``Job``."""
        try:
            while not self._stopping:
                await self._wakeup.wait(await self.poll())
        finally:
            await self._let_go()

    def stop(self) -> None:
        """See ``Job``."""
        self._stopping = True
        self._wakeup.set()

    async def poll(self) -> float:
        """Poll the source once, unless another console has just done so. Returns the seconds until it is due."""
        room, now = self._room, self._room.clock()
        try:
            report = await asyncio.to_thread(room.source_report, self._source_name)
        except WarroomError as error:
            self.problem = error
            return float(self._table.every)
        if report and report.at != self._polled_at and (wait := _seconds_until(report.next_at, now)) > 0:
            self.problem = WarroomError(report.problem) if report.problem else None
            return wait + random.uniform(0.5, 2.0)  # who polled before goes first
        pause = float(self._table.every)
        firing: Sequence[Firing] | None = None
        try:
            firing = await self._poll_source()
            self.problem, self._failures = None, 0
            await self._tell()
        except (WarroomError, TimeoutError) as error:
            pause = await self._failed(error)
        self._polled_at = now
        await self._report(report, firing, now, pause)
        return pause

    async def _poll_source(self) -> Sequence[Firing]:
        if self._source is None:
            self._source = await asyncio.to_thread(self._make, self._source_name)
        async with asyncio.timeout(POLL_S):
            firing = [self._at_home(one) for one in await self._source.firing()]
        await asyncio.to_thread(self._record, firing)
        return firing

    def _at_home(self, one: Firing) -> Firing:
        """The alert with its service as the settings call it."""
        service = self._services.get(one.service.casefold(), one.service) or self._table.service
        return replace(one, service=service)

    # Recording

    def _record(self, firing: Sequence[Firing]) -> None:
        room, source = self._room, self._source_name
        for known in compare(source, firing, room.team(), room.clock()).cleared:
            if known.incident:  # first: what the team's stream says has been done, is done
                with suppress(NotFound):
                    room.execute(known.incident, clear(known, room.clock()), by="")

        def news(team: TeamState, context: CommandContext) -> Sequence[NewEntry]:
            changes = compare(source, firing, team, context.now)
            return [
                *(clear(known, context.now).entry(context) for known in changes.cleared),
                *(_redacted(received).entry(context) for received in changes.received),
            ]

        room.transact_team(news, by="")

    # Acknowledging

    async def _tell(self) -> None:
        """Tell the source of alerts whose incident has been acknowledged; its answer is recorded in the timeline.

        Where it cannot be reached, it is told after the next poll.
        """
        source = self._source
        if source is None or not source.can_acknowledge:
            return
        try:
            async with asyncio.timeout(POLL_S):
                await self._tell_all(source)
        except (WarroomError, TimeoutError) as error:
            words = error.title if isinstance(error, WarroomError) else "it did not answer in time"
            self.problem = WarroomError(f"{self._source_name} is not told of an acknowledgement: {words}")

    async def _tell_all(self, source: GuardedSource) -> None:
        due = await asyncio.to_thread(lambda: list(self._untold()))
        for incident_id, alerts in due:
            outcome, told = "", []
            for alert, key in alerts:
                try:
                    outcome = await source.acknowledge(key, f"{incident_id}, acknowledged in warroom")
                    told.append(alert)
                except (Rejected, Refusal) as error:
                    await self._record_told(incident_id, (alert,), error.title, refused=True)
            await self._record_told(incident_id, told, outcome)

    async def _record_told(
        self, incident_id: str, alerts: Sequence[UUID], outcome: str, *, refused: bool = False
    ) -> None:
        if alerts:
            command = RecordSourceTold(self._source_name, tuple(alerts), outcome, refused)
            await asyncio.to_thread(lambda: self._room.execute(incident_id, command, by=""))

    def _untold(self) -> Iterable[tuple[str, list[tuple[UUID, str]]]]:
        """The incidents that have been acknowledged, with their alerts about which the source has not been told."""
        by_incident: dict[str, list[tuple[UUID, str]]] = {}
        for id, known in self._room.team().tracked.items():
            if known.source == self._source_name and known.incident:
                by_incident.setdefault(known.incident, []).append((id, known.alert.event.fingerprint))
        for incident_id, alerts in by_incident.items():
            try:
                incident = self._room.incident(incident_id)
            except NotFound:
                continue
            if not incident.open or "acknowledged" not in incident.milestones:
                continue
            told = told_alerts(incident)
            if due := [one for one in alerts if one[0] not in told][:TOLD_AT_ONCE]:
                yield incident_id, due

    # Failures and reports

    async def _failed(self, error: WarroomError | TimeoutError) -> float:
        """Note why the source was not read. Returns the seconds until it is asked again."""
        if not isinstance(error, WarroomError):
            error = NotSent(f"{self._source_name} did not answer in time")
        self._failures += 1
        pause = min(LONGEST_PAUSE_S, self._table.every * 2.0 ** min(self._failures - 1, 8))
        pause *= 1 + random.random() / 4
        if isinstance(error, NotSent):
            pause = max(pause, error.retry_after or 0.0)
        else:
            pause = max(pause, REFUSED_S)
            await self._let_go()
        self.problem = WarroomError(f"{self._source_name} is not read: {error.title}", error.remedy)
        return pause

    async def _report(
        self, last: SourceReport | None, firing: Sequence[Firing] | None, now: datetime, pause: float
    ) -> None:
        due = now + timedelta(seconds=pause)
        if firing is None:
            problem = str(self.problem or "")
            report = replace(last or SourceReport(now), at=now, next_at=due, problem=problem)
        else:
            sizes = group_sizes(firing)
            many = {group: size for group, size in sizes.items() if size > RECORDED_OF_GROUP}
            report = SourceReport(now, now, due, sizes.total(), "", many)
        try:
            await asyncio.to_thread(self._room.save_source_report, self._source_name, report)
        except WarroomError as error:
            self.problem = self.problem or error

    async def _let_go(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            await source.close()


def alert_watches(room: WarRoom, make: Callable[[str], GuardedSource]) -> tuple[AlertWatch, ...]:
    """One job for each alert source of the settings: a source that hangs holds up no other."""
    return tuple(AlertWatch(room, source, make) for source in room.settings.alerts)


def _seconds_until(at: datetime | None, now: datetime) -> float:
    """Seconds until ``at``; 0 for a time that is over, or too far ahead to be meant: clocks are set back."""
    seconds = (at - now).total_seconds() if at else 0.0
    return seconds if seconds <= 2 * LONGEST_PAUSE_S else 0.0


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
