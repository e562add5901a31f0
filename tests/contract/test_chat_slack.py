"""Slack gets requests its contract allows, and each of its answers, the odd ones included, has its meaning."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from harness import servers
from harness.listening import listening, push_badly
from harness.sockets import SocketServer
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from warroom.connect import live
from warroom.connect.chat.slack import Slack, _topic
from warroom.connect.ports import Chat, Promises
from warroom.errors import DeliveryError, NotSent, Rejected, Unconfirmed
from warroom.incident.delivery import Channel, Message, Opening, Receipt

pytestmark = [pytest.mark.anyio, servers.needs_contracts]
anyio_backend = servers.anyio_backend
served = servers.served

TOKEN = "xoxb-planted-0123456789-secret"
APP_TOKEN = "xapp-1-planted-9876543210-secret"
KEY = "INC-7.3.slack.post"
HERE = Channel(id="C0INCIDENT", name="#inc-7")
OPENING = Opening(
    incident="INC-7", name="inc-7-checkout", title="INC-7 Checkout <fails>", topic="SEV1 & up", invite=("U0ALICE1",)
)


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
        "at": datetime(2026, 11, 23, 18, 31, 5, tzinfo=UTC),
    }
    return Message.model_validate({**fields, **more})


class FakeSlack:
    """A workspace with just enough memory. ``fail[method]`` holds answers to give before the true ones."""

    def __init__(self) -> None:
        self.channels: dict[str, dict[str, Any]] = {}
        self.messages: dict[str, list[dict[str, Any]]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.fail: dict[str, list[Any]] = {}
        self.people = {"bob@example.com": "U0BOB0001"}
        self.clock = 1_700_000_000

    def add(self, name: str, **more: Any) -> str:
        channel = f"C0{len(self.channels):07d}"
        self.channels[channel] = {"id": channel, "name": name, "topic": "", "in": False, "members": set(), **more}
        self.messages[channel] = []
        return channel

    def called(self, method: str) -> list[dict[str, Any]]:
        return [arguments for called, arguments in self.calls if called == method]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        method = request.url.path.rpartition("/")[2]
        arguments = dict(request.url.params) if request.method == "GET" else json.loads(request.content)
        self.calls.append((method, arguments))
        if self.fail.get(method):
            failure = self.fail[method].pop(0)
            if isinstance(failure, Exception):
                raise failure
            if isinstance(failure, httpx.Response):
                return failure
            if callable(failure):
                failure(arguments)
            elif failure is not None:
                return httpx.Response(200, json={"ok": False, **failure})
        answer = getattr(self, method.replace(".", "_"))(arguments)
        return httpx.Response(200, json=answer if "ok" in answer else {"ok": True, **answer})

    def auth_test(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"url": "https://acme.slack.com/", "team": "Acme", "user": "warroom", "user_id": "U0WARROOM"}

    def conversations_create(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if any(channel["name"] == arguments["name"] for channel in self.channels.values()):
            return {"ok": False, "error": "name_taken"}
        return {"channel": {"id": self.add(arguments["name"], **{"in": True})}}

    def conversations_list(self, arguments: dict[str, Any]) -> dict[str, Any]:
        seen = [one for one in self.channels.values() if not one.get("archived") and not one.get("private")]
        return {"channels": [{"id": one["id"], "name": one["name"]} for one in seen]}

    def conversations_join(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.channels[arguments["channel"]]["in"] = True
        return {"channel": {"id": arguments["channel"]}}

    def conversations_invite(self, arguments: dict[str, Any]) -> dict[str, Any]:
        members = self.channels[arguments["channel"]]["members"]
        for person in arguments["users"].split(","):
            if person == "U0UNKNOWN":
                return {"ok": False, "error": "user_not_found"}
            if person in members:
                return {"ok": False, "error": "already_in_channel"}
            members.add(person)
        return {"channel": {"id": arguments["channel"]}}

    def conversations_setTopic(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.channels.setdefault(arguments["channel"], {"name": "?"})["topic"] = arguments["topic"]
        return {"channel": {"id": arguments["channel"]}}

    def users_lookupByEmail(self, arguments: dict[str, Any]) -> dict[str, Any]:
        person = self.people.get(arguments["email"])
        return {"user": {"id": person}} if person else {"ok": False, "error": "users_not_found"}

    def chat_postMessage(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.clock += 1
        ts = f"{self.clock}.000100"
        kept = {"ts": ts, "text": arguments["text"], "metadata": arguments["metadata"]}
        kept |= {"user": "U0WARROOM", "bot_id": "B0"}
        kept |= {name: arguments[name] for name in ("thread_ts", "reply_broadcast") if name in arguments}
        self.messages.setdefault(arguments["channel"], []).append(kept)
        return {"channel": arguments["channel"], "ts": ts}

    def chat_update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        for one in self.messages.get(arguments["channel"], []):
            if one["ts"] == arguments["ts"]:
                one.update(text=arguments["text"], metadata=arguments["metadata"])
                return {"ts": arguments["ts"]}
        return {"ok": False, "error": "message_not_found"}

    def users_info(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {
            "user": {"id": arguments["user"], "name": "x", "profile": {"display_name": arguments["user"].title()}}
        }

    def write(self, channel: str, text: str, user: str = "U0BOB0001", **more: Any) -> dict[str, Any]:
        """Somebody posts."""
        self.clock += 1
        post = {"type": "message", "ts": f"{self.clock}.000200", "user": user, "text": text, **more}
        self.messages.setdefault(channel, []).append(post)
        return post

    def pins_add(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {}

    def conversations_history(self, arguments: dict[str, Any]) -> dict[str, Any]:
        newest_first = self.messages.get(arguments["channel"], [])[::-1]
        if "latest" in arguments:
            newest_first = [one for one in newest_first if one["ts"] < arguments["latest"]]
        seen = [one for one in newest_first if "thread_ts" not in one or one["reply_broadcast"]]
        return self._page(seen, arguments)

    def conversations_replies(self, arguments: dict[str, Any]) -> dict[str, Any]:
        ts = arguments["ts"]
        thread = [one for one in self.messages[arguments["channel"]] if ts in (one["ts"], one.get("thread_ts"))]
        thread = [one for one in thread if one["ts"] == ts or one["ts"] > arguments.get("oldest", "")]
        return self._page(thread, arguments)

    def _page(self, messages: list[dict[str, Any]], arguments: dict[str, Any]) -> dict[str, Any]:
        start = int(arguments.get("cursor", 0))
        end = start + int(arguments["limit"])
        found = messages[start:end]
        if arguments.get("include_all_metadata") != "true":
            found = [{name: value for name, value in one.items() if name != "metadata"} for one in found]
        more = {"next_cursor": str(end)} if end < len(messages) else {"next_cursor": ""}
        return {"messages": found, "response_metadata": more}


@pytest.fixture
def workspace() -> FakeSlack:
    return FakeSlack()


def backend(reply: Callable[[httpx.Request], httpx.Response], **more: Any) -> Slack:
    options = Slack.Options(token=SecretStr(TOKEN), base_url="https://slack.test", **more)
    return Slack(options, transport=servers.judged("slack", reply))


def lost(act: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], None]:
    """The request is done, and its answer is lost."""

    def handler(arguments: dict[str, Any]) -> None:
        act(arguments)
        raise httpx.ReadTimeout("planted")

    return handler


# Opening


async def test_opening_makes_the_channel_invites_and_sets_the_topic(workspace: FakeSlack) -> None:
    chat = backend(workspace, invite=("bob@example.com",))
    channel = await chat.open(OPENING, "k")
    assert channel.name == "#inc-7-checkout"
    assert channel.url == f"https://acme.slack.com/archives/{channel.id}"
    made = workspace.channels[channel.id]
    assert made["members"] == {"U0ALICE1", "U0BOB0001"}
    assert made["topic"] == "SEV1 &amp; up"
    assert not workspace.called("chat.postMessage")
    assert isinstance(chat, Chat)
    await chat.close()


async def test_opening_again_is_harmless_and_announces_once(workspace: FakeSlack) -> None:
    shared = workspace.add("incidents")
    channel = await backend(workspace, channel="#incidents").open(OPENING, "k")
    assert await backend(workspace, channel="incidents").open(OPENING, "k") == channel
    assert await backend(workspace, channel=shared).open(OPENING, "k") == channel
    assert [one["name"] for one in workspace.channels.values()] == ["incidents", "inc-7-checkout"]
    (line,) = workspace.messages[shared]
    assert line["text"] == f"INC-7 Checkout &lt;fails&gt;: <#{channel.id}>"


async def test_a_lost_answer_to_create_or_announce_makes_nothing_twice(workspace: FakeSlack) -> None:
    shared = workspace.add("incidents")
    workspace.fail["conversations.create"] = [lost(workspace.conversations_create)]
    workspace.fail["chat.postMessage"] = [lost(workspace.chat_postMessage)]
    chat = backend(workspace, channel="incidents")
    for _ in range(2):
        with pytest.raises(NotSent):
            await chat.open(OPENING, "k")
    await chat.open(OPENING, "k")
    assert [one["name"] for one in workspace.channels.values()] == ["incidents", "inc-7-checkout"]
    assert len(workspace.messages[shared]) == 1


async def test_a_name_taken_by_an_archived_channel_gets_a_number(workspace: FakeSlack) -> None:
    workspace.add("inc-7-checkout", archived=True)
    chat = backend(workspace)
    first = await chat.open(OPENING, "k")
    assert first.name == "#inc-7-checkout-2"
    assert await chat.open(OPENING, "k") == first


async def test_numbered_names_stay_within_slacks_limit(workspace: FakeSlack) -> None:
    workspace.add("i" * 80, archived=True)
    channel = await backend(workspace).open(OPENING.model_copy(update={"name": "i" * 80}), "k")
    assert len(channel.name.lstrip("#")) <= 80


@pytest.mark.parametrize("error", ["missing_scope", "restricted_action", "user_is_restricted", "no_permission"])
async def test_where_no_channel_may_be_made_the_shared_one_is_used(workspace: FakeSlack, error: str) -> None:
    shared = workspace.add("incidents")
    workspace.channels[shared]["topic"] = "the team's own"
    workspace.fail["conversations.create"] = [{"error": error, "needed": "channels:manage"}] * 2
    chat = backend(workspace, channel="incidents")
    channel = await chat.open(OPENING, "k")
    assert (channel.id, channel.name) == (shared, "#incidents")
    assert [channel.thread] == [one["ts"] for one in workspace.messages[shared]]
    await chat.show_status(channel, message(), None, "k2")
    assert workspace.channels[shared]["topic"] == "the team's own"
    with pytest.raises(Rejected) as info:
        await backend(workspace).open(OPENING, "k")
    assert error in info.value.title
    if error == "missing_scope":
        assert "channels:manage" in info.value.remedy


async def test_in_the_shared_channel_an_incident_is_a_thread(workspace: FakeSlack) -> None:
    shared = workspace.add("incidents")
    chat = backend(workspace, channel="incidents", channel_per_incident=False)
    invited = OPENING.model_copy(update={"invite": ("U0BOB0001", "<!channel>")})
    workspace.fail["chat.postMessage"] = [lost(workspace.chat_postMessage)]
    with pytest.raises(NotSent):
        await chat.open(invited, "k")
    channel = await chat.open(invited, "k")
    (root,) = workspace.messages[shared]
    assert (
        channel.thread == root["ts"] and root["text"].endswith(" <@U0BOB0001>") and "!channel" not in root["text"]
    )
    update, resolved = message(), message(kind="resolution")
    first = await chat.post(channel, update, "k1")
    await chat.post(channel, resolved, "k2")
    await chat.post(channel, message(kind="announcement"), "k3")
    sent = [(one["thread_ts"], one["reply_broadcast"]) for one in workspace.messages[shared][1:]]
    assert sent == [(root["ts"], False), (root["ts"], True), (root["ts"], True)]
    assert await chat.find(channel, "k1") == first and await chat.find(channel, "k9") is None
    assert await chat.show_status(channel, update, None, "k1") == first


async def test_everything_goes_to_the_shared_channel_if_so_set(workspace: FakeSlack) -> None:
    shared = workspace.add("incidents")
    chat = backend(workspace, channel="incidents", channel_per_incident=False)
    workspace.fail["conversations.join"] = [{"error": "method_not_supported_for_channel_type"}]
    assert (await chat.open(OPENING, "k")).id == shared
    assert not workspace.called("conversations.create") + workspace.called("conversations.invite")
    with pytest.raises(ValidationError):
        Slack.Options(token=SecretStr(TOKEN), channel_per_incident=False)


async def test_a_private_channel_is_asked_for(workspace: FakeSlack) -> None:
    await backend(workspace, private=True).open(OPENING, "k")
    assert workspace.called("conversations.create")[0]["is_private"] is True


async def test_one_bad_handle_does_not_lose_the_others(workspace: FakeSlack) -> None:
    handles = ("U0UNKNOWN", "nobody@example.com", "bob@example.com", "U0BOB0001", "@carol", "", "U0DAVE001")
    channel = await backend(workspace).open(OPENING.model_copy(update={"invite": handles}), "k")
    assert workspace.channels[channel.id]["members"] == {"U0BOB0001", "U0DAVE001"}


async def test_a_missing_shared_channel_is_said_but_costs_no_incident_channel(workspace: FakeSlack) -> None:
    chat = backend(workspace, channel="nowhere")
    assert (await chat.open(OPENING, "k")).name == "#inc-7-checkout"
    with pytest.raises(Rejected) as info:
        await chat.check()
    assert "#nowhere" in info.value.title


@pytest.mark.parametrize("text", ["short", "x" * 300, "&" * 300, "<" * 49 + "x" * 9, "a\nb\x1b[1m", "…" * 251])
def test_a_topic_is_one_line_within_250_characters_and_whole_escapes(text: str) -> None:
    topic = _topic(text)
    assert len(topic) <= 250
    assert "\n" not in topic and "\x1b" not in topic
    bare = topic.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert "&" not in bare and "<" not in bare


# Posting


async def test_a_post_carries_its_key_and_pings_nobody(workspace: FakeSlack) -> None:
    chat = backend(workspace)
    receipt = await chat.post(HERE, message(pin=True), KEY)
    (sent,) = workspace.called("chat.postMessage")
    assert sent == {
        "channel": HERE.id,
        "text": "Checkout fails\n*Impact:* one in five\nINC-7·u3",
        "metadata": {"event_type": "warroom_delivery", "event_payload": {"key": KEY}},
        "unfurl_links": False,
        "unfurl_media": False,
        "link_names": False,
        "parse": "none",
        "mrkdwn": True,
    }
    assert chat.render(message()) == sent["text"]
    assert workspace.called("pins.add") == [{"channel": HERE.id, "timestamp": receipt.id}]
    await chat.post(HERE, message(), "other")
    assert len(workspace.called("pins.add")) == 1


async def test_a_pin_that_fails_does_not_fail_the_post(workspace: FakeSlack) -> None:
    workspace.fail["pins.add"] = [
        {"error": "too_many_pins"},
        {"error": "already_pinned"},
        httpx.Response(429, headers={"retry-after": "9"}),
        httpx.ReadTimeout("planted"),
    ]
    for number in range(4):
        assert (await backend(workspace).post(HERE, message(pin=True), f"k{number}")).id
    assert len(workspace.messages[HERE.id]) == 4


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ({"error": "ratelimited"}, NotSent, "rate-limiting"),
        ({"error": "rate_limited"}, NotSent, "rate-limiting"),
        ({"error": "request_timeout"}, NotSent, ""),
        ({"error": "fatal_error"}, Unconfirmed, "may have arrived"),
        ({"error": "internal_error"}, Unconfirmed, "may have arrived"),
        ({}, Unconfirmed, ""),
        ({"error": 7}, Unconfirmed, ""),
        ({"error": "not_in_channel"}, Rejected, "/invite"),
        ({"error": "is_archived"}, Rejected, "Unarchive"),
        ({"error": "invalid_auth"}, Rejected, "xoxb-"),
        ({"error": "missing_scope", "needed": "chat:write", "provided": "x"}, Rejected, "chat:write"),
        ({"error": "brand_new_error"}, Rejected, "brand_new_error"),
        ({"error": f"odd {TOKEN}\x1b[31m"}, Rejected, "redacted"),
    ],
)
async def test_not_ok_with_http_200_has_its_meaning(
    workspace: FakeSlack, answer: dict[str, Any], kind: type[DeliveryError], words: str
) -> None:
    workspace.fail["chat.postMessage"] = [answer]
    with pytest.raises(DeliveryError) as info:
        await backend(workspace).post(HERE, message(), KEY)
    assert isinstance(info.value, kind)
    assert words in str(info.value)
    assert info.value.remedy
    assert TOKEN not in str(info.value) and "\x1b" not in str(info.value)
    assert workspace.messages == {}


async def test_throttled_then_sent_once(workspace: FakeSlack) -> None:
    throttled = httpx.Response(429, headers={"retry-after": "30"}, json={"ok": False, "error": "ratelimited"})
    odd = httpx.Response(200, headers={"retry-after": "12"}, json={"ok": False, "error": "ratelimited"})
    workspace.fail["chat.postMessage"] = [throttled, odd]
    chat = backend(workspace)
    for wait in (30.0, 12.0):
        with pytest.raises(NotSent) as info:
            await chat.post(HERE, message(), KEY)
        assert info.value.retry_after == wait
    await chat.post(HERE, message(), KEY)
    assert len(workspace.messages[HERE.id]) == 1


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ReadTimeout("planted"),
        httpx.ReadError("planted"),
        httpx.Response(500, content=b"<html>"),
        httpx.Response(200, content=b'{"ok": true, "ts"'),
        httpx.Response(200, content=b'{"ok": true}'),
    ],
    ids=["timeout", "reset", "500", "broken json", "no id"],
)
async def test_a_lost_answer_is_uncertain_until_read_back(workspace: FakeSlack, failure: Any) -> None:
    chat = backend(workspace)
    for arrived in (True, False):
        key = f"{KEY}.{arrived}"
        workspace.fail["chat.postMessage"] = [failure]
        if arrived:
            workspace.chat_postMessage({"channel": HERE.id, "text": "t", "metadata": _metadata(key)})
        with pytest.raises(Unconfirmed):
            await chat.post(HERE, message(), key)
        found = await chat.find(HERE, key)
        assert (found is not None) is arrived


def _metadata(key: str) -> dict[str, Any]:
    return {"event_type": "warroom_delivery", "event_payload": {"key": key}}


async def test_a_post_is_found_pages_back_and_a_text_does_not_pass_for_it(workspace: FakeSlack) -> None:
    chat = backend(workspace)
    receipt = await chat.post(HERE, message(), KEY)
    for number in range(450):
        other = {"event_type": "else", "event_payload": {"key": KEY}} if number % 2 else _metadata(f"k{number}")
        workspace.chat_postMessage({"channel": HERE.id, "text": f"{KEY} INC-7·u3", "metadata": other})
    assert await chat.find(HERE, KEY) == receipt
    assert len(workspace.called("conversations.history")) == 3
    assert await chat.find(HERE, "INC-7.3.slack") is None


async def test_an_unreadable_or_endless_history_proves_nothing(workspace: FakeSlack) -> None:
    chat = backend(workspace)
    workspace.fail["conversations.history"] = [{"error": "missing_scope", "needed": "channels:history"}]
    with pytest.raises(Rejected) as info:
        await chat.find(HERE, KEY)
    assert "channels:history" in info.value.remedy
    page = {"ok": True, "messages": [], "response_metadata": {"next_cursor": "more"}}
    workspace.fail["conversations.history"] = [httpx.Response(200, json=page)] * 99
    with pytest.raises(Unconfirmed):
        await chat.find(HERE, KEY)
    for broken in ({"messages": 7}, {"messages": [None, {"metadata": []}, {"metadata": {"event_payload": 1}}]}):
        workspace.fail["conversations.history"] = [httpx.Response(200, json={"ok": True, **broken})]
        assert await chat.find(HERE, KEY) is None


# Status


async def test_the_status_is_one_message_and_the_topic_follows(workspace: FakeSlack) -> None:
    chat = backend(workspace)
    channel = await chat.open(OPENING, "k")
    first = await chat.show_status(channel, message("SEV1 investigating", pin=True), None, "s1")
    second = await chat.show_status(channel, message("SEV2 monitoring", pin=True), first, "s2")
    assert second.id == first.id
    (status,) = workspace.messages[channel.id]
    assert status["text"].startswith("SEV2 monitoring")
    assert status["metadata"] == _metadata("s2"), "so that find tells whether this very edit arrived"
    assert workspace.channels[channel.id]["topic"] == "SEV2 monitoring"
    assert workspace.called("chat.update")[0]["parse"] == "none"
    assert len(workspace.called("pins.add")) == 1
    workspace.messages[channel.id].clear()
    third = await chat.show_status(channel, message("SEV3"), second, "s3")
    assert third.id != second.id


async def test_a_status_whose_answer_was_lost_may_be_tried_again(workspace: FakeSlack) -> None:
    chat = backend(workspace)
    first = await chat.show_status(HERE, message(), None, "s1")
    for failure in (httpx.ReadTimeout("planted"), {"error": "fatal_error"}, httpx.Response(502)):
        workspace.fail["chat.update"] = [failure]
        with pytest.raises(NotSent):
            await chat.show_status(HERE, message("new"), first, "s2")
    assert await chat.show_status(HERE, message("new"), first, "s2") == first
    assert len(workspace.messages[HERE.id]) == 1


async def test_a_first_status_whose_answer_was_lost_is_found_and_not_posted_again(workspace: FakeSlack) -> None:
    chat = backend(workspace)
    workspace.fail["chat.postMessage"] = [lost(workspace.chat_postMessage)]
    with pytest.raises(Unconfirmed):
        await chat.show_status(HERE, message(), None, "s1")
    receipt = await chat.show_status(HERE, message(), None, "s1")
    assert [one["ts"] for one in workspace.messages[HERE.id]] == [receipt.id]
    workspace.fail["conversations.history"] = [{"error": "missing_scope"}]
    assert (await chat.show_status(HERE, message(), None, "s9")).id, "without the right to read it is posted"


async def test_a_topic_that_fails_does_not_post_the_status_twice(workspace: FakeSlack) -> None:
    chat = backend(workspace)
    workspace.fail["conversations.setTopic"] = [httpx.Response(429), httpx.Response(500), {"error": "is_archived"}]
    for number in range(3):
        assert (await chat.show_status(HERE, message(), None, f"s{number}")).id


# Doctor, hostile text, Prism


async def test_the_doctor_is_told_who_we_are(workspace: FakeSlack) -> None:
    assert await backend(workspace).check() == "Slack: warroom in Acme"
    shared = workspace.add("incidents")
    assert (await backend(workspace, channel="incidents").check()).endswith(shared)
    assert {method for method, _ in workspace.calls} == {"auth.test", "conversations.list"}
    workspace.fail["auth.test"] = [{"error": "invalid_auth"}]
    with pytest.raises(Rejected) as info:
        await backend(workspace).check()
    assert TOKEN not in str(info.value)


HOSTILE = st.sampled_from(
    ["<!channel>", "<!here|x>", "<@U0ALICE1>", "<https://evil.test|ok>", "&lt;!channel&gt;", "@everyone", "\x1b[2J"]
)


@settings(deadline=None)
@given(st.lists(st.one_of(HOSTILE, st.text(), st.characters()), max_size=6).map("".join))
def test_no_text_can_mention_or_link(text: str) -> None:
    chat = Slack(Slack.Options(token=SecretStr(TOKEN)))
    shown = chat.render(message(text))
    assert "<" not in shown and ">" not in shown and "\x1b" not in shown
    assert shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "").count("&") == 0
    assert len(_topic(text)) <= 250


async def test_a_mock_server_of_the_contract_takes_every_request(served: Callable[[str], str]) -> None:
    options = Slack.Options(token=SecretStr(TOKEN), base_url=served("slack"), channel="C012AB3CD")
    chat = Slack(options)
    assert "Subarachnoid" in await chat.check()
    channel = await chat.open(OPENING.model_copy(update={"invite": ("U012AB3CD", "a@example.com")}), "k")
    assert channel.id
    receipt = await chat.post(channel, message(pin=True), KEY)
    assert receipt.id
    assert (await chat.show_status(channel, message(), receipt, "s1")).id == receipt.id
    shared = Slack(options.model_copy(update={"channel_per_incident": False}))
    assert (await shared.open(OPENING, "k")).id == "C012AB3CD"
    # Prism repeats one page for ever, which is just what must not be taken for "not there".
    with pytest.raises(Unconfirmed):
        await chat.find(channel, KEY)
    for one in (chat, shared):
        await one.close()


async def test_the_mock_server_refuses_a_missing_token(served: Callable[[str], str]) -> None:
    """A fault is planted to see that the judge judges."""
    async with httpx.AsyncClient(base_url=served("slack"), trust_env=False) as client:
        answer = await client.post("/chat.postMessage", json={"channel": "C1", "text": "t"})
        assert answer.status_code == 401
        answer = await client.post("/chat.update", json={"text": "t"}, headers={"Authorization": "Bearer x"})
        assert answer.status_code in (400, 422)


async def test_the_judge_refuses_a_request_against_the_contract(workspace: FakeSlack) -> None:
    """A fault is planted to see that the judge judges."""
    async with httpx.AsyncClient(transport=servers.judged("slack", workspace)) as client:
        for body in ({"text": "t"}, {"channel": "C1", "text": {}}, {"channel": "C1", "texxt": "t"}):
            with pytest.raises(Exception, match=r"(?i)body|missing"):
                await client.post("https://slack.test/chat.postMessage", json=body)


async def test_a_receipt_is_a_link_once_the_workspace_is_known(workspace: FakeSlack) -> None:
    chat = backend(workspace)
    assert (await chat.post(HERE, message(), "a")).url == ""
    channel = await chat.open(OPENING, "k")
    receipt: Receipt = await chat.post(channel, message(), "b")
    assert receipt.url == f"{channel.url}/p{receipt.id.replace('.', '')}"


def test_customers_read_no_marker_where_a_post_is_known_by_its_key() -> None:
    words = message("Checkout is slow", audience="customers", marker="Ref 4F7K2Q")
    chat = Slack(Slack.Options(token=SecretStr("x"), channel="C0123456789"))
    assert chat.render(words) == "Checkout is slow"


# What people write


async def test_the_inbox_reads_everything_once_in_order_with_edits_deletions_replies_and_pins(
    workspace: FakeSlack,
) -> None:
    chat = backend(workspace)
    workspace.write(HERE.id, "<@U0BOB0001> has joined", subtype="channel_join")
    first = workspace.write(HERE.id, "ask <@U0EVE0001> &lt;now&gt; in <#C1|ops>, see <https://x.test/a|the page>")
    await chat.post(HERE, message(), KEY)
    gone = workspace.write(HERE.id, "wrong room", bot_id="B1")
    got = await chat.since(HERE, "")
    assert [(m.text, m.author, m.own, m.bot) for m in got.messages if not m.own] == [
        ("ask @U0Eve0001 <now> in #ops, see the page (https://x.test/a)", "U0Bob0001", False, False),
        ("wrong room", "U0Bob0001", False, True),
    ]
    assert [m.own for m in got.messages].count(True) == 1 and got.messages[0].author_id == "U0BOB0001"
    reply = workspace.write(HERE.id, "a reply", thread_ts=first["ts"], reply_broadcast=False)
    first |= {"text": "ask nobody", "edited": {"user": "U0BOB0001"}, "reactions": [{"name": "pushpin", "count": 1}]}
    first |= {"reply_count": 1, "latest_reply": reply["ts"]}
    workspace.messages[HERE.id].remove(gone)
    workspace.write(HERE.id, "later")
    again = await chat.since(HERE, got.cursor)
    seen = {m.id: m for m in again.messages}
    assert seen[first["ts"]].edited and seen[first["ts"]].pinned and seen[first["ts"]].text == "ask nobody"
    assert seen[gone["ts"]].deleted and seen[reply["ts"]].thread == first["ts"]
    assert [m.text for m in again.messages if m.text][-2:] == ["a reply", "later"]


async def test_a_burst_longer_than_one_call_reads_leaves_no_gap(workspace: FakeSlack) -> None:
    chat = backend(workspace)
    cursor = (await chat.since(HERE, "")).cursor
    for number in range(4500):
        workspace.write(HERE.id, f"line {number}")
    seen: set[str] = set()
    for _ in range(4):
        got = await chat.since(HERE, cursor)
        assert len(got.messages) <= 2000
        seen |= {m.text for m in got.messages}
        cursor = got.cursor
    workspace.write(HERE.id, "line 4500")
    seen |= {m.text for m in (await chat.since(HERE, cursor)).messages}
    assert seen == {f"line {number}" for number in range(4501)}


async def test_in_a_shared_channel_the_thread_is_read(workspace: FakeSlack) -> None:
    shared = workspace.add("incidents")
    workspace.write(shared, "long ago")
    chat = backend(workspace, channel="incidents", channel_per_incident=False)
    channel = await chat.open(OPENING, "k")
    workspace.write(shared, "in the thread", thread_ts=channel.thread, reply_broadcast=False)
    workspace.write(shared, "!note beside it")
    got = await chat.since(channel, "")
    assert [(m.text, m.thread == channel.thread) for m in got.messages if m.author_id == "U0BOB0001"][-2:] == [
        ("in the thread", True),
        ("!note beside it", False),
    ]


async def test_people_without_a_readable_name_are_known_by_their_id(workspace: FakeSlack) -> None:
    workspace.fail["users.info"] = [{"error": "missing_scope", "needed": "users:read"}]
    workspace.write(HERE.id, "hello")
    assert [m.author for m in (await backend(workspace).since(HERE, "")).messages] == ["U0BOB0001"]


# Socket Mode


HELLO = {"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A1"}}


def envelope(number: int, event: dict[str, Any], kind: str = "events_api") -> dict[str, Any]:
    payload = {"type": "event_callback", "team_id": "T1", "event_id": f"Ev{number}", "event": event}
    return {"envelope_id": f"e{number}", "type": kind, "accepts_response_payload": False, "payload": payload}


def disconnect(reason: str) -> dict[str, Any]:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "wss-111.slack.com"}}


def socket_mode(workspace: FakeSlack, server: SocketServer, *answers: Any) -> Slack:
    """A backend of an app with Socket Mode. ``answers`` are those to come to apps.connections.open, which the
    published contract does not have; after them it gives the server's address."""
    judge = servers.judged("slack", workspace)
    left = list(answers)

    def handler(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/apps.connections.open"):
            return judge.handle_request(request)
        assert (request.method, request.content) == ("POST", b"")
        assert request.headers["authorization"] == f"Bearer {APP_TOKEN}"
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        answer = left.pop(0) if left else {"ok": True, "url": f"{server.url}/link/?ticket=planted-ticket-1234"}
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    options = Slack.Options(token=SecretStr(TOKEN), app_token=SecretStr(APP_TOKEN), base_url="https://slack.test")
    return Slack(options, transport=httpx.MockTransport(handler))


async def test_each_event_is_acknowledged_and_tells_its_channel(workspace: FakeSlack) -> None:
    events: list[dict[str, Any]] = [
        {"type": "message", "channel": "C1", "user": "U0BOB0001", "text": "hi", "ts": "1.1"},
        {"type": "message", "subtype": "message_changed", "channel": "C2", "message": {"ts": "1.1"}},
        {"type": "reaction_added", "reaction": "pushpin", "item": {"type": "message", "channel": "C3", "ts": "1"}},
        {"type": "pin_added", "channel_id": "C4", "item": {"type": "message", "channel": "C4"}},
        {"type": "reaction_added", "reaction": "x", "item": {"type": "file", "file": "F1"}},
        {"type": "user_change", "channel": "C9"},
    ]
    async with SocketServer(HELLO) as server, aclosing(socket_mode(workspace, server).wake()) as wakes:
        assert await anext(wakes) == ""
        for number, event in enumerate(events):
            await server.push(envelope(number, event))
        await server.push(envelope(8, {}, "slash_commands"), envelope(9, events[0]))
        assert [await anext(wakes) for _ in range(5)] == ["C1", "C2", "C3", "C4", "C1"]
        await server.until(received=8)
        assert server.received == [{"envelope_id": f"e{number}"} for number in (*range(6), 8, 9)]


@pytest.mark.parametrize("reason", ["warning", "refresh_requested"])
async def test_the_next_connection_is_open_before_the_old_one_is_closed(workspace: FakeSlack, reason: str) -> None:
    async with SocketServer(HELLO) as server, aclosing(socket_mode(workspace, server).wake()) as wakes:
        assert await anext(wakes) == ""
        await server.push(disconnect(reason))
        assert await anext(wakes) == "", "something may have been missed in between"
        await server.until(accepted=2, open=1)
        assert server.most_open == 2
        await server.push(envelope(1, {"type": "message", "channel": "C1"}))
        assert await anext(wakes) == "C1"


async def test_socket_mode_that_is_off_is_refused_with_the_click(workspace: FakeSlack) -> None:
    async with SocketServer(HELLO) as server:
        wakes = socket_mode(workspace, server).wake()
        await anext(wakes)
        await server.push(disconnect("link_disabled"))
        with pytest.raises(Rejected) as info:
            await anext(wakes)
        assert "turn on Socket Mode" in info.value.remedy
        server.greeting = disconnect("too_many_websockets")
        with pytest.raises(NotSent, match="too_many_websockets"):
            await anext(socket_mode(workspace, server).wake())
        await server.until(open=0)


async def test_a_service_that_never_greets_is_left(workspace: FakeSlack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "OPEN_S", 0.3)
    async with SocketServer() as server:
        with pytest.raises(NotSent, match="does not answer"):
            await anext(socket_mode(workspace, server).wake())
        await server.until(open=0)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ({"ok": False, "error": "invalid_auth"}, Rejected, "xapp-"),
        ({"ok": False, "error": "not_allowed_token_type"}, Rejected, "xapp-"),
        ({"ok": False, "error": "missing_scope", "needed": "connections:write"}, Rejected, "connections:write"),
        ({"ok": False, "error": f"odd {APP_TOKEN}"}, Rejected, "Socket Mode"),
        ({"ok": False, "error": "internal_error"}, NotSent, "tried again"),
        ({"ok": False, "error": "ratelimited"}, NotSent, "rate-limiting"),
        ({"ok": True}, NotSent, "no address"),
        ({"ok": True, "url": "https://slack.test/planted-ticket-1234"}, Rejected, "not wss://"),
        (httpx.Response(429, headers={"retry-after": "30"}), NotSent, "rate-limiting"),
        (httpx.Response(401), Rejected, "xapp-"),
    ],
)
async def test_no_address_has_its_meaning(
    workspace: FakeSlack, answer: Any, kind: type[DeliveryError], words: str
) -> None:
    async with SocketServer(HELLO) as server:
        with pytest.raises(DeliveryError) as info:
            await anext(socket_mode(workspace, server, answer).wake())
    assert type(info.value) in (kind, *kind.__subclasses__()) and words in str(info.value)
    assert APP_TOKEN not in str(info.value) and "planted-ticket" not in str(info.value)


