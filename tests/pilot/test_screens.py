"""The console, keys in and text out: home, war room, resolve, review, presenter, help, privacy, the whole path."""

from __future__ import annotations

import asyncio
import re
import stat
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.app import (
    DEADLINE_S,
    LARGE,
    SIZES,
    SMALL,
    START,
    AppHarness,
    clear_toasts,
    run_console,
    run_screen,
    screen_lines,
    screen_text,
    settle,
    toasts,
    type_in,
    until,
)
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from warroom.config.settings import AlertSourceSettings, Person, Team
from warroom.config.settings import ConsoleSettings as ConsoleSettings
from warroom.incident.alerting import Firing, SourceReport, compare
from warroom.incident.alerts import ClearAlert, ReceiveAlert, RecordSourceTold
from warroom.incident.commands import (
    Acknowledge,
    AddAction,
    Check,
    Close,
    Command,
    Declare,
    Note,
    RecordChat,
    RecordFix,
    Resolve,
    SetStatus,
    WriteSection,
)
from warroom.incident.delivery import DeliveryState
from warroom.incident.events import SECTIONS
from warroom.incident.incident import Tick
from warroom.incident.investigation import AssignTask
from warroom.incident.readings import ERRORS, Observation, Reading, judged
from warroom.incident.roles import Assign, HandOver
from warroom.logs.sources.file import FileSource
from warroom.logs.view import LogView
from warroom.tui import theme as themes
from warroom.tui.actions import ACTIONS, BY_ID, with_keys
from warroom.tui.panes.headline import Headline, headline
from warroom.tui.panes.logs.pane import LogPane
from warroom.tui.panes.logs.prompt import LogPrompt
from warroom.tui.panes.pane import Pane
from warroom.tui.screens.action_list import ActionListScreen
from warroom.tui.screens.base import BaseScreen
from warroom.tui.screens.confirm import Confirm
from warroom.tui.screens.declare import DeclareScreen
from warroom.tui.screens.deliveries import DeliveriesScreen
from warroom.tui.screens.detail import Detail
from warroom.tui.screens.form_dialog import Form
from warroom.tui.screens.help import HelpScreen
from warroom.tui.screens.home import HomeScreen
from warroom.tui.screens.manual import ManualScreen
from warroom.tui.screens.presenter import PresenterScreen
from warroom.tui.screens.record_detail import REVEALED_S, RecordScreen
from warroom.tui.screens.resolve import ResolveScreen
from warroom.tui.screens.review import ReviewScreen
from warroom.tui.screens.search import SearchScreen
from warroom.tui.screens.stats import StatsScreen
from warroom.tui.screens.war_room import WarRoomScreen
from warroom.tui.widgets.markdown_view import MarkdownView
from warroom.tui.widgets.row_list import RowList

pytestmark = pytest.mark.anyio

EVIL = (
    "boom [/api] [@click=app.quit]x[/] [INC-42] "
    "\x1b[2J\x1b]52;c;ZXZpbA==\x07 \u202egnp.exe \u2066 ⚠\ufe0f ZWSP\u200b!"
)
RAW = ("\x1b", "\x07", "\u202e", "\u2066", "\ufe0f", "\u200b", "\x9b")
"""What must never reach a frame."""


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[AppHarness]:
    with AppHarness(tmp_path / "data") as harness:
        yield harness


def declared(harness: AppHarness, *commands: Command, commander: str = "Alice") -> str:
    done = harness.room.declare(Declare("checkout-api", "Card payments fail"), commander=commander)
    for command in commands:
        harness.clock.later(minutes=1)
        harness.room.execute(done.incident.id, command)
    return done.incident.id


def verified(harness: AppHarness, incident_id: str, *, but: int = 0) -> None:
    """Tick the recovery list, but for its last ``but`` items."""
    items = harness.room.playbook.checklists["recovery"].items
    for item in items[: len(items) - but]:
        harness.room.execute(incident_id, Check(item.id))


def resolved(harness: AppHarness, *commands: Command) -> str:
    incident_id = declared(harness, Acknowledge(), RecordFix("Rolled back to 2026.01.27", rollback="deploy again"))
    verified(harness, incident_id)
    for command in (Resolve(), *commands):
        harness.clock.later(minutes=1)
        harness.room.execute(incident_id, command)
    return incident_id


@asynccontextmanager
async def in_war_room(
    harness: AppHarness, incident_id: str, size: tuple[int, int] = SMALL, log: str = "", **how: Any
) -> AsyncIterator[Pilot[None]]:
    """The console in the war room, its log pane on a real file."""
    path = harness.folder / "app.log"
    path.write_text(log or "2026-01-28T13:14:00Z ERROR pool timeout waiting for connection\n", encoding="utf-8")

    def watch_logs(view: LogView, service: str) -> None:
        view.add(FileSource(path, interval=0.02))

    async with run_console(harness, size, incident_id=incident_id, watch_logs=watch_logs, **how) as pilot:
        await until(pilot, lambda: bool(pilot.app.screen.query(LogPane)))
        await settle(pilot)
        yield pilot


def top(pilot: Pilot[Any]) -> Any:
    return pilot.app.screen


def form_title(pilot: Pilot[Any]) -> str:
    screen = top(pilot)
    return str(screen.query("Form > Vertical").first().border_title) if isinstance(screen, Form) else ""


async def press(pilot: Pilot[Any], *keys: str) -> None:
    await pilot.press(*keys)
    await settle(pilot)


def focused(pilot: Pilot[Any]) -> str:
    return (pilot.app.focused.id or "") if pilot.app.focused else ""


# ── keys ──────────────────────────────────────────────────────────────────────────────────────────────────

Seen = Callable[[Pilot[Any], AppHarness, str], bool]


def opens_form(title: str) -> Seen:
    return lambda pilot, harness, i: title in form_title(pilot)


def opens(screen: type[Any]) -> Seen:
    return lambda pilot, harness, i: isinstance(top(pilot), screen)


def has_entry(kind: str) -> Seen:
    return lambda pilot, harness, i: any(row.kind == kind for row in harness.room.incident(i).rows)


def goes_to(pane: str) -> Seen:
    return lambda pilot, harness, i: pilot.app.screen.query_one(f"#{pane}").has_focus_within


def says(words: str) -> Seen:
    return lambda pilot, harness, i: any(words in result for result in toasts(pilot.app))


def shows(words: str) -> Seen:
    return lambda pilot, harness, i: words in screen_text(pilot.app)


def review_at(pane: str) -> Seen:
    return lambda pilot, harness, i: opens(ReviewScreen)(pilot, harness, i) and goes_to(pane)(pilot, harness, i)


def asks_in_the_log(pilot: Pilot[Any], harness: AppHarness, incident_id: str) -> bool:
    """The line to type in is open below the log."""
    return pilot.app.screen.query_one(LogPrompt).is_open


def stays_in_the_log(pilot: Pilot[Any], harness: AppHarness, incident_id: str) -> bool:
    """The log has the focus; what there is to see depends on its lines, which the pane's own tests have."""
    return isinstance(top(pilot), WarRoomScreen) and pilot.app.screen.query_one("#logs").has_focus_within


WHILE_OPEN: dict[str, Seen] = {
    "next": lambda pilot, harness, i: "acknowledged" in harness.room.incident(i).milestones,
    "update": shows("Preview"),
    "note": opens_form("add note"),
    "assign": opens_form("assign a role"),
    "take_all": lambda pilot, harness, i: len(harness.room.incident(i).roles) == 3,
    "check": lambda pilot, harness, i: any(not t.because for t in harness.room.incident(i).ticks.values()),
    "pin": opens_form("pin"),
    "undo": lambda pilot, harness, i: any(row.retracted for row in harness.room.incident(i).rows),
    "task": opens_form("assign a task"),
    "finish_task": opens_form("finish a task"),
    "hypothesis": opens_form("confirm or rule out"),
    "poll": opens_form("poll"),
    "brief": shows("To read out"),
    "links": says("have no links"),
    "severity": opens_form("set the severity"),
    "fix": opens_form("record a fix"),
    **dict.fromkeys(("change_made", "change_dropped"), says("No change is planned")),
    "pitfall": says("No pitfall to show"),
    "resolve": opens(ResolveScreen),
    "acknowledge": lambda pilot, harness, i: "acknowledged" in harness.room.incident(i).milestones,
    "status": opens_form("set the status"),
    "hand_over": opens_form("hand over a role"),
    "accept": lambda pilot, harness, i: harness.room.incident(i).commander == "Bob",
    "action_item": opens_form("add an action item"),
    "finish_action": opens_form("finish an action item"),
    "track": says("No issue tracker"),
    "amend": opens_form("amend entry"),
    "retract": opens_form("retract entry"),
    **dict.fromkeys(("make_finding", "make_decision"), says("is not a chat message")),
    "milestone": opens_form("amend a milestone"),
    "page": says("No paging service can be used here"),
    "contacts": shows("Who to call"),
    "video": says("The settings have no video call"),
    "deliveries": opens(DeliveriesScreen),
    "review": opens(ReviewScreen),
    "write": opens_form("write the post-mortem"),
    "export": opens_form("export the post-mortem"),
    **dict.fromkeys(("search", "filter_in", "filter_out", "go_to", "watch"), asks_in_the_log),
    "copy": shows("copied, masked: 1 line"),
    "reveal": opens(RecordScreen),
    **dict.fromkeys(("search_next", "search_back", "filter_drop", "source"), stays_in_the_log),
    **dict.fromkeys(("error_older", "error_newer", "mark_next"), stays_in_the_log),
    "mark": stays_in_the_log,
    "wrap": stays_in_the_log,
    "level": lambda pilot, harness, i: pilot.app.screen.query_one(LogPane).view.threshold is not None,
    "follow": lambda pilot, harness, i: pilot.app.screen.query_one(LogPane).following,
    "pane_checklist": goes_to("checklist"),
    "pane_timeline": goes_to("timeline"),
    "pane_roles": goes_to("roles"),
    "pane_logs": goes_to("logs"),
    "pane_state": goes_to("state"),
    "pane_runbook": says("There is no runbook"),
    "run_step": says("Put the cursor on a step of the runbook first"),
    "pane_draft": review_at("draft"),
    "pane_actions": review_at("actions"),
    "pane_sections": review_at("sections"),
    "timeline_all": shows("key events"),
    "zoom": lambda pilot, harness, i: not pilot.app.screen.has_class("-tiled"),
    "declare": opens(DeclareScreen),
    "drill": says("rill"),
    "dismiss": says("Put the cursor on an alert"),
    "search_all": opens(SearchScreen),
    "stats": opens(StatsScreen),
    "action_list": opens(ActionListScreen),
    "not_needed": says("Put the cursor on an item of the follow-up first"),
    "close": opens_form("close"),
    "home": opens(HomeScreen),
    "presenter": opens(PresenterScreen),
    "privacy": lambda pilot, harness, i: pilot.app.screen.has_class("-privacy"),
    "theme": shows("Theme: dark"),
    "palette": shows("Post an update"),
    "help": opens(HelpScreen),
    "manual": opens(ManualScreen),
    "quit": lambda pilot, harness, i: pilot.app._exit,
    "silence": says("Put the cursor on an alert"),
}
WHEN_RESOLVED: dict[str, Seen] = {
    "reopen": opens_form("reopen"),
    "publish": opens_form("share the learnings"),
    "calendar": opens_form("schedule the meetings"),
}


