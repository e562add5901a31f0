"""warroom drill: list, new, check, history. Playing one opens the console: see tests/pilot/test_drills.py."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from warroom.bootstrap import open_context
from warroom.cli.context import CliContext
from warroom.cli.main import run
from warroom.incident.commands import Declare, RecordFix, Resolve
from warroom.incident.drill_events import DrillStarted, Remedy
from warroom.incident.drills import EndDrill, StartDrill

START = datetime(2026, 1, 28, 3, 4, 5, tzinfo=UTC)
SHIPPED = {"checkout-down", "disk-fills", "expired-certificate", "feature-flag", "third-party-down"}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "settings.toml").write_text('[[services]]\nname = "shop"\n[drills]\nfolders = ["more"]\n')
    names = {"SETTINGS": tmp_path / "settings.toml", "DATA": tmp_path / "data", "AS": "Bob"}
    return {f"WARROOM_{name}": str(value) for name, value in names.items()}


@pytest.fixture
def warroom(environ: dict[str, str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        with CliRunner().isolation() as (out, err, _):
            status = run(arguments, CliContext(environ=environ, clock=lambda: START))
        return status, out.getvalue().decode(), err.getvalue().decode()

    return call


def listed(warroom: Run) -> Sequence[Any]:
    status, out, _ = warroom("drill", "list", "--json")
    assert status == 0
    return json.loads(out)  # type: ignore[no-any-return]


def test_the_shipped_drills_and_the_teams_own_are_listed_a_broken_one_too(warroom: Run, tmp_path: Path) -> None:
    assert {one["name"] for one in listed(warroom)} == SHIPPED
    for folder, name in (("drills", "ours"), ("more", "theirs")):
        (tmp_path / folder).mkdir()
        assert warroom("drill", "new", "x")[0] == 0
        (tmp_path / "drills" / "x.toml").rename(tmp_path / folder / f"{name}.toml")
    (tmp_path / "more" / "broken.toml").write_text('title = "x"\nservise = "y"\n')
    found = {one["name"]: one for one in listed(warroom)}
    assert {*found} == SHIPPED | {"ours", "theirs", "broken"}
    assert found["ours"]["own"] and found["ours"]["service"] == "shop" and not found["disk-fills"]["own"]
    assert "servise: unknown key" in found["broken"]["problem"]
    status, out, _ = warroom("drill", "list")
    assert status == 0 and "has mistakes" in out


def test_a_drill_of_the_team_replaces_the_shipped_one_of_its_name(warroom: Run) -> None:
    assert warroom("drill", "new", "disk-fills")[0] == 0
    found = [one for one in listed(warroom) if one["name"] == "disk-fills"]
    assert len(found) == 1 and found[0]["own"]


def test_check_names_every_mistake_by_line(warroom: Run, tmp_path: Path) -> None:
    _, out, _ = warroom("drill", "new", "ours")
    path = Path(out.strip())
    assert warroom("drill", "check", str(path))[0] == warroom("drill", "check", "ours")[0] == 0
    text = path.read_text()
    path.write_text(text.replace('fix = "restart"', 'fix = "reboot"').replace('at = "6m"', 'at = "later"'))
    status, _, err = warroom("drill", "check", "ours")
    number = text.splitlines().index('at = "6m"') + 1
    assert status == 3 and f"ours.toml:{number} [hints #1] at: must be a duration" in err
    path.write_text(text.replace('fix = "restart" ', 'fix = "reboot" '))
    status, _, err = warroom("drill", "check", "ours")
    assert status == 3 and "no such remedy" in err and "restart" in err
    status, _, err = warroom("drill", "check", "nowhere.toml")
    assert (status == 3 and "there is no such file" in err.lower()) or "no such file" in err.lower()


def test_new_never_overwrites_and_takes_no_path(warroom: Run, tmp_path: Path) -> None:
    assert warroom("drill", "new", "ours")[0] == 0
    before = (tmp_path / "drills" / "ours.toml").read_text()
    status, _, err = warroom("drill", "new", "ours")
    assert status == 1 and "There is a drill ours already" in err
    assert (tmp_path / "drills" / "ours.toml").read_text() == before
    for name in ("../x", "list", "", "A B"):
        assert warroom("drill", "new", name)[0] != 0
    assert {path.name for path in tmp_path.rglob("*.toml")} == {"settings.toml", "ours.toml"}


def test_a_drill_is_made_from_a_past_incident(warroom: Run, tmp_path: Path) -> None:
    assert warroom("declare", "shop", "Nobody can pay")[0] == 0
    assert warroom("fix", "Turned the flag off")[0] == 0
    assert warroom("drill", "new", "pay", "--from", "INC-1")[0] == 0
    text = (tmp_path / "drills" / "pay.toml").read_text()
    assert "Nobody can pay" in text and "Turned the flag off" in text
    assert warroom("drill", "check", "pay")[0] == 0


def test_what_cannot_be_meant_is_refused(warroom: Run) -> None:
    for words, expected in (
        (("drill", "lst"), "There is no drill lst"),
        (("drill", "list", "--speed", "2"), "--speed is for playing"),
        (("drill", "ours", "--from", "INC-1"), "--from is for a new drill"),
        (("drill", "disk-fills"), "needs a terminal"),
    ):
        status, _, err = warroom(*words)
        assert status != 0 and expected in err


def drilled(environ: dict[str, str], *fixes: str, outcome: Any = "finished", day: int = 0) -> None:
    remedies = (Remedy(id="a", words="Roll back", effect="helps", match=("roll",)),)
    started = DrillStarted(script="disk-fills", title="Disk", service="shop", remedies=remedies)
    with open_context(environ=environ, clock=lambda: START - timedelta(days=9 - day)) as app:
        incident_id = app.room.declare(Declare("shop", "It fails", drill=True)).incident.id
        commands = (StartDrill(started), *map(RecordFix, fixes), Resolve("fine"), EndDrill(outcome))
        for command in commands:
            app.room.execute(incident_id, command)


def test_history_lists_the_teams_drills_with_the_trend_and_the_debrief_of_one(
    warroom: Run, environ: dict[str, str]
) -> None:
    assert "No drill has been played yet" in warroom("drill", "history")[2]
    for day, fix in enumerate(["Restart", "Roll back", "Roll back", "Roll back"]):
        drilled(environ, fix, day=day)
    drilled(environ, outcome="abandoned", day=5)
    status, out, _ = warroom("drill", "history")
    assert status == 0 and out.count("disk-fills") == 5 and "abandoned" in out
    rows = [" ".join(line.split()) for line in out.splitlines()]
    assert "The right fix 3 of 3 0 of 1 better" in rows
    assert "Bob" not in out, "never a ranking of people"
    found = json.loads(warroom("drill", "history", "--json")[1])
    assert [one["outcome"] for one in found["drills"]] == ["finished"] * 4 + ["abandoned"]
    assert "The right fix" in found["drills"][0]["missed"]
    status, out, _ = warroom("drill", "history", "INC-1")
    assert status == 0 and "Restart — it did not help." in out and "Pitfall: Rushing" in out
    last = next(one for one in listed(warroom) if one["name"] == "disk-fills")
    assert last["last_played"]
    assert warroom("declare", "shop", "real")[0] == 0
    assert "is not a drill" in warroom("drill", "history", "INC-6")[2]


def test_readiness_shows_what_the_drills_say(warroom: Run, environ: dict[str, str]) -> None:
    assert "no drill has been finished yet" in warroom("ready")[1]
    drilled(environ, "Roll back")
    row = next(line for line in warroom("ready")[1].splitlines() if line.split()[1:2] == ["drills"])
    assert row.startswith("✓") and "INC-1" in row
