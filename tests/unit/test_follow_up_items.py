"""The follow-up checklist: an item is done with its action items, or not needed with a reason; both are undone."""

from __future__ import annotations

from dataclasses import replace

from harness.case import PLAYBOOK, Case, declared
from hypothesis import given
from hypothesis import strategies as st

from warroom.errors import BadInput, NotFound, WarroomError
from warroom.incident.action_items import actions_for, is_to_do, item_state, open_actions
from warroom.incident.advice import next_steps
from warroom.incident.commands import (
    AddAction,
    Check,
    Close,
    Command,
    CompleteAction,
    Resolve,
    Uncheck,
    WriteSection,
    close_blockers,
)
from warroom.incident.events import EntryRetracted, ItemChecked
from warroom.incident.follow_up import ChangeAction, MarkNotNeeded, ReopenAction
from warroom.incident.incident import apply
from warroom.incident.investigation import Undo
from warroom.incident.requests import RequestMade
from warroom.incident.tracking import RecordIssuesClosed
from warroom.reports import postmortem, render

ITEMS = [item.id for item in PLAYBOOK.checklists["post_incident"].items]


def resolved() -> Case:
    case = declared()
    case.do(Resolve("enough"))
    return case


def test_an_item_is_ticked_when_the_last_of_its_action_items_is_done() -> None:
    case = resolved()
    case.do(AddAction("Update the runbook", item="docs"), AddAction("Update the diagram", item="docs"))
    case.do(CompleteAction("A1"))
    assert "docs" not in case.incident.ticks, "one is left"
    assert item_state(case.incident, "docs") == ("○", "A2")
    _, ticked = case.do(CompleteAction("A2"))
    assert ticked == ItemChecked(item="docs", title="Update documentation and runbooks", because="action_done")


def test_owner_date_and_type_of_an_action_item_can_be_changed_also_after_closing() -> None:
    case = resolved()
    case.do(AddAction("Alert on the pool", "Bob", "2026-02-14", "detect"), Close("the rest is on the board"))
    case.do(ChangeAction("a1", owner="Carol"))
    item = case.incident.actions["A1"]
    assert (item.owner, item.due, item.type) == ("Carol", "2026-02-14", "detect"), "what was not given stays"
    case.do(ChangeAction("A1", due="", type="prevent"))
    item = case.incident.actions["A1"]
    assert (item.owner, item.due, item.type) == ("Carol", "", "prevent")
    assert case.incident.rows[-1].text == "A1 Alert on the pool: now Carol · no date · prevent"
    case.refused(ChangeAction("A1", owner=" Carol "))
    case.refused(ChangeAction("A1", due="soon"), BadInput)
    case.refused(ChangeAction("A9", owner="Bob"), NotFound)


def test_an_action_item_that_was_added_by_itself_ticks_nothing() -> None:
    case = resolved()
    case.do(AddAction("Update the runbook"), CompleteAction("A1"))
    assert "docs" not in case.incident.ticks


def test_an_item_is_ticked_too_when_its_issue_is_closed_elsewhere_also_after_closing() -> None:
    case = resolved()
    case.do(AddAction("Update the runbook", item="docs"), Close("the rest is on the board"))
    (action,) = open_actions(case.incident)
    case.do(RecordIssuesClosed((action.entry,), "board"))
    assert case.incident.ticks["docs"].because == "action_done"


def test_an_item_with_an_open_action_item_cannot_be_ticked_by_hand() -> None:
    case = resolved()
    case.do(AddAction("Update the runbook", item="docs"))
    assert "A1" in case.refused(Check("docs")).remedy
    case.do(CompleteAction("A1"))
    case.refused(Check("docs"))


def test_an_action_item_is_for_an_open_item_of_the_follow_up_only() -> None:
    case = resolved()
    case.refused(AddAction("Look again", item="health-checks"))
    case.do(Check("docs"))
    case.refused(AddAction("Update the runbook", item="docs"))


def test_a_retracted_action_item_holds_nothing_up() -> None:
    case = resolved()
    case.do(AddAction("Update the runbook", item="docs"))
    (action,) = actions_for(case.incident, "docs")
    retracted = EntryRetracted(entry=action.entry)
    later = replace(case.entries[-1], seq=99, id=case.context.new_id(), event=retracted)
    incident = apply(case.incident, later)
    assert actions_for(incident, "docs") == [] and not is_to_do(incident, action)


