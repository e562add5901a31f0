"""Webhooks: what is answered 200 is on disk, whoever sends it what; a stranger learns nothing and costs little."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from harness import monitoring
from harness.fakes import START, Clock
from hypothesis import given
from hypothesis import strategies as st

from warroom import bootstrap
from warroom.connect.alerts.webhook import WebhookAlerts, WebhookAlertsOptions
from warroom.connect.hook_server import MAX_BODY_BYTES
from warroom.errors import BadInput, NotSaved, Refusal
from warroom.incident.alerting import Firing, Notice, compare, firing_after
from warroom.incident.commands import Declare
from warroom.incident.team import TeamState

SECRET = "plantedsecret-0123456789"
SETTINGS = """
[[services]]
name = "Checkout"

[alerts.am]
backend = "webhook"
secret = { env = "HOOK" }

[alerts.own]
backend = "webhook"
service = "Checkout"
"""


class Receiving:
    """A watch that listens, and a client."""

    def __init__(self, folder: Path) -> None:
        file = folder / "settings.toml"
        file.write_text(SETTINGS)
        self.clock = Clock()
        environ = {"HOME": str(folder), "HOOK": SECRET, "WARROOM_AS": "Ada"}
        self.app = bootstrap.open_context(file, folder, environ=environ, clock=self.clock)
        self.server, self.address = self.app.hook_server("127.0.0.1:0")
        self.app.jobs.start(self.server)
        self.room = self.app.room

    def send(self, body: Any, path: str = f"/hook/{SECRET}/am", **more: Any) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.post(f"http://{self.address}{path}", content=content, trust_env=False, timeout=20, **more)

    def waiting(self) -> list[str]:
        return [one.event.name for one in self.room.team().alerts.values() if one.cleared_at is None]

    def raw(self, data: bytes) -> bytes:
        host, port = self.address.rsplit(":", 1)
        with socket.create_connection((host, int(port)), 10) as client:
            client.sendall(data)
            received = b""
            while part := client.recv(65536):
                received += part
            return received


@pytest.fixture
def receiving(tmp_path: Path) -> Iterator[Receiving]:
    one = Receiving(tmp_path)
    yield one
    one.app.close()


def alertmanager(
    status: str = "firing", name: str = "HighErrorRate", minutes: float = 1, **more: Any
) -> dict[str, Any]:
    """A body as Alertmanager sends it, version 4."""
    alert = {
        "status": status,
        "labels": {"alertname": name, "service": "checkout", "severity": "page"},
        "annotations": {"summary": "Half the calls fail", "runbook_url": "https://wiki.example.com/errors"},
        "startsAt": (START - timedelta(minutes=minutes)).isoformat(),
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else START.isoformat(),
        "generatorURL": "https://prom.example.com/graph",
        "fingerprint": "4f2a9c0d1e2b3a45",
        **more,
    }
    return {"version": "4", "groupKey": f'{{}}:{{alertname="{name}"}}', "status": status, "alerts": [alert]}


def test_an_alert_is_on_disk_when_it_is_answered_and_is_recorded_once_however_often_it_is_sent(
    receiving: Receiving,
) -> None:
    for _ in range(3):
        assert receiving.send(alertmanager()).status_code == 200
    (alert,) = receiving.room.team().alerts.values()
    event = alert.event
    assert (event.name, event.source, event.service, event.severity) == ("HighErrorRate", "am", "Checkout", "page")
    assert (event.detail, event.url) == ("Half the calls fail", "https://wiki.example.com/errors")
    assert event.fired_at == START - timedelta(minutes=1)
    report = receiving.room.source_report("am")
    assert report and report.firing == 1


def test_a_resolved_webhook_clears_the_alert_and_its_incident_says_so(receiving: Receiving) -> None:
    receiving.send(alertmanager())
    (id,) = receiving.room.team().alerts
    incident = receiving.room.declare(Declare("Checkout", "No orders"), alert=id).incident.id
    for _ in range(2):
        assert receiving.send(alertmanager("resolved")).status_code == 200
    assert [row.kind for row in receiving.room.incident(incident).rows].count("cleared") == 1
    assert "close-alert" in receiving.room.incident(incident).ticks, "its only alert has cleared"


def test_what_is_sent_late_changes_nothing(receiving: Receiving) -> None:
    receiving.send(alertmanager(minutes=10))
    receiving.send(alertmanager("resolved", minutes=10))
    receiving.send(alertmanager(minutes=10))
    assert receiving.waiting() == [], "the alert is known to be over"
    receiving.send(alertmanager(minutes=1))
    receiving.send(alertmanager("resolved", minutes=10))
    assert receiving.waiting() == ["HighErrorRate"], "the end is that of the alert before"


def test_grafana_and_plain_json_are_read(receiving: Receiving) -> None:
    grafana = alertmanager(name="DatasourceError", annotations={}, dashboardURL="https://grafana.example.com/d/1")
    grafana |= {"orgId": 1, "title": "[FIRING:1]", "state": "alerting", "message": "**Firing**"}
    assert receiving.send(grafana).status_code == 200
    plain = {
        "name": "Disk",
        "severity": "critical",
        "key": "disk-1",
        "status": "firing",
        "url": "https://x.example.com",
    }
    assert receiving.send(plain, "/hook/own").text == "Recorded 1 alert.\n"
    assert receiving.send([{"name": "Queue", "service": "checkout"}], "/hook/own").status_code == 200
    events = [one.event for one in receiving.room.team().alerts.values()]
    assert [(one.name, one.service, one.severity) for one in events] == [
        ("DatasourceError", "Checkout", "page"),
        ("Disk", "Checkout", "critical"),
        ("Queue", "Checkout", ""),
    ]
    assert [one.url for one in events[:2]] == ["https://grafana.example.com/d/1", "https://x.example.com"]
    assert receiving.send({"name": "Queue", "service": "checkout", "status": "ok"}, "/hook/own").status_code == 200
    assert receiving.waiting() == ["DatasourceError", "Disk"]


def test_a_burst_is_bounded_as_one_that_is_polled(receiving: Receiving) -> None:
    burst = [{"name": "Disk", "key": str(n), "group": "disks"} for n in range(1000)]
    assert receiving.send(burst, "/hook/own").status_code == 200
    assert len(receiving.room.team().alerts) == 20


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"7", "no object"),
        (b"{}", "no name"),
        (b'{"name": " "}', "no name"),
        (b'{"name": "x", "status": "maybe"}', "no status"),
        (b'{"alerts": [7]}', "no object"),
        (b'{"alerts": [{"status": "firing"}]}', "no labels"),
        (json.dumps([{"name": "x"}] * 1001).encode(), "more than 1,000"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_with_the_reason(
    receiving: Receiving, body: bytes, words: str
) -> None:
    answer = receiving.send(body)
    assert answer.status_code == 400 and words in answer.text
    assert receiving.room.team().version == 0


@pytest.mark.parametrize(
    "path", ["/", "/hook/am", "/hook/x/am", f"/hook/{SECRET}/own", f"/hook/{SECRET}", "/hook/%ff"]
)
def test_a_stranger_learns_nothing(receiving: Receiving, path: str) -> None:
    answer = receiving.send(alertmanager(), path)
    assert answer.status_code == 404 and SECRET not in answer.text and receiving.waiting() == []


def test_only_post_is_taken_and_only_so_much(receiving: Receiving) -> None:
    url = f"http://{receiving.address}/hook/own"
    answer = httpx.get(url, trust_env=False)
    assert answer.status_code == 405 and answer.headers["Allow"] == "POST"
    assert httpx.head(url, trust_env=False).status_code == 405
    assert receiving.send(b"x" * (MAX_BODY_BYTES + 1), "/hook/own").status_code == 413
    head = b"POST /hook/own HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n" % 600_000 + b"x" * 600_000 + b"\r\n"
    assert receiving.raw(head + chunk * 2).startswith(b"HTTP/1.1 413 ")
    assert receiving.raw(b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000 + b"\r\n\r\n").startswith(b"HTTP/1.1 431 ")
    assert receiving.raw(b"\x16\x03\x01\x02\x00\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert receiving.send({"name": "x"}, "/hook/own").status_code == 200, "it still serves"


def test_a_client_that_waits_for_the_go_ahead_gets_it(receiving: Receiving) -> None:
    body = b'{"name": "x"}'
    head = b"POST /hook/own HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    host, port = receiving.address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), 10) as client:
        client.sendall(head)
        assert client.recv(100).startswith(b"HTTP/1.1 100 ")
        client.sendall(body)
        assert client.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_a_journal_that_refuses_has_the_sender_try_again(
    receiving: Receiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise NotSaved("The disk is full", "Free some space.")

    with monkeypatch.context() as patched:
        patched.setattr(receiving.room.journal, "append", full)
        answer = receiving.send(alertmanager())
        assert answer.status_code == 503 and "disk is full" in answer.text
    assert receiving.send(alertmanager()).status_code == 200 and receiving.waiting() == ["HighErrorRate"]


def test_a_secret_in_an_alert_is_masked(receiving: Receiving) -> None:
    receiving.send({"name": "x", "detail": "password=hunter2hunter2"}, "/hook/own")
    (alert,) = receiving.room.team().alerts.values()
    assert "hunter2" not in alert.event.detail


def test_other_machines_are_not_listened_to_without_a_secret(receiving: Receiving) -> None:
    with pytest.raises(Refusal) as failure:
        receiving.app.hook_server("0.0.0.0:0")
    assert "[alerts.own] has no secret" in failure.value.title and SECRET not in str(failure.value)
    for address in ("9095", "127.0.0.1:x", "127.0.0.1:99999", receiving.address):
        with pytest.raises(BadInput):
            receiving.app.hook_server(address)


def test_a_real_alertmanager_sends_what_fires_and_what_is_over(receiving: Receiving, tmp_path: Path) -> None:
    folder = tmp_path / "am"
    folder.mkdir()
    with monitoring.alertmanager(folder, webhook=f"http://{receiving.address}/hook/{SECRET}/am") as server:
        labels = {"alertname": "HighErrorRate", "service": "checkout", "severity": "page"}
        server.fire(labels, summary="Half the calls fail")
        monitoring.until(lambda: receiving.waiting() == ["HighErrorRate"])
        (alert,) = receiving.room.team().alerts.values()
        assert (alert.event.service, alert.event.detail) == ("Checkout", "Half the calls fail")
        server.fire(labels, over=True)
        monitoring.until(lambda: receiving.waiting() == [])


# The pure part


@given(
    body=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["firing", "resolved"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["alerts", "labels", "status", "name", "key", "startsAt", "since"]),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode())
)
def test_whatever_is_sent_it_is_read_or_refused(body: bytes) -> None:
    try:
        notices = WebhookAlerts(WebhookAlertsOptions()).read(body)
    except BadInput:
        return
    assert all(one.firing.key for one in notices)


@given(
    notices=st.lists(
        st.builds(
            lambda key, minutes, over: Notice(Firing(key, key, START - timedelta(minutes=minutes)), over),
            st.sampled_from("abc"),
            st.integers(1, 3),
            st.booleans(),
        ),
        max_size=8,
    )
)
def test_what_fires_afterwards_is_what_was_told_last_of_each(notices: list[Notice]) -> None:
    firing = {one.key for one in firing_after("x", notices, TeamState())}
    told = {one.firing.key for one in notices if not one.over}
    assert firing <= told
    assert {
        one.name for one in compare("x", firing_after("x", notices, TeamState()), TeamState(), START).received
    } == firing
