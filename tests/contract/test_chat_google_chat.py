"""Google Chat: requests have the documented shape, an incident is one thread, and no text can mark itself up."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, ClassVar

import httpx
import pytest
from harness import servers
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from warroom.connect.chat.google_chat import GoogleChat, GoogleChatOptions
from warroom.connect.options import PLACEHOLDER
from warroom.connect.ports import Chat, Promises
from warroom.connect.secret_mask import SecretMask, credentials
from warroom.errors import NotSent, Rejected, SettingsError, Unconfirmed
from warroom.incident.delivery import Channel, Opening
from warroom.room import message_parts
from warroom.testing import HttpChatContract
from warroom.testing.chat_contract import KEY, message

anyio_backend = servers.anyio_backend
pytestmark = pytest.mark.anyio

API_KEY, TOKEN = "plantedkey-0123456789", "plantedsecret-abcdef%3D"
ADDRESS = "https://chat.googleapis.com/v1/spaces/AAAAspace01/messages"
URL = f"{ADDRESS}?key={API_KEY}&token={TOKEN}"
HERE = Channel(id="", thread="inc-7-checkout")
REPLY = "messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"


def opening(name: str) -> Opening:
    return Opening(incident=name[:5].upper(), name=name, title=name, topic="x", invite=("users/1",))


class FakeSpace:
    """A space with just enough memory: its posts, and the thread that each key stands for."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.threads: dict[str, list[str]] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        body = json.loads(request.content)
        assert body.keys() <= {"text", "thread"}
        key = body.get("thread", {}).get("threadKey", "")
        if not key or request.url.params["messageReplyOption"] != "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD":
            key = f"new {len(self.requests)}"
        self.threads.setdefault(key, []).append(body["text"])
        number = f"t{list(self.threads).index(key)}.m{len(self.requests)}"
        # A webhook is told no more of its message than this.
        return httpx.Response(200, json={**body, "name": f"spaces/AAAAspace01/messages/{number}"})


def backend(reply: Callable[[httpx.Request], httpx.Response], url: str = URL) -> GoogleChat:
    return GoogleChat(GoogleChatOptions(url=SecretStr(url)), transport=httpx.MockTransport(reply))


def refused(status: int, name: str) -> Callable[[httpx.Request], httpx.Response]:
    """Google's answer to what it refuses."""
    error = {"code": status, "message": "The words of Google.", "status": name, "details": [{"reason": "x"}]}
    return lambda request: httpx.Response(status, json={"error": error})


class TestGoogleChat(HttpChatContract):
    accepted: ClassVar = {"name": "spaces/AAAAspace01/messages/t0.m1"}
    secrets = (API_KEY, TOKEN)

    def make(self, transport: Any) -> Chat:
        return GoogleChat(GoogleChatOptions(url=SecretStr(URL)), transport=transport)


# The address


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (URL, f"{URL}&{REPLY}"),
        (f" {URL}\n", f"{URL}&{REPLY}"),
        (f"{URL}#x", f"{URL}&{REPLY}"),
        (f"{URL}&messageReplyOption=REPLY_MESSAGE_OR_FAIL", f"{URL}&{REPLY}"),
        (f"{ADDRESS}?key=a%2Bb&token=c%3D&threadKey=x", f"{ADDRESS}?key=a%2Bb&token=c%3D&threadKey=x&{REPLY}"),
    ],
)
async def test_key_and_token_stay_as_they_are_beside_the_option_that_makes_threads(given: str, sent: str) -> None:
    space = FakeSpace()
    await backend(space, given).post(HERE, message(), KEY)
    assert str(space.requests[0].url) == sent


@pytest.mark.parametrize("url", [ADDRESS, f"{ADDRESS}?key={API_KEY}", f"{ADDRESS}?key=&token={TOKEN}"])
async def test_doctor_finds_an_address_that_a_shell_cut_off(url: str) -> None:
    with pytest.raises(SettingsError, match="no key or no token") as info:
        await backend(FakeSpace(), url).check()
    assert API_KEY not in f"{info.value!r} {info.value}"


async def test_doctor_says_where_posts_go_and_sends_nothing() -> None:
    space = FakeSpace()
    assert await backend(space).check() == "Google Chat: posts to chat.googleapis.com (not tried)"
    assert space.requests == []


def test_without_its_secret_it_can_still_render_and_measure() -> None:
    """The composer previews before any secret is looked up."""
    chat = backend(FakeSpace(), PLACEHOLDER)
    assert chat.measure(message()) == len(chat.render(message()))


# Posts


async def test_each_incident_is_one_thread() -> None:
    space = FakeSpace()
    chat = backend(space)
    assert Promises.of(chat).threads
    first = await chat.open(opening("inc-7-checkout"), "k")
    assert (first.id, first.name, space.requests) == ("", "chat.googleapis.com", []), "nothing was opened"
    for text in ("one", "two"):
        await chat.post(first, message(text), KEY)
    await chat.post(await chat.open(opening("inc-8-search"), "k2"), message("three"), KEY)
    await chat.post(await chat.open(opening("inc-7-checkout"), "another"), message("four"), KEY)
    said = [[text.partition("\n")[0] for text in texts] for texts in space.threads.values()]
    assert said == [["one", "two", "four"], ["three"]]


