"""Polls the alert sources and records what is news; has each told what becomes of the incidents of its alerts.

Several consoles on one journal share the work: each poll leaves a report, and who finds a fresh one waits. A fact
that two of them see is recorded once all the same: it is compared within the transaction that records it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from warroom.errors import NotSent, WarroomError
from warroom.incident.alerting import RECORDED_OF_GROUP, Firing, SourceReport, group_sizes
from warroom.room.alert_intake import AlertIntake
from warroom.room.jobs import Wakeup
from warroom.room.room import WarRoom
from warroom.room.source_teller import GuardedSource, SourceTeller

POLL_S = 25.0
"""How long one poll may take, in seconds."""

REFUSED_S = 60.0
"""A source that refuses is asked again after so many seconds, made anew with the secrets of then."""

LONGEST_PAUSE_S = 300.0


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
        self._intake = AlertIntake(room, source)
        self._make = make
        self._source: GuardedSource | None = None
        self._teller = SourceTeller(room, source)
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

    async def once(self) -> None:
        """See ``RoundJob``."""
        try:
            await self.poll()
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
            firing = [self._intake.at_home(one) for one in await self._source.firing()]
        await asyncio.to_thread(self._intake.record, lambda team: firing)
        return firing

    # Telling the source

    async def _tell(self) -> None:
        """Tell the source what became of the incidents of its alerts. What fails is tried after the next poll."""
        source = self._source
        if source is None or self._table.read_only:
            return
        told = "an acknowledgement"
        try:
            async with asyncio.timeout(POLL_S):
                if source.can_acknowledge:
                    await self._teller.acknowledge(source)
                told = "a resolution"
                if source.can_resolve:
                    await self._teller.resolve(source)
        except (WarroomError, TimeoutError) as error:
            words = error.title if isinstance(error, WarroomError) else "it did not answer in time"
            self.problem = WarroomError(f"{self._source_name} is not told of {told}: {words}")

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
            told = not self._table.read_only and self._source is not None and self._source.can_acknowledge
            report = SourceReport(now, now, due, sizes.total(), "", many, told)
        try:
            await asyncio.to_thread(self._room.save_source_report, self._source_name, report)
        except WarroomError as error:
            self.problem = self.problem or error

    async def _let_go(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            await source.close()


def alert_watches(room: WarRoom, make: Callable[[str], GuardedSource]) -> tuple[Callable[[], AlertWatch], ...]:
    """What makes a job for each alert source of the settings that is polled: a source that hangs holds up no
    other."""
    polled = [source for source, table in room.settings.alerts.items() if table.polled]
    return tuple(partial(AlertWatch, room, source, make) for source in polled)


def _seconds_until(at: datetime | None, now: datetime) -> float:
    """Seconds until ``at``; 0 for a time that is over, or too far ahead to be meant: clocks are set back."""
    seconds = (at - now).total_seconds() if at else 0.0
    return seconds if seconds <= 2 * LONGEST_PAUSE_S else 0.0
