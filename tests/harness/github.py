"""A repository at GitHub as its API shows it: issues, files, commits. Never a test itself.

``servers.judged`` holds each request against the published contract; what an answer says is decided here.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

REPOSITORY = "acme/checkout"


@dataclass
class Repository:
    """``before`` and ``after`` may answer a request themselves, before or after it has had its effect."""

    issues: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[tuple[str, str]] = field(default_factory=list)
    """Path and message, the newest first."""
    permissions: dict[str, bool] = field(default_factory=lambda: {"push": True})
    requests: list[httpx.Request] = field(default_factory=list)
    before: Callable[[httpx.Request], httpx.Response | None] = lambda request: None
    after: Callable[[httpx.Request], httpx.Response | None] = lambda request: None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.before(request) or self._lost(request, self._answer(request))

    def _lost(self, request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        return self.after(request) or answer

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix(f"/repos/{REPOSITORY}").strip("/")
        body = json.loads(request.content) if request.content else {}
        if path == "":
            told = {"full_name": REPOSITORY, "has_issues": True, "permissions": self.permissions}
            return httpx.Response(200, json=told)
        if path == "issues":
            return self._open(body) if request.method == "POST" else self._listed(request)
        if path.startswith("issues/"):
            return self._one(request, int(path.rpartition("/")[2]), body)
        if path.startswith("contents/"):
            return self._file(request, path.removeprefix("contents/"), body)
        if path == "commits":
            wanted = request.url.params["path"]
            found = [{"commit": {"message": words}} for where, words in self.commits if where == wanted]
            return httpx.Response(200, json=found[:1])
        return httpx.Response(404, json={"message": "Not Found"})

    def _open(self, body: dict[str, Any]) -> httpx.Response:
        if "nobody" in body.get("assignees", []):
            return httpx.Response(422, json={"message": "Validation Failed", "errors": [{"field": "assignees"}]})
        number = len(self.issues) + 1
        url = f"https://github.com/{REPOSITORY}/issues/{number}"
        issue = {**body, "number": number, "state": "open", "html_url": url}
        self.issues.append(issue)
        return httpx.Response(201, json=issue)

    def _listed(self, request: httpx.Request) -> httpx.Response:
        page, size = int(request.url.params["page"]), int(request.url.params["per_page"])
        label = request.url.params["labels"]
        found = [one for one in reversed(self.issues) if label in one["labels"]]
        return httpx.Response(200, json=found[(page - 1) * size : page * size])

    def _one(self, request: httpx.Request, number: int, body: dict[str, Any]) -> httpx.Response:
        if not 0 < number <= len(self.issues):
            return httpx.Response(404, json={"message": "Not Found"})
        if request.method == "PATCH":
            self.issues[number - 1] |= body
        return httpx.Response(200, json=self.issues[number - 1])

    def _file(self, request: httpx.Request, path: str, body: dict[str, Any]) -> httpx.Response:
        there = self.files.get(path)
        if request.method == "GET":
            if there is None:
                return httpx.Response(404, json={"message": "Not Found"})
            return httpx.Response(200, json=self._shown(path))
        if there is not None and "sha" not in body:
            return httpx.Response(422, json={"message": 'Invalid request.\n\n"sha" wasn\'t supplied.'})
        if there is not None and body["sha"] != blob(there):
            return httpx.Response(409, json={"message": f"{path} does not match {body['sha']}"})
        self.put(path, base64.b64decode(body["content"]), body["message"])
        return httpx.Response(200 if there else 201, json={"content": self._shown(path)})

    def put(self, path: str, content: bytes, message: str) -> None:
        """Commit a file."""
        self.files[path] = content
        self.commits.insert(0, (path, message))

    def _shown(self, path: str) -> dict[str, Any]:
        url = f"https://github.com/{REPOSITORY}/blob/main/{path}"
        return {"path": path, "sha": blob(self.files[path]), "html_url": url}


def blob(content: bytes) -> str:
    """The id git gives to a file of this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
