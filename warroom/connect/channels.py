"""Where an incident's posts go at a chat service: a channel of its own, or a thread in the team's shared one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from warroom.connect.http import HttpRejected
from warroom.errors import NotSent, Rejected, Unconfirmed
from warroom.incident.delivery import Channel, Opening


class ChannelService(Protocol):
    """What a service does for a ``ChannelPolicy``. Every method may be repeated; none ends ``Unconfirmed`` but
    ``begin_thread`` and ``announce``."""

    async def make_channel(self, opening: Opening) -> Channel:
        """Make the incident's channel, or find the one that an earlier try made."""
        ...

    async def shared_channel(self) -> Channel:
        """Find the team's shared channel and join it."""
        ...

    async def begin_thread(self, shared: Channel, opening: Opening, key: str) -> Channel:
        """Post the line that the incident's thread in the shared channel begins with, unless it is there; return
        the channel with its ``thread``. A service without threads returns ``shared``."""
        ...

    async def invite(self, channel: Channel, handles: Sequence[str]) -> None:
        """Invite everyone who can be; an unknown handle keeps no one else from being invited."""
        ...

    async def set_topic(self, channel: Channel, topic: str) -> None:
        """Set the channel's topic."""
        ...

    async def announce(self, shared: Channel, opening: Opening, channel: Channel, key: str) -> None:
        """Post a line in the shared channel that names the incident's ``channel``, unless it is there."""
        ...


@dataclass(frozen=True)
class ChannelPolicy:
    """Opens the channel of an incident.

    ``own``: each incident has a channel of its own; ``shared``: the team has a shared one, which has the incident's
    thread where there is no channel of its own, and otherwise a line that leads to it. ``may_not_create`` are the
    service's codes for an account that may not make channels: then the shared one is used.
    """

    own: bool
    shared: bool
    may_not_create: Collection[str] = ()

    async def open(
        self, service: ChannelService, opening: Opening, key: str, *, invite: Sequence[str] = ()
    ) -> Channel:
        """Open the channel. Everyone in ``invite`` and in the opening is invited to one of its own.

        Every step may be repeated, so nothing here ends ``Unconfirmed``.
        """
        if not self.own:
            return await self._thread(service, opening, key)
        try:
            channel = await service.make_channel(opening)
        except HttpRejected as no:
            if self.shared and no.code in self.may_not_create:
                return await self._thread(service, opening, key)
            raise
        handles = tuple(dict.fromkeys(handle.strip() for handle in (*invite, *opening.invite) if handle.strip()))
        if handles:
            await service.invite(channel, handles)
        with suppress(Rejected):  # a topic that may not be set is no reason to be without a channel
            await service.set_topic(channel, opening.topic)
        if self.shared:
            await self._announce(service, opening, channel, key)
        return channel

    async def _thread(self, service: ChannelService, opening: Opening, key: str) -> Channel:
        try:
            return await service.begin_thread(await service.shared_channel(), opening, f"{key}.thread")
        except Unconfirmed as error:
            raise NotSent(error.title, "It will be tried again after looking.") from None

    async def _announce(self, service: ChannelService, opening: Opening, channel: Channel, key: str) -> None:
        try:
            shared = await service.shared_channel()
            if shared.id != channel.id:
                await service.announce(shared, opening, channel, f"{key}.announcement")
        except Rejected:
            # The incident's own channel is open, which is what was asked for; doctor finds a bad shared one.
            pass
        except Unconfirmed as error:
            raise NotSent(error.title, "It will be tried again after looking.") from None
