"""The faults of what is polled cost a line of health and nothing else: other sources and probes go on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.fakes import Clock, FakeChat
from harness.servers import RawServer, http_answer

from warroom import bootstrap
from warroom.config.loading import load, load_playbook
from warroom.config.paths import AppPaths
from warroom.connect import http
from warroom.errors import WarroomError
from warroom.journal.sqlite import SqliteJournal
from warroom.room.alert_watch import AlertWatch
from warroom.room.room import WarRoom

ALERT = {
    "labels": {"alertname": "HighErrorRate", "service": "checkout-api"},
    "state": "firing",
    "activeAt": "2026-01-28T11:55:00Z",
    "annotations": {},
    "value": "1",
}
FIRING = http_answer("200 OK", json.dumps({"status": "success", "data": {"alerts": [ALERT]}}).encode())
FAULTS = {
    "401": (http_answer("401 Unauthorized"), "401"),
    "429": (http_answer("429 Too Many Requests", b"{}", "Retry-After: 90"), "rate-limiting"),
    "html": (http_answer("200 OK", b"<html>Sign in</html>", "Content-Type: text/html"), "read"),
    "truncated": (FIRING[:-20], "dropped"),
    "hangs": (..., "in time"),
}


@pytest.fixture(autouse=True)
def short_limit(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What never answers is given up soon."""
    monkeypatch.setitem(http.HttpClient.__init__.__kwdefaults__, "total_seconds", 0.3)
    yield


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_an_alert_source_costs_its_line_and_clears_nothing(tmp_path: Path, name: str) -> None:
    fault, words = FAULTS[name]
    with RawServer(FIRING, fault) as broken, RawServer(FIRING) as sound:
        file = tmp_path / "settings.toml"
        table = '[alerts.{}]\nbackend = "prometheus"\nurl = "{}"\nservice = "checkout-api"\n'
        file.write_text(table.format("broken", broken.url) + table.format("sound", sound.url))
        flags = {"settings": str(file), "data": str(tmp_path / "data")}
        settings, paths, clock = load(None, {}, flags), AppPaths.find({}, flags), Clock()
        journal = SqliteJournal(tmp_path / "journal.db")
        chats = {"": FakeChat()}.__getitem__
        room = WarRoom(journal, load_playbook(settings), settings, by="Alice", clock=clock, chats=chats)
        watches = [
            AlertWatch(room, each, lambda one: bootstrap.make_alert_source(settings.alerts[one], paths, {}))
            for each in ("broken", "sound")
        ]

        async def polls() -> None:
            for _ in range(2):
                await asyncio.gather(*(watch.once() for watch in watches))
                clock.later(60)

        asyncio.run(polls())
        alerts = list(room.team().alerts.values())
        journal.close()
        assert sorted(one.event.source for one in alerts) == ["broken", "sound"]
        assert all(one.cleared_at is None for one in alerts), "nothing is cleared by an answer that was none"
        broken_watch, sound_watch = watches
        assert sound_watch.problem is None and len(sound.requests) == 2
        assert "broken is not read" in str(broken_watch.problem) and words in str(broken_watch.problem)


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("kind", ["http", "promql"])
def test_a_fault_of_a_probe_is_no_good_reading_and_others_are_measured(
    tmp_path: Path, kind: str, name: str
) -> None:
    """An HTTP probe measures the answer itself, so what is wrong with it is a reading against the service."""
    fault, _ = FAULTS[name]
    vector = {"resultType": "vector", "result": [{"metric": {}, "value": [1769601600, "1"]}]}
    good = http_answer("200 OK", json.dumps({"status": "success", "data": vector}).encode())
    options = 'match = "success"' if kind == "http" else 'query = "up"\nat_least = 1'
    with RawServer(fault) as broken, RawServer(good) as sound:
        file = tmp_path / "settings.toml"
        table = f'[probes.{{}}]\nkind = "{kind}"\nurl = "{{}}"\n{options}\ntimeout_s = 1\n'
        file.write_text(table.format("broken", broken.url) + table.format("sound", sound.url))
        flags = {"settings": str(file), "data": str(tmp_path / "data")}
        settings, paths = load(None, {}, flags), AppPaths.find({}, flags)

        async def measure(one: str) -> str:
            """What is said against it, or why nothing is known."""
            probe = bootstrap.make_probe(settings.probes[one], paths, {}, settings)
            try:
                reading = await probe.run()
                return "" if reading.speaks == "for" else reading.text
            except WarroomError as error:
                return error.title
            finally:
                await probe.close()

        async def both() -> list[str]:
            return await asyncio.gather(measure("broken"), measure("sound"))

        wrong, right = asyncio.run(both())
        assert wrong and not right