def test_every_action_of_the_registry_is_tried_by_its_key() -> None:
    assert {*WHILE_OPEN, *WHEN_RESOLVED} == set(BY_ID)


ALONE = ("next", "undo", "accept", "acknowledge", "take_all", "check", "follow", "home", "quit", "theme", "drill")
"""What changes the incident or leaves it has a console of its own; the others take turns in one."""

SHARED = [action_id for action_id in WHILE_OPEN if action_id not in ALONE]
TURNS = [(action_id,) for action_id in ALONE] + [tuple(SHARED[n::6]) for n in range(6)]


@pytest.mark.parametrize("action_ids", TURNS, ids=lambda ids: "-".join(ids[:3]))
async def test_a_key_does_in_the_war_room_what_its_title_says(
    harness: AppHarness, action_ids: tuple[str, ...]
) -> None:
    incident_id = declared(
        harness,
        AddAction("Alert on pool usage"),
        AssignTask("Bob", "check the replicas"),
        Note("it is the pool", "hypothesis"),
    )
    if "accept" in action_ids:
        harness.room.execute(incident_id, HandOver("incident_commander", "Bob"))
    async with in_war_room(harness, incident_id, LARGE) as pilot:
        await until(pilot, lambda: "pool timeout" in screen_text(pilot.app))
        for action_id in action_ids:
            seen = WHILE_OPEN[action_id]
            on_an_entry = action_id in ("amend", "retract", "make_finding", "make_decision")
            await press(pilot, *(("2", "end") if on_an_entry else ("4",) if action_id == "pin" else ("1",)))
            clear_toasts(pilot.app)
            assert action_id in ("follow", "search_next", "pane_checklist") or not seen(
                pilot, harness, incident_id
            ), f"{action_id}: it is so before its key is pressed"
            await pilot.press(BY_ID[action_id].keys)
            await until(pilot, lambda seen=seen: seen(pilot, harness, incident_id))  # type: ignore[misc]
            if len(action_ids) > 1:
                await leave(pilot, action_id)


async def leave(pilot: Pilot[Any], action_id: str) -> None:
    """Back to the war room as it was before the key of an action."""
    if action_id in ("privacy", "zoom", "wrap"):
        await press(pilot, BY_ID[action_id].keys)
    elif WHILE_OPEN[action_id] is asks_in_the_log:
        await press(pilot, "escape")
    for _ in range(4):
        if not isinstance(top(pilot), WarRoomScreen):
            await press(pilot, "escape")
    assert isinstance(top(pilot), WarRoomScreen), f"{action_id} cannot be left"


@pytest.mark.parametrize("action_id", WHEN_RESOLVED)
async def test_a_key_does_what_its_title_says_once_it_is_over(harness: AppHarness, action_id: str) -> None:
    incident_id = resolved(harness)
    async with in_war_room(harness, incident_id) as pilot:
        await pilot.press(BY_ID[action_id].keys)
        await until(pilot, lambda: WHEN_RESOLVED[action_id](pilot, harness, incident_id))


def _places() -> list[type[BaseScreen]]:
    found, queue = [], [BaseScreen]
    while queue:
        one = queue.pop()
        found.append(one)
        queue += one.__subclasses__()
    return found


def test_a_key_means_one_thing_on_every_screen() -> None:
    meaning = {key: action.id for action in ACTIONS for key in action.keys.split(",")}
    for screen in _places():
        for key, bindings in screen._merge_bindings().key_to_bindings.items():
            for binding in bindings:
                if key in meaning:
                    assert binding.action == f"do('{meaning[key]}')", f"{key} on {screen.__name__}"


def test_no_pane_takes_a_key_from_an_action() -> None:
    keys = {key for action in ACTIONS for key in action.keys.split(",")}
    for widget in (RowList, LogPane, MarkdownView):
        assert not keys & set(widget._merge_bindings().key_to_bindings), widget.__name__


async def test_what_cannot_be_done_says_why_and_changes_nothing(harness: AppHarness) -> None:
    incident_id = resolved(harness, Close("moved to the board"))
    closed = harness.room.incident(incident_id)
    off = {action.keys: action.why_off(closed) for action in ACTIONS if action.why_off(closed)}
    assert len(off) > 10
    async with in_war_room(harness, incident_id) as pilot:
        for key, why in off.items():
            clear_toasts(pilot.app)
            await press(pilot, key)
            assert toasts(pilot.app) == [with_keys(why, {})], key
            assert isinstance(top(pilot), WarRoomScreen)
        assert harness.room.incident(incident_id).version == closed.version


async def test_a_key_that_is_off_is_dim_in_the_bar(harness: AppHarness) -> None:
    incident_id = resolved(harness)
    async with in_war_room(harness, incident_id, LARGE) as pilot:
        bar = pilot.app.screen.query("KeyBar").first()
        on = {key.action: key.on for key in bar._keys}
        assert not on["resolve"] and on["note"]


async def test_what_is_typed_before_the_form_is_up_is_typed_into_it(
    harness: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident_id = declared(harness)
    result, opened = threading.Event(), harness.room.open_draft

    def late(*which: str) -> Any:
        result.wait(DEADLINE_S)
        return opened(*which)

    monkeypatch.setattr(harness.room, "open_draft", late)
    try:
        async with in_war_room(harness, incident_id) as pilot:
            before = harness.room.incident(incident_id).version
            await pilot.press("n")
            await pilot.press("p", "o", "o", "l", "slash", "k")
            assert isinstance(top(pilot), WarRoomScreen)
            result.set()
            await until(pilot, lambda: "pool/k" in screen_text(pilot.app))
            assert isinstance(top(pilot), Form) and harness.room.incident(incident_id).version == before
    finally:
        result.set()


async def test_letters_typed_into_a_field_never_act(harness: AppHarness) -> None:
    incident_id = declared(harness)
    letters = "".join(key for action in ACTIONS for key in action.keys.split(",") if len(key) == 1)
    async with in_war_room(harness, incident_id) as pilot:
        before = harness.room.incident(incident_id).version
        await pilot.press("r")
        await settle(pilot)
        await pilot.press("tab")
        assert focused(pilot) == "reason"
        await type_in(pilot, letters)
        await settle(pilot)
        assert pilot.app.screen.query_one("#reason", Input).value == letters
        assert harness.room.incident(incident_id).version == before


async def test_the_help_shows_every_key_and_does_what_is_chosen(harness: AppHarness) -> None:
    incident_id = declared(harness)
    async with in_war_room(harness, incident_id) as pilot:
        await press(pilot, "question_mark")
        rows = pilot.app.screen.query_one("#keys", RowList)
        shown = {row.id for row in rows.shown}
        assert set(BY_ID) <= shown
        rows.put_cursor("fix")
        await press(pilot, "enter")
        assert "record a fix" in form_title(pilot)


async def test_the_first_row_is_shown_with_its_heading(harness: AppHarness) -> None:
    async with in_war_room(harness, declared(harness)) as pilot:
        await press(pilot, "question_mark")
        assert "In an incident" in screen_text(pilot.app)


async def test_the_palette_runs_an_action_by_its_title(harness: AppHarness) -> None:
    incident_id = declared(harness)
    async with in_war_room(harness, incident_id) as pilot:
        await pilot.press("ctrl+p")
        await type_in(pilot, "record a f")
        await until(pilot, lambda: "Record a fix" in screen_text(pilot.app))
        await pilot.press("enter")
        await until(pilot, lambda: "record a fix" in form_title(pilot))


async def test_a_click_in_the_key_bar_is_the_key(harness: AppHarness) -> None:
    incident_id = declared(harness)
    async with in_war_room(harness, incident_id) as pilot:
        column = screen_lines(pilot.app)[-1].index("n note")
        await pilot.click(offset=(column, SMALL[1] - 1))
        await settle(pilot)
        assert "add note" in form_title(pilot)


# ── hostile text ──────────────────────────────────────────────────────────────────────────────────────────


def _no_raw(pilot: Pilot[Any]) -> None:
    text = screen_text(pilot.app)
    assert not [repr(raw) for raw in RAW if raw in text]


async def test_hostile_text_is_inert_on_every_screen(tmp_path: Path) -> None:
    team = Team(name="Team [/x]", people=(Person(name="Alice"), Person(name="Mal [/x] [b]")))
    with AppHarness(tmp_path / "data", team=team, by="Mal [/x]") as harness:
        harness.room.receive_alert(ReceiveAlert(EVIL, source=EVIL, service=EVIL, detail=EVIL))
        incident_id = harness.room.declare(Declare(EVIL, EVIL), commander="Mal [/x]").incident.id
        for command in (
            Note(EVIL, "decision", because=EVIL),
            Assign("technical_lead", "Eve [@click=app.quit]"),
            RecordFix(EVIL, True, EVIL),
            AddAction(EVIL, EVIL, "2026-01-01"),
            WriteSection("root_cause", EVIL),
            HandOver("technical_lead", EVIL, EVIL),
        ):
            harness.room.execute(incident_id, command)
        harness.room.record_chat(incident_id, RecordChat(EVIL, "slack", EVIL))
        harness.room.post_update(incident_id, "update", {"impact": EVIL, "next_update": "+15m"})
        log = f"2026-01-28T13:14:00Z ERROR {EVIL}\n" * 30
        for size in SIZES:
            async with in_war_room(harness, incident_id, size, log=log) as pilot:
                await until(pilot, lambda: bool(pilot.app.screen.query(LogPane)))
                for keys in (
                    "1",
                    "2",
                    "3",
                    "4",
                    "v",
                    "1",
                    "2",
                    "5",
                    "6",
                    "7",
                    "escape",
                    "r",
                    "escape",
                    "o",
                    "escape",
                    "f2",
                    "escape",
                    "2",
                    "enter",
                    "escape",
                    "a",
                    "escape",
                    "h",
                    "escape",
                    "w",
                    "enter",
                    "escape",
                    "n",
                    "escape",
                    "u",
                    "escape",
                    "m",
                    "escape",
                    "E",
                    "escape",
                    "question_mark",
                    "escape",
                    "H",
                    "d",
                    "escape",
                ):
                    await press(pilot, keys)
                    _no_raw(pilot)
                assert isinstance(top(pilot), HomeScreen)
                assert "[/api]" in screen_text(pilot.app)


async def test_brackets_are_shown_as_they_were_typed(harness: AppHarness) -> None:
    incident_id = declared(harness, Note("see [INC-42] and [/api] [b]x[/b]"))
    async with in_war_room(harness, incident_id, LARGE) as pilot:
        assert "see [INC-42] and [/api] [b]x[/b]" in screen_text(pilot.app)


# ── everybody's changes ───────────────────────────────────────────────────────────────────────────────────


async def test_what_a_second_room_does_is_shown_here(harness: AppHarness) -> None:
    incident_id = declared(harness)
    with AppHarness(harness.folder, by="Bob", clock=harness.clock) as other:
        async with in_war_room(harness, incident_id, LARGE) as pilot:
            await asyncio.to_thread(other.room.execute, incident_id, Note("found it: the pool", "finding"))
            await until(pilot, lambda: "found it: the pool" in screen_text(pilot.app))
            await asyncio.to_thread(other.room.execute, incident_id, Assign("technical_lead", "Carol"))
            await until(pilot, lambda: "Carol" in screen_text(pilot.app))
            await press(pilot, "H")
            await asyncio.to_thread(other.room.declare, Declare("search-api", "Search is empty"))
            await until(pilot, lambda: "INC-2" in screen_text(pilot.app))


# ── the whole path ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "size",
    [pytest.param(SMALL, id="80x24"), pytest.param(LARGE, id="160x45", marks=pytest.mark.nightly)],
)
async def test_an_incident_from_its_alert_to_its_closing_by_the_keys_the_screen_names(
    harness: AppHarness, size: tuple[int, int]
) -> None:
    room = harness.room
    room.receive_alert(ReceiveAlert("error_rate_50percent", "alertmanager", "checkout-api", "Half the calls fail"))
    path = harness.folder / "app.log"
    path.write_text("2026-01-28T13:14:00Z FATAL remaining connection slots are reserved\n", encoding="utf-8")

    def watch_logs(view: LogView, service: str) -> None:
        view.add(FileSource(path, interval=0.02))

    def now() -> Any:
        return room.incident("INC-1")

    def named(words: str) -> bool:
        """The Next line says so."""
        return any(line.strip().startswith("Next") and words in line for line in screen_lines(pilot.app))

    async with run_console(harness, size, watch_logs=watch_logs) as pilot:
        # The alert waits at home; enter declares it as it stands.
        assert "error_rate_50percent" in screen_text(pilot.app) and named("[↵]")
        await press(pilot, "enter")
        await until(pilot, lambda: "Half the calls fail" in screen_text(pilot.app))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(top(pilot), WarRoomScreen))
        await settle(pilot)
        assert now().service == "checkout-api" and now().commander == "Alice"

        assert named("[k]")
        await press(pilot, "k")
        assert "acknowledged" in now().milestones

        harness.clock.later(minutes=2)
        await press(pilot, "3", "down", "a")
        assert "assign a role" in form_title(pilot)
        await press(pilot, "enter", "down", "enter")
        assert now().roles["technical_lead"].person == "Bob"

        await press(pilot, "1", "space")
        assert any(not tick.because for tick in now().ticks.values())

        await press(pilot, "n")
        await type_in(pilot, "Pool exhausted on eu-1")
        await press(pilot, "ctrl+s")
        await press(pilot, "4")
        await until(pilot, lambda: "connection slots" in screen_text(pilot.app))
        await press(pilot, "p", "enter")
        assert len(now().evidence) == 1

        harness.clock.later(minutes=12)
        await until(pilot, lambda: named("[u]"))
        await press(pilot, "u")
        await until(pilot, lambda: "Preview" in screen_text(pilot.app) or "chat" in screen_text(pilot.app))
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: len(now().posts) == 2)
        await until(pilot, lambda: isinstance(top(pilot), WarRoomScreen))

        harness.clock.later(minutes=5)
        await press(pilot, "f")
        await type_in(pilot, "Raised the pool to 200")
        await press(pilot, "ctrl+s")
        assert len(now().fixes) == 1 and "A1" in now().actions

        await press(pilot, "r")
        assert isinstance(top(pilot), ResolveScreen)
        for _ in harness.room.playbook.checklists["recovery"].items:
            await press(pilot, "space")
            if "verify" in form_title(pilot):  # not where the log's reading speaks for it
                await type_in(pilot, "seen")
                await press(pilot, "enter")
        assert named("[^s]"), screen_text(pilot.app)
        await press(pilot, "ctrl+s")
        assert now().status == "resolved" and isinstance(top(pilot), WarRoomScreen)

        assert named("Post the all-clear  [u]")
        await press(pilot, "u")
        await until(pilot, lambda: "esolution" in screen_text(pilot.app))
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: now().posts[-1].update.message == "resolution")
        await until(pilot, lambda: isinstance(top(pilot), WarRoomScreen))

        assert named("[v]")
        await press(pilot, "v")
        assert isinstance(top(pilot), ReviewScreen)
        await press(pilot, "7")
        for section in SECTIONS:
            pilot.app.screen.query_one("#parts", RowList).put_cursor(section)
            await press(pilot, "enter")
            await until(pilot, lambda: isinstance(top(pilot), Form))
            await type_in(pilot, "Enough. ")
            await press(pilot, "ctrl+s")
            await until(pilot, lambda section=section: section in now().sections)
        await press(pilot, "1", "home")
        for item in harness.room.playbook.checklists["post_incident"].items:
            if item.id not in now().ticks:
                pilot.app.screen.query_one("#items", RowList).put_cursor(item.id)
                await press(pilot, "space")
        assert named("[C]"), screen_text(pilot.app)
        await press(pilot, "C")
        assert now().status == "closed"
        await press(pilot, "escape", "escape")
        assert isinstance(top(pilot), HomeScreen)
        assert "INC-1" in screen_text(pilot.app)


