"""Listens to the push of one destination: in which channels to look, and how often to look there at most."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from warroom import diagnostics
from warroom.errors import DeliveryError, Rejected, WarroomError

FIRST_PAUSE_S = 1.0
"""The pause before a connection that failed is opened again, in seconds; doubled at each failure in a row."""

LONGEST_PAUSE_S = 60.0

REFUSED_PAUSE_S = 300.0
"""The pause after a refusal, which somebody has to do something about first, in seconds."""

STEADY_S = 10.0
"""A connection that lasted so many seconds was none that failed, however it ended."""

GAP_S = 0.25
"""The least pause between two reads that are due to a push, in seconds."""

BURST = 12
PACE_S = 2.0
"""After ``BURST`` channels were read so, one is read every so many seconds. With the polling that is less than the
50 reads a minute that Slack allows (docs.slack.dev/apis/web-api/rate-limits); to be turned away takes longer."""

Sleep = Callable[[float], Awaitable[None]]


class PushListener:
    """The wakes of one destination, collected until somebody takes them. Used on one event loop.

    What fails here costs only time, as every channel is polled too; so it is no problem to show, but a note in the
    diagnostic log, once for each reason.
    """

    def __init__(
        self, destination: str, sleep: Sleep = asyncio.sleep, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._destination = destination
        self._sleep = sleep
        self._monotonic = monotonic
        self._channels: set[str] = set()
        self._woken = asyncio.Event()
        self._logged = ""

    async def woken(self) -> frozenset[str]:
        """Wait until something has happened; the ids of the channels since the last call, "" for any channel."""
        await self._woken.wait()
        self._woken.clear()
        channels = frozenset(self._channels)
        self._channels.clear()
        return channels

    async def listen(self, wake: Callable[[], AsyncGenerator[str, None]]) -> None:
        """Collect what ``wake`` yields, for ever: opened again at once after a good end, else after a pause."""
        failures = 0
        while True:
            begun = self._monotonic()
            failure = await self._listen_once(wake)
            if self._monotonic() - begun >= STEADY_S:
                failures = 0
                if failure is None:
                    continue
            failures += 1
            await self._sleep(_pause(failures, failure))

    async def _listen_once(self, wake: Callable[[], AsyncGenerator[str, None]]) -> WarroomError | None:
        """Why the connection ended; None if the service closed it in good order."""
        try:
            async with aclosing(wake()) as channels:
                async for channel in channels:
                    self._channels.add(channel)
                    self._woken.set()
        except WarroomError as error:
            if error.title != self._logged:
                self._logged = error.title
                diagnostics.log_failure(f"{self._destination}, listening (it is polled meanwhile)", error)
            return error
        return None


def _pause(failures: int, failure: WarroomError | None) -> float:
    """How long to wait after so many failures in a row, in seconds, at random so that not all come back at once."""
    if isinstance(failure, Rejected):
        return REFUSED_PAUSE_S
    pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures - 1, 6)) * (1 + random.random() / 4)
    asked = failure.retry_after if isinstance(failure, DeliveryError) else None
    return max(pause, asked or 0.0)


class ReadPace:
    """How soon after reading channels a destination may be read again: soon, unless there were many."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._at = monotonic()
        self._left = float(BURST)

    def pause_after(self, channels: int) -> float:
        """The pause to make now that so many channels were read, in seconds."""
        now = self._monotonic()
        self._left = min(BURST, self._left + (now - self._at) / PACE_S) - channels
        self._at = now
        return max(GAP_S, (1 - self._left) * PACE_S)
