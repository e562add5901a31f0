"""Runs the probes of the services that have an open incident, and keeps what they measure with the incident.

Each probe is a task of its own: one that hangs or fails costs its own line and holds up no other. Consoles on one
journal share the probes, so that several ask a service no more often than one. A drill measures nothing: its outage
is played, and a probe would report on production.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from warroom import diagnostics
from warroom.connect.ports import Probe
from warroom.errors import WarroomError
from warroom.incident.readings import FRESH_S, KEEP_AGAIN, JobHealth, Observation, Reading, unmeasured
from warroom.room.jobs import Wakeup
from warroom.room.probe_turns import ProbeTurns
from warroom.room.room import WarRoom

TURN_S = 1.0
"""How often it is looked which probes are due, in seconds."""


LONGEST_EVERY_S = 300
"""The longest interval that the settings allow, in seconds."""


class _Open(NamedTuple):
    """An open incident, and the probes of its service."""

    incident: str
    probes: tuple[str, ...]


class ProbeWatch:
    """A job. ``make`` opens a probe by its name; ``health`` is what the observation says about all jobs."""

    name = "probes"

    def __init__(
        self,
        room: WarRoom,
        make: Callable[[str], Probe],
        health: Callable[[], tuple[JobHealth, ...]] = tuple,
    ) -> None:
        self.problem: WarroomError | None = None
        self._room = room
        self._make = make
        self._health = health
        self._wakeup = Wakeup()
        self._stopping = False
        self._probes: dict[str, Probe] = {}
        self._readings: dict[str, Reading] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._due: dict[str, datetime] = {}
        self._turns = ProbeTurns(room)
        self._kept: dict[str, Observation] = {}
        self._seen = -1
        self._incidents: list[_Open] = []

    async def run(self) -> None:
        """See ``Job``."""
        try:
            while not self._stopping:
                try:
                    await self.turn()
                    self.problem = None
                except WarroomError as error:
                    self.problem = error
                await self._wakeup.wait(TURN_S)
        finally:
            await self._let_go(self._probes.keys() | self._running.keys())

    async def once(self) -> None:
        """See ``RoundJob``."""
        try:
            await self.turn()
            await self.settled()
            await asyncio.to_thread(lambda: self._keep(self._open()))
        finally:
            await self._let_go(self._probes.keys() | self._running.keys())

    def stop(self) -> None:
        """See ``Job``."""
        self._stopping = True
        self._wakeup.set()

    async def turn(self) -> None:
        """Start the probes that are due, and keep what has been measured. Waits for none of them.

        Errors as those of the journal.
        """
        if self._room.read_only:
            return
        incidents = await asyncio.to_thread(self._open)
        wanted = {name for one in incidents for name in one.probes}
        due = [name for name in sorted(wanted) if name not in self._running and self._is_due(name)]
        for name, wait_s in (await asyncio.to_thread(self._take_turns, due)).items():
            every_s = self._room.settings.probes[name].every
            self._due[name] = self._room.clock() + timedelta(seconds=wait_s or every_s)
            if not wait_s:
                self._running[name] = asyncio.create_task(self._measure(name))
        await self._let_go((self._probes.keys() | self._running.keys() | self._readings.keys()) - wanted)
        await asyncio.to_thread(self._keep, incidents)

    def _is_due(self, name: str) -> bool:
        due, now = self._due.get(name), self._room.clock()
        return (
            due is None or due <= now or due - now > timedelta(seconds=2 * LONGEST_EVERY_S)
        )  # the clock was set back

    def _take_turns(self, names: Iterable[str]) -> dict[str, float]:
        probes = self._room.settings.probes
        return {name: self._turns.take(name, probes[name].every) for name in names}

    async def settled(self) -> None:
        """Wait until every probe that was started has ended."""
        await asyncio.gather(*self._running.values())

    def _open(self) -> list[_Open]:
        count = self._room.change_count()
        if count == self._seen:
            return self._incidents
        found = [
            _Open(one.id, self._room.settings.probes_of(one.service))
            for one in self._room.summaries()
            if one.open and not one.drill
        ]
        self._incidents = [one for one in found if one.probes]
        self._seen = count
        return self._incidents

    async def _measure(self, name: str) -> None:
        try:
            reading = await take(self._room, name, lambda: self._opened(name))
            self._readings[name] = reading
        finally:
            del self._running[name]
            self._wakeup.set()

    def _opened(self, name: str) -> Probe:
        if name not in self._probes:
            self._probes[name] = self._make(name)
        return self._probes[name]

    def _keep(self, incidents: Iterable[_Open]) -> None:
        """Store what is measured where it differs from what is stored, or where that is old."""
        for incident, probes in incidents:
            readings = {name: self._readings[name] for name in probes if name in self._readings}
            if not readings:
                continue
            now = Observation(self._room.clock(), self._room.by, readings, jobs=self._health())
            before = self._kept.get(incident)
            if before is None or not _alike(before.readings, readings) or now.at - before.at >= KEEP_AGAIN:
                self._room.save_observation(incident, now)
                self._kept[incident] = now

    async def _let_go(self, names: Iterable[str]) -> None:
        """Forget probes that nothing needs any more."""
        for name in names:
            task = self._running.get(name)
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            self._readings.pop(name, None)
            if self._due.pop(name, None):
                with suppress(WarroomError):  # the others will notice when it is due
                    await asyncio.to_thread(self._turns.release, name)
            probe = self._probes.pop(name, None)
            if probe is not None:
                await probe.close()


async def take(room: WarRoom, name: str, opened: Callable[[], Probe]) -> Reading:
    """A reading of the probe of that name, taken now. Whatever fails becomes the reading's text."""
    settings = room.settings.probes[name]
    try:
        # A secret may come from a command, which takes its time.
        probe = await asyncio.to_thread(opened)
        reading = await probe.run()
    except WarroomError as error:
        reading = unmeasured(" ".join(str(error).split()))
    except Exception as error:  # noqa: BLE001 — one probe's bug must not end the others
        diagnostics.log_failure(f"probe {name}", error)
        reading = unmeasured(f"{type(error).__name__}; the diagnostic log has details")
    fresh_s = max(FRESH_S, 2 * settings.every)
    return replace(reading, at=room.clock(), fresh_s=fresh_s, verifies=settings.verifies)


def _alike(before: Mapping[str, Reading], now: Mapping[str, Reading]) -> bool:
    """Whether the readings say the same, whenever they were taken."""
    said = [{name: (one.text, one.speaks) for name, one in readings.items()} for readings in (before, now)]
    return said[0] == said[1]


async def take_all(room: WarRoom, names: Iterable[str], make: Callable[[str], Probe]) -> dict[str, Reading]:
    """A reading of each of these probes, taken now and at the same time, by name."""
    probes: list[Probe] = []

    def opened(name: str) -> Probe:
        probes.append(make(name))
        return probes[-1]

    wanted = list(names)
    try:
        readings = await asyncio.gather(*(take(room, name, partial(opened, name)) for name in wanted))
    finally:
        await asyncio.gather(*(probe.close() for probe in probes))
    return dict(zip(wanted, readings, strict=True))
