"""Matrix gets requests its specification allows, and a real homeserver keeps each post once."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from harness import servers
from harness.listening import listening
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from warroom.connect.chat.matrix import Matrix
from warroom.connect.ports import Chat, Promises
from warroom.errors import DeliveryError, NotSent, Rejected, Unconfirmed
from warroom.incident.delivery import Channel, Message, Opening, Receipt

pytestmark = pytest.mark.anyio
anyio_backend = servers.anyio_backend
served = servers.served
synapse = servers.synapse

TOKEN = "syt_planted_0123456789_secret"
KEY = "INC-7.3.matrix.post"
HERE = Channel(id="!opaque+/room", name="#inc-7:warroom.test")
AT = datetime(2026, 11, 23, 18, 31, 5, tzinfo=UTC)


def opening(name: str = "inc-7-checkout", **more: Any) -> Opening:
    fields = {"incident": "INC-7", "name": name, "title": "Checkout fails", "topic": "SEV1 · investigating"}
    return Opening.model_validate({**fields, **more})


def message(text: str = "Checkout fails\nImpact: one in five", **more: Any) -> Message:
    fields = {
        "kind": "update",
        "audience": "team",
        "incident": "INC-7",
        "severity": "SEV1",
        "status": "investigating",
        "title": text.partition("\n")[0],
        "text": text,
        "marker": "INC-7·u3",
        "at": AT,
    }
    return Message.model_validate({**fields, **more})


# In process, judged by the specification


class FakeHomeserver:
    """Answers as a homeserver does. ``fail[path's end]`` holds answers to give before the true ones."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Any]] = []
        self.fail: dict[str, list[Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.seen: dict[str, str] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        path = request.url.raw_path.decode().partition("?")[0].removeprefix("/_matrix/client/v3/")
        body = json.loads(request.content) if request.content else None
        self.calls.append((request.method, path, body))
        what = path.split("/")[2] if path.startswith("rooms/") else path.split("/")[0]
        if self.fail.get(what):
            failure = self.fail[what].pop(0)
            if isinstance(failure, Exception):
                raise failure
            if failure is not None:
                return failure
        if what == "account":
            return httpx.Response(200, json={"user_id": "@bot:warroom.test:8448"})
        if what == "createRoom":
            return httpx.Response(200, json={"room_id": HERE.id})
        if what == "send":
            if path not in self.seen:
                self.seen[path] = f"$event{len(self.seen)}"
                self.events.append({"event_id": self.seen[path], "content": body})
            return httpx.Response(200, json={"event_id": self.seen[path]})
        if what == "messages":
            return httpx.Response(200, json={"start": "s", "chunk": self.events[::-1]})
        if what == "directory":
            return httpx.Response(200, json={"room_id": "!shared", "servers": []})
        if what == "state" and request.method == "GET":
            return httpx.Response(404, json={"errcode": "M_NOT_FOUND", "error": "none"})
        if what == "state":
            return httpx.Response(200, json={"event_id": "$state"})
        if what == "join":
            return httpx.Response(200, json={"room_id": unquote(path.partition("/")[2])})
        return httpx.Response(200, json={})

    def sent(self, part: str) -> list[Any]:
        return [body for _, path, body in self.calls if f"/{part}" in f"/{path}"]


def fake(server: FakeHomeserver, **more: Any) -> Matrix:
    options = Matrix.Options(homeserver="https://matrix.test", token=SecretStr(TOKEN), **more)
    return Matrix(options, transport=servers.judged("matrix", server))


def no(status: int, errcode: str, **more: Any) -> httpx.Response:
    return httpx.Response(status, json={"errcode": errcode, "error": f"words about {TOKEN}", **more})


@servers.needs_contracts
async def test_each_request_keeps_the_specification() -> None:
    server = FakeHomeserver()
    chat = fake(server, room="#ops:warroom.test", invite=("@ann:warroom.test",))
    channel = await chat.open(opening(invite=("@bob:warroom.test", "not a user", "")), "k")
    assert channel.id == HERE.id
    assert channel.name == "#inc-7-checkout:warroom.test:8448"
    assert [body["user_id"] for body in server.sent("invite")] == ["@ann:warroom.test", "@bob:warroom.test"]
    (made,) = server.sent("createRoom")
    assert (made["preset"], made["room_alias_name"]) == ("private_chat", "inc-7-checkout")
    receipt = await chat.post(channel, message(pin=True), KEY)
    assert server.sent("state/m.room.pinned_events")[-1] == {"pinned": [receipt.id]}
    assert await chat.show_status(channel, message("SEV2"), receipt, "s") == receipt
    assert await chat.find(channel, KEY) == receipt
    assert await chat.find(channel, "s") == receipt, "an edit is found as the message it edits"
    assert await chat.find(channel, "other") is None
    assert "@bot" in await chat.check()
    assert all("%21opaque%2B%2Froom" in path for _, path, _ in server.calls if "opaque" in path)
    assert isinstance(chat, Chat)
    await chat.close()


@servers.needs_contracts
async def test_a_post_says_it_mentions_nobody() -> None:
    server = FakeHomeserver()
    await fake(server).post(HERE, message('@room <b>&"\nImpact: <!channel>'), KEY)
    assert server.sent("send") == [
        {
            "msgtype": "m.text",
            "body": '＠room <b>&"\nImpact: <!channel>\nINC-7·u3',
            "format": "org.matrix.custom.html",
            "formatted_body": (
                "＠room &lt;b&gt;&amp;&quot;<br><strong>Impact:</strong> &lt;!channel&gt;<br>INC-7·u3"
            ),
            "m.mentions": {},
            "warroom.key": KEY,
        }
    ]


@servers.needs_contracts
@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (no(429, "M_LIMIT_EXCEEDED", retry_after_ms=1868), NotSent, "rate-limiting"),
        (no(429, "M_LIMIT_EXCEEDED"), NotSent, "rate-limiting"),
        (httpx.Response(429), NotSent, "rate-limiting"),
        (no(401, "M_UNKNOWN_TOKEN"), Rejected, "new access token"),
        (no(403, "M_FORBIDDEN"), Rejected, "Invite the account"),
        (no(413, "M_TOO_LARGE"), Rejected, "Shorten"),
        (no(404, "M_NOT_FOUND"), Rejected, "Check the room"),
        (no(404, "M_UNRECOGNIZED"), Rejected, "address"),
        (no(500, "M_UNKNOWN"), Unconfirmed, "may have arrived"),
        (httpx.Response(200, content=b"{"), Unconfirmed, ""),
        (httpx.Response(200, json={}), Unconfirmed, "no event id"),
        (httpx.ReadTimeout("planted"), Unconfirmed, ""),
        (httpx.ConnectError("planted"), NotSent, ""),
    ],
)
async def test_each_outcome_has_its_meaning(answer: Any, kind: type[DeliveryError], words: str) -> None:
    server = FakeHomeserver()
    server.fail["send"] = [answer]
    chat = fake(server)
    with pytest.raises(DeliveryError) as info:
        await chat.post(HERE, message(), KEY)
    assert isinstance(info.value, kind)
    assert words in str(info.value) and info.value.remedy
    assert TOKEN not in str(info.value)
    assert await chat.post(HERE, message(), KEY)
    assert len(server.events) == 1


@servers.needs_contracts
async def test_the_same_key_is_the_same_transaction_and_a_new_journals_is_not() -> None:
    server = FakeHomeserver()
    first = await fake(server).post(HERE, message(), KEY)
    assert await fake(server).post(HERE, message(), KEY) == first
    again = await fake(server).post(HERE, message(at=AT + timedelta(days=30)), KEY)
    assert again != first, "INC-7 of another journal is not swallowed"
    assert await fake(server).post(HERE, message(), "a/b ?#%é") != first


@servers.needs_contracts
async def test_where_no_room_may_be_made_the_shared_one_is_used() -> None:
    server = FakeHomeserver()
    server.fail["createRoom"] = [no(403, "M_FORBIDDEN")]
    chat = fake(server, room="#ops:warroom.test")
    channel = await chat.open(opening(), "k")
    assert (channel.id, channel.name) == ("!shared", "#ops:warroom.test")
    (root,) = server.sent("send/m.room.message")
    assert channel.thread and root["m.mentions"] == {}
    await chat.post(channel, message(), KEY)
    assert server.sent("send/m.room.message")[-1]["m.relates_to"] == {
        "rel_type": "m.thread",
        "event_id": channel.thread,
    }
    await chat.show_status(channel, message(), None, "s")
    assert not server.sent("state/m.room.topic")
    server.fail["createRoom"] = [no(403, "M_FORBIDDEN")]
    with pytest.raises(Rejected):
        await fake(server).open(opening(), "k")


@servers.needs_contracts
async def test_a_shared_room_we_are_not_in_is_said() -> None:
    server = FakeHomeserver()
    server.fail["join"] = [no(403, "M_FORBIDDEN")]
    with pytest.raises(Rejected) as info:
        await fake(server, room="!shared", room_per_incident=False).open(opening(), "k")
    assert "@bot:warroom.test" in info.value.remedy
    server.fail["directory"] = [no(404, "M_NOT_FOUND")]
    with pytest.raises(Rejected):
        await fake(server, room="#gone:warroom.test").check()
    with pytest.raises(ValidationError):
        Matrix.Options(homeserver="https://m.test", token=SecretStr(TOKEN), room_per_incident=False)


@servers.needs_contracts
async def test_what_fails_beside_a_post_does_not_fail_the_post() -> None:
    server = FakeHomeserver()
    throttled = no(429, "M_LIMIT_EXCEEDED")
    server.fail["state"] = [no(403, "M_FORBIDDEN"), httpx.ReadTimeout("planted"), throttled, no(500, "M_UNKNOWN")]
    for number in range(2):
        assert (await fake(server).post(HERE, message(pin=True), f"k{number}")).id
        assert (await fake(server).show_status(HERE, message(), None, f"s{number}")).id


@servers.needs_contracts
async def test_an_endless_history_proves_nothing() -> None:
    server = FakeHomeserver()
    page = {"start": "s", "end": "more", "chunk": [None, 7, {"content": []}, {"content": {"warroom.key": 1}}]}
    server.fail["messages"] = [httpx.Response(200, json=page)] * 99
    with pytest.raises(Unconfirmed):
        await fake(server).find(HERE, KEY)


@servers.needs_contracts
async def test_the_address_may_be_called_base_url() -> None:
    assert Matrix.Options.model_validate({"base_url": "https://m.test", "token": TOKEN}).homeserver


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag if not attrs else f"{tag} {attrs}")

    def handle_data(self, data: str) -> None:
        self.words += data


