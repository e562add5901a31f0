"""Microsoft Teams: the envelope is the documented one, the card keeps its schema, no text can mark itself up."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from harness import servers
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft6Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import best_match  # type: ignore[import-untyped]
from pydantic import SecretStr

from warroom.connect.chat.teams import Teams, TeamsOptions
from warroom.connect.options import PLACEHOLDER
from warroom.connect.ports import Chat, Promises
from warroom.connect.secret_mask import SecretMask, credentials
from warroom.errors import NotSent, Rejected, SettingsError, Unconfirmed
from warroom.incident.delivery import Channel, Message, Opening
from warroom.room import message_parts
from warroom.testing import HttpChatContract
from warroom.testing.chat_contract import HOSTILE, KEY, message

anyio_backend = servers.anyio_backend
pytestmark = pytest.mark.anyio

SIGNATURE = "plantedsecret-0123456789abcdef"
FLOW = "/powerautomate/automations/direct/workflows/9f3c/triggers/manual/paths/invoke"
QUERY = f"?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={SIGNATURE}"
URL = f"https://default12.ab.environment.api.powerplatform.com:443{FLOW}{QUERY}"
HERE = Channel(id="")
OPENING = Opening(
    incident="INC-7", name="inc-7-checkout", title="INC-7 checkout", topic="x", invite=("a@example.com",)
)


def accepted(request: httpx.Request) -> httpx.Response:
    return httpx.Response(202)


def backend(reply: Callable[[httpx.Request], httpx.Response] = accepted, url: str = URL) -> Teams:
    return Teams(TeamsOptions(url=SecretStr(url)), transport=httpx.MockTransport(reply))


async def posted(sent: Message) -> httpx.Request:
    """The one request that posting ``sent`` makes."""
    requests: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return accepted(request)

    await backend(reply).post(HERE, sent, KEY)
    (request,) = requests
    return request


async def card_of(sent: Message) -> dict[str, Any]:
    body = json.loads((await posted(sent)).content)
    card: dict[str, Any] = body["attachments"][0]["content"]
    return card


@functools.cache
def schema() -> Draft6Validator:
    found = json.loads((servers.CONTRACTS / "teams-adaptive-card-1.5.schema.json").read_text())
    return Draft6Validator(found)


def judge(card: dict[str, Any]) -> None:
    """Hold the card against the vendor's schema, without the one key that is Teams' own."""
    own = {name: value for name, value in card.items() if name != "msteams"}
    assert (error := best_match(schema().iter_errors(own))) is None, error


def runs_of(card: dict[str, Any]) -> list[list[str]]:
    """The texts of each rich text block of the card, in order; nothing else may be in it."""
    blocks = [inner for block in card["body"] for inner in block.get("items", [block])]
    assert {block["type"] for block in blocks} <= {"RichTextBlock"}
    return [[run["text"] for run in block["inlines"]] for block in blocks]


class TestTeams(HttpChatContract):
    secrets = (SIGNATURE,)

    def make(self, transport: Any) -> Chat:
        return Teams(TeamsOptions(url=SecretStr(URL)), transport=transport)


# Settings


@pytest.mark.parametrize(
    "host", ["acme.webhook.office.com", "webhook.office.com", "outlook.office.com", "outlook.office365.com"]
)
def test_the_address_of_a_retired_connector_is_refused_with_what_to_create_instead(host: str) -> None:
    with pytest.raises(SettingsError, match="retired") as info:
        backend(url=f"https://{host}/webhookb2/{SIGNATURE}@acme/IncomingWebhook/x/y")
    assert host in info.value.title and "Workflows" in info.value.remedy
    assert SIGNATURE not in f"{info.value!r} {info.value}"


@pytest.mark.parametrize(
    "host",
    [
        "prod-12.westeurope.logic.azure.com:443",
        "default12.ab.environment.api.powerplatform.com",
        "flow.powerautomate.com",
        "prod-01.usgovtexas.logic.azure.us",
        "hooks.acme.example",
        "notwebhook.office.com",
    ],
)
async def test_any_other_host_is_taken_by_https_alone(host: str) -> None:
    """Government clouds and gateways have hosts of their own."""
    assert (await backend(url=f"https://{host}{FLOW}{QUERY}").open(OPENING, "k")).name == host.partition(":")[0]
    with pytest.raises(SettingsError):
        backend(url=f"http://{host}{FLOW}{QUERY}")


def test_without_its_secret_it_can_still_render_and_measure() -> None:
    """The composer previews before any secret is looked up."""
    chat = backend(url=PLACEHOLDER)
    assert chat.measure(message()) > len(chat.render(message()))


# The card


async def test_the_request_is_the_documented_envelope() -> None:
    request = await posted(message("Card payments fail\n\nImpact: one in five\nNext update 14:40"))
    assert str(request.url) == URL.replace(":443", "") and request.method == "POST"
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    body = json.loads(request.content)
    card = body["attachments"][0].pop("content")
    assert body == {
        "type": "message",
        "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None}],
    }
    assert (card["type"], card["version"], card["msteams"]) == ("AdaptiveCard", "1.4", {"width": "Full"})


TEXTS = st.text("*_`~[]()<>&@|#\\-!.:{}$ aB1é🔥\n", max_size=60)
SEVERITIES = st.sampled_from(["critical", "high", "low", "a team's own"])


@servers.needs_contracts
@given(TEXTS, SEVERITIES, st.sampled_from(["declaration", "update", "resolution", "customer"]))
async def test_every_card_keeps_the_vendors_schema(text: str, severity: str, kind: str) -> None:
    judge(await card_of(message(f"{text}\nImpact: {text}", severity=severity, kind=kind)))


async def test_a_card_has_a_coloured_title_bold_labels_and_the_marker_last_and_small() -> None:
    card = await card_of(message("Card payments fail\n\nImpact: one in five\nNext update 14:40"))
    header, impact, rest, marker = card["body"]
    assert (header["type"], header["style"], header["bleed"]) == ("Container", "attention", True)
    title = {"type": "TextRun", "text": "Card payments fail", "size": "Large", "weight": "Bolder"}
    assert header["items"] == [{"type": "RichTextBlock", "inlines": [title]}]
    assert impact["inlines"] == [
        {"type": "TextRun", "text": "Impact: ", "weight": "Bolder"},
        {"type": "TextRun", "text": "one in five"},
    ]
    assert rest["inlines"] == [{"type": "TextRun", "text": "Next update 14:40"}]
    assert marker["inlines"] == [{"type": "TextRun", "text": "INC-7·u2", "size": "Small", "isSubtle": True}]


async def test_an_empty_line_is_a_gap_and_no_text_in_a_card_is_empty() -> None:
    """A run with an empty text keeps some clients from showing the card at all."""
    card = await card_of(message("Fails\n\nImpact: \nActions: two\n  \nThanks"))
    assert runs_of(card) == [["Fails"], ["Impact: "], ["Actions: ", "two"], ["Thanks"], ["INC-7·u2"]]
    assert [block.get("spacing") for block in card["body"]] == [None, "Medium", "Small", "Medium", "Medium"]


@pytest.mark.parametrize(
    ("changes", "style"),
    [
        ({"severity": "critical"}, "attention"),
        ({"severity": "high"}, "warning"),
        ({"severity": "low"}, "emphasis"),
        ({"severity": "a team's own"}, "emphasis"),
        ({"severity": "critical", "kind": "resolution"}, "good"),
        ({"severity": "critical", "kind": "announcement", "status": "resolved"}, "good"),
        ({"severity": "critical", "kind": "announcement", "status": "investigating"}, "attention"),
        ({"severity": "critical", "kind": "customer", "audience": "customers"}, "emphasis"),
    ],
)
async def test_the_colour_of_the_title_is_the_severitys_unless_it_is_over_or_customers_read(
    changes: dict[str, Any], style: str
) -> None:
    card = await card_of(message(**changes))
    assert card["body"][0]["style"] == style


@given(TEXTS)
async def test_no_text_can_mention_link_or_format(text: str) -> None:
    """Whatever is written is in text runs as it is, which read no Markdown; nothing names a person or a link."""
    sent = message(f"Title\n{text}")
    card = await card_of(sent)
    shown = ["".join(runs).strip() for runs in runs_of(card)]
    assert shown == [line.strip() for line in backend().render(sent).splitlines() if line.strip()]
    assert card["msteams"] == {"width": "Full"} and "actions" not in card
    allowed = {"type", "text", "size", "weight", "isSubtle"}
    for block in card["body"]:
        for run in block.get("items", [block])[0]["inlines"]:
            assert run.keys() <= allowed and run["text"].strip()


async def test_what_a_terminal_would_obey_is_not_sent_either() -> None:
    assert "\x1b" not in json.dumps(await card_of(message(HOSTILE)), ensure_ascii=False)


# Size


@given(st.text('ab "\\é日🔥\n', max_size=400), st.sampled_from(["update", "resolution"]))
async def test_the_length_is_the_bytes_that_are_sent(text: str, kind: str) -> None:
    sent = message(f"Title\n{text}", kind=kind)
    assert backend().measure(sent) == len((await posted(sent)).content)


async def test_a_long_update_is_split_into_requests_that_teams_takes() -> None:
    text = "Card payments fail\n" + "\n".join(f"Line {number}: 日本語 🔥 {'x' * 90}" for number in range(400))
    assert Promises.of(backend()).unit == "bytes"
    parts = message_parts.split(backend(), message(text))
    sizes = [len((await posted(part)).content) for part in parts]
    assert len(parts) > 2 and max(sizes) <= 25_000
    said = "\n".join(part.text for part in parts)
    assert all(f"Line {number}: " in said for number in range(400))


# What an answer means


async def test_accepted_says_that_the_flow_has_started_and_nothing_more() -> None:
    chat = backend()
    receipt = await chat.post(await chat.open(OPENING, "k"), message(), KEY)
    assert (receipt.id, receipt.url) == ("", "")
    with pytest.raises(Unconfirmed):
        await chat.find(HERE, KEY)


@pytest.mark.parametrize(("headers", "pause"), [({}, 30), ({"Retry-After": "7"}, 7)])
async def test_throttling_inside_a_200_is_a_pause(headers: dict[str, str], pause: float) -> None:
    words = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with x."
    with pytest.raises(NotSent) as info:
        await backend(lambda _: httpx.Response(200, text=words, headers=headers)).post(HERE, message(), KEY)
    assert info.value.retry_after == pause


@pytest.mark.parametrize(
    "words",
    [
        "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 403 with x.",
        "\n<!doctype html><title>Sign in</title>",
    ],
)
async def test_a_200_that_is_not_the_flows_answer_is_no_delivery(words: str) -> None:
    with pytest.raises(Unconfirmed):
        await backend(lambda _: httpx.Response(200, text=words)).post(HERE, message(), KEY)


async def test_throttling_by_the_flow_is_a_pause() -> None:
    error = {"error": {"code": "TooManyRequests", "message": "Rate limit is exceeded."}}
    answer = httpx.Response(429, json=error, headers={"Retry-After": "12"})
    with pytest.raises(NotSent) as info:
        await backend(lambda _: answer).post(HERE, message(), KEY)
    assert info.value.retry_after == 12


@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [
        (401, "DirectApiAuthorizationRequired", "to Anyone"),
        (403, "", "to Anyone"),
        (404, "WorkflowNotFound", "turned off or was deleted"),
        (410, "", "turned off or was deleted"),
        (400, "WorkflowTriggerIsNotEnabled", "turned off or was deleted"),
        (400, "TriggerInputSchemaMismatch", "does not take cards"),
        (400, "InvalidRequestContent", "The words of the service."),
    ],
)
async def test_a_refusal_names_the_flows_own_code_and_what_to_do(status: int, code: str, remedy: str) -> None:
    answer = {"error": {"code": code, "message": "The words of the service."}} if code else {}
    with pytest.raises(Rejected) as info:
        await backend(lambda _: httpx.Response(status, json=answer)).post(HERE, message(), KEY)
    assert code in info.value.title and str(status) in info.value.title
    assert remedy in info.value.remedy


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_no_remedy_is_mistaken_for_a_secret(status: int) -> None:
    """Long words of a secret address ("workflows") are masked wherever an error is shown."""
    with pytest.raises(Rejected) as info:
        await backend(lambda _: httpx.Response(status)).post(HERE, message(), KEY)
    assert SecretMask(credentials(URL)).text(str(info.value)) == str(info.value)


async def test_doctor_says_where_posts_go_and_sends_nothing() -> None:
    def never(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request)

    host = "default12.ab.environment.api.powerplatform.com"
    assert await backend(never).check() == f"Microsoft Teams: posts to {host} (not tried)"
