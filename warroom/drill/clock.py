"""Clocks a drill can run on."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from warroom.errors import BadInput


class ScaledClock:
    """A clock that runs ``speed`` times as fast as real time from ``start`` (default: now, UTC).

    With an infinite ``speed`` it stops and jumps to whatever time is waited for. Call it to get the time.
    Thread-safe.
    """

    def __init__(
        self,
        speed: float = 1.0,
        start: datetime | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not speed > 0:
            raise BadInput("The speed of a clock must be more than 0", "1 is real time; 60 is a minute a second.")
        self.speed = speed
        self._start = (start or datetime.now(UTC)).astimezone(UTC)
        self._monotonic = monotonic
        self._started_at = monotonic()
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        """Return the time, UTC."""
        if math.isinf(self.speed):
            return self._start
        return self._start + timedelta(seconds=(self._monotonic() - self._started_at) * self.speed)

    def seconds_until(self, moment: datetime) -> float:
        """The real seconds until the clock shows ``moment``; 0 if it does."""
        return max(0.0, (moment - self()).total_seconds() / self.speed)

    def wait(self, wake: threading.Event, until: datetime, timeout_s: float = math.inf) -> None:
        """Wait until the clock shows ``until``, ``wake`` is set, or ``timeout_s`` real seconds have passed."""
        if wake.is_set():
            return
        remaining = (until - self()).total_seconds() / self.speed
        if math.isinf(self.speed):
            with self._lock:
                self._start = max(self._start, until)
        elif remaining > 0:
            wake.wait(min(remaining, timeout_s, threading.TIMEOUT_MAX))


class WallClock(ScaledClock):
    """The system clock. Unlike a monotonic clock it keeps going while a laptop sleeps."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)
