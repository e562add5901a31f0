"""Settings: every key is told and checked, turns survive summer time, secrets stay where they are."""

from __future__ import annotations

import copy
import os
import re
import stat
import subprocess
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from warroom import bootstrap as wiring
from warroom import toml
from warroom.config import manual, paths, secrets, state
from warroom.config.loading import load, load_playbook, who
from warroom.config.manual import commented_toml
from warroom.config.paths import AppPaths, shipped
from warroom.config.rota import Rota
from warroom.config.secrets import Secret, resolve, resolve_options
from warroom.config.settings import Destination, LogCommand, Redaction, Settings
from warroom.config.state import choose_theme, chosen_theme
from warroom.errors import SettingsError
from warroom.tui.actions import key_mistakes

TEAM = """\
[team]
name = "Checkout"
timezone = "Europe/Berlin"

[[team.people]]
name = "Alice Smith"
email = "alice@example.com"
handles = { slack = "U123", matrix = "@alice:example.com" }

[[team.people]]
name = "Bob"
"""


def read(text: str) -> Settings:
    return toml.parse(text, Settings, "settings.toml")


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "settings.toml"
        path.write_text(text)
        return path

    return write


def refused(path: Path) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(path, {})
    assert caught.value.exit_status == 3
    return caught.value


# --- the file and its manual ------------------------------------------------------------------------------------


def keys(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    for key, field in model.model_fields.items():
        inner = manual._model_in(field.annotation)
        if inner and inner is not Secret:
            yield from keys(inner)
        elif toml.TABLE_NAME not in field.metadata:
            yield model.__name__, key


def uncommented() -> str:
    return re.sub(r"(?m)^#(?=[^ ])", "", commented_toml())


@pytest.mark.parametrize(("table", "key"), list(keys(Settings)))
def test_every_key_is_explained_in_the_file_init_writes(table: str, key: str) -> None:
    text = manual._manual()[table, key]
    problem = " ".join(line.removeprefix("# ") for line in commented_toml().splitlines())
    assert text.endswith(".") and " ".join(text.split()) in problem
    assert key == "options" or re.search(rf"(?m)^#{key.rstrip('_')} = ", commented_toml())


def test_the_file_init_writes_changes_nothing() -> None:
    assert read(commented_toml()) == Settings()


def test_the_examples_in_it_parse_and_agree_with_each_other(write: Callable[[str], Path]) -> None:
    settings = load(write(uncommented()), {})
    assert [person.name for person in settings.team.people] == ["Alice", "Bob"]
    assert settings.destinations["slack"].options == {
        "token": {"env": "SLACK_TOKEN"},
        "channel": "#incidents",
    }
    assert settings.person_on_call(datetime(2026, 1, 6, tzinfo=UTC)) == "Alice"
    from warroom.tui.actions import ACTIONS

    assert settings.console.keys.keys() <= {action.id for action in ACTIONS}


def test_no_file_means_defaults() -> None:
    settings = load(None, os.environ)
    assert settings == Settings()
    assert (settings.team.timezone, settings.console.theme, settings.on_call) == ("UTC", "dark", None)


@pytest.mark.parametrize("flags", [{"settings": "/nowhere/s.toml"}, {}])
def test_a_named_file_that_is_missing_is_told(flags: dict[str, str | None]) -> None:
    environ = {} if flags else {"WARROOM_SETTINGS": "/nowhere/s.toml"}
    with pytest.raises(SettingsError, match="no such file") as caught:
        load(None, environ, flags)
    assert caught.value.place == "/nowhere/s.toml"


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_bytes(b"\xff\xfe")
    assert "UTF-8" in refused(tmp_path / "settings.toml").title
    assert refused(tmp_path).title.endswith("is a directory")


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("[team]\ntimezone = 'Mars/Base'", ":2 [team] timezone", "IANA"),
        ("[team]\ntimezone = '../../etc/passwd'", ":2 [team] timezone", "IANA"),
        ("[team]\nnmae = 'x'", ":2 [team] nmae", "name"),
        ("[console]\nbell = 'yes please'", ":2 [console] bell", "true or false"),
        ("[console]\ntheme = 'a b'", ":2 [console] theme", "letters"),
        ('[[team.people]]\nname = "A\\u001b[2J"', ":2 [team.people #1] name", "control"),
        ('[[team.people]]\nname = "A\\u202eB"', ":2 [team.people #1] name", "direction"),
        ("[[team.people]]\nname = '  '", ":2 [team.people #1] name", "empty"),
        (
            "[[services]]\nname = 'x'\nlinks = { a = 'javascript:alert(1)' }",
            ":3 [services #1.links] a",
            "http",
        ),
        ("[[services]]\nname = 'x'\n[[services]]\nname = 'X'", ":4 [services #2] name", "twice"),
        ("[on_call]\nrotation = ['Zoe']\nstarts = 2026-01-05", ":2 [on_call", "is not in [[team.people]]"),
        ("[on_call]\nrotation = []\nstarts = 2026-01-05", ":2 [on_call] rotation", "at least one"),
        (
            "[on_call]\nrotation = ['Bob']\nstarts = 2026-01-05\nevery = '1 fortnight'",
            ":4 [on_call] every",
            "days",
        ),
        ("[on_call]\nrotation = ['Bob']\nstarts = 2026-01-05\nevery = 7", ":4 [on_call] every", "days"),
        (
            "[on_call]\nrotation = ['Bob']\nstarts = 2026-01-05T08:00:00\nhandover = 09:00:00",
            ":1 [on_call]",
            "drop",
        ),
        ("[destinations.x]\naudiences = ['team']", "[destinations.x] backend", "missing"),
        (
            "[destinations.x]\nbackend = 'slack'\naudiences = ['everyone']",
            ":3 [destinations.x.audiences",
            "choice",
        ),
        ("[destinations.'a b']\nbackend = 'slack'", ":1", "letters"),
    ],
)
def test_a_mistake_is_told_by_its_place(write: Callable[[str], Path], text: str, where: str, what: str) -> None:
    error = refused(write(text))
    assert where in error.place
    assert what in str(error)
    assert error.place.replace("\x1b", "").isprintable()


