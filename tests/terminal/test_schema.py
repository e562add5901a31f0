"""``warroom schema`` keeps its word: it describes every ``--json``, and what was published stays true."""

from __future__ import annotations

import copy
import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
from click.testing import CliRunner
from harness import servers, shapes
from harness.postgres import new_hub
from jsonschema import Draft202012Validator

from warroom.cli.context import CliContext, Verb
from warroom.cli.json_schema import SHAPES, VERSION, schema, schemas
from warroom.cli.main import cli, run
from warroom.cli.verb_table import FAMILIES

ROOT = Path(__file__).parents[2]
VERBS = [name for family in FAMILIES for name in family.verbs]
PUBLISHED = Path(__file__).with_name(f"schemas-{VERSION}.json")
"""The schemas as they were published: ``PYTHONPATH=tests python tests/terminal/test_schema.py`` writes them."""

SETTINGS = """\
[team]
name = "Checkout"

[[team.people]]
name = "Bob"
phone = "1"

[[team.people]]
name = "Ann"
phone = "2"

[[services]]
name = "checkout-api"

[probes.disk]
kind = "command"
command = ["true"]

[alerts.cron]
backend = "command"
command = ["true"]

[alerts.pager]
backend = "alertmanager"
url = "{url}"

[runbooks]
folders = ["runbooks"]
run = true
"""

RUNBOOK = """\
# Checkout is down

- [ ] Look at the pool

      Read this.

- [ ] Say so

  ```sh
  echo done
  ```
"""

FIRING = {
    "labels": {"alertname": "PoolExhausted", "service": "checkout-api"},
    "annotations": {"summary": "The pool is exhausted"},
    "startsAt": "2026-01-28T03:00:00Z",
    "endsAt": "2099-01-28T03:00:00Z",
    "updatedAt": "2026-01-28T03:00:00Z",
    "fingerprint": "a1b2c3d4e5f60718",
    "generatorURL": "",
    "receivers": [{"name": "team"}],
    "status": {"state": "active", "silencedBy": [], "inhibitedBy": []},
}


def alertmanager(request: httpx.Request) -> httpx.Response:
    """A monitor with one alert, which can be silenced."""
    if request.method == "POST":
        return httpx.Response(200, json={"silenceID": "f1"})
    return httpx.Response(200, json=[FIRING])


