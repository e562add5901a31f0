"""Shares the probes among the consoles on one journal: whoever measures a probe says until when the others wait.

The word is kept in the journal beside the observations. A console that ends keeps nobody waiting for longer than
one interval; two that look at the very same moment may both measure, which does no harm.
"""

from __future__ import annotations

import json
import os
import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from warroom.room.room import WarRoom

BEHIND_S = (1.5, 3.0)
"""How long after its time another console leaves a probe to the one that measured it before, in seconds."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """Which console measures a probe, and when it will do so again (UTC)."""

    console: str
    next_at: datetime

    @classmethod
    def from_json(cls, text: str) -> _Turn | None:
        """What ``to_json`` wrote; None for anything else, such as what another version wrote."""
        try:
            data = json.loads(text)
            at = datetime.fromisoformat(data["next_at"])
            return cls(str(data["console"]), at) if at.tzinfo else None
        except (ValueError, LookupError, TypeError, AttributeError):
            return None

    def to_json(self) -> str:
        """The turn as text."""
        return json.dumps({"console": self.console, "next_at": self.next_at.isoformat()})


class ProbeTurns:
    """The turns of one console."""

    def __init__(self, room: WarRoom) -> None:
        self._room = room
        self._console = os.urandom(8).hex()

    def take(self, probe: str, every_s: float) -> float:
        """Take the turn at a probe that is measured every ``every_s`` seconds.

        Returns 0 if it is this console's turn, and else the seconds until it may be. Errors as the journal's.
        """
        now = self._room.clock()
        turn = _Turn.from_json(self._room.journal.observation(_key(probe)))
        if turn and turn.console != self._console:
            wait = (turn.next_at - now).total_seconds()
            if 0 < wait <= 2 * every_s:  # more can only mean that a clock was set back
                return wait + random.uniform(*BEHIND_S)
        mine = _Turn(self._console, now + timedelta(seconds=every_s))
        self._room.journal.save_observation(_key(probe), mine.to_json())
        return 0.0

    def release(self, probe: str) -> None:
        """Leave a probe to the other consoles, if this one measures it. Errors as the journal's."""
        turn = _Turn.from_json(self._room.journal.observation(_key(probe)))
        if turn and turn.console == self._console and not self._room.read_only:
            self._room.journal.save_observation(_key(probe), "")


def _key(probe: str) -> str:
    """Under which the journal keeps whose turn it is."""
    return f"probes/{probe}"
