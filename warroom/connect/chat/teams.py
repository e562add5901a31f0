"""Microsoft Teams through a Workflows webhook: each post is an Adaptive Card; nothing is edited or read.

Facts of the API: learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors (envelope, limits) and
adaptivecards.io/explorer (the card). A request that is taken is answered with 202 and an empty body: the flow has
started. Whether its card arrives is not told, and there is no id to reply to or to edit.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr

from warroom.connect.chat import message_lines, plain
from warroom.connect.http import HttpRejected, HttpResponse, Transport
from warroom.connect.outcome import DeliveryClient
from warroom.connect.setup import Setup
from warroom.errors import NotSent, SettingsError, Unconfirmed
from warroom.incident.delivery import Channel, Message, MessageLine, Opening, Receipt

_CONNECTOR_HOST = re.compile(r"(?:.+\.)?webhook\.office\.com|outlook\.office(?:365)?\.com")
_FAILED = "message delivery failed"
_THROTTLED = "returned HTTP error 429"
_THROTTLE_WINDOW_S = 30.0
"""Teams allows 4 posts a second and 60 in 30 seconds (msteams-docs, connectors-using.md)."""

# None of these may hold a word of the address's path ("workflows", "triggers"): it would be masked as a secret.
_NOT_ALLOWED = (
    'Open the flow in Teams, set "Who can trigger the flow" to Anyone and save it; then copy its address again.'
)
_GONE = "The flow is turned off or was deleted. Turn it on, or create a new one; then copy its address again."
_REMEDIES: dict[str | int, str] = {
    401: _NOT_ALLOWED,
    403: _NOT_ALLOWED,
    404: _GONE,
    410: _GONE,
    "WorkflowTriggerIsNotEnabled": _GONE,
    "TriggerInputSchemaMismatch": "The flow does not take cards. Create one that posts what a webhook receives.",
}
"""What to do about each error code, or else about each status."""

_HEADER_STYLES = {"critical": "attention", "high": "warning"}
"""The colour of the header by severity; the words never depend on it."""


class TeamsOptions(BaseModel):
    """Settings of a Microsoft Teams destination."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: SecretStr
    """The address that the workflow "Send webhook alerts to a channel" shows, with everything behind the question
    mark; all of it is a secret: anyone who has it can post."""


class Teams:
    """A ``Chat`` that posts to the channel or chat of a Workflows webhook.

    Nobody is mentioned: a webhook can invite nobody, and who responds is known when a channel is opened, not when
    something is posted.
    """

    Options = TeamsOptions
    setup = Setup(
        "Microsoft Teams",
        (
            'Beside the channel\'s name open ⋯, Workflows, and choose "Send webhook alerts to a channel".',
            "Let anyone trigger the flow, save it, and copy the link.",
        ),
        ("url",),
    )
    dedupes = False
    reads_back = False
    reports_sending = True
    max_length = 25_000
    """The flow cannot post more than about 28 KB (learn.microsoft.com/connectors/teams), what it adds included."""
    unit = "bytes"

    def __init__(self, options: TeamsOptions, *, transport: Transport | None = None) -> None:
        self._http = _FlowClient("Microsoft Teams", options.url, transport=transport)
        if _CONNECTOR_HOST.fullmatch(self._http.host):
            raise SettingsError(
                f"Microsoft Teams: {self._http.host} belongs to a Microsoft 365 connector; Microsoft retired these",
                "In Teams, open the menu of the channel, choose Workflows, then"
                ' "Send webhook alerts to a channel"; set the address it shows.',
            )

    def render(self, message: Message) -> str:
        """The words of the card. How they look is in the card's structure, so none of them is escaped."""
        return plain(message_lines(message))

    def measure(self, message: Message) -> int:
        """The bytes of the request's body, which ``max_length`` limits."""
        return len(json.dumps(_body(message), ensure_ascii=False).encode("utf-8", "replace"))

    async def open(self, opening: Opening, key: str) -> Channel:
        """There is nothing to open: the flow decides where posts go."""
        return Channel(id="", name=self._http.host)

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        """Post. ``Unconfirmed`` when the flow may have started; a receipt says that it has."""
        try:
            answer = await self._http.send("POST", json_body=_body(message), wants_json=False)
        except HttpRejected as no:
            remedy = _REMEDIES.get(no.code) or _REMEDIES.get(no.status) or no.remedy
            raise HttpRejected(no.title, remedy, no.status, no.code) from None
        if _THROTTLED in answer.text:
            # A connector, or a gateway built like one, hands Teams' own 429 on inside a 200.
            raise NotSent(
                "Microsoft Teams is rate-limiting",
                "It will be retried.",
                _THROTTLE_WINDOW_S if answer.retry_after is None else answer.retry_after,
            )
        if _FAILED in answer.text:
            raise self._http.doubt("says that the delivery failed")
        if answer.text.lstrip().startswith("<"):
            # A flow may answer anything, but not with a page: that is of a proxy, to sign in say.
            raise self._http.doubt("gave an answer that cannot be read")
        return Receipt()

    async def show_status(self, channel: Channel, message: Message, previous: Receipt | None, key: str) -> Receipt:
        """Nothing: a webhook cannot edit."""
        return Receipt()

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        """Never certain: a webhook cannot be read."""
        raise Unconfirmed("A webhook cannot be read back", "Look in the channel in Teams, or at the flow's runs.")

    async def check(self) -> str:
        """The host alone. Nothing is sent: a webhook has no request that posts nothing."""
        return f"Microsoft Teams: posts to {self._http.host} (not tried)"

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()


