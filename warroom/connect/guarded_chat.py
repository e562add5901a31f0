"""Isolate a chat backend, ours or a plugin's. See ``guard``."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from types import NoneType
from typing import Any

from warroom.connect.guard import Guard
from warroom.connect.plugins import describe, is_ending
from warroom.connect.ports import Chat, Promises
from warroom.connect.secret_mask import SecretMask
from warroom.errors import Rejected, SettingsError, WarroomError
from warroom.incident.delivery import AUDIENCES, Channel, Message, Opening, Receipt
from warroom.incident.incoming import Incoming


class GuardedChat:
    """A ``Chat`` whose every method keeps the promises of that protocol, whatever ``chat`` (of ``package``) does.

    Errors of warroom pass, without secrets. Any other ends ``Unconfirmed`` where something may have been sent, and
    as a ``WarroomError`` where nothing was. ``close`` never raises. Raises ``SettingsError`` for a backend that
    lacks what the protocol asks for.
    """

    def __init__(self, name: str, chat: Chat, mask: SecretMask, package: str = "") -> None:
        self._guard = guard = Guard(name, mask, package)
        self.backend = chat
        failure: SettingsError | None = None
        try:
            promises = Promises.of(chat)
            # A push is not forwarded from another package's loop: such a backend is polled.
            self.promises = replace(promises, pushes=promises.pushes and guard.is_ours)
            self.dedupes = self.promises.dedupes
            self.dedupe_window_s = self.promises.dedupe_window_s
            self.reads_back = self.promises.reads_back
            self.max_length = self.promises.max_length
            self.edits = self.promises.edits
            self.exclusive = bool(getattr(chat, "exclusive", False))
            self.reports_sending = bool(getattr(chat, "reports_sending", False))
            self.takes_maintenance = bool(getattr(chat, "takes_maintenance", True))
            self.audiences: tuple[str, ...] = tuple(getattr(chat, "audiences", AUDIENCES))
        except BaseException as error:
            if is_ending(error):
                raise
            failure = SettingsError(f"its chat backend is not complete: {describe(error, mask)}", guard.remedy)
        if failure:
            raise failure

    def render(self, message: Message) -> str:
        """As the backend renders it. ``WarroomError`` if it cannot."""
        failure: WarroomError | None = None
        try:
            text = self.backend.render(message)
            if isinstance(text, str):
                return text
            failure = WarroomError(f"{self._guard.name} rendered no text", self._guard.remedy)
        except BaseException as error:
            if is_ending(error):
                raise
            failure = self._guard.as_ours(error, sends=False)
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
            failure = self._guard.as_ours(error, sends=False)
        raise failure

    async def open(self, opening: Opening, key: str) -> Channel:
        """As the backend opens it, the answer bounded and without secrets."""
        channel = await self._guard.run(lambda: self.backend.open(opening, key), Channel)
        return Channel(
            id=self._guard.identifier(channel.id),
            name=self._guard.mask.text(channel.name),
            url=self._guard.link(channel.url),
            thread=self._guard.identifier(channel.thread),
            talk=channel.talk,
        )

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        """As the backend posts, the receipt bounded and without secrets. ``Rejected`` for an audience that does not
        read there, and for a maintenance notice where every post is an update of the incident."""
        if message.audience not in self.audiences:
            raise Rejected(
                f"{self._guard.name} is read by {' and '.join(self.audiences)}, not by {message.audience}",
                "Set audiences in the settings, or the destination that falls back to it.",
            )
        if message.kind == "maintenance" and not self.takes_maintenance:
            raise Rejected(
                f"{self._guard.name} takes no maintenance notices",
                "Every post there is an update of the incident. Announce the maintenance there yourself.",
            )
        return self._guard.receipt(await self._guard.run(lambda: self.backend.post(channel, message, key), Receipt))

    async def show_status(self, channel: Channel, message: Message, previous: Receipt | None, key: str) -> Receipt:
        """As the backend shows it, the receipt bounded and without secrets."""
        return self._guard.receipt(
            await self._guard.run(lambda: self.backend.show_status(channel, message, previous, key), Receipt)
        )

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        """As the backend finds it, the receipt bounded and without secrets."""
        found = await self._guard.run(lambda: self.backend.find(channel, key), Receipt, NoneType)
        return self._guard.receipt(found) if found else None

    async def since(self, channel: Channel, cursor: str) -> Incoming:
        """As the backend reads, without secrets of its own. ``WarroomError`` if it cannot."""
        reader: Any = self.backend
        incoming = await self._guard.run(lambda: reader.since(channel, cursor), Incoming, sends=False)
        mask = self._guard.mask
        messages = tuple(
            one.model_copy(update={"text": mask.secrets(one.text), "author": mask.text(one.author)})
            for one in incoming.messages
        )
        return Incoming(messages=messages, cursor=incoming.cursor)

    async def wake(self) -> AsyncGenerator[str, None]:
        """As the backend tells, the ids bounded and without secrets. ``WarroomError`` if it cannot."""
        source: Any = self.backend
        try:
            async with aclosing(source.wake()) as channels:
                async for channel in channels:
                    yield self._guard.identifier(channel)
                return
        except BaseException as error:
            if is_ending(error):
                raise
            failure = self._guard.as_ours(error, sends=False)
        raise failure

    async def check(self) -> str:
        """The backend's line for ``doctor``, sanitized and without secrets. ``WarroomError`` if it fails."""
        return self._guard.mask.line(await self._guard.run(lambda: self.backend.check(), str, sends=False))

    async def close(self) -> None:
        """Close its connections, or give up after ``guard.CLOSE_S``."""
        await self._guard.close(lambda: self.backend.close())
