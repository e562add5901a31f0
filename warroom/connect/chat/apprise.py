"""Any service that the library Apprise can post to, named by an Apprise URL; nothing is edited and nothing is read.

Facts of the library: github.com/caronc/apprise, version 2.3; its services: appriseit.com/services. A plugin of it
returns only whether a post succeeded, and logs why not. An HTTP status stands there as ``error=404``; a connection
that was refused, a name that is not known and a timeout after the post has arrived read the same.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from warroom.connect.attempt import leaving
from warroom.connect.chat import message_lines, neutralize_markup, plain
from warroom.connect.http import HttpRejected
from warroom.connect.setup import Setup
from warroom.errors import DeliveryError, NotSent, SettingsError, Unconfirmed
from warroom.incident.delivery import Channel, Message, Opening, Receipt

if TYPE_CHECKING:
    from apprise import NotifyBase

READ_SECONDS = 20.0
CONNECT_SECONDS = 10.0
"""A plugin waits so long, unless the URL has ``rto`` or ``cto``. Apprise's own 4 s leave more posts unconfirmed."""

POST_SECONDS = 60.0
"""For one post, whatever its plugin does: less than the outbox gives an attempt."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{1,20})://", re.IGNORECASE)
_STATUS = re.compile(r"\berror=([0-9]{3})\.?$")
_FOR_NOW = {408, 425, 429}
_BAD_SECRET = "Check the credentials in url; they may have been revoked."
_GONE = "Check url: what it names does not exist there."
_REMEDIES = {401: _BAD_SECRET, 403: _BAD_SECRET, 404: _GONE, 410: _GONE, 413: "Set a smaller max_length."}


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
        if find_spec("apprise") is None:
            raise SettingsError("this backend needs the package apprise", "Run: pip install 'warroom[apprise]'")
        self.max_length = options.max_length
        self._url = options.url
        self._made: NotifyBase | None = None

    def render(self, message: Message) -> str:
        """The text that is sent."""
        return neutralize_markup(plain(message_lines(message)))

    async def open(self, opening: Opening, key: str) -> Channel:
        """There is nothing to open: the URL decides where posts go."""
        return Channel(id="", name=self._scheme() or "apprise")

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        """Post, in a thread. ``Unconfirmed`` for every failure but a refusal with an HTTP status."""
        failure = await asyncio.to_thread(self._notify, self.render(message))
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
        service = await asyncio.to_thread(self._service)
        if 0 < service.body_maxlen < self.max_length:
            raise SettingsError(
                f"{service.service_name} takes {service.body_maxlen} characters, fewer than max_length",
                f"Set max_length = {service.body_maxlen}.",
            )
        several = f" to {len(service)} recipients" if len(service) > 1 else ""
        return f"Apprise: posts to {service.service_name}{several} (not tried)"

    async def close(self) -> None:
        """Nothing is open between two posts."""

    def _scheme(self) -> str:
        """The kind of service, such as ``ntfy``: all that may be shown of the URL."""
        found = _SCHEME.match(self._url.get_secret_value().strip())
        return found[1].lower() if found else ""

    def _service(self) -> NotifyBase:
        """The plugin for the URL, made at the first use: to import Apprise takes 0.35 s."""
        if self._made is None:
            self._made = self._make()
        return self._made

    def _make(self) -> NotifyBase:
        # Their lines hold addresses, at DEBUG whole ones. What _notify reads are Apprise's from WARNING on.
        for logger in map(logging.getLogger, ("apprise", "urllib3")):
            logger.setLevel(logging.WARNING)
            logger.propagate = False
        import apprise

        asset = apprise.AppriseAsset(
            app_id="warroom", http_redirects=False, storage_mode="memory", service_timeout=POST_SECONDS
        )
        url = self._url.get_secret_value().strip()
        service = apprise.Apprise.instantiate(url, asset=asset)
        if service is None:
            kind = f" that begins with {self._scheme()}://" if self._scheme() else ""
            raise SettingsError(
                f"Apprise cannot use a url{kind}",
                "Compare it with its page at appriseit.com/services; some services need another package.",
            )
        # Whatever the URL says: a repetition could arrive twice, and a failure must be seen.
        service.retry, service.optional = 0, False
        if "rto=" not in url:
            service.socket_read_timeout = READ_SECONDS
        if "cto=" not in url:
            service.socket_connect_timeout = CONNECT_SECONDS
        return service

    def _notify(self, text: str) -> DeliveryError | None:
        """Post and return the error it ended with, None if it was taken."""
        service = self._service()
        import apprise

        sender = apprise.Apprise(service, asset=service.asset)
        leaving()
        result = sender.notify(text, body_format=apprise.NotifyFormat.TEXT)
        return None if result else _failure(service, [entry.message for entry in result.logs()])


def _failure(service: NotifyBase, lines: Iterable[str]) -> DeliveryError:
    """What a failed post means, by the lines logged about it. None of them is shown: they hold addresses."""
    name = str(service.service_name)
    found = [_STATUS.search(line) for line in lines]
    statuses = [int(match[1]) for match in found if match]
    refused = statuses and all(400 <= status < 500 for status in statuses)
    # Of several recipients some may have it.
    if not refused or len(service) > 1:
        return Unconfirmed(
            f"{name} gave no clear answer; the message may have arrived", "Look whether it is there."
        )
    status = statuses[-1]
    if _FOR_NOW.intersection(statuses):
        return NotSent(f"{name} did not take the message for now ({status})", "It will be retried.")
    remedy = _REMEDIES.get(status, "Check url and max_length of this destination.")
    return HttpRejected(f"{name} refused ({status})", remedy, status)
