"""Suggestions for a post-mortem: decided one by one, once for everybody, and never offered again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from harness.case import NOON, PLAYBOOK, Case, declared
from harness.ids import entry_id
from hypothesis import given
from hypothesis import strategies as st

from warroom.incident.commands import AddAction, Check, Command, Note, RecordFix, Resolve, WriteSection
from warroom.incident.corrections import RetractEntry
from warroom.incident.events import Section, SectionWritten, SuggestionDismissed
from warroom.incident.incident import ActionItem
from warroom.incident.investigation import ConfirmHypothesis, Undo
from warroom.incident.suggestions import AcceptSuggestion, DismissSuggestion, settled
from warroom.reports import postmortem
from warroom.reports.suggestions import Suggestion
from warroom.reports.wording import find_weak_points


def resolved(*before: Command) -> Case:
    """An incident in which much could be improved: no roles, no updates, a temporary fix without a rollback."""
    case = declared()
    case.later(minutes=30).do(*before, RecordFix("Rolled 4.2 back", temporary=True))
    for item in PLAYBOOK.checklists["recovery"].items:
        case.do(Check(item.id))
    case.do(Resolve("the rest follows"))
    return case


def offered(case: Case, section: Section = "could_improve") -> tuple[Suggestion, ...]:
    document = postmortem.build(case.incident, PLAYBOOK, [], case.now, NOON.tzinfo or NOON.astimezone().tzinfo)  # type: ignore[arg-type]
    return document.suggestions.get(section, ())


def test_an_accepted_suggestion_is_a_line_of_its_section_and_not_offered_again() -> None:
    case = resolved()
    first, second, *rest = offered(case)
    case.do(AcceptSuggestion(first.section, first.key, first.text))
    case.do(AcceptSuggestion(second.section, second.key, "In other words."))
    assert case.incident.sections["could_improve"] == f"- {first.text}\n- In other words."
    assert list(offered(case)) == rest


def test_a_dismissed_suggestion_is_not_offered_again_even_when_its_figures_change() -> None:
    case = declared()
    case.later(minutes=20)
    (gap,) = [one for one in offered(case) if one.key.startswith("no-commander")]
    case.do(DismissSuggestion(gap.section, gap.key, gap.text))
    case.later(minutes=20)
    assert gap.key not in [one.key for one in offered(case)]
    assert "could_improve" not in case.incident.sections


def test_two_consoles_that_decide_at_once_record_it_once() -> None:
    case = resolved()
    one, other, *_ = offered(case)
    accept = AcceptSuggestion(one.section, one.key, one.text)
    case.do(accept)
    assert case.decide(accept) == [] == case.decide(DismissSuggestion(one.section, one.key, one.text))
    dismiss = DismissSuggestion(other.section, other.key, other.text)
    mine, theirs = case.decide(dismiss), case.decide(dismiss)
    assert mine == theirs and isinstance(mine[0], SuggestionDismissed)
    case.do(dismiss)
    again = case.incident.rows[-1].entry
    assert case.decide(dismiss) == [] and again.id != entry_id(again.seq)  # an id that both consoles arrive at


def test_a_dismissal_can_be_taken_back_at_once_or_later() -> None:
    case = resolved()
    before = offered(case)
    dismiss = DismissSuggestion(before[0].section, before[0].key, before[0].text)
    case.do(dismiss)
    assert offered(case) == before[1:]
    case.later(seconds=5).do(Undo())
    assert offered(case) == before
    case.do(dismiss)  # and dismissed once more
    assert offered(case) == before[1:]
    case.later(hours=5).do(RetractEntry(str(case.incident.rows[-1].number)))
    assert offered(case) == before


def test_a_section_that_is_written_in_full_settles_all_and_a_form_those_it_showed() -> None:
    case = resolved()
    first, *rest = offered(case)
    case.do(WriteSection("could_improve", "We had no roles.", settles=(first.key,)))
    assert list(offered(case)) == rest
    case.do(WriteSection("could_improve", "We had no roles, and no updates."))
    assert offered(case) == ()


def test_the_summary_is_replaced_by_its_suggestion_and_a_text_is_followed_by_a_list() -> None:
    case = resolved()
    (summary,) = offered(case, "summary")
    case.do(AcceptSuggestion("summary", summary.key, summary.text))
    assert case.incident.sections["summary"] == summary.text
    first, second, *_ = offered(case)
    case.do(WriteSection("could_improve", "A paragraph.", settles=()))
    case.do(AcceptSuggestion(first.section, first.key, "One\nin two lines."))
    case.do(AcceptSuggestion(second.section, second.key, "Two"))
    assert case.incident.sections["could_improve"] == "A paragraph.\n\n- One\n  in two lines.\n- Two"


def test_a_confirmed_hypothesis_is_the_root_cause_and_findings_are_contributing_factors() -> None:
    findings = [Note(f"Finding {number}", "finding") for number in range(8)]
    open_case = resolved(*findings)
    assert [one.text for one in offered(open_case, "root_cause")] == [f"Finding {n}" for n in range(3, 8)]
    case = resolved(*findings, Note("The pool is too small", "hypothesis"), ConfirmHypothesis("H1"))
    assert [one.text for one in offered(case, "root_cause")] == ["Confirmed: The pool is too small"]
    assert len(offered(case, "contributing_factors")) == 5


def test_suggestions_can_be_decided_about_after_the_incident_is_closed() -> None:
    assert AcceptSuggestion.after_closing and DismissSuggestion.after_closing


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc"), st.booleans()), max_size=12))
def test_what_is_settled_follows_from_the_entries(steps: list[tuple[bool, str, bool]]) -> None:
    case = declared()
    expected: set[str] = set()
    for accept, key, undo in steps:
        command = AcceptSuggestion if accept else DismissSuggestion
        case.later(seconds=30).do(command("went_well", key, f"words of {key}"))
        taken_back = undo and not accept and key not in expected
        if taken_back:
            case.do(RetractEntry(str(case.incident.rows[-1].number)))
        else:
            expected.add(key)
        now = settled(case.incident)
        assert {key for key in "abc" if now.covers("went_well", key)} == expected
    accepted = [row for row in case.incident.rows if isinstance(row.entry.event, SectionWritten)]
    assert len(case.incident.sections.get("went_well", "").splitlines()) == len(accepted)


def item(words: str, owner: str = "Bob", due: str = "2026-02-14", *, done: bool = False) -> ActionItem:
    return ActionItem("A1", entry_id(1), words, owner, due, NOON, NOON + timedelta(days=1) if done else None)


@pytest.mark.parametrize(
    "words",
    [
        "Look into the retries",
        "improve the dashboards",
        "Be more careful with deployments",
        "We should think about a second region",
        "Try to speed up the tests",
        "Make sure that nobody deploys on Fridays",
        "Monitor the pool",
        "Educate the team",
    ],
)
def test_an_action_item_whose_end_nobody_can_see_is_pointed_out(words: str) -> None:
    (hint,) = find_weak_points(item(words))
    assert "has no end" in hint and ": " in hint
    assert find_weak_points(item(words, done=True)) == ()


@pytest.mark.parametrize(
    "words",
    [
        "Alert when more than 80 % of the pool is in use",
        "Add a test that opens 80 connections",
        "Deploy to one region before the others",
        "Delete the retries of the shop",
        "Improved dashboard: show the pool",
        "Trainer mode for the composer",
    ],
)
def test_a_good_action_item_is_left_alone(words: str) -> None:
    assert find_weak_points(item(words)) == ()


def test_an_action_item_without_an_owner_or_a_date_is_pointed_out() -> None:
    assert [hint.partition(":")[0] for hint in find_weak_points(item("Add an alert", "", ""))] == [
        "no owner",
        "no date",
    ]


def test_action_items_are_not_judged_while_they_are_added() -> None:
    case = declared()
    case.do(AddAction("look into it"))
    assert case.incident.actions["A1"].words == "look into it"
