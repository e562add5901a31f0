"""Atlassian Statuspage (statuspage.io), by its API v1: incidents, components, post-mortems.

Facts of the API: https://developer.statuspage.io. An incident carries metadata, objects that only the API shows. In
ours are the reference of the incident and a digest of the key of each post, written by the request that posts; so
the metadata tells whether a post has arrived. One request a second is allowed, counted over a minute; a request
beyond that is answered with 420 or 429.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, SecretStr

from warroom.connect.answers import object_of, objects_in, objects_of, text_of
from warroom.connect.http import HttpRejected, Transport
from warroom.connect.outcome import DeliveryClient, OutcomeRules
from warroom.connect.setup import Setup
from warroom.connect.status_pages import (
    ComponentStatus,
    StatusPage,
    StatusPageOptions,
    describe_components,
    digest,
    page_update,
)
from warroom.incident.delivery import Channel, Message, Receipt
from warroom.incident.requests import Document

_OURS = "warroom"
"""The name of our object in an incident's metadata."""

_PAGE = 100
_PAGES = 5
"""So many pages of incidents, the newest first, are searched. An incident that is updated is among them."""

_IMPACT: Mapping[ComponentStatus, str] = {
    "operational": "none",
    "degraded_performance": "minor",
    "partial_outage": "major",
    "major_outage": "critical",
}
"""What Statuspage itself makes of a component's status; said to it for incidents without components."""

_RULES = OutcomeRules(throttling_statuses=frozenset({420}))


class StatuspageOptions(StatusPageOptions):
    """Settings of a destination at Statuspage."""

    token: SecretStr
    """An API key of the account."""
    page: str
    """The page's id."""
    base_url: str = "https://api.statuspage.io/v1"
    """The API's address."""


class Statuspage(StatusPage):
    """A ``Chat`` for customers that keeps an incident on a page of Statuspage."""

    Options = StatuspageOptions
    setup = Setup(
        "Statuspage",
        (
            "In Statuspage open your avatar, API info, and create an API key; copy it and the page's id.",
            "Map your services to components: warroom doctor lists their ids.",
        ),
        ("token", "page"),
    )
    reads_back = True
    max_length = 25_000

    def __init__(self, options: StatuspageOptions, *, transport: Transport | None = None) -> None:
        self._options = options
        page = quote(options.page.strip(), safe="")
        headers = {"Authorization": SecretStr(f"OAuth {options.token.get_secret_value()}")}
        base = f"{options.base_url.rstrip('/')}/pages/{page}"
        super().__init__(options, DeliveryClient("Statuspage", base, _RULES, headers=headers, transport=transport))
        self._known: dict[str, str] = {}

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        """Open the incident, or update it if it is there; nothing if this post has arrived already."""
        update = page_update(message, self._options)
        found = await self._incident(channel.id)
        if digest(key) in _posts(found):
            return self._receipt(found)
        incident: dict[str, Any] = {
            "status": update.status,
            "body": update.text,
            "deliver_notifications": self._options.notify,
            "metadata": {
                **object_of(found, "metadata"),  # other tools keep theirs there
                _OURS: {"incident": channel.id, "posts": " ".join((*_posts(found), digest(key)))},
            },
        }
        if update.ids:
            incident["component_ids"] = list(update.ids)
            incident["components"] = dict.fromkeys(update.ids, update.component)
        if update.status == "investigating":
            incident["impact_override"] = _IMPACT[update.component]
        if found:
            path = f"incidents/{quote(text_of(found, 'id'), safe='')}"
            answer = await self._http.send("PATCH", path, json_body={"incident": incident})
        else:
            body = {"incident": {"name": update.name, **incident}}
            answer = await self._http.send("POST", "incidents", json_body=body)
        if not text_of(answer.data, "id"):
            raise self._http.doubt("gave no incident id")
        self._known[channel.id] = text_of(answer.data, "id")
        return self._receipt(answer.data)

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        """The incident's receipt if its metadata names the post."""
        found = await self._incident(channel.id)
        return self._receipt(found) if digest(key) in _posts(found) else None

    async def publish_postmortem(self, incident: str, body: str) -> Receipt:
        """Write the incident's post-mortem, Markdown, and publish it; ``incident`` is its channel's id here.

        Subscribers are told if ``notify`` is set. One that is published already as it stands is left alone. Raises
        ``Rejected`` where the page has no such incident, or it is not resolved there, and the others as ``post``.
        """
        found = await self._incident(incident)
        if not found:
            raise HttpRejected("The incident is not on the status page", "Post an update to customers there first.")
        if _has_postmortem(found, body):
            return self._receipt(found)
        path = f"incidents/{quote(text_of(found, 'id'), safe='')}/postmortem"
        await self._http.send("PUT", path, json_body={"postmortem": {"body_draft": body}}, repeatable=True)
        tell = self._options.notify
        published = {"postmortem": {"notify_subscribers": tell, "notify_twitter": False}}
        await self._http.send("PUT", f"{path}/publish", json_body=published, repeatable=not tell)
        return self._receipt(found)

    async def published_postmortem(self, incident: str, body: str) -> Receipt | None:
        """The receipt of the post-mortem if it is published as it stands; None if it is not."""
        found = await self._incident(incident)
        return self._receipt(found) if _has_postmortem(found, body) else None

    async def check(self) -> str:
        """The page's name, and that the components of the settings are there."""
        name = self._http.clean(text_of((await self._http.send("GET")).data, "name"), 80)
        components = await self._list("components", page="1", per_page=str(_PAGE))
        there = {text_of(one, "id"): text_of(one, "name") for one in components if not one.get("group")}
        return f"Statuspage: {name}, {describe_components(self._http, self._options, there)}"

    async def _incident(self, reference: str) -> Mapping[str, Any]:
        """The incident with this reference as it is now; empty if there is none."""
        if known := self._known.get(reference):
            try:
                found = (await self._http.send("GET", f"incidents/{quote(known, safe='')}")).data
            except HttpRejected as no:
                if no.status != 404:
                    raise
                del self._known[reference]  # somebody deleted it there
            else:
                return found
        # The unresolved ones are few, and ours is mostly among them.
        for found in await self._list("incidents/unresolved", page="1", per_page=str(_PAGE)):
            if _reference(found) == reference:
                return self._noted(found)
        for number in range(1, _PAGES + 1):
            listed = await self._list("incidents", page=str(number), limit=str(_PAGE))
            for found in listed:
                if _reference(found) == reference:
                    return self._noted(found)
            if len(listed) < _PAGE:
                break
        return {}

    def _noted(self, incident: Mapping[str, Any]) -> Mapping[str, Any]:
        self._known[_reference(incident)] = text_of(incident, "id")
        return incident

    async def _list(self, path: str, **query: str) -> list[Mapping[str, Any]]:
        answer = await self._http.send("GET", path, params=query, wants_json=False)
        if not isinstance(answer.json, list):
            raise self._http.doubt("gave an answer that cannot be read", repeatable=True)
        return objects_in(answer.json)

    def _receipt(self, incident: Mapping[str, Any]) -> Receipt:
        newest = next(iter(objects_of(incident, "incident_updates")), incident)
        return Receipt(
            id=self._http.mask.identifier(text_of(newest, "id")),
            url=self._http.mask.link(text_of(incident, "shortlink")),
        )


