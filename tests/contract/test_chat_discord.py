"""Discord: its requests keep the published contract; channels, threads, edits, read-back and the inbox work."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import unquote

import httpx
import pytest
from harness import servers
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from warroom.connect.chat.discord import Discord, DiscordOptions
from warroom.connect.chat.discord_webhook import DiscordWebhook, DiscordWebhookOptions
from warroom.connect.ports import Chat
from warroom.errors import NotSent, Rejected, Unconfirmed
from warroom.incident.delivery import Channel, Opening, Receipt
from warroom.testing import HttpChatContract
from warroom.testing.chat_contract import KEY, message

anyio_backend = servers.anyio_backend
pytestmark = [pytest.mark.anyio, servers.needs_contracts]

TOKEN = "plantedsecret-0123456789abcdef"
GUILD, CATEGORY = "100000000000000001", "100000000000000002"
ME, ALICE, BOB = "200000000000000001", "200000000000000002", "200000000000000003"
HOOK = "300000000000000001"
OPENING = Opening(
    incident="INC-7",
    name="inc-7-checkout",
    title="INC-7 checkout",
    topic="CRITICAL · investigating",
    invite=(ALICE, "bob", f"@{BOB}"),
)
PAGE = 100


class FakeDiscord:
    """A server with just enough memory. ``fail[method, path]`` holds answers to give before the true ones; a
    function there is called when the request has been carried out, and may lose its answer."""

    def __init__(self) -> None:
        self.users = {ME: "warroom", ALICE: "alice", BOB: "bob"}
        self.channels: dict[str, dict[str, Any]] = {}
        self.messages: dict[str, list[dict[str, Any]]] = {}
        self.nonces: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, str, Any]] = []
        self.fail: dict[tuple[str, str], list[Any]] = {}
        self.reads_history = True
        self.shows_content = True
        self.now = 1_200_000_000_000_000_000

    def add(self, name: str, kind: int = 0, **more: Any) -> str:
        """A channel is there; its id."""
        channel = {"id": self._id(), "name": name, "type": kind, "topic": None, "parent_id": None, **more}
        self.channels[channel["id"]] = channel
        self.messages[channel["id"]] = []
        return str(channel["id"])

    def write(self, place: str, content: str, user: str = ALICE, **more: Any) -> dict[str, Any]:
        """Somebody posts."""
        person: dict[str, Any] = {"id": user, "username": self.users.get(user, user), "global_name": None}
        person |= {"bot": True} if user == ME else {}
        post = {"id": self._id(), "type": 0, "content": content, "author": person, "channel_id": place}
        post |= {"edited_timestamp": None, "pinned": False, "mentions": [], **more}
        self.messages[place].append(post)
        return post

    def sent(self, method: str) -> list[str]:
        return [path for called, path, _ in self.calls if called == method]

    def contents(self, place: str) -> list[str]:
        """What the posts say, without their small line."""
        return [post["content"].partition("\n-# ")[0] for post in self.messages[place]]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == f"Bot {TOKEN}"
        assert request.headers["user-agent"].startswith("DiscordBot (")
        path = unquote(request.url.path).removeprefix("/")
        body = json.loads(request.content) if request.content else None
        self.calls.append((request.method, path, body))
        failure = next(iter(self.fail.get((request.method, path), ())), None)
        if failure:
            self.fail[request.method, path].pop(0)
        if isinstance(failure, httpx.Response):
            return failure
        status, answer = self.answer(request.method, path.split("/"), body, dict(request.url.params))
        if failure:
            failure()
        return httpx.Response(status, json=answer) if status != 204 else httpx.Response(204)

    def answer(self, method: str, parts: list[str], body: Any, query: dict[str, str]) -> tuple[int, Any]:
        match method, parts:
            case "GET", ["users", "@me"]:
                return 200, {"id": ME, "username": "warroom"}
            case "GET", ["guilds", _, "channels"]:
                return 200, [one for one in self.channels.values() if one["type"] != 11]
            case "POST", ["guilds", _, "channels"]:
                made = self.add(body.pop("name"), body.pop("type"), **body)
                return 201, self.channels[made]
            case _, ["channels", channel, *_] if channel not in self.channels:
                return 404, {"code": 10003, "message": "Unknown Channel"}
            case "GET", ["channels", channel]:
                last = [post["id"] for post in self.messages[channel]][-1:]
                return 200, {**self.channels[channel], "last_message_id": last[0] if last else None}
            case "PATCH", ["channels", channel]:
                self.channels[channel].update(body)
                return 200, self.channels[channel]
            case "GET", ["channels", channel, "messages"]:
                return 200, self.listed(channel, query)
            case "POST", ["channels", channel, "messages"]:
                assert body["enforce_nonce"] is True and len(body["content"]) <= 2000
                if body["nonce"] not in self.nonces:
                    mentioned = [{"id": user} for user in body["allowed_mentions"].get("users", ())]
                    self.nonces[body["nonce"]] = self.write(channel, body["content"], ME, mentions=mentioned)
                return 200, self.nonces[body["nonce"]]
            case "PATCH", ["channels", channel, "messages", wanted]:
                for post in self.messages[channel]:
                    if post["id"] == wanted:
                        if self.channels[channel].get("archived"):
                            return 400, {"code": 50083, "message": "Thread is archived"}
                        post.update(content=body["content"], edited_timestamp="2026-01-28T13:05:00+00:00")
                        return 200, post
                return 404, {"code": 10008, "message": "Unknown Message"}
            case "PUT", ["channels", channel, "messages", "pins", wanted]:
                for post in self.messages[channel]:
                    post["pinned"] |= post["id"] == wanted
                return 204, None
            case "POST", ["channels", _, "messages", root, "threads"]:
                if root in self.channels:
                    return 400, {"code": 160004, "message": "A thread has already been created for this message"}
                self.channels[root] = {"id": root, "type": 11, **body}
                self.messages[root] = []
                return 201, self.channels[root]
        raise AssertionError((method, parts))

    def listed(self, channel: str, query: dict[str, str]) -> list[dict[str, Any]]:
        """Of the messages after an id come the oldest, otherwise the newest; always the newest first."""
        found = self.messages[channel] if self.reads_history else []
        if not self.shows_content:
            found = [{**post, "content": post["content"] if post["author"]["id"] == ME else ""} for post in found]
        size = int(query["limit"])
        if "after" in query:
            return [post for post in found if int(post["id"]) > int(query["after"])][:size][::-1]
        if "before" in query:
            found = [post for post in found if int(post["id"]) < int(query["before"])]
        return found[-size:][::-1]

    def _id(self) -> str:
        self.now += 1 << 22  # a millisecond
        return str(self.now)


def lose() -> None:
    """The answer to a request that was carried out is lost."""
    raise httpx.ReadTimeout("")


def refusal(status: int, code: int, words: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "message": words})


def backend(reply: Callable[[httpx.Request], httpx.Response], **more: Any) -> Discord:
    options = {"token": TOKEN, "guild": GUILD, "base_url": "https://discord.test", **more}
    return Discord(DiscordOptions.model_validate(options), transport=servers.judged("discord", reply))


class TestDiscord(HttpChatContract):
    accepted: ClassVar = {"id": "400000000000000001"}
    empty: ClassVar = []
    secrets = (TOKEN,)

    def make(self, transport: Any) -> Chat:
        return Discord(DiscordOptions.model_validate({"token": TOKEN, "guild": GUILD}), transport=transport)

    def _transport(self, respond: Callable[[Any], Any]) -> Any:
        """Messages come as a list; a channel is an object even where it has no messages."""

        def reply(request: httpx.Request) -> Any:
            answer = respond(request)
            a_list = request.url.path.endswith(("/messages", "/channels"))
            return answer if a_list or answer.content != b"[]" else httpx.Response(200, json={})

        return super()._transport(reply)


class TestDiscordWebhook(HttpChatContract):
    accepted: ClassVar = {"id": "400000000000000001"}
    secrets = (TOKEN,)

    def make(self, transport: Any) -> Chat:
        options = DiscordWebhookOptions(url=SecretStr(f"https://discord.com/api/webhooks/{HOOK}/{TOKEN}"))
        return DiscordWebhook(options, transport=transport)


# Channels


async def test_an_incident_has_a_channel_with_a_topic_mentions_and_an_announcement() -> None:
    server = FakeDiscord()
    shared = server.add("ops")
    chat = backend(server, channel="#ops", category=CATEGORY, invite=(BOB,))
    channel = await chat.open(OPENING, "k")
    assert channel == Channel(
        id=channel.id, name="#inc-7-checkout", url=f"https://discord.com/channels/{GUILD}/{channel.id}"
    )
    made = server.channels[channel.id]
    assert (made["topic"], made["parent_id"]) == ("CRITICAL · investigating", CATEGORY)
    assert server.contents(channel.id) == [f"<@{BOB}> <@{ALICE}>"]
    assert server.contents(shared) == [f"INC-7 checkout: <#{channel.id}>"]
    assert await chat.open(OPENING, "k") == channel
    assert len(server.messages[channel.id]) == len(server.messages[shared]) == 1
    assert not server.sent("PATCH"), "a topic that is right is not set again: Discord allows that rarely"


async def test_an_opening_repeated_later_mentions_only_who_was_not_mentioned_yet() -> None:
    """The nonces are forgotten after a few minutes."""
    server = FakeDiscord()
    channel = await backend(server).open(OPENING, "k")
    server.nonces.clear()
    await backend(server).open(OPENING.model_copy(update={"invite": (ALICE, BOB)}), "k")
    assert server.contents(channel.id) == [f"<@{ALICE}>", f"<@{BOB}>"]


async def test_a_topic_that_may_not_be_set_now_is_no_reason_to_be_without_a_channel() -> None:
    """Discord takes two changes in ten minutes."""
    server = FakeDiscord()
    channel = await backend(server).open(OPENING, "k")
    server.fail["PATCH", f"channels/{channel.id}"] = [httpx.Response(429, json={"retry_after": 583.4})]
    worse = OPENING.model_copy(update={"topic": "CRITICAL · mitigating"})
    assert await backend(server).open(worse, "k") == channel
    await backend(server).open(worse, "k")
    assert server.channels[channel.id]["topic"] == "CRITICAL · mitigating"


async def test_a_channel_is_found_again_by_name_unless_it_is_of_another_kind_or_cannot_be_read() -> None:
    server = FakeDiscord()
    voice, foreign = server.add("inc-7-checkout", 2), server.add("inc-7-checkout")
    server.fail["GET", f"channels/{foreign}/messages"] = [refusal(403, 50001, "Missing Access")] * 2
    channel = await backend(server).open(OPENING, "k")
    assert channel.id not in (voice, foreign)
    assert (await backend(server).open(OPENING, "k")).id == channel.id
    elsewhere = await backend(server, category=CATEGORY).open(OPENING, "k")
    assert elsewhere.id != channel.id and server.channels[elsewhere.id]["parent_id"] == CATEGORY


async def test_a_channel_whose_answer_was_lost_is_not_made_twice() -> None:
    """Discord would make a second one of the same name."""
    server = FakeDiscord()
    server.fail["POST", f"guilds/{GUILD}/channels"] = [lose]
    with pytest.raises(NotSent):
        await backend(server).open(OPENING, "k")
    channel = await backend(server).open(OPENING, "k")
    assert list(server.channels) == [channel.id]


async def test_a_name_is_asked_for_as_discord_will_write_it() -> None:
    """Discord makes one hyphen of two; asked for otherwise, the channel would not be found again."""
    server = FakeDiscord()
    opening = OPENING.model_copy(update={"name": "inc-7-pay---api"})
    assert (await backend(server).open(opening, "k")).name == "#inc-7-pay-api"


CATEGORY_FULL = {"parent_id": {"_errors": [{"code": "CHANNEL_PARENT_MAX_CHANNELS", "message": "Maximum reached"}]}}


@pytest.mark.parametrize(
    ("answer", "remedy"),
    [
        ({"code": 50013, "message": "Missing Permissions"}, "Manage Channels"),
        ({"code": 30013, "message": "Maximum number of guild channels reached (500)"}, "Delete old channels"),
        ({"code": 50035, "message": "Invalid Form Body", "errors": CATEGORY_FULL}, "out of the category"),
    ],
    ids=["not allowed", "server full", "category full"],
)
async def test_where_no_channel_can_be_made_an_incident_is_a_thread_in_the_shared_one(
    answer: Any, remedy: str
) -> None:
    no = httpx.Response(403 if answer["code"] == 50013 else 400, json=answer)
    server = FakeDiscord()
    shared = server.add("ops", topic="the team's own")
    server.fail["POST", f"guilds/{GUILD}/channels"] = [no, no, no]
    chat = backend(server, channel=shared, invite=(BOB,))
    channel = await chat.open(OPENING, "k")
    (root,) = server.messages[shared]
    assert (channel.id, channel.thread) == (shared, root["id"])
    assert channel.url == f"https://discord.com/channels/{GUILD}/{root['id']}"
    assert server.contents(shared) == [f"INC-7 checkout <@{BOB}> <@{ALICE}>"]
    assert [one["id"] for one in root["mentions"]] == [BOB, ALICE]
    assert server.channels[root["id"]]["name"] == "INC-7 checkout"
    assert await chat.open(OPENING, "k") == channel, "the root and its thread are found again"
    receipt = await chat.post(channel, message(pin=True), KEY)
    assert [post["id"] for post in server.messages[root["id"]]] == [receipt.id]
    assert server.messages[root["id"]][0]["pinned"] is True
    assert await chat.find(channel, KEY) == receipt and await chat.find(channel, "other") is None
    await chat.show_status(channel, message(), None, "status")
    assert server.channels[shared]["topic"] == "the team's own"
    with pytest.raises(Rejected) as refused:
        await backend(server).open(OPENING, "k")
    assert remedy in refused.value.remedy


async def test_a_thread_whose_answer_was_lost_is_not_begun_twice() -> None:
    server = FakeDiscord()
    shared = server.add("ops")
    chat = backend(server, channel="ops", channel_per_incident=False)
    server.fail["POST", f"channels/{shared}/messages"] = [lose]
    with pytest.raises(NotSent):
        await chat.open(OPENING, "k")
    server.nonces.clear()
    first = await chat.open(OPENING, "k")
    assert len(server.messages[shared]) == 1
    other = await chat.open(OPENING.model_copy(update={"title": "INC-7 search"}), "k")
    assert other.thread != first.thread, "INC-7 of another journal"


def test_settings_that_lead_nowhere_are_refused() -> None:
    with pytest.raises(ValidationError, match="needs channel"):
        backend(FakeDiscord(), channel_per_incident=False)
    for wrong in ({"guild": "acme"}, {"guild": ""}, {"category": "Incidents"}):
        with pytest.raises(ValidationError, match="not an id"):
            backend(FakeDiscord(), **wrong)
    assert DiscordOptions.model_validate({"token": TOKEN, "guild": int(GUILD)}).guild == GUILD


# Posts


async def test_a_post_tried_twice_arrives_once_and_is_found_by_its_key() -> None:
    server = FakeDiscord()
    here = Channel(id=server.add("inc-7"))
    chat = backend(server)
    receipt = await chat.post(here, message(pin=True), KEY)
    assert await chat.post(here, message(pin=True), KEY) == receipt
    (posted,) = server.messages[here.id]
    assert posted["pinned"] is True and posted["content"].startswith(f"{chat.render(message())}\n-# ")
    assert receipt.url == f"https://discord.com/channels/{GUILD}/{here.id}/{receipt.id}"
    again = await chat.post(here, message(at=datetime(2027, 1, 1, tzinfo=UTC)), KEY)
    assert again != receipt, "INC-7 of another journal is not swallowed"
    server.write(here.id, posted["content"].replace("Card", "Quoted: card"), ALICE)
    for number in range(4 * PAGE):
        server.write(here.id, f"chatter {number}")
    assert await chat.find(here, KEY) == again, "nobody's copy of it"
    del server.messages[here.id][:2]
    assert await chat.find(here, KEY) is None
    for number in range(20 * PAGE):
        server.write(here.id, f"chatter {number}")
    with pytest.raises(Unconfirmed):
        await chat.find(here, KEY)


async def test_what_the_bot_may_not_read_is_not_taken_for_empty() -> None:
    """Without the permission Discord answers with no messages instead of an error."""
    server = FakeDiscord()
    here = Channel(id=server.add("inc-7"))
    chat = backend(server)
    assert await chat.find(here, KEY) is None
    await chat.post(here, message(), KEY)
    server.reads_history = False
    for ask in (chat.find(here, KEY), chat.since(here, "")):
        with pytest.raises(Rejected, match="no messages") as refused:
            await ask
        assert "Read Message History" in refused.value.remedy
    await chat.post(here, message("two"), "k2")
    assert server.contents(here.id)[1].startswith("two"), "posting needs no reading"


async def test_the_status_message_is_edited_and_the_topic_follows() -> None:
    server = FakeDiscord()
    here = Channel(id=server.add("inc-7"))
    chat = backend(server)
    first = await chat.show_status(here, message("one"), None, KEY)
    server.nonces.clear()
    assert await chat.show_status(here, message("one"), None, KEY) == first, "a lost answer does not double it"
    server.fail["PATCH", f"channels/{here.id}"] = [httpx.Response(429, json={"retry_after": 583.4})]
    assert await chat.show_status(here, message("two", title="MITIGATED"), first, "k2") == first
    assert server.channels[here.id]["topic"] == "Card payments fail", "Discord's limit of topics holds nothing up"
    assert await chat.show_status(here, message("two", title="MITIGATED"), first, "k2") == first
    assert [text.partition("\n")[0] for text in server.contents(here.id)] == ["two"]
    assert server.channels[here.id]["topic"] == "MITIGATED"
    assert await chat.find(here, "k2") == first
    gone = await chat.show_status(here, message("three"), Receipt(id="400000000000000001"), "k3")
    assert gone.id == server.messages[here.id][-1]["id"] != first.id


async def test_a_status_message_in_an_archived_thread_is_edited_all_the_same() -> None:
    """A thread is archived after days without posts, and nothing in it can be edited then."""
    server = FakeDiscord()
    server.add("ops")
    chat = backend(server, channel="ops", channel_per_incident=False)
    channel = await chat.open(OPENING, "k")
    first = await chat.show_status(channel, message("one"), None, KEY)
    server.channels[channel.thread]["archived"] = True
    assert await chat.show_status(channel, message("two"), first, "k2") == first
    assert server.contents(channel.thread)[0].startswith("two")
    assert server.channels[channel.thread]["archived"] is False


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (httpx.Response(429, headers={"Retry-After": "65"}, json={"retry_after": 64.57, "global": False}), 65),
        (httpx.Response(429, json={"message": "limited", "retry_after": 64.57, "global": True}), 64.57),
        (httpx.Response(429, headers={"X-RateLimit-Reset-After": "1.25"}, text="banned"), 1.25),
        (httpx.Response(400, json={"code": 130000, "message": "API resource is overloaded"}), None),
    ],
    ids=["header", "body", "limit", "overloaded"],
)
async def test_a_service_that_asks_for_a_pause_gets_it(answer: httpx.Response, wait: float | None) -> None:
    server = FakeDiscord()
    here = Channel(id=server.add("inc-7"))
    server.fail["POST", f"channels/{here.id}/messages"] = [answer]
    with pytest.raises(NotSent) as info:
        await backend(server).post(here, message(), KEY)
    assert info.value.retry_after == wait


@pytest.mark.parametrize(
    ("answer", "title", "remedy"),
    [
        (refusal(401, 0, "401: Unauthorized"), "refused: Unauthorized (401)", "token"),
        (refusal(403, 50001, "Missing Access"), "50001", "View Channel"),
        (refusal(403, 50013, "Missing Permissions"), "50013", "Send Messages"),
        (refusal(404, 10003, "Unknown Channel"), "10003", "deleted"),
        (refusal(403, 200000, "Message was blocked"), "200000", "AutoMod"),
    ],
    ids=["token", "access", "permission", "channel", "blocked"],
)
async def test_a_refusal_says_what_to_do_by_discords_own_code(
    answer: httpx.Response, title: str, remedy: str
) -> None:
    server = FakeDiscord()
    here = Channel(id=server.add("inc-7"))
    server.fail["POST", f"channels/{here.id}/messages"] = [answer]
    with pytest.raises(Rejected) as refused:
        await backend(server).post(here, message(), KEY)
    assert title in refused.value.title and remedy in refused.value.remedy


async def test_a_bad_field_is_named_as_discord_names_it() -> None:
    server = FakeDiscord()
    here = Channel(id=server.add("inc-7"))
    errors = {"embeds": {"0": {"title": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": "Too long"}]}}}}
    form = {"code": 50035, "message": "Invalid Form Body", "errors": errors}
    server.fail["POST", f"channels/{here.id}/messages"] = [httpx.Response(400, json=form)]
    with pytest.raises(Rejected, match="BASE_TYPE_MAX_LENGTH") as refused:
        await backend(server).post(here, message(), KEY)
    assert refused.value.remedy.startswith("Too long.")


@given(st.text("a😀*\n", max_size=40))
def test_the_length_of_a_post_is_what_discord_counts(text: str) -> None:
    """Code points of everything that is sent, the small line included."""
    sent: list[dict[str, Any]] = []

    def reply(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return httpx.Response(200, json={"id": "400000000000000001"})

    chat = backend(reply)
    asyncio.run(chat.post(Channel(id="1"), message(f"x\n{text}"), KEY))
    assert chat.measure(message(f"x\n{text}")) == len(sent[0]["content"])


@given(st.text("@<>*_`~[]()|#\\-+1. ab:/h\n", max_size=40))
@example("# heading\n-# small print\n- # in a list\n1. -# in a numbered one")
def test_no_text_can_mention_link_or_format(text: str) -> None:
    for chat in (backend(FakeDiscord()), webhook(FakeHook())):
        rendered = chat.render(message(f"x\n{text}"))
        body = rendered.partition("\n")[2].rpartition("\n")[0]
        bare = body.replace("\\\\", "")
        for mark in "*_`~[]|<>":
            assert mark not in bare.replace(f"\\{mark}", "")
        for line in bare.splitlines():
            # Neither a heading nor small print, in a list or not.
            assert not re.match(r"\s*(([-+]|\d+\.)\s+)*-?#", line)


async def test_nobody_is_mentioned_and_no_link_is_unfolded() -> None:
    """Whatever the text looks like: the request says so."""
    server, hook = FakeDiscord(), FakeHook()
    here = Channel(id=server.add("inc-7"))
    text = message("@everyone <@200000000000000002>\nSee https://wiki.test/a_b~c?x=@me, *now*")
    first = await backend(server).post(here, text, KEY)
    await backend(server).show_status(here, text, first, KEY)
    second = await webhook(hook).post(here, text, KEY)
    await webhook(hook).show_status(here, text, second, KEY)
    bodies = [body for _, _, body in (*server.calls, *hook.calls) if body and "content" in body]
    assert len(bodies) == 4
    for body in bodies:
        assert (body["allowed_mentions"], body["flags"]) == ({"parse": []}, 4)
        assert "\nSee https://wiki.test/a_b~c?x=@me, \\*now\\*\n" in body["content"], "an address stays usable"


# What people write


async def test_the_inbox_reads_everything_in_order_with_edits_and_pins() -> None:
    server = FakeDiscord()
    here = Channel(id=server.add("inc-7"))
    chat = backend(server)
    server.write(here.id, "pinned a message", type=6)
    first = server.write(here.id, "It is the database")
    first["author"]["global_name"] = "Alice"
    await chat.post(here, message(), KEY)
    reply = server.write(here.id, "Sure?", BOB, type=19, message_reference={"message_id": first["id"]})
    server.write(here.id, "deploy done", HOOK, webhook_id=HOOK)
    forwarded = [{"message": {"content": "ERROR pool exhausted"}}]
    server.write(here.id, "", BOB, message_reference={"type": 1, "message_id": "5"}, message_snapshots=forwarded)
    got = await chat.since(here, "")
    assert [(m.text, m.author, m.bot, m.thread) for m in got.messages if not m.own] == [
        ("It is the database", "Alice", False, ""),
        ("Sure?", "bob", False, first["id"]),
        ("deploy done", HOOK, True, ""),
        ("ERROR pool exhausted", "bob", False, ""),
    ]
    assert [m.own for m in got.messages] == [False, True, False, False, False]
    ids = [int(m.id) for m in got.messages]
    assert ids == sorted(ids)
    asked = len(server.calls)
    quiet = await chat.since(here, got.cursor)
    assert (quiet.messages, quiet.cursor) == ((), got.cursor) and len(server.calls) == asked + 1, "one request"
    first.update(content="It is the network", edited_timestamp="2026-01-28T13:05:00+00:00")
    reply["reactions"] = [{"emoji": {"id": None, "name": "📌"}, "count": 1}]
    later = await chat.since(here, got.cursor)
    assert [(m.text, m.edited, m.pinned) for m in later.messages if m.edited or m.pinned] == [
        ("It is the network", True, False),
        ("Sure?", False, True),
    ]
    reply["reactions"] = []
    unpinned = await chat.since(here, later.cursor)
    assert not any(m.pinned for m in unpinned.messages)


async def test_a_message_is_as_old_as_its_id_says() -> None:
    """The example of Discord's documentation (reference, Snowflakes)."""
    server = FakeDiscord()
    here = Channel(id=server.add("inc-7"))
    server.write(here.id, "hello", id="175928847299117063")
    (got,) = (await backend(server).since(here, "")).messages
    assert got.at == datetime(2016, 4, 30, 11, 18, 25, 796000, tzinfo=UTC)


