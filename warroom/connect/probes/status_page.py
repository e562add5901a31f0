"""What the public status page of a third party says: all of it, or one of its components.

A page that Statuspage hosts has ``/api/v2/status.json`` and ``/api/v2/summary.json``
(https://metastatuspage.com/api); other services answer under the same addresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from warroom.connect.answers import object_of, objects_of, text_of
from warroom.connect.http import HttpClient, Transport
from warroom.connect.probes import ProbeOptions, Seconds
from warroom.errors import NotSent
from warroom.incident.readings import Reading, judged
from warroom.safety import sanitize

_PATH = "api/v2"
_GOOD = "operational"
_LONGEST = 80


class StatusPageProbeOptions(ProbeOptions):
    """Settings of a probe that reads a status page."""

    url: str
    """The page's address: "https://www.githubstatus.com"."""
    component: str = ""
    """The name of the component that matters, as the page has it; without it the page as a whole."""
    timeout_s: Seconds = 10.0
    """How long the answer may take, in seconds."""


class StatusPageProbe:
    """A ``Probe``. A page that cannot be read says nothing about the service: the reading speaks for neither."""

    Options = StatusPageProbeOptions

    def __init__(self, options: StatusPageProbeOptions, *, transport: Transport | None = None) -> None:
        self._component = options.component.strip()
        address = options.url.strip().rstrip("/")
        self._http = HttpClient("The status page", address, transport=transport, total_seconds=options.timeout_s)

    async def run(self) -> Reading:
        """Read the page. Raises ``NotSent`` where it cannot be read."""
        file = "summary.json" if self._component else "status.json"
        answer = await self._http.request("GET", f"{_PATH}/{file}")
        if answer.status != 200:
            raise self._unreadable(f"answered {answer.status}")
        page = _words(text_of(object_of(answer.data, "page"), "name")) or self._http.host
        return self._component_of(page, answer.data) if self._component else self._whole(page, answer.data)

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    def _whole(self, page: str, data: Mapping[str, Any]) -> Reading:
        status = object_of(data, "status")
        indicator = text_of(status, "indicator")  # none, minor, major, critical, maintenance
        if not indicator:
            raise self._unreadable("gave no status")
        words = _words(text_of(status, "description")) or _words(indicator)
        return judged(indicator == "none", f"{page}: {words}")

    def _component_of(self, page: str, data: Mapping[str, Any]) -> Reading:
        wanted = self._component.casefold()
        components = [one for one in objects_of(data, "components") if not one.get("group")]
        for one in components:
            if text_of(one, "name").strip().casefold() == wanted and (status := text_of(one, "status")):
                shown = _words(text_of(one, "name"))
                return judged(status == _GOOD, f"{page}, {shown}: {_words(status.replace('_', ' '))}")
        names = _words(", ".join(text_of(one, "name") for one in components), 200)
        raise NotSent(f"{page} has no component {_words(self._component)}", f"It has {names or 'none'}.")

    def _unreadable(self, what: str) -> NotSent:
        return NotSent(f"{self._http.host} {what}", "Check that the address is that of a status page.")


def _words(text: str, limit: int = _LONGEST) -> str:
    line = " ".join(sanitize(text, newlines=False).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
