"""Compose updates: draft the fields, make the message, its copies and outbox items. Writes and sends nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from warroom.config.settings import Settings
from warroom.connect.ports import Chat
from warroom.errors import BadInput, NotFound, WarroomError
from warroom.incident import timing
from warroom.incident.commands import PostUpdate
from warroom.incident.delivery import TEMPLATE_KINDS, Audience, Message, OutboxItem
from warroom.incident.events import Declared, NewEntry, UpdatePosted
from warroom.incident.incident import Incident
from warroom.incident.playbook import Playbook
from warroom.reports import messages, warnings
from warroom.reports.announcements import announce
from warroom.room import message_parts as parts
from warroom.safety import redact

STATUS_KINDS = frozenset(
    {
        "declared",
        "severity",
        "status",
        "resolved",
        "reopened",
        "closed",
        "assigned",
        "released",
        "update",
        "scrubbed",
    }
)
"""Kinds of events that change what the one status message in the chat shows."""


@dataclass(frozen=True, slots=True)
class Copy:
    """The exact text one destination would get, in how many ``posts`` (a blank line between them).

    ``length`` and ``limit`` are in characters as the destination counts. ``problem`` is why it cannot be sent.
    """

    destination: str
    text: str
    limit: int
    problem: str = ""
    length: int = 0
    posts: int = 1


@dataclass(frozen=True, slots=True)
class Preview:
    """An update as it would be posted now, and what to check before it is."""

    message: Message
    copies: tuple[Copy, ...]
    warnings: tuple[str, ...]


class Updates:
    """Composes a team's messages. Safe to call from any thread.

    ``chats`` loads a destination's backend. ``measures`` loads one without its secrets, to measure texts by; None
    measures nothing.
    """

    def __init__(
        self,
        playbook: Playbook,
        settings: Settings,
        clock: Callable[[], datetime],
        chats: Callable[[str], Chat],
        measures: Callable[[str], Chat] | None,
    ) -> None:
        self.playbook = playbook
        self.settings = settings
        self.clock = clock
        self.chats = chats
        self.measures = measures
        self._loaded: dict[str, Chat] = {}
        self._loading = threading.Lock()

    def known_as(self, incident: Incident) -> str:
        """Return the service's name for customers: its description in the settings, else its public name."""
        described = {service.name: service.description.strip() for service in self.settings.services}
        return described.get(incident.service) or messages.public_name(incident.service)

    def destinations(self, audience: Audience, *, drill: bool) -> tuple[str, ...]:
        """Return the destinations that take messages to an audience; a drill posts only to drill destinations."""
        return tuple(
            name
            for name, destination in self.settings.destinations.items()
            if audience in destination.audiences and (not drill or destination.drills)
        )

    def takers(self, incident: Incident, template: str) -> tuple[str, ...]:
        """Return the destinations that take a template's messages about the incident.

        A status page takes no maintenance notice: there it would be an update of the incident.
        """
        found = self.destinations(self.playbook.templates[template].audience, drill=incident.drill)
        if TEMPLATE_KINDS.get(template) != "maintenance":
            return found
        return tuple(name for name in found if self._takes_maintenance(name))

    def _takes_maintenance(self, name: str) -> bool:
        try:
            return self.measures is None or bool(getattr(self.measures(name), "takes_maintenance", True))
        except WarroomError:  # its settings are wrong: it is shown with its problem
            return True

    def draft(self, incident: Incident, template: str) -> dict[str, str]:
        """Return the template's fields, filled in from what happened since the last update."""
        drafted = messages.draft(
            template, incident, self.playbook, self.clock(), self.settings.team.zone, self.known_as(incident)
        )
        if "company" in self.playbook.templates[template].fields:
            drafted["company"] = self.settings.team.company or self.settings.team.name
        return drafted

    def compose(
        self,
        incident: Incident,
        template: str,
        given: Mapping[str, str],
        destinations: Sequence[str] | None = None,
    ) -> PostUpdate:
        """Compose the update; fields that are not ``given`` are drafted, and all of them are redacted.

        ``next_update`` is a time as people type it. ``destinations`` None means all that take the audience.
        ``BadInput`` for an unknown template or a time that cannot be read, ``NotFound`` for an unknown destination.
        """
        if template not in TEMPLATE_KINDS:
            raise BadInput(f"{template!r} is not a message template", f"Use one of {', '.join(TEMPLATE_KINDS)}.")
        unknown = [name for name in destinations or () if name not in self.settings.destinations]
        if unknown:
            known = ", ".join(self.settings.destinations)
            raise NotFound(f"There is no destination {unknown[0]!r}", f"The settings name: {known}.")
        now, zone = self.clock(), self.settings.team.zone
        audience = self.playbook.templates[template].audience
        filled = {
            name: redact(value, personal=audience == "customers").text
            for name, value in {**self.draft(incident, template), **given}.items()
        }
        message = messages.compose(
            template,
            filled,
            incident,
            self.playbook,
            now,
            zone,
            len(incident.posts) + 1,
            self.known_as(incident),
        )
        promised = filled.get("next_update", "").strip()
        next_at = None
        if promised and incident.open and message.kind != "resolution":
            next_at = timing.read_moment(promised, now, zone, ahead=True)
        takers = self.takers(incident, template)
        return PostUpdate(
            message=message.kind,
            template=template,
            audience=audience,
            title=message.title,
            words=message.text,
            fields=filled,
            next_update_at=next_at,
            destinations=takers if destinations is None else tuple(n for n in takers if n in destinations),
        )

    def preview(
        self, incident: Incident, template: str, given: Mapping[str, str], destinations: Sequence[str] | None = None
    ) -> Preview:
        """Compose the update without posting it. Errors as ``compose``."""
        update = self.compose(incident, template, given, destinations)
        message = _message(update, incident, self.clock(), len(incident.posts) + 1)
        copies = self.copies(update.destinations, message)
        # The window of the last notice is drafted, so it may not be among what was given.
        fields = update.fields if message.kind == "maintenance" else given
        services = [service.name for service in self.settings.services]
        found = warnings.find_warnings(template, fields, message, incident, self.settings.team.zone, services)
        return Preview(message, copies, found)

    def outbox_items(
        self, incident: Incident, entries: Sequence[NewEntry], now: datetime
    ) -> list[tuple[int, OutboxItem]]:
        """Return what to send because of ``entries``, each with the index of the entry that causes it.

        ``incident`` is as it is after them. ``BadInput`` if a text is longer than a destination takes.
        """
        team = self.destinations("team", drill=incident.drill)
        items: list[tuple[int, OutboxItem]] = []
        changed_at = None  # index of the last entry that changes the status message
        for index, entry in enumerate(entries):
            event = entry.event
            if isinstance(event, Declared):
                items += [(index, OutboxItem(operation="open", destination=name)) for name in team]
            elif isinstance(event, UpdatePosted):
                number = next(post.number for post in incident.posts if post.id == entry.id)
                message = _message(event, incident, now, number)
                items += [
                    (index, OutboxItem(operation="post", destination=name, message=post))
                    for name in event.destinations
                    for post in self.posts(name, message)
                ]
            elif news := announce(entry, incident, self.playbook, now, self.settings.team.zone):
                items += [
                    (index, OutboxItem(operation="post", destination=name, message=post))
                    for name in team
                    for post in self.posts(name, news)
                ]
            if event.kind in STATUS_KINDS:
                changed_at = index
        if changed_at is not None:
            status = messages.compose_status(incident, self.playbook, now, self.settings.team.zone)
            status = parts.shortened(status)
            items += [
                (changed_at, OutboxItem(operation="status", destination=name, message=status)) for name in team
            ]
        return items

    def copies(self, names: Iterable[str], message: Message) -> tuple[Copy, ...]:
        """The exact text that each destination would get of a message; sends nothing."""
        return tuple(self._copy(name, message) for name in names)

    def _copy(self, name: str, message: Message) -> Copy:
        """One destination's copy; a destination with wrong settings shows its problem and spoils no other copy."""
        try:
            with self._loading:
                # Loaded once: a secret may come from a command that waits for a person.
                if name not in self._loaded:
                    self._loaded[name] = self.chats(name)
            chat = self._loaded[name]
            posts = parts.split(chat, message)
            problem = "" if posts else str(_too_long(name, chat, message))
            text = "\n\n".join(chat.render(post) for post in posts or (message,))
            return Copy(name, text, chat.max_length, problem, parts.length(chat, message), len(posts) or 1)
        except WarroomError as error:
            return Copy(name, message.text, len(message.text), str(error))

    def posts(self, name: str, message: Message) -> Sequence[Message]:
        """The posts a destination gets the message in. ``BadInput`` if it is too long for that.

        A declaration or an announcement is never refused: what is too long is cut, and the timeline keeps the whole
        of it.
        """
        if self.measures is None:
            return (message,)
        try:
            chat = self.measures(name)
            posts = parts.split(chat, message)
            if not posts and message.kind in ("declaration", "announcement"):
                posts = (parts.cut(chat, message),)
        except WarroomError:  # its settings are wrong: recorded as it is, and not sent before they are right
            return (message,)
        if not posts:
            raise _too_long(name, chat, message)
        return posts


def _too_long(name: str, chat: Chat, message: Message) -> BadInput:
    return BadInput(
        f"The text is too long for {name}: {parts.length(chat, message):,} characters, "
        f"and {parts.MOST_PARTS} posts of {chat.max_length:,} cannot hold it",
        "Shorten it, or leave this destination out.",
    )


def _message(update: PostUpdate | UpdatePosted, incident: Incident, now: datetime, number: int) -> Message:
    return Message(
        kind=update.message,
        audience=update.audience,
        incident=incident.id,
        severity=incident.severity,
        # Customers may be told that it is over before the status is set.
        status="resolved" if update.template == "customer_resolution" else incident.status,
        title=update.title,
        text=update.words,
        marker=messages.marker(incident.id, number, update.audience),
        at=now,
        pin=update.message == "declaration",
        service=incident.service,
        reference=messages.reference(incident),
    )
