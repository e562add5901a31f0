"""Notion pages, by its API.

Facts of the API: https://developers.notion.com/reference, and of its Markdown
https://developers.notion.com/guides/data-apis/enhanced-markdown. A page is found by its title in the data source
or below the page where it was made; Notion's search lags behind. The account that last edited it tells whether
somebody else has changed it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator, model_validator

from warroom.connect.answers import object_of, objects_of, text_of
from warroom.connect.documents import changed_there, parse
from warroom.connect.http import HttpRejected, Transport
from warroom.connect.outcome import DeliveryClient, OutcomeRules
from warroom.errors import Unconfirmed
from warroom.incident.delivery import Receipt
from warroom.incident.requests import Document
from warroom.safety import sanitize

if TYPE_CHECKING:
    from markdown_it.token import Token

VERSION = "2026-03-11"
LONGEST_BYTES = 450_000
"""Of one page's Markdown. A request may have 500 KB."""

_LONGEST_TITLE = 500
_PAGE = 100
_PAGES = 20
_SHARE = "Open the page in Notion, choose Connections in its menu, and add the integration."
_RULES = OutcomeRules(
    {
        "unauthorized": "Set the integration's token; it may have been revoked.",
        "object_not_found": _SHARE,
        "restricted_resource": "Give the integration the capability to read, insert and update content.",
    },
    throttled=frozenset({"rate_limited", "service_overload"}),
    code_keys=("code",),
    message_keys=("message",),
)


class NotionOptions(BaseModel):
    """Settings of a document store in Notion."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token: SecretStr
    """The secret of an internal integration that the page or the database is shared with."""
    page: str = ""
    """The id of the page below which the documents go: the 32 digits at the end of its address."""
    data_source: str = ""
    """Instead of page: the id of a database's data source, in whose rows the documents go."""
    base_url: str = "https://api.notion.com"
    """The API's address."""

    @field_validator("page", "data_source")
    @classmethod
    def _an_id(cls, text: str) -> str:
        if not text:
            return ""
        try:
            return str(UUID(text.strip().rpartition("-")[2] if text.count("-") not in (0, 4) else text.strip()))
        except ValueError:
            raise ValueError("must be an id: the 32 digits at the end of the address") from None

    @model_validator(mode="after")
    def _one_place(self) -> NotionOptions:
        if bool(self.page) == bool(self.data_source):
            raise ValueError("needs page or data_source, one of the two")
        return self


class Notion:
    """An ``Integration`` that keeps each document as a page."""

    Options = NotionOptions
    dedupes = False
    reads_back = True
    reports_sending = True
    public = False

    def __init__(self, options: NotionOptions, *, transport: Transport | None = None) -> None:
        self._options = options
        headers = {"Authorization": SecretStr(f"Bearer {options.token.get_secret_value()}")}
        self._http = DeliveryClient("Notion", options.base_url, _RULES, headers=headers, transport=transport)
        self._title_property = ""
        self._me = ""

    async def send(self, request: Document, key: str) -> Receipt:
        """Make the page, or replace what warroom published there before."""
        text, title = notion_markdown(request.markdown), _title(request.title)
        if len(text.encode("utf-8", "replace")) > LONGEST_BYTES:
            raise HttpRejected(
                f"Notion: the document is longer than {LONGEST_BYTES // 1000} KB", "Export it to a file instead."
            )
        id = await self._page_id(title)
        if id:
            page = (await self._call("GET", f"v1/pages/{id}")).data
            if not await self._is_ours(page):
                raise changed_there("Notion", title)
            # Pages that people have made below it are kept: Notion refuses to delete them unless that is allowed.
            asked = {"type": "replace_content", "replace_content": {"new_str": text}}
            await self._call("PATCH", f"v1/pages/{id}/markdown", json_body=asked, repeatable=True)
            return self._receipt(page)
        place = "data_source_id" if self._options.data_source else "page_id"
        asked = {
            "parent": {"type": place, place: self._options.data_source or self._options.page},
            "properties": {await self._title_name(): {"title": [{"text": {"content": title}}]}},
            "markdown": text,
        }
        made = (await self._call("POST", "v1/pages", json_body=asked)).data
        if not text_of(made, "id"):
            raise self._http.doubt("gave no page id")
        return self._receipt(made)

    async def find(self, request: Document, key: str) -> Receipt | None:
        """The page's receipt if it is there. Only making a page can end unconfirmed: replacing can be repeated."""
        id = await self._page_id(_title(request.title))
        if not id:
            return None
        page = (await self._call("GET", f"v1/pages/{id}")).data
        if not await self._is_ours(page):
            raise Unconfirmed("Somebody has changed the page", "Look there whether it has your text.")
        return self._receipt(page)

    async def check(self) -> str:
        """Who the token is, and that the page or the data source is shared with it."""
        me = self._http.clean(text_of((await self._call("GET", "v1/users/me")).data, "name"), 80)
        if self._options.data_source:
            await self._title_name()
            return f"Notion: {me}, a data source"
        await self._call("GET", f"v1/pages/{self._options.page}")
        return f"Notion: {me}, below a page"

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def _page_id(self, title: str) -> str:
        """The id of the page with this title; "" if there is none."""
        if self._options.data_source:
            named = {"property": await self._title_name(), "title": {"equals": title}}
            path = f"v1/data_sources/{self._options.data_source}/query"
            asked = {"filter": named, "page_size": 1}
            found = objects_of((await self._call("POST", path, json_body=asked, repeatable=True)).data, "results")
            return text_of(found[0], "id") if found else ""
        query = {"page_size": str(_PAGE)}
        for _ in range(_PAGES):
            answer = (await self._call("GET", f"v1/blocks/{self._options.page}/children", params=query)).data
            for block in objects_of(answer, "results"):
                if text_of(object_of(block, "child_page"), "title") == title:
                    return text_of(block, "id")
            if not answer.get("has_more") or not (cursor := text_of(answer, "next_cursor")):
                return ""
            query["start_cursor"] = cursor
        raise HttpRejected(
            f"Notion: the page has more than {_PAGE * _PAGES:,} blocks", "Set another page, or a data source."
        )

    async def _title_name(self) -> str:
        """The name of the property that is the title. Below a page it is always "title"."""
        if not self._options.data_source:
            return "title"
        if not self._title_property:
            source = (await self._call("GET", f"v1/data_sources/{self._options.data_source}")).data
            kinds = object_of(source, "properties")
            self._title_property = next((name for name in kinds if text_of(kinds[name], "type") == "title"), "")
            if not self._title_property:
                raise HttpRejected("Notion: the data source has no title property", "Check the id data_source.")
        return self._title_property

    async def _is_ours(self, page: Mapping[str, Any]) -> bool:
        if not self._me:
            self._me = text_of((await self._call("GET", "v1/users/me")).data, "id")
        return bool(self._me) and text_of(object_of(page, "last_edited_by"), "id") == self._me

    async def _call(self, method: str, path: str, **sent: Any) -> Any:
        return await self._http.send(method, path, headers={"Notion-Version": VERSION}, **sent)

    def _receipt(self, page: Mapping[str, Any]) -> Receipt:
        return Receipt(
            id=self._http.mask.identifier(text_of(page, "id")), url=self._http.mask.link(text_of(page, "url"))
        )


