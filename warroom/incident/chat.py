"""Chat in an incident: what people write is recorded, some of it is a command, and what matters can be promoted.

``!note``, ``!finding``, ``!decision``, ``!ack``, ``!status`` and ``!help`` at the very beginning of a message are
commands; anything else is talk.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Literal, NamedTuple
from uuid import UUID

from warroom.errors import NotFound, Refusal
from warroom.incident.chat_events import ChatMessage, PostRerouted
from warroom.incident.commands import Acknowledge, Command, CommandContext, Note
from warroom.incident.events import EntryAmended, EntryRetracted, Event, EvidencePinned, NewEntry
from warroom.incident.identity import outside_id
from warroom.incident.incident import Incident, TimelineRow
from warroom.incident.incoming import IncomingMessage

LONGEST = 4_000
"""Characters of a message that are recorded; the rest is cut."""

CommandWord = Literal["note", "finding", "decision", "ack", "status", "help"]

HELP = (
    "!note TEXT · !finding TEXT · !decision TEXT | WHY · !ack · !status · !help."
    " A 📌 reaction keeps a message as evidence."
)
"""The commands, as ``!help`` answers."""

ANSWERED_WITHIN = timedelta(minutes=5)
"""Nobody waits any more for the answer to a question that was read later than this."""

_COMMAND = re.compile(r"!(note|finding|decision|ack|status|help)(?:\s+(.*))?", re.DOTALL)


class ChatCommand(NamedTuple):
    """A command that somebody wrote in the chat, and the text after its word."""

    word: CommandWord
    text: str = ""

    @property
    def command(self) -> Command | None:
        """What it does to the incident; None for one that only asks."""
        match self.word:
            case "note" | "finding":
                return Note(self.text, self.word)
            case "decision":
                words, _, why = (part.strip() for part in self.text.partition("|"))
                return Note(words, "decision", because=why)
            case "ack":
                return Acknowledge()
        return None


def parse_chat_command(text: str) -> ChatCommand | None:
    """Return the command that a message is, by exact grammar; None for any other message."""
    found = _COMMAND.fullmatch(text.rstrip())
    if not found or (found[1] in ("ack", "status", "help") and found[2]):
        return None
    return ChatCommand(found[1], (found[2] or "").strip())  # type: ignore[arg-type]


def entry_id(via: str, channel: str, message: str) -> UUID:
    """Return the id of the entry of a message: the same on every machine that reads it."""
    return outside_id("chat", via, channel, message)


@dataclass(frozen=True, slots=True)
class RecordIncoming:
    """Record a message as it is now: once, and what has become of it since: edited, deleted, pinned.

    ``message`` was read at the destination ``via`` in ``channel``; its text is sanitized and redacted. ``who``
    wrote it. Our own messages and those of other programs are not recorded.
    """

    message: IncomingMessage
    via: str
    channel: str
    who: str
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        if self.message.own or self.message.bot:
            return []
        entry = entry_id(self.via, self.channel, self.message.id)
        known = incident.row(entry)
        if known and known.scrubbed:
            return []  # what the chat still says must not come back
        words = _cut(self.message.text.strip())
        if self.message.deleted:
            gone = outside_id("chat deleted", str(entry))
            return [NewEntry(EntryRetracted(entry=entry, reason="deleted in the chat"), gone)] if known else []
        if not words:
            return []
        found: list[NewEntry] = []
        if known is None:
            recorded = ChatMessage(
                who=self.who,
                via=self.via,
                words=words,
                written_at=self.message.at,
                author=self.message.author_id,
                message=self.message.id,
                thread=self.message.thread,
            )
            found.append(NewEntry(recorded, entry))
        elif not known.retracted and words != chat_words(known):
            text = f"{self.who} ({self.via}): {words}"
            found.append(NewEntry(EntryAmended(entry=entry, words=text), _edit_id(known, text)))
        if self.message.pinned:
            evidence = EvidencePinned(source=self.via, words=words, logged_at=self.message.at)
            found.append(NewEntry(evidence, outside_id("chat pinned", str(entry))))
        return found


@dataclass(frozen=True, slots=True)
class Promote:
    """Make a message of the chat a finding or a decision. ``entry`` is a row number, an id or the beginning of
    one."""

    entry: str
    note: Literal["finding", "decision"] = "finding"

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        row = incident.find_row(self.entry)
        event = row.entry.event
        if not isinstance(event, ChatMessage):
            raise Refusal(f"Entry {row.number} is not a chat message", "Choose one whose kind is chat.")
        if row.withdrawn:
            what = "scrubbed" if row.scrubbed else "deleted in the chat"
            raise NotFound(f"Entry {row.number} was {what}", "Write a note instead.")
        said = f"{event.who} in {event.via}"
        because = said if self.note == "decision" else ""
        words = chat_words(row) if because else f"{chat_words(row)} ({said})"
        return Note(words, self.note, because=because).decide(incident, context)


@dataclass(frozen=True, slots=True)
class ReroutePost:
    """Send a post to ``fallback`` as well, because ``destination`` has not taken it. ``delivery`` is the one that
    waits; repeated, it changes nothing."""

    delivery: str
    destination: str
    fallback: str
    what: str = ""
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        rerouted = PostRerouted(
            delivery=self.delivery, destination=self.destination, fallback=self.fallback, what=self.what
        )
        return [NewEntry(rerouted, outside_id("fallback", self.delivery))]


def chat_words(row: TimelineRow) -> str:
    """Return what a message says now, without who wrote it where."""
    event = row.entry.event
    return row.text.removeprefix(f"{event.who} ({event.via}): ") if isinstance(event, ChatMessage) else row.text


def is_for_incident(message: IncomingMessage, thread: str) -> bool:
    """Whether a message in a channel belongs to the incident.

    ``thread`` is the incident's in a shared channel, where only what is said in it counts, what is pinned, and
    commands; "" for a channel of the incident's own.
    """
    if not thread or thread in (message.thread, message.id):
        return True
    return message.pinned or parse_chat_command(message.text.strip()) is not None


def _cut(words: str) -> str:
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"


def _edit_id(known: TimelineRow, words: str) -> UUID:
    """The id of an edit: a message that is changed back and forth is amended each time."""
    return outside_id("chat edited", str(known.id), known.text, words)
