"""Log services: every line comes once, requests keep the contract, and a fault costs a notice in the pane."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from harness import servers
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from warroom import bootstrap
from warroom.config.loading import load
from warroom.config.paths import AppPaths
from warroom.connect.guarded_logs import GuardedLogs
from warroom.connect.log_services import betterstack
from warroom.connect.log_services.betterstack import BetterStack, BetterStackOptions
from warroom.connect.log_services.papertrail import Papertrail, PapertrailOptions
from warroom.connect.ports import LogPage, LogService
from warroom.connect.secret_mask import SecretMask
from warroom.errors import NotSent, Rejected, SettingsError, WarroomError
from warroom.logs.sources.polled import PolledSource
from warroom.logs.sources.source import Chunk, Source

TOKEN = "s3cret-token"
US = 1_000_000
anyio_backend = servers.anyio_backend


def papertrail(reply: Any) -> Papertrail:
    return Papertrail(PapertrailOptions(token=SecretStr(TOKEN)), transport=httpx.MockTransport(reply))


def better_stack(transport: httpx.AsyncBaseTransport) -> BetterStack:
    options = BetterStackOptions(
        url="https://logs.example.com", username="u", password=SecretStr(TOKEN), table="t1_x_logs"
    )
    return BetterStack(options, transport=transport)


def read_all(service: LogService, cursor: str, query: str = "") -> tuple[list[str], str]:
    """The lines there are after the cursor, page after page, and the next cursor."""

    async def run() -> tuple[list[str], str]:
        lines, at = [], cursor
        while True:
            page = await service.read(query, at)
            lines += page.lines
            at = page.cursor
            if not page.more:
                return lines, at

    return asyncio.run(run())


class Events:
    """Papertrail's search as its documentation says: forward from ``min_id`` with ``tail=false``, else backward."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.limit = 3

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["X-Papertrail-Token"] == TOKEN
        assert request.url.path == "/api/v1/events/search.json"
        params = request.url.params
        found = [id for id in self.ids if id >= int(params.get("min_id", "0"))]  # the one of min_id comes again
        if params.get("tail") == "false":
            page, flag = found[: self.limit], "reached_end"
        else:
            page, flag = found[-self.limit :], "reached_beginning"
        partial = len(page) < len(found)
        events = [
            {"id": str(id), "received_at": "2026-01-28T13:15:00Z", "hostname": "web1", "program": "app"}
            | {"message": f"event {id}", "severity": "Error" if id % 2 else "Info"}
            for id in page
        ]
        answer: dict[str, Any] = {"events": events, "reached_record_limit" if partial else flag: True}
        if page:
            answer |= {"min_id": str(page[0]), "max_id": str(page[-1])}
        return httpx.Response(200, json=answer)