def test_paths_are_meant_from_the_folder_of_the_file(write: Callable[[str], Path], home: Path) -> None:
    path = write(
        'playbook = "ours.toml"\n[[services]]\nname = "x"\n'
        'logs = ["app.log", "~/b.log", "/c/*.log", "journal:nginx"]\n'
        '[destinations.s]\nbackend = "slack"\ntoken = { file = "token" }\nheaders = { a = { file = "~/a" } }\n'
    )
    settings = load(path, {})
    here = path.parent
    assert settings.playbook == str(here / "ours.toml")
    assert settings.services[0].logs == (f"{here}/app.log", f"{home}/b.log", "/c/*.log", "journal:nginx")
    assert settings.destinations["s"].options == {
        "token": {"file": f"{here}/token"},
        "headers": {"a": {"file": f"{home}/a"}},
    }


def test_the_playbook_of_the_team_is_laid_over_the_shipped_one(
    write: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "ours.toml").write_text('name = "Ours"\n')
    ours, shipped = (
        load_playbook(load(write('playbook = "ours.toml"'), {})),
        load_playbook(Settings()),
    )
    assert (ours.name, ours.roles) == ("Ours", shipped.roles)
    (tmp_path / "ours.toml").write_text('name = "Ours"\nwhat = 1\n')
    with pytest.raises(SettingsError) as caught:
        load_playbook(load(write('playbook = "ours.toml"'), {}))
    assert "ours.toml:2" in caught.value.place


# --- who and where ----------------------------------------------------------------------------------------------