HOSTILE = st.sampled_from(
    ["@room", "<a href='https://matrix.to/#/@bob:x'>", "</strong><script>", "&lt;b&gt;", "<!--", "\x1b[2J", "](x)"]
)


@settings(deadline=None)
@given(st.lists(st.one_of(HOSTILE, st.text(), st.characters()), max_size=6).map("".join))
def test_no_text_becomes_html_or_calls_the_room(text: str) -> None:
    chat = Matrix(Matrix.Options(homeserver="https://m.test", token=SecretStr(TOKEN)))
    content = chat._content(message(text))
    tags = _Tags()
    tags.feed(content["formatted_body"])
    tags.close()
    assert tags.tags <= {"strong", "br"}
    assert "@room" not in content["body"] + tags.words
    assert "\x1b" not in content["body"]
    assert content["m.mentions"] == {}


def test_the_longest_post_fits_into_an_event_whatever_its_characters() -> None:
    chat = Matrix(Matrix.Options(homeserver="https://m.test", token=SecretStr(TOKEN)))
    for character in ("x", "<", "é", "日", "😀"):
        content = chat._content(message(character * (chat.max_length - 20)))
        assert len(json.dumps(content, ensure_ascii=False).encode()) < 63_000


# Prism


@servers.needs_contracts
async def test_a_mock_server_of_the_specification_takes_every_request(served: Callable[[str], str]) -> None:
    options = Matrix.Options(homeserver=served("matrix"), token=SecretStr(TOKEN), room="!shared")
    chat = Matrix(options)
    assert await chat.check()
    channel = await chat.open(opening(invite=("@bob:warroom.test",)), "k")
    receipt = await chat.post(channel, message(pin=True), KEY)
    assert receipt.id
    assert await chat.show_status(channel, message(), receipt, "s") == receipt
    await chat.close()


