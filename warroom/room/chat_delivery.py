"""Chat deliveries: open the incident's channel, post messages, keep the one status message up to date."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable

from warroom.connect.attempt import Attempt, post_under
from warroom.connect.ports import Chat
from warroom.errors import DeliveryError, SettingsError, WarroomError
from warroom.incident.delivery import Channel, Delivery, DeliveryState, Opening, Receipt
from warroom.incident.events import TEAM
from warroom.incident.incident import Incident
from warroom.reports.messages import channel_topic, marker, reference
from warroom.room.delivery_handler import Recovery, UnableToSend
from warroom.room.room import WarRoom

CLOSE_S = 0.3
"""How long the connections of one destination may take to close, in seconds."""


DEDUPE_MARGIN_S = 5.0
"""So long before a service forgets a key nothing is repeated any more: the request takes its time too."""


_TEAM_OPENING = Opening(incident=TEAM, name="on-call", title="On call", topic="Who is on call, at each handover")
"""The channel of what belongs to no incident; where a destination has one channel for all, that one."""


def _team_channel(destination: str) -> str:
    """The key under which the journal keeps the team's own channel at a destination."""
    return f"channel/{destination}"


class ChatDeliveryHandler:
    """A ``DeliveryHandler`` over the chat backends of the settings; each is loaded when first needed."""

    kind = "chat"

    def __init__(self, room: WarRoom, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.room = room
        self._monotonic = monotonic
        self._first_tries: dict[str, float] = {}
        self._loading: dict[str, asyncio.Task[Chat]] = {}

    async def perform(self, delivery: Delivery, attempt: Attempt) -> Receipt | None:
        """Perform the item; open the channel first if the incident has none there."""
        name, item = delivery.destination, delivery.item
        attempt.doing = "its settings and secrets were being read"
        chat = await self._chat(name)
        channel = await self._known_channel(delivery)
        if channel is None or item.operation == "open":
            attempt.doing = "its channel was being opened"
            channel = await self._open(chat, name, delivery.incident)
        if item.message is None:  # opening the channel was all
            return Receipt(id=channel.id, url=channel.url)
        shown = self._status_shown(delivery) if item.operation == "status" else None
        attempt.doing = "waiting for it"
        self._first_tries.setdefault(delivery.id, self._monotonic())
        if getattr(chat, "reports_sending", False):
            post_under(attempt)
        elif not (item.operation == "status" and self._recovery(delivery, chat) == "repeat"):
            attempt.leave()
        if item.operation == "status":
            return await chat.show_status(channel, item.message, shown, delivery.id)
        return await chat.post(channel, item.message, delivery.id)

    async def find(self, delivery: Delivery) -> Receipt | None:
        chat = await self._chat(delivery.destination)
        channel = await self._known_channel(delivery)
        return await chat.find(channel, delivery.id) if channel else None

    async def recovery(self, delivery: Delivery) -> Recovery:
        return self._recovery(delivery, await self._chat(delivery.destination))

    def known_recovery(self, delivery: Delivery) -> Recovery | None:
        chat = self._loaded(delivery.destination)
        return self._recovery(delivery, chat) if chat else None

    async def close(self) -> None:
        await asyncio.gather(*map(self._close, self._loading))
        self._loading.clear()

    def _recovery(self, delivery: Delivery, chat: Chat) -> Recovery:
        if delivery.item.operation == "open" or (chat.dedupes and self._is_recognised(delivery, chat)):
            return "repeat"
        # A first status message is a post like any other; a backend that cannot edit does not show one.
        edits = chat.reads_back or getattr(chat, "edits", False)
        if delivery.item.operation == "status" and (not edits or self._status_shown(delivery)):
            return "repeat"
        return "read back" if chat.reads_back else "ask"

    def _is_recognised(self, delivery: Delivery, chat: Chat) -> bool:
        """Whether the service still knows the delivery's key, so that a repetition cannot arrive twice.

        When another process tried first is not known: then only a service that never forgets recognises it."""
        window_s: float = getattr(chat, "dedupe_window_s", math.inf)
        age_s = self._monotonic() - self._first_tries.get(delivery.id, -math.inf)
        return window_s == math.inf or age_s < window_s - DEDUPE_MARGIN_S

    async def _chat(self, name: str) -> Chat:
        if name not in self.room.settings.destinations:
            raise UnableToSend(
                SettingsError(f"the settings no longer name {name}", "Put it back, or send this yourself.")
            )
        loading = self._loading.get(name)
        if loading is None:
            # Secrets may come from a command that waits for a person: never on the loop.
            loading = self._loading[name] = asyncio.create_task(asyncio.to_thread(self.room.chats, name))
        try:
            return await asyncio.shield(loading)
        except WarroomError as error:
            self._loading.pop(name, None)
            raise UnableToSend(error) from None
        except Exception:
            self._loading.pop(name, None)
            raise

    def _loaded(self, name: str) -> Chat | None:
        task = self._loading.get(name)
        done = task is not None and task.done() and not task.cancelled() and task.exception() is None
        return task.result() if task and done else None

    async def _close(self, name: str) -> None:
        if chat := self._loaded(name):
            with contextlib.suppress(DeliveryError, TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await chat.close()

    async def _known_channel(self, delivery: Delivery) -> Channel | None:
        """Where this destination talks about the incident, or about the team's own matters; None if that is not
        open yet."""
        if delivery.incident == TEAM:
            text = await asyncio.to_thread(self.room.journal.observation, _team_channel(delivery.destination))
            return Channel.model_validate_json(text) if text else None
        incident = await asyncio.to_thread(self.room.incident, delivery.incident)
        return incident.channels.get(delivery.destination)

    async def _open(self, chat: Chat, name: str, incident_id: str) -> Channel:
        if incident_id == TEAM:
            channel = await chat.open(_TEAM_OPENING, f"{TEAM}.{name}.open")
            keep, text = self.room.journal.save_observation, channel.model_dump_json()
            await asyncio.to_thread(keep, _team_channel(name), text)
            return channel
        incident = await asyncio.to_thread(self.room.incident, incident_id)
        opening = self._opening(incident, name)
        channel = await chat.open(opening, f"{incident.id}.{name}.open")
        if channel.id:  # a backend without channels opens none
            await asyncio.to_thread(self.room.keep_channel, incident.id, name, channel, len(opening.invite))
        return channel

    def _opening(self, incident: Incident, name: str) -> Opening:
        """The channel as it should be: whoever is on call, leads or responds is invited by their handle there."""
        settings = self.room.settings
        wanted = {assignment.person for assignment in incident.roles.values()} | {self.room.on_call()}
        handles = [
            person.handles.get(name) or person.handles.get(settings.destinations[name].backend, "")
            for person in settings.team.people
            if person.name in wanted or not person.roles or len(settings.team.people) <= 5
        ]
        invite = tuple(handle for handle in handles if handle)
        if set(settings.destinations[name].audiences) == {"customers"}:
            known_as = self.room.updates.known_as(incident)
            ref = marker(incident.id, 0, "customers").rpartition(" ")[2].lower()
            return Opening(
                incident=incident.id,
                name=f"incident-{ref}",
                title=known_as,
                topic=known_as,
                invite=invite,
                public=True,
                reference=reference(incident),
            )
        words = "".join(c if c.isascii() and c.isalnum() else "-" for c in incident.service.lower()).strip("-")
        return Opening(
            incident=incident.id,
            name=f"{incident.id.lower()}-{words}"[:80].strip("-"),
            title=f"{incident.id} {incident.service}",
            topic=channel_topic(incident, settings.team.video),
            invite=invite,
            reference=reference(incident),
        )

    def _status_shown(self, delivery: Delivery) -> Receipt | None:
        """The status message that this destination shows already, if any."""
        delivered = self.room.journal.deliveries(
            delivery.incident, (DeliveryState.DELIVERED,), delivery.destination
        )
        receipts = [one.receipt for one in delivered if one.item.operation == "status"]
        return next((receipt for receipt in reversed(receipts) if receipt and receipt.id), None)
