"""A mistake in any table of the settings is told by file, line, table and key, and with what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from warroom import bootstrap
from warroom.config.loading import load
from warroom.config.paths import AppPaths, shown
from warroom.config.settings import PLUGIN_TABLES, Settings
from warroom.errors import SettingsError
from warroom.incident.requests import RequestKind

SECRET = "s3cr3t-v4lue-of-a-token"


class Kind(NamedTuple):
    """How a kind of table is made use of. ``good`` chooses a backend, ``secret`` is an option of it that has to be
    given by reference ("" where it has none), ``typed`` is a key of the table that is no text."""

    make: Callable[[Settings, AppPaths], object]
    good: str
    secret: str
    typed: str
    chosen_by: str = "backend"


def integration(kind: RequestKind, header: str) -> Callable[[Settings, AppPaths], object]:
    return lambda settings, paths: bootstrap.make_integration(kind, getattr(settings, header)["x"], paths, {})


KINDS = {
    "destinations": Kind(
        lambda settings, paths: bootstrap.make_chat(settings.destinations["x"], paths, {}),
        'backend = "slack"',
        "token",
        "drills",
    ),
    "alerts": Kind(
        lambda settings, paths: bootstrap.make_alert_source(settings.alerts["x"], paths, {}),
        'backend = "pagerduty"',
        "token",
        "every",
    ),
    "probes": Kind(
        lambda settings, paths: bootstrap.make_probe(settings.probes["x"], paths, {}, settings),
        'kind = "http"',
        "",
        "every",
        "kind",
    ),
    "log_services": Kind(
        lambda settings, paths: bootstrap.make_log_service(settings.log_services["x"], "", paths, {}),
        'backend = "papertrail"',
        "token",
        "every",
    ),
    "paging": Kind(integration("page", "paging"), 'backend = "pagerduty"', "routing_key", "drills"),
    "documents": Kind(
        integration("document", "documents"),
        'backend = "notion"\npage = "0123456789abcdef0123456789abcdef"',
        "token",
        "drills",
    ),
    "trackers": Kind(
        integration("issue", "trackers"), 'backend = "github"\nrepository = "acme/shop"', "token", "drills"
    ),
    "workflows": Kind(
        integration("workflow", "workflows"),
        'backend = "github"\nrepositories = ["acme/ops"]',
        "token",
        "drills",
    ),
}


def mistake(tmp_path: Path, text: str, make: Callable[[Settings, AppPaths], object] | None = None) -> str:
    """What is said of a settings file; the file is called FILE in it."""
    file = tmp_path / "settings.toml"
    file.write_text(text)
    flags = {"settings": str(file), "data": str(tmp_path / "data")}
    with pytest.raises(SettingsError) as caught:
        settings = load(None, {}, flags)
        if make:
            make(settings, AppPaths.find({}, flags))
    assert SECRET not in str(caught.value) and SECRET not in repr(caught.value)
    return str(caught.value).replace(shown(file), "FILE")


def test_every_kind_of_plugin_table_is_here() -> None:
    assert set(KINDS) == set(PLUGIN_TABLES)


@pytest.mark.parametrize("header", KINDS)
def test_an_unknown_backend_is_named_with_its_line(tmp_path: Path, header: str) -> None:
    kind = KINDS[header]
    said = mistake(tmp_path, f'# settings\n[{header}.x]\n{kind.chosen_by} = "nosuch"\n', kind.make)
    assert said.startswith(f"FILE:3 [{header}.x] {kind.chosen_by}: ") and '"nosuch"' in said and "Allowed: " in said


@pytest.mark.parametrize("header", KINDS)
def test_an_unknown_option_is_named_with_those_there_are(tmp_path: Path, header: str) -> None:
    kind = KINDS[header]
    line = 3 + kind.good.count("\n") + 1
    said = mistake(tmp_path, f'# settings\n[{header}.x]\n{kind.good}\nnosuch_option = "{SECRET}"\n', kind.make)
    assert f"FILE:{line} [{header}.x] nosuch_option: unknown key" in said and "Allowed: " in said


@pytest.mark.parametrize("header", [header for header, kind in KINDS.items() if kind.secret])
def test_a_plaintext_secret_is_refused_without_being_repeated(tmp_path: Path, header: str) -> None:
    kind = KINDS[header]
    line = 3 + kind.good.count("\n") + 1
    said = mistake(tmp_path, f'# settings\n[{header}.x]\n{kind.good}\n{kind.secret} = "{SECRET}"\n', kind.make)
    assert said.startswith(f"FILE:{line} [{header}.x] {kind.secret}: plaintext secret") and "{ env = " in said


@pytest.mark.parametrize("header", KINDS)
def test_a_value_of_another_type_is_told_by_its_key(tmp_path: Path, header: str) -> None:
    kind = KINDS[header]
    line = 3 + kind.good.count("\n") + 1
    said = mistake(tmp_path, f"# settings\n[{header}.x]\n{kind.good}\n{kind.typed} = [1]\n")
    assert said.startswith(f"FILE:{line} [{header}.x] {kind.typed}: must be ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[runbooks]\nfolder = []", "FILE:2 [runbooks] folder: unknown key"),
        ("[runbooks]\nrun = 7", "FILE:2 [runbooks] run: must be true or false"),
        ('[runbooks]\nrun = "yes"', "FILE:2 [runbooks] run: must be true or false"),
        ("[escalation]\nsteps = 3", "FILE:2 [escalation] steps: "),
        ('[on_call]\nrotation = ["Ada"]\nstarts = 2026-01-05', "FILE:2 [on_call.rotation #1]: "),
        ("[runbooks]\ntimeout_s = 0", "FILE:2 [runbooks] timeout_s: "),
        ('[runbooks]\nenvironment = ["A-B"]', "FILE:2 [runbooks.environment #1]: "),
        ("[reminders]\nform_hour = 9", "FILE:2 [reminders] form_hour: unknown key"),
        ("[reminders]\nfrom_hour = 24", "FILE:2 [reminders] from_hour: "),
    ],
)
def test_the_tables_about_an_incident_are_checked_the_same_way(tmp_path: Path, text: str, said: str) -> None:
    assert mistake(tmp_path, text).startswith(said)
