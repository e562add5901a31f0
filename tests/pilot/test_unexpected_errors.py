"""An exception nobody expected, wherever it is raised: it is told and reported, and the console goes on."""

from __future__ import annotations

import re
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.app import DEADLINE_S, AppHarness, run_console, screen_text, settle, toasts, until
from textual import events
from textual.app import ComposeResult, RenderResult
from textual.command import CommandPalette
from textual.geometry import Region
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static, TextArea

from warroom.diagnostics import KEPT, write_report
from warroom.incident.commands import Declare, Note
from warroom.tui.app import WarRoomApp
from warroom.tui.context import ConsoleDeps
from warroom.tui.faults import AGAIN_S, APART_S, ErrorReports
from warroom.tui.guard import PLACEHOLDER
from warroom.tui.screens import incident_screen
from warroom.tui.screens.home import HomeScreen
from warroom.tui.screens.war_room import WarRoomScreen
from warroom.tui.widgets.bars import KeyBar

SECRET = "xoxb-123456789012-123456789012-abcdefghijklmnopqrstuvwx"


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[AppHarness]:
    with AppHarness(tmp_path / "data") as harness:
        harness.room.declare(Declare("checkout-api", "Card payments fail"), commander="Alice")
        yield harness


def fail(*_: Any, **__: Any) -> Any:
    local = f"the value of a local variable {SECRET[::-1]}"
    raise RuntimeError(f"planted {SECRET}{local[:0]}")


class Broken(Static):
    """Fails to draw itself."""

    def render(self) -> RenderResult:
        return fail()  # type: ignore[no-any-return]


class BrokenLine(Widget):
    """Fails to draw each of its lines."""

    def render_line(self, y: int) -> Strip:
        return fail()  # type: ignore[no-any-return]


class BrokenLines(Widget):
    """Fails to draw all of its lines at once, as a text area does when its theme fails."""

    def render_lines(self, crop: Region) -> list[Strip]:
        return fail()  # type: ignore[no-any-return]


class BrokenHandler(Widget):
    """Fails at every key it hears of."""

    can_focus = True

    def on_key(self, event: events.Key) -> None:
        fail()


class HalfScreen(ModalScreen[None]):
    """Fails while it is put together."""

    def compose(self) -> ComposeResult:
        yield Static("half a screen")
        fail()


Plant = Callable[[Pilot[None], pytest.MonkeyPatch, AppHarness], Any]


async def in_an_action(pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch, harness: AppHarness) -> None:
    monkeypatch.setattr(WarRoomScreen, "do_zoom", fail)
    await pilot.press("z")


async def in_an_action_of_the_app(pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch, harness: AppHarness) -> None:
    monkeypatch.setattr(WarRoomApp, "do_privacy", fail)
    await pilot.press("f3")


async def in_an_interval(pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch, harness: AppHarness) -> None:
    monkeypatch.setattr(WarRoomScreen, "tick", fail)


async def in_a_timer(pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch, harness: AppHarness) -> None:
    pilot.app.screen.set_timer(0.01, fail)


async def in_a_call_after_the_refresh(
    pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch, harness: AppHarness
) -> None:
    pilot.app.screen.call_after_refresh(fail)


async def in_a_worker(pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch, harness: AppHarness) -> None:
    async def job() -> None:
        fail()

    pilot.app.screen.run_worker(job)


async def in_a_message_handler(pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch, harness: AppHarness) -> None:
    await pilot.app.screen.mount(broken := BrokenHandler())
    broken.focus()
    await pilot.press("x")


async def in_the_handler_of_what_changed(
    pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch, harness: AppHarness
) -> None:
    monkeypatch.setattr(WarRoomScreen, "show_snapshot", fail)
    harness.room.execute("INC-1", Note("a note of another console"))


async def in_the_thread_that_loads_what_changed(
    pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch, harness: AppHarness
) -> None:
    monkeypatch.setattr(incident_screen, "incident_snapshot", fail)
    harness.room.execute("INC-1", Note("a note of another console"))


async def in_a_render(pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch, harness: AppHarness) -> None:
    await pilot.app.screen.mount(Broken())


async def in_the_render_of_a_line(pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch, harness: AppHarness) -> None:
    await pilot.app.screen.mount(broken := BrokenLine())
    broken.styles.height = 1


async def in_the_render_of_all_lines(
    pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch, harness: AppHarness
) -> None:
    await pilot.app.screen.mount(broken := BrokenLines())
    broken.styles.height = 1


async def while_a_screen_is_put_together(
    pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch, harness: AppHarness
) -> None:
    pilot.app.push_screen(HalfScreen())


PLANTS: tuple[Plant, ...] = (
    in_an_action,
    in_an_action_of_the_app,
    in_an_interval,
    in_a_timer,
    in_a_call_after_the_refresh,
    in_a_worker,
    in_a_message_handler,
    in_the_handler_of_what_changed,
    in_the_thread_that_loads_what_changed,
    in_a_render,
    in_the_render_of_a_line,
    in_the_render_of_all_lines,
    while_a_screen_is_put_together,
)


