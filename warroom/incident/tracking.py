"""What became of action items and documents in outside services, read off the timeline; an issue closed there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from warroom.incident.action_items import is_to_do, open_actions
from warroom.incident.commands import CommandContext
from warroom.incident.events import ActionDone, Event, NewEntry
from warroom.incident.identity import outside_id
from warroom.incident.incident import ActionItem, Incident
from warroom.incident.requests import RequestAccepted, RequestMade


@dataclass(frozen=True, slots=True)
class TrackedIssue:
    """The issue of an action item. ``tracker`` is a name of the settings; ``id`` and ``url`` are the issue's there,
    "" until it has been opened."""

    tracker: str
    id: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """A document that was published. ``store`` is a name of the settings."""

    store: str
    url: str
    at: datetime
    public: bool


def issues(incident: Incident) -> dict[UUID, TrackedIssue]:
    """The issue of each action item that is tracked or is about to be, by the item's entry."""
    found: dict[UUID, TrackedIssue] = {}
    for row in incident.rows:
        event = row.entry.event
        if isinstance(event, RequestMade) and event.request == "issue" and event.about:
            found.setdefault(event.about, TrackedIssue(event.service))
        elif isinstance(event, RequestAccepted) and event.request == "issue" and event.about and event.id:
            found[event.about] = TrackedIssue(event.service, event.id, event.url)
    return found


def published(incident: Incident) -> dict[str, Published]:
    """What was published last in each document store, by its name."""
    return {
        event.service: Published(event.service, event.url, row.at, event.public)
        for row in incident.rows
        if isinstance(event := row.entry.event, RequestAccepted) and event.request == "document"
    }


def trackable(incident: Incident) -> list[ActionItem]:
    """The action items that are still to do and have no issue; one that was retracted needs none."""
    known = issues(incident)
    return [item for item in open_actions(incident) if item.entry not in known]


@dataclass(frozen=True, slots=True)
class RecordIssuesClosed:
    """Record that the issues of action items were closed in a tracker, once: the items are done.

    ``actions`` are the items' entries, ``tracker`` is a name of the settings.
    """

    actions: tuple[UUID, ...]
    tracker: str
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        return [
            NewEntry(
                ActionDone(action=item.entry, words=item.words, via=self.tracker),
                outside_id("issue closed", incident.id, item.entry.hex),
            )
            for item in incident.actions.values()
            if item.entry in self.actions and is_to_do(incident, item)
        ]