def test_what_is_not_needed_has_a_reason_and_keeps_nothing_from_closing() -> None:
    case = resolved()
    case.refused(MarkNotNeeded("docs", "  "), BadInput)
    case.do(MarkNotNeeded("docs", "No document describes this part"))
    assert item_state(case.incident, "docs") == ("–", "not needed: No document describes this part")
    assert "Update documentation and runbooks" not in close_blockers(case.incident, PLAYBOOK)
    assert not [s for s in next_steps(case.incident, PLAYBOOK, [], case.now) if s.target == "docs"]
    assert "not needed" in case.refused(Check("docs")).title
    case.do(Uncheck("docs"))
    assert "Update documentation and runbooks" in close_blockers(case.incident, PLAYBOOK)


def test_only_items_of_the_follow_up_can_be_not_needed_and_the_root_cause_never() -> None:
    case = resolved()
    assert "follow-up" in case.refused(MarkNotNeeded("health-checks", "we trust it")).title
    assert "always needed" in case.refused(MarkNotNeeded("root-cause", "we know it")).title
    case.do(Check("share"))
    case.refused(MarkNotNeeded("share", "nobody cares"))


def test_the_post_mortem_says_what_was_not_needed_without_names() -> None:
    case = resolved()
    case.do(WriteSection("root_cause", "A pool"), MarkNotNeeded("docs", "Ada says *nothing* changed"))
    document = postmortem.build(case.incident, PLAYBOOK, [], case.now, case.now.tzinfo)  # type: ignore[arg-type]
    text = render.to_markdown(document, PLAYBOOK)
    assert "- Update documentation and runbooks: A responder says \\*nothing\\* changed" in text
    assert text.count("changed") == 1, "not in the timeline too"


def test_an_action_item_is_reopened_with_the_item_that_it_had_ticked() -> None:
    case = resolved()
    case.do(AddAction("Update the runbook", item="docs"))
    case.refused(ReopenAction("A1"))
    case.do(CompleteAction("A1"), ReopenAction("a1"))
    assert [one.id for one in open_actions(case.incident)] == ["A1"]
    assert "docs" not in case.incident.ticks
    assert [row.text for row in case.incident.rows if row.kind == "reopened"] == [
        "A1 ○ Update the runbook (not done after all)"
    ]


def test_an_action_item_whose_issue_is_closed_elsewhere_is_not_reopened_here() -> None:
    case = resolved()
    case.do(AddAction("Update the runbook"))
    (action,) = open_actions(case.incident)
    case.do(_Track(action.entry), CompleteAction("A1"))
    assert "board" in case.refused(ReopenAction("A1")).remedy


class _Track:
    """Records that an issue was asked for, as ``room.issue_tracking`` does."""

    def __init__(self, action: object) -> None:
        self.action = action

    def decide(self, incident: object, context: object) -> list[RequestMade]:
        return [RequestMade(request="issue", service="board", what="open an issue", about=self.action)]  # type: ignore[arg-type]


def test_undo_takes_back_what_was_finished_or_not_needed_just_now() -> None:
    case = resolved()
    case.do(AddAction("Update the runbook", item="docs"), CompleteAction("A1"), Undo())
    assert open_actions(case.incident) and "docs" not in case.incident.ticks
    case.do(MarkNotNeeded("share", "a small one"), Undo())
    assert "share" not in case.incident.ticks
    case.do(CompleteAction("A1")), case.later(seconds=11)
    case.refused(Undo())


def test_next_names_the_action_item_that_an_item_waits_for() -> None:
    case = resolved()
    case.do(AddAction("Update the runbook", "Bob", "2026-02-14", item="docs"))
    steps = next_steps(case.incident, PLAYBOOK, [], case.now)
    assert not [step for step in steps if step.action == "check" and step.target == "docs"]
    assert [s.text for s in steps if s.action == "finish_action"] == [
        "Finish A1: Update the runbook, due 2026-02-14"
    ]


items, actions = st.sampled_from(ITEMS), st.sampled_from(["A1", "A2", "A3"])


@given(
    st.lists(
        st.builds(AddAction, st.just("do it"), item=items | st.just(""))
        | st.builds(CompleteAction, actions)
        | st.builds(ReopenAction, actions)
        | st.builds(Check, items)
        | st.builds(Uncheck, items)
        | st.builds(MarkNotNeeded, items, st.sampled_from(["", "small"]))
        | st.just(Undo()),
        max_size=14,
    )
)
def test_whatever_is_done_no_item_counts_as_done_with_an_action_item_that_is_open(steps: list[Command]) -> None:
    case = resolved()
    for step in steps:
        try:
            case.do(step)
        except WarroomError:
            continue
        for item, tick in case.incident.ticks.items():
            assert not (tick.because == "action_done" and actions_for(case.incident, item)), step
            assert not (tick.not_needed and item == "root-cause")
