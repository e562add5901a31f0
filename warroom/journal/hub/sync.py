"""The protocol between a laptop's journal and the hub: join, push, pull, agree after the hub has lost something.

Nothing here runs by itself; ``room.hub_job`` calls it. Every step leaves both sides consistent, so a crash or a
lost connection between any two of them costs nothing: pushing twice records once, and what was read is read again.
"""

from __future__ import annotations

import platform
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from warroom.journal.hub.port import Activity, Beat, EntryRefused, Hub, Welcome
from warroom.journal.hub.store import SMALL_SKEW_MS, HubState, HubStore, Waiting

LEASE_S = 30.0
"""For how long a lease is asked for, in seconds: after a crash its jobs run elsewhere once it has passed."""


class HubSync:
    """Keeps one journal in step with a hub, over one connection. One thread at a time uses it.

    ``machine`` tells where the journal's file is: if it is found elsewhere, it is a copy. Errors are the port's,
    and those of the journal.
    """

    def __init__(
        self,
        store: HubStore,
        hub: Hub,
        *,
        name: str,
        app: str,
        machine: str,
        clock: Callable[[], datetime],
        scrub: Callable[[str], object],
    ) -> None:
        self._store = store
        self._hub = hub
        self._name = name
        self._app = app
        self._machine = machine
        self._clock = clock
        self._scrub = scrub
        self._skew_ms = 0

    def connect(self) -> HubState:
        """Say hello, join if this laptop has not yet, and find the last position that both sides agree on."""
        state = self._store.state()
        device = state.device if state else uuid4()
        moved = state is not None and state.machine != self._machine
        if moved:
            device = uuid4()
        welcome = self._hello(device)
        if state is None:
            self._store.join(device, welcome.epoch, welcome.letter, self._machine)
        elif moved:
            self._store.become(device, welcome.letter, self._machine)
        self._store.rename(welcome.letter)
        state = self._store.state()
        assert state is not None
        if welcome.epoch != state.epoch or self._hub_chain(state.cursor) != state.chain:
            agreed, chain = self._agreed(welcome)
            self._store.unconfirm_after(agreed, chain, welcome.epoch)
        self._store.forget_unread()
        self._store.note_contact(welcome.now, welcome.head, skew_ms=self._skew_ms, boot_ms=boot_ms())
        state = self._store.state()
        assert state is not None
        return state

    def _hello(self, device: UUID) -> Welcome:
        before = self._clock()
        welcome = self._hub.hello(device, self._name, self._app, self._store.highest())
        self._skew_ms = self._skew(before, welcome.now)
        return welcome

    def _skew(self, before: datetime, there: datetime) -> int:
        """How many milliseconds this clock is ahead of the hub's, which said ``there`` since ``before``."""
        after = self._clock()
        return round((before + (after - before) / 2 - there).total_seconds() * 1000)

    def _agreed(self, welcome: Welcome) -> tuple[int, str]:
        """The last position up to which both have the same entries, and its checksum: the hub was restored or
        replaced."""
        chains = self._store.chains()
        low, high = 0, min(len(chains) - 1, welcome.head)
        while low < high:
            middle = (low + high + 1) // 2
            if self._hub_chain(middle) == chains[middle]:
                low = middle
            else:
                high = middle - 1
        return low, chains[low]

    def _hub_chain(self, pos: int) -> str | None:
        return self._hub.chain_at(pos) if pos else ""

    def push(self) -> int:
        """Send what waits, until nothing does; how many entries that were."""
        count = 0
        while batch := self._store.waiting():
            try:
                self._send(batch)
            except EntryRefused:
                for waiting in batch:  # one of them: find it, and let the others pass
                    try:
                        self._send([waiting])
                    except EntryRefused as refused:
                        self._store.refuse(waiting.n, refused.title)
            count += len(batch)
        return count

    def _send(self, batch: Sequence[Waiting]) -> None:
        positions = self._hub.push([waiting.entry for waiting in batch])
        self._store.confirm((waiting, pos) for waiting, (_, pos) in zip(batch, positions, strict=True))

    def pull(self) -> set[str]:
        """Read what the hub has and this laptop has not; the streams that changed."""
        touched: set[str] = set()
        while True:
            state = self._store.state()
            if state is None or not (page := self._hub.pull(state.cursor)):
                break
            touched |= self._store.absorb(page, self._clock())
        for stream in self._store.to_scrub():
            self._scrub(stream)
            self._store.scrubbed(stream)
        return touched

    def round(self) -> set[str]:
        """Push, then pull; the streams that changed. Afterwards this laptop has what the hub has."""
        self.push()
        return self.pull()

    def heartbeat(self, present: Sequence[Activity], wanted: Sequence[str]) -> Beat:
        """Tell the hub who is here, keep what it says, and return it. A lease is held by the device."""
        state = self._store.state()
        assert state is not None
        before = self._clock()
        beat = self._hub.heartbeat(state.device, str(state.device), present, wanted, lease_s=LEASE_S)
        skew = self._skew(before, beat.now)
        self._store.note_contact(beat.now, beat.head, skew_ms=skew, boot_ms=boot_ms(), devices=beat.devices)
        return beat


def this_machine(journal: Path) -> str:
    """Tell where a journal's file is: on which machine, and which file. It differs for a copy."""
    machine = ""
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        try:
            machine = Path(path).read_text(encoding="ascii").strip()
            break
        except (OSError, UnicodeError):
            continue
    machine = machine or f"{uuid.getnode():x}"
    try:
        status = journal.stat()
        place = f"{status.st_ino}"
    except OSError:
        place = ""
    return f"{machine}:{place}"


def boot_ms() -> int:
    """Return when this machine started, by its own clock: it moves only when that clock is set."""
    since = time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
    return round((time.time() - since) * 1000)


def clock_skew(state: HubState | None) -> timedelta:
    """Return how far this laptop's clock is ahead of the hub's.

    Nothing is known of that any more once the clock has been set, or the machine started anew.
    """
    if state is None or not state.skew_ms or abs(boot_ms() - state.boot_ms) > SMALL_SKEW_MS:
        return timedelta()
    return timedelta(milliseconds=state.skew_ms)


class HubClock:
    """The present by the hub's clock as far as it is known, else by this laptop's. Safe to call from any thread."""

    def __init__(self, clock: Callable[[], datetime], store: HubStore) -> None:
        self._clock = clock
        self._store = store
        self.skew = timedelta()
        """How far this laptop's clock is ahead of the hub's; 0 if that is little or not known."""
        self.update()

    def update(self) -> None:
        """Take into account what the hub said last."""
        self.skew = clock_skew(self._store.state())

    def __call__(self) -> datetime:
        """The present, UTC."""
        return self._clock() - self.skew


def this_device() -> str:
    """The name by which people know this laptop."""
    return platform.node().partition(".")[0][:80] or "laptop"


def utc_now() -> datetime:
    """The present, UTC."""
    return datetime.now(UTC)
