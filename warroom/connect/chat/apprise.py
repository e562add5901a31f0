"""Any service that Apprise can post to, named by an Apprise URL; nothing is edited and nothing is read."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from warroom.connect.apprise_sender import AppriseSender
from warroom.connect.chat import message_lines, neutralize_markup, plain
from warroom.connect.setup import Setup
from warroom.errors import SettingsError, Unconfirmed
from warroom.incident.delivery import Channel, Message, Opening, Receipt


class AppriseOptions(BaseModel):
    """Settings of a destination that is reached through Apprise."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: SecretStr
    """The Apprise URL of the service, with one recipient; as a whole a secret. appriseit.com/services shows how to
    write it."""
    max_length: int = Field(default=1000, ge=1)
    """The longest text the service takes, in characters; a longer one is sent in numbered parts. ``warroom doctor``
    tells where a service takes less."""


class AppriseChat:
    """A ``Chat`` that posts through Apprise. The service may be any, so markup of all kinds is broken.

    Raises ``SettingsError`` where Apprise is not installed, and at the first use for a URL that it cannot use.
    """

    Options = AppriseOptions
    setup = Setup(
        "another service, through Apprise",
        (
            "Install the extra: pip install 'warroom[apprise]'.",
            "Find the service at https://appriseit.com/services/ and write its URL, with one recipient.",
        ),
        ("url",),
    )
    dedupes = False
    reads_back = False
    reports_sending = True

    def __init__(self, options: AppriseOptions) -> None:
        self.max_length = options.max_length
        self._sender = AppriseSender(options.url)

    def render(self, message: Message) -> str:
        """The text that is sent."""
        return neutralize_markup(plain(message_lines(message)))

    async def open(self, opening: Opening, key: str) -> Channel:
        """There is nothing to open: the URL decides where posts go."""
        return Channel(id="", name=self._sender.scheme() or "apprise")

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        """Post, in a thread. ``Unconfirmed`` for every failure but a refusal with an HTTP status."""
        failure = await asyncio.to_thread(self._sender.notify, self.render(message))
        if failure is not None:
            raise failure
        return Receipt()

    async def show_status(self, channel: Channel, message: Message, previous: Receipt | None, key: str) -> Receipt:
        """Nothing: Apprise cannot edit."""
        return Receipt()

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        """Never certain: Apprise cannot read."""
        raise Unconfirmed("Apprise cannot look for a post", "Look at the service whether it is there.")

    async def check(self) -> str:
        """The service alone. Nothing is sent: no request of Apprise posts nothing.

        Raises ``SettingsError`` where the service takes shorter texts than ``max_length``.
        """
        service = await asyncio.to_thread(self._sender.service)
        if 0 < service.body_maxlen < self.max_length:
            raise SettingsError(
                f"{service.service_name} takes {service.body_maxlen} characters, fewer than max_length",
                f"Set max_length = {service.body_maxlen}.",
            )
        several = f" to {len(service)} recipients" if len(service) > 1 else ""
        return f"Apprise: posts to {service.service_name}{several} (not tried)"

    async def close(self) -> None:
        """Nothing is open between two posts."""