COMMANDS = {
    "actions": "actions",
    "actions-all": "actions --all",
    "alert": "alert Pool --service checkout-api",
    "alerts": "alerts",
    "alerts-rules": "alerts rules",
    "alerts-silence": "alerts silence 1 --for 2h",
    "backup": "backup {folder}/b.sqlite",
    "brief": "brief --spoken",
    "calendar": "calendar",
    "calendar-file": "calendar --output {folder}/a.ics",
    "calendar-weekly": "calendar --weekly",
    "connect": "connect webhook --name other --set url=env:HOOK --no-test",
    "connect-services": "connect",
    "connect-steps": "connect slack --steps",
    "contacts": "contacts",
    "declare": "declare search Slow",
    "deliveries": "deliveries --all",
    "delivery": "delivery {delivery} --resend",
    "demo": "demo --plain",
    "doctor": "doctor",
    "doctor-log": "doctor --log",
    "drill-check": "drill check checkout-down",
    "drill-debrief": "drill history INC-2",
    "drill-history": "drill history",
    "drill-list": "drill list",
    "drill-new": "drill new ours",
    "export": "export",
    "export-file": "export --format html --output {folder}/a.html",
    "help": "help",
    "help-topic": "help watch",
    "hub": "hub status",
    "hub-init": "hub init",
    "hub-publish": "hub publish {newest}",
    "init": "init --path {folder}/new.toml",
    "list": "list",
    "logs": "logs {folder}/app.log",
    "oncall": "oncall",
    "playbook": "playbook",
    "playbook-check": "playbook check",
    "playbook-guidance": "playbook guidance",
    "playbook-phases": "playbook phases",
    "playbook-roles": "playbook roles",
    "playbook-severities": "playbook severities",
    "playbook-templates": "playbook templates",
    "postmortem": "postmortem --format html --output -",
    "postmortem-check": "postmortem check",
    "postmortem-file": "postmortem --output {folder}/a.md",
    "postmortem-suggestions": "postmortem suggestions",
    "probes": "probes",
    "ready": "ready",
    "resend": "resend --all",
    "runbook": "runbook checkout --step 2",
    "runbook-run": "runbook checkout --step 2 --run --yes",
    "runbook-tick": "runbook checkout --step 1 --done",
    "runbooks": "runbooks",
    "schema": "schema list",
    "scrub": "scrub {note} --yes",
    "search": "search payments",
    "stats": "stats --html -",
    "stats-file": "stats --html {folder}/stats.html",
    "stats-improvement": "stats --improvement",
    "status": "status",
    "status-short": "status --short",
    "timeline": "timeline",
    "update-preview": "update --preview",
    "watch": "watch --once --wait 2s",
    # verbs that record something
    "ack": "ack",
    "assign": "assign communications Ann",
    "restore": "restore {folder}/b.sqlite",
    "release": "release communications",
    "handover": "handover communications Bob",
    "accept": "accept communications",
    "check": "check baseline",
    "uncheck": "uncheck baseline",
    "severity": "severity high --reason less",
    "state": "state mitigated",
    "resolve": "resolve --reason enough",
    "reopen": "reopen again",
    "note": "note x --hypothesis",
    "confirm": "confirm H1",
    "rule-out": "rule-out H1",
    "task": "task Bob look",
    "undo": "undo",
    "pin": "pin app.log FATAL",
    "fix": "fix rollback",
    "amend": "amend 1 --text other",
    "retract": "retract {note}",
    "milestone": "milestone started -5m",
    "update": "update",
    "action": "action x",
    "done": "done A1",
    "section": "section summary x",
    "close": "close --reason enough",
    "change": "change 'Pool 50 → 200' --rollback 'set it back'",
    "postmortem-accept": "postmortem accept {suggestion}",
    "postmortem-dismiss": "postmortem dismiss {suggestion}",
    "postmortem-restore": "postmortem restore {last[suggestion]}",
    "postmortem-share": "postmortem share",
}
"""A command line for each shape, tried on the journal that ``before`` has made."""

BEFORE = {
    "alerts-silence": ["watch --once --wait 2s"],
    "release": ["assign communications Ann"],
    "handover": ["assign communications Ann"],
    "accept": ["assign communications Ann", "handover communications Bob"],
    "uncheck": ["check baseline"],
    "reopen": ["resolve --reason enough"],
    "confirm": ["note x --hypothesis"],
    "rule-out": ["note x --hypothesis"],
    "retract": ["note x"],
    "undo": ["note x"],
    "drill-debrief": ["declare search Slow --drill", "resolve --reason enough --incident INC-2"],
    "drill-history": ["declare search Slow --drill", "resolve --reason enough --incident INC-2"],
    "calendar": ["resolve --reason enough"],
    "calendar-file": ["resolve --reason enough"],
    "close": ["resolve --reason enough"],
    "done": ["action x"],
    "actions": ["action x --owner Bob"],
    "actions-all": ["action x --owner Bob --due 2026-01-28"],
    "hub-publish": ["declare search Slow --private"],
    "list": ["action x --due 2026-01-28", "resolve --reason enough"],
    "postmortem-accept": ["resolve --reason enough"],
    "postmortem-check": ["section root_cause 'Bob should have known better'", "action x"],
    "postmortem-dismiss": ["resolve --reason enough"],
    "postmortem-restore": ["resolve --reason enough", "postmortem dismiss {suggestion}"],
    "postmortem-share": ["resolve --reason enough", "section summary x"],
    "postmortem-suggestions": ["resolve --reason enough"],
    "restore": ["backup {folder}/b.sqlite"],
    "scrub": ["note 'the password is x'"],
    "status": ["resolve --reason enough"],
    "postmortem": ["action x", "fix x", "update", "resolve --reason enough"],
    "export": ["assign communications Ann", "check baseline", "action x", "update", "resolve --reason enough"],
}

NEEDS_MORE = {
    "actions-track": "tests/terminal/test_cli_follow_up.py",
    "postmortem-publish": "tests/terminal/test_cli_follow_up.py",
    "page": "tests/terminal/test_cli.py",
    "runbook-workflow": "tests/pilot/test_runbook_pane.py",
    "stats-post": "tests/terminal/test_cli_overdue.py",
}
"""Shapes that only a service or two quarters bring about, and the tests where they are."""

