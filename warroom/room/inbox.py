"""Reads what people write in the channels of incidents, records it, and carries out the commands in it."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, cast

from warroom.connect.ports import Chat, Inbox, Promises
from warroom.errors import BadInput, NotSent, WarroomError
from warroom.incident.chat import (
    ANSWERED_WITHIN,
    HELP,
    ChatCommand,
    RecordIncoming,
    entry_id,
    is_for_incident,
    parse_chat_command,
)
from warroom.incident.commands import Acknowledge, decide
from warroom.incident.delivery import Channel, Message, OutboxItem
from warroom.incident.events import NewEntry
from warroom.incident.identity import outside_id, short_id
from warroom.incident.incoming import Incoming, IncomingMessage
from warroom.reports.messages import compose_status
from warroom.room.jobs import Wakeup
from warroom.room.push import PushListener, ReadPace, Sleep
from warroom.room.room import UnitOfWork, WarRoom
from warroom.safety import redact, sanitize

POLL_S = 4.0
"""How often each channel is read, in seconds."""

READ_S = 30.0
"""How long one read may take, in seconds."""

REFUSED_S = 60.0
"""After a refusal, or settings that do not do, a destination is tried again so many seconds later."""

LONGEST_PAUSE_S = 300.0

FOLLOWED_FOR = timedelta(days=1)
"""The channel of a resolved incident is read for so long; afterwards the talk is about something else."""

SOURCES_LAST = timedelta(minutes=5)
"""The channels to read are looked up so often though the journal has not changed: time passes."""

BATCH = 200
"""Messages that are recorded in one transaction: other writers get their turn in between."""

_LONGEST_NAME = 60


class _ReceivingChat(Chat, Inbox, Protocol):
    """A chat that can be read."""


@dataclass(frozen=True, slots=True)
class _Source:
    incident_id: str
    destination: str
    channel: Channel

    @property
    def cursor_key(self) -> str:
        return f"{self.incident_id}/inbox/{self.destination}"


class IncomingRecorder:
    """Records incoming messages in an incident. Each is recorded once, however many processes read it."""

    def __init__(self, room: WarRoom) -> None:
        self._room = room

    def record(
        self, incident_id: str, destination: str, channel: Channel, messages: Sequence[IncomingMessage]
    ) -> None:
        """Record messages, and carry out the commands among them. Only people of the settings may command; their
        answer goes out through the outbox, once."""
        wanted = [message for message in messages if is_for_incident(message, channel.thread)]
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]

            def decided(story: UnitOfWork, batch: Sequence[IncomingMessage] = batch) -> None:
                for message in batch:
                    self._decide(story, destination, channel, message)

            self._room.transact(incident_id, decided, by="")

    def _decide(self, story: UnitOfWork, destination: str, channel: Channel, message: IncomingMessage) -> None:
        person = self._person(destination, message.author_id)
        who = person or self._stranger(message)
        clean = message.model_copy(update={"text": redact(message.text, personal=False).text})
        entry = entry_id(destination, channel.id, message.id)
        is_new = story.incident.row(entry) is None
        place = len(story.entries)
        recorded = decide(story.incident, RecordIncoming(clean, destination, channel.id, who), story.context)
        story.add(recorded, by=who)
        command = parse_chat_command(clean.text.strip()) if person and recorded and is_new else None
        if command is None:
            return
        answer = self._carry_out(story, command, person, entry)
        asks_only = command.command is None
        if answer and not (asks_only and story.context.now - message.at > ANSWERED_WITHIN):
            mark = f"{story.incident.id}·{short_id(entry)[:4]}"
            reply = _reply(story, answer, mark)
            story.items.append((place, OutboxItem(operation="post", destination=destination, message=reply)))

    def _carry_out(self, story: UnitOfWork, chat: ChatCommand, person: str, entry: Any) -> str:
        """Carry out a command for a person; the answer."""
        command = chat.command
        if command is None:
            return HELP if chat.word == "help" else self._status(story)
        try:
            if story.incident.status == "closed":
                raise BadInput(f"{story.incident.id} is closed", "Reopen it first: warroom reopen REASON.")
            if isinstance(command, Acknowledge):
                command = replace(command, source=self._room.acknowledging_source(story.incident.id))
            new = decide(story.incident, command, replace(story.context, by=person))
        except WarroomError as error:
            return str(error)
        # The same on every machine that reads the message: it is carried out once.
        ids = [outside_id("chat command", str(entry), str(place)) for place in range(len(new))]
        story.add([NewEntry(one.event, id) for one, id in zip(new, ids, strict=True)], by=person)
        if chat.word == "ack":
            return f"{person} acknowledged {story.incident.id}."
        return f"Recorded: {chat.word}, entry {story.incident.numbers[ids[0]]}."

    def _status(self, story: UnitOfWork) -> str:
        room = self._room
        status = compose_status(story.incident, room.playbook, story.context.now, room.zone)
        return status.text.removesuffix(status.marker).strip()

    def _person(self, destination: str, author_id: str) -> str:
        """The person of the settings whose immutable id at this destination it is; "" for a stranger."""
        settings = self._room.settings
        backend = settings.destinations[destination].backend if destination in settings.destinations else ""
        found = [
            person.name
            for person in settings.team.people
            if author_id and author_id in (person.handles.get(destination), person.handles.get(backend))
        ]
        return found[0] if len(found) == 1 else ""

    def _stranger(self, message: IncomingMessage) -> str:
        """The name of somebody the settings do not know; one that a person of the settings has is marked."""
        name = " ".join(redact(sanitize(message.author, newlines=False)).text.split())[:_LONGEST_NAME]
        name = name or redact(message.author_id).text[:_LONGEST_NAME] or "someone"
        return f"{name} (not in the settings)" if self._room.settings.person(name) else name


class ChatInbox:
    """Reads the channels of incidents every ``poll_s`` seconds: a ``Job``. A destination that fails holds up no
    other; what was written meanwhile is read as soon as it can be.

    Where a destination pushes, a channel is also read as soon as something has happened in it. Polling goes on as
    fast as without: a push may be lost, and Slack tells each event to one console only.
    """

    name = "chat inbox"

    def __init__(
        self,
        room: WarRoom,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        poll_s: float = POLL_S,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._room = room
        self._recorder = IncomingRecorder(room)
        self._monotonic = monotonic
        self._poll_s = poll_s
        self._sleep = sleep
        self._wakeup = Wakeup()
        self._stopping = False
        self._chats: dict[str, Chat] = {}
        self._not_before: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._problems: dict[str, WarroomError] = {}
        self._reading: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._following: dict[str, asyncio.Task[None]] = {}
        self._known: list[_Source] = []
        self._seen = -1
        self._looked_at = datetime.min.replace(tzinfo=UTC)

    @property
    def problem(self) -> WarroomError | None:
        """Why a channel is not read at the moment; None if all are."""
        return next(iter(self._problems.values()), None)

    async def run(self) -> None:
        """See ``Job``."""
        try:
            while not self._stopping:
                await self.look()
                self._follow()
                await self._wakeup.wait(self._poll_s)
        finally:
            for task in self._following.values():
                task.cancel()
            await asyncio.gather(*self._following.values(), return_exceptions=True)
            self._following.clear()
            await self._let_go()

    async def once(self) -> None:
        """See ``RoundJob``."""
        try:
            await self.look()
        finally:
            await self._let_go()

    async def _let_go(self) -> None:
        await asyncio.gather(*(chat.close() for chat in self._chats.values()))
        self._chats.clear()

    def stop(self) -> None:
        """See ``Job``."""
        self._stopping = True
        self._wakeup.set()

    async def look(self) -> None:
        """Read every channel that is due once. Raises ``WarroomError`` if the journal cannot be read."""
        sources = await asyncio.to_thread(self._sources)
        by_destination: dict[str, list[_Source]] = {}
        for source in sources:
            by_destination.setdefault(source.destination, []).append(source)
        for destination in self._problems.keys() - {source.destination for source in sources}:
            del self._problems[destination]
        await asyncio.gather(*(self._read_all(name, found) for name, found in by_destination.items()))

    def _sources(self) -> list[_Source]:
        """The channels to read; looked up anew only when the journal has changed."""
        count, now = self._room.change_count(), self._room.clock()
        if count == self._seen and now - self._looked_at < SOURCES_LAST:
            return self._known
        self._seen, self._looked_at = count, now
        found = []
        for summary in self._room.summaries():
            resolved = summary.milestones.get("resolved")
            if summary.status == "closed" or (resolved and now - resolved > FOLLOWED_FOR):
                continue
            channels = self._room.incident(summary.id).channels
            found += [_Source(summary.id, name, channel) for name, channel in channels.items()]
        self._known = [source for source in found if source.destination in self._room.settings.destinations]
        return self._known

    def _follow(self) -> None:
        """Listen to each destination that pushes and has a channel to read, and to no other. Raises what ended a
        task that should not have ended."""
        pushing = {
            source.destination: chat
            for source in self._known
            if (chat := self._chats.get(source.destination)) and _promises(chat).pushes
        }
        for destination, task in list(self._following.items()):
            if task.done() or destination not in pushing:
                del self._following[destination]
                if not task.cancel() and not task.cancelled():
                    task.result()
        for destination in pushing.keys() - self._following.keys():
            reading = self._read_when_woken(destination, cast(_ReceivingChat, pushing[destination]))
            self._following[destination] = asyncio.create_task(reading)

    async def _read_when_woken(self, destination: str, chat: _ReceivingChat) -> None:
        listener = PushListener(destination, self._sleep, self._monotonic)
        pace = ReadPace(self._monotonic)
        async with asyncio.TaskGroup() as group:
            # Beside the reading: a service wants its answer at once, however long a read takes.
            group.create_task(listener.listen(chat.wake))
            while True:
                channels = await listener.woken()
                here = [source for source in self._known if source.destination == destination]
                if woken := [source for source in here if channels & {"", source.channel.id}]:
                    await self._read_all(destination, woken)
                    await self._sleep(pace.pause_after(len(woken)))

    async def _read_all(self, destination: str, sources: Sequence[_Source]) -> None:
        """Read channels of one destination, unless it is in a pause. One such call at a time goes on."""
        async with self._reading[destination]:
            if self._monotonic() < self._not_before.get(destination, 0.0):
                return
            try:
                chat = await self._chat(destination)
                if chat is not None:
                    for source in sources:
                        async with asyncio.timeout(READ_S):
                            await self._read(chat, source)
            except (WarroomError, TimeoutError) as error:
                self._fail(destination, error)
            else:
                self._problems.pop(destination, None)
                self._failures.pop(destination, None)

    async def _chat(self, destination: str) -> _ReceivingChat | None:
        """The backend of a destination; None if it cannot be read."""
        chat = self._chats.get(destination)
        if chat is None:
            # Secrets may come from a command that waits for a person: never on the loop.
            chat = self._chats[destination] = await asyncio.to_thread(self._room.chats, destination)
        return cast(_ReceivingChat, chat) if _promises(chat).receives else None

    async def _read(self, chat: _ReceivingChat, source: _Source) -> None:
        journal = self._room.journal
        cursor = await asyncio.to_thread(journal.observation, source.cursor_key)
        incoming: Incoming = await chat.since(source.channel, cursor)
        if incoming.messages:
            record = self._recorder.record
            await asyncio.to_thread(
                record, source.incident_id, source.destination, source.channel, incoming.messages
            )
        # After the messages: a cursor that is lost has them read again, and none is recorded twice.
        if incoming.cursor != cursor:
            await asyncio.to_thread(journal.save_observation, source.cursor_key, incoming.cursor)

    def _fail(self, destination: str, error: WarroomError | TimeoutError) -> None:
        if not isinstance(error, WarroomError):
            error = NotSent(f"{destination} did not answer in time")
        self._failures[destination] = failures = self._failures.get(destination, 0) + 1
        pause = REFUSED_S
        if isinstance(error, NotSent):
            pause = min(LONGEST_PAUSE_S, POLL_S * 2.0 ** min(failures, 8)) * (1 + random.random() / 4)
            pause = max(pause, error.retry_after or 0.0)
        else:
            self._chats.pop(destination, None)  # made anew then, with the settings and secrets of then
        self._not_before[destination] = self._monotonic() + pause
        self._problems[destination] = WarroomError(f"{destination} is not read: {error.title}", error.remedy)


def _promises(chat: Chat) -> Promises:
    return getattr(chat, "promises", None) or Promises.of(chat)


def _reply(story: UnitOfWork, text: str, mark: str) -> Message:
    incident = story.incident
    return Message(
        kind="note",
        audience="team",
        incident=incident.id,
        severity=incident.severity,
        status=incident.status,
        title=text.partition("\n")[0],
        text=text,
        marker=mark,
        at=story.context.now,
    )