# A real homeserver


def real(server: servers.Synapse, token: str = "", **more: Any) -> Matrix:
    return Matrix(Matrix.Options(homeserver=server.url, token=SecretStr(token or server.token), **more))


async def test_a_real_room_is_made_once_with_people_and_topic(synapse: servers.Synapse) -> None:
    bob, bobs = synapse.register("bob")
    chat = real(synapse)
    people = ("@nobody.there:warroom.test", "@far:unreachable.invalid", bob)
    channel = await chat.open(opening(invite=people), "k")
    again = await real(synapse).open(opening(invite=people), "k")
    assert again == channel
    assert channel.name == "#inc-7-checkout:warroom.test"
    assert synapse.rooms().count(channel.id) == 1
    assert synapse.members(channel.id)[bob] == "invite"
    assert synapse.state(channel.id, "m.room.topic")["topic"] == "SEV1 · investigating"
    assert synapse.state(channel.id, "m.room.name")["name"] == "Checkout fails"
    synapse.request("POST", f"join/{channel.id}", {}, token=bobs)
    assert channel.id in synapse.rooms(bobs)
    # A member already: inviting again changes nothing.
    await chat.open(opening(invite=(bob,)), "k")
    assert synapse.members(channel.id)[bob] == "join"
    await chat.close()


