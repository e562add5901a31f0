"""Log lines from a service that is asked again and again. Knows no vendor.

Where to go on is a cursor, which moves only with the lines that were handed over: a poll that fails loses nothing
and repeats nothing. That it fails, and that it works again, is reported in the stream, once each.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from warroom.errors import NotSent, WarroomError
from warroom.logs.sources.source import LineCutter, Sink
from warroom.logs.stores import Numbering

LONGEST_PAUSE_S = 60.0
"""Between two polls that fail, unless the service asks for more. One that refuses is asked again after so long."""

CATCH_UP_S = 0.25
"""Between two polls while there is more to read: Papertrail, for one, allows 5 requests a second."""


class LinePage(Protocol):
    """Lines, oldest first, where to go on after them, and whether there are more already."""

    @property
    def lines(self) -> Sequence[str]: ...

    @property
    def cursor(self) -> str: ...

    @property
    def more(self) -> bool: ...


class LogReader(Protocol):
    """What reads a service. ``read`` raises nothing but ``WarroomError``."""

    async def read(self, cursor: str) -> LinePage: ...

    async def close(self) -> None: ...


class PolledSource:
    """A ``Source`` that polls every ``every_s`` seconds. ``make`` may block: a secret may come from a command."""

    lasting = False

    def __init__(
        self, name: str, make: Callable[[], LogReader], every_s: float, *, catch_up_s: float = CATCH_UP_S
    ) -> None:
        self.name = name
        self._make = make
        self._every_s = every_s
        self._catch_up_s = catch_up_s
        self._lock = threading.Lock()
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None
        self._cutter = LineCutter(Numbering(0))
        self._problem = ""
        self._failures = 0

    def start(self, sink: Sink) -> None:
        """Begin to poll, in a daemon thread; returns at once."""
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._run, args=(sink,), name=f"log {self.name}", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop polling; returns at once."""
        with self._lock:
            self._closed = True
            if self._loop is not None and self._task is not None:
                self._loop.call_soon_threadsafe(self._task.cancel)

    @property
    def running(self) -> bool:
        """Whether its thread is running."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self, sink: Sink) -> None:
        with suppress(asyncio.CancelledError):
            asyncio.run(self._main(sink))

    async def _main(self, sink: Sink) -> None:
        with self._lock:
            if self._closed:
                return
            self._loop, self._task = asyncio.get_running_loop(), asyncio.create_task(self._poll(sink))
            task = self._task
        try:
            await task
        finally:
            with self._lock:
                self._loop = self._task = None

    async def _poll(self, sink: Sink) -> None:
        reader: LogReader | None = None
        cursor = ""
        try:
            while True:
                try:
                    if reader is None:
                        reader = await asyncio.to_thread(self._make)
                    page = await reader.read(cursor)
                except WarroomError as error:
                    pause_s = self._failed(sink, error)
                    if reader is not None and not isinstance(error, NotSent):
                        await reader.close()
                        reader = None  # made anew, with the secrets of then
                else:
                    self._hand(sink, page.lines, history=not cursor)
                    cursor = page.cursor
                    pause_s = self._catch_up_s if page.more else self._every_s
                await asyncio.sleep(pause_s)
        finally:
            if reader is not None:
                await reader.close()

    def _failed(self, sink: Sink, error: WarroomError) -> float:
        """Report why nothing could be read. Returns the seconds until it is tried again."""
        self._failures += 1
        pause_s = LONGEST_PAUSE_S
        if isinstance(error, NotSent):
            pause_s = min(LONGEST_PAUSE_S, self._every_s * 2.0 ** min(self._failures - 1, 8))
            pause_s = max(pause_s, error.retry_after or 0.0)
        if error.title != self._problem:
            self._problem = error.title
            sink.notice(self, f"cannot be read: {error.title}; trying again")
        return pause_s

    def _hand(self, sink: Sink, lines: Sequence[str], *, history: bool) -> None:
        if self._problem:
            sink.notice(self, "can be read again")
        self._problem, self._failures = "", 0
        if not lines:
            return
        data = "\n".join(lines).encode("utf-8", "replace") + b"\n"
        if chunk := self._cutter.feed(data, history=history):
            sink.lines(self, chunk)
