"""Keeps this laptop's journal in step with the hub, in the background. Nothing on a screen ever waits for it.

One process of a laptop does so; the others see what it brings in the journal that they share.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import queue
import random
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from warroom.errors import JournalError, WarroomError
from warroom.incident.delivery_events import DeliveryAdopted
from warroom.incident.presence import LASTS
from warroom.journal.hub.port import Activity, Beat, Hub, HubRefused, HubUnreachable
from warroom.journal.hub.store import HubStore
from warroom.journal.hub.sync import LEASE_S, HubSync
from warroom.room.room import WarRoom
from warroom.safety import redact

LOOK_S = 0.1
"""How often this laptop's journal is looked at for what is new, in seconds."""

BEAT_S = 10.0
"""How often the hub is told that this laptop is there, in seconds."""

POLL_S = 1.0
"""How often the hub is asked for news where it cannot notify, in seconds."""

LONGEST_PAUSE_S = 30.0
"""The longest pause between two attempts to reach the hub, in seconds."""

REFUSED_PAUSE_S = 60.0
"""The pause after the hub has refused this laptop, in seconds: only a person can change that."""

SILENT = timedelta(seconds=120)
"""A laptop that the hub has not heard of for so long: another takes over what it has not sent."""

NUMBER_S = 0.5
"""How long declaring an incident waits for its number, in seconds."""

REMOTE = "hub:"
"""What the sessions of other laptops begin with, in the journal."""


