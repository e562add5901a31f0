"""Confluence Cloud pages, by its REST API v2.

Facts of the API: https://developer.atlassian.com/cloud/confluence/rest/v2. A page's title is unique in its space.
A page is replaced by its version's number plus one; each of our versions carries the digest of its delivery as its
message, so the message of the present version tells whether somebody else has changed the page. The storage format
is XHTML: https://confluence.atlassian.com/doc/confluence-storage-format-790796544.html.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from warroom.connect.answers import id_of, number_of, object_of, objects_of, text_of
from warroom.connect.documents import changed_there, digest, parse, xhtml
from warroom.connect.http import HttpRejected, Transport
from warroom.connect.outcome import DeliveryClient, OutcomeRules
from warroom.errors import Unconfirmed
from warroom.incident.delivery import Receipt
from warroom.incident.requests import Document
from warroom.safety import sanitize

_OURS = "Published by warroom"
_LONGEST_TITLE = 255
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_RULES = OutcomeRules(
    {"UNAUTHORIZED": "Check email and token; API tokens expire.", "FORBIDDEN": "Give the account access there."},
    code_keys=("code", "title"),
    message_keys=("message", "title", "detail"),
)


class ConfluenceOptions(BaseModel):
    """Settings of a document store in Confluence Cloud."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    site: str
    """The site's address, such as https://example.atlassian.net."""
    email: str
    """The e-mail address of the account that the token belongs to."""
    token: SecretStr
    """An API token of that account."""
    space: str = Field(min_length=1)
    """The key of the space, such as "OPS"."""
    parent: str = Field("", pattern=r"^[0-9]*$")
    """The id of the page to put the documents below: the number in its address. Without it the space's overview."""


class Confluence:
    """An ``Integration`` that keeps each document as a page of one space."""

    Options = ConfluenceOptions
    dedupes = False
    reads_back = True
    reports_sending = True
    public = False

    def __init__(self, options: ConfluenceOptions, *, transport: Transport | None = None) -> None:
        self._options = options
        site = options.site.strip().rstrip("/").removesuffix("/wiki")
        account = f"{options.email}:{options.token.get_secret_value()}".encode()
        headers = {"Authorization": SecretStr(f"Basic {base64.b64encode(account).decode()}")}
        self._base = f"{site}/wiki"
        self._http = DeliveryClient(
            "Confluence", f"{self._base}/api/v2", _RULES, headers=headers, transport=transport
        )
        self._space = ""

    async def send(self, request: Document, key: str) -> Receipt:
        """Make the page, or replace what warroom published there before."""
        title, message = _title(request.title), f"{_OURS} {digest(key)}"
        body = {"representation": "storage", "value": storage_format(request.markdown)}
        page = await self._page(title)
        if page is None:
            asked: dict[str, Any] = {
                "spaceId": await self._space_id(),
                "status": "current",
                "title": title,
                "body": body,
            }
            if self._options.parent:
                asked["parentId"] = self._options.parent
            made = (await self._http.send("POST", "pages", json_body=asked)).data
            if not (id := id_of(made)):
                raise self._http.doubt("gave no page id")
            # A first version has no message: without a second one nobody could tell that it is ours.
            return await self._replace(id, title, body, 1, message)
        version = object_of(page, "version")
        written = text_of(version, "message")
        if written == message:
            return self._receipt(page)
        if not (written.startswith(_OURS) or await self._is_our_first(page, body["value"])):
            raise changed_there("Confluence", title)
        return await self._replace(id_of(page), title, body, number_of(version, "number"), message)

    async def find(self, request: Document, key: str) -> Receipt | None:
        """The page's receipt if its present version is this delivery's.

        Raises ``Unconfirmed`` where somebody has changed it: what was there before that is not known.
        """
        page = await self._page(_title(request.title))
        if page is None:
            return None
        version = object_of(page, "version")
        if text_of(version, "message") == f"{_OURS} {digest(key)}":
            return self._receipt(page)
        if text_of(version, "message").startswith(_OURS):
            return None  # an earlier publication
        if await self._is_our_first(page, storage_format(request.markdown)):
            return None  # made, without its mark: sending it again adds that
        raise Unconfirmed("Somebody has changed the page", "Look there whether it has your text.")

    async def check(self) -> str:
        """That the space is there, for this account."""
        await self._space_id()
        return f"Confluence: space {self._http.clean(self._options.space, 60)} as {self._options.email}"

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def _replace(self, id: str, title: str, body: Mapping[str, str], version: int, message: str) -> Receipt:
        asked = {
            "id": id,
            "status": "current",
            "title": title,
            "body": body,
            "version": {"number": version + 1, "message": message},
        }
        try:
            # Repeated, it would be refused: there is a version of that number then.
            made = await self._http.send("PUT", f"pages/{quote(id, safe='')}", json_body=asked)
        except HttpRejected as no:
            if no.status == 409:
                raise changed_there("Confluence", title) from None
            raise
        return self._receipt(made.data)

    async def _page(self, title: str) -> Mapping[str, Any] | None:
        query = {"space-id": await self._space_id(), "title": title, "status": "current", "limit": "1"}
        pages = objects_of((await self._http.send("GET", "pages", params=query)).data, "results")
        return pages[0] if pages else None

    async def _is_our_first(self, page: Mapping[str, Any], value: str) -> bool:
        """Whether the page is as it was made, by this account and with this text: the mark was cut off then."""
        version = object_of(page, "version")
        if number_of(version, "number") != 1 or text_of(version, "message"):
            return False
        query = {"body-format": "storage"}
        whole = (await self._http.send("GET", f"pages/{quote(id_of(page), safe='')}", params=query)).data
        return text_of(object_of(object_of(whole, "body"), "storage"), "value") == value

    async def _space_id(self) -> str:
        if not self._space:
            answer = await self._http.send("GET", "spaces", params={"keys": self._options.space, "limit": "1"})
            spaces = objects_of(answer.data, "results")
            if not spaces or not id_of(spaces[0]):
                raise HttpRejected(
                    f"Confluence has no space {sanitize(self._options.space, newlines=False)} for this account",
                    "Set space to the key in the space's address, and give the account access to it.",
                )
            self._space = id_of(spaces[0])
        return self._space

    def _receipt(self, page: Mapping[str, Any]) -> Receipt:
        path = text_of(object_of(page, "_links"), "webui")
        url = f"{self._base}{path}" if path.startswith("/") else ""
        return Receipt(id=self._http.mask.identifier(id_of(page)), url=self._http.mask.link(url))


def storage_format(markdown: str) -> str:
    """The Markdown as XHTML without a title. Text stays text: nothing in it becomes a tag, a macro or a mention."""
    tokens = parse(_NOT_XML.sub("", sanitize(markdown)))
    for token in tokens:
        if token.type == "fence":
            token.info = ""  # a language would become a class, which Confluence does not know
    return xhtml(tokens).strip()


def _title(text: str) -> str:
    return sanitize(text, newlines=False).strip()[:_LONGEST_TITLE].strip() or "Post-mortem"
