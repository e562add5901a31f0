"""Completion: what may stand at the cursor, and that real shells insert it so that nothing in it ever runs."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st

from warroom.cli import grammar
from warroom.cli.completion import FILES, FOLDERS, GRAMMAR, answer
from warroom.cli.completion.quoting import insertion, quoted, split
from warroom.cli.completion.values import KnownNames
from warroom.cli.context import CliContext
from warroom.cli.main import run
from warroom.config.paths import AppPaths

ROOT = Path(__file__).parents[2]
BREAKS = " \t\n\"'@><=;|&(:"
"""What COMP_WORDBREAKS is in bash unless somebody has changed it."""

NASTY = "Ann $(touch pwned) `touch pwned`; \"x\" 'y' & > out *"
"""A name that hurts whoever takes it for a part of a command."""

SETTINGS = """\
playbook = "playbook.toml"

[[team.people]]
name = "Bob"

[[team.people]]
name = 'Émile d"Or'

[[team.people]]
name = {nasty}

[[services]]
name = "checkout-api"

[destinations.ops-room]
backend = "transcript"

[destinations.status]
backend = "transcript"
audiences = ["customers"]

[probes.disk]
kind = "command"
command = ["true"]
"""

PLAYBOOK = """\
[roles.scribe]
title = "Scribe"
responsibilities = ["Writes it down"]
backup = "Anyone"

[checklists.recovery.items.refunds]
text = "A test refund goes through"

[checklists.preparation.items.templates]
remove = true
"""


class Team:
    """A folder with settings, a playbook, drills, runbooks, two incidents and an action item."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "drills").mkdir()
        (folder / "drills" / "our outage.toml").write_text("")
        (folder / "runbooks").mkdir()
        (folder / "runbooks" / "checkout.md").write_text("# Checkout\n\n- [ ] Look\n")
        (folder / "settings.toml").write_text(SETTINGS.format(nasty=json.dumps(NASTY)))
        (folder / "playbook.toml").write_text(PLAYBOOK)
        self.environ = {
            "WARROOM_SETTINGS": str(folder / "settings.toml"),
            "WARROOM_DATA": str(folder / "data"),
            "WARROOM_AS": "Bob",
        }
        self.run("declare", "checkout-api", "Card payments fail")
        self.run("declare", "search", "Slow", "--severity", "low")
        self.run("action", "Watch the pool", "--incident", "INC-1")
        self.run("change", "Pool 50 → 200", "--rollback", "set it back", "--incident", "INC-1")
        self.run("resolve", "--reason", "over", "--incident", "INC-2")

    def run(self, *arguments: str) -> str:
        """stdout of a command line, which has to succeed."""
        with CliRunner().isolation() as (out, err, _):
            status = run(arguments, CliContext(environ=self.environ))
        assert status == 0, err.getvalue()
        return out.getvalue().decode()

    def offered(self, line: str) -> list[str]:
        """The candidates for the end of a line, or what the shell is told to offer."""
        kind, *lines = answer.answer(["fish", line], self.environ)
        return [*([] if kind == "words" else [f"<{kind}>"]), *(line.partition("\t")[0] for line in lines)]


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Team:
    return Team(tmp_path_factory.mktemp("team"))


# ── what is offered ───────────────────────────────────────────────────────────────────────────────────────


def test_the_grammar_is_that_of_the_verbs() -> None:
    assert GRAMMAR.read_text(encoding="utf-8") == grammar.text(), "run: python -m warroom.cli.grammar"


