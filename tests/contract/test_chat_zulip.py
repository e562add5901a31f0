"""Zulip: its requests keep the published contract; topics, edits, read-back and the inbox work."""

from __future__ import annotations

import asyncio
import json
import re
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote

import httpx
import pytest
from harness import servers
from harness.listening import listening
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from warroom.connect.chat.zulip import Zulip, ZulipOptions
from warroom.connect.ports import Chat, Promises
from warroom.errors import NotSent, Rejected, Unconfirmed
from warroom.incident.delivery import Channel, Message, Opening
from warroom.room.message_parts import split
from warroom.testing import HttpChatContract
from warroom.testing.chat_contract import KEY, message

anyio_backend = servers.anyio_backend
pytestmark = [pytest.mark.anyio, servers.needs_contracts]

EMAIL = "warroom-bot@team.test"
API_KEY = "plantedsecret0123456789abcdef"
LOGIN = b64encode(f"{EMAIL}:{API_KEY}".encode()).decode()
ME, ALICE, BOB, DEPLOYER = 9, 10, 11, 12
OPENING = Opening(
    incident="INC-7",
    name="inc-7-checkout",
    title="INC-7 checkout",
    topic="CRITICAL · investigating",
    invite=("alice@team.test", "nobody@team.test", "bob", str(BOB)),
)
PUSHPIN = {"emoji_code": "1f4cc", "emoji_name": "push_pin", "reaction_type": "unicode_emoji", "user_id": ALICE}