@given(st.lists(st.lists(st.integers(1, 3), max_size=8), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_papertrails_events_come_once_and_none_is_left_out(steps: list[list[int]]) -> None:
    events, cursor, seen, last = Events(), "", [], 10**17
    service = papertrail(events)
    for number, growth in enumerate(steps):
        for step in growth:
            last += step
            events.ids.append(last)
        begun = bool(cursor)
        lines, cursor = read_all(service, cursor)
        expected = events.ids if begun else events.ids[-events.limit :]
        seen += lines
        if not begun:
            events.ids = list(expected)  # the first page is the newest events
        assert [int(line.split()[-1]) for line in seen] == events.ids, number


def test_a_papertrail_event_is_a_line_with_its_time_host_program_and_a_bad_severity() -> None:
    events = Events()
    events.ids = [10, 11]
    lines, _ = read_all(papertrail(events), "")
    assert lines == ["2026-01-28T13:15:00Z web1 app: event 10", "2026-01-28T13:15:00Z web1 app: ERROR event 11"]


class Rows:
    """A table of Better Stack, asked in the SQL of ours."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, str]] = []
        self.now = 10**9 * US

    def __call__(self, request: httpx.Request) -> httpx.Response:
        sql = request.read().decode()
        assert "FROM remote(t1_x_logs)" in sql and request.headers["Authorization"].startswith("Basic ")
        limit, skip = map(int, re.findall(r"LIMIT (\d+) OFFSET (\d+) FORMAT JSON$", sql)[0])
        since = re.search(r"fromUnixTimestamp64Micro\((-?\d+)\)", sql)
        found = sorted(row for row in self.rows if since is None or row[0] >= int(since[1]))
        if " DESC" in sql:
            found.reverse()
        data = [{"us": str(us), "now": str(self.now), "raw": raw} for us, raw in found[skip : skip + limit]]
        return httpx.Response(200, json={"meta": [], "data": data, "rows": len(data)})


@servers.needs_contracts
@given(st.lists(st.lists(st.tuples(st.integers(0, 14), st.sampled_from("ab")), max_size=9), max_size=5))
@settings(max_examples=40, deadline=None)
def test_better_stacks_rows_come_once_though_some_are_late_alike_or_many(
    steps: list[list[tuple[int, str]]],
) -> None:
    before, betterstack.LIMIT = betterstack.LIMIT, 4
    try:
        table, cursor, seen = Rows(), "", []
        service = better_stack(servers.judged("betterstack-query", table))
        table.rows.append((table.now, "first"))
        for growth in steps:
            lines, cursor = read_all(service, cursor)
            seen += lines
            table.now += US
            table.rows += [(table.now - late * US, text) for late, text in growth]
        seen += read_all(service, cursor)[0]
        assert sorted(seen) == sorted(text for _, text in table.rows) if steps else seen == ["first"]
    finally:
        betterstack.LIMIT = before


FAULTS = [
    (httpx.Response(401, json={"error": "bad token"}), Rejected, "bad token"),
    (httpx.Response(403, json={"error": "no"}), Rejected, "may not read logs"),
    (httpx.Response(429, headers={"Retry-After": "90"}), NotSent, "rate-limiting"),
    (httpx.Response(503, text="down"), NotSent, "503"),
    (httpx.Response(200, html="<html>login</html>"), NotSent, "not JSON"),
    (httpx.Response(200, text='{"data": [{"us": "1"'), NotSent, "not JSON"),
    (httpx.Response(200, json={"status": "ok"}), NotSent, "without"),
    (httpx.Response(200, json={"data": [], "rows": 7, "events": 1}), NotSent, "without"),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("answer", "error", "words"), FAULTS)
@pytest.mark.parametrize("backend", ["papertrail", "betterstack"])
async def test_a_fault_is_an_error_and_never_an_empty_page(
    backend: str, answer: httpx.Response, error: type[Exception], words: str
) -> None:
    transport = httpx.MockTransport(lambda request: answer)
    service: LogService = better_stack(transport) if backend == "betterstack" else papertrail(lambda _: answer)
    with pytest.raises(error) as failure:
        await GuardedLogs("x", service, "", SecretMask({TOKEN})).read("")
    assert words in str(failure.value) + getattr(failure.value, "remedy", "") and TOKEN not in str(failure.value)
    if answer.status_code == 429:
        assert failure.value.retry_after == 90.0  # type: ignore[attr-defined]


class Script:
    """A reader that answers what is next in its script, and then nothing new."""

    def __init__(self, *answers: Sequence[str] | WarroomError) -> None:
        self.answers = list(answers)
        self.cursors: list[str] = []

    async def read(self, cursor: str) -> LogPage:
        self.cursors.append(cursor)
        answer = self.answers.pop(0) if self.answers else ()
        if isinstance(answer, WarroomError):
            raise answer
        return LogPage(tuple(answer), str(int(cursor or "0") + 1), more=bool(self.answers))

    async def close(self) -> None:
        pass


class Taken:
    """A sink that keeps lines and, in parentheses, notices."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.changed = threading.Condition()

    def lines(self, source: Source, chunk: Chunk) -> None:
        with self.changed:
            self.rows += chunk.texts
            self.changed.notify_all()

    def notice(self, source: Source, text: str) -> None:
        with self.changed:
            self.rows.append(f"({text})")
            self.changed.notify_all()

    def wait(self, last: str) -> list[str]:
        with self.changed:
            assert self.changed.wait_for(lambda: last in self.rows, 10), self.rows
            return list(self.rows)


def test_a_fault_costs_a_notice_and_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    down, again = NotSent("it is down"), NotSent("it is down")
    script = Script(["a", "b"], down, again, ["c"], ["d"])
    taken = Taken()
    source = PolledSource("remote", lambda: script, 0.001, catch_up_s=0)
    source.start(taken)
    assert taken.wait("d") == [
        "a",
        "b",
        "(cannot be read: it is down; trying again)",
        "(can be read again)",
        "c",
        "d",
    ]
    assert script.cursors[:5] == ["", "1", "1", "1", "2"], "a poll that fails moves nothing"
    source.close()
    assert source._thread is not None
    source._thread.join(10)
    assert not source.running


SETTINGS = """
[[services]]
name = "checkout"
logs = [{ from = "papertrail", query = "program:checkout" }]

[log_services.papertrail]
backend = "papertrail"
token = { env = "TOKEN" }
"""


def test_a_log_of_the_settings_is_read_from_its_service(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(SETTINGS)
    found = load(file, {})
    (log,) = found.services[0].logs
    places = AppPaths.find({"HOME": str(tmp_path)}, {"settings": str(file)})
    source = bootstrap.remote_source(found, places, {"TOKEN": TOKEN}, log)  # type: ignore[arg-type]
    assert source.name == "papertrail program:checkout"


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('from = "papertrail"', 'from = "papertrial"', "settings.toml:4 [services #1.logs #1]"),
        ("query =", "querry =", "settings.toml:4"),
        ('backend = "papertrail"', 'backend = "papertrial"', "settings.toml:7 [log_services.papertrail] backend"),
        ("token =", "tokn =", "[log_services.papertrail] tok"),
        ('token = { env = "TOKEN" }', 'token = "abc"', "settings.toml:8 [log_services.papertrail] token"),
        ("token = {", "every = 1\ntoken = {", "settings.toml:8 [log_services.papertrail] every"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, old: str, new: str, place: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(SETTINGS.replace(old, new))
    places = AppPaths.find({"HOME": str(tmp_path)}, {"settings": str(file)})
    with pytest.raises(SettingsError) as caught:
        bootstrap.make_log_service(load(file, {}).log_services["papertrail"], "", places, {"TOKEN": TOKEN})
    assert place in str(caught.value), str(caught.value)
