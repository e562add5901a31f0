"""Workflows of runbook steps: what starts is what was previewed, once, and its end is recorded once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from harness.app import AppHarness
from hypothesis import given
from hypothesis import strategies as st

from warroom.config.settings import IntegrationSettings, RunbookSettings, Settings
from warroom.connect.guarded_integration import GuardedIntegration
from warroom.connect.secret_mask import SecretMask
from warroom.errors import NotSent, Refusal, Rejected, Unconfirmed, WarroomError
from warroom.incident.alerting import ReceiveAlert
from warroom.incident.commands import Declare, Resolve
from warroom.incident.delivery import DeliveryState, Receipt
from warroom.incident.requests import RequestAccepted, WorkflowRun
from warroom.incident.runbook_events import RunbookStepDone, StepRunStarted, WorkflowEnded
from warroom.incident.runbook_progress import StepRun
from warroom.room.integration_delivery import IntegrationDelivery
from warroom.room.outbox import OutboxWorker
from warroom.room.room import WarRoom
from warroom.room.runbooks import read_library
from warroom.room.workflow_runs import (
    DEADLINE,
    LONGEST_RUN,
    PreparedWorkflow,
    prepare_workflow,
    start_workflow,
    workflow_preview,
)
from warroom.room.workflow_watch import WorkflowWatch

URL = "https://ci.example/runs/{}"
BLOCK = "repo: acme/ops\nworkflow: restart.yml\ninputs:\n  incident: $WARROOM_INCIDENT\n  pool: blue"


@dataclass
class Runner:
    """A service that starts workflows. ``outcomes`` are those of the next starts: an error before the effect, or
    after it in a tuple. ``result_now`` is what it says of every run."""

    dedupes: bool = False
    reads_back: bool = False
    outcomes: list[Any] = field(default_factory=list)
    started: list[WorkflowRun] = field(default_factory=list)
    result_now: str | Exception = ""
    names_runs: bool = True
    asked: int = 0
    closed: int = 0

    async def send(self, request: WorkflowRun, key: str) -> Receipt:
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if isinstance(outcome, Exception):
            raise outcome
        self.started.append(request)
        if outcome:
            raise outcome[0]
        number = str(len(self.started))
        return Receipt(id=number if self.names_runs else "", url=URL.format(number))

    async def find(self, request: WorkflowRun, key: str) -> Receipt | None:
        raise Unconfirmed("nobody can tell")

    async def result(self, request: WorkflowRun, receipt: Receipt) -> str:
        self.asked += 1
        if isinstance(self.result_now, Exception):
            raise self.result_now
        return self.result_now

    async def check(self) -> str:
        return "runner"

    async def close(self) -> None:
        self.closed += 1


class Desk:
    """An incident, a runbook of one workflow, and a service that starts it."""

    def __init__(self, harness: AppHarness, block: str = BLOCK, header: str = "", **declared: Any) -> None:
        self.harness, self.room, self.runner = harness, harness.room, Runner()
        self.path = Path(harness.settings.runbooks.folders[0]) / "checkout-api.md"
        self.write(block, header)
        self.incident_id = self.room.declare(Declare("checkout-api", "No orders", **declared)).incident.id
        self.watch = self.another_watch(self.room)

    def write(self, block: str, header: str = "") -> None:
        head = f"---\n{header}\n---\n" if header else ""
        self.path.write_text(f"{head}# Checkout\n\n- [ ] Restart it\n\n```workflow\n{block}\n```\n")

    def another_watch(self, room: WarRoom) -> WorkflowWatch:
        return WorkflowWatch(room, lambda name: GuardedIntegration(name, self.runner, SecretMask([])))

    def prepare(self) -> PreparedWorkflow:
        file = read_library(self.room.settings.runbooks.folders).find("checkout-api")
        return prepare_workflow(self.room, self.incident_id, file, file.runbook.steps[0].id)

    def start(self) -> None:
        start_workflow(self.room, self.prepare())

    def deliver(self) -> DeliveryState:
        handler = IntegrationDelivery(self.room, "workflow", lambda _: self.runner)
        OutboxWorker(self.room, handlers=[handler]).drain(1.0)
        return self.room.deliveries(self.incident_id)[-1].state

    def look(self, *watches: WorkflowWatch) -> None:
        for watch in watches or (self.watch,):
            asyncio.run(watch.once())

    def events(self, kind: type[Any]) -> list[Any]:
        rows = self.room.incident(self.incident_id).rows
        return [row.entry.event for row in rows if isinstance(row.entry.event, kind)]

    @property
    def last(self) -> StepRun:
        return self.room.incident(self.incident_id).runbooks["checkout-api"].runs[-1]


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[AppHarness]:
    (tmp_path / "runbooks").mkdir()
    folders = RunbookSettings(folders=(str(tmp_path / "runbooks"),))
    with AppHarness(tmp_path / "data", runbooks=folders, workflows=services()) as harness:
        yield harness


def services(**more: Any) -> dict[str, IntegrationSettings]:
    table = {"name": "ci", "backend": "github", "repositories": ["Acme/ops"], **more}
    return {"ci": IntegrationSettings.model_validate(table)}


# ── starting ──────────────────────────────────────────────────────────────────────────────────────────────


def test_what_starts_is_what_was_previewed_with_its_link_and_its_result_ticks_the_step(
    harness: AppHarness,
) -> None:
    desk = Desk(harness)
    preview = workflow_preview(desk.prepare())
    for words in ("acme/ops", "restart.yml", "main", f"incident = {desk.incident_id}", "pool = blue", "ci"):
        assert words in preview
    desk.start()
    assert not desk.runner.started and len(desk.events(StepRunStarted)) == 1, "recorded before it is sent"
    assert desk.deliver() is DeliveryState.DELIVERED
    assert [run.inputs for run in desk.runner.started] == [{"incident": desk.incident_id, "pool": "blue"}]
    assert [event.url for event in desk.events(RequestAccepted)] == [URL.format(1)]
    assert desk.last.url == URL.format(1) and desk.last.is_running(harness.clock())
    desk.look()
    assert not desk.events(WorkflowEnded), "it is under way"
    harness.clock.later(minutes=3)
    desk.runner.result_now = "success"
    desk.look()
    (ended,) = desk.events(WorkflowEnded)
    assert (ended.result, ended.url) == ("success after 3 min", URL.format(1))
    assert [event.because for event in desk.events(RunbookStepDone)] == ["workflow: success"]


def test_a_failure_is_recorded_with_its_link_and_ticks_nothing(harness: AppHarness) -> None:
    desk = Desk(harness)
    desk.start()
    desk.deliver()
    desk.runner.result_now = "failure"
    desk.look()
    (ended,) = desk.events(WorkflowEnded)
    assert "failure" in ended.text and URL.format(1) in ended.text
    assert not desk.events(RunbookStepDone) and not desk.last.succeeded
    desk.start()
    desk.deliver()
    assert len(desk.runner.started) == 2, "it can be started again"


def test_it_is_started_once_while_it_runs(harness: AppHarness) -> None:
    desk = Desk(harness)
    prepared = desk.prepare()
    start_workflow(harness.room, prepared)
    for again in (prepared, desk.prepare()):
        with pytest.raises(Refusal, match="Alice has this running"):
            start_workflow(harness.room, again)
    desk.deliver()
    assert len(desk.runner.started) == len(desk.events(StepRunStarted)) == 1


def test_what_changed_since_the_preview_is_previewed_again(harness: AppHarness) -> None:
    desk = Desk(harness)
    prepared = desk.prepare()
    desk.write(BLOCK.replace("blue", "green"))
    with pytest.raises(Refusal, match="changed since the preview"):
        start_workflow(harness.room, prepared)
    desk.deliver()
    assert not desk.events(StepRunStarted) and not desk.runner.started


def test_an_alert_reaches_an_input_only_as_its_whole_value_and_made_safe(harness: AppHarness) -> None:
    desk = Desk(harness, BLOCK.replace("blue", "${WARROOM_ALERT_LABEL_pool}"))
    evil = "x\x1b[2J\n$WARROOM_BY $(id) ghp_" + "a1B2" * 9
    harness.room.receive_alert(ReceiveAlert("Slow", service="checkout-api", labels={"pool": evil}))
    (alert,) = harness.room.team().alerts
    desk.incident_id = harness.room.declare(Declare("checkout-api", "x"), alert=alert).incident.id
    value = desk.prepare().request.inputs["pool"]
    assert value == "x␛[2J $WARROOM_BY $(id) ‹redacted:github-token›"
    desk.start()
    desk.deliver()
    assert desk.runner.started[0].inputs["pool"] == value
    desk.write(BLOCK.replace("blue", "$WARROOM_CHANNEL"))
    desk.incident_id = harness.room.declare(Declare("checkout-api", "y")).incident.id
    assert desk.prepare().request.inputs["pool"] == "" and "pool = (empty)" in workflow_preview(desk.prepare())


def test_an_id_of_the_run_alone_reaches_the_workflow_as_it_was_previewed(harness: AppHarness) -> None:
    desk = Desk(harness, BLOCK.replace("blue", "$WARROOM_RUN"))
    prepared = desk.prepare()
    start_workflow(harness.room, prepared)
    desk.deliver()
    assert desk.runner.started[0].inputs["pool"] == str(prepared.request.run) == str(desk.runner.started[0].run)


REFUSED = {
    "another repository": (BLOCK.replace("acme/ops", "acme/other"), {}, 'Add "acme/other" to repositories'),
    "a part of a value": (BLOCK.replace("blue", "x-$WARROOM_BY"), {}, "whole value of the input pool"),
    "an unknown variable": (BLOCK.replace("blue", "$WARROOM_SERVCIE"), {}, "no variable WARROOM_SERVCIE"),
    "a secret": (BLOCK.replace("blue", "ghp_" + "a1B2" * 9), {}, "looks like a secret"),
    "invisible characters": (BLOCK.replace("blue", "b\u202elue"), {}, "invisible characters"),
    "not readable": (BLOCK.replace("repo:", "repository:"), {}, "repo: OWNER/NAME"),
    "a drill": (BLOCK, {"drill": True}, "is a drill"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_it_says_why_a_workflow_may_not_be_started(harness: AppHarness, why: str) -> None:
    block, declared, words = REFUSED[why]
    with pytest.raises(WarroomError) as caught:
        Desk(harness, block, **declared).prepare()
    assert words in f"{caught.value}" and caught.value.remedy


def test_a_drill_needs_a_runbook_and_a_service_that_are_meant_for_drills(harness: AppHarness) -> None:
    desk = Desk(harness, header="drills: true", drill=True)
    with pytest.raises(Refusal, match="ci is not meant for drills"):
        desk.prepare()
    harness.room.settings = harness.settings.model_copy(update={"workflows": services(drills=True)})
    desk.start()
    assert desk.deliver() is DeliveryState.DELIVERED


def test_without_a_service_it_says_what_to_add(harness: AppHarness) -> None:
    harness.room.settings = harness.settings.model_copy(update={"workflows": {}})
    with pytest.raises(Refusal) as caught:
        Desk(harness).prepare()
    assert "[workflows.NAME]" in caught.value.remedy


VARIABLE = st.sampled_from(["$WARROOM_BY", "${WARROOM_BY}", "$WARROOM_", "WARROOM_BY", "$HOME", "$", "{", "}"])


@given(st.lists(VARIABLE | st.text("ab $\\{}'\"`", max_size=3), max_size=4).map("".join))
def test_no_text_is_ever_put_into_another_one(text: str) -> None:
    """An input is what the runbook says, or the whole of a variable; anything in between is refused."""
    from warroom.incident.runbook import Passage, Runbook
    from warroom.room.runbooks import RunbookFile
    from warroom.room.workflow_runs import _value

    file, block = RunbookFile(Runbook("x", "x"), Path("/x.md")), Passage("workflow", "", 1)
    try:
        value = _value("input", text, {"WARROOM_BY": "‹Bob›"}, file, block)
    except Refusal:
        return
    assert value == ("‹Bob›" if text in ("$WARROOM_BY", "${WARROOM_BY}") else text)


# ── what became of it ─────────────────────────────────────────────────────────────────────────────────────


def test_three_consoles_record_an_end_once(harness: AppHarness, tmp_path: Path) -> None:
    desk = Desk(harness)
    desk.start()
    desk.deliver()
    desk.runner.result_now = "success"
    others = [
        AppHarness(tmp_path / "data", by=by, runbooks=harness.settings.runbooks, workflows=services())
        for by in ("Bob", "Chen Wei")
    ]

    async def all_look() -> None:
        rooms = [harness.room, *(other.room for other in others)]
        await asyncio.gather(*(desk.another_watch(room).once() for room in rooms))

    for other in others:
        other.room.incident(desk.incident_id)
    asyncio.run(all_look())
    assert len(desk.events(WorkflowEnded)) == len(desk.events(RunbookStepDone)) == 1
    for other in others:
        other.close()


def test_a_start_that_is_refused_is_said_to_be_and_can_be_made_again(harness: AppHarness) -> None:
    desk = Desk(harness)
    desk.runner.outcomes = [Rejected("Unexpected inputs", "Correct them.")]
    desk.start()
    assert desk.deliver() is DeliveryState.FAILED
    desk.look()
    desk.look()
    (ended,) = desk.events(WorkflowEnded)
    assert ended.result == "not started" and "Unexpected inputs" in ended.text
    assert not desk.last.is_running(harness.clock()) and not desk.last.succeeded
    desk.start()
    assert desk.deliver() is DeliveryState.DELIVERED


def test_a_refused_start_that_a_person_resends_has_its_own_end(harness: AppHarness) -> None:
    desk = Desk(harness)
    desk.runner.outcomes = [Rejected("Not Found")]
    desk.start()
    desk.deliver()
    desk.look()
    harness.room.resend_failed(desk.incident_id)
    assert desk.deliver() is DeliveryState.DELIVERED
    assert desk.last.is_running(harness.clock()) and desk.last.url == URL.format(1)
    desk.runner.result_now = "success"
    desk.look()
    assert [event.result for event in desk.events(WorkflowEnded)] == ["not started", "success after 0 s"]
    assert desk.events(RunbookStepDone)


def test_a_start_that_got_through_too_late_is_not_made_any_more(harness: AppHarness) -> None:
    desk = Desk(harness)
    desk.runner.outcomes = [NotSent("no connection")]
    desk.start()
    assert desk.deliver() is DeliveryState.PENDING
    harness.clock.later(DEADLINE.total_seconds() + 1)
    assert desk.deliver() is DeliveryState.FAILED
    assert not desk.runner.started
    desk.look()
    assert "could not be sent in time" in desk.events(WorkflowEnded)[0].reason


def test_a_start_of_unknown_outcome_is_left_to_a_person(harness: AppHarness) -> None:
    desk = Desk(harness)
    desk.runner.outcomes = [(Unconfirmed("no answer"),)]
    desk.start()
    assert desk.deliver() is DeliveryState.UNCONFIRMED
    desk.look()
    assert not desk.events(WorkflowEnded) and len(desk.runner.started) == 1


def test_a_service_that_names_no_run_is_not_asked_and_gives_its_link(harness: AppHarness) -> None:
    desk = Desk(harness)
    desk.runner.names_runs = False
    desk.start()
    desk.deliver()
    desk.look()
    assert desk.runner.asked == 0 and desk.last.url == URL.format(1)


def test_a_service_that_does_not_answer_costs_a_line_of_health(harness: AppHarness) -> None:
    desk = Desk(harness)
    desk.start()
    desk.deliver()
    desk.runner.result_now = NotSent("ci cannot be reached")
    desk.look()
    assert "ci does not say how a workflow ended: ci cannot be reached" in str(desk.watch.problem)
    desk.runner.result_now = "success"
    desk.look()
    assert desk.watch.problem is None and desk.events(WorkflowEnded)


def test_nothing_is_asked_where_nothing_runs_and_none_for_ever(harness: AppHarness) -> None:
    desk = Desk(harness)
    desk.look()
    desk.start()
    desk.deliver()
    harness.clock.later(LONGEST_RUN.total_seconds() + 1)
    desk.look()
    assert desk.runner.asked == 0 and desk.last.is_lost(harness.clock())


def test_the_end_is_recorded_after_the_incident_is_resolved(harness: AppHarness) -> None:
    desk = Desk(harness)
    desk.start()
    desk.deliver()
    harness.room.execute(desk.incident_id, Resolve(reason="It is over"))
    desk.runner.result_now = "success"
    desk.look()
    assert desk.events(WorkflowEnded)


def test_the_settings_bring_the_job(tmp_path: Path) -> None:
    from warroom.bootstrap import open_context

    file = tmp_path / "settings.toml"
    for text, wanted in (("", False), ('[workflows.ci]\nbackend = "github"\nrepositories = ["a/b"]\n', True)):
        file.write_text(text)
        with open_context(file, tmp_path / "data", "Alice", environ={}) as context:
            assert any(isinstance(job, WorkflowWatch) for job in context.background_jobs()) is wanted
    assert Settings().workflows == {}
