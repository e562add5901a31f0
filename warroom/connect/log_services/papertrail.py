"""Papertrail: the events of a search, read forward by their ids.

https://www.papertrail.com/help/search-api/: a search from ``min_id`` with ``tail=false`` goes forward and leaves
nothing out; ``max_id`` is the last event that was looked at, also if it did not match. Ids are 64 bits and grow.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr

from warroom.connect.alerts import unusable
from warroom.connect.answers import id_of, objects_in, text_of
from warroom.connect.http import Transport
from warroom.connect.log_services import LogClient
from warroom.connect.ports import LogPage

LIMIT = 1000
"""Events in one answer; the service's own default."""

_WORSE = ("emergency", "alert", "critical", "error", "warning")
"""What is said of an event's severity: senders give others whatever the message says."""


class PapertrailOptions(BaseModel):
    """Options of a Papertrail account."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token: SecretStr
    """The API token of your profile."""
    group: str = ""
    """The id of a group to look into; empty: all of them."""
    system: str = ""
    """The name or id of a system to look into; empty: all of them."""
    url: str = "https://papertrailapp.com"
    """Its address."""


class Papertrail:
    """A ``LogService``. The cursor is the id of the last event that was looked at."""

    Options = PapertrailOptions

    def __init__(self, options: PapertrailOptions, *, transport: Transport | None = None) -> None:
        self._scope = {"group_id": options.group, "system_id": options.system}
        self._http = LogClient(
            "Papertrail", options.url, headers={"X-Papertrail-Token": options.token}, transport=transport
        )

    async def read(self, query: str, cursor: str) -> LogPage:
        """See ``LogService``. The first page is the newest events."""
        given = {"q": query, **self._scope, "min_id": cursor, "tail": "false" if cursor else ""}
        data = await self._search({name: value for name, value in given.items() if value})
        last = _number(cursor)
        events = [(_number(id_of(event)), event) for event in objects_in(data["events"])]
        # The event of ``min_id`` itself may come again.
        fresh = sorted(((id, event) for id, event in events if id > last), key=lambda one: one[0])
        looked_at = max([last, _number(id_of(data, "max_id")), *(id for id, _ in fresh)])
        partial = data.get("reached_record_limit") is True or data.get("reached_time_limit") is True
        return LogPage(
            tuple(_line(event) for _, event in fresh),
            str(looked_at) if looked_at else cursor,
            more=bool(cursor) and partial and looked_at > last,
        )

    async def check(self) -> str:
        """When the newest event came."""
        events = objects_in((await self._search({"limit": "1"}))["events"])
        newest = text_of(events[-1], "received_at") if events else ""
        return f"Papertrail, newest event {newest}" if newest else "Papertrail, no events"

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def _search(self, params: dict[str, str]) -> dict[str, Any]:
        data = await self._http.read("api/v1/events/search.json", params={"limit": str(LIMIT), **params})
        if not isinstance(data, dict) or not isinstance(data.get("events"), list):
            raise unusable("Papertrail", "a list of events")
        return data


def _number(id: str) -> int:
    return int(id) if id.isdecimal() else 0


def _line(event: Any) -> str:
    """The event as a line: time, host, program, the severity if it is bad, message."""
    message = text_of(event, "message")
    severity = text_of(event, "severity")
    if severity.casefold() in _WORSE and severity.casefold() not in message[:200].casefold():
        message = f"{severity.upper()} {message}"
    host = text_of(event, "hostname") or text_of(event, "source_name")
    program = text_of(event, "program")
    head = [text_of(event, "received_at"), host, f"{program}:" if program else ""]
    return " ".join([*filter(None, head), message])
