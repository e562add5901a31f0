"""Drills: a mistake in a script is located, logs fail and recover, the player waits for people."""

from __future__ import annotations

import contextlib
import math
import stat
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harness.case import NOON, PLAYBOOK, declared

from warroom.bootstrap import AppContext, open_context
from warroom.config.paths import shipped
from warroom.drill.clock import ScaledClock
from warroom.drill.history import write_history
from warroom.drill.player import DECLARE_TIMEOUT, RUN_ON, DrillPlayer
from warroom.drill.script import Script, parse_script
from warroom.errors import BadInput, NotFound, SettingsError, WarroomError
from warroom.incident.alerts import ReceiveAlert
from warroom.incident.chat_events import ChatMessage
from warroom.incident.commands import (
    Acknowledge,
    Check,
    Command,
    Declare,
    Pin,
    PostUpdate,
    RecordFix,
    Resolve,
    WriteSection,
)
from warroom.incident.incident import Incident
from warroom.incident.roles import Assign
from warroom.reports.drill_score import ScoreLine, score, score_text
from warroom.safety import redact

SAMPLES = shipped("sample_data")
SCRIPTS = sorted((SAMPLES / "drills").glob("*.toml"))
START = datetime(2026, 1, 28, 14, 0, tzinfo=UTC)

SMALL = """
title = "Small"
service = "web"
history = "1m"
[logs]
app = "app.log"
[[stages]]
name = "calm"
at = "0s"
[[stages.lines]]
log = "app"
every = "1s"
texts = ["%{time} INFO fine %{1..9} %{hex:4} %{a|b}"]
[[stages]]
name = "bad"
at = "10s"
once = ["%{time} ERROR first"]
[[stages.lines]]
log = "app"
every = "0.5s"
texts = ["%{time} ERROR bad"]
[[stages]]
name = "good"
at = "10s"
after = "fix"
[[stages.lines]]
log = "app"
every = "1s"
texts = ["%{time} INFO good"]
[[alerts]]
at = "20s"
name = "errors"
[[chat]]
at = "30s"
who = "Bo"
words = "seen it"
"""


def script(name: str = "checkout-down") -> Script:
    path = SAMPLES / "drills" / f"{name}.toml"
    return parse_script(path.read_text(encoding="utf-8"), path.name)


def small(more: str = "") -> Script:
    return parse_script(SMALL + more, "small.toml")


@pytest.fixture
def app_of(tmp_path: Path) -> Iterator[Callable[[ScaledClock], AppContext]]:
    """An AppContext on the sample settings, with its data in the test's folder."""
    opened: list[AppContext] = []

    def open_one(clock: ScaledClock) -> AppContext:
        data = tmp_path / f"data{len(opened)}"
        app = open_context(SAMPLES / "settings.toml", data, "Ada Moreau", environ={}, clock=clock)
        opened.append(app)
        return app

    yield open_one
    for app in opened:
        app.close()


def wait_until(true: Callable[[], bool], what: str) -> None:
    """Poll, for at most ten seconds."""
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline, what
        threading.Event().wait(0.005)


def chat_texts(incident: Incident) -> list[str]:
    return [row.entry.event.words for row in incident.rows if isinstance(row.entry.event, ChatMessage)]


# without people


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_shipped_drill_plays_from_the_alert_to_the_post_mortem(
    path: Path, app_of: Callable[[ScaledClock], AppContext], tmp_path: Path
) -> None:
    clock = ScaledClock(math.inf, START)
    app = app_of(clock)
    drill = DrillPlayer(app.room, script(path.stem), tmp_path / "logs", clock)
    reported: list[str] = []
    incident = app.room.incident(drill.play(reported.append))
    assert incident.status == "resolved" and incident.drill
    assert {"summary", "root_cause", "users_affected", "went_well", "could_improve"} <= set(incident.sections)
    assert not any(row.retracted for row in incident.rows)
    milestones = incident.milestones
    order = ("started", "detected", "declared", "acknowledged", "mitigated", "resolved")
    assert [milestones[m] for m in order] == sorted(milestones[m] for m in order)
    assert milestones["started"] < milestones["detected"] < milestones["declared"]
    for words in (
        "alert",
        "declared",
        "acknowledged",
        "evidence",
        "hypothesis",
        "fix",
        "resolved",
        "chat",
        "logs",
    ):
        assert any(line.split()[1] == words for line in reported), words
    assert all(line.isprintable() and redact(line).count == 0 for line in reported)
    people = {person.name for person in app.settings.team.people}
    assert {row.by for row in incident.rows} - {""} <= people
    worker = app.outbox()
    states = {delivery.destination: delivery.state for delivery in worker.drain(10)}
    assert states == {"transcript": "delivered"}


