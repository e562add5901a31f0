"""Document stores: published once, replaced, never over somebody's change."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import pytest
from harness import servers
from harness.fakes import START
from harness.github import REPOSITORY, Repository
from harness.status_pages import TOKEN as STATUSPAGE_TOKEN
from harness.status_pages import StatuspagePage
from pydantic import SecretStr, ValidationError

from warroom.connect.documents.confluence import Confluence, ConfluenceOptions
from warroom.connect.documents.github import GitHubDocumentOptions, GitHubDocuments
from warroom.connect.documents.notion import Notion, NotionOptions
from warroom.connect.ports import Integration
from warroom.connect.status_pages.statuspage import StatuspagePostMortemOptions, StatuspagePostMortems
from warroom.errors import Rejected, Unconfirmed
from warroom.incident.delivery import Channel, Message
from warroom.incident.requests import Document

pytestmark = [servers.needs_contracts, pytest.mark.anyio]
anyio_backend = servers.anyio_backend
TOKEN = "plantedsecret-0123456789abcdef"
PAGE = "0123456789abcdef0123456789abcdef"
Answer = Callable[[httpx.Request], httpx.Response | None]


def document(markdown: str = "# Title\n\nThe pool was too small.") -> Document:
    return Document(
        incident="INC-7",
        what="publish the post-mortem",
        title="INC-7 No orders (2026-01-28)",
        markdown=markdown,
        service="checkout-api",
        at=START,
        day="2026-01-28",
    )


# Three stores, each as its API shows it. Each has ``texts``, what is in it, and ``touch``, somebody's change.


@dataclass
class GitHubStore:
    repository: Repository = field(default_factory=Repository)

    def service(self, **options: str) -> Integration[Document]:
        made = GitHubDocumentOptions(token=SecretStr(TOKEN), repository=REPOSITORY, **options)  # type: ignore[arg-type]
        # The contents API is not in the cut-down contract; what is, is judged.
        judge = servers.judged("github", lambda request: httpx.Response(200))

        async def handle(request: httpx.Request) -> httpx.Response:
            if "/contents/" not in request.url.path:
                await judge.handle_async_request(request)
            return self.repository(request)

        return GitHubDocuments(made, transport=httpx.MockTransport(handle))

    def texts(self) -> list[str]:
        return [content.decode() for content in self.repository.files.values()]

    def touch(self) -> None:
        (path,) = self.repository.files
        self.repository.put(path, b"theirs", "Correct a figure")

    def loses_answers_to(self, method: str) -> None:
        self.repository.after = lambda one: httpx.Response(502) if one.method == method else None

    made_by = "PUT"
    shown = "The pool was too small."


@dataclass
class ConfluenceStore:
    pages: list[dict[str, Any]] = field(default_factory=list)
    lost: str = ""

    def service(self, **options: str) -> Integration[Document]:
        made = ConfluenceOptions(
            site="https://acme.atlassian.net", email="a@example.com", token=SecretStr(TOKEN), space="OPS", **options
        )
        return Confluence(made, transport=_below("/wiki/api/v2", servers.judged("confluence", self._answer)))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else {}
        answer = self._answered(request, body)
        return httpx.Response(502) if request.method == self.lost else answer

    def _answered(self, request: httpx.Request, body: dict[str, Any]) -> httpx.Response:
        path, query = request.url.path, request.url.params
        if path.endswith("/spaces"):
            found = [{"id": "42", "key": "OPS"}] if query["keys"] == "OPS" else []
            return httpx.Response(200, json={"results": found})
        if path.endswith("/pages") and request.method == "GET":
            found = [one for one in self.pages if one["title"] == query["title"] and query["space-id"] == "42"]
            return httpx.Response(200, json={"results": found})
        if request.method == "POST":
            if any(one["title"] == body["title"] for one in self.pages):
                return httpx.Response(400, json={"errors": [{"title": "title exists"}]})
            self.pages.append(self._page(body, str(len(self.pages) + 1), {"number": 1, "message": ""}))
            return httpx.Response(200, json=self.pages[-1])
        page = next(one for one in self.pages if path.endswith(f"/{one['id']}"))
        if request.method == "PUT":
            if body["version"]["number"] != page["version"]["number"] + 1:
                return httpx.Response(409, json={"errors": [{"title": "version"}]})
            page |= self._page(body, page["id"], body["version"])
        return httpx.Response(200, json=page)

    @staticmethod
    def _page(body: dict[str, Any], id: str, version: dict[str, Any]) -> dict[str, Any]:
        links = {"webui": f"/spaces/OPS/pages/{id}"}
        return {
            "id": id,
            "title": body["title"],
            "version": version,
            "body": {"storage": body["body"]},
            "_links": links,
        }

    def texts(self) -> list[str]:
        return [one["body"]["storage"]["value"] for one in self.pages]

    def touch(self) -> None:
        (page,) = self.pages
        page["version"] = {"number": page["version"]["number"] + 1, "message": ""}

    def loses_answers_to(self, method: str) -> None:
        self.lost = method

    made_by = "PUT"
    shown = "<p>The pool was too small.</p>"


@dataclass
class NotionStore:
    pages: list[dict[str, Any]] = field(default_factory=list)
    lost: str = ""

    def service(self, **options: str) -> Integration[Document]:
        made = NotionOptions(token=SecretStr(TOKEN), **(options or {"page": PAGE}))  # type: ignore[arg-type]
        judge = servers.judged("notion", self._answer)

        async def handle(request: httpx.Request) -> httpx.Response:
            # This copy of the contract still calls the parent of a row a database; the reference, a data source.
            if request.method == "POST" and b"data_source_id" in request.content:
                return self._answer(request)
            return await judge.handle_async_request(request)

        return Notion(made, transport=httpx.MockTransport(handle))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else {}
        answer = self._answered(request, body)
        return httpx.Response(502) if request.method == self.lost else answer

    def _answered(self, request: httpx.Request, body: dict[str, Any]) -> httpx.Response:
        path = request.url.path
        if path == "/v1/users/me":
            return httpx.Response(200, json={"object": "user", "id": "bot", "name": "warroom"})
        if path.endswith("/children"):
            children = [
                {"id": one["id"], "child_page": {"title": one["title"]}}
                for one in [{"id": "x", "title": ""}, *self.pages]
            ]
            return httpx.Response(200, json={"results": children, "has_more": False})
        if path.endswith("/query"):
            named = body["filter"]
            assert named["property"] == "Name"
            found = [one for one in self.pages if one["title"] == named["title"]["equals"]]
            return httpx.Response(200, json={"results": found})
        if "/data_sources/" in path:
            return httpx.Response(200, json={"properties": {"Tags": {"type": "select"}, "Name": {"type": "title"}}})
        if request.method == "POST":
            (title,) = body["properties"].values()
            id = str(UUID(int=len(self.pages) + 1))
            page = {"id": id, "url": f"https://www.notion.so/{id}", "title": title["title"][0]["text"]["content"]}
            self.pages.append({**page, "markdown": body["markdown"], "last_edited_by": {"id": "bot"}})
            return httpx.Response(200, json=self.pages[-1])
        if path == f"/v1/pages/{UUID(PAGE)}":
            return httpx.Response(200, json={"id": str(UUID(PAGE))})
        page = next(one for one in self.pages if one["id"] in path)
        if request.method == "PATCH":
            page |= {"markdown": body["replace_content"]["new_str"], "last_edited_by": {"id": "bot"}}
        return httpx.Response(200, json=page)

    def texts(self) -> list[str]:
        return [one["markdown"] for one in self.pages]

    def touch(self) -> None:
        (page,) = self.pages
        page["last_edited_by"] = {"id": "ada"}

    def loses_answers_to(self, method: str) -> None:
        self.lost = method

    made_by = "POST"
    shown = "The pool was too small."


def _below(prefix: str, transport: httpx.MockTransport) -> httpx.MockTransport:
    """The transport without the part of the path that the contract's base address has."""

    async def handle(request: httpx.Request) -> httpx.Response:
        assert request.url.path.startswith(prefix)
        url = request.url.copy_with(path=request.url.path.removeprefix(prefix))
        inner = httpx.Request(request.method, url, headers=request.headers, content=request.content)
        return await transport.handle_async_request(inner)

    return httpx.MockTransport(handle)


