"""Next: an action with its target. Its key acts on that target wherever the cursor is, and undoes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.app import (
    SMALL,
    START,
    AppHarness,
    run_console,
    run_screen,
    screen_lines,
    screen_text,
    settle,
    toasts,
    until,
)
from harness.ids import entry_id, new_ids
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from warroom.bootstrap import open_context
from warroom.config.loading import load_playbook
from warroom.config.paths import shipped
from warroom.config.settings import Settings
from warroom.drill.clock import ScaledClock
from warroom.drill.player import DrillPlayer
from warroom.drill.script import parse_script
from warroom.errors import NotFound, Refusal
from warroom.incident.advice import NextStep, next_steps
from warroom.incident.alerts import ReceiveAlert
from warroom.incident.commands import (
    Acknowledge,
    AddAction,
    Check,
    Close,
    Command,
    CommandContext,
    Declare,
    Note,
    PostUpdate,
    RecordFix,
    Reopen,
    Resolve,
    SetSeverity,
    SetStatus,
    Uncheck,
    WriteSection,
    decide,
)
from warroom.incident.delivery import TEMPLATE_KINDS
from warroom.incident.events import Entry
from warroom.incident.incident import Incident, fold
from warroom.incident.investigation import AssignTask, CompleteTask, ConfirmHypothesis, RuleOutHypothesis, Undo
from warroom.incident.readings import Observation, Reading
from warroom.incident.roles import AcceptHandover, Assign, HandOver, Release
from warroom.tui.screens.composer import ComposerScreen
from warroom.tui.screens.confirm import Confirm
from warroom.tui.screens.detail import Detail
from warroom.tui.screens.form_dialog import Choices, Form
from warroom.tui.screens.home import HomeScreen
from warroom.tui.screens.next_step_screen import NextStepScreen
from warroom.tui.screens.presenter import PresenterScreen
from warroom.tui.screens.resolve import ResolveScreen
from warroom.tui.screens.review import ReviewScreen
from warroom.tui.screens.war_room import WarRoomScreen
from warroom.tui.widgets.row_list import RowList

PLAYBOOK = load_playbook(Settings())
SAMPLES = shipped("sample_data")
ITEMS = [item.id for checklist in PLAYBOOK.checklists.values() for item in checklist.items]
MIDDLE = (120, 36)
UNDOING = {"unchecked", "released", "retracted", "reopened", "amended"}
"""The kinds of entries that take something back."""


# ── what is named, without a screen ───────────────────────────────────────────────────────────────────────

COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.just(Acknowledge()),
    st.just(RecordFix("rolled back", temporary=True)),
    st.just(Resolve("seen recovered")),
    st.just(Reopen("it is back")),
    st.just(SetStatus("mitigated")),
    st.just(Note("pool exhausted", "finding")),
    st.just(Note("roll back", "decision")),
    st.just(AddAction("alert on the pool", "Bob")),
    st.builds(SetSeverity, st.sampled_from(["critical", "high", "low"]), st.just("fewer users")),
    st.builds(Check, st.sampled_from(ITEMS)),
    st.builds(Uncheck, st.sampled_from(ITEMS)),
    st.builds(Assign, st.sampled_from([role.id for role in PLAYBOOK.roles]), st.sampled_from(["Alice", "Bob"])),
    st.builds(Release, st.sampled_from([role.id for role in PLAYBOOK.roles])),
    st.builds(HandOver, st.sampled_from([role.id for role in PLAYBOOK.roles]), st.just("Carol")),
    st.just(WriteSection("summary", "It was down.")),
    st.just(Note("network", "hypothesis")),
    st.just(RuleOutHypothesis()),
    st.just(ConfirmHypothesis()),
    st.builds(AssignTask, st.just("Bob"), st.just("check the replicas"), st.sampled_from([1, 10])),
    st.just(Undo()),
    st.just(PostUpdate("customer", "customer_initial", "customers", "t", "w", approved_by="Ann")),
    st.just(PostUpdate("executive", "executive", "executives", "t", "w")),
)


def apply(incident: Incident, command: Command, at: datetime) -> Incident:
    events = decide(
        incident, command, CommandContext(PLAYBOOK, at, "Alice", at.date(), new_ids(incident.version + 1))
    )
    entries = [
        Entry(
            stream=incident.id,
            seq=incident.version + n,
            id=entry_id(incident.version + n),
            at=at,
            by="Alice",
            event=event.event,
        )
        for n, event in enumerate(events, 1)
    ]
    return fold(incident.id, entries, incident)


def meant(step: NextStep, incident: Incident, at: datetime) -> Command | None:
    """The command that doing a step comes to; None for going home."""
    match step.action:
        case "acknowledge":
            return Acknowledge()
        case "assign":
            return Assign(step.target, "Bob")
        case "accept":
            return AcceptHandover(step.target)
        case "hand_over":
            return HandOver(step.target, "Dana" if incident.commander != "Dana" else "Alice")
        case "check":
            return Check(step.target)
        case "finish_task":
            return CompleteTask(step.target)
        case "fix":
            return RecordFix("rolled back")
        case "resolve":  # what the screen that it opens asks for
            return Check(step.target) if step.target else Resolve()
        case "update":
            audience, due = PLAYBOOK.templates[step.target].audience, at + timedelta(minutes=15)
            message = TEMPLATE_KINDS[step.target]
            return PostUpdate(message, step.target, audience, "t", "w", next_update_at=due, approved_by="Ann")
        case "review" | "write":
            return WriteSection(step.target, "the pool was too small")  # type: ignore[arg-type]
        case "close":
            return Close()
        case "home":
            return None
    raise AssertionError(f"Next names {step}")


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(COMMANDS, st.integers(0, 20)), max_size=25), st.integers(0, 120))
def test_doing_what_next_says_ends_with_a_closed_incident_and_undoes_nothing(
    history: list[tuple[Command, int]], later: int
) -> None:
    at = START
    incident = apply(Incident("INC-1"), Declare("checkout-api", "Card payments fail"), at)
    for command, minutes in history:
        at += timedelta(minutes=minutes)
        with contextlib.suppress(Refusal, NotFound):
            incident = apply(incident, command, at)
    followed(incident, at + timedelta(minutes=later))


def followed(incident: Incident, at: datetime) -> None:
    """Do what Next says until it says to go home; AssertionError if that undoes something or does not end."""
    asked: list[tuple[str, str]] = []
    for _ in range(100):
        step = next_steps(incident, PLAYBOOK, (), at)[0]
        command_ = meant(step, incident, at)
        if command_ is None:
            break
        before = incident
        incident = apply(incident, command_, at)  # a Refusal here is a step that cannot be done
        kinds = [row.kind for row in incident.rows[before.version :]]
        assert kinds and not UNDOING & set(kinds), (step, kinds)
        assert set(before.ticks) <= set(incident.ticks) and set(before.roles) <= set(incident.roles)
        asked.append((step.action, step.target))
        at += timedelta(seconds=20)
    assert incident.status == "closed"
    once = [one for one in asked if one[0] not in ("update", "hand_over", "accept")]
    assert len(once) == len(set(once)), "nothing is asked for twice"


@pytest.fixture(scope="module")
def drills(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Entry]]:
    """The incident of each shipped drill, as it is played without people."""
    played: dict[str, list[Entry]] = {}
    for path in sorted((SAMPLES / "drills").glob("*.toml")):
        folder, clock = tmp_path_factory.mktemp(path.stem), ScaledClock(math.inf, START)
        script = parse_script(path.read_text(encoding="utf-8"), path.name)
        with open_context(SAMPLES / "settings.toml", folder, "Ada Moreau", environ={}, clock=clock) as context:
            incident_id = DrillPlayer(context.room, script, folder / "logs", clock).play(lambda line: None)
            played[path.stem] = context.room.journal.read(incident_id)
    return played


def test_next_leads_out_of_a_shipped_drill_from_any_moment_of_it(drills: dict[str, list[Entry]]) -> None:
    for entries in drills.values():
        assert len(entries) > 20
        for n in range(1, len(entries)):
            if entries[n].at > entries[n - 1].at:
                followed(fold("INC-1", entries[:n]), entries[n].at)


# ── on the screen ─────────────────────────────────────────────────────────────────────────────────────────

pytestmark = pytest.mark.anyio


def top(pilot: Pilot[Any]) -> Any:
    return pilot.app.screen


async def press(pilot: Pilot[Any], *keys: str) -> None:
    await pilot.press(*keys)
    await settle(pilot)


def named(pilot: Pilot[Any]) -> tuple[str, str]:
    """What the Next line says, and the key it names."""
    line = next(line for line in reversed(screen_lines(pilot.app)) if line.strip().startswith("Next "))
    found = re.fullmatch(r"\s*Next\s+(.*?)(?:  \[(.+)\])?\s*", line)
    assert found, line
    return found[1], found[2] or ""


def as_pressed(shown: str) -> str:
    """A key as a test presses it, from how people read it."""
    special = {"↵": "enter", "esc": "escape"}
    return special.get(shown) or (f"ctrl+{shown[1:]}" if shown.startswith("^") else shown)


def footer(pilot: Pilot[Any]) -> str:
    return screen_lines(pilot.app)[-1]


def declared(harness: AppHarness, *commands: Command, commander: str = "Alice") -> str:
    done = harness.room.declare(Declare("checkout-api", "Card payments fail"), commander=commander)
    for command in commands:
        harness.room.execute(done.incident.id, command)
    return done.incident.id


@pytest.fixture
def harness(tmp_path: Path) -> Any:
    with AppHarness(tmp_path / "data") as harness:
        yield harness


@asynccontextmanager
async def in_war_room(
    harness: AppHarness, incident_id: str, size: tuple[int, int] = MIDDLE
) -> AsyncIterator[Pilot[None]]:
    async with run_console(harness, size, incident_id=incident_id) as pilot:
        await until(pilot, lambda: isinstance(top(pilot), WarRoomScreen) and top(pilot).step is not None)
        yield pilot


def items(pilot: Pilot[Any]) -> RowList:
    found: RowList = top(pilot).query_one("#items", RowList)
    return found


async def go_to(pilot: Pilot[Any], item: str) -> None:
    """Put the cursor on an item of the checklist, by the keys a person has."""
    await press(pilot, "1", "home")
    while items(pilot).cursor_id != item:
        await press(pilot, "down")


def marked(pilot: Pilot[Any], text: str) -> str:
    """The mark in front of a row that is shown: "▸" the cursor, "→" the next step, "" neither."""
    for line in screen_lines(pilot.app):
        if found := re.search(rf"([▸→]?) *[○✓]? {re.escape(text)}", line.replace("│", " │ ")):
            return found[1]
    raise AssertionError(f"{text} is not shown")


async def test_the_key_that_next_names_ticks_its_item_after_another_was_ticked(harness: AppHarness) -> None:
    # As in the demo: declare, enter on the first item, k; then Next's key must not untick the one under the cursor.
    incident_id = declared(harness)
    async with in_war_room(harness, incident_id) as pilot:
        assert named(pilot) == ("Acknowledge the alert", "k")
        await press(pilot, "enter", "k")
        for _ in range(2):
            before, (_, key) = set(harness.room.incident(incident_id).ticks), named(pilot)
            await press(pilot, key)
            assert set(harness.room.incident(incident_id).ticks) > before
        assert not any(row.kind == "unchecked" for row in harness.room.incident(incident_id).rows)


async def test_the_cursor_rests_on_what_next_names_until_somebody_moves_it(harness: AppHarness) -> None:
    incident_id = declared(harness, Acknowledge())
    async with in_war_room(harness, incident_id) as pilot:
        target = top(pilot).step.target
        text = PLAYBOOK.item(target).text
        assert named(pilot) == (text, "space") and items(pilot).cursor_id == target
        await press(pilot, "down", "down")
        # Space would act on the row under the cursor now, so Next names the key that does not.
        assert named(pilot) == (text, "^n") and marked(pilot, text) == "→"
        await press(pilot, "up", "up")
        assert named(pilot) == (text, "space") and marked(pilot, text) == "▸"
        await press(pilot, "down", "down", "2")
        assert named(pilot) == (text, "space"), "no row of the checklist is under a cursor"
        await press(pilot, "1")
        assert named(pilot) == (text, "^n")
        await press(pilot, "ctrl+n")
        assert target in harness.room.incident(incident_id).ticks
        assert items(pilot).cursor_id == top(pilot).step.target != target, "the cursor goes on"


async def test_space_does_nothing_to_an_item_that_neither_the_cursor_nor_next_is_on(harness: AppHarness) -> None:
    incident_id = declared(harness)
    async with in_war_room(harness, incident_id) as pilot:
        assert top(pilot).step.action == "acknowledge"
        seq = harness.room.incident(incident_id).version
        await press(pilot, "2", "space")
        assert harness.room.incident(incident_id).version == seq
        assert "Put the cursor on a checklist item first (1)" in toasts(pilot.app)


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param((), id="war room"),
        pytest.param(("r",), id="resolve", marks=pytest.mark.nightly),
        pytest.param(("v", "1"), id="review", marks=pytest.mark.nightly),
    ],
)
async def test_unticking_asks_first_on_every_screen(harness: AppHarness, keys: tuple[str, ...]) -> None:
    incident_id = declared(harness, RecordFix("rolled back"))
    item = {"": "channel", "r": "health-checks", "v": "meeting"}["".join(keys[:1])]
    harness.room.execute(incident_id, Check(item))
    async with in_war_room(harness, incident_id) as pilot:
        for key in keys:
            await press(pilot, key)
        for answer in ((), ("escape",), ("enter",)):
            await go_to(pilot, item)
            await press(pilot, "space" if answer != ("enter",) else "enter")
            assert isinstance(top(pilot), Confirm) and "Untick" in screen_text(pilot.app)
            assert "Ticked by Alice" in screen_text(pilot.app)
            await press(pilot, *(answer or ("enter",)))
            assert item in harness.room.incident(incident_id).ticks
        await go_to(pilot, item)
        await press(pilot, "space")
        await press(pilot, "down", "enter")
        assert item not in harness.room.incident(incident_id).ticks


async def test_the_role_that_next_names_is_the_one_that_is_assigned(harness: AppHarness) -> None:
    incident_id = declared(harness, Acknowledge(), commander="")
    harness.room.execute(incident_id, Assign("technical_lead", "Bob"))
    async with in_war_room(harness, incident_id) as pilot:
        assert named(pilot) == ("Assign an incident commander", "a")
        await press(pilot, "3", "end")
        assert named(pilot) == ("Assign an incident commander", "^n")
        await press(pilot, "ctrl+n")
        assert isinstance(top(pilot), Form)
        await press(pilot, "enter", "enter")
        assert harness.room.incident(incident_id).commander == "Alice"
        assert "communications_lead" not in harness.room.incident(incident_id).roles


async def test_resolving_names_a_key_that_works_while_a_reason_is_typed(harness: AppHarness) -> None:
    incident_id = declared(harness, Acknowledge(), RecordFix("rolled back"))
    async with in_war_room(harness, incident_id) as pilot:
        await press(pilot, "r")
        assert isinstance(top(pilot), ResolveScreen) and named(pilot)[1] == "space"
        await press(pilot, "tab")
        assert pilot.app.focused and pilot.app.focused.id == "reason"
        text, key = named(pilot)
        assert key == "^n"
        await press(pilot, as_pressed(key))
        await answer(pilot)
        assert "health-checks" in harness.room.incident(incident_id).ticks and "Service health" in text
        assert top(pilot).query_one("#reason", Input).value == ""


async def test_what_does_not_hold_is_no_next_step_before_the_rest_and_its_reason_is_asked_for(
    harness: AppHarness,
) -> None:
    incident_id = declared(harness, Acknowledge(), RecordFix("rolled back"))
    against = Observation(
        harness.room.clock(), "Bo", {"health": Reading("12 errors in the last minute", "against")}
    )
    harness.room.save_observation(incident_id, against)
    async with run_screen(harness, lambda context: ResolveScreen(context, incident_id), MIDDLE) as pilot:
        assert named(pilot) == ("Verify: Key user journeys working", "space"), "not what speaks against it"
        for item in PLAYBOOK.checklists["recovery"].items:
            await asyncio.to_thread(harness.room.execute, incident_id, Check(item.id))
        await settle(pilot)
        text, key = named(pilot)
        assert "give a reason" in text and key == "tab"
        await press(pilot, as_pressed(key))
        assert pilot.app.focused and pilot.app.focused.id == "reason" and named(pilot)[1] == "^s"
        await press(pilot, *"known", "ctrl+s")
        assert harness.room.incident(incident_id).status == "resolved"


async def test_ending_an_incident_by_the_key_of_next_asks_first(harness: AppHarness) -> None:
    recovery = [Check(item.id) for item in PLAYBOOK.checklists["recovery"].items]
    incident_id = declared(harness, Acknowledge(), RecordFix("rolled back"), *recovery)
    async with in_war_room(harness, incident_id) as pilot:
        await press(pilot, "r")
        assert named(pilot)[1] == "^s"
        await press(pilot, "ctrl+n")
        await press(pilot, "enter")
        assert harness.room.incident(incident_id).open
        await press(pilot, "ctrl+n")
        await press(pilot, "down", "enter")
        assert not harness.room.incident(incident_id).open


async def test_the_section_that_next_names_is_the_one_that_is_written(harness: AppHarness) -> None:
    incident_id = declared(harness, Acknowledge(), Resolve("seen recovered"))
    await asyncio.to_thread(harness.room.post_update, incident_id, "resolution", {})
    async with in_war_room(harness, incident_id) as pilot:
        assert named(pilot) == ("Write the post-mortem: what caused it?", "v")
        await press(pilot, "v")
        assert isinstance(top(pilot), ReviewScreen)
        text, key = named(pilot)
        assert (text, key) == ("Write the post-mortem: what caused it?", "w")
        await press(pilot, "7", "home")  # on the summary
        assert named(pilot) == (text, "^n") and marked(pilot, "Root cause") == "→"
        await press(pilot, "1")
        assert named(pilot) == (text, "w")
        await press(pilot, "w")
        assert "root cause" in str(top(pilot).query("Form > Vertical").first().border_title)


async def test_presenter_mode_names_the_key_of_its_next_step_too(harness: AppHarness) -> None:
    incident_id = declared(harness, Acknowledge())
    async with in_war_room(harness, incident_id) as pilot:
        await press(pilot, "f2")
        assert isinstance(top(pilot), PresenterScreen)
        target = top(pilot).step.target
        assert named(pilot) == (PLAYBOOK.item(target).text, "space")
        await press(pilot, "space")
        assert target in harness.room.incident(incident_id).ticks


async def test_a_delivery_that_next_asks_about_is_under_the_cursor(harness: AppHarness) -> None:
    from warroom.errors import Rejected
    from warroom.tui.screens.deliveries import DeliveriesScreen

    harness.chats["chat"].outcomes = [Rejected("channel not found")]
    incident_id = declared(harness, Acknowledge())
    await asyncio.to_thread(harness.deliver)
    async with in_war_room(harness, incident_id) as pilot:
        target = top(pilot).step.target
        assert named(pilot)[1] == "o" and "chat" in target
        await press(pilot, "o")
        assert isinstance(top(pilot), DeliveriesScreen)
        assert top(pilot).query_one("#list", RowList).cursor_id == target


# ── at home ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_home_names_enter_only_where_enter_does_that(harness: AppHarness) -> None:
    incident_id = declared(harness)
    async with run_console(harness, MIDDLE) as pilot:
        assert named(pilot) == ("Open INC-1", "↵") and "↵ open" in footer(pilot)
        await press(pilot, "tab", "tab", "tab")  # to the readiness list
        assert named(pilot) == ("Open INC-1", "^n") and "↵ confirm" in footer(pilot)
        assert marked(pilot, "● CRITICAL") == "→"
        await press(pilot, "enter")
        assert isinstance(top(pilot), HomeScreen) and len(harness.room.team().ready) == 1
        await press(pilot, "enter")
        assert "Already confirmed today" in toasts(pilot.app)
        await press(pilot, "ctrl+n")
        assert isinstance(top(pilot), WarRoomScreen) and top(pilot).incident_id == incident_id


async def test_the_worst_incident_is_opened_and_the_footer_tells_an_alert_from_it(harness: AppHarness) -> None:
    harness.room.declare(Declare("checkout-api", "Card payments fail", "critical"))
    harness.room.declare(Declare("search-api", "Search is slow", "low"))
    async with run_console(harness, MIDDLE) as pilot:
        assert named(pilot) == ("Open INC-1", "↵")
        harness.room.receive_alert(ReceiveAlert("errors", "monitor", "checkout-api"))
        await settle(pilot)
        assert named(pilot) == ("An alert is waiting: declare an incident", "↵") and "↵ declare" in footer(pilot)
        await press(pilot, "down")
        assert named(pilot)[1] == "^n" and "↵ open" in footer(pilot)
        await press(pilot, "ctrl+n")
        assert "Declare" in screen_text(pilot.app) and "errors" in screen_text(pilot.app)


# ── pressing only what Next names ─────────────────────────────────────────────────────────────────────────

WANDER = ("tab", "shift+tab", "down", "down", "up", "home", "end", "1", "2", "3", "4")
"""Keys that only move the cursor."""


async def answer(pilot: Pilot[Any]) -> None:
    """Fill the form on the screen and send it; AssertionError if it is refused."""
    form = top(pilot)
    assert not isinstance(form, Confirm), "Next's own key undoes nothing and ends nothing unasked"
    if isinstance(form, Form):
        await until(pilot, lambda: bool(form.query("Input, TextArea, Choices")))
        for area in form.query(TextArea):
            area.load_text(area.text or "The pool was too small.")
        for field in form.query(Input):
            field.value = field.value or "Bob"
        if form.query("#field-to"):  # a role is handed to somebody else
            form.query_one("#field-to", Choices).focus()
            await pilot.press("down")
        await press(pilot, "ctrl+s")
        assert top(pilot) is not form, screen_text(pilot.app)
    elif isinstance(form, ComposerScreen):
        await until(pilot, lambda: form.ready)
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: top(pilot) is not form)


async def follow(pilot: Pilot[Any], harness: AppHarness, incident_id: str, chance: random.Random) -> list[str]:
    """Press what Next names, the cursor anywhere, until the incident is closed; what was said on the way."""
    result: list[str] = []
    for _ in range(90):
        if isinstance(top(pilot), Detail):  # the score of a drill that was closed
            assert "targets met" in screen_text(pilot.app)
            await press(pilot, "escape")
        harness.clock.later(seconds=20)
        top(pilot).tick()
        await settle(pilot)
        if chance.random() < 0.7:
            await press(pilot, *chance.choices(WANDER, k=chance.randint(1, 4)))
        assert isinstance(top(pilot), NextStepScreen), screen_text(pilot.app)
        step, (text, key) = top(pilot).step, named(pilot)
        result.append(f"{type(top(pilot)).__name__}: {text} [{key}]")
        before = harness.room.incident(incident_id)
        if step.action == "home":
            return result
        was = top(pilot)
        await press(pilot, as_pressed(key))
        opened = top(pilot) is not was
        await answer(pilot)
        await settle(pilot)
        after = harness.room.incident(incident_id)
        kinds = [row.kind for row in after.rows[before.version :]]
        assert not UNDOING & set(kinds), (result[-3:], kinds)
        assert opened or after.version > before.version, (
            f"{result[-3:]}: nothing came of it\n{screen_text(pilot.app)}"
        )
        if step.action == "check":
            new = set(after.ticks) - set(before.ticks)
            assert step.target in new, (result[-3:], new)
    raise AssertionError("\n".join(result))


def muddle(harness: AppHarness, incident_id: str, chance: random.Random) -> None:
    """Some of what happens in an incident, in any order."""
    roles = [role.id for role in PLAYBOOK.roles]
    for _ in range(chance.randint(0, 15)):
        harness.clock.later(seconds=chance.randint(0, 120))
        command: Command = chance.choice(
            [
                Acknowledge(),
                Note("pool exhausted", "finding"),
                Check(chance.choice(ITEMS)),
                Assign(chance.choice(roles), chance.choice(["Alice", "Bob"])),
                Release(chance.choice(roles)),
                Uncheck(chance.choice(ITEMS)),
                RecordFix("rolled back"),
                Resolve("seen recovered"),
                Reopen("it is back"),
                HandOver(chance.choice(roles), "Carol"),
                SetStatus("mitigated"),
                AssignTask("Bob", "check the replicas", 1),
            ]
        )
        with contextlib.suppress(Refusal, NotFound):
            harness.room.execute(incident_id, command)


@pytest.mark.parametrize(
    ("seed", "size"),
    [
        pytest.param(1, MIDDLE, marks=pytest.mark.nightly),
        pytest.param(2, MIDDLE, marks=pytest.mark.nightly),
        pytest.param(3, SMALL, marks=pytest.mark.nightly),
    ],
)
async def test_pressing_only_the_key_that_next_names_closes_the_incident_and_undoes_nothing(
    harness: AppHarness, seed: int, size: tuple[int, int]
) -> None:
    chance = random.Random(seed)
    incident_id = declared(harness)
    muddle(harness, incident_id, chance)
    async with in_war_room(harness, incident_id, size) as pilot:
        result = await follow(pilot, harness, incident_id, chance)
    assert harness.room.incident(incident_id).status == "closed", result


@pytest.mark.nightly
async def test_pressing_only_the_key_that_next_names_finishes_a_drill_that_is_under_way(
    harness: AppHarness, drills: dict[str, list[Entry]]
) -> None:
    entries = max(drills.values(), key=len)
    fixed = next(n for n, entry in enumerate(entries) if entry.kind == "fix")
    incident_id = harness.journal.new_incident()
    for n, entry in enumerate(entries[:fixed]):
        harness.journal.append(incident_id, n, [entry.event], at=entry.at, by=entry.by)
    harness.clock.at = entries[fixed].at
    harness.room.execute(incident_id, Note("handed to the player"))
    async with in_war_room(harness, incident_id) as pilot:
        await follow(pilot, harness, incident_id, random.Random(4))
    assert harness.room.incident(incident_id).status == "closed"
