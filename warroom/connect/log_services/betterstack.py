"""Better Stack: the rows of a source, asked for in SQL (https://betterstack.com/docs/logs/query-api/connect-remotely/).

Behind it is ClickHouse. Rows have a time but no number, some come late, and two can be alike. So each pass begins
``OVERLAP_S`` before the newest row, and what has been seen is counted: a row that comes within that time is read
once, and as often as it is there.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from warroom.connect.alerts import unusable
from warroom.connect.answers import id_of, objects_in, text_of
from warroom.connect.http import Transport
from warroom.connect.log_services import LogClient
from warroom.connect.ports import LogPage

OVERLAP_S = 15
"""How late a row may come, in seconds."""

LIMIT = 1000
"""Rows in one answer."""

LONGEST = 4000
"""Characters of a row that are read."""


class BetterStackOptions(BaseModel):
    """Options of a Better Stack source."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str
    """The host of your region: "https://eu-nbg-2-connect.betterstackdata.com"."""
    username: str = Field(min_length=1)
    """The user that "Connect remotely" made."""
    password: SecretStr
    """Its password."""
    table: str = Field(pattern=r"^[A-Za-z0-9_]{1,200}$")
    """The table of the source's recent rows: "t123456_checkout_logs"."""


class _Row(NamedTuple):
    us: int
    """Its time, in microseconds since 1970."""
    key: str
    text: str


@dataclass
class _Cursor:
    """Where reading goes on. ``seen`` is how often each row was there, by time and digest of its text."""

    newest: int = 0
    """The time of the newest row, in microseconds."""
    begin: int = 0
    """Where the next page begins."""
    skip: int = 0
    """How many rows at exactly that time have been passed."""
    seen: dict[str, int] = field(default_factory=dict)
    passed: dict[str, int] = field(default_factory=dict)
    """How often the rows at ``begin`` have been passed."""

    @classmethod
    def of(cls, text: str) -> _Cursor:
        return cls(**json.loads(text)) if text else cls()

    def text(self) -> str:
        return json.dumps(self.__dict__)


class BetterStack:
    """A ``LogService``. A query is a condition in SQL, such as ``raw LIKE '%checkout%'``."""

    Options = BetterStackOptions

    def __init__(self, options: BetterStackOptions, *, transport: Transport | None = None) -> None:
        account = f"{options.username}:{options.password.get_secret_value()}".encode()
        self._table = options.table
        self._http = LogClient(
            "Better Stack",
            options.url,
            headers={"Authorization": SecretStr(f"Basic {base64.b64encode(account).decode()}")},
            transport=transport,
        )

    async def read(self, query: str, cursor: str) -> LogPage:
        """See ``LogService``. The first page is the newest rows of the last hour."""
        at = _Cursor.of(cursor)
        if not at.newest:
            rows, now = await self._ask(query, "dt > now() - INTERVAL 1 HOUR", "DESC")
            rows.reverse()
        else:
            since = f"dt >= fromUnixTimestamp64Micro({at.begin})"
            rows, now = await self._ask(query, since, "ASC", skip=at.skip)
        counts = Counter(at.passed)
        fresh = []
        for row in rows:
            counts[row.key] += 1
            if counts[row.key] > at.seen.get(row.key, 0):
                at.seen[row.key] = counts[row.key]
                fresh.append(row.text)
        # A row from the future must not hide those of the present.
        at.newest = max([at.newest, *(min(row.us, now) for row in rows)])
        more = bool(cursor) and len(rows) == LIMIT
        window = at.newest - OVERLAP_S * 1_000_000
        if more:
            last = rows[-1].us
            at.skip = sum(row.us == last for row in rows) + (at.skip if last == at.begin else 0)
            at.passed = {key: count for key, count in counts.items() if _time(key) == last}
            at.begin = last
        else:
            at.begin, at.skip, at.passed = window, 0, {}
        at.seen = {key: count for key, count in at.seen.items() if _time(key) >= min(window, at.begin)}
        return LogPage(tuple(fresh), at.text() if at.newest else "", more)

    async def check(self) -> str:
        """How many rows there were in the last minute."""
        sql = f"SELECT count() AS rows FROM remote({self._table}) WHERE dt > now() - INTERVAL 1 MINUTE FORMAT JSON"
        rows = await self._send(sql)
        count = id_of(rows[0], "rows") if rows else ""
        return f"Better Stack, {count or 'no'} lines in the last minute"

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def _ask(self, query: str, since: str, order: str, *, skip: int = 0) -> tuple[list[_Row], int]:
        """The rows, and the time there, in microseconds."""
        condition = f" AND ({query})" if query else ""
        data = await self._send(
            "SELECT toUnixTimestamp64Micro(toDateTime64(dt, 6)) AS us, toUnixTimestamp64Micro(now64(6)) AS now,"
            f" dt, substring(raw, 1, {LONGEST}) AS raw FROM remote({self._table}) WHERE {since}{condition}"
            f" ORDER BY us {order}, raw {order} LIMIT {LIMIT} OFFSET {skip} FORMAT JSON"
        )
        rows = []
        for one in data:
            us, text = id_of(one, "us"), text_of(one, "raw")
            if not us.isdecimal():
                raise unusable("Better Stack", "the times of its rows")
            digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
            rows.append(_Row(int(us), f"{us}.{digest}", text))
        now = max((int(id_of(one, "now") or 0) for one in data), default=0)
        return rows, now

    async def _send(self, sql: str) -> list[Any]:
        """The rows of a query. It can fail after it has begun to answer: then they are not all there."""
        answer = await self._http.read(method="POST", text_body=sql)
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, list) or answer.get("rows") != len(data) or "exception" in answer:
            raise unusable("Better Stack", "all of its rows")
        return list(objects_in(data))


def _time(key: str) -> int:
    return int(key.partition(".")[0])
