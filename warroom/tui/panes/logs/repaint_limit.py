"""How often a log pane is repainted while lines pour in."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

FRAMES = 15  # repaints a second at most, while lines pour in
_BURST = 3  # repaints that may come before that
_APART = 0.015  # seconds between two repaints at least


class RepaintLimit:
    """A budget of repaints: one more each frame, a few at most. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._credit = float(_BURST)
        self._credit_at = clock()
        self._painted = -inf

    def wait_s(self) -> float:
        """Seconds until the next repaint may be made; 0 or less for now."""
        now = self._clock()
        return max((1 - self._earned(now)) / FRAMES, _APART - (now - self._painted))

    def spend(self) -> None:
        """Take one repaint off the budget."""
        self._credit = max(0.0, self._earned(self._clock()) - 1)

    def painted(self) -> None:
        """Record that a repaint was made just now."""
        self._painted = self._clock()

    def _earned(self, now: float) -> float:
        self._credit = min(float(_BURST), self._credit + (now - self._credit_at) * FRAMES)
        self._credit_at = now
        return self._credit
