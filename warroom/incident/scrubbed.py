"""What is left of an entry whose text was removed for good: ids, kinds, times, names, numbers; no words. Pure.

The structure stays, for later entries depend on it: an incident whose declaration is scrubbed still has a severity,
and an action item still has its number. Every text is removed but those known to be no words, so that a new kind of
event is scrubbed whole until somebody decides otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from warroom.incident.chat_events import ChannelOpened
from warroom.incident.delivery import SCRUBBED, OutboxItem
from warroom.incident.delivery_events import DeliveryUpdated
from warroom.incident.drill_events import DrillStarted
from warroom.incident.event_base import EventBase
from warroom.incident.events import (
    ActionDone,
    AlertReceived,
    Entry,
    EntryAmended,
    Event,
    HandoverOffered,
    HypothesisConfirmed,
    HypothesisRuledOut,
    ItemChecked,
    ItemUnchecked,
    ReadinessConfirmed,
    RoleAssigned,
    RoleReleased,
    TaskDone,
    UnknownEvent,
)
from warroom.incident.follow_up_events import ActionChanged
from warroom.incident.meeting_events import MeetingScheduled
from warroom.incident.requests import RequestAccepted
from warroom.incident.runbook_events import RunbookStepDone
from warroom.incident.scrub_events import EntryScrubbed

_KEPT = frozenset(
    {
        "action",
        "approved_by",
        "author",
        "before",
        "channel",
        "delivery",
        "destination",
        "destinations",
        "due",
        "duplicate_of",
        "fallback",
        "fingerprint",
        "handed_over_by",
        "holder",
        "incident",
        "item",
        "keys",
        "kind",
        "level",
        "machine",
        "message",
        "other",
        "owner",
        "person",
        "role",
        "runbook",
        "script",
        "service",
        "severity",
        "source",
        "step",
        "template",
        "thread",
        "to",
        "via",
        "who",
    }
)
"""Fields of text that hold no words in any event: names of people, services and places, and ids."""

_KEPT_OF: Mapping[type[EventBase], frozenset[str]] = {
    ActionChanged: frozenset({"type"}),
    ChannelOpened: frozenset({"name", "url"}),
    DeliveryUpdated: frozenset({"state"}),
    DrillStarted: frozenset({"title", "cause", "cause_match", "remedies"}),
    ItemChecked: frozenset({"title", "because"}),
    MeetingScheduled: frozenset({"when"}),
    RequestAccepted: frozenset({"id", "url"}),
    RunbookStepDone: frozenset({"because"}),
    **dict.fromkeys(
        (HandoverOffered, ItemUnchecked, ReadinessConfirmed, RoleAssigned, RoleReleased), frozenset({"title"})
    ),
}
"""Fields that hold no words in these events: what the playbook calls things, where outside services keep them."""


def scrub_changes(event: Event) -> dict[str, Any]:
    """Return the fields of ``event`` that change when it is scrubbed, with their values after it."""
    if isinstance(event, UnknownEvent):
        return {}  # nobody here knows which of its texts are words
    kept = _KEPT | _KEPT_OF.get(type(event), frozenset())
    found = {}
    for name, info in type(event).model_fields.items():
        value = getattr(event, name)
        if name in kept or "Literal" in str(info.annotation).partition("[")[0]:
            continue
        if name == "labels":
            scrubbed: Any = {}
        elif name == "measured":
            scrubbed = {probe: (speaks, SCRUBBED, number) for probe, (speaks, _, number) in value.items()}
        else:
            scrubbed = _scrub(value)
        if scrubbed != value:
            found[name] = scrubbed
    return found


def scrub_event(event: Event) -> Event:
    """Return ``event`` without its words."""
    return event.model_copy(update=scrub_changes(event))


def scrub_alert(event: AlertReceived) -> AlertReceived:
    """Return an alert without its words."""
    return event.model_copy(update=scrub_changes(event))


def _scrub(value: Any) -> Any:
    if isinstance(value, str):
        return SCRUBBED if value else value
    if isinstance(value, tuple):
        return tuple(map(_scrub, value))
    if isinstance(value, dict):
        return {key: _scrub(one) for key, one in value.items()}
    return value


def words_of(event: Event) -> set[str]:
    """Return the texts that scrubbing ``event`` removes."""
    return set(_texts(getattr(event, name) for name in scrub_changes(event))) - {SCRUBBED, ""}


def _texts(values: Iterable[Any]) -> Iterable[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, tuple):
            yield from _texts(value)
        elif isinstance(value, dict):
            yield from _texts(value.values())


def scrub_item(item: OutboxItem) -> OutboxItem:
    """Return an outbox item without its words. It must not be sent any more."""
    message, request = item.message, item.request
    if message is not None:
        message = message.model_copy(update={"title": SCRUBBED, "text": SCRUBBED})
    if request is not None:
        texts = ("what", "title", "body", "markdown")
        words = {name: SCRUBBED for name in texts if getattr(request, name, "")}
        inputs: dict[str, Any] = {"inputs": {}} if hasattr(request, "inputs") else {}
        request = request.model_copy(update={**words, **inputs})
    return item.model_copy(update={"message": message, "request": request})


def scrub_targets(entries: Iterable[Entry]) -> frozenset[UUID]:
    """Return the entries that were scrubbed, by what ``entries`` say."""
    return frozenset(entry.event.entry for entry in entries if isinstance(entry.event, EntryScrubbed))


def concerns(entry: Entry, targets: frozenset[UUID]) -> bool:
    """Whether the entry is one of ``targets``, or repeats the words of one."""
    return entry.id in targets or _repeated(entry.event) in targets


def _repeated(event: Event) -> UUID | None:
    """Return the entry whose words an event repeats or replaces, None if there is none."""
    match event:
        case EntryAmended(entry=entry):
            return entry
        case HypothesisConfirmed(hypothesis=entry) | HypothesisRuledOut(hypothesis=entry):
            return entry
        case TaskDone(task=entry):
            return entry
        case ActionDone(action=UUID() as entry):
            return entry
    return None


def without_scrubbed(entries: list[Entry], targets: frozenset[UUID]) -> list[Entry]:
    """Return the entries in their order, those that were scrubbed without their words, whatever is on the disk."""
    if not targets:
        return entries
    return [
        replace(entry, event=scrub_event(entry.event)) if concerns(entry, targets) else entry for entry in entries
    ]
