"""Better Stack, by its Uptime API v2: reports of a status page and their updates.

Facts of the API: https://betterstack.com/docs/uptime/api/create-a-new-status-page-report and the pages beside it.
A report carries no metadata, so its title ends with the incident's reference, by which it is found again. Whether
one of its updates has arrived cannot be told. A report is over when all its resources are resolved: it needs one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import Field, SecretStr

from warroom.connect.answers import id_of, object_of, objects_of, text_of
from warroom.connect.http import HttpRejected, Transport
from warroom.connect.outcome import DeliveryClient
from warroom.connect.setup import Setup
from warroom.connect.status_pages import (
    LONGEST_NAME,
    ComponentStatus,
    Ids,
    NumberedComponents,
    PageUpdate,
    StatusPage,
    describe_components,
    page_update,
)
from warroom.errors import Unconfirmed
from warroom.incident.delivery import Channel, Message, Receipt

_RESOURCE: Mapping[ComponentStatus, str] = {
    "operational": "degraded",
    "degraded_performance": "degraded",
    "partial_outage": "degraded",
    "major_outage": "downtime",
}
"""Better Stack's word for a component's status while the incident is not resolved: "resolved" would end it."""

_PAGES = 40
"""So many pages of reports are searched; their order is not documented."""


class BetterStackPageOptions(NumberedComponents):
    """Settings of a destination at Better Stack."""

    components: dict[str, Ids] = Field(min_length=1)
    """The ids of the page's resources that show a service's state, by the service's name:
    { checkout-api = "8720238" }, or a list of ids. "*" means every service that is not named. A report needs
    at least one."""
    token: SecretStr
    """An Uptime API token of the team."""
    page: str
    """The status page's id."""
    base_url: str = "https://uptime.betterstack.com/api/v2"
    """The API's address."""


class BetterStackStatus(StatusPage):
    """A ``Chat`` for customers that keeps a report on a status page of Better Stack."""

    Options = BetterStackPageOptions
    setup = Setup(
        "Better Stack status page",
        (
            "In Better Stack open Settings, API tokens, and copy the team's Uptime API token.",
            "Open the status page: its id is the number in the address.",
            'Give the resource that shows most of your services as components = { "*" = "ID" }.',
        ),
        ("token", "page", "components"),
    )
    reads_back = False
    max_length = 10_000
    """Better Stack names no limit; nobody reads more."""
    status_words: ClassVar = {}

    def __init__(self, options: BetterStackPageOptions, *, transport: Transport | None = None) -> None:
        self._options = options
        headers = {"Authorization": SecretStr(f"Bearer {options.token.get_secret_value()}")}
        base = f"{options.base_url.rstrip('/')}/status-pages/{quote(options.page.strip(), safe='')}"
        super().__init__(options, DeliveryClient("Better Stack", base, headers=headers, transport=transport))
        self._known: dict[str, str] = {}

    def incident_name(self, update: PageUpdate, reference: str) -> str:
        """With the reference, by which the report is found again."""
        mark = _mark(reference)
        return f"{update.name[: LONGEST_NAME - len(mark)]}{mark}"

    def component_word(self, update: PageUpdate) -> str:
        """Better Stack has three: resolved, degraded and downtime."""
        return "resolved" if update.status == "resolved" else _RESOURCE[update.component]

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        """Open the report, or add an update to it if it is there."""
        update = page_update(message, self._options)
        if not update.ids:
            raise HttpRejected(
                f"No resource of the status page is set for {self._http.clean(message.service, 60)}",
                'Add it to components, or set "*" for every service that is not named.',
            )
        resource = self.component_word(update)
        body: dict[str, Any] = {
            "message": update.text,
            "notify_subscribers": self._options.notify,
            "affected_resources": [{"status_page_resource_id": id, "status": resource} for id in update.ids],
        }
        path = "status-reports"
        if report := await self._report(channel.id):
            path = f"status-reports/{quote(report, safe='')}/status-updates"
        else:
            body |= {"title": self.incident_name(update, channel.id), "report_type": "manual"}
        try:
            answer = await self._http.send("POST", path, json_body=body)
        except HttpRejected:
            self._known.pop(channel.id, None)  # somebody may have deleted it there
            raise
        made = id_of(object_of(answer.data, "data"))
        if not made:
            raise self._http.doubt("gave no id")
        self._known.setdefault(channel.id, made)
        return Receipt(id=self._http.mask.identifier(made))

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        """Never certain: an update cannot be told from another one."""
        raise Unconfirmed("Better Stack cannot tell whether an update arrived", "Look at the status page.")

    async def check(self) -> str:
        """The page's name, and that the resources of the settings are there."""
        page = object_of((await self._http.send("GET")).data, "data")
        name = self._http.clean(text_of(object_of(page, "attributes"), "company_name"), 80)
        there: dict[str, str] = {}
        for number in range(1, _PAGES + 1):
            listed = await self._list("resources", number)
            there |= {
                id_of(one): text_of(object_of(one, "attributes"), "public_name")
                for one in objects_of(listed, "data")
            }
            if not text_of(object_of(listed, "pagination"), "next"):
                break
        return f"Better Stack: {name}, {describe_components(self._http, self._options, there)}"

    async def _report(self, reference: str) -> str:
        """The id of the report with this reference; "" if there is none."""
        if reference in self._known:
            return self._known[reference]
        for number in range(1, _PAGES + 1):
            listed = await self._list("status-reports", number)
            for one in objects_of(listed, "data"):
                if text_of(object_of(one, "attributes"), "title").endswith(_mark(reference)):
                    self._known[reference] = id_of(one)
                    return self._known[reference]
            if not text_of(object_of(listed, "pagination"), "next"):
                return ""
        raise HttpRejected(
            "The status page has too many reports to look through",
            "Post this one there by hand, and delete old reports.",
        )

    async def _list(self, path: str, number: int) -> Mapping[str, Any]:
        answer = await self._http.send("GET", path, params={"page": str(number)})
        if not isinstance(answer.data.get("data"), list):
            raise self._http.doubt("gave an answer that cannot be read", repeatable=True)
        return answer.data


def _mark(reference: str) -> str:
    return f" (Ref {reference})"