Store = GitHubStore | ConfluenceStore | NotionStore


@pytest.fixture(params=[GitHubStore, ConfluenceStore, NotionStore])
def store(request: pytest.FixtureRequest) -> Store:
    made: Store = request.param()
    return made


async def test_a_document_is_published_once_and_replaced_from_then_on(store: Store) -> None:
    service = store.service()
    first = await service.send(document(), "a")
    assert first.id and first.url.startswith("https://")
    assert store.shown in store.texts()[0]
    again = await service.send(document("# Title\n\nAnother cause."), "b")
    assert (again.id, again.url) == (first.id, first.url)
    (text,) = store.texts()
    assert "Another cause." in text and "pool" not in text


async def test_a_second_process_finds_what_the_first_one_published(store: Store) -> None:
    first = await store.service().send(document(), "a")
    assert (await store.service().send(document("# T\n\nLater."), "b")).id == first.id
    assert len(store.texts()) == 1


async def test_what_somebody_changed_there_is_not_replaced(store: Store) -> None:
    service = store.service()
    await service.send(document(), "a")
    store.touch()
    before = store.texts()
    with pytest.raises(Rejected) as error:
        await service.send(document("# Title\n\nAnother cause."), "b")
    assert "has changed" in error.value.title and "publish again" in error.value.remedy
    assert store.texts() == before


