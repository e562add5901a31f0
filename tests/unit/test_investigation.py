"""Hypotheses, tasks, undoing, quick notes and the brief: what each leads to, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from harness.case import Case, declared
from hypothesis import given
from hypothesis import strategies as st

from warroom.errors import BadInput, NotFound, Refusal, WarroomError
from warroom.incident.advice import NextStep, next_steps
from warroom.incident.commands import Check, Command, Note, PostUpdate, Resolve, Uncheck
from warroom.incident.corrections import AmendEntry, RetractEntry
from warroom.incident.events import HypothesisConfirmed, HypothesisRuledOut, RoleAssigned, TaskAssigned
from warroom.incident.investigation import (
    UNDO_WITHIN,
    AssignTask,
    CompleteTask,
    ConfirmHypothesis,
    RuleOutHypothesis,
    Undo,
)
from warroom.incident.quick_note import KINDS, describe_quick_note, parse_quick_note
from warroom.incident.readings import Observation, Reading
from warroom.incident.roles import AcceptHandover, Assign, HandOver
from warroom.reports.brief import brief, time_left

PEOPLE = ("Alice Adams", "Bob", "Bobby", "Carol")


def suspecting(*words: str) -> Case:
    case = declared()
    case.do(*(Note(text, "hypothesis") for text in words))
    return case


# ── hypotheses ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_hypothesis_is_open_until_it_is_confirmed_or_ruled_out() -> None:
    case = suspecting("pool exhausted", "network")
    assert [(one.id, one.words) for one in case.incident.hypotheses_in("open")] == [
        ("H1", "pool exhausted"),
        ("H2", "network"),
    ]
    [out] = case.do(RuleOutHypothesis("h2", "no packet loss"))
    assert isinstance(out, HypothesisRuledOut) and out.words == "network"
    [confirmed] = case.do(ConfirmHypothesis())
    assert isinstance(confirmed, HypothesisConfirmed) and confirmed.words == "pool exhausted"
    assert [one.id for one in case.incident.hypotheses_in("ruled out")] == ["H2"]
    assert case.incident.hypotheses["H2"].reason == "no packet loss"
    assert [row.text for row in case.incident.rows[-2:]] == ["H2 network — no packet loss", "H1 pool exhausted"]


def test_a_mind_can_be_changed_about_a_hypothesis_but_not_repeated() -> None:
    case = suspecting("network")
    case.do(RuleOutHypothesis("H1"))
    case.refused(RuleOutHypothesis("H1"))
    case.do(ConfirmHypothesis("H1"))
    case.refused(ConfirmHypothesis("H1"))
    assert case.incident.hypotheses["H1"].state == "confirmed"


def test_which_hypothesis_is_meant_must_be_clear() -> None:
    assert "no hypothesis yet" in case_error(declared(), RuleOutHypothesis()).title
    several = case_error(suspecting("pool", "network"), RuleOutHypothesis())
    assert "Several" in several.title and "H1 pool; H2 network" in several.remedy
    assert "no hypothesis H9" in case_error(suspecting("pool"), ConfirmHypothesis("H9")).title
    decided = suspecting("pool")
    decided.do(ConfirmHypothesis())
    none_open = case_error(decided, RuleOutHypothesis())
    assert "No hypothesis is open" in none_open.title and "H1 pool" in none_open.remedy
    some = suspecting("pool", "network", "disk")
    some.do(RuleOutHypothesis("H2"))
    assert "H1 pool; H3 disk." in case_error(some, ConfirmHypothesis()).remedy


def case_error(case: Case, command: Command) -> WarroomError:
    return case.refused(command, NotFound)


def test_a_hypothesis_reads_as_its_note_was_amended_and_goes_when_it_is_retracted() -> None:
    case = suspecting("pool", "network")
    first = case.incident.hypotheses["H1"].entry
    case.do(AmendEntry(str(first), "pool of 50 exhausted"))
    assert case.incident.hypotheses["H1"].words == "pool of 50 exhausted"
    case.do(RetractEntry(str(first)))
    assert [one.id for one in case.incident.hypotheses_in("open")] == ["H2"]
    case.refused(ConfirmHypothesis("H1"), NotFound)
    case.do(Note("disk", "hypothesis"))
    assert case.incident.hypotheses_in("open")[-1].id == "H3"  # a number is never used twice


# ── tasks ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_task_runs_for_its_time_and_then_becomes_the_next_step() -> None:
    case = declared()
    [event] = case.do(AssignTask("Bob", "check replicas", 5))
    assert isinstance(event, TaskAssigned) and event.until == case.now + timedelta(minutes=5)

    def asked() -> list[str]:
        steps = next_steps(case.incident, case.context.playbook, (), case.now)
        return [step.target for step in steps if step.action == "finish_task"]

    case.later(minutes=4, seconds=59)
    assert asked() == []
    case.later(seconds=1)
    assert asked() == ["T1"]
    case.do(CompleteTask("t1"))
    assert asked() == [] and case.incident.open_tasks == []
    assert [row.text for row in case.incident.rows[-2:]] == ["T1 Bob: check replicas", "T1 ✓ check replicas"]


def test_the_task_that_ends_first_comes_first() -> None:
    case = declared()
    case.do(AssignTask("Bob", "replicas", 20), AssignTask("Carol", "deploys", 5))
    assert [task.who for task in case.incident.open_tasks] == ["Carol", "Bob"]


def test_a_task_needs_a_person_words_and_a_time_it_can_take() -> None:
    case = declared()
    case.refused(AssignTask(" ", "replicas"), BadInput)
    case.refused(AssignTask("Bob", " "), BadInput)
    for minutes in (0, -1, 24 * 60 + 1):
        case.refused(AssignTask("Bob", "replicas", minutes), BadInput)
    case.do(AssignTask("Bob", "replicas", 24 * 60))
    assert "Open tasks: T1." in case.refused(CompleteTask("T2"), NotFound).remedy
    case.do(CompleteTask("T1"))
    assert "Open tasks: none." in case.refused(CompleteTask("T2"), NotFound).remedy
    case.refused(CompleteTask("T1"))
    case.do(Resolve("seen"))
    case.refused(AssignTask("Bob", "replicas"))


# ── undoing ───────────────────────────────────────────────────────────────────────────────────────────────


def test_undo_takes_back_a_tick_a_note_with_what_it_ticked_and_a_role() -> None:
    case = declared()
    case.do(Check("components"))
    case.do(Undo())
    assert "components" not in case.incident.ticks
    case.do(Note("pool exhausted", "finding"))
    assert "findings" in case.incident.ticks
    case.do(Undo())
    assert "findings" not in case.incident.ticks and case.incident.rows[-3].retracted is False
    assert [row.retracted for row in case.incident.rows if row.kind == "finding"] == [True]
    case.do(Assign("technical_lead", "Bob"))
    case.do(Undo())
    assert "technical_lead" not in case.incident.roles


def test_undo_gives_a_role_back_to_who_had_it() -> None:
    case = declared()
    case.do(Assign("technical_lead", "Bob"))
    case.later(minutes=1).do(HandOver("technical_lead", "Carol"))
    case.do(AcceptHandover("technical_lead"))
    [event, *_] = case.do(Undo())
    assert isinstance(event, RoleAssigned) and case.incident.roles["technical_lead"].person == "Bob"


def test_undo_reaches_only_ones_own_and_only_for_ten_seconds() -> None:
    case = declared()
    case.do(Note("mine"))
    case.by = "Bob"
    case.refused(Undo())
    case.by = "Ada"
    case.later(seconds=UNDO_WITHIN.total_seconds())
    case.decide(Undo())
    case.later(milliseconds=1)
    case.refused(Undo())


def test_undo_again_reaches_what_was_before_it() -> None:
    case = declared()
    case.do(Note("first"), Note("second"))
    case.do(Undo())
    case.do(Undo())
    assert [row.retracted for row in case.incident.rows if row.kind == "note"] == [True, True]
    case.refused(Undo())


def test_a_tick_that_was_taken_away_or_set_again_since_is_not_undone() -> None:
    case = declared()
    case.do(Check("components"))
    case.later(seconds=1).by = "Bob"
    case.do(Uncheck("components"))
    case.by = "Ada"
    case.refused(Undo())
    case.by = "Bob"
    case.do(Check("components"))
    case.by = "Ada"
    case.refused(Undo())


def test_what_somebody_else_ticked_since_is_not_undone() -> None:
    case = declared()
    case.do(Note("pool", "finding"))
    case.by = "Bob"
    case.do(Check("components"))
    case.by = "Ada"
    case.do(Undo())
    assert "components" in case.incident.ticks and "findings" not in case.incident.ticks


def test_what_a_note_ticked_and_somebody_else_ticked_again_stays() -> None:
    case = declared()
    case.do(Note("pool", "finding"))
    case.later(seconds=1).by = "Bob"
    case.do(Uncheck("findings"), Check("findings"))
    case.by = "Ada"
    case.do(Undo())
    assert "findings" in case.incident.ticks


# ── quick notes ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("pool exhausted", Note("pool exhausted")),
        ("!important: do not restart", Note("!important: do not restart")),
        ("!f pool exhausted | really", Note("pool exhausted", "finding", because="really")),
        ("!H network", Note("network", "hypothesis")),
        ("!d roll back | v412 is the only change", Note("roll back", "decision", "v412 is the only change")),
        ("!c pool 50→200 | revert env", Note("pool 50→200", "change", rollback="revert env")),
        ("!r h2 no packet loss", RuleOutHypothesis("h2", "no packet loss")),
        ("!r", RuleOutHypothesis()),
        ("!y it stops at 50", ConfirmHypothesis("", "it stops at 50")),
        ("@alice 15m check replicas", AssignTask("Alice Adams", "check replicas", 15)),
        ("@Bob 1 h restore a copy", AssignTask("Bob", "restore a copy", 60)),
        ("@carol check replicas", AssignTask("Carol", "check replicas", 10)),
        ("@dave 5m look", AssignTask("dave", "look", 5)),
        ("  spaced  ", Note("spaced")),
    ],
)
def test_the_first_characters_say_what_a_line_becomes(line: str, command: Command) -> None:
    assert parse_quick_note(line, PEOPLE) == command


@pytest.mark.parametrize(
    ("line", "described"),
    [
        ("!r", "Rule out the open hypothesis"),
        ("!r h2 no loss", "Rule out h2"),
        ("!y", "Confirm the open hypothesis"),
        ("!y H1", "Confirm H1"),
        ("@bob 15m look", "Task for Bob, 15 min"),
        ("!c pool 50→200", "Change; add | and how to undo it"),
        ("!c pool 50→200 | revert", "Change"),
        ("!f pool exhausted", "Finding"),
    ],
)
def test_what_a_line_becomes_is_said_while_it_is_typed(line: str, described: str) -> None:
    assert describe_quick_note(line, PEOPLE) == described


@pytest.mark.parametrize("line", ["!x something", "@bo 5m look"])
def test_an_unknown_letter_and_half_a_name_are_refused_with_what_to_type(line: str) -> None:
    with pytest.raises(BadInput) as raised:
        parse_quick_note(line, PEOPLE)
    assert raised.value.title and raised.value.remedy
    assert describe_quick_note(line, PEOPLE) == raised.value.title


@given(st.text(max_size=40) | st.sampled_from(["!", "!c", "@", "@ ", "!r H", "!d |", "@Bob 0m", "!f |||"]))
def test_whatever_is_typed_is_a_command_or_bad_input_and_can_be_described(line: str) -> None:
    described = describe_quick_note(line, PEOPLE)
    assert bool(described) == bool(line.strip())
    try:
        command = parse_quick_note(line, PEOPLE)
    except BadInput:
        return
    case = suspecting("pool")
    try:
        case.decide(command)
    except (BadInput, NotFound, Refusal) as error:
        assert error.title and error.remedy


@given(st.sampled_from(sorted(KINDS)), st.text("abc |", min_size=1, max_size=20).filter(lambda t: t.strip(" |")))
def test_no_word_of_a_line_is_lost(letter: str, text: str) -> None:
    note = parse_quick_note(f"!{letter} {text}")
    assert isinstance(note, Note)
    kept = f"{note.words}|{note.because}{note.rollback}"
    assert kept.replace(" ", "").replace("|", "") == text.replace(" ", "").replace("|", "")


# ── the brief ─────────────────────────────────────────────────────────────────────────────────────────────

UTC_ZONE = UTC


def summed(case: Case, observation: Observation | None = None, steps: Sequence[NextStep] | None = None) -> str:
    playbook = case.context.playbook
    if steps is None:
        steps = next_steps(case.incident, playbook, (), case.now)
    made = brief(case.incident, playbook, steps, observation, case.now, UTC_ZONE)
    return f"{made.text()}\n\n{made.spoken}"


def test_the_brief_says_what_is_wrong_what_is_done_and_what_is_needed() -> None:
    case = suspecting("pool exhausted by v412", "network")
    case.do(RuleOutHypothesis("H2"), Assign("incident_commander", "Ada"))
    case.do(Note("pool 50→200", "change", rollback="revert"), AssignTask("Bob", "check replicas", 10))
    case.later(minutes=4)
    text = summed(case)
    assert text.startswith("INC-1 · High · checkout-api\n")
    for line in (
        "Impact: No orders get through",
        "Suspected: H1 pool exhausted by v412",
        "Ruled out: H2 network",
        "Changed: pool 50→200",
        "Bob: check replicas, 6 min left",
        "A technical lead (backup: ",
    ):
        assert line in text, text
    assert "An incident commander" not in text
    spoken = text.rpartition("\n")[2]
    assert "We are 4 minutes in. Ada leads. We suspect: pool exhausted by v412." in spoken
    assert len(spoken.split()) <= 60  # 20 seconds at three words a second


def test_the_brief_of_a_resolved_incident_says_that_it_is_over() -> None:
    case = declared()
    case.later(minutes=20).do(Resolve("seen to recover"))
    text = summed(case)
    assert "Impact was: No orders get through" in text and "is resolved" in text
    assert "technical lead" not in text


@pytest.mark.parametrize(("age_s", "ago"), [(59, ""), (60, ", 1 min ago")])
def test_the_brief_says_what_was_measured_and_how_long_ago_if_it_is_over_a_minute(age_s: float, ago: str) -> None:
    case = declared()
    measured = Observation(case.now, readings={"errors": Reading("9 errors in the last minute")})
    case.later(seconds=age_s)
    assert f"  9 errors in the last minute{ago}\n" in summed(case, measured)
    case.do(Resolve("seen to recover"))
    assert "errors" not in summed(case, measured)


def test_an_update_is_overdue_in_the_brief_only_after_its_due_time() -> None:
    case = declared()
    case.do(PostUpdate("update", "update", "team", "t", "w", next_update_at=case.now + timedelta(minutes=30)))
    text = summed(case.later(minutes=30))
    assert "Update 2, due 12:30 UTC\n" in text and "The next update is at 12:30." in text
    text = summed(case.later(seconds=1))
    assert "Update 2, overdue since 12:30 UTC\n" in text and "The next update was due at 12:30." in text


@pytest.mark.parametrize(("action", "named"), [("resolve", True), ("assign", False), ("update", False)])
def test_the_brief_names_the_next_step_unless_it_is_among_the_needs_already(action: str, named: bool) -> None:
    steps = [NextStep(action, "", "Verify the recovery"), NextStep("fix", "", "Record the fix")]
    text = summed(declared(), steps=steps)
    assert ("Next: Verify the recovery" in text) == named and "Record the fix" not in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(600, "10 min left"), (541, "10 min left"), (1, "1 min left"), (0, "0 s over"), (-90, "1 min over")],
)
def test_the_time_left_is_rounded_up_and_says_when_it_is_over(seconds: int, text: str) -> None:
    now = datetime(2026, 1, 28, 12, 0, tzinfo=UTC)
    assert time_left(now + timedelta(seconds=seconds), now) == text