def _reference(incident: Mapping[str, Any]) -> str:
    return text_of(object_of(object_of(incident, "metadata"), _OURS), "incident")


def _posts(incident: Mapping[str, Any]) -> list[str]:
    """The digests of the keys of the posts that have arrived."""
    return text_of(object_of(object_of(incident, "metadata"), _OURS), "posts").split()


def _has_postmortem(incident: Mapping[str, Any], body: str) -> bool:
    """Whether this post-mortem is published. White space is the page's own affair."""
    there = text_of(incident, "postmortem_body")
    return bool(incident.get("postmortem_published_at")) and there.split() == body.split()


class StatuspagePostMortemOptions(BaseModel):
    """Settings of the post-mortems on a page of Statuspage."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token: SecretStr
    """An API key of the account."""
    page: str
    """The page's id."""
    notify: bool = True
    """Whether the page tells its subscribers of each post-mortem."""
    base_url: str = "https://api.statuspage.io/v1"
    """The API's address."""


class StatuspagePostMortems:
    """An ``Integration`` that publishes a document for customers as the post-mortem of its incident on the page."""

    Options = StatuspagePostMortemOptions
    dedupes = False
    reads_back = True
    reports_sending = True
    public = True

    def __init__(self, options: StatuspagePostMortemOptions, *, transport: Transport | None = None) -> None:
        self._page = Statuspage(StatuspageOptions(**dict(options)), transport=transport)

    async def send(self, request: Document, key: str) -> Receipt:
        """See ``Statuspage.publish_postmortem``. The page keeps no record of who changed a post-mortem last."""
        return await self._page.publish_postmortem(request.reference, request.markdown.strip())

    async def find(self, request: Document, key: str) -> Receipt | None:
        """The receipt of the post-mortem if the page shows this text."""
        return await self._page.published_postmortem(request.reference, request.markdown.strip())

    async def check(self) -> str:
        """The page's name."""
        return await self._page.check()

    async def close(self) -> None:
        """Let go of connections."""
        await self._page.close()
