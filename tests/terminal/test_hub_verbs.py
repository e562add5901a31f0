"""The verb ``hub`` and what other verbs do in a shared room, against a real Postgres."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from harness.postgres import new_hub, shared_postgres

from warroom.cli.context import CliContext
from warroom.cli.main import run


class Laptop:
    """A laptop of a person, which runs verbs with an address of the hub."""

    def __init__(self, capsys: pytest.CaptureFixture[str], folder: Path, name: str, hub: str) -> None:
        self.capsys = capsys
        self.environ = {
            "HOME": str(folder),
            "WARROOM_DATA": str(folder / name),
            "WARROOM_AS": name,
            "WARROOM_HUB": hub,
            "PATH": "/usr/bin:/bin",
        }

    def does(self, *words: str, status: int = 0) -> str:
        """What a verb printed to stdout; fails unless it ended with ``status``."""
        self.capsys.readouterr()
        ended = run([*words], CliContext(environ=self.environ))
        out, self.err = self.capsys.readouterr()
        assert ended == status, self.err
        return out

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.does("hub", "status", "--json"))
        return found


@pytest.fixture
def team(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> tuple[Laptop, Laptop]:
    hub = new_hub()
    return Laptop(capsys, tmp_path, "Ada", hub), Laptop(capsys, tmp_path, "Bob", hub)


def test_a_hub_is_created_and_says_what_teammates_add(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    ada = Laptop(capsys, tmp_path, "Ada", shared_postgres().new_database())
    assert "no hub yet" in ada.does("hub", "status")
    text = ada.does("hub", "init")
    assert "CREATE ROLE bob LOGIN" in text and "export WARROOM_HUB=" in text and "in sync" in text
    assert ada.does("hub", "init"), "again, it changes nothing"


def test_what_a_verb_records_is_sent_and_what_others_recorded_is_shown(team: tuple[Laptop, Laptop]) -> None:
    ada, bob = team
    ada.does("declare", "web", "Checkout is down")
    assert "Checkout is down" in bob.does("list")
    bob.does("note", "the pool is empty")
    assert "the pool is empty" in ada.does("timeline")
    status = ada.status()
    assert status["state"] == "in sync" and status["pending"] == 0 and status["cursor"] == status["head"] > 0
    assert [one["letter"] for one in status["devices"]] == ["a", "b"] and status["device"] == "a"


def test_without_the_hub_verbs_go_on_and_say_what_waits(team: tuple[Laptop, Laptop]) -> None:
    ada, bob = team
    ada.does("declare", "web", "Checkout is down")
    bob.does("list")
    there, bob.environ["WARROOM_HUB"] = bob.environ["WARROOM_HUB"], "postgresql://x@127.0.0.1:9/x"
    assert "Checkout is down" in bob.does("list")
    assert "The hub did not answer: as of" in bob.err
    bob.does("note", "typed while it was away")
    assert "for the hub" in bob.err and "Nothing is lost" in bob.err
    assert bob.status()["state"] == "offline"
    bob.environ["WARROOM_HUB"] = there
    assert bob.status()["state"] == "in sync"
    assert "typed while it was away" in ada.does("timeline")


def test_a_private_incident_is_published_and_a_laptop_leaves_and_comes_back(team: tuple[Laptop, Laptop]) -> None:
    ada, bob = team
    ada.does("declare", "web", "Before the lawyers know", "--private")
    assert "lawyers" not in bob.does("list")
    name = json.loads(ada.does("list", "--json"))[0]["id"]
    ada.does("hub", "publish", name)
    assert "lawyers" in bob.does("list")
    assert "already" in (ada.does("hub", "publish", name, status=1) + ada.err)
    ada.does("hub", "leave")
    ada.does("note", "only here")
    assert "only here" not in bob.does("timeline", "--incident", name)
    assert ada.status()["state"] == "left"
    ada.does("hub", "join")
    assert "only here" in bob.does("timeline", "--incident", name)


def test_a_laptop_with_another_playbook_is_named(team: tuple[Laptop, Laptop], tmp_path: Path) -> None:
    ada, bob = team
    (tmp_path / "ours.toml").write_text('name = "Ours"\n', encoding="utf-8")
    (tmp_path / "settings.toml").write_text('playbook = "ours.toml"\n', encoding="utf-8")
    ada.does("list")
    bob.environ["WARROOM_SETTINGS"] = str(tmp_path / "settings.toml")
    assert "another one" not in ada.does("hub", "status")
    bob.does("list")
    assert "another one" in ada.does("hub", "status")


def test_mistakes_are_usage_errors_and_without_a_hub_the_verb_says_so(team: tuple[Laptop, Laptop]) -> None:
    ada, _ = team
    ada.does("hub", "publish", status=2)
    ada.does("hub", "status", "INC-1", status=2)
    del ada.environ["WARROOM_HUB"]
    ada.does("hub", "status", status=1)
    assert "warroom help hub" in ada.err
    ada.environ["WARROOM_HUB"] = "mysql://nowhere"
    ada.does("hub", "init", status=3)
    assert "postgresql://" in ada.err
