"""The events about deliveries that several laptops share. They have a stream of their own and no row in a
timeline."""

from __future__ import annotations

from typing import Literal

from warroom.incident.delivery import DeliveryState, Receipt
from warroom.incident.event_base import EventBase

DELIVERIES = "deliveries"
"""The stream of these events."""


class DeliveryUpdated(EventBase):
    """What became of a delivery. ``pending`` asks its laptop to send it again."""

    kind: Literal["delivery"] = "delivery"
    delivery: str
    state: DeliveryState
    receipt: Receipt | None = None
    error: str = ""

    @property
    def text(self) -> str:
        return f"{self.delivery} {self.state.label}"


class DeliveryAdopted(EventBase):
    """A laptop takes over a delivery of one that no longer answers. Of two, the one with the earlier position has
    it.

    ``generation`` counts how often the delivery has been taken over.
    """

    kind: Literal["delivery_adopted"] = "delivery_adopted"
    delivery: str
    generation: int

    @property
    def text(self) -> str:
        return f"{self.delivery} taken over"
