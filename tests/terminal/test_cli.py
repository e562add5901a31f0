"""The command line: every verb once for real, what is printed where, words that name things, what a start costs."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import re
import shlex
import stat
import struct
import subprocess
import sys
import termios
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from warroom import bootstrap as wiring
from warroom.cli import output, stdin
from warroom.cli.consoles import deps
from warroom.cli.context import CliContext, Verb, pick
from warroom.cli.main import cli, run
from warroom.cli.verb_table import FAMILIES
from warroom.config.paths import JOURNAL, AppPaths
from warroom.connect.chat.transcript import Transcript
from warroom.connect.guarded_chat import GuardedChat
from warroom.errors import BadInput, NotFound, SettingsError
from warroom.incident.alerting import SourceReport
from warroom.incident.alerts import ReceiveAlert
from warroom.journal.sqlite import SqliteJournal
from warroom.logs.view import LogView
from warroom.tui.actions import ACTIONS, key_mistakes, keymap

START = datetime(2026, 1, 28, 3, 4, 5, 123000, tzinfo=UTC)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

SETTINGS = """\
[team]
name = "Checkout"
timezone = "Europe/Berlin"

[[team.people]]
name = "Alice Adams"
email = "alice@example.com"

[[team.people]]
name = "Bob"
phone = "1"

[[team.people]]
name = "Alan Ay"
phone = "2"

[[services]]
name = "checkout-api"
"""


@dataclass
class CliResult:
    """How a command line ended and what it said."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout as JSON."""
        return json.loads(self.out)


VERBS = {name for family in FAMILIES for name in family.verbs}


class CliHarness:
    """A data folder and a clock, and warroom run on them in this process."""

    def __init__(self, folder: Path, settings: str = SETTINGS) -> None:
        self.data = folder / "data"
        self.settings = folder / "settings.toml"
        self.settings.write_text(settings)
        self.now = START
        self.verbs: set[str] = set()
        self.environ = {"WARROOM_SETTINGS": str(self.settings), "WARROOM_DATA": str(self.data), "WARROOM_AS": "Bob"}

    def run(self, *arguments: str, given: str = "") -> CliResult:
        """Run one command line; a second passes."""
        self.now += timedelta(seconds=1)
        self.verbs |= {*arguments} & VERBS
        with CliRunner().isolation(input=given) as (out, err, _):
            status = run(arguments, CliContext(environ=self.environ, clock=lambda: self.now))
        return CliResult(status, out.getvalue().decode(), err.getvalue().decode())

    def run_ok(self, *arguments: str, given: str = "") -> CliResult:
        """The same, and it has to succeed."""
        result = self.run(*arguments, given=given)
        assert result.status == 0, (arguments, result)
        return result

    def status(self) -> Any:
        """What ``status --json`` says."""
        return self.run_ok("status", "--json").json

    def kinds(self) -> list[str]:
        """The kinds of the timeline's entries, in their order."""
        return [row["kind"] for row in self.run_ok("timeline", "--json").json]


@pytest.fixture
def cli_harness(tmp_path: Path) -> CliHarness:
    return CliHarness(tmp_path)


@pytest.fixture
def with_incident(cli_harness: CliHarness) -> CliHarness:
    """A desk with INC-1 declared."""
    cli_harness.run_ok("declare", "checkout-api", "Card payments fail")
    return cli_harness


