"""``warroom connect``: what it asks, what it tries out, and that nothing is written before the service answered."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from harness import servers
from harness.slack_workspace import TOKEN, Workspace
from harness.status_pages import CachetPage

from warroom.cli.context import CliContext
from warroom.cli.main import run
from warroom.connect import plugins


class Setup:
    """An empty configuration folder, and warroom run on it."""

    def __init__(self, folder: Path) -> None:
        self.settings = folder / "settings.toml"
        self.environ = {"WARROOM_SETTINGS": str(self.settings), "WARROOM_DATA": str(folder / "data")}
        self.environ |= {"WARROOM_AS": "Bob", "SLACK_TOKEN": TOKEN}

    def run(self, *words: str, given: str = "") -> tuple[int, str, str]:
        with CliRunner().isolation(input=given) as (out, err, _):
            status = run(words, CliContext(environ=self.environ))
        return status, out.getvalue().decode(), err.getvalue().decode()


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    setup = Setup(tmp_path)
    setup.settings.write_text('# ours\n[team]\nname = "Checkout"\n')
    return setup


def test_every_backend_says_how_it_is_set_up_and_asks_for_what_it_needs(setup: Setup) -> None:
    status, out, _ = setup.run("connect", "--json")
    assert status == 0
    for row in json.loads(out):
        plugin = plugins.load(plugins.CHAT, row["service"])
        asks = plugin.build.setup.asks
        fields = plugin.options.model_fields
        assert set(asks) <= set(fields) and plugin.build.setup.steps
        assert {key for key, field in fields.items() if field.is_required()} <= set(asks)
        assert setup.run("connect", row["service"], "--steps")[1].startswith("1. ")
    names = {row["service"] for row in json.loads(out)}
    assert names >= {"slack", "discord", "teams", "mattermost", "zulip", "matrix", "email", "telegram", "webhook"}


def test_a_pasted_token_is_tried_out_and_kept_beside_the_settings(setup: Setup) -> None:
    workspace = Workspace()
    with servers.serving(workspace) as url:
        status, out, err = setup.run("connect", "slack", "--set", f"base_url={url}", given=f"{TOKEN}\n\n")
        assert status == 0, err
        assert "api.slack.com/apps" in err and "✓ Slack: warroom in Acme" in err and TOKEN not in out + err
        assert "nothing was posted" in err and workspace.posts == []
        kept = setup.settings.parent / "slack-token"
        assert kept.read_text().strip() == TOKEN and stat.S_IMODE(kept.stat().st_mode) == 0o600
        text = setup.settings.read_text()
        assert text.startswith("# ours\n[team]") and TOKEN not in text and 'file = "slack-token"' in text
        assert setup.run("doctor")[1].count("Slack: warroom in Acme") == 1


def test_a_test_message_is_posted_where_the_person_says_and_heard_back(setup: Setup) -> None:
    workspace = Workspace()
    with servers.serving(workspace) as url:
        words = ["--set", f"base_url={url}", "--set", "token=env:SLACK_TOKEN", "--set", "channel=ops"]
        status, _, err = setup.run("connect", "slack", *words, "--audience", "team", "--audience", "executives")
    assert status == 0, err
    assert [post["channel"] for post in workspace.posts] == ["C0123456789"] * 2
    assert (
        workspace.posts[1]["thread_ts"] == workspace.posts[0]["ts"] and "test message" in workspace.posts[1]["text"]
    )
    assert "It was read back." in err and "can be read" in err
    assert 'audiences = [\n    "team",\n    "executives",\n]' in setup.settings.read_text()
    assert not (setup.settings.parent / "slack-token").exists()


def test_a_status_page_is_tried_out_without_a_post_and_takes_customers(setup: Setup) -> None:
    page = CachetPage()

    def reply(request: httpx.Request) -> httpx.Response:
        path = str(request.url).replace("/api/", "/")
        return page.reply(httpx.Request(request.method, path, content=request.content))

    with servers.serving(reply) as url:
        words = ["--set", f"url={url}", "--set", "token=env:SLACK_TOKEN", "--set", "components=checkout-api=3"]
        status, _, err = setup.run("connect", "cachet", *words)
        assert status == 0, err
        assert "1 component set" in err and "Nothing was posted: customers read there." in err
        assert page.writes == []
        saved = setup.settings.read_text()
        assert 'audiences = [\n    "customers",\n]' in saved and 'checkout-api = "3"' in saved
        assert "1 component set" in setup.run("doctor")[1]


def test_a_status_page_is_not_set_up_for_the_team(setup: Setup) -> None:
    before = setup.settings.read_text()
    words = ["--set", "token=env:SLACK_TOKEN", "--set", "page=p1", "--audience", "team"]
    status, _, err = setup.run("connect", "statuspage", *words)
    assert status != 0 and "statuspage is read by customers, not by team" in err
    assert setup.settings.read_text() == before


@pytest.mark.parametrize(
    ("scopes", "said"),
    [
        ("channels:manage,channels:read", "lacks the scope chat:write"),
        ("chat:write,channels:read", "lacks the scope channels:manage"),
        ("chat:write,channels:manage,channels:read", "channels:history"),
    ],
)
def test_what_is_missing_is_named_by_its_scope_and_nothing_is_saved(setup: Setup, scopes: str, said: str) -> None:
    before = setup.settings.read_text()
    with servers.serving(Workspace(scopes)) as url:
        words = ["--set", f"base_url={url}", "--set", "channel=ops"]
        status, _, err = setup.run("connect", "slack", *words, given=f"{TOKEN}\n")
    assert status == 1 and said in err and "Nothing was saved" in err and TOKEN not in err
    assert setup.settings.read_text() == before and not (setup.settings.parent / "slack-token").exists()


def test_doctor_names_scopes_that_are_missing_for_less(setup: Setup) -> None:
    with servers.serving(Workspace("chat:write,channels:manage,channels:read,channels:history")) as url:
        words = ["--set", f"base_url={url}", "--set", "token=env:SLACK_TOKEN"]
        assert setup.run("connect", "slack", *words)[0] == 0
        out = setup.run("doctor")[1]
    assert "cannot pin (pins:write)" in out and "cannot invite by e-mail (users:read.email)" in out


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["slak"], 3, "slack"),
        (["slack", "--set", "tokn=x"], 1, "no option tokn"),
        (["slack", "--set", "token"], 2, "OPTION=VALUE"),
        (["slack", "--name", "a b"], 1, "cannot be a destination's name"),
        (["slack", "--set", "token=env:NOT_SET", "--set", "base_url=http://127.0.0.1:9"], 3, "NOT_SET"),
    ],
)
def test_a_mistake_is_told_before_anything_is_written(
    setup: Setup, words: list[str], status: int, said: str
) -> None:
    before = setup.settings.read_text()
    got, _, err = setup.run("connect", *words)
    assert (got, said in err) == (status, True), err
    assert setup.settings.read_text() == before


def test_a_name_that_is_taken_is_not_overwritten(setup: Setup) -> None:
    setup.settings.write_text('[destinations.slack]\nbackend = "webhook"\nurl = { env = "X" }\n')
    status, _, err = setup.run("connect", "slack", "--set", "token=env:SLACK_TOKEN")
    assert status == 1 and "--name" in err


def test_without_a_settings_file_one_is_made(setup: Setup) -> None:
    setup.settings.unlink()
    with servers.serving(lambda request: httpx.Response(200, json={})) as url:
        status, out, err = setup.run("connect", "webhook", "--set", f"url=file:{setup.settings.parent / 'hook'}")
        assert status == 3 and "hook" in err and not setup.settings.exists()
        (setup.settings.parent / "hook").write_text(url)
        status, out, err = setup.run("connect", "webhook", "--set", f"url=file:{setup.settings.parent / 'hook'}")
    assert status == 0 and out.strip() == str(setup.settings) and "look whether it has arrived" in err


def test_a_secrets_file_is_named_from_where_the_person_is(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = setup.settings.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with servers.serving(lambda request: httpx.Response(200, json={})) as url:
        Path("hook").write_text(url)
        status, _, err = setup.run("connect", "webhook", "--set", "url=file:hook")
        assert status == 0, err
    assert 'file = "elsewhere/hook"' in setup.settings.read_text()


def test_a_secret_that_is_kept_in_a_repository_is_to_be_ignored_there(setup: Setup) -> None:
    (setup.settings.parent / ".git").mkdir()
    with servers.serving(Workspace()) as url:
        status, _, err = setup.run("connect", "slack", "--set", f"base_url={url}", given=f"{TOKEN}\n\n")
    assert status == 0 and "Add to .gitignore: slack-token" in err and TOKEN not in err