NEEDS_ARGUMENTS = {"completion": ["bash"]}
"""What a verb without JSON has to be given to get as far as that."""


class Desk:
    """A folder with settings, logs, a runbook and an incident; ``run`` carries out a command line."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        (folder / "runbooks").mkdir()
        (folder / "runbooks" / "checkout.md").write_text(RUNBOOK)
        (folder / "app.log").write_text("2026-01-28T03:00:00Z ERROR pool exhausted\nno time\n")
        (folder / "settings.toml").write_text(SETTINGS.format(url=url))
        self.environ = {
            "WARROOM_SETTINGS": str(folder / "settings.toml"),
            "WARROOM_DATA": str(folder / "data"),
            "WARROOM_AS": "Bob",
            "HOOK": "https://example.com/in",
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
        }
        self.last: dict[str, str] = {}
        self.run("declare checkout-api 'Card payments fail' --commander Bob")

    def run(self, line: str, *more: str) -> tuple[int, str, str]:
        """The exit status, stdout and stderr of a command line."""
        self.last |= self._ids(line)
        words = [word.format(folder=self.folder, last=self.last, **self.last) for word in shlex.split(line)]
        with CliRunner().isolation() as (out, err, _):
            status = run([*words, *more], CliContext(environ=self.environ))
        return status, out.getvalue().decode(), err.getvalue().decode()

    def _ids(self, line: str) -> dict[str, str]:
        if "{note}" in line:
            return {"note": str(json.loads(self.run("timeline", "--json")[1])[-1]["seq"])}
        if "{delivery}" in line:
            return {"delivery": json.loads(self.run("deliveries", "--json")[1])[0]["id"]}
        if "{suggestion}" in line:
            return {"suggestion": json.loads(self.run("postmortem suggestions", "--json")[1])[0]["id"]}
        if "{newest}" in line:
            return {"newest": json.loads(self.run("list", "--json")[1])[0]["id"]}
        return {}


@pytest.fixture(scope="module")
def monitor() -> Iterator[str]:
    with servers.serving(alertmanager) as url:
        yield url


@pytest.fixture
def desk(tmp_path: Path, monitor: str) -> Desk:
    return Desk(tmp_path, monitor)


# ── every verb ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_has_a_schema_or_refuses_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert isinstance(command, Verb)
    assert bool(shapes.names_of(name)) == command.has_json
    if not command.has_json:
        assert run([name, *NEEDS_ARGUMENTS.get(name, ()), "--json"]) == 2
        out, err = capsys.readouterr()
        assert out == "" and "prints no JSON" in err


def test_no_schema_is_of_a_verb_that_is_not_there() -> None:
    assert {name for verb in VERBS for name in shapes.names_of(verb)} == set(SHAPES)


def test_every_schema_is_tried_out() -> None:
    assert set(COMMANDS) | set(NEEDS_MORE) == set(SHAPES)
    assert all((ROOT / place).is_file() for place in NEEDS_MORE.values())


@pytest.mark.parametrize("name", COMMANDS)
def test_stdout_is_json_as_the_schema_says_and_nothing_else(name: str, desk: Desk) -> None:
    if name.startswith("hub"):
        desk.environ["WARROOM_HUB"] = new_hub()
    for line in BEFORE.get(name, []):
        assert desk.run(line)[0] == 0, desk.run(line)
    status, out, err = desk.run(COMMANDS[name], "--json")
    if name == "delivery":  # it has arrived, so there is nothing to resend
        assert (status, out) == (1, "") and err
        out = json.dumps(json.loads(desk.run("deliveries", "--json")[1])[0])
    values = [json.loads(line) for line in out.splitlines()] if SHAPES[name].lines else [json.loads(out)]
    assert values, (status, err)
    for value in values:
        assert shapes.mistakes(name, value) == []


def test_who_leaves_the_hub_and_comes_back_reads_json_each_time(desk: Desk) -> None:
    desk.environ["WARROOM_HUB"] = new_hub()
    for line, state in (("hub", "in sync"), ("hub leave", "left"), ("hub join", "in sync")):
        status, out, err = desk.run(line, "--json")
        standing = json.loads(out)
        assert (status, standing["state"]) == (0, state), err
        assert shapes.mistakes("hub", standing) == []


def test_a_refusal_leaves_stdout_empty_for_whoever_reads_json(desk: Desk) -> None:
    status, out, err = desk.run("check nothing-like-this", "--json")
    assert (status, out) == (1, "") and "No item" in err


@pytest.mark.skipif(not shutil.which("jq"), reason="needs jq")
@pytest.mark.parametrize(
    ("line", "filter", "printed"),
    [
        ("list", ".[0].id", "INC-1"),
        ("status", ".roles.incident_commander", "Bob"),
        ("timeline", '[.[].kind] | index("declared") != null', "true"),
        ("schema status", '."$id"', f"urn:warroom:schema:{VERSION}:status"),
    ],
)
def test_a_verb_is_a_source_for_jq(desk: Desk, line: str, filter: str, printed: str) -> None:
    options = () if line.startswith("schema") else ("--json",)
    done = subprocess.run(
        ["jq", "-r", filter], input=desk.run(line, *options)[1], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == printed


# ── the schemas ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", SHAPES)
def test_a_schema_is_one(name: str) -> None:
    made = schema(name)
    Draft202012Validator.check_schema(made)
    assert made["title"].endswith(" --json") and "Shape" not in made["title"]


def test_schema_prints_one_or_all_of_them(desk: Desk) -> None:
    assert json.loads(desk.run("schema status")[1]) == schema("status")
    assert json.loads(desk.run("schema")[1]) == {"version": VERSION, "schemas": {n: schema(n) for n in SHAPES}}
    status, out, err = desk.run("schema drill")
    assert (status, out) == (2, "") or status == 1
    assert "drill-list" in err


NOTHING_PROMISED = ("description", "title", "$id", "$schema")


def _promised(value: Any) -> Any:
    """A schema without what no program depends on."""
    if isinstance(value, list):
        return [_promised(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {key: below for key, below in value.items() if not (isinstance(below, str) and key in NOTHING_PROMISED)}
    return {key: _promised(below) for key, below in kept.items()}


def _broken(before: Any, now: Any, place: str = "") -> list[str]:
    """What a reader of the published schema would miss in today's."""
    if isinstance(before, dict) and isinstance(now, dict):
        lost = []
        for key, value in before.items():
            if key not in now:
                lost.append(f"{place}/{key} is gone")
            elif key == "required":
                lost += [f"{place}: {one} may be missing" for one in set(value) - set(now[key])]
            else:
                lost += _broken(value, now[key], f"{place}/{key}")
        return lost
    if isinstance(before, list) and isinstance(now, list):
        if all(isinstance(one, str) for one in before):  # a new word of an enumeration is an addition
            return [f"{place}: {one} is gone" for one in before if one not in now]
        return [line for a, b in zip(before, now, strict=False) for line in _broken(a, b, place)] + [
            f"{place} has other alternatives" for _ in range(len(before) != len(now))
        ]
    return [] if before == now else [f"{place} was {before!r} and is {now!r}"]


def test_what_was_published_is_still_true() -> None:
    assert _broken(json.loads(PUBLISHED.read_text()), _promised(schemas())) == [], (
        "a change that readers notice: VERSION + 1"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda made: made["properties"].pop("id"), "/properties/id is gone"),
        (lambda made: made["required"].remove("id"), "id may be missing"),
        (lambda made: made["properties"]["id"].update(type="integer"), "was 'string' and is 'integer'"),
        (lambda made: made["properties"].update(more={"type": "string"}), ""),
    ],
)
def test_a_change_that_breaks_a_reader_is_noticed(change: Any, words: str) -> None:
    changed = copy.deepcopy(schema("declare"))
    change(changed)
    found = "\n".join(_broken(_promised(schema("declare")), _promised(changed)))
    assert words in found if words else found == ""


def test_the_published_schemas_know_each_that_there_is() -> None:
    published = json.loads(PUBLISHED.read_text())
    assert set(published["schemas"]) == set(SHAPES), "run this module to publish the new ones"


if __name__ == "__main__":
    PUBLISHED.write_text(json.dumps(_promised(schemas()), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
