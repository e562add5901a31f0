"""What is published: the metadata of the packages, the lock, the files for contributors, the container."""

from __future__ import annotations

import email
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
LOCK = ROOT / ".github" / "requirements-dev.txt"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was made from it."""
    out = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def metadata(built: Path) -> email.message.Message:
    """What the package index shows."""
    [wheel] = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        [name] = [name for name in file.namelist() if name.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(file.read(name))


def test_twine_finds_nothing_wrong(built: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *map(str, built.iterdir())],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and done.stdout.count("PASSED") == 2, done.stdout + done.stderr


def test_the_package_index_is_told_what_it_is_and_where(metadata: email.message.Message) -> None:
    pythons = re.findall(r"Python :: (3\.\d+)\n", "\n".join(metadata.get_all("Classifier", [])) + "\n")
    assert pythons == PYTHONS and metadata["Requires-Python"] == f">={PYTHONS[0]}"
    urls = dict(line.split(", ") for line in metadata.get_all("Project-URL", []))
    assert {"Homepage", "Documentation", "Source", "Issues"} <= urls.keys()
    assert {"incident-response", "on-call"} <= {*metadata["Keywords"].split(",")}
    assert metadata["License-Expression"] == "MIT"


def test_every_link_of_the_readme_works_on_the_package_index(metadata: email.message.Message) -> None:
    text = str(metadata.get_payload())
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    source = PROJECT["urls"]["Source"]
    ours = [link for link in links if link.startswith(source)]
    assert all(link.startswith(("https://", "#")) for link in links) and len(ours) > 15
    for link in ours:
        kind, path = re.fullmatch(rf"{re.escape(source)}/(blob|raw)/main/([^#]+)(?:#.*)?", link).groups()  # type: ignore[union-attr]
        assert (ROOT / path).exists(), link
        assert (kind == "raw") == path.endswith(".svg")


def test_man_and_the_shells_find_their_files(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    names = {name.partition(".data/data/")[2] for name in zipfile.ZipFile(wheel).namelist() if ".data/" in name}
    assert names == {
        "share/man/man1/warroom.1",
        "share/bash-completion/completions/warroom",
        "share/zsh/site-functions/_warroom",
        "share/fish/vendor_completions.d/warroom.fish",
    }


def test_the_sdist_has_what_a_packager_needs(built: Path) -> None:
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    needed = {"LICENSE", "README.md", "tests/conftest.py", ".ci/run", ".github/requirements-dev.txt"}
    assert needed <= names
    assert not [name for name in names if ".venv" in name or "__pycache__" in name]


# ── the lock ──────────────────────────────────────────────────────────────────────────────────────────────


def locked() -> dict[str, str]:
    """The versions of the lock by package."""
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE))


def wanted() -> Iterator[Requirement]:
    """What pyproject.toml asks for, extras included."""
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()):
        yield from map(Requirement, group)


def test_the_lock_has_every_requirement_in_a_version_that_fits() -> None:
    versions = locked()
    for one in wanted():
        assert one.specifier.contains(versions[canonicalize_name(one.name)]), f"{one}: run .ci/lock"


def test_every_locked_package_has_one_version_and_its_hashes() -> None:
    entries = re.split(r"\n(?=[a-z])", LOCK.read_text(encoding="utf-8"))[1:]
    assert len(entries) == len(locked()) > 50
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in re.sub(r"#.*", "", LOCK.read_text(encoding="utf-8")), "an address of one's own index"


def test_the_container_gets_the_locked_versions(tmp_path: Path) -> None:
    """The line of the Containerfile that makes constraints of the lock, run here."""
    text = (ROOT / ".github" / "Containerfile").read_text(encoding="utf-8")
    [command] = re.findall(r"sed -n '.*?' constraints\.txt", text)
    (tmp_path / "constraints.txt").write_bytes(LOCK.read_bytes())
    made = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert dict(line.split("==") for line in made.splitlines()) == locked()


def test_the_container_copies_what_its_build_reads() -> None:
    text = (ROOT / ".github" / "Containerfile").read_text(encoding="utf-8")
    copied = [word for line in re.findall(r"^COPY ([^-].*) \S+$", text, re.MULTILINE) for word in line.split()]
    allowed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(copied) == sorted(allowed)
    assert all((ROOT / path).exists() for path in copied)
    assert "USER warroom" in text, "it does not run as root"


# ── for contributors ──────────────────────────────────────────────────────────────────────────────────────


def test_ci_runs_the_whole_proof_on_every_python_on_linux_and_macos() -> None:
    made = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    test = made["jobs"]["test"]
    assert test["strategy"]["matrix"] == {"os": ["ubuntu-latest", "macos-latest"], "python": PYTHONS}
    assert ".ci/run" in [step.get("run") for step in test["steps"]]
    assert made["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("name", ["bug.yml", "wish.yml"])
def test_an_issue_template_is_a_form(name: str) -> None:
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / name).read_text(encoding="utf-8"))
    assert form["name"] and form["description"]
    fields = [field["attributes"]["label"] for field in form["body"]]
    assert len(fields) == len(set(fields)) >= 3


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md"])
def test_what_contributors_are_pointed_to_is_there(name: str) -> None:
    text = (ROOT / ".github" / name).read_text(encoding="utf-8")
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (ROOT / ".github" / link).exists(), link
    for path in re.findall(r"`((?:tests|warroom|\.ci|\.github)/[\w./-]+?)`", text):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"\| .*? \| .*?`((?:incident|cli|config|connect|tui|reports|docs)/[\w./]+)`", text):
        assert (ROOT / "warroom" / path).exists(), path


def test_contributing_sets_up_as_the_readme_does() -> None:
    readme, guide = (ROOT / "README.md").read_text(), (ROOT / ".github" / "CONTRIBUTING.md").read_text()
    [line] = [line for line in guide.splitlines() if line.startswith("python3 -m venv")]
    assert line in readme and line in (ROOT / ".ci" / "run").read_text()
