"""A WebSocket server that does what a test says, also what no test could ask of a real service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response


class SocketServer:
    """A server on loopback that greets each connection with ``greeting``, and then says what it is told to.

    ``answers`` are HTTP statuses, each with headers, for the handshakes to come; after them all are accepted.
    ``requests`` are the headers of the handshakes, and ``received`` is what the clients sent. ``open`` are the
    connections there are, the newest last; ``accepted`` counts all there were, ``most_open`` those at once.
    """

    def __init__(self, greeting: Mapping[str, Any] | None = None) -> None:
        self.greeting = greeting
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.requests: list[Headers] = []
        self.received: list[Any] = []
        self.open: list[ServerConnection] = []
        self.accepted = 0
        self.most_open = 0
        self.url = ""
        self._stalled: list[ServerConnection] = []
        self._changed = asyncio.Condition()
        self._server: Server

    async def __aenter__(self) -> Self:
        self._server = await serve(self._serve, "127.0.0.1", 0, process_request=self._answer, ping_interval=None)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self.open:
            connection.transport.abort()  # one that is stalled would never answer
        self._server.close()
        await self._server.wait_closed()

    async def until(self, *, accepted: int = 0, received: int = 0, open: int | None = None) -> None:
        """Wait until so many connections were accepted, so many messages received, and so many are open."""
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(
                lambda: (
                    self.accepted >= accepted and len(self.received) >= received and open in (None, len(self.open))
                )
            )

    async def push(self, *messages: Mapping[str, Any] | str, connection: int = -1) -> None:
        """Send messages on one of the open connections, the newest unless told otherwise."""
        for message in messages:
            await self.open[connection].send(message if isinstance(message, str) else json.dumps(message))

    def drop(self) -> None:
        """Reset every connection, in the middle of whatever is going on."""
        for connection in self.open:
            connection.transport.abort()

    async def finish(self, code: int = 1001) -> None:
        """Close every connection in good order."""
        for connection in tuple(self.open):
            await connection.close(code)

    def stall(self) -> None:
        """Read nothing more from the open connections, answer no ping; they are gone once there is another."""
        self._stalled = list(self.open)
        for connection in self._stalled:
            connection.transport.pause_reading()

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request.headers)
        if not self.answers:
            return None
        status, headers = self.answers.pop(0)
        return Response(status, HTTPStatus(status).phrase, Headers(headers), b"")

    async def _serve(self, connection: ServerConnection) -> None:
        for stalled in self._stalled:
            stalled.transport.abort()
        self._stalled.clear()
        self.open.append(connection)
        self.accepted += 1
        self.most_open = max(self.most_open, len(self.open))
        try:
            if self.greeting is not None:
                await self.push(self.greeting)
            await self._notify()
            async for message in connection:
                self.received.append(json.loads(message))
                await self._notify()
        except ConnectionClosed:
            pass
        finally:
            self.open.remove(connection)
            await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()
