"""Outgoing messages as values: the text, where it goes and the state of its delivery. Never sends anything."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from warroom.incident.requests import AnyRequest, Request

Audience = Literal["team", "customers", "executives"]
AUDIENCES: tuple[Audience, ...] = ("team", "customers", "executives")

MessageKind = Literal[
    "declaration", "update", "resolution", "customer", "executive", "maintenance", "announcement", "note", "status"
]

TEMPLATE_KINDS: Mapping[str, MessageKind] = {
    "declaration": "declaration",
    "update": "update",
    "resolution": "resolution",
    "customer_initial": "customer",
    "customer_update": "customer",
    "customer_resolution": "customer",
    "executive": "executive",
    "customer_maintenance": "maintenance",
}
"""The playbook's message templates that can be posted, and the kind of message each makes."""

LONGEST_RETRY_S = 375.0
"""No attempt is put off for longer, in seconds. A time further ahead was written before the clock was set back."""

CANNOT_SEND = "The process that tried cannot send it: "
"""In the error of a delivery that waits for a process with the settings and secrets it needs."""

SCRUBBED = "[scrubbed]"
"""What stands in the place of each text that was removed for good."""

_LABEL = re.compile(r"([A-Z][A-Za-z ]{0,24}): (.*)")


class MessageLine(BaseModel):
    """One line of a message: ``label`` is "" unless the line reads ``Label: text``."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    label: str
    text: str


class Message(BaseModel):
    """A message before a backend formats it. Its text is sanitized and redacted.

    ``title`` is the first line of ``text`` as well, so ``text`` alone is complete.
    ``marker`` ends a post and lets a person recognise one whose outcome is not known: ``INC-7·u3``,
    or for customers ``Ref 4F7K2Q``, which means nothing to them and is added only where the destination cannot tell
    repeated posts apart. ``service`` is the incident's service, by its internal name. ``reference`` is the same in
    all posts of an incident and no other's: an outside service recognises the incident by it.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    kind: MessageKind
    audience: Audience
    incident: str
    severity: str
    status: str
    title: str
    text: str
    marker: str
    at: datetime
    pin: bool = False
    service: str = ""
    reference: str = ""

    def lines(self) -> tuple[MessageLine, ...]:
        """Split the text into lines and their labels, for backends that make labels bold."""
        rows = []
        for row in self.text.splitlines():
            label = _LABEL.fullmatch(row)
            rows.append(MessageLine(label=label[1], text=label[2]) if label else MessageLine(label="", text=row))
        return tuple(rows)


class Opening(BaseModel):
    """What a chat backend needs to open the incident's channel there.

    ``name`` is a proposal (``inc-7-checkout-api``, lower case, hyphens, at most 80 characters);
    ``invite`` holds the backend's own handles of the people to invite; ``topic`` is one line. ``public``: only
    customers read there, so nothing that is shown names the incident by its id. ``reference`` as in ``Message``.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    incident: str
    name: str
    title: str
    topic: str
    invite: tuple[str, ...] = ()
    public: bool = False
    reference: str = ""


class Channel(BaseModel):
    """Where a destination's posts for one incident go: the service's own ``id``, a ``name`` for people.

    ``thread`` is the service's id of the incident's thread in a channel that is shared with other talk, "" for a
    channel of the incident's own. ``talk``: people can talk to each other there.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    id: str
    name: str = ""
    url: str = ""
    thread: str = ""
    talk: bool = True


class Receipt(BaseModel):
    """The service's proof of a post: its message ``id`` (may be ""), and a ``url`` if it gives one."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    id: str = ""
    url: str = ""


Operation = Literal["open", "post", "status", "page", "document", "issue", "workflow"]


class OutboxItem(BaseModel):
    """One effect on an outside service, written with the event that caused it.

    ``kind`` chooses who performs it (``room.delivery_handler``). For ``chat``, ``operation`` is

    - ``open``    open the incident's channel
    - ``post``    post ``message``
    - ``status``  make the incident's one status message read ``message``; a newer one replaces it

    For any other kind ``request`` is what is asked for, and kind and operation are the request's.

    Stored, ``operation`` is called ``act``, as in the journals of earlier versions.
    """

    model_config = ConfigDict(frozen=True, defer_build=True, populate_by_name=True, serialize_by_alias=True)

    kind: str = "chat"
    operation: Operation = Field(alias="act")
    destination: str
    message: Message | None = None
    request: Request | None = None

    @classmethod
    def asking(cls, service: str, request: AnyRequest) -> Self:
        """Return the item that asks ``service``, named as in the settings, for ``request``."""
        return cls(kind=request.kind, operation=request.kind, destination=service, request=request)


class DeliveryState(StrEnum):
    """How far a delivery has come. An unconfirmed one waits for a read-back or a person.

    Stored and printed as JSON it is ``uncertain``, the word of earlier versions; people read ``label``.
    """

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    UNCONFIRMED = "uncertain"
    FAILED = "failed"

    @property
    def label(self) -> str:
        """The state as people read it."""
        return self.name.lower()

    @property
    def glyph(self) -> str:
        """One cell that shows the state without colour."""
        return {"pending": "…", "sending": "↻", "delivered": "✓", "uncertain": "?", "failed": "✗"}[self.value]


class Delivery(BaseModel):
    """An item in the outbox and how far its delivery has come.

    ``id`` is made once from incident, entry and destination. It is the key that backends deduplicate by and never
    changes. ``entry_id`` is the entry that caused it, ``seq`` that entry's position in this journal. Times are UTC.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    id: str
    incident: str
    seq: int
    entry_id: UUID
    item: OutboxItem
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    next_attempt_at: datetime | None = None
    receipt: Receipt | None = None
    error: str = ""

    @property
    def destination(self) -> str:
        """The name of the destination in the settings."""
        return self.item.destination

    @property
    def scrubbed(self) -> bool:
        """Whether its words were removed for good: there is nothing to send."""
        message, request = self.item.message, self.item.request
        return SCRUBBED in (message.text if message else "", request.what if request else "")

    @property
    def lacks_settings(self) -> bool:
        """Whether it waits because no process that tried has the settings and secrets to send it."""
        return self.state in (DeliveryState.PENDING, DeliveryState.UNCONFIRMED) and CANNOT_SEND in self.error

    def waits_until(self, now: datetime) -> datetime | None:
        """When it is tried or looked into next, None if that is due."""
        at = self.next_attempt_at
        return at if at and now < at <= now + timedelta(seconds=LONGEST_RETRY_S) else None


def superseded(deliveries: Iterable[Delivery]) -> set[str]:
    """The ids of the status messages that a newer one replaces, of ``deliveries`` in the order they were written.

    Sent now, they would put old news in the place of the newest.
    """
    found: set[str] = set()
    newest: dict[tuple[str, str], str] = {}
    for delivery in deliveries:
        if delivery.item.operation == "status":
            shown = (delivery.incident, delivery.destination)
            if shown in newest:
                found.add(newest[shown])
            newest[shown] = delivery.id
    return found


def resendable(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Those that were refused and can be sent again: not a status message that a newer one has replaced."""
    replaced = superseded(deliveries)
    failed = (one for one in deliveries if one.state is DeliveryState.FAILED)
    return [one for one in failed if one.id not in replaced and not one.scrubbed]


def delivery_id(incident: str, entry: str, destination: str, operation: Operation) -> str:
    """Return the stable key of a delivery: ``INC-7.3f2a90c1.slack.post``. ``entry`` is the short id of its
    entry."""
    return f"{incident}.{entry}.{destination}.{operation}"