class SyncLock:
    """Whether this process is the one that syncs its laptop's journal: a lock that ends with the process."""

    def __init__(self, journal: Path) -> None:
        self._path = Path(f"{journal}-hub")
        self._file: int | None = None

    def acquire(self) -> bool:
        """Take the lock, and return whether this process has it now."""
        if self._file is not None:
            return True
        with suppress(OSError):
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(file)
                return False
            self._file = file
            return True
        return False

    def release(self) -> None:
        """Let another process sync."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class HubJob:
    """The job that syncs: a ``Job``. ``connect`` makes a connection to the hub, with bounded waiting, and
    ``contacted`` is called when the hub has answered.

    ``wanted`` are the names of the leases that this laptop's jobs want, ``can_send`` the destinations it can post
    to.
    """

    name = "hub"

    def __init__(
        self,
        room: WarRoom,
        store: HubStore,
        lock: SyncLock,
        connect: Callable[[], tuple[Hub, HubSync]],
        contacted: Callable[[], None],
        *,
        wanted: Collection[str] = (),
        can_send: Collection[str] = (),
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._room = room
        self._store = store
        self._lock = lock
        self._connect = connect
        self._contacted = contacted
        self._wanted = tuple(wanted)
        self._can_send = tuple(can_send)
        self._jitter = jitter
        self._stop = threading.Event()
        self._numbers: queue.SimpleQueue[tuple[UUID, Future[str]]] = queue.SimpleQueue()
        self._others: set[str] = set()
        self._online = False
        self.problem: WarroomError | None = None

    async def run(self) -> None:
        """Work until ``stop``."""
        await asyncio.to_thread(self._work)

    async def once(self) -> None:
        """See ``RoundJob``: sync once, and ask for what only one laptop does."""
        await asyncio.to_thread(self._sync_once)

    def _sync_once(self) -> None:
        if self._store.has_left() or not self._lock.acquire():
            return  # another process of this laptop syncs
        try:
            hub, sync = self._connect()
            try:
                sync.connect()
                sync.round()
                self._take(sync.heartbeat(self._present(), self._wanted))
                sync.round()
            finally:
                hub.close()
        except WarroomError as error:
            self.problem = error
            with suppress(WarroomError):
                self._store.note_problem(error.title)
        else:
            self.problem = None
        finally:
            self._lock.release()

    def stop(self) -> None:
        """Make ``run`` return soon."""
        self._stop.set()

    def number(self, stream: UUID) -> str:
        """The hub's name for a new incident; "" if it does not answer at once. Called from any thread."""
        if not self._online:
            return ""
        answer: Future[str] = Future()
        self._numbers.put((stream, answer))
        try:
            return answer.result(NUMBER_S)
        except (TimeoutError, WarroomError):
            return ""

    def _work(self) -> None:
        failures = 0
        while not self._stop.is_set():
            if self._store.has_left() or not self._lock.acquire():
                self._stop.wait(1.0)  # or another process of this laptop syncs
                continue
            pause = 0.0
            try:
                hub, sync = self._connect()
                try:
                    sync.connect()
                    failures, self.problem = 0, None
                    self._serve(hub, sync)
                finally:
                    self._online = False
                    hub.close()
            except HubRefused as refused:
                self.problem, pause = refused, REFUSED_PAUSE_S
            except (HubUnreachable, JournalError) as error:
                failures += 1
                self.problem = error
                pause = min(LONGEST_PAUSE_S, 2.0 ** min(failures - 1, 5)) * (0.75 + self._jitter() / 2)
            except WarroomError as error:  # the settings: a secret that cannot be read
                self.problem, pause = error, REFUSED_PAUSE_S
            if self.problem is not None:
                with suppress(WarroomError):
                    self._store.note_problem(self.problem.title)
                self._room.notify()
            self._stop.wait(pause)
        self._lock.release()

    def _serve(self, hub: Hub, sync: HubSync) -> None:
        """Sync over one connection, until it is lost or ``stop``."""
        seen: int | None = None
        told: list[Activity] = []
        beat_due = pull_due = 0.0
        self._online = True
        while not self._stop.is_set():
            self._answer_numbers(hub)
            if (count := self._room.change_count()) != seen:
                seen = count
                if sync.push():
                    pull_due = 0.0
                if self._present() != told:
                    beat_due = 0.0
            now = time.monotonic()
            if now >= beat_due:
                told = self._present()
                self._take(sync.heartbeat(told, self._wanted))
                beat_due = now + BEAT_S
            if now >= pull_due:
                if sync.pull():
                    self._room.notify()
                pull_due = now + (BEAT_S if hub.wakes else POLL_S)
            news = hub.wait(LOOK_S)
            pull_due = 0.0 if "entries" in news else pull_due
            beat_due = 0.0 if "present" in news else beat_due

    def _answer_numbers(self, hub: Hub) -> None:
        with suppress(queue.Empty):
            while True:
                stream, answer = self._numbers.get_nowait()
                try:
                    answer.set_result(hub.number(stream))
                except WarroomError as error:
                    answer.set_exception(error)
                    raise

    def _present(self) -> list[Activity]:
        """What the sessions of this laptop do in incidents that are shared."""
        ids = {stream: id for id, stream in self._store.streams().items()}
        return [
            Activity(session, ids[stream], text)
            for session, stream, text in self._room.journal.all_presence(self._room.clock())
            if stream in ids and not session.startswith(REMOTE)
        ]

    def _take(self, beat: Beat) -> None:
        """Keep what the hub said of the others, and take over what one that is silent has not sent."""
        self._contacted()
        journal, now, names = self._room.journal, self._room.clock(), self._store.streams()
        present = {REMOTE + one.session: one for one in beat.present if one.stream in names}
        for session in self._others - present.keys():
            journal.save_presence(session, "", "", now, now)
        for session, one in present.items():
            text = redact(one.text, personal=False).text
            journal.save_presence(session, names[one.stream], text, now, now + LASTS)
        self._others = set(present)
        self._store.keep_leases(
            [name for name, held in beat.leases.items() if held], beat.now + timedelta(seconds=LEASE_S)
        )
        silent = [device.id for device in beat.devices if beat.now - device.last_seen >= SILENT]
        for delivery, generation in self._store.abandoned(silent, self._can_send) if silent else ():
            self._store.record(DeliveryAdopted(delivery=delivery, generation=generation + 1), now)