class _FlowClient(DeliveryClient):
    """Takes the error of an answer out of the object it is in: ``{"error": {"code": …, "message": …}}``."""

    async def request(self, method: str, path: str = "", **sent: Any) -> HttpResponse:
        response = await super().request(method, path, **sent)
        error = response.data.get("error")
        return replace(response, json=error) if isinstance(error, dict) else response


# The card


def _body(message: Message) -> dict[str, Any]:
    """The request's body: a message whose one attachment is the card."""
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": _blocks(message),
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _blocks(message: Message) -> list[dict[str, Any]]:
    """The first line as a coloured header, one block for each other line, a gap for empty ones.

    All are rich text blocks: what is in a text run is shown as it is, while a ``TextBlock`` reads Markdown.
    """
    blocks: list[dict[str, Any]] = []
    spacing = "Medium"
    for line in message_lines(message):
        if not (line.label or line.text.strip()):
            spacing = "Medium"
        elif not blocks:
            blocks.append(_header(line, message))
        else:
            is_marker = line == MessageLine(label="", text=message.marker)
            blocks.append(_marker(line) if is_marker else _line(line, spacing))
            spacing = "Small"
    return blocks


def _header(line: MessageLine, message: Message) -> dict[str, Any]:
    title = _block(_run(plain((line,)), size="Large", weight="Bolder"))
    return {"type": "Container", "style": _header_style(message), "bleed": True, "items": [title]}


def _line(line: MessageLine, spacing: str) -> dict[str, Any]:
    label = _run(f"{line.label}: " if line.label else "", weight="Bolder")
    return _block(label, _run(line.text), spacing=spacing)


def _marker(line: MessageLine) -> dict[str, Any]:
    return _block(_run(line.text, size="Small", isSubtle=True), spacing="Medium")


def _block(*runs: dict[str, Any], **more: Any) -> dict[str, Any]:
    # A run with an empty text keeps some clients from showing the card (microsoft/AdaptiveCards#3523).
    return {"type": "RichTextBlock", "inlines": [run for run in runs if run["text"].strip()], **more}


def _run(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **more}


def _header_style(message: Message) -> str:
    if message.kind == "resolution" or (message.kind == "announcement" and message.status == "resolved"):
        return "good"
    if message.audience == "customers":  # to whom the team's severity is not told
        return "emphasis"
    return _HEADER_STYLES.get(message.severity, "emphasis")
