"""What the outbox worker needs from each kind of outbox item ("chat" today). Sends nothing itself."""

from __future__ import annotations

from typing import Literal, Protocol

from warroom.connect.attempt import Attempt
from warroom.errors import WarroomError
from warroom.incident.delivery import Delivery, Receipt

Recovery = Literal["repeat", "read back", "ask"]
"""How to learn what became of an unconfirmed delivery: repeat it, which is harmless; read it back from the service;
or ask a person."""


class UnableToSend(Exception):
    """This process has no settings or secrets to send to the destination; another process may have them."""

    def __init__(self, reason: WarroomError) -> None:
        super().__init__(str(reason))


class DeliveryHandler(Protocol):
    """Performs the outbox items of one kind. Called on one event loop; may perform many at once."""

    kind: str
    """The ``OutboxItem.kind`` that it performs."""

    async def perform(self, delivery: Delivery, attempt: Attempt) -> Receipt | None:
        """Carry out the item, with ``delivery.id`` as the idempotency key.

        Reports to ``attempt`` what it is doing, and when the request may leave. ``NotSent``, ``Rejected``,
        ``Unconfirmed`` as in ``connect.ports``; ``UnableToSend``.
        """

    async def find(self, delivery: Delivery) -> Receipt | None:
        """Look the delivery up at the service; None if it certainly has not arrived. ``NotSent``, ``Rejected``,
        ``UnableToSend``."""

    async def recovery(self, delivery: Delivery) -> Recovery:
        """Return how the outcome of this delivery can be learnt. ``UnableToSend``."""

    def known_recovery(self, delivery: Delivery) -> Recovery | None:
        """As ``recovery``, at once; None while the destination's backend is not loaded."""

    async def close(self) -> None:
        """Close the connections. Bounded in time; never raises for a service that does not answer."""