async def test_a_burst_between_two_looks_is_read_without_a_gap() -> None:
    server = FakeDiscord()
    here = Channel(id=server.add("inc-7"))
    chat = backend(server)
    server.write(here.id, "hello")
    cursor = (await chat.since(here, "")).cursor
    for number in range(1550):
        server.write(here.id, f"line {number}")
    got = await chat.since(here, cursor)
    assert [m.text for m in got.messages] == [f"line {number}" for number in range(1550)]


async def test_more_than_one_call_may_hold_is_read_by_the_next_ones() -> None:
    server = FakeDiscord()
    here = Channel(id=server.add("inc-7"))
    chat = backend(server)
    for number in range(4321):
        server.write(here.id, f"line {number}")
    texts: dict[str, None] = {}
    cursor = ""
    for _ in range(3):
        got = await chat.since(here, cursor)
        assert len(got.messages) <= 2000
        texts |= dict.fromkeys(m.text for m in got.messages)
        cursor = got.cursor
    assert list(texts) == [f"line {number}" for number in range(4321)]


async def test_a_pause_amid_a_long_read_loses_nothing() -> None:
    """What was read is kept; otherwise a busy channel might never be read to its end."""
    server = FakeDiscord()
    here = Channel(id=server.add("inc-7"))
    for number in range(5 * PAGE):
        server.write(here.id, f"line {number}")
    chat = backend(server)
    path = f"channels/{here.id}/messages"
    slow = httpx.Response(429, json={"retry_after": 2})
    server.fail["GET", path] = [lambda: None, lambda: None, lambda: None, slow]
    first = await chat.since(here, "")
    rest = await chat.since(here, first.cursor)
    read = list(dict.fromkeys(m.text for m in (*first.messages, *rest.messages)))
    assert read == [f"line {number}" for number in range(5 * PAGE)] and len(first.messages) == 2 * PAGE
    server.fail["GET", path] = [slow]
    with pytest.raises(NotSent):
        await chat.since(here, rest.cursor)