def test_a_flag_beats_the_environment_which_beats_the_file(write: Callable[[str], Path]) -> None:
    path = write('playbook = "file.toml"\n[console]\ntheme = "light"')
    environ = {
        "WARROOM_SETTINGS": str(path),
        "WARROOM_THEME": "high-contrast",
        "WARROOM_PLAYBOOK": "/env.toml",
    }
    flags: dict[str, str | None] = {"theme": "colour-blind", "playbook": "/flag.toml", "settings": None}
    problem = [
        (s.console.theme, s.playbook) for s in (load(path, {}), load(None, environ), load(None, environ, flags))
    ]
    assert problem == [
        ("light", str(path.parent / "file.toml")),
        ("high-contrast", "/env.toml"),
        ("colour-blind", "/flag.toml"),
    ]


def test_a_theme_of_the_environment_is_checked_too() -> None:
    with pytest.raises(SettingsError) as caught:
        load(None, {"WARROOM_THEME": "\x1b]0;gotcha"})
    assert caught.value.place == "WARROOM_THEME"


def test_places_follow_the_platform_the_environment_and_flags(home: Path, tmp_path: Path) -> None:
    default = AppPaths.find({})
    assert default.settings == home / ".config/warroom/settings.toml"
    assert default.data == home / ".local/share/warroom"
    assert not default.named and not default.data.exists()
    environ = {"WARROOM_SETTINGS": "~/s.toml", "WARROOM_DATA": str(tmp_path / "env")}
    assert AppPaths.find(environ).settings == home / "s.toml"
    assert AppPaths.find(environ, {"data": str(tmp_path / "flag")}).data == tmp_path / "flag"
    own = home / ".config/warroom"
    assert AppPaths.find(environ).themes == (shipped("themes"), home / "themes", own / "themes")
    assert default.themes == (shipped("themes"), own / "themes") and default.personal == own / "personal.toml"
    assert AppPaths.find({"WARROOM_PERSONAL": "~/p.toml"}).personal == home / "p.toml"


def test_the_data_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    places = AppPaths.find({"WARROOM_DATA": str(tmp_path / "a" / "b")})
    assert stat.S_IMODE(places.make_data().stat().st_mode) == 0o700
    assert places.make_data() == tmp_path / "a" / "b"
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be created"):
        AppPaths.find({"WARROOM_DATA": str(tmp_path / "file")}).make_data()


@pytest.mark.parametrize(
    ("environ", "flag", "os_user", "name"),
    [
        ({"WARROOM_AS": "Bob"}, "alice smith", "root", "Alice Smith"),
        ({"WARROOM_AS": "bob"}, None, "root", "Bob"),
        ({}, None, "alice", "Alice Smith"),
        ({}, None, "U123", "Alice Smith"),
        ({}, None, "BOB", "Bob"),
        ({}, None, "root", "root"),
        ({}, "Carol \x1b[2J", "root", "Carol \\x1b[2J"),
    ],
)
def test_who_sits_here(environ: dict[str, str], flag: str | None, os_user: str, name: str) -> None:
    assert who(read(TEAM), environ, {"as": flag}, lambda: os_user) == name


def test_nobody_is_told_how_to_say_who_they_are() -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    with pytest.raises(SettingsError, match="--as"):
        who(Settings(), {}, {}, nobody)


# --- turns ------------------------------------------------------------------------------------------------------

BERLIN = ZoneInfo("Europe/Berlin")


def rota(rest: str, zone: str = "Europe/Berlin") -> Settings:
    return read(f'[team]\ntimezone = "{zone}"\n[on_call]\nrotation = ["Alice", "Bob"]\n{rest}')


def berlin(*when: int) -> datetime:
    return datetime(*when, tzinfo=BERLIN)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("at", "name"),
    [
        (berlin(2026, 3, 23, 8, 59), None),
        (berlin(2026, 3, 23, 9, 0), "Alice"),
        (berlin(2026, 3, 30, 8, 59), "Alice"),  # the clocks went forward on the 29th
        (berlin(2026, 3, 30, 9, 0), "Bob"),
        (berlin(2026, 10, 26, 8, 59), "Alice"),  # and back on October 25th
        (berlin(2026, 10, 26, 9, 0), "Bob"),
    ],
)
def test_turns_change_at_nine_local_time_all_year(at: datetime, name: str | None) -> None:
    assert rota('starts = 2026-03-23\nevery = "1w"').person_on_call(at) == name
    assert rota('starts = 2026-03-23\nevery = "1w"').person_on_call(at.astimezone(UTC)) == name


