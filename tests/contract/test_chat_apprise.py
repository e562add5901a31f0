"""Apprise: what its plugins log becomes an outcome, a URL never shows, and nothing is sent twice."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from harness import servers
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from warroom.connect.attempt import Attempt, post_under
from warroom.connect.chat.apprise import AppriseChat, AppriseOptions
from warroom.connect.ports import Chat, Promises
from warroom.errors import NotSent, Rejected, SettingsError, Unconfirmed, WarroomError
from warroom.incident.delivery import Channel, Opening, Receipt
from warroom.testing import ChatContract
from warroom.testing.chat_contract import HOSTILE, KEY, message

pytest.importorskip("apprise", reason="the extra apprise is not installed")
anyio_backend = servers.anyio_backend
pytestmark = pytest.mark.anyio

PASSWORD = "plantedsecret-0123456789"
HERE = Channel(id="", name="json")


def backend(url: str, **more: Any) -> AppriseChat:
    return AppriseChat(AppriseOptions(url=SecretStr(url), **more))


def at(server: servers.RawServer, scheme: str = "json", rest: str = "hook") -> str:
    """The Apprise URL of a server on this machine, with a password in it."""
    return f"{scheme}://user:{PASSWORD}@{server.url.removeprefix('http://')}/{rest}"


def answers(status: str, *headers: str) -> servers.RawServer:
    return servers.RawServer(servers.http_answer(status, b"{}", *headers))


async def failure(url: str, text: str = "x") -> WarroomError:
    with pytest.raises(WarroomError) as raised:
        await backend(url).post(HERE, message(text), KEY)
    return raised.value


class TestApprise(ChatContract):
    def chat(self) -> Chat:
        return backend("json://example.com")


# Posts


async def test_a_post_arrives_once_as_the_text_that_was_previewed() -> None:
    with answers("200 OK") as server:
        chat = backend(at(server))
        assert await chat.post(HERE, message("Fails\nImpact: <b>all</b> @here"), KEY) == Receipt()
        await chat.post(HERE, message("second"), KEY)
    first, second = (json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.requests)
    assert first["message"] == "Fails\nImpact: ＜b>all</b> ＠here\nINC-7·u2".replace("</b>", "＜/b>")
    assert first["title"] == "" and first["type"] == "info"
    assert second["message"].startswith("second")


@given(st.text("@<>[]()!:/ab\n", max_size=40))
def test_no_text_has_markup_that_a_service_could_act_on(text: str) -> None:
    rendered = backend("json://example.com").render(message(f"x\n{text}"))
    assert "](" not in rendered and not [tag for tag in ("<a", "<b", "<!", "<@", "</") if tag in rendered]


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        ("400 Bad Request", "Check url"),
        ("401 Unauthorized", "credentials"),
        ("403 Forbidden", "credentials"),
        ("404 Not Found", "does not exist"),
        ("410 Gone", "does not exist"),
        ("413 Too Large", "max_length"),
    ],
)
async def test_a_refusal_is_final_and_says_what_to_do(status: str, remedy: str) -> None:
    with answers(status) as server:
        error = await failure(at(server))
    assert isinstance(error, Rejected) and remedy in error.remedy
    assert f"JSON refused ({status[:3]})" == error.title


@pytest.mark.parametrize("status", ["429 Too Many Requests", "408 Request Timeout"])
async def test_a_service_that_asks_for_a_pause_is_asked_again(status: str) -> None:
    with answers(status, "Retry-After: 9") as server:
        assert type(await failure(at(server))) is NotSent


@pytest.mark.parametrize(
    "script",
    [
        servers.http_answer("500 Internal Server Error"),
        servers.http_answer("503 Unavailable"),
        servers.http_answer("302 Found", b"", "Location: /elsewhere"),
        None,
        b"not http\r\n\r\n",
    ],
    ids=["500", "503", "a redirect", "a reset", "no HTTP"],
)
async def test_every_other_failure_may_have_arrived_and_is_not_repeated(script: Any) -> None:
    """Not even where the URL asks for retries, or says that a failure does not matter."""
    with servers.RawServer(script) as server:
        error = await failure(f"{at(server)}?retry=3&wait=0.1&optional=yes")
    assert isinstance(error, Unconfirmed)
    assert len(server.requests) == 1


async def test_silence_after_the_post_is_unconfirmed() -> None:
    with servers.RawServer(...) as server:
        assert isinstance(await failure(f"{at(server)}?rto=0.2"), Unconfirmed)
    assert len(server.requests) == 1


def test_a_plugin_waits_longer_than_by_itself_unless_the_url_says_how_long() -> None:
    """Each time-out leaves a post that a person has to look for."""
    assert backend("json://host")._sender.service().request_timeout == (10, 20)
    assert backend("json://host?rto=3&cto=2")._sender.service().request_timeout == (2, 3)


async def test_a_refused_connection_cannot_be_told_from_a_lost_answer() -> None:
    assert isinstance(await failure(f"json://127.0.0.1:{servers.free_port()}/"), Unconfirmed)


async def test_a_refusal_is_understood_in_a_program_that_logs_nothing() -> None:
    """It is read off the lines that Apprise logs."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.CRITICAL)
    logging.getLogger("apprise").setLevel(logging.NOTSET)
    try:
        with answers("404 Not Found") as server:
            assert isinstance(await failure(at(server)), Rejected)
    finally:
        root.setLevel(level)


