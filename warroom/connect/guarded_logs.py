"""Isolate a log service, ours or a plugin's: nothing but a ``WarroomError`` leaves it, and no secret.

A service of another package runs on an event loop of its own, so that a blocking call in it holds up only itself.
"""

from __future__ import annotations

import asyncio

from warroom.connect.guard import Guard
from warroom.connect.plugins import describe, is_ending
from warroom.connect.ports import LogPage, LogService
from warroom.connect.secret_mask import SecretMask
from warroom.errors import NotSent, Rejected, WarroomError

READ_S = 25.0
"""How long one read may take, in seconds; longer than a request of ours."""


class GuardedLogs:
    """One search of a log service: what ``query`` finds."""

    def __init__(
        self, name: str, service: LogService, query: str, mask: SecretMask, package: str = "warroom"
    ) -> None:
        self._name = name
        self._service = service
        self._query = query
        self._mask = mask
        self._guard = Guard(f"logs {name}", mask, package)

    async def read(self, cursor: str) -> LogPage:
        """See ``LogService``. Raises ``NotSent`` where it is worth asking again, else ``Rejected``."""
        try:
            async with asyncio.timeout(READ_S):
                page = await self._guard.call(lambda: self._service.read(self._query, cursor))
        except BaseException as error:  # noqa: BLE001 — what ends the task is raised again
            failure = self._failure(error)
        else:
            if isinstance(page, LogPage):
                return page
            failure = Rejected(f"{self._name} gave no page of lines", "Update its package.")
        raise failure  # outside the handler: the plugin's exception, which may hold a secret, is not its context

    async def check(self) -> str:
        """One line for ``warroom doctor``. Errors as ``read``."""
        try:
            async with asyncio.timeout(READ_S):
                return self._mask.line(await self._guard.call(self._service.check), 200)
        except BaseException as error:  # noqa: BLE001 — what ends the task is raised again
            failure = self._failure(error)
        raise failure

    async def close(self) -> None:
        """Close its connections, or give up after ``guard.CLOSE_S``."""
        await self._guard.close(self._service.close)

    def _failure(self, error: BaseException) -> WarroomError:
        """The error to raise instead of ``error``; raises that itself if it ends the task."""
        if isinstance(error, NotSent):
            return NotSent(self._mask.line(error.title, 200), self._mask.line(error.remedy, 200), error.retry_after)
        if isinstance(error, WarroomError):
            return Rejected(self._mask.line(error.title, 200), self._mask.line(error.remedy, 200))
        if isinstance(error, TimeoutError):
            return NotSent(f"{self._name} did not answer within {READ_S:.0f} s")
        if is_ending(error):
            raise error
        self._guard.log("read", error)
        return Rejected(f"{self._name} failed: {describe(error, self._mask)}", "The diagnostic log has details.")
