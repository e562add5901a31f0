"""Floor 1: given these facts, when this is commanded, then those follow, or a refusal with why and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from harness.case import NOON, PLAYBOOK, Case, declared
from harness.ids import new_ids

from warroom.errors import BadInput, JustPosted, NotFound, Refusal, WarroomError
from warroom.incident.advice import next_steps
from warroom.incident.alerts import ClearAlert, ReceiveAlert, RecordSourceClosed
from warroom.incident.commands import (
    Acknowledge,
    AddAction,
    Check,
    Close,
    Command,
    CommandContext,
    CompleteAction,
    Declare,
    Note,
    OpenChannel,
    Pin,
    PostUpdate,
    RecordChat,
    RecordFix,
    Reopen,
    Resolve,
    SetSeverity,
    SetStatus,
    Uncheck,
    WriteSection,
    close_blockers,
    confirm_ready,
    decide,
    resolve_blockers,
)
from warroom.incident.corrections import AmendEntry, AmendMilestone, RetractEntry
from warroom.incident.events import (
    Acknowledged,
    ActionAdded,
    AlertCleared,
    AlertReceived,
    Closed,
    Declared,
    EntryAmended,
    EntryRetracted,
    Event,
    EvidencePinned,
    FixRecorded,
    HandoverOffered,
    ItemChecked,
    ItemUnchecked,
    MilestoneAmended,
    Noted,
    ReadinessConfirmed,
    Reopened,
    Resolved,
    RoleAssigned,
    RoleReleased,
    SectionWritten,
    SeveritySet,
    StatusSet,
    UpdatePosted,
)
from warroom.incident.incident import Incident
from warroom.incident.investigation import ConfirmHypothesis
from warroom.incident.meeting_events import MeetingScheduled
from warroom.incident.requests import RequestAccepted
from warroom.incident.roles import AcceptHandover, Assign, HandOver, Release, TakeRoles
from warroom.incident.summary import summarise

RECOVERY = [item.id for item in PLAYBOOK.checklists["recovery"].items]
FOLLOW_UP = [item.id for item in PLAYBOOK.checklists["post_incident"].items]


def resolved() -> Case:
    case = declared()
    case.do(RecordFix("Rolled back to 412"), *(Check(item) for item in RECOVERY), Resolve())
    return case


def update(**more: object) -> PostUpdate:
    given: dict[str, object] = {
        "message": "update",
        "template": "update",
        "audience": "team",
        "title": "INC-1",
        "words": "We look into it",
        "next_update_at": NOON + timedelta(minutes=30),
    }
    return PostUpdate(**{**given, **more})  # type: ignore[arg-type]


def ticked(events: Sequence[Event]) -> dict[str, str]:
    """The items that were ticked, and by which fact."""
    return {event.item: event.because for event in events if isinstance(event, ItemChecked)}


# declare


@pytest.mark.parametrize("missing", ["window_start", "window_end", "impact", "rollback"])
def test_a_maintenance_notice_without_window_impact_or_rollback_is_refused(missing: str) -> None:
    whole = {"window_start": "22:00", "window_end": "2h", "impact": "Slow", "rollback": "We go back"}
    notice = {"message": "maintenance", "template": "customer_maintenance", "audience": "customers"}
    case = declared()
    error = case.refused(update(**notice, approved_by="Ada", fields=whole | {missing: " "}))
    assert error.field == missing
    own = {name: text for name, text in whole.items() if name != missing}  # a team's template may do without
    for fields in (whole, own):
        assert case.decide(update(**notice, approved_by="Ada", fields=fields, next_update_at=None))


def test_declaring_says_what_since_when_and_how_bad() -> None:
    case = Case()
    first, *ticks = case.do(
        Declare(" checkout-api ", " No orders ", "high", NOON - timedelta(minutes=9), NOON - timedelta(minutes=4))
    )
    assert first == Declared(
        service="checkout-api",
        impact="No orders",
        severity="high",
        started_at=NOON - timedelta(minutes=9),
        detected_at=NOON - timedelta(minutes=4),
    )
    assert ticked(ticks) == {"severity": "declared"}, "nobody has assessed the impact by declaring"
    assert case.incident.open and case.incident.status == "investigating"


def test_what_is_not_known_yet_is_declared_as_the_worst() -> None:
    assert Case().do(Declare("web", "Something is odd"))[0].severity == "critical"  # type: ignore[union-attr]


def test_started_is_now_unless_told() -> None:
    milestones = declared().incident.milestones
    assert milestones["started"] == milestones["detected"] == milestones["declared"] == NOON


@pytest.mark.parametrize(
    ("command", "error", "why"),
    [
        (Declare(" ", "No orders"), BadInput, "service is empty"),
        (Declare("web", "\t"), BadInput, "impact is empty"),
        (Declare("web", "down", "awful"), NotFound, "no severity awful"),
        (Declare("web", "down", started_at=NOON + timedelta(minutes=2)), Refusal, "in the future"),
        (Declare("web", "down", detected_at=NOON + timedelta(minutes=2)), Refusal, "in the future"),
        (Declare("web", "down", "", NOON, NOON - timedelta(minutes=1)), Refusal, "before it started"),
    ],
)
def test_a_declaration_that_cannot_be(command: Declare, error: type[WarroomError], why: str) -> None:
    assert why in Case().refused(command, error).title


def test_a_clock_one_minute_ahead_is_forgiven() -> None:
    Case().do(Declare("web", "down", started_at=NOON + timedelta(seconds=60)))
    Case().refused(Declare("web", "down", started_at=NOON + timedelta(seconds=61)))


def test_an_incident_is_declared_once() -> None:
    assert "already declared" in declared().refused(Declare("web", "down")).title


def test_before_the_declaration_there_is_nothing_to_command() -> None:
    for command in (
        Acknowledge(),
        Check("channel"),
        Note("a"),
        Resolve("r"),
        Reopen("r"),
        WriteSection("summary", ""),
    ):
        assert "no incident INC-1" in Case().refused(command, NotFound).title


# acknowledge, severity, status


def test_acknowledging_stops_the_response_clock_and_ticks_its_item() -> None:
    case = declared()
    events = case.do(Acknowledge())
    assert events[0] == Acknowledged(who="Ada")
    assert ticked(events) == {"acknowledge": "acknowledged"}
    assert "already" in case.refused(Acknowledge()).title


def test_a_resolved_incident_cannot_be_acknowledged() -> None:
    assert "is resolved" in resolved().refused(Acknowledge()).title


def test_raising_the_severity_is_one_word_lowering_it_asks_why() -> None:
    case = declared("medium")
    assert case.do(SetSeverity("critical"))[0] == SeveritySet(severity="critical", before="medium", rank=0)
    assert "needs a reason" in case.refused(SetSeverity("low", "  ")).title
    assert case.do(SetSeverity("low", "Only the old page"))[0] == SeveritySet(
        severity="low", before="critical", reason="Only the old page", rank=3
    )
    assert "already" in case.refused(SetSeverity("low")).title
    assert "critical" in case.refused(SetSeverity("dire"), NotFound).remedy
    assert [severity for _, severity in case.incident.severities] == ["medium", "critical", "low"]


def test_setting_the_severity_ticks_its_item_again() -> None:
    case = declared()
    case.do(Uncheck("severity"))
    ticks = ticked(case.do(SetSeverity("critical")))
    assert ticks == {"severity": "severity", "assess-impact": "severity"}


def test_an_update_assesses_the_impact_only_if_it_states_one() -> None:
    case = declared()
    assert "assess-impact" not in ticked(case.do(update(message="declaration", fields={"impact": "No orders"})))
    case.later(minutes=5)
    assert "assess-impact" not in ticked(case.do(update()))
    case.later(minutes=5)
    assert ticked(case.do(update(fields={"impact": "One order in three"})))["assess-impact"] == "update"


def test_the_action_item_of_a_temporary_fix_is_none_that_somebody_thought_of() -> None:
    case = declared()
    case.do(Assign("technical_lead", "Ada"))
    fix = case.do(RecordFix("Restarted it", temporary=True))
    assert any(isinstance(event, ActionAdded) and event.owner for event in fix)
    assert "action-items" not in ticked(fix)
    assert "action-items" in ticked(case.do(AddAction("Alert on the pool", "Bo")))


def test_the_root_cause_is_identified_when_a_hypothesis_is_first_confirmed() -> None:
    case = declared()
    case.do(Note("The pool", "hypothesis"), Note("The disk", "hypothesis"))
    assert "identified" not in case.incident.milestones
    case.later(minutes=9)
    case.do(ConfirmHypothesis("H1"))
    case.later(minutes=9)
    case.do(ConfirmHypothesis("H2"))
    assert case.incident.milestones["identified"] == NOON + timedelta(minutes=9)


def test_mitigated_and_back_again() -> None:
    case = declared()
    assert case.later(minutes=5).do(SetStatus("mitigated", "Traffic moved")) == [
        StatusSet(status="mitigated", before="investigating", reason="Traffic moved")
    ]
    assert case.incident.milestones["mitigated"] == case.now
    assert "mitigated already" in case.refused(SetStatus("mitigated")).title
    case.do(SetStatus("investigating", "It is back"))
    assert "mitigated" not in case.incident.milestones


def test_a_status_that_is_none_and_one_that_comes_too_late() -> None:
    assert "not a status" in declared().refused(SetStatus("panic"), BadInput).title
    assert "is resolved" in resolved().refused(SetStatus("mitigated")).title


def test_the_status_resolved_is_resolving_with_all_its_rules() -> None:
    assert declared().refused(SetStatus("resolved")).blockers  # type: ignore[attr-defined]
    assert isinstance(declared().do(SetStatus("resolved", "Shift ends"))[0], Resolved)


# resolve, reopen, close


def test_resolving_lists_every_blocker_at_once() -> None:
    case = declared()
    refusal = case.refused(Resolve())
    assert isinstance(refusal, Refusal)
    assert refusal.blockers == (
        "No fix is recorded",
        *(f"Not verified: {item.text}" for item in PLAYBOOK.checklists["recovery"].items),
    )
    assert refusal.blockers == resolve_blockers(case.incident, PLAYBOOK)
    case.do(RecordFix("Rolled back"), Check("baseline"))
    left = case.refused(Resolve())
    assert isinstance(left, Refusal)
    assert (
        len(left.blockers) == len(RECOVERY) - 1
        and "Not verified: Metrics returned to baseline" not in left.blockers
    )


def test_resolving_over_blockers_keeps_them_with_the_reason() -> None:
    case = declared()
    blockers = resolve_blockers(case.incident, PLAYBOOK)
    assert case.do(Resolve("The vendor says so"))[0] == Resolved(overridden=blockers, reason="The vendor says so")
    assert not case.incident.open


def test_evidence_against_an_item_is_ticked_over_only_when_asked_to_and_is_kept() -> None:
    case = declared()
    refused = case.refused(Check("no-new-errors", "953 errors in the last minute"))
    assert "953 errors in the last minute" in refused.title and "--anyway" in refused.remedy
    (ticked,) = case.do(Check("no-new-errors", "953 errors in the last minute", anyway=True))
    assert "although: 953 errors in the last minute" in ticked.text
    assert case.incident.ticks["no-new-errors"].against == "953 errors in the last minute"
    assert summarise(case.incident, PLAYBOOK).public(PLAYBOOK, case.now)["ticked_against"] == {
        "no-new-errors": "953 errors in the last minute"
    }


def test_a_tick_does_not_outweigh_what_the_log_says_when_it_is_to_be_resolved() -> None:
    case = declared()
    case.do(RecordFix("Rolled back"), *(Check(item) for item in RECOVERY))
    against = {"no-new-errors": "953 errors in the last minute"}
    refused = case.refused(Resolve(against=against))
    assert isinstance(refused, Refusal)
    blocker = "Ticked, but not met: No new errors in logs — 953 errors in the last minute"
    assert refused.blockers == (blocker,)
    assert case.do(Resolve("A noisy neighbour", against)) == [
        Resolved(overridden=(blocker,), reason="A noisy neighbour")
    ]


def test_a_verified_incident_resolves_without_a_reason() -> None:
    case = declared()
    case.do(RecordFix("Rolled back"), *(Check(item) for item in RECOVERY))
    assert case.later(minutes=40).do(Resolve("not needed")) == [Resolved()]
    assert case.incident.milestones["resolved"] == case.incident.milestones["mitigated"] == case.now
    assert "resolved already" in case.refused(Resolve()).title


def test_reopening_asks_why_and_has_the_recovery_verified_anew() -> None:
    case = resolved()
    assert "reason is empty" in case.refused(Reopen(" "), BadInput).title
    first, *rest = case.do(Reopen("Errors are back"))
    assert first == Reopened(reason="Errors are back")
    assert [event.item for event in rest if isinstance(event, ItemUnchecked)] == RECOVERY
    incident = case.incident
    assert incident.open and "resolved" not in incident.milestones and "mitigated" not in incident.milestones
    assert not set(RECOVERY) & set(incident.ticks) and "fix" in incident.ticks
    assert "is open" in case.refused(Reopen("again")).title


def test_closing_owes_the_follow_up_or_a_reason() -> None:
    assert "not resolved" in declared().refused(Close("r")).title
    case = resolved()
    refusal = case.refused(Close())
    assert isinstance(refusal, Refusal) and refusal.blockers == close_blockers(case.incident, PLAYBOOK)
    assert len(refusal.blockers) == len(FOLLOW_UP)
    done = resolved()
    done.do(*(Check(item) for item in FOLLOW_UP))
    assert done.do(Close()) == [Closed()]
    assert case.do(Close("Tracked elsewhere")) == [Closed(reason="Tracked elsewhere")]


def test_a_closed_incident_takes_only_what_puts_the_record_straight() -> None:
    case = resolved()
    case.do(AddAction("Alert on the pool"), Close("Done"))
    for command in (
        Acknowledge(),
        SetSeverity("critical"),
        SetStatus("mitigated"),
        Resolve("r"),
        Close("r"),
        Assign("technical_lead", "Bo"),
        Check("components"),
        Uncheck("fix"),
        Note("n"),
        RecordFix("f"),
        Pin("app.log", "x"),
        RecordChat("Bo", "chat", "x"),
        ReceiveAlert("a"),
        update(),
        AddAction("x"),
    ):
        refusal = case.refused(command)
        assert refusal.title == "INC-1 is closed" and "Reopen it" in refusal.remedy
    case.do(
        WriteSection("root_cause", "The pool"),
        CompleteAction("A1"),
        AmendEntry("1", "Put right"),
        AmendMilestone("started", NOON - timedelta(minutes=2)),
        OpenChannel("chat", "C1"),
    )
    case.do(Reopen("Back"))
    assert case.incident.open


# roles


def test_a_role_is_held_by_one_person_at_a_time_and_the_time_is_kept() -> None:
    case = declared()
    events = case.do(Assign("incident_commander", "Ada"))
    assert events[0] == RoleAssigned(role="incident_commander", title="Incident commander", person="Ada")
    assert ticked(events) == {"commander": "assigned"}
    assert "Ada is Incident commander already" in case.refused(Assign("incident_commander", "Ada")).title
    case.later(minutes=10).do(Assign("incident_commander", "Bo"))
    case.later(minutes=5).do(Release("incident_commander"))
    assert case.entries[-1].event == RoleReleased(
        role="incident_commander", title="Incident commander", person="Bo"
    )
    assert [(t.person, t.since, t.until) for t in case.incident.tenures] == [
        ("Ada", NOON, NOON + timedelta(minutes=10)),
        ("Bo", NOON + timedelta(minutes=10), NOON + timedelta(minutes=15)),
    ]
    assert case.incident.commander == ""
    assert "Nobody is" in case.refused(Release("incident_commander")).title


def test_one_person_takes_every_free_role_and_then_nobody_asks_for_roles() -> None:
    case = declared()
    case.do(Assign("technical_lead", "Bob"))
    case.do(TakeRoles())
    assert {role: held.person for role, held in case.incident.roles.items()} == {
        "technical_lead": "Bob",
        "incident_commander": "Ada",
        "communications_lead": "Ada",
    }
    steps = next_steps(case.incident, PLAYBOOK, (), case.now + timedelta(minutes=30))
    assert not any(step.action == "assign" for step in steps)
    case.refused(TakeRoles())


def test_a_role_that_changes_hands_leaves_the_other_roles_where_they_are() -> None:
    case = declared()
    case.do(Assign("incident_commander", "Ada"), Assign("technical_lead", "Bo"))
    case.later(minutes=10).do(Assign("incident_commander", "Cy"))
    assert [(one.role, one.person, one.until) for one in case.incident.tenures] == [
        ("incident_commander", "Ada", case.now),
        ("technical_lead", "Bo", None),
        ("incident_commander", "Cy", None),
    ]


def test_a_role_nobody_knows_and_a_person_without_a_name() -> None:
    case = declared()
    assert "technical_lead" in case.refused(Assign("boss", "Ada"), NotFound).remedy
    assert "person is empty" in case.refused(Assign("technical_lead", " "), BadInput).title


def test_a_handover_takes_two_steps_and_the_holder_leads_until_the_second() -> None:
    case = declared()
    offer = HandOver("incident_commander", "Bo", "Rollback is running")
    assert "Assign it: warroom assign incident_commander Bo" in case.refused(offer).remedy
    case.do(Assign("incident_commander", "Ada"))
    assert "not been offered" in case.refused(AcceptHandover("incident_commander")).title
    assert case.do(offer) == [
        HandoverOffered(
            role="incident_commander",
            title="Incident commander",
            holder="Ada",
            to="Bo",
            briefing="Rollback is running",
        )
    ]
    assert case.incident.commander == "Ada" and case.incident.roles["incident_commander"].offered_to == "Bo"
    assert case.later(minutes=1).do(AcceptHandover("incident_commander"))[0] == RoleAssigned(
        role="incident_commander", title="Incident commander", person="Bo", handed_over_by="Ada"
    )
    assert case.incident.commander == "Bo" and not case.incident.roles["incident_commander"].offered_to
    assert "already" in case.refused(HandOver("incident_commander", "Bo")).title


# the checklist


def test_items_are_ticked_once_and_unticked_once() -> None:
    case = declared()
    assert case.do(Check("components")) == [ItemChecked(item="components", title="Identify affected components")]
    assert "already done" in case.refused(Check("components")).title
    assert case.do(Uncheck("components")) == [
        ItemUnchecked(item="components", title="Identify affected components")
    ]
    assert "is not done" in case.refused(Uncheck("components")).title
    case.refused(Check("make-coffee"), NotFound)


@pytest.mark.parametrize(
    ("command", "item", "because"),
    [
        (Acknowledge(), "acknowledge", "acknowledged"),
        (OpenChannel("slack", "C1", invited=0), "channel", "channel"),
        (OpenChannel("slack", "C1", invited=3), "tag-people", "channel"),
        (update(), "first-update", "update"),
        (Assign("incident_commander", "Ada"), "commander", "assigned"),
        (Pin("app.log", "ERROR pool exhausted"), "logs-metrics", "evidence"),
        (Note("The pool", "hypothesis"), "hypothesis", "noted"),
        (Note("14:02 deploy", "finding"), "findings", "noted"),
        (Note("Roll back", "decision"), "fix-strategy", "noted"),
        (RecordFix("Rolled back"), "fix", "fix"),
        (update(message="resolution", next_update_at=None), "stakeholders", "update"),
        (AddAction("Alert on the pool", "Bo"), "action-items", "action"),
        (WriteSection("root_cause", "The pool"), "root-cause", "section"),
    ],
)
def test_a_fact_ticks_the_item_it_makes_true(command: Command, item: str, because: str) -> None:
    case = declared()
    assert ticked(case.do(command))[item] == because
    assert case.incident.ticks[item].because == because


PUBLISHED = RequestAccepted(made=UUID(int=1), request="document", service="wiki", what="publish it")


@dataclass(frozen=True)
class Facts:
    """A command that leads to one event."""

    event: Event

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event]:
        return [self.event]


def test_every_automatic_item_of_the_playbook_can_be_ticked_by_some_command() -> None:
    case = declared()
    case.do(
        Acknowledge(),
        OpenChannel("slack", "C1", invited=2),
        update(fields={"impact": "No orders"}),
        Assign("incident_commander", "Ada"),
        Pin("app.log", "x"),
        Note("h", "hypothesis"),
        Note("f", "finding"),
        Note("d", "decision"),
        RecordFix("r"),
        update(message="resolution", next_update_at=None),
        AddAction("x", "Bo"),
        WriteSection("root_cause", "The pool"),
        RecordSourceClosed("prom", (UUID(int=1),), "resolved", last=True),
    )
    for fact in (PUBLISHED, MeetingScheduled(meeting="post-mortem", at=NOON, minutes=60, when="now")):
        case.do(Facts(fact))
    automatic = {item.id for item in PLAYBOOK.items if item.done_by}
    assert automatic <= set(case.incident.ticks)


def test_what_customers_read_is_not_shared_with_the_team_and_a_review_is_no_post_mortem_meeting() -> None:
    case = declared()
    review = MeetingScheduled(meeting="action review", at=NOON, minutes=30, when="now")
    issue = PUBLISHED.model_copy(update={"request": "issue"})
    for fact in (PUBLISHED.model_copy(update={"public": True}), issue, review):
        assert ticked(case.do(Facts(fact))) == {}


def test_a_tick_that_a_person_made_is_not_made_again_by_a_fact() -> None:
    case = declared()
    case.do(Check("fix"))
    assert ticked(case.do(RecordFix("Rolled back"))) == {}
    assert case.incident.ticks["fix"].because == ""


def test_an_action_item_without_an_owner_does_not_count_as_one_with() -> None:
    assert ticked(declared().do(AddAction("Somebody should"))) == {}


def test_only_a_written_root_cause_counts_as_one() -> None:
    case = declared()
    assert ticked(case.do(WriteSection("summary", "Payments failed"))) == {}
    assert ticked(case.do(WriteSection("root_cause", ""))) == {}


def test_plain_notes_tick_nothing() -> None:
    assert ticked(declared().do(Note("Called the vendor"))) == {}


# notes, fixes, evidence, chat, alerts


def test_notes_keep_their_kind_their_because_and_their_rollback() -> None:
    case = declared()
    assert case.do(Note(" Roll back ", "decision", " nothing else changed "))[0] == Noted(
        note="decision", words="Roll back", because="nothing else changed"
    )
    assert (
        case.do(Note("Pool to 80", "change", rollback="Pool to 20"))[0].text == "Pool to 80 (rollback: Pool to 20)"
    )


def test_a_change_without_a_rollback_plan_is_refused() -> None:
    assert "rollback plan" in declared().refused(Note("Pool to 80", "change", rollback=" ")).title


def test_empty_words_and_unknown_kinds_are_refused() -> None:
    case = declared()
    assert "finding is empty" in case.refused(Note(" ", "finding"), BadInput).title
    assert "not a kind of note" in case.refused(Note("x", "poem"), BadInput).title  # type: ignore[arg-type]
    assert "fix is empty" in case.refused(RecordFix(""), BadInput).title
    assert "evidence is empty" in case.refused(Pin("app.log", " "), BadInput).title
    assert "message is empty" in case.refused(RecordChat("Bo", "chat", ""), BadInput).title
    assert "alert is empty" in case.refused(ReceiveAlert(""), BadInput).title


def test_a_permanent_fix_owes_nothing() -> None:
    assert declared().do(RecordFix("Pool sized", rollback="git revert"))[0] == FixRecorded(
        words="Pool sized", temporary=False, rollback="git revert"
    )


def test_a_temporary_fix_makes_the_action_item_for_the_permanent_one() -> None:
    case = declared()
    case.do(Assign("technical_lead", "Bo"), AddAction("First"))
    fix, action, *_ = case.do(RecordFix("Restarted", temporary=True))
    added = case.incident.actions["A2"]
    assert fix == FixRecorded(words="Restarted", temporary=True, action=added.entry)
    assert action == ActionAdded(words="Permanent fix for: Restarted", owner="Bo", due="2026-02-04")


def test_only_a_temporary_fix_names_an_action_item() -> None:
    case = declared()
    case.do(RecordFix("Rolled back"), RecordFix("Restarted", temporary=True))
    assert [row.text for row in case.incident.rows if row.kind == "fix"] == [
        "Rolled back (permanent)",
        "Restarted (temporary) → A1",
    ]


def test_the_due_day_counts_from_the_teams_own_day() -> None:
    # 23:30 UTC is the next day in Berlin already.
    late = NOON.replace(hour=23, minute=30)
    events = decide(
        declared().incident,
        RecordFix("x", temporary=True),
        CommandContext(PLAYBOOK, late, "Ada", date(2026, 1, 29), new_ids(900)),
    )
    assert events[1].event == ActionAdded(words="Permanent fix for: x", due="2026-02-05")


def test_a_line_is_pinned_once() -> None:
    case = declared()
    pin = Pin("app.log", " ERROR pool ", 812, NOON, "error", " seen after the deploy ")
    assert case.do(pin)[0] == EvidencePinned(
        source="app.log",
        line=812,
        logged_at=NOON,
        level="error",
        words="ERROR pool",
        comment="seen after the deploy",
    )
    assert "already pinned" in case.refused(pin).title
    case.do(Pin("app.log", "ERROR pool", 813))


def test_chat_and_alerts_are_recorded() -> None:
    case = declared()
    assert case.do(RecordChat("Bo", "slack", " on it "))[0].text == "Bo (slack): on it"
    assert case.do(ReceiveAlert("error_rate", "prometheus", "checkout-api", "54 %"))[0] == AlertReceived(
        name="error_rate", source="prometheus", service="checkout-api", detail="54 %", fired_at=NOON
    )


def test_an_alert_is_over_when_its_source_says_or_now() -> None:
    before = NOON - timedelta(minutes=3)
    for at, cleared in ((before, before), (None, NOON)):
        event = ClearAlert(new_ids()(), "error_rate", at).entry(declared().context).event
        assert isinstance(event, AlertCleared) and event.cleared_at == cleared


def test_the_same_message_or_alert_from_outside_is_recorded_once() -> None:
    case = declared()
    message = RecordChat("Bo", "slack", "on it", message_id="170.1")
    alert = ReceiveAlert("error_rate", "prometheus", fired_at=NOON, fingerprint="f1")
    case.do(message, alert)
    assert case.later(minutes=1).do(message) == [] and case.do(alert) == []
    assert len(case.do(replace(message, message_id="170.2"))) == 1
    assert len(case.do(replace(alert, fired_at=NOON + timedelta(minutes=1)))) == 1


# updates


def test_an_update_carries_its_number_its_words_and_its_promise() -> None:
    case = declared()
    case.do(update())
    event = case.later(minutes=5).do(update(words=" Rolled back ", destinations=("slack",)))[0]
    assert isinstance(event, UpdatePosted)
    assert case.incident.posts[-1].number == 2
    assert (event.words, event.status, event.destinations) == (
        "Rolled back",
        "investigating",
        ("slack",),
    )
    assert case.incident.promised["team"] == NOON + timedelta(minutes=30)


def test_an_update_to_the_team_names_the_time_of_the_next_one() -> None:
    case = declared()
    assert "needs the time of the next one" in case.refused(update(next_update_at=None)).title
    assert "in the past" in case.refused(update(next_update_at=NOON)).title
    assert "update is empty" in case.refused(update(words=" "), BadInput).title


def test_a_resolution_and_words_after_it_promise_nothing() -> None:
    case = declared()
    event = case.do(update(message="resolution"))[0]
    assert isinstance(event, UpdatePosted) and event.next_update_at is None
    assert "team" not in case.incident.promised
    after = resolved().do(update(next_update_at=None))[0]
    assert isinstance(after, UpdatePosted) and after.status == "resolved"


def test_words_to_customers_need_the_commanders_ok() -> None:
    case = declared()
    words = update(message="customer", template="customer_initial", audience="customers", next_update_at=None)
    refusal = case.refused(words)
    assert "incident commander's OK" in refusal.title and "once one is assigned" in refusal.remedy
    case.do(Assign("incident_commander", "Bo"))
    assert "Ask Bo" in case.refused(words).remedy
    approved = update(
        message="customer", template="customer_initial", audience="customers", next_update_at=None, approved_by="Bo"
    )
    event = case.do(approved)[0]
    assert isinstance(event, UpdatePosted) and event.approved_by == "Bo"


def test_the_commanders_own_words_to_customers_are_approved_by_being_theirs() -> None:
    case = declared()
    case.do(Assign("incident_commander", "Ada"))
    event = case.do(update(message="customer", audience="customers", next_update_at=None))[0]
    assert isinstance(event, UpdatePosted) and event.approved_by == "Ada"


@pytest.mark.parametrize(
    ("by", "seconds", "seen", "asked"),
    [("Bo", 59, 0, True), ("Bo", 60, 0, False), ("Bo", 59, 1, False), ("Ada", 59, 0, False)],
)
def test_an_update_within_a_minute_of_an_unread_one_by_somebody_else_is_asked_about(
    by: str, seconds: float, seen: int, asked: bool
) -> None:
    case = declared()
    case.do(update())
    case.later(seconds=seconds).by = by
    second = update(seen=seen)
    if asked:
        assert "Ada posted update #1 to the team 59 s ago" in case.refused(second, JustPosted).title
    else:
        case.do(second)
        assert len(case.incident.posts) == 2


@pytest.mark.parametrize(
    ("by", "audience", "impact", "said"),
    [
        ("Ada", "team", "", "Ada posted update #1 to the team 0 s ago: INC-1"),
        ("", "team", "Half fail", "Somebody posted update #1 to the team 0 s ago: Half fail"),
        ("Ada", "executives", "", "Ada posted update #1 to executives 0 s ago: INC-1"),
    ],
)
def test_the_question_about_a_second_update_names_the_first(by: str, audience: str, impact: str, said: str) -> None:
    case = declared()
    case.by = by
    case.do(update(audience=audience, fields={"impact": impact}))
    case.by = "Bo"
    assert said in case.refused(update(audience=audience), JustPosted).title
    case.do(update(audience="executives" if audience == "team" else "team"))
    assert len(case.incident.posts) == 2, "another audience has not read it"


def test_executives_need_no_ok_and_promise_only_if_told() -> None:
    case = declared()
    event = case.do(update(message="executive", audience="executives", next_update_at=None))[0]
    assert isinstance(event, UpdatePosted) and event.approved_by == ""


# the follow-up


def test_action_items_are_numbered_dated_and_done_once() -> None:
    case = declared()
    assert case.do(AddAction(" Alert ", " Bo ", " 2026-02-14 "))[0] == ActionAdded(
        action="A1", words="Alert", owner="Bo", due="2026-02-14"
    )
    assert "not a day" in case.refused(AddAction("x", due="Friday"), BadInput).title
    assert "empty" in case.refused(AddAction(" "), BadInput).title
    assert "There are: A1" in case.refused(CompleteAction("A9"), NotFound).remedy
    case.later(days=1).do(CompleteAction(" a1 "))
    assert case.incident.actions["A1"].done_at == case.now
    assert "already done" in case.refused(CompleteAction("A1")).title


def test_the_last_word_on_a_section_counts() -> None:
    case = resolved()
    case.do(WriteSection("summary", "One"), WriteSection("summary", " Two "))
    assert case.entries[-1].event == SectionWritten(section="summary", words="Two")
    assert case.incident.sections == {"summary": "Two"}


# putting the record straight


def test_amending_changes_what_is_read_and_keeps_what_was_written() -> None:
    case = declared()
    case.do(Note("The cache"))
    before = case.entries[-1]
    number, id = str(before.seq), before.id
    assert case.later(minutes=2).do(AmendEntry(number, " The pool ", NOON - timedelta(minutes=1))) == [
        EntryAmended(entry=id, words="The pool", at=NOON - timedelta(minutes=1))
    ]
    row = case.incident.row(id)
    assert row is not None and row.amended
    assert (row.text, row.at) == ("The pool", NOON - timedelta(minutes=1))
    assert row.entry == before and row.entry.event.text == "The cache"
    assert case.incident.timeline[0].id == id


def test_an_entry_is_amended_if_its_text_or_its_time_is_another() -> None:
    for words, at in (("The pool", None), (None, NOON - timedelta(minutes=1))):
        case = declared()
        case.do(Note("The cache"))
        case.do(AmendEntry(str(case.entries[-1].seq), words, at))
        assert [row.amended for row in case.incident.rows[-2:]] == [True, False]


def test_amending_what_cannot_be() -> None:
    case = declared()
    case.do(Note("The cache"))
    number = str(case.entries[-1].seq)
    assert "no entry 99" in case.refused(AmendEntry("99", "x"), NotFound).title
    assert "no entry 0" in case.refused(AmendEntry("0", "x"), NotFound).title
    assert "already says" in case.refused(AmendEntry(number, "The cache")).title
    assert "already says" in case.refused(AmendEntry(number)).title
    assert "text is empty" in case.refused(AmendEntry(number, " "), BadInput).title
    assert "future" in case.refused(AmendEntry(number, at=NOON + timedelta(hours=1))).title
    assert "already says" in case.refused(AmendEntry(number, at=case.now)).title
    case.do(AmendEntry(number, at=NOON - timedelta(minutes=1)))  # the time alone
    assert case.incident.row(case.entries[-2].id).at == NOON - timedelta(minutes=1)  # type: ignore[union-attr]
    case.do(RetractEntry(number))
    assert "is retracted" in case.refused(AmendEntry(number, "x")).title


def test_retracting_strikes_out_and_takes_back_what_hung_on_it() -> None:
    case = declared()
    case.do(RecordFix("Restarted"), Pin("app.log", "x"))
    fix = case.incident.fixes[0][0]
    pinned = case.incident.evidence[0][0]
    assert case.do(RetractEntry(str(fix), "It did not help")) == [
        EntryRetracted(entry=fix, reason="It did not help")
    ]
    case.do(RetractEntry(str(pinned)))
    incident = case.incident
    assert not incident.fixes and not incident.evidence
    row = incident.row(fix)
    assert row is not None and row.retracted and row.entry.event.text == "Restarted (permanent)"
    assert "No fix is recorded" in resolve_blockers(incident, PLAYBOOK)
    assert "already" in case.refused(RetractEntry(str(fix))).title
    assert "no entry 99" in case.refused(RetractEntry("99"), NotFound).title


def test_retracting_leaves_the_other_fixes_and_the_other_evidence() -> None:
    case = declared()
    case.do(RecordFix("Restarted"), Pin("app.log", "x"), RecordFix("Rolled back"), Pin("app.log", "y"))
    fix, pinned = case.incident.fixes[0][0], case.incident.evidence[0][0]
    case.do(RetractEntry(str(fix)))
    assert [one.words for _, one in case.incident.fixes] == ["Rolled back"]
    assert [one.words for _, one in case.incident.evidence] == ["x", "y"]
    case.do(RetractEntry(str(pinned)))
    assert [one.words for _, one in case.incident.evidence] == ["y"]
    assert len(case.incident.fixes) == 1


def test_what_changed_the_incident_is_not_retracted_but_undone() -> None:
    case = declared()
    case.do(Acknowledge(), Assign("technical_lead", "Bo"), SetSeverity("critical"), update(), AddAction("x"))
    for entry in case.entries:
        assert "cannot be retracted" in case.refused(RetractEntry(str(entry.seq))).title


def test_a_milestone_is_amended_with_its_reason() -> None:
    case = declared()
    assert case.do(AmendMilestone("started", NOON - timedelta(minutes=20), " seen in the graph ")) == [
        MilestoneAmended(milestone="started", at=NOON - timedelta(minutes=20), reason="seen in the graph")
    ]
    assert case.incident.milestones["started"] == NOON - timedelta(minutes=20)
    assert case.incident.milestones["declared"] == NOON


def test_milestones_stay_in_an_order_in_which_no_duration_is_negative() -> None:
    case = declared()
    case.later(minutes=3).do(Acknowledge())
    assert "future" in case.refused(AmendMilestone("started", case.now + timedelta(hours=1))).title
    assert "outside the incident" in case.refused(AmendMilestone("detected", NOON - timedelta(minutes=1))).title
    assert "outside the incident" in case.refused(AmendMilestone("started", NOON + timedelta(minutes=2))).title
    assert "not resolved" in case.refused(AmendMilestone("resolved", case.now)).title
    case.later(minutes=27).do(Resolve("over"))
    assert "outside the incident" in case.refused(AmendMilestone("resolved", NOON + timedelta(minutes=1))).title
    assert "outside the incident" in case.later(minutes=5).refused(AmendMilestone("acknowledged", case.now)).title


def test_what_nobody_said_was_noticed_earlier_was_noticed_when_it_was_declared() -> None:
    case = declared(started_at=NOON - timedelta(minutes=30))
    assert case.incident.milestones["detected"] == NOON


def test_milestones_that_were_only_taken_from_another_move_with_it() -> None:
    case = declared(started_at=NOON - timedelta(minutes=30), detected_at=NOON - timedelta(minutes=30))
    case.do(AmendMilestone("started", NOON - timedelta(minutes=20)))
    assert case.incident.milestones["detected"] == NOON - timedelta(minutes=20)
    case.later(minutes=40).do(Resolve("over"))
    case.do(AmendMilestone("resolved", NOON + timedelta(minutes=35)))
    assert case.incident.milestones["mitigated"] == NOON + timedelta(minutes=35)


def test_a_start_that_was_earlier_leaves_the_detection_where_it_was() -> None:
    case = declared()
    case.do(AmendMilestone("started", NOON - timedelta(minutes=20)))
    assert case.incident.milestones["detected"] == NOON


def test_readiness_is_confirmed_by_an_item_that_exists() -> None:
    assert confirm_ready("on-call", PLAYBOOK) == [
        ReadinessConfirmed(item="on-call", title="On-call schedule defined and communicated")
    ]
    with pytest.raises(NotFound):
        confirm_ready("nothing", PLAYBOOK)


def test_deciding_changes_nothing() -> None:
    case = declared()
    incident = case.incident
    for command in (Acknowledge(), RecordFix("x", temporary=True), update(), Assign("technical_lead", "Bo")):
        decide(incident, command, CommandContext(PLAYBOOK, NOON, "Ada", NOON.date(), new_ids(900)))
    assert incident == declared().incident
