"""``warroom init``: asked in a real terminal, and what it leaves alone elsewhere; doctor's last line."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from harness import servers
from harness.program import ForkedProgram
from test_terminal import Terminal, running

from warroom.cli.context import CliContext
from warroom.cli.main import run

FIVE = ["Checkout", "Europe/Berlin", "Alice <alice@example.com>, Bob", "api", "-"]


@pytest.fixture
def folder(home: Path) -> Path:
    """Where the settings are usually."""
    return home / ".config" / "warroom"


def answer(terminal: Terminal, *lines: str) -> None:
    """Type each line once its prompt is there."""
    for line in lines:
        terminal.until(lambda: terminal.text.rstrip().endswith((":", "]:")))
        enough = len(terminal.bytes) + len(line) + 1  # its echo, and something after it
        terminal.press(f"{line}\r")
        terminal.until(lambda enough=enough: len(terminal.bytes) > enough)


def warroom(*words: str, **environ: str) -> tuple[int, str, str]:
    with CliRunner().isolation() as (out, err, _):
        status = run(words, CliContext(environ=environ))
    return status, out.getvalue().decode(), err.getvalue().decode()


def last_line(**environ: str) -> str:
    return warroom("doctor", **environ)[1].splitlines()[-1]


def test_five_answers_make_a_settings_file_that_works(folder: Path) -> None:
    with running("init", size=(100, 70)) as terminal:
        answer(terminal, *FIVE, "-", "")
        terminal.until("Next: warroom doctor")
        assert "your team's settings, to be kept in git" in terminal.text
        assert terminal.end() == 0
    team = tomllib.loads((folder / "settings.toml").read_text())
    assert team["team"]["timezone"] == "Europe/Berlin" and team["services"] == [{"name": "api"}]
    assert tomllib.loads((folder / "personal.toml").read_text()) == {"name": "Alice"}
    status, out, _ = warroom("doctor")
    assert status == 0 and "Alice" in out and "✗" not in out


@pytest.mark.parametrize("answered", [0, 6])
def test_ctrl_c_writes_nothing(folder: Path, answered: int) -> None:
    with running("init", size=(100, 70)) as terminal:
        answer(terminal, *[*FIVE, "slack"][:answered])
        terminal.until(lambda: terminal.text.rstrip().endswith(":"))
        terminal.press("\x03")
        terminal.until("Nothing was written.")
        assert terminal.end() == 130
    assert not folder.exists()


def test_the_chat_is_connected_next(folder: Path) -> None:
    posts: list[bytes] = []

    def hook(request: httpx.Request) -> httpx.Response:
        posts.append(request.content)
        return httpx.Response(200, json={})

    with servers.serving(hook) as url, running("init", size=(100, 70)) as terminal:
        answer(terminal, *FIVE, "webhook", "")
        terminal.until("url: ")
        (folder / "hook").write_text(url)
        answer(terminal, f"file:{folder}/hook")
        terminal.until("Next: warroom doctor")
        assert terminal.end() == 0
    assert posts
    saved = tomllib.loads((folder / "settings.toml").read_text())["destinations"]["webhook"]
    assert (saved["backend"], saved["url"]) == ("webhook", {"file": "hook"})


def test_a_chat_that_is_left_for_later_is_the_next_thing(folder: Path) -> None:
    with running("init", size=(100, 70)) as terminal:
        answer(terminal, *FIVE, "slack", "")
        terminal.until("token: ")
        terminal.press("\x03")
        terminal.until("Next: warroom connect slack")
        assert terminal.end() == 0
    assert "destinations" not in tomllib.loads((folder / "settings.toml").read_text())


def test_another_place_is_found_again_without_being_named(folder: Path, tmp_path: Path) -> None:
    team = tmp_path / "clone" / "team.toml"
    with running("init", "--path", str(team), size=(100, 70)) as terminal:
        answer(terminal, *FIVE, "-", "")
        terminal.until("Next: warroom doctor")
        assert terminal.end() == 0
    status, out, _ = warroom("doctor")
    assert status == 0 and "team.toml" in out and "api" in out


def test_in_a_pipe_every_key_is_explained_and_nothing_is_asked(folder: Path, home: Path) -> None:
    environ = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "PATH": "/usr/bin:/bin"}
    with ForkedProgram(["init"], environ) as program:
        out, _ = program.communicate(timeout=60)
        assert program.wait() == 0
    assert out.strip() == str(folder / "settings.toml")
    assert "#[[team.people]]" in (folder / "settings.toml").read_text()


def test_commented_asks_nothing_on_a_terminal(folder: Path) -> None:
    with running("init", "--commented", size=(100, 70)) as terminal:
        assert terminal.end() == 0
    assert "#[[team.people]]" in (folder / "settings.toml").read_text()


def test_a_file_that_is_there_is_refused_before_anything_is_asked(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text("# ours\n")
    with running("init", size=(100, 70)) as terminal:
        terminal.until("already exists")
        assert terminal.end() == 1
        assert "1/5" not in terminal.text
    assert (folder / "settings.toml").read_text() == "# ours\n"


# ── the last line of doctor ───────────────────────────────────────────────────────────────────────────────

PEOPLE = '[[team.people]]\nname = "Alice"\nphone = "1"\n'
SERVICE = '[[services]]\nname = "api"\n'


@pytest.mark.parametrize(
    ("settings", "last"),
    [
        (PEOPLE + SERVICE, "Ready: "),
        ("", "Next: services — "),
        (SERVICE, "Next: team — add [[team.people]]"),
        (PEOPLE + SERVICE + '[[team.people]]\nname = "Bob"\nphone = "2"\n', "Next: chat — warroom connect"),
        (PEOPLE.replace('phone = "1"\n', "") + SERVICE, "Next: contacts — no phone, e-mail or handle of Alice"),
        (PEOPLE.replace("Alice", "Ada") + SERVICE, "Next: you — "),
        ('[console]\ntheme = "mauve"\n', "Next: theme — there is no theme mauve"),
        ("[team\n", "Next: settings — "),
        (
            PEOPLE + SERVICE + '[alerts.a]\nbackend = "alertmanager"\nurl = "http://127.0.0.1:9"\n'
            'severities = { page = "nope" }\n',
            "Next: playbook — ",
        ),
        (PEOPLE + SERVICE.rstrip() + '\nchanges = "/nowhere"\n', "Next: changes of api — "),
        (PEOPLE + SERVICE + '[runbooks]\nfolders = ["/nowhere"]\n', "Next: runbooks — "),
    ],
)
def test_doctor_ends_with_ready_or_the_next_thing(folder: Path, settings: str, last: str) -> None:
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text(settings)
    assert last_line(WARROOM_AS="Alice").startswith(last)


@pytest.mark.parametrize(
    ("settings", "state"),
    [(PEOPLE + SERVICE, "fine"), (SERVICE, "look"), ('[console]\ntheme = "mauve"\n', "wrong")],
)
def test_in_json_the_last_row_has_the_worst_state(folder: Path, settings: str, state: str) -> None:
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text(settings)
    last = json.loads(warroom("doctor", "--json", WARROOM_AS="Alice")[1])[-1]
    assert (last["check"], last["state"]) == ("next", state)


def test_without_settings_the_next_thing_is_to_write_them(folder: Path) -> None:
    assert last_line(WARROOM_AS="Alice") == "Next: settings — warroom init"


def test_doctor_shows_both_files_and_a_mistake_in_the_personal_one(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text(PEOPLE + SERVICE)
    (folder / "personal.toml").write_text('name = "Alice"\n')
    status, out, _ = warroom("doctor")
    assert status == 0 and "settings.toml" in out and "personal.toml" in out and "Ready: " in out
    (folder / "personal.toml").write_text('\nnmae = "Alice"\n')
    status, out, _ = warroom("doctor")
    assert status == 3 and "personal.toml:2 nmae: unknown key" in out


def test_a_drill_of_the_teams_with_mistakes_is_told(folder: Path) -> None:
    (folder / "drills").mkdir(parents=True)
    (folder / "settings.toml").write_text(PEOPLE + SERVICE)
    (folder / "drills" / "ours.toml").write_text("nope = 1\n")
    assert last_line(WARROOM_AS="Alice").startswith("Next: drills — ")


def test_a_name_in_the_personal_file_is_who_acts(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text(PEOPLE + SERVICE)
    assert "You act as" in warroom("declare", "api", "down")[2]
    (folder / "personal.toml").write_text('name = "Alice"\n')
    assert "You act as" not in warroom("note", "x")[2]
    assert '"by": "Alice"' in warroom("timeline", "--json")[1]