async def test_a_strangers_alias_is_left_alone(synapse: servers.Synapse) -> None:
    _, mallory = synapse.register("mallory")
    body = {"room_alias_name": "inc-8-taken", "preset": "private_chat"}
    theirs = synapse.request("POST", "createRoom", body, token=mallory)["room_id"]
    channel = await real(synapse).open(opening("inc-8-taken"), "k")
    assert channel.id != theirs
    assert channel.name == "#inc-8-taken-2:warroom.test"
    assert await real(synapse).open(opening("inc-8-taken"), "k") == channel


async def test_the_same_key_twice_is_one_event(synapse: servers.Synapse) -> None:
    chat = real(synapse)
    channel = await chat.open(opening("inc-9"), "k")
    first, second = await asyncio.gather(
        chat.post(channel, message(), KEY), real(synapse).post(channel, message(), KEY)
    )
    third = await chat.post(channel, message(), KEY)
    assert first == second == third
    other = await chat.post(channel, message(), "INC-7.4.matrix.post")
    events = synapse.messages(channel.id)
    assert [event["event_id"] for event in events] == [first.id, other.id]
    assert events[0]["content"]["body"] == "Checkout fails\nImpact: one in five\nINC-7·u3"
    assert await chat.find(channel, KEY) == first
    assert await chat.find(channel, "INC-7.5.matrix.post") is None
    await chat.close()