def test_the_logs_fail_before_the_fix_and_recover_after_it(
    app_of: Callable[[ScaledClock], AppContext], tmp_path: Path
) -> None:
    clock = ScaledClock(math.inf, START)
    drill = DrillPlayer(app_of(clock).room, script(), tmp_path / "logs", clock)
    incident = drill.room.incident(drill.play(lambda line: None))
    row = incident.row(incident.fixes[0][0])
    assert row
    fixed = row.at
    lines = drill.logs[0].read_text(encoding="utf-8").splitlines()
    expected = [(datetime.fromisoformat(line.split()[0]), line) for line in lines]
    assert [at for at, _ in expected] == sorted(at for at, _ in expected)
    assert expected[0][0] < START - timedelta(minutes=9), "the logs have ten quiet minutes before the start"
    assert expected[-1][0] > incident.milestones["resolved"], "it grows to the end"

    def share_of_errors(since: datetime, seconds: float) -> float:
        part = [line for at, line in expected if since <= at < since + timedelta(seconds=seconds)]
        return sum(" ERROR " in line for line in part) / len(part)

    def rate(since: datetime, seconds: float) -> float:
        return sum(since <= at < since + timedelta(seconds=seconds) for at, _ in expected) / seconds

    assert share_of_errors(START - timedelta(minutes=10), 600) == 0
    assert share_of_errors(fixed - timedelta(minutes=5), 300) > 0.4
    assert share_of_errors(fixed + timedelta(seconds=25), 60) == 0
    assert share_of_errors(fixed + timedelta(minutes=3), 600) == 0
    assert rate(fixed - timedelta(minutes=5), 300) > 3 * rate(START - timedelta(minutes=10), 600)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in drill.logs)
    assert stat.S_IMODE(drill.folder.stat().st_mode) == 0o700


def test_its_logs_contain_secrets_and_escape_sequences(
    app_of: Callable[[ScaledClock], AppContext], tmp_path: Path
) -> None:
    clock = ScaledClock(math.inf, START)
    drill = DrillPlayer(app_of(clock).room, script(), tmp_path / "logs", clock)
    drill.play(lambda line: None)
    text = "".join(path.read_text(encoding="utf-8") for path in drill.logs)
    assert "\x1b" in text and "not-a-real-pw" in text
    safe = redact(text)
    assert {"authorization", "email"} <= set(safe.hits)
    assert "\x1b" not in safe.text and "not-a-real" not in safe.text and "@example.org" not in safe.text


def test_a_drill_is_repeatable_line_by_line(app_of: Callable[[ScaledClock], AppContext], tmp_path: Path) -> None:
    expected: list[tuple[list[str], str]] = []
    for turn in "ab":
        clock = ScaledClock(math.inf, START)
        drill = DrillPlayer(app_of(clock).room, script(), tmp_path / turn, clock)
        reported: list[str] = []
        drill.play(reported.append)
        expected.append((reported, "".join(path.read_text(encoding="utf-8") for path in drill.logs)))
    assert expected[0] == expected[1]


