"""Publish the post-mortem: for the team all of it, for customers what people wrote for them. Sends nothing."""

from __future__ import annotations

from collections.abc import Sequence

from warroom import toml
from warroom.errors import NotFound, Refusal
from warroom.incident.incident import Incident
from warroom.incident.requests import Document
from warroom.reports import messages, postmortem, render
from warroom.room.requests import add_request, takers
from warroom.room.room import Done, UnitOfWork, WarRoom
from warroom.safety import redact


def stores(room: WarRoom, incident: Incident, *, public: bool) -> list[str]:
    """The document stores of the settings that may be used for this incident: the team's, or those of customers."""
    return [name for name in takers(room, incident, "document") if room.is_public(name) == public]


def publish(room: WarRoom, incident_id: str, stores: Sequence[str]) -> Done:
    """Ask these document stores, names of the settings, to keep the post-mortem as it is now.

    Each replaces what was published there before. Takes a while: call it off the loop. ``NotFound`` for a store
    that the settings do not name, ``Refusal`` for an incident that is open, and as ``public_text``.
    """
    if not stores:
        remedy = "Add a table [documents.NAME] to the settings: warroom help follow_up"
        raise NotFound("There is no document store to publish to", remedy)
    known = room.settings.documents
    for unknown in (store for store in stores if store not in known):
        raise NotFound(f"The settings name no document store {toml.plain(unknown)}", toml.allowed(known, unknown))
    incident = room.incident(incident_id)
    documents = [(store, document(room, incident, public=room.is_public(store))) for store in stores]

    def decided(story: UnitOfWork) -> None:
        for store, one in documents:
            add_request(room, story, store, one)

    return room.transact(incident_id, decided)


def document(room: WarRoom, incident: Incident, *, public: bool) -> Document:
    """The post-mortem as it would be published now. ``Refusal`` as for ``publish``."""
    if incident.open:
        raise Refusal(f"{incident.id} is still open", "Resolve it first; the draft can be exported at any time.")
    day = incident.milestones["declared"].astimezone(room.zone).date().isoformat()
    service = room.updates.known_as(incident) if public else incident.service
    if public:
        title, text = f"Post-mortem: {service}, {day}", public_text(incident)
    else:
        written = postmortem.build(incident, room.playbook, room.deliveries(incident.id), room.clock(), room.zone)
        title = f"{incident.id} {written.title} ({day})"
        text = render.to_markdown(written, room.playbook)
    return Document(
        incident=incident.id,
        what="publish the post-mortem to customers" if public else "publish the post-mortem",
        title=title,
        markdown=text,
        service=service,
        at=incident.milestones["declared"],
        day=day,
        public=public,
        reference=messages.reference(incident),
    )


def public_text(incident: Incident) -> str:
    """What customers read: the sections that people wrote, and nothing that was drafted from the timeline.

    ``Refusal`` until the summary and the root cause are written.
    """
    sections = incident.sections
    missing = [name for name in ("summary", "root_cause") if not sections.get(name)]
    if missing:
        words = " and ".join(name.replace("_", " ") for name in missing)
        raise Refusal(f"For customers the post-mortem needs its {words}", f"Write it: warroom section {missing[0]}")
    impact = sections.get("customer_impact") or sections.get("users_affected") or ""
    parts = (("Summary", sections["summary"]), ("Impact", impact), ("Root cause", sections["root_cause"]))
    text = "\n\n".join(f"## {title}\n\n{render.escape_prose(words)}" for title, words in parts if words)
    return redact(text, personal=True).text + "\n"