# ── privacy and presenter ─────────────────────────────────────────────────────────────────────────────────

SECRET = "customer Jane Doe is affected"


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "160x45"])
async def test_the_privacy_hides_logs_notes_and_contacts(harness: AppHarness, size: tuple[int, int]) -> None:
    incident_id = declared(harness, Note(SECRET), Assign("technical_lead", "Bob"))
    async with in_war_room(harness, incident_id, size) as pilot:
        hidden = (SECRET, "pool timeout", "Bob")
        seen = set()
        for key in "1234":
            await press(pilot, key)
            seen |= {words for words in hidden if words in screen_text(pilot.app)}
        assert seen == set(hidden)
        await press(pilot, "f3")
        for key in ("1", "2", "3", "4", "v", "2", "5", "7", "escape", "r", "escape", "2"):
            await press(pilot, key)
            for words in hidden:
                assert words not in screen_text(pilot.app), f"{words!r} after {key}"
        assert "F3" in screen_text(pilot.app)
        await press(pilot, "f3")
        assert SECRET in screen_text(pilot.app)


async def test_the_cursor_is_where_it_was_when_the_privacy_is_lifted(harness: AppHarness) -> None:
    incident_id = declared(harness, Note(SECRET), Note("more"))
    async with in_war_room(harness, incident_id) as pilot:
        await press(pilot, "2", "up")
        row = pilot.app.screen.query_one("#entries", RowList).cursor_id
        await press(pilot, "f3", "f3")
        assert focused(pilot) == "entries"
        assert pilot.app.screen.query_one("#entries", RowList).cursor_id == row


async def test_an_entry_shown_in_full_is_behind_the_privacy_too(harness: AppHarness) -> None:
    incident_id = declared(harness, Note(SECRET))
    async with in_war_room(harness, incident_id) as pilot:
        await press(pilot, "v", "2", "enter")
        assert SECRET in screen_text(pilot.app)
        await press(pilot, "f3")
        assert SECRET not in screen_text(pilot.app)


@pytest.mark.parametrize("leave", ["escape", "H"])
async def test_the_privacy_is_lifted_after_the_screen_it_fell_on_is_left(harness: AppHarness, leave: str) -> None:
    incident_id = declared(harness)
    async with run_console(harness, LARGE, incident_id=incident_id) as pilot:
        await pilot.press("f3", leave)
        await until(pilot, lambda: isinstance(top(pilot), HomeScreen))
        await pilot.press("f3")
        await settle(pilot)
        assert "Next" in screen_text(pilot.app) and not top(pilot).has_class("-privacy")
        assert top(pilot).focused is not None


async def test_a_screen_opened_behind_the_privacy_is_hidden_too(harness: AppHarness) -> None:
    incident_id = declared(harness, Note(SECRET))
    async with run_console(harness, LARGE) as pilot:
        await press(pilot, "f3", "down", "enter")
        assert isinstance(top(pilot), WarRoomScreen)
        assert SECRET not in screen_text(pilot.app)
        await press(pilot, "f3")
        assert SECRET in screen_text(pilot.app)
        assert incident_id


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "160x45"])
async def test_presenter_mode_shows_the_five_answers_and_no_notes(
    harness: AppHarness, size: tuple[int, int]
) -> None:
    incident_id = declared(harness, Acknowledge(), Note(SECRET))
    async with in_war_room(harness, incident_id, size) as pilot:
        await press(pilot, "f2")
        assert isinstance(top(pilot), PresenterScreen)
        text = screen_text(pilot.app)
        for words in ("CRITICAL", "Alice", "Next update in", "Running for", "Next "):
            assert words in text
        assert SECRET not in text and "pool timeout" not in text
        await press(pilot, "f2")
        assert isinstance(top(pilot), WarRoomScreen)


@pytest.mark.parametrize("key", ["", "f2", "v"], ids=["war room", "presenter", "review"])
async def test_the_header_is_calmer_once_mitigated_and_green_once_resolved(harness: AppHarness, key: str) -> None:
    incident_id = declared(harness, Acknowledge(), RecordFix("Rolled back"))
    async with in_war_room(harness, incident_id) as pilot:
        if key:
            await press(pilot, key)

        def ground() -> str:
            return top(pilot).query_one(Headline).styles.background.hex

        colours = themes.variables(pilot.app.current_theme)
        assert ground().lower() == colours["sev-critical"].lower() and "CRITICAL" in screen_lines(pilot.app)[0]
        harness.room.execute(incident_id, SetStatus("mitigated"))
        await settle(pilot)
        assert ground().lower() == colours["panel"].lower() and "MITIGATED" in screen_lines(pilot.app)[0]
        harness.room.execute(incident_id, Resolve("test"))
        await settle(pilot)
        assert ground().lower() == colours["status-ok"].lower()
        assert "✓ RESOLVED" in screen_lines(pilot.app)[0] and "CRITICAL" not in screen_lines(pilot.app)[0]
        assert "Running for" not in screen_text(pilot.app)


def test_the_header_brings_no_text_colour_of_its_own_to_its_grounds(harness: AppHarness) -> None:
    room, now = harness.room, harness.clock()
    incident = room.declare(Declare("checkout-api", "Card payments fail")).incident
    failed = room.deliveries()[0].model_copy(update={"state": DeliveryState.FAILED})
    line = headline(incident, [failed], room.playbook, now, room.zone, 120)
    own = [str(span.style) for span in line.spans if "$" in str(span.style)]
    assert own == ["$sev-critical-text on $sev-critical bold"]


async def test_home_tells_when_an_alert_fired_and_which_ones_are_a_drills(harness: AppHarness) -> None:
    room, now = harness.room, harness.clock()
    room.receive_alert(ReceiveAlert("errors", "am", "checkout-api", fired_at=now - timedelta(hours=15)))
    room.receive_alert(ReceiveAlert("rehearsed", "am", "checkout-api", fired_at=now, drill=True))
    async with run_console(harness, LARGE) as pilot:
        lines = {
            word: next(x for x in screen_lines(pilot.app) if word in x) for word in ("errors (am)", "rehearsed")
        }
        assert "27 Jan 23:15" in lines["errors (am)"] and "DRILL" not in lines["errors (am)"]
        assert "14:15:00" in lines["rehearsed"] and "DRILL" in lines["rehearsed"]


# ── resizing ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_presenter_mode_does_not_repeat_a_declaration(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        harness.room.declare(Declare("checkout-api", "Card payments fail"), commander="Alice")
        harness.room.post_update("INC-1", "declaration", {})
        async with run_console(harness, (80, 24), incident_id="INC-1") as pilot:
            await pilot.press("f2")
            await until(pilot, lambda: "Declared at 14:" in screen_text(pilot.app))
            assert "INCIDENT DECLARED" not in screen_text(pilot.app)


