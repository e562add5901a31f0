"""The outbox worker: claims deliveries, sends them and records their outcome. It never holds up a command."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import random
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent import futures
from datetime import datetime, timedelta

from warroom import diagnostics
from warroom.connect.attempt import Attempt
from warroom.errors import (
    Conflict,
    JournalError,
    NotSent,
    Rejected,
    SettingsError,
    Unconfirmed,
    WarroomError,
)
from warroom.incident.delivery import (
    CANNOT_SEND,
    LONGEST_RETRY_S,
    Delivery,
    DeliveryState,
    Receipt,
)
from warroom.room import background
from warroom.room.chat_delivery import CLOSE_S, ChatDeliveryHandler
from warroom.room.delivery_handler import DeliveryHandler, UnableToSend
from warroom.room.jobs import Wakeup
from warroom.room.room import WarRoom

LEASE_S = 120.0
"""How long a claim lasts."""

ATTEMPT_S = 90.0
"""How long an attempt may take; well under the lease, so that a claim only runs out by a kill."""

LOOK_S = 1.0
"""How often the outbox is looked at for what other processes put there, in seconds."""

READ_BACK_S = 5.0
"""How long after an unanswered request the chat is asked whether it arrived: time to arrive late."""

GIVE_UP_READING = 6
"""After so many attempts in one session to learn what became of a post, a person is asked."""

LONGEST_WAIT_S = LONGEST_RETRY_S / 1.25
"""The longest pause before the stretch, and the longest wish of a service that is granted, in seconds."""

UNABLE_S = 15.0
"""How long this process leaves a destination to others once its settings or secrets do not do; twice as long after
each further try, up to ``LONGEST_WAIT_S``."""

HUB_LOOK_S = 10.0
"""How long a delivery that a teammate's console may have taken over is put off, in seconds."""

GRACE_S = 0.5
"""How long a request under way may still take after ``stop``, in seconds."""


def backoff(attempts: int, wish: float | None, jitter: Callable[[], float] = random.random) -> float:
    """Return the seconds until the next attempt: 1, 2, 4 … 300, plus up to a quarter of jitter so that consoles do
    not retry in step; never sooner than the service asks (at most five minutes)."""
    wait = min(LONGEST_WAIT_S, 2.0 ** min(attempts - 1, 9)) * (1 + jitter() / 4)
    return max(wait, min(wish or 0.0, LONGEST_WAIT_S))


def _cut_off(attempt: Attempt) -> str:
    return f"Not sent: time ran out while {attempt.doing}"


class _Unseen(Unconfirmed):
    """Looking for a post failed: ``retry_after`` is when to look again, None leaves it to a person."""


