"""Runs another package's plugin on an event loop of its own: one that blocks holds up only itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class _Raised(NamedTuple):
    error: BaseException


class PluginLoop:
    """The loop of the plugin called ``name``; warroom's own plugins run on the caller's."""

    def __init__(self, name: str, package: str) -> None:
        self._name = name
        self._is_ours = package in ("", "warroom")
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self, call: Callable[[], Awaitable[T]]) -> T:
        """Await ``call``, and raise what it raises."""
        if self._is_ours:
            return await call()
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, name=f"plugin {self._name}", daemon=True).start()

        async def outcome() -> _Raised | T:
            try:
                return await call()
            except BaseException as error:  # noqa: BLE001 — an interrupt must not end the loop instead of the caller
                return _Raised(error)

        # A coroutine is scheduled with the caller's context, which holds the current attempt.
        result = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(outcome(), self._loop))
        if isinstance(result, _Raised):
            raise result.error
        return result

    def stop(self) -> None:
        """Stop the loop; a later ``run`` starts another one."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._loop = None