def test_a_step_waits_for_its_anchor_and_the_drill_ends_if_that_never_happens(
    app_of: Callable[[ScaledClock], AppContext], tmp_path: Path
) -> None:
    clock = ScaledClock(math.inf, START)
    app = app_of(clock)
    steps = """
    [[responder]]
    do = "resolve"
    after = "fix"
    at = "0s"
    [[responder]]
    do = "declare"
    at = "25s"
    impact = "Pages fail"
    [[responder]]
    do = "close"
    after = "resolved"
    at = "1m"
    """
    drill = DrillPlayer(app.room, small(steps), tmp_path / "logs", clock)
    incident = app.room.incident(drill.play(lambda line: None))
    assert incident.open and chat_texts(incident) == ["seen it"]
    assert incident.milestones["declared"] == START + timedelta(seconds=25)
    assert incident.milestones["detected"] == START + timedelta(seconds=20), "when the alert fired"
    assert app.room.team().alerts == {}


def test_a_step_that_cannot_be_executed_is_reported(
    app_of: Callable[[ScaledClock], AppContext], tmp_path: Path
) -> None:
    clock = ScaledClock(math.inf, START)
    steps = (
        '[[responder]]\ndo = "declare"\nat = "5s"\nimpact = "x"\n'
        '[[responder]]\ndo = "pin"\nat = "6s"\nlog = "app"\ncontains = "ERROR"\n'
    )
    drill = DrillPlayer(app_of(clock).room, small(steps), tmp_path / "logs", clock)
    with pytest.raises(NotFound, match="No line of app contains 'ERROR'"):
        drill.play(lambda line: None)


# with people


@pytest.fixture
def played(app_of: Callable[[ScaledClock], AppContext], tmp_path: Path) -> Iterator[DrillPlayer]:
    """The small drill with people at the console, ten minutes a second."""
    clock = ScaledClock(600, START)
    drill = DrillPlayer(app_of(clock).room, small(), tmp_path / "logs", clock)
    drill.start()
    yield drill
    drill.stop()


def test_a_drill_can_start_with_its_first_alert_and_its_logs_have_what_came_before(
    app_of: Callable[[ScaledClock], AppContext], tmp_path: Path
) -> None:
    clock = ScaledClock(1, START)
    room = app_of(clock).room
    drill = DrillPlayer(room, small(), tmp_path / "logs", clock)
    assert not drill.awaits_declaration
    drill.start(at_first_alert=True)
    try:
        wait_until(lambda: bool(room.team().alerts), "the alert fires at once")
        assert clock() < START + timedelta(seconds=15)
        log = drill.logs[0].read_text().splitlines()
        assert sum("INFO fine" in line for line in log) > 40 and "ERROR first" in "".join(log)
        assert drill.awaits_declaration
        alert = next(iter(room.team().alerts.values()))
        room.declare(Declare("web", "Pages fail", drill=True), alert=alert.id)
        wait_until(lambda: not drill.awaits_declaration, "the declaration is noticed")
    finally:
        drill.stop()


def test_a_scripted_teammate_is_never_the_person_at_the_console(
    app_of: Callable[[ScaledClock], AppContext], tmp_path: Path
) -> None:
    for player in ("Chen Wei", "Bruno Keller", "Dana Novak"):
        clock = ScaledClock(math.inf, START)
        room = app_of(clock).room
        room.by = player
        drill = DrillPlayer(room, script(), tmp_path / player, clock)
        incident = room.incident(drill.play(lambda line: None))
        speaking = {row.entry.event.who for row in incident.rows if isinstance(row.entry.event, ChatMessage)}
        assert player not in speaking and len(speaking) == 3
        assert speaking <= {person.name for person in room.settings.team.people}


def test_the_history_of_a_demo_reads_as_incidents_that_were_worked_on(
    app_of: Callable[[ScaledClock], AppContext],
) -> None:
    room = app_of(ScaledClock(math.inf, START)).room
    write_history(room)
    assert room.clock() == START
    summaries = room.summaries()
    assert [row.status for row in summaries] == ["resolved", "resolved", "closed"]
    assert not any(row.drill for row in summaries)
    hours = room.playbook.nudges.postmortem_hours
    assert [row.id for row in summaries if row.postmortem_due(hours)] == [summaries[0].id]
    assert any(action.overdue(START.date()) for row in summaries for action in row.actions)
    assert room.team().ready and room.team().alerts == {}
    for summary in summaries:
        times = list(summary.milestones.values())
        assert times == sorted(times) and times[-1] < START


