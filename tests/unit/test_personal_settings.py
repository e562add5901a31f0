"""Personal settings: what they win over, what they may not say, and where a mistake in them is."""

from __future__ import annotations

from pathlib import Path

import pytest

from warroom import bootstrap
from warroom.config import personal
from warroom.config.loading import load, who
from warroom.config.manual import descriptions
from warroom.config.personal import PersonalSettings
from warroom.config.settings import Settings
from warroom.errors import SettingsError
from warroom.tui.actions import key_mistakes

TEAM = '[[team.people]]\nname = "Alice"\n\n[[team.people]]\nname = "Bob"\n'


class Machine:
    """A user's configuration folder; texts for the two files."""

    def __init__(self, home: Path) -> None:
        self.folder = home / ".config/warroom"
        self.folder.mkdir(parents=True)
        self.environ: dict[str, str] = {}
        self.by: str | None = None

    def has(self, team: str = "", own: str = "") -> Machine:
        (self.folder / "settings.toml").write_text(team)
        (self.folder / "personal.toml").write_text(own)
        return self

    def read(self, settings: str | None = None) -> Settings:
        return bootstrap.read_settings(settings, None, self.by, self.environ, key_check=key_mistakes)[1]

    def who(self) -> str:
        _, settings, flags = bootstrap.read_settings(None, None, self.by, self.environ)
        return who(settings, self.environ, flags, lambda: "account")

    def refused(self) -> str:
        with pytest.raises(SettingsError) as caught:
            self.read()
        assert caught.value.exit_status == 3
        return str(caught.value)


@pytest.fixture
def machine(home: Path) -> Machine:
    return Machine(home)


def test_environment_beats_personal_beats_team_beats_default(machine: Machine) -> None:
    assert machine.has().read().console.theme == "dark"
    team = '[console]\ntheme = "light"\nbell = false\nlog_mb = 7\n'
    assert machine.has(team).read().console.theme == "light"
    machine.has(team, '[console]\ntheme = "mine"\nbell = true\n')
    console = machine.read().console
    assert (console.theme, console.bell, console.log_mb) == ("mine", True, 7)
    machine.environ["WARROOM_THEME"] = "high-contrast"
    assert machine.read().console.theme == "high-contrast"


def test_a_flag_beats_the_environment_beats_the_name_in_the_personal_file(machine: Machine) -> None:
    assert machine.has(TEAM).who() == "account"
    assert machine.has(TEAM, 'name = "alice"\n').who() == "Alice"
    machine.environ["WARROOM_AS"] = "Bob"
    assert machine.who() == "Bob"
    machine.by = "Chen"
    assert machine.who() == "Chen"


def test_it_names_the_teams_file_relative_to_itself(machine: Machine, tmp_path: Path) -> None:
    machine.has('[team]\nname = "usual"\n', 'settings = "clone/team.toml"\n')
    (machine.folder / "clone").mkdir()
    (machine.folder / "clone/team.toml").write_text('playbook = "p.toml"\n[team]\nname = "clone"\n')
    settings = machine.read()
    assert settings.team.name == "clone" and settings.playbook == str(machine.folder / "clone/p.toml")
    assert personal.find_paths({}, {}).settings == machine.folder / "clone/team.toml"
    other = tmp_path / "other.toml"
    other.write_text('[team]\nname = "other"\n')
    assert machine.read(str(other)).team.name == "other"
    machine.environ["WARROOM_SETTINGS"] = str(other)
    assert machine.read().team.name == "other"


def test_a_team_file_it_names_must_exist(machine: Machine) -> None:
    machine.has(own='settings = "gone.toml"\n')
    assert "gone.toml" in machine.refused() and "no such file" in machine.refused()


def test_keys_are_merged_action_by_action(machine: Machine) -> None:
    machine.has('[console.keys]\nfix = "f8"\nnote = "f9"\n', '[console.keys]\nnote = "f7"\n')
    assert machine.read().console.keys == {"fix": "f8", "note": "f7"}


