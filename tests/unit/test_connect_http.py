"""What each fault of a network or a service means for a message, and that no secret leaves with it."""

from __future__ import annotations

import base64
import functools
import gzip
import json
import logging
import socket
import ssl
import subprocess
import sys
import traceback
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from harness import servers
from harness.leaks import ECHOES, holds
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from warroom.connect.http import LONGEST_WAIT, HttpRejected, _body
from warroom.connect.outcome import DeliveryClient, OutcomeRules
from warroom.errors import DeliveryError, NotSent, Rejected, SettingsError, Unconfirmed

pytestmark = pytest.mark.anyio
anyio_backend = servers.anyio_backend

TOKEN = "plantedsecret-0123456789abcdef"
SECRET_PATH = "T0PLANTED/B0PLANTED/xyzzyplugh1234"


RULES = OutcomeRules(
    remedies={"M_X": "Ask Ann."},
    throttled=frozenset(("M_LIMIT_EXCEEDED",)),
    wait_keys={"retry_after_ms": 0.001, "retry_after": 1.0},
    code_keys=("errcode", "error", "code"),
)


def client(url: str = "https://chat.test/api", **more: Any) -> DeliveryClient:
    return DeliveryClient("Chat", url, RULES, headers={"Authorization": SecretStr(f"Bearer {TOKEN}")}, **more)


def answering(status: int, body: bytes | str = b"{}", **headers: str) -> httpx.MockTransport:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.MockTransport(lambda _request: httpx.Response(status, content=body, headers=named))


def failing(error: type[Exception], words: str = "") -> httpx.MockTransport:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error(f"{words} {request.headers['authorization']} {request.url}")

    return httpx.MockTransport(handler)


async def caught(http: DeliveryClient, method: str = "POST", **more: Any) -> DeliveryError:
    with pytest.raises(DeliveryError) as info:
        await http.send(method, "x", json_body={"a": 1} if method == "POST" else None, **more)
    await http.close()
    no_secret(info.value)
    return info.value


def no_secret(error: BaseException) -> None:
    """Walk everything that could be printed of an error."""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or one in seen:
            continue
        seen.append(one)
        waiting += [one.__cause__, one.__context__]
        words = f"{one!s}{one!r}{one.args!r}{vars(one)!r}{''.join(traceback.format_exception(one))}"
        for secret in (TOKEN, "T0PLANTED", "B0PLANTED", "xyzzyplugh1234"):
            assert secret not in words
    assert all(not isinstance(one, httpx.HTTPError) for one in seen)


# What an outcome means


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError])
async def test_a_request_that_never_left_is_not_sent(error: type[Exception]) -> None:
    assert type(await caught(client(transport=failing(error)))) is NotSent


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadTimeout,
        httpx.WriteTimeout,
        httpx.ReadError,
        httpx.WriteError,
        httpx.CloseError,
        httpx.RemoteProtocolError,
        httpx.DecodingError,
    ],
)
async def test_a_request_whose_answer_was_lost_is_uncertain(error: type[Exception]) -> None:
    assert type(await caught(client(transport=failing(error)))) is Unconfirmed


@pytest.mark.parametrize("status", [500, 502, 503, 599])
async def test_a_server_that_fails_may_have_done_it(status: int) -> None:
    assert type(await caught(client(transport=answering(status, "<html>oops</html>")))) is Unconfirmed


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 413, 415, 418, 422])
async def test_a_no_is_refused_with_a_remedy(status: int) -> None:
    error = await caught(client(transport=answering(status, '{"error": "nope"}')))
    assert isinstance(error, HttpRejected)
    assert isinstance(error, Rejected)
    assert (error.status, error.code) == (status, "nope")
    assert error.remedy and "nope" in error.title


async def test_a_services_own_code_has_the_backends_remedy() -> None:
    no = answering(403, '{"errcode": "M_X", "error": "You may not"}')
    http = client(transport=no)
    error = await caught(http)
    assert error.title == "Chat refused: M_X (403)"
    assert error.remedy == "You may not Ask Ann."


@pytest.mark.parametrize("status", [200, 204, 304, 404, 429, 500])
async def test_a_poller_gets_the_answer_of_any_status(status: int) -> None:
    http = client(transport=answering(status, f'[{{"id": 7}}, "{TOKEN}"]', retry_after="3"))
    response = await http.request("GET", "alerts")
    assert response.status == status
    assert response.json[0] == {"id": 7}
    assert TOKEN not in repr(response)
    assert response.data == {}
    assert response.retry_after == 3.0
    assert response.elapsed_s > 0