async def test_the_body_is_the_documented_one_and_the_receipt_is_the_messages_id() -> None:
    space = FakeSpace()
    receipt = await backend(space).post(HERE, message("Fails\nImpact: one in five"), KEY)
    assert json.loads(space.requests[0].content) == {
        "text": "Fails\n*Impact:* one in five\nINC-7·u2",
        "thread": {"threadKey": "inc-7-checkout"},
    }
    assert space.requests[0].headers["content-type"] == "application/json; charset=utf-8"
    assert receipt.id == "t0.m1"


async def test_a_channel_without_a_thread_is_posted_to_without_one() -> None:
    space = FakeSpace()
    await backend(space).post(Channel(id=""), message(), KEY)
    assert "thread" not in json.loads(space.requests[0].content)


# Text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("*bold* _it_ ~gone~ `code`", "＊bold＊ ＿it＿ ～gone～ ｀code｀"),
        ("<users/all> <https://evil.example|status page>", "＜users/all> ＜https://evil.example|status page>"),
        ("[status page](https://evil.example)", "[status page] (https://evil.example)"),
        ("db_primary is _down_, p99 < 300 ms", "db_primary is ＿down＿, p99 < 300 ms"),
        ("__init__ and a__b", "＿＿init＿＿ and a＿＿b"),
    ],
)
def test_markup_from_outside_stays_readable_and_does_nothing(text: str, shown: str) -> None:
    assert backend(FakeSpace()).render(message(f"Fails\n{text}")).splitlines()[1] == shown


@given(st.text("@<>*_`~[]()|/: users/all aB1\n", max_size=60))
def test_no_text_can_mention_link_or_format(text: str) -> None:
    rendered = backend(FakeSpace()).render(message(f"x\n{text}"))
    # The label of a line is ours: it has no other characters than letters and blanks.
    bare = re.sub(r"^\*[A-Za-z ]+:\* ", "", rendered, flags=re.MULTILINE)
    assert not set("*~`") & set(bare)
    assert not re.search(r"<[\w/:@!#&]", bare) and "](" not in bare
    assert not re.search(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", bare)


def test_characters_are_counted_as_utf_16_does() -> None:
    """Google does not say what it counts; this is never less than it."""
    chat = backend(FakeSpace())
    assert chat.measure(message("🔥 日")) == len(chat.render(message("🔥 日"))) + 1


async def test_a_long_update_is_split_into_texts_that_google_takes() -> None:
    space = FakeSpace()
    chat = backend(space)
    text = "Card payments fail\n" + "\n".join(f'Line {number}: 日本語 🔥 "{"x" * 60}"' for number in range(200))
    for part in message_parts.split(chat, message(text)):
        await chat.post(HERE, part, KEY)
    (texts,) = space.threads.values()
    assert len(texts) > 2 and max(len(text.encode("utf-16-le")) // 2 for text in texts) <= 4096
    assert max(len(request.content) for request in space.requests) <= 32_000
    said = "\n".join(texts)
    assert all(f"Line {number}: " in said for number in range(200))


# What an answer means


@pytest.mark.parametrize(("status", "name"), [(429, "RESOURCE_EXHAUSTED"), (403, "RESOURCE_EXHAUSTED"), (429, "")])
async def test_throttling_is_retried_without_a_time_as_google_gives_none(status: int, name: str) -> None:
    with pytest.raises(NotSent) as info:
        await backend(refused(status, name)).post(HERE, message(), KEY)
    assert info.value.retry_after is None


@pytest.mark.parametrize(
    ("status", "name", "remedy"),
    [
        (400, "INVALID_ARGUMENT", "address again"),
        (401, "UNAUTHENTICATED", "address again"),
        (403, "PERMISSION_DENIED", "administrator"),
        (404, "NOT_FOUND", "Create a new webhook"),
    ],
)
async def test_a_refusal_names_googles_status_its_words_and_what_to_do(status: int, name: str, remedy: str) -> None:
    with pytest.raises(Rejected) as info:
        await backend(refused(status, name)).post(HERE, message(), KEY)
    assert info.value.title == f"Google Chat refused: {name} ({status})"
    assert info.value.remedy.startswith("The words of Google. ") and remedy in info.value.remedy
    assert SecretMask(credentials(URL)).text(str(info.value)) == str(info.value), "no word looks like a secret"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(503, json={"error": {"code": 503, "message": "x", "status": "UNAVAILABLE"}}),
        httpx.Response(200, json={}),
        httpx.Response(200, text="<html>Sign in to the network</html>"),
    ],
)
async def test_an_answer_that_proves_nothing_leaves_the_outcome_open(answer: httpx.Response) -> None:
    with pytest.raises(Unconfirmed):
        await backend(lambda _: answer).post(HERE, message(), KEY)
