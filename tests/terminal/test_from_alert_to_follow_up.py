"""From a metric that crosses its threshold to the follow-up, by verbs, through every service the settings name.

Prometheus and Alertmanager are real; the other services are doubles on loopback.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from harness import servers
from harness.github import REPOSITORY, Repository
from harness.monitoring import RealAlertmanager, alertmanager, prometheus, until
from harness.status_pages import StatuspagePage

from warroom.cli.context import CliContext
from warroom.cli.main import run

RULES = """
groups:
- name: shop
  rules:
  - alert: CheckoutDown
    expr: checkout_errors > 0.5
    labels: {severity: critical, service: checkout-api}
    annotations: {summary: Half of all orders fail}
"""

SETTINGS = """
[team]
timezone = "Europe/Berlin"
people = [{{ name = "Ada", email = "ada@example.com" }}, {{ name = "Bo" }}]

[[services]]
name = "checkout-api"
description = "Card payments"

[on_call]
rotation = ["Ada", "Bo"]
starts = 2026-01-05

[alerts.prod]
backend = "alertmanager"
url = "{alertmanager}"

[probes.health]
kind = "http"
url = "{double}/healthz"

[probes.errors-back]
kind = "promql"
verifies = "baseline"
url = "{prometheus}"
query = "checkout_errors"
below = 0.5

[escalation]
steps = [{{ after = "0m", page = ["on-call"] }}]

[paging.pager]
backend = "http"
url = "{double}/pager"
trigger = {{ path = "/page", body = {{ people = "{{{{ people }}}}", title = "{{{{ title }}}}" }} }}
acknowledge = {{ path = "/ack" }}
resolve = {{ path = "/resolve" }}

[destinations.chat]
backend = "webhook"
url = {{ env = "HOOK" }}

[destinations.page]
backend = "statuspage"
audiences = ["customers"]
token = {{ env = "TOKEN" }}
page = "p1"
base_url = "{double}"
components = {{ checkout-api = "rb5wq1dczvbm" }}

[runbooks]
folders = ["runbooks"]
run = true

[trackers.board]
backend = "github"
token = {{ env = "TOKEN" }}
repository = "{repository}"
base_url = "{double}"

[documents.repo]
backend = "github"
token = {{ env = "TOKEN" }}
repository = "{repository}"
base_url = "{double}"
"""

RUNBOOK = """---
services: [checkout-api]
---
# Checkout is down

1. Restart the workers

   ```sh
   echo "restarted for $WARROOM_INCIDENT"
   ```
"""


class Shop:
    """What is measured, and the doubles of the services that are told."""

    def __init__(self) -> None:
        self.failing = 0.0
        self.page, self.repository = StatuspagePage(), Repository()
        self.paged: list[tuple[str, Any]] = []
        self.chat: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/metrics":
            return httpx.Response(200, text=f"checkout_errors {self.failing}\n")
        if path == "/healthz":
            return httpx.Response(503 if self.failing else 200)
        if path.startswith("/pager"):
            self.paged.append((path.rpartition("/")[2], json.loads(request.content or b"{}")))
            return httpx.Response(202, json={})
        if path == "/hook":
            self.chat.append(json.loads(request.content)["text"])
            return httpx.Response(200, json={})
        if path.startswith("/pages"):
            return self.page.reply(request)
        return self.repository(request)


class Desk:
    """One command line at a time, on one data folder."""

    def __init__(self, folder: Path, urls: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys, self._later = folder, capsys, timedelta(0)
        file = folder / "settings.toml"
        file.write_text(SETTINGS.format(**urls, repository=REPOSITORY))
        (folder / "runbooks").mkdir()
        (folder / "runbooks" / "checkout.md").write_text(RUNBOOK)
        self.environ = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "WARROOM_SETTINGS": str(file),
            "WARROOM_DATA": str(folder / "data"),
            "WARROOM_AS": "Ada",
            "HOOK": urls["double"] + "/hook",
            "TOKEN": "plantedsecret-0123456789abcdef",
        }

    def watch(self) -> None:
        """A round of the background work, half a minute later: sooner a source is not asked again."""
        self._later += timedelta(seconds=31)
        self("watch", "--once")

    def __call__(self, *arguments: str, status: int = 0) -> str:
        later = self._later
        found = run(arguments, CliContext(environ=self.environ, clock=lambda: datetime.now(UTC) + later))
        printed = "".join(self._capsys.readouterr())
        assert found == status, (arguments, printed)
        return printed


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def monitored(
    tmp_path: Path, shop: Shop, capsys: pytest.CaptureFixture[str]
) -> Iterator[tuple[Desk, RealAlertmanager]]:
    with (
        servers.serving(shop) as double,
        alertmanager(tmp_path) as manager,
        prometheus(tmp_path, RULES, scraped=double, alertmanager=manager.url) as monitoring,
    ):
        urls = {"alertmanager": manager.url, "prometheus": monitoring, "double": double}
        yield Desk(tmp_path, urls, capsys), manager


def test_an_alert_becomes_an_incident_that_is_run_resolved_and_followed_up(
    monitored: tuple[Desk, RealAlertmanager], shop: Shop
) -> None:
    do, manager = monitored

    shop.failing = 0.9
    until(lambda: bool(manager.alerts()))
    do.watch()
    assert "CheckoutDown" in do("alert")

    do("declare", "checkout-api", "Half of all orders fail", "--alert", "1", "--commander", "Ada")
    assert [(what, body["people"]) for what, body in shop.paged] == [("page", ["Ada"])]
    assert any("INCIDENT DECLARED" in text for text in shop.chat)

    do("ack")
    do.watch()
    assert [what for what, _ in shop.paged] == ["page", "ack"]
    (silence,) = manager.silences()
    assert silence["status"]["state"] == "active"
    assert "told of the alert" in do("timeline")

    do("update", "--audience", "customers", "--approved-by", "Bo")
    assert [one.updates[-1][0] for one in shop.page.incidents] == ["investigating"]
    assert shop.page.components == {"rb5wq1dczvbm": "major_outage"}

    do("runbook", "--step", "1", "--run", "--yes")
    assert "restarted for INC-1" in do("timeline")
    assert "contradicted" in do("check", "health-checks", status=1)

    do("fix", "Restarted the workers", "--temporary", "--rollback", "start the old ones")
    shop.failing = 0.0
    until(lambda: not manager.alerts())
    do.watch()
    assert "CheckoutDown cleared" in do("timeline")
    for item in ("health-checks", "baseline"):
        do("check", item)
    for item in ("journeys", "no-new-errors", "customer-reports"):
        do("check", item, "--seen", "I looked")
    do("resolve")
    do.watch()
    assert [what for what, _ in shop.paged] == ["page", "ack", "resolve"]
    assert [one["status"]["state"] for one in manager.silences()] == ["expired"]

    do("update", "--audience", "customers", "--approved-by", "Bo")
    assert [one.updates[-1][0] for one in shop.page.incidents] == ["resolved"]
    assert shop.page.components == {"rb5wq1dczvbm": "operational"}

    do("actions", "track", "--all")
    assert [one["state"] for one in shop.repository.issues] == ["open"]
    do("section", "summary", "Half of all orders failed.")
    do("section", "root_cause", "The workers hung.")
    do("postmortem", "--publish", "repo")
    assert any(b"The workers hung" in body for body in shop.repository.files.values())
    do("calendar", "--output", str(do.folder / "meeting.ics"))
    assert "BEGIN:VEVENT" in (do.folder / "meeting.ics").read_text()