@pytest.mark.parametrize("status", [408, 425])
async def test_a_request_the_server_says_it_did_not_take_is_not_sent(status: int) -> None:
    assert type(await caught(client(transport=answering(status)))) is NotSent


@pytest.mark.parametrize(
    ("headers", "body", "wait"),
    [
        ({"retry_after": "7"}, "{}", 7.0),
        ({"retry_after": "1.5"}, "{}", 1.5),
        ({"retry_after": "86400"}, "{}", LONGEST_WAIT),
        ({"retry_after": "inf"}, "{}", LONGEST_WAIT),
        ({"retry_after": "-3"}, "{}", 0.0),
        ({"retry_after": "nan"}, "{}", None),
        ({"retry_after": "soon"}, "{}", None),
        ({"retry_after": "Mon, 01 Jan 2001 00:00:00 GMT"}, "{}", 0.0),
        ({}, '{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1868}', 1.868),
        ({"retry_after": "2"}, '{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 9000}', 2.0),
        ({}, '{"errcode": "M_LIMIT_EXCEEDED"}', None),
        ({}, '{"message": "slow", "retry_after": 0.25}', 0.25),
        ({}, '{"retry_after": true}', None),
        ({}, '{"retry_after": {"a": 1}}', None),
        ({}, "<html>", None),
        ({}, "", None),
    ],
)
async def test_throttling_is_not_sent_with_the_services_wait(
    headers: dict[str, str], body: str, wait: float | None
) -> None:
    error = await caught(client(transport=answering(429, body, **headers)))
    assert type(error) is NotSent
    assert error.retry_after == wait


async def test_a_wait_given_as_a_date_is_counted_from_now() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    error = await caught(client(transport=answering(429, retry_after=soon)))
    assert error.retry_after == pytest.approx(60, abs=5)


async def test_throttling_told_by_its_code_alone_is_throttling() -> None:
    error = await caught(
        client(transport=answering(400, '{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 2000}'))
    )
    assert type(error) is NotSent
    assert error.retry_after == 2.0


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"ok"', b'{"ok": tr', b"\xff\xfe", b"[" * 100_000])
async def test_a_promise_of_json_that_is_not_kept_is_uncertain(body: bytes) -> None:
    assert type(await caught(client(transport=answering(200, body)))) is Unconfirmed


async def test_a_plain_ok_is_enough_where_no_json_is_promised() -> None:
    http = client(transport=answering(200, "ok"))
    assert (await http.send("POST", json_body={}, wants_json=False)).text == "ok"


async def test_a_harmless_request_is_never_uncertain() -> None:
    for transport in (answering(500), answering(200, "<"), failing(httpx.ReadTimeout), failing(httpx.ReadError)):
        assert type(await caught(client(transport=transport), "GET")) is NotSent
        assert type(await caught(client(transport=transport), repeatable=True)) is NotSent


async def test_a_redirect_is_not_followed_and_shows_its_host_alone() -> None:
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(307, headers={"location": f"https://elsewhere.test/{SECRET_PATH}?token={TOKEN}"})

    error = await caught(client(transport=httpx.MockTransport(handler)))
    assert isinstance(error, Rejected)
    assert "elsewhere.test" in error.remedy
    assert asked == ["chat.test"]


async def test_an_endless_answer_is_given_up() -> None:
    error = await caught(client(transport=answering(200, b" " * (9 * 1024 * 1024))))
    assert type(error) is Unconfirmed


async def test_lone_surrogates_are_sent_as_question_marks() -> None:
    sent: list[bytes] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        return httpx.Response(200, content=b"{}")

    await client(transport=httpx.MockTransport(handler)).send("POST", "x", json_body={"text": "a\ud800b"})
    assert sent == [b'{"text": "a?b"}']


# Secrets


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadError, httpx.LocalProtocolError])
async def test_a_failing_request_does_not_carry_its_token(error: type[Exception]) -> None:
    await caught(client(transport=failing(error, "it was")))


async def test_a_service_that_echoes_the_token_is_not_quoted() -> None:
    body = f'{{"error": "bad token {TOKEN}", "message": "Bearer {TOKEN} \\u001b[31m red"}}'
    error = await caught(client(transport=answering(401, body)))
    assert "bad token" in error.title
    assert "\x1b" not in str(error)


