"""HTTP requests for connectors, and the only import of httpx: bounded in time and size, secrets masked.

``HttpClient.request`` returns the answer of any status, or raises when there was none:

    DNS, connect, TLS, proxy, pool            NotSent       nothing left this machine
    read timeout, reset, broken HTTP          Unconfirmed   the service may have done it
    the same of a request that may be repeated   NotSent

What a status means for a delivery is in ``outcome.py``; a poller reads the status itself. No string that leaves
this module holds a secret of the request: the JSON of an answer and the words of an error have been through a
``SecretMask``.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import json
import logging
import math
import re
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from urllib.parse import urlencode

from pydantic import SecretStr

from warroom import __version__
from warroom.connect.attempt import leaving
from warroom.connect.secret_mask import SecretMask, credentials
from warroom.errors import DeliveryError, NotSent, Rejected, SettingsError, Unconfirmed

if TYPE_CHECKING:
    import ssl

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

_PLAIN_ADDRESS = re.compile(r"(https?)://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::[0-9]{1,4})?(?:/[A-Za-z0-9_/.~-]*)?")
_INFLATED_AT_ONCE = 64 * 1024
_COMPRESSION = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class HttpRejected(Rejected):
    """The service refused, with its HTTP ``status`` and its own ``code`` ("" when it gave none)."""

    def __init__(self, title: str, remedy: str = "", status: int = 0, code: str = "") -> None:
        super().__init__(title, remedy)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class HttpResponse:
    """An answer of any status, without secrets of the request and without control characters."""

    status: int
    json: Any = None
    """The parsed JSON body: an object, an array or a single value, a list for lines of JSON; None for no JSON."""
    text: str = ""
    """A body that is no JSON, at most 200 characters of it: some services explain a refusal in plain text."""
    reason: str = ""
    """The reason phrase."""
    retry_after: float | None = None
    """The seconds that the Retry-After header asks to wait, at most ``LONGEST_WAIT``."""
    limits: Mapping[str, str] = field(default_factory=dict)
    """The headers about what the service allows: its rate limit (those with ``ratelimit`` in their name), and
    ``x-oauth-scopes``. Names in lower case."""
    redirects_to: str = ""
    """The host of the Location header. The host alone: the rest can repeat a secret address."""
    body: bytes = field(default=b"", repr=False, compare=False)
    """The body as it came, to search in. Not to be shown: it may repeat a secret of the request."""
    elapsed_s: float = field(default=0.0, compare=False)
    """Seconds from the start of the request to the last byte of the answer."""
    certificate_ends: float | None = field(default=None, compare=False)
    """Until when the server's certificate is valid, in seconds since 1970; None without TLS."""

    @property
    def data(self) -> Mapping[str, Any]:
        """The JSON object in the body; empty for anything else."""
        return self.json if isinstance(self.json, dict) else {}