def test_every_kind_of_name_can_be_read(team: Team) -> None:
    made = json.loads(GRAMMAR.read_text())
    values = [value for verb in made["verbs"].values() for value in verb["arguments"]]
    values += [option["value"] for verb in made["verbs"].values() for option in verb["options"].values()]
    values += [option["value"] for option in made["options"].values()]
    kinds = {kind for value in values if value for kind in value["kinds"]} - {FILES, FOLDERS}
    assert {"incidents", "roles", "items", "people", "severities", "destinations", "drills"} <= kinds
    assert all(hasattr(KnownNames, f"_{kind}") for kind in kinds)
    written = {name.partition(" ")[0] for name in grammar.BY_NAME} - {"global"}
    assert written <= made["verbs"].keys()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("warroom sev", ["severity"]),
        ("PAGER=less warroom sev", ["severity"]),
        ("/usr/bin/warroom --as Bob sev", ["severity"]),
        ("warroom --incident ", ["INC-1", "INC-2"]),
        ("warroom status --incident=inc-2", ["--incident=INC-2"]),
        ("warroom open ", ["INC-1", "INC-2"]),
        ("warroom assign te", ["technical_lead"]),
        ("warroom assign SC", ["scribe"]),
        ("warroom assign scribe B", ["Bob"]),
        ("warroom declare ", ["checkout-api"]),
        ("warroom declare x y --sev", ["--severity"]),
        ("warroom declare x y --severity h", ["high"]),
        ("warroom check ref", ["refunds"]),
        ("warroom section root", ["root_cause"]),
        ("warroom update --to ", ["ops-room", "status"]),
        ("warroom update --audience c", ["customers"]),
        ("warroom probes ", ["disk"]),
        ("warroom drill o", ["our outage"]),
        ("warroom drill disk", ["disk-fills"]),
        ("warroom runbook ", ["checkout"]),
        ("warroom done ", ["A1"]),
        ("warroom change --made ", ["C1"]),
        ("warroom fix rollback --change ", ["C1"]),
        ("warroom fix rollback --incident INC-2 --change ", []),
        ("warroom close --duplicate-of ", ["INC-1", "INC-2"]),
        ("warroom hub pub", ["publish"]),
        ("warroom hub publish ", ["INC-1", "INC-2"]),
        ("warroom postmortem acc", ["accept"]),
        ("warroom scrub ", []),
        ("warroom watch --page ", ["<files>"]),
        ("warroom done A1 --incident INC-2 --as ", ["Bob", 'Émile d"Or', NASTY]),
        ("warroom logs ", ["<files>"]),
        ("warroom logs a.log b", ["<files>"]),
        ("warroom --data ", ["<folders>"]),
        ("warroom export --output=", ["<files>"]),
        ("warroom export --format h", ["html"]),
        ("warroom help ale", ["alerts"]),
        ("warroom schema drill-h", ["drill-history"]),
        ("warroom completion f", ["fish"]),
        ("warroom state mi", ["mitigated"]),
        ("warroom milestone det", ["detected"]),
        ("warroom note ", []),
        ("warroom note -- --find", []),
        ("warroom list x", []),
        ("warroom nothing-like-this x", []),
    ],
)
def test_what_may_stand_there_is_offered(team: Team, line: str, offered: list[str]) -> None:
    assert team.offered(line) == offered


def test_options_of_the_verb_are_offered_with_the_global_ones(team: Team) -> None:
    offered = team.offered("warroom list --")
    assert offered[0] == "--open" and {"--json", "--incident", "--help"} <= {*offered}
    assert "--wait" in team.offered("warroom update --w")


def test_items_are_those_the_verbs_take(team: Team) -> None:
    lists = json.loads(team.run("playbook", "--json"))
    ready = [row["item"] for row in json.loads(team.run("ready", "--json"))]
    assert team.offered("warroom ready ") == ready and "templates" not in ready
    worked = {item["id"] for name in lists for item in lists[name]["items"]} - {*ready}
    assert set(team.offered("warroom check ")) == worked


def test_a_description_stands_beside_an_incident(team: Team) -> None:
    lines = list(answer.answer(["fish", "warroom open "], team.environ))
    assert "INC-1\tcritical investigating: checkout-api · Card payments fail" in lines


def test_an_incident_that_was_declared_while_the_hub_was_away_is_offered(tmp_path: Path) -> None:
    """It has no number of its own: its name has the letter of the laptop."""
    pytest.importorskip("psycopg")
    team = Team(tmp_path)
    team.environ["WARROOM_HUB"] = "postgresql://bob@127.0.0.1:1/none"
    made = json.loads(team.run("declare", "search", "Slow", "--json"))["id"]
    assert not made.removeprefix("INC-").isdecimal()
    assert sorted(team.offered("warroom open ")) == sorted(["INC-1", "INC-2", made])