@pytest.mark.parametrize(
    ("own", "where", "what"),
    [
        ("[console]\nthem = 'x'\n", "personal.toml:2 [console] them", 'Did you mean "theme"?'),
        ("nmae = 'x'\n", "personal.toml:1 nmae", 'Did you mean "name"?'),
        ("[console\n", "personal.toml:1", "not valid TOML"),
        ("[console]\nbell = 'loud'\n", "personal.toml:2 [console] bell", "true or false"),
        ("name = 'A\x07'\n", "personal.toml:1", "not valid TOML"),
        (
            "\n[destinations.mine]\nbackend = 'slack'\n",
            "personal.toml:2 [destinations]",
            "belongs in the team's settings",
        ),
        ("playbook = 'mine.toml'\n", "personal.toml:1 playbook", "belongs in the team's settings"),
        (
            "[console.keys]\nnote = 'f8'\n",
            "personal.toml:1 [console.keys]",
            "fix has its keys from the team's settings: f8 is already the key of note",
        ),
        ("[console.keys]\nnope = 'f8'\n", "personal.toml:2 [console.keys] nope", "no such action"),
    ],
)
def test_a_mistake_is_told_by_its_place_in_the_personal_file(
    machine: Machine, own: str, where: str, what: str
) -> None:
    machine.has('[console.keys]\nfix = "f8"\n', own)
    told = "".join(machine.refused().partition("~/.config/warroom/")[1:])
    assert where in told and what in told


@pytest.mark.parametrize("key", ["name", "settings"])
def test_the_teams_file_may_not_have_a_personal_key(machine: Machine, key: str) -> None:
    machine.has(f'{key} = "Alice"\n[team]\nname = "x"\n')
    told = machine.refused()
    assert f"settings.toml:1 {key}" in told and "Move it to personal.toml" in told


def test_the_personal_file_may_be_elsewhere_but_then_it_has_to_be_there(machine: Machine, tmp_path: Path) -> None:
    machine.has(TEAM, 'name = "Alice"\n')
    machine.environ["WARROOM_PERSONAL"] = str(tmp_path / "mine.toml")
    assert "mine.toml" in machine.refused() and "no such file" in machine.refused()
    (tmp_path / "mine.toml").write_text('name = "Bob"\n')
    assert machine.who() == "Bob"


def test_a_single_file_as_before_means_what_it_did(machine: Machine) -> None:
    text = TEAM + '[console]\ntheme = "light"\nkeys = { note = "f7" }\n'
    file = machine.has(text).folder / "settings.toml"
    (machine.folder / "personal.toml").unlink()
    assert machine.read() == bootstrap.with_defaults(load(file, {}))
    assert machine.read().console.keys == {"note": "f7"}


def test_no_settings_ignores_broken_personal_ones_too(machine: Machine) -> None:
    machine.has("[team\n", "[console\n")
    assert bootstrap.read_settings(None, None, None, {}, ignored=True)[1].console.theme == "dark"


def test_the_demo_looks_as_the_person_likes_it_and_is_played_by_whom_it_says(
    machine: Machine, tmp_path: Path
) -> None:
    machine.has(TEAM, 'name = "Bob"\n[console]\ntheme = "light"\n')
    app, _ = bootstrap.open_demo(tmp_path, float("inf"), environ={})
    with app:
        assert app.theme == "light" and app.room.by != "Bob"


def test_every_personal_key_is_in_the_manual() -> None:
    page = (Path(bootstrap.__file__).parent / "docs" / "settings.md").read_text(encoding="utf-8")
    chapter = page.partition("## Your own settings")[2].partition("\n## ")[0]
    explained = descriptions(PersonalSettings)
    for key in PersonalSettings.model_fields:
        assert f"`{key}`" in chapter or f"[{key}]" in chapter
        assert key == "console" or explained[key].endswith(".")
