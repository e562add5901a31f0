"""The one door to httpx: time limits, TLS, secrets, and every outcome as one of our errors; never a vendor's rules.

What an outcome means, for requests that change something:

    DNS, connect, TLS, proxy, pool            NotSent     nothing left this machine
    429, or a throttling code in the body     NotSent     with the service's wait in seconds, if it gave one
    408, 425                                  NotSent     the server says it did not take the request
    other 4xx, any redirect                   Rejected     with a remedy
    read timeout, reset, broken HTTP, 5xx     Unconfirmed   it may have been done
    2xx whose body is not what was promised   Unconfirmed

A request that is harmless to repeat (any GET, or ``repeatable``) never ends ``Unconfirmed``: nobody has to be
asked whether to do it again, so the same outcomes are ``NotSent``.

Nothing of an answer leaves this module with a secret of the request in it: every string of its JSON, and every word
that goes into an error, has been through a ``SecretMask``.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import math
import re
import time
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from pydantic import SecretStr

from warroom import __version__
from warroom.connect.attempt import leaving
from warroom.connect.secret_mask import SecretMask, credentials
from warroom.errors import DeliveryError, NotSent, Rejected, SettingsError, Unconfirmed

if TYPE_CHECKING:
    import httpx

    Transport: TypeAlias = httpx.AsyncBaseTransport
else:  # httpx takes 100 ms to load: not before something is sent
    Transport = Any
"""What tests pass instead of the network."""

CONNECT_SECONDS = 5.0
"""For DNS, TCP and TLS, each, and for a free connection of the pool."""

TOTAL_SECONDS = 20.0
"""For one request from its first look-up to the last byte of its answer."""

LONGEST_WAIT = 300.0
"""Seconds. A service that asks for a longer pause is asked again after this."""

MAX_ANSWER_BYTES = 8 * 1024 * 1024
"""The longest answer that is read, counted after decompression."""

_THROTTLED = {"M_LIMIT_EXCEEDED", "ratelimited", "rate_limited", "RATE_LIMIT_HIT"}
_PLAIN_ADDRESS = re.compile(r"(https?)://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::[0-9]{1,4})?(?:/[A-Za-z0-9_/.~-]*)?")
_INFLATED_AT_ONCE = 64 * 1024
_COMPRESSION = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}

_REMEDIES = {
    400: "The service does not accept what was sent. Check this destination's settings.",
    401: "Check the token in the settings; it may have been withdrawn.",
    403: "The account may not do this. Give it the permission, or use another one.",
    404: "Check the address and the channel in the settings.",
    405: "Check the address in the settings.",
    410: "This address is no longer in use. Make a new one there and set it.",
    413: "Shorten the text.",
}


class HttpRejected(Rejected):
    """The service's no, with its HTTP ``status`` and its own ``code`` ("" when it gave none)."""

    def __init__(self, title: str, remedy: str = "", status: int = 0, code: str = "") -> None:
        super().__init__(title, remedy)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class HttpResponse:
    """A 2xx answer. ``data`` is its JSON object, {} if it is none; ``retry_after`` is in seconds.

    No secret of the request is in ``data``, nor a control character.
    """

    status: int
    data: Mapping[str, Any]
    retry_after: float | None = None