async def test_in_a_shared_channel_only_the_thread_is_read() -> None:
    server = FakeDiscord()
    shared = server.add("ops")
    server.write(shared, "long ago")
    chat = backend(server, channel="ops", channel_per_incident=False)
    channel = await chat.open(OPENING, "k")
    server.write(channel.thread, "", type=21)
    server.write(channel.thread, "in the thread")
    server.write(shared, "other talk")
    got = await chat.since(channel, "")
    assert [(m.text, m.thread) for m in got.messages] == [("in the thread", channel.thread)]


async def test_texts_that_are_hidden_from_the_bot_are_not_read_as_empty() -> None:
    """Without Message Content Intent; when it is turned on, everything written meanwhile is read."""
    server = FakeDiscord()
    here = Channel(id=server.add("ops"))
    chat = backend(server, channel="ops")
    await chat.post(here, message(), KEY)
    cursor = (await chat.since(here, "")).cursor
    server.write(here.id, "It is the database")
    server.shows_content = False
    for ask in (chat.since(here, cursor), chat.check()):
        with pytest.raises(Rejected, match="hides") as refused:
            await ask
        assert "Message Content Intent" in refused.value.remedy
    server.shows_content = True
    assert [m.text for m in (await chat.since(here, cursor)).messages if not m.own] == ["It is the database"]