async def test_doctor_opens_a_connection_if_the_app_has_one(workspace: FakeSlack) -> None:
    async with SocketServer(HELLO) as server:
        chat = socket_mode(workspace, server)
        assert await chat.check() == "Slack: warroom in Acme, live"
        await server.until(accepted=1, open=0)
        assert APP_TOKEN not in str(server.requests), "the ticket in the address is enough"
        with pytest.raises(Rejected, match="invalid_auth"):
            await socket_mode(workspace, server, {"ok": False, "error": "invalid_auth"}).check()
        await chat.close()


def test_it_pushes_with_an_app_token_alone() -> None:
    assert not Promises.of(Slack(Slack.Options(token=SecretStr(TOKEN)))).pushes
    assert Promises.of(Slack(Slack.Options(token=SecretStr(TOKEN), app_token=SecretStr(APP_TOKEN)))).pushes
    assert Promises.of(Slack).pushes


@pytest.mark.parametrize("seed", range(2))
async def test_every_message_is_in_the_timeline_once_whatever_becomes_of_its_event(
    workspace: FakeSlack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(live, "PING_S", 0.5)
    async with SocketServer(HELLO) as server, listening(tmp_path, socket_mode(workspace, server)) as room:

        def write(text: str) -> dict[str, Any]:
            post = workspace.write(room.channel.id, text)
            return envelope(len(workspace.messages[room.channel.id]), {**post, "channel": room.channel.id})

        await push_badly(server, room, write, disconnect("refresh_requested"), seed)