def warroom(*arguments: str, given: str = "", **environ: str) -> CliResult:
    """The program in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "warroom", *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **environ},
    )
    return CliResult(done.returncode, done.stdout, done.stderr)


# ── every verb ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_whole_incident_is_run_from_a_second_terminal(cli_harness: CliHarness, tmp_path: Path) -> None:
    do = cli_harness.run_ok
    do("init", "--path", str(tmp_path / "new.toml"))
    assert "on-call" in do("ready").out
    assert "✓  training" in do("ready", "training").out
    assert "No alert sources" in do("alerts").err
    kept = do("alert", "error_rate", "--source", "am", "--service", "checkout-api", "--json").json[0]
    assert kept["name"] == "error_rate" and kept["source"] == "am"

    words = ["Card", "payments", "fail", "--severity", "hi", "--started", "-10m", "--alert", str(kept["alert"])]
    result = do("declare", "Checkout-API", *words)
    assert result.out.startswith("INC-1  High  checkout-api · Card payments fail")
    assert "✓ transcript" in result.err
    assert do("alert").out == ""

    do("ack")
    do("assign", "ic", "alice")
    do("assign", "communications", "Dana", "Novak")
    do("release", "communications")
    do("handover", "commander", "bob", "--briefing", "Pool is dry")
    do("accept", "commander")
    do("severity", "critical")
    do("note", "Pool", "exhausted", "--finding")
    do("note", "-", given="Two\nlines\n")
    do("note", "Pool", "leaks", "--hypothesis")
    do("note", "Network", "--hypothesis")
    assert "ruled out" in do("rule-out", "h2", "no", "packet", "loss").out
    assert "confirmed" in do("confirm", "H1").out
    assert "T1 Bob: check the replicas" in do("task", "@bo", "check", "the", "replicas", "--within", "5m").out
    brief = do("brief").out
    assert "Cause: H1 Pool leaks" in brief and "Bob: check the replicas, 5 min left" in brief
    assert "Bob leads. The cause: Pool leaks." in do("brief", "--spoken").out
    assert do("brief", "--json").json["title"] == "INC-1 · Critical · checkout-api"
    do("done", "t1")
    do("note", "by mistake")
    assert "retracted: undone" in do("undo").out
    do("note", "Roll back", "--decision", "--because", "It began with 412")
    do("pin", "app.log", "FATAL no slots", "--line", "7", "--at", "03:04", "--level", "fatal")
    do("update", "--impact", "One in ten fails", "--next", "+15m")
    do("change", "Pool", "50→200", "--rollback", "revert it")
    assert "C1 Pool 50→200 (rollback: revert it)" in do("status").out
    assert "C1 Pool 50→200 — not the cause" in do("change", "--dropped", "c1", "not", "the", "cause").out
    do("change", "Roll back", "--rollback", "deploy 412")
    do("change", "Scale out", "--rollback", "scale in")
    do("change", "--made", "C3")
    fixed = do("fix", "Rolled back", "--temporary", "--change", "C2", "--permanent", "Code fix needed")
    assert "(rollback: deploy 412)" in fixed.out and "(Code fix needed)" in fixed.out
    do("state", "mit")
    for item in ("health checks", "journeys", "baseline", "no-new", "customer-rep"):
        do("check", item)
    do("uncheck", "journeys")
    do("check", "journeys")
    timeline = {row["text"]: row["seq"] for row in do("timeline", "--json").json}
    do("amend", str(timeline["Pool exhausted"]), "--text", "Pool of 20 exhausted")
    do("retract", str(timeline["Two\nlines"]), "--reason", "noise")
    do("scrub", str(timeline["Two\nlines"]), "--yes")
    do("milestone", "detected", "-9m")
    do("resolve")
    assert cli_harness.status()["status"] == "resolved"
    do("reopen", "It", "is", "back")
    do("state", "mitigated")
    for item in ("health-checks", "journeys", "baseline", "no-new-errors", "customer-reports"):
        do("check", item)
    do("resolve")
    do("update")
    do("section", "root", "A", "leak")
    do("action", "Alert on the pool", "--owner", "bob", "--due", "2026-02-14", "--type", "detect")
    assert do("actions", "--json").json[-1]["type"] == "detect"
    do("done", "A1")
    assert "✓  A1" in do("actions").out and "○  A2  Bob     2026-02-14" in do("actions").out
    assert "A leak" in do("postmortem").out
    assert "BEGIN:VEVENT" in do("calendar").out
    assert "INC-1" in do("export", "--format", "html").out
    assert "resolution" in do("timeline").out
    arrived = do("deliveries").out.count("✓")
    assert arrived == 4 + 6, "opened, declared, updated, resolved; each turn announced; a file shows no status"
    found = do("search", "rolled", "back", "--json").json
    assert "fix" in {row["kind"] for row in found} and do("search", "kind:fix").out
    assert "Time to resolve (MTTR)" in do("stats").out
    do("close", "--reason", "Follow-up is tracked elsewhere")
    assert do("list", "--open").out == ""
    assert "closed" in do("list").out
    assert "CLOSED" in do("status").out.upper()
    assert "health-checks" in do("playbook").out
    do("runbooks")
    do("probes")
    do("drill", "list")
    do("doctor")
    assert "nobody" in do("oncall").err.lower()
    do("contacts")

    told_by = {row["by"] for row in do("timeline", "--json").json}
    assert told_by == {"Bob", ""}
    elsewhere = {"open", "demo", "logs", "help", "redact", "reset-terminal", "delivery", "resend", "connect"}
    elsewhere |= {"watch", "runbook", "page", "hub", "schema", "completion", "backup", "restore"}
    assert VERBS - cli_harness.verbs == elsewhere, "a verb that no test runs"


def test_a_backup_is_written_checked_and_brought_back(with_incident: CliHarness) -> None:
    file = with_incident.data.parent / "backup.sqlite"
    result = with_incident.run_ok("backup", str(file))
    assert result.out.startswith(f"{file}: ") and result.out.endswith("checked\n")
    assert "Not in it: settings, transcripts" in result.err
    assert "--force" in with_incident.run("backup", str(file)).err
    with_incident.run_ok("note", "recorded after the backup")
    again = with_incident.run_ok("backup", str(file), "--force", "--json").json
    assert again["path"] == str(file) and again["incidents"] == 1 and again["size"] == file.stat().st_size
    with_incident.run_ok("note", "lost by the restore")
    done = with_incident.run_ok("restore", str(file))
    assert done.out.startswith(str(with_incident.data / "journal.sqlite"))
    assert "1 entry of it is not in the backup" in done.err
    timeline = with_incident.run_ok("timeline")
    assert "recorded after" in timeline.out and "lost by" not in timeline.out
    assert "The journal was restored at" in timeline.err
    kept = with_incident.run_ok("restore", str(file), "--json").json["kept"]
    assert Path(kept).parent == with_incident.data


def test_a_restore_needs_no_sound_settings(with_incident: CliHarness) -> None:
    file = str(with_incident.data.parent / "backup.sqlite")
    with_incident.settings.write_text("this is no TOML")
    with_incident.run_ok("backup", file)
    with_incident.run_ok("restore", file)


def test_the_people_and_words_that_were_typed_short_are_kept_whole(with_incident: CliHarness) -> None:
    with_incident.run_ok("assign", "ic", "ALICE")
    with_incident.run_ok("assign", "tech", "bo")
    roles = with_incident.status()["roles"]
    assert roles == {"incident_commander": "Alice Adams", "technical_lead": "Bob", "communications_lead": None}


def test_half_a_name_that_two_people_share_is_asked_about(with_incident: CliHarness) -> None:
    result = with_incident.run("assign", "ic", "al")
    assert result.status == 1
    assert "Alice Adams or Alan Ay" in result.err
    assert with_incident.status()["roles"]["incident_commander"] is None


def test_somebody_the_settings_do_not_know_may_help(with_incident: CliHarness) -> None:
    with_incident.run_ok("assign", "technical_lead", "Zoe", "from", "the", "vendor")
    assert with_incident.status()["roles"]["technical_lead"] == "Zoe from the vendor"


def test_an_item_that_several_words_may_mean_is_asked_about(with_incident: CliHarness) -> None:
    result = with_incident.run("check", "monitor")
    assert result.status == 0  # an id that says it all
    result = with_incident.run("check", "alert")
    assert result.status == 1
    assert "acknowledge" in result.err and "close-alert" in result.err
    result = with_incident.run("check", "runbooks created")
    assert result.status == 1 and "warroom ready runbooks" in result.err


def test_a_time_may_begin_with_a_dash_and_end_with_an_h(with_incident: CliHarness) -> None:
    with_incident.run_ok("milestone", "started", "-1h", "--reason", "first error in the log")
    assert with_incident.status()["elapsed_s"] == 3601


# ── what stdout holds ─────────────────────────────────────────────────────────────────────────────────────


def test_declare_json_is_the_shape_scripts_rely_on(cli_harness: CliHarness) -> None:
    declared = cli_harness.run_ok("declare", "checkout-api", "Fail", "--severity", "high", "--json").json
    at = "2026-01-28T03:04:06.123Z"
    assert declared == {"id": "INC-1", "severity": "high", "drill": False, "declared_at": at}


def test_status_json_is_the_shape_scripts_rely_on(with_incident: CliHarness) -> None:
    with_incident.now += timedelta(minutes=6)
    seen = with_incident.status()
    assert {*seen} >= {
        "id",
        "title",
        "service",
        "severity",
        "status",
        "phase",
        "elapsed_s",
        "roles",
        "checklist",
        "next_update_at",
        "updates_due",
        "milestones",
    }
    assert seen["id"] == "INC-1" and seen["title"] == "Card payments fail" and seen["service"] == "checkout-api"
    assert seen["severity"] == "critical" and seen["status"] == "investigating"
    assert seen["phase"] == "investigation"
    assert seen["elapsed_s"] == 361
    assert {*seen["checklist"]} == {"done", "total"} and seen["checklist"]["done"] > 2
    assert {*seen["milestones"]} == {"started", "detected", "declared"}
    assert all(TIME.fullmatch(at) for at in (seen["next_update_at"], *seen["milestones"].values()))


def test_timeline_json_is_the_shape_scripts_rely_on(with_incident: CliHarness) -> None:
    rows = with_incident.run_ok("timeline", "--json").json
    assert all({*row} == {"seq", "id", "at", "kind", "by", "text"} for row in rows)
    assert [row["seq"] for row in rows] == [*range(1, len(rows) + 1)]
    assert rows[0]["kind"] == "declared" and rows[0]["by"] == "Bob"
    assert all(TIME.fullmatch(row["at"]) for row in rows)


def test_an_amended_entry_reads_as_amended_and_a_struck_out_one_says_so(with_incident: CliHarness) -> None:
    seq = str(with_incident.run_ok("note", "wrong", "--json").json["entries"][0]["seq"])
    id = next(row["id"] for row in with_incident.run_ok("timeline", "--json").json if str(row["seq"]) == seq)
    with_incident.run_ok("amend", id[:23], "--text", "right", "--at", "-3m")
    row = next(r for r in with_incident.run_ok("timeline", "--json").json if str(r["seq"]) == seq)
    assert row["text"] == "right" and row["at"] < START.isoformat()
    with_incident.run_ok("retract", seq)
    row = next(r for r in with_incident.run_ok("timeline", "--json").json if str(r["seq"]) == seq)
    assert row["retracted"] is True
    assert "(retracted) right" in with_incident.run_ok("timeline").out


def test_a_scrubbed_entry_says_who_did_it_and_what_cannot_be_recalled(with_incident: CliHarness) -> None:
    with_incident.run_ok("update", "--impact", "Jane Doe cannot pay", "--wait", "10s")
    rows = with_incident.run_ok("timeline", "--json").json
    seq = str(next(row["seq"] for row in rows if "Jane Doe" in row["text"]))
    refused = with_incident.run("scrub", seq)
    assert refused.status == 1 and "Add --yes" in refused.err and "Jane Doe" in with_incident.run_ok("timeline").out
    done = with_incident.run_ok("scrub", seq, "--yes", "--reason", "a customer's name", "--no-wait")
    assert f"entry {seq} scrubbed: a customer's name" in done.out
    assert "Cannot be recalled: posted to" in done.err
    seen = with_incident.run_ok("timeline", "--json").json[int(seq) - 1]
    assert seen["scrubbed"] is True and seen["text"].startswith("scrubbed by Bob, 2026-")
    assert with_incident.run_ok("search", "Jane").out == ""
    [again] = with_incident.run_ok("scrub", seq, "--yes", "--json").json
    assert again["seq"] == int(seq) and again["repeats"] == [] and again["problem"] is None
    assert with_incident.run("scrub", "99", "--yes").status == 1


def test_a_duplicate_says_so_in_the_list_and_in_its_status(with_incident: CliHarness) -> None:
    with_incident.run_ok("declare", "checkout-api", "Orders fail")
    with_incident.run_ok("close", "--incident", "INC-2", "--duplicate-of", "inc-1")
    assert "duplicate of INC-1" in with_incident.run_ok("list").out
    assert "DUPLICATE OF INC-1" in with_incident.run_ok("status", "--incident", "INC-2").out
    assert "Duplicates  " in with_incident.run_ok("status").out and with_incident.status()["duplicate_of"] is None
    assert with_incident.run("close", "--incident", "INC-1", "--duplicate-of", "INC-2").status == 1


def test_deliveries_json_is_the_shape_scripts_rely_on(with_incident: CliHarness) -> None:
    rows = with_incident.run_ok("deliveries", "--json").json
    assert all(
        [*row] == ["id", "seq", "destination", "state", "attempts", "next_attempt_at", "receipt", "error"]
        for row in rows
    )
    post = next(row for row in rows if row["seq"] == 3 and row["id"].endswith(".transcript.post"))
    assert post["state"] == "delivered" and post["attempts"] == 1
    assert post["receipt"]["url"].startswith("file://")


def test_the_list_says_on_which_day_an_incident_began(with_incident: CliHarness) -> None:
    with_incident.now += timedelta(days=40)
    assert "2026-01-28 04:04" in with_incident.run_ok("list").out  # in the team's zone


def test_status_lists_the_milestones_in_the_order_they_happened(with_incident: CliHarness) -> None:
    with_incident.run_ok("resolve", "--reason", "test")
    result = with_incident.run_ok("status").out
    assert result.index("Declared") < result.index("Mitigated") < result.index("Resolved ")


def test_status_tells_the_impact_of_a_resolved_incident_as_past(with_incident: CliHarness) -> None:
    assert "checkout-api · Card payments fail" in with_incident.run_ok("status").out
    with_incident.run_ok("resolve", "--reason", "test")
    result = with_incident.run_ok("status").out
    assert "checkout-api · impact was: Card payments fail" in result
    assert result.startswith("INC-1  RESOLVED  was Critical") and "CRITICAL" not in with_incident.run_ok("list").out


@pytest.fixture
def noisy(tmp_path: Path) -> CliHarness:
    """A desk with INC-1 declared, whose service logs errors at this moment."""
    log = tmp_path / "app.log"
    log.write_text(f"{START + timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ} ERROR pool timeout\n" * 3)
    cli_harness = CliHarness(tmp_path, SETTINGS + f'logs = ["{log}"]\n')
    cli_harness.run_ok("declare", "checkout-api", "Card payments fail")
    return cli_harness


def test_an_item_that_the_log_speaks_against_is_ticked_only_with_anyway(noisy: CliHarness) -> None:
    result = noisy.run("check", "no-new-errors")
    assert result.status == 1 and "3 errors in the last minute" in result.err and "--anyway" in result.err
    assert "although: 3 errors in the last minute" in noisy.run_ok("check", "no-new-errors", "--anyway").out
    assert noisy.status()["ticked_against"] == {"no-new-errors": "3 errors in the last minute"}
    assert "3 errors in the last minute" in noisy.run_ok("status").out
    assert "was checked although: 3 errors" in noisy.run_ok("postmortem", "suggestions").out


@pytest.mark.parametrize("verb", [["resolve"], ["state", "resolved"]])
def test_what_the_log_speaks_against_is_not_resolved_without_a_reason(noisy: CliHarness, verb: list[str]) -> None:
    noisy.run_ok("fix", "Rolled back")
    for item in ("health-checks", "journeys", "baseline", "customer-reports"):
        noisy.run_ok("check", item)
    noisy.run_ok("check", "no-new-errors", "--anyway")
    result = noisy.run(*verb)
    assert result.status == 1 and "not met: No new errors in logs — 3 errors" in result.err
    noisy.now += timedelta(minutes=2)
    noisy.run_ok(*verb)


def test_a_quiet_log_is_ticked_without_asking(noisy: CliHarness) -> None:
    noisy.now += timedelta(minutes=2)
    assert "although" not in noisy.run_ok("check", "no-new-errors").out


def test_a_section_can_be_left_empty(with_incident: CliHarness) -> None:
    assert "Nothing to report" not in with_incident.run_ok("postmortem").out
    with_incident.run_ok("section", "could_improve", "--empty")
    assert "Nothing to report" in with_incident.run_ok("postmortem").out
    result = with_incident.run("section", "could_improve")
    assert result.status == 2 and "--empty" in result.err


def test_list_json_is_a_list_of_status_objects(with_incident: CliHarness) -> None:
    with_incident.run_ok("declare", "search", "Slow")
    rows = with_incident.run_ok("list", "--json").json
    assert [row["id"] for row in rows] == ["INC-2", "INC-1"]
    status = with_incident.run_ok("status", "--json", "--incident", "INC-1").json
    assert status["next"][0]["action"] and status["observation"] is None, "what the status alone has"
    assert rows[1] == {key: status[key] for key in rows[1]} | {"elapsed_s": rows[1]["elapsed_s"]}


@pytest.mark.parametrize(
    "arguments",
    [
        ["ack"],
        ["note", "x"],
        ["severity", "high", "--reason", "r"],
        ["update"],
        ["assign", "ic", "Bob"],
        ["action", "x"],
        ["check", "baseline"],
    ],
    ids=" ".join,
)
def test_what_a_verb_wrote_and_sent_is_json_too(with_incident: CliHarness, arguments: list[str]) -> None:
    result = with_incident.run_ok(*arguments, "--json").json
    assert {*result} == {"id", "entries", "deliveries"} and result["id"] == "INC-1"
    assert all({*entry} == {"seq", "id", "at", "kind", "by", "text"} for entry in result["entries"])
    assert all(delivery["state"] == "delivered" for delivery in result["deliveries"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["actions"],
        ["ready"],
        ["alert"],
        ["playbook"],
        ["playbook", "severities"],
        ["doctor"],
        ["postmortem"],
        ["export"],
        ["update", "--preview"],
    ],
    ids=" ".join,
)
def test_whatever_else_is_shown_is_json_too(with_incident: CliHarness, arguments: list[str]) -> None:
    assert isinstance(with_incident.run_ok(*arguments, "--json").json, dict | list)


def test_times_are_shown_in_the_teams_zone(with_incident: CliHarness) -> None:
    assert "04:04:06" in with_incident.run_ok("timeline").out


HOSTILE = "a\x1b[31mb\x9b2Jc\u202ed\u2066e\x07f\u200bg"


def test_hostile_text_comes_out_inert(with_incident: CliHarness) -> None:
    with_incident.run_ok("note", HOSTILE)
    with_incident.run_ok("declare", HOSTILE, HOSTILE)
    for arguments in (["timeline"], ["status"], ["list"], ["deliveries"], ["postmortem"], ["export"]):
        for more in ([], ["--json"]):
            result = with_incident.run_ok(*arguments, *more, "--incident", "INC-1")
            result.out += with_incident.run_ok(*arguments, *more, "--incident", "INC-2").out
            seen = result.out + result.err
            assert all(c.isprintable() or c == "\n" for c in seen), (arguments, ascii(seen))


def test_even_what_nobody_made_inert_is_printed_inert(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_out(HOSTILE)
    output.print_err(HOSTILE)
    output.table([[HOSTILE, HOSTILE]], header=["x", "y"])
    output.data({"x": HOSTILE + "\ud800"})
    seen = capsys.readouterr()
    assert all(c.isprintable() or c == "\n" for c in seen.out + seen.err)
    assert json.loads(output.as_json(HOSTILE + "😀\ud800")) == HOSTILE + "😀\ud800"


def test_an_error_that_repeats_what_was_typed_is_inert(with_incident: CliHarness) -> None:
    for verb in (["check"], ["severity"], ["assign", "ic"], [], ["done"], ["delivery", "--sent"], ["--incident"]):
        arguments = [*verb, HOSTILE, *(["status"] if verb == ["--incident"] else [])]
        result = with_incident.run(*arguments)
        assert result.status in (0, 1, 2)
        assert all(c.isprintable() or c == "\n" for c in result.err), (arguments, ascii(result.err))


def test_secrets_that_are_typed_are_masked_before_they_are_kept(with_incident: CliHarness) -> None:
    token = "xoxb-" + "123456789012-abcdefghijklmnopqrstuvwx"
    with_incident.run_ok("note", f"used {token}")
    with_incident.run_ok("pin", "app.log", f"token={token}")
    assert token not in with_incident.run_ok("export", "--format", "json").out
    assert token.encode() not in b"".join(
        file.read_bytes() for file in with_incident.data.rglob("*") if file.is_file()
    )


def test_columns_line_up_for_wide_characters(capsys: pytest.CaptureFixture[str]) -> None:
    output.table([["日本", "x"], ["ab", "y"]])
    assert capsys.readouterr().out == "日本  x\nab    y\n"


# ── refusals and usage ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["resolve"], "○ No fix is recorded"),
        (["resolve"], "○ Not verified: Service health checks passing"),
        (["close"], "INC-1 is not resolved"),
        (["reopen", "x"], "INC-1 is open"),
        (["severity", "low"], "needs a reason"),
        (["severity", "enormous"], "critical, high, medium, low"),
        (["note", "x", "--change"], "rollback"),
        (["note", " "], "empty"),
        (["assign", "king", "Bob"], "incident_commander"),
        (["release", "ic"], "Nobody is"),
        (["accept", "ic"], "not been offered"),
        (["check", "zzz"], "warroom playbook lists them"),
        (["uncheck", "baseline"], "not done"),
        (["amend", "99", "--text", "x"], "has no entry 99"),
        (["retract", "1"], "cannot be retracted"),
        (["milestone", "birth", "now"], "started"),
        (["milestone", "started", "+5m"], "future"),
        (["section", "poetry", "x"], "root_cause"),
        (["done", "A9"], "no action item"),
        (["action", "x", "--due", "soon"], "not a day"),
        (["update", "--audience", "customers"], "incident commander's OK"),
        (["update", "--template", "postmortem"], "declaration, update"),
        (["update", "--to", "nowhere"], "no destination"),
        (["update", "--next", "-5m"], "past"),
        (["delivery", "INC-1.9.x.post", "--sent"], "no delivery"),
        (["status", "--incident", "INC-9"], "no incident INC-9"),
        (["declare", "a", "b", "--alert", "7"], "No alert 7"),
        (["declare", "a", "b", "--started", "+1h"], "future"),
        (["alert", "--aside", "7"], "No alert 7"),
        (["alert", " "], "name is empty"),
        (["assign", "lead", "Bob"], "technical_lead or communications_lead"),
        (["ready", "health"], "There are: on-call"),
        (["playbook", "poems"], "checklists"),
        (["open"], "needs a terminal"),
        ([], "needs a terminal"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_refusal_says_why_and_writes_nothing(
    with_incident: CliHarness, arguments: list[str], reason: str
) -> None:
    before = with_incident.run_ok("timeline").out
    result = with_incident.run(*arguments)
    assert result.status == 1, result
    assert result.out == ""
    assert reason in result.err
    assert "Traceback" not in result.err
    assert with_incident.run_ok("timeline", "--incident", "INC-1").out == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["declrae", "x", "y"], "Did you mean declare?"),
        (["declare"], "SERVICE"),
        (["declare", "x", "y", "--started", "yesterday-ish"], "-10m"),
        (["ack", "--nope"], "--nope"),
        (["severity", "high", "--wait", "soon"], "10s"),
        (["deliveries", "--wait", "soon"], "10s"),
        (["amend", "1"], "--text"),
        (["delivery", "INC-1.4.transcript.post"], "--sent or --resend"),
        (["update", "--set", "x"], "FIELD=TEXT"),
        (["update", "--set", "poem=x"], "has no field poem"),
        (["export", "--format", "pdf"], "markdown"),
        (["demo", "--speed", "0"], "--speed"),
        (["logs"], "PATH"),
        (["alert", "--service", "x"], "name is missing"),
        (["alert", "--source", "x", "--detail", "y"], "name is missing"),
        (["alert", "--fired", "-1m"], "name is missing"),
        (["alert", "--aside", "1", "slow"], "--aside takes nothing else"),
        (["note", "Pool is full", "--fidning"], "There is no option --fidning. Did you mean --finding?\n"),
        (["list", "--jsn"], "There is no option --jsn. Did you mean --json?\n"),
        (["list", "--inc", "INC-1"], "Did you mean --incident?\n"),
        (["--setings", "x", "list"], "There is no option --setings. Did you mean --settings"),
        (["--nope", "list"], "There is no option --nope. warroom --help lists them."),
        (["stauts"], "Did you mean stats or status?"),
        (["note", "Pool is full", "-finding"], "put -- before it"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_in_the_command_line_ends_with_2(
    with_incident: CliHarness, arguments: list[str], words: str
) -> None:
    result = with_incident.run(*arguments)
    assert result.status == 2, result
    assert words in result.err
    assert result.out == ""


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (["section", "went_well"], "went well: {}"),
        (["note"], "{}"),
        (["fix"], "{}"),
        (["action"], " {}"),
        (["pin", "app.log"], "{}"),
        (["declare", "search"], "{}"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.parametrize("text", ["- a", "-20 % of payments", "-> moved", "--- Traceback", "-1", "—dash"])
def test_text_may_begin_with_a_dash(with_incident: CliHarness, arguments: list[str], kept: str, text: str) -> None:
    for words in ([text], ["--", f"{text} too"]):
        with_incident.run_ok(*arguments, *words)
        newest = with_incident.run_ok("list", "--json").json[0]["id"]
        texts = [row["text"] for row in with_incident.run_ok("timeline", "--incident", newest, "--json").json]
        assert any(kept.format(words[-1]) in result for result in texts), texts


@pytest.mark.parametrize("arguments", [["note"], ["section", "summary"], ["fix"], ["alert"]])
def test_text_from_stdin_is_kept_whole_or_refused(with_incident: CliHarness, arguments: list[str]) -> None:
    before = with_incident.run_ok("timeline", "--json").out
    for text, why in ((" " * stdin.MAX_TEXT_BYTES + "x", "longer than 1 MiB"), ("\n", "stdin was empty")):
        result = with_incident.run(*arguments, "-", given=text)
        assert (result.status, result.out) == (1, "") and why in result.err
    assert with_incident.run_ok("timeline", "--json").out == before
    assert with_incident.run_ok("alert", "--json").json == []
    longest = "ab\n" * 349_525 + "c"
    assert len(longest) == stdin.MAX_TEXT_BYTES
    with_incident.run_ok(*arguments, "-", given=longest)
    assert (
        json.dumps(longest)[1:-1]
        in with_incident.run_ok(*(["alert"] if arguments == ["alert"] else ["export"]), "--json").out
    )


@pytest.mark.parametrize("verb", ["note -", "section summary -", "alert -", "check -", "redact", "logs -"])
def test_a_closed_stdin_is_told_in_words(with_incident: CliHarness, verb: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'exec "{sys.executable}" -m warroom {verb} <&-'],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin", **with_incident.environ},
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("warroom: stdin is closed\n")


@pytest.mark.parametrize(
    ("role", "title"),
    [
        ("comms", "Communications lead"),
        ("comms-lead", "Communications lead"),
        ("cmdr", "Incident commander"),
        ("commander", "Incident commander"),
        ("tech", "Technical lead"),
        ("TL", "Technical lead"),
    ],
)
def test_a_role_may_be_named_by_what_people_call_it(with_incident: CliHarness, role: str, title: str) -> None:
    assert f"{title}: Alice Adams" in with_incident.run_ok("assign", role, "alice").out
    assert title in with_incident.run_ok("handover", role, "bob").out
    assert title in with_incident.run_ok("release", role).out


@given(typed=st.text(st.sampled_from("abcdelmnorstu -_"), max_size=12))
def test_whatever_is_typed_for_a_role_means_one_of_those_it_fits_or_names_them(typed: str) -> None:
    roles = [
        ("incident_commander", "Incident commander"),
        ("technical_lead", "Technical lead"),
        ("communications_lead", "Communications lead"),
    ]
    try:
        found = pick("role", typed, roles)
    except BadInput as error:
        assert sum(id in error.title for id, _ in roles) > 1
    except NotFound as error:
        assert all(id in error.remedy for id, _ in roles)
    else:
        assert pick("role", found, roles) == found
        # Every word that was typed stands for a word of the role, or for its initials.
        own = dict(roles)[found].casefold().split()
        parts = typed.casefold().replace("-", " ").replace("_", " ").split()
        assert all(any(part[0] == word[0] for word in own) for part in parts)


def test_with_several_open_the_one_meant_is_asked_for(with_incident: CliHarness) -> None:
    with_incident.run_ok("declare", "search", "Slow")
    result = with_incident.run("ack")
    assert result.status == 1
    assert "INC-1 (checkout-api)" in result.err and "--incident" in result.err
    with_incident.run_ok("ack", "--incident", "inc-1")
    assert "acknowledged" in with_incident.run_ok("status", "--json", "--incident", "INC-1").json["milestones"]


def test_status_shows_when_each_audience_is_due_an_update(with_incident: CliHarness) -> None:
    do = with_incident.run_ok
    assert list(with_incident.status()["updates_due"]) == ["team"]
    do("assign", "commander", "bob")
    do("update", "--audience", "customers", "--next", "+5m")
    do("update", "--audience", "executives", "--next", "+20m")
    due = with_incident.status()["updates_due"]
    assert list(due) == ["customers", "team", "executives"] and all(TIME.fullmatch(at) for at in due.values())
    rows = [line for line in do("status").out.splitlines() if "pdate" in line.partition("  ")[0]]
    assert [line.partition("  ")[0] for line in rows] == [
        "Update to customers",
        "Next update",
        "Update to executives",
    ]
    assert "customers update in 4 min" in do("status", "--short").out
    with_incident.now += timedelta(minutes=8)
    assert re.search(r"Update to customers +3 min overdue", do("status").out)
    assert "CUSTOMERS UPDATE 3 min OVERDUE" in do("status", "--short").out


def test_a_maintenance_notice_is_posted_by_its_template(with_incident: CliHarness) -> None:
    do = with_incident.run_ok
    do("assign", "commander", "bob")
    words = ["update", "--template", "customer_maint", "--set", "window_start=2026-01-31 22:00"]
    words += ["--set", "window-end=2h", "--impact", "Payments may fail for a minute"]
    seen = do(*words, "--preview", "--json").json
    assert "From: 2026-01-31 22:00 CET (21:00 UTC)" in seen["text"]
    assert "What to expect: Payments may fail" in seen["text"]
    assert seen["warnings"] == ["No rollback: say what happens if something goes wrong"]
    refused = with_incident.run(*words)
    assert refused.status == 1 and "A maintenance notice needs its rollback" in refused.err
    done = with_incident.run_ok(*words, "--set", "rollback=We go back to the version of today")
    assert "✓ transcript" in done.err
    assert "maintenance notice" in do("timeline").out
    assert list(with_incident.status()["updates_due"]) == ["team"]


def test_status_short_is_one_line_about_the_worst_open_incident_or_nothing(cli_harness: CliHarness) -> None:
    assert cli_harness.run_ok("status", "--short").out == ""
    cli_harness.run_ok("declare", "search-api", "Search is slow", "--severity", "low")
    cli_harness.run_ok(
        "declare", "checkout-api", "Card payments fail", "--severity", "critical", "--started", "-13m"
    )
    cli_harness.run_ok("assign", "incident_commander", "Bob", "--incident", "INC-2")
    line = cli_harness.run_ok("status", "--short").out
    assert re.fullmatch(r"● CRITICAL INC-2 13 min · IC Bob · update in \d+ min · \+1\n", line), line
    cli_harness.now += timedelta(hours=1)
    assert "UPDATE " in (late := cli_harness.run_ok("status", "--short").out) and " OVERDUE" in late
    assert "INC-1" in cli_harness.run_ok("status", "--short", "--incident", "INC-1").out


def test_with_nothing_declared_the_way_to_begin_is_told(cli_harness: CliHarness) -> None:
    result = cli_harness.run("status")
    assert result.status == 1 and "warroom declare" in result.err
    result = cli_harness.run_ok("list")
    assert result.out == "" and "warroom declare" in result.err
    assert cli_harness.run_ok("list", "--json").json == []


# ── the globals ───────────────────────────────────────────────────────────────────────────────────────────


def test_globals_count_before_and_after_the_verb(with_incident: CliHarness) -> None:
    for arguments in (["--json", "status"], ["status", "--json"]):
        assert with_incident.run_ok(*arguments).json["id"] == "INC-1"
    with_incident.run_ok("--as", "Before", "note", "x")
    with_incident.run_ok("note", "y", "--as", "After")
    with_incident.run_ok("--as", "Before", "note", "z", "--as", "Nearest")
    by = [row["by"] for row in with_incident.run_ok("timeline", "--json").json if row["kind"] == "note"]
    assert by == ["Before", "After", "Nearest"]
    assert with_incident.run("--incident", "INC-9", "status").status == 1


def test_a_flag_beats_the_environment_and_that_beats_the_file(cli_harness: CliHarness, tmp_path: Path) -> None:
    flagged = tmp_path / "flagged"
    cli_harness.run_ok("declare", "x", "in the environment's folder")
    cli_harness.run_ok("declare", "x", "in the flag's folder", "--data", str(flagged))
    assert cli_harness.status()["title"] == "in the environment's folder"
    assert cli_harness.run_ok("status", "--json", "--data", str(flagged)).json["title"] == "in the flag's folder"
    assert (flagged / JOURNAL).exists()

    del cli_harness.environ["WARROOM_AS"]
    other = tmp_path / "other.toml"
    other.write_text('[[team.people]]\nname = "Only Here"\n')
    cli_harness.run_ok("note", "x", "--as", "only")
    cli_harness.run_ok("note", "x", "--as", "only here", "--settings", str(other))
    by = [row["by"] for row in cli_harness.run_ok("timeline", "--json").json if row["kind"] == "note"]
    assert by == ["only", "Only Here"]


def test_the_usual_places_are_used_where_none_is_named(home: Path) -> None:
    folder = home / ".config" / "warroom"
    folder.mkdir()
    (folder / "settings.toml").write_text('[team]\ntimezone = "Asia/Tokyo"\n')
    environ = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "XDG_DATA_HOME": str(home / "d")}
    result = warroom("declare", "x", "y", "--as", "Me", **environ)
    assert result.status == 0, result
    assert "JST" in (home / "d" / "warroom" / "transcripts" / "INC-1.md").read_text()
    assert stat.S_IMODE((home / "d" / "warroom").stat().st_mode) == 0o700


# ── updates ───────────────────────────────────────────────────────────────────────────────────────────────

TWO = (
    SETTINGS
    + """
