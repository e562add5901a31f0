"""The log on its own: no incident, no journal; its keys are those of the war room."""

from __future__ import annotations

from pathlib import Path

import pytest
from pilot import screen_text, type_in, until

from warroom.logs.source import FileSource
from warroom.logs.view import LogView
from warroom.places import shipped
from warroom.tui.log_console import Furniture, LogConsole
from warroom.tui.theme import load_themes

pytestmark = pytest.mark.anyio


def console(log: Path, **keys: str) -> LogConsole:
    furniture = Furniture(themes=load_themes(shipped("themes")), theme="dark", keys=dict(keys))
    return LogConsole(lambda: LogView([FileSource(log)]), furnish=lambda: furniture)


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


async def test_a_key_of_ones_own_is_honoured(log: Path) -> None:
    async with console(log, level="f9").run_test(size=(100, 20)) as pilot:
        await until(pilot, lambda: "line 99" in screen_text(pilot.app) and "F9" in screen_text(pilot.app))
        await pilot.press("f9")
        await until(pilot, lambda: "level ≥ warn" in screen_text(pilot.app))
