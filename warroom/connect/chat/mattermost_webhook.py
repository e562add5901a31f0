"""A Mattermost incoming webhook: posts to one channel; nothing is edited and nothing is read.

Facts of the API: developers.mattermost.com/integrate/webhooks/incoming. A post that is taken is answered with the
text ``ok``, without an id, so what became of one whose answer was lost is for a person to find out.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr

from warroom.connect.chat import defuse_mentions, escape_markdown, message_lines
from warroom.connect.http import Transport
from warroom.connect.outcome import DeliveryClient, OutcomeRules
from warroom.connect.setup import Setup
from warroom.errors import Unconfirmed
from warroom.incident.delivery import Channel, Message, Opening, Receipt

_TAKEN = "ok"
"""The whole answer to a post that is taken."""

_RULES = OutcomeRules(
    {"web.incoming_webhook.invalid.app_error": "The webhook was deleted. Create a new one and set its address."},
    wait_headers={"x-ratelimit-reset": 1.0},
    code_keys=("id",),
    message_keys=("message",),
)


class MattermostWebhookOptions(BaseModel):
    """Settings of a Mattermost webhook."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: SecretStr
    """The webhook's address; all of it is a secret: anyone who has it can post."""
    channel: str = ""
    """Name of another channel than the webhook's own, where the webhook is not locked to one."""


class MattermostWebhook:
    """A ``Chat`` that posts to a Mattermost incoming webhook."""

    Options = MattermostWebhookOptions
    setup = Setup(
        "a Mattermost webhook",
        ("In the product menu open Integrations, Incoming Webhooks, Add Incoming Webhook, and copy the address.",),
        ("url",),
    )
    dedupes = False
    reads_back = False
    reports_sending = True
    max_length = 16_383

    def __init__(self, options: MattermostWebhookOptions, *, transport: Transport | None = None) -> None:
        self._channel = options.channel.strip().lstrip("~")
        self._http = DeliveryClient("Mattermost", options.url, _RULES, transport=transport)

    def render(self, message: Message) -> str:
        """The Markdown that is sent: labels bold, everything else escaped."""
        return "\n".join(
            f"**{_escaped(line.label)}:** {_escaped(line.text)}" if line.label else _escaped(line.text)
            for line in message_lines(message)
        )

    async def open(self, opening: Opening, key: str) -> Channel:
        """There is nothing to open: the webhook decides where posts go."""
        return Channel(id="", name=f"~{self._channel}" if self._channel else self._http.host)

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        """Post. ``Unconfirmed`` when Mattermost may have it."""
        body: dict[str, Any] = {"text": self.render(message)}
        body |= {"channel": self._channel} if self._channel else {}
        answer = await self._http.send("POST", json_body=body, wants_json=False)
        if answer.text.strip() != _TAKEN:  # from something in between, such as a page to sign in
            raise self._http.doubt("gave an answer that cannot be read")
        return Receipt()

    async def show_status(self, channel: Channel, message: Message, previous: Receipt | None, key: str) -> Receipt:
        """Nothing: a webhook cannot edit."""
        return Receipt()

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        """Never certain: a webhook cannot be read."""
        raise Unconfirmed("A webhook cannot be read back", f"Look in the channel ({self._http.host}).")

    async def check(self) -> str:
        """The host alone. Nothing is sent: a webhook has no request that posts nothing."""
        return f"Mattermost webhook: posts to {self._http.host} (not tried)"

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()


def _escaped(text: str) -> str:
    return escape_markdown(defuse_mentions(text))
