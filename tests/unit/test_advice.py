"""The Next line: the one most useful thing, most urgent first, never silent."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from harness.ids import entry_id, new_ids

from warroom.config.loading import load_playbook
from warroom.config.settings import Settings
from warroom.incident.advice import SEVERITY_ITEM, NextStep, due_template, next_steps
from warroom.incident.commands import (
    Acknowledge,
    Check,
    Close,
    Command,
    CommandContext,
    Declare,
    PostUpdate,
    RecordFix,
    Resolve,
    SetSeverity,
    WriteSection,
    decide,
)
from warroom.incident.delivery import CANNOT_SEND, Audience, Delivery, DeliveryState, OutboxItem
from warroom.incident.events import Entry
from warroom.incident.incident import Incident, fold
from warroom.incident.playbook import Playbook
from warroom.incident.roles import AcceptHandover, Assign, HandOver

PLAYBOOK = load_playbook(Settings())
T0 = datetime(2026, 1, 28, 14, 0, tzinfo=UTC)


def after(incident: Incident, command: Command, minutes: float = 0, by: str = "Alice") -> Incident:
    """The incident after a command, ``minutes`` after the declaration."""
    at = T0 + timedelta(minutes=minutes)
    events = decide(
        incident, command, CommandContext(PLAYBOOK, at, by, date(2026, 1, 28), new_ids(incident.version + 1))
    )
    entries = [
        Entry(
            stream=incident.id,
            seq=incident.version + n,
            id=entry_id(incident.version + n),
            at=at,
            by=by,
            event=event.event,
        )
        for n, event in enumerate(events, 1)
    ]
    return fold(incident.id, entries, incident)


def declared() -> Incident:
    return after(Incident("INC-1"), Declare("checkout-api", "Card payments fail"))


def led() -> Incident:
    """Acknowledged, led, and a first update promised for 15 minutes in."""
    incident = after(after(declared(), Acknowledge(), 1), Assign("incident_commander", "Alice"), 1)
    return after(incident, update(15), 1)


def update(next_minutes: float | None, kind: str = "update") -> PostUpdate:
    next_at = None if next_minutes is None else T0 + timedelta(minutes=next_minutes)
    return PostUpdate(
        message="resolution" if kind == "resolution" else "update",
        template=kind,
        audience="team",
        title="t",
        words="w",
        next_update_at=next_at,
    )


def next_thing(incident: Incident, minutes: float, deliveries: list[Delivery] | None = None) -> NextStep:
    return next_steps(incident, PLAYBOOK, deliveries or [], T0 + timedelta(minutes=minutes))[0]


def steps(incident: Incident, minutes: float) -> list[NextStep]:
    return next_steps(incident, PLAYBOOK, [], T0 + timedelta(minutes=minutes))


def delivery(**changes: Any) -> Delivery:
    item = OutboxItem(operation="post", destination="slack")
    return Delivery(
        **{
            "id": "INC-1.2.slack.post",
            "incident": "INC-1",
            "seq": 2,
            "entry_id": entry_id(2),
            "item": item,
            **changes,
        }
    )


def test_the_first_thing_is_to_acknowledge() -> None:
    assert next_thing(declared(), 0.5).action == "acknowledge"


def test_a_missed_response_target_is_overdue_and_says_by_how_much() -> None:
    advice = next_thing(declared(), 7)
    assert (advice.action, advice.urgency) == ("acknowledge", "overdue")
    assert "2 min past target" in advice.text


def test_who_leads_is_asked_before_anything_calm_and_pressed_after_two_minutes() -> None:
    incident = after(declared(), Acknowledge(), 1)
    assert next_thing(incident, 1.9) == NextStep(
        "assign", "incident_commander", "Assign an incident commander", "soon"
    )
    assert next_thing(incident, 2).urgency == "late"


def test_each_role_that_nobody_holds_is_asked_for_once() -> None:
    incident = after(declared(), Assign("technical_lead", "Bob"))
    asked = [step.target for step in steps(incident, 1) if step.action == "assign"]
    assert asked == ["incident_commander", "communications_lead"]


def test_with_command_taken_the_checklist_leads() -> None:
    advice = next_thing(led(), 2)
    assert advice.action == "check" and advice.target not in led().ticks
    assert advice.text == PLAYBOOK.item(advice.target).text


def test_the_items_of_the_next_phase_wait_for_it() -> None:
    incident = led()
    for item in PLAYBOOK.checklists["detection"].items:
        if item.id not in incident.ticks:
            incident = after(incident, Check(item.id), 2)
    assert not [step for step in steps(incident, 4.9) if step.action == "check"]
    following = [item.id for item in PLAYBOOK.checklists["investigation"].items if item.id not in incident.ticks]
    assert next_thing(incident, 5).target == following[0]


@pytest.mark.parametrize(("minutes", "asked"), [(4.9, False), (5, True), (14.9, True), (15, False)])
def test_whether_the_severity_fits_is_asked_between_five_and_fifteen_minutes(minutes: float, asked: bool) -> None:
    incident = led()
    assert asks_for_the_severity(incident, minutes) == asked
    assessed = after(incident, Check(SEVERITY_ITEM), 3)
    assert not asks_for_the_severity(assessed, minutes), "the impact has been assessed"
    assert not asks_for_the_severity(after(incident, SetSeverity("high", "fewer users"), 3), minutes)


def test_a_team_without_the_item_is_not_asked_whether_the_severity_fits() -> None:
    incident = led()
    detection = PLAYBOOK.checklists["detection"]
    others = detection.model_copy(update={"items": [one for one in detection.items if one.id != SEVERITY_ITEM]})
    playbook = PLAYBOOK.model_copy(update={"checklists": {**PLAYBOOK.checklists, "detection": others}})
    assert not asks_for_the_severity(incident, 6, playbook)


def asks_for_the_severity(incident: Incident, minutes: float, playbook: Playbook = PLAYBOOK) -> bool:
    found = next_steps(incident, playbook, [], T0 + timedelta(minutes=minutes))
    return any(step.text == "Confirm that the severity still fits" for step in found)


@pytest.mark.parametrize(
    ("audience", "informed", "over", "template"),
    [
        ("team", False, False, "update"),
        ("team", False, True, "resolution"),
        ("customers", False, False, "customer_initial"),
        ("customers", True, False, "customer_update"),
        ("customers", True, True, "customer_resolution"),
        ("executives", False, False, "executive"),
        ("executives", False, True, "executive"),
    ],
)
def test_an_audience_gets_its_first_message_then_updates_then_the_resolution(
    audience: Audience, informed: bool, over: bool, template: str
) -> None:
    incident = (
        after(led(), PostUpdate("customer", "customer_initial", "customers", "t", "w"), 2) if informed else led()
    )
    assert due_template(after(incident, Resolve("seen"), 3) if over else incident, audience) == template


def test_an_update_due_soon_comes_before_the_checklist_and_an_overdue_one_before_everything() -> None:
    assert next_thing(led(), 13).action == "update"
    assert next_thing(led(), 13).urgency == "soon"
    late = next_thing(led(), 22)
    assert (late.action, late.urgency) == ("update", "overdue")
    assert next_thing(led(), 14.9).text == "Post update 2 in 6 s"
    assert next_thing(led(), 15).text == "Post update 2 now"


def test_a_post_of_unknown_fate_is_asked_about() -> None:
    advice = next_thing(led(), 2, [delivery(state=DeliveryState.UNCONFIRMED)])
    assert (advice.action, advice.target) == ("deliveries", "INC-1.2.slack.post")


def test_a_post_that_is_still_looked_into_is_not_asked_about() -> None:
    assert next_thing(led(), 2, [delivery(state=DeliveryState.UNCONFIRMED, next_attempt_at=T0)]).action == "check"


def test_a_refused_post_is_said() -> None:
    assert "slack" in next_thing(led(), 2, [delivery(state=DeliveryState.FAILED)]).text
    lacking = delivery(state=DeliveryState.PENDING, error=f"{CANNOT_SEND}the token is missing")
    assert "slack" in next_thing(led(), 2, [lacking]).text


def test_a_status_message_that_a_newer_one_replaced_needs_nobody() -> None:
    item = OutboxItem(operation="status", destination="slack")
    old = delivery(id="old", item=item, state=DeliveryState.FAILED)
    assert (
        next_thing(led(), 2, [old, delivery(id="new", item=item, state=DeliveryState.DELIVERED)]).action == "check"
    )


def test_a_handover_on_offer_is_brought_to_its_end() -> None:
    offered = after(led(), HandOver("incident_commander", "Bob"), 2)
    assert next_thing(offered, 2).action == "accept"
    assert next_thing(after(offered, AcceptHandover("incident_commander"), 3), 3).action == "check"


def test_a_commander_of_three_hours_is_told_to_hand_over() -> None:
    incident = after(led(), update(300), 180)
    result = next_steps(incident, PLAYBOOK, [], T0 + timedelta(minutes=200))
    assert any(a.action == "hand_over" and a.urgency == "late" for a in result)


@pytest.mark.parametrize(("minutes", "asked"), [(60.9, ""), (61, "calm"), (180.9, "calm"), (181, "late")])
def test_a_commander_is_asked_after_one_hour_and_pressed_after_three(minutes: float, asked: str) -> None:
    incident = after(led(), update(300), 2)
    result = next_steps(incident, PLAYBOOK, [], T0 + timedelta(minutes=minutes))
    assert next((step.urgency for step in result if step.action == "hand_over"), "") == asked


def test_a_role_left_open_names_its_backup_after_a_while() -> None:
    incident = after(declared(), Assign("incident_commander", "Alice"))

    def asked(minutes: float) -> str:
        steps = next_steps(incident, PLAYBOOK, [], T0 + timedelta(minutes=minutes))
        return next(step.text for step in steps if step.target == "technical_lead")

    assert asked(1.9) == "Assign a technical lead"
    assert asked(2) == "Assign a technical lead — backup: Any available engineer"


def test_the_update_that_is_due_has_the_number_it_will_have() -> None:
    assert next_thing(led(), 14).text.startswith("Post update 2 in ")
    assert next_thing(after(led(), update(30), 14), 29).text.startswith("Post update 3 in ")


def test_after_a_fix_the_recovery_is_verified_and_then_resolving_is_the_next_thing() -> None:
    incident = after(led(), RecordFix("rolled back"), 3)
    first, *others = recovery = PLAYBOOK.checklists["recovery"].items

    def verify() -> list[str]:
        return [step.text for step in steps(incident, 4) if step.action == "resolve"]

    assert verify() == [f"Verify the recovery: {first.text} (+{len(others)})"]
    for item in recovery[:-1]:
        incident = after(incident, Check(item.id), 4)
    assert verify() == [f"Verify the recovery: {recovery[-1].text}"]
    incident = after(incident, Check(recovery[-1].id), 4)
    assert next_thing(incident, 4).action == "resolve"
    assert next_thing(incident, 4).urgency == "soon"


def test_a_fix_is_asked_for_until_there_is_one() -> None:
    assert "fix" in [step.action for step in steps(led(), 3)]
    assert "fix" not in [step.action for step in steps(after(led(), RecordFix("rolled back"), 3), 3)]


def resolved() -> Incident:
    return after(after(led(), RecordFix("rolled back"), 3), Resolve("seen on the dashboard"), 20)


def test_once_resolved_everybody_is_told_then_the_post_mortem_is_written() -> None:
    incident = resolved()
    assert next_thing(incident, 21).text == "Post the all-clear"
    incident = after(incident, update(None, "resolution"), 21)
    assert next_thing(incident, 22) == NextStep("review", "root_cause", "Write the post-mortem: what caused it?")


def test_an_all_clear_of_the_same_moment_counts() -> None:
    assert next_thing(after(resolved(), update(None, "resolution"), 20), 21).text != "Post the all-clear"


def test_what_is_open_of_the_follow_up_is_asked_for() -> None:
    first, *others = (item.id for item in PLAYBOOK.checklists["post_incident"].items)
    incident = after(resolved(), Check(first), 21)
    assert [step.target for step in steps(incident, 22) if step.action == "check"] == others


def test_an_old_resolution_does_not_count_for_a_new_one() -> None:
    from warroom.incident.commands import Reopen

    incident = after(resolved(), update(None, "resolution"), 21)
    incident = after(after(incident, Reopen("errors are back"), 30), Resolve("again"), 40)
    assert next_thing(incident, 41).text == "Post the all-clear"


def test_closing_is_proposed_once_nothing_is_owed() -> None:
    incident = after(resolved(), update(None, "resolution"), 21)
    incident = after(incident, WriteSection("root_cause", "pool too small"), 22)
    for item in PLAYBOOK.checklists["post_incident"].items:
        if item.id not in incident.ticks:
            incident = after(incident, Check(item.id), 23)
    assert next_thing(incident, 24).action == "close"
    assert next_thing(after(incident, Close(), 25), 26).action == "home"


@pytest.mark.parametrize("minutes", [0, 1, 4, 6, 12, 25, 31, 70, 200, 2000])
def test_there_is_always_something_to_say_and_the_urgent_comes_first(minutes: float) -> None:
    rank = ["overdue", "late", "soon", "calm"]
    for incident in (declared(), led(), resolved()):
        result = next_steps(incident, PLAYBOOK, [], T0 + timedelta(minutes=minutes))
        assert result
        assert [rank.index(a.urgency) for a in result] == sorted(rank.index(a.urgency) for a in result)


# ── other audiences ───────────────────────────────────────────────────────────────────────────────────────


def told(
    incident: Incident, audience: Audience, next_minutes: float | None, minutes: float, **more: Any
) -> Incident:
    message = "customer" if audience == "customers" else "executive"
    template = "customer_update" if audience == "customers" else "executive"
    given = {"message": message, "template": template, "audience": audience, "title": "t", "words": "w", **more}
    due = None if next_minutes is None else T0 + timedelta(minutes=next_minutes)
    return after(incident, PostUpdate(**given, next_update_at=due, approved_by="Alice"), minutes)


@pytest.mark.parametrize(("audience", "template"), [("customers", "customer_update"), ("executives", "executive")])
def test_an_update_promised_to_others_is_a_step_of_its_own_when_it_is_due(
    audience: Audience, template: str
) -> None:
    incident = told(led(), audience, 12, 2)
    assert not [step for step in steps(incident, 5) if step.target == template], "calm for now"
    soon = next(step for step in steps(incident, 11) if step.target == template)
    assert soon == NextStep("update", template, f"Update {audience} in 1 min", "soon")
    late = next_thing(incident, 14.5)
    assert late == NextStep("update", template, f"Update {audience} now", "overdue")


def test_of_several_updates_that_are_due_the_most_urgent_is_next() -> None:
    incident = told(told(led(), "customers", 13, 2), "executives", 14, 3)
    due = [step.target for step in steps(incident, 18) if step.action == "update" and step.urgency != "calm"]
    assert due == ["customer_update", "executive", "update"]


def test_those_who_were_told_of_the_incident_are_told_that_it_is_over() -> None:
    def open_steps(incident: Incident) -> list[str]:
        return [step.target for step in steps(incident, 40) if step.action == "update"]

    incident = told(told(led(), "customers", 30, 2), "executives", 30, 3)
    over = after(incident, Resolve("verified by hand"), 20)
    assert open_steps(over) == ["resolution", "customer_resolution", "executive"]
    done = told(told(over, "customers", None, 21, template="customer_resolution"), "executives", None, 22)
    assert open_steps(done) == ["resolution"]
    early = told(incident, "customers", None, 19, template="customer_resolution")
    assert open_steps(after(early, Resolve("verified by hand"), 20)) == ["resolution", "executive"]
    assert open_steps(after(led(), Resolve("verified by hand"), 20)) == ["resolution"]


def test_after_a_maintenance_notice_alone_customers_get_their_first_message() -> None:
    notice = told(led(), "customers", None, 2, message="maintenance", template="customer_maintenance")
    assert due_template(notice, "customers") == "customer_initial"
    only = told(declared(), "customers", None, 2, message="maintenance", template="customer_maintenance")
    assert "first-update" not in only.ticks
    over = after(notice, Resolve("verified by hand"), 20)
    assert [step.target for step in steps(over, 40) if step.action == "update"] == ["resolution"]
