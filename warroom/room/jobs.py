"""Background work of the application: jobs on one event loop, in a thread that belongs to no screen and no job.

A job that raises is reported, with its traceback in the diagnostic log, and started again after a pause; the other
jobs do not notice. Knows nothing of incidents.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Future
from contextlib import suppress
from typing import Protocol, runtime_checkable

from warroom import diagnostics
from warroom.errors import WarroomError
from warroom.incident.readings import JobHealth
from warroom.room import background

RESTART_S = 2.0
"""The pause before a job that raised is started again, in seconds; doubled at each failure in a row."""

LONGEST_RESTART_S = 300.0

STOP_S = 1.0
"""How long ``stop`` waits for the jobs to end, in seconds. A call that is stuck is left behind."""


class Wakeup:
    """An event that any thread sets and one coroutine waits for. Setting it before the wait is not lost."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_set = False
        self._waiting: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Wake whoever waits, or whoever waits next."""
        with self._lock:
            self._is_set = True
            waiting, self._waiting = self._waiting, None
        if waiting is not None:
            with suppress(RuntimeError):  # the loop has been closed meanwhile
                waiting.get_loop().call_soon_threadsafe(_finish, waiting)

    def clear(self) -> None:
        """Forget that it was set."""
        with self._lock:
            self._is_set = False

    async def wait(self, timeout_s: float) -> None:
        """Return once it is set, at the latest after ``timeout_s`` seconds; it is then no longer set."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._lock:
            if not self._is_set:
                self._waiting = waiting
            else:
                waiting.set_result(None)
        try:
            async with asyncio.timeout(timeout_s):
                await waiting
        except TimeoutError:
            pass
        finally:
            with self._lock:
                self._is_set = False
                self._waiting = None


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Job(Protocol):
    """A piece of background work."""

    @property
    def name(self) -> str:
        """What people call it, such as "outbox"."""
        ...

    @property
    def problem(self) -> WarroomError | None:
        """Why it makes no progress at the moment (a full disk, say); None while it does. It retries by itself."""
        ...

    async def run(self) -> None:
        """Work until ``stop`` is called. Blocking calls belong into ``asyncio.to_thread``."""
        ...

    def stop(self) -> None:
        """Make ``run`` return soon. Called from another thread."""
        ...


@runtime_checkable
class RoundJob(Job, Protocol):
    """A job that can also do what is due once, for ``warroom watch --once``."""

    async def once(self) -> None:
        """Do everything that is due now, and let go of connections. What failed is the ``problem`` afterwards."""
        ...


class JobRunner:
    """Runs jobs on an event loop of their own. Safe to use from any thread."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._crashed: dict[str, str] = {}
        self._stopping = threading.Event()
        self._stop = Wakeup()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started = threading.Event()
        self._done: Future[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, *jobs: Job) -> None:
        """Start the loop, if it does not run yet, and these jobs on it. A job is started once for each name."""
        if self._done is None:
            self._done = background.start(self._main)
            self._started.wait()
        for job in jobs:
            if job.name not in self._jobs:
                self._jobs[job.name] = job
                assert self._loop is not None
                with suppress(RuntimeError):  # it is being stopped
                    self._loop.call_soon_threadsafe(self._begin, job)

    def end(self, job: Job, *, stop: bool = True) -> None:
        """Forget a job, which may be started again; ``stop`` it first unless the caller has."""
        if stop:
            job.stop()
        self._forget(job)

    def stop(self, patience_s: float = STOP_S) -> None:
        """Stop all jobs and the loop, within ``patience_s`` seconds."""
        self._stopping.set()
        for job in tuple(self._jobs.values()):
            job.stop()
        self._stop.set()
        if self._done is not None:
            futures.wait([self._done], patience_s)

    def health(self) -> tuple[JobHealth, ...]:
        """How each job is doing, in the order they were started."""
        return tuple(self._health_of(job) for job in tuple(self._jobs.values()))

    def _health_of(self, job: Job) -> JobHealth:
        if crash := self._crashed.get(job.name):
            return JobHealth(job.name, crash)
        return JobHealth(job.name, " ".join(str(job.problem).split()) if job.problem else "")

    def _forget(self, job: Job) -> None:
        if self._jobs.get(job.name) is job:
            del self._jobs[job.name]
            self._crashed.pop(job.name, None)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._started.set()
        while not self._stopping.is_set():
            await self._stop.wait(60.0)
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _begin(self, job: Job) -> None:
        task = asyncio.get_running_loop().create_task(self._supervise(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _supervise(self, job: Job) -> None:
        pause = RESTART_S
        while not self._stopping.is_set() and self._jobs.get(job.name) is job:
            try:
                await job.run()
                self._forget(job)  # it has ended by itself, or by ``stop``
                return
            except Exception as error:  # noqa: BLE001 — one job's bug must not end the others
                diagnostics.log_failure(f"job {job.name}", error)
                self._crashed[job.name] = f"crashed ({type(error).__name__}); started again in {pause:.0f} s"
            await _wait(self._stopping, pause)
            self._crashed.pop(job.name, None)
            pause = min(2 * pause, LONGEST_RESTART_S)


async def _wait(event: threading.Event, timeout_s: float) -> None:
    await asyncio.to_thread(event.wait, timeout_s)


class PeriodicJob:
    """A job that calls ``work`` in a thread, every ``interval_s`` seconds and whenever ``wakeup`` is set.

    A ``WarroomError`` of ``work`` is the job's problem until the next call succeeds.
    """

    def __init__(
        self, name: str, interval_s: float, work: Callable[[], object], wakeup: Wakeup | None = None
    ) -> None:
        self.name = name
        self.problem: WarroomError | None = None
        self._interval_s = interval_s
        self._work = work
        self._wakeup = wakeup or Wakeup()
        self._stopping = False

    async def run(self) -> None:
        """See ``Job``."""
        while not self._stopping:
            try:
                await asyncio.to_thread(self._work)
                self.problem = None
            except WarroomError as error:
                self.problem = error
            await self._wakeup.wait(self._interval_s)

    async def once(self) -> None:
        """See ``RoundJob``."""
        try:
            await asyncio.to_thread(self._work)
        except WarroomError as error:
            self.problem = error

    def stop(self) -> None:
        """See ``Job``."""
        self._stopping = True
        self._wakeup.set()