def _title(text: str) -> str:
    return sanitize(text, newlines=False).strip()[:_LONGEST_TITLE].strip() or "Post-mortem"


# ── Notion's Markdown ─────────────────────────────────────────────────────────────────────────────────────

_SPECIAL = re.compile(r"[\\*~`$\[\]<>{}|^]")
_LINE_START = re.compile(r"^(\s*)(?:([-+#])|(\d{1,9})([.)]))")

_TO_DO = ("[ ] ", "[x] ")
"""Begin the items of a list of things to do, in Notion as in ours."""


def notion_markdown(markdown: str) -> str:
    """The Markdown without its title, as Notion writes it: a line a block, tabs before what is below another.

    Text stays text: nothing in it becomes a mention, an equation, a colour or a tag.
    """
    return "\n".join(_blocks(parse(sanitize(markdown))))


def _blocks(tokens: list[Token]) -> Iterator[str]:
    indent, marks, numbers, quoted = 0, [], [], 0
    cells: list[str] | None = None
    for token in tokens:
        kind = token.type
        if kind in ("bullet_list_open", "ordered_list_open"):
            numbers.append(0 if kind == "ordered_list_open" else None)
        elif kind in ("bullet_list_close", "ordered_list_close"):
            numbers.pop()
        elif kind == "list_item_open":
            if numbers[-1] is not None:
                numbers[-1] += 1
            marks.append("- " if numbers[-1] is None else f"{numbers[-1]}. ")
            indent += 1
        elif kind == "list_item_close":
            indent -= 1
            marks.clear()
        elif kind == "blockquote_open":
            quoted += 1
        elif kind == "blockquote_close":
            quoted -= 1
        elif kind == "heading_open":
            marks.append("#" * min(int(token.tag[1]), 4) + " ")
        elif kind == "table_open":
            yield '<table header-row="true">'
        elif kind == "table_close":
            yield "</table>"
        elif kind == "tr_open":
            cells = []
        elif kind == "tr_close":
            yield "<tr>"
            yield from (f"<td>{cell}</td>" for cell in cells or ())
            yield "</tr>"
            cells = None
        elif kind == "hr":
            yield "---"
        elif kind in ("fence", "code_block"):
            yield from _code(token.content)
        elif kind == "inline":
            words = _inert_start(_inline(token.children or []))
            if marks and token.content.startswith(_TO_DO):
                words = token.content[:4] + words.removeprefix(_escaped(token.content[:4]))
            if cells is not None:
                cells.append(words)
                continue
            # The text of a list item stands beside its mark, one tab less deep than what follows in it.
            mark = "".join(marks)
            below = indent - 1 if mark and indent else indent
            marks.clear()
            yield "\t" * max(0, below) + "> " * min(quoted, 1) + mark + words


def _inline(tokens: list[Token]) -> str:
    parts: list[str] = []
    target = ""
    for token in tokens:
        kind = token.type
        if kind == "text":
            parts.append(_escaped(token.content))
        elif kind == "code_inline":
            # A backtick cannot stand in Notion's code.
            parts.append(f"`{token.content.replace('`', '´')}`")
        elif kind in ("softbreak", "hardbreak"):
            parts.append("<br>")
        elif kind in ("strong_open", "strong_close"):
            parts.append("**")
        elif kind in ("em_open", "em_close"):
            parts.append("*")
        elif kind == "link_open":
            target = str(token.attrGet("href") or "")
            parts.append("[")
        elif kind == "link_close":
            parts.append(f"]({re.sub(r'[()<>]', '', target)})")
    return "".join(parts)


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)


def _inert_start(line: str) -> str:
    """A line that begins no list and no heading."""
    return _LINE_START.sub(lambda m: f"{m[1]}\\{m[2]}" if m[2] else f"{m[1]}{m[3]}\\{m[4]}", line)


def _code(content: str) -> Iterator[str]:
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", content)), default=0))
    yield f"{fence}plain text"
    yield from content.rstrip("\n").split("\n")
    yield fence