def test_what_a_terminal_would_obey_is_not_offered(tmp_path: Path) -> None:
    """Settings that no verb would take: a Tab reads what lies there."""
    person = '[[team.people]]\nname = "{}"\n'
    text = person.format("Es\\u001bc") + person.format("Ann\\nBob") + person.format("Bob")
    (tmp_path / "settings.toml").write_text(text + '[destinations.a]\nbackend = "x\\u001b[2J\\ny"\n')
    environ = {"WARROOM_SETTINGS": str(tmp_path / "settings.toml"), "WARROOM_DATA": str(tmp_path)}
    assert list(answer.answer(["fish", "warroom --as "], environ)) == ["words", "Bob"]
    assert list(answer.answer(["fish", "warroom update --to "], environ)) == ["words", "a\tx [2J y"]


@pytest.mark.parametrize("broken", ["[team", "[[team]]\npeople = 3", "services = 1\nplaybook = 7", "\x00"])
def test_broken_settings_cost_their_names_and_nothing_else(tmp_path: Path, broken: str) -> None:
    (tmp_path / "settings.toml").write_text(broken)
    environ = {"WARROOM_SETTINGS": str(tmp_path / "settings.toml"), "WARROOM_DATA": str(tmp_path)}
    assert list(answer.answer(["fish", "warroom --as "], environ)) == ["words"]
    assert "high" in "".join(answer.answer(["fish", "warroom severity "], environ))


def test_a_journal_that_is_none_leaves_the_line_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    paths = AppPaths.find({"WARROOM_DATA": str(tmp_path)})
    paths.journal.write_bytes(b"not a journal" * 100)
    monkeypatch.setenv("WARROOM_DATA", str(tmp_path))
    answer.main(["fish", "warroom open "])
    assert capfdbinary.readouterr() == (b"", b"")


def test_a_tab_loads_no_more_than_it_needs(team: Team) -> None:
    code = (
        "import sys; sys.argv[1:] = ['__complete', 'fish', 'warroom assign ']; from warroom.__main__ import main;"
        "main(); print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, **team.environ}
    )
    assert "incident_commander\tIncident commander" in done.stdout
    heavy = {"click", "pydantic", "rich", "textual", "httpx", "jinja2", "asyncio", "warroom.config.settings"}
    assert not heavy & set(done.stderr.split())


# ── quoting ───────────────────────────────────────────────────────────────────────────────────────────────

DOUBLE = '"'
TEXT = st.text(st.characters(blacklist_categories=("Cc", "Cs")), min_size=1, max_size=30)


@given(TEXT, st.sampled_from(["", "'", '"']))
@example(NASTY, "")
@example("~root", "")
@example("a!b", "")
def test_a_quoted_text_means_itself(text: str, quote: str) -> None:
    typed = quoted(text, quote)
    if typed is None:
        assert quote and ("'" in text or "!" in text)
    else:
        [word] = split(f"{quote}{typed}{quote}")
        assert word.text == text


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_bash_reads_what_was_quoted_as_it_was_meant(tmp_path: Path) -> None:
    """One process for all: the candidates that hypothesis thinks of are read by a real bash."""
    texts: list[str] = [
        NASTY,
        "~",
        "~root",
        "a b",
        "*",
        "!x",
        "#x",
        "x=$HOME",
        "é\\n",
        "-x",
        "{a,b}",
        "[a]",
        "$'a'",
    ]

    @settings(max_examples=100, database=None)
    @given(TEXT)
    def collect(text: str) -> None:
        texts.append(text)

    collect()
    calm = [text.replace("!", "") for text in texts]  # ! cannot be within double quotes
    forms = [
        form for text, rest in zip(texts, calm, strict=True) for form in (quoted(text), f'"{quoted(rest, DOUBLE)}"')
    ]
    script = "".join(f"printf '%s\\0' {form}\n" for form in forms)
    done = subprocess.run(["bash"], input=script.encode(), capture_output=True, cwd=tmp_path, check=True)
    read = done.stdout.decode().split("\0")[:-1]
    assert read == [form for pair in zip(texts, calm, strict=True) for form in pair]
    assert list(tmp_path.iterdir()) == []


