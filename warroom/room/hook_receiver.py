"""Takes what a webhook was sent: records it, and only then answers that it is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from warroom.connect.hook_server import HookAnswer
from warroom.errors import BadInput, WarroomError
from warroom.incident.alerting import Notice, SourceReport, firing_after
from warroom.room.alert_intake import AlertIntake
from warroom.room.room import WarRoom


class HookReceiver:
    """Receives for one alert source of the settings. ``read`` raises ``BadInput`` for what it cannot read."""

    def __init__(self, room: WarRoom, source: str, read: Callable[[bytes], Sequence[Notice]]) -> None:
        self._room = room
        self._source = source
        self._read = read
        self._intake = AlertIntake(room, source)

    async def receive(self, body: bytes) -> HookAnswer:
        """200 once it is on disk, 400 with the reason for what cannot be read, 503 where it cannot be recorded."""
        try:
            return await asyncio.to_thread(self._receive, body)
        except BadInput as error:
            return HookAnswer(400, f"{error.title}. {error.remedy}".strip())
        except WarroomError as error:
            return HookAnswer(503, f"It cannot be recorded: {error.title}")

    def _receive(self, body: bytes) -> HookAnswer:
        notices = [replace(one, firing=self._intake.at_home(one.firing)) for one in self._read(body)]
        self._intake.record(lambda team: firing_after(self._source, notices, team))
        now = self._room.clock()
        firing = sum(one.source == self._source for one in self._room.team().tracked.values())
        with suppress(WarroomError):  # the alerts are recorded, whatever becomes of the report
            self._room.save_source_report(self._source, SourceReport(now, now, None, firing))
        return HookAnswer(200, f"Recorded {len(notices)} {'alert' if len(notices) == 1 else 'alerts'}.")
