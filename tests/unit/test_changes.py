"""What changed before an incident: read with a limit, recorded once as its first evidence, never in the way."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from harness.app import AppHarness

from warroom.config.loading import load
from warroom.config.settings import Service
from warroom.connect import changes as reading
from warroom.errors import SettingsError, WarroomError
from warroom.incident.commands import Declare
from warroom.incident.events import EvidencePinned
from warroom.room.changes import RETRY, WITHIN, ChangesRecorder

TOKEN = "ghp_" + "a1B2" * 9


def harness_with(folder: Path, changes: str | Sequence[str], by: str = "Alice") -> AppHarness:
    service = Service(name="checkout-api", changes=changes if isinstance(changes, str) else tuple(changes))
    return AppHarness(folder / "data", by=by, services=(service,))


def declare(harness: AppHarness, *, drill: bool = False) -> str:
    return harness.room.declare(Declare("checkout-api", "Card payments fail", drill=drill)).incident.id


def evidence(harness: AppHarness, incident: str) -> list[EvidencePinned]:
    rows = harness.room.incident(incident).rows
    return [row.entry.event for row in rows if isinstance(row.entry.event, EvidencePinned)]


def git(folder: Path, *arguments: str, at: str = "") -> None:
    own = dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "a")
    dates = {"GIT_COMMITTER_DATE": at, "GIT_AUTHOR_DATE": at} if at else {}
    environ = {**os.environ, **own, **dates, "GIT_CONFIG_GLOBAL": "/dev/null"}
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, env=environ)


def test_the_newest_commits_of_a_day_are_the_first_evidence(tmp_path: Path) -> None:
    repository = tmp_path / "src"
    repository.mkdir()
    git(repository, "init", "-q")
    for at, words in (
        ("2026-01-26T09:00:00Z", "Too old"),
        ("2026-01-28T12:00:00Z", f"Set the token {TOKEN}"),
        ("2026-01-28T12:52:00Z", "Shrink the pool"),
    ):
        git(repository, "commit", "-q", "--allow-empty", "-m", words, at=at)
    with harness_with(tmp_path, str(repository)) as harness:
        incident = declare(harness)
        ChangesRecorder(harness.room).record_all()
        newest, older = evidence(harness, incident)
        assert "Shrink the pool (a)" in newest.words and newest.comment == "23 min before the start"
        assert "Set the token" in older.words and TOKEN not in older.words
        assert newest.source == "changes" and harness.room.incident(incident).rows[-1].by == ""


def test_every_console_may_look_and_it_is_recorded_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('v42 deployed by Bob'); print('v41')"]
    with harness_with(tmp_path, command) as one, harness_with(tmp_path, command, "Bob") as two:
        incident = declare(one)
        for harness in (one, two, one):
            ChangesRecorder(harness.room).record_all()
        assert [event.words for event in evidence(two, incident)] == ["v42 deployed by Bob", "v41"]
        drill = declare(one, drill=True)
        ChangesRecorder(one.room).record_all()
        assert evidence(one, drill) == []


def test_two_that_look_at_once_record_it_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('v42')"]
    with harness_with(tmp_path, command) as one, harness_with(tmp_path, command, "Bob") as two:
        incident = declare(one)
        threads = [threading.Thread(target=ChangesRecorder(each.room).record_all) for each in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(evidence(one, incident)) == 1


def test_that_nothing_changed_is_evidence_too(tmp_path: Path) -> None:
    with harness_with(tmp_path, [sys.executable, "-c", "pass"]) as harness:
        incident = declare(harness)
        ChangesRecorder(harness.room).record_all()
        (event,) = evidence(harness, incident)
        assert event.words == "nothing changed in the 24 hours before the incident"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ([sys.executable, "-c", "raise SystemExit(3)"], "ended with status 3"),
        (["/nowhere/deploys"], "cannot be run"),
        ([sys.executable, "-c", "import time; time.sleep(60)"], "does not end within"),
        ("/nowhere", "git ended with status"),
    ],
)
def test_what_cannot_be_read_is_a_line_of_health_and_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Sequence[str], says: str
) -> None:
    monkeypatch.setattr(reading, "LIMIT_S", 0.3)
    with harness_with(tmp_path, command) as harness:
        incident = declare(harness)
        recorder = ChangesRecorder(harness.room)
        for later in (0, 1, RETRY.total_seconds()):
            harness.clock.later(later)
            with pytest.raises(WarroomError, match=says):
                recorder.record_all()
        assert evidence(harness, incident) == []
        harness.clock.later(WITHIN.total_seconds())
        recorder.record_all()


def test_a_command_that_prints_without_end_is_cut(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "while True: print('x' * 5000)"]
    with harness_with(tmp_path, command) as harness:
        incident = declare(harness)
        ChangesRecorder(harness.room).record_all()
        found = evidence(harness, incident)
        assert len(found) == reading.NEWEST and all(len(event.words) <= reading.LONGEST for event in found)


@pytest.mark.parametrize("changes", ["3", "[]", '[""]'])
def test_a_mistake_is_told_with_its_place(tmp_path: Path, changes: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f'[[services]]\nname = "checkout"\nchanges = {changes}\n')
    with pytest.raises(SettingsError, match=r"settings.toml:3 \[services #1\] changes"):
        load(file, {})
