"""The log on its own: no incident, no journal; its keys are those of the war room."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.app import screen_text, type_in, until

from warroom.config.paths import shipped
from warroom.logs.sources.file import FileSource
from warroom.logs.view import LogView
from warroom.tui.log_viewer import LogViewerApp, LogViewerDeps
from warroom.tui.theme import load_themes

pytestmark = pytest.mark.anyio


def console(log: Path, **keys: str) -> LogViewerApp:
    furniture = LogViewerDeps(themes=load_themes(shipped("themes")), theme="dark", keys=dict(keys))
    return LogViewerApp(lambda: LogView([FileSource(log)]), build_deps=lambda: furniture)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    lines = (f"2026-01-28 14:00:{n % 60:02} {'ERROR' if n % 7 == 0 else 'INFO'} line {n}" for n in range(100))
    path.write_text("\n".join(lines) + "\n")
    return path


async def test_it_opens_at_the_end_and_follows(log: Path) -> None:
    async with console(log).run_test(size=(100, 20)) as pilot:
        await until(pilot, lambda: "line 99" in screen_text(pilot.app))
        with log.open("a") as file:
            file.write("2026-01-28 14:02:00 WARN one more\n")
        await until(pilot, lambda: "one more" in screen_text(pilot.app))


async def test_the_level_key_leaves_errors_alone(log: Path) -> None:
    async with console(log).run_test(size=(100, 20)) as pilot:
        await until(pilot, lambda: "line 99" in screen_text(pilot.app))
        await pilot.press("l", "l")
        await until(pilot, lambda: "level ≥ error" in screen_text(pilot.app))
        await until(pilot, lambda: "line 99" not in screen_text(pilot.app))
        assert "line 98" in screen_text(pilot.app)


async def test_a_search_finds_an_older_line(log: Path) -> None:
    async with console(log).run_test(size=(100, 20)) as pilot:
        await until(pilot, lambda: "line 99" in screen_text(pilot.app))
        await pilot.press("slash")
        await pilot.pause()
        await type_in(pilot, "line 42\n")
        await until(pilot, lambda: "▸" in screen_text(pilot.app) and "line 42" in screen_text(pilot.app))


async def test_help_lists_the_logs_keys_and_does_what_is_chosen(log: Path) -> None:
    async with console(log).run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "line 99" in screen_text(pilot.app))
        await pilot.press("question_mark")
        await until(pilot, lambda: "Watch another log" in screen_text(pilot.app))
        assert "Post an update" not in screen_text(pilot.app)
        await pilot.press("home", "enter")
        await until(pilot, lambda: "text or regular expression" in screen_text(pilot.app))


async def test_a_record_opens_and_nothing_is_pinned_without_an_incident(log: Path) -> None:
    async with console(log).run_test(size=(100, 20), notifications=True) as pilot:
        await until(pilot, lambda: "line 99" in screen_text(pilot.app))
        await pilot.press("enter")
        await until(pilot, lambda: "app.log · line 100 · info" in screen_text(pilot.app))
        assert "p pins" not in screen_text(pilot.app)
        await pilot.press("p")
        await until(pilot, lambda: "No incident is open here" in screen_text(pilot.app))


async def test_a_key_of_ones_own_is_honoured(log: Path) -> None:
    async with console(log, level="f9").run_test(size=(100, 20)) as pilot:
        await until(pilot, lambda: "line 99" in screen_text(pilot.app) and "F9" in screen_text(pilot.app))
        await pilot.press("f9")
        await until(pilot, lambda: "level ≥ warn" in screen_text(pilot.app))
