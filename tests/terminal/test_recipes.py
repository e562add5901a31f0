"""The recipes of the manual are run as printed, by a real shell with the real jq."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from warroom.config.paths import shipped

ROOT = Path(__file__).parents[2]
PAGE = (shipped("docs") / "automation.md").read_text(encoding="utf-8")
RECIPES = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
SHOWS = {
    "jq -e 'length > 0'": "true",
    "Declared by the smoke test": "Declared by the smoke test",
    "{leads:": '"due"',
    "--change --rollback": "Deployed checkout-api 4.2.1",
    "any(.[]": "",
    "@tsv": "",
    "@csv": "",
    "group_by": '"count": 2',
}
"""What the output of a recipe has, by words that are in it."""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the program, an open incident with an action item, and a log."""
    folder = tmp_path_factory.mktemp("recipes")
    program = folder / "warroom"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m warroom "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (folder / "settings.toml").write_text("")
    run(
        folder,
        "warroom declare checkout-api 'Card payments fail' --commander Ann && warroom action 'Watch the pool'",
    )
    return folder


def run(folder: Path, script: str) -> str:
    """stdout of a script that has to succeed in each of its commands."""
    places = {"WARROOM_SETTINGS": "settings.toml", "WARROOM_DATA": "data", "WARROOM_AS": "Ann"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"cd {folder}; {script}"],
        env={**os.environ, **places, "PATH": f"{folder}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not (shutil.which("jq") and shutil.which("bash")), reason="needs bash and jq")
@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.partition("\n")[0][:50] for recipe in RECIPES])
def test_a_recipe_works_as_printed(shell: Path, recipe: str) -> None:
    now = subprocess.run(["date", "-u", "+%FT%TZ"], capture_output=True, text=True, check=True).stdout.strip()
    (shell / "app.log").write_text(f"{now} ERROR pool exhausted\n{now} ERROR pool exhausted\n{now} INFO fine\n")
    [shown] = [shows for words, shows in SHOWS.items() if words in recipe][:1]
    assert shown in run(shell, recipe)


def test_every_recipe_is_known_and_no_words_are_left_over() -> None:
    assert len(RECIPES) >= 9
    assert all(any(words in recipe for recipe in RECIPES) for words in SHOWS)