class HttpClient:
    """Requests to one service. Opens no connection before the first request; used on one event loop.

    ``service`` names it in errors. ``base_url`` may be a secret as a whole (a webhook's address); the values of
    ``headers`` always are. No secret is in an error, a repr, a chained exception or a log line. Redirects are not
    followed, so a token goes only to the host it was meant for. Raises ``SettingsError`` for an address that cannot
    be used, and for ``http://`` to another machine where a secret would be sent.
    """

    def __init__(
        self,
        service: str,
        base_url: str | SecretStr,
        *,
        headers: Mapping[str, SecretStr] | None = None,
        transport: Transport | None = None,
        connect_seconds: float = CONNECT_SECONDS,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self.service = service
        self._headers = dict(headers or {})
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
        local = is_loopback(self.host)
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

    async def request(
        self,
        method: str,
        path: str = "",
        *,
        json_body: Any = None,
        form: Mapping[str, str] | None = None,
        text_body: str | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = False,
    ) -> HttpResponse:
        """Send one request and return its answer, whatever its status. Errors as listed in the module's docstring.

        The body is JSON, a ``form`` as browsers send it, or plain text.

        ``path`` is appended to the base address unchanged, so the caller has to quote it. A GET is always
        ``repeatable``. Lone surrogates in ``json_body`` become ``?``.
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
        begun = time.monotonic()
        content = None
        sent_headers = dict(headers or {})
        if json_body is not None:
            content = json.dumps(json_body, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
            sent_headers["Content-Type"] = "application/json; charset=utf-8"
        elif form is not None:
            content = urlencode(form, errors="replace").encode("ascii")
            sent_headers["Content-Type"] = "application/x-www-form-urlencoded"
        elif text_body is not None:
            content = text_body.encode("utf-8", "replace")
            sent_headers["Content-Type"] = "text/plain"
        if self._transport is not None and not repeatable:
            leaving()  # a transport that is passed in may not report when it sends
        response: httpx.Response | None = None
        body = b""
        certificate_ends: float | None = None
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
                    certificate_ends = _certificate_ends(response)
                    body = await _body(response)
                    if len(body) > MAX_ANSWER_BYTES:
                        failure = self.doubt("sent an endless answer", repeatable)
        except TimeoutError:
            # Only this limit has no phase of its own; the trace shows whether anything had left.
            failure = self.doubt("did not answer in time", repeatable) if started else self._unreached("")
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            failure = self._unreached(str(error))
        except httpx.TimeoutException:
            failure = self.doubt("did not answer in time", repeatable)
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            failure = HttpRejected(f"{self.service}: the request cannot be written", self.clean(str(error)))
        except (httpx.RequestError, httpx.StreamError) as error:
            failure = self.doubt(f"connection dropped ({type(error).__name__})", repeatable)
        # Raised out here, where no exception of httpx (its request holds the token) can become the context.
        if failure is not None:
            raise failure
        assert response is not None
        value, is_json = self._parsed(body, lines="ndjson" in response.headers.get("content-type", ""))
        return HttpResponse(
            response.status_code,
            value,
            "" if is_json else self.clean(body[:200].decode("utf-8", "replace")),
            self.clean(response.reason_phrase, 60),
            _wait(response.headers.get("retry-after", "").strip()),
            {
                name: self.clean(value, 400)
                for name, value in response.headers.items()
                if "ratelimit" in name.replace("rate-limit", "ratelimit") or name == "x-oauth-scopes"
            },
            self._redirect_host(response),
            body,
            time.monotonic() - begun,
            certificate_ends,
        )

    async def close(self) -> None:
        """Close the connections. Another request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def doubt(self, what: str, repeatable: bool = False) -> DeliveryError:
        """The error for a request of unknown outcome: ``Unconfirmed``, or ``NotSent`` if it can be repeated."""
        if repeatable:
            return NotSent(f"{self.service} {what}", "Nothing is lost; it will be tried again.")
        return Unconfirmed(f"{self.service} {what}; the message may have arrived", f"Check there ({self.host}).")

    def clean(self, text: str, limit: int = 200) -> str:
        """Return the service's words fit for an error: no secret, no control character, at most ``limit`` long."""
        return self.mask.line(text, limit)

    def _open_client(self) -> httpx.AsyncClient:
        if self._client is None:
            import httpx

            self._client = httpx.AsyncClient(
                transport=self._transport,
                timeout=httpx.Timeout(self._total, connect=self._connect, pool=self._connect),
                follow_redirects=False,
                verify=_authorities(self._trust_env),
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

    def _parsed(self, body: bytes, *, lines: bool) -> tuple[Any, bool]:
        """The JSON in the body without the request's secrets, and whether it is JSON. ``lines`` of JSON are a
        list."""
        try:
            value = [json.loads(line) for line in body.splitlines() if line.strip()] if lines else json.loads(body)
            return self.mask.data(value), True
        except (ValueError, RecursionError):
            return None, False

    def _unreached(self, why: str) -> NotSent:
        reason = self.clean(without_numbers(why), 100)
        detail = f" ({reason[:1].lower()}{reason[1:]})" if reason else ""
        return NotSent(
            f"{self.service} cannot be reached{detail}",
            f"Check the network and the address {self.host}. It will be retried.",
        )

    def _redirect_host(self, response: httpx.Response) -> str:
        import httpx

        try:
            return self.clean(httpx.URL(response.headers.get("location", "")).host, 100)
        except httpx.InvalidURL:
            return ""


def tls_context() -> ssl.SSLContext:
    """What an ``HttpClient`` trusts on the network: the same certificates, checked the same way."""
    import httpx

    return httpx.create_ssl_context(verify=True, trust_env=True)


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


@functools.cache
def _authorities(trust_env: bool) -> ssl.SSLContext:
    """What certificates are checked against. Reading it takes 40 ms, in which the event loop does nothing else: so
    it is done once for all destinations."""
    import httpx

    return httpx.create_ssl_context(trust_env=trust_env)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: to it a secret may go in clear, and past any proxy."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _certificate_ends(response: httpx.Response) -> float | None:
    """Until when the certificate of the connection is valid, in seconds since 1970; None where there is none."""
    stream = response.extensions.get("network_stream")  # of httpcore; a transport that is passed in has none
    tls = stream.get_extra_info("ssl_object") if stream is not None else None
    ends = (tls.getpeercert() or {}).get("notAfter") if tls is not None else None
    return ssl.cert_time_to_seconds(ends) if isinstance(ends, str) else None


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


def without_numbers(reason: str) -> str:
    """An exception's words without ``[Errno -2]``, ``[SSL: …]`` and ``(_ssl.c:1006)``."""
    return re.sub(r"\[(?:Errno|SSL)[^\]]*\] ?| ?\(_ssl\.c:\d+\)", "", reason)


def _wait(header: str) -> float | None:
    """The seconds to wait that a Retry-After header gives, as a number or a date; None without one."""
    seconds = as_number(header)
    if seconds is None and header:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return None if seconds is None else bounded_wait(seconds)


def bounded_wait(seconds: float) -> float:
    """A pause that a service asks for, within 0 and ``LONGEST_WAIT`` seconds."""
    return min(max(seconds, 0.0), LONGEST_WAIT)


def as_number(value: object) -> float | None:
    """A finite or infinite number, also one written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return None if math.isnan(number) else number
