"""Key hints: whatever key an action is given in the settings, the screen names that key and no other."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.app import AppHarness, run_console, screen_text, settle, toasts

import warroom.tui
from warroom.config.settings import ConsoleSettings
from warroom.incident.commands import Declare
from warroom.incident.roles import Assign, HandOver
from warroom.tui.actions import ACTIONS, key_mistakes, key_of, with_keys
from warroom.tui.screens.help import DANGERS

pytestmark = pytest.mark.anyio

OWN = {action.id: f"f{number}" for number, action in enumerate(ACTIONS, 4)}
"""A key of its own for every action, none of them its default."""

DEFAULTS = {key_of(action.id, {}) for action in ACTIONS}


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[AppHarness]:
    with AppHarness(tmp_path / "data", console=ConsoleSettings(keys=OWN)) as harness:
        yield harness


def test_every_action_has_another_key_here() -> None:
    assert not key_mistakes(OWN)
    assert not {key_of(action.id, OWN) for action in ACTIONS} & DEFAULTS


def hints(text: str) -> set[str]:
    """The keys that a screen names: in frames' titles, in brackets, and in the key bar, its last line."""
    lines = text.rstrip("\n").split("\n")
    titles = re.findall(
        r"(?:╭─ |  )(\S{1,3}) (?:Checklist|Timeline|Roles|Logs|Draft|Actions|To write|Follow-up)", text
    )
    brackets = re.findall(r"[\[(](\S{1,3})[\])]", text)
    bar = [part.split()[0] for part in re.split(r" {2,}", lines[-1].strip()) if part]
    return {*titles, *brackets, *bar}


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_every_screen_names_the_keys_of_the_settings(harness: AppHarness, size: tuple[int, int]) -> None:
    room = harness.room
    incident = room.declare(Declare("checkout-api", "Card payments fail"), commander="Alice").incident.id
    for command in (Assign("technical_lead", "Bob"), HandOver("technical_lead", "Carol")):
        await asyncio.to_thread(room.execute, incident, command)
    async with run_console(harness, size) as pilot:
        for keys in ((), ("enter",), (OWN["resolve"],), ("escape", OWN["review"]), ("escape", OWN["presenter"])):
            await pilot.press(*keys)
            await settle(pilot)
            text = screen_text(pilot.app)
            wrong = {hint for hint in hints(text) if hint in DEFAULTS and not hint.startswith(("^", "F"))}
            assert not wrong, f"{wrong}\n{text}"
            assert {hint for hint in hints(text) if re.fullmatch(r"F\d+", hint)}, text


async def test_what_is_off_names_the_key_of_the_settings(harness: AppHarness) -> None:
    incident = harness.room.declare(Declare("checkout-api", "Card payments fail")).incident.id
    async with run_console(harness, incident_id=incident) as pilot:
        await settle(pilot)
        await pilot.press(OWN["reopen"])
        await settle(pilot)
        assert toasts(pilot.app) == [f"INC-1 is still open; resolve it first ({key_of('resolve', OWN)})"]


def test_no_text_of_the_screen_names_a_key_literally() -> None:
    """A key in brackets or after "press" belongs to an action, so it is written as ``{action}``."""
    literal = re.compile(r"(?<=\s)\(([A-Za-z0-9/?])\)|\[([A-Za-z0-9/?])\]|[Pp]ress ([A-Za-z])\b(?! [a-z]+ing)")
    found = []
    for file in Path(warroom.tui.__file__).parent.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        documented = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) and id(node) not in documented else ""
            if isinstance(text, str) and literal.search(text) and not re.search(r"\\|\[\^", text):
                found.append(f"{file.name}:{node.lineno} {text!r}")
    assert not found


def test_a_name_in_braces_that_is_no_action_stays_as_it_is() -> None:
    assert with_keys("{resolve} {nothing} {x", {"resolve": "f9"}) == "F9 {nothing} {x"


def test_every_line_of_the_key_list_fits_into_120_columns() -> None:
    room = 67  # beside the key and the title
    lengths = {action.id: len(action.help) + len(DANGERS.get(action.danger, "")) for action in ACTIONS}
    assert {id_: length for id_, length in lengths.items() if length > room} == {}