def scored(*commands: Command, minutes: float = 1) -> dict[str, ScoreLine]:
    case = declared("critical", drill=True)
    case.later(minutes=minutes)
    case.do(*commands)
    return {line.label: line for line in score(case.incident, case.context.playbook, case.now)}


def test_the_score_says_for_each_target_whether_it_was_met() -> None:
    nothing = scored(minutes=40)
    assert not any(line.met for line in nothing.values() if line.label != "Updates on time")
    assert nothing["Acknowledged"].value.startswith("never (target")
    recovery = [item.id for item in PLAYBOOK.checklists["recovery"].items]
    everything = scored(
        Acknowledge(),
        Assign("incident_commander", "Ada"),
        PostUpdate("update", "update", "team", "t", "w", next_update_at=NOON + timedelta(minutes=16)),
        Pin("app.log", "pool exhausted", 3),
        RecordFix("rolled back", rollback="deploy again"),
        *(Check(item) for item in recovery),
        Resolve(),
        WriteSection("root_cause", "the pool"),
    )
    assert all(line.met for line in everything.values()), everything
    assert everything["Acknowledged"].value == "after 1 min (target 5 min)"
    text = score_text(tuple(everything.values()))
    assert text.startswith(f"{len(everything)} of {len(everything)} targets met") and "warroom init" in text


def test_a_target_that_was_missed_is_not_met() -> None:
    late = scored(Acknowledge(), Assign("incident_commander", "Ada"), RecordFix("rolled back"), minutes=30)
    assert not late["Acknowledged"].met and not late["Commander"].met
    assert (late["Rollback of the fix"].value, late["Rollback of the fix"].met) == ("not named", False)
    assert not late["Resolved"].met


@pytest.mark.parametrize(("label", "minutes"), [("Acknowledged", 5), ("Commander", 2), ("First update", 15)])
def test_a_target_that_is_reached_to_the_minute_is_met(label: str, minutes: int) -> None:
    posted = PostUpdate("update", "update", "team", "t", "w", next_update_at=NOON + timedelta(hours=1))
    commands = (Acknowledge(), Assign("incident_commander", "Ada"), posted)
    assert scored(*commands, minutes=minutes)[label].met
    assert not scored(*commands, minutes=minutes + 0.1)[label].met


def test_the_score_counts_the_updates_that_were_on_time() -> None:
    case = declared("critical", drill=True)
    case.later(minutes=10).do(
        PostUpdate("update", "update", "team", "t", "w", next_update_at=NOON + timedelta(minutes=25))
    )

    def on_time() -> tuple[str, bool]:
        lines = score(case.incident, case.context.playbook, case.now)
        return next((line.value, line.met) for line in lines if line.label == "Updates on time")

    assert on_time() == ("1 of 1", True)
    case.later(minutes=30)
    assert on_time() == ("1 of 2", False)


def test_with_people_the_player_waits_for_them(played: DrillPlayer) -> None:
    room = played.room
    log = played.logs[0]
    wait_until(lambda: bool(room.team().alerts), "the alert fires")
    alert = next(iter(room.team().alerts.values()))
    assert alert.event.name == "errors" and alert.event.drill
    wait_until(lambda: log.read_text().count("ERROR bad") > 100, "the log fails")
    assert room.summaries() == [], "the player does not declare"

    done = room.declare(Declare("web", "Pages fail", drill=True), alert=alert.id)
    wait_until(
        lambda: chat_texts(room.incident(done.incident.id)) == ["seen it"], "the chat begins once it is declared"
    )
    assert played.incident_id == done.incident.id
    assert "INFO good" not in log.read_text()

    fixed = room.execute(done.incident.id, RecordFix("Rolled back")).entries[0].at
    wait_until(lambda: log.read_text().count("INFO good") > 20, "the log recovers once a fix is recorded")
    good = [line.split()[0] for line in log.read_text().splitlines() if "INFO good" in line]
    assert datetime.fromisoformat(good[0]) >= fixed + timedelta(seconds=10)
    last_bad = [line.split()[0] for line in log.read_text().splitlines() if "ERROR bad" in line][-1]
    assert datetime.fromisoformat(last_bad) <= fixed + timedelta(seconds=10)


