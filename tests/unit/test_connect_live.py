"""What each fault of a live connection means, and that no secret leaves with it."""

from __future__ import annotations

import logging
import socket
import ssl
import subprocess
import sys
import traceback
from typing import Any

import pytest
import trustme
from harness import servers
from harness.sockets import SocketServer
from pydantic import SecretStr
from websockets.asyncio.server import serve

from warroom.connect import live
from warroom.connect.live import open_socket
from warroom.errors import NotSent, Rejected, WarroomError

pytestmark = pytest.mark.anyio
anyio_backend = servers.anyio_backend

TOKEN = "plantedsecret-0123456789abcdef"
HEADERS = {"Authorization": SecretStr(f"Bearer {TOKEN}")}


async def refused(url: str | SecretStr) -> WarroomError:
    with pytest.raises(WarroomError) as info:
        await open_socket("Chat", url, HEADERS)
    text = "".join(traceback.format_exception(info.value)) + repr(info.value.args)
    assert TOKEN not in text and "0123456789abcdef" not in text
    assert info.value.__context__ is None and info.value.remedy
    return info.value


async def test_messages_arrive_in_order_and_what_is_no_object_is_empty() -> None:
    async with SocketServer({"type": "hello"}) as server:
        connection = await open_socket("Chat", server.url, HEADERS)
        await server.until(accepted=1)
        await server.push({"n": 1}, "not json", "[1]", "[" * 5000, {"n": 2})
        got = [await connection.receive() for _ in range(6)]
        assert got == [{"type": "hello"}, {"n": 1}, {}, {}, {}, {"n": 2}]
        await connection.send({"ack": 1})
        await server.until(received=1)
        assert server.received == [{"ack": 1}]
        (request,) = server.requests
        assert request["Authorization"] == f"Bearer {TOKEN}" and request["User-Agent"].startswith("warroom/")
        assert "Sec-WebSocket-Extensions" not in request, "nothing is to be unpacked"
        await connection.close()
        await connection.close()
        await server.until(open=0)


async def test_an_end_in_good_order_is_told_from_a_loss() -> None:
    async with SocketServer() as server:
        connection = await open_socket("Chat", server.url)
        await server.until(accepted=1)
        await server.finish()
        assert await connection.receive() is None
        connection = await open_socket("Chat", server.url)
        await server.until(accepted=2, open=1)
        server.drop()
        with pytest.raises(NotSent, match="was lost"):
            await connection.receive()
        with pytest.raises(NotSent, match="was lost"):
            await connection.send({})
        await connection.close()
        connection = await open_socket("Chat", server.url)
        await server.until(accepted=3, open=1)
        await server.finish(1011)
        with pytest.raises(NotSent, match="was lost"):
            await connection.receive()


async def test_a_service_that_no_longer_answers_pings_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PING_S", 0.05)
    async with SocketServer() as server:
        connection = await open_socket("Chat", server.url)
        await server.until(accepted=1)
        server.stall()
        with pytest.raises(NotSent, match="was lost"):
            await connection.receive()


async def test_a_message_without_end_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async with SocketServer() as server:
        connection = await open_socket("Chat", server.url)
        await server.until(accepted=1)
        await server.push({"text": "x" * live.MAX_MESSAGE_BYTES})
        with pytest.raises(NotSent, match="was lost"):
            await connection.receive()


@pytest.mark.parametrize(
    ("status", "headers", "kind", "wait"),
    [
        (401, {}, Rejected, None),
        (403, {}, Rejected, None),
        (404, {}, Rejected, None),
        (200, {}, Rejected, None),
        (408, {}, NotSent, None),
        (429, {"Retry-After": "30"}, NotSent, 30.0),
        (429, {"Retry-After": "9e9"}, NotSent, 300.0),
        (503, {"Retry-After": f"soon {TOKEN}"}, NotSent, None),
        (500, {}, NotSent, None),
    ],
)
async def test_a_refusal_of_the_handshake_has_its_meaning(
    status: int, headers: dict[str, str], kind: type[WarroomError], wait: float | None
) -> None:
    async with SocketServer() as server:
        server.answers = [(status, headers)]
        error = await refused(server.url)
        assert type(error) is kind and str(status) in error.title
        assert getattr(error, "retry_after", None) == wait


async def test_a_redirect_is_not_followed() -> None:
    async with SocketServer() as other, SocketServer() as server:
        server.answers = [(302, {"Location": f"{other.url}/{TOKEN}"})]
        error = await refused(server.url)
        assert isinstance(error, Rejected) and "Redirects" in error.remedy
        assert other.requests == []


async def test_nobody_listening_cannot_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert type(await refused(SecretStr(f"ws://127.0.0.1:{port}/{TOKEN}"))) is NotSent


async def test_silence_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "OPEN_S", 0.05)
    with servers.RawServer(...) as server:
        assert type(await refused(server.url.replace("http:", "ws:"))) is NotSent


@pytest.mark.parametrize(
    "answer", [b"\x00\x01 nonsense\r\n\r\n", servers.http_answer("101 Switching Protocols"), None]
)
async def test_a_server_that_speaks_no_websocket_cannot_be_reached(answer: bytes | None) -> None:
    with servers.RawServer(answer) as server:
        assert type(await refused(server.url.replace("http:", "ws:"))) is NotSent


@pytest.mark.parametrize(
    "url",
    [f"ws://chat.test/{TOKEN}", f"https://chat.test/{TOKEN}", f"wss:///{TOKEN}", f"wss://[{TOKEN}", TOKEN, ""],
)
async def test_an_address_that_is_not_safe_is_refused_and_not_repeated(url: str) -> None:
    assert type(await refused(SecretStr(url))) is Rejected


async def test_certificates_are_verified() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async def never(connection: Any) -> None:
        raise AssertionError("it was let in")

    async with serve(never, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        error = await refused(f"wss://127.0.0.1:{port}")
        assert type(error) is NotSent and "certificate" in error.title


async def test_a_proxy_does_not_see_a_loopback_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    with servers.RawServer(servers.http_answer("502 Bad Gateway")) as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("no_proxy", "")
        async with SocketServer() as server:
            await (await open_socket("Chat", server.url, HEADERS)).close()
        assert proxy.requests == []
        assert type(await refused("wss://chat.test/live")) is NotSent
        assert proxy.requests[0].startswith(b"CONNECT chat.test:443") and TOKEN.encode() not in proxy.requests[0]
        monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:9")
        monkeypatch.setenv("wss_proxy", "socks5://127.0.0.1:9")
        assert type(await refused("wss://chat.test/live")) is NotSent


async def test_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with SocketServer({"type": "hello"}) as server:
        await (await open_socket("Chat", SecretStr(f"{server.url}/{TOKEN}"), HEADERS)).close()
    assert TOKEN not in "".join(
        record.getMessage() for record in caplog.records if record.name != "websockets.server"
    )


async def test_without_the_package_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "available", lambda: False)
    error = await refused("wss://chat.test")
    assert isinstance(error, Rejected) and "warroom[live]" in error.remedy


def test_websockets_is_not_loaded_before_it_is_needed() -> None:
    code = "import sys, warroom.connect.live as l; assert l.available(); assert 'websockets' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