@given(TEXT, st.integers(0, 30))
def test_what_bash_replaces_is_the_rest_of_the_word(name: str, cut: int) -> None:
    """Whatever part of the name is typed, and wherever bash breaks the word, the whole is the name."""
    typed = quoted(name[:cut]) or ""
    [*_, word] = split(f"warroom --as={typed}")
    rest = insertion(f"--as={name}", word, BREAKS)
    assert rest is not None
    breaks = re.finditer(r"\\.|([@><=;|&(:])", word.typed, re.DOTALL)
    kept = word.typed[: max(found.end() for found in breaks if found[1])]
    assert split(kept + rest)[-1].text == f"--as={name}"


# ── real shells ───────────────────────────────────────────────────────────────────────────────────────────

START = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}

FUNCTION = {
    "bash": "warroom() { printf '%s\\n' \"$@\" > {out}; }",
    "zsh": "warroom() { printf '%s\\n' \"$@\" > {out}; }",
    "fish": "function warroom; printf '%s\\n' $argv > {out}; end",
}
"""Stands in the shell for the program, so that pressing enter shows what the line has become."""

LOAD = {
    "bash": 'eval "$(warroom completion bash)"',
    "zsh": 'autoload -Uz compinit && compinit -u -D; eval "$(warroom completion zsh)"',
    "fish": "warroom completion fish | source",
}


def typed_in(shell: str, team: Team, keys: str, folder: Path) -> list[str]:
    """The arguments that warroom gets when these keys are typed in a real, interactive shell."""
    programs = folder / "bin"
    programs.mkdir()
    program = programs / "warroom"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m warroom "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    out = folder / "out"
    lines = [LOAD[shell], FUNCTION[shell].replace("{out}", str(out)), keys, "exit"]
    environ = {
        **os.environ,
        **team.environ,
        "PATH": f"{programs}:/usr/bin:/bin",
        "TERM": "xterm",
        "HOME": str(folder),
    }
    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover — another process
        os.chdir(folder)
        os.execvpe(START[shell][0], START[shell], environ)
    os.write(terminal, "".join(f"{line}\r" for line in lines).encode())
    seen = b""
    try:
        while part := os.read(terminal, 65536):
            seen += part
    except OSError:  # the shell has ended
        pass
    os.waitpid(child, 0)
    os.close(terminal)
    assert out.exists(), seen.decode(errors="replace")
    assert not (folder / "pwned").exists()
    return out.read_text().splitlines()


CASES: Sequence[tuple[str, list[str]]] = [
    ("warroom assi\tcomm\tBo\t", ["assign", "communications_lead", "Bob"]),
    ("warroom --as Ann\tlist", ["--as", NASTY, "list"]),
    ("warroom list --as=Ann\t", ["list", f"--as={NASTY}"]),
    ("warroom --as ém\tlist", ["--as", 'Émile d"Or', "list"]),
    ("warroom drill our\t", ["drill", "our outage"]),
]


@pytest.mark.parametrize("shell", START)
@pytest.mark.parametrize(("keys", "arguments"), CASES, ids=[keys.replace("\t", "⇥") for keys, _ in CASES])
def test_a_tab_in_a_real_shell_inserts_the_text_and_runs_nothing(
    team: Team, tmp_path: Path, shell: str, keys: str, arguments: list[str]
) -> None:
    if not shutil.which(shell):
        pytest.skip(f"needs {shell}")
    assert typed_in(shell, team, keys, tmp_path) == arguments


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize("keys", ['warroom --as "Ém\t list', "warroom --as 'Ém\t list"])
def test_a_quote_that_is_open_is_closed(team: Team, tmp_path: Path, keys: str) -> None:
    assert typed_in("bash", team, keys, tmp_path) == ["--as", 'Émile d"Or', "list"]


@pytest.mark.parametrize("shell", START)
def test_a_file_is_completed_by_the_shell(team: Team, tmp_path: Path, shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"needs {shell}")
    (tmp_path / "my app.log").write_text("")
    assert typed_in(shell, team, "warroom logs my\t", tmp_path) == ["logs", "my app.log"]