def test_who_is_next_and_when() -> None:
    settings = rota('starts = 2026-03-23\nevery = "1w"\nhandover = "10:30"')
    turns = Rota(settings.on_call, settings.team.zone)
    first, second = turns.following(berlin(2026, 3, 1)), turns.following(berlin(2026, 3, 24))
    assert first and first[:2] == ("Alice", berlin(2026, 3, 23, 10, 30))
    assert second and second[:2] == ("Bob", berlin(2026, 3, 30, 10, 30))
    assert Rota(None, settings.team.zone).following(berlin(2026, 3, 24)) is None
    assert Settings().person_on_call(berlin(2026, 3, 24)) is None


@pytest.mark.parametrize(
    "starts", ["2026-03-23T09:00:00", "2026-03-23T08:00:00Z", "2026-03-23T03:00:00-05:00", "2026-03-23"]
)
def test_a_start_may_say_its_time_and_zone(starts: str) -> None:
    settings = rota(f'starts = {starts}\nevery = "12h"')
    assert settings.person_on_call(berlin(2026, 3, 23, 20, 59)) == "Alice"
    assert settings.person_on_call(berlin(2026, 3, 23, 21, 0)) == "Bob"
    assert settings.person_on_call(berlin(2026, 7, 1, 9, 0)) == "Alice"


@given(
    at=st.datetimes(datetime(2026, 3, 1), datetime(2027, 12, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    hours=st.integers(1, 400),
    handover=st.sampled_from(["00:00", "02:30", "03:00", "09:00"]),
    zone=st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "America/New_York", "UTC"]),
)
def test_turns_have_no_gap_and_no_overlap(at: datetime, hours: int, handover: str, zone: str) -> None:
    settings = rota(f'starts = 2026-02-01\nevery = "{hours}h"\nhandover = "{handover}"', zone)
    following = Rota(settings.on_call, settings.team.zone).following(at)
    assert following is not None
    name, begins, _ = following
    assert begins > at
    assert settings.person_on_call(begins - timedelta(milliseconds=1)) == settings.person_on_call(at)
    # Where the clock skips an hour, a turn of an hour may be over before it begins.
    assert settings.person_on_call(begins) == name or hours <= 1


# --- secrets ----------------------------------------------------------------------------------------------------

TOKEN = "xoxb-very-secret"


def printing(output: bytes = b"", status: int = 0, error: Exception | None = None) -> Callable[..., Any]:
    def run(argv: tuple[str, ...], **how: Any) -> subprocess.CompletedProcess[bytes]:
        assert how["timeout"] == 10 and "shell" not in how
        if error:
            raise error
        return subprocess.CompletedProcess(argv, status, output, output)

    return run


@pytest.mark.parametrize(
    ("held", "value"),
    [(TOKEN, TOKEN), (f"{TOKEN}\n", TOKEN), (f"{TOKEN}\r\n", TOKEN), (f"{TOKEN}\n\n", f"{TOKEN}\n")],
)
def test_a_secret_loses_one_line_break(tmp_path: Path, held: str, value: str) -> None:
    (tmp_path / "token").write_bytes(held.encode())
    assert resolve(Secret(file=str(tmp_path / "token")), {}) == value
    assert resolve(Secret(command=("pass", "show", "x")), {}, printing(held.encode())) == value
    assert resolve(Secret(env="T"), {"T": held}) == value


def test_a_command_is_really_run() -> None:
    assert resolve(Secret(command=("printf", "%s\\n", TOKEN)), {}) == TOKEN