def test_a_drill_does_not_touch_real_incidents(app_of: Callable[[ScaledClock], AppContext], tmp_path: Path) -> None:
    clock = ScaledClock(600, START)
    room = app_of(clock).room
    before = room.declare(Declare("web", "Really down")).incident.id
    older = room.declare(Declare("web", "An older drill", drill=True)).incident.id
    wait_until(lambda: clock() > START + timedelta(seconds=60), "time passes")
    drill = DrillPlayer(room, small(), tmp_path / "logs", clock)
    drill.start()
    try:
        beside = room.declare(Declare("web", "Really down as well")).incident.id
        room.execute(beside, RecordFix("Restarted"))
        mine = room.declare(Declare("web", "Pages fail", drill=True)).incident.id
        wait_until(lambda: chat_texts(room.incident(mine)) == ["seen it"], "the drill's own incident gets the chat")
        wait_until(
            lambda: drill.logs[0].read_text().count("ERROR bad") > 50,
            "another incident's fix does not end the failure",
        )
        assert "INFO good" not in drill.logs[0].read_text()
        assert all(chat_texts(room.incident(other)) == [] for other in (before, older, beside))
    finally:
        drill.stop()


def test_a_fix_before_the_failure_skips_it(app_of: Callable[[ScaledClock], AppContext], tmp_path: Path) -> None:
    clock = ScaledClock(600, START)
    room = app_of(clock).room
    late = SMALL.replace('at = "10s"\nonce', 'at = "5m"\nonce')
    drill = DrillPlayer(room, parse_script(late, "late.toml"), tmp_path / "logs", clock)
    drill.start()
    try:
        incident_id = room.declare(Declare("web", "Odd", drill=True)).incident.id
        room.execute(incident_id, RecordFix("Rolled back"))
        wait_until(lambda: clock() > START + timedelta(minutes=7), "the failure's time passes")
        wait_until(lambda: drill.logs[0].read_text().count("INFO good") > 300, "it stays healthy")
        assert "ERROR" not in drill.logs[0].read_text()
    finally:
        drill.stop()


def test_stopping_ends_the_logs_and_dismisses_its_alerts(played: DrillPlayer) -> None:
    wait_until(lambda: bool(played.room.team().alerts), "the alert fires")
    assert played.running
    played.stop()
    assert not played.running and played.room.team().alerts == {}
    size = played.logs[0].stat().st_size
    moment = played.clock()
    wait_until(lambda: played.clock() > moment + timedelta(seconds=60), "a minute of the drill passes")
    assert played.logs[0].stat().st_size == size
    played.stop()


@pytest.mark.parametrize("source", ["drill: monitor", "drill", "DRILL: x"])
def test_an_outside_alert_whose_source_is_called_drill_is_not_dismissed(played: DrillPlayer, source: str) -> None:
    room = played.room
    room.receive_alert(ReceiveAlert("disk_full", source))
    wait_until(lambda: len(room.team().alerts) == 2, "the drill's own alert comes as well")
    played.stop()
    (left,) = room.team().alerts.values()
    assert left.event.name == "disk_full"
    assert not room.declare(Declare("db", "No writes"), alert=left.id).incident.drill


def test_an_incident_declared_from_the_drills_alert_is_a_drill(played: DrillPlayer) -> None:
    room = played.room
    wait_until(lambda: bool(room.team().alerts), "the alert fires")
    done = room.declare(Declare("web", "Pages fail"), alert=next(iter(room.team().alerts)))
    assert done.incident.drill


