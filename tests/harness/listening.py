"""A room that listens to one real chat backend, and a push that loses, repeats and delays what it should tell."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

from harness.fakes import Clock
from harness.sockets import SocketServer
from warroom.config.loading import load_playbook
from warroom.config.settings import Destination, Settings
from warroom.connect.guarded_chat import GuardedChat
from warroom.connect.ports import Chat
from warroom.connect.secret_mask import SecretMask
from warroom.incident.commands import Declare
from warroom.incident.delivery import Channel
from warroom.incident.incident import TimelineRow
from warroom.journal.sqlite import SqliteJournal
from warroom.room.inbox import ChatInbox
from warroom.room.outbox import OutboxWorker
from warroom.room.room import WarRoom


class ListeningRoom:
    """A room with one open incident, whose channel is in ``chat``. After its first look nothing is polled there."""

    def __init__(self, path: Path, chat: Chat) -> None:
        settings = Settings(
            destinations={"chat": Destination.model_validate({"name": "chat", "backend": "fake", "drills": True})}
        )
        guarded = GuardedChat("chat", chat, SecretMask([]), "warroom")
        self.room = WarRoom(
            SqliteJournal(path),
            load_playbook(settings),
            settings,
            by="Alice",
            clock=Clock(),
            chats={"chat": guarded}.__getitem__,
        )
        self.id = self.room.declare(Declare("checkout", "Card payments fail")).incident.id
        OutboxWorker(self.room).drain(20.0)
        self.inbox = ChatInbox(self.room, poll_s=math.inf, sleep=_no_pause)

    @property
    def channel(self) -> Channel:
        """The incident's."""
        (channel,) = self.room.incident(self.id).channels.values()
        return channel

    def rows(self) -> list[TimelineRow]:
        """What people wrote, in the timeline."""
        return [row for row in self.room.incident(self.id).rows if row.kind == "chat"]

    def texts(self) -> list[str]:
        """The words of ``rows``."""
        return [row.text.partition(": ")[2] for row in self.rows()]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until it is true."""
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0.005)

    async def shows(self, *texts: str) -> None:
        """Wait until the timeline has these messages; each of them once, and no other."""
        await self.until(lambda: len(self.texts()) >= len(texts))
        assert sorted(self.texts()) == sorted(texts)


@asynccontextmanager
async def listening(path: Path, chat: Chat) -> AsyncIterator[ListeningRoom]:
    """A room whose inbox runs."""
    room = await asyncio.to_thread(ListeningRoom, path / "journal.db", chat)
    job = asyncio.create_task(room.inbox.run())
    try:
        yield room
    finally:
        room.inbox.stop()
        await job
        room.room.journal.close()


async def push_badly(
    server: SocketServer,
    room: ListeningRoom,
    write: Callable[[str], Mapping[str, Any]],
    refresh: Mapping[str, Any] | None,
    seed: int,
) -> None:
    """Write messages whose pushes are lost, repeated, late, or in the middle of a failure. The last one is told.

    ``write`` has somebody write, and returns what the service pushes then; ``refresh`` asks for another connection.
    """
    written: list[str] = []
    late: list[Mapping[str, Any]] = []

    def another() -> Mapping[str, Any]:
        written.append(f"line {len(written)}")
        return write(written[-1])

    acts = ["told", "twice", "lost", "late", "nonsense", "reset", "busy", "closed"] * 2 + ["stalled"]
    acts += ["refresh", "refresh"] if refresh else []
    Random(seed).shuffle(acts)
    await server.until(accepted=1)
    for act in acts:
        before, event = server.accepted, another()
        match act:
            case "told":
                await server.push(event, *late)
                late.clear()
            case "twice":
                await server.push(event, event)
            case "late":
                late.append(event)
            case "nonsense":
                await server.push("}{", "[]", {"type": 7, "payload": [], "event": {}}, event)
            case "reset":
                server.drop()
            case "stalled":
                server.stall()
            case "busy":
                server.answers = [(503, {}), (429, {"Retry-After": "0"})]
                server.drop()
            case "closed":
                await server.finish()
            case "refresh":
                assert refresh
                await server.push(refresh)
        if act in ("reset", "stalled", "busy", "closed", "refresh"):
            await server.until(accepted=before + 1)
            another()
            await server.until(open=1)
    await server.push(another())
    await room.shows(*written)


async def _no_pause(_: float) -> None:
    await asyncio.sleep(0)
