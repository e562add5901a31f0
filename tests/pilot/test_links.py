"""The links of an incident: one key away, opened in the browser or copied, and nothing but plain web addresses."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.app import LARGE, AppHarness, run_console, screen_text, settle, toasts, until
from hypothesis import given
from hypothesis import strategies as st

from warroom.config.settings import Service, Settings
from warroom.incident.alerts import ReceiveAlert
from warroom.incident.commands import Declare
from warroom.incident.incident import Incident
from warroom.room.links import IncidentLink, incident_links, is_plain
from warroom.tui.browser import has_browser, open_url
from warroom.tui.screens.links import LinksScreen

pytestmark = pytest.mark.anyio

WIKI, DASHBOARD = "https://wiki.example/checkout", "https://grafana.example/d/1?var=a%20b"
SERVICE = Service(name="checkout-api", links={"wiki": WIKI, "dashboard": DASHBOARD})


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[AppHarness]:
    with AppHarness(tmp_path, services=(SERVICE,)) as harness:
        yield harness


def declared(harness: AppHarness, **alert: str) -> Incident:
    room = harness.room
    room.receive_alert(ReceiveAlert("Slow [/b]", service="checkout-api", **alert))
    (entry,) = room.team().alerts
    return room.declare(Declare("checkout-api", "No orders"), alert=entry).incident


def test_the_services_links_come_first_then_those_of_its_alerts_each_once(harness: AppHarness) -> None:
    links = incident_links(declared(harness, url="https://prom.example/a"), harness.settings)
    assert [(link.name, link.url) for link in links] == [
        ("wiki", WIKI),
        ("dashboard", DASHBOARD),
        ("alert Slow [/b]", "https://prom.example/a"),
    ]
    again = declared(harness, url=WIKI, source="other")
    assert [link.name for link in incident_links(again, harness.settings)] == ["wiki", "dashboard"]
    assert incident_links(again, Settings()) == [IncidentLink("alert Slow [/b]", WIKI)]


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://user:pw@evil.example/",
        "https://evil.example/\x1b]52;c;x\x07",
        "https://evil.example/a b",
        "https://evil\u202e.example/",
        "--new-window",
        "https://[::1",
        "https://x.example/?token=ghp_" + "a1B2" * 9,
    ],
)
def test_no_other_address_reaches_a_browser_or_the_screen(url: str) -> None:
    assert not is_plain(url)


@given(st.text())
def test_whatever_is_plain_is_a_web_address_that_prints(text: str) -> None:
    if is_plain(text):
        assert text.casefold().startswith(("http://", "https://"))
        assert text.isascii() and text.isprintable() and " " not in text


@pytest.mark.parametrize(
    ("environ", "platform", "has"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"SSH_CONNECTION": "a b"}, "linux", False),
        ({"BROWSER": "code"}, "linux", True),
        ({}, "darwin", True),
        ({"SSH_CONNECTION": "a b"}, "darwin", False),
    ],
)
def test_a_browser_opens_only_where_the_person_sits(environ: dict[str, str], platform: str, has: bool) -> None:
    assert has_browser(environ, platform) is has


def test_the_browser_gets_the_address_as_one_word_and_no_terminal(tmp_path: Path) -> None:
    browser, seen = tmp_path / "browser", tmp_path / "seen"
    browser.write_text(f'#!/bin/sh\necho noise; echo "$#:$1:$(tty)" > {seen}\n')
    browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
    environ = {"BROWSER": f"{browser} %s", "PATH": os.environ["PATH"]}
    assert open_url(DASHBOARD, environ)
    assert seen.read_text().strip() == f"1:{DASHBOARD}:not a tty"
    assert not open_url(DASHBOARD, {})


async def test_enter_opens_a_link_and_where_no_browser_can_be_it_is_copied(
    harness: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    how: dict[str, Any] = {"incident_id": declared(harness).id, "watch_logs": lambda view, service: None}
    async with run_console(harness, LARGE, **how) as pilot:
        app = pilot.app
        await until(pilot, lambda: bool(app.screen.query("#steps")))
        await settle(pilot)
        await pilot.press("j")
        await until(pilot, lambda: isinstance(app.screen, LinksScreen))
        await settle(pilot)
        assert "wiki" in screen_text(app) and DASHBOARD in screen_text(app)
        await pilot.press("y")
        assert app.clipboard == WIKI
        await pilot.press("down", "enter")
        await until(pilot, lambda: any("No browser can be opened from here" in toast for toast in toasts(app)))
        assert app.clipboard == DASHBOARD
        opened: list[str] = []
        monkeypatch.setattr("warroom.tui.screens.links.open_url", lambda url, environ: not opened.append(url))
        await pilot.press("enter")
        await until(pilot, lambda: opened == [DASHBOARD])
        await pilot.press("escape")
        await settle(pilot)
        assert not isinstance(app.screen, LinksScreen)
