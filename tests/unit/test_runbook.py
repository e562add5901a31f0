"""Runbooks as text: what is a step, what can be run, what they are about; and how far an incident is with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from harness.case import Case, declared
from hypothesis import given
from hypothesis import strategies as st

from warroom.errors import NotFound
from warroom.incident.commands import Close, Resolve
from warroom.incident.investigation import Undo
from warroom.incident.runbook import (
    LONGEST_TITLE,
    MOST_STEPS,
    Passage,
    WorkflowCall,
    parse_runbook,
    read_keys,
    read_workflow,
)
from warroom.incident.runbook_commands import EndStepRun, StartStepRun, TickStep, UntickStep
from warroom.incident.runbook_events import StepRunEnded

CHECKOUT = """\
---
title: "Checkout is down"   # as people say it
services: [checkout-api, "pay, later"]
alerts:
  - CheckoutErrors
  - Payment*
drills: true
owner: [team, checkout]
---
# Another title

Read [the map](https://wiki.example.com/map) *first*.

## Look

- [ ] Count the **waiting** connections

  More about it.

  ```sh
  psql -c 'select 1'
  psql -c 'select 2'
  ```
- [x] Ask `#payments`

## Fix

1. This list is prose, because there are task items.

- [ ] Restart

```workflow
repo: acme/ops
workflow: restart.yml
inputs:
  service: checkout-api
```
"""


def test_a_runbook_is_its_header_its_sections_and_its_steps() -> None:
    runbook = parse_runbook(CHECKOUT, "shop/checkout")
    assert (runbook.title, runbook.services) == ("Checkout is down", ("checkout-api", "pay, later"))
    assert (runbook.alerts, runbook.drills, runbook.problems) == (("CheckoutErrors", "Payment*"), True, ())
    assert [(one.title, [step.title for step in one.steps]) for one in runbook.sections] == [
        ("", []),
        ("Look", ["Count the waiting connections", "Ask `#payments`"]),
        ("Fix", ["Restart"]),
    ]
    assert runbook.sections[0].passages == (
        Passage("text", "Read the map (https://wiki.example.com/map) first.", 12),
    )
    count, _, restart = runbook.steps
    assert count.blocks == (Passage("sh", "psql -c 'select 1'\npsql -c 'select 2'", 21),)
    assert CHECKOUT.splitlines()[20].strip() == "psql -c 'select 1'", "the line is that of the file"
    assert [block.kind for block in restart.blocks] == ["workflow"] and restart.number == 3


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("# T\n\n1. one\n2. two\n   - a bullet is prose\n\n## More\n\n1) three\n", ["one", "two", "three"]),
        ("# T\n\nProse\n\n## one\n\n- bullet\n\n### two\n", ["one", "two"]),
        ("* [ ] one\n* plain\n* [X] two\n", ["one", "two"]),
        ("- [ ] outer\n  - [ ] inner\n", ["outer", "inner"]),
        ("- [ ]\n- [ ] x\n", ["x"]),
        ("just words\n", []),
    ],
)
def test_steps_are_task_items_else_numbered_items_else_headings(text: str, titles: list[str]) -> None:
    assert [step.title for step in parse_runbook(text, "x").steps] == titles


def test_a_step_keeps_its_id_when_the_file_changes_around_it() -> None:
    before = {step.title: step.id for step in parse_runbook(CHECKOUT, "a").steps}
    changed = CHECKOUT.replace("- [x] Ask", "- [ ] Call them\n- [x] Ask").replace("select 1", "select 7")
    after = {step.title: step.id for step in parse_runbook(changed, "b").steps}
    assert {title: after[title] for title in before} == before
    twice = [step.id for step in parse_runbook("- [ ] look\n- [ ] look\n", "x").steps]
    assert len(set(twice)) == 2, "two steps of the same words are two steps"


@pytest.mark.parametrize(
    ("service", "alerts", "reason"),
    [
        ("checkout-api", [], "service checkout-api"),
        ("CHECKOUT-API", ["Other"], "service checkout-api"),
        ("checkout-api", ["Other", "paymentsSlow"], "alert paymentsSlow"),
        ("web", ["CheckoutErrors"], ""),
    ],
)
def test_a_runbook_that_names_services_is_about_no_other(service: str, alerts: list[str], reason: str) -> None:
    assert parse_runbook(CHECKOUT, "x").matches(service, alerts) == reason


def test_a_runbook_matches_by_alert_of_any_service_and_by_the_name_of_its_file() -> None:
    only_alerts = parse_runbook("---\nalerts: Disk?Full\n---\n- [ ] x\n", "disk")
    assert only_alerts.matches("db", ["diskXfull"]) == "alert diskXfull" and not only_alerts.matches("db", ["disk"])
    assert parse_runbook("- [ ] x\n", "shop/Web").matches("web") == "its file name"
    assert parse_runbook("- [ ] x\n", "web").matches("") == ""


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("---\nservices: [a\n---\n- [ ] x\n", 2, "a list in brackets ends on its line"),
        ("---\nservice: a\n---\n- [ ] x\n", 2, "service is not read; write services"),
        ("---\nservices:\n  - a\n  b: c\n---\n- [ ] x\n", 4, "not read as a part of services"),
        ("---\nnonsense\n---\n- [ ] x\n", 2, "write key: value"),
        ("---\ndrills: yes\n---\n- [ ] x\n", 2, "drills is true or false"),
        ("---\ntitle: [a]\n---\n- [ ] x\n", 2, "title is one text"),
        ("---\nservices: a\n- [ ] x\n", 1, "the header has no end"),
        ("---\nservices: a\n---\nwords\n", 4, "there is no step"),
        ("## a\n```sh\nx\n```\n- [ ] x\n", 2, "comes before the first step of its section"),
        ("- [ ] x\n\n```workflow\nworkflow: a.yml\n```\n", 4, "repo: OWNER/NAME"),
        ("- [ ] x\n\n```workflow\nrepo: a/b\nworkflow: ../a\n```\n", 4, "workflow: FILE.yml"),
        ("- [ ] x\n\n```workflow\nrepo: a/b\nworkflow: c.yml\nref: -x\n```\n", 4, "ref is a branch"),
        ("- [ ] x\n\n```workflow\nrepo: a/b\nworkflow: c.yml\ninputs: [x]\n```\n", 6, "inputs are indented"),
        ("- [ ] x\n\n```workflow\nrepo: a/b\nworkflow: c.yml\nbranch: x\n```\n", 6, "branch is not read"),
        ("- [ ] x\n" * (MOST_STEPS + 2), MOST_STEPS + 1, "only the first"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, line: int, words: str) -> None:
    problems = parse_runbook(text, "x").problems
    assert [one.line for one in problems if words in one.text] == [line], problems


def test_a_workflow_block_is_read() -> None:
    block = Passage("workflow", 'repo: acme/ops\nworkflow: "restart.yml"\ninputs:\n  a: "1 # 2"\n  b: c # d', 7)
    assert read_workflow(block) == (
        WorkflowCall("acme/ops", "restart.yml", "main", {"a": "1 # 2", "b": "c"}),
        [],
    )


@given(st.text(max_size=300) | st.text("-[] x`\n#:1.sh>*", max_size=300))
def test_any_text_is_a_runbook(text: str) -> None:
    runbook = parse_runbook(text, "x")
    assert [step.number for step in runbook.steps] == list(range(1, len(runbook.steps) + 1))
    assert len({step.id for step in runbook.steps}) == len(runbook.steps)
    assert all(0 < len(step.title) <= LONGEST_TITLE for step in runbook.steps)
    last = text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
    assert all(1 <= one.line <= last for one in runbook.problems)
    assert runbook.problems == tuple(sorted(runbook.problems, key=lambda one: one.line))
    assert runbook.steps or runbook.problems


NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,9}", fullmatch=True)
WORDS = st.text(st.characters(categories=["L", "N"], include_characters=" ,:#[]{}-"), min_size=1, max_size=20)


@given(st.dictionaries(NAMES, WORDS | st.lists(WORDS, min_size=1) | st.dictionaries(NAMES, WORDS, min_size=1)))
def test_what_is_written_in_quotes_is_read_as_it_was_written(keys: dict[str, object]) -> None:
    lines = []
    for key, value in keys.items():
        if isinstance(value, str):
            lines.append(f'{key}: "{value}"')
        elif isinstance(value, list):
            lines += [f"{key}:", *(f'  - "{one}"' for one in value)]
        elif isinstance(value, dict):
            lines += [f"{key}:", *(f'  {name}: "{one}"' for name, one in value.items())]
    read, problems = read_keys(lines, 1)
    assert problems == [] and {key: value for key, (value, _) in read.items()} == keys


# ── in an incident ────────────────────────────────────────────────────────────────────────────────────────

TICK = TickStep("checkout", "Checkout is down", "s1", "Count", 1, 3)
RUN = StartStepRun("checkout", "Checkout is down", "s1", "Count", 1, 3, 1, 1, "psql", "~/runbooks", 60)


def test_a_step_is_ticked_once_by_whom_and_unticked() -> None:
    incident = declared()
    incident.do(TICK)
    progress = incident.incident.runbooks["checkout"]
    assert progress.done["s1"].by == incident.by and progress.describe() == "Checkout is down: 1 of 3 steps done"
    assert "already done" in incident.refused(TICK).title
    incident.do(UntickStep("checkout", "s1", "Count"))
    assert incident.incident.runbooks["checkout"].done == {}
    assert "not done" in incident.refused(UntickStep("checkout", "s1", "Count")).title


def test_the_last_tick_can_be_undone_a_tick_of_a_result_cannot() -> None:
    incident = declared()
    incident.do(TICK)
    incident.do(Undo())
    assert incident.incident.runbooks["checkout"].done == {}
    run_to_its_end(incident, status=0)
    incident.refused(Undo())


def started(incident: Case, run: StartStepRun = RUN) -> UUID:
    """Start a run: the id of its entry."""
    incident.do(run)
    return incident.entries[-1].id


def run_to_its_end(incident: Case, run: StartStepRun = RUN, **how: object) -> StepRunEnded:
    end = EndStepRun(started(incident, run), "ended", **{"seconds": 3.21, "output": "one row", **how})  # type: ignore[arg-type]
    ended = incident.do(end)[0]
    assert isinstance(ended, StepRunEnded)
    return ended


def test_a_run_that_succeeds_ticks_its_step_and_its_output_is_evidence() -> None:
    incident = declared()
    ended = run_to_its_end(incident, status=0)
    assert ended.text == "Count: exit status 0 after 3.2 s\none row"
    assert incident.incident.runbooks["checkout"].done["s1"].because == "exit status 0"
    assert [row.kind for row in incident.incident.rows[-3:]] == ["run", "evidence", "runbook"]


def test_a_run_that_fails_ticks_nothing() -> None:
    incident = declared()
    assert run_to_its_end(incident, status=3).result == "exit status 3 after 3.2 s"
    progress = incident.incident.runbooks["checkout"]
    assert progress.done == {} and not progress.runs[0].succeeded


def test_a_step_of_two_commands_is_done_once_both_have_succeeded() -> None:
    incident = declared()
    first, second = (replace(RUN, block=number, blocks=2) for number in (1, 2))
    run_to_its_end(incident, first, status=0)
    assert incident.incident.runbooks["checkout"].done == {}
    run_to_its_end(incident, second, status=0)
    assert list(incident.incident.runbooks["checkout"].done) == ["s1"]


def test_the_end_of_a_run_is_recorded_once() -> None:
    incident = declared()
    run = started(incident)
    assert len(incident.do(EndStepRun(run, "ended", 0))) == 2
    assert incident.do(EndStepRun(run, "stopped")) == []
    incident.refused(EndStepRun(incident.incident.rows[0].id, "ended", 0), NotFound)


def test_the_same_command_runs_once_at_a_time_until_its_time_is_up() -> None:
    incident = declared()
    incident.do(RUN)
    assert "has this running" in incident.refused(RUN).title
    progress = incident.incident.runbooks["checkout"]
    assert progress.runs[0].is_running(incident.now) and not progress.runs[0].is_lost(incident.now)
    incident.now += timedelta(seconds=60)
    assert progress.runs[0].is_lost(incident.now), "its console is gone: nobody knows what became of it"
    incident.do(RUN)


def test_nothing_runs_in_a_drill_unless_the_runbook_says_so() -> None:
    drill = declared(drill=True)
    assert "runs nothing in drills" in drill.refused(RUN).title
    assert drill.do(replace(RUN, drills=True))


def test_the_end_of_a_run_is_recorded_although_the_incident_was_closed_meanwhile() -> None:
    incident = declared()
    run = started(incident)
    incident.do(Resolve("it is over"))
    incident.do(Close("nothing to do"))
    assert incident.do(EndStepRun(run, "timed out", seconds=61))