@pytest.mark.parametrize(
    ("ref", "run", "problem"),
    [
        (Secret(env="NOPE"), printing(), "environment variable NOPE is not set"),
        (Secret(env="EMPTY"), printing(), "empty"),
        (Secret(file="/nowhere/token"), printing(), "/nowhere/token"),
        (Secret(file="/no\0where"), printing(), "cannot be used"),
        (Secret(command=("pass", TOKEN)), printing(TOKEN.encode(), status=2), "status 2"),
        (Secret(command=("pass", TOKEN)), printing(b"\xff" + TOKEN.encode()), "UTF-8"),
        (Secret(command=("pass",)), printing(error=FileNotFoundError(2, "No such file", TOKEN)), "command pass"),
        (
            Secret(command=("pass",)),
            printing(error=subprocess.TimeoutExpired("pass", 10, TOKEN.encode())),
            "10 s",
        ),
    ],
)
def test_a_secret_that_cannot_be_had_is_told_without_it(ref: Secret, run: Callable[..., Any], problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        resolve(ref, {"EMPTY": ""}, run)
    assert problem in str(caught.value)
    chain = [caught.value, caught.value.__cause__, caught.value.__context__]
    assert TOKEN not in "".join(map(repr, chain)) + str(caught.value)


def test_a_secret_file_that_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(SettingsError, match="not a regular file"):
            resolve(Secret(file=str(place)), {})


def test_a_secret_that_never_ends_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"x" * 10_000_000)
    with pytest.raises(SettingsError, match="more than"):
        resolve(Secret(file=str(tmp_path / "token")), {})
    with pytest.raises(SettingsError, match="more than"):
        resolve(Secret(command=("yes", TOKEN)), {})


def test_a_secret_command_that_is_late_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    script = f"sleep 600 & echo $! > {tmp_path}/child; echo $$ > {tmp_path}/parent; wait"
    begun = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        secrets.run_command(("sh", "-c", script), timeout=1.0)
    assert time.monotonic() - begun < 30
    for name in ("child", "parent"):
        gone(int((tmp_path / name).read_text()))


def gone(pid: int) -> None:
    """Wait until the process has ended."""
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}/stat").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
        assert time.monotonic() < deadline, "it still runs"
        threading.Event().wait(0.02)


def looked_up(
    options: dict[str, Any], secret: set[str], environ: dict[str, str], *, plain_secrets: bool = False
) -> dict[str, Any]:
    return resolve_options(
        "destinations.slack", options, secret, environ, tables={"headers"} & secret, plain_secrets=plain_secrets
    )


def test_only_the_fields_that_are_secret_are_looked_up() -> None:
    ref = {"env": "T"}
    options = {"token": ref, "channel": "#inc", "extra": ref, "headers": {"A": ref, "B": ref}}
    found = looked_up(options, {"token", "headers"}, {"T": TOKEN})
    assert found == {"token": TOKEN, "channel": "#inc", "extra": ref, "headers": {"A": TOKEN, "B": TOKEN}}


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"token": TOKEN}, "[destinations.slack] token"),
        ({"token": {"env": "A", "file": TOKEN}}, "[destinations.slack] token"),
        ({"token": {"env": 5}}, "[destinations.slack] token.env"),
        ({"token": {"evn": TOKEN}}, "[destinations.slack] token.evn"),
        ({"token": {"command": TOKEN}}, "[destinations.slack] token.command"),
        ({"token": [TOKEN]}, "[destinations.slack] token"),
        ({"headers": {"A": {"evn": TOKEN}}}, "[destinations.slack] headers.A.evn"),
        ({"headers": {"A": TOKEN}}, "[destinations.slack] headers.A"),
        ({"headers": TOKEN}, "[destinations.slack] headers"),
        ({"token": {}}, "[destinations.slack] token"),
        ({"token": {"env": "MISSING"}}, "[destinations.slack] token"),
        ({"token": {"Authorization": TOKEN}}, "[destinations.slack] token.Authorization"),
    ],
)
def test_a_secret_in_clear_is_refused_with_the_way_out(options: dict[str, Any], where: str) -> None:
    with pytest.raises(SettingsError) as caught:
        looked_up(options, {"token", "headers"}, {})
    assert caught.value.place == where
    assert caught.value.remedy
    assert TOKEN not in str(caught.value)


