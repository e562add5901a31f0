"""Files in a GitHub repository. Facts of the API: https://docs.github.com/en/rest/repos/contents.

A file is replaced by naming the blob that is replaced, so that nobody's change is lost: 409 says that it is another
one by now. The newest commit of the file tells whether it is still as warroom left it: ours carry the digest of
their delivery.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from pydantic import Field, field_validator

from warroom.connect.answers import object_of, text_of
from warroom.connect.documents import changed_there, digest
from warroom.connect.github_api import GitHubClient, GitHubOptions
from warroom.connect.http import HttpRejected, Transport
from warroom.incident.delivery import Receipt
from warroom.incident.requests import Document
from warroom.safety import sanitize

_OURS = "Warroom-Delivery:"
"""Begins the last line of our commits' messages."""

_PLACES = ("incident", "service", "date", "year")


class GitHubDocumentOptions(GitHubOptions):
    """Settings of a document store in a GitHub repository."""

    path: str = "postmortems/{date}-{incident}.md"
    """Where each document goes: {date}, {year}, {incident} and {service} are replaced."""
    branch: str = Field("", pattern=r"^[A-Za-z0-9._/-]{0,200}$")
    """The branch to commit to; the repository's default branch without it."""

    @field_validator("path")
    @classmethod
    def _usable(cls, path: str) -> str:
        try:
            filled = path.format(**dict.fromkeys(_PLACES, "x"))
        except (KeyError, ValueError, IndexError, AttributeError):
            raise ValueError("may contain {date}, {year}, {incident} and {service}, and no other braces") from None
        if "{incident}" not in path:
            raise ValueError("must contain {incident}, or the documents would replace each other")
        if any(part in ("", ".", "..") for part in filled.split("/")):
            raise ValueError('must be a path within the repository, such as "postmortems/{incident}.md"')
        return path


class GitHubDocuments:
    """An ``Integration`` that commits documents to a branch of one repository."""

    Options = GitHubDocumentOptions
    dedupes = False
    reads_back = True
    reports_sending = True
    public = False

    def __init__(self, options: GitHubDocumentOptions, *, transport: Transport | None = None) -> None:
        self._options = options
        self._http = GitHubClient(options, transport)

    async def send(self, request: Document, key: str) -> Receipt:
        """Commit the document, unless the file has this text already."""
        there = await self._file(request)
        if text_of(there, "sha") == _blob(request.markdown):
            return self._receipt(there)
        asked: dict[str, Any] = {
            # Nothing from outside: a commit's message can mention people and close issues.
            "message": f"Publish the post-mortem of {request.incident}\n\n{_OURS} {digest(key)}",
            "content": b64encode(_bytes(request.markdown)).decode(),
        }
        if self._options.branch:
            asked["branch"] = self._options.branch
        if there:
            if _OURS not in await self._newest_message(request):
                raise changed_there("GitHub", self._path(request))
            asked["sha"] = text_of(there, "sha")
        try:
            made = await self._http.call("PUT", f"contents/{_quoted(self._path(request))}", json_body=asked)
        except HttpRejected as no:
            # 422: it is there by now, although it was not a moment ago.
            if no.status == 409 or (no.status == 422 and "sha" not in asked and "sha" in str(no)):
                raise changed_there("GitHub", self._path(request)) from None
            raise
        return self._receipt(object_of(made.data, "content"))

    async def find(self, request: Document, key: str) -> Receipt | None:
        """The file's receipt if it has this text."""
        there = await self._file(request)
        return self._receipt(there) if text_of(there, "sha") == _blob(request.markdown) else None

    async def check(self) -> str:
        """That the token may write there."""
        repository = (await self._http.call("GET")).data
        name = self._http.clean(text_of(repository, "full_name"), 200)
        permissions = object_of(repository, "permissions")
        if permissions and not permissions.get("push"):
            raise HttpRejected(
                f"GitHub: the token may not write to {name}", "Give it read and write access to contents."
            )
        return f"GitHub: {name}, {self._http.clean(self._options.path, 100)}"

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    def _path(self, request: Document) -> str:
        day = request.day or f"{request.at:%Y-%m-%d}"
        names = {"incident": request.incident, "service": request.service or "service", "date": day}
        return self._options.path.format(
            **{name: _file_name(text) for name, text in names.items()}, year=_file_name(day[:4])
        )

    async def _file(self, request: Document) -> Mapping[str, Any]:
        """The file as it is now; empty if there is none."""
        query = {"ref": self._options.branch} if self._options.branch else None
        try:
            return (await self._http.call("GET", f"contents/{_quoted(self._path(request))}", params=query)).data
        except HttpRejected as no:
            if no.status != 404:
                raise
        await self._http.call("GET")  # a 404 also means that the repository cannot be seen
        return {}

    async def _newest_message(self, request: Document) -> str:
        query = {"path": self._path(request), "per_page": "1"}
        if self._options.branch:
            query["sha"] = self._options.branch
        commits = await self._http.page("commits", query)
        return text_of(object_of(commits[0], "commit"), "message") if commits else ""

    def _receipt(self, file: Mapping[str, Any]) -> Receipt:
        return Receipt(
            id=self._http.mask.identifier(text_of(file, "path")),
            url=self._http.mask.link(text_of(file, "html_url")),
        )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _blob(text: str) -> str:
    """The id that git gives to a file of this content."""
    content = _bytes(text)
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _file_name(text: str) -> str:
    """The text as one part of a path."""
    name = "".join(c if c.isalnum() or c in "-_." else "-" for c in sanitize(text, newlines=False)).strip("-.")
    return name[:100] or "x"


def _quoted(path: str) -> str:
    return quote(path, safe="/")
