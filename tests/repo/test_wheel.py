"""The wheel: it carries all it needs, and runs in another place, where there is no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*argv: str | Path, cwd: Path, **environ: str) -> str:
    done = subprocess.run(
        [str(part) for part in argv],
        cwd=cwd,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    [made] = out.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of an environment with the wheel in it.

    Its dependencies are those of this environment, put behind its own packages by a .pth file. The .pth
    files over there are not followed from here, so the checkout installed there stays out of sight.
    """
    place = tmp_path_factory.mktemp("installed")
    venv.create(place, symlinks=True)
    binaries = place / "bin"
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        binaries / "python",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--disable-pip-version-check",
        wheel,
        cwd=place,
    )
    [packages] = place.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return binaries


def test_it_carries_what_the_program_reads(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    carried = {name for name in names if "/" in name}
    for kept in (ROOT / "themes", ROOT / "sample_data"):
        for file in kept.rglob("*"):
            if file.is_file() and not file.name.startswith("."):
                assert f"warroom/{file.relative_to(ROOT)}" in carried
    assert {"warroom/playbooks/small-team.toml", "warroom/py.typed", "warroom/themes/dark.toml"} <= carried
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_it_carries_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"warroom"}
    assert not [name for name in names if {"tests", "__pycache__"} & set(name.split("/"))]


def test_it_finds_its_themes_samples_and_playbook(installed: Path, tmp_path: Path, home: Path) -> None:
    result = run(
        installed / "python",
        "-c",
        """
import warroom
from warroom.config.paths import shipped
from warroom.config.loading import load_playbook
from warroom.config.settings import Settings
from warroom.tui.theme import load_themes
print(warroom.__file__)
print(*sorted(theme.name for theme in load_themes(shipped("themes"))))
print(load_playbook(Settings()).severities[0].id, shipped("sample_data").is_dir())
""",
        cwd=tmp_path,
    ).splitlines()
    assert result[0].startswith(str(installed.parent)), "not the wheel's own package was tested"
    assert result[1:] == ["colour-blind dark high-contrast light", "critical True"]


def test_it_runs_where_there_is_no_checkout(installed: Path, tmp_path: Path, home: Path) -> None:
    import warroom

    assert warroom.__version__ in run(installed / "warroom", "--version", cwd=tmp_path)
    assert "demo" in run(installed / "warroom", "demo", "--help", cwd=tmp_path)


def test_its_first_verbs_need_no_set_up(installed: Path, tmp_path: Path, home: Path) -> None:
    run(installed / "warroom", "list", cwd=tmp_path)
    run(installed / "warroom", "init", cwd=tmp_path)
    assert "[team]" in (home / ".config/warroom/settings.toml").read_text()


def test_a_shell_completes_with_it(installed: Path, tmp_path: Path, home: Path) -> None:
    answer = run(installed / "warroom", "__complete", "fish", "warroom assign inc", cwd=tmp_path)
    assert answer == "words\nincident_commander\tIncident commander\n"
    assert (installed.parent / "share/man/man1/warroom.1").read_text().startswith(".TH WARROOM 1")
    for shell, place in {
        "bash": "bash-completion/completions/warroom",
        "zsh": "zsh/site-functions/_warroom",
        "fish": "fish/vendor_completions.d/warroom.fish",
    }.items():
        script = (installed.parent / "share" / place).read_text()
        assert run(installed / "warroom", "completion", shell, cwd=tmp_path) == script
