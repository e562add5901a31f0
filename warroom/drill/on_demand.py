"""The drills that may be started from a console: a script is read when it is chosen, so that others do not wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from warroom.errors import WarroomError
from warroom.incident.drills import drill_started

if TYPE_CHECKING:
    from warroom.drill.catalog import DrillFile
    from warroom.drill.player import DrillPlayer
    from warroom.incident.incident import Incident


class DrillOnDemand:
    """Start a drill by its name. ``build`` makes its player, at its own pace or the one given, ``find`` lists
    what there is to choose from.

    ``elsewhere`` returns the incident of a service in which a teammate's console plays a drill, if there is one.
    ``player`` is one that has been made already. While none was started, it behaves as a drill that does not run.
    """

    def __init__(
        self,
        build: Callable[[str, float | None], DrillPlayer],
        find: Callable[[], Sequence[DrillFile]],
        player: DrillPlayer | None = None,
        elsewhere: Callable[[str], Incident | None] = lambda service: None,
    ) -> None:
        self._build = build
        self._find = find
        self._player = player
        self._elsewhere = elsewhere
        self._follower: DrillPlayer | None = None

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
            self._player = self._build(name, None)
        self._player.start(at_first_alert=at_first_alert)

    def stop(self) -> None:
        """End it, if it runs: an incident that is still open is closed as abandoned."""
        if self._player is not None:
            self._player.stop()
        if self._follower is not None:
            self._follower.stop()

    def logs_of(self, service: str) -> tuple[Path, ...]:
        """The log files the drill writes for ``service`` while it runs, here or on a teammate's laptop.

        Each laptop writes its own: logs are not shared.
        """
        if self._player is not None and (logs := self._player.logs_of(service)):
            return logs
        if (self._follower is None or not self._follower.running) and (incident := self._elsewhere(service)):
            started = drill_started(incident)
            with suppress(WarroomError):  # a script that is not here, a full disk: the drill goes on without logs
                follower = self._build(started.script if started else "", started.pace if started else 1.0)
                follower.follow(incident)
                self._follower = follower
        return self._follower.logs_of(service) if self._follower is not None else ()
