"""Alertmanager and Prometheus, as they are and by their contract: what fires is recorded, silenced, and clears."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from harness import monitoring, servers
from harness.fakes import FakeChat
from pydantic import SecretStr

from warroom.config.loading import load_playbook
from warroom.config.settings import AlertSourceSettings, Settings
from warroom.connect.alerts.alertmanager import Alertmanager, AlertmanagerOptions
from warroom.connect.alerts.prometheus import Prometheus, PrometheusOptions
from warroom.connect.guarded_alerts import GuardedAlerts
from warroom.connect.ports import AlertSource
from warroom.connect.secret_mask import SecretMask
from warroom.errors import NotSent, Rejected, SettingsError
from warroom.incident.alerting import group_alerts
from warroom.incident.commands import Acknowledge, Declare, Resolve
from warroom.journal.sqlite import SqliteJournal
from warroom.room.alert_watch import AlertWatch
from warroom.room.room import WarRoom
from warroom.room.silencing import silence_alerts

anyio_backend = servers.anyio_backend
TOKEN = "plantedsecret-0123456789abcdef"
S1 = "11111111-1111-4111-8111-111111111111"
LABELS = {"alertname": "HighErrorRate", "service": "checkout", "severity": "page", "pod": "a"}


def watch_of(tmp_path: Path, source: AlertSource, backend: str) -> AlertWatch:
    """The job that polls ``source`` for a room of its own."""
    table = AlertSourceSettings.model_validate({"name": "prom", "backend": backend})
    settings = Settings(alerts={"prom": table})
    room = WarRoom(
        SqliteJournal(tmp_path / "journal.db"),
        load_playbook(settings),
        settings,
        by="Alice",
        clock=lambda: datetime.now(UTC),
        chats=lambda name: FakeChat(),
    )
    return AlertWatch(room, "prom", lambda name: GuardedAlerts(name, source, SecretMask(()), "warroom"))


def poll(watch: AlertWatch) -> None:
    asyncio.run(_poll(watch))


async def _poll(watch: AlertWatch) -> None:
    await watch.poll()
    await watch._let_go()  # an event loop for each poll: its connections end with it


# Real servers


def test_an_alert_of_a_real_alertmanager_is_declared_silenced_by_ack_and_clears(tmp_path: Path) -> None:
    with monitoring.alertmanager(tmp_path) as server:
        watch = watch_of(tmp_path, Alertmanager(AlertmanagerOptions(url=server.url)), "alertmanager")
        room = watch._room
        server.fire(LABELS, summary="Half the calls fail", runbook_url="https://wiki.example.com/errors")
        poll(watch)
        assert watch.problem is None
        (alert,) = room.team().alerts.values()
        event = alert.event
        assert (event.name, event.service, event.severity) == ("HighErrorRate", "checkout", "page")
        assert (event.detail, event.url) == ("Half the calls fail", "https://wiki.example.com/errors")
        assert event.fired_at and datetime.now(UTC) - event.fired_at > timedelta(minutes=1)

        incident = room.declare(Declare("checkout", "No orders"), alert=alert.id).incident.id
        room.execute(incident, Acknowledge())
        for _ in range(2):
            poll(watch)
        (silence,) = server.silences()
        assert {one["name"]: one["value"] for one in silence["matchers"]} == LABELS
        assert incident in silence["comment"] and silence["createdBy"] == "warroom"
        poll(watch)
        kinds = [row.kind for row in room.incident(incident).rows]
        assert kinds.count("alert source") == 1 and "cleared" not in kinds, "silenced is not cleared"

        server.fire(LABELS, over=True)
        poll(watch)
        assert "cleared" in [row.kind for row in room.incident(incident).rows]
        assert len(server.silences()) == 1
        room.journal.close()


def test_a_silence_by_hand_stays_and_that_of_the_acknowledgement_ends_with_the_incident(tmp_path: Path) -> None:
    with monitoring.alertmanager(tmp_path) as server:
        watch = watch_of(tmp_path, Alertmanager(AlertmanagerOptions(url=server.url)), "alertmanager")
        room = watch._room
        room.alert_sources = watch._make
        noisy = {**LABELS, "alertname": "Noisy"}
        server.fire(LABELS, noisy)
        poll(watch)
        by_name = {one.event.name: one.id for one in room.team().alerts.values()}
        until = room.clock() + timedelta(hours=2)
        said = silence_alerts(room, [by_name["Noisy"]], until, "planned work, password=hunter2hunter2")
        assert said == f"silenced until {until:%H:%M} UTC"
        (by_hand,) = server.silences()
        assert "by Alice" in by_hand["comment"] and "hunter2" not in by_hand["comment"]
        (silenced, loud) = sorted(
            group_alerts(room.team(), {}, room.clock()), key=lambda one: not one.silenced_until
        )
        assert silenced.newest.id == by_name["Noisy"] and loud.silenced_until is None
        poll(watch)
        assert len(room.team().alerts) == 2, "silenced is neither news nor over"

        incident = room.declare(Declare("checkout", "No orders"), alert=by_name["HighErrorRate"]).incident.id
        room.execute(incident, Acknowledge())
        poll(watch)
        server.fire(LABELS, over=True)
        poll(watch)
        room.execute(incident, Resolve(reason="over"))
        for _ in range(2):
            poll(watch)
        states = {one["comment"]: one["status"]["state"] for one in server.silences()}
        assert sorted(states.values()) == ["active", "expired"] and states[by_hand["comment"]] == "active"
        assert "prom was told of the end of the alert: silence ended" in [
            row.text for row in room.incident(incident).rows
        ]
        assert {"acknowledge", "close-alert"} <= set(room.incident(incident).ticks)
        room.journal.close()


RULES = """
groups:
- name: test
  rules:
  - alert: AlwaysFiring
    expr: vector(1)
    labels: {severity: critical, service: checkout}
    annotations: {summary: "it fires"}
  - alert: NotYet
    expr: vector(1)
    for: 1h
