"""Cachet 2.4, by its API v1: incidents, their updates, components.

Facts of the API: cachethq/cachet, branch 2.4 (app/Http/Routes/ApiRoutes.php, app/Http/Controllers/Api). An incident
carries ``meta``, which is set when it is made and can not be changed by the API; an update carries none. So the
incident is recognised, and whether one of its updates has arrived cannot be told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import SecretStr

from warroom.connect.answers import id_of, number_of, object_of, objects_of, text_of
from warroom.connect.http import Transport
from warroom.connect.outcome import DeliveryClient
from warroom.connect.setup import Setup
from warroom.connect.status_pages import (
    COMPONENT_STATUSES,
    NumberedComponents,
    PageStatus,
    StatusPage,
    describe_components,
    page_update,
)
from warroom.errors import Unconfirmed
from warroom.incident.delivery import Channel, Message, Receipt

_STATUS: Mapping[PageStatus, int] = {"investigating": 1, "monitoring": 3, "resolved": 4}
_META = "warroom"
_PAGE = 100
_PAGES = 5
"""So many pages of incidents are searched, the newest first. An incident that is updated is among them."""


class CachetV2Options(NumberedComponents):
    """Settings of a destination at Cachet 2."""

    url: str
    """The address of the status page: https://status.example.com."""
    token: SecretStr
    """The API token of a user."""


class CachetV2(StatusPage):
    """A ``Chat`` for customers that keeps an incident on a page of Cachet 2."""

    Options = CachetV2Options
    setup = Setup(
        "Cachet 2",
        (
            "In the dashboard open your profile, and copy the API token.",
            "Map your services to components: warroom doctor lists their ids.",
        ),
        ("url", "token"),
    )
    reads_back = False
    max_length = 10_000
    """Cachet names no limit; its column holds more, nobody reads more."""
    status_words: ClassVar = {"investigating": "Investigating", "monitoring": "Watching", "resolved": "Fixed"}

    def __init__(self, options: CachetV2Options, *, transport: Transport | None = None) -> None:
        self._options = options
        headers = {"X-Cachet-Token": options.token}
        base = f"{options.url.strip().rstrip('/')}/api/v1"
        super().__init__(options, DeliveryClient("Cachet", base, headers=headers, transport=transport))

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        """Open the incident, or add an update to it if it is there. The components come first: that can be
        repeated."""
        update = page_update(message, self._options)
        found = await self._incident(channel.id)
        component = COMPONENT_STATUSES.index(update.component) + 1
        for id in update.ids:
            path = f"components/{quote(id, safe='')}"
            # Subscribers are told by the incident; without silent a second mail would tell of the component.
            await self._http.send("PUT", path, json_body={"status": component, "silent": True}, repeatable=True)
        body: dict[str, Any] = {"status": _STATUS[update.status], "message": update.text}
        if found:
            path = f"incidents/{quote(id_of(found), safe='')}/updates"
            answer = await self._http.send("POST", path, json_body=body)
        else:
            body |= {"name": update.name, "visible": True, "notify": self._options.notify}
            body |= {"meta": {_META: channel.id}}
            if update.ids:
                body |= {"component_id": int(update.ids[0]), "component_status": component}
            answer = await self._http.send("POST", "incidents", json_body=body)
        made = object_of(answer.data, "data")
        if not id_of(made):
            raise self._http.doubt("gave no id")
        link = text_of(made, "permalink") or text_of(found, "permalink")
        return Receipt(id=self._http.mask.identifier(id_of(made)), url=self._http.mask.link(link))

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        """Never certain: an update cannot be told from another one."""
        raise Unconfirmed("Cachet 2 cannot tell whether an update arrived", f"Look at {self._http.host}.")

    async def check(self) -> str:
        """That the token works, and that the components of the settings are there."""
        await self._list("subscribers", {"per_page": "1"})  # the one list that is not public
        listed = await self._list("components", {"per_page": str(_PAGE)})
        there = {id_of(one): text_of(one, "name") for one in objects_of(listed, "data")}
        return f"Cachet 2: {self._http.host}, {describe_components(self._http, self._options, there)}"

    async def _incident(self, reference: str) -> Mapping[str, Any]:
        """The incident with this reference; empty if there is none."""
        for page in range(1, _PAGES + 1):
            query = {"sort": "id", "order": "desc", "per_page": str(_PAGE), "page": str(page)}
            listed = await self._list("incidents", query)
            for one in objects_of(listed, "data"):
                if text_of(object_of(one, "meta"), _META) == reference:
                    return one
            pages = number_of(object_of(object_of(listed, "meta"), "pagination"), "total_pages")
            if page >= pages:
                break
        return {}

    async def _list(self, path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        answer = await self._http.send("GET", path, params=query)
        if not isinstance(answer.data.get("data"), list):
            raise self._http.doubt("gave an answer that cannot be read", repeatable=True)
        return answer.data
