"""Declared JSON sources and commands: requests keep the contracts, and a part of a list is not taken for it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from harness import monitoring, servers
from pydantic import SecretStr, ValidationError

from warroom import bootstrap
from warroom.config.loading import load
from warroom.config.paths import AppPaths
from warroom.connect.alerts import json_api
from warroom.connect.alerts.command import CommandAlerts, CommandAlertsOptions
from warroom.connect.alerts.json_api import JsonAlerts, JsonAlertsOptions
from warroom.connect.guarded_alerts import GuardedAlerts
from warroom.connect.plugins import ALERTS, load_all
from warroom.errors import NotSent, Rejected, SettingsError

anyio_backend = servers.anyio_backend
pytestmark = pytest.mark.anyio
TOKEN = "plantedsecret-0123456789abcdef"
BASES = {
    "pagerduty": "https://api.pagerduty.com",
    "sentry": "https://sentry.io",
    "uptimerobot": "https://api.uptimerobot.com/v3",
    "pingdom": "https://api.pingdom.com/api/3.1",
}
"""What the base of a contract stands for."""

NAMES = {"pagerduty": {"email": "a@example.com"}, "sentry": {"organization": "acme"}, "newrelic": {"account": "42"}}
AT = datetime(2026, 1, 28, 12, 0, tzinfo=UTC)
ISO, EPOCH = "2026-01-28T12:00:00Z", int(AT.timestamp())

ANSWERS: dict[str, Any] = {
    "pagerduty": {
        "incidents": [
            {
                "id": "PT4KHLK",
                "title": "Queue too long",
                "incident_number": 7,
                "urgency": "high",
                "created_at": ISO,
                "html_url": "https://acme.pagerduty.com/incidents/PT4KHLK",
                "service": {"summary": "checkout"},
                "priority": None,
            }
        ],
        "more": False,
    },
    "sentry": [
        {
            "id": "1",
            "title": "KeyError",
            "culprit": "pay",
            "priority": "high",
            "level": "error",
            "firstSeen": ISO,
            "permalink": "https://acme.sentry.io/issues/1/",
            "project": {"slug": "checkout"},
        }
    ],
    "uptimerobot": {
        "data": [
            {
                "id": 5,
                "friendlyName": "checkout",
                "url": "https://shop.example.com",
                "status": "DOWN",
                "lastIncident": {"id": "99", "reason": "Timeout", "startedAt": ISO},
            }
        ],
        "nextLink": None,
    },
    "pingdom": {
        "checks": [
            {"id": 1, "name": "checkout", "hostname": "h", "status": "down", "lastdownstart": EPOCH},
            {"id": 2, "name": "search", "hostname": "h", "status": "up"},
        ]
    },
    "betterstack": {
        "data": [
            {"id": "1", "attributes": {"name": "checkout", "cause": "503", "status": "Started", "started_at": ISO}},
            {"id": "2", "attributes": {"name": "old", "status": "Resolved", "started_at": ISO}},
        ],
        "pagination": {"next": None},
    },
    "healthchecks": {
        "checks": [
            {"name": "backup", "slug": "backup", "unique_key": "k", "status": "down", "last_ping": ISO},
            {"name": "cron", "slug": "cron", "unique_key": "l", "status": "grace", "last_ping": ISO},
        ]
    },
    "newrelic": {
        "data": {
            "actor": {
                "account": {
                    "aiIssues": {
                        "issues": {
                            "issues": [
                                {
                                    "issueId": "i",
                                    "title": ["Errors"],
                                    "priority": "CRITICAL",
                                    "entityNames": ["checkout"],
                                    "createdAt": EPOCH * 1000,
                                }
                            ],
                            "nextCursor": None,
                        }
                    }
                }
            }
        }
    },
}
ANSWERS["datadog"] = [
    {"id": 7, "name": "Errors", "overall_state": "Alert", "overall_state_modified": ISO, "query": "avg > 5"},
    {"id": 8, "name": "Fine", "overall_state": "OK", "overall_state_modified": ISO},
]
VENDORS = sorted(ANSWERS)


def judged(vendor: str, reply: Callable[[httpx.Request], httpx.Response]) -> httpx.MockTransport:
    """A transport that judges by the vendor's contract, where there is one."""
    if vendor not in BASES:
        return httpx.MockTransport(reply)
    base = httpx.URL(BASES[vendor])
    inner = servers.judged(vendor, lambda request: httpx.Response(200))

    def routed(request: httpx.Request) -> httpx.Response:
        assert str(request.url).startswith(BASES[vendor])
        path = request.url.raw_path.removeprefix(base.raw_path.rstrip(b"/"))
        url = request.url.copy_with(raw_path=path)
        inner.handler(httpx.Request(request.method, url, headers=request.headers, content=request.content))
        return reply(request)

    return httpx.MockTransport(routed)