@pytest.mark.nightly
async def test_of_several_recipients_some_may_have_it() -> None:
    script = (servers.http_answer("200 OK"), servers.http_answer("404 Not Found"))
    with servers.RawServer(*script) as server:
        error = await failure(f"ntfy://{server.url.removeprefix('http://')}/one/two")
    assert isinstance(error, Unconfirmed)
    assert len(server.requests) == 2


async def test_an_attempt_that_has_ended_sends_nothing() -> None:
    """The outbox has recorded it as not sent."""
    attempt = Attempt()
    assert not attempt.end()
    with answers("200 OK") as server:
        post_under(attempt)
        assert type(await failure(at(server))) is NotSent
    assert server.requests == []


async def test_an_attempt_that_posts_is_known_to_have_left() -> None:
    attempt = Attempt()
    with answers("200 OK") as server:
        post_under(attempt)
        await backend(at(server)).post(HERE, message(), KEY)
    assert attempt.end()


# What may be shown


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What a program with logging at DEBUG would see. (caplog also hears loggers that pass nothing on.)"""
    lines: list[str] = []
    root, handler = logging.getLogger(), logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    level = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield lines
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize("status", ["404 Not Found", "429 Too Many", "500 Oops"])
@pytest.mark.parametrize("scheme", ["json", "ntfy"])
async def test_no_secret_is_in_an_error_or_a_log(
    status: str, scheme: str, logged: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """Apprise's own lines hold addresses: ntfy's has its topic, which is all that one needs to read it."""
    with answers(status) as server:
        error = await failure(at(server, scheme, "secret-topic"), HOSTILE)
    shown = "".join([*traceback.format_exception(error), error.remedy, *logged, *capfd.readouterr()])
    assert PASSWORD not in shown and "secret-topic" not in shown


@pytest.mark.parametrize(
    "url",
    [f"nope://{PASSWORD}@host", f"json://{PASSWORD}:x@", f"https://{PASSWORD}.example.com", PASSWORD, ""],
    ids=["an unknown service", "no host", "a web address", "no URL", "empty"],
)
async def test_a_url_that_apprise_cannot_use_is_a_mistake_in_the_settings(
    url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    chat = backend(url)
    for call in (chat.check(), chat.post(HERE, message(), KEY)):
        with pytest.raises(SettingsError, match=r"appriseit\.com") as info:
            await call
        text = "".join(traceback.format_exception(info.value))
        assert PASSWORD not in text + "".join(capfd.readouterr())
    assert PASSWORD not in repr(vars(chat))


async def test_doctor_says_which_service_it_is_and_sends_nothing() -> None:
    with answers("200 OK") as server:
        assert await backend(at(server)).check() == "Apprise: posts to JSON (not tried)"
    assert server.requests == []
    assert "to 2 recipients" in await backend("ntfy://example.com/one/two").check()


async def test_doctor_says_where_a_service_takes_less_than_max_length() -> None:
    text_messages = "clicksend://user:password@12223334444"
    with pytest.raises(SettingsError, match="takes 160 characters") as info:
        await backend(text_messages).check()
    assert "max_length = 160" in info.value.remedy
    assert await backend(text_messages, max_length=160).check()


async def test_there_is_no_channel_to_open_and_no_status_to_edit() -> None:
    chat = backend(f"ntfys://{PASSWORD}@example.com/topic")
    opening = Opening(incident="INC-7", name="inc-7", title="INC-7", topic="")
    assert await chat.open(opening, "k") == Channel(id="", name="ntfys")
    assert await chat.show_status(HERE, message(), None, KEY) == Receipt()
    with pytest.raises(Unconfirmed):
        await chat.find(HERE, KEY)
    promises = Promises.of(chat)
    assert not (promises.dedupes or promises.reads_back or promises.edits or promises.receives)
    assert promises.max_length == 1000
    with pytest.raises(ValidationError):
        AppriseOptions(url=SecretStr("json://host"), max_length=0)


# The library


def test_a_missing_library_is_named_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(SettingsError) as info:
        backend("json://host")
    assert "pip install 'warroom[apprise]'" in info.value.remedy


def test_the_library_is_not_imported_before_it_is_needed() -> None:
    code = (
        "import sys; from warroom.connect.chat.apprise import AppriseChat, AppriseOptions\n"
        "AppriseChat(AppriseOptions(url='json://host')); assert 'apprise' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