async def test_presenter_mode_covers_a_form_and_comes_back_to_it(harness: AppHarness) -> None:
    async with in_war_room(harness, declared(harness)) as pilot:
        await press(pilot, "n")
        await type_in(pilot, "half a word")
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(top(pilot), PresenterScreen))
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(top(pilot), Form) and "half a word" in screen_text(pilot.app))


@pytest.mark.nightly
async def test_a_storm_of_resizes_keeps_focus_and_half_typed_words(harness: AppHarness) -> None:
    incident_id = declared(harness)
    async with in_war_room(harness, incident_id) as pilot:
        await press(pilot, "n")
        await type_in(pilot, "half a sen")
        for width, height in ((160, 45), (1, 1), (200, 50), (40, 10), (2, 60), (119, 34), (120, 34), (80, 24)):
            await pilot.resize_terminal(width, height)
        await type_in(pilot, "tence")
        await settle(pilot)
        assert "half a sentence" in screen_text(pilot.app)
        await press(pilot, "escape", "3", "down")
        row = pilot.app.screen.query_one("#people", RowList).cursor_id
        for width, height in ((160, 45), (30, 8), (300, 80), (80, 24)):
            await pilot.resize_terminal(width, height)
        await settle(pilot)
        assert focused(pilot) == "people"
        assert pilot.app.screen.query_one("#people", RowList).cursor_id == row


@pytest.mark.parametrize(
    "keys",
    [
        *((), ("u",)),
        *(pytest.param((key,), marks=pytest.mark.nightly) for key in ("v", "r", "f2", "o", "H", "d")),
    ],
)
async def test_every_screen_survives_any_size(harness: AppHarness, keys: tuple[str, ...]) -> None:
    incident_id = declared(harness)
    async with in_war_room(harness, incident_id) as pilot:
        await press(pilot, *keys)
        for width, height in ((1, 1), (5, 2), (20, 5), (400, 100), (80, 24)):
            await pilot.resize_terminal(width, height)
            await settle(pilot)
        assert screen_text(pilot.app).strip()


def displayed(pilot: Pilot[Any]) -> set[str]:
    """The panes that are on the screen."""
    return {pane.id or "" for pane in pilot.app.screen.query(Pane) if pane.display and pane.region.height}


@pytest.mark.parametrize(
    ("size", "panes"),
    [
        ((80, 20), {"checklist"}),
        ((80, 24), {"checklist", "timeline", "logs"}),
        pytest.param((99, 40), {"checklist", "timeline", "logs"}, marks=pytest.mark.nightly),
        ((100, 30), {"checklist", "timeline", "roles", "logs"}),
        pytest.param((139, 36), {"checklist", "timeline", "roles", "logs"}, marks=pytest.mark.nightly),
        ((160, 45), {"checklist", "timeline", "roles", "logs", "state"}),
        ((200, 50), {"checklist", "timeline", "roles", "logs", "state"}),
    ],
)
async def test_each_size_shows_as_many_panes_as_fit(
    harness: AppHarness, size: tuple[int, int], panes: set[str]
) -> None:
    incident_id = declared(harness)
    async with in_war_room(harness, incident_id, size) as pilot:
        assert displayed(pilot) == panes
        await press(pilot, "2", "z")
        assert displayed(pilot) == {"timeline"}
        await press(pilot, "escape")
        assert displayed(pilot) >= panes - {"checklist"} and isinstance(top(pilot), WarRoomScreen)
        for key, name in (("3", "roles"), ("8", "state"), ("1", "checklist"), ("4", "logs")):
            await press(pilot, key)
            assert name in displayed(pilot) and pilot.app.screen.query_one(f"#{name}").has_focus_within
        if size[1] >= 24:  # the log gets at least two fifths of the panes' height
            assert pilot.app.screen.query_one("#logs").region.height >= 0.4 * (size[1] - 6)


async def test_below_140_columns_the_state_takes_the_place_of_the_roles_while_one_is_in_it(
    harness: AppHarness,
) -> None:
    incident_id = declared(harness, Note("it is the pool", "hypothesis"))
    async with in_war_room(harness, incident_id, (120, 36)) as pilot:
        assert "3 Roles" in screen_text(pilot.app) and "8 State" not in screen_text(pilot.app)
        await press(pilot, "8")
        assert "8 State" in screen_text(pilot.app) and "3 Roles" not in screen_text(pilot.app)
        assert "? H1 it is the pool" in screen_text(pilot.app)
        await press(pilot, "enter")
        assert "confirm or rule out" in form_title(pilot)
        await press(pilot, "escape", "3")
        assert "3 Roles" in screen_text(pilot.app) and "8 State" not in screen_text(pilot.app)


@pytest.mark.parametrize("size", [(90, 24), (100, 30), LARGE])
async def test_a_tab_shows_a_title_as_plain_text(harness: AppHarness, size: tuple[int, int]) -> None:
    incident_id = declared(harness)
    async with in_war_room(harness, incident_id, size) as pilot:
        other = harness.folder / "worker[b].log"
        other.write_text("2026-01-28T13:14:00Z INFO up\n")
        pilot.app.screen.query_one(LogPane).view.add(FileSource(other))
        if size == LARGE:
            await press(pilot, "4", "z")
        await until(pilot, lambda: re.search(r"4 Logs +app.log worker\[b\].log", screen_text(pilot.app)))
        assert "[$" not in screen_text(pilot.app)


# ── the log of the war room ───────────────────────────────────────────────────────────────────────────────

TOKEN = "xoxb-" + "123456789012-1234567890123-" + "AbCdEfGhIjKlMnOpQrStUvWx"
TRACE = f"""2026-01-28T13:14:00Z INFO  worker up
2026-01-28T13:14:01Z ERROR charge failed token={TOKEN}
Traceback (most recent call last):
  File "charge.py", line 7, in charge
ValueError: no such card
"""


async def test_a_record_is_pinned_whole_from_the_pane_and_from_its_own_screen(harness: AppHarness) -> None:
    incident_id = declared(harness)

    def pinned() -> list[str]:
        return [event.words for _, event in harness.room.incident(incident_id).evidence]

    async with in_war_room(harness, incident_id, LARGE, TRACE) as pilot:
        await until(pilot, lambda: "no such card" in screen_text(pilot.app))
        await press(pilot, "4", "p", "enter")
        await until(pilot, lambda: len(pinned()) == 1)
        assert pinned()[0].splitlines()[0].startswith("2026-01-28T13:14:01Z ERROR") and TOKEN not in pinned()[0]
        assert pinned()[0].splitlines()[-1] == "ValueError: no such card"
        await pilot.press("home", "enter")
        await until(pilot, lambda: isinstance(top(pilot), RecordScreen))
        await press(pilot, "p")
        await type_in(pilot, "since this start")
        await pilot.press("enter")
        await until(pilot, lambda: len(pinned()) == 2)
        assert "worker up" in pinned()[1]
        comments = [event.comment for _, event in harness.room.incident(incident_id).evidence]
        assert comments == ["", "since this start"]