def test_the_person_may_insist_on_a_plain_secret() -> None:
    assert looked_up({"token": TOKEN}, {"token"}, {}, plain_secrets=True) == {"token": TOKEN}


def test_nothing_is_looked_up_when_settings_are_read(write: Callable[[str], Path]) -> None:
    path = write(
        '[destinations.s]\nbackend = "slack"\ntoken = { command = ["/bin/false"] }\nb = { file = "/nowhere" }'
    )
    settings = load(path, {})
    assert settings.destinations["s"].options["token"] == {"command": ["/bin/false"]}


def test_options_do_not_stand_in_what_is_printed_of_settings() -> None:
    assert TOKEN not in repr(Destination(name="slack", backend="slack", options={"token": TOKEN}))


# --- writing ----------------------------------------------------------------------------------------------------


def test_a_file_is_replaced_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "settings.toml"
    paths.write_atomically(path, "a\n")
    paths.write_atomically(path, "ü\r\n")
    assert path.read_bytes() == "ü\r\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["settings.toml"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "settings.toml").symlink_to(tmp_path / "dotfiles" / "warroom.toml")
    paths.write_atomically(tmp_path / "settings.toml", "a")
    assert (tmp_path / "settings.toml").is_symlink()
    assert (tmp_path / "dotfiles" / "warroom.toml").read_text() == "a"