def source(vendor: str, reply: Callable[[httpx.Request], httpx.Response], **options: Any) -> JsonAlerts:
    given = {"token": SecretStr(TOKEN), "names": NAMES.get(vendor, {}), **options}
    kind = getattr(json_api, vendor)
    made: JsonAlerts = kind(kind.Options.model_validate(given), transport=judged(vendor, reply))
    return made


@servers.needs_contracts
@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_vendors_alert_is_read_whole_and_its_request_keeps_the_contract(vendor: str) -> None:
    seen: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=ANSWERS[vendor])

    (one,) = await source(vendor, reply).firing()
    assert one.key and one.title and one.since == AT
    assert one.service in ("checkout", "backup") or vendor == "datadog"
    assert any(TOKEN in value for value in seen[0].headers.values()) and TOKEN not in str(seen[0].url)


def test_every_declaration_that_is_shipped_is_a_backend_and_no_other_is() -> None:
    loaded, broken = load_all(ALERTS)
    assert not broken
    shipped = {file.stem for file in (Path(json_api.__file__).parent / "declared").glob("*.toml")}
    assert shipped == set(VENDORS) == set(loaded) - {"alertmanager", "prometheus", "json", "command", "webhook"}
    with pytest.raises(AttributeError):
        json_api.nosuch  # noqa: B018 — looked up for its error


@servers.needs_contracts
async def test_pagerduty_is_acknowledged_in_the_name_of_a_user() -> None:
    seen: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"incident": {}})

    guarded = GuardedAlerts("pd", source("pagerduty", reply), bootstrap_mask(), "warroom")
    assert guarded.can_acknowledge and await guarded.acknowledge("PT4KHLK", "INC-1") == "acknowledged"
    (request,) = seen
    assert (request.method, request.url.path) == ("PUT", "/incidents/PT4KHLK")
    assert json.loads(request.content)["incident"]["status"] == "acknowledged"
    assert request.headers["From"] == "a@example.com"
    without = GuardedAlerts("pd", source("pagerduty", reply, names={}), bootstrap_mask(), "warroom")
    assert not without.can_acknowledge, "without the address of a user PagerDuty refuses it"


@servers.needs_contracts
@pytest.mark.parametrize(
    ("vendor", "method", "path", "body"),
    [
        ("pagerduty", "PUT", "/incidents/1", {"incident": {"type": "incident_reference", "status": "resolved"}}),
        ("sentry", "PUT", "/api/0/organizations/acme/issues/1/", {"status": "resolved"}),
        ("betterstack", "POST", "/api/v3/incidents/1/resolve", {"resolved_by": "INC-1"}),
    ],
)
async def test_a_vendor_is_told_that_an_incident_is_resolved(
    vendor: str, method: str, path: str, body: dict[str, Any]
) -> None:
    seen: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return (
            httpx.Response(200, json={}) if len(seen) == 1 else httpx.Response(409, json={"errors": "was resolved"})
        )

    guarded = GuardedAlerts("x", source(vendor, reply), bootstrap_mask(), "warroom")
    assert guarded.can_resolve and guarded.ends_alerts
    assert await guarded.resolve("1", "INC-1") == "resolved"
    assert (seen[0].method, seen[0].url.path, json.loads(seen[0].content)) == (method, path, body)
    assert await guarded.resolve("1", "INC-1") == "was resolved already", "repeating it is harmless"


async def test_a_datadog_monitor_in_a_downtime_is_silenced_and_its_keys_are_two_headers() -> None:
    seen: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        monitor = {**ANSWERS["datadog"][0], "matching_downtimes": [{"id": 1}], "priority": 2}
        return httpx.Response(200, json=[monitor])

    key = {"DD-APPLICATION-KEY": SecretStr("plantedsecret-app")}
    (one,) = await source("datadog", reply, headers=key, names={"site": "datadoghq.eu"}).firing()
    assert one.muted and (one.severity, one.url) == ("2", "https://app.datadoghq.eu/monitors/7")
    (request,) = seen
    assert request.url.host == "api.datadoghq.eu" and request.headers["DD-API-KEY"] == TOKEN
    assert request.headers["DD-APPLICATION-KEY"] == "plantedsecret-app"