async def test_a_secret_address_shows_its_host_alone() -> None:
    url = SecretStr(f"https://hooks.test/services/{SECRET_PATH}")
    for transport in (
        answering(404, f"no_service /services/{SECRET_PATH}"),
        answering(500, f"https://hooks.test/services/{SECRET_PATH}"),
        answering(403, '{"error": "xyzzyplugh1234"}'),
        httpx.MockTransport(lambda request: (_ for _ in ()).throw(httpx.ConnectError(f"to {request.url}"))),
    ):
        http = DeliveryClient("Webhook", url, transport=transport)
        with pytest.raises(DeliveryError) as info:
            await http.send("POST", json_body={}, wants_json=False)
        no_secret(info.value)
        assert "xyzzy" not in repr(http) + repr(vars(http))


async def test_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "asyncio"):
        caplog.set_level(logging.DEBUG, name)
    with servers.RawServer(servers.http_answer("200 OK")) as server:
        http = DeliveryClient(
            "Webhook", SecretStr(f"{server.url}/{SECRET_PATH}"), headers={"X-Key": SecretStr(TOKEN)}
        )
        await http.send("POST", json_body={})
        await http.close()
        assert TOKEN.encode() in server.requests[0]
    assert TOKEN not in caplog.text
    assert "xyzzyplugh1234" not in caplog.text


PASSWORD = "p4ss/w0rd+plover"
BASIC = f"Basic {base64.b64encode(f'bot:{PASSWORD}'.encode()).decode()}"


def echoing(status: int, echo: str) -> bytes:
    """An answer on the wire that gives the credentials back in every place it has, in that form."""
    wording = [ECHOES[echo](secret) for secret in (TOKEN, PASSWORD, f"bot:{PASSWORD}")]
    word = " ".join(wording)
    line = "".join(c for c in word if c.isprintable() or not c.isascii()).encode()
    data = dict.fromkeys(("error", "code", "message", "id", "errcode", "msg", "needed", "url", word), word)
    body = json.dumps({**data, "list": [word, {"id": word}]}, ensure_ascii=False).encode()
    head = b"HTTP/1.1 %d %s\r\nLocation: https://%s/%s\r\nRetry-After: %s\r\nX-Echo: %s\r\n" % (
        status,
        line,
        *[line.replace(b" ", b"")] * 2,
        line,
        line,
    )
    return head + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body


@pytest.mark.parametrize("status", [200, 302, 400, 404, 429, 500])
@pytest.mark.parametrize("echo", ECHOES)
async def test_a_service_that_echoes_its_credentials_everywhere_is_not_quoted(status: int, echo: str) -> None:
    wording = []
    for body in (None, b"plain: " + ECHOES[echo](TOKEN).encode(), ECHOES[echo](PASSWORD).encode()):
        answer = echoing(status, echo)
        if body is not None:  # as a service that is not JSON gives its reason
            head = answer.partition(b"Content-Length")[0]
            answer = head + b"Connection: close\r\n\r\n" + body
        with servers.RawServer(answer) as server:
            headers = {"Authorization": SecretStr(f"Bearer {TOKEN}"), "X-Basic": SecretStr(BASIC)}
            http = DeliveryClient("Chat", server.url, headers=headers)
            try:
                got = await http.send("POST", "x", json_body={})
            except DeliveryError as error:
                no_secret(error)
                wording.append(f"{error.title}\n{error.remedy}\n{getattr(error, 'code', '')}")
            else:
                found = got.data["id"]
                wording += [
                    http.mask.identifier(found),
                    http.mask.link(f"https://a.test/{found}"),
                    http.clean(found),
                ]
            await http.close()
    assert wording
    for text in wording:
        assert not holds(text, TOKEN) and not holds(text, PASSWORD), text


async def test_the_reason_phrase_is_said_where_it_is_all_there_is() -> None:
    with servers.RawServer(b"HTTP/1.1 418 I'm a teapot\r\nContent-Length: 0\r\n\r\n") as server:
        assert (await caught(client(server.url))).title == "Chat refused: I'm a teapot (418)"


# Compressed answers


def compressed(data: bytes, times: int = 1) -> bytes:
    for _ in range(times):
        data = gzip.compress(data, 9)
    return data


async def test_no_compression_is_asked_for_and_one_that_comes_all_the_same_is_undone() -> None:
    data = b'{"id": "%s"}' % (b"x" * 200_000)
    for name, body in (("gzip", compressed(data)), ("Deflate", zlib.compress(data)), ("identity", data)):
        with servers.RawServer(servers.http_answer("200 OK", body, f"Content-Encoding: {name}")) as server:
            http = client(server.url)
            assert (await http.send("POST", "x", json_body={})).data == json.loads(data)
            await http.close()
            assert b"\r\naccept-encoding: identity\r\n" in server.requests[0].lower()


