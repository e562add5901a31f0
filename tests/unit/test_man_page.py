"""The man page: it is that of the verbs, it is correct roff, and what it shows is what was meant."""

from __future__ import annotations

import re
import shutil
import subprocess

import click
import pytest
from click.testing import CliRunner

from warroom.cli import man_page, manual
from warroom.cli.context import CliContext, Verbs, verb
from warroom.cli.main import cli, run
from warroom.cli.verb_table import FAMILIES
from warroom.config.paths import shipped

needs_groff = pytest.mark.skipif(not shutil.which("groff"), reason="needs groff")


def rendered(page: str) -> str:
    """What a terminal shows, without bold and underlined; fails on a warning."""
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-rLL=200n", "-P-c", "-P-b", "-P-u"],
        input=page,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def test_the_installed_page_is_that_of_the_verbs() -> None:
    shown = (shipped("docs") / man_page.NAME).read_text(encoding="utf-8")
    assert shown == man_page.man_page(cli), "run: python -m warroom.cli.man_page"
    assert manual.man_page() == shown


@needs_groff
def test_it_shows_every_verb_with_its_options_and_an_example_to_copy() -> None:
    shown = rendered(man_page.man_page(cli))
    for name in (name for family in FAMILIES for name in family.verbs):
        assert re.search(rf"^ +warroom {re.escape(name)}\b", shown, re.MULTILINE), name
    lines = {line.strip() for line in shown.splitlines()}
    assert 'warroom declare checkout-api "Card payments fail" --severity high --started -10m' in lines
    assert "--no-settings" in lines and "141" in {line.split()[0] for line in lines if line}
    assert "WARROOM_SETTINGS" in shown and "~/.config/warroom/settings.toml" in shown


@needs_groff
def test_nothing_in_a_text_is_taken_for_a_request() -> None:
    nasty = '.so /etc/passwd\n\'ig\n\\fBbold\\n "quoted" `x` ^y ~z -dash'

    @verb("Setup", name="nasty", example=nasty)
    @click.option("--nasty", help=nasty)
    def example(context: CliContext, nasty: str) -> None:
        """Do nothing."""

    class One(Verbs):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            return example

    shown = rendered(man_page.man_page(One("warroom")))
    for line in nasty.splitlines():
        assert line in [one.strip() for one in shown.splitlines()]


def test_help_prints_it_and_takes_nothing_else() -> None:
    with CliRunner().isolation() as (out, _, _):
        assert run(["help", "--man"]) == 0
    assert out.getvalue().decode() == manual.man_page()
    with CliRunner().isolation() as (out, err, _):
        assert run(["help", "alerts", "--man"]) == 2
    assert out.getvalue() == b"" and b"--man takes nothing else" in err.getvalue()


def test_the_exit_statuses_are_those_of_the_program() -> None:
    found = dict(man_page.exit_statuses())
    assert found["0"] == "done" and found["141"] == "output pipe closed" and len(found) == 8