async def test_doctor_says_who_we_are_and_where() -> None:
    server = FakeDiscord()
    server.add("ops")
    category = server.add("Incidents", 4)
    server.add("forum", 15)
    chat = backend(server, channel="ops", category=category)
    assert await chat.check() == f"Discord: warroom in server {GUILD}, shared channel #ops"
    assert await backend(server).check() == f"Discord: warroom in server {GUILD}"
    for channel in ("nowhere", "forum"):
        with pytest.raises(Rejected, match=f"no text channel #{channel}"):
            await backend(server, channel=channel).check()
    with pytest.raises(Rejected, match="no category"):
        await backend(server, category=CATEGORY).check()
    assert not server.sent("POST")


# Webhook


class FakeHook:
    """A webhook with just enough memory."""

    def __init__(self) -> None:
        self.messages: dict[str, str] = {}
        self.calls: list[tuple[str, str, Any]] = []
        self.fail: list[httpx.Response] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["user-agent"].startswith("DiscordBot (")
        body: Any = json.loads(request.content) if request.content else None
        self.calls.append((request.method, request.url.path, body))
        if self.fail:
            return self.fail.pop(0)
        match request.method, request.url.path.split("/")[4:]:
            case "GET", []:
                return httpx.Response(200, json={"name": "ops updates", "channel_id": "500000000000000001"})
            case "POST", []:
                assert request.url.params["wait"] == "true", "without it a lost message is no error"
                made = str(400_000_000_000_000_000 + len(self.messages))
                self.messages[made] = body["content"]
                return httpx.Response(200, json={"id": made})
            case "PATCH", ["messages", wanted]:
                if wanted not in self.messages:
                    return refusal(404, 10008, "Unknown Message")
                self.messages[wanted] = body["content"]
                return httpx.Response(200, json={"id": wanted})
        raise AssertionError(request.url.path)