async def test_a_reset_after_the_server_has_it_still_makes_one_event(synapse: servers.Synapse) -> None:
    """The request goes through, its answer is thrown away: then it is tried again."""
    channel = await real(synapse).open(opening("inc-10"), "k")
    lose = threading.Event()
    lose.set()

    class Losing(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await super().handle_async_request(request)
            if lose.is_set():
                await response.aread()
                raise httpx.ReadError("planted")
            return response

    options = Matrix.Options(homeserver=synapse.url, token=SecretStr(synapse.token))
    chat = Matrix(options, transport=Losing())
    with pytest.raises(Unconfirmed):
        await chat.post(channel, message(), KEY)
    lose.clear()
    receipt = await chat.post(channel, message(), KEY)
    assert [event["event_id"] for event in synapse.messages(channel.id)] == [receipt.id]
    await chat.close()


async def test_the_status_message_is_edited_pinned_and_followed_by_the_topic(synapse: servers.Synapse) -> None:
    chat = real(synapse)
    channel = await chat.open(opening("inc-11"), "k")
    first = await chat.show_status(channel, message("SEV1 investigating", pin=True), None, "s1")
    second = await chat.show_status(channel, message("SEV2 monitoring", pin=True), first, "s2")
    await chat.show_status(channel, message("SEV2 monitoring", pin=True), first, "s2")
    assert second == first
    original, edit = synapse.messages(channel.id)
    assert original["event_id"] == first.id
    assert edit["content"]["m.relates_to"] == {"rel_type": "m.replace", "event_id": first.id}
    assert edit["content"]["m.new_content"]["body"] == "SEV2 monitoring\nINC-7·u3"
    aggregated = original["unsigned"]["m.relations"]["m.replace"]
    assert aggregated["event_id"] == edit["event_id"], "the server itself takes it for an edit"
    assert synapse.state(channel.id, "m.room.pinned_events")["pinned"] == [first.id]
    assert synapse.state(channel.id, "m.room.topic")["topic"] == "SEV2 monitoring"
    assert await chat.find(channel, "s2") == Receipt(id=first.id, url=first.url)
    await chat.close()


async def test_the_shared_room_hears_of_the_incidents_once(synapse: servers.Synapse) -> None:
    shared = synapse.request("POST", "createRoom", {"room_alias_name": "ops", "topic": "ours"})["room_id"]
    for _ in range(2):
        await real(synapse, room="#ops:warroom.test").open(opening("inc-12"), "INC-12.1.matrix.open")
    (line,) = synapse.messages(shared)
    assert "#inc-12:warroom.test" in line["content"]["body"]
    chat = real(synapse, room="#ops:warroom.test", room_per_incident=False)
    channel = await chat.open(opening("inc-13"), "k")
    assert channel.id == shared
    await chat.show_status(channel, message(), None, "s")
    assert synapse.state(shared, "m.room.topic")["topic"] == "ours"
    assert shared in await chat.check()


async def test_a_real_429_is_not_sent_and_says_how_long(synapse: servers.Synapse) -> None:
    slow, token = synapse.register("slow")
    chat = real(synapse, token)
    channel = await chat.open(opening("inc-14"), "k")
    synapse.slow_down(slow)
    sent, pauses = [], []
    for number in range(4):
        try:
            sent.append(await chat.post(channel, message(), f"k{number}"))
        except NotSent as error:
            pauses.append(error.retry_after)
    assert sent and pauses
    assert all(wait is not None and 0 < wait <= 5 for wait in pauses)
    assert len(synapse.messages(channel.id, token)) == len(sent)
    await chat.close()


async def test_a_real_no_is_refused_with_a_remedy(synapse: servers.Synapse) -> None:
    channel = await real(synapse).open(opening("inc-15"), "k")
    with pytest.raises(Rejected) as info:
        await real(synapse, TOKEN).check()
    assert "M_UNKNOWN_TOKEN" in info.value.title and "new access token" in info.value.remedy
    assert TOKEN not in str(info.value)
    _, stranger = synapse.register("stranger")
    with pytest.raises(Rejected) as info:
        await real(synapse, stranger).post(channel, message(), KEY)
    assert "M_FORBIDDEN" in info.value.title
    with pytest.raises(Rejected) as info:
        await real(synapse).post(channel, message("x" * 70_000), KEY)
    assert "M_TOO_LARGE" in info.value.title and "Shorten" in info.value.remedy
    with pytest.raises(Rejected):
        await real(synapse).open(opening("no spaces : allowed"), "k")


async def test_the_longest_post_and_edit_are_taken_by_a_real_server(synapse: servers.Synapse) -> None:
    chat = real(synapse)
    channel = await chat.open(opening("inc-16"), "k")
    long = message("日<" * (chat.max_length // 2 - 10))
    assert (await chat.post(channel, long, "k1")).id
    short = message("日<" * 2000)
    first = await chat.show_status(channel, short, None, "s1")
    assert await chat.show_status(channel, short, first, "s2") == first


async def test_hostile_texts_come_back_from_a_real_server_as_sent(synapse: servers.Synapse) -> None:
    chat = real(synapse)
    channel = await chat.open(opening("inc-17"), "k")
    for number, text in enumerate(("@room @alice:warroom.test", "\x1b[2J\u202e\x00", "\ud800", "<mx-reply>x", "")):
        await chat.post(channel, message(text), f"k{number}")
    events = synapse.messages(channel.id)
    assert len(events) == 5
    assert all(event["content"]["m.mentions"] == {} for event in events)
    assert events[0]["content"]["body"].startswith("＠room ＠alice:warroom.test")


def test_customers_read_no_marker_where_a_post_is_known_by_its_key() -> None:
    words = message("Checkout is slow", audience="customers", marker="Ref 4F7K2Q")
    chat = Matrix(Matrix.Options(homeserver="https://m.example", token=SecretStr("x"), room="!a:m.example"))
    assert chat.render(words) == "Checkout is slow"
    assert "4F7K2Q" not in json.dumps(chat._content(words))


async def test_what_people_write_in_a_real_room_is_read_with_edits_deletions_replies_and_pins(
    synapse: servers.Synapse,
) -> None:
    bob, bobs = synapse.register("berta")
    chat = real(synapse)
    channel = await chat.open(opening("inc-9-inbox", invite=(bob,)), "k")
    synapse.request("POST", f"join/{channel.id}", {}, token=bobs)
    await chat.post(channel, message(), KEY)
    said = 0

    def write(kind: str, content: dict[str, Any]) -> str:
        nonlocal said
        said += 1
        path = f"rooms/{channel.id}/send/{kind}/t{said}"
        return str(synapse.request("PUT", path, content, token=bobs)["event_id"])

    first = write("m.room.message", {"msgtype": "m.text", "body": "It is DNS"})
    second = write("m.room.message", {"msgtype": "m.text", "body": "wrong room"})
    got = await chat.since(channel, "")
    assert [(m.text, m.author_id, m.author) for m in got.messages if not m.own] == [
        ("It is DNS", bob, bob.lstrip("@").partition(":")[0]),
        ("wrong room", bob, bob.lstrip("@").partition(":")[0]),
    ]
    assert [m.own for m in got.messages].count(True) == 1
    assert (await chat.since(channel, got.cursor)).messages == ()
    edit = {"msgtype": "m.text", "body": "* It is us", "m.new_content": {"msgtype": "m.text", "body": "It is us"}}
    write("m.room.message", {**edit, "m.relates_to": {"rel_type": "m.replace", "event_id": first}})
    synapse.request("PUT", f"rooms/{channel.id}/redact/{second}/r1", {}, token=bobs)
    thread = {"m.relates_to": {"rel_type": "m.thread", "event_id": first}}
    write("m.room.message", {"msgtype": "m.text", "body": "sure?", **thread})
    write("m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": first, "key": "📌"}})
    later = (await chat.since(channel, got.cursor)).messages
    assert [(m.id, m.edited, m.deleted, m.pinned) for m in later if m.id in (first, second)] == [
        (first, True, False, False),
        (second, False, True, False),
        (first, False, False, True),
    ]
    assert later[0].text == "It is us" and [m.thread for m in later if m.text == "sure?"] == [first]


async def test_a_long_talk_in_a_real_room_is_read_page_by_page(synapse: servers.Synapse) -> None:
    bob, bobs = synapse.register("bruno")
    chat = real(synapse)
    channel = await chat.open(opening("inc-10-inbox", invite=(bob,)), "k")
    synapse.request("POST", f"join/{channel.id}", {}, token=bobs)
    for number in range(130):
        body = {"msgtype": "m.text", "body": f"line {number}"}
        synapse.request("PUT", f"rooms/{channel.id}/send/m.room.message/n{number}", body, token=bobs)
    got = await chat.since(channel, "")
    assert [m.text for m in got.messages if not m.own] == [f"line {number}" for number in range(130)]


# A sync that waits


def synced(token: str, *rooms: str, quiet: tuple[str, ...] = ()) -> httpx.Response:
    join: dict[str, Any] = {room: {"timeline": {"events": [{"type": "m.room.message"}]}} for room in rooms}
    join |= {room: {"timeline": {"events": []}} for room in quiet}
    return httpx.Response(200, json={"next_batch": token, "rooms": {"join": join}})


@servers.needs_contracts
async def test_each_sync_goes_on_where_the_last_one_ended_and_tells_the_rooms() -> None:
    server = FakeHomeserver()
    syncs: list[dict[str, str]] = []

    def reply(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/sync"):
            syncs.append(dict(request.url.params))
        return server(request)

    chat = Matrix(
        Matrix.Options(homeserver="https://matrix.test", token=SecretStr(TOKEN)),
        transport=servers.judged("matrix", reply),
    )
    server.fail["sync"] = [
        synced("t1", "!old", "!older"),
        synced("t2"),
        synced("t3", "!a", "!b", quiet=("!c",)),
        httpx.ReadTimeout("planted"),
    ]
    async with aclosing(chat.wake()) as wakes:
        assert [await anext(wakes) for _ in range(3)] == ["", "!a", "!b"]
        with pytest.raises(NotSent):
            await anext(wakes)
    assert [sync.get("since") for sync in syncs] == [None, "t1", "t2", "t3"]
    assert [sync["timeout"] for sync in syncs] == ["0", "30000", "30000", "30000"]
    assert all(sync["set_presence"] == "offline" and json.loads(sync["filter"]) for sync in syncs)
    assert Promises.of(chat).pushes
    await chat.close()


@servers.needs_contracts
@pytest.mark.parametrize("answers", [[synced("t")] * 99, [synced("")], [httpx.Response(200, json={"rooms": 7})]])
async def test_a_server_that_does_not_wait_is_not_asked_for_ever(answers: list[httpx.Response]) -> None:
    server = FakeHomeserver()
    server.fail["sync"] = list(answers)
    wakes = fake(server).wake()
    assert await anext(wakes) == ""
    with pytest.raises(NotSent, match="does not wait"):
        await anext(wakes)


@servers.needs_contracts
async def test_a_sync_that_is_refused_says_what_to_do() -> None:
    server = FakeHomeserver()
    server.fail["sync"] = [no(401, "M_UNKNOWN_TOKEN")]
    with pytest.raises(Rejected, match="M_UNKNOWN_TOKEN"):
        await anext(fake(server).wake())


async def test_what_is_written_in_a_real_room_is_read_because_the_server_told(
    synapse: servers.Synapse, tmp_path: Path
) -> None:
    bob, bobs = synapse.register("boris")

    async def request(method: str, path: str, body: Any, token: str | None = None) -> dict[str, Any]:
        return await asyncio.to_thread(synapse.request, method, path, body, token)

    async with listening(tmp_path, real(synapse)) as room:
        here = room.channel.id
        await request("POST", f"rooms/{here}/invite", {"user_id": bob})
        await request("POST", f"join/{here}", {}, bobs)
        texts: list[str] = []
        for number in range(5):
            texts.append(f"line {number}")
            body = {"msgtype": "m.text", "body": texts[-1]}
            sent = await request("PUT", f"rooms/{here}/send/m.room.message/n{number}", body, bobs)
            await room.shows(*texts)
        await request("PUT", f"rooms/{here}/redact/{sent['event_id']}/r1", {}, bobs)
        await room.until(lambda: any(row.retracted for row in room.rows()))