def bootstrap_mask() -> Any:
    from warroom.connect.secret_mask import SecretMask

    return SecretMask((TOKEN,))


# Pages


async def test_every_page_is_read() -> None:
    pages = {"0": (["a", "b"], True), "2": (["c"], False)}

    def reply(request: httpx.Request) -> httpx.Response:
        ids, more = pages[request.url.params.get("offset", "0")]
        return httpx.Response(200, json={"incidents": [{"id": id, "title": id} for id in ids], "more": more})

    kind = json_api.pagerduty
    made = kind(kind.Options(token=SecretStr(TOKEN)), transport=httpx.MockTransport(reply))
    assert [one.key for one in await made.firing()] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("answer", "options", "words"),
    [
        ({"list": [{"id": 1}], "next": "https://elsewhere.example.com/2"}, {"more": "next"}, "next page"),
        ({"list": [{"id": 1}], "next": "https://api.example.com/alerts?p=2"}, {"more": "next"}, "too many"),
        ({"list": [{"id": 1}], "next": True}, {"more": "next"}, "too many"),
        ({"list": [{"id": 1}, {"id": 2}]}, {"at_most": 2}, "too many"),
        ({"list": {"id": 1}}, {}, "the list list"),
        ({"list": [1]}, {}, "the list list"),
        ({"list": [{"id": None}]}, {}, "key"),
        ({"error": "no"}, {}, "the list list"),
        ({"list": [], "errors": [{"message": "BAD_API_KEY"}]}, {"errors": "errors"}, "BAD_API_KEY"),
    ],
)
async def test_what_may_be_a_part_of_the_list_is_no_list(answer: Any, options: dict[str, Any], words: str) -> None:
    made = JsonAlerts(
        JsonAlertsOptions(
            url="https://api.example.com/alerts", list="list", key="{{ id }}", title="{{ id }}", **options
        ),
        transport=httpx.MockTransport(lambda request: httpx.Response(200, json=answer)),
    )
    with pytest.raises(NotSent, match=words):
        await made.firing()


# Options


SETTINGS = """
[alerts.pager]
backend = "pagerduty"
token = { env = "PD" }
names = { email = "a@example.com" }

[alerts.own]
backend = "json"
every = 60
service = "checkout"
url = "https://monitor.example.com/api/alerts?team={{ team }}"
token = { env = "PD" }
names = { team = "a b" }
list = "alerts"
fires = { state = ["firing", "critical"] }
key = "{{ id }}"
title = "{{ rule.name }}"
"""


def made_from(text: str, tmp_path: Path, name: str) -> GuardedAlerts:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    places = AppPaths.find({"HOME": str(tmp_path)}, {"settings": str(file), "data": str(tmp_path)})
    return bootstrap.make_alert_source(load(file, {}).alerts[name], places, {"PD": TOKEN, "SHORT": "short"})


