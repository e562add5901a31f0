"""Isolate a chat backend, ours or a plugin's: what it raises becomes one of our errors, and it blocks nothing else.

A backend of another package runs on an event loop of its own, so that a blocking call in it holds up only itself.
Its tracebacks are in the diagnostic log.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from types import NoneType
from typing import Any, TypeVar

from warroom import diagnostics
from warroom.connect.plugin_loop import PluginLoop
from warroom.connect.plugins import describe, is_ending
from warroom.connect.ports import Chat, Promises
from warroom.connect.secret_mask import SecretMask
from warroom.errors import Rejected, SettingsError, Unconfirmed, WarroomError
from warroom.incident.delivery import AUDIENCES, Channel, Message, Opening, Receipt
from warroom.incident.incoming import Incoming

T = TypeVar("T")

CLOSE_S = 2.0
"""How long a backend may take to let go of its connections, in seconds."""

_MAX_ID = 4096  # characters; a transcript's channel is the path of a file


class GuardedChat:
    """A ``Chat`` whose every method keeps the promises of that protocol, whatever ``chat`` (of ``package``) does.

    Errors of warroom pass, without secrets. Any other ends ``Unconfirmed`` where something may have been sent, and
    as a ``WarroomError`` where nothing was. ``close`` never raises. Raises ``SettingsError`` for a backend that
    lacks what the protocol asks for.
    """

    def __init__(self, name: str, chat: Chat, mask: SecretMask, package: str = "") -> None:
        self._name = name
        self._package = package
        self._loop = PluginLoop(name, package)
        self._remedy = f"Update or remove the package {package or 'of its backend'}."
        self.backend = chat
        self._mask = mask
        failure: SettingsError | None = None
        try:
            promises = Promises.of(chat)
            # A push is not forwarded from another package's loop: such a backend is polled.
            self.promises = replace(promises, pushes=promises.pushes and self._is_ours)
            self.dedupes = self.promises.dedupes
            self.dedupe_window_s = self.promises.dedupe_window_s
            self.reads_back = self.promises.reads_back
            self.max_length = self.promises.max_length
            self.edits = self.promises.edits
            self.exclusive = bool(getattr(chat, "exclusive", False))
            self.reports_sending = bool(getattr(chat, "reports_sending", False))
            self.audiences: tuple[str, ...] = tuple(getattr(chat, "audiences", AUDIENCES))
        except BaseException as error:
            if is_ending(error):
                raise
            failure = SettingsError(f"its chat backend is not complete: {describe(error, mask)}", self._remedy)
        if failure:
            raise failure

    def render(self, message: Message) -> str:
        """As the backend renders it. ``WarroomError`` if it cannot."""
        failure: WarroomError | None = None
        try:
            text = self.backend.render(message)
            if isinstance(text, str):
                return text
            failure = WarroomError(f"{self._name} rendered no text", self._remedy)
        except BaseException as error:
            if is_ending(error):
                raise
            failure = self._as_ours(error, sends=False)
        raise failure

    def measure(self, message: Message) -> int:
        """How long the post is as the backend counts, or else in characters. ``WarroomError`` if it cannot."""
        own = getattr(self.backend, "measure", None)
        if own is None:
            return len(self.render(message))
        failure: WarroomError
        try:
            return int(own(message))
        except BaseException as error:
            if is_ending(error):
                raise
            failure = self._as_ours(error, sends=False)
        raise failure

    async def open(self, opening: Opening, key: str) -> Channel:
        """As the backend opens it, the answer bounded and without secrets."""
        channel = await self._run(lambda: self.backend.open(opening, key), Channel)
        return Channel(
            id=self._id(channel.id),
            name=self._mask.text(channel.name),
            url=self._link(channel.url),
            thread=self._id(channel.thread),
            talk=channel.talk,
        )

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        """As the backend posts, the receipt bounded and without secrets. ``Rejected`` for an audience that does not
        read there."""
        if message.audience not in self.audiences:
            raise Rejected(
                f"{self._name} is read by {' and '.join(self.audiences)}, not by {message.audience}",
                "Set audiences in the settings, or the destination that falls back to it.",
            )
        return self._receipt(await self._run(lambda: self.backend.post(channel, message, key), Receipt))

    async def show_status(self, channel: Channel, message: Message, previous: Receipt | None, key: str) -> Receipt:
        """As the backend shows it, the receipt bounded and without secrets."""
        return self._receipt(
            await self._run(lambda: self.backend.show_status(channel, message, previous, key), Receipt)
        )

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        """As the backend finds it, the receipt bounded and without secrets."""
        found = await self._run(lambda: self.backend.find(channel, key), Receipt, NoneType)
        return self._receipt(found) if found else None

    async def since(self, channel: Channel, cursor: str) -> Incoming:
        """As the backend reads, without secrets of its own. ``WarroomError`` if it cannot."""
        reader: Any = self.backend
        incoming = await self._run(lambda: reader.since(channel, cursor), Incoming, sends=False)
        messages = tuple(
            one.model_copy(update={"text": self._mask.secrets(one.text), "author": self._mask.text(one.author)})
            for one in incoming.messages
        )
        return Incoming(messages=messages, cursor=incoming.cursor)

    async def wake(self) -> AsyncGenerator[str, None]:
        """As the backend tells, the ids bounded and without secrets. ``WarroomError`` if it cannot."""
        source: Any = self.backend
        try:
            async with aclosing(source.wake()) as channels:
                async for channel in channels:
                    yield self._id(channel)
                return
        except BaseException as error:
            if is_ending(error):
                raise
            failure = self._as_ours(error, sends=False)
        raise failure

    async def check(self) -> str:
        """The backend's line for ``doctor``, sanitized and without secrets. ``WarroomError`` if it fails."""
        return self._mask.line(await self._run(lambda: self.backend.check(), str, sends=False))

    async def close(self) -> None:
        """Close its connections, or give up after ``CLOSE_S``."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._loop.run(lambda: self.backend.close())
        except BaseException as error:
            if is_ending(error):
                raise
            if not isinstance(error, WarroomError | TimeoutError):
                self._log("close", error)
        finally:
            self._loop.stop()

    async def _run(self, call: Callable[[], Awaitable[T]], *kinds: type, sends: bool = True) -> T:
        try:
            result = await self._loop.run(call)
            if isinstance(result, kinds):
                return result
            what = f"{self._name} gave no usable answer"
            failure: WarroomError = Unconfirmed(what, self._remedy) if sends else WarroomError(what, self._remedy)
        except BaseException as error:
            if is_ending(error):
                raise
            failure = self._as_ours(error, sends=sends)
        raise failure  # out here, where the plugin's exception, which may hold a secret, is not its context

    @property
    def _is_ours(self) -> bool:
        return self._package in ("", "warroom")

    def _log(self, method: str, error: BaseException) -> None:
        diagnostics.log_failure(f"{self._name} ({self._package or 'plugin'}), {method}", error)

    def _as_ours(self, error: BaseException, *, sends: bool) -> WarroomError:
        if isinstance(error, WarroomError):
            error.title, error.remedy = self._mask.text(error.title), self._mask.text(error.remedy)
            error.args = (error.title,)
            return error
        self._log("call", error)
        what = f"{self._name} crashed: {describe(error, self._mask)}"
        return Unconfirmed(what, self._remedy) if sends else WarroomError(what, self._remedy)

    def _receipt(self, receipt: Receipt) -> Receipt:
        return Receipt(id=self._id(receipt.id), url=self._link(receipt.url))

    def _id(self, given: str) -> str:
        return self._mask.secrets(given)[:_MAX_ID]

    def _link(self, url: str) -> str:
        # A transcript's is the address of a file on this machine.
        return self._mask.secrets(url) if url.startswith("file:///") else self._mask.link(url)