BOMB = """
import asyncio, resource, sys
from warroom.connect.outcome import DeliveryClient
from warroom.errors import DeliveryError
held = int(next(line for line in open("/proc/self/status") if line.startswith("VmSize")).split()[1]) << 10
resource.setrlimit(resource.RLIMIT_AS, (held + (128 << 20),) * 2)
async def ask(url):
    http = DeliveryClient("Chat", url)
    try:
        print("answer", (await http.send("GET", "x")).data)
    except DeliveryError as error:
        print(type(error).__name__, error.title)
    await http.close()
asyncio.run(ask(sys.argv[1]))
"""


@functools.cache
def bomb() -> bytes:
    """256 MB of nothing, packed once."""
    packed = zlib.compressobj(6, wbits=31)
    return b"".join([*(packed.compress(bytes(1 << 20)) for _ in range(256)), packed.flush()])


@pytest.mark.parametrize("encodings", ["gzip", "gzip, gzip, gzip", "gzip\r\nContent-Encoding: gzip"])
def test_an_answer_that_unpacks_to_a_thousand_times_its_length_takes_little_memory(encodings: str) -> None:
    body = compressed(bomb(), encodings.count("gzip") - 1)
    with servers.RawServer(servers.http_answer("200 OK", body, f"Content-Encoding: {encodings}")) as server:
        done = subprocess.run(
            [sys.executable, "-c", BOMB, server.url], capture_output=True, text=True, check=False, timeout=60
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("NotSent Chat ")


@given(data=st.binary(max_size=3000), cut=st.integers(0, 4000), step=st.integers(1, 500))
async def test_whatever_is_said_to_be_compressed_is_whole_or_nothing(data: bytes, cut: int, step: int) -> None:
    packed = gzip.compress(data)

    async def sent() -> AsyncIterator[bytes]:
        for at in range(0, min(cut, len(packed)), step):
            yield packed[: min(cut, len(packed))][at : at + step]

    got = await _body(httpx.Response(200, headers={"content-encoding": "gzip"}, content=sent()))
    assert got == (data if cut >= len(packed) else b"")


@pytest.mark.parametrize("token", ["with\nbreak", "with\r\nX-Evil: 1", " padded", "ümlaut", "", "tab\tbed"])
def test_a_token_no_header_can_carry_is_a_mistake_in_the_settings(token: str) -> None:
    with pytest.raises(SettingsError) as info:
        DeliveryClient("Chat", "https://chat.test", headers={"Authorization": SecretStr(token)})
    assert not token.strip() or token not in str(info.value)


@pytest.mark.parametrize(
    "url", ["", "chat.test/x", "ftp://chat.test", "https://", "https://[::", "file:///etc/passwd"]
)
def test_an_address_that_is_none_is_a_mistake_in_the_settings(url: str) -> None:
    with pytest.raises(SettingsError):
        DeliveryClient("Chat", SecretStr(url))


@pytest.mark.parametrize(
    "url", ["http://chat.test/x", "http://10.0.0.1", "http://127.0.0.1.evil.test", "http://[::2]"]
)
def test_a_token_is_not_sent_in_clear_beyond_this_machine(url: str) -> None:
    with pytest.raises(SettingsError):
        client(url)
    with pytest.raises(SettingsError):
        DeliveryClient("Chat", SecretStr(url))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/x", "http://localhost:1", "http://[::1]:1", "http://127.9.9.9:1"]
)
def test_loopback_may_be_plain_and_knows_no_proxy(url: str) -> None:
    client(url)
    DeliveryClient("Chat", SecretStr(url))


async def test_a_proxy_does_not_see_a_loopback_request(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        servers.RawServer(servers.http_answer("200 OK")) as proxy,
        servers.RawServer(servers.http_answer("200 OK")) as server,
    ):
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        http = client(server.url)
        await http.send("GET")
        await http.close()
        assert (len(proxy.requests), len(server.requests)) == (0, 1)


# Real sockets


async def test_nobody_listening_is_not_sent() -> None:
    assert type(await caught(client(f"http://127.0.0.1:{servers.free_port()}"))) is NotSent


async def test_a_name_that_does_not_resolve_is_not_sent() -> None:
    # .invalid never resolves (RFC 6761).
    error = await caught(client("https://chat.invalid"))
    assert type(error) is NotSent
    assert "Errno" not in str(error) and "[" not in error.title
    assert error.title.startswith("Chat cannot be reached (")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("[Errno -2] Name or service not known", "name or service not known"),
        ("[Errno 111] Connection refused", "connection refused"),
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1006)",
            "certificate verify failed: self-signed certificate",
        ),
    ],
)
async def test_why_a_service_cannot_be_reached_is_told_in_words(words: str, reason: str) -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(words)

    error = await caught(client(transport=httpx.MockTransport(handler)))
    assert error.title == f"Chat cannot be reached ({reason})"


