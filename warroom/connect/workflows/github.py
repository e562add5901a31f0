"""GitHub Actions. Facts of the API: https://docs.github.com/en/rest/actions/workflows.

A workflow is started by a ``workflow_dispatch`` event. With ``return_run_details`` GitHub answers with the run
since 2026-02-19 (https://github.blog/changelog/2026-02-19-workflow-dispatch-api-now-returns-run-ids); older
servers answer 204 and name none. A dispatch is not deduplicated. Which run it led to is certain only where the
run's title carries an id of ours: the workflow puts an input with ``$WARROOM_RUN`` into its ``run-name``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import quote

from pydantic import Field

from warroom.connect.answers import id_of, number_of, objects_of, text_of
from warroom.connect.github_api import GitHubAccess, GitHubClient, Repository
from warroom.connect.http import HttpRejected, Transport
from warroom.errors import Unconfirmed
from warroom.incident.delivery import Receipt
from warroom.incident.requests import WorkflowRun

MOST_INPUTS = 25
"""GitHub takes no more."""

_PAGE = 100


class GitHubWorkflowOptions(GitHubAccess):
    """Settings of a workflow runner at GitHub. The token needs read and write access to Actions."""

    repositories: Annotated[tuple[Repository, ...], Field(min_length=1)]
    """The repositories whose workflows may be started, OWNER/NAME: no runbook reaches another one."""


class GitHubWorkflows:
    """A ``WorkflowRunner`` that dispatches workflows of GitHub Actions and reads how their runs ended."""

    Options = GitHubWorkflowOptions
    dedupes = False
    reads_back = True
    reports_sending = True

    def __init__(self, options: GitHubWorkflowOptions, *, transport: Transport | None = None) -> None:
        self._options = options
        self._http = GitHubClient(options, transport)

    async def send(self, request: WorkflowRun, key: str) -> Receipt:
        """Dispatch the workflow. The receipt names the run; of an older server only the workflow's page."""
        path = self._path(request)
        if len(request.inputs) > MOST_INPUTS:
            raise HttpRejected(f"GitHub takes {MOST_INPUTS} inputs, not {len(request.inputs)}", "Use fewer.")
        asked = {"ref": request.ref, "inputs": dict(request.inputs), "return_run_details": True}
        answer = await self._http.call("POST", f"{path}/dispatches", json_body=asked, wants_json=False)
        run, url = id_of(answer.data, "workflow_run_id"), text_of(answer.data, "html_url")
        if not run.isdecimal():
            return Receipt(url=self._http.mask.link(self._page(request)))
        return Receipt(id=run, url=self._http.mask.link(url))

    async def find(self, request: WorkflowRun, key: str) -> Receipt | None:
        """Look for the run by our id in its title. ``Unconfirmed`` where there is none, for it may be missing."""
        if any(str(request.run) in value for value in request.inputs.values()):
            query = {"event": "workflow_dispatch", "per_page": str(_PAGE)}
            listed = (await self._http.call("GET", f"{self._path(request)}/runs", params=query)).data
            for run in objects_of(listed, "workflow_runs"):
                if str(request.run) in text_of(run, "display_title"):
                    return Receipt(id=id_of(run), url=self._http.mask.link(text_of(run, "html_url")))
        raise Unconfirmed("GitHub may have started the workflow", f"Look whether it runs: {self._page(request)}")

    async def result(self, request: WorkflowRun, receipt: Receipt) -> str:
        """GitHub's conclusion, such as "success" or "timed out"; "" while the run is under way."""
        path = f"/repos/{self._repository(request)}/actions/runs/{quote(receipt.id, safe='')}"
        run = (await self._http.call("GET", path)).data
        if text_of(run, "status") != "completed":
            return ""
        return self._http.clean(text_of(run, "conclusion"), 40).replace("_", " ") or "ended"

    async def check(self) -> str:
        """How many workflows each repository has."""
        found: list[str] = []
        for repository in self._options.repositories:
            listed = await self._http.call(
                "GET", f"/repos/{repository}/actions/workflows", params={"per_page": "1"}
            )
            count = number_of(listed.data, "total_count")
            found.append(f"{repository} has {count} workflow{'s' if count != 1 else ''}")
        return f"GitHub: {', '.join(found)}"

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    def _repository(self, request: WorkflowRun) -> str:
        """The repository, if the settings allow it; its name as they write it."""
        allowed: Mapping[str, str] = {name.casefold(): name for name in self._options.repositories}
        if found := allowed.get(request.repository.casefold()):
            return found
        raise HttpRejected(
            f"GitHub: the settings do not let workflows of {self._http.clean(request.repository, 140)} be started",
            "Add it to repositories if runbooks may start what is in it.",
        )

    def _path(self, request: WorkflowRun) -> str:
        workflow = quote(request.workflow, safe="")
        return f"/repos/{self._repository(request)}/actions/workflows/{workflow}"

    def _page(self, request: WorkflowRun) -> str:
        """The web page of the workflow's runs."""
        host = self._options.base_url.removesuffix("/").removesuffix("/api/v3")
        if host == "https://api.github.com":
            host = "https://github.com"
        return f"{host}/{self._repository(request)}/actions/workflows/{quote(request.workflow, safe='')}"
