"""Cachet 3, by its API: incidents, their updates, components.

Facts of the API: https://docs.cachethq.io/api-reference and cachethq/core (src/Http/Controllers/Api, src/Actions).
An incident carries ``meta``, which only the API shows; an update carries none. So what an update is going to say is
noted in the incident's ``meta`` before it is posted, and an update that says it proves that it has arrived.

While an incident is not fixed, a component shows the worse of its own status and the incident's; afterwards its
own. The incident's is given when it is opened, and only something worse is set for the component itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import SecretStr

from warroom.connect.answers import id_of, number_of, object_of, objects_of, text_of
from warroom.connect.http import HttpRejected, Transport
from warroom.connect.outcome import DeliveryClient
from warroom.connect.setup import Setup
from warroom.connect.status_pages import (
    COMPONENT_STATUSES,
    NumberedComponents,
    PageStatus,
    PageUpdate,
    StatusPage,
    describe_components,
    digest,
    page_update,
)
from warroom.incident.delivery import Channel, Message, Receipt

_STATUS: Mapping[PageStatus, int] = {"investigating": 1, "monitoring": 3, "resolved": 4}
_OPERATIONAL = 1
_PAGE = 100

# Keys of an incident's meta.
_REFERENCE = "warroom"
_POST = "warroom_post"
"""The digest of the key of the post that was begun last."""
_TEXT = "warroom_text"
"""The digest of what it says; "" for the post that opened the incident."""
_BEFORE = "warroom_before"
"""How many updates said the same before."""
_SHOWN = "warroom_component"
"""The number of the components' worst status."""


class CachetOptions(NumberedComponents):
    """Settings of a destination at Cachet 3."""

    url: str
    """The address of the status page: https://status.example.com."""
    token: SecretStr
    """An API token. Abilities: incidents.manage, incident-updates.manage, components.manage."""


@dataclass(frozen=True, slots=True)
class _Incident:
    """An incident as Cachet has it, with what its updates say by their ids."""

    id: str
    meta: Mapping[str, Any]
    updates: Mapping[str, str]

    def saying(self, text: str) -> list[str]:
        """The ids of the updates with that digest, oldest first."""
        return [id for id, message in self.updates.items() if _digest_of(message) == text]


