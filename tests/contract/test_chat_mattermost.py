"""Mattermost: its requests keep the published contract; channels, threads, edits, read-back and the inbox work."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote

import httpx
import pytest
from harness import servers
from harness.listening import listening, push_badly
from harness.sockets import SocketServer
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from warroom.connect import live
from warroom.connect.chat.mattermost import Mattermost, MattermostOptions
from warroom.connect.chat.mattermost_webhook import MattermostWebhook, MattermostWebhookOptions
from warroom.connect.ports import Chat, Promises
from warroom.errors import NotSent, Rejected, Unconfirmed
from warroom.incident.delivery import Channel, Opening, Receipt
from warroom.testing import HttpChatContract
from warroom.testing.chat_contract import KEY, message

anyio_backend = servers.anyio_backend
pytestmark = [pytest.mark.anyio, servers.needs_contracts]

TOKEN = "plantedsecret-0123456789abcdef"
ME, ALICE, BOB = "m" * 26, "a" * 26, "b" * 26
OPENING = Opening(
    incident="INC-7",
    name="inc-7-checkout",
    title="INC-7 checkout",
    topic="CRITICAL · investigating",
    invite=("alice", "@nobody", "bob@example.com"),
)


class FakeMattermost:
    """A server with just enough memory. ``fail[path]`` holds answers to give before the true ones."""

    def __init__(self) -> None:
        self.users = {ME: "warroom", ALICE: "alice", BOB: "bob"}
        self.channels: dict[str, dict[str, Any]] = {}
        self.posts: dict[str, dict[str, Any]] = {}
        self.members: list[tuple[str, str]] = []
        self.calls: list[tuple[str, str, Any]] = []
        self.fail: dict[str, list[Any]] = {}
        self.now = 1_700_000_000_000

    def add(self, name: str, **more: Any) -> str:
        channel = f"{len(self.channels):026d}"
        self.channels[channel] = {"id": channel, "name": name, "delete_at": 0, "header": "", **more}
        return channel

    def write(self, channel: str, text: str, user: str = ALICE, **more: Any) -> dict[str, Any]:
        """Somebody posts."""
        self.now += 1
        post = {"id": f"p{len(self.posts):025d}", "create_at": self.now, "update_at": self.now, "edit_at": 0}
        post |= {"delete_at": 0, "user_id": user, "channel_id": channel, "root_id": "", "message": text, "type": ""}
        self.posts[post["id"]] = {**post, "props": {}, **more}
        return self.posts[post["id"]]

    def change(self, post: dict[str, Any], **more: Any) -> None:
        self.now += 1
        post.update(update_at=self.now, **more)

    def sent(self, path: str) -> list[Any]:
        return [body for method, called, body in self.calls if called.startswith(path) and method != "GET"]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        path = unquote(request.url.path).removeprefix("/api/v4/")
        body = json.loads(request.content) if request.content else None
        self.calls.append((request.method, path, body))
        for failing, failures in self.fail.items():
            if path == failing and failures:
                failure = failures.pop(0)
                if callable(failure):
                    failure(body)
                return failure if isinstance(failure, httpx.Response) else httpx.Response(500)
        parts = path.split("/")
        query = {name: values[0] for name, values in parse_qs(request.url.query.decode()).items()}
        status, answer = self.answer(request.method, parts, body, query)
        return httpx.Response(status, json=answer)

    def answer(self, method: str, parts: list[str], body: Any, query: dict[str, str]) -> tuple[int, Any]:
        match method, parts:
            case "GET", ["users", *rest]:
                known = {"me": ME, **{user: user for user in self.users}, "bob@example.com": BOB}
                known |= {name: user for user, name in self.users.items()}
                user = known.get(rest[-1])
                return (200, {"id": user, "username": self.users[user]}) if user else (404, {"id": "missing"})
            case "GET", ["teams", "name", "acme"]:
                return 200, {"id": "t" * 26, "name": "acme"}
            case "GET", ["teams", _, "channels", "name", name]:
                found = [one for one in self.channels.values() if one["name"] == name]
                return (200, found[0]) if found else (404, {"id": "app.channel.get_by_name.missing.app_error"})
            case "POST", ["channels"]:
                if any(one["name"] == body["name"] for one in self.channels.values()):
                    return 400, {"id": "store.sql_channel.save_channel.exists.app_error"}
                return 201, self.channels[self.add(body["name"], type=body["type"])]
            case "POST", ["channels", channel, "members"]:
                self.members.append((channel, body["user_id"]))
                return 201, {}
            case "PUT", ["channels", channel, "patch"]:
                self.channels[channel]["header"] = body["header"]
                return 200, self.channels[channel]
            case "GET", ["channels", channel, "posts"]:
                return 200, self.listed(channel, query)
            case "POST", ["posts"]:
                twice = [p for p in self.posts.values() if body.get("pending_post_id") in (p.get("pending"),)]
                if twice and body.get("pending_post_id"):
                    return 201, twice[0]
                more = {"props": body["props"], "root_id": body.get("root_id", "")}
                post = self.write(
                    body["channel_id"], body["message"], ME, pending=body.get("pending_post_id"), **more
                )
                return 201, post
            case "GET", ["posts", post]:
                return 200, self.posts[post]
            case "GET", ["posts", root, "thread"]:
                found = [p for p in self.posts.values() if root in (p["id"], p["root_id"])]
                return 200, _list(found)
            case "PUT", ["posts", post, "patch"]:
                if post not in self.posts:
                    return 404, {"id": "app.post.get.app_error"}
                self.change(self.posts[post], message=body["message"], edit_at=self.now)
                return 200, self.posts[post]
            case "POST", ["posts", post, "pin"]:
                self.change(self.posts[post], is_pinned=True)
                return 200, {"status": "OK"}
        raise AssertionError((method, parts))

    def listed(self, channel: str, query: dict[str, str]) -> dict[str, Any]:
        found = [p for p in self.posts.values() if p["channel_id"] == channel]
        if "since" in query:
            changed = [p for p in found if p["update_at"] > int(query["since"])]
            return _list(changed[-1000:])
        page, size = int(query["page"]), int(query["per_page"])
        return _list(found[::-1][page * size :][:size][::-1])


def _list(oldest_first: list[dict[str, Any]]) -> dict[str, Any]:
    return {"order": [p["id"] for p in oldest_first[::-1]], "posts": {p["id"]: p for p in oldest_first}}


def backend(reply: Callable[[httpx.Request], httpx.Response], **more: Any) -> Mattermost:
    options = {"server": "https://chat.test", "token": TOKEN, "team": "acme", **more}
    return Mattermost(MattermostOptions.model_validate(options), transport=servers.judged("mattermost", reply))


class TestMattermost(HttpChatContract):
    accepted: ClassVar = {"id": "p" * 26}
    empty: ClassVar = {"id": ME, "username": "warroom", "order": [], "posts": {}}
    secrets = (TOKEN,)

    def make(self, transport: Any) -> Chat:
        options = {"server": "https://chat.test", "token": TOKEN, "team": "acme"}
        return Mattermost(MattermostOptions.model_validate(options), transport=transport)


class TestMattermostWebhook(HttpChatContract):
    secrets = (TOKEN,)

    def make(self, transport: Any) -> Chat:
        options = MattermostWebhookOptions(url=SecretStr(f"https://chat.test/hooks/{TOKEN}"))
        return MattermostWebhook(options, transport=transport)

    def _answer(self, status: int, headers: Mapping[str, str] | None = None) -> Any:
        """A post that is taken is answered with a word, which is not JSON."""
        return httpx.Response(200, text="ok") if status == 200 else super()._answer(status, headers)


# Channels


async def test_an_incident_has_a_channel_with_people_header_and_an_announcement() -> None:
    server = FakeMattermost()
    shared = server.add("ops")
    chat = backend(server, channel="~ops", invite=(BOB,))
    channel = await chat.open(OPENING, "k")
    assert channel.name == "~inc-7-checkout" and channel.url == "https://chat.test/acme/channels/inc-7-checkout"
    assert {person for place, person in server.members if place == channel.id} == {ALICE, BOB}
    assert server.channels[channel.id]["header"] == "CRITICAL · investigating"
    assert [p["message"] for p in server.posts.values()] == ["INC-7 checkout: ~inc-7-checkout"]
    assert server.channels[shared]["header"] == ""
    assert await chat.open(OPENING, "k") == channel and len(server.posts) == 1


async def test_a_name_that_is_taken_gets_a_number() -> None:
    server = FakeMattermost()
    server.add("inc-7-checkout", delete_at=5)
    assert (await backend(server).open(OPENING, "k")).name == "~inc-7-checkout-2"
    long = OPENING.model_copy(update={"name": "x" * 80})
    assert len((await backend(server).open(long, "k")).name) <= 65


async def test_where_no_channel_may_be_made_an_incident_is_a_thread_in_the_shared_one() -> None:
    server = FakeMattermost()
    shared = server.add("ops", header="the team's own")
    no = httpx.Response(403, json={"id": "api.context.permissions.app_error", "message": "No permission."})
    server.fail["channels"] = [no, no, no]
    chat = backend(server, channel="ops")
    channel = await chat.open(OPENING, "k")
    (root,) = server.posts.values()
    assert (channel.id, channel.thread) == (shared, root["id"])
    assert root["message"] == "INC-7 checkout @alice @bob"
    assert await chat.open(OPENING, "k") == channel
    receipt = await chat.post(channel, message(), KEY)
    assert server.posts[receipt.id]["root_id"] == root["id"]
    assert await chat.find(channel, KEY) == receipt and await chat.find(channel, "other") is None
    await chat.show_status(channel, message(), None, "status")
    assert server.channels[shared]["header"] == "the team's own"
    with pytest.raises(Rejected, match="permissions"):
        await backend(server).open(OPENING, "k")
    with pytest.raises(ValidationError):
        backend(server, channel_per_incident=False)


# Posts


async def test_a_post_tried_twice_arrives_once_and_is_found_by_its_key() -> None:
    server = FakeMattermost()
    here = Channel(id=server.add("inc-7"))
    chat = backend(server)
    receipt = await chat.post(here, message(pin=True), KEY)
    assert await chat.post(here, message(pin=True), KEY) == receipt
    assert len(server.posts) == 1 and server.posts[receipt.id]["is_pinned"] is True
    assert receipt.url == f"https://chat.test/acme/pl/{receipt.id}"
    again = await chat.post(here, message(at=datetime(2027, 1, 1, tzinfo=UTC)), KEY)
    assert again != receipt, "INC-7 of another journal is not swallowed"
    for number in range(450):
        server.write(here.id, f"chatter {number}")
    assert await chat.find(here, KEY) is not None
    server.posts[receipt.id]["delete_at"] = server.posts[again.id]["delete_at"] = 1
    assert await chat.find(here, KEY) is None
    for number in range(2000):
        server.write(here.id, f"chatter {number}")
    with pytest.raises(Unconfirmed):
        await chat.find(here, KEY)


async def test_the_status_message_is_edited_and_the_header_follows() -> None:
    server = FakeMattermost()
    here = Channel(id=server.add("inc-7"))
    chat = backend(server)
    first = await chat.show_status(here, message("one"), None, KEY)
    assert await chat.show_status(here, message("one"), None, KEY) == first, "a lost answer does not double it"
    assert await chat.show_status(here, message("two", title="MITIGATED"), first, "k2") == first
    assert [p["message"].partition("\n")[0] for p in server.posts.values()] == ["two"]
    assert server.channels[here.id]["header"] == "MITIGATED"
    gone = await chat.show_status(here, message("three"), Receipt(id="x" * 26), "k3")
    assert gone.id in server.posts


async def test_a_service_that_asks_for_a_pause_gets_it() -> None:
    """Mattermost says when its limit begins anew in a header of its own."""
    server = FakeMattermost()
    server.fail["posts"] = [httpx.Response(429, headers={"X-Ratelimit-Reset": "12"}, json={})]
    with pytest.raises(NotSent) as info:
        await backend(server).post(Channel(id="c" * 26), message(), KEY)
    assert info.value.retry_after == 12


@given(st.text("@<>*_`~[]()|#\\ab\n", max_size=40))
def test_no_text_can_mention_link_or_format(text: str) -> None:
    rendered = backend(FakeMattermost()).render(message(f"x\n{text}"))
    body = rendered.partition("\n")[2].rpartition("\n")[0]
    bare = body.replace("\\\\", "")
    for mark in "*_`~[]|<>":
        assert f"{mark}" not in bare.replace(f"\\{mark}", "")
    assert "@all" not in rendered and not [line for line in bare.splitlines() if line.lstrip().startswith("#")]


# What people write


async def test_the_inbox_reads_everything_once_in_order_with_edits_deletions_and_pins() -> None:
    server = FakeMattermost()
    here = Channel(id=server.add("inc-7"))
    chat = backend(server)
    server.write(here.id, "joined", type="system_join_channel")
    first = server.write(here.id, "It is the database")
    await chat.post(here, message(), KEY)
    reply = server.write(here.id, "Sure?", BOB, root_id=first["id"])
    hook = server.write(here.id, "deploy done", BOB, props={"from_webhook": "true"})
    got = await chat.since(here, "")
    assert [(m.text, m.author, m.own, m.bot) for m in got.messages if not m.own] == [
        ("It is the database", "alice", False, False),
        ("Sure?", "bob", False, False),
        ("deploy done", "bob", False, True),
    ]
    assert [m.own for m in got.messages].count(True) == 1
    assert got.messages[2].thread == first["id"] and got.messages[0].at == datetime.fromtimestamp(
        first["create_at"] / 1000, UTC
    )
    server.change(first, message="It is the network", edit_at=server.now)
    server.change(reply, delete_at=server.now)
    server.change(hook, metadata={"reactions": [{"emoji_name": "pushpin", "user_id": BOB}]})
    later = await chat.since(here, got.cursor)
    assert [(m.edited, m.deleted, m.pinned) for m in later.messages] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]
    assert [m.text for m in (await chat.since(here, later.cursor)).messages] == ["deploy done"], "the last one only"


async def test_a_burst_between_two_looks_is_read_without_a_gap() -> None:
    """A request with ``since`` returns a thousand posts at most."""
    server = FakeMattermost()
    here = Channel(id=server.add("inc-7"))
    chat = backend(server)
    cursor = (await chat.since(here, "")).cursor
    for number in range(1500):
        server.write(here.id, f"line {number}")
    got = await chat.since(here, cursor)
    assert [m.text for m in got.messages] == [f"line {number}" for number in range(1500)]


async def test_in_a_shared_channel_reading_begins_with_the_thread() -> None:
    server = FakeMattermost()
    shared = server.add("ops")
    server.write(shared, "long ago")
    chat = backend(server, channel="ops", channel_per_incident=False)
    channel = await chat.open(OPENING, "k")
    server.write(shared, "in the thread", root_id=channel.thread)
    server.write(shared, "other talk")
    got = await chat.since(channel, "")
    assert [(m.text, m.thread == channel.thread) for m in got.messages if not m.own] == [
        ("in the thread", True),
        ("other talk", False),
    ]


# The websocket


HELLO = {"event": "hello", "data": {"server_version": "10.5.1", "connection_id": "c1"}, "broadcast": {}, "seq": 0}


def event(name: str, channel: str, post: dict[str, Any] | None = None) -> dict[str, Any]:
    data = {"post": json.dumps(post)} if post else {}
    return {"event": name, "data": data, "broadcast": {"channel_id": channel, "omit_users": None}, "seq": 1}


def live_backend(server: FakeMattermost, sockets: SocketServer) -> Mattermost:
    return backend(server, server=sockets.url.replace("ws:", "http:"))


async def test_each_event_about_a_post_tells_its_channel() -> None:
    async with SocketServer(HELLO) as server, aclosing(live_backend(FakeMattermost(), server).wake()) as wakes:
        assert await anext(wakes) == ""
        for number, name in enumerate(("posted", "typing", "post_edited", "post_deleted", "reaction_added")):
            await server.push(event(name, f"c{number}"))
        await server.push({"event": "posted", "data": {"post": json.dumps({"channel_id": "c9"})}})
        await server.push({"event": "posted", "data": {"post": "}{"}}, {"status": "OK", "seq_reply": 1}, "[]")
        await server.push(event("status_change", ""), event("reaction_removed", "c10"))
        assert [await anext(wakes) for _ in range(7)] == ["c0", "c2", "c3", "c4", "c9", "", "c10"]
        assert [request["Authorization"] for request in server.requests] == [f"Bearer {TOKEN}"]
        assert server.received == []
        await server.finish()
        assert [one async for one in wakes] == []


async def test_a_token_that_is_not_taken_gets_no_greeting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "OPEN_S", 0.3)
    async with SocketServer() as server:
        with pytest.raises(NotSent, match="does not answer"):
            await anext(live_backend(FakeMattermost(), server).wake())
        server.greeting = event("posted", "c1")
        with pytest.raises(NotSent, match="without a hello"):
            await anext(live_backend(FakeMattermost(), server).wake())
        server.answers = [(401, {})]
        with pytest.raises(Rejected):
            await anext(live_backend(FakeMattermost(), server).wake())
        await server.until(open=0)


def test_it_pushes_where_the_package_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Promises.of(backend(FakeMattermost())).pushes
    monkeypatch.setattr(live, "available", lambda: False)
    assert not Promises.of(backend(FakeMattermost())).pushes


@pytest.mark.parametrize("seed", range(2))
async def test_every_message_is_in_the_timeline_once_whatever_becomes_of_its_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(live, "PING_S", 0.5)
    mattermost = FakeMattermost()
    async with SocketServer(HELLO) as server, listening(tmp_path, live_backend(mattermost, server)) as room:

        def write(text: str) -> dict[str, Any]:
            return event("posted", room.channel.id, mattermost.write(room.channel.id, text))

        await push_badly(server, room, write, None, seed)


async def test_doctor_says_who_we_are_and_where() -> None:
    server = FakeMattermost()
    server.add("ops")
    assert await backend(server, channel="ops").check() == "Mattermost: warroom in acme, shared channel ~ops"
    with pytest.raises(Rejected, match="no channel ~nowhere"):
        await backend(server, channel="nowhere").check()


async def test_a_webhook_posts_text_that_formats_nothing() -> None:
    sent: list[Any] = []

    def reply(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return httpx.Response(200, text="ok")

    options = MattermostWebhookOptions(url=SecretStr(f"https://chat.test/hooks/{TOKEN}"), channel="ops")
    chat = MattermostWebhook(options, transport=httpx.MockTransport(reply))
    await chat.post(await chat.open(OPENING, "k"), message("Fails\nImpact: *all* @channel"), KEY)
    assert sent == [{"channel": "ops", "text": "Fails\n**Impact:** \\*all\\* ＠channel\nINC-7·u2"}]


@pytest.mark.parametrize("words", ["", "<html>Sign in</html>", "{}", "not ok"])
async def test_a_webhook_that_does_not_say_ok_may_not_have_posted(words: str) -> None:
    options = MattermostWebhookOptions(url=SecretStr(f"https://chat.test/hooks/{TOKEN}"))
    chat = MattermostWebhook(options, transport=httpx.MockTransport(lambda _: httpx.Response(200, text=words)))
    with pytest.raises(Unconfirmed):
        await chat.post(Channel(id=""), message(), KEY)
