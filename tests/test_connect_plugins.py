"""Chat backends are found by entry points, a stranger's like our own, and a broken one is said by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from warroom.connect import plugins
from warroom.connect.ports import Chat
from warroom.incident.errors import SettingsError

OURS = {"transcript", "slack", "matrix", "webhook"}


class NoOptions:
    """Not a backend."""


@pytest.fixture
def strangers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path in which packages can be registered."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def register(folder: Path, package: str, line: str, code: str = "") -> None:
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[warroom.chat]\n{line}\n")
    if code:
        (folder / f"{package}.py").write_text(code)


def test_our_own_four_are_registered_the_way_a_strangers_are() -> None:
    assert set(plugins.names()) >= OURS
    loaded, broken = plugins.load_all()
    assert not broken
    assert set(loaded) >= OURS
    for name in OURS:
        assert issubclass(loaded[name].Options, BaseModel)
        assert Chat.__name__ == "Chat" and callable(loaded[name])


def test_loading_one_imports_that_one_alone() -> None:
    code = (
        "import sys; from warroom.connect.plugins import load; load('transcript');"
        "print(sorted(m for m in sys.modules if m.startswith('warroom.connect.chat.') or m in ('httpx', 'jinja2')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['warroom.connect.chat.transcript']"


def test_an_unknown_name_names_what_there_is() -> None:
    with pytest.raises(SettingsError) as info:
        plugins.load("slak")
    assert '"slak"' in info.value.title
    assert all(name in info.value.remedy for name in OURS)


def test_a_strangers_backend_loads(strangers: Path) -> None:
    code = "from pydantic import BaseModel\nclass Pager:\n    class Options(BaseModel): pass\n"
    register(strangers, "pagerpigeon", "pigeon = pagerpigeon:Pager", code)
    assert "pigeon" in plugins.names()
    assert plugins.load("pigeon").__name__ == "Pager"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise RuntimeError('no feathers')", "RuntimeError: no feathers"),
        ("import a_module_nobody_has", "ModuleNotFoundError"),
        ("x = 1", "AttributeError"),
        ("class Pager: pass", "no Options"),
        ("Pager = 7", "no Options"),
    ],
)
def test_a_broken_plugin_is_said_by_name_and_costs_itself_alone(strangers: Path, code: str, said: str) -> None:
    package = f"brokenpigeon{abs(hash(code))}"
    register(strangers, package, f"pigeon = {package}:Pager", code)
    with pytest.raises(SettingsError) as info:
        plugins.load("pigeon")
    assert '"pigeon"' in info.value.title and said in info.value.title
    assert package in info.value.remedy
    loaded, broken = plugins.load_all()
    assert set(loaded) >= OURS
    assert [error.title for error in broken] == [info.value.title]


def test_a_name_two_packages_claim_is_refused_with_both(strangers: Path) -> None:
    register(strangers, "slackpigeon", "slack = slackpigeon:Pager", "x = 1")
    with pytest.raises(SettingsError) as info:
        plugins.load("slack")
    assert "slackpigeon" in info.value.title and "warroom" in info.value.title