async def test_a_secret_is_shown_only_when_asked_for_and_only_for_a_moment(
    harness: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident_id = declared(harness)
    copied: list[str] = []
    monkeypatch.setattr(App, "copy_to_clipboard", lambda self, text: copied.append(text))
    async with in_war_room(harness, incident_id, LARGE, TRACE) as pilot:
        await until(pilot, lambda: "redacted:slack-token" in screen_text(pilot.app))
        await press(pilot, "4", "enter")
        await until(pilot, lambda: "shows what is masked (1)" in screen_text(pilot.app))
        assert TOKEN not in screen_text(pilot.app)
        await pilot.press("U")
        await until(pilot, lambda: TOKEN in screen_text(pilot.app))
        await pilot.press("c")
        assert copied and TOKEN not in copied[0] and "redacted:slack-token" in copied[0]
        record = top(pilot)
        for _ in range(REVEALED_S):
            record._tick()
        await until(pilot, lambda: TOKEN not in screen_text(pilot.app))
        # Presenter mode, opened over it, masks it at once: it is masked when one comes back.
        await pilot.press("U", "f2")
        await until(pilot, lambda: isinstance(top(pilot), PresenterScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(top(pilot), RecordScreen))
        assert TOKEN not in screen_text(pilot.app) and "redacted:slack-token" in screen_text(pilot.app)
        await pilot.press("U")
        await until(pilot, lambda: TOKEN in screen_text(pilot.app))
        await pilot.press("f3")
        await until(pilot, lambda: TOKEN not in screen_text(pilot.app))
        record._tick()
        await pilot.press("f3")
        await until(pilot, lambda: "redacted:slack-token" in screen_text(pilot.app))
        assert TOKEN not in screen_text(pilot.app)


async def test_a_log_is_added_while_the_room_is_open_and_both_are_told_apart(harness: AppHarness) -> None:
    other = harness.folder / "worker.log"
    other.write_text("2026-01-28T13:14:30Z WARN queue is long\n", encoding="utf-8")
    async with in_war_room(harness, declared(harness), LARGE) as pilot:
        await until(pilot, lambda: "pool timeout" in screen_text(pilot.app))
        await press(pilot, "L")
        await type_in(pilot, f"{other}\n")
        await until(pilot, lambda: "queue is long" in screen_text(pilot.app))
        await until(pilot, lambda: "app.log worker.log" in screen_text(pilot.app))
        pane = pilot.app.screen.query_one(LogPane)
        labels = [segment for y in range(2) for segment in pane.render_line(y) if ".log" in segment.text]
        assert len({segment.style.color for segment in labels if segment.style}) == 2
        await press(pilot, "L")
        await type_in(pilot, "run:'open\n")
        await until(pilot, lambda: "not a log" in screen_text(pilot.app))


async def test_what_is_typed_right_after_a_key_that_asks_is_words_wherever_the_cursor_was(
    harness: AppHarness,
) -> None:
    incident_id = declared(harness)
    other = harness.folder / "kmnpqsux.log"
    other.write_text("2026-01-28T13:14:30Z WARN queue is long\n", encoding="utf-8")
    async with in_war_room(harness, incident_id, LARGE) as pilot:
        await until(pilot, lambda: "pool timeout" in screen_text(pilot.app))
        before = harness.room.incident(incident_id).version
        await press(pilot, "1")
        await type_in(pilot, f"L{other}\n")
        await until(pilot, lambda: "queue is long" in screen_text(pilot.app))
        await press(pilot, "2")
        await type_in(pilot, "/knu\n")
        await until(pilot, lambda: "no other line with “knu”" in screen_text(pilot.app))
        assert harness.room.incident(incident_id).version == before and isinstance(top(pilot), WarRoomScreen)


async def test_a_leap_of_errors_is_the_next_thing_until_somebody_looks(harness: AppHarness) -> None:
    incident_id = declared(harness, Acknowledge())
    async with in_war_room(harness, incident_id, LARGE) as pilot:
        await until(pilot, lambda: "pool timeout" in screen_text(pilot.app))
        pane = pilot.app.screen.query_one(LogPane)
        pane.post_message(LogPane.SpikeSeen(pane, 12.0))
        await until(pilot, lambda: "Check the log: errors are at 12× the last hour  [4]" in screen_text(pilot.app))
        await press(pilot, "4")
        pilot.app.screen.tick()  # type: ignore[attr-defined]
        await until(pilot, lambda: "Look at the log" not in screen_text(pilot.app))


# ── the Next line and the bell ────────────────────────────────────────────────────────────────────────────


def _count_bells(app: App[Any]) -> list[int]:
    rung: list[int] = []
    app.bell = lambda: rung.append(1)  # type: ignore[method-assign]
    return rung


async def test_an_overdue_update_rings_once_and_again_only_after_the_next_promise(harness: AppHarness) -> None:
    incident_id = declared(harness, Acknowledge())
    async with in_war_room(harness, incident_id) as pilot:
        rung = _count_bells(pilot.app)
        screen = top(pilot)
        screen.tick()
        assert not rung
        harness.clock.later(minutes=40)
        for _ in range(3):
            screen.tick()
            await settle(pilot)
        assert len(rung) == 1
        assert "OVERDUE" in screen_text(pilot.app)
        await asyncio.to_thread(harness.room.post_update, incident_id, "update", {"next_update": "+15m"})
        await settle(pilot)
        assert "OVERDUE" not in screen_text(pilot.app)
        harness.clock.later(minutes=40)
        screen.tick()
        assert len(rung) == 2


async def test_the_bell_can_be_switched_off(tmp_path: Path) -> None:
    with AppHarness(tmp_path, console=ConsoleSettings(bell=False)) as harness:
        incident_id = declared(harness, Acknowledge())
        async with in_war_room(harness, incident_id) as pilot:
            rung = _count_bells(pilot.app)
            harness.clock.later(minutes=40)
            top(pilot).tick()
            assert not rung


async def test_space_ticks_the_item_that_the_next_line_names(harness: AppHarness) -> None:
    incident_id = resolved(harness, *(WriteSection(section, "The pool was too small.") for section in SECTIONS))
    await asyncio.to_thread(harness.room.post_update, incident_id, "resolution", {})
    async with in_war_room(harness, incident_id) as pilot:
        line = next(line for line in screen_lines(pilot.app) if line.strip().startswith("Next"))
        assert "Schedule post-mortem meeting" in line and "[space]" in line
        await press(pilot, "2", "space")
        assert "meeting" in harness.room.incident(incident_id).ticks


# ── resolve ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_resolving_shows_all_that_stands_in_the_way_at_once(harness: AppHarness) -> None:
    incident_id = declared(harness)
    async with run_screen(harness, lambda context: ResolveScreen(context, incident_id)) as pilot:
        text = screen_text(pilot.app)
        assert "No fix is recorded" in text
        for item in harness.room.playbook.checklists["recovery"].items:
            assert f"Not verified: {item.text}" in text
        await press(pilot, "ctrl+s")
        assert "cannot be resolved yet" in screen_text(pilot.app)
        assert focused(pilot) == "reason"
        assert harness.room.incident(incident_id).open


async def test_items_are_ticked_by_space_and_by_enter_each_with_who_and_when(harness: AppHarness) -> None:
    incident_id = declared(harness)
    items = harness.room.playbook.checklists["recovery"].items
    async with run_screen(harness, lambda context: ResolveScreen(context, incident_id)) as pilot:
        for key in ("space", "enter"):
            await press(pilot, key)
            await type_in(pilot, "seen")
            await press(pilot, "enter")
        assert set(harness.room.incident(incident_id).ticks) >= {items[0].id, items[1].id}
        assert "Alice 14:15" in screen_text(pilot.app)
        await press(pilot, "up", "space")
        await press(pilot, "enter")
        assert items[1].id in harness.room.incident(incident_id).ticks, "enter alone leaves it ticked"
        await press(pilot, "space")
        await press(pilot, "down", "enter")
        assert items[1].id not in harness.room.incident(incident_id).ticks


def observed(harness: AppHarness, incident_id: str, reading: Reading) -> None:
    """Have another console measure the errors in the log."""
    harness.room.save_observation(incident_id, Observation(harness.clock(), "Bo", {ERRORS: reading}))


async def test_evidence_stands_beside_its_item(harness: AppHarness) -> None:
    incident_id = declared(harness)
    observed(harness, incident_id, Reading("no errors in the last 8 min (was 41/min)", "for"))
    async with run_screen(harness, lambda context: ResolveScreen(context, incident_id)) as pilot:
        line = next(line for line in screen_lines(pilot.app) if "No new errors in logs" in line)
        assert "no errors in the last 8 min (was 41/min)" in line


AGAINST = Reading("953 errors in the last minute", "against")


async def test_an_item_that_the_log_speaks_against_is_ticked_only_after_asking(harness: AppHarness) -> None:
    incident_id = declared(harness, RecordFix("Rolled back"))
    observed(harness, incident_id, AGAINST)
    ids = [item.id for item in harness.room.playbook.checklists["recovery"].items]

    async with run_screen(harness, lambda context: ResolveScreen(context, incident_id)) as pilot:
        await press(pilot, *["down"] * ids.index("no-new-errors"), "space")
        assert isinstance(top(pilot), Confirm) and "953 errors in the last minute" in screen_text(pilot.app)
        await press(pilot, "enter")  # alone it leaves everything as it is
        assert "no-new-errors" not in harness.room.incident(incident_id).ticks
        await press(pilot, "space", "down", "enter")
        assert harness.room.incident(incident_id).ticks["no-new-errors"].against == AGAINST.text
        assert "although: 953 errors" in harness.room.incident(incident_id).rows[-1].text


async def test_an_incident_that_the_log_speaks_against_is_not_resolved_without_a_reason(
    harness: AppHarness,
) -> None:
    incident_id = declared(harness, RecordFix("Rolled back"))
    verified(harness, incident_id)
    observed(harness, incident_id, AGAINST)
    async with run_screen(harness, lambda context: ResolveScreen(context, incident_id), LARGE) as pilot:
        assert "not met: No new errors in logs — 953" in screen_text(pilot.app)
        await press(pilot, "ctrl+s")
        assert harness.room.incident(incident_id).open
        observed(harness, incident_id, Reading("no errors in the last 8 min", "for"))
        await until(pilot, lambda: "does not hold" not in screen_text(pilot.app))
        await press(pilot, "ctrl+s")
        assert not harness.room.incident(incident_id).open


@pytest.mark.parametrize(
    ("reading", "colour"),
    [
        (AGAINST, "$text-warning"),
        (Reading("no errors in the last 8 min", "for"), "$text-success"),
        (Reading("no log is watched"), "$text-quiet"),
    ],
)
async def test_only_evidence_for_an_item_is_green(harness: AppHarness, reading: Reading, colour: str) -> None:
    incident_id = declared(harness)
    observed(harness, incident_id, reading)
    async with run_screen(harness, lambda context: ResolveScreen(context, incident_id)) as pilot:
        row = next(row for row in pilot.app.screen.query_one("#items", RowList)._rows if row.id == "no-new-errors")
        assert row.tail is not None and reading.text in row.tail.plain
        assert [colour in str(span.style) for span in row.tail.spans] == [True]


async def test_the_war_room_asks_before_it_ticks_over_its_log(harness: AppHarness) -> None:
    incident_id = declared(harness, RecordFix("Rolled back"))
    stamp = f"{harness.clock() - timedelta(seconds=5):%Y-%m-%dT%H:%M:%SZ}"
    async with in_war_room(harness, incident_id, log=f"{stamp} ERROR pool timeout\n" * 3) as pilot:
        screen = top(pilot)
        assert isinstance(screen, WarRoomScreen)
        await until(pilot, lambda: bool((reading := screen.evidence("no-new-errors")) and reading.against))
        await press(pilot, "1")
        screen.query_one("#items", RowList).put_cursor("no-new-errors")
        await press(pilot, "space")
        assert isinstance(top(pilot), Confirm) and "3 errors in the last minute" in screen_text(pilot.app)
        assert "no-new-errors" not in harness.room.incident(incident_id).ticks


async def test_the_log_of_the_war_room_is_evidence(harness: AppHarness) -> None:
    incident_id = declared(harness)
    async with in_war_room(harness, incident_id) as pilot:
        await press(pilot, "r")
        line = next(line for line in screen_lines(pilot.app) if "No new errors in logs" in line)
        assert "no errors in the last" in line or "in the last minute" in line


async def test_resolving_over_blockers_takes_a_reason_that_the_timeline_keeps(harness: AppHarness) -> None:
    incident_id = declared(harness, RecordFix("Rolled back"))
    verified(harness, incident_id, but=1)
    async with in_war_room(harness, incident_id) as pilot:
        await press(pilot, "r", "tab")
        await type_in(pilot, "reports close tomorrow")
        await press(pilot, "ctrl+s")
        incident = harness.room.incident(incident_id)
        assert incident.status == "resolved"
        assert "reports close tomorrow" in incident.rows[-1].text
        assert isinstance(top(pilot), WarRoomScreen)
        assert "Post the all-clear  [u]" in screen_text(pilot.app)


async def test_a_half_typed_reason_is_there_on_coming_back(harness: AppHarness) -> None:
    incident_id = declared(harness)
    async with in_war_room(harness, incident_id) as pilot:
        await press(pilot, "r", "tab")
        await type_in(pilot, "because")
        await press(pilot, "escape")
        assert isinstance(top(pilot), WarRoomScreen)
        await press(pilot, "r")
        assert pilot.app.screen.query_one("#reason", Input).value == "because"


async def test_no_reason_is_asked_for_once_all_is_verified(harness: AppHarness) -> None:
    incident_id = declared(harness, RecordFix("Rolled back"))
    verified(harness, incident_id)
    async with run_screen(harness, lambda context: ResolveScreen(context, incident_id)) as pilot:
        assert not pilot.app.screen.query_one("#over").display
        await press(pilot, "r")
        assert harness.room.incident(incident_id).open, "the key that opens the screen must not end the incident"
        await press(pilot, "ctrl+s")
        assert harness.room.incident(incident_id).rows[-1].text == "Resolved, recovery verified"


async def test_what_cannot_be_saved_is_said_and_the_reason_stays(
    harness: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    from warroom.errors import NotSaved

    incident_id = declared(harness)

    def full(*_: Any, **__: Any) -> Any:
        raise NotSaved("The disk is full", "Free some space and try again.")

    async with run_screen(harness, lambda context: ResolveScreen(context, incident_id)) as pilot:
        await press(pilot, "tab")
        await type_in(pilot, "it is over")
        monkeypatch.setattr(harness.room, "execute", full)
        await press(pilot, "ctrl+s")
        text = screen_text(pilot.app)
        assert "The disk is full" in text and "Free some space" in text and "it is over" in text


# ── review ────────────────────────────────────────────────────────────────────────────────────────────────


def paper(pilot: Pilot[Any]) -> str:
    return pilot.app.screen.query_one(MarkdownView).text


@asynccontextmanager
async def in_review(
    harness: AppHarness, incident_id: str, size: tuple[int, int] = SMALL
) -> AsyncIterator[Pilot[None]]:
    async with run_screen(harness, lambda context: ReviewScreen(context, incident_id), size) as pilot:
        await until(pilot, lambda: bool(paper(pilot)))
        yield pilot


async def test_the_draft_is_filled_in_already_and_grows_with_what_is_written(harness: AppHarness) -> None:
    incident_id = resolved(harness)
    async with in_review(harness, incident_id) as pilot:
        assert "Card payments fail" in paper(pilot) and "Timeline" in paper(pilot)
        await asyncio.to_thread(
            harness.room.execute, incident_id, WriteSection("root_cause", "The pool was too small.")
        )
        await until(pilot, lambda: "The pool was too small." in paper(pilot))


async def test_the_draft_is_wrapped_to_its_pane(harness: AppHarness) -> None:
    incident_id = resolved(harness, WriteSection("summary", "word " * 60))
    async with in_review(harness, incident_id, LARGE) as pilot:
        for size in (LARGE, SMALL):
            await pilot.resize_terminal(*size)
            await settle(pilot)
            reading = pilot.app.screen.query_one(MarkdownView)
            assert max(len(line) for line in paper(pilot).splitlines()) <= reading.scrollable_content_region.width


async def test_an_entry_is_amended_and_retracted_from_the_review(harness: AppHarness) -> None:
    incident_id = resolved(harness, Note("it was host A"))
    last = harness.room.incident(incident_id).rows[-1]
    async with in_review(harness, incident_id) as pilot:
        await press(pilot, "2", "end", "e")
        assert f"amend entry {last.number}" in form_title(pilot)
        await press(pilot, "end")
        await type_in(pilot, " and B")
        await press(pilot, "tab", "shift+home")
        await type_in(pilot, "14:16")
        await press(pilot, "ctrl+s")
        row = harness.room.incident(incident_id).row(last.id)
        assert row is not None and row.text == "it was host A and B"
        assert row.at == START + timedelta(minutes=1)
        pilot.app.screen.query_one("#entries", RowList).put_cursor(str(last.id))
        await press(pilot, "x")
        await type_in(pilot, "wrong host")
        await press(pilot, "enter")
        row = harness.room.incident(incident_id).row(last.id)
        assert row is not None and row.retracted


async def test_enter_shows_an_entry_in_full_with_how_it_was_first_written(harness: AppHarness) -> None:
    incident_id = resolved(harness, Note("long " * 40 + "end"))
    async with in_review(harness, incident_id) as pilot:
        await press(pilot, "2", "end", "enter")
        assert isinstance(top(pilot), Detail)
        assert "end" in screen_text(pilot.app) and "UTC" in screen_text(pilot.app)


async def test_a_section_is_written_by_enter_with_what_the_journal_suggests(harness: AppHarness) -> None:
    incident_id = resolved(harness, Note("Connection pool exhausted", "finding"))
    async with in_review(harness, incident_id) as pilot:
        await press(pilot, "7")
        pilot.app.screen.query_one("#parts", RowList).put_cursor("root_cause")
        await press(pilot, "enter")
        await until(pilot, lambda: "root cause" in form_title(pilot))
        assert "Connection pool exhausted" in screen_text(pilot.app)
        await type_in(pilot, "The pool was too small.")
        await press(pilot, "ctrl+s")
        assert harness.room.incident(incident_id).sections["root_cause"] == "The pool was too small."


async def test_a_section_begins_with_a_draft_that_can_be_deleted(harness: AppHarness) -> None:
    incident_id = resolved(harness)
    async with in_review(harness, incident_id) as pilot:
        await press(pilot, "7")
        pilot.app.screen.query_one("#parts", RowList).put_cursor("went_well")
        await press(pilot, "enter")
        await until(pilot, lambda: "went well" in form_title(pilot))
        assert "Drafted from the timeline" in screen_text(pilot.app)
        draft = pilot.app.screen.query_one("#field-words", TextArea)
        assert draft.text.startswith("- ")
        draft.text = ""
        await press(pilot, "ctrl+s")
        assert harness.room.incident(incident_id).sections["went_well"] == ""
        await until(pilot, lambda: "left empty" in screen_text(pilot.app))


def parts(pilot: Pilot[Any]) -> RowList:
    """The list of sections in the review."""
    return pilot.app.screen.query_one("#parts", RowList)


def offered(pilot: Pilot[Any], section: str) -> list[str]:
    """The rows of what is suggested for a section."""
    return [row.id for row in parts(pilot).shown if row.id.startswith(f"{section}:?") and row.id.count(":") == 1]


async def test_the_owner_of_an_action_item_is_changed_in_the_review(harness: AppHarness) -> None:
    incident_id = resolved(harness)
    harness.room.execute(incident_id, AddAction("Alert on the pool"))
    async with in_review(harness, incident_id, LARGE) as pilot:
        todo = pilot.app.screen.query_one("#todo", RowList)
        await until(pilot, lambda: any("Alert on the pool" in row.content.plain for row in todo.shown))
        todo.focus()
        item = next(iter(harness.room.incident(incident_id).actions))
        todo.put_cursor(item)
        await press(pilot, "e")
        await until(pilot, lambda: f"change {item}" in form_title(pilot))
        pilot.app.screen.query_one("#field-owner", Input).value = "Bob"
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: harness.room.incident(incident_id).actions[item].owner == "Bob")


async def test_suggestions_are_accepted_edited_and_dismissed_one_by_one(harness: AppHarness) -> None:
    incident_id = resolved(harness)

    def section() -> str:
        return harness.room.incident(incident_id).sections.get("went_well", "")

    async with in_review(harness, incident_id, LARGE) as pilot:
        await until(pilot, lambda: len(offered(pilot, "went_well")) == 4)
        assert "y accept · e edit · x dismiss" in screen_text(pilot.app)
        rows = offered(pilot, "went_well")
        await press(pilot, "7")
        parts(pilot).put_cursor(rows[0])
        await press(pilot, "y")
        await until(pilot, lambda: offered(pilot, "went_well") == rows[1:])
        assert section().startswith("- ") and len(section().splitlines()) == 1
        parts(pilot).put_cursor(rows[1])
        await press(pilot, "e")
        await until(pilot, lambda: "edit the suggestion" in form_title(pilot))
        pilot.app.screen.query_one("#field-words", TextArea).text = "In words of our own."
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: offered(pilot, "went_well") == rows[2:])
        assert section().splitlines()[1:] == ["- In words of our own."]
        parts(pilot).put_cursor(rows[2])
        await press(pilot, "x")
        await until(pilot, lambda: offered(pilot, "went_well") == rows[3:])
        assert len(section().splitlines()) == 2
        assert any("Dismissed" in toast for toast in toasts(pilot.app))
        await press(pilot, "ctrl+z")
        await until(pilot, lambda: offered(pilot, "went_well") == rows[2:])
    async with in_review(harness, incident_id, LARGE) as pilot:  # as after a restart
        await until(pilot, lambda: offered(pilot, "went_well") == rows[2:])


async def test_words_that_blame_are_pointed_at_with_what_to_write_instead(harness: AppHarness) -> None:
    incident_id = resolved(harness, WriteSection("root_cause", "Alice should have checked the pool."))
    async with in_review(harness, incident_id, LARGE) as pilot:
        text = screen_text(pilot.app)
        assert '"should have"' in text and '"Alice": name the role' in text


async def test_action_items_show_owner_due_date_and_what_is_overdue(harness: AppHarness) -> None:
    incident_id = resolved(
        harness, AddAction("Alert on pool usage", "Carol", "2026-01-20"), AddAction("Size the pool")
    )
    async with in_review(harness, incident_id, LARGE) as pilot:
        text = screen_text(pilot.app)
        assert "OVERDUE" in text and "Carol" in text
        assert "no owner" in text and "no date" in text
        await press(pilot, "6", "down", "I")
        assert "finish an action item" in form_title(pilot)
        await press(pilot, "enter")
        assert harness.room.incident(incident_id).actions["A2"].done_at


async def test_space_ticks_the_48_hour_list(harness: AppHarness) -> None:
    incident_id = resolved(harness)
    async with in_review(harness, incident_id) as pilot:
        await press(pilot, "1", "home", "space")
        assert "meeting" in harness.room.incident(incident_id).ticks


@pytest.mark.parametrize(
    ("downs", "suffix", "begins"), [(0, ".md", "# "), (1, ".html", "<!doctype"), (2, ".json", "{")]
)
async def test_export_writes_the_format_that_was_chosen_for_its_owner_alone(
    harness: AppHarness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, downs: int, suffix: str, begins: str
) -> None:
    monkeypatch.chdir(tmp_path)
    incident_id = resolved(harness)
    async with in_review(harness, incident_id) as pilot:
        await press(pilot, "E", *["down"] * downs, "ctrl+s")
        path = tmp_path / f"INC-1-postmortem{suffix}"
        assert path.read_text("utf-8").startswith(begins)
        assert "Card payments fail" in path.read_text("utf-8")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert any(path.name in result for result in toasts(pilot.app))


async def export_again(pilot: Pilot[Any]) -> None:
    """Export once more, as the form proposes it."""
    await until(pilot, lambda: isinstance(top(pilot), ReviewScreen))
    await press(pilot, "E")
    await until(pilot, lambda: isinstance(top(pilot), Form))
    await press(pilot, "ctrl+s")


async def test_export_asks_before_it_replaces_a_file_that_was_edited(
    harness: AppHarness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "INC-1-postmortem.md"
    mine.write_text("mine", encoding="utf-8")
    incident_id = resolved(harness)
    async with in_review(harness, incident_id) as pilot:
        await export_again(pilot)
        await until(pilot, lambda: "exists already" in screen_text(pilot.app))
        await press(pilot, "enter")  # keeps it
        await until(pilot, lambda: any("postmortem-2.md" in toast for toast in toasts(pilot.app)))
        assert mine.read_text("utf-8") == "mine"
        assert "Card payments fail" in (tmp_path / "INC-1-postmortem-2.md").read_text("utf-8")
        await export_again(pilot)
        await until(pilot, lambda: "exists already" in screen_text(pilot.app))
        await press(pilot, "down", "enter")
        await until(pilot, lambda: "Card payments fail" in mine.read_text("utf-8"))


async def test_export_writes_its_own_file_anew_without_a_question(
    harness: AppHarness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    incident_id = resolved(harness)
    ours = tmp_path / "INC-1-postmortem.md"
    async with in_review(harness, incident_id) as pilot:
        await export_again(pilot)
        await until(pilot, ours.exists)
        harness.room.execute(incident_id, WriteSection("root_cause", "A pool of 50 for 80 workers"))
        await export_again(pilot)
        await until(pilot, lambda: "A pool of 50" in ours.read_text("utf-8"))
        ours.write_text(ours.read_text("utf-8") + "Our own words.\n", encoding="utf-8")
        await export_again(pilot)
        await until(pilot, lambda: "was edited after warroom wrote it" in screen_text(pilot.app))
        await press(pilot, "escape", "escape")
        assert "Our own words." in ours.read_text("utf-8")


async def test_export_to_where_one_may_not_write_says_so_and_keeps_what_was_typed(harness: AppHarness) -> None:
    incident_id = resolved(harness)
    async with in_review(harness, incident_id) as pilot:
        await press(pilot, "E", "tab", "shift+home")
        await type_in(pilot, "/proc/nowhere/x.md")
        await press(pilot, "ctrl+s")
        text = screen_text(pilot.app)
        assert "✗" in text and "cannot be" in text and "/proc/nowhere/x.md" in text


async def test_the_review_can_be_read_while_the_incident_goes_on(harness: AppHarness) -> None:
    incident_id = declared(harness)
    async with in_review(harness, incident_id, LARGE) as pilot:
        assert "still open" in screen_text(pilot.app)


# ── home ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_home_lists_what_is_open_with_its_clock_and_what_is_over_with_what_it_owes(
    harness: AppHarness,
) -> None:
    resolved(harness)
    harness.clock.later(minutes=5)
    harness.room.declare(Declare("search-api", "Search is empty", severity="high"))
    harness.clock.later(minutes=3)
    async with run_console(harness, LARGE) as pilot:
        text = screen_text(pilot.app)
        assert "INC-2" in text and "3 min" in text and "no IC" in text
        assert "post-mortem due" in text
        assert "on call Alice" in text


async def test_enter_at_home_opens_the_incident_and_escape_comes_back(harness: AppHarness) -> None:
    declared(harness)
    async with run_console(harness) as pilot:
        await press(pilot, "enter")
        assert isinstance(top(pilot), WarRoomScreen)
        await press(pilot, "escape")
        assert isinstance(top(pilot), HomeScreen)
        await press(pilot, "escape")
        assert isinstance(top(pilot), HomeScreen)


async def test_a_drill_cannot_be_taken_for_the_real_thing(harness: AppHarness) -> None:
    harness.room.declare(Declare("checkout-api", "Card payments fail", drill=True))
    async with run_console(harness) as pilot:
        assert "DRILL" in screen_text(pilot.app)
        await press(pilot, "enter")
        assert "DRILL" in screen_text(pilot.app)
        await press(pilot, "f2")
        assert "DRILL" in screen_text(pilot.app)


async def test_an_action_that_needs_an_incident_says_so_at_home(harness: AppHarness) -> None:
    async with run_console(harness) as pilot:
        await pilot.app.screen.action_do("note")  # type: ignore[attr-defined]
        await settle(pilot)
        assert any("open an incident first" in result for result in toasts(pilot.app))


async def test_the_brief_can_be_copied_and_becomes_an_update_that_is_previewed_first(
    harness: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident_id = declared(harness, Note("it is the pool", "hypothesis"), AssignTask("Bob", "check the replicas"))
    copied: list[str] = []
    monkeypatch.setattr(App, "copy_to_clipboard", lambda self, text: copied.append(text))
    async with in_war_room(harness, incident_id) as pilot:
        posts = len(harness.room.incident(incident_id).posts)
        await press(pilot, "b")
        assert "Suspected: H1 it is the pool" in screen_text(pilot.app)
        await press(pilot, "c")
        assert "Suspected: H1 it is the pool" in copied[0]
        await press(pilot, "u")
        await until(pilot, lambda: "Preview" in screen_text(pilot.app))
        await until(pilot, lambda: "Bob: check the replicas" in screen_text(pilot.app))
        assert len(harness.room.incident(incident_id).posts) == posts
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(top(pilot), WarRoomScreen))


async def test_each_timed_step_is_announced_once_when_it_begins(harness: AppHarness) -> None:
    incident_id = declared(harness)
    async with in_war_room(harness, incident_id) as pilot:
        room = top(pilot)
        assert isinstance(room, WarRoomScreen)
        assert not any("From minute" in text for text in toasts(pilot.app))
        harness.clock.later(minutes=10)
        room.tick()
        room.tick()
        assert len([text for text in toasts(pilot.app) if "From minute 10: Isolate the problem" in text]) == 1
        await pilot.resize_terminal(*LARGE)
        harness.clock.later(minutes=10)
        room.tick()
        assert any("minute 20" in text and "Rollback deployment?" in text for text in toasts(pilot.app))


# ── others ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def bob(harness: AppHarness) -> Iterator[AppHarness]:
    """Another console on the same journal."""
    with AppHarness(harness.folder, by="Bob", clock=harness.clock) as other:
        yield other


async def test_it_is_said_once_that_somebody_else_composes_an_update(harness: AppHarness, bob: AppHarness) -> None:
    incident_id = declared(harness)
    async with in_war_room(harness, incident_id, LARGE) as pilot:
        assert "nobody else" in screen_text(pilot.app)
        await asyncio.to_thread(bob.room.save_presence, incident_id, "", harness.clock())
        await until(pilot, lambda: "Also here" in screen_text(pilot.app) and "  Bob" in screen_text(pilot.app))
        assert toasts(pilot.app) == []
        since = harness.clock()
        harness.clock.later(seconds=12)
        await asyncio.to_thread(bob.room.save_presence, incident_id, "composing an update", since)
        await until(pilot, lambda: "Bob is composing an update (12 s)" in screen_text(pilot.app))
        await asyncio.to_thread(bob.room.save_presence, incident_id, "composing an update", since)
        await settle(pilot)
        assert toasts(pilot.app) == ["Bob is composing an update"]
        await press(pilot, "u")
        await until(pilot, lambda: "Bob is composing an update (12 s): agree who sends" in screen_text(pilot.app))


async def test_a_console_says_what_it_shows_until_it_is_left(harness: AppHarness, bob: AppHarness) -> None:
    incident_id = declared(harness)

    def seen() -> list[tuple[str, str]]:
        return [(one.by, one.doing) for one in bob.room.others(incident_id)]

    async with in_war_room(harness, incident_id) as pilot:
        await until(pilot, lambda: seen() == [("Alice", "")])
        await press(pilot, "u")
        await until(pilot, lambda: seen() == [("Alice", "composing an update")])
        await press(pilot, "escape")
        await until(pilot, lambda: seen() == [("Alice", "")])
        assert harness.room.others(incident_id) == ()  # not oneself
        harness.clock.later(seconds=30)
        assert seen() == []  # a console that was killed is gone after half a minute
        await press(pilot, "H")
        await until(pilot, lambda: seen() == [])
    assert seen() == []


# ── the timeline ──────────────────────────────────────────────────────────────────────────────────────────


def pane_text(pilot: Pilot[Any], list_id: str) -> str:
    """What a list shows."""
    return pilot.app.screen.query_one(f"#{list_id}", RowList).render().plain


async def test_the_timeline_shows_key_events_and_everything_when_asked(harness: AppHarness) -> None:
    incident_id = declared(harness, Check("components"), Note("it is the pool", "finding"))
    async with in_war_room(harness, incident_id, LARGE) as pilot:
        assert "it is the pool" in pane_text(pilot, "entries")
        assert "Identify affected components" not in pane_text(pilot, "entries")
        title = pilot.app.screen.query_one("#timeline", Pane).title
        found = re.search(r"(\d+) key events · V all (\d+)", title)
        assert found and int(found[1]) == len(re.findall(r"14:1\d ", pane_text(pilot, "entries"))) < int(found[2])
        await press(pilot, "V")
        assert "Identify affected components" in pane_text(pilot, "entries")
        assert len(re.findall(r"14:1\d ", pane_text(pilot, "entries"))) == int(found[2])


async def test_a_line_shows_what_others_added_since_one_looked(harness: AppHarness, bob: AppHarness) -> None:
    incident_id = declared(harness)
    async with in_war_room(harness, incident_id, LARGE) as pilot:
        await asyncio.to_thread(bob.room.execute, incident_id, Note("seen while looking"))
        await until(pilot, lambda: "seen while looking" in pane_text(pilot, "entries"))
        assert "new since" not in pane_text(pilot, "entries")
        await press(pilot, "v")
        await asyncio.to_thread(bob.room.execute, incident_id, Note("first behind my back"))
        await asyncio.to_thread(bob.room.execute, incident_id, Note("second behind my back"))
        await asyncio.to_thread(harness.room.execute, incident_id, Note("my own"))
        await settle(pilot)
        await press(pilot, "escape")
        await until(pilot, lambda: "── 2 new since you looked ──" in pane_text(pilot, "entries"))
        lines = pane_text(pilot, "entries").split("\n")
        at = next(n for n, line in enumerate(lines) if "new since" in line)
        assert "seen while looking" in lines[at - 1] and "first behind my back" in lines[at + 1]
        await press(pilot, "v", "escape")
        assert "new since" not in pane_text(pilot, "entries")


async def test_the_row_under_the_cursor_is_shown_whole_and_zoom_wraps_all(harness: AppHarness) -> None:
    long = "the pool of fifty connections is exhausted because every retry opens a new one and never closes it"
    incident_id = declared(harness, Note(long, "finding"), Note("short"), Note(f"again {long}"))
    async with in_war_room(harness, incident_id, (120, 36)) as pilot:
        assert "never closes it" not in pane_text(pilot, "entries")
        await press(pilot, "2")
        assert " ".join(pane_text(pilot, "entries").split()).count("never closes it") == 1
        await press(pilot, "up")
        assert "never closes it" not in pane_text(pilot, "entries")
        await pilot.resize_terminal(80, 24)
        await press(pilot, "z")
        assert " ".join(pane_text(pilot, "entries").split()).count("never closes it") == 2


async def test_enter_on_an_entry_moves_the_log_to_its_time(harness: AppHarness) -> None:
    incident_id = declared(harness)
    lines = "".join(f"2026-01-28T13:{10 + n // 60:02}:{n % 60:02}Z INFO line {n}\n" for n in range(600))
    async with in_war_room(harness, incident_id, LARGE, lines) as pilot:
        await until(pilot, lambda: "line 599" in screen_text(pilot.app))
        await press(pilot, "2", "enter")
        await until(pilot, lambda: "line 300" in screen_text(pilot.app))  # 13:15, when it was declared
        assert isinstance(top(pilot), WarRoomScreen) and focused(pilot) == "entries"


# ── keys, palette and size ────────────────────────────────────────────────────────────────────────────────


async def test_the_key_list_filters_as_one_types_and_enter_does_what_is_left(harness: AppHarness) -> None:
    incident_id = declared(harness)
    async with in_war_room(harness, incident_id, LARGE) as pilot:
        await press(pilot, "question_mark")
        assert "Post an update" in screen_text(pilot.app)
        await type_in(pilot, "quit hand")
        assert "No action has these words" in screen_text(pilot.app)
        for _ in "quit hand":
            await pilot.press("backspace")
        await type_in(pilot, "hand over")
        await settle(pilot)
        text = pane_text(pilot, "keys")
        assert "Hand over a role" in text and "Post an update" not in text
        await press(pilot, "enter")
        assert "hand over a role" in form_title(pilot)


async def test_opening_the_palette_previews_no_theme_and_a_theme_is_found_by_its_name(harness: AppHarness) -> None:
    async with in_war_room(harness, declared(harness)) as pilot:
        before = pilot.app.theme
        await press(pilot, "ctrl+p")
        await until(pilot, lambda: "Do the next step" in screen_text(pilot.app))
        assert "Theme:" not in screen_text(pilot.app)
        await pilot.press("down", "down", "up")
        assert pilot.app.theme == before
        await type_in(pilot, "theme: light")
        await until(pilot, lambda: "Theme: light" in screen_text(pilot.app))


@pytest.mark.parametrize("size", [(79, 24), (80, 23)])
async def test_a_window_that_is_too_small_says_what_is_needed_and_keeps_what_is_typed(
    harness: AppHarness, size: tuple[int, int]
) -> None:
    async with in_war_room(harness, declared(harness)) as pilot:
        await press(pilot, "u")
        await until(pilot, lambda: "Preview" in screen_text(pilot.app))
        await pilot.resize_terminal(*size)
        await settle(pilot)
        assert f"{size[0]}×{size[1]} is too small: 80×24 is needed" in screen_lines(pilot.app)[-1]
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert "is needed" not in screen_text(pilot.app)


async def test_recovery_is_verified_by_a_reading_or_by_typed_words_never_by_one_key(harness: AppHarness) -> None:
    incident_id = declared(harness, RecordFix("rolled back"))

    def ticks() -> dict[str, Tick]:
        ticks = harness.room.incident(incident_id).ticks
        recovery = harness.room.playbook.checklists["recovery"].items
        return {item.id: ticks[item.id] for item in recovery if item.id in ticks}

    quiet = Observation(harness.clock(), "Bo", {ERRORS: Reading("no errors in the last 5 min", "for")})
    harness.room.save_observation(incident_id, quiet)
    async with run_console(harness, incident_id=incident_id) as pilot:
        await press(pilot, "r")
        for _ in range(3):
            await press(pilot, "space")  # the second one is a letter of an answer
        assert "verify" in form_title(pilot) and ticks() == {}
        await press(pilot, "enter")
        assert "Nothing is written" in screen_text(pilot.app) and ticks() == {}
        await type_in(pilot, "all pods ready")
        await press(pilot, "enter")
        await until(pilot, lambda: bool(ticks()))
        assert [tick.evidence for tick in ticks().values()] == ["all pods ready"]
        rows = pilot.app.screen.query_one("#items", RowList)
        assert rows.put_cursor("no-new-errors")
        await press(pilot, "space")
        await until(pilot, lambda: "no-new-errors" in ticks())
        assert ticks()["no-new-errors"].evidence == "no errors in the last 5 min"


async def test_the_key_bar_follows_the_focus(harness: AppHarness) -> None:
    async with in_war_room(harness, declared(harness), LARGE) as pilot:
        bars = {}
        for key in ("1", "2", "3", "4", "8"):
            await press(pilot, key)
            bars[key] = screen_lines(pilot.app)[-1]
        assert "resolve" in bars["1"] and "search" in bars["4"] and "hide" in bars["4"]
        assert "amend" in bars["2"] and "hand over" in bars["3"] and "confirm, rule out" in bars["8"]
        assert len(set(bars.values())) == 5
        assert all("update" in bar and "? keys" in bar for bar in bars.values())


async def test_a_phase_without_timed_steps_is_announced_itself(harness: AppHarness) -> None:
    async with in_war_room(harness, declared(harness), LARGE) as pilot:
        harness.clock.later(minutes=29)
        top(pilot).tick()
        harness.clock.later(minutes=1)
        top(pilot).tick()
        assert any("From minute 30: Resolution & recovery" in text for text in toasts(pilot.app))


async def test_which_of_several_hypotheses_is_meant_is_chosen_from_a_list(harness: AppHarness) -> None:
    incident_id = declared(harness, Note("pool", "hypothesis"), Note("network", "hypothesis"))
    async with in_war_room(harness, incident_id) as pilot:
        await press(pilot, "n")
        await type_in(pilot, "!y errors stop at 50")
        await press(pilot, "enter")
        await until(pilot, lambda: "confirm or rule out" in form_title(pilot))
        assert top(pilot).values == {"hypothesis": "H1", "outcome": "confirmed", "reason": "errors stop at 50"}
        await press(pilot, "ctrl+s")
        assert harness.room.incident(incident_id).hypotheses["H1"].state == "confirmed"
        assert harness.room.saved_draft(incident_id, "note") == ""


async def test_alerts_that_say_the_same_are_one_row_and_are_dismissed_together(harness: AppHarness) -> None:
    for name in ("errors", "errors", "queue", "errors"):
        harness.room.receive_alert(ReceiveAlert(name, "Prometheus", "checkout-api", "54 %"))
        harness.clock.later(minutes=1)
    async with run_console(harness, (120, 36)) as pilot:
        text = screen_text(pilot.app)
        assert text.count("checkout-api · errors") == 1 and "×3  1 min ago" in text
        rows = pilot.app.screen.query_one("#all", RowList)
        rows.put_cursor(next(row.id for row in rows.shown if "errors" in row.content.plain))
        await press(pilot, "Q")
        assert "(3 times)" in screen_text(pilot.app)
        await press(pilot, "enter")
        assert len(harness.room.team().alerts) == 4, "enter alone dismisses nothing"
        await press(pilot, "Q", "down", "enter")
        assert [alert.event.name for alert in harness.room.team().alerts.values()] == ["queue"]


async def test_an_action_of_a_pane_works_on_screens_without_that_pane(harness: AppHarness) -> None:
    incident_id = declared(harness, Note("it is the pool", "hypothesis"), AssignTask("Bob", "check the replicas"))
    async with in_war_room(harness, incident_id, LARGE) as pilot:
        for key in ("f2", "v", "r", "o"):
            await press(pilot, key)
            for action, title in (("Y", "confirm or rule out"), ("F", "finish a task")):
                await press(pilot, action)
                assert title in form_title(pilot), key
                await press(pilot, "escape")
            await press(pilot, "escape")


async def test_a_burst_is_one_row_with_its_count_and_one_key_dismisses_it(tmp_path: Path) -> None:
    prom = AlertSourceSettings.model_validate({"name": "prom", "backend": "prometheus"})
    with AppHarness(tmp_path, alerts={"prom": prom}) as harness:
        room, now = harness.room, harness.clock()
        firing = [Firing(str(n), "DiskFull", now, group="disk", url="https://x.example.com/1") for n in range(1000)]
        news = compare("prom", firing, room.team(), now).received
        room.transact_team(lambda team, context: [one.entry(context) for one in news])
        room.save_source_report("prom", SourceReport(now, now, now, 1000, groups={"disk": 1000}))
        async with run_console(harness, (120, 36)) as pilot:
            text = screen_text(pilot.app)
            assert text.count("DiskFull") == 1 and "×1,000" in text
            rows = pilot.app.screen.query_one("#all", RowList)
            rows.put_cursor(next(row.id for row in rows.shown if "DiskFull" in row.content.plain))
            await press(pilot, "Q")
            assert "(1,000 times)" in screen_text(pilot.app)
            await press(pilot, "down", "enter")
            assert room.team().alerts == {} and "DiskFull" not in screen_text(pilot.app)


class QuietSource:
    """An alert source that can silence; what it was asked."""

    can_silence = True

    def __init__(self) -> None:
        self.silenced: list[tuple[str, datetime, str]] = []

    async def silence(self, key: str, until: datetime, comment: str) -> str:
        self.silenced.append((key, until, comment))
        return f"silenced until {until:%H:%M} UTC"

    async def close(self) -> None:
        pass


async def test_a_key_silences_an_alert_at_its_source_and_next_passes_it_over(tmp_path: Path) -> None:
    prom = AlertSourceSettings.model_validate({"name": "prom", "backend": "fake"})
    with AppHarness(tmp_path, alerts={"prom": prom}) as harness:
        room, source = harness.room, QuietSource()
        room.alert_sources = lambda name: source
        room.receive_alert(ReceiveAlert("DiskFull", "prom", "checkout-api", fingerprint="a"))
        async with run_console(harness, (120, 36)) as pilot:
            rows = pilot.app.screen.query_one("#all", RowList)
            rows.put_cursor(next(row.id for row in rows.shown if "DiskFull" in row.content.plain))
            await press(pilot, "K")
            assert "silence an alert" in form_title(pilot)
            await press(pilot, "ctrl+s")
            until_ = harness.clock() + timedelta(hours=1)
            here = until_.astimezone(room.zone)
            await until(pilot, lambda: f"silenced until {here:%H:%M}" in screen_text(pilot.app))
            assert [(key, at) for key, at, _ in source.silenced] == [("a", until_)]
            assert "An alert is waiting" not in screen_text(pilot.app)


async def test_an_alert_that_has_cleared_says_so_and_goes_after_a_while(harness: AppHarness) -> None:
    room = harness.room
    room.receive_alert(ReceiveAlert("errors", "prom", "checkout-api", fingerprint="a", fired_at=harness.clock()))
    (alert,) = room.team().alerts.values()
    room.clear_alert(ClearAlert(alert.id, "errors"))
    async with run_console(harness, (120, 36)) as pilot:
        text = screen_text(pilot.app)
        assert "cleared" in text and "An alert is waiting" not in text
    harness.clock.later(minutes=16)
    async with run_console(harness, (120, 36)) as pilot:
        assert "errors" not in screen_text(pilot.app)


async def test_the_timeline_shows_an_alerts_link_and_what_its_source_was_told(harness: AppHarness) -> None:
    room, link = harness.room, "https://x.example.com/d/1"
    room.receive_alert(ReceiveAlert("DiskFull", "prom", "checkout-api", fingerprint="a", url=link))
    (alert,) = room.team().alerts.values()
    incident_id = room.declare(Declare("checkout-api", "Full disks"), alert=alert.id).incident.id
    room.execute(incident_id, RecordSourceTold("prom", {alert.id: "a"}, "silenced until 14:05 UTC"), by="")
    async with in_war_room(harness, incident_id, LARGE) as pilot:
        await press(pilot, "2")
        text = screen_text(pilot.app)
        assert link in text and "prom was told of the alert: silenced until 14:05 UTC" in text


# ── probes ────────────────────────────────────────────────────────────────────────────────────────────────


def probed(harness: AppHarness, incident_id: str, **readings: Reading) -> None:
    """What the probes of the service measured, by their names."""
    harness.room.save_observation(incident_id, Observation(harness.clock(), "Bo", readings))


async def test_readings_of_all_probes_are_on_the_resolve_screen(harness: AppHarness) -> None:
    incident_id = harness.room.declare(Declare("checkout-api", "Card payments fail")).incident.id
    bad, fine = judged(False, "HTTP 503 in 9 ms"), judged(True, "HTTP 200 in 80 ms")
    probed(harness, incident_id, health=bad, **{"payment-provider": fine})
    async with run_screen(harness, lambda context: ResolveScreen(context, incident_id), LARGE) as pilot:
        await settle(pilot)
        lines = screen_text(pilot.app).splitlines()
        (item,) = [line for line in lines if "○ Service health checks passing" in line]
        assert "! HTTP 503 in 9 ms" in item
        (other,) = [line for line in lines if "payment-provider" in line]
        assert "HTTP 200 in 80 ms" in other, "one that verifies no item stands below"
        assert "Service health checks passing — HTTP 503" in screen_text(pilot.app)


async def test_the_state_pane_shows_what_is_measured(harness: AppHarness) -> None:
    incident_id = harness.room.declare(Declare("checkout-api", "Card payments fail")).incident.id
    async with in_war_room(harness, incident_id, LARGE) as pilot:
        probed(harness, incident_id, health=judged(False, "HTTP 503 in 9 ms"))
        await until(pilot, lambda: "health: ! HTTP 503 in 9 ms" in screen_text(pilot.app))
        assert "Measured" in screen_text(pilot.app)


async def test_readiness_that_is_contradicted_is_confirmed_only_after_a_question(harness: AppHarness) -> None:
    # Nobody of the harness's team has a phone, an e-mail address or a handle.
    async with run_console(harness, LARGE) as pilot:
        home = pilot.app.screen
        assert isinstance(home, HomeScreen)
        home.start(home._confirm_ready("contacts"))
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        assert "Confirm it anyway?" in screen_text(pilot.app)
        assert "contacts" not in harness.room.team().ready
        await pilot.press("down", "enter")
        await until(pilot, lambda: "contacts" in harness.room.team().ready)
