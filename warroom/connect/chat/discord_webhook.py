"""A Discord webhook: posts to one channel and edits its own status message; nothing is read.

Facts of the API: docs.discord.com/developers/resources/webhook. With ``wait=true`` a post is answered with its
message, and one that was not saved with an error. Webhooks take no nonce and cannot list what they posted, so what
became of a post whose answer was lost is for a person to find out.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

from warroom import __version__
from warroom.connect.answers import id_of, number_of, text_of
from warroom.connect.chat import escape_markdown, message_lines
from warroom.connect.http import HttpRejected, HttpResponse, Transport
from warroom.connect.outcome import DeliveryClient, OutcomeRules
from warroom.connect.setup import Setup
from warroom.errors import Unconfirmed
from warroom.incident.delivery import Channel, Message, Opening, Receipt

_URL = re.compile(r"(https?://[^/?#\s]+)(/api)?(?:/v[0-9]+)?(/webhooks/[0-9]+/[\w-]+)/?")
_SUPPRESS_EMBEDS = 1 << 2
_UNKNOWN_MESSAGE = "10008"
_USER_AGENT = {"User-Agent": f"DiscordBot (warroom, {__version__})"}

_GONE = "The webhook was deleted. Create one (the channel's settings, Integrations, Webhooks) and set its URL."
_BLOCKED = "The server's AutoMod blocked the text. Change it, or exempt the webhook's channel there."
_RULES = OutcomeRules(
    {
        "10015": _GONE,
        "50027": _GONE,
        "220001": "The webhook is a forum's. Create one in a text channel and set its URL.",
        "200000": _BLOCKED,
        "240000": _BLOCKED,
    },
    # Slow mode, limits of a channel and of a server, edits of messages older than an hour, load.
    throttled=frozenset(("20016", "20028", "20029", "30046", "40062", "130000")),
    wait_keys={"retry_after": 1.0},
    wait_headers={"x-ratelimit-reset-after": 1.0},
    code_keys=("code",),
    message_keys=("message",),
)


class DiscordWebhookOptions(BaseModel):
    """Settings of a Discord webhook."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: SecretStr
    """The webhook's URL (the channel's settings, Integrations, Webhooks, Copy Webhook URL); all of it is a secret:
    anyone who has it can post."""

    @field_validator("url")
    @classmethod
    def _a_webhook(cls, url: SecretStr) -> SecretStr:
        if not _URL.fullmatch(url.get_secret_value().strip()):
            raise ValueError("not a webhook's URL: https://discord.com/api/webhooks/ID/TOKEN, nothing after it")
        return url


class _Client(DeliveryClient):
    """A ``DeliveryClient`` for Discord, whose error codes are numbers and whose clients must say what they are."""

    async def request(self, method: str, path: str = "", **more: Any) -> HttpResponse:
        """See ``HttpClient``. An error's ``code`` becomes text, as ``OutcomeRules`` knows codes."""
        response = await super().request(method, path, **{**more, "headers": _USER_AGENT})
        if response.status < 400 or not (code := number_of(response.data, "code")):
            return response
        words = text_of(response.data, "message").rstrip(".")
        return replace(response, json={**response.data, "code": str(code), "message": f"{words}."})


class DiscordWebhook:
    """A ``Chat`` that posts to a Discord webhook."""

    Options = DiscordWebhookOptions
    setup = Setup(
        "a Discord webhook",
        ("In the channel's settings open Integrations, Webhooks, New Webhook, and choose Copy Webhook URL.",),
        ("url",),
    )
    dedupes = False
    reads_back = False
    edits = True
    reports_sending = True
    max_length = 2000
    """In code points (discord-api-docs#1315)."""

    def __init__(self, options: DiscordWebhookOptions, *, transport: Transport | None = None) -> None:
        # Without a version in its path a request goes to version 6, which gives waits in milliseconds.
        url = _URL.sub(
            lambda match: f"{match[1]}{match[2] + '/v10' if match[2] else ''}{match[3]}",
            options.url.get_secret_value().strip(),
        )
        self._http = _Client("Discord", SecretStr(url), _RULES, transport=transport)

    def render(self, message: Message) -> str:
        """The Markdown that is sent: labels bold, everything else escaped."""
        return "\n".join(
            f"**{_escaped(line.label)}:** {_escaped(line.text)}" if line.label else _escaped(line.text)
            for line in message_lines(message)
        )

    async def open(self, opening: Opening, key: str) -> Channel:
        """There is nothing to open: the webhook decides where posts go."""
        return Channel(id="", name=self._http.host)

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        """Post. ``Unconfirmed`` when Discord may have it."""
        answer = await self._http.send("POST", json_body=self._content(message), params={"wait": "true"})
        posted = id_of(answer.data)
        if not posted:
            raise self._http.doubt("gave no message id")
        return Receipt(id=self._http.mask.identifier(posted))

    async def show_status(self, channel: Channel, message: Message, previous: Receipt | None, key: str) -> Receipt:
        """Edit the status message, or post it anew where there is none (left)."""
        if not (previous and previous.id):
            return await self.post(channel, message, key)
        path = f"messages/{quote(previous.id, safe='')}"
        try:
            await self._http.send("PATCH", path, json_body=self._content(message), repeatable=True)
        except HttpRejected as no:
            if no.code != _UNKNOWN_MESSAGE:
                raise
            return await self.post(channel, message, key)
        return previous

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        """Never certain: a webhook cannot list what it posted."""
        raise Unconfirmed("A webhook cannot be read back", f"Look in the channel ({self._http.host}).")

    async def check(self) -> str:
        """The webhook's name and channel."""
        hook = (await self._http.send("GET")).data
        name, channel = self._http.clean(text_of(hook, "name"), 80), self._http.clean(id_of(hook, "channel_id"), 80)
        return f"Discord webhook: {name}, posts to channel {channel}"

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    def _content(self, message: Message) -> dict[str, Any]:
        return {
            "content": self.render(message),
            "allowed_mentions": {"parse": []},
            "flags": _SUPPRESS_EMBEDS,
        }


def _escaped(text: str) -> str:
    return escape_markdown(text, mentions=True)
