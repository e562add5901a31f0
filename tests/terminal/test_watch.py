"""`warroom watch`: a console's background work without a screen, a line each; it ends when it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from harness import servers
from harness.monitoring import until

SETTINGS = """
[alerts.own]
backend = "webhook"

[alerts.cmd]
backend = "command"
every = 15
command = ["cat", "{alerts}"]

[destinations.log]
backend = "transcript"
path = "{folder}/log"
"""


class WatchHarness:
    """A journal, and the program on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.alerts = folder / "alerts.jsonl"
        self.alerts.write_text("")
        self.settings = folder / "settings.toml"
        self.settings.write_text(SETTINGS.format(alerts=self.alerts, folder=folder))
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "WARROOM_SETTINGS": str(self.settings),
            "WARROOM_DATA": str(folder / "data"),
            "WARROOM_AS": "Ada",
        }

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "warroom", *words]
        return subprocess.Popen(
            command, env=self.environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def run(self, *words: str) -> tuple[int, str, str]:
        process = self.start(*words)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[WatchHarness]:
    yield WatchHarness(tmp_path)


def line_with(process: subprocess.Popen[str], words: str) -> str:
    """The next line of its output that has these words in it."""
    assert process.stdout
    timer = threading.Timer(50, process.kill)
    timer.start()
    try:
        seen = []
        for line in process.stdout:
            seen.append(line)
            if words in line:
                return line
        raise AssertionError(f"{words!r} is not in {seen}")
    finally:
        timer.cancel()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_receives_records_sends_and_ends_with_0_at_a_signal(watching: WatchHarness, number: int) -> None:
    process = watching.start("watch", "--listen", "127.0.0.1:0")
    try:
        address = line_with(process, "listening on").rsplit(" ", 1)[1].strip()
        line_with(process, "started as Ada: outbox")
        if number == signal.SIGTERM:
            url = f"http://{address}/hook/own"
            assert httpx.post(url, json={"name": "Disk full"}, trust_env=False, timeout=30).status_code == 200
            assert "Disk full" in line_with(process, "recorded alert")
            assert watching.run("declare", "checkout", "No orders", "--no-wait")[0] == 0
            assert "INC-1" in line_with(process, "to log: delivered")
        process.send_signal(number)
        assert "ended" in line_with(process, "watch ended")
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()


def test_once_does_what_is_due_sends_and_says_by_its_status_whether_all_could_be_done(
    watching: WatchHarness,
) -> None:
    watching.alerts.write_text('{"key": "a", "title": "Disk full"}\n')
    assert watching.run("declare", "checkout", "No orders", "--no-wait")[0] == 0
    status, out, err = watching.run("watch", "--once", "--json")
    assert status == 0, (out, err)
    rows = [json.loads(line) for line in out.splitlines()]
    assert all(row["at"].endswith("Z") and not row["failed"] for row in rows)
    said = "\n".join(f"{row['about']} {row['text']}" for row in rows)
    assert "alerts recorded alert: Disk full (cmd)" in said and "INC-1 post INC-1·u1 to log: delivered" in said
    assert watching.run("watch", "--once")[:2] == (0, ""), "nothing is done twice"


def test_a_backup_is_taken_while_it_runs_and_restored_only_once_it_has_ended(watching: WatchHarness) -> None:
    assert watching.run("declare", "checkout-api", "Card payments fail")[0] == 0
    file = str(watching.folder / "backup.sqlite")
    process = watching.start("watch")
    try:
        line_with(process, "started as Ada")
        assert watching.run("backup", file)[0] == 0
        status, _, err = watching.run("restore", file)
        assert status == 1 and "warroom watch is running" in err and "fuser -v" in err
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()
    status, out, _ = watching.run("restore", file)
    assert status == 0 and "1 incident" in out


def test_once_fails_where_something_cannot_be_done(watching: WatchHarness) -> None:
    watching.alerts.unlink()
    status, out, _ = watching.run("watch", "--once")
    assert status == 1 and "alerts cmd ! cmd is not read" in out


def test_a_page_follows_what_happens_while_it_runs(watching: WatchHarness) -> None:
    page = watching.folder / "incidents.html"
    process = watching.start("watch", "--page", str(page))
    try:
        line_with(process, "watch started as Ada")
        assert "No open incidents" in page.read_text()
        assert watching.run("declare", "checkout", "No orders", "--no-wait")[0] == 0
        line_with(process, "to log: delivered")
        until(lambda: "No orders" in page.read_text())
        assert json.loads(page.with_suffix(".json").read_text())["incidents"][0]["id"] == "INC-1"
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_once_writes_the_page_with_what_was_sent_by_then(watching: WatchHarness) -> None:
    assert watching.run("declare", "checkout", "No orders", "--no-wait")[0] == 0
    page = watching.folder / "incidents.html"
    assert watching.run("watch", "--once", "--page", str(page))[0] == 0
    assert "No orders" in page.read_text()


def test_a_mistake_ends_it_before_it_starts(watching: WatchHarness) -> None:
    status, _, err = watching.run("watch", "--once", "--page", str(watching.folder / "none" / "page.html"))
    assert status == 1 and "cannot be written: No such file or directory" in err
    assert watching.run("watch", "--once", "--page", str(watching.folder / "data" / "journal.sqlite"))[0] != 0
    assert watching.run("watch", "--once", "--listen", "127.0.0.1:0")[0] == 2
    port = servers.free_port()
    status, _, err = watching.run("watch", "--listen", f"0.0.0.0:{port}")
    assert status == 1 and "has no secret" in err
