"""A drill that may be started: its script is read when it is, so that a console opened for an incident does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warroom.drill.player import DrillPlayer


class DrillOnDemand:
    """Build a ``DrillPlayer`` with ``build`` when the drill is started. Otherwise it behaves as the player does."""

    def __init__(self, build: Callable[[], DrillPlayer]) -> None:
        self._build = build
        self._player: DrillPlayer | None = None

    @property
    def running(self) -> bool:
        """Whether the drill has started and not ended."""
        return self._player is not None and self._player.running

    @property
    def awaits_declaration(self) -> bool:
        """Whether it runs and nobody has declared its incident yet."""
        return self._player is not None and self._player.awaits_declaration

    def start(self, *, at_first_alert: bool = False) -> None:
        """Start it; raises what reading its script raises, and ``WarroomError`` if its logs cannot be written."""
        if self._player is None:
            self._player = self._build()
        self._player.start(at_first_alert=at_first_alert)

    def stop(self) -> None:
        """End it, if it runs."""
        if self._player is not None:
            self._player.stop()

    def logs_of(self, service: str) -> tuple[Path, ...]:
        """The log files the drill writes for ``service`` while it runs."""
        return self._player.logs_of(service) if self._player is not None else ()
