"""Ask outside services for something: the request is recorded and queued, and what came of it is recorded once.

Nothing here sends anything; ``integration_delivery`` does, for the outbox worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from warroom import toml
from warroom.errors import NotFound, Refusal
from warroom.incident.commands import CommandContext
from warroom.incident.delivery import Delivery, OutboxItem, Receipt
from warroom.incident.events import Event, NewEntry
from warroom.incident.identity import outside_id
from warroom.incident.incident import Incident
from warroom.incident.requests import AnyRequest, Document, RequestAccepted, RequestKind, RequestMade
from warroom.room.room import Done, UnitOfWork, WarRoom
from warroom.safety import redact


def takers(room: WarRoom, incident: Incident, kind: RequestKind) -> list[str]:
    """The names of the services that may be asked in this incident: in a drill only those meant for drills."""
    found = room.settings.integrations(kind).items()
    return [name for name, service in found if service.drills or not incident.drill]


def ask(
    room: WarRoom,
    incident_id: str,
    service: str,
    request: AnyRequest,
    *,
    about: UUID | None = None,
    once: Sequence[str] = (),
    by: str | None = None,
) -> Done:
    """Ask ``service``, a name of the settings, for ``request``: recorded and queued in one transaction.

    Its text is sanitized and redacted here. ``about`` is the entry that it is about. ``once`` identifies the
    request among all of the incident: what has been asked for already is not asked for again, by any process.
    ``NotFound`` for a service that the settings do not name, ``Refusal`` in a drill for one not meant for drills.
    """

    def decided(story: UnitOfWork) -> None:
        add_request(room, story, service, request, about=about, once=once)

    return room.transact(incident_id, decided, by=by)


def add_request(
    room: WarRoom,
    story: UnitOfWork,
    service: str,
    request: AnyRequest,
    *,
    about: UUID | None = None,
    once: Sequence[str] = (),
) -> None:
    """Add the request to a unit of work, as ``ask`` does."""
    known = room.settings.integrations(request.kind)
    if service not in known:
        remedy = toml.allowed(known, service) if known else "Add it to the settings."
        raise NotFound(f"The settings name no {toml.plain(service)} for this", remedy)
    if story.incident.drill and not known[service].drills:
        wrong = f"{story.incident.id} is a drill, and {service} is not meant for drills"
        raise Refusal(wrong, "Set drills = true there to use it in drills.")
    request = _cleaned(request)
    id = outside_id("request", story.incident.id, request.kind, service, *once) if once else story.context.new_id()
    if story.incident.row(id):
        return
    made = RequestMade(request=request.kind, service=service, what=request.what, about=about)
    story.items.append((len(story.entries), OutboxItem.asking(service, request)))
    story.add([NewEntry(made, id)])


def _cleaned(request: AnyRequest) -> AnyRequest:
    """The request with every text in it sanitized and redacted."""
    cleaned: dict[str, Any] = {}
    for name, value in request:
        if isinstance(value, str):
            cleaned[name] = redact(value, personal=False).text
        elif isinstance(value, dict):
            cleaned[name] = {key: redact(text, personal=False).text for key, text in value.items()}
    return request.model_copy(update=cleaned)


@dataclass(frozen=True, slots=True)
class RecordAccepted:
    """Record what came of a request, once."""

    delivery: Delivery
    receipt: Receipt
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        made, request = incident.row(self.delivery.entry_id), self.delivery.item.request
        id = outside_id("request accepted", self.delivery.id, self.delivery.entry_id.hex)
        if made is None or request is None or incident.row(id):
            return []
        asked = made.entry.event
        accepted = RequestAccepted(
            made=self.delivery.entry_id,
            request=request.kind,
            service=self.delivery.destination,
            what=request.what,
            about=asked.about if isinstance(asked, RequestMade) else None,
            id=self.receipt.id,
            url=self.receipt.url,
            public=isinstance(request, Document) and request.public,
        )
        return [NewEntry(accepted, id)]
