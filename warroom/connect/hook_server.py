"""A small HTTP server that receives webhooks, and the only import of h11. Bounded in time, size and connections.

A request goes to the route whose path it has; paths hold secrets, so they are compared in constant time and never
shown. Each connection carries one request. HTTP as in RFC 9110 and 9112, parsed by h11.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

import h11

from warroom import diagnostics
from warroom.errors import BadInput, WarroomError

MAX_BODY_BYTES = 1024 * 1024
"""The longest body that is read; Alertmanager's limits of a group keep its own far below."""

MAX_HEADER_BYTES = 16 * 1024
MAX_CONNECTIONS = 50
REQUEST_S = 10.0
"""How long a client may take for its request, in seconds."""

RECEIVE_S = 15.0
"""How long recording it may take, in seconds."""

_LINGER_S = 0.5
"""A client still sends while it is refused: so long it is listened to, or it may never read the answer."""


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """What is answered: a status, and a sentence without secrets."""

    status: int
    text: str


@dataclass(frozen=True, slots=True, repr=False)
class Route:
    """A path, which may hold a secret, and what takes the bodies posted to it."""

    path: bytes
    receive: Callable[[bytes], Awaitable[HookAnswer]]


class HookServer:
    """Serves ``routes`` on a listening socket: a job. What a client does wrong is told to the client."""

    name = "webhooks"
    problem: WarroomError | None = None

    def __init__(self, listening: socket.socket, routes: Sequence[Route]) -> None:
        self._socket = listening
        self._routes = tuple(routes)
        self._connections = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until ``stop``."""
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._connected, sock=self._socket.dup(), limit=MAX_HEADER_BYTES)
        try:
            await self._stopped.wait()
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)

    def stop(self) -> None:
        """Make ``run`` return. Called from any thread; nothing is listened to afterwards."""
        loop = self._loop
        if loop is None:
            self._stopped.set()
        else:
            with suppress(RuntimeError):  # closed meanwhile
                loop.call_soon_threadsafe(self._stopped.set)
        self._socket.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._connections += 1
        try:
            await self._serve(_Exchange(reader, writer))
        except Exception as error:  # noqa: BLE001 — a bug with one request must not end the others
            diagnostics.log_failure("webhooks", error)
        finally:
            self._connections -= 1
            self._tasks.discard(task)
            writer.close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_LINGER_S):
                    await writer.wait_closed()

    async def _serve(self, exchange: _Exchange) -> None:
        try:
            async with asyncio.timeout(REQUEST_S):
                answer = await self._answer(exchange)
        except TimeoutError:
            answer = HookAnswer(408, "The request took too long.")
        except (OSError, EOFError):
            return
        if callable(answer):
            try:
                async with asyncio.timeout(RECEIVE_S):
                    answer = await answer()
            except TimeoutError:
                answer = HookAnswer(503, "Recording it took too long; send it again.")
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(REQUEST_S):
                await exchange.send(answer)

    async def _answer(self, exchange: _Exchange) -> HookAnswer | Callable[[], Awaitable[HookAnswer]]:
        """The answer to a request that is refused, or what makes that of one that is complete."""
        if self._connections > MAX_CONNECTIONS:
            return HookAnswer(503, "Too many connections; send it again.")
        try:
            request = await exchange.request()
            route = self._route(request.target)
            if route is None:
                return HookAnswer(404, "There is no such webhook.")
            if request.method != b"POST":
                return HookAnswer(405, "Send it by POST.")
            body = await exchange.body(MAX_BODY_BYTES)
        except h11.RemoteProtocolError as error:
            return HookAnswer(error.error_status_hint, "This is not a request that can be read.")
        if body is None:
            return HookAnswer(413, f"The body is longer than {MAX_BODY_BYTES // 1024} KiB.")
        return lambda: route.receive(body)

    def _route(self, target: bytes) -> Route | None:
        given = unquote_to_bytes(target.partition(b"?")[0])
        found = None
        for route in self._routes:  # all of them, whichever it is
            if hmac.compare_digest(route.path, given):
                found = route
        return found


class _Exchange:
    """One request and its answer on a connection. Raises ``h11.RemoteProtocolError`` for what is not HTTP, and
    ``EOFError`` where the client has gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEADER_BYTES)
        self._request: h11.Request | None = None

    async def request(self) -> h11.Request:
        """Read the head of the request."""
        event = await self._next()
        if not isinstance(event, h11.Request):
            raise EOFError
        self._request = event
        return event

    async def body(self, at_most: int) -> bytes | None:
        """Read the body; None for one that is longer."""
        assert self._request is not None
        lengths = [value for name, value in self._request.headers if name == b"content-length"]
        if lengths and int(lengths[0]) > at_most:
            return None
        parts, size = [], 0
        if self._http.they_are_waiting_for_100_continue:
            await self._write(self._http.send(h11.InformationalResponse(status_code=100, headers=[])))
        while isinstance(event := await self._next(), h11.Data):
            size += len(event.data)
            if size > at_most:
                return None
            parts.append(bytes(event.data))
        return b"".join(parts)

    async def send(self, answer: HookAnswer) -> None:
        """Send the answer, and let the client finish so that it reads it."""
        text = f"{answer.text}\n".encode()
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(text)))]
        headers += [("Connection", "close"), *([("Allow", "POST")] if answer.status == 405 else [])]
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        data = self._http.send(h11.Response(status_code=answer.status, headers=headers)) or b""
        if self._request is None or self._request.method != b"HEAD":
            data += self._http.send(h11.Data(data=text)) or b""
        await self._write(data)
        with suppress(OSError, TimeoutError):
            if self._writer.can_write_eof():
                self._writer.write_eof()
            async with asyncio.timeout(_LINGER_S):
                while await self._reader.read(64 * 1024):
                    pass

    async def _next(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._reader.read(MAX_HEADER_BYTES))
        return event

    async def _write(self, data: bytes | None) -> None:
        self._writer.write(data or b"")
        await self._writer.drain()


def listen(address: str) -> socket.socket:
    """A socket that listens on ``HOST:PORT``; port 0 takes a free one. ``BadInput`` with what is wrong."""
    host, separator, port = address.rpartition(":")
    if not separator or not port.isdecimal() or int(port) > 65535:
        raise BadInput(f"{address!r} is not an address to listen on", "Give HOST:PORT, such as 127.0.0.1:9095.")
    host = host.removeprefix("[").removesuffix("]")
    try:
        found = socket.getaddrinfo(host or None, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, where = found[0]
        return socket.create_server(where[:2], family=family, backlog=MAX_CONNECTIONS)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"Cannot listen on {address}: {reason}", "Choose another address or port.") from None


def is_local(listening: socket.socket) -> bool:
    """Whether only this machine can reach the socket."""
    return ipaddress.ip_address(str(listening.getsockname()[0]).partition("%")[0]).is_loopback


def address_of(listening: socket.socket) -> str:
    """The address as people write it: ``127.0.0.1:9095``."""
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
