"""The follow-up by verbs, from the settings to the service and back, over HTTP on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from harness import servers
from harness.fakes import START
from harness.github import REPOSITORY, Repository

from warroom import bootstrap
from warroom.bootstrap import AppContext
from warroom.cli.context import CliContext
from warroom.cli.main import run
from warroom.errors import SettingsError
from warroom.room.issue_tracking import IssueSync

BOARD = '[trackers.board]\nbackend = "github"'


class Desk:
    """A data folder with a repository for its issues and documents; ``do`` runs one command line."""

    def __init__(self, folder: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.file, self.data, self._capsys, self._now = folder / "settings.toml", folder / "data", capsys, START
        table = (
            f'backend = "github"\ntoken = {{ env = "TOKEN" }}\nrepository = "{REPOSITORY}"\nbase_url = "{url}"\n'
        )
        page = 'backend = "statuspage"\ntoken = { env = "TOKEN" }\npage = "p"\n'
        self.file.write_text(f"[trackers.board]\n{table}[documents.repo]\n{table}[documents.page]\n{page}")
        self.environ = {"WARROOM_SETTINGS": str(self.file), "WARROOM_DATA": str(self.data), "WARROOM_AS": "Bob"}
        self.environ["TOKEN"] = "plantedsecret-0123456789abcdef"

    def do(self, *arguments: str, status: int = 0) -> str:
        """What it prints, on stdout and then on stderr."""
        self._now += timedelta(seconds=1)
        found = run(arguments, CliContext(environ=self.environ, clock=lambda: self._now))
        printed = "".join(self._capsys.readouterr())
        assert found == status, printed
        return printed

    def open(self) -> AppContext:
        return bootstrap.open_context(self.file, self.data, "Bob", environ=self.environ, clock=lambda: self._now)

    def resolve(self) -> None:
        self.do("declare", "checkout-api", "No orders")
        self.do("action", "Alert", "on", "pool", "use")
        self.do("fix", "Bigger pool")
        self.do("resolve", "--reason", "enough")


@pytest.fixture
def there() -> Repository:
    return Repository()


@pytest.fixture
def desk(tmp_path: Path, there: Repository, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    with servers.serving(there) as url:
        yield Desk(tmp_path, url, capsys)


def test_an_issue_is_opened_shown_and_closed_with_its_item(desk: Desk, there: Repository) -> None:
    desk.resolve()
    assert f"https://github.com/{REPOSITORY}/issues/1" in desk.do("actions", "track", "A1")
    assert f"https://github.com/{REPOSITORY}/issues/1" in desk.do("actions")
    assert '"issue": "1"' in desk.do("actions", "--json")
    desk.do("done", "A1")
    assert [one["state"] for one in there.issues] == ["closed"]
    desk.do("actions", "track", "--all", status=1)
    assert len(there.issues) == 1


def test_an_issue_that_is_closed_there_finishes_its_item_in_a_console(desk: Desk, there: Repository) -> None:
    desk.resolve()
    desk.do("actions", "track", "--all")
    there.issues[0]["state"] = "closed"
    with desk.open() as home:
        (job,) = [job for job in home.background_jobs() if isinstance(job, IssueSync)]
        asyncio.run(job.poll())
        assert job.problem is None
    assert "✓  A1" in desk.do("actions")
    assert "its issue in board was closed" in desk.do("timeline")


def test_a_post_mortem_is_published_and_replaced(desk: Desk, there: Repository) -> None:
    desk.resolve()
    assert "Not written yet" in desk.do("postmortem", "--publish", "repo")
    desk.do("section", "root_cause", "A pool")
    assert "/blob/main/postmortems/" in desk.do("postmortem", "--publish", "repo")
    assert len(there.commits) == 2
    assert "repo, page" in desk.do("postmortem", "--publish", "rep", status=1)
    (content,) = there.files.values()
    assert b"A pool" in content
    assert "✓" in desk.do("deliveries")


def test_which_stores_customers_read_is_told_by_their_backends(desk: Desk) -> None:
    with desk.open() as home:
        assert not home.room.is_public("repo")
        assert home.room.is_public("page")
        assert home.room.is_public("nowhere"), "what cannot be told is taken for public"


@pytest.mark.parametrize(
    ("kind", "wrong", "key"),
    [
        (
            "issue",
            '[trackers.board]\nbackend = "github"\ntoken = { env = "TOKEN" }\nrepository = "acme"',
            "repository",
        ),
        ("issue", '[trackers.board]\nbackend = "git"', "backend"),
        ("document", '[documents.wiki]\nbackend = "notion"\ntoken = { env = "NOWHERE" }\npage = "p"', "token"),
        ("document", '[documents.wiki]\nbackend = "confluence"\ntokn = "x"', "tokn"),
    ],
)
def test_a_mistake_is_told_by_file_line_table_and_key(desk: Desk, kind: str, wrong: str, key: str) -> None:
    desk.file.write_text(wrong + "\n")
    table = wrong[1 : wrong.index("]")]
    with desk.open() as home, pytest.raises(SettingsError) as error:
        home.integration(kind, table.partition(".")[2])  # type: ignore[arg-type]
    line = next(number for number, text in enumerate(wrong.splitlines(), 1) if text.startswith(key))
    told = str(error.value)
    assert f"settings.toml:{line}" in told and f"[{table}] {key}" in told, told


@pytest.fixture
def resolved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    desk = Desk(tmp_path, "http://127.0.0.1:1", capsys)
    desk.resolve()
    return desk


def test_suggestions_are_decided_on_the_command_line(resolved: Desk) -> None:
    listed = resolved.do("postmortem", "suggestions")
    assert "no-rollback" in listed and "1 fix had no rollback recorded." in listed
    before = len(json.loads(resolved.do("postmortem", "suggestions", "--json")))
    assert "suggestions are not in it yet" in resolved.do("postmortem")
    resolved.do("postmortem", "accept", "no-rollback", "We had no way back.")
    assert "- We had no way back." in resolved.do("postmortem")
    resolved.do("postmortem", "dismiss", "loose-actions")
    assert len(json.loads(resolved.do("postmortem", "suggestions", "--json"))) == before - 2
    assert "warroom postmortem suggestions lists them" in resolved.do(
        "postmortem", "accept", "loose-actions", status=1
    )
    resolved.do("postmortem", "restore", "loose")
    assert "loose-actions" in resolved.do("postmortem", "suggestions")
    assert "No suggestion was dismissed" in resolved.do("postmortem", "restore", "loose", status=1)
    assert "Which suggestion?" in resolved.do("postmortem", "accept", status=1)
    resolved.do("postmortem", "dismiss", "no-rollback", "words", status=2)
    resolved.do("postmortem", "check", "--output", "x.md", status=2)


def test_blame_and_weak_action_items_are_pointed_out_on_the_command_line(resolved: Desk) -> None:
    resolved.do("section", "root_cause", "Bob should have known")
    resolved.do("action", "Look", "into", "the", "pool")
    text = resolved.do("postmortem", "check")
    assert "should have" in text and "name the role" in text
    assert "A2" in text and "“Look into” has no end" in text and "no owner" in text
    assert "A good action item begins with a verb" in text
    assert {row["where"] for row in json.loads(resolved.do("postmortem", "check", "--json"))} >= {
        "root cause",
        "A2",
    }
    assert "A2" in resolved.do("action", "A2", "--owner", "Bob", "--due", "2026-02-14")
    assert resolved.do("postmortem", "check").count("no owner") == text.count("no owner") - 1


@pytest.mark.parametrize("verb", ["postmortem", "export"])
def test_an_edited_export_is_replaced_only_with_overwrite(resolved: Desk, tmp_path: Path, verb: str) -> None:
    path = tmp_path / "INC-1.md"
    for _ in range(2):
        assert f"Written: {path}" in resolved.do(verb, "--output", str(path))
    path.write_text(path.read_text("utf-8") + "Our own words.", encoding="utf-8")
    refused = resolved.do(verb, "--output", str(path), status=1)
    assert "was edited after warroom wrote it" in refused and "--overwrite" in refused and "INC-1-2.md" in refused
    assert path.read_text("utf-8").endswith("Our own words.")
    resolved.do(verb, "--output", str(path), "--overwrite")
    assert "Our own words." not in path.read_text("utf-8")
    assert f"Written: {path}" in resolved.do(verb, "--output", str(path))
