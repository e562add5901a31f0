"""A webhook gets each post as JSON with its key; a body of one's own keeps its structure whatever the text."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from harness import servers
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from warroom.connect.chat.webhook import Webhook
from warroom.connect.ports import Chat
from warroom.errors import NotSent, Rejected, SettingsError, Unconfirmed
from warroom.incident.delivery import Channel, Message, Opening, Receipt

pytestmark = pytest.mark.anyio
anyio_backend = servers.anyio_backend

URL = "https://hooks.test/services/T0PLANTED/xyzzyplugh1234"
KEY = "INC-7.3.bot.post"
HERE = Channel(id="", name="hooks.test")


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
        "at": datetime(2026, 11, 23, 20, 31, 5, 250_000, tzinfo=timezone(timedelta(hours=2))),
    }
    return Message.model_validate({**fields, **more})


def backend(reply: Any = lambda _: httpx.Response(200), **more: Any) -> Webhook:
    options = Webhook.Options(url=URL, **more)
    return Webhook(options, transport=httpx.MockTransport(reply))


async def sent(text: str = "x", **more: Any) -> Any:
    requests: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(204)

    await backend(reply, **more).post(HERE, message(text), KEY)
    return json.loads(requests[0].content)


async def test_a_post_is_json_with_its_key() -> None:
    requests: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, content=b"ok")

    chat = backend(reply, headers={"Authorization": "Bearer plantedsecret"})
    channel = await chat.open(Opening(incident="INC-7", name="inc-7", title="t", topic="t"), "k")
    assert (channel, requests) == (HERE, []), "opening sends nothing"
    assert await chat.show_status(channel, message(), None, "k") == Receipt()
    assert "hooks.test" in await chat.check()
    assert requests == []
    assert await chat.post(channel, message(), KEY) == Receipt()
    (request,) = requests
    assert (request.method, str(request.url)) == ("POST", URL)
    assert request.headers["idempotency-key"] == KEY
    assert request.headers["authorization"] == "Bearer plantedsecret"
    assert json.loads(request.content) == {
        "key": KEY,
        "incident": "INC-7",
        "kind": "update",
        "audience": "team",
        "severity": "SEV1",
        "status": "investigating",
        "title": "Checkout fails",
        "text": "Checkout fails\nImpact: one in five\nINC-7·u3",
        "at": "2026-11-23T18:31:05.250Z",
    }
    assert chat.render(message()) == "Checkout fails\nImpact: one in five\nINC-7·u3"
    assert isinstance(chat, Chat)


@pytest.mark.parametrize(("answer", "receipt"), [(b'{"id": 42}', "42"), (b'{"id": "a\\u001b"}', "a␛"), (b"[]", "")])
async def test_an_id_in_the_answer_is_kept(answer: bytes, receipt: str) -> None:
    chat = backend(lambda _: httpx.Response(200, content=answer))
    assert (await chat.post(HERE, message(), KEY)).id == receipt


async def test_a_receiver_that_honours_the_key_dedupes() -> None:
    assert not backend().dedupes
    assert backend(idempotent=True).dedupes
    with pytest.raises(Unconfirmed):
        await backend().find(HERE, KEY)


async def test_a_receivers_words_become_our_errors() -> None:
    for status, kind in ((404, Rejected), (429, NotSent), (500, Unconfirmed), (302, Rejected)):
        with pytest.raises(kind) as info:
            await backend(lambda _, s=status: httpx.Response(s, content=URL.encode())).post(HERE, message(), KEY)
        assert "xyzzy" not in f"{info.value} {info.value!r}"


async def test_a_body_of_ones_own_keeps_its_structure() -> None:
    body = {
        "content": "**{{ title }}** ({{ severity }})",
        "allowed_mentions": {"parse": []},
        "embeds": [{"description": "{{ text }}", "color": 15, "inline": True, "none": None}],
        "plain": "no placeholder {",
    }
    expected = {
        "content": '**say "hi"\\** (SEV1)',
        "allowed_mentions": {"parse": []},
        "embeds": [{"description": 'say "hi"\\\n{{ key }}\nINC-7·u3', "color": 15, "inline": True, "none": None}],
        "plain": "no placeholder {",
    }
    text = 'say "hi"\\\n{{ key }}'
    assert await sent(text, body=body) == expected
    assert await sent(text, body=json.dumps(body)) == expected
    assert json.loads(backend(body=body).render(message(text))) == expected


@given(st.text())
def test_no_text_leaves_its_place_in_a_body(text: str) -> None:
    shown = backend(body={"a": {"text": "{{ text }}"}, "b": 1}).render(message(text))
    assert json.loads(shown).keys() == {"a", "b"}
    assert json.loads(shown)["a"].keys() == {"text"}


@pytest.mark.parametrize(
    "template",
    ["{{ txet }}", "{{ text", "{% for %}", "{{ text.__class__.__mro__ }}", "{{ 1/0 }}", "{{ text | nofilter }}"],
)
def test_a_template_that_cannot_work_is_a_mistake_in_the_settings(template: str) -> None:
    with pytest.raises(SettingsError) as info:
        backend(body={"a": [1, {"b": template}]})
    assert "body.a[1].b" in str(info.value)


@pytest.mark.parametrize(
    "options", [{"body": "no json"}, {"body": "[1]"}, {"body": 7}, {"bdoy": {}}, {"url": {"x": URL}}, {"url": None}]
)
def test_wrong_options_are_said_without_the_secret(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as info:
        Webhook.Options.model_validate({"url": URL, **options})
    assert "xyzzy" not in str(info.value)


def test_an_address_in_clear_is_refused_beyond_this_machine() -> None:
    with pytest.raises(SettingsError):
        Webhook(Webhook.Options(url=SecretStr("http://hooks.test/x")))
    Webhook(Webhook.Options(url=SecretStr("http://127.0.0.1:8000/x")))


def test_jinja_is_loaded_for_placeholders_alone() -> None:
    code = (
        "import sys; from warroom.connect.chat.webhook import Webhook as W;"
        "W(W.Options(url='https://h.test', body={'a': 'b'})); print('jinja2' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("hostile", "arrives"),
    [
        ("@everyone wake up", "＠everyone wake up"),
        ("x@everyone", "x＠everyone"),
        ("(@here) @HERE @all @channel @room @alice", "(＠here) ＠HERE ＠all ＠channel ＠room ＠alice"),
        ("mail ops@example.com", "mail ops@example.com"),
        ("<!channel> <@U12345> <users/all> <at>Bob</at>", "＜!channel> <＠U12345> ＜users/all> ＜at>Bob＜/at>"),
        ("<https://evil.test|our page>", "＜https://evil.test|our page>"),
        ("<img src=x onerror=alert(1)>", "＜img src=x onerror=alert(1)>"),
        ("latency < 5 ms, p99 > 2 s", "latency < 5 ms, p99 > 2 s"),
        ("[our page](https://evil.test)", "[our page] (https://evil.test)"),
        ("![x](https://evil.test/beacon)", "![x] (https://evil.test/beacon)"),
        ("[x][y]\n[y]: https://evil.test", "[x] [y]\n[y] : https://evil.test"),
        ("see https://grafana.test/d/1?a=b", "see https://grafana.test/d/1?a=b"),
        ("@**all** &lt;!channel&gt;", "＠**all** &lt;!channel&gt;"),
        ("\x1b]0;owned\x07 \u202eevil", "␛]0;owned␇ �evil"),
        ("@\u200beveryone", "＠everyone"),
    ],
)
async def test_a_hostile_text_arrives_inert_and_readable(hostile: str, arrives: str) -> None:
    assert (await sent(hostile))["text"] == f"{arrives}\nINC-7·u3"
    assert (await sent(hostile.replace("\n", " "), body={"t": "{{ text }}"}))["t"].endswith("INC-7·u3")


def test_times_are_utc() -> None:
    assert message().at.astimezone(UTC).hour == 18


async def test_customers_read_a_reference_only_where_a_repeated_post_cannot_be_told_apart() -> None:
    words = message("Checkout is slow", audience="customers", marker="Ref 4F7K2Q")
    assert backend().render(words) == "Checkout is slow\nRef 4F7K2Q"
    assert backend(idempotent=True).render(words) == "Checkout is slow"
    assert backend().render(message()).endswith("INC-7·u3")
