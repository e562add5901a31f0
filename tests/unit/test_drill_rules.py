"""What one does decides what a drill does: remedies, conditions, hints, answers, its end. No threads."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from harness.app import AppHarness
from hypothesis import given
from hypothesis import strategies as st

from warroom.drill.casting import give_parts
from warroom.drill.clock import ScaledClock
from warroom.drill.leftovers import end_leftovers
from warroom.drill.player import DrillPlayer
from warroom.drill.script import parse_script
from warroom.errors import SettingsError, WarroomError
from warroom.incident.chat_events import ChatMessage
from warroom.incident.commands import Command, Declare, Note, Pin, RecordChat, RecordFix, Resolve
from warroom.incident.drill_events import DrillStarted, Remedy
from warroom.incident.drills import (
    counts_as_practice,
    drill_ended,
    drill_started,
    find_remedy,
    hints_given,
    mentions,
    took_part,
)
from warroom.incident.incident import Incident
from warroom.incident.investigation import AssignTask

START = datetime(2026, 1, 28, 14, 0, tzinfo=UTC)

SCRIPT = """
title = "The queue is full"
service = "checkout-api"
severity = "high"
cause = "An import fills the queue."
cause_match = ["import"]
history = "1m"
[logs]
app = "app.log"
[[stages]]
name = "bad"
at = "0s"
[[stages.lines]]
log = "app"
every = "5s"
texts = ["%{time} ERROR queue full"]
[[stages]]
name = "worse"
after = "fix"
fix = "restart"
at = "10s"
unless = { fix = "stop" }
[[stages.lines]]
log = "app"
every = "5s"
texts = ["%{time} FATAL not started"]
[[stages]]
name = "good"
after = "fix"
at = "10s"
[[stages.lines]]
log = "app"
every = "5s"
texts = ["%{time} INFO fine"]
[[remedies]]
id = "stop"
words = "Stop the import"
effect = "helps"
match = ["stop import"]
[[remedies]]
id = "restart"
words = "Restart everything"
effect = "worse"
match = ["restart"]
why = "The queue is full again."
[[alerts]]
at = "20s"
name = "errors"
[[chat]]
at = "30s"
who = "Support"
words = "It is the import of %{service}"
when = { evidence = "QUEUE full" }
[[chat]]
at = "1m"
who = "Support"
words = "You are late"
when = { late = "5m" }
[[chat]]
at = "1m"
who = "Support"
words = "Wrong place"
unless = { service = "checkout-api" }
[[hints]]
at = "5m"
words = "Look at the import"
unless = { fix = "stop" }
[[answers]]
who = "Support"
asked = ["customers"]
words = "All of them"
at = "20s"
[[answers]]
who = "Developer"
words = "On it"
[ends]
after_resolved = "3m"
limit = "30m"
"""


class NoJobs:
    """Runs no job: the test plays the rounds."""

    def start(self, *jobs: Any) -> None: ...

    def end(self, *jobs: Any) -> None: ...


@dataclass
class Played:
    """A drill whose rounds the test plays, and its incident."""

    player: DrillPlayer
    incident_id: str = ""

    @property
    def room(self) -> Any:
        return self.player.room

    @property
    def incident(self) -> Incident:
        return self.player.room.incident(self.incident_id)

    def declare(self, service: str = "checkout-api") -> Played:
        self.incident_id = self.room.declare(Declare(service, "It fails", "high", drill=True)).incident.id
        return self.later(seconds=1)

    def do(self, *commands: Command) -> Played:
        for command in commands:
            self.room.execute(self.incident_id, command)
        self.player.play_round()
        return self

    def later(self, **span: float) -> Played:
        """Play every round until so much later."""
        clock, until = self.player.clock, self.player.clock() + timedelta(**span)
        while self.player.running:
            due = self.player.play_round()
            if clock() >= until:
                break
            clock.wait(threading.Event(), min(due or until, until))
        return self

    def chat(self) -> list[str]:
        return [row.entry.event.words for row in self.incident.rows if isinstance(row.entry.event, ChatMessage)]

    def last_line(self) -> str:
        return self.player.logs[0].read_text().splitlines()[-1].split(maxsplit=1)[1]


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[AppHarness]:
    with AppHarness(tmp_path / "data") as harness:
        yield harness


def play(harness: AppHarness, text: str = SCRIPT, **how: Any) -> Played:
    clock = ScaledClock(math.inf, START)
    harness.room.clock = clock
    script = give_parts(parse_script(text, "small.toml"), harness.room)
    folder = harness.folder / "drill"
    player = DrillPlayer(harness.room, script, folder, clock, cast(Any, NoJobs()), name="small", **how)
    player.start()
    return Played(player)


@pytest.fixture
def played(harness: AppHarness) -> Iterator[Played]:
    played = play(harness)
    yield played
    played.player.stop()


# ── fixes ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_only_the_fix_that_helps_ends_the_failure(played: Played) -> None:
    played.declare().do(RecordFix("Doubled the machines")).later(minutes=2)
    assert played.last_line() == "ERROR queue full", "a fix that the script does not know does not help"
    played.do(RecordFix("We stopped the nightly import")).later(minutes=1)
    assert played.last_line() == "INFO fine", "it is recognised in other words"


def test_a_wrong_fix_makes_it_worse_and_the_right_one_still_helps(played: Played) -> None:
    played.declare().do(RecordFix("Restart everything")).later(minutes=1)
    assert played.last_line() == "FATAL not started"
    played.do(RecordFix("Stop the import")).later(minutes=1)
    assert played.last_line() == "INFO fine"


def test_a_wrong_fix_after_the_right_one_does_no_harm(played: Played) -> None:
    played.declare().do(RecordFix("Stop the import")).later(minutes=1)
    played.do(RecordFix("restarted it as well")).later(minutes=1)
    assert played.last_line() == "INFO fine"


REMEDIES = DrillStarted(
    script="x",
    title="x",
    remedies=(
        Remedy(id="a", words="Roll back to 411", match=("roll back", "rollback"), effect="helps"),
        Remedy(id="b", words="Restart", match=("restart",)),
        Remedy(id="c", words="Unplug it"),
    ),
)


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ("roll  BACK to 411", "a"),
        ("Rolled back: rollback done", "a"),
        ("Roll back to 411: with a restart after it", "a"),
        ("Unplug it: only the old one", "c"),
        ("restarted the pods", "b"),
        ("drestart", None),
        ("", None),
        ("Trolled", None),
    ],
)
def test_a_fix_is_recognised_by_its_words(words: str, remedy: str | None) -> None:
    found = find_remedy(REMEDIES, words)
    assert (found.id if found else None) == remedy


@given(st.text(max_size=80), st.lists(st.text(max_size=12), max_size=4))
def test_any_words_can_be_compared(text: str, alternatives: list[str]) -> None:
    found = mentions(text, alternatives)
    assert not found or any(all(word in text.casefold() for word in one.casefold().split()) for one in alternatives)


# ── conditions, hints, answers ────────────────────────────────────────────────────────────────────────────


def test_something_happens_only_once_its_evidence_is_pinned(played: Played) -> None:
    played.declare().later(minutes=2)
    assert played.chat() == []
    played.do(Pin("app.log", "12:00 ERROR queue full", 3)).later(seconds=5)
    assert played.chat() == ["It is the import of checkout-api"], "with the name of the service filled in"


def test_something_happens_only_if_it_comes_late_or_to_the_wrong_service(played: Played) -> None:
    played.later(minutes=6)
    played.declare("search-api").later(minutes=2)
    assert played.chat() == ["You are late", "Wrong place"]


def test_a_hint_comes_after_a_while_once_and_not_to_who_needs_none(harness: AppHarness) -> None:
    stuck = play(harness).declare().later(minutes=20)
    assert [hint.words for hint in hints_given(stuck.incident)] == ["Look at the import"]
    stuck.player.stop()
    quick = play(harness).declare().do(RecordFix("Stop the import")).later(minutes=20)
    assert hints_given(quick.incident) == []
    quick.player.stop()


@pytest.mark.parametrize(
    "question",
    [
        Note("What do customers see?"),
        RecordChat("Alice", "slack", "how many customers are affected?"),
        AssignTask("Bob", "find out which customers are hit"),
    ],
)
def test_a_teammate_answers_when_asked_once(played: Played, question: Command) -> None:
    played.declare().do(question).later(seconds=10)
    assert played.chat().count("All of them") == 0, "not at once"
    played.later(seconds=20)
    played.do(Note("customers? customers?")).later(minutes=1)
    assert played.chat().count("All of them") == 1
    assert played.incident.open_tasks == [], "a task is finished with its answer"


def test_a_note_that_asks_nothing_gets_no_answer(played: Played) -> None:
    played.declare().do(Note("customers complain")).later(minutes=2)
    assert played.chat() == []


def test_whoever_is_named_answers_what_else_they_are_asked(played: Played) -> None:
    played.declare().do(Note("@Carol please look at the code")).later(minutes=1)
    assert played.chat() == ["On it"]
    assert {row.by for row in played.incident.rows if row.kind == "chat"} == {"Carol"}


# ── casting ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_teams_service_and_people_take_the_parts_but_not_the_player(harness: AppHarness) -> None:
    script = parse_script(SCRIPT.replace('"checkout-api"\nseverity = "high"', '"shop"\nseverity = "sev1"'), "s")
    given = give_parts(script, harness.room)
    assert given.service == "checkout-api" and given.severity == "critical"
    assert {one.who for one in given.chat} == {"Bob"} and given.answers[1].who == "Carol"
    own = give_parts(script.model_copy(update={"cast": "script"}), harness.room)
    assert own.service == "shop" and own.chat[0].who == "Support"


# ── the end ───────────────────────────────────────────────────────────────────────────────────────────────


def test_it_ends_by_its_own_rule(played: Played) -> None:
    played.declare().do(RecordFix("Stop the import"), Resolve("it is fine")).later(minutes=2)
    assert played.player.running
    played.later(minutes=2)
    ended = drill_ended(played.incident)
    assert not played.player.running and ended and ended.outcome == "finished"
    assert played.incident.status == "resolved" and counts_as_practice(played.incident)


def test_it_ends_when_its_time_is_up_and_its_incident_is_closed(played: Played) -> None:
    played.declare().later(minutes=31)
    ended = drill_ended(played.incident)
    assert not played.player.running and ended and ended.outcome == "timed out"
    assert played.incident.status == "closed" and not counts_as_practice(played.incident)


def test_an_abandoned_drill_does_not_stay_open(played: Played) -> None:
    played.declare().later(minutes=1)
    played.player.stop()
    ended = drill_ended(played.incident)
    assert ended and ended.outcome == "abandoned" and played.incident.status == "closed"
    assert not counts_as_practice(played.incident) and played.room.team().alerts == {}
    played.player.stop()
    assert sum(row.kind == "drill" for row in played.incident.rows) == 2, "it is recorded once"


def test_the_next_start_closes_what_a_killed_console_left(harness: AppHarness) -> None:
    killed = play(harness).declare().later(minutes=1)
    others = [
        harness.room.declare(Declare("web", "Really down")).incident.id,
        harness.room.declare(Declare("web", "Tabletop", drill=True)).incident.id,
    ]
    assert end_leftovers(harness.room, killed.player.folder) == [], "it is being played"
    killed.player._lock.release()  # as the kernel does for a process that was killed
    assert end_leftovers(harness.room, killed.player.folder) == [killed.incident_id]
    ended = drill_ended(killed.incident)
    assert killed.incident.status == "closed" and ended and ended.outcome == "abandoned"
    assert all(harness.room.incident(one).open for one in others), "nothing else is touched"
    assert harness.room.team().alerts == {}, "the alert that waited is dismissed"
    assert end_leftovers(harness.room, killed.player.folder) == []


def test_two_consoles_do_not_play_into_one_folder(harness: AppHarness, played: Played) -> None:
    with pytest.raises(WarroomError, match="Another console plays a drill"):
        play(harness)


def test_a_drill_can_run_faster_than_the_clock_of_the_room(harness: AppHarness) -> None:
    fast = play(harness, pace=10).declare().later(seconds=31)
    assert [hint.words for hint in hints_given(fast.incident)] == ["Look at the import"]
    fast.player.stop()


def test_what_teammates_of_the_script_write_is_not_taking_part(played: Played) -> None:
    played.declare().do(Pin("app.log", "queue full", 3)).later(minutes=1)
    assert played.chat() and took_part(played.incident) == {"Alice"}


def test_the_answers_of_the_script_are_not_in_the_timeline(played: Played) -> None:
    played.declare().later(minutes=1)
    started = drill_started(played.incident)
    assert started and started.cause and started.remedies
    text = "\n".join(row.text for row in played.incident.rows)
    assert "import" not in text and "Restart" not in text


# ── mistakes in a script ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ('fix = "restart"', 'fix = "restrat"', '[stages #2] fix: no such remedy. Did you mean "restart"?'),
        ('unless = { fix = "stop" }', 'unless = { fix = "stp" }', "no such remedy"),
        ('effect = "helps"', 'effect = "nothing"', 'no remedy has effect = "helps"'),
        ('id = "restart"', 'id = "stop"', "appears twice"),
        ('id = "restart"', 'id = "Re start"', "must be at most 40 small letters"),
        ('effect = "worse"', 'effect = "bad"', '"bad" is not a choice'),
        ('late = "5m"', 'latte = "5m"', 'unknown key. Did you mean "late"?'),
        ('after = "fix"\nfix = "restart"', 'after = "resolved"\nfix = "restart"', 'needs after = "fix"'),
        ('limit = "30m"', 'limit = "soon"', "[ends] limit: must be a duration"),
    ],
)
def test_a_mistake_is_located(right: str, wrong: str, expected: str) -> None:
    with pytest.raises(SettingsError, match=r"^small.toml:\d+ ") as raised:
        parse_script(SCRIPT.replace(right, wrong, 1), "small.toml")
    assert expected in " ".join(str(raised.value).split())