async def test_a_server_that_is_not_trusted_gets_nothing() -> None:
    # The smallest untrusted server: it answers the TLS hello with plain text.
    with servers.RawServer(b"HTTP/1.1 200 OK\r\n\r\n") as server:
        http = client(server.url.replace("http://", "https://"), connect_seconds=1.0)
        error = await caught(http)
    assert type(error) is NotSent


async def test_silence_after_the_request_is_uncertain() -> None:
    with servers.RawServer(...) as server:
        assert type(await caught(client(server.url, total_seconds=0.2))) is Unconfirmed
        assert len(server.requests) == 1


async def test_an_answer_that_trickles_ends_at_the_total_limit() -> None:
    with servers.RawServer((b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{", b" ")) as server:
        error = await caught(client(server.url, total_seconds=0.3))
    assert type(error) is Unconfirmed
    assert "in time" in error.title


async def test_a_connection_that_is_not_accepted_in_time_is_not_sent() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        # Linux lets one more in than the backlog says; these fill it, so that ours is not answered.
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        try:
            error = await caught(client(f"http://127.0.0.1:{address[1]}", connect_seconds=0.3, total_seconds=5))
        finally:
            for one in waiting:
                one.close()
    assert type(error) is NotSent


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (None, Unconfirmed),
        (b"", Unconfirmed),
        (b"garbage\r\n\r\n", Unconfirmed),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", Unconfirmed),
        (servers.http_answer("200 OK", b'{"ok": tru'), Unconfirmed),
        (servers.http_answer("200 OK", b"not gzip", "Content-Encoding: gzip"), Unconfirmed),
        (servers.http_answer("500 Internal Server Error", b"x"), Unconfirmed),
        (servers.http_answer("429 Too Many Requests", b"", "Retry-After: 3"), NotSent),
        (servers.http_answer("400 Bad Request", b"x"), HttpRejected),
    ],
    ids=["reset", "closed", "garbage", "cut", "broken json", "broken gzip", "500", "429", "400"],
)
async def test_a_fault_on_the_wire_has_its_meaning(act: bytes | None, kind: type[DeliveryError]) -> None:
    with servers.RawServer(act) as server:
        assert type(await caught(client(server.url))) is kind
        assert len(server.requests) == 1, "a request is sent once, whatever comes of it"


async def test_after_a_pause_the_next_try_succeeds() -> None:
    throttled = servers.http_answer("429 Too Many Requests", b"{}", "Retry-After: 0")
    with servers.RawServer(throttled, servers.http_answer("200 OK", b'{"ok": true}')) as server:
        http = client(server.url)
        with pytest.raises(NotSent):
            await http.send("POST", "x", json_body={})
        assert (await http.send("POST", "x", json_body={})).data == {"ok": True}
        await http.close()


async def test_requests_say_who_asks() -> None:
    with servers.RawServer(servers.http_answer("200 OK")) as server:
        http = client(f"{server.url}/api/")
        await http.send("POST", "chat.post", json_body={"text": "é"})
        await http.close()
        request = server.requests[0]
    assert request.startswith(b"POST /api/chat.post HTTP/1.1\r\n")
    assert b"user-agent: warroom/" in request.lower()
    assert f"authorization: bearer {TOKEN}".encode() in request.lower()
    assert request.endswith('{"text": "é"}'.encode())


def test_certificates_are_verified() -> None:
    http = client()
    pool = http._open_client()._transport._pool  # type: ignore[attr-defined]
    assert pool._ssl_context.verify_mode is ssl.CERT_REQUIRED
    assert pool._ssl_context.check_hostname


def test_many_destinations_read_the_certificate_authorities_once() -> None:
    first, second = (client(f"https://chat{n}.test")._open_client()._transport for n in range(2))
    assert first._pool._ssl_context is second._pool._ssl_context  # type: ignore[attr-defined]


def test_the_ports_and_the_plugin_list_load_neither_httpx_nor_a_backend() -> None:
    code = (
        "import sys, warroom.connect.ports, warroom.connect.plugins as p; names = p.names(p.CHAT);"
        "assert names; bad = [m for m in sys.modules if m.partition('.')[0] in ('httpx', 'jinja2')"
        " or m.startswith('warroom.connect.chat')]; assert not bad, bad; print(*names)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {"transcript", "slack", "matrix", "webhook"} <= set(done.stdout.split())