class FakeZulip:
    """A server with just enough memory. ``fail["POST messages"]`` holds answers to give before the true ones; None
    does what was asked and loses the answer."""

    def __init__(self) -> None:
        self.users: dict[int, dict[str, Any]] = {
            ME: {"full_name": "warroom", "email": EMAIL, "is_bot": True},
            ALICE: {"full_name": "Alice Liddell", "email": "alice@team.test", "is_bot": False},
            BOB: {"full_name": "Bob", "email": "bob@team.test", "is_bot": False},
            DEPLOYER: {"full_name": "Deployer", "email": "deployer-bot@team.test", "is_bot": True},
        }
        self.channels: dict[str, int] = {"ops": 7}
        self.subscribed: list[tuple[int, int]] = []
        self.messages: dict[int, dict[str, Any]] = {}
        self.calls: list[tuple[str, str, dict[str, str]]] = []
        self.fail: dict[str, list[httpx.Response | None]] = {}
        self.may_create = True
        self.edit_limit_over = False
        self.longest = 10_000
        self.history_limited = False
        self.now = int(time.time())

    def write(self, text: str, user: int = ALICE, topic: str = "INC-7 checkout", **more: Any) -> dict[str, Any]:
        """Somebody writes."""
        number = max(self.messages, default=1000) + 1
        self.messages[number] = {
            "id": number,
            "type": "stream",
            "stream_id": 7,
            "subject": topic,
            "content": text,
            "sender_id": user,
            "sender_full_name": self.users[user]["full_name"],
            "timestamp": self.now,
            "client": "website",
            "reactions": [],
            **more,
        }
        return self.messages[number]

    def rename(self, topic: str, new: str, channel: int = 7) -> None:
        """Somebody renames a topic, marks it as resolved, or moves it."""
        for one in self.messages.values():
            if one["subject"] == topic:
                one.update(subject=new, stream_id=channel)

    def texts(self, topic: str) -> list[str]:
        return [one["content"] for one in self.messages.values() if one["subject"] == topic]

    def sent(self, call: str) -> list[dict[str, str]]:
        return [data for method, path, data in self.calls if f"{method} {path}" == call]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == f"Basic {LOGIN}"
        path = unquote(request.url.path).removeprefix("/")
        written = (request.url.query if request.method == "GET" else request.content).decode()
        data = {name: values[0] for name, values in parse_qs(written, keep_blank_values=True).items()}
        self.calls.append((request.method, path, data))
        failures = self.fail.get(f"{request.method} {path}")
        failure = failures.pop(0) if failures else ...
        if isinstance(failure, httpx.Response):
            return failure
        answer = self.answer(request.method, path.split("/"), data)
        if failure is None:
            raise httpx.ReadTimeout("lost", request=request)
        return answer

    def answer(self, method: str, parts: list[str], data: dict[str, str]) -> httpx.Response:
        match method, parts:
            case "GET", ["users", "me"]:
                return done(user_id=ME, **self.users[ME])
            case "GET", ["server_settings"]:
                return done(realm_name="Acme", zulip_feature_level=420)
            case "GET", ["users", "me", "subscriptions"]:
                return done(subscriptions=[{"stream_id": there} for who, there in self.subscribed if who == ME])
            case "POST", ["users", "me", "subscriptions"]:
                return self.subscribe(data)
            case "GET", ["users", who]:
                known = [number for number, user in self.users.items() if who in (str(number), user["email"])]
                return done(user={"user_id": known[0], **self.users[known[0]]}) if known else no("No such user")
            case "GET", ["get_stream_id"]:
                if data["stream"] not in self.channels:
                    return no(f"Invalid channel name '{data['stream']}'")
                return done(stream_id=self.channels[data["stream"]])
            case "GET", ["messages"]:
                return self.listed(data)
            case "POST", ["messages"]:
                content = data["content"]
                if len(content) > self.longest:
                    content = f"{content[: self.longest - 20]}\n[message truncated]"
                assert (data["type"], data["topic"] != "") == ("stream", True)
                return done(id=self.write(content, ME, data["topic"], stream_id=int(data["to"]))["id"])
            case "GET", ["messages", number]:
                found = self.messages.get(int(number))
                return done(message=found) if found else no("Invalid message(s)")
            case "PATCH", ["messages", number]:
                if self.edit_limit_over or int(number) not in self.messages:
                    return no("The time limit for editing this message has passed")
                self.messages[int(number)].update(content=data["content"], last_edit_timestamp=self.now)
                return done()
        raise AssertionError((method, parts))

    def subscribe(self, data: dict[str, str]) -> httpx.Response:
        (wanted,) = json.loads(data["subscriptions"])
        if wanted["name"] not in self.channels:
            if not self.may_create:
                return no("Insufficient permission")
            self.channels[wanted["name"]] = 8
        for who in json.loads(data.get("principals", f"[{ME}]")):
            self.subscribed.append((who, self.channels[wanted["name"]]))
        return done(subscribed={}, already_subscribed={})

    def listed(self, data: dict[str, str]) -> httpx.Response:
        """Messages around the anchor, which comes too, as the server does it."""
        assert data["apply_markdown"] == "false"
        narrow = {term["operator"]: term["operand"] for term in json.loads(data["narrow"])}
        found = sorted(
            number
            for number, one in self.messages.items()
            if one["stream_id"] == narrow["stream"]
            and narrow.get("topic", one["subject"]).lower() == one["subject"].lower()
            and narrow.get("sender", one["sender_id"]) == one["sender_id"]
        )
        anchor = 10**16 if data["anchor"] == "newest" else int(data["anchor"])
        before = [number for number in found if number < anchor]
        after = [number for number in found if number > anchor]
        older, newer = int(data["num_before"]), int(data["num_after"])
        picked = [*(before[-older:] if older else []), *([anchor] if anchor in found else []), *after[:newer]]
        return done(
            messages=[self.messages[number] for number in picked],
            found_anchor=anchor in found,
            found_newest=len(after) <= newer,
            found_oldest=len(before) <= older,
            history_limited=self.history_limited,
        )


def done(**data: Any) -> httpx.Response:
    return httpx.Response(200, json={"result": "success", "msg": "", **data})


def no(words: str, code: str = "BAD_REQUEST", status: int = 400) -> httpx.Response:
    return httpx.Response(status, json={"result": "error", "msg": words, "code": code})