class Cachet(StatusPage):
    """A ``Chat`` for customers that keeps an incident on a page of Cachet 3."""

    Options = CachetOptions
    setup = Setup(
        "Cachet 3",
        (
            "In the dashboard open Settings, Manage API Keys, and create a token with the abilities "
            "incidents.manage, incident-updates.manage and components.manage.",
            "Map your services to components: warroom doctor lists their ids.",
        ),
        ("url", "token"),
    )
    reads_back = True
    max_length = 50_000
    """Cachet names no limit; its column holds 65,535 bytes."""
    status_words: ClassVar = {"investigating": "Investigating", "monitoring": "Watching", "resolved": "Fixed"}

    def __init__(self, options: CachetOptions, *, transport: Transport | None = None) -> None:
        self._options = options
        headers = {"Authorization": SecretStr(f"Bearer {options.token.get_secret_value()}")}
        self._site = options.url.strip().rstrip("/")
        super().__init__(
            options, DeliveryClient("Cachet", f"{self._site}/api", headers=headers, transport=transport)
        )

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        """Open the incident, or add an update to it if it is there."""
        update = page_update(message, self._options)
        found = await self._incident(channel.id)
        if not found:
            return await self._opened(update, channel.id, key)
        if (seen := self._arrived(found, key)) is not None:
            return seen
        await self._announce(found, update, key)
        body = {"status": _STATUS[update.status], "message": update.text}
        answer = await self._http.send("POST", f"incidents/{quote(found.id, safe='')}/updates", json_body=body)
        return self._receipt(self._id(object_of(answer.data, "data")))

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        """The receipt of the post if it was begun, and the incident says what it was to say."""
        found = await self._incident(channel.id)
        return self._arrived(found, key) if found else None

    async def check(self) -> str:
        """That the token works, that incidents carry meta, and that the components of the settings are there."""
        await self._list("incidents", {"include": "meta", "per_page": "1"})
        components = objects_of(await self._list("components", {"per_page": str(_PAGE)}), "data")
        there = {id_of(one): text_of(object_of(one, "attributes"), "name") for one in components}
        return f"Cachet: {self._http.host}, {describe_components(self._http, self._options, there)}"

    async def _opened(self, update: PageUpdate, reference: str, key: str) -> Receipt:
        status = _number(update)
        answer = await self._http.send(
            "POST",
            "incidents",
            json_body={
                "name": update.name,
                "status": _STATUS[update.status],
                "message": update.text,
                "visible": True,
                "notifications": self._options.notify,
                "components": [{"id": int(id), "status": status} for id in update.ids],
                "meta": {_REFERENCE: reference, _POST: digest(key), _TEXT: "", _BEFORE: 0, _SHOWN: status},
            },
        )
        return self._receipt(self._id(object_of(answer.data, "data")))

    async def _announce(self, found: _Incident, update: PageUpdate, key: str) -> None:
        """Note what is about to be posted, and set the components. All of it can be repeated."""
        said, status = _digest_of(update.text), _number(update)
        shown = number_of(found.meta, _SHOWN)
        noted = {
            _POST: digest(key),
            _TEXT: said,
            _BEFORE: len(found.saying(said)),
            _SHOWN: max(shown, status),
        }
        # Cachet forgets each value that is not sent again.
        await self._put(f"incidents/{quote(found.id, safe='')}", {"meta": {**found.meta, **noted}})
        if update.status == "resolved" or status > shown:
            for component in update.ids:
                await self._put(f"components/{quote(component, safe='')}", {"status": status})

    def _arrived(self, found: _Incident, key: str) -> Receipt | None:
        if text_of(found.meta, _POST) != digest(key):
            return None  # it was not even begun
        said = text_of(found.meta, _TEXT)
        if not said:
            return self._receipt(found.id)
        newer = found.saying(said)[number_of(found.meta, _BEFORE) :]
        return self._receipt(newer[0]) if newer else None

    async def _incident(self, reference: str) -> _Incident | None:
        query = {f"filter[meta][{_REFERENCE}]": reference, "include": "meta,updates", "per_page": str(_PAGE)}
        answer = await self._list("incidents", query)
        for one in objects_of(answer, "data"):
            meta = object_of(object_of(one, "attributes"), "meta")
            if text_of(meta, _REFERENCE) == reference:
                rows = objects_of(object_of(object_of(one, "relationships"), "updates"), "data")
                ours = {id_of(row) for row in rows}
                updates = {
                    id_of(row): text_of(object_of(row, "attributes"), "message")
                    for row in objects_of(answer, "included")
                    if text_of(row, "type") == "updates" and id_of(row) in ours
                }
                oldest_first = sorted(updates.items(), key=lambda row: int(row[0]) if row[0].isdecimal() else 0)
                return _Incident(id_of(one), meta, dict(oldest_first))
        return None

    async def _list(self, path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        try:
            answer = await self._http.send("GET", path, params=query)
        except HttpRejected as no:
            if no.status == 400:
                raise HttpRejected(
                    "This version of Cachet keeps no metadata of incidents", "Update Cachet to a later 3.x.", 400
                ) from None
            raise
        if not isinstance(answer.data.get("data"), list):
            raise self._http.doubt("gave an answer that cannot be read", repeatable=True)
        return answer.data

    async def _put(self, path: str, body: Mapping[str, Any]) -> None:
        await self._http.send("PUT", path, json_body=body, repeatable=True)

    def _id(self, data: Mapping[str, Any]) -> str:
        if not (found := id_of(data)):
            raise self._http.doubt("gave no id")
        return found

    def _receipt(self, id: str) -> Receipt:
        return Receipt(id=self._http.mask.identifier(id), url=self._http.mask.link(self._site))


def _number(update: PageUpdate) -> int:
    """Cachet's number for the components' status."""
    return COMPONENT_STATUSES.index(update.component) + _OPERATIONAL


def _digest_of(text: str) -> str:
    """Of a text, whatever Cachet does to the white space in it."""
    return digest(" ".join(text.split()))