[destinations.room]
backend = "transcript"
path = "room/{incident}.md"
audiences = ["team"]
drills = false

[destinations.boss]
backend = "transcript"
path = "boss/{incident}.md"
audiences = ["team", "executives"]
"""
)


def test_a_preview_posts_nothing(with_incident: CliHarness) -> None:
    before = with_incident.kinds()
    result = with_incident.run_ok("update", "--impact", "Nothing works", "--preview")
    assert "Nothing works" in result.out and "── transcript" in result.out
    assert with_incident.kinds() == before


def test_an_update_goes_where_its_audience_is(tmp_path: Path) -> None:
    cli_harness = CliHarness(tmp_path, TWO)
    cli_harness.run_ok("declare", "x", "y")
    result = cli_harness.run_ok("update", "--audience", "exec", "--impact", "Big")
    assert "✓ boss" in result.err and "room" not in result.err
    result = cli_harness.run_ok("update", "--to", "boss")
    assert "✓ boss" in result.err and "✓ room" not in result.err
    assert cli_harness.run("update", "--audience", "exec", "--to", "room").status == 1


@pytest.mark.parametrize("template", ["update", "executive", "customer_update"])
def test_an_update_just_after_somebody_elses_is_refused_and_its_text_kept(tmp_path: Path, template: str) -> None:
    cli_harness = CliHarness(tmp_path)
    cli_harness.run_ok("declare", "x", "y")
    mine = ("update", "--template", template, "--approved-by", "Bob", "--next", "+25m")
    cli_harness.environ["WARROOM_AS"] = "Alan Ay"
    cli_harness.run_ok(*mine)
    cli_harness.environ["WARROOM_AS"] = "Bob"
    cli_harness.now += timedelta(seconds=20)
    result = cli_harness.run(*mine)
    assert result.status == 1 and result.out == ""
    assert re.search(r"Alan Ay posted update #2 to \w+.* 2\d s ago: ", result.err)
    assert "warroom update --anyway" in result.err and "saved as a draft" in result.err
    with SqliteJournal(cli_harness.data / JOURNAL) as journal:
        assert "+25m" in journal.draft(f"INC-1/{template}/Bob")
    cli_harness.run_ok(*mine, "--anyway")


def test_the_text_of_an_update_that_is_refused_is_kept(tmp_path: Path) -> None:
    hook = '[destinations.h]\nbackend = "webhook"\nurl = { env = "H" }\nmax_length = 150\n'
    cli_harness = CliHarness(tmp_path, hook)
    cli_harness.run_ok("declare", "x", "y", "--no-wait")
    result = cli_harness.run("update", "--impact", "No one can pay. " * 400, "--no-wait")
    assert result.status == 1 and "too long for h" in result.err and "saved as a draft" in result.err
    with SqliteJournal(cli_harness.data / JOURNAL) as journal:
        assert journal.draft("INC-1/update/Bob").count("No one can pay.") == 400


def test_words_for_nobody_are_said_to_reach_nobody(tmp_path: Path) -> None:
    cli_harness = CliHarness(tmp_path, TWO)
    cli_harness.run_ok("declare", "x", "y")
    result = cli_harness.run_ok("update", "--audience", "customers", "--approved-by", "alice")
    assert "No destination takes messages to customers" in result.err


def test_customers_hear_first_then_more_then_the_end(with_incident: CliHarness) -> None:
    with_incident.run_ok("assign", "ic", "Bob")
    received = []
    for _ in range(2):
        received.append(
            with_incident.run_ok("update", "--audience", "customers", "--preview", "--json").json["template"]
        )
        with_incident.run_ok("update", "--audience", "customers")
    with_incident.run_ok("resolve", "--reason", "test")
    received.append(
        with_incident.run_ok("update", "--audience", "customers", "--preview", "--json").json["template"]
    )
    assert received == ["customer_initial", "customer_update", "customer_resolution"]
    assert with_incident.run_ok("update", "--preview", "--json").json["template"] == "resolution"


def test_what_a_careful_colleague_would_say_is_said(with_incident: CliHarness) -> None:
    assert (
        "no fix is recorded"
        in with_incident.run_ok("update", "--eta", "+1h", "--actions", "a", "--actions", "b").err
    )


def test_a_drill_reaches_only_what_is_meant_for_drills(tmp_path: Path) -> None:
    cli_harness = CliHarness(tmp_path, TWO)
    cli_harness.run_ok("declare", "x", "y", "--drill")
    assert {row["destination"] for row in cli_harness.run_ok("deliveries", "--json").json} == {"boss"}


def test_an_alert_from_outside_cannot_make_a_drill_of_a_real_incident(tmp_path: Path) -> None:
    cli_harness = CliHarness(tmp_path, TWO)
    kept = cli_harness.run_ok("alert", "error_rate", "--source", "drill: monitor", "--json").json[0]
    assert kept["drill"] is False
    result = cli_harness.run_ok("declare", "x", "y", "--alert", str(kept["alert"]), "--json").json
    assert result["drill"] is False
    assert {row["destination"] for row in cli_harness.run_ok("deliveries", "--json").json} == {"room", "boss"}


def test_the_alert_of_a_drill_declares_a_drill_and_says_so(tmp_path: Path) -> None:
    cli_harness = CliHarness(tmp_path, TWO)
    with opened(tmp_path, TWO) as home:
        home.room.receive_alert(ReceiveAlert("error_rate", "monitor", fired_at=START, drill=True))
    listed = cli_harness.run_ok("alert")
    assert "(drill) error_rate" in listed.out
    result = cli_harness.run_ok("declare", "x", "y", "--alert", "1")
    assert "drill" in result.out and "belongs to a drill" in result.err
    assert cli_harness.status()["drill"] is True
    assert {row["destination"] for row in cli_harness.run_ok("deliveries", "--json").json} == {"boss"}


# ── documents ─────────────────────────────────────────────────────────────────────────────────────────────


def test_documents_are_written_whole_and_for_their_owner_alone(with_incident: CliHarness, tmp_path: Path) -> None:
    for name, arguments in {
        "a.md": ["postmortem"],
        "b.html": ["postmortem", "--format", "html"],
        "c.json": ["export", "--format", "json"],
        "d.html": ["export", "--format", "html"],
    }.items():
        file = tmp_path / name
        result = with_incident.run_ok(*arguments, "--output", str(file))
        assert result.out == "" and str(file) in result.err
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert "INC-1" in file.read_text()
    assert json.loads((tmp_path / "c.json").read_text())["incident"]["id"] == "INC-1"
    result = with_incident.run("export", "--output", str(with_incident.settings / "x"))
    assert result.status == 1 and "--output" in result.err


def test_init_writes_settings_that_load_and_overwrites_none(tmp_path: Path, cli_harness: CliHarness) -> None:
    file = tmp_path / "sub" / "mine.toml"
    assert cli_harness.run_ok("init", "--path", str(file)).out.strip() == str(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    cli_harness.run_ok("list", "--settings", str(file))
    file.write_text("# mine\n")
    result = cli_harness.run("init", "--path", str(file))
    assert result.status == 1 and "already exists" in result.err
    assert file.read_text() == "# mine\n"


# ── doctor ────────────────────────────────────────────────────────────────────────────────────────────────


def test_doctor_looks_at_everything_and_changes_nothing(cli_harness: CliHarness) -> None:
    rows = {row["check"]: row for row in cli_harness.run_ok("doctor", "--json").json}
    assert {"settings", "you", "team", "playbook", "journal", "transcript"} <= {*rows}
    assert rows["you"]["text"] == "Bob"
    assert not cli_harness.data.exists()
    cli_harness.run_ok("declare", "x", "y")
    before = cli_harness.kinds()
    assert "OK" in cli_harness.run_ok("doctor").out
    assert cli_harness.kinds() == before


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ('[destinations.s]\nbackend = "slack"\ntoken = { env = "NO_SUCH" }\nchannel = "#x"\n', "NO_SUCH"),
        ('[destinations.s]\nbackend = "slak"\n', "no chat backend"),
        ("[team\n", "not valid TOML"),
        ('playbook = "gone.toml"\n', "no such file"),
        ('[console]\ntheme = "mauve"\n', "no theme mauve"),
        ('[console.keys]\nupdat = "f5"\n', "settings.toml:2 [console.keys] updat: there is no such action"),
        ('[console.keys]\nnote = "a"\n', "settings.toml:2 [console.keys] note: a is already the key of assign"),
        ('[console.keys]\nfix = "f9"\nnote = "f9"\n', "f9 is already the key of"),
        ('[console.keys]\nnote = "f5,ctrl+s"\n', "settings.toml:2 [console.keys] note: ctrl+s is reserved"),
        ('[console.keys]\nnote = ""\n', "settings.toml:2 [console.keys] note: names no key"),
    ],
)
def test_doctor_ends_with_3_where_settings_are_wrong(tmp_path: Path, settings: str, words: str) -> None:
    result = CliHarness(tmp_path, settings).run("doctor")
    assert result.status == 3, result
    assert words in result.out
    assert "✗" in result.out


def test_doctor_ends_with_1_where_something_else_is_wrong(cli_harness: CliHarness) -> None:
    cli_harness.run_ok("declare", "checkout-api", "x")
    (cli_harness.data / JOURNAL).write_bytes(b"not a journal")
    for file in cli_harness.data.glob(f"{JOURNAL}-*"):
        file.unlink()
    result = cli_harness.run("doctor")
    assert result.status == 1 and "✗" in result.out


@pytest.mark.parametrize(
    "keys", ['updat = "f5"', 'note = "a"', 'fix = "f9"\nnote = "f9"', 'note = "escape"', 'note = ""']
)
@pytest.mark.parametrize("verb", [["status"], ["declare", "x", "y"], ["logs", "-"], ["redact"]])
def test_keys_the_console_refuses_are_refused_by_every_verb(tmp_path: Path, keys: str, verb: list[str]) -> None:
    cli_harness = CliHarness(tmp_path, f"[console.keys]\n{keys}\n")
    result = cli_harness.run(*verb)
    assert result.status == 3 and "settings.toml:" in result.err and "[console.keys]" in result.err
    with pytest.raises(SettingsError):
        keymap(tomllib.loads(keys))


@given(
    own=st.dictionaries(
        st.sampled_from(["note", "fix", "update", "nope"]),
        st.sampled_from(["a", "f5", "f6", "f5,f6", "enter", "", ",", "u"]),
    )
)
def test_keys_that_are_not_refused_mean_one_action_each(own: dict[str, str]) -> None:
    wrong = key_mistakes(own)
    assert {mistake.path[-1] for mistake in wrong} <= set(own)
    if wrong:
        return
    keys = [key for action in ACTIONS for key in own.get(action.id, action.keys).split(",")]
    assert len(keys) == len(set(keys)) and all(keys)


def test_a_theme_file_the_console_cannot_read_is_told_by_doctor(cli_harness: CliHarness) -> None:
    themes = cli_harness.settings.parent / "themes"
    themes.mkdir()
    (themes / "mauve.toml").write_text("primary = 'mauve'\n")
    result = cli_harness.run("doctor")
    assert result.status == 3 and "mauve.toml:1 primary" in result.out


def test_doctor_knows_who_can_be_reached_and_who_sits_there(tmp_path: Path) -> None:
    people = '[[team.people]]\nname = "Alice"\nhandles = { slack = "U0123456" }\n[[team.people]]\nname = "Bob"\n'
    cli_harness = CliHarness(tmp_path, people)
    result = cli_harness.run_ok("doctor").out
    assert "no phone, e-mail or handle of Bob" in result
    assert re.search(r"✓  you +Bob", result)
    del cli_harness.environ["WARROOM_AS"]
    account = getpass.getuser()
    result = cli_harness.run_ok("doctor").out
    assert re.search(rf"!  you +{account}: your account name, which is not in \[\[team.people\]\]", result)
    assert "Say who you are with --as NAME" in result
    assert re.search(r"!  you +Zoe: a name that is not in", cli_harness.run_ok("doctor", "--as", "Zoe").out)


def test_a_verb_says_as_whom_it_acts_where_only_the_account_is_known(tmp_path: Path) -> None:
    cli_harness = CliHarness(tmp_path)
    del cli_harness.environ["WARROOM_AS"]
    warning = f"! You act as {getpass.getuser()}, who is not in [[team.people]]. Say who you are with --as NAME."
    assert warning in cli_harness.run_ok("declare", "x", "y").err
    assert warning in cli_harness.run_ok("note", "x").err
    assert "You act as" not in cli_harness.run_ok("status").err
    for somebody in ("Bob", "Zoe from the other team"):
        assert "You act as" not in cli_harness.run_ok("note", "x", "--as", somebody).err


BROKEN = {
    "no TOML": "[team\n",
    "unknown key": "[team]\nnmae = 'x'\n",
    "no playbook": "playbook = 'gone.toml'\n",
    "keys": "[console.keys]\nnote = 'a'\n",
    "not there": None,
}


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("how", ["environment", "flag", "usual place"])
def test_broken_settings_do_not_keep_anybody_from_declaring(
    tmp_path: Path, home: Path, broken: str, how: str
) -> None:
    cli_harness = CliHarness(tmp_path)
    usual = home / ".config" / "warroom" / "settings.toml"
    text = BROKEN[broken]
    if text is None:
        cli_harness.settings.unlink()
    else:
        cli_harness.settings.write_text(text)
    where: list[str] = []
    if how != "environment":
        del cli_harness.environ["WARROOM_DATA"]
        del cli_harness.environ["WARROOM_SETTINGS"]
        where = [
            "--data",
            str(cli_harness.data),
            *(["--settings", str(cli_harness.settings)] if how == "flag" else []),
        ]
    if how == "usual place":
        usual.parent.mkdir()
        usual.write_text(text or "x")
    result = cli_harness.run("declare", "checkout-api", "Card payments fail", *where)
    assert result.status == 3 and "To continue without settings, add --no-settings" in result.err
    assert not cli_harness.data.exists()
    result = cli_harness.run_ok("declare", "checkout-api", "Card payments fail", "--no-settings", *where)
    assert result.out.startswith("INC-1") and "✓ transcript" in result.err
    assert result.err.startswith("! Settings are ignored (--no-settings)")
    assert (cli_harness.data / JOURNAL).exists() and (cli_harness.data / "transcripts" / "INC-1.md").exists()
    result = cli_harness.run_ok("--no-settings", "update", "--impact", "Half of them", *where)
    assert "✓ transcript" in result.err

    # Mended, it is an incident like any other.
    cli_harness.settings.write_text(SETTINGS)
    usual.parent.mkdir(exist_ok=True)
    usual.write_text(SETTINGS)
    assert cli_harness.run_ok("status", "--json", *where).json["service"] == "checkout-api"
    assert "alice" in cli_harness.run_ok("assign", "commander", "alice", *where).out.lower()
    assert "Half of them" in cli_harness.run_ok("export", *where).out


def test_without_settings_nothing_that_waits_for_another_destination_is_given_up(tmp_path: Path) -> None:
    slack = '[destinations.slack]\nbackend = "slack"\nchannel = "#x"\ntoken = { env = "NO_SUCH" }\n'
    cli_harness = CliHarness(tmp_path, slack)
    cli_harness.run_ok("declare", "x", "y", "--no-wait")
    cli_harness.run_ok("update", "--no-settings", "--wait", "3s")
    states = {row["destination"]: row["state"] for row in cli_harness.run_ok("deliveries", "--json").json}
    assert states == {"slack": "pending", "transcript": "delivered"}


def test_a_console_without_settings_says_so_and_writes_no_theme(with_incident: CliHarness) -> None:
    with wiring.open_context(None, with_incident.data, "Bob", environ={}) as home:
        drill = home.drill_on_demand(with_incident.data / "drill")
        with_them, without = (deps(home, drill, no_settings=ignored) for ignored in (False, True))
    assert "Settings are ignored" in without.notice and without.save_theme is None
    assert not with_them.notice and with_them.save_theme is not None


@pytest.mark.parametrize(
    "verb",
    [["status"], ["note", "x"], ["ack"], ["update"], ["alert", "slow"], ["ready"], ["deliveries"], ["list"]],
    ids=lambda verb: verb[0],
)
def test_every_verb_on_the_journal_names_the_way_round_broken_settings(
    with_incident: CliHarness, verb: list[str]
) -> None:
    with_incident.settings.write_text("[team\n")
    result = with_incident.run(*verb)
    assert result.status == 3 and "--no-settings" in result.err
    with_incident.run_ok(*verb, "--no-settings")


def test_doctor_takes_a_pipe_for_a_log_and_a_device_for_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    logs = '[[services]]\nname = "{}"\nlogs = ["{}"]\n'
    settings = logs.format("one", tmp_path / "fifo") + logs.format("two", "/dev/null")
    result = CliHarness(tmp_path, settings).run("doctor").out
    assert "/dev/null is a device, not a log" in result and "fifo, 1 to read" in result


# ── wiring ────────────────────────────────────────────────────────────────────────────────────────────────


def opened(tmp_path: Path, settings: str, **environ: str) -> wiring.AppContext:
    file = tmp_path / "settings.toml"
    file.write_text(settings)
    return wiring.open_context(file, tmp_path / "data", "Bob", environ=environ)


def test_without_a_destination_a_transcript_takes_everything_drills_too(tmp_path: Path) -> None:
    with opened(tmp_path, "") as home:
        for audience in ("team", "customers", "executives"):
            assert home.room.updates.destinations(audience, drill=True) == ("transcript",)


@pytest.mark.parametrize(
    ("table", "place", "words"),
    [
        ('backend = "slak"', ":2 [destinations.hook] backend", "slack"),
        ('backend = "webhook"\nurl = "https://x.example/y"', ":3 [destinations.hook] url", "plain_secrets"),
        ('backend = "webhook"\nurl = { env = "GONE" }', ":3 [destinations.hook] url", "GONE"),
        ('backend = "webhook"\nurl = { env = "URL" }\nbodi = {}', ":4 [destinations.hook] bodi", "body"),
        ('backend = "webhook"', ":1 [destinations.hook] url", "missing"),
        ('backend = "webhook"\nurl = { env = "WORD" }', ":1 [destinations.hook]", "address"),
        (
            'backend = "webhook"\nurl = { env = "URL" }\nheaders = { Authorization = "Bearer tokentoken" }',
            ":4 [destinations.hook.headers] Authorization",
            "plaintext secret",
        ),
    ],
)
def test_a_destination_that_cannot_be_used_is_told_by_its_place(
    tmp_path: Path, table: str, place: str, words: str
) -> None:
    secrets = {"URL": "https://x.example/secret-path", "WORD": "s3cret-word"}
    with (
        opened(tmp_path, f"[destinations.hook]\n{table}\n", **secrets) as home,
        pytest.raises(SettingsError) as result,
    ):
        home.chat("hook")
    assert place in result.value.title, str(result.value)
    assert words in str(result.value)
    assert "secret-path" not in str(result.value) and "s3cret-word" not in str(result.value)
    assert "tokentoken" not in str(result.value)


def test_a_secret_in_clear_is_taken_where_the_person_insists(tmp_path: Path) -> None:
    table = '[destinations.hook]\nbackend = "webhook"\nurl = "https://x.example/y"\nplain_secrets = true\n'
    with opened(tmp_path, table) as home:
        assert home.chat("hook").max_length == 4000


def test_secrets_are_looked_up_only_to_send(tmp_path: Path) -> None:
    made = tmp_path / "looked-up"
    table = f'[destinations.hook]\nbackend = "webhook"\nurl = {{ command = ["touch", "{made}"] }}\n'
    with opened(tmp_path, table) as home:
        home.room.summaries()
        assert not made.exists()
        with pytest.raises(SettingsError):
            home.chat("hook")
        assert made.exists()


def test_a_destination_nobody_named_is_not_found(tmp_path: Path) -> None:
    with opened(tmp_path, "") as home, pytest.raises(NotFound):
        home.chat("elsewhere")


def test_a_transcript_without_a_path_lies_in_the_data_folder(tmp_path: Path) -> None:
    places = AppPaths.find({}, {"data": str(tmp_path / "there")})
    with opened(tmp_path, "") as home:
        chat = wiring.make_chat(home.settings.destinations["transcript"], places, {})
        assert isinstance(chat, GuardedChat) and isinstance(chat.backend, Transcript)
        assert str(tmp_path / "there") in str(chat.backend._path("INC-1"))


def test_the_logs_of_a_service_are_files_patterns_and_commands(tmp_path: Path) -> None:
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_text(f"{name} here\n")
    logs = '["*.log", "later.txt", { command = ["echo", "said"], name = "talker" }]'
    with opened(tmp_path, f'[[services]]\nname = "api"\nlogs = {logs}\n') as home:
        assert home.service_logs("other") == []
        view = LogView()
        try:
            home.watch_logs(view, "API", [tmp_path / "later.txt"])
            deadline = time.monotonic() + 10
            want = {"a.log here", "b.log here", "said"}
            while not want <= {row.text for row in view.rows(0, 99)}:
                assert time.monotonic() < deadline
            labels = [source.label for source in view.sources]
            assert labels[0] == "later.txt" and {"talker", "a.log", "b.log"} <= {*labels}
            assert labels.count("later.txt") == 1
        finally:
            view.close()


# ── logs ──────────────────────────────────────────────────────────────────────────────────────────────────

LOG = (
    "2026-01-28T03:04:05.678Z INFO started\n"
    "2026-01-28T03:04:06Z ERROR password=hunter2secret\n"
    "  at stock.py:88\n"
    "2026-01-28T03:04:07Z INFO \x1b]0;owned\x07 done"
)


def test_log_records_are_printed_safe(tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    file.write_text(LOG)
    result = warroom("logs", str(file))
    assert result.status == 0, result
    assert result.out.count("\n") == 4
    assert "hunter2" not in result.out and "\x1b" not in result.out
    rows = [json.loads(line) for line in warroom("logs", str(file), "--json").out.splitlines()]
    assert all({*row} == {"time", "level", "source", "line", "text"} for row in rows)
    assert rows[0] | {"text": ""} == {
        "time": "2026-01-28T03:04:05.678Z",
        "level": "info",
        "source": "app.log",
        "line": 1,
        "text": "",
    }
    assert [row["line"] for row in rows] == [1, 2, 3, 4]
    assert [row["level"] for row in rows] == ["info", "error", None, "info"]


def test_a_level_keeps_the_lines_that_go_on_from_it(tmp_path: Path) -> None:
    result = warroom("logs", "-", "--level", "error", given=LOG)
    assert [line.split()[0] for line in result.out.splitlines()] == ["2026-01-28T03:04:06Z", "at"]


def test_a_followed_pipe_ends_with_it(tmp_path: Path) -> None:
    result = warroom("logs", "-", "--follow", "--json", given=LOG)
    assert result.status == 0
    assert [json.loads(line)["line"] for line in result.out.splitlines()] == [1, 2, 3, 4]


def test_a_followed_file_shows_what_is_appended(tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    file.write_text("one\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "warroom", "logs", str(file), "--follow"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    try:
        assert process.stdout.readline() == "one\n"
        with file.open("a") as writer:
            writer.write("two\n")
        assert process.stdout.readline() == "two\n"
    finally:
        process.terminate()
        process.stdout.close()
    assert process.wait(10) == 143


def test_a_log_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    file.write_text("here\n")
    result = warroom("logs", str(tmp_path / "gone"), str(file))
    assert result.status == 1
    assert result.out == "here\n"
    assert "gone: no such file" in result.err


def test_redact_is_a_filter() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA75\n-----END RSA PRIVATE KEY-----\n"
    result = warroom("redact", given=f"password=hunter2secret\n{key}plain\nlast")
    assert result.status == 0
    lines = result.out.splitlines()
    assert "hunter2" not in result.out and "MIIE" not in result.out
    assert len(lines) == 6 and lines[-2:] == ["plain", "last"]


# ── the demo ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_demo_plays_from_alert_to_postmortem_without_a_screen(home: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine_too = {"WARROOM_DATA": str(mine), "WARROOM_SETTINGS": "/nowhere"}
    result = warroom("demo", TMPDIR=str(tmp_path), HOME=str(home), **mine_too)
    assert result.status == 0, result
    kinds = {line.split()[1] for line in result.out.splitlines() if line[:2].isdigit()}
    assert {"alert", "declared", "assigned", "evidence", "chat", "update", "fix", "resolved", "section"} <= kinds
    document = Path(result.out.splitlines()[-1])
    assert tmp_path in document.parents
    assert "# Incident Post-Mortem" in document.read_text()
    assert not mine.exists()


# ── help ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(params=sorted(VERBS))
def a_verb(request: pytest.FixtureRequest) -> Iterator[Verb]:
    command = cli.get_command(click.Context(cli), request.param)
    assert isinstance(command, Verb)
    yield command


def test_the_help_lists_what_the_modules_define(a_verb: Verb) -> None:
    family = next(family for family in FAMILIES if a_verb.name in family.verbs)
    assert (a_verb.section, a_verb.get_short_help_str(96)) == (family.section, family.verbs[str(a_verb.name)])


def test_every_verb_tells_in_one_line_what_it_does(a_verb: Verb) -> None:
    short = a_verb.get_short_help_str(limit=110)
    assert 10 < len(short) <= 110 and not short.endswith("...")
    result = CliRunner().invoke(cli, [str(a_verb.name), "--help"]).output
    assert "Example" in result and "--json" in result


def test_every_example_in_help_can_be_typed(a_verb: Verb) -> None:
    for line in a_verb.example.splitlines():
        line = re.sub(r"\s[<>]\s\S+", "", line.rpartition("| ")[2])
        words = shlex.split(line)
        assert words[0] == "warroom" and words[1] == a_verb.name
        with a_verb.make_context(words[1], words[2:], obj=CliContext()) as context:
            assert context.args == []


def test_every_option_says_what_it_is_for(a_verb: Verb) -> None:
    with click.Context(a_verb) as context:
        for option in a_verb.get_params(context):
            if isinstance(option, click.Option) and option.name != "form":
                assert option.help, option.opts


def test_help_lists_each_verb_once(cli_harness: CliHarness) -> None:
    result = cli_harness.run_ok("--help").out
    listed = re.findall(r"(?m)^  ([a-z][a-z-]*)  ", result)
    assert sorted(listed) == sorted(VERBS)


# ── what a start costs ────────────────────────────────────────────────────────────────────────────────────


def loaded(*arguments: str, **environ: str) -> set[str]:
    """The modules there are once this command line has run in a process of its own."""
    code = (
        "import atexit, sys; atexit.register(lambda: print('\\n@', *sys.modules, file=sys.stderr));"
        f"sys.argv[1:] = {list(arguments)!r}; from warroom.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", **environ},
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.rpartition("\n@")[2].split())


def test_help_loads_nothing_but_itself() -> None:
    assert not loaded("--help") & {
        "pydantic",
        "rich",
        "sqlite3",
        "warroom.config.settings",
        "asyncio",
        "textual",
        "httpx",
    }


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["list"], ["timeline"], ["deliveries"], ["actions"], ["playbook"], ["ready"], ["list", "--json"]],
    ids=" ".join,
)
def test_a_verb_that_only_looks_loads_no_screen_network_or_template(
    with_incident: CliHarness, arguments: list[str]
) -> None:
    modules = loaded(*arguments, **with_incident.environ)
    assert not modules & {"textual", "httpx", "jinja2", "asyncio", "warroom.tui", "warroom.connect.http"}


def test_what_is_left_in_the_outbox_is_left_without_the_network(tmp_path: Path) -> None:
    cli_harness = CliHarness(tmp_path, '[destinations.h]\nbackend = "webhook"\nurl = { env = "NOT_LOOKED_UP" }\n')
    modules = loaded("declare", "x", "y", "--no-wait", **cli_harness.environ)
    assert not modules & {"textual", "httpx"}
    rows = cli_harness.run_ok("deliveries", "--json").json
    assert {row["state"] for row in rows} == {"pending"} and {row["attempts"] for row in rows} == {0}


# ── on a terminal ─────────────────────────────────────────────────────────────────────────────────────────


def on_terminal(harness: CliHarness, *arguments: str, columns: int = 80, **environ: str) -> str:
    """What the installed program writes to a terminal of this width, escape sequences included."""
    leader, follower = os.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environ = {**os.environ, **harness.environ, "TERM": "xterm-256color", **environ}
    environ.pop("NO_COLOR", None) if "NO_COLOR" not in environ else None
    done = subprocess.run(
        [sys.executable, "-m", "warroom", *arguments], stdin=follower, stdout=follower, env=environ, timeout=60
    )
    os.close(follower)
    written = b""
    with contextlib.suppress(OSError):  # the end of a terminal's output is an error
        while part := os.read(leader, 65536):
            written += part
    os.close(leader)
    assert done.returncode == 0
    return written.decode().replace("\r\n", "\n")


PLAIN = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("answer", ["n", "y"])
def test_on_a_terminal_scrubbing_asks_first(with_incident: CliHarness, answer: str) -> None:
    seq = str(with_incident.run_ok("note", "Jane Doe", "--json").json["entries"][0]["seq"])
    leader, follower = os.openpty()
    os.write(leader, f"{answer}\n".encode())
    done = subprocess.run(
        [sys.executable, "-m", "warroom", "scrub", seq, "--no-wait"],
        stdin=follower,
        capture_output=True,
        text=True,
        env={**os.environ, **with_incident.environ},
        timeout=60,
    )
    os.close(follower)
    os.close(leader)
    assert "Jane Doe" in done.stderr and "Remove this text for good?" in done.stderr
    assert done.returncode == (0 if answer == "y" else 1), done
    assert ("Jane Doe" in with_incident.run_ok("timeline").out) is (answer == "n")


def test_a_terminal_gets_colours_and_lines_that_fit_and_a_pipe_gets_neither(with_incident: CliHarness) -> None:
    long = "the pool of fifty connections is exhausted because every retry opens a new connection and keeps it"
    with_incident.run_ok("note", long)
    shown = on_terminal(with_incident, "timeline")
    assert "\x1b[31m" in shown
    lines = PLAIN.sub("", shown).splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert long in " ".join(" ".join(lines).split())
    piped = with_incident.run_ok("timeline").out
    assert "\x1b" not in piped and any(line.endswith(long) for line in piped.splitlines())
    assert "\x1b[97m" in on_terminal(with_incident, "list")
    assert "\x1b" not in on_terminal(with_incident, "list", NO_COLOR="1")
    assert "\x1b" not in on_terminal(with_incident, "list", TERM="dumb")


def test_no_word_from_outside_brings_a_colour_of_its_own(with_incident: CliHarness) -> None:
    with_incident.run_ok("note", "\x1b[41mred\x1b[0m")
    shown = on_terminal(with_incident, "timeline", NO_COLOR="1")
    assert "red" in shown and "\x1b" not in shown


# ── alert sources ─────────────────────────────────────────────────────────────────────────────────────────


def test_alerts_lists_the_sources_with_their_last_poll(cli_harness: CliHarness, tmp_path: Path) -> None:
    assert "No alert sources" in cli_harness.run_ok("alerts").err
    tables = "".join(f'[alerts.{name}]\nbackend = "prometheus"\nurl = "https://x.example.com"\n' for name in "abc")
    cli_harness.settings.write_text(tables)
    with opened(tmp_path, tables) as home:
        at = cli_harness.now - timedelta(seconds=9)
        home.room.save_source_report("a", SourceReport(at, at, at, 3))
        home.room.save_source_report("b", SourceReport(at, problem="b is not read: wrong token"))
    listed = cli_harness.run_ok("alerts").out.splitlines()
    assert "3 firing" in listed[0] and "wrong token" in listed[1] and "not polled yet" in listed[2]
    found = cli_harness.run_ok("alerts", "--json").json
    assert [one["firing"] for one in found] == [3, 0, None]


def test_alerts_silence_says_why_it_cannot_and_what_to_type(cli_harness: CliHarness, tmp_path: Path) -> None:
    table = '[alerts.own]\nbackend = "command"\ncommand = ["true"]\n'
    cli_harness.settings.write_text(table)
    assert cli_harness.run("alerts", "silence").status == 2
    assert cli_harness.run("alerts", "--for", "2h").status == 2
    assert cli_harness.run("alerts", "silence", "1", "--for", "soon").status == 2
    missing = cli_harness.run("alerts", "silence", "1")
    assert missing.status == 1 and "No alert 1 fires" in missing.err
    with opened(tmp_path, table) as home:
        home.room.receive_alert(ReceiveAlert("DiskFull", "own", fingerprint="a"))
    refused = cli_harness.run("alerts", "silence", "1", "--for", "2h")
    assert refused.status == 1 and "own cannot silence an alert" in refused.err


def test_alerts_rules_prints_a_rule_for_each_service_and_names_what_it_does_not_know(
    cli_harness: CliHarness, tmp_path: Path
) -> None:
    (tmp_path / "playbook.toml").write_text('[alerts]\ncritical = ["error_rate_30percent", "moon_phase"]\n')
    cli_harness.settings.write_text('playbook = "playbook.toml"\n[[services]]\nname = "web"\n')
    done = cli_harness.run_ok("alerts", "rules", "--requests", "rpc_total", "--label", "svc")
    assert 'rpc_total{svc=\\"web\\"}' in done.out and "> 0.3" in done.out
    assert "moon_phase" in done.err and "moon_phase" not in done.out
    assert cli_harness.run("alerts", "--requests", "x").status == 2


def test_doctor_tries_each_alert_source(tmp_path: Path) -> None:
    table = '[alerts.{0}]\nbackend = "command"\ncommand = ["{0}"]\n'
    tables = table.format("true") + table.format("false")
    result = CliHarness(tmp_path, tables).run("doctor")
    assert "true prints 0 alerts" in result.out and "false ended with status 1" in result.out and result.status == 1


def test_a_console_polls_the_sources_of_its_settings_in_the_background(tmp_path: Path) -> None:
    alert = json.dumps({"key": "a", "title": "Disk full"})
    table = f"[alerts.cron]\nbackend = \"command\"\nservice = \"db\"\ncommand = ['printf', '{alert}']\n"
    with opened(tmp_path, table) as home:
        seen = home.room.change_count()
        home.jobs.start(*home.background_jobs())
        while not home.room.team().alerts:
            again = home.journal.wait_for_change(seen, 20)
            assert again != seen, "nothing was recorded in time"
            seen = again
        (kept,) = home.room.team().alerts.values()
        assert (kept.event.name, kept.event.service, kept.event.source) == ("Disk full", "db", "cron")


# ── probes ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def probed(tmp_path: Path) -> CliHarness:
    """A service whose probe ``health`` reads its exit status from a file."""
    command = json.dumps(["sh", "-c", f"echo as the file says; exit $(cat {tmp_path}/status)"])
    (tmp_path / "status").write_text("0")
    tables = f'[probes.health]\nkind = "command"\ncommand = {command}\n\n[probes.odd]\nkind = "tcp"\nhost = "x"\n'
    return CliHarness(tmp_path, f"{SETTINGS}\n{tables}")


def test_probes_are_listed_with_a_reading_taken_now(probed: CliHarness, tmp_path: Path) -> None:
    health, odd = probed.run_ok("probes", "--json").json
    assert (health["probe"], health["speaks"], health["text"]) == ("health", "for", "as the file says")
    assert odd["speaks"] == "neither" and odd["text"].startswith("cannot be measured: ")
    assert "[probes.odd] port: missing key" in odd["text"], "with the place of the mistake"
    (tmp_path / "status").write_text("2")
    result = probed.run_ok("probes", "health").out
    assert re.search(r"!  health +any service +exit status 2: as the file says", result)
    assert "odd" not in result


def test_readiness_is_measured_and_not_confirmed_against_what_is_measured(cli_harness: CliHarness) -> None:
    rows = {row["item"]: row for row in cli_harness.run_ok("ready", "--json").json}
    assert rows["templates"]["speaks"] == "for" and rows["templates"]["holds"]
    assert rows["alerts"]["reading"] == "no alert has ever arrived" and not rows["alerts"]["holds"]
    assert rows["celebrate"]["reading"] is None and rows["celebrate"]["confirmed_at"] is None
    refused = cli_harness.run("ready", "alerts")
    assert refused.status == 1 and "is contradicted: no alert has ever arrived" in refused.err
    assert re.search(r"!  alerts +\d{4}-\d\d-\d\d ", cli_harness.run_ok("ready", "alerts", "--anyway").out)
    cli_harness.run_ok("ready", "celebrate")
    cli_harness.now += timedelta(days=91)
    assert re.search(r"○  celebrate +\d{4}-\d\d-\d\d, expired ", cli_harness.run_ok("ready").out)


def test_doctor_measures_each_probe_once(probed: CliHarness) -> None:
    result = probed.run("doctor")
    assert re.search(r"✓  probe health +as the file says", result.out)
    assert re.search(r"✗  probe odd .*\[probes.odd\] port: missing key", result.out)
    assert result.status == 3


def test_an_item_that_its_probe_speaks_for_or_against(probed: CliHarness, tmp_path: Path) -> None:
    probed.run_ok("declare", "checkout-api", "Card payments fail")
    (tmp_path / "status").write_text("2")
    refused = probed.run("check", "health-checks")
    assert refused.status == 1 and "is contradicted: exit status 2: as the file says" in refused.err
    assert "exit status 2" in probed.run("resolve").err
    (tmp_path / "status").write_text("0")
    probed.run_ok("check", "health-checks")
    rows = probed.run_ok("timeline", "--json").json
    assert any("as the file says" in json.dumps(row, ensure_ascii=False) for row in rows), "kept"
    probed.run_ok("check", "journeys")


# ── on call ───────────────────────────────────────────────────────────────────────────────────────────────

PAGED = """
[[team.people]]
name = "Alice"
phone = "+49 1"
[[team.people]]
name = "Bob"
[on_call]
rotation = ["Alice", "Bob"]
starts = 2020-01-06
every = "1d"
[escalation]
severities = ["low"]
steps = [{ after = "0m", page = ["on-call"] }]
[paging.pager]
backend = "http"
url = "http://127.0.0.1:9"
trigger = { path = "/page" }
"""


def test_a_declaration_pages_and_status_says_what_became_of_the_escalation(tmp_path: Path) -> None:
    harness = CliHarness(tmp_path, PAGED)
    harness.run_ok("declare", "checkout", "down", "--severity", "low", "--no-wait")
    timeline = harness.run_ok("timeline").out
    assert "page Alice (declared) · pager" in timeline or "page Bob (declared) · pager" in timeline
    harness.run_ok("page", "Bob", "--reason", "the rollback needs you", "--no-wait")
    assert "page Bob (the rollback needs you) · pager" in harness.run_ok("timeline").out
    assert harness.run("page", "Bob", "--through", "nothing", "--no-wait").status == 1


def test_the_rota_is_shown_swapped_and_taken(tmp_path: Path) -> None:
    harness = CliHarness(tmp_path, PAGED)
    rows = harness.run_ok("oncall", "--json").json["shifts"]
    first, second = rows[0]["person"], rows[1]["person"]
    harness.run_ok("oncall", "take", second, "--until", "+1h")
    assert harness.run_ok("oncall", "--json").json["on_call"] == second
    assert first in harness.run_ok("oncall").out
    assert harness.run("oncall", "swap", "Alice", "Bob").status == 2
    people = harness.run_ok("contacts", "--json").json
    assert {"Alice", "Bob"} == {one["name"] for one in people} and "+49 1" in str(people)


@pytest.mark.parametrize(
    ("table", "mistake"),
    [
        ('[escalation]\nsteps = [{ after = "5m", page = ["Zoe"] }]', '"Zoe" is nobody'),
        ('[escalation]\nsteps = [{ after = "5 days", page = ["next"] }]', "must be a time"),
        ('[escalation]\nseverities = ["huge"]\nsteps = [{ after = "5m", page = ["next"] }]', "no severity"),
        ('[escalation]\nsteps = [{ after = "5m", page = ["next"], through = ["x"] }]', "not a paging service"),
        ('[on_call]\nschedule = "other"', "not a paging service"),
        ("[on_call]\nstarts = 2026-01-05", "needs rotation and starts"),
    ],
)
def test_a_mistake_about_paging_is_told_with_its_place(tmp_path: Path, table: str, mistake: str) -> None:
    pager = '[paging.pager]\nbackend = "http"\nurl = "http://127.0.0.1:9"\ntrigger = { path = "/page" }\n'
    result = CliHarness(tmp_path, f"{table}\n{pager}").run("list")
    assert result.status == 3 and mistake in result.err and "settings.toml:" in result.err
