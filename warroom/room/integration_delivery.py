"""Deliveries to outside services: pages, documents, issues, workflows. A handler each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from warroom.connect.attempt import Attempt, post_under
from warroom.connect.ports import Integration
from warroom.errors import DeliveryError, Rejected, SettingsError, WarroomError
from warroom.incident.delivery import Delivery, Receipt
from warroom.incident.requests import RequestKind
from warroom.room.delivery_handler import Recovery, UnableToSend
from warroom.room.requests import RecordAccepted
from warroom.room.room import WarRoom

CLOSE_S = 0.3
"""How long the connections of one service may take to close, in seconds."""


class IntegrationDelivery:
    """A ``DeliveryHandler`` for requests of one kind; each service is loaded when first needed.

    ``make`` makes a service of the settings by its name; it may block, for a secret may come from a command.
    """

    def __init__(self, room: WarRoom, kind: RequestKind, make: Callable[[str], Integration[Any]]) -> None:
        self.kind: str = kind
        self._request_kind = kind
        self._room = room
        self._make = make
        self._loading: dict[str, asyncio.Task[Integration[Any]]] = {}

    async def perform(self, delivery: Delivery, attempt: Attempt) -> Receipt | None:
        """Have the request done, and record what came of it. ``Rejected`` once its deadline has passed."""
        deadline = getattr(delivery.item.request, "deadline", None)
        if deadline and self._room.clock() > deadline:
            raise Rejected(
                "It could not be sent in time, so it is not done any more", "Ask for it again if needed."
            )
        attempt.doing = "its settings and secrets were being read"
        service = await self._service(delivery.destination)
        attempt.doing = "waiting for it"
        if getattr(service, "reports_sending", False):
            post_under(attempt)
        elif not service.dedupes:
            attempt.leave()
        receipt = await service.send(delivery.item.request, delivery.id)
        if receipt is not None:
            await self._record(delivery, receipt)
        return receipt

    async def find(self, delivery: Delivery) -> Receipt | None:
        service = await self._service(delivery.destination)
        receipt = await service.find(delivery.item.request, delivery.id)
        if receipt is not None:
            await self._record(delivery, receipt)
        return receipt

    async def recovery(self, delivery: Delivery) -> Recovery:
        return _recovery(await self._service(delivery.destination))

    def known_recovery(self, delivery: Delivery) -> Recovery | None:
        service = self._loaded(delivery.destination)
        return _recovery(service) if service else None

    async def close(self) -> None:
        await asyncio.gather(*map(self._close, self._loading))
        self._loading.clear()

    async def _record(self, delivery: Delivery, receipt: Receipt) -> None:
        # The service has done it: a journal that cannot be written now must not make it be done again.
        with contextlib.suppress(WarroomError):
            command = RecordAccepted(delivery, receipt)
            await asyncio.to_thread(lambda: self._room.execute(delivery.incident, command, by=""))

    async def _service(self, name: str) -> Integration[Any]:
        if name not in self._room.settings.integrations(self._request_kind):
            raise UnableToSend(
                SettingsError(f"the settings no longer name {name}", "Put it back, or do this yourself.")
            )
        loading = self._loading.get(name)
        if loading is None:
            # Secrets may come from a command that waits for a person: never on the loop.
            loading = self._loading[name] = asyncio.create_task(asyncio.to_thread(self._make, name))
        try:
            return await asyncio.shield(loading)
        except WarroomError as error:
            self._loading.pop(name, None)
            raise UnableToSend(error) from None
        except Exception:
            self._loading.pop(name, None)
            raise

    def _loaded(self, name: str) -> Integration[Any] | None:
        task = self._loading.get(name)
        done = task is not None and task.done() and not task.cancelled() and task.exception() is None
        return task.result() if task and done else None

    async def _close(self, name: str) -> None:
        if service := self._loaded(name):
            with contextlib.suppress(DeliveryError, TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await service.close()


def _recovery(service: Integration[Any]) -> Recovery:
    if service.dedupes:
        return "repeat"
    return "read back" if service.reads_back else "ask"
