"""A real Prometheus and a real Alertmanager of this machine, on loopback; a test without them is skipped."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.servers import free_port

INSTALL = "apt-get install -y --no-install-recommends prometheus prometheus-alertmanager"


def program(name: str) -> str:
    """The path of a program, or a skip that says how to get it."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed: {INSTALL}")
    return path


class RealAlertmanager:
    """An Alertmanager."""

    def __init__(self, url: str) -> None:
        self.url = url

    def fire(self, *alerts: dict[str, str], over: bool = False, **annotations: str) -> None:
        """Have these labels fire, or be over."""
        now = datetime.now(UTC)
        body = [
            {
                "labels": labels,
                "annotations": annotations,
                "startsAt": (now - timedelta(minutes=2)).isoformat(),
                **({"endsAt": (now - timedelta(seconds=1)).isoformat()} if over else {}),
            }
            for labels in alerts
        ]
        httpx.post(f"{self.url}/api/v2/alerts", json=body, trust_env=False).raise_for_status()

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts that fire."""
        found: list[dict[str, Any]] = httpx.get(f"{self.url}/api/v2/alerts", trust_env=False).json()
        return found

    def silences(self) -> list[dict[str, Any]]:
        """The silences there are."""
        found: list[dict[str, Any]] = httpx.get(f"{self.url}/api/v2/silences", trust_env=False).json()
        return found


@contextlib.contextmanager
def alertmanager(folder: Path, webhook: str = "") -> Iterator[RealAlertmanager]:
    """Start an Alertmanager with its files in ``folder``, which notifies this address at once."""
    path, port = program("prometheus-alertmanager"), free_port()
    file = folder / "am.yml"
    receiver: dict[str, Any] = {"name": "none"}
    if webhook:
        receiver["webhook_configs"] = [{"url": webhook}]
    route = {"receiver": "none", "group_wait": "0s", "group_interval": "1s"}
    file.write_text(json.dumps({"route": route, "receivers": [receiver]}))
    command = [
        path,
        f"--config.file={file}",
        f"--storage.path={folder / 'am'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with _running(command, f"http://127.0.0.1:{port}"):
        yield RealAlertmanager(f"http://127.0.0.1:{port}")


@contextlib.contextmanager
def prometheus(folder: Path, rules: str, scraped: str = "", alertmanager: str = "") -> Iterator[str]:
    """Start a Prometheus with these rules, a YAML file; its address.

    It scrapes the server at the address ``scraped``, and sends its alerts to the one of an ``alertmanager``.
    """
    path, port = program("prometheus"), free_port()
    (folder / "rules.yml").write_text(rules)
    file = folder / "prom.yml"
    file.write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": [str(folder / "rules.yml")],
                **({"scrape_configs": [_job(scraped)]} if scraped else {}),
                **({"alerting": {"alertmanagers": [_targets(alertmanager)]}} if alertmanager else {}),
            }
        )
    )
    command = [
        path,
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--rules.alert.resend-delay=1s",
    ]
    with _running(command, f"http://127.0.0.1:{port}"):
        yield f"http://127.0.0.1:{port}"


def _targets(url: str) -> dict[str, Any]:
    return {"static_configs": [{"targets": [url.removeprefix("http://")]}]}


def _job(url: str) -> dict[str, Any]:
    return {"job_name": "shop", **_targets(url)}


def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for what a server does in its own time. Fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.1)


@contextlib.contextmanager
def _running(command: list[str], url: str) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ready() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{url}/-/ready", trust_env=False, timeout=2).status_code == 200
        return False

    try:
        until(ready)
        yield
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
