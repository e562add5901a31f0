"""GitHub issues. Facts of the API: https://docs.github.com/en/rest/issues/issues.

An issue carries the entry of its action item in a comment that readers do not see. Before one is opened it is
looked for among the issues with the label, newest first: the list is up to date, GitHub's search lags behind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic import Field

from warroom.connect.answers import id_of, object_of, text_of
from warroom.connect.chat import defuse_mentions, escape_markdown
from warroom.connect.github_api import GitHubClient, GitHubOptions
from warroom.connect.http import HttpRejected, Transport
from warroom.errors import Rejected, Unconfirmed
from warroom.incident.delivery import Receipt
from warroom.incident.requests import Issue
from warroom.safety import sanitize

_PAGE = 100
_PAGES = 5
_ALONE = 20
"""How many issues that are not in the list, for they have lost the label, are asked for one by one."""

_LONGEST_BODY = 60_000
"""Characters; GitHub takes 65,536."""

_REFERENCE = re.compile(r"(?P<address>https?://\S+)|(?P<mark>#|\bGH-)(?=\d)", re.IGNORECASE)
_COMMENT = "<!-- warroom: action {} -->"


class GitHubIssueOptions(GitHubOptions):
    """Settings of an issue tracker at GitHub."""

    label: str = Field("warroom", min_length=1, max_length=50, pattern=r"^[^,\x00-\x1f]+$")
    """The label of the issues, by which they are found again."""


class GitHubIssues:
    """An ``IssueTracker`` that opens, closes and reads the issues of one repository."""

    Options = GitHubIssueOptions
    dedupes = False
    reads_back = True
    reports_sending = True

    def __init__(self, options: GitHubIssueOptions, *, transport: Transport | None = None) -> None:
        self._options = options
        self._http = GitHubClient(options, transport)

    async def send(self, request: Issue, key: str) -> Receipt:
        """Open the issue, unless it is there; or close it."""
        if request.done:
            return await self._close_issue(request)
        found, _ = await self._sought(request.action)
        if found is not None:
            return self._receipt(found)
        asked: dict[str, Any] = {
            "title": _title(request.title),
            "body": _body(request),
            "labels": [self._options.label],
        }
        if assignee := request.assignee.strip().lstrip("@"):
            asked["assignees"] = [assignee]
        try:
            made = await self._http.call("POST", "issues", json_body=asked)
        except HttpRejected as no:
            if no.status != 422 or "assignees" not in asked:
                raise
            del asked["assignees"]  # somebody who may not be assigned there; the body names the owner
            made = await self._http.call("POST", "issues", json_body=asked)
        return self._receipt(made.data)

    async def find(self, request: Issue, key: str) -> Receipt | None:
        """Look for the issue. Raises ``Unconfirmed`` where there are more of them than were read."""
        found, everything_read = await self._issue(request)
        if found is None:
            if not everything_read:
                raise Unconfirmed("There are too many issues to be sure", "Look there whether it was opened.")
            return Receipt() if request.done else None
        if request.done and text_of(found, "state") != "closed":
            return None
        return self._receipt(found)

    async def states(self, ids: Sequence[str]) -> Mapping[str, bool]:
        """See ``IssueTracker``. Most are read from the list of issues with the label, a hundred at once."""
        found: dict[str, bool] = {}
        for page in range(1, _PAGES + 1):
            listed = await self._listed(page)
            found |= {id_of(one, "number"): text_of(one, "state") == "closed" for one in listed}
            if len(listed) < _PAGE or all(id in found for id in ids):
                break
        for id in [id for id in ids if id not in found and id.isdecimal()][:_ALONE]:
            try:
                found[id] = text_of((await self._http.call("GET", f"issues/{id}")).data, "state") == "closed"
            except Rejected as no:
                if not (isinstance(no, HttpRejected) and no.status in (404, 410)):
                    raise  # deleted or moved: nothing is known of that one alone
        return {id: found[id] for id in ids if id in found}

    async def check(self) -> str:
        """Who the token is, and that it may open issues with labels there."""
        repository = (await self._http.call("GET")).data
        name = self._http.clean(text_of(repository, "full_name"), 200)
        if repository.get("has_issues") is False:
            raise HttpRejected(f"GitHub: issues are disabled in {name}", "Enable them, or set another repository.")
        permissions = object_of(repository, "permissions")
        if permissions and not any(permissions.get(one) for one in ("push", "triage", "maintain", "admin")):
            raise HttpRejected(
                f"GitHub: the token may not label issues in {name}", "Give it read and write access to issues."
            )
        return f"GitHub: issues of {name}, label {self._http.clean(self._options.label, 60)}"

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def _close_issue(self, request: Issue) -> Receipt:
        found, everything_read = await self._issue(request)
        if found is None:
            if not everything_read:
                raise HttpRejected("GitHub: the issue is not among the newest", "Close it there.")
            return Receipt()  # it was never opened, or somebody deleted it
        if text_of(found, "state") == "closed":
            return self._receipt(found)
        closed = {"state": "closed", "state_reason": "completed"}
        path = f"issues/{id_of(found, 'number')}"
        return self._receipt((await self._http.call("PATCH", path, json_body=closed, repeatable=True)).data)

    async def _issue(self, request: Issue) -> tuple[Mapping[str, Any] | None, bool]:
        """The issue of a request, and whether every issue was read that it could be."""
        if not request.known.isdecimal():
            return await self._sought(request.action)
        try:
            return (await self._http.call("GET", f"issues/{request.known}")).data, True
        except HttpRejected as no:
            if no.status not in (404, 410):
                raise
            return None, True

    async def _sought(self, action: UUID) -> tuple[Mapping[str, Any] | None, bool]:
        mark = _COMMENT.format(action)
        for page in range(1, _PAGES + 1):
            listed = await self._listed(page)
            found = next((one for one in listed if mark in text_of(one, "body")), None)
            if found is not None or len(listed) < _PAGE:
                return found, True
        return None, False

    async def _listed(self, page: int) -> list[Mapping[str, Any]]:
        query = {"labels": self._options.label, "state": "all", "sort": "created", "direction": "desc"}
        return await self._http.page("issues", {**query, "per_page": str(_PAGE), "page": str(page)})

    def _receipt(self, issue: Mapping[str, Any]) -> Receipt:
        number = id_of(issue, "number")
        if not number:
            raise self._http.doubt("gave no issue number")
        return Receipt(id=number, url=self._http.mask.link(text_of(issue, "html_url")))


def _title(text: str) -> str:
    """A title is no Markdown, but an @ or #1 in it calls a person or another issue."""
    return _unreferring(defuse_mentions(sanitize(text, newlines=False)))[:250] or "Action item"


def _body(request: Issue) -> str:
    escaped = _unreferring(escape_markdown(sanitize(request.body), mentions=True))
    # Every line of its own: Markdown joins lines, and four spaces at the beginning would make code of one.
    lines = "\n".join(f"{line.strip()}  " if line.strip() else "" for line in escaped[:_LONGEST_BODY].splitlines())
    return f"{lines.rstrip()}\n\n{_COMMENT.format(request.action)}\n"


def _unreferring(text: str) -> str:
    """The text without references to other issues, which would show up there; a web address stays."""
    return _REFERENCE.sub(lambda found: found["address"] or ("＃" if found["mark"] == "#" else "GH–"), text)
