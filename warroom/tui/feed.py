"""The only crossing between the room and the screen: loads in a thread of its own, posts values. Draws nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from textual.message import Message
from textual.message_pump import MessagePump

from warroom.room.room import WarRoom

LOOK_S = 0.2
"""How often the journal is asked whether it changed, in seconds; a cheap query."""

RETRY_S = 1.0
"""How long after a failure it is tried again."""

T = TypeVar("T")


class Updated(Message, Generic[T]):
    """Something changed: the value as it is now."""

    def __init__(self, value: T) -> None:
        super().__init__()
        self.value = value


class LoadFailed(Message):
    """What a screen shows cannot be loaded just now; what is on it stays."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class Feed:
    """Tells screens what changed, whoever changed it: this console, another one, or a verb in a second terminal."""

    def __init__(self, room: WarRoom) -> None:
        self.room = room
        self._readers: dict[MessagePump, Callable[[], Any]] = {}
        self._fresh: set[MessagePump] = set()
        self._failed: dict[MessagePump, float] = {}  # when to try again
        self._wake = threading.Event()
        room.on_change(self._wake.set)
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
        """Post ``Updated(load())`` to ``reader`` now and after every change. ``load`` runs in the feed's thread."""
        self._readers[reader] = load
        self._fresh.add(reader)
        self._wake.set()

    def leave(self, reader: MessagePump) -> None:
        """Post nothing to ``reader`` any more."""
        self._readers.pop(reader, None)
        self._failed.pop(reader, None)

    def _run(self) -> None:
        seen = -1
        while not self._stop.is_set():
            self._wake.clear()
            readers = dict(self._readers)
            try:
                count = self.room.change_count()
            except Exception as error:  # noqa: BLE001 — the screen that shows it decides
                for reader in readers:
                    reader.post_message(LoadFailed(error))
                self._stop.wait(RETRY_S)
                continue
            now = time.monotonic()
            for reader, load in readers.items():
                again_at = self._failed.get(reader)
                if now >= again_at if again_at else count != seen or reader in self._fresh:
                    self._fresh.discard(reader)
                    self._load(reader, load)
            seen = count
            self._wake.wait(LOOK_S)

    def _load(self, reader: MessagePump, load: Callable[[], Any]) -> None:
        """Post what ``load`` gives. One that fails stops no other, and is tried again."""
        try:
            value = load()
        except Exception as error:  # noqa: BLE001 — as above
            self._failed[reader] = time.monotonic() + RETRY_S
            reader.post_message(LoadFailed(error))
        else:
            self._failed.pop(reader, None)
            reader.post_message(Updated(value))
