"""The score of a drill says what was reached and why not; history is about the team; readiness reads both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from harness.app import AppHarness
from harness.case import NOON, PLAYBOOK, Case, declared

from warroom.drill.authoring import from_incident, template
from warroom.drill.script import parse_script
from warroom.incident.alerts import ReceiveAlert
from warroom.incident.commands import (
    Acknowledge,
    Check,
    Declare,
    Note,
    Pin,
    PostUpdate,
    RecordChat,
    RecordFix,
    Resolve,
    SetSeverity,
    WriteSection,
)
from warroom.incident.drill_events import DrillStarted, Remedy
from warroom.incident.drills import EndDrill, GiveHint, StartDrill
from warroom.incident.roles import Assign
from warroom.reports.drill_history import past_drills, trends
from warroom.reports.drill_score import debrief, debrief_text, score
from warroom.room.readiness import readiness
from warroom.room.room import WarRoom
from warroom.room.snapshot import home_snapshot

STARTED = DrillStarted(
    script="checkout-down",
    title="Checkout down",
    service="checkout-api",
    severity="critical",
    cause="Release 412 leaks connections.",
    cause_match=("412", "leak"),
    remedies=(
        Remedy(id="rollback", words="Roll back", effect="helps", match=("roll back",), why="411 has no leak."),
        Remedy(id="restart", words="Restart", effect="nothing", match=("restart",), why="It leaks again."),
    ),
)
RECOVERY = [Check(item.id) for item in PLAYBOOK.checklists["recovery"].items]


def drill(severity: str = "critical") -> Case:
    case = declared(severity, drill=True)
    case.do(StartDrill(STARTED))
    return case


def lines(case: Case) -> dict[str, Any]:
    return {line.label: line for line in score(case.incident, PLAYBOOK, case.now)}


def careful() -> Case:
    """Evidence, the cause, the right fix with its rollback, recovery verified."""
    case = drill().later(minutes=1)
    case.do(Acknowledge(), Assign("incident_commander", "Ada"))
    case.later(minutes=4).do(Pin("app.log", "connection held by release 412", 3))
    case.later(minutes=1).do(
        Note("412 leaks connections", "finding"),
        PostUpdate("update", "update", "team", "t", "w", next_update_at=NOON + timedelta(minutes=20)),
    )
    case.later(minutes=4).do(RecordFix("Roll back", rollback="Deploy 412 again"))
    case.later(minutes=3).do(*RECOVERY, Resolve())
    return case


def hasty() -> Case:
    """A wrong fix at once, no evidence, no rollback, resolved over what was not verified."""
    case = drill("medium").later(minutes=1)
    case.do(RecordFix("Restart"))
    case.later(minutes=20).do(RecordFix("rolled back"), Resolve("looks fine"))
    return case


def test_two_drills_by_different_means_score_differently_for_the_right_reasons() -> None:
    good, bad = lines(careful()), lines(hasty())
    assert all(line.met for line in good.values()), {name for name, line in good.items() if not line.met}
    assert {name for name, line in bad.items() if line.met} == {"Service", "Updates on time", "Resolved"}
    assert bad["Severity"].value == "Medium; Critical was right"
    assert bad["The right fix"].value == "found, 1 that did not help"
    assert bad["Evidence before the fix"].value == "none pinned"
    assert bad["Verified before resolved"].value == f"{len(RECOVERY)} left open"
    assert bad["Root cause"].value == "not found" and good["Root cause"].value == "found after 6 min"
    assert all(line.reason for line in bad.values() if not line.met)


def test_evidence_that_comes_after_the_fix_does_not_count() -> None:
    case = drill().later(minutes=1)
    case.do(RecordFix("Roll back"))
    case.later(minutes=1).do(Pin("app.log", "held", 3))
    line = lines(case)["Evidence before the fix"]
    assert not line.met and line.value == "pinned after the fix"


def test_a_severity_that_is_put_right_counts() -> None:
    case = drill("medium").later(minutes=3)
    assert not lines(case)["Severity"].met
    case.do(SetSeverity("critical"))
    assert lines(case)["Severity"].met


def test_what_was_retracted_did_not_find_the_cause() -> None:
    case = drill().later(minutes=1)
    case.do(Note("412 it is", "hypothesis"))
    assert not lines(case)["Root cause"].met, "a guess is not a finding"
    case.do(WriteSection("root_cause", "Release 412"))
    assert lines(case)["Root cause"].met


def test_the_debrief_names_the_cause_each_fix_and_the_pitfalls_that_were_touched() -> None:
    text = debrief_text(debrief(hasty().incident, PLAYBOOK, NOON + timedelta(hours=1)))
    for words in (
        "Release 412 leaks connections.",
        "Restart — it did not help. It leaks again.",
        "rolled back — it helped. 411 has no leak.",
        "Pitfall: Rushing to fix without understanding",
        "Take 5 minutes to assess before acting",
        "Pitfall: No clear incident commander",
    ):
        assert words in text
    assert "Pitfall" not in debrief_text(debrief(careful().incident, PLAYBOOK, NOON + timedelta(hours=1)))


def test_a_pitfall_that_a_team_removed_is_not_named() -> None:
    pitfalls = tuple(one for one in PLAYBOOK.guidance.pitfalls if one.id != "rushing")
    own = PLAYBOOK.model_copy(update={"guidance": PLAYBOOK.guidance.model_copy(update={"pitfalls": pitfalls})})
    assert "rushing" not in {one.id for one in debrief(hasty().incident, own, NOON).pitfalls}


# ── history ───────────────────────────────────────────────────────────────────────────────────────────────


def test_history_says_what_became_better_and_never_who() -> None:
    cases = [hasty(), hasty(), careful(), careful(), careful()]
    incidents = [case.incident for case in cases]
    past = past_drills(incidents, PLAYBOOK, NOON + timedelta(hours=2))
    assert [one.debrief.reached for one in past][-1] == len(past[-1].debrief.lines)
    found = {one.label: one for one in trends(past)}
    fix = found["The right fix"]
    assert (fix.latest, fix.before, fix.direction) == ((3, 3), (0, 2), "better")
    assert found["Service"].direction == "same"
    assert "Ada" not in repr(past) + repr(found)


def test_an_abandoned_drill_is_listed_and_does_not_count_in_the_trend() -> None:
    case = drill()
    case.do(EndDrill("abandoned"))
    (past,) = past_drills([case.incident], PLAYBOOK, case.now)
    assert past.debrief.outcome == "abandoned" and past.resolve_s is None
    assert trends([past]) == []
    assert lines(case)["Resolved"].value == "abandoned" and not lines(case)["Verified before resolved"].met


def test_a_drill_that_is_ended_twice_or_hinted_twice_is_recorded_once() -> None:
    case = drill()
    assert case.do(GiveHint(0, "Look")) and case.do(GiveHint(0, "Look")) == []
    assert case.do(EndDrill("abandoned")) and case.do(EndDrill("finished")) == []
    assert case.incident.status == "closed"


def test_a_real_incident_cannot_be_ended_as_a_drill() -> None:
    case = declared("high")
    case.refused(EndDrill("abandoned"))
    case.refused(StartDrill(STARTED))


# ── readiness ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def room(tmp_path: Path) -> Iterator[WarRoom]:
    with AppHarness(tmp_path / "data") as harness:
        yield harness.room


def reading(room: WarRoom, item: str) -> Any:
    return next(one.reading for one in readiness(room) if one.item.id == item)


def held(room: WarRoom, at: datetime, *people: str, outcome: str = "finished") -> str:
    """A drill at that time in which these people did something."""
    before = room.clock
    room.clock = lambda: at
    incident_id = room.declare(Declare("checkout-api", "It fails", "high", drill=True)).incident.id
    for person in people:
        room.execute(incident_id, Note("looking"), by=person)
    room.execute(incident_id, Resolve("fine"))
    room.execute(incident_id, EndDrill(cast(Any, outcome)), by="")
    room.clock = before
    return incident_id


def test_quarterly_drills_tick_by_themselves_and_expire(room: WarRoom) -> None:
    now = room.clock()
    assert reading(room, "drills").against and "no drill" in reading(room, "drills").text
    held(room, now - timedelta(days=89), outcome="abandoned")
    assert reading(room, "drills").against, "an abandoned one does not count"
    incident_id = held(room, now - timedelta(days=89))
    assert not reading(room, "drills").against and incident_id in reading(room, "drills").text
    assert home_snapshot(room).measured["drills"] == reading(room, "drills")
    room.clock = lambda: now + timedelta(days=1)
    assert reading(room, "drills").against


def test_a_drill_that_is_still_open_is_no_practice_yet(room: WarRoom) -> None:
    room.declare(Declare("checkout-api", "It fails", "high", drill=True))
    assert reading(room, "drills").against
    room.declare(Declare("checkout-api", "It really fails", "high"))
    assert reading(room, "drills").against


def test_training_holds_once_everyone_on_the_rota_took_part_this_year(room: WarRoom) -> None:
    now = room.clock()
    held(room, now - timedelta(days=60), "Alice", "Bob", "Carol")  # last year
    assert reading(room, "training").text == "not in a drill in 2026 yet: Alice, Bob, Carol"
    held(room, now - timedelta(days=3), "Bob")
    assert reading(room, "training").text == "not in a drill in 2026 yet: Carol", "who declared it took part too"
    held(room, now - timedelta(days=2), "Carol", outcome="abandoned")
    assert reading(room, "training").against
    held(room, now - timedelta(days=1), "Carol")
    assert not reading(room, "training").against
    room.settings = room.settings.model_copy(update={"on_call": None})
    assert reading(room, "training").speaks == "neither"


# ── writing a script ──────────────────────────────────────────────────────────────────────────────────────


def test_the_template_can_be_played_and_has_every_table() -> None:
    script = parse_script(template("web", "high"), "new.toml")
    assert script.service == "web" and script.severity == "high"
    assert script.alerts and script.chat and script.remedies and script.hints and script.answers


HOSTILE = 'x" \\ %{nonsense} \x1b[2J \u202e token=ghp_' + "a1B2" * 9


def test_a_past_incident_becomes_a_script_of_its_alerts_chat_evidence_and_fixes() -> None:
    case = Case()
    case.do(Declare("checkout-api", f"Orders fail {HOSTILE}", "critical"))
    case.do(replace(ReceiveAlert("errors", "Prometheus", detail="54 %"), fired_at=NOON))
    case.later(minutes=2).do(
        RecordChat("Bo", "slack", f"the pool is empty {HOSTILE}"),
        Pin("app.log", f"ERROR no connection {HOSTILE}", 3),
        Note("412 leaks", "finding"),
    )
    case.later(minutes=3).do(RecordFix("Restarted"), RecordFix("Rolled back"))
    case.do(WriteSection("root_cause", "Connection leak in release 412"), *RECOVERY, Resolve())
    text = from_incident(case.incident)
    script = parse_script(text, "new.toml")
    assert (script.service, script.severity, script.cause) == (
        "checkout-api",
        "critical",
        "Connection leak in release 412",
    )
    assert [one.name for one in script.alerts] == ["errors"]
    assert [(one.words, one.effect) for one in script.remedies] == [
        ("Restarted", "nothing"),
        ("Rolled back", "helps"),
    ]
    assert [one.at for one in script.chat] == [120, 120] and script.chat[0].words.startswith("the pool is empty")
    assert any("no connection" in line for line in script.stages[1].lines[0].texts)
    assert "ghp_" not in text and "\x1b" not in text and "\u202e" not in text


def test_an_incident_with_nothing_in_it_becomes_a_script_too() -> None:
    assert parse_script(from_incident(declared().incident), "new.toml").remedies
