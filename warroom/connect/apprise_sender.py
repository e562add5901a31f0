"""Sends a text through the library Apprise to the service of one Apprise URL. What it is for is decided elsewhere.

Facts of the library: github.com/caronc/apprise, version 2.3; its services: appriseit.com/services. A plugin of it
returns only whether a post succeeded, and logs why not. An HTTP status stands there as ``error=404``; a connection
that was refused, a name that is not known and a timeout after the post has arrived read the same.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pydantic import SecretStr

from warroom.connect.attempt import leaving
from warroom.connect.http import HttpRejected
from warroom.errors import DeliveryError, NotSent, SettingsError, Unconfirmed

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


class AppriseSender:
    """One Apprise URL, a secret as a whole.

    Raises ``SettingsError`` where Apprise is not installed, and at the first use for a URL that it cannot use.
    """

    def __init__(self, url: SecretStr) -> None:
        if find_spec("apprise") is None:
            raise SettingsError("this backend needs the package apprise", "Run: pip install 'warroom[apprise]'")
        self._url = url
        self._made: NotifyBase | None = None

    def scheme(self) -> str:
        """The kind of service, such as ``ntfy``: all that may be shown of the URL."""
        found = _SCHEME.match(self._url.get_secret_value().strip())
        return found[1].lower() if found else ""

    def service(self) -> NotifyBase:
        """The plugin for the URL, made at the first use: to import Apprise takes 0.35 s."""
        if self._made is None:
            self._made = self._make()
        return self._made

    def _make(self) -> NotifyBase:
        # Their lines hold addresses, at DEBUG whole ones. What ``notify`` reads are Apprise's from WARNING on.
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
            kind = f" that begins with {self.scheme()}://" if self.scheme() else ""
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

    def notify(self, text: str) -> DeliveryError | None:
        """Post and return the error it ended with, None if it was taken."""
        service = self.service()
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
