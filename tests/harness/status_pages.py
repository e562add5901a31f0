"""Status pages with just enough memory to open an incident, update it, list it; never a test itself.

``seen`` is what readers see. ``lose`` are the next posts whose answer is lost: True is carried out before, False
is not. Requests keep the vendor's published contract where there is one (``servers.judged``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar

import httpx
from pydantic import BaseModel

from harness import servers
from warroom.connect.status_pages.betterstack import BetterStackOptions, BetterStackStatus
from warroom.connect.status_pages.cachet import Cachet, CachetOptions
from warroom.connect.status_pages.cachet_v2 import CachetV2, CachetV2Options
from warroom.connect.status_pages.statuspage import Statuspage, StatuspageOptions

TOKEN = "plantedsecret-0123456789abcdef"


@dataclass
class Shown:
    """An incident on a page: its name, and its updates from the first one on, each a status and a text."""

    id: int
    name: str
    meta: dict[str, Any]
    notifies: bool
    updates: list[tuple[Any, str]] = field(default_factory=list)


class Page:
    """A status page; ``chat()`` is a backend that writes on it, a new one each time."""

    name = ""
    contract = ""
    backend: ClassVar[Any]
    model: ClassVar[type[BaseModel]]
    options: ClassVar[dict[str, Any]]
    statuses: ClassVar[tuple[Any, Any, Any]]
    """Its words for investigating, monitoring and resolved."""
    components_shown: ClassVar[tuple[Any, Any, Any, Any]]
    """Its words for operational, degraded, a partial and a major outage."""

    def __init__(self) -> None:
        self.incidents: list[Shown] = []
        self.components: dict[str, Any] = {}
        """What each component that was set shows."""
        self.lose: list[bool] = []
        self.answers: list[httpx.Response] = []
        """Given to the next requests instead of what the page says."""
        self.requests: list[httpx.Request] = []

    def transport(self) -> httpx.MockTransport:
        return servers.judged(self.contract, self.reply) if self.contract else httpx.MockTransport(self.reply)

    def chat(self, **more: Any) -> Any:
        return self.backend(self.model.model_validate({**self.options, **more}), transport=self.transport())

    @property
    def seen(self) -> list[tuple[str, list[tuple[Any, str]]]]:
        return [(one.name, one.updates) for one in self.incidents]

    @property
    def writes(self) -> list[httpx.Request]:
        return [one for one in self.requests if one.method != "GET"]

    def reply(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.answers:
            return self.answers.pop(0)
        if self.lose and self.posts(request):
            if self.lose.pop(0):
                self.answer(request)
            raise httpx.ReadTimeout("", request=request)
        status, body = self.answer(request)
        return httpx.Response(status, json=body)

    def posts(self, request: httpx.Request) -> bool:
        """Whether the request publishes a text."""
        return request.method == "POST"

    def answer(self, request: httpx.Request) -> tuple[int, Any]:
        parts = request.url.path.strip("/").split("/")
        body = json.loads(request.content) if request.content else {}
        return self.call(request.method, parts, body, dict(request.url.params))

    def call(self, method: str, parts: list[str], body: Any, query: dict[str, str]) -> tuple[int, Any]:
        raise NotImplementedError

    def add(self, name: str, meta: dict[str, Any], notifies: bool) -> Shown:
        self.incidents.append(Shown(len(self.incidents) + 1, name, meta, notifies))
        return self.incidents[-1]

    def incident(self, id: str) -> Shown | None:
        return next((one for one in self.incidents if str(one.id) == id.removeprefix("inc")), None)


class StatuspagePage(Page):
    """Statuspage: metadata with each request that posts."""

    name = contract = "statuspage"
    backend, model = Statuspage, StatuspageOptions
    options: ClassVar = {"token": TOKEN, "page": "p1", "components": {"checkout-api": "rb5wq1dczvbm"}}
    statuses: ClassVar = ("investigating", "monitoring", "resolved")
    components_shown: ClassVar = ("operational", "degraded_performance", "partial_outage", "major_outage")

    def __init__(self) -> None:
        super().__init__()
        self.postmortems: dict[int, tuple[str, bool]] = {}

    def transport(self) -> httpx.MockTransport:
        judge = servers.judged(self.contract, self.reply)

        def below_v1(request: httpx.Request) -> httpx.Response:
            # The contract stands for the address with its path.
            assert request.headers["authorization"] == f"OAuth {TOKEN}"
            path = request.url.raw_path.decode().removeprefix("/v1")
            moved = httpx.Request(
                request.method,
                f"https://api.statuspage.io{path}",
                headers=request.headers,
                content=request.content,
            )
            answer: httpx.Response = judge.handler(moved)  # type: ignore[assignment]
            return answer

        return httpx.MockTransport(below_v1)

    def posts(self, request: httpx.Request) -> bool:
        return request.method in ("POST", "PATCH")

    def call(self, method: str, parts: list[str], body: Any, query: dict[str, str]) -> tuple[int, Any]:
        match method, parts[2:]:
            case "GET", []:
                return 200, {"id": "p1", "name": "Acme Status"}
            case "GET", ["components"]:
                return 200, [{"id": "rb5wq1dczvbm", "name": "Checkout"}, {"id": "g", "name": "All", "group": True}]
            case "GET", ["incidents", "unresolved"]:
                found = [one for one in self.incidents if one.updates[-1][0] != "resolved"]
                return 200, [self.shown(one) for one in reversed(found)]
            case "GET", ["incidents"]:
                first = (int(query["page"]) - 1) * int(query["limit"])
                return 200, [self.shown(one) for one in self.incidents[::-1][first:][: int(query["limit"])]]
            case "GET", ["incidents", id]:
                found = self.incident(id)
                return (200, self.shown(found)) if found else (404, {"error": "Not found"})
            case "POST", ["incidents"]:
                given = body["incident"]
                made = self.add(given["name"], given["metadata"], given["deliver_notifications"])
                return 201, self.written(made, given)
            case "PATCH", ["incidents", id]:
                found = self.incident(id)
                assert found
                found.meta = body["incident"]["metadata"]
                return 200, self.written(found, body["incident"])
            case "PUT", ["incidents", id, "postmortem"]:
                self.postmortems[int(id[3:])] = (body["postmortem"]["body_draft"], False)
                return 200, {"body_draft": body["postmortem"]["body_draft"]}
            case "PUT", ["incidents", id, "postmortem", "publish"]:
                self.postmortems[int(id[3:])] = (self.postmortems[int(id[3:])][0], True)
                return 200, {}
        raise AssertionError((method, parts))

    def written(self, incident: Shown, given: dict[str, Any]) -> dict[str, Any]:
        incident.updates.append((given["status"], given["body"]))
        self.components |= given.get("components", {})
        return self.shown(incident)

    def shown(self, incident: Shown) -> dict[str, Any]:
        text, published = self.postmortems.get(incident.id, ("", False))
        return {
            "id": f"inc{incident.id}",
            "name": incident.name,
            "metadata": incident.meta,
            "shortlink": f"https://stspg.io/{incident.id}",
            "incident_updates": [
                {"id": f"u{n}", "status": status, "body": text}
                for n, (status, text) in reversed([*enumerate(incident.updates, 1)])
            ],
            "postmortem_body": text,
            "postmortem_published_at": "2026-01-28T14:00:00Z" if published else None,
        }


class CachetPage(Page):
    """Cachet 3: meta of incidents, none of updates; a component shows the worst of its own status and theirs."""

    name = contract = "cachet"
    backend, model = Cachet, CachetOptions
    options: ClassVar = {"url": "https://status.test", "token": TOKEN, "components": {"checkout-api": "3"}}
    statuses: ClassVar = (1, 3, 4)
    components_shown: ClassVar = (1, 2, 3, 4)

    def __init__(self) -> None:
        super().__init__()
        self.own: dict[str, int] = {}
        self.given: dict[int, dict[str, int]] = {}
        self.keeps_meta = True

    def transport(self) -> httpx.MockTransport:
        judge = servers.judged(self.contract, self.reply)

        def below_api(request: httpx.Request) -> httpx.Response:
            assert request.headers["authorization"] == f"Bearer {TOKEN}"
            path = request.url.raw_path.decode().removeprefix("/api")
            moved = httpx.Request(
                request.method, f"https://status.test{path}", headers=request.headers, content=request.content
            )
            answer: httpx.Response = judge.handler(moved)  # type: ignore[assignment]
            return answer

        return httpx.MockTransport(below_api)

    def call(self, method: str, parts: list[str], body: Any, query: dict[str, str]) -> tuple[int, Any]:
        match method, parts:
            case "GET", ["components"]:
                return 200, {"data": [{"id": "3", "type": "components", "attributes": {"name": "Checkout"}}]}
            case "GET", ["incidents"]:
                if not self.keeps_meta:
                    return 400, {"message": "Requested include(s) `meta` are not allowed."}
                wanted = query.get("filter[meta][warroom]")
                found = [one for one in self.incidents if wanted in (None, one.meta.get("warroom"))]
                return 200, self.listed(found)
            case "POST", ["incidents"]:
                made = self.add(body["name"], body["meta"], body["notifications"])
                assert body["visible"], "Cachet 3 hides what is not made visible"
                made.updates.append((body["status"], body["message"]))
                self.given[made.id] = {str(one["id"]): one["status"] for one in body["components"]}
                self.shift()
                return 200, {"data": {"id": str(made.id), "type": "incidents"}}
            case "PUT", ["incidents", id]:
                found_one = self.incident(id)
                assert found_one
                found_one.meta = body["meta"]
                return 200, {"data": {"id": id}}
            case "PUT", ["components", id]:
                self.own[id] = body["status"]
                self.shift()
                return 200, {"data": {"id": id}}
            case "POST", ["incidents", id, "updates"]:
                found_one = self.incident(id)
                assert found_one
                # White space may come back as another one.
                found_one.updates.append((body["status"], body["message"].replace("\n", " \n")))
                self.shift()
                return 200, {"data": {"id": self.update_id(found_one, len(found_one.updates) - 1)}}
        raise AssertionError((method, parts))

    def update_id(self, incident: Shown, number: int) -> str:
        return str(incident.id * 100 + number)

    def shift(self) -> None:
        """Work out what the components show."""
        self.components |= self.own
        for id in {id for given in self.given.values() for id in given}:
            unfixed = [
                self.given[one.id][id]
                for one in self.incidents
                if id in self.given[one.id] and one.updates[-1][0] != 4
            ]
            self.components[id] = max([self.own.get(id, 1), *unfixed])

    def listed(self, incidents: list[Shown]) -> dict[str, Any]:
        rows = {
            one.id: [(self.update_id(one, n), text) for n, (_, text) in enumerate(one.updates) if n]
            for one in incidents
        }
        return {
            "data": [
                {
                    "id": str(one.id),
                    "type": "incidents",
                    "attributes": {"name": one.name, "meta": one.meta},
                    "relationships": {
                        "updates": {"data": [{"type": "updates", "id": id} for id, _ in rows[one.id]]}
                    },
                }
                for one in incidents
            ],
            "included": [
                {"type": "updates", "id": id, "attributes": {"message": text}}
                for updates in rows.values()
                for id, text in reversed(updates)
            ],
        }


class CachetV2Page(Page):
    """Cachet 2: meta of incidents, given once; updates cannot be told apart."""

    name = "cachet-v2"
    backend, model = CachetV2, CachetV2Options
    options: ClassVar = {"url": "https://status.test", "token": TOKEN, "components": {"checkout-api": "3"}}
    statuses: ClassVar = (1, 3, 4)
    components_shown: ClassVar = (1, 2, 3, 4)

    def call(self, method: str, parts: list[str], body: Any, query: dict[str, str]) -> tuple[int, Any]:
        assert self.requests[-1].headers["x-cachet-token"] == TOKEN
        match method, parts[2:]:
            case "GET", ["subscribers"]:
                return 200, {"data": []}
            case "GET", ["components"]:
                return 200, {"data": [{"id": 3, "name": "Checkout", "status": 1}]}
            case "GET", ["incidents"]:
                size, page = int(query["per_page"]), int(query["page"])
                found = self.incidents[::-1][(page - 1) * size :][:size]
                pages = max(1, -(-len(self.incidents) // size))
                return 200, {"data": [*map(self.shown, found)], "meta": {"pagination": {"total_pages": pages}}}
            case "POST", ["incidents"]:
                made = self.add(body["name"], body["meta"], body["notify"])
                made.updates.append((body["status"], body["message"]))
                if "component_id" in body:
                    self.components[str(body["component_id"])] = body["component_status"]
                return 200, {"data": self.shown(made)}
            case "PUT", ["components", id]:
                self.components[id] = body["status"]
                return 200, {"data": {"id": int(id)}}
            case "POST", ["incidents", id, "updates"]:
                found_one = self.incident(id)
                assert found_one
                found_one.updates.append((body["status"], body["message"]))
                return 200, {"data": {"id": 100 + len(found_one.updates)}}
        raise AssertionError((method, parts))

    def shown(self, incident: Shown) -> dict[str, Any]:
        link = f"https://status.test/incidents/{incident.id}"
        return {"id": incident.id, "name": incident.name, "meta": incident.meta, "permalink": link}


class BetterStackPage(Page):
    """Better Stack: no metadata; a report is over when its resources are resolved."""

    name = "betterstack-status"
    backend, model = BetterStackStatus, BetterStackOptions
    options: ClassVar = {"token": TOKEN, "page": "77", "components": {"checkout-api": "8720238"}}
    statuses: ClassVar = ("open", "open", "over")
    components_shown: ClassVar = ("resolved", "degraded", "degraded", "downtime")
    page_size = 10

    def call(self, method: str, parts: list[str], body: Any, query: dict[str, str]) -> tuple[int, Any]:
        assert self.requests[-1].headers["authorization"] == f"Bearer {TOKEN}"
        match method, parts[4:]:
            case "GET", []:
                return 200, {"data": {"id": "77", "attributes": {"company_name": "Acme"}}}
            case "GET", ["resources"]:
                row = {"id": "8720238", "attributes": {"public_name": "Checkout"}}
                return 200, {"data": [row], "pagination": {"next": None}}
            case "GET", ["status-reports"]:
                first = (int(query["page"]) - 1) * self.page_size
                rows = [
                    {"id": str(one.id), "type": "status_report", "attributes": {"title": one.name}}
                    for one in self.incidents[first:][: self.page_size]
                ]
                more = first + self.page_size < len(self.incidents)
                return 200, {"data": rows, "pagination": {"next": "https://next" if more else None}}
            case "POST", ["status-reports"]:
                made = self.add(body["title"], {}, body["notify_subscribers"])
                return 201, {"data": {"id": str(self.written(made, body).id)}}
            case "POST", ["status-reports", id, "status-updates"]:
                found = self.incident(id)
                if found is None:
                    return 404, {"errors": "Resource with provided ID was not found"}
                return 201, {"data": {"id": str(100 + len(self.written(found, body).updates))}}
        raise AssertionError((method, parts))

    def written(self, report: Shown, body: dict[str, Any]) -> Shown:
        resources = {one["status_page_resource_id"]: one["status"] for one in body["affected_resources"]}
        self.components |= resources
        over = {*resources.values()} == {"resolved"}
        report.updates.append(("over" if over else "open", body["message"]))
        return report


PAGES: tuple[type[Page], ...] = (StatuspagePage, CachetPage, CachetV2Page, BetterStackPage)