"""


def test_a_rule_of_a_real_prometheus_is_recorded_within_one_poll_and_a_pending_one_is_not(tmp_path: Path) -> None:
    with monitoring.prometheus(tmp_path, RULES) as url:

        def fires() -> bool:
            alerts = httpx.get(f"{url}/api/v1/alerts", trust_env=False).json()["data"]["alerts"]
            return sorted(one["state"] for one in alerts) == ["firing", "pending"]

        monitoring.until(fires)
        watch = watch_of(tmp_path, Prometheus(PrometheusOptions(url=url)), "prometheus")
        for _ in range(2):
            poll(watch)
        (alert,) = watch._room.team().alerts.values()
        assert (alert.event.name, alert.event.service, alert.event.detail) == (
            "AlwaysFiring",
            "checkout",
            "it fires",
        )
        assert "Prometheus 2." in asyncio.run(Prometheus(PrometheusOptions(url=url)).check())
        watch._room.journal.close()


# The contract


def alertmanager(reply: Callable[[httpx.Request], httpx.Response], **options: object) -> Alertmanager:
    given = {"url": "https://am.example.com", "token": SecretStr(TOKEN), **options}
    inner = servers.judged("alertmanager", lambda request: reply(request))

    def routed(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        assert request.url.path.startswith("/api/v2/")
        url = request.url.copy_with(raw_path=request.url.raw_path.removeprefix(b"/api/v2"))
        judged = httpx.Request(request.method, url, headers=request.headers, content=request.content)
        return inner.handler(judged)  # type: ignore[return-value]

    return Alertmanager(AlertmanagerOptions.model_validate(given), transport=httpx.MockTransport(routed))


@servers.needs_contracts
@pytest.mark.anyio
async def test_its_requests_keep_the_published_contract() -> None:
    seen: list[httpx.Request] = []
    alert = {
        "fingerprint": "f1",
        "labels": LABELS,
        "startsAt": "2026-01-28T12:00:00.123456789Z",
        "status": {"state": "active", "silencedBy": []},
        "annotations": {},
        "generatorURL": "https://prom.example.com/graph",
    }

    def reply(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.url.path.endswith("/silences"):
            ours = {"id": S1, "status": {"state": "active"}, "comment": "INC-1 (acknowledged alert f1)"}
            over = {**ours, "id": S1.replace("1", "0"), "status": {"state": "expired"}}
            return httpx.Response(200, json={"silenceID": "s1"} if request.method == "POST" else [over, ours])
        if request.url.path.endswith("/status"):
            return httpx.Response(200, json={"versionInfo": {"version": "0.25"}})
        return httpx.Response(200, json=[alert])

    source = alertmanager(reply, filter=['team="checkout"', "env=~prod.*"], receiver="ops")
    (firing,) = await source.firing()
    assert firing.since == datetime(2026, 1, 28, 12, 0, 0, 123456, UTC) and not firing.muted
    assert firing.url == "https://prom.example.com/graph" and firing.group == "HighErrorRate · checkout"
    assert "UTC" in await source.acknowledge("f1", "INC-1")
    assert await source.check() == "Alertmanager 0.25 at am.example.com, 1 alerts"
    ended = [request for request in seen if request.method == "DELETE"]
    assert await source.resolve("f1", "INC-1") == "silence ended" and not ended
    assert [request.url.path for request in seen if request.method == "DELETE"] == [f"/silence/{S1}"]
    assert await source.resolve("f2", "INC-1") == "its silence had ended already"
    assert seen[0].url.params.get_list("filter") == ['team="checkout"', "env=~prod.*"]
    with pytest.raises(Rejected, match="no longer"):
        await source.acknowledge("f2", "INC-1")


# Faults


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (httpx.Response(401, json={"message": "bad token"}), Rejected, "bad token"),
        (httpx.Response(403, text="no"), Rejected, "may not read alerts"),
        (httpx.Response(404, html="<html>"), Rejected, "address"),
        (httpx.Response(302, headers={"Location": "https://login.example.com"}), Rejected, "login.example.com"),
        (httpx.Response(429, headers={"Retry-After": "90"}), NotSent, "rate-limiting"),
        (httpx.Response(503, text="down"), NotSent, "503"),
        (httpx.Response(200, html="<html>login</html>"), NotSent, "not JSON"),
        (httpx.Response(200, text='[{"labels": {"al'), NotSent, "not JSON"),
        (httpx.Response(200, json={"status": "success"}), NotSent, "list"),
        (httpx.Response(200, json=[{"labels": {}}]), NotSent, "fingerprints"),
        (httpx.Response(200, json=[None]), NotSent, "fingerprints"),
    ],
)
@pytest.mark.parametrize("backend", ["alertmanager", "prometheus"])
async def test_a_fault_of_the_service_is_never_an_empty_list(
    backend: str, answer: httpx.Response, error: type[Exception], words: str
) -> None:
    if backend == "prometheus" and words in ("list", "fingerprints"):
        words = "list"
    transport = httpx.MockTransport(lambda request: answer)
    source: AlertSource
    if backend == "prometheus":
        options = PrometheusOptions(url="https://prom.example.com", token=SecretStr(TOKEN))
        source = Prometheus(options, transport=transport)
    else:
        source = Alertmanager(
            AlertmanagerOptions(url="https://prom.example.com", token=SecretStr(TOKEN)), transport=transport
        )
    with pytest.raises(error) as failure:
        await source.firing()
    assert words in str(failure.value) + getattr(failure.value, "remedy", "")
    assert TOKEN not in str(failure.value)
    if answer.status_code == 429:
        assert failure.value.retry_after == 90.0  # type: ignore[attr-defined]


@pytest.mark.anyio
async def test_an_answer_that_is_cut_off_or_never_comes_is_asked_again() -> None:
    cut = b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n[{"labels": '
    with servers.RawServer(cut, None) as server:
        source = Alertmanager(AlertmanagerOptions(url=server.url))
        for _ in range(2):
            with pytest.raises(NotSent):
                await source.firing()
        await source.close()
    with servers.RawServer(...) as server:
        source = Alertmanager(AlertmanagerOptions(url=server.url))
        source._http._total = 0.2
        with pytest.raises(NotSent, match="in time"):
            await source.firing()
        await source.close()


def test_a_token_is_not_sent_in_clear() -> None:
    with pytest.raises(SettingsError, match="http://"):
        Alertmanager(AlertmanagerOptions(url="http://am.example.com", token=SecretStr(TOKEN)))
