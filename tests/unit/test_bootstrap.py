"""The repository: lint, types, dependencies between packages, cost of imports, and what the manual says."""

from __future__ import annotations

import ast
import os
import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from warroom.connect.plugins import CHAT, names

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "warroom"
FILES = sorted(PACKAGE.rglob("*.py"))
TEST_COMMAND = "python3 -m venv .venv && . .venv/bin/activate && pip install -q -e '.[test]' && pytest"


def run(*argv: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)


def tool(name: str, *arguments: str) -> None:
    """Run a tool of this environment; its own words are the failure."""
    done = run(str(Path(sys.executable).with_name(name)), *arguments)
    assert done.returncode == 0, f"\n{done.stdout}{done.stderr}"


def test_ruff_has_nothing_to_say() -> None:
    tool("ruff", "check", "--no-fix", ".")


def test_all_code_is_formatted() -> None:
    tool("ruff", "format", "--check", ".")


def test_mypy_strict_has_nothing_to_say() -> None:
    tool("mypy")


def test_the_arrows_run_down_the_house() -> None:
    tool("lint-imports")


# --- what an import costs ---------------------------------------------------------------------------------------

SLOW = {"textual", "httpx"}
"""Loaded by the verbs that need them: each costs more than everything else a start does."""


def loaded(code: str, *arguments: str) -> tuple[set[str], subprocess.CompletedProcess[str]]:
    """The modules there are once ``code`` has run in a process of its own, and how it ended."""
    tell = "import atexit, sys; atexit.register(lambda: print('\\n@', *sys.modules, file=sys.stderr))\n"
    done = run(sys.executable, "-c", tell + code, *arguments)
    assert "\n@" in done.stderr, done.stderr
    return set(done.stderr.rpartition("\n@")[2].split()), done


@pytest.mark.parametrize(
    "module",
    ["config.settings", "incident.playbook", "incident.commands", "room", "cli.main"],
)
def test_the_floor_below_the_screen_is_quick_to_load(module: str) -> None:
    modules, done = loaded(f"import warroom.{module}")
    assert done.returncode == 0, done.stderr
    assert not modules & {*SLOW, "tomli_w", "psycopg"}


def test_the_package_itself_loads_nothing() -> None:
    modules, _ = loaded("import warroom")
    assert not [name for name in modules if name.startswith("warroom.")] and "pydantic" not in modules


def verbs() -> list[str]:
    """What ``warroom --help`` lists."""
    result = run(sys.executable, "-m", "warroom", "--help")
    assert result.returncode == 0, result.stderr
    return re.findall(r"(?m)^  ([a-z][a-z-]*)(?:  .*)?$", result.stdout)


def test_asking_for_help_loads_neither_screen_nor_network() -> None:
    asked = [["--help"], ["--version"], *([verb, "--help"] for verb in verbs())]
    assert len(asked) > 10
    # One process for all: what one verb loads too much is in the list whichever it was.
    modules, done = loaded(
        f"""
import sys
from warroom.cli.main import main
for asked in {asked!r}:
    sys.argv = ["warroom", *asked]
    try:
        status = main()
    except SystemExit as end:
        status = end.code
    assert not status, asked
"""
    )
    assert done.returncode == 0, done.stderr
    assert not modules & SLOW


@pytest.mark.parametrize("verb", ["list", "status"])
def test_looking_at_incidents_loads_neither_screen_nor_network(verb: str) -> None:
    modules, done = loaded("from warroom.cli.main import main; main()", verb)
    assert "Traceback" not in done.stderr
    assert not modules & SLOW


def test_of_many_backends_in_the_settings_only_one_that_sends_is_imported(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    tables = [f'[destinations.{name}]\nbackend = "{name}"\naudiences = ["customers"]' for name in names(CHAT)]
    settings.write_text("\n".join([*tables, '[destinations.here]\nbackend = "transcript"']))
    arguments = ("--settings", str(settings), "--data", str(tmp_path / "data"), "--as", "Ada")
    start = "from warroom.cli.main import main; main()"
    for words, imported in (("declare checkout-api fails", {"transcript"}), ("status", set()), ("list", set())):
        modules, done = loaded(start, *arguments, *words.split())
        assert "INC-1" in done.stdout, done.stderr
        chat = "warroom.connect.chat."
        assert {name.removeprefix(chat) for name in modules if name.startswith(chat)} == imported, words


def test_the_module_runs_as_the_program_does() -> None:
    done = run(sys.executable, "-m", "warroom", "--version")
    assert done.returncode == 0, done.stderr
    assert "warroom" in done.stdout


def test_textual_and_httpx_are_imported_where_the_plan_says() -> None:
    """No file but those of the screen names Textual at its top, and one alone names httpx."""
    top: dict[str, set[str]] = {"textual": set(), "httpx": set()}
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom) and not node.level
                else []
            )
            for name in names:
                if name.partition(".")[0] in top:
                    top[name.partition(".")[0]].add(str(file.relative_to(PACKAGE)))
    assert {place for place in top["httpx"] if not place.startswith("testing/")} == {"connect/http.py"}
    assert all(place.startswith("tui/") for place in top["textual"])


# --- what the docs say ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_file_opens_with_what_lives_there(file: Path) -> None:
    opening = ast.get_docstring(ast.parse(file.read_text())) or ""
    assert opening.partition("\n")[0].strip().endswith(".") or ". " in opening.partition("\n\n")[0], opening


def test_the_map_names_every_room() -> None:
    result = ast.get_docstring(ast.parse((PACKAGE / "__init__.py").read_text())) or ""
    rooms = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
    rooms |= {file.stem for file in PACKAGE.glob("*.py") if not file.name.startswith("__")}
    assert rooms
    assert sorted(room for room in rooms if not re.search(rf"(?<!\w){room}(?!\w)", result)) == []


def test_every_dependency_says_why_it_is_there() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    named = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    bare = [name for name in named if not any(f'"{name}"' in line and "#" in line for line in text.splitlines())]
    assert bare == []


def test_ci_and_the_readme_run_the_same_line() -> None:
    assert TEST_COMMAND in (ROOT / ".ci/run").read_text().splitlines()
    assert TEST_COMMAND in [line.strip() for line in (ROOT / "README.md").read_text().splitlines()]
    assert os.stat(ROOT / ".ci/run").st_mode & stat.S_IXUSR


def tracked() -> list[Path]:
    """The files of the project: those git knows, or in an archive without git, all but what tools left there."""
    done = run("git", "ls-files", "-z")
    if done.returncode == 0:
        return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]
    return [
        path
        for path in ROOT.rglob("*")
        if path.is_file() and not any(p.startswith(".") and p != ".ci" for p in path.relative_to(ROOT).parts)
    ]


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    homes = (b"/wo" + b"rk/", b"/ro" + b"ot/", b"/Us" + b"ers/")  # in two parts, or this file would be found
    found = [
        f"{path.relative_to(ROOT)}: {home.decode()}"
        for path in tracked()
        for home in homes
        if home in path.read_bytes()
    ]
    assert found == []


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "tests" / "bench").glob("*.py")))
def test_every_benchmark_can_be_started(name: str) -> None:
    done = run(sys.executable, "-c", f"import tests.bench.{name}")
    assert done.returncode == 0, done.stderr
