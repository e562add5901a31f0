"""The README and the manual keep their word: what they show is what the program says and does now."""

from __future__ import annotations

import asyncio
import importlib
import os
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import httpx
import pytest
from harness import readme
from harness.app import AppHarness
from pydantic import SecretStr

from warroom import __version__
from warroom import bootstrap as wiring
from warroom.cli import manual
from warroom.cli.main import cli
from warroom.config import personal
from warroom.config.loading import load, load_playbook
from warroom.config.paths import AppPaths
from warroom.config.settings import Destination, Settings
from warroom.connect.guarded_alerts import GuardedAlerts
from warroom.connect.guarded_chat import GuardedChat
from warroom.connect.ports import Chat
from warroom.errors import SettingsError
from warroom.incident.commands import Declare
from warroom.incident.delivery import DeliveryState
from warroom.incident.requests import REQUEST_KINDS
from warroom.tui.actions import key_mistakes

README = readme.README.read_text(encoding="utf-8")
PAGES = [readme.README, *sorted(readme.DOCS.glob("*.md"))]
ALL = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
GUIDE = readme.DOCS / "backends.md"
README_BYTES = 8_000
"""What a stranger reads in two minutes."""

RUN = "python3 -m venv .venv && . .venv/bin/activate && pip install -q . && warroom demo"
TEST = "python3 -m venv .venv && . .venv/bin/activate && pip install -q -e '.[test]' && pytest"


def fenced(text: str, language: str) -> list[str]:
    """The code blocks of that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


VERBS = {name: readme.command_of(name) for name in cli.list_commands(click.Context(cli))}


def commands(block: str) -> Iterator[list[str]]:
    """The words after ``warroom`` in each command of a shell block."""
    for command in re.findall(r"""(?:'[^']*'|"(?:\\.|[^"])*"|[^'"\n|&])+""", block):
        words = shlex.split(command, comments=True)
        if words[:1] == ["warroom"]:
            yield words[1:]


# ── what is shown is what is ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", readme.BLOCKS)
def test_what_the_manual_shows_is_what_the_program_says_now(name: str) -> None:
    _, generate = readme.BLOCKS[name]
    assert readme.block(name) == generate(), "run: python tests/harness/readme.py"


def test_the_readme_is_read_in_two_minutes_and_has_no_generated_table() -> None:
    assert len(README.encode()) <= README_BYTES
    assert "<!--" not in README


def test_every_page_of_the_manual_is_in_its_index_and_linked_from_the_readme() -> None:
    topics = {page.stem for page in readme.DOCS.glob("*.md")} - {manual.INDEX}
    assert set(manual.topics()) == topics
    assert {Path(link).stem for link in re.findall(r"\]\((warroom/docs/[^)]+)", README)} == topics


def test_the_changelog_tells_of_this_version() -> None:
    assert f"({__version__})" in readme.page("changelog").split("\n## ")[1].partition("\n")[0]


def test_help_prints_a_page_of_the_manual(tmp_path: Path) -> None:
    printed = readme.speaker(tmp_path)
    assert {line.split()[0] for line in printed("help").splitlines()} == set(manual.topics())
    result = printed("help", "gloss")
    assert result.startswith("# Glossary") and "<!--" not in result
    assert "| `u` | Post an update |" in printed("help", "keys")


DOMAIN = {
    name: kind
    for module in sorted((readme.ROOT / "warroom" / "incident").glob("[a-z]*.py"))
    for name, kind in vars(importlib.import_module(f"warroom.incident.{module.stem}")).items()
    if isinstance(kind, type) and kind.__module__.endswith(f".{module.stem}") and not name.startswith("_")
}
"""The public classes of the domain, by name."""


