"""GitHub Actions, judged by GitHub's own contract: what is dispatched, and only what is certain about its run."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from harness import servers
from pydantic import SecretStr, ValidationError

from warroom.connect.workflows.github import GitHubWorkflowOptions, GitHubWorkflows
from warroom.errors import DeliveryError, NotSent, Rejected, Unconfirmed
from warroom.incident.delivery import Receipt
from warroom.incident.requests import WorkflowRun

pytestmark = servers.needs_contracts

TOKEN = "github_pat_secret_0123456789"
RUN = UUID("0198c0de-0000-7000-8000-000000000001")
KEY = "INC-7.3f2a90c1.github.workflow"
STARTED = {
    "workflow_run_id": 42,
    "run_url": "https://api.github.com/repos/acme/ops/actions/runs/42",
    "html_url": "https://github.com/acme/ops/actions/runs/42",
}
Reply = Callable[[httpx.Request], httpx.Response]


def request(**more: Any) -> WorkflowRun:
    given = {"incident": "INC-7", "what": "start restart.yml", "run": RUN, "repository": "acme/ops"}
    return WorkflowRun(**{**given, "workflow": "restart.yml", "inputs": {"pool": "blue"}, **more})


class GitHub:
    """The service as a test answers for it; ``asked`` are the requests that kept the contract."""

    def __init__(self, *replies: httpx.Response, base_url: str = "https://api.github.com") -> None:
        self.replies, self.asked = list(replies), list[httpx.Request]()
        options = GitHubWorkflowOptions(
            token=SecretStr(TOKEN), repositories=("acme/ops", "acme/db"), base_url=base_url
        )
        self.runner = GitHubWorkflows(options, transport=servers.judged("github", self._reply))

    def _reply(self, asked: httpx.Request) -> httpx.Response:
        self.asked.append(asked)
        return self.replies.pop(0)

    def call(self, act: Callable[[GitHubWorkflows], Awaitable[Any]]) -> Any:
        async def called() -> Any:
            try:
                return await act(self.runner)
            finally:
                await self.runner.close()

        return asyncio.run(called())

    def send(self, asked: WorkflowRun | None = None) -> Receipt:
        receipt: Receipt = self.call(lambda runner: runner.send(asked or request(), KEY))
        return receipt

    def find(self, asked: WorkflowRun) -> Receipt | None:
        found: Receipt | None = self.call(lambda runner: runner.find(asked, KEY))
        return found


def test_a_dispatch_asks_for_the_run_and_returns_where_it_is() -> None:
    github = GitHub(httpx.Response(200, json=STARTED))
    assert github.send() == Receipt(id="42", url=STARTED["html_url"])
    (asked,) = github.asked
    assert asked.url.path == "/repos/acme/ops/actions/workflows/restart.yml/dispatches"
    assert json.loads(asked.content) == {"ref": "main", "inputs": {"pool": "blue"}, "return_run_details": True}
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("base_url", "page"),
    [
        ("https://api.github.com", "https://github.com/acme/ops/actions/workflows/restart.yml"),
        ("https://git.acme.test", "https://git.acme.test/acme/ops/actions/workflows/restart.yml"),
    ],
)
def test_a_server_that_names_no_run_gives_the_page_of_the_workflow(base_url: str, page: str) -> None:
    assert GitHub(httpx.Response(204), base_url=base_url).send() == Receipt(url=page)


def test_a_repository_that_is_not_allowed_is_never_asked() -> None:
    github = GitHub()
    with pytest.raises(Rejected, match="do not let workflows of acme/secrets be started"):
        github.send(request(repository="acme/secrets"))
    with pytest.raises(Rejected):
        github.find(request(repository="acme/secrets"))
    assert not github.asked
    with pytest.raises(ValidationError):
        GitHubWorkflowOptions(token=SecretStr(TOKEN), repositories=())


def test_case_does_not_matter_in_the_name_of_a_repository() -> None:
    github = GitHub(httpx.Response(200, json=STARTED))
    github.send(request(repository="Acme/OPS"))
    assert github.asked[0].url.path.startswith("/repos/acme/ops/")


FAILURES: dict[str, tuple[httpx.Response, type[DeliveryError], float | None]] = {
    "unknown input": (httpx.Response(422, json={"message": "Unexpected inputs provided"}), Rejected, None),
    "no such workflow": (httpx.Response(404, json={"message": "Not Found"}), Rejected, None),
    "bad token": (httpx.Response(401, json={"message": "Bad credentials"}), Rejected, None),
    "forbidden": (httpx.Response(403, json={"message": "Resource not accessible"}), Rejected, None),
    "asked to wait": (httpx.Response(403, json={}, headers={"retry-after": "7"}), NotSent, 7.0),
    "secondary limit": (
        httpx.Response(403, json={"message": "You have exceeded a secondary rate limit"}),
        NotSent,
        60.0,
    ),
    "limit without a time": (httpx.Response(429, json={}), NotSent, 60.0),
    "broken": (httpx.Response(502, text="<html>"), Unconfirmed, None),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_a_refusal_means_for_a_dispatch(name: str) -> None:
    reply, error, wait = FAILURES[name]
    with pytest.raises(error) as caught:
        GitHub(reply).send()
    assert type(caught.value) is error or error is Rejected
    assert getattr(caught.value, "retry_after", None) == wait
    assert TOKEN not in str(caught.value)


def test_a_used_up_limit_is_waited_for_until_it_is_reset() -> None:
    limits = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()) + 3600)}
    with pytest.raises(NotSent) as caught:
        GitHub(httpx.Response(403, json={}, headers=limits)).send()
    assert caught.value.retry_after and caught.value.retry_after >= 60


def run_of(title: str, number: int = 42) -> dict[str, Any]:
    return {"id": number, "display_title": title, "html_url": f"https://github.com/acme/ops/actions/runs/{number}"}


def runs(*found: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"total_count": len(found), "workflow_runs": list(found)})


def test_a_run_is_found_again_by_our_id_in_its_title() -> None:
    github = GitHub(runs(run_of("Restart blue", 41), run_of(f"Restart blue ({RUN})")))
    found = github.find(request(inputs={"run": str(RUN)}))
    assert found == Receipt(id="42", url="https://github.com/acme/ops/actions/runs/42")
    assert github.asked[0].url.params["event"] == "workflow_dispatch"


def test_whether_a_run_without_our_id_is_ours_is_not_claimed() -> None:
    """None would have it dispatched again, any other run would be somebody else's."""
    github = GitHub(runs(run_of("Restart blue")))
    with pytest.raises(Unconfirmed, match="may have started") as caught:
        github.find(request(inputs={"run": str(RUN)}))
    assert "github.com/acme/ops/actions/workflows/restart.yml" in caught.value.remedy
    silent = GitHub()
    with pytest.raises(Unconfirmed):
        silent.find(request())
    assert not silent.asked


@pytest.mark.parametrize(
    ("run", "result"),
    [
        ({"status": "queued", "conclusion": None}, ""),
        ({"status": "in_progress", "conclusion": None}, ""),
        ({"status": "completed", "conclusion": "success"}, "success"),
        ({"status": "completed", "conclusion": "timed_out"}, "timed out"),
        ({"status": "completed", "conclusion": None}, "ended"),
    ],
)
def test_the_result_is_githubs_conclusion_once_there_is_one(run: dict[str, Any], result: str) -> None:
    github = GitHub(httpx.Response(200, json=run))
    assert github.call(lambda runner: runner.result(request(), Receipt(id="42"))) == result
    assert github.asked[0].url.path == "/repos/acme/ops/actions/runs/42"


def test_the_check_reads_every_repository_and_starts_nothing() -> None:
    github = GitHub(*(httpx.Response(200, json={"total_count": count, "workflows": []}) for count in (1, 4)))
    line = github.call(lambda runner: runner.check())
    assert line == "GitHub: acme/ops has 1 workflow, acme/db has 4 workflows"
    assert {asked.method for asked in github.asked} == {"GET"}
