"""Telegram: topics and replies, edits, pins, limits and refusals; a real double of the Bot API takes its posts."""

from __future__ import annotations

import functools
import html
import json
import re
import shutil
import subprocess
import traceback
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from harness import servers
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from warroom.connect.chat.telegram import Telegram, TelegramOptions
from warroom.connect.ports import Chat, Promises
from warroom.errors import NotSent, Rejected, SettingsError, Unconfirmed
from warroom.incident.delivery import Channel, Message, Opening, Receipt
from warroom.room.message_parts import split
from warroom.testing import HttpChatContract
from warroom.testing.chat_contract import KEY, message

anyio_backend = servers.anyio_backend
pytestmark = pytest.mark.anyio

SECRET = "AAplantedsecret-0123456789_abcdefghi"
TOKEN = f"123456789:{SECRET}"
GROUP = -1001234567890
TOPIC = Channel(id=str(GROUP), thread="t77")
OPENING = Opening(
    incident="INC-7",
    name="inc-7-checkout",
    title="INC-7 checkout",
    topic="CRITICAL · investigating",
    invite=("@alice", "42", "43", "not a handle"),
)

PARAMETERS = {
    "getMe": ("", ""),
    "getChat": ("chat_id", ""),
    "getChatMember": ("chat_id user_id", ""),
    "createForumTopic": ("chat_id name", "icon_color icon_custom_emoji_id"),
    "sendMessage": (
        "chat_id text",
        "message_thread_id parse_mode entities link_preview_options disable_notification protect_content "
        "reply_parameters reply_markup",
    ),
    "editMessageText": ("text", "chat_id message_id parse_mode entities link_preview_options reply_markup"),
    "pinChatMessage": ("chat_id message_id", "disable_notification"),
}
"""What each method must and may be given, from core.telegram.org/bots/api. Telegram ignores what it does not know,
so a misspelt parameter would go unnoticed."""


class FakeTelegram:
    """A Bot API with just enough memory. ``fail[method]`` holds answers to give before the true ones."""

    def __init__(self, *, forum: bool = True, manages: bool = True) -> None:
        self.chat = {"id": GROUP, "title": "Ops & co", "type": "supergroup", "is_forum": forum}
        self.me = {"status": "administrator", "can_manage_topics": manages}
        self.people = {"42": "Bob <b>"}
        self.messages: dict[int, dict[str, Any]] = {}
        self.topics: list[str] = []
        self.pinned: list[int] = []
        self.calls: list[str] = []
        self.fail: dict[str, list[httpx.Response]] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        token, method = re.fullmatch(r"/bot([^/]+)/(\w+)", request.url.path).groups()  # type: ignore[union-attr]
        assert token == TOKEN and "authorization" not in request.headers
        body = json.loads(request.content) if request.content else dict(request.url.params)
        required, optional = (set(names.split()) for names in PARAMETERS[method])
        assert required <= set(body) <= required | optional, (method, set(body))
        self.calls.append(method)
        if self.fail.get(method):
            return self.fail[method].pop(0)
        return self.answer(method, body)

    def answer(self, method: str, body: dict[str, Any]) -> httpx.Response:
        match method:
            case "getMe":
                return _ok({"id": 99, "is_bot": True, "username": "warroom_bot"})
            case "getChat":
                return _ok(self.chat)
            case "getChatMember" if body["user_id"] == "99":
                return _ok(self.me)
            case "getChatMember":
                name = self.people.get(body["user_id"])
                return (
                    _ok({"status": "member", "user": {"first_name": name}}) if name else refusal("user not found")
                )
            case "createForumTopic" if self.chat["is_forum"] is not True:
                return refusal("the chat is not a forum")
            case "createForumTopic" if self.me["can_manage_topics"] is not True:
                return refusal("not enough rights to create a topic")
            case "createForumTopic":
                assert 1 <= len(body["name"]) <= 128
                self.topics.append(body["name"])
                return _ok({"message_thread_id": 100 + len(self.topics), "name": body["name"], "icon_color": 0})
            case "sendMessage":
                _check_text(body)
                self.messages[len(self.messages) + 1] = body
                return _ok({"message_id": len(self.messages), "chat": self.chat, "date": 0})
            case "editMessageText":
                _check_text(body)
                message = self.messages.get(body["message_id"])
                if message is None:
                    return refusal("message to edit not found")
                if message["text"] == body["text"]:
                    return refusal("message is not modified: specified new message content and reply markup are …")
                message["text"] = body["text"]
                return _ok({"message_id": body["message_id"], "chat": self.chat, "date": 0})
            case "pinChatMessage":
                assert body["disable_notification"] is True
                self.pinned.append(body["message_id"])
                return _ok(True)
        raise AssertionError(method)