class HttpClient:
    """Requests to one service. Opens no connection before the first request; used on one event loop.

    ``service`` names it in errors. ``base_url`` may be a secret as a whole (a webhook's address); the values
    of ``headers`` always are. ``remedies`` says what to do about the service's own error codes. No secret
    stands in an error, in a repr, in a chained exception or in a log line. Redirects are not followed, so a
    token goes to the host it was meant for and nowhere else. Raises ``SettingsError`` at once for an address
    that cannot be used, ``http://`` beyond this machine included.
    """

    def __init__(
        self,
        service: str,
        base_url: str | SecretStr,
        *,
        headers: Mapping[str, SecretStr] | None = None,
        remedies: Mapping[str, str] | None = None,
        transport: Transport | None = None,
        connect_seconds: float = CONNECT_SECONDS,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self.service = service
        self._headers = dict(headers or {})
        self._remedies = dict(remedies or {})
        self._transport = transport
        self._total = total_seconds
        self._connect = connect_seconds
        self._client: httpx.AsyncClient | None = None
        secret_address = isinstance(base_url, SecretStr)
        address = base_url.get_secret_value() if isinstance(base_url, SecretStr) else base_url
        self._base = SecretStr(address.strip())
        url = _address(service, address.strip())
        self.host = url.host
        """The host alone: what may be shown of a secret address."""
        local = _is_loopback(self.host)
        if url.scheme == "http" and not local and (self._headers or secret_address):
            raise SettingsError(
                f"{service}: http:// would send its secret in clear to {self.host}", "Use an https:// address."
            )
        # A proxy from the environment must not see, in clear, what was meant to stay on this machine.
        self._trust_env = not local
        for name, value in self._headers.items():
            text = value.get_secret_value()
            if not (text.isascii() and text.isprintable() and text.strip() == text and text):
                raise SettingsError(
                    f"{service}: the value of {name} holds characters a header cannot carry",
                    "Copy the token again, without line breaks or spaces around it.",
                )
        secrets = {one for value in self._headers.values() for one in credentials(value.get_secret_value())}
        if secret_address or url.has_user:
            secrets |= credentials(address.strip())
        self.mask = SecretMask(secrets)
        # httpx logs each request's whole address at INFO, and an address can be the secret.
        logging.getLogger("httpx").disabled = True

    def __repr__(self) -> str:
        return f"HttpClient({self.service!r}, host={self.host!r})"

    async def send(
        self,
        method: str,
        path: str = "",
        *,
        json_body: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = False,
        wants_json: bool = True,
    ) -> HttpResponse:
        """Send one request and return its 2xx answer; every other outcome raises as the module says.

        ``path`` is appended to the base address as it stands, so the caller has quoted it. ``wants_json``
        promises a JSON object in the answer. Lone surrogates in ``json_body`` become ``?``.
        """
        import httpx

        repeatable = repeatable or method == "GET"
        started = False

        async def trace(event: str, info: Mapping[str, Any]) -> None:
            nonlocal started
            # A proxy is asked for its tunnel with a request of its own, which carries nothing of ours.
            tunnel = getattr(info.get("request"), "method", b"") == b"CONNECT"
            if event.endswith("send_request_headers.started") and not tunnel:
                started = True
                if not repeatable:
                    leaving()

        client = self._open_client()
        content = None
        sent_headers = dict(headers or {})
        if json_body is not None:
            content = json.dumps(json_body, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
            sent_headers["Content-Type"] = "application/json; charset=utf-8"
        if self._transport is not None and not repeatable:
            leaving()  # a transport that is passed in may not tell when it sends
        response: httpx.Response | None = None
        body = b""
        failure: DeliveryError | None = None
        try:
            async with asyncio.timeout(self._total):
                async with client.stream(
                    method,
                    self._join(path),
                    content=content,
                    params=params,
                    headers=sent_headers,
                    extensions={"trace": trace},
                ) as response:
                    body = await _body(response)
                    if len(body) > MAX_ANSWER_BYTES:
                        failure = self.doubt("sent an endless answer", repeatable)
        except TimeoutError:
            # Only this limit knows no phase by itself; the trace tells whether anything had left.
            failure = self.doubt("did not answer in time", repeatable) if started else self._unreached("")
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            failure = self._unreached(str(error))
        except httpx.TimeoutException:
            failure = self.doubt("did not answer in time", repeatable)
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            failure = HttpRejected(f"{self.service}: the request cannot be written", self.clean(str(error)))
        except (httpx.RequestError, httpx.StreamError) as error:
            failure = self.doubt(f"broke off ({type(error).__name__})", repeatable)
        # Raised out here, where no exception of httpx (its request holds the token) can become the context.
        if failure is not None:
            raise failure
        assert response is not None
        data = self._json_object(body)
        failure = self._judged(response, body, data, repeatable, wants_json)
        if failure is not None:
            raise failure
        return HttpResponse(response.status_code, data or {}, _wait(response, data or {}))

    async def close(self) -> None:
        """Let go of connections. Another request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def doubt(self, what: str, repeatable: bool = False) -> DeliveryError:
        """The error for a request whose outcome nobody knows: ``Unconfirmed``, or ``NotSent`` if repeatable."""
        if repeatable:
            return NotSent(f"{self.service} {what}", "Nothing is lost; it will be tried again.")
        return Unconfirmed(
            f"{self.service} {what}; the message may have arrived", f"Look there whether it did ({self.host})."
        )

    def clean(self, text: str, limit: int = 200) -> str:
        """A stranger's words for an error of ours: no secret, no control characters, at most ``limit`` long."""
        return self.mask.line(text, limit)

    def _open_client(self) -> httpx.AsyncClient:
        if self._client is None:
            import httpx

            self._client = httpx.AsyncClient(
                transport=self._transport,
                timeout=httpx.Timeout(self._total, connect=self._connect, pool=self._connect),
                follow_redirects=False,
                verify=True,
                trust_env=self._trust_env,
                headers={
                    "User-Agent": f"warroom/{__version__}",
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",
                    **{name: value.get_secret_value() for name, value in self._headers.items()},
                },
            )
        return self._client

    def _join(self, path: str) -> str:
        base = self._base.get_secret_value()
        return f"{base.rstrip('/')}/{path.lstrip('/')}" if path else base

    def _json_object(self, body: bytes) -> dict[str, Any] | None:
        """The JSON object in the body without the request's secrets; None for anything else."""
        try:
            value = self.mask.data(json.loads(body))
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    def _unreached(self, why: str) -> NotSent:
        reason = self.clean(_without_numbers(why), 100)
        detail = f" ({reason[:1].lower()}{reason[1:]})" if reason else ""
        return NotSent(
            f"{self.service} cannot be reached{detail}",
            f"Check the network and the address {self.host}. It will be tried again.",
        )

    def _judged(
        self,
        response: httpx.Response,
        body: bytes,
        data: Mapping[str, Any] | None,
        repeatable: bool,
        wants_json: bool,
    ) -> DeliveryError | None:
        """The error this answer means, or None for one that keeps its promise."""
        status = response.status_code
        if 200 <= status < 300:
            if wants_json and data is None:
                return self.doubt("gave an answer that cannot be read", repeatable)
            return None
        said = data or {}
        code = self.clean(_first_text(said, "errcode", "error", "code", "id"), 60)
        words = self.clean(_first_text(said, "message", "error", "msg"))
        if status == 429 or code in _THROTTLED:
            wait = _wait(response, said)
            return NotSent(f"{self.service} asks for a pause", "It will be tried again.", retry_after=wait)
        if status in (408, 425):
            return NotSent(f"{self.service} did not take the request ({status})", "It will be tried again.")
        if status >= 500 or status < 200:
            return self.doubt(f"failed ({status})", repeatable)
        if status < 400:
            return HttpRejected(f"{self.service} points elsewhere ({status})", self._elsewhere(response), status)
        # A service that is not JSON (Slack's webhooks) says its reason in a short plain text.
        plain = self.clean(body[:200].decode("utf-8", "replace")) if data is None and len(body) <= 200 else ""
        phrase = self.clean(response.reason_phrase, 60)
        reason = next(text for text in (code, words, plain, phrase, "no reason") if text)
        detail = words if words and words != reason else ""
        remedy = self._remedies.get(code) or _REMEDIES.get(status, "Check this destination's settings.")
        return HttpRejected(
            f"{self.service} refused: {reason} ({status})", " ".join(filter(None, (detail, remedy))), status, code
        )

    def _elsewhere(self, response: httpx.Response) -> str:
        import httpx

        try:
            host = httpx.URL(response.headers.get("location", "")).host
        except httpx.InvalidURL:
            host = ""
        # The host alone: the rest of the target can repeat a secret address.
        where = f" at {self.clean(host, 100)}" if host else ""
        return f"Redirects are not followed. Set the service's final address{where}."


class _Address(NamedTuple):
    scheme: str
    host: str
    has_user: bool


def _address(service: str, address: str) -> _Address:
    """The address, or an error that does not repeat it (it may be a secret)."""
    if plain := _PLAIN_ADDRESS.fullmatch(address):
        return _Address(plain[1], plain[2], has_user=False)
    import httpx

    wrong = SettingsError(
        f"{service}: the address is not a web address", "Write it as https://host/path, without spaces."
    )
    url: httpx.URL | None
    try:
        url = httpx.URL(address)
        usable = url.scheme in ("http", "https") and bool(url.host)
    except (httpx.InvalidURL, ValueError):
        url, usable = None, False
    if url is None or not usable:
        raise wrong
    return _Address(url.scheme, url.host, has_user=bool(url.userinfo))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _body(response: httpx.Response) -> bytes:
    """The decoded body; b"" for one that cannot be decoded, and an end soon after ``MAX_ANSWER_BYTES``.

    httpx would decode every chunk whole, however much comes out of it, and stacked encodings one after another; so
    the header is taken from it, and one gzip or deflate, which some proxies send unasked, is undone here.
    """
    encodings = response.headers.get_list("content-encoding", split_commas=True)
    response.headers.pop("content-encoding", None)
    named = [name for name in (encoding.strip().lower() for encoding in encodings) if name not in ("", "identity")]
    if not named:
        return await _bounded(response.aiter_bytes())
    if len(named) > 1 or named[0] not in _COMPRESSION:
        return b""
    try:
        return await _bounded(_inflated(response.aiter_bytes(), _COMPRESSION[named[0]]))
    except zlib.error:
        return b""


async def _bounded(chunks: AsyncIterator[bytes]) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            break
    return bytes(body)


async def _inflated(chunks: AsyncIterator[bytes], bits: int) -> AsyncIterator[bytes]:
    inflate = zlib.decompressobj(bits)
    async for chunk in chunks:
        data, more = chunk, True
        while more and not inflate.eof:
            piece = inflate.decompress(data, _INFLATED_AT_ONCE)
            yield piece
            data = inflate.unconsumed_tail
            # Output can be left over when all input is taken.
            more = bool(data) or len(piece) == _INFLATED_AT_ONCE
    if not inflate.eof:
        raise zlib.error("the answer is cut off")


def _without_numbers(reason: str) -> str:
    """An exception's words without ``[Errno -2]``, ``[SSL: …]`` and ``(_ssl.c:1006)``."""
    return re.sub(r"\[(?:Errno|SSL)[^\]]*\] ?| ?\(_ssl\.c:\d+\)", "", reason)


def _first_text(data: Mapping[str, Any], *names: str) -> str:
    return next((data[name] for name in names if isinstance(data.get(name), str) and data[name]), "")


def _wait(response: httpx.Response, data: Mapping[str, Any]) -> float | None:
    """Seconds to wait, as the service said it: the Retry-After header (seconds or a date), or the body.

    Matrix's ``retry_after_ms`` and Discord's ``retry_after`` (seconds) are read too; both services send the
    header as well, but proxies drop it.
    """
    header = response.headers.get("retry-after", "").strip()
    seconds = _number(header)
    if seconds is None and header:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, OverflowError):
            seconds = None
    if seconds is None and (milliseconds := _number(data.get("retry_after_ms"))) is not None:
        seconds = milliseconds / 1000
    if seconds is None:
        seconds = _number(data.get("retry_after"))
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_WAIT)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return None if math.isnan(number) else number