def test_the_glossary_and_the_classes_of_the_domain_agree() -> None:
    cells = re.findall(r"\| ([^|]*) \|$", readme.page("glossary"), re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    commands = {name for name, kind in DOMAIN.items() if hasattr(kind, "decide")}
    assert named <= DOMAIN.keys() | {"Command"}, "the glossary names a class that is not there"
    # A command is named after its event, which the glossary has; so are the events that only restate a status.
    plain = {"Declared", "Acknowledged", "SeveritySet", "Resolved", "Reopened", "Closed", "ChannelOpened"}
    assert DOMAIN.keys() - commands - plain <= named


def test_every_term_of_the_glossary_is_explained_once_in_one_line() -> None:
    rows = re.findall(r"^\| ([a-z][^|]*?) \| ([^|]+?) \|", readme.page("glossary"), re.MULTILINE)
    terms = [term for term, _ in rows]
    assert len(terms) > 50 and len(terms) == len(set(terms))
    assert all(len(meaning) <= 120 for _, meaning in rows)


def test_no_two_public_classes_share_a_name() -> None:
    import ast

    seen: dict[str, list[str]] = {}
    for file in (readme.ROOT / "warroom").rglob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                seen.setdefault(node.name, []).append(str(file.relative_to(readme.ROOT)))
    assert {name: files for name, files in seen.items() if len(files) > 1} == {}


def test_the_two_commands_stand_there_word_for_word() -> None:
    first, second = [block.strip() for block in fenced(README, "sh") if "venv" in block]
    assert (first, second) == (RUN, TEST)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_linked_is_there(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_module_that_is_to_be_run_is_there() -> None:
    modules = set(re.findall(r"python -m ((?:tests|warroom)[\w.]+)", ALL))
    assert len(modules) == 5
    assert [name for name in modules if not (readme.ROOT / f"{name.replace('.', '/')}.py").exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_verb_that_is_named_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    shell = [words for block in fenced(text, "sh") for words in commands(block)]
    named = [shlex.split(words) for words in re.findall(r"`warroom ([^`]+)`", text)]
    verbs = [words[0] for words in (*shell, *named) if words and words[0][0] not in "-V"]
    assert [verb for verb in verbs if verb not in VERBS] == []


@pytest.mark.parametrize("words", [w for block in fenced(ALL, "sh") for w in commands(block) if w], ids=" ".join)
def test_every_command_that_is_shown_can_be_typed(words: list[str]) -> None:
    command = VERBS[words[0]]
    command.make_context(words[0], list(words[1:]), resilient_parsing=False)


def test_no_option_of_ours_is_named_that_does_not_exist() -> None:
    known = {opt for command in (cli, *VERBS.values()) for one in _params(command) for opt in one.opts}
    prose = re.sub(r"^```.*?^```$", "", ALL, flags=re.DOTALL | re.MULTILINE)
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", prose))
    assert len(named) > 8
    assert named - known - {"--help"} == set()


def _params(command: Any) -> list[Any]:
    return list(command.get_params(command.context_class(command)))


def test_the_variables_that_are_named_are_the_ones_that_are_read() -> None:
    source = "".join(file.read_text("utf-8") for file in (readme.ROOT / "warroom").rglob("*.py"))
    for name in set(re.findall(r"`WARROOM_([A-Z]+)`", ALL)):
        assert f'chosen("{name.lower()}"' in source, name


# ── what is shown works ───────────────────────────────────────────────────────────────────────────────────


def test_the_first_thing_to_type_at_night_needs_no_settings(tmp_path: Path) -> None:
    (line,) = [block for block in fenced(README, "sh") if block.count("\n") == 1 and "warroom declare" in block]
    (words,) = commands(line)
    (tmp_path / "none.toml").write_text("")
    result = readme.speaker(tmp_path, WARROOM_SETTINGS=str(tmp_path / "none.toml"))(*words)
    assert result.startswith("INC-1  Critical  checkout-api")


TOML = [block for page in PAGES if page != GUIDE for block in fenced(page.read_text("utf-8"), "toml")]


@pytest.mark.parametrize("block", [b for b in TOML if b.startswith("# settings.toml")])
def test_settings_that_are_shown_are_accepted(block: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(block)
    (tmp_path / "matrix-token").write_text("syt_not_a_real_one\n")
    environ = {
        "SLACK_TOKEN": "xoxb-not-a-real-one",
        "STATUS_HOOK": "https://hooks.example.com/T0/B0",
        "STATUSPAGE_KEY": "not-a-real-one",
        "PAGERDUTY_TOKEN": "not-a-real-one",
        "MONITOR_TOKEN": "not-a-real-one",
        "GITHUB_TOKEN": "not-a-real-one",
        "WARROOM_HOOK_SECRET": "not-a-real-one-but-long",
        "CONFLUENCE_TOKEN": "not-a-real-one",
        "PAGERDUTY_ROUTING_KEY": "not-a-real-one",
        "PAGERDUTY_API_TOKEN": "not-a-real-one",
        "PAGERDUTY_KEY_OF_BOB": "not-a-real-one",
        "OPSGENIE_AUTHORIZATION": "GenieKey not-a-real-one",
        "APPRISE_ALICE": "json://localhost/alice",
        "APPRISE_BOB": "json://localhost/bob",
    }
    settings = load(file, environ)
    places = AppPaths.find({"HOME": str(tmp_path)}, {"settings": str(file), "data": str(tmp_path)})
    assert settings != Settings()
    wiring.check_severities(places, settings, load_playbook(settings))
    for destination in settings.destinations.values():
        assert isinstance(wiring.make_chat(destination, places, environ), Chat)
    for source in settings.alerts.values():
        assert isinstance(wiring.make_alert_source(source, places, environ), GuardedAlerts)
    for probe in settings.probes.values():
        wiring.make_probe(probe, places, environ, settings)
    for service in settings.log_services.values():
        wiring.make_log_service(service, "", places, environ)
    for kind in REQUEST_KINDS:
        for integration in settings.integrations(kind).values():
            wiring.make_integration(kind, integration, places, environ)


def test_the_playbook_that_is_shown_is_accepted(tmp_path: Path) -> None:
    (block,) = [b for b in TOML if b.startswith("# playbook.toml")]
    (tmp_path / "playbook.toml").write_text(block)
    (tmp_path / "settings.toml").write_text('playbook = "playbook.toml"\n')
    printed = readme.speaker(tmp_path)
    assert printed("playbook", "check").startswith("OK")
    assert "A test refund goes through" in printed("playbook")


def test_the_personal_settings_that_are_shown_are_accepted(tmp_path: Path) -> None:
    (block,) = [b for b in TOML if b.startswith("# personal.toml")]
    (tmp_path / "personal.toml").write_text(block)
    found = personal.read({"WARROOM_PERSONAL": str(tmp_path / "personal.toml")})
    assert found.settings and found.settings.name == "Alice"
    assert found.override(Settings(), key_mistakes).console.keys == {"update": "u,f5"}


def test_every_block_of_settings_is_one_of_these() -> None:
    kinds = ("# settings.toml", "# playbook.toml", "# personal.toml")
    assert len(TOML) == sum(b.startswith(kinds) for b in TOML) == 23


# ── the picture ───────────────────────────────────────────────────────────────────────────────────────────

SHOWN = ("INC-1", "CRITICAL", "Timeline", "Checklist", "Roles", "ERROR", "Next", "update #", "✓")


def words_of(svg: str) -> str:
    """The text in a picture, as one reads it."""
    return " ".join(re.findall(r">([^<]+)</text>", svg)).replace("&#160;", " ")


def resources(svg: str) -> list[str]:
    """What a picture would fetch: every address in it that is not the name of its own language."""
    return [
        found for found in re.findall(r"(?:https?:)?//[^\s\"')]+", svg) if found != "http://www.w3.org/2000/svg"
    ]


def test_the_picture_is_an_incident_of_the_program_and_fetches_nothing() -> None:
    assert f"]({readme.PICTURE.relative_to(readme.ROOT)})" in README
    svg = readme.PICTURE.read_text("utf-8")
    assert svg.startswith("<svg") and resources(svg) == [] and "@import" not in svg and "<script" not in svg
    assert [word for word in SHOWN if word not in words_of(svg)] == []


def test_the_picture_can_be_taken_again(tmp_path: Path) -> None:
    svg = asyncio.run(readme.picture(tmp_path))
    assert resources(svg) == []
    assert [word for word in SHOWN if word not in words_of(svg)] == []


# ── the page on backends ──────────────────────────────────────────────────────────────────────────────────

EXAMPLE, ITS_TESTS = fenced(GUIDE.read_text("utf-8"), "python")
REGISTERED, SET = fenced(GUIDE.read_text("utf-8"), "toml")


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as a stranger's package: built into a wheel from its three files, and unpacked as pip does."""
    source, place = tmp_path_factory.mktemp("warroom-ntfy"), tmp_path_factory.mktemp("unpacked")
    (source / "warroom_ntfy.py").write_text(EXAMPLE)
    (source / "pyproject.toml").write_text(REGISTERED)
    (source / "test_ntfy.py").write_text(ITS_TESTS)
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(source), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = source.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(place)
    assert {path.name for path in place.iterdir()} == {"warroom_ntfy.py", "warroom_ntfy-1.0.dist-info"}
    return place


@pytest.fixture
def package(unpacked: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The example, installed."""
    monkeypatch.syspath_prepend(str(unpacked))
    yield importlib.import_module("warroom_ntfy")
    sys.modules.pop("warroom_ntfy")


def test_the_example_backend_carries_an_incident(package: Any, tmp_path: Path) -> None:
    came: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        came.append(request.content)
        assert request.headers["Authorization"] == "Bearer tk_secret"
        return httpx.Response(200, json={"id": f"m{len(came)}"})

    options = package.NtfyOptions(topic="checkout", token=SecretStr("tk_secret"))
    chat = package.Ntfy(options, transport=httpx.MockTransport(answer))
    assert isinstance(chat, Chat)
    destinations = {"phones": Destination(name="phones", backend="ntfy")}
    with AppHarness(tmp_path, chats={"phones": chat}, destinations=destinations) as harness:
        harness.room.declare(Declare("checkout-api", "Card payments fail"))
        deliveries = harness.deliver()
        assert {one.state for one in deliveries} == {DeliveryState.DELIVERED}
        assert [one.receipt.id for one in deliveries if one.item.operation == "post" and one.receipt] == ["m1"]
    (sent,) = came
    assert b"Card payments fail" in sent and "INC-1·u1".encode() in sent


def test_the_example_is_found_by_its_entry_point_and_its_settings_are_accepted(
    package: ModuleType, tmp_path: Path
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(SET)
    places = AppPaths.find({"HOME": str(tmp_path)}, {"settings": str(file), "data": str(tmp_path)})
    phones = load(file, {}).destinations["phones"]
    chat = wiring.make_chat(phones, places, {"NTFY_TOKEN": "tk_secret"})
    assert isinstance(chat, GuardedChat) and type(chat.backend).__name__ == "Ntfy"
    plain = phones.model_copy(update={"options": {**phones.options, "token": "tk_secret"}})
    with pytest.raises(SettingsError, match="plaintext secret"):
        wiring.make_chat(plain, places, {})


def test_the_tests_of_the_example_pass_as_they_stand(package: ModuleType, tmp_path: Path) -> None:
    tests = tmp_path / "test_ntfy.py"
    tests.write_text(ITS_TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tests)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"2[2-9] passed", done.stdout), done.stdout


def test_the_page_on_plugins_names_every_kind_and_its_port() -> None:
    from warroom.connect import ports
    from warroom.connect.plugins import KINDS

    table = dict(re.findall(r"^\| `(warroom\.\w+)` \| `(\w+)`", GUIDE.read_text("utf-8"), re.MULTILINE))
    assert set(table) == {kind.group for kind in KINDS}
    assert [port for port in table.values() if not hasattr(ports, port)] == []


def test_the_page_names_every_part_of_the_port() -> None:
    parts = {name for name in (*vars(Chat), *Chat.__annotations__) if not name.startswith("_")}
    assert len(parts) == 10
    assert [name for name in sorted(parts) if not re.search(rf"\b{name}\b", EXAMPLE)] == []
