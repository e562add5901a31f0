"""Planned changes, the pitfalls an incident runs into, and the items of the timed steps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta

import pytest
from harness.case import PLAYBOOK, Case, declared
from hypothesis import given
from hypothesis import strategies as st

from warroom.errors import NotFound, WarroomError
from warroom.incident.advice import next_steps
from warroom.incident.change_commands import DropChange, MakeChange, PlanChange
from warroom.incident.change_events import ChangeDropped
from warroom.incident.commands import Check, Command, Note, RecordFix, Resolve, WriteSection
from warroom.incident.corrections import RetractEntry
from warroom.incident.events import ActionAdded, AlertReceived, Entry, FixRecorded, Noted
from warroom.incident.investigation import Undo
from warroom.incident.pitfalls import is_rushed, pitfalls_seen
from warroom.incident.playbook import as_choice
from warroom.incident.quick_note import describe_quick_note, parse_quick_note
from warroom.incident.roles import Assign
from warroom.incident.step_items import finding_about, findings_about, step_item, step_item_id
from warroom.reports.brief import brief
from warroom.reports.drill_score import score
from warroom.tui.panes.checklist import checklist_rows
from warroom.tui.panes.state import state_rows

POOL = PlanChange("Pool 50→200", "revert the variable")


def planning(*plans: PlanChange) -> Case:
    case = declared()
    case.do(*(plans or (POOL,)))
    return case


def states(case: Case) -> dict[str, str]:
    return {one.id: one.state for one in case.incident.changes.values()}


# ── planned changes ───────────────────────────────────────────────────────────────────────────────────────


def test_a_change_is_recorded_with_its_rollback_before_it_is_made_and_then_marked_made() -> None:
    case = planning()
    assert [row.text for row in case.incident.rows if row.kind == "planned"] == [
        "C1 Pool 50→200 (rollback: revert the variable)"
    ]
    assert "fix-strategy" in case.incident.ticks, "what is planned is decided"
    [made] = case.do(MakeChange("c1"))
    assert isinstance(made, Noted) and (made.note, made.words, made.rollback) == (
        "change",
        "Pool 50→200",
        "revert the variable",
    )
    assert states(case) == {"C1": "made"} and not case.incident.planned_changes


def test_a_change_without_a_rollback_cannot_be_planned() -> None:
    assert declared().refused(PlanChange("Pool 50→200", " ")).field == "rollback"


def test_a_planned_change_is_dropped_with_the_reason() -> None:
    case = planning()
    [dropped] = case.do(DropChange(reason="the pool is fine"))
    assert isinstance(dropped, ChangeDropped)
    assert case.incident.rows[-1].text == "C1 Pool 50→200 — the pool is fine"
    assert "already dropped" in case.refused(MakeChange("C1")).title


def test_of_several_planned_changes_one_has_to_be_named() -> None:
    case = planning(POOL, PlanChange("Turn off search", "turn it on"))
    why = case.refused(MakeChange(), NotFound)
    assert "Several" in why.title and "C2 Turn off search" in why.remedy
    case.do(MakeChange("C2"))
    case.do(MakeChange())
    assert states(case) == {"C1": "made", "C2": "made"}
    assert "No change is planned" in case.refused(DropChange(), NotFound).title


def test_a_fix_that_was_planned_makes_the_change_and_takes_its_rollback() -> None:
    case = planning()
    fix = case.do(RecordFix("Pool 50→200", planned="C1"))[0]
    assert isinstance(fix, FixRecorded) and fix.rollback == "revert the variable"
    assert states(case) == {"C1": "made"}
    own = planning().do(RecordFix("Pool 50→200", rollback="restart", planned="C1"))[0]
    assert isinstance(own, FixRecorded) and own.rollback == "restart"


@pytest.mark.parametrize("made", [MakeChange(), RecordFix("Pool 50→200", planned="C1")])
def test_a_change_that_was_not_made_after_all_is_planned_again(made: Command) -> None:
    case = planning()
    case.do(made)
    row = next(row for row in reversed(case.incident.rows) if row.kind in ("change", "fix"))
    case.do(RetractEntry(str(row.id)))
    assert states(case) == {"C1": "planned"}
    case.do(MakeChange(), Undo())
    assert states(case) == {"C1": "planned"}


def test_a_plan_can_be_undone_with_what_it_ticked() -> None:
    case = planning()
    case.do(Undo())
    assert states(case) == {"C1": "dropped"} and "fix-strategy" not in case.incident.ticks
    case.do(POOL, MakeChange("C2"))
    case.do(Undo())
    assert states(case) == {"C1": "dropped", "C2": "planned"}, "what was done last is undone first"


def test_a_fold_from_the_middle_leaves_the_incident_it_began_with_as_it_was() -> None:
    case = planning()
    before = case.incident
    case.do(MakeChange())
    assert states(case) == {"C1": "made"} and before.changes["C1"].state == "planned"


DEEDS: list[Callable[[int], Command]] = [
    lambda n: PlanChange(f"change {n}", "undo it"),
    lambda n: MakeChange(f"C{n}"),
    lambda n: DropChange(f"C{n}"),
    lambda n: RecordFix("a fix", planned=f"C{n}"),
    lambda n: RetractEntry(str(n)),
    lambda n: Undo(),
]


@given(st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(1, 12)), max_size=25))
def test_each_planned_change_is_in_the_state_its_last_entry_says(
    deeds: list[tuple[Callable[[int], Command], int]],
) -> None:
    case = declared()
    for deed, number in deeds:
        try:
            case.do(deed(number))
        except WarroomError:
            continue
    incident = case.incident
    assert list(incident.changes) == [f"C{n}" for n in range(1, len(incident.changes) + 1)]
    for change in incident.changes.values():
        ended = incident.row(change.ended) if change.ended else None
        assert (change.state == "planned") == (ended is None)
        assert ended is None or not ended.retracted


def test_what_is_planned_is_what_to_do_next_until_it_is_made_or_dropped() -> None:
    case = planning()
    case.do(Assign("incident_commander", "Ada"))

    def asked() -> list[tuple[str, str]]:
        return [(step.action, step.target) for step in next_steps(case.incident, PLAYBOOK, (), case.now)]

    assert ("change_made", "C1") in asked()
    assert "C1 Pool 50→200" in [row.content.plain for row in state_rows(case.incident, case.now)]
    summary = brief(case.incident, PLAYBOOK, [], None, case.now, UTC)
    assert "Planned: C1 Pool 50→200 (rollback: revert the variable)" in summary.actions
    case.do(Resolve(reason="it went away"))
    assert ("change_made", "C1") in asked(), "what became of it belongs in the timeline"
    case.do(DropChange())
    assert ("change_made", "C1") not in asked()
    assert "Planned changes" not in [row.content.plain for row in state_rows(case.incident, case.now)]


def test_the_item_about_the_fix_strategy_leads_to_the_form_that_decides_on_a_fix() -> None:
    case = led().later(minutes=6)
    before = ("detection", "investigation")
    items = [item.id for name in before for item in PLAYBOOK.checklists[name].items if item.id != "fix-strategy"]
    case.do(*(Check(id) for id in items if id not in case.incident.ticks))

    def asked() -> list[tuple[str, str]]:
        return [(step.action, step.target) for step in next_steps(case.incident, PLAYBOOK, (), case.now)]

    assert ("fix", "") in asked() and ("check", "fix-strategy") not in asked()
    made_at_once = Case(list(case.entries), case.now)
    case.do(POOL, MakeChange())
    assert ("check", "fix-strategy") not in asked()
    made_at_once.do(RecordFix("Rolled back"))
    steps = next_steps(made_at_once.incident, PLAYBOOK, (), case.now)
    assert ("check", "fix-strategy") in [(step.action, step.target) for step in steps]


def test_a_quick_note_plans_a_change() -> None:
    assert parse_quick_note("!p Pool 50→200 | revert the variable") == POOL
    assert describe_quick_note("!p Pool 50→200") == "Planned change; add | and how to undo it"
    assert describe_quick_note("!p Pool 50→200 | revert") == "Planned change"


def test_the_follow_up_of_a_temporary_fix_says_what_the_permanent_one_will_be() -> None:
    answer = as_choice(PLAYBOOK.fix_strategy.permanent_solution[0])
    added = [
        e for e in declared().do(RecordFix("Rolled back", True, permanent=answer)) if isinstance(e, ActionAdded)
    ]
    assert [one.words for one in added] == ["Permanent fix for: Rolled back (Code fix needed)"]


@pytest.mark.parametrize(
    ("fix", "value"),
    [
        (RecordFix("Rolled back", rollback="deploy 412"), "named"),
        (RecordFix("Rolled back", planned="C1"), "named before the fix, in its plan"),
    ],
)
def test_a_drill_counts_a_rollback_that_was_planned_before_the_fix(fix: RecordFix, value: str) -> None:
    case = declared(drill=True)
    case.do(POOL, fix)
    line = next(one for one in score(case.incident, PLAYBOOK, case.now) if one.label == "Rollback of the fix")
    assert (line.value, line.met) == (value, True)


# ── pitfalls ──────────────────────────────────────────────────────────────────────────────────────────────


def seen(case: Case) -> list[str]:
    return [one.pitfall.id for one in pitfalls_seen(case.incident, PLAYBOOK, case.now)]


def led() -> Case:
    case = declared()
    case.do(Assign("incident_commander", "Ada"))
    return case


def test_that_nobody_leads_is_a_pitfall_after_the_minutes_of_the_playbook() -> None:
    case = declared().later(minutes=2, seconds=-1)
    assert seen(case) == []
    case.later(seconds=1)
    assert seen(case) == ["no-commander"]
    case.do(Assign("incident_commander", "Ada"))
    assert seen(case) == []


def test_a_late_update_is_a_pitfall() -> None:
    case = led().later(minutes=30)
    assert seen(case) == []
    case.later(minutes=1)
    [one] = pitfalls_seen(case.incident, PLAYBOOK, case.now)
    assert one.pitfall.id == "poor-communication" and one.trigger == "The team's update is 1 min overdue"
    assert all(solution in one.text for solution in one.pitfall.solutions)


@pytest.mark.parametrize(
    "fix", ["Restarted the pods", "Raised the rollout to 20 %", "Backed up the pool and scaled"]
)
def test_a_fix_within_five_minutes_is_rushed(fix: str) -> None:
    case = led().later(minutes=5, seconds=-1)
    assert is_rushed(case.incident, PLAYBOOK, fix, case.now)
    assert not is_rushed(case.incident, PLAYBOOK, fix, case.now + timedelta(seconds=1))
    case.do(RecordFix(fix))
    assert seen(case.later(minutes=1)) == ["rushing"]


@pytest.mark.parametrize(
    "fix", ["Rolled back to 411", "Rollback deployment", "roll checkout-api back", "Rolling-back", "Reverted 412"]
)
def test_a_rollback_is_never_rushed(fix: str) -> None:
    case = led().later(minutes=1)
    assert not is_rushed(case.incident, PLAYBOOK, fix, case.now)


def test_how_long_to_assess_is_the_playbooks_figure() -> None:
    longer = PLAYBOOK.model_copy(update={"nudges": PLAYBOOK.nudges.model_copy(update={"assess_minutes": 10})})
    case = led().later(minutes=7)
    assert is_rushed(case.incident, longer, "Restarted", case.now)
    assert not is_rushed(case.incident, PLAYBOOK, "Restarted", case.now)


def test_many_alerts_within_an_hour_are_the_pitfall_of_alert_fatigue() -> None:
    case = led()

    def alert(number: int) -> None:
        entry_id = case.context.new_id()
        event = AlertReceived(name="error_rate", source="am", fingerprint=str(number))
        case.entries.append(
            Entry(stream="INC-1", seq=len(case.entries) + 1, id=entry_id, at=case.now, by="", event=event)
        )

    for number in range(9):
        alert(number)
    assert seen(case) == []
    alert(9)
    assert seen(case) == ["alert-fatigue"]
    assert "alert-fatigue" not in seen(case.later(hours=1, seconds=1))


def test_an_incident_without_a_post_mortem_after_two_days_is_a_pitfall_but_a_drill_is_not() -> None:
    case, drill = led(), declared(drill=True)
    for one in (case, drill):
        one.do(Resolve(reason="it went away"))
        one.later(hours=48, seconds=-1)
        assert seen(one) == []
        one.later(seconds=1)
    assert (seen(case), seen(drill)) == (["no-postmortem"], [])
    case.do(WriteSection("root_cause", "A leak"))
    assert seen(case) == []


def test_a_pitfall_that_a_team_has_removed_is_not_named() -> None:
    guidance = PLAYBOOK.guidance.model_copy(update={"pitfalls": PLAYBOOK.guidance.pitfalls[1:]})
    without = PLAYBOOK.model_copy(update={"guidance": guidance})
    case = declared().later(minutes=3)
    assert PLAYBOOK.guidance.pitfalls[0].id == "no-commander"
    assert pitfalls_seen(case.incident, without, case.now) == []


# ── the items of the timed steps ──────────────────────────────────────────────────────────────────────────


def test_every_item_of_every_step_is_found_again_by_its_id() -> None:
    ids = [(step_item_id(step.id, n), item) for step in PLAYBOOK.steps for n, item in enumerate(step.items)]
    assert len(ids) > 10 and len({id for id, _ in ids}) == len(ids)
    assert [step_item(PLAYBOOK, id) for id, _ in ids] == [item for _, item in ids]


@given(st.text(max_size=20) | st.text(max_size=10).map(lambda text: f"asked:gather:{text}"))
def test_no_other_text_is_an_item_of_a_step(text: str) -> None:
    words = step_item(PLAYBOOK, text)
    assert not words or words in PLAYBOOK.steps[0].items
    assert step_item(PLAYBOOK, "health-checks") == "" and step_item(PLAYBOOK, "asked:gather:99") == ""


def test_the_items_of_the_present_step_stand_below_the_list_of_their_phase() -> None:
    case = led().later(minutes=6)
    item = PLAYBOOK.steps[0].items[1]
    rows = checklist_rows(case.incident, PLAYBOOK, case.now)
    words = [row.content.plain for row in rows]
    heading = words.index("Gather context (5–10 min)")
    assert words[heading - 1].endswith("Plan fix strategy")
    assert words[heading + 1 : heading + 5] == [f"· {one}" for one in PLAYBOOK.steps[0].items]
    assert all(row.id for row in rows[heading + 1 : heading + 5])
    case.do(Note(f"{finding_about(item)}timeouts since 13:58", "finding"))
    assert findings_about(case.incident, item) == ["timeouts since 13:58"]
    again = [row.content.plain for row in checklist_rows(case.incident, PLAYBOOK, case.now)]
    assert f"✓ {item}" in again
    case.do(RetractEntry(str(next(row.id for row in case.incident.rows if row.kind == "finding"))))
    assert findings_about(case.incident, item) == []
    assert "Gather context (5–10 min)" not in [
        row.content.plain for row in checklist_rows(case.incident, PLAYBOOK, case.later(minutes=5).now)
    ]


def test_a_question_of_the_fix_strategy_becomes_a_choice() -> None:
    assert [as_choice(one) for one in PLAYBOOK.fix_strategy.immediate_actions] == [
        "Rollback deployment",
        "Restart services",
        "Scale resources",
        "Fallback to cached data",
    ]
