"""A third party's status page as a probe: read over HTTP, as its address answers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from harness import servers
from hypothesis import given
from hypothesis import strategies as st

from warroom.bootstrap import make_probe
from warroom.config.paths import AppPaths
from warroom.config.settings import ProbeSettings
from warroom.connect.probes.status_page import StatusPageProbe, StatusPageProbeOptions
from warroom.errors import WarroomError
from warroom.incident.readings import Reading, judged

PAGE = {"id": "kctbh9vrtdwd", "name": "GitHub", "url": "https://www.githubstatus.com"}
COMPONENTS = [
    {"name": "Git Operations", "status": "operational"},
    {"name": "Actions", "status": "partial_outage"},
    {"name": "Actions", "status": "operational", "group": True},
]


def status(indicator: str, words: str) -> dict[str, Any]:
    return {"page": PAGE, "status": {"indicator": indicator, "description": words}, "components": COMPONENTS}


def measured(folder: Path, answer: httpx.Response, **options: Any) -> tuple[Reading, list[str]]:
    """A reading of the probe as the settings make it, from a page that answers so, and the paths it asked for."""
    asked = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return answer

    with servers.serving(reply) as url:
        settings = ProbeSettings(name="github", kind="status-page", **{"url": f"{url}/", **options})
        probe = make_probe(settings, AppPaths.find({"HOME": str(folder)}, {}), {})

        async def run() -> Reading:
            try:
                return await probe.run()
            finally:
                await probe.close()

        return asyncio.run(run()), asked


@pytest.mark.parametrize(
    ("indicator", "words", "good"),
    [
        ("none", "All Systems Operational", True),
        ("minor", "Minor Service Outage", False),
        ("major", "Partial System Outage", False),
        ("critical", "Major Service Outage", False),
        ("maintenance", "Service Under Maintenance", False),
    ],
)
def test_the_page_as_a_whole_is_read(tmp_path: Path, indicator: str, words: str, good: bool) -> None:
    reading, asked = measured(tmp_path, httpx.Response(200, json=status(indicator, words)))
    assert reading == judged(good, f"GitHub: {words}")
    assert asked == ["/api/v2/status.json"]


@pytest.mark.parametrize(
    ("component", "reading"),
    [
        ("git operations", judged(True, "GitHub, Git Operations: operational")),
        ("Actions", judged(False, "GitHub, Actions: partial outage")),
    ],
)
def test_one_component_counts_whatever_the_others_are(tmp_path: Path, component: str, reading: Reading) -> None:
    found, asked = measured(tmp_path, httpx.Response(200, json=status("none", "fine")), component=component)
    assert (found, asked) == (reading, ["/api/v2/summary.json"])


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (httpx.Response(404, text="not here"), "127.0.0.1 answered 404"),
        (httpx.Response(302, headers={"location": "https://elsewhere.example/"}), "127.0.0.1 answered 302"),
        (httpx.Response(200, text="<html>"), "127.0.0.1 gave no status"),
        (httpx.Response(200, json=[]), "127.0.0.1 gave no status"),
    ],
)
def test_a_page_that_cannot_be_read_speaks_for_neither(tmp_path: Path, answer: httpx.Response, says: str) -> None:
    reading, _ = measured(tmp_path, answer)
    assert (reading.speaks, reading.text) == ("neither", f"cannot be measured: {says}")


def test_a_component_that_the_page_does_not_have_is_no_verdict(tmp_path: Path) -> None:
    reading, _ = measured(tmp_path, httpx.Response(200, json=status("none", "fine")), component="Pages")
    assert reading.speaks == "neither" and "GitHub has no component Pages" in reading.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["page", "name", "status", "indicator", "description", "components", "group"]), inner
        )
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from(["", "Git Operations"]))
def test_whatever_a_page_answers_one_line_or_no_verdict_comes_of_it(answer: Any, component: str) -> None:
    body = json.dumps(answer).encode()
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    options = StatusPageProbeOptions(url="https://status.example", component=component)
    try:
        reading = asyncio.run(StatusPageProbe(options, transport=transport).run())
    except WarroomError:
        return
    assert reading.text.isprintable() and len(reading.text) < 300