def webhook(reply: Callable[[httpx.Request], httpx.Response]) -> DiscordWebhook:
    url = f"https://discord.test/webhooks/{HOOK}/{TOKEN}"
    options = DiscordWebhookOptions(url=SecretStr(url))
    return DiscordWebhook(options, transport=servers.judged("discord", reply))


async def test_a_webhook_posts_and_keeps_its_status_message_up_to_date() -> None:
    hook = FakeHook()
    chat = webhook(hook)
    here = await chat.open(OPENING, "k")
    assert (here.id, here.name) == ("", "discord.test")
    await chat.post(here, message("Fails\nImpact: *all*"), KEY)
    first = await chat.show_status(here, message("one"), None, "k2")
    assert await chat.show_status(here, message("two"), first, "k3") == first
    assert list(hook.messages.values()) == ["Fails\n**Impact:** \\*all\\*\nINC-7·u2", "two\nINC-7·u2"]
    del hook.messages[first.id]
    again = await chat.show_status(here, message("three"), first, "k4")
    assert hook.messages[again.id] == "three\nINC-7·u2"
    assert await chat.check() == "Discord webhook: ops updates, posts to channel 500000000000000001"


async def test_a_webhook_that_was_deleted_says_how_to_make_a_new_one() -> None:
    for no in (refusal(404, 10015, "Unknown Webhook"), refusal(401, 50027, "Invalid Webhook Token")):
        hook = FakeHook()
        hook.fail = [no, no]
        for ask in (webhook(hook).check(), webhook(hook).post(Channel(id=""), message(), KEY)):
            with pytest.raises(Rejected) as refused:
                await ask
            assert "Integrations" in refused.value.remedy


@pytest.mark.parametrize("version", ["", "/v6", "/v10"])
async def test_a_webhook_speaks_version_10_whatever_its_url_says(version: str) -> None:
    """Without a version a request goes to one that gives waits in another unit."""
    paths: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.path)
        return httpx.Response(429, json={"retry_after": 1.5})

    url = f"https://canary.discord.com/api{version}/webhooks/{HOOK}/{TOKEN}"
    options = DiscordWebhookOptions(url=SecretStr(url))
    with pytest.raises(NotSent) as info:
        await DiscordWebhook(options, transport=httpx.MockTransport(reply)).check()
    assert (paths, info.value.retry_after) == ([f"/api/v10/webhooks/{HOOK}/{TOKEN}"], 1.5)


@pytest.mark.parametrize("url", ["https://discord.com/channels/1/2", f"https://discord.com/api/webhooks/{HOOK}"])
def test_a_url_that_is_no_webhook_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValidationError, match="not a webhook's URL") as refused:
        DiscordWebhookOptions(url=SecretStr(f"{url}?wait=true&key={TOKEN}"))
    assert TOKEN not in str(refused.value)
