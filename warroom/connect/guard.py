"""Isolate a plugin: what it raises becomes one of our errors, what it gives is bounded and without secrets.

A plugin of another package runs on an event loop of its own, so that a blocking call in it holds up only itself.
Its tracebacks are in the diagnostic log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from warroom import diagnostics
from warroom.connect.plugin_loop import PluginLoop
from warroom.connect.plugins import describe, is_ending
from warroom.connect.secret_mask import SecretMask
from warroom.errors import Unconfirmed, WarroomError
from warroom.incident.delivery import Receipt

T = TypeVar("T")

CLOSE_S = 2.0
"""How long a plugin may take to let go of its connections, in seconds."""

_MAX_ID = 4096  # characters; a transcript's channel is the path of a file


class Guard:
    """Calls the plugin that the settings call ``name``, which comes from ``package`` ("" for one of ours).

    Errors of warroom pass, without secrets. Any other ends ``Unconfirmed`` where something may have been sent, and
    as a ``WarroomError`` where nothing was.
    """

    def __init__(self, name: str, mask: SecretMask, package: str = "") -> None:
        self.name = name
        self.mask = mask
        self.package = package
        self.remedy = f"Update or remove the package {package or 'of its backend'}."
        self._loop = PluginLoop(name, package)

    @property
    def is_ours(self) -> bool:
        """Whether the plugin is warroom's own, and so runs on the caller's event loop."""
        return self.package in ("", "warroom")

    async def call(self, call: Callable[[], Awaitable[T]]) -> T:
        """Await ``call`` where the plugin runs, and raise what it raises."""
        return await self._loop.run(call)

    async def run(self, call: Callable[[], Awaitable[T]], *kinds: type, sends: bool = True) -> T:
        """Return what ``call`` returns, if it is one of ``kinds``. ``sends``: something may leave by it."""
        try:
            result = await self._loop.run(call)
            if isinstance(result, kinds):
                return result
            what = f"{self.name} gave no usable answer"
            failure: WarroomError = Unconfirmed(what, self.remedy) if sends else WarroomError(what, self.remedy)
        except BaseException as error:
            if is_ending(error):
                raise
            failure = self.as_ours(error, sends=sends)
        raise failure  # out here, where the plugin's exception, which may hold a secret, is not its context

    async def close(self, close: Callable[[], Awaitable[object]]) -> None:
        """Have the plugin close its connections, or give up after ``CLOSE_S``. Never raises."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._loop.run(close)
        except BaseException as error:
            if is_ending(error):
                raise
            if not isinstance(error, WarroomError | TimeoutError):
                self.log("close", error)
        finally:
            self._loop.stop()

    def as_ours(self, error: BaseException, *, sends: bool) -> WarroomError:
        """The error of warroom that ``error`` means."""
        if isinstance(error, WarroomError):
            error.title, error.remedy = self.mask.text(error.title), self.mask.text(error.remedy)
            error.args = (error.title,)
            return error
        self.log("call", error)
        what = f"{self.name} crashed: {describe(error, self.mask)}"
        return Unconfirmed(what, self.remedy) if sends else WarroomError(what, self.remedy)

    def receipt(self, receipt: Receipt) -> Receipt:
        """The receipt, bounded and without secrets."""
        return Receipt(id=self.identifier(receipt.id), url=self.link(receipt.url))

    def identifier(self, given: str) -> str:
        """An id of the service, bounded and without secrets."""
        return self.mask.secrets(given)[:_MAX_ID]

    def link(self, url: str) -> str:
        """An address, bounded and without secrets."""
        # A transcript's is the address of a file on this machine.
        return self.mask.secrets(url) if url.startswith("file:///") else self.mask.link(url)

    def log(self, method: str, error: BaseException) -> None:
        """Keep the traceback of a failure of the plugin in the diagnostic log."""
        diagnostics.log_failure(f"{self.name} ({self.package or 'plugin'}), {method}", error)
