"""The web addresses of an incident: its service's, its alerts', and those of what services made for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from warroom.config.settings import Settings
from warroom.incident.events import AlertReceived
from warroom.incident.incident import Incident
from warroom.incident.requests import RequestAccepted
from warroom.safety import redact, sanitize

LONGEST = 2000


@dataclass(frozen=True, slots=True)
class IncidentLink:
    """A web address and what it leads to. ``url`` is http or https, and prints as it is."""

    name: str
    url: str


def incident_links(incident: Incident, settings: Settings) -> list[IncidentLink]:
    """The links of an incident, each address once: those of the settings first, then the newest.

    An address from outside that is not plain http or https is left out, and so is one that holds a secret.
    """
    found: dict[str, IncidentLink] = {}
    for name, url in _all(incident, settings):
        if url not in found and is_plain(url):
            found[url] = IncidentLink(redact(sanitize(name, newlines=False)).text, url)
    return list(found.values())


def is_plain(url: str) -> bool:
    """Whether a browser may be given this address: http or https, printable ASCII, no user, no secret."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and not set(url) & set(' "<>\\^`{|}') and len(url) <= LONGEST
    return usable and plain and redact(url, personal=False).text == url


def _all(incident: Incident, settings: Settings) -> Iterator[tuple[str, str]]:
    service = settings.service(incident.service)
    if service:
        yield from service.links.items()
    for channel in incident.channels.values():
        yield channel.name or "channel", channel.url
    for row in reversed(incident.rows):
        event = row.entry.event
        if row.retracted:
            continue
        if isinstance(event, AlertReceived):
            yield f"alert {event.name}", event.url
        elif isinstance(event, RequestAccepted):
            yield f"{event.service}: {event.what}", event.url
