"""The only crossing between the room and the screen: loads in a thread of its own, posts values. Draws nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from textual.message import Message
from textual.message_pump import MessagePump

from warroom.incident.delivery import Delivery
from warroom.incident.errors import WarroomError
from warroom.incident.incident import Incident
from warroom.incident.summary import Summary
from warroom.incident.team import Team
from warroom.room.room import WarRoom

LOOK_S = 0.2
"""How often the journal is asked whether anybody changed it; one cheap question."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Glance:
    """One incident as its screens show it."""

    incident: Incident
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """What the home screen shows."""

    summaries: tuple[Summary, ...]
    team: Team
    on_call: str
    stuck: tuple[Delivery, ...]
    at: datetime


class News(Message, Generic[T]):
    """Something changed: the value as it is now."""

    def __init__(self, value: T) -> None:
        super().__init__()
        self.value = value


class Trouble(Message):
    """The journal cannot be read just now; what is on the screen stays."""

    def __init__(self, error: WarroomError) -> None:
        super().__init__()
        self.error = error


class Feed:
    """Tells screens what changed, whoever changed it: this console, another one, or a verb in a second terminal."""

    def __init__(self, room: WarRoom) -> None:
        self.room = room
        self._readers: dict[MessagePump, Callable[[], Any]] = {}
        self._fresh: set[MessagePump] = set()
        self._wake = room.wake_on_change()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; nothing is posted any more."""
        self._stop.set()
        self._wake.set()

    def watch(self, reader: MessagePump, load: Callable[[], Any]) -> None:
        """Post ``News(load())`` to ``reader`` now and after every change. ``load`` runs in the feed's thread."""
        self._readers[reader] = load
        self._fresh.add(reader)
        self._wake.set()

    def leave(self, reader: MessagePump) -> None:
        """Post nothing to ``reader`` any more."""
        self._readers.pop(reader, None)

    def glance(self, incident_id: str) -> Glance:
        """One incident and its deliveries, as they are now."""
        return Glance(self.room.incident(incident_id), tuple(self.room.deliveries(incident_id)))

    def overview(self) -> Overview:
        """The home screen's value, as it is now."""
        room = self.room
        return Overview(tuple(room.summaries()), room.team(), room.on_call(), tuple(room.stuck()), room.clock())

    def _run(self) -> None:
        seen = -1
        while not self._stop.is_set():
            self._wake.clear()
            try:
                count = self.room.change_count()
                readers = dict(self._readers)
                for reader, load in readers.items():
                    if count != seen or reader in self._fresh:
                        self._fresh.discard(reader)
                        reader.post_message(News(load()))
                seen = count
            except WarroomError as error:
                for reader in dict(self._readers):
                    reader.post_message(Trouble(error))
                self._stop.wait(1.0)
            self._wake.wait(LOOK_S)
