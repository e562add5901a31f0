"""The follow-up by verbs over all incidents: the list of action items, what is overdue, a better quarter posted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from warroom.bootstrap import open_context
from warroom.cli.context import CliContext
from warroom.cli.main import run
from warroom.incident.commands import AddAction, Declare, Resolve

START = datetime(2026, 1, 28, 9, tzinfo=UTC)
SETTINGS = """\
[team]
timezone = "Europe/Berlin"
[[team.people]]
name = "Ann"
[[team.people]]
name = "Bob"
[destinations.notes]
backend = "transcript"
audiences = ["team", "executives"]
"""
ALERT = AddAction("Alert on pool use", "Ann", "2026-01-20", "detect")


class Desk:
    """A data folder and a clock. ``do`` runs one command line and returns what it printed, stdout and stderr."""

    def __init__(self, folder: Path) -> None:
        self.now, self.data, self.file = START, folder / "data", folder / "settings.toml"
        self.file.write_text(SETTINGS)
        self.environ = {"WARROOM_SETTINGS": str(self.file), "WARROOM_DATA": str(self.data), "WARROOM_AS": "Bob"}

    def do(self, *arguments: str, status: int = 0) -> tuple[str, str]:
        self.now += timedelta(seconds=1)
        with CliRunner().isolation() as (out, err, _):
            found = run(arguments, CliContext(environ=self.environ, clock=lambda: self.now))
        printed = out.getvalue().decode(), err.getvalue().decode()
        assert found == status, (arguments, printed)
        return printed

    def json(self, *arguments: str) -> Any:
        return json.loads(self.do(*arguments, "--json")[0])

    def incidents(self) -> None:
        """INC-1 with two action items, INC-2 with one, and a drill with one of its own; all are over."""
        with open_context(self.file, self.data, "Bob", environ=self.environ, clock=lambda: self.now) as home:
            for actions, drill in (
                ((ALERT, AddAction("Bigger pool", "Bob")), False),
                ((AddAction("Write a runbook", "Zoe", "2026-03-01"),), False),
                ((AddAction("Say it louder", "Bob", "2026-01-01"),), True),
            ):
                incident = home.room.declare(Declare("checkout", "No orders", drill=drill)).incident.id
                for command in (*actions, Resolve("enough")):
                    home.room.execute(incident, command)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.incidents()
    return desk


def _items(rows: Any) -> list[str]:
    return [f"{row['incident']} {row['id']}" for row in rows]


def test_one_list_has_the_action_items_of_all_incidents_the_overdue_first_and_none_of_drills(desk: Desk) -> None:
    desk.do("done", "A2", "--incident", "INC-1")
    rows = desk.json("actions", "--all")
    assert _items(rows) == ["INC-1 A1", "INC-2 A1", "INC-1 A2"]
    assert [row["overdue"] for row in rows] == [True, False, False]
    assert rows[0]["owner"] == "Ann" and rows[0]["type"] == "detect" and rows[0]["due"] == "2026-01-20"
    assert rows[2]["done_at"] and rows[0]["done_at"] is None
    out, err = desk.do("actions", "--all")
    first = " ".join(out.splitlines()[0].split())
    assert first == "! INC-1 A1 Ann 2026-01-20 overdue detect Alert on pool use"
    assert "2 open, 1 overdue" in err


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--all", "--open"), ["INC-1 A1", "INC-2 A1", "INC-1 A2"]),
        (("--all", "--overdue"), ["INC-1 A1"]),
        (("--all", "--owner", "zoe"), ["INC-2 A1"]),
        (("--all", "--owner", "an"), ["INC-1 A1"]),
        (("--all", "--overdue", "--owner", "Bob"), []),
    ],
)
def test_the_list_is_narrowed_by_state_and_owner(desk: Desk, options: tuple[str, ...], found: list[str]) -> None:
    assert _items(desk.json("actions", *options)) == found


def test_the_list_of_one_incident_is_narrowed_the_same_way(desk: Desk) -> None:
    assert [row["id"] for row in desk.json("actions", "--incident", "INC-1", "--overdue")] == ["A1"]
    assert "No such action item" in desk.do("actions", "--incident", "INC-2", "--overdue")[1]
    desk.do("actions", "track", "--all", "--open", status=2)
    desk.do("actions", "--tracker", "board", status=2)


def test_an_incident_that_cannot_be_read_is_named_and_stops_no_list(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    import warroom.room.action_list as module

    def fold(stream: str, entries: object) -> object:
        if stream == "INC-2":
            raise ValueError("damaged")
        return whole(stream, entries)  # type: ignore[arg-type]

    whole: Callable[..., object] = module.fold
    monkeypatch.setattr(module, "fold", fold)
    out, err = desk.do("actions", "--all")
    assert "INC-2 cannot be read" in err and "INC-1" in out


def test_everything_overdue_is_in_list_and_status_and_their_json(desk: Desk) -> None:
    desk.now += timedelta(days=8)
    out, _ = desk.do("list")
    late = out.partition("Overdue\n")[2]
    for words in ("A1 Alert on pool use · Ann", "post-mortem", "Schedule post-mortem meeting"):
        assert words in late
    assert "Review action items weekly" in late and "Say it louder" not in late
    by_id = {row["id"]: row["overdue"] for row in desk.json("list")}
    assert [one["kind"] for one in by_id["INC-1"]] == ["action item", "post-mortem", "meeting"]
    assert by_id["INC-3"] == []
    status = desk.json("status", "--incident", "INC-1")
    assert status["overdue"] == by_id["INC-1"]
    assert [one["target"] for one in status["team_overdue"]] == ["review-actions"]
    out, _ = desk.do("status", "--incident", "INC-1")
    assert "A1 Alert on pool use · Ann — 15 d overdue" in out
    assert "team: Review action items weekly — 1" in out and "2 more in INC-2: warroom list" in out
    desk.do("ready", "review-actions")
    assert "Review action items" not in desk.do("list")[0]
    assert "again by 2026-02-12" in desk.do("ready", "review-actions")[0]


def test_updates_to_every_audience_are_in_status_with_their_time_and_overdue_after_it(desk: Desk) -> None:
    desk.do("declare", "search", "Nothing is found", "--severity", "critical", "--commander", "Bob")
    desk.do("update", "--audience", "executives", "--next", "+30m")
    status = desk.json("status")
    assert set(status["updates_due"]) == {"team", "executives"} and status["overdue"] == []
    assert "executives in 29 min" in " ".join(desk.do("status")[0].split())
    desk.now += timedelta(minutes=40)
    found = {(one["kind"], one["target"]) for one in desk.json("status")["overdue"]}
    assert {("update", "team"), ("update", "executives"), ("response", ""), ("roles", "")} == found
    assert "update to executives" in desk.do("list", "--open")[0]


def test_an_item_of_the_follow_up_is_done_with_its_action_item_or_not_needed(desk: Desk) -> None:
    at = ("--incident", "INC-2")
    desk.do("action", "Update the pool runbook", "--for", "docs", *at)
    desk.do("check", "share", "--not-needed", "A small one", *at)
    out, _ = desk.do("status", *at)
    assert "○ Update documentation and runbooks — A2" in out
    assert "– Share learnings with team — not needed: A small one" in out
    desk.do("check", "docs", *at, status=1)
    desk.do("done", "A2", *at)
    rows = {row["item"]: row for row in desk.json("status", *at)["follow_up"]}
    assert rows["docs"]["done"] and rows["docs"]["actions"] == ["A2"]
    assert not rows["share"]["done"] and rows["share"]["not_needed"] == "A small one"
    assert "Share learnings with team: A small one" in desk.do("postmortem", *at)[0]
    desk.do("done", "A2", "--undo", *at)
    desk.do("uncheck", "share", *at)
    rows = {row["item"]: row for row in desk.json("status", *at)["follow_up"]}
    assert not rows["docs"]["done"] and not rows["share"]["not_needed"]


def test_cron_reminds_of_a_late_review_once_a_day(desk: Desk) -> None:
    for incident in ("INC-1", "INC-2"):
        desk.do("section", "root_cause", "A pool", "--incident", incident)
        desk.do("check", "meeting", "--not-needed", "A small one", "--incident", incident)
    desk.now += timedelta(days=8)
    out, _ = desk.do("watch", "--once", "--wait", "5s")
    assert "team recorded reminder: Reminder: the team's review is overdue." in out
    text = "".join(path.read_text() for path in desk.data.glob("transcripts/*"))
    assert text.count("Review action items weekly · ") == 1
    assert desk.do("watch", "--once", "--wait", "5s")[0] == "", "the same day"


def test_the_weekly_review_is_a_file_for_any_calendar_and_needs_no_incident(tmp_path: Path) -> None:
    desk, file = Desk(tmp_path), tmp_path / "reviews.ics"
    _, err = desk.do("calendar", "--weekly", "--at", "2026-02-03 14:00", "--output", str(file))
    assert "Every week from Tue 03 Feb 2026 14:00 CET on, 13 times" in err
    assert file.read_text().count("BEGIN:VEVENT") == 13


# ── a better quarter ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def better(tmp_path: Path) -> Iterator[Desk]:
    """Three incidents of an hour each in one quarter, three of 20 minutes in the next; it is January."""
    desk = Desk(tmp_path)
    with open_context(desk.file, desk.data, "Bob", environ=desk.environ, clock=lambda: desk.now) as home:
        for month, took in ((7, 60), (8, 60), (9, 60), (10, 20), (11, 20), (12, 20)):
            desk.now = datetime(2025, month, 3, 9, tzinfo=UTC)
            incident = home.room.declare(Declare("checkout", "No orders", "low")).incident.id
            desk.now += timedelta(minutes=took)
            home.room.execute(incident, Resolve("enough"))
    desk.now = START
    yield desk


def test_a_better_quarter_is_posted_once_and_only_when_somebody_has_agreed(better: Desk) -> None:
    _, err = better.do("stats", "--post", status=1)
    assert "── notes" in err and "Q4 2025 was better than Q3 2025" in err, "what would be posted"
    assert "nothing was posted" in err and "--yes" in err
    assert "Q4 2025" not in "".join(path.read_text() for path in better.data.glob("transcripts/*"))
    out, err = better.do("stats", "--post", "--yes")
    assert out.startswith("Q4 2025 was better") and "✓ notes" in err
    (posted,) = [path for path in better.data.glob("transcripts/*") if "Q4 2025" in path.read_text()]
    assert posted.read_text().count("Q4 2025 was better") == 1
    _, err = better.do("stats", "--post", "--yes", status=1)
    assert "Q4 2025 was posted already, by Bob on 28 Jan 2026" in err


def test_what_was_posted_is_told_in_json(better: Desk) -> None:
    found = better.json("stats", "--post", "--yes")
    assert found["quarter"] == "Q4 2025" and found["text"].startswith("Q4 2025 was better")
    assert [(one["destination"], one["state"]) for one in found["deliveries"]] == [("notes", "delivered")]
    assert better.json("stats")["improvement_posted_at"].startswith("2026-01-28T09:00:01")
    assert "incidents. Posted 28 Jan 2026." in better.do("stats")[0]
    better.do("stats", "--yes", status=2)


def test_a_quarter_that_is_not_better_is_not_posted(desk: Desk) -> None:
    assert "was not better" in desk.do("stats", "--post", "--yes", status=1)[1]