class OutboxWorker:
    """Sends deliveries for one process: a ``Job``. Two workers on one journal share the work, never a delivery.

    ``handlers`` are those of other kinds than chat.
    """

    name = "outbox"

    def __init__(
        self,
        room: WarRoom,
        monotonic: Callable[[], float] = time.monotonic,
        handlers: Iterable[DeliveryHandler] = (),
    ) -> None:
        self.room = room
        self._monotonic = monotonic
        self.journal = room.journal
        self.owner = f"{socket.gethostname().replace(':', '-')}:{os.getpid()}:{secrets.token_hex(4)}"
        self._wake = Wakeup()
        room.on_change(self._wake.set)
        self._stop = threading.Event()
        all_handlers: tuple[DeliveryHandler, ...] = (ChatDeliveryHandler(room, monotonic), *handlers)
        self._handlers = {handler.kind: handler for handler in all_handlers}
        self._looks: Counter[str] = Counter()
        self._unable: dict[str, tuple[int, float]] = {}  # destination: how often, until when (monotonic)
        self.problem: WarroomError | None = None
        """Why the outbox cannot be worked on at the moment (the disk, for example); None if it can."""
        self.on_outcome: Callable[[Delivery, DeliveryState, str], None] | None = None
        """Called with each attempt's outcome once that is recorded, and its error; must return at once."""
        self.idle = False
        """Whether at the last look nothing was due and no send was under way."""

    # ── public ────────────────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Work until ``stop``."""
        await self._work(self._stop.is_set)

    def stop(self) -> None:
        """End the work soon: a request under way gets ``GRACE_S`` to finish, and what is left is sent next time."""
        self._stop.set()
        self._wake.set()

    def drain(self, wait_s: float, incident_id: str | None = None) -> list[Delivery]:
        """Work until nothing of the incident is on its way; return its deliveries as they are then.

        At most ``wait_s`` seconds, and no longer for a call that is stuck. What cannot be tried again within that
        time is not waited for. A signal ends it at once.
        """
        end, until = self._monotonic() + wait_s, self.room.clock() + timedelta(seconds=wait_s)

        def done() -> bool:
            waiting: dict[tuple[str, str], Delivery] = {}
            for delivery in self.room.deliveries(incident_id):
                on_its_way = (
                    delivery.state in (DeliveryState.PENDING, DeliveryState.SENDING) or delivery.next_attempt_at
                )
                if on_its_way and delivery.state is not DeliveryState.DELIVERED:
                    waiting.setdefault((delivery.incident, delivery.destination), delivery)
            # The first of a partition holds up what comes after it.
            now, unable = self.room.clock(), self._unable_now()
            return all(
                first.destination in unable or ((next_at := first.waits_until(now)) and next_at > until)
                for first in waiting.values()
            )

        work = background.start(lambda: self._work(done, end=end, look_s=0.05))
        try:
            work.result(wait_s + CLOSE_S)
        except TimeoutError:
            pass
        finally:
            if not work.done():
                self.stop()
                futures.wait([work], GRACE_S + CLOSE_S + 0.1)
        return self.room.deliveries(incident_id)

    # ── the work loop ─────────────────────────────────────────────────────────────────────────────────────

    async def _work(self, done: Callable[[], bool], *, end: float = math.inf, look_s: float = LOOK_S) -> None:
        """Until ``done``, ``stop`` or the moment ``end`` of the monotonic clock."""
        under_way: set[asyncio.Task[None]] = set()
        self.idle = False

        def left_s() -> float:
            return max(0.0, end - self._monotonic())

        def over() -> bool:
            return self._stop.is_set() or not left_s()

        try:
            while not (over() or done()):
                self._wake.clear()
                try:
                    while not over():
                        alone = not under_way
                        claimed = await asyncio.to_thread(
                            self.journal.claim, self.owner, self.room.clock(), LEASE_S, without=self._unable_now()
                        )
                        self.idle = alone and claimed is None
                        if claimed is None:
                            break
                        if claimed.destination in self._unable_now():  # has become so while it was claimed
                            await asyncio.to_thread(self._put_back, claimed)
                            continue
                        task = asyncio.create_task(self._deliver(claimed))
                        under_way.add(task)
                        task.add_done_callback(under_way.discard)
                    self.problem = None
                except WarroomError as error:
                    self.problem = error
                await self._pause(under_way, min(look_s, left_s()))
        finally:
            if under_way:
                await asyncio.wait(under_way, timeout=min(GRACE_S, left_s()))
            await asyncio.sleep(0)  # a task that is cancelled before it runs would never let go of its claim
            for task in under_way:
                task.cancel()
            if under_way:
                await asyncio.wait(under_way)
            await asyncio.gather(*(handler.close() for handler in self._handlers.values()))

    def _put_back(self, claimed: Delivery) -> None:
        self.journal.complete(
            claimed.id,
            owner=self.owner,
            outcome=claimed.state if claimed.state is DeliveryState.UNCONFIRMED else DeliveryState.PENDING,
            error=claimed.error,
            next_attempt_at=claimed.next_attempt_at,
            attempted=False,
        )

    async def _pause(self, under_way: set[asyncio.Task[None]], look_s: float) -> None:
        """Until a send ends, something is written, or it is time to look again."""
        nap = asyncio.create_task(self._wake.wait(look_s))
        await asyncio.wait({nap, *under_way}, return_when=asyncio.FIRST_COMPLETED)
        nap.cancel()
        await asyncio.wait({nap})

    async def _deliver(self, delivery: Delivery) -> None:
        attempt = Attempt()
        in_doubt = delivery.state is DeliveryState.UNCONFIRMED
        now = self.room.clock
        outcome, receipt, error, again, attempted = DeliveryState.DELIVERED, None, "", None, True
        able = True
        try:
            if delivery.scrubbed:  # while it was claimed or being sent
                raise WarroomError("Its entry was scrubbed: there is nothing left to send")
            async with asyncio.timeout(ATTEMPT_S):
                if in_doubt:
                    receipt = await self._find_outcome(delivery, attempt)
                else:
                    await self._wait_for_hub(delivery)
                    receipt = await self._handler(delivery).perform(delivery, attempt)
        except asyncio.CancelledError:  # the work ends before the answer is here
            left = attempt.end()
            if in_doubt:
                outcome, error, again = DeliveryState.UNCONFIRMED, delivery.error, now()
            elif left:
                outcome, error = DeliveryState.UNCONFIRMED, "stopped while waiting for the answer"
                again = self._next_look(delivery)
            else:
                outcome, error, attempted = DeliveryState.PENDING, _cut_off(attempt), False
            with contextlib.suppress(WarroomError):
                self.journal.complete(
                    delivery.id,
                    owner=self.owner,
                    outcome=outcome,
                    error=error,
                    next_attempt_at=again,
                    attempted=attempted,
                )
            raise
        except TimeoutError:
            if attempt.end() or in_doubt:
                outcome, error = DeliveryState.UNCONFIRMED, f"{delivery.destination} took too long to answer"
                again = self._next_look(delivery)
            else:
                outcome, error = DeliveryState.PENDING, _cut_off(attempt)
                again = now() + timedelta(seconds=backoff(delivery.attempts, None))
        except UnableToSend as unable:  # no time is set: another process may take it at once
            able = False
            times = self._unable.get(delivery.destination, (0, 0.0))[0]
            pause = min(UNABLE_S * 2 ** min(times, 9), LONGEST_WAIT_S)
            self._unable[delivery.destination] = (times + 1, self._monotonic() + pause)
            if in_doubt:
                outcome, error, again = (
                    DeliveryState.UNCONFIRMED,
                    f"It may have arrived. {CANNOT_SEND}{unable}",
                    now(),
                )
            else:
                outcome, error, attempted = DeliveryState.PENDING, f"{CANNOT_SEND}{unable}", False
        except NotSent as no:
            outcome, error = DeliveryState.PENDING, no.title
            again = now() + timedelta(seconds=backoff(delivery.attempts, no.retry_after))
        except Rejected as no:
            outcome, error = DeliveryState.FAILED, str(no)
        except _Unseen as unseen:
            outcome, error = DeliveryState.UNCONFIRMED, str(unseen)
            again = now() + timedelta(seconds=unseen.retry_after) if unseen.retry_after else None
        except Unconfirmed as perhaps:
            error = perhaps.title
            if attempt.end() or in_doubt:
                outcome, again = DeliveryState.UNCONFIRMED, self._next_look(delivery)
            else:  # about the channel: the post itself was not tried
                outcome, again = DeliveryState.PENDING, now() + timedelta(seconds=backoff(delivery.attempts, None))
        except (JournalError, Conflict) as wrong:  # all of it is read or written before a post is sent
            outcome, error = DeliveryState.UNCONFIRMED if in_doubt else DeliveryState.PENDING, wrong.title
            again = now() + timedelta(seconds=backoff(delivery.attempts, None))
        except WarroomError as wrong:
            outcome, error = DeliveryState.UNCONFIRMED if in_doubt else DeliveryState.FAILED, str(wrong)
        except Exception as bug:  # noqa: BLE001 — one backend's fault must not end the others' deliveries
            diagnostics.log_failure(f"delivery {delivery.id}", bug)
            error = f"{delivery.destination} crashed: {type(bug).__name__}"
            if attempt.end() or in_doubt:
                outcome = DeliveryState.UNCONFIRMED
            else:
                outcome, again = DeliveryState.PENDING, now() + timedelta(seconds=backoff(delivery.attempts, None))
        if able:
            self._unable.pop(delivery.destination, None)
        completing = asyncio.ensure_future(
            asyncio.to_thread(
                lambda: self.journal.complete(
                    delivery.id,
                    owner=self.owner,
                    outcome=outcome,
                    receipt=receipt,
                    error=error,
                    next_attempt_at=again,
                    attempted=attempted,
                )
            )
        )
        with contextlib.suppress(WarroomError):  # not kept: the lease runs out, and it is looked into then
            try:
                await asyncio.shield(completing)
            except asyncio.CancelledError:  # the outcome is known: ending must not make it unknown
                await completing
                raise
            if self.on_outcome is not None:
                self.on_outcome(delivery, outcome, error)
        self.room.notify()

    async def _wait_for_hub(self, delivery: Delivery) -> None:
        """Put off what a teammate's console may have taken over meanwhile, unless the service recognises it."""
        taken = await asyncio.to_thread(self.journal.hub.may_be_taken, delivery.id, self.room.clock())
        if taken and self._handler(delivery).known_recovery(delivery) != "repeat":
            raise NotSent("Waits for the hub: a teammate's console may have sent it", retry_after=HUB_LOOK_S)

    def _next_look(self, delivery: Delivery) -> datetime | None:
        """When an unconfirmed delivery is looked into next; None if only a person can find out."""
        recovery = self._handler(delivery).known_recovery(delivery)
        self._looks[delivery.id] += 1
        looks = self._looks[delivery.id]
        if recovery is None or recovery == "repeat":
            wait = backoff(looks, None)
        elif recovery == "read back" and looks <= GIVE_UP_READING:
            wait = READ_BACK_S * looks
        else:
            return None
        return self.room.clock() + timedelta(seconds=wait)

    async def _find_outcome(self, delivery: Delivery, attempt: Attempt) -> Receipt | None:
        """Learn what became of an unconfirmed delivery; it is sent again only if it certainly has not arrived."""
        handler = self._handler(delivery)
        recovery = await handler.recovery(delivery)
        if recovery == "repeat":
            return await handler.perform(delivery, attempt)
        if recovery == "ask":
            raise Unconfirmed("Delivery unconfirmed: it was being sent")
        if not self._looks[delivery.id]:  # another process was killed a moment ago: it may still be on its way
            raise Unconfirmed("It was being sent when warroom ended")
        try:
            found = await handler.find(delivery)
        except NotSent as no:
            self._looks[delivery.id] += 1
            wait = backoff(self._looks[delivery.id], no.retry_after)
            raise _Unseen(f"It may have arrived: {no.title}", retry_after=wait) from None
        except Rejected as no:
            raise _Unseen(f"It may have arrived, and cannot be looked for: {no.title}", no.remedy) from None
        return found or await handler.perform(delivery, attempt)

    def _handler(self, delivery: Delivery) -> DeliveryHandler:
        try:
            return self._handlers[delivery.item.kind]
        except KeyError:
            kind = delivery.item.kind
            raise UnableToSend(
                SettingsError(f"this version of warroom sends no items of kind {kind}", "Update warroom.")
            ) from None

    def _unable_now(self) -> set[str]:
        now = self._monotonic()
        return {name for name, (_, until) in self._unable.items() if now < until}