def test_a_write_that_fails_leaves_the_old_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "settings.toml"
    paths.write_atomically(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SettingsError, match="no space left"):
        paths.write_atomically(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["settings.toml"]


def test_a_chosen_theme_holds_until_the_settings_name_another(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert chosen_theme(data, "dark") == "dark"
    choose_theme(data, "light", "dark")
    assert chosen_theme(data, "dark") == "light"
    assert chosen_theme(data, "high-contrast") == "high-contrast"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"theme": 3, "configured": "dark"}', '{"theme": "x"}', "\x00"])
def test_a_state_file_that_cannot_be_read_counts_as_no_choice(tmp_path: Path, text: str) -> None:
    (tmp_path / state.FILE).write_text(text)
    assert chosen_theme(tmp_path, "dark") == "dark"


def test_a_path_is_shown_by_its_end(home: Path) -> None:
    assert paths.shown(home / "a.toml") == "~/a.toml"
    long = paths.shown(Path("/" + "x" * 80) / "a\x1b.toml")
    assert len(long) == 60 and long.endswith("/a\\x1b.toml")


# --- logs -------------------------------------------------------------------------------------------------------


def test_a_log_may_be_a_command(write: Callable[[str], Path]) -> None:
    one, other = '{ command = ["kubectl", "logs", "-f", "x"], name = "x" }', '{ command = ["true"] }'
    path = write(f'[[services]]\nname = "a"\nlogs = ["a.log", {one}, {other}]\n')
    logs = load(path, {}).services[0].logs
    assert logs[0] == str(path.parent / "a.log")
    assert logs[1:] == (LogCommand(("kubectl", "logs", "-f", "x"), "x"), LogCommand(("true",)))


@pytest.mark.parametrize(
    "log",
    [
        '{ command = "kubectl logs" }',
        "{ command = [] }",
        "{ command = [1] }",
        '{ cmd = ["x"] }',
        "3",
        '{ command = ["a"], name = 3 }',
        "[]",
    ],
)
def test_a_log_that_is_none_is_told_with_its_place(write: Callable[[str], Path], log: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(write(f'[[services]]\nname = "a"\nlogs = ["b.log", {log}]\n'), {})
    assert str(caught.value.place).endswith("settings.toml:3 [services #1.logs #2]")
    assert "command" in str(caught.value)


# --- messages ---------------------------------------------------------------------------------------------------

WEBHOOK = '[destinations.x]\nbackend = "webhook"\n'
ALLOWED_SECRET = "Allowed: env, file, command."

MESSAGES = {
    WEBHOOK
    + 'url = { evn = "HOOK" }': f':3 [destinations.x.url] evn: unknown key. Did you mean "env"? {ALLOWED_SECRET}',
    WEBHOOK
    + 'url = { env = "URL" }\nheaders = { A = { comand = ["x"] } }': f':4 [destinations.x.headers.A] comand: unknown key. Did you mean "command"? {ALLOWED_SECRET}',  # noqa: E501
    WEBHOOK
    + 'url = { env = "NOPE" }': ':3 [destinations.x] url: environment variable NOPE is not set. Export it, or use { file = "…" }.',  # noqa: E501
    WEBHOOK
    + 'url = { file = "/nowhere/token" }': ":3 [destinations.x] url: file /nowhere/token does not exist. Correct the name, or put the secret there.",  # noqa: E501
    WEBHOOK
    + 'url = { command = ["false", "x"] }': ":3 [destinations.x] url: command false ended with status 1. Run it yourself to see why.",  # noqa: E501
    WEBHOOK
    + 'url = { command = ["/nowhere/pass"] }': ":3 [destinations.x] url: command /nowhere/pass does not exist. Correct the name, or put the secret there.",  # noqa: E501
    WEBHOOK
    + 'url = { command = "pass show x" }': ":3 [destinations.x.url] command: must be a list of words in quotes. "
    'Write each word by itself: ["pass", "show", "…"].',
    WEBHOOK
    + 'audiences = ["teams"]': ':3 [destinations.x.audiences #1]: "teams" is not a choice. Did you mean "team"? '
    "Allowed: team, customers, executives.",
    WEBHOOK
    + "audiences = []": ":3 [destinations.x] audiences: must be a list with at least one entry, not an empty one",
    '[destinations.x]\nbackend = "webook"': ':2 [destinations.x] backend: no chat backend is called "webook". Did you mean "webhook"? '  # noqa: E501
    "Allowed: apprise, betterstack-status, cachet, cachet-v2, discord, discord-webhook, email, google-chat, "
    "matrix, mattermost, mattermost-webhook, slack, statuspage, teams, telegram, transcript, webhook, zulip.",
    WEBHOOK + 'url = { env = "URL" }\nmax_length = 0': ":4 [destinations.x] max_length: must be at least 1, not 0",
    '[destinations.x]\nbackend = "slack"\nchannel_per_incident = false\ntoken = { env = "URL" }': ":1 [destinations.x]: channel_per_incident = false needs channel",  # noqa: E501
    '[team.people]\nname = "Ann"': ":1 [team] people: must be a list, not a table. Write [[team.people]], in two brackets.",  # noqa: E501
    '[[team.people]]\nname = "Ann"\nroles = "ic"': ":3 [team.people #1] roles: must be a list, not text. Put it in brackets: [ … ].",  # noqa: E501
    '[on_call]\nrotation = ["Ann"]\nstarts = "monday"': ":3 [on_call] starts: must be a date such as 2026-01-05 or a date with a time such as 2026-01-05T09:00:00",  # noqa: E501
    "[console]\nlog_mb = 2.5": ":2 [console] log_mb: must be a whole number, not 2.5",
    '[redaction]\noff = ["phones"]': ':2 [redaction.off #1]: there is no rule of this name. Did you mean "phone"?',
}
"""What is wrong in a settings file → what is said, in one line."""


def complaint(text: str, folder: Path) -> SettingsError | None:
    """What is said to the whole of a settings file, destinations included."""
    file = folder / "settings.toml"
    file.write_text(text)
    environ = {"URL": "https://x.test/secret-path"}
    try:
        places, found, _ = wiring.read_settings(file, folder, None, environ, key_check=key_mistakes)
        for destination in found.destinations.values():
            wiring.make_chat(destination, places, environ)
    except SettingsError as error:
        return error
    return None


@pytest.mark.parametrize("text", MESSAGES)
def test_a_mistake_is_told_once_with_its_place_and_what_to_do(tmp_path: Path, text: str) -> None:
    error = complaint(text, tmp_path)
    assert " ".join(str(error).split("\n")).partition("settings.toml")[2] == MESSAGES[text]


SAMPLE = tomllib.loads((shipped("sample_data") / "settings.toml").read_text("utf-8"))
WRONG = st.one_of(
    st.integers(-5, 5),
    st.booleans(),
    st.floats(-1, 1),
    st.sampled_from(["", "x", "teams", "1 month", "\x1b[31m"]),
    st.just([]),
    st.just({}),
    st.just({"evn": "X"}),
    st.just([{"x": 1}]),
    st.just([""]),
    st.just({"env": ["X"]}),
)


def places_in(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in below:
        yield (*path, key)
        yield from places_in(inner, (*path, key))


@given(st.data())
def test_whatever_is_wrong_with_a_settings_file_is_told_in_plain_sentences(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    table = copy.deepcopy(SAMPLE)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(sorted(places_in(table), key=str)))
        here: Any = table
        for key in path[:-1]:
            here = here[key]
        if data.draw(st.booleans()) and isinstance(here, dict):
            here[f"{path[-1]}s"] = here.pop(path[-1])
        else:
            here[path[-1]] = copy.deepcopy(data.draw(WRONG))  # a later turn may change what is in it
    error = complaint(tomli_w.dumps(table), tmp_path_factory.mktemp("wrong"))
    if error is None:
        return
    problem = str(error)
    assert "settings.toml" in problem.splitlines()[0] or ".toml: cannot be read" in problem
    for foreign in ("Errno", "Input", "validation", "pydantic", "valid string", "dictionary", "tuple", "None"):
        assert foreign not in problem
    for line in problem.splitlines():
        # No sentence begins without the one before it having ended.
        assert not re.search(
            r"[a-z0-9\])}] (Did|Allowed|Add|Write|Name|Correct|Give|Choose|Put|Export|Run)\b", line
        ), line
    if "\n" in problem:
        assert problem.splitlines()[0].endswith((".", "?", "!", ":"))
    complaints = [line.partition(": ")[0] for line in problem.splitlines() if "settings.toml:" in line]
    assert len(complaints) == len(set(complaints)), "one complaint for one place"


# --- redaction --------------------------------------------------------------------------------------------------


def test_a_teams_rules_of_redaction(write: Callable[[str], Path]) -> None:
    path = write(
        '[redaction]\nips = true\noff = ["phone"]\n'
        'rules = [{ name = "customer-id", pattern = "cus_[A-Za-z0-9]{8,}" }]\n'
    )
    redaction = load(path, {}).redaction
    assert (redaction.ips, redaction.off) == (True, ("phone",))
    assert [(rule.name, rule.pattern) for rule in redaction.rules] == [("customer-id", "cus_[A-Za-z0-9]{8,}")]
    assert load(write(""), {}).redaction == Redaction()


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ('rules = [{ name = "a", pattern = "(?=a)b" }]', ":2 [redaction.rules #1] pattern", "has a look-ahead"),
        ('rules = [{ name = "a", pattern = "(" }]', "pattern", "is not a regular expression"),
        ('rules = [{ name = "A b", pattern = "x" }]', "name", "small letters"),
        ('rules = [{ name = "jwt", pattern = "x" }]', "name", "choose another"),
        ('rules = [{ name = "a", pattern = "x" }, { name = "a", pattern = "y" }]', "name", "appears twice"),
        ('off = ["fone"]', ":2 [redaction.off #1]", "there is no rule of this name"),
        ('rules = [{ name = "a", patern = "x" }]', "[redaction.rules #1]", 'Did you mean "pattern"'),
    ],
)
def test_a_rule_that_cannot_be_used_is_told_with_its_place(
    write: Callable[[str], Path], text: str, place: str, problem: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(write(f"[redaction]\n{text}\n"), {})
    assert problem in str(caught.value)
    assert place in str(caught.value.place), caught.value.place


def test_a_key_for_an_action_of_an_earlier_version_is_kept(write: Callable[[str], Path]) -> None:
    path = write('[console.keys]\ncurtain = "f7"\n')
    assert load(path, {}).console.keys == {"privacy": "f7"}
