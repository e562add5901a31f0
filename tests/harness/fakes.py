"""The clock and the chat of the tests: a time that is moved by hand, and outcomes that are scripted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from warroom.incident.delivery import Channel, Message, Opening, Receipt
from warroom.incident.incoming import Incoming, IncomingMessage

START = datetime(2026, 1, 28, 12, 0, tzinfo=UTC)


class Clock:
    """The time as the test says it."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def later(self, seconds: float = 0.0, **span: float) -> None:
        """Let time go by: ``later(5)`` seconds, ``later(minutes=3)``."""
        self.at += timedelta(seconds=seconds, **span)


@dataclass
class FakeChat:
    """A chat that records what it is asked for. With a ``name`` each text begins with it, so that previews can be
    told apart.

    ``outcomes`` are those of the next posts, the first one first: an error is raised before the post arrives, or
    after it if it stands in a tuple; None lets it arrive. ``arrived`` are the keys of what readers see, whatever
    the sender was told; ``messages`` are the posts among them.
    """

    name: str = ""
    dedupes: bool = False
    reads_back: bool = False
    max_length: int = 40_000
    outcomes: list[Any] = field(default_factory=list)
    refuses_to_open: Exception | None = None
    lost_reads: list[Exception] = field(default_factory=list)
    gate: asyncio.Event | None = None
    openings: list[Opening] = field(default_factory=list)
    arrived: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    statuses: list[tuple[str, str]] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    closed: int = 0

    def render(self, message: Message) -> str:
        return f"[{self.name}] {message.text}" if self.name else message.text

    async def open(self, opening: Opening, key: str) -> Channel:
        self.asked.append(("open", key))
        if self.refuses_to_open:
            raise self.refuses_to_open
        self.openings.append(opening)
        return Channel(id=f"C-{self.name}", name=f"#{opening.name}")

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        self.asked.append(("post", key))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            if self.gate:
                await self.gate.wait()
            outcome = self.outcomes.pop(0) if self.outcomes else None
            if isinstance(outcome, Exception):
                raise outcome
            if not (self.dedupes and key in self.arrived):
                self.arrived.append(key)
                self.messages.append(message)
            if isinstance(outcome, tuple):
                raise outcome[0]
            url = f"https://chat.example/{self.name}/{len(self.messages)}" if self.name else ""
            return Receipt(id=f"m-{key}", url=url)
        finally:
            self.under_way -= 1

    async def show_status(self, channel: Channel, message: Message, previous: Receipt | None, key: str) -> Receipt:
        self.asked.append(("status", key))
        if self.outcomes and self.outcomes[0] == "status":  # the next outcome is the status message's
            self.outcomes.pop(0)
            raise self.outcomes.pop(0)
        self.statuses.append((previous.id if previous else "", message.title))
        if previous is None:
            self.arrived.append(key)
        return Receipt(id=previous.id if previous else f"s-{key}")

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        self.asked.append(("find", key))
        if self.lost_reads:
            raise self.lost_reads.pop(0)
        return Receipt(id=f"m-{key}") if key in self.arrived else None

    async def check(self) -> str:
        return self.name or "fake"

    async def close(self) -> None:
        self.closed += 1

    @property
    def tried(self) -> list[str]:
        """The keys of the posts that were tried, in order."""
        return [key for act, key in self.asked if act == "post"]


@dataclass
class TalkingChat(FakeChat):
    """A chat in which people write too. ``talk`` is what they wrote, in order; the cursor counts it. ``silent`` are
    raised by the reads to come."""

    talk: list[IncomingMessage] = field(default_factory=list)
    silent: list[Exception] = field(default_factory=list)
    exclusive: bool = False
    reads: int = 0

    async def since(self, channel: Channel, cursor: str) -> Incoming:
        self.reads += 1
        if self.silent:
            raise self.silent.pop(0)
        return Incoming(messages=tuple(self.talk[int(cursor or 0) :]), cursor=str(len(self.talk)))


@dataclass
class PushingChat(TalkingChat):
    """A talking chat that also pushes. ``wakes`` are the ids of channels, in order; an error among them ends the
    connection with it, and None ends it in good order. ``listening`` counts the open connections, ``connections``
    all there were."""

    wakes: asyncio.Queue[str | Exception | None] = field(default_factory=asyncio.Queue)
    listening: int = 0
    connections: int = 0

    async def wake(self) -> AsyncGenerator[str, None]:
        self.connections += 1
        self.listening += 1
        try:
            while (what := await self.wakes.get()) is not None:
                if isinstance(what, Exception):
                    raise what
                yield what
        finally:
            self.listening -= 1