def judged(reply: Callable[[httpx.Request], httpx.Response]) -> httpx.MockTransport:
    """The contract's addresses begin after /api/v1."""
    judge = servers.judged("zulip", reply)

    def handler(request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        assert path.startswith("/api/v1/")
        url = request.url.copy_with(raw_path=path.removeprefix("/api/v1").encode())
        return judge.handle_request(
            httpx.Request(request.method, url, headers=request.headers, content=request.read())
        )

    return httpx.MockTransport(handler)


def options(**more: Any) -> ZulipOptions:
    given = {"site": "https://team.test/", "email": EMAIL, "api_key": API_KEY, "channel": "#ops", **more}
    return ZulipOptions.model_validate(given)


def backend(server: FakeZulip, **more: Any) -> Zulip:
    return Zulip(options(**more), transport=judged(server))


class TestZulip(HttpChatContract):
    accepted: ClassVar = {"result": "success", "id": 42}
    empty: ClassVar = {"result": "success", "user_id": ME, "messages": [], "found_oldest": True}
    channel: ClassVar = Channel(id="7")
    secrets = (API_KEY, LOGIN)

    def make(self, transport: Any) -> Chat:
        return Zulip(options(), transport=transport)


# The topic


async def test_an_incident_is_a_topic_that_calls_who_is_to_respond_once() -> None:
    server = FakeZulip()
    chat = backend(server, invite=("deployer-bot@team.test",))
    channel = await chat.open(OPENING, "k")
    ((first, begun),) = server.messages.items()
    assert channel == Channel(
        id="7",
        name="#ops > INC-7 checkout",
        url="https://team.test/#narrow/stream/7/topic/INC-7.20checkout",
        thread=str(first),
    )
    words, _, code = begun["content"].rpartition(" · ")
    assert words == "INC-7 checkout @**Alice Liddell|10** @**Bob|11**" and len(code) == 8
    assert server.subscribed == [(ME, 7), (DEPLOYER, 7), (ALICE, 7), (BOB, 7)]
    assert await backend(server).open(OPENING, "k") == channel and len(server.messages) == 1, "harmless to repeat"
    await chat.post(channel, message("Ask @alice and @**Bob|11**"), KEY)
    assert "@" not in server.texts("INC-7 checkout")[-1]


async def test_a_topic_whose_beginning_was_lost_is_found_again() -> None:
    server = FakeZulip()
    server.fail["POST messages"] = [None]
    with pytest.raises(NotSent):
        await backend(server).open(OPENING, "k")
    await backend(server).open(OPENING, "k")
    assert len(server.messages) == 1


async def test_the_incident_of_another_journal_with_the_same_number_is_not_continued() -> None:
    server = FakeZulip()
    old = await backend(server).open(OPENING, "k")
    for one in server.messages.values():
        one["timestamp"] -= 30 * 86_400
    server.write("of last month")
    new = await backend(server).open(OPENING, "k")
    assert new.thread != old.thread and new.name == old.name
    server.write("of today")
    got = await backend(server).since(new, "")
    assert [m.text for m in got.messages if not m.own] == ["of today"]


async def test_a_missing_channel_is_created_where_the_bot_may() -> None:
    server = FakeZulip()
    assert (await backend(server, channel="incidents").open(OPENING, "k")).id == "8"
    server = FakeZulip()
    server.may_create = False
    with pytest.raises(Rejected, match="no channel #incidents") as info:
        await backend(server, channel="incidents").open(OPENING, "k")
    assert "Create the channel" in info.value.remedy
    with pytest.raises(ValidationError):
        backend(server, channel="# ")


async def test_a_bot_that_may_not_subscribe_still_posts() -> None:
    server = FakeZulip()
    server.fail["POST users/me/subscriptions"] = [no("Not allowed")] * 3
    assert (await backend(server).open(OPENING, "k")).thread in map(str, server.messages)


async def test_topics_are_names_that_zulip_takes() -> None:
    server = FakeZulip()
    long = OPENING.model_copy(update={"title": "INC-7 a > b " + "x" * 80})
    channel = await backend(server).open(long, "k")
    (begun,) = server.messages.values()
    assert len(begun["subject"]) == 60 and begun["subject"].endswith("x…")
    assert channel.name == f"#ops > {begun['subject']}" and channel.name.count(" > ") == 1
    hidden = OPENING.model_copy(update={"title": "INC-8\n\u0378 x", "public": True})
    await backend(server).open(hidden, "k2")
    assert server.texts("INC-8  x"), "no character that is not printable"


@pytest.mark.parametrize("new", ["✔ INC-7 checkout", "Checkout is down"])
async def test_everything_follows_a_topic_that_is_renamed_or_resolved(new: str) -> None:
    server = FakeZulip()
    chat = backend(server)
    channel = await chat.open(OPENING, "k")
    await chat.post(channel, message(), KEY)
    cursor = (await chat.since(channel, "")).cursor
    server.rename("INC-7 checkout", new)
    server.write("of another incident", topic="INC-7 checkout")
    server.write("still here", topic=new)
    assert [m.text for m in (await chat.since(channel, cursor)).messages if not m.own] == ["still here"]
    assert await chat.find(channel, KEY) is not None
    receipt = await chat.post(channel, message(), f"{KEY}.2")
    assert server.messages[int(receipt.id)]["subject"] == new
    server.rename(new, new, channel=99)
    assert (await chat.find(channel, KEY)) is not None, "moved to another channel"
    assert server.messages[int((await chat.post(channel, message(), "k3")).id)]["stream_id"] == 99


async def test_without_its_first_message_a_topic_goes_by_its_name() -> None:
    server = FakeZulip()
    chat = backend(server)
    channel = await chat.open(OPENING, "k")
    del server.messages[int(channel.thread)]
    receipt = await chat.post(channel, message(), KEY)
    assert server.messages[int(receipt.id)]["subject"] == "INC-7 checkout"
    assert await chat.find(channel, KEY) == receipt and await chat.find(channel, "other") is None


# Posts


async def test_a_post_is_found_by_its_key_among_our_own() -> None:
    server = FakeZulip()
    chat = backend(server)
    channel = await chat.open(OPENING, "k")
    receipt = await chat.post(channel, message(), KEY)
    assert receipt.url == f"https://team.test/#narrow/stream/7/topic/INC-7.20checkout/near/{receipt.id}"
    text = server.messages[int(receipt.id)]["content"]
    assert re.fullmatch(re.escape(chat.render(message())) + r" · [a-z2-7]{8}", text)
    server.write(text, ALICE)
    assert await chat.find(channel, KEY) == receipt, "a copy by somebody else is not the post"
    second = await chat.post(channel, message(), f"{KEY}.2")
    assert second != receipt and await chat.find(channel, f"{KEY}.2") == second, "parts share a marker, not a key"
    for number in range(450):
        server.write(f"chatter {number}", ME, topic="elsewhere")
    assert await chat.find(channel, KEY) == receipt
    del server.messages[int(receipt.id)]
    assert await chat.find(channel, KEY) is None


async def test_a_search_that_ends_early_proves_nothing() -> None:
    server = FakeZulip()
    chat = backend(server)
    channel = await chat.open(OPENING, "k")
    server.longest = 30
    await chat.post(channel, message(), KEY)
    with pytest.raises(Unconfirmed):
        await chat.find(channel, KEY)  # its end is cut off
    server = FakeZulip()
    chat = backend(server)
    channel = await chat.open(OPENING, "k")
    for number in range(2500):
        server.write(f"chatter {number}", ME, topic="elsewhere")
    with pytest.raises(Unconfirmed):
        await chat.find(channel, KEY)
    server.messages.clear()
    server.history_limited = True
    with pytest.raises(Unconfirmed):
        await chat.find(channel, KEY)


async def test_customers_see_no_more_than_the_code() -> None:
    chat = backend(FakeZulip())
    assert chat.render(message("Fails", audience="customers", marker="Ref 4F7K2Q")) == "Fails"


async def test_the_status_message_is_edited_as_long_as_zulip_allows_it() -> None:
    server = FakeZulip()
    chat = backend(server)
    channel = await chat.open(OPENING, "k")
    first = await chat.show_status(channel, message("one"), None, KEY)
    assert await chat.show_status(channel, message("one"), None, KEY) == first, "a lost answer does not double it"
    assert await chat.show_status(channel, message("two"), first, "k2") == first
    assert server.messages[int(first.id)]["content"].startswith("two\n") and len(server.messages) == 2
    server.edit_limit_over = True
    second = await chat.show_status(channel, message("three"), first, "k3")
    assert second != first and len(server.messages) == 3
    assert await chat.show_status(channel, message("three"), first, "k3") == second
    server.fail[f"PATCH messages/{first.id}"] = [no("Invalid API key", "INVALID_API_KEY", 401)]
    with pytest.raises(Rejected, match="INVALID_API_KEY"):
        await chat.show_status(channel, message("four"), first, "k4")


async def test_a_long_update_is_split_so_that_each_part_fits_with_its_code() -> None:
    server = FakeZulip()
    chat = backend(server)
    channel = await chat.open(OPENING, "k")
    parts = split(chat, message("Title\n" + "\n".join(f"**{number}** `it` 🦜" for number in range(2000))))
    assert len(parts) > 1
    for number, part in enumerate(parts):
        receipt = await chat.post(channel, part, f"{KEY}.{number}")
        content = server.messages[int(receipt.id)]["content"]
        assert len(content) == chat.measure(part) <= chat.max_length


async def test_a_service_that_asks_for_a_pause_gets_it() -> None:
    """Zulip also says so in the body, as proxies drop the header."""
    server = FakeZulip()
    limited = {
        "result": "error",
        "msg": "API usage exceeded rate limit",
        "code": "RATE_LIMIT_HIT",
        "retry-after": 28.7,
    }
    server.fail["POST messages"] = [httpx.Response(429, json=limited)]
    with pytest.raises(NotSent) as info:
        await backend(server).post(Channel(id="7", name="#ops > x"), message(), KEY)
    assert info.value.retry_after == 28.7


@pytest.mark.parametrize(
    ("answer", "remedy"),
    [
        (no("Invalid API key", "INVALID_API_KEY", 401), "API key"),
        (no("Account is deactivated", "USER_DEACTIVATED", 401), "Reactivate"),
        (no("Channel with ID '7' does not exist", "STREAM_DOES_NOT_EXIST"), "Create the channel"),
        (no("Not authorized to send to channel 'ops'"), "Not authorized to send to channel 'ops'"),
    ],
)
async def test_a_refusal_says_what_to_do(answer: httpx.Response, remedy: str) -> None:
    server = FakeZulip()
    server.fail["POST messages"] = [answer]
    with pytest.raises(Rejected) as info:
        await backend(server).post(Channel(id="7", name="#ops > x"), message(), KEY)
    assert remedy in info.value.remedy


FORMATS = {
    "emphasis": r"\*",
    "code": r"`",
    "strikethrough": r"~~",
    "formula": r"\$\$",
    "link": r"\]\(",
    "time": r"<time:",
    "entity": r"&#?\w+;",
    "emoji": r":[\w+-]*[a-zA-Z][\w+-]*:|:\+1:|:100:",
    "mention": r"@_?\*|@(all|everyone)",
    "heading": r"(?m)^(\s*([-+]|\d+\.)\s+)*\s*#{1,6}\s",
    "quote": r"(?m)^(\s*([-+]|\d+\.)\s+)*\s*>",
    "rule or table": r"(?m)^(\s*([-+]|\d+\.)\s+)*\s*[-_|:][-_|: ]*$",
    "command": r"\A\s*/",
}
"""What Zulip formats: zulip.com/help/format-your-message-using-markdown."""


@given(st.text("@*_`~[]()|#:$<>&;/-+ \\abt1\n", max_size=40))
@example("/poll Who?\n# a\n- # b\n> c\n1. > d\n---\n- ---\n|--|--|\n~~~\n```spoiler x")
@example("@**all** @_**all** @*group* #**ops>INC-7** [a](https://b) <time:2026-01-28> &lt; :tada: $$x$$ ~~~y~~~")
def test_no_text_can_mention_link_or_format(text: str) -> None:
    given = Message.model_validate(message().model_dump() | {"text": text, "title": "x"})
    rendered = backend(FakeZulip()).render(given)
    assert [name for name, syntax in FORMATS.items() if re.search(syntax, rendered)] == []


def test_what_formats_nothing_stays_as_it_is() -> None:
    chat = backend(FakeZulip())
    words = "- db_pool[3] at 13:05:00+02:00 costs $5, see https://a.test/x_y?a=1&b=2 #12 (a < b > c)"
    assert chat.render(message(f"{words}\nImpact: > 5 % of root@db1")) == (
        f"{words}\n**Impact:** > 5 % of root@db1\nINC-7·u2"
    )


async def test_a_name_cannot_end_its_mention() -> None:
    server = FakeZulip()
    server.users[ALICE]["full_name"] = "x** @**all"
    await backend(server).open(OPENING, "k")
    assert server.texts("INC-7 checkout")[0].startswith("INC-7 checkout @**|10** @**Bob|11**")


# What people write


async def test_the_inbox_reads_everything_once_in_order_with_edits_deletions_and_pins() -> None:
    server = FakeZulip()
    chat = backend(server)
    server.write("before", topic="INC-7 checkout")
    channel = await chat.open(OPENING, "k")
    first = server.write("It is the database")
    await chat.post(channel, message(), KEY)
    reply = server.write("Sure?", BOB)
    server.write("elsewhere", topic="lunch")
    server.write("Bob has marked this topic as resolved.", DEPLOYER, client="Internal")
    hook = server.write("deploy done", DEPLOYER)
    got = await chat.since(channel, "")
    assert [(m.text, m.author, m.author_id, m.bot) for m in got.messages if not m.own] == [
        ("It is the database", "Alice Liddell", str(ALICE), False),
        ("Sure?", "Bob", str(BOB), False),
        ("deploy done", "Deployer", str(DEPLOYER), True),
    ]
    assert [m.bot for m in got.messages if m.own] == [False, False]
    assert {m.thread for m in got.messages} == {channel.thread}
    assert got.messages[1].at == datetime.fromtimestamp(first["timestamp"], UTC)
    first.update(content="It is the network", last_edit_timestamp=server.now)
    hook["reactions"].append(PUSHPIN)
    del server.messages[reply["id"]]
    server.write("next")
    later = await chat.since(channel, got.cursor)
    assert [(m.text, m.edited, m.deleted, m.pinned) for m in later.messages if not m.own] == [
        ("It is the network", True, False, False),
        ("", False, True, False),
        ("deploy done", False, False, True),
        ("next", False, False, False),
    ]
    assert [m.author_id for m in later.messages if m.deleted] == [str(BOB)]
    again = await chat.since(channel, later.cursor)
    assert again.cursor == later.cursor and not any(m.deleted for m in again.messages), "said once"
    del server.messages[int(later.cursor)]
    assert (await chat.since(channel, later.cursor)).cursor == later.cursor, "it never goes back"


async def test_a_message_that_is_moved_away_is_not_deleted() -> None:
    server = FakeZulip()
    chat = backend(server)
    channel = await chat.open(OPENING, "k")
    moved = server.write("lunch?")
    got = await chat.since(channel, "")
    moved["subject"] = "lunch"
    assert [m.text for m in (await chat.since(channel, got.cursor)).messages if not m.own] == []
    server.messages.clear()
    last = await chat.since(channel, got.cursor)
    assert [m.deleted for m in last.messages] == [True] and last.cursor == got.cursor


async def test_a_burst_between_two_looks_is_read_without_a_gap() -> None:
    server = FakeZulip()
    chat = backend(server)
    channel = await chat.open(OPENING, "k")
    cursor = (await chat.since(channel, "")).cursor
    for number in range(4000):
        server.write(f"line {number}")
    lines: list[str] = []
    for _ in range(3):
        got = await chat.since(channel, cursor)
        assert len(got.messages) <= 2000
        lines += [m.text for m in got.messages if not m.own and m.text not in lines[-60:]]
        cursor = got.cursor
    assert lines == [f"line {number}" for number in range(4000)]


async def test_an_inbox_that_is_read_every_few_seconds_asks_once() -> None:
    """Zulip allows 200 requests a minute, for all incidents together."""
    server = FakeZulip()
    chat = backend(server)
    channel = await chat.open(OPENING, "k")
    cursor = (await chat.since(channel, "")).cursor
    server.calls.clear()
    await chat.since(channel, cursor)
    assert [(method, path) for method, path, _ in server.calls] == [("GET", "messages")]


# The event queue


class EventQueue:
    """The event queues of a server. ``answers`` are those to the requests for events; then it waits for more."""

    def __init__(self, server: FakeZulip, *answers: Any) -> None:
        self.server = server
        self.answers: asyncio.Queue[Any] = asyncio.Queue()
        for answer in answers:
            self.answers.put_nowait(answer)
        self.registered: list[dict[str, str]] = []
        self.asked: list[dict[str, str]] = []
        self._rest = judged(server)
        self._judge = judged(self._known)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1/")
        if path not in ("register", "events"):
            return self._rest.handle_request(request)
        answer = self._judge.handle_request(request)
        if path == "register":
            return answer
        what = await self.answers.get()
        return what if isinstance(what, httpx.Response) else done(events=what, queue_id="q")

    def _known(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == f"Basic {LOGIN}"
        written = request.url.query if request.method == "GET" else request.content
        data = {name: values[0] for name, values in parse_qs(written.decode()).items()}
        if request.method == "GET":
            self.asked.append(data)
        else:
            self.registered.append(data)
        return done(queue_id=f"q{len(self.registered)}", last_event_id=-1)


def waiting(queue: EventQueue) -> Zulip:
    return Zulip(options(), transport=httpx.MockTransport(queue))


BAD_QUEUE = httpx.Response(
    400, json={"result": "error", "msg": "Bad event queue ID: q1", "code": "BAD_EVENT_QUEUE_ID", "queue_id": "q1"}
)


async def test_what_happens_in_the_channel_is_told_and_a_heartbeat_is_not() -> None:
    queue = EventQueue(
        FakeZulip(),
        [{"id": 0, "type": "message", "message": {"id": 5}}, {"id": 1, "type": "reaction"}],
        [{"id": 2, "type": "heartbeat"}],
        [{"id": 3, "type": "delete_message"}],
        [{"id": 4, "type": "update_message"}],
        httpx.Response(200, json={"result": "success", "events": [7, {"type": "odd"}]}),
        httpx.Response(429, json={"result": "error", "code": "RATE_LIMIT_HIT", "msg": "busy", "retry-after": 12.5}),
    )
    async with aclosing(waiting(queue).wake()) as wakes:
        assert [await anext(wakes) for _ in range(4)] == ["", "", "", ""]
        with pytest.raises(NotSent) as info:
            await anext(wakes)
        assert info.value.retry_after == 12.5
    assert [one["last_event_id"] for one in queue.asked] == ["-1", "1", "2", "3", "4", "4"]
    (registered,) = queue.registered
    assert json.loads(registered["narrow"]) == [["stream", "ops"]]
    assert set(json.loads(registered["event_types"])) == {"message", "update_message", "delete_message", "reaction"}
    assert Promises.of(waiting(queue)).pushes


async def test_a_queue_that_was_forgotten_is_followed_by_another_and_a_look() -> None:
    queue = EventQueue(FakeZulip(), [{"id": 0, "type": "message"}], BAD_QUEUE, [{"id": 0, "type": "message"}])
    async with aclosing(waiting(queue).wake()) as wakes:
        assert [await anext(wakes) for _ in range(4)] == ["", "", "", ""]
    assert [one["queue_id"] for one in queue.asked] == ["q1", "q1", "q2"]


@pytest.mark.parametrize("answers", [[[]] * 99, [BAD_QUEUE] * 99], ids=["no wait", "no queue"])
async def test_a_server_that_does_not_wait_is_not_asked_for_ever(answers: list[Any]) -> None:
    with pytest.raises(NotSent, match="does not wait"):
        async for wake in waiting(EventQueue(FakeZulip(), *answers)).wake():
            assert wake == ""


async def test_a_queue_that_is_refused_says_what_to_do() -> None:
    with pytest.raises(Rejected, match="UNAUTHORIZED"):
        await anext(Zulip(options(), transport=httpx.MockTransport(lambda _: no("No", "UNAUTHORIZED", 401))).wake())


async def test_every_message_is_in_the_timeline_once_because_it_was_told(tmp_path: Path) -> None:
    server = FakeZulip()
    queue = EventQueue(server)
    async with listening(tmp_path, waiting(queue)) as room:
        topic = room.channel.name.rpartition(" > ")[2]
        texts: list[str] = []

        def write() -> list[dict[str, Any]]:
            texts.append(f"line {len(texts)}")
            server.write(texts[-1], topic=topic)
            return [{"id": len(texts), "type": "message"}]

        queue.answers.put_nowait(write())
        await room.shows(*texts)
        write()
        queue.answers.put_nowait(BAD_QUEUE)
        await room.shows(*texts)
        queue.answers.put_nowait(write() * 2)
        await room.shows(*texts)
        queue.answers.put_nowait(httpx.Response(502))
        write()
        await room.shows(*texts)


async def test_doctor_says_who_we_are_and_where() -> None:
    server = FakeZulip()
    assert await backend(server).check() == "Zulip: warroom in Acme, channel #ops (not yet subscribed)"
    server.subscribed.append((ME, 7))
    assert await backend(server).check() == "Zulip: warroom in Acme, channel #ops (subscribed)"
    with pytest.raises(Rejected, match="no channel #nowhere"):
        await backend(server, channel="nowhere").check()
    assert not server.messages and "nowhere" not in server.channels
