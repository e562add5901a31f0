"""The shared room as the rest of the program sees it: how it stands, naming, publishing, one-off syncs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Literal
from uuid import UUID, uuid4

from warroom.errors import JournalError, WarroomError
from warroom.journal.hub.port import Device, Hub
from warroom.journal.hub.store import HubStore
from warroom.journal.hub.sync import HubClock, HubSync
from warroom.room.background import DaemonExecutor
from warroom.room.hub_job import NUMBER_S, HubJob, SyncLock
from warroom.room.room import WarRoom

FRESH = timedelta(seconds=25)
"""For how long after the hub has answered this laptop counts as connected."""

FIRST_S = 3.0
"""How long the first incident of a laptop waits for its number, in seconds: it has no letter of its own yet."""

State = Literal["not joined", "left", "in sync", "waiting", "offline"]


@dataclass(frozen=True, slots=True)
class HubStanding:
    """How this laptop stands with the hub. Times are UTC.

    ``pending`` is how many entries wait to be sent, ``set_aside`` which ones the hub does not accept, in words.
    ``skew`` is how far this laptop's clock is ahead of the hub's.
    """

    state: State
    pending: int = 0
    cursor: int = 0
    head: int = 0
    contact: datetime | None = None
    problem: str = ""
    letter: str = ""
    skew: timedelta = timedelta()
    set_aside: tuple[str, ...] = ()
    devices: tuple[Device, ...] = ()

    @property
    def other_playbooks(self) -> tuple[Device, ...]:
        """The laptops whose playbook is another than this one's: checklists and severities may differ there."""
        mine = next((one.playbook for one in self.devices if one.letter == self.letter), "")
        return tuple(one for one in self.devices if mine and one.playbook and one.playbook != mine)

    def word(self, zone: tzinfo) -> str:
        """It in a word, for the top line of a screen; "" where no room is shared."""
        match self.state:
            case "in sync":
                return "hub ✓"
            case "waiting":
                return f"hub {self.pending} waiting"
            case "offline" if self.contact:
                return f"hub offline {self.contact.astimezone(zone):%H:%M}"
            case "offline":
                return "hub offline"
            case _:
                return ""


class SharedRoom:
    """The shared room of one laptop. ``connect`` makes a connection to the hub; safe to use from any thread."""

    def __init__(
        self, room: WarRoom, journal: Path, connect: Callable[[], tuple[Hub, HubSync]], clock: HubClock
    ) -> None:
        self._room = room
        self._store: HubStore = room.journal.hub
        self._lock_path = journal
        self._connect = connect
        self._clock = clock
        self._job: HubJob | None = None

    def job(self, *, wanted: Collection[str], can_send: Collection[str]) -> HubJob:
        """The background work that keeps this laptop in step: start it with the other jobs."""
        self._job = HubJob(
            self._room,
            self._store,
            SyncLock(self._lock_path),
            self._connect,
            self._clock.update,
            wanted=wanted,
            can_send=can_send,
        )
        return self._job

    def standing(self) -> HubStanding:
        """How this laptop stands with the hub, as it is known here: nothing is asked."""
        state = self._store.state()
        if state is None:
            return HubStanding("left" if self._store.has_left() else "not joined")
        pending = self._store.pending_count()
        return HubStanding(
            self._connected(state.problem, state.contact, pending),
            pending,
            state.cursor,
            state.head,
            state.contact,
            state.problem,
            state.letter,
            self._clock.skew,
            tuple(f"entry {seq} of {stream}: {why}" for stream, seq, why in self._store.set_aside()),
            state.devices,
        )

    def word(self, zone: tzinfo) -> str:
        """Its word, see ``HubStanding``: every screen asks for it at each change."""
        found = self._store.in_brief()
        if found is None:
            return ""
        problem, contact, pending = found
        return HubStanding(self._connected(problem, contact, pending), pending, contact=contact).word(zone)

    def _connected(self, problem: str, contact: datetime | None, pending: int) -> State:
        fresh = contact is not None and self._room.clock() - contact < FRESH
        return "offline" if problem or not fresh else "waiting" if pending else "in sync"

    def cut_off(self) -> bool:
        """Whether the hub cannot be reached now, so that nobody knows which laptop does what only one should."""
        return self.standing().state == "offline"

    def new_incident(self, *, private: bool) -> str:
        """Return the name of a new incident: the hub's number for it, or one with this laptop's letter.

        Waits for the hub for ``NUMBER_S`` seconds at the most (the first time ``FIRST_S``), and not at all if it
        was not reached last time.
        """
        state = self._store.state()
        if state is None:
            return self._room.journal.new_incident()
        id = uuid4()
        number = ""
        if not private and not state.problem:
            number = (
                self._job.number(id) if self._job else self._ask_number(id, NUMBER_S if state.contact else FIRST_S)
            )
            if not number:
                id = uuid4()  # an answer that comes too late must not name this one
        return self._store.new_name(id, number, private=private)

    def _ask_number(self, id: UUID, wait_s: float) -> str:
        def ask() -> str:
            hub, _ = self._connect()
            try:
                return hub.number(id)
            finally:
                hub.close()

        try:
            return DaemonExecutor().submit(ask).result(wait_s)
        except (TimeoutError, WarroomError):
            return ""

    def publish(self, incident_id: str) -> int:
        """Share an incident that has stayed here, with all its entries, and return how many those are.

        Raises ``NotFound``, and ``Refusal`` if it is shared already.
        """
        self._room.incident(incident_id)
        count = self._store.publish(incident_id)
        self._room.notify()
        return count

    def leave(self) -> None:
        """Take part no longer, until ``come_back``."""
        self._store.leave()

    def come_back(self) -> None:
        """Take part again, once the hub is reached."""
        self._store.come_back()

    def sync(self, wait_s: float) -> bool:
        """Sync once, waiting ``wait_s`` seconds at the most, and return whether this laptop is up to date.

        It is, too, where another process of this laptop syncs all the time. The rest of a sync that takes longer
        goes on as long as the process does. Raises nothing: ``standing`` says why it failed.
        """
        if self._store.has_left():
            return False
        lock = SyncLock(self._lock_path)
        if not lock.acquire():
            return self.standing().state in ("in sync", "waiting")
        done: Future[bool] = Future()
        threading.Thread(target=self._sync_now, args=(lock, done), name="warroom-hub", daemon=True).start()
        try:
            return done.result(wait_s)
        except TimeoutError:
            return False

    def _sync_now(self, lock: SyncLock, done: Future[bool]) -> None:
        try:
            hub, sync = self._connect()
            try:
                sync.connect()
                sync.round()
                sync.heartbeat([], [])  # who else takes part; no console runs here, so nobody is present
            finally:
                hub.close()
        except WarroomError as error:
            with suppress(JournalError):
                self._store.note_problem(error.title)
            done.set_result(False)
        else:
            self._clock.update()
            done.set_result(True)
        finally:
            lock.release()
