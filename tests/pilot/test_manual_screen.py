"""F1: the manual in the console has the pages that ``warroom help`` prints, over whatever is open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from harness.app import AppHarness, run_console, screen_text, settle, until
from textual.pilot import Pilot

from warroom.config import help_pages
from warroom.incident.commands import Declare
from warroom.tui.screens.composer import ComposerScreen
from warroom.tui.screens.manual import ManualScreen
from warroom.tui.widgets.markdown_view import MarkdownView
from warroom.tui.widgets.row_list import RowList

pytestmark = pytest.mark.anyio


async def press(pilot: Pilot[Any], *keys: str) -> None:
    await pilot.press(*keys)
    await settle(pilot)


async def test_every_page_of_the_manual_is_listed_and_one_is_read_after_another(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        async with run_console(harness, (120, 36)) as pilot:
            await press(pilot, "f1")
            rows = pilot.app.screen.query_one("#topics", RowList)
            await until(pilot, lambda: "Twenty minutes" in screen_text(pilot.app))
            shown = screen_text(pilot.app)
            topics = [*help_pages.topics()]
            assert [topic for topic in topics if topic not in shown] == []
            view = pilot.app.screen.query_one(MarkdownView)
            for keys, topic in ((("home",), topics[0]), (("down",), topics[1]), (("end",), topics[-1])):
                title = help_pages.page(topic).splitlines()[0].removeprefix("# ")
                await press(pilot, *keys, "enter")
                await until(pilot, lambda title=title: view.text.startswith(title))  # type: ignore[misc]
                assert view.has_focus and not rows.display
                await press(pilot, "escape")
                assert rows.has_focus
            await press(pilot, "escape")
            assert not isinstance(pilot.app.screen, ManualScreen)


async def test_the_manual_opens_once_over_a_form_and_leaves_it_as_it_was(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        incident_id = harness.room.declare(Declare("checkout-api", "Card payments fail")).incident.id
        async with run_console(harness, (80, 24), incident_id=incident_id) as pilot:
            await press(pilot, "u")
            await until(pilot, lambda: isinstance(pilot.app.screen, ComposerScreen))
            await press(pilot, "f1", "f1")
            await until(pilot, lambda: "tutorial" in screen_text(pilot.app))
            await press(pilot, "escape")
            await until(pilot, lambda: isinstance(pilot.app.screen, ComposerScreen))
