"""The drills that may be started from a console: a script is read when it is chosen, so that others do not wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from warroom.errors import WarroomError

if TYPE_CHECKING:
    from warroom.drill.catalog import DrillFile
    from warroom.drill.player import DrillPlayer


class DrillOnDemand:
    """Start a drill by its name. ``build`` makes its player, ``find`` lists what there is to choose from.

    ``player`` is one that has been made already. While none was started, it behaves as a drill that does not run.
    """

    def __init__(
        self,
        build: Callable[[str], DrillPlayer],
        find: Callable[[], Sequence[DrillFile]],
        player: DrillPlayer | None = None,
    ) -> None:
        self._build = build
        self._find = find
        self._player = player

    @property
    def running(self) -> bool:
        """Whether the drill has started and not ended."""
        return self._player is not None and self._player.running

    @property
    def awaits_declaration(self) -> bool:
        """Whether it runs and nobody has declared its incident yet."""
        return self._player is not None and self._player.awaits_declaration

    @property
    def incident_id(self) -> str:
        """The incident of the drill that was started last; "" until it is declared."""
        return self._player.incident_id if self._player is not None else ""

    def choices(self) -> Sequence[tuple[str, str, str]]:
        """Every drill that can be played: its name, its title and what it is about."""
        return [(one.name, one.script.title, one.script.summary) for one in self._find() if one.script]

    def start(self, name: str = "", *, at_first_alert: bool = False) -> None:
        """Start the drill of that name; "" for the one that is ready, or the default.

        Raises what reading its script raises, and ``WarroomError`` if one runs already or it cannot be started.
        """
        if self.running:
            raise WarroomError("A drill is already running", "Abandon it first.")
        if name or self._player is None:
            self._player = self._build(name)
        self._player.start(at_first_alert=at_first_alert)

    def stop(self) -> None:
        """End it, if it runs: an incident that is still open is closed as abandoned."""
        if self._player is not None:
            self._player.stop()

    def logs_of(self, service: str) -> tuple[Path, ...]:
        """The log files the drill writes for ``service`` while it runs."""
        return self._player.logs_of(service) if self._player is not None else ()