def test_sources_are_made_from_the_settings(tmp_path: Path) -> None:
    assert made_from(SETTINGS, tmp_path, "pager").can_acknowledge
    own = made_from(SETTINGS, tmp_path, "own")
    assert not own.can_acknowledge and "a%20b" in own.source._path  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("line", "place", "words"),
    [
        ('backend = "pagerdutty"', "settings.toml:3 [alerts.x] backend", "pagerduty"),
        ('backend = "pagerduty"', "settings.toml:2 [alerts.x]", "token"),
        ('backend = "sentry"\ntoken = { env = "PD" }', "[alerts.x] names", "organization"),
        ('backend = "pagerduty"\ntoken = "plain"', "settings.toml:4 [alerts.x] token", "plaintext"),
        ('backend = "prometheus"', "settings.toml:2 [alerts.x]", "url"),
        ('backend = "prometheus"\nurl = "x y"', "[alerts.x]", "web address"),
        ('backend = "prometheus"\nurll = "https://x"', "settings.toml:4 [alerts.x] urll", "url"),
        ('backend = "json"\nurl = "https://x"', "[alerts.x] key", "missing"),
        ('backend = "webhook"\nsecret = { env = "SHORT" }', "settings.toml:4 [alerts.x] secret", "16"),
        ('backend = "webhook"\nsecret = "plaintext-of-a-secret"', "settings.toml:4 [alerts.x] secret", "plaintext"),
        ('backend = "command"\ncommand = []', "settings.toml:4 [alerts.x] command", ""),
    ],
)
def test_a_mistake_is_told_by_file_line_table_and_key(line: str, place: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as failure:
        made_from(f"\n[alerts.x]\n{line}\n", tmp_path, "x")
    said = f"{failure.value} {failure.value.remedy}"
    assert place in said and words in said and TOKEN not in said


@pytest.mark.parametrize("line", ["every = 14", "every = 301", 'severities = ["a"]', ""])
def test_a_table_itself_is_checked(line: str, tmp_path: Path) -> None:
    backend = 'backend = "prometheus"' if line else ""
    file = tmp_path / "settings.toml"
    file.write_text(f"\n[alerts.x]\n{backend}\n{line}\n")
    with pytest.raises(SettingsError, match=r"\[alerts.x\]"):
        load(file, {})


def test_a_severity_that_the_playbook_does_not_have_is_told_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[alerts.x]\nbackend = "prometheus"\nseverities = { page = "critcal" }\n')
    with pytest.raises(SettingsError) as failure:
        bootstrap.read_configuration(file, tmp_path, None, {"HOME": str(tmp_path)})
    said = f"{failure.value} {failure.value.remedy}"
    assert "settings.toml:3 [alerts.x.severities] page" in said and "critical" in said


# Commands


def command(script: str, **options: Any) -> CommandAlerts:
    return CommandAlerts(CommandAlertsOptions(command=(sys.executable, "-c", script), **options))


async def test_a_command_prints_what_fires() -> None:
    lines = [
        {"key": "a", "title": "Disk", "since": ISO, "service": "db", "labels": {"host": "x"}, "url": "https://x/1"},
        {"key": 7, "title": "Queue"},
    ]
    one, two = await command(f"print({json.dumps(chr(10).join(map(json.dumps, lines)) + chr(10))})").firing()
    assert (one.key, one.since, one.service, one.labels) == ("a", AT, "db", {"host": "x"})
    assert (two.key, two.since) == ("7", None)
    assert await command("pass").firing() == []


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ('print(\'{"key": "a"}\')', "line 1"),
        ("print('[]')", "line 1"),
        ('import sys; print(\'{"key":"a","title":"b"}\'); sys.exit(\'no credentials\')', "status 1"),
        ("import sys; sys.stdout.buffer.write(b'\\xff')", "UTF-8"),
        ("import sys\nwhile True: print('x' * 100000)", "too much"),
        ("import time; time.sleep(60)", "longer than"),
    ],
)
async def test_a_command_that_fails_clears_nothing(script: str, words: str) -> None:
    with pytest.raises(NotSent, match=words):
        await command(script, timeout=1.0 if "sleep" in script else 15.0).firing()


async def test_what_a_command_started_ends_with_it(tmp_path: Path) -> None:
    started = tmp_path / "pid"
    script = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(started)!r}, 'w').write(str(child.pid))\n"
    )
    with pytest.raises(NotSent, match="longer than"):
        await command(script, timeout=3.0).firing()  # the child holds stdout open
    stat = Path(f"/proc/{started.read_text()}/stat")
    monitoring.until(lambda: not stat.exists() or stat.read_text().split()[2] == "Z")


async def test_a_command_that_is_not_there_says_so() -> None:
    with pytest.raises(NotSent, match="cannot be run"):
        await CommandAlerts(CommandAlertsOptions(command=("/nonexistent/tool",))).firing()
    with pytest.raises(ValidationError):
        CommandAlertsOptions(command=())


# Isolation


async def test_a_source_that_breaks_its_promises_is_an_error_of_ours_without_its_secret() -> None:
    class Broken:
        def __init__(self, answer: Any) -> None:
            self.answer = answer

        async def firing(self) -> Any:
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

    from warroom.errors import WarroomError

    for answer in (ValueError(f"bad {TOKEN}"), Rejected(f"no {TOKEN}"), ["x"], None):
        with pytest.raises(WarroomError) as failure:
            await GuardedAlerts("x", Broken(answer), bootstrap_mask(), "other").firing()  # type: ignore[arg-type]
        assert TOKEN not in str(failure.value)
        assert failure.value.__context__ is None