async def test_a_document_whose_answer_was_lost_is_found_by_reading_back(store: Store) -> None:
    store.loses_answers_to(store.made_by)
    service = store.service()
    with pytest.raises(Unconfirmed):
        await service.send(document(), "a")
    store.loses_answers_to("")
    found = await service.find(document(), "a")
    assert found is not None and found.id
    assert (await service.send(document(), "a")).id == found.id
    assert len(store.texts()) == 1


async def test_what_never_arrived_is_known_not_to_be_there(store: Store) -> None:
    assert await store.service().find(document(), "a") is None


async def test_no_error_holds_the_token_and_doctor_is_answered(store: Store) -> None:
    assert TOKEN not in await store.service().check()


async def test_confluence_goes_on_where_it_was_cut_off_between_the_page_and_its_mark() -> None:
    store = ConfluenceStore(lost="POST")
    with pytest.raises(Unconfirmed):
        await store.service().send(document(), "a")
    store.lost = ""
    assert await store.service().find(document(), "a") is None
    await store.service().send(document(), "a")
    assert len(store.pages) == 1 and store.pages[0]["version"]["message"]


async def test_a_page_of_that_title_that_somebody_made_is_left_alone() -> None:
    store = ConfluenceStore()
    await store.service().send(document(), "a")
    store.pages[0]["version"] = {"number": 1, "message": ""}
    with pytest.raises(Rejected):
        await store.service().send(document("# T\n\nother"), "b")


async def test_a_space_that_is_not_there_is_said_by_its_key() -> None:
    made = ConfluenceOptions(site="https://a.example", email="a@b.example", token=SecretStr(TOKEN), space="NOPE")
    transport = _below("/wiki/api/v2", servers.judged("confluence", ConfluenceStore()._answer))
    with pytest.raises(Rejected) as error:
        await Confluence(made, transport=transport).check()
    assert "NOPE" in error.value.title


async def test_notion_makes_a_row_of_a_data_source_by_its_title_property() -> None:
    store = NotionStore()
    for _ in range(2):
        await store.service(data_source=PAGE).send(document(), "a")
    assert [one["title"] for one in store.pages] == ["INC-7 No orders (2026-01-28)"]


async def test_a_commit_says_nothing_from_outside_and_goes_where_the_settings_say() -> None:
    store = GitHubStore()
    await store.service(path="docs/{year}/{incident}-{service}.md", branch="pm").send(document(), "a")
    assert list(store.repository.files) == ["docs/2026/INC-7-checkout-api.md"]
    ((_, message),) = store.repository.commits
    assert message.startswith("Publish the post-mortem of INC-7\n") and "orders" not in message
    put = next(one for one in store.repository.requests if one.method == "PUT")
    assert json.loads(put.content)["branch"] == "pm"


async def test_customers_read_the_post_mortem_at_their_incident_on_the_status_page() -> None:
    page = StatuspagePage()
    options = StatuspagePostMortemOptions(token=SecretStr(STATUSPAGE_TOKEN), page=page.options["page"])
    service = StatuspagePostMortems(options, transport=page.transport())
    mine = document("## Summary\n\nNobody could order.\n").model_copy(
        update={"reference": "4F7K2QWX", "public": True}
    )
    with pytest.raises(Rejected):
        await service.send(mine, "a")
    over = {"kind": "customer", "audience": "customers", "incident": "INC-7", "severity": "critical"}
    text = {"status": "resolved", "title": "Resolved", "text": "Resolved\n\nIt is over.", "marker": "", "at": START}
    await page.chat().post(Channel(id="4F7K2QWX"), Message.model_validate({**over, **text}), "u1")
    assert await service.find(mine, "a") is None
    receipt = await service.send(mine, "a")
    assert page.postmortems == {1: ("## Summary\n\nNobody could order.", True)}
    assert await service.find(mine, "a") == receipt and receipt.url


@pytest.mark.parametrize("path", ["a.md", "../{incident}", "{incident}/{who}", "/{incident}", "{incident", ""])
def test_a_path_that_cannot_be_meant_is_refused(path: str) -> None:
    with pytest.raises(ValidationError):
        GitHubDocumentOptions(token=SecretStr(TOKEN), repository=REPOSITORY, path=path)


@pytest.mark.parametrize("options", [{}, {"page": PAGE, "data_source": PAGE}, {"page": "Post-mortems"}])
def test_a_place_in_notion_is_one_id(options: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        NotionOptions(token=SecretStr(TOKEN), **options)  # type: ignore[arg-type]


def test_an_address_of_notion_is_taken_for_its_id() -> None:
    assert NotionOptions(token=SecretStr(TOKEN), page=f"Post-mortems-{PAGE}").page == str(UUID(PAGE))