def test_it_ends_some_time_after_its_incident_is_resolved(played: DrillPlayer) -> None:
    room = played.room
    incident_id = room.declare(Declare("web", "Pages fail", drill=True)).incident.id
    room.execute(incident_id, RecordFix("Rolled back"))
    over = room.execute(incident_id, Resolve("all good")).incident.milestones["resolved"]
    wait_until(lambda: not played.running, "it ends")
    assert played.clock() >= over + RUN_ON
    assert "seen it" in chat_texts(room.incident(incident_id)), "not before all of it has happened"


def test_a_drill_ends_if_nobody_declares_and_dismisses_its_alert(
    app_of: Callable[[ScaledClock], AppContext], tmp_path: Path
) -> None:
    clock = ScaledClock(6000, START)
    drill = DrillPlayer(app_of(clock).room, small(), tmp_path / "logs", clock)
    drill.start()
    wait_until(lambda: not drill.running, "it ends")
    assert clock() >= START + DECLARE_TIMEOUT
    wait_until(lambda: drill.room.team().alerts == {}, "its alert is dismissed")
    assert drill.room.team().version == 2


def test_a_second_run_has_an_incident_and_logs_of_its_own(played: DrillPlayer) -> None:
    room = played.room
    first = room.declare(Declare("web", "Pages fail", drill=True)).incident.id
    wait_until(lambda: chat_texts(room.incident(first)) == ["seen it"], "the first is under way")
    played.stop()
    again = played.clock()
    played.start()
    assert played.running
    begins = played.logs[0].read_text().splitlines()[0].split()[0]
    assert datetime.fromisoformat(begins) >= again - timedelta(minutes=1, seconds=5)
    wait_until(lambda: bool(room.team().alerts), "its alert fires again")
    second = room.declare(Declare("web", "Pages fail", drill=True)).incident.id
    wait_until(lambda: chat_texts(room.incident(second)) == ["seen it"], "the second gets the chat")
    assert played.incident_id == second and chat_texts(room.incident(first)) == ["seen it"]


def test_logs_that_cannot_be_written_are_reported_before_it_starts(
    app_of: Callable[[ScaledClock], AppContext], tmp_path: Path
) -> None:
    (tmp_path / "logs").write_text("a file")
    clock = ScaledClock(1, START)
    drill = DrillPlayer(app_of(clock).room, small(), tmp_path / "logs", clock)
    with pytest.raises(WarroomError, match="The drill's logs cannot be written") as raised:
        drill.start()
    assert str(tmp_path) in raised.value.remedy and not drill.running


def test_chat_continues_after_resolving(played: DrillPlayer) -> None:
    room = played.room
    incident_id = room.declare(Declare("web", "Pages fail", drill=True)).incident.id
    room.execute(incident_id, Resolve("A false alarm"))
    wait_until(lambda: chat_texts(room.incident(incident_id)) == ["seen it"], "resolved is not closed")


def test_a_disk_error_is_reported_and_retried(played: DrillPlayer) -> None:
    log = played.logs[0]

    def occupied() -> bool:
        """A folder stands where the log was; the player may write the file again before it does."""
        log.unlink(missing_ok=True)
        with contextlib.suppress(FileExistsError):
            log.mkdir()
        return log.is_dir()

    wait_until(occupied, "the log's place is taken")
    wait_until(lambda: isinstance(played.problem, WarroomError), "a folder stands where the log was")
    log.rmdir()
    wait_until(lambda: played.problem is None and log.exists() and log.stat().st_size > 0, "it recovers")


def test_a_clock_that_jumps_leaves_a_gap_not_a_flood(
    app_of: Callable[[ScaledClock], AppContext], tmp_path: Path
) -> None:
    clock = ScaledClock(math.inf, START)
    steps = '[[responder]]\ndo = "declare"\nat = "23h"\nimpact = "x"\n'
    calm = SMALL.partition('[[stages]]\nname = "bad"')[0]
    drill = DrillPlayer(app_of(clock).room, parse_script(calm + steps, "calm.toml"), tmp_path / "logs", clock)
    drill.play(lambda line: None)
    lines = drill.logs[0].read_text().splitlines()
    assert 60 + 25 * 60 < len(lines) < 60 + 40 * 60


