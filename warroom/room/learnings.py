"""Posts what was learned to the team: the summary and the address of the post-mortem, once for each incident."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warroom.errors import Refusal
from warroom.incident.commands import decide
from warroom.incident.delivery import Message, OutboxItem
from warroom.incident.identity import short_id
from warroom.incident.incident import Incident
from warroom.incident.learning_events import LearningsShared
from warroom.incident.learnings import ShareLearnings, is_shared
from warroom.incident.requests import RequestAccepted
from warroom.room.room import Done, UnitOfWork, WarRoom

if TYPE_CHECKING:
    from warroom.reports.postmortem import PostMortem

LONGEST = 600
"""Characters of the summary and of the root cause that are posted; the document has the rest."""


def share(room: WarRoom, incident_id: str) -> Done:
    """Post the summary to the team, without an address. ``Refusal`` for an open incident, and once it is shared."""
    if is_shared(room.incident(incident_id)):
        raise Refusal(f"The learnings of {incident_id} were shared already", "The timeline shows when.")
    return room.transact(incident_id, lambda story: _add(room, story, ""))


def share_published(room: WarRoom, story: UnitOfWork) -> None:
    """Post summary and address when a document store of the team has taken the post-mortem: a consequence."""
    urls = [
        entry.event.url
        for entry in story.entries
        if isinstance(entry.event, RequestAccepted) and entry.event.request == "document" and not entry.event.public
    ]
    if urls and not is_shared(story.incident):
        _add(room, story, urls[0])


def text_of(room: WarRoom, incident: Incident, url: str = "") -> str:
    """What is posted: title, summary, root cause, how many action items are open, and the address."""
    from warroom.reports import postmortem  # not for who only starts

    return _text(
        postmortem.build(incident, room.playbook, room.deliveries(incident.id), room.clock(), room.zone), url
    )


def _text(document: PostMortem, url: str) -> str:
    lines = [f"Post-mortem of {document.id}: {document.title} ({document.service}, {document.span})"]
    lines += [_shortened(document.summary.text)] if document.summary.text else []
    lines += [f"Root cause: {_shortened(document.root_cause.text)}"] if document.root_cause.text else []
    if document.actions:
        todo = sum(not action.done for action in document.actions)
        lines.append(f"Action items: {todo} of {len(document.actions)} open")
    return "\n".join([*lines, *([url] if url else [])])


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST].rstrip()} …"


def _add(room: WarRoom, story: UnitOfWork, url: str) -> None:
    incident = story.incident
    entries = decide(incident, ShareLearnings(text_of(room, incident, url), url), story.context)
    first = len(story.entries)
    story.add(entries)
    for place, entry in enumerate(entries, first):
        event = entry.event
        if not isinstance(event, LearningsShared):
            continue
        message = Message(
            kind="note",
            audience="team",
            incident=incident.id,
            severity=incident.severity,
            status=incident.status,
            title=event.words.partition("\n")[0],
            text=event.words,
            marker=f"{incident.id}·{short_id(entry.id)[:4]}",
            at=story.context.now,
        )
        story.items += [
            (place, OutboxItem(operation="post", destination=name, message=post))
            for name in room.updates.destinations("team", drill=incident.drill)
            for post in room.updates.posts(name, message)
        ]