def _check_text(body: dict[str, Any]) -> None:
    assert body["parse_mode"] == "HTML" and body["link_preview_options"] == {"is_disabled": True}
    assert isinstance(body["chat_id"], str) and 1 <= _utf16(shown(body["text"])[0]) <= 4096


def _ok(result: Any) -> httpx.Response:
    return httpx.Response(200, json={"ok": True, "result": result})


def refusal(description: str, status: int = 400, **parameters: Any) -> httpx.Response:
    prefix = {400: "Bad Request: ", 403: "Forbidden: "}.get(status, "")
    body = {"ok": False, "error_code": status, "description": f"{prefix}{description}"}
    return httpx.Response(status, json=body | ({"parameters": parameters} if parameters else {}))


class _Html(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.tags: list[str] = []

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(self.get_starttag_text() or tag)

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment")


def shown(markup: str) -> tuple[str, list[str]]:
    """The text that Telegram shows for this HTML, and the tags in it."""
    parser = _Html()
    parser.feed(markup)
    parser.close()
    return parser.text, parser.tags


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def backend(server: Any, **more: Any) -> Telegram:
    options = {"token": TOKEN, "chat": GROUP, **more}
    return Telegram(TelegramOptions.model_validate(options), transport=httpx.MockTransport(server))


class TestTelegram(HttpChatContract):
    accepted: ClassVar = {"ok": True, "result": {"message_id": 1}}
    channel = TOPIC
    secrets = (TOKEN, SECRET, f"bot{TOKEN}")

    def make(self, transport: Any) -> Chat:
        return Telegram(TelegramOptions.model_validate({"token": TOKEN, "chat": "@ops"}), transport=transport)


# Opening


async def test_in_a_group_with_topics_an_incident_is_one_with_its_people_mentioned_in_it() -> None:
    server = FakeTelegram()
    chat = backend(server)
    channel = await chat.open(OPENING, "k")
    assert server.topics == ["INC-7 checkout"]
    assert channel == Channel(
        id=str(GROUP), name="INC-7 checkout", url="https://t.me/c/1234567890/101", thread="t101"
    )
    (first,) = server.messages.values()
    assert first["message_thread_id"] == 101
    assert first["text"] == ('<b>Responders:</b> @alice <a href="tg://user?id=42">Bob &lt;b&gt;</a>'), (
        "whoever Telegram does not know is left out"
    )
    assert await chat.open(OPENING, "k") == channel
    assert len(server.topics) == len(server.messages) == 1, "opening it again opens nothing"


async def test_an_opening_that_breaks_off_after_the_topic_goes_on_in_the_same_topic() -> None:
    server = FakeTelegram()
    server.fail["sendMessage"] = [refusal("Too Many Requests: retry after 7", 429, retry_after=7)]
    chat = backend(server)
    with pytest.raises(NotSent):
        await chat.open(OPENING, "k")
    channel = await chat.open(OPENING, "k")
    assert channel.thread == "t101" and len(server.topics) == 1
    assert [one["message_thread_id"] for one in server.messages.values()] == [101]


async def test_people_who_cannot_be_mentioned_keep_no_incident_from_being_opened() -> None:
    server = FakeTelegram()
    server.fail["sendMessage"] = [refusal("not enough rights to send text messages to the chat")]
    assert (await backend(server).open(OPENING, "k")).thread == "t101"


@pytest.mark.parametrize(
    ("server", "topics"),
    [
        (FakeTelegram(forum=False), True),
        (FakeTelegram(manages=False), True),
        (FakeTelegram(), False),
    ],
    ids=["a group without topics", "a bot that may not manage them", "switched off"],
)
async def test_without_topics_an_incident_is_a_message_and_the_replies_to_it(
    server: FakeTelegram, topics: bool
) -> None:
    chat = backend(server, topics=topics)
    channel = await chat.open(OPENING, "k")
    assert channel == Channel(id=str(GROUP), name="Ops & co", url="https://t.me/c/1234567890/1", thread="m1")
    assert server.messages[1]["text"] == 'INC-7 checkout @alice <a href="tg://user?id=42">Bob &lt;b&gt;</a>'
    receipt = await chat.post(channel, message(), KEY)
    reply = server.messages[int(receipt.id)]
    assert reply["reply_parameters"] == {"message_id": 1, "allow_sending_without_reply": True}
    assert "message_thread_id" not in reply and server.topics == []
    assert await chat.open(OPENING, "k") == channel and len(server.messages) == 2


async def test_an_opening_of_unknown_outcome_is_tried_again_not_asked_about() -> None:
    for topics, method in ((True, "createForumTopic"), (False, "sendMessage")):
        server = FakeTelegram()
        server.fail[method] = [httpx.Response(502)]
        with pytest.raises(NotSent):
            await backend(server, topics=topics).open(OPENING, "k")


async def test_a_topic_name_fits_and_is_one_line() -> None:
    server = FakeTelegram()
    await backend(server).open(OPENING.model_copy(update={"title": "x\ny" * 100}), "k")
    assert "\n" not in server.topics[0]


def test_chat_is_an_id_or_a_name() -> None:
    for good in (GROUP, str(GROUP), "@ops_team", " @ops_team "):
        assert TelegramOptions.model_validate({"token": TOKEN, "chat": good}).chat in (str(GROUP), "@ops_team")
    for bad in ("ops", "https://t.me/ops", "", True, None):
        with pytest.raises(ValidationError):
            TelegramOptions.model_validate({"token": TOKEN, "chat": bad})


def test_a_token_never_leaves_in_clear() -> None:
    with pytest.raises(SettingsError, match=r"send its secret in clear to tg\.example\.com"):
        backend(FakeTelegram(), base_url="http://tg.example.com")


# Posts


async def test_a_post_is_bold_labels_and_text_in_its_topic_with_the_marker() -> None:
    server = FakeTelegram()
    receipt = await backend(server).post(TOPIC, message("Fails\nImpact: a < b & c", pin=True), KEY)
    assert receipt == Receipt(id="1", url="https://t.me/c/1234567890/77/1")
    assert server.messages[1]["text"] == "Fails\n<b>Impact:</b> a &lt; b &amp; c\nINC-7·u2"
    assert server.messages[1]["message_thread_id"] == 77
    assert server.pinned == [1]


async def test_a_post_that_cannot_be_pinned_stands() -> None:
    server = FakeTelegram()
    server.fail["pinChatMessage"] = [refusal("not enough rights to manage pinned messages in the chat")]
    assert (await backend(server).post(TOPIC, message(pin=True), KEY)).id == "1"


@pytest.mark.parametrize(
    "answer", [{"ok": True, "result": {}}, {"ok": True}, {"ok": False}, {"result": {"message_id": 1}}, []], ids=str
)
async def test_an_answer_without_a_message_is_unconfirmed(answer: Any) -> None:
    with pytest.raises(Unconfirmed):
        await backend(lambda request: httpx.Response(200, json=answer)).post(TOPIC, message(), KEY)


async def test_the_status_message_is_edited_and_posted_anew_only_if_it_is_gone() -> None:
    server = FakeTelegram()
    chat = backend(server)
    first = await chat.show_status(TOPIC, message("one"), None, KEY)
    assert await chat.show_status(TOPIC, message("two"), first, "k2") == first
    assert await chat.show_status(TOPIC, message("two"), first, "k3") == first, "not modified counts as done"
    assert [one["text"].partition("\n")[0] for one in server.messages.values()] == ["two"]
    for gone in ("message to edit not found", "message can't be edited", "MESSAGE_ID_INVALID"):
        server.fail["editMessageText"] = [refusal(gone)]
        anew = await chat.show_status(TOPIC, message("three"), first, "k4")
        assert anew != first and anew.id == str(len(server.messages))
    server.fail["editMessageText"] = [refusal("chat not found")]
    with pytest.raises(Rejected):
        await chat.show_status(TOPIC, message("four"), first, "k5")
    server.fail["editMessageText"] = [httpx.Response(502)]
    with pytest.raises(NotSent):
        await chat.show_status(TOPIC, message("four"), first, "k5")


def test_what_it_promises_is_what_telegram_can_keep() -> None:
    """Updates are confirmed for all groups of a bot at once: an inbox would lose messages of other incidents."""
    promises = Promises.of(backend(FakeTelegram()))
    assert not promises.dedupes and not promises.reads_back and not promises.receives
    assert promises.edits and promises.threads


# Text


@given(st.text("@<>&;#/\"'ab_é1.+-\n ", max_size=60))
def test_no_text_can_mention_link_or_format(text: str) -> None:
    given_text = f"x\nLabel: {text}"
    rendered = backend(FakeTelegram()).render(message(given_text))
    seen, tags = shown(rendered)
    assert set(tags) <= {"<b>"}
    assert seen.replace("＠", "@") == "\n".join([*_lines(message(given_text)), "INC-7·u2"])
    # What Telegram takes for a mention (tdlib/td, MessageEntity.cpp).
    assert re.search(r"(?<=\B)@([a-zA-Z0-9_]{2,32})(?=\b)", seen) is None
    assert html.unescape(rendered).count("<b>") == 1 + text.count("<b>")


def _lines(given_message: Message) -> list[str]:
    return [f"{line.label}: {line.text}" if line.label else line.text for line in given_message.lines()]


def test_an_address_of_a_machine_or_of_mail_stays_as_it_is() -> None:
    rendered = backend(FakeTelegram()).render(message("root@db1 asks ops@example.com, not .@bob or é@bob"))
    assert rendered.startswith("root@db1 asks ops@example.com, not .＠bob or é＠bob")


@given(st.text("aé😀<&@\n ", min_size=1, max_size=60), st.integers(1, 400))
def test_every_part_of_a_long_update_fits_as_telegram_counts(text: str, times: int) -> None:
    """4096 after the markup is taken off, an emoji counted twice."""
    chat = backend(FakeTelegram())
    for part in split(chat, message(f"Title\n{text * times}")):
        assert _utf16(shown(chat.render(part))[0]) == chat.measure(part) <= 4096


# Refusals


@pytest.mark.parametrize(
    ("status", "description", "remedy"),
    [
        (401, "Unauthorized", "@BotFather"),
        (404, "Not Found", "@BotFather"),
        (400, "chat not found", "Add the bot to the group, and set chat"),
        (403, "bot was kicked from the supergroup chat", "Add the bot to the group again"),
        (403, "bot is not a member of the channel chat", "Add the bot to the group again"),
        (403, "bot was blocked by the user", "Set it to the team's group"),
        (400, "not enough rights to send text messages to the chat", "Let members send messages"),
        (400, "CHAT_WRITE_FORBIDDEN", "Let members send messages"),
        (400, "TOPIC_CLOSED", "Reopen the incident's topic"),
        (400, "message thread not found", "topic was deleted"),
        (400, "message is too long", "Shorten"),
        (400, "something new", "Check this destination's settings"),
    ],
)
async def test_a_refusal_says_what_to_do(status: int, description: str, remedy: str) -> None:
    server = FakeTelegram()
    server.fail["sendMessage"] = [refusal(description, status)]
    with pytest.raises(Rejected) as info:
        await backend(server).post(TOPIC, message(), KEY)
    assert description in info.value.title
    assert remedy in info.value.remedy
    assert server.messages == {}


async def test_a_group_that_was_upgraded_is_refused_with_its_new_id() -> None:
    server = FakeTelegram()
    no = refusal("group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1009876543210)
    server.fail["sendMessage"] = [no]
    with pytest.raises(Rejected) as info:
        await backend(server, chat=-123456).post(Channel(id="-123456"), message(), KEY)
    assert "Set chat to -1009876543210" in info.value.remedy


async def test_a_service_that_asks_for_a_pause_gets_it() -> None:
    """Telegram says how long in the body, one level down."""
    server = FakeTelegram()
    server.fail["sendMessage"] = [refusal("Too Many Requests: retry after 14", 429, retry_after=14)]
    with pytest.raises(NotSent) as info:
        await backend(server).post(TOPIC, message(), KEY)
    assert info.value.retry_after == 14
    server.fail["sendMessage"] = [refusal("Too Many Requests", 429, retry_after="soon")]
    with pytest.raises(NotSent) as info:
        await backend(server).post(TOPIC, message(), KEY)
    assert info.value.retry_after is None


@pytest.mark.parametrize("echo", [TOKEN, SECRET, f"https://api.telegram.org/bot{TOKEN}/sendMessage"])
async def test_no_part_of_the_token_is_in_an_error(echo: str) -> None:
    """It is a part of every address, which libraries and proxies like to repeat."""

    def reset(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError(str(request.url), request=request)

    def unreached(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"no route to {request.url} {echo}", request=request)

    for reply in (reset, unreached, lambda request: refusal(echo), lambda request: httpx.Response(403, text=echo)):
        with pytest.raises((NotSent, Rejected, Unconfirmed)) as info:
            await backend(reply).post(TOPIC, message(), KEY)
        text = "".join(traceback.format_exception(info.value)) + info.value.remedy
        assert SECRET not in text and TOKEN not in text


# doctor


async def test_doctor_says_who_we_are_and_where_incidents_go() -> None:
    known = "Telegram: @warroom_bot in Ops & co, "
    assert await backend(FakeTelegram()).check() == f"{known}incidents are topics"
    assert await backend(FakeTelegram(), topics=False).check() == f"{known}incidents are threads of replies"
    assert await backend(FakeTelegram(forum=False)).check() == f"{known}incidents are threads of replies"
    assert await backend(FakeTelegram(manages=False)).check() == (
        f"{known}incidents are threads of replies: the bot may not manage topics"
    )
    gone = FakeTelegram()
    gone.me = {"status": "left"}
    with pytest.raises(Rejected, match="not a member of Ops & co"):
        await backend(gone).check()


# A double of the Bot API that somebody else wrote

_DOUBLE = """
const TelegramServer = require('telegram-test-api');
const server = new TelegramServer({port: Number(process.argv[1]), host: '127.0.0.1'});
server.start().then(() => console.log(server.config.apiURL));
process.stdin.on('end', () => process.exit(0)).resume();
"""
PACKAGE = "telegram-test-api@4.2.1"


@functools.cache
def _installed() -> Path:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("the double of Telegram needs node and npm")
    with servers._installing("telegram") as folder:
        if not (folder / "node_modules" / "telegram-test-api" / "package.json").exists():
            folder.mkdir(exist_ok=True)
            (folder / "package.json").write_text("{}")
            if why := servers._run(npm, "install", "--no-audit", "--no-fund", "--silent", PACKAGE, cwd=folder):
                pytest.skip(f"the double of Telegram cannot be installed: {why}")
    return folder


@pytest.fixture(scope="module")
def double() -> Iterator[str]:
    """The address of a Bot API double of this module's own."""
    folder, port = _installed(), servers.free_port()
    command = ["node", "-e", _DOUBLE, str(port)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, text=True, stdin=pipe, stdout=pipe) as process:
        assert process.stdin is not None and process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, "the double did not start"
        yield url
        process.stdin.close()
        process.wait(10)


async def test_a_double_that_others_wrote_takes_posts_and_edits(double: str) -> None:
    options = TelegramOptions.model_validate({"token": TOKEN, "chat": GROUP, "base_url": double})
    chat = Telegram(options)
    try:
        first = await chat.post(TOPIC, message("Fails\nImpact: all & more", pin=True), KEY)
        status = await chat.show_status(TOPIC, message("one"), None, "k2")
        assert await chat.show_status(TOPIC, message("two"), status, "k3") == status
        # It knows no pinning and no groups, and says so with a 500.
        with pytest.raises(NotSent):
            await chat.check()
    finally:
        await chat.close()
    asked = {"token": TOKEN, "chatId": GROUP}
    got = httpx.post(f"{double}/getUpdates", json=asked, trust_env=False).json()["result"]
    texts = {str(one["messageId"]): one["message"]["text"] for one in got}
    assert texts[first.id] == "Fails\n<b>Impact:</b> all &amp; more\nINC-7·u2"
    assert texts[status.id].startswith("two")
    assert {one["message"]["message_thread_id"] for one in got} == {77}