@pytest.mark.anyio
@pytest.mark.faults
@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
async def test_the_console_survives_an_exception(
    plant: Plant, harness: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_console(harness, (120, 36), incident_id="INC-1") as pilot:
        await plant(pilot, monkeypatch, harness)
        await until(pilot, lambda: any("RuntimeError" in words for words in toasts(pilot.app)))
        result = next(words for words in toasts(pilot.app) if "RuntimeError" in words)
        assert "The console keeps running" in result and SECRET not in result
        report = Path(re.search(r"report is (\S+)\.$", result)[1])  # type: ignore[index]
        assert report.parent == harness.folder
        assert stat.S_IMODE(report.stat().st_mode) == 0o600
        text = report.read_text("utf-8")
        assert "planted" in text and SECRET not in text and SECRET[::-1] not in text
        monkeypatch.undo()
        # It goes on: what is pressed now is done.
        await until(pilot, lambda: isinstance(pilot.app.screen, WarRoomScreen))
        pilot.app.screen.set_focus(None)
        await pilot.press("2")
        await pilot.press("H")
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
        await settle(pilot)
        assert pilot.app.return_code is None


@pytest.mark.anyio
@pytest.mark.faults
async def test_what_cannot_be_drawn_is_a_placeholder(harness: AppHarness) -> None:
    async with run_console(harness, (120, 36)) as pilot:
        await pilot.app.screen.mount(Broken())
        await until(pilot, lambda: PLACEHOLDER in screen_text(pilot.app))


@pytest.mark.anyio
@pytest.mark.faults
async def test_before_there_is_a_screen_to_go_on_with_it_ends_with_a_report_and_no_secret(
    harness: AppHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    def build_deps() -> ConsoleDeps:
        return fail()  # type: ignore[no-any-return]

    app = WarRoomApp(build_deps, crash_folder=harness.folder)
    with pytest.raises(RuntimeError):
        async with app.run_test() as pilot:
            await until(pilot, lambda: app._exception is not None)
    result = capsys.readouterr()
    shown = result.out + result.err
    report = next(harness.folder.glob("crash-*.txt")).read_text("utf-8")
    assert "warroom crashed: RuntimeError" in shown and "RuntimeError" in report
    for text in (shown, report):
        assert SECRET not in text and SECRET[::-1] not in text
    assert app.return_code != 0


# ── how often it is told ──────────────────────────────────────────────────────────────────────────────────


class Told:
    """ErrorReports with a clock that stands still, and what they said."""

    def __init__(self, folder: Path) -> None:
        self.now = 0.0
        self.words: list[str] = []
        self.folder = folder
        self.faults = ErrorReports(folder, self.words.append, lambda: self.now)

    def note(self, kind: type[Exception] = RuntimeError) -> None:
        try:
            raise kind("again")
        except Exception as error:  # noqa: BLE001
            self.faults.note(error)
        for thread in threading.enumerate():
            if thread.name == "fault":
                thread.join(DEADLINE_S)

    @property
    def reports(self) -> int:
        return len(list(self.folder.glob("crash-*.txt")))


@pytest.mark.faults
def test_a_fault_that_comes_again_and_again_is_reported_once_and_told_now_and_then(tmp_path: Path) -> None:
    result = Told(tmp_path)
    for _ in range(50):
        result.note()
    assert (result.reports, len(result.words)) == (1, 1)
    result.now += AGAIN_S
    result.note()
    assert (result.reports, len(result.words)) == (1, 2)
    assert "already reported" in result.words[-1]


@pytest.mark.faults
def test_many_faults_at_once_do_not_pile_up_on_the_screen_and_each_is_reported(tmp_path: Path) -> None:
    result = Told(tmp_path)
    for kind in (RuntimeError, ValueError, KeyError):
        result.note(kind)
    assert (result.reports, len(result.words)) == (3, 1)
    result.now += APART_S
    result.note(LookupError)
    assert (result.reports, len(result.words)) == (4, 2)


def test_a_folder_keeps_the_newest_reports_only(tmp_path: Path) -> None:
    last = [write_report(RuntimeError(f"{n}"), tmp_path) for n in range(KEPT + 5)][-1]
    assert len(list(tmp_path.glob("crash-*.txt"))) == KEPT
    assert Path(last).exists()


def test_a_report_never_follows_a_link_and_no_two_have_one_name(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    paths = {write_report(RuntimeError("x"), folder) for _ in range(5)}
    assert len(paths) == 5 and all(Path(path).parent == folder for path in paths)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_takes_nothing_is_no_second_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("in the way", encoding="utf-8")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(file))
    assert write_report(RuntimeError("x"), file) == "no file: none could be written"


# ── what random keys found ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.anyio
async def test_the_palette_below_presenter_mode_is_not_opened_a_second_time(harness: AppHarness) -> None:
    async with run_console(harness, (120, 36), incident_id="INC-1") as pilot:
        await pilot.press("ctrl+p", "f2", "ctrl+p")
        await pilot.pause()
        assert sum(isinstance(screen, CommandPalette) for screen in pilot.app.screen_stack) == 1


@pytest.mark.anyio
async def test_a_palette_that_lists_nothing_takes_page_keys(harness: AppHarness) -> None:
    async with run_console(harness, (120, 36)) as pilot:
        await pilot.press("ctrl+p", *"zzzzqqqq")
        await pilot.press("pagedown", "pageup")
        assert isinstance(pilot.app.screen, CommandPalette)


@pytest.mark.anyio
async def test_a_text_area_first_drawn_after_its_removal_is_no_error(harness: AppHarness) -> None:
    async with run_console(harness) as pilot:
        await pilot.app.screen.mount(area := TextArea("gone"))
        await area.remove()
        assert [strip.text for strip in area.render_lines(Region(0, 0, 4, 2))] == ["    ", "    "]
        assert toasts(pilot.app) == []


@pytest.mark.anyio
async def test_a_notification_shown_after_its_time_does_not_freeze_the_console(harness: AppHarness) -> None:
    async with run_console(harness) as pilot:
        ended: list[bool] = []
        timer = pilot.app.screen.query_one(KeyBar).set_timer(-60, lambda: ended.append(True))
        if timer._interval <= 0:
            timer.stop()  # or this test would never end
        assert timer._interval > 0, "Textual would count for ever"
        await until(pilot, lambda: ended == [True])
