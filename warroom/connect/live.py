"""WebSockets for connectors, and the only import of websockets: bounded in time and size, secrets masked.

A socket only tells sooner what can also be asked for, so nothing depends on what is lost on it. Errors are those of
``http.py``: ``NotSent`` where another connection may be better, ``Rejected`` where it would be refused again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from warroom import __version__
from warroom.connect.http import as_number, bounded_wait, is_loopback, tls_context, without_numbers
from warroom.connect.secret_mask import SecretMask, credentials
from warroom.errors import DeliveryError, NotSent, Rejected

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

OPEN_S = 10.0
"""For all of a connection's beginning, from the look-up of the name to the service's consent, in seconds."""

PING_S = 10.0
"""Between two pings, and for the answer to each, in seconds: a dead connection is noticed within twice that."""

CLOSE_S = 0.5
"""How long the other side is waited for when a connection is closed, in seconds. Not each service answers then."""

MAX_MESSAGE_BYTES = 1024 * 1024

_logger = logging.getLogger("warroom.live")
# At DEBUG websockets logs each request with its token.
_logger.disabled = True


def available() -> bool:
    """Whether the extra is installed. Imports nothing."""
    return find_spec("websockets") is not None


class LiveSocket:
    """An open connection that carries JSON objects. Used by one task."""

    def __init__(self, service: str, connection: ClientConnection) -> None:
        self._service = service
        self._connection = connection

    async def greeting(self) -> Mapping[str, Any]:
        """Return the first message, with which a service says that it listens. Raises ``NotSent`` without one.

        Whatever is raised, the connection is closed then.
        """
        first: Mapping[str, Any] | None = None
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(OPEN_S):
                    first = await self.receive()
        finally:
            if first is None:
                await self.close()
        if first is None:
            raise NotSent(f"{self._service} does not answer on its live connection", "It will be opened again.")
        return first

    async def receive(self) -> Mapping[str, Any] | None:
        """Return the next message, empty if it is no JSON object; None once the service has closed in good order.

        Raises ``NotSent`` if the connection is lost.
        """
        from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

        text: str | bytes | None = None
        with contextlib.suppress(ConnectionClosed):
            try:
                text = await self._connection.recv()
            except ConnectionClosedOK:
                return None
        if text is None:
            raise self._lost()
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return data if isinstance(data, dict) else {}

    async def send(self, message: Mapping[str, Any]) -> None:
        """Send a JSON object. Raises ``NotSent`` if the connection is lost."""
        from websockets.exceptions import ConnectionClosed

        with contextlib.suppress(ConnectionClosed):
            await self._connection.send(json.dumps(message))
            return
        raise self._lost()

    async def close(self) -> None:
        """Close the connection; one that is lost already is no error."""
        await self._connection.close()

    def _lost(self) -> NotSent:
        return NotSent(f"{self._service}: the live connection was lost", "It will be opened again.")


async def open_socket(
    service: str, address: str | SecretStr, headers: Mapping[str, SecretStr] | None = None
) -> LiveSocket:
    """Open a connection to ``address``: wss://, or ws:// on this machine.

    An address given as a ``SecretStr`` is one as a whole; the values of ``headers`` always are. Redirects are not
    followed. A proxy of the environment is used, except for this machine. Raises ``NotSent``, or ``Rejected``,
    which is also raised where the package is missing.
    """
    if not available():
        raise Rejected(f"{service}: the package websockets is missing", "Run: pip install 'warroom[live]'")
    from websockets.exceptions import InvalidStatus, WebSocketException

    url = address.get_secret_value() if isinstance(address, SecretStr) else address
    host = _host(service, url)
    secrets = credentials(url) if isinstance(address, SecretStr) else set()
    for value in (headers or {}).values():
        secrets |= credentials(value.get_secret_value())
    failure: DeliveryError
    try:
        return LiveSocket(service, await _connect(url, host, headers or {}))
    except InvalidStatus as error:
        answer = error.response
        failure = _refusal(service, host, answer.status_code, answer.headers.get("Retry-After", ""))
    except (OSError, EOFError, WebSocketException, ImportError) as error:
        words = without_numbers(str(error)) if isinstance(error, OSError | ImportError) else ""
        why = SecretMask(secrets).line(words, 100) or type(error).__name__
        failure = NotSent(
            f"{service} cannot be reached live ({why[:1].lower()}{why[1:]})",
            f"Check the network and the address {host}. It will be tried again.",
        )
    raise failure  # out here, where no exception of websockets (its request holds the token) is its context


def _host(service: str, url: str) -> str:
    """The host of an address that is safe to use; the error does not repeat any other."""
    try:
        parts = urlsplit(url)
        host, scheme = parts.hostname or "", parts.scheme
    except ValueError:
        host, scheme = "", ""
    if host and (scheme == "wss" or (scheme == "ws" and is_loopback(host))):
        return host
    raise Rejected(f"{service}: the address of its live connection is not wss://", "Check its address.")


async def _connect(url: str, host: str, headers: Mapping[str, SecretStr]) -> ClientConnection:
    from websockets.asyncio.client import connect

    class Connect(connect):
        def process_redirect(self, exc: Exception) -> Exception | str:
            return exc  # the token is for this host alone

    return await Connect(
        url,
        additional_headers={name: value.get_secret_value() for name, value in headers.items()},
        user_agent_header=f"warroom/{__version__}",
        compression=None,  # so that no message unpacks to more than its length
        proxy=None if is_loopback(host) else True,
        ssl=tls_context() if url.startswith("wss:") else None,
        open_timeout=OPEN_S,
        ping_interval=PING_S,
        ping_timeout=PING_S,
        close_timeout=CLOSE_S,
        max_size=MAX_MESSAGE_BYTES,
        logger=_logger,
    )


def _refusal(service: str, host: str, status: int, retry_after: str) -> DeliveryError:
    """What the HTTP status means with which a service did not open the connection."""
    title = f"{service} opened no live connection ({status})"
    if status >= 500 or status in (408, 425, 429):
        wait = as_number(retry_after)
        return NotSent(title, "It will be tried again.", None if wait is None else bounded_wait(wait))
    if status < 400:
        return Rejected(title, f"Redirects are not followed. Set the service's final address instead of {host}.")
    return Rejected(title, "Check the token, and whether a proxy before the service lets websockets through.")
