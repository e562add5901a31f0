"""Runs a job on one laptop of a shared room at a time: nobody is answered, paged or reminded twice."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from warroom.errors import JournalError, WarroomError
from warroom.room.jobs import Job, RoundJob

LOOK_S = 1.0
"""How often it is looked at whether this laptop has the job, in seconds."""


class ExclusiveJob:
    """A job that runs while ``holds`` says that it is this laptop's: a ``RoundJob``. ``make`` makes it anew each
    time.

    ``cut_off`` says whether the hub cannot be reached, so that nobody knows whose it is. ``without_hub``: it runs
    then, too, because doing it twice does no harm.
    """

    def __init__(
        self,
        make: Callable[[], Job],
        holds: Callable[[str], bool],
        cut_off: Callable[[], bool],
        *,
        without_hub: bool = False,
    ) -> None:
        self._make = make
        self._holds = holds
        self._cut_off = cut_off
        self._without_hub = without_hub
        self._job = make()
        self._waits: WarroomError | None = None
        self._stop = threading.Event()
        self.name = self._job.name

    @property
    def problem(self) -> WarroomError | None:
        """Why it makes no progress: its own reason, or that the hub cannot be reached."""
        return self._waits or self._job.problem

    async def run(self) -> None:
        """Work until ``stop``."""
        running: asyncio.Task[None] | None = None
        try:
            while not self._stop.is_set():
                ours = await asyncio.to_thread(self._is_ours)
                if running is not None and running.done():
                    running.result()  # what it raised is for the runner, which starts this one again
                    return
                if ours and running is None:
                    running = asyncio.create_task(self._job.run())
                elif not ours and running is not None:
                    self._job.stop()
                    await running
                    running, self._job = None, self._make()
                await asyncio.sleep(LOOK_S)
        finally:
            if running is not None:
                self._job.stop()
                with suppress(Exception):
                    await running

    async def once(self) -> None:
        """See ``RoundJob``."""
        if await asyncio.to_thread(self._is_ours) and isinstance(self._job, RoundJob):
            await self._job.once()

    def _is_ours(self) -> bool:
        try:
            ours = self._holds(self.name)
            cut_off = not ours and self._cut_off()
        except JournalError as error:
            self._waits = error
            return False
        self._waits = _WAITS if cut_off and not self._without_hub else None
        return ours or (cut_off and self._without_hub)

    def stop(self) -> None:
        """Make ``run`` return soon."""
        self._stop.set()
        self._job.stop()


_WAITS = WarroomError(
    "Waits for the hub: another console may be doing it",
    "It goes on when the hub is reached. To go on without the hub: warroom hub leave.",
)
