"""Google Chat through an incoming webhook: one thread for each incident; nothing is edited and nothing is read.

Facts of the API: developers.google.com/workspace/chat/quickstart/webhooks and
developers.google.com/workspace/chat/api/reference/rest/v1/spaces.messages/create. Only the API for apps has keys to
dedupe by and can edit; of a webhook neither is documented, so neither is promised.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr

from warroom.connect.answers import text_of
from warroom.connect.chat import message_lines, neutralize_markup
from warroom.connect.http import HttpResponse, Transport
from warroom.connect.outcome import DeliveryClient, OutcomeRules
from warroom.connect.setup import Setup
from warroom.errors import SettingsError, Unconfirmed
from warroom.incident.delivery import Channel, Message, Opening, Receipt

_COPY_AGAIN = "Copy the webhook's address again, all of it, or create a new webhook in the space."
_RULES = OutcomeRules(
    {
        "INVALID_ARGUMENT": f"If it is the key that is not valid: {_COPY_AGAIN}",
        "UNAUTHENTICATED": _COPY_AGAIN,
        "PERMISSION_DENIED": f"{_COPY_AGAIN} An administrator may also have switched webhooks off.",
        "NOT_FOUND": "The space or the webhook was deleted. Create a new webhook in the space and set its address.",
    },
    throttled=frozenset(("RESOURCE_EXHAUSTED",)),
    code_keys=("status",),
)

_REPLY_OPTION = "messageReplyOption"
_REPLY = "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"
"""Without it a thread key is ignored and each post starts a thread."""

_MARKS = str.maketrans({"*": "＊", "~": "～", "`": "｀"})
_UNDERSCORE = re.compile(r"_(?![^\W_])|(?<![^\W_])_")
"""Any but those between two letters or digits, which format nothing: ``db_primary``."""


class GoogleChatOptions(BaseModel):
    """Settings of a Google Chat destination."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: SecretStr
    """The webhook's address, with ``key`` and ``token`` in it; all of it is a secret: anyone who has it can
    post."""


class GoogleChat:
    """A ``Chat`` that posts to the space of an incoming webhook, each incident in a thread of its own.

    Nobody is mentioned: a webhook can invite nobody, and who responds is known when a channel is opened, not when
    something is posted.
    """

    Options = GoogleChatOptions
    setup = Setup(
        "Google Chat",
        (
            "In a browser click the space's name, Apps & integrations, Add webhooks; an administrator has to allow"
            " webhooks.",
            "Name it warroom, and copy the link.",
        ),
        ("url",),
    )
    dedupes = False
    reads_back = False
    threads = True
    reports_sending = True
    max_length = 4096
    """What the service answers to a longer text ("Maximum length of the field is 4096"); its manual has a limit of
    32,000 bytes for the whole message, which is never reached."""

    def __init__(self, options: GoogleChatOptions, *, transport: Transport | None = None) -> None:
        address, _, query = options.url.get_secret_value().strip().partition("#")[0].partition("?")
        given = dict(pair.partition("=")[::2] for pair in query.split("&") if pair)
        self._complete = bool(given.get("key") and given.get("token"))
        # In the address, as the parameters of a request would replace the key and the token in it.
        written = "&".join(f"{name}={value}" for name, value in {**given, _REPLY_OPTION: _REPLY}.items())
        self._http = _GoogleClient("Google Chat", SecretStr(f"{address}?{written}"), _RULES, transport=transport)

    def render(self, message: Message) -> str:
        """The text that is sent, in Google Chat's own markup: labels bold, everything else neutralized."""
        return "\n".join(
            f"*{_neutralized(line.label)}:* {_neutralized(line.text)}" if line.label else _neutralized(line.text)
            for line in message_lines(message)
        )

    def measure(self, message: Message) -> int:
        """The length of the text in UTF-16 units. Google does not say what a character is; no count is higher."""
        return len(self.render(message).encode("utf-16-le", "surrogatepass")) // 2

    async def open(self, opening: Opening, key: str) -> Channel:
        """Nothing is sent: the webhook decides the space, and the first post starts the thread.

        The thread's key is the incident's proposed name, ``inc-7-checkout-api``: the same whenever it is asked for.
        """
        return Channel(id="", name=self._http.host, thread=opening.name)

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        """Post, in the incident's thread. ``Unconfirmed`` when Google may have it."""
        # New apps are read as Markdown by default, in which *this* is not bold.
        body: dict[str, Any] = {"text": self.render(message)}
        body |= {"thread": {"threadKey": channel.thread}} if channel.thread else {}
        answer = await self._http.send("POST", json_body=body)
        name = text_of(answer.data, "name")
        if not name:
            raise self._http.doubt("gave no message name")
        # "spaces/SPACE/messages/ID"; the space is part of the secret address.
        return Receipt(id=self._http.mask.identifier(name.rpartition("/")[2]))

    async def show_status(self, channel: Channel, message: Message, previous: Receipt | None, key: str) -> Receipt:
        """Nothing: a webhook cannot edit."""
        return Receipt()

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        """Never certain: a webhook cannot be read."""
        raise Unconfirmed("A webhook cannot be read back", "Look in the space in Google Chat.")

    async def check(self) -> str:
        """The host alone. Nothing is sent: a webhook has no request that posts nothing.

        Raises ``SettingsError`` for an address that was cut off.
        """
        if not self._complete:
            raise SettingsError(
                "Google Chat: the webhook's address has no key or no token",
                "Copy all of it. In a shell put it in quotes, or it ends at the first &.",
            )
        return f"Google Chat: posts to {self._http.host} (not tried)"

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()


class _GoogleClient(DeliveryClient):
    """Takes the error of an answer out of the object it is in: ``{"error": {"status": …, "message": …}}``."""

    async def request(self, method: str, path: str = "", **sent: Any) -> HttpResponse:
        response = await super().request(method, path, **sent)
        error = response.data.get("error")
        return replace(response, json=error) if isinstance(error, dict) else response


def _neutralized(text: str) -> str:
    """The text without mentions, links and formatting. Google Chat has no way to escape a character."""
    return _UNDERSCORE.sub("＿", neutralize_markup(text).translate(_MARKS))