# the clock


def test_a_scaled_clock_runs_at_its_speed() -> None:
    now = 100.0
    clock = ScaledClock(60, START, monotonic=lambda: now)
    assert clock() == START
    now += 2
    assert clock() == START + timedelta(minutes=2)
    begun = time.monotonic()
    clock.wait(threading.Event(), START)
    clock.wait(threading.Event(), START + timedelta(days=1), timeout_s=0.01)
    wake = threading.Event()
    wake.set()
    clock.wait(wake, START + timedelta(days=1))
    assert time.monotonic() - begun < 5


def test_an_infinitely_fast_clock_jumps_to_the_time_waited_for() -> None:
    clock = ScaledClock(math.inf, START)
    assert clock() == clock() == START
    clock.wait(threading.Event(), START + timedelta(hours=1))
    assert clock() == START + timedelta(hours=1)
    clock.wait(threading.Event(), START)
    assert clock() == START + timedelta(hours=1)


@pytest.mark.parametrize("speed", [0, -1, math.nan])
def test_a_speed_that_is_not_positive_is_refused(speed: float) -> None:
    with pytest.raises(BadInput):
        ScaledClock(speed)


# the script


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ('service = "web"', 'service = "web"\nservise = 1', 'servise: unknown key. Did you mean "service"?'),
        ('every = "1s"', 'every = "often"', "[stages #1.lines #1] every: must be a duration such as 90s"),
        ('at = "20s"', 'at = "-20s"', "[alerts #1] at: must be a duration"),
        ('log = "app"', 'log = "ap"', '[stages #1.lines #1] log: no such log. Did you mean "app"?'),
        ("%{1..9}", "%{9..1}", "[stages #1.lines #1.texts #1]: has an unknown %{…}; use %{time}"),
        ("%{time}", "%{tine}", "use %{time} %{clf} %{hex:8} %{40..180} %{one|other}"),
        ('texts = ["%{time} ERROR bad"]', "texts = []", "[stages #2.lines #1] texts: must not be empty"),
        ('app = "app.log"', 'app = "../app.log"', "[logs] app: must be a file name without a folder"),
        ('after = "fix"', 'after = "dinner"', '"dinner" is not a choice'),
        ('who = "Bo"', "who = 7", "[chat #1] who: must be text in quotes"),
        ("[logs]", "[[logs]]", "logs: must be a table"),
    ],
)
def test_a_mistake_in_a_script_is_located(right: str, wrong: str, expected: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse_script(SMALL.replace(right, wrong, 1), "small.toml")
    assert expected in " ".join(str(raised.value).split())
    assert str(raised.value).startswith("small.toml:") and raised.value.exit_status == 3


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ('do = "dance"\nat = "1s"', "is not a choice"),
        ('at = "1s"', "missing key"),
        ('do = "pin"\nat = "1s"\nlog = "web"\ncontains = "x"', "no such log"),
        ('do = "fix"\nat = "1s"', "missing key"),
        ('do = "action"\nat = "1s"\nwords = "x"\ndays = -1', "days"),
    ],
)
def test_a_mistake_in_a_step_is_located(step: str, expected: str) -> None:
    with pytest.raises(SettingsError, match=r"small.toml:\d+ \[responder #1\]") as raised:
        small(f"[[responder]]\n{step}\n")
    assert expected in str(raised.value)


def test_durations_in_a_script_may_be_written_as_text() -> None:
    drill = small('[[chat]]\nat = "7m10s"\nwho = "Bo"\nwords = "x"\n[[chat]]\nat = 90\nwho = "Bo"\nwords = "x"\n')
    assert [cue.at for cue in drill.chat] == [30, 430, 90]
