"""Runbooks on disk: which files are read, which never; what a command gets, prints and leaves in the timeline."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.app import AppHarness
from hypothesis import given
from hypothesis import strategies as st

from warroom.config.loading import load
from warroom.config.settings import RunbookSettings, Settings
from warroom.errors import NotFound, NotSaved, Refusal, SettingsError
from warroom.incident.alerts import ReceiveAlert
from warroom.incident.commands import Declare
from warroom.incident.corrections import RetractEntry
from warroom.incident.events import EntryRetracted
from warroom.incident.readings import judged
from warroom.incident.runbook_events import RunbookStepDone, StepRunEnded, StepRunStarted
from warroom.room.readiness import built_in
from warroom.room.runbook_runs import (
    KEPT_CHARACTERS,
    LiveRun,
    PreparedRun,
    RunbookRuns,
    RunOutput,
    prepare_run,
)
from warroom.room.runbooks import MOST_BYTES, RunbookLibrary, read_library

WAIT_S = 10.0


def library(*folders: Path) -> RunbookLibrary:
    return read_library([str(folder) for folder in folders])


def said(found: RunbookLibrary) -> str:
    return "\n".join(map(str, found.problems))


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_markdown_in_the_folders_and_below_is_read_and_nothing_else(tmp_path: Path) -> None:
    for name in ("a.md", "shop/b.MD", "c.txt", ".hidden.md", ".git/d.md", "README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"# {name}\n- [ ] x\n")
    found = library(tmp_path)
    assert [file.name for file in found.files] == ["a", "shop/b"] and found.problems == ()


@pytest.mark.parametrize(
    "kind", ["link out", "folder out", "pipe", "large", "not text", "control", "twice", "gone"]
)
def test_what_may_not_be_read_is_told_and_the_others_are_read(tmp_path: Path, kind: str) -> None:
    folder, outside = tmp_path / "runbooks", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "secret.md").write_text("- [ ] secret\n")
    (folder / "good.md").write_text("- [ ] x\n")
    folders, words = [folder], ""
    match kind:
        case "link out":
            (folder / "bad.md").symlink_to(outside / "secret.md")
            words = "bad.md: is left out: it is a link out of the folder"
        case "folder out":
            (folder / "bad").symlink_to(outside)
        case "pipe":
            os.mkfifo(folder / "bad.md")
            words = "it is not a regular file"
        case "large":
            (folder / "bad.md").write_text("x" * (MOST_BYTES + 1))
            words = "it has more than 256 KiB"
        case "not text":
            (folder / "bad.md").write_bytes(b"\xff\xfe")
            words = "it is not UTF-8 text"
        case "control":
            (folder / "bad\x1b[2J.md").write_text("- [ ] x\n")
            words = "its name has control characters"
        case "twice":
            folders.append(outside)
            (outside / "good.md").write_text("- [ ] other\n")
            (outside / "secret.md").unlink()
            words = "good.md has its name"
        case "gone":
            folders.append(tmp_path / "nowhere")
            words = "nowhere: there is no such folder"
    found = library(*folders)
    assert [file.name for file in found.files] == ["good"] and [s.title for s in found.files[0].runbook.steps] == [
        "x"
    ]
    assert words in said(found) and bool(words) == bool(found.problems)
    assert "\x1b" not in said(found)


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("- [ ] x\n")
    (tmp_path / "b.md").symlink_to("a.md")
    assert [file.name for file in library(tmp_path).files] == ["a", "b"]


def test_without_a_settings_file_no_folder_of_the_present_place_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "planted.md").write_text("- [ ] x\n")
    monkeypatch.chdir(tmp_path)
    assert read_library(Settings().runbooks.folders) == RunbookLibrary()
    (tmp_path / "settings.toml").write_text("")
    assert [one.name for one in read_library(load(tmp_path / "settings.toml", {}).runbooks.folders).files] == [
        "planted"
    ]


def test_a_problem_names_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("---\nservice: x\n---\n- [ ] x\n")
    assert "a.md:2: service is not read; write services" in said(library(tmp_path))


def test_runbooks_are_found_by_name_title_and_their_beginnings(tmp_path: Path) -> None:
    (tmp_path / "checkout-api.md").write_text("# Checkout is down\n- [ ] x\n")
    (tmp_path / "checkout-db.md").write_text("# The database is full\n- [ ] x\n")
    found = library(tmp_path)
    for name in ("checkout-api", "CHECKOUT-API.md", "checkout is down", "checkout-a", "is down"):
        assert found.find(name).name == "checkout-api", name
    for name in ("checkout", "other", ""):
        with pytest.raises(NotFound):
            found.find(name)


def test_those_for_an_alert_come_before_those_for_the_service(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("---\nservices: [shop]\n---\n- [ ] x\n")
    (tmp_path / "b.md").write_text("---\nservices: [shop]\nalerts: [Slow*]\n---\n- [ ] x\n")
    (tmp_path / "shop.md").write_text("- [ ] x\n")
    (tmp_path / "other.md").write_text("---\nservices: [web]\n---\n- [ ] x\n")
    found = library(tmp_path).matching("Shop", ["SlowOrders"])
    assert [(one.file.name, one.reason) for one in found] == [
        ("b", "alert SlowOrders"),
        ("a", "service shop"),
        ("shop", "its file name"),
    ]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("folder = 'x'", "settings.toml:2 [runbooks] folder: unknown key"),
        ("run = 'maybe'", "settings.toml:2 [runbooks] run"),
        ("timeout_s = 0", "settings.toml:2 [runbooks] timeout_s"),
        ("environment = ['a b']", "settings.toml:2 [runbooks.environment #1]"),
        ("environment = ['WARROOM_SERVICE']", "is set by warroom itself"),
        (
            "environment = ['TOKEN']\n[destinations.chat]\nbackend = 'slack'\ntoken = { env = 'TOKEN' }",
            "settings.toml:2 [runbooks.environment #1]: TOKEN holds a secret of these settings",
        ),
    ],
)
def test_a_mistake_in_the_settings_is_told_with_its_place(tmp_path: Path, table: str, words: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f"[runbooks]\n{table}\n")
    with pytest.raises(SettingsError) as caught:
        load(file, {})
    assert words in str(caught.value), str(caught.value)


# ── commands ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[AppHarness]:
    (tmp_path / "runbooks").mkdir()
    given = RunbookSettings(
        folders=(str(tmp_path / "runbooks"),), run=True, timeout_s=20, environment=("KUBECONFIG",)
    )
    with AppHarness(tmp_path / "data", runbooks=given) as harness:
        yield harness


class Desk:
    """A declared incident and a runbook of one command, as a console has them."""

    def __init__(self, harness: AppHarness, command: str, header: str = "", **declared: Any) -> None:
        self.harness, self.room = harness, harness.room
        self.folder = Path(harness.settings.runbooks.folders[0])
        self.path = self.folder / "checkout-api.md"
        self.write(command, header)
        self.incident_id = self.room.declare(Declare("checkout-api", "No orders", **declared)).incident.id
        environ = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "KUBECONFIG": "kube", "SLACK_TOKEN": "hidden"}
        self.runs = RunbookRuns(self.room, environ)

    def write(self, command: str, header: str = "") -> None:
        head = f"---\n{header}\n---\n" if header else ""
        self.path.write_text(f"{head}# Checkout\n\n- [ ] Restart it\n\n```sh\n{command}\n```\n")

    def prepare(self) -> PreparedRun:
        file = read_library(self.room.settings.runbooks.folders).find("checkout-api")
        return prepare_run(self.room, self.incident_id, file, file.runbook.steps[0].id)

    def run(self) -> LiveRun:
        run = self.runs.start(self.prepare())
        assert run.wait(WAIT_S)
        return run

    def events(self, kind: type[Any]) -> list[Any]:
        rows = self.room.incident(self.incident_id).rows
        return [row.entry.event for row in rows if isinstance(row.entry.event, kind)]


def until(seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_runs_is_what_was_previewed_and_its_result_is_in_the_timeline(harness: AppHarness) -> None:
    desk = Desk(harness, "echo one\necho two >&2\npwd")
    run = desk.run()
    assert run.result and run.result.output.splitlines() == ["one", "two", str(desk.folder)]
    assert run.result.status == 0 and run.problem is None
    assert desk.events(StepRunEnded) == [run.result]
    assert [event.command for event in desk.events(StepRunStarted)] == ["echo one\necho two >&2\npwd"]
    assert [event.because for event in desk.events(RunbookStepDone)] == ["exit status 0"]


def test_a_command_ends_at_its_first_failure_and_at_what_is_not_set(harness: AppHarness) -> None:
    assert (result := Desk(harness, "false\necho not reached").run().result) and result.status == 1
    assert result.output == ""
    assert (result := Desk(harness, "echo $NOT_SET").run().result) and result.status


def test_that_it_starts_is_on_disk_before_it_starts(harness: AppHarness) -> None:
    desk = Desk(harness, "touch ran")
    journal = desk.room.journal
    prepared = desk.prepare()

    def full(*args: Any, **how: Any) -> Any:
        raise NotSaved("The disk is full")

    append, journal.append = journal.append, full  # type: ignore[method-assign]
    with pytest.raises(NotSaved):
        desk.runs.start(prepared)
    journal.append = append  # type: ignore[method-assign]
    assert not (desk.folder / "ran").exists()


def test_an_end_that_cannot_be_recorded_is_told_and_what_it_printed_stays(harness: AppHarness) -> None:
    desk = Desk(harness, "echo done; while [ ! -e go ]; do sleep 0.02; done")
    run = desk.runs.start(desk.prepare())

    def full(*args: Any, **how: Any) -> Any:
        raise NotSaved("The disk is full")

    desk.room.journal.append = full  # type: ignore[method-assign]
    (desk.folder / "go").touch()
    assert run.wait(WAIT_S)
    assert run.result is None and "disk is full" in str(run.problem) and run.output.text() == "done"


def test_a_file_that_changed_since_the_preview_is_previewed_again(harness: AppHarness) -> None:
    desk = Desk(harness, "touch first")
    prepared = desk.prepare()
    desk.write("touch second")
    with pytest.raises(Refusal, match="changed since the preview"):
        desk.runs.start(prepared)
    assert sorted(os.listdir(desk.folder)) == ["checkout-api.md"] and not desk.events(StepRunStarted)
    assert desk.prepare().command == "touch second"
    desk.path.write_text("- [ ] something else\n")
    with pytest.raises(NotFound, match="no longer in"):
        desk.runs.start(prepared)
    desk.path.unlink()
    with pytest.raises(NotFound, match="cannot be read again"):
        desk.runs.start(prepared)


def test_only_a_clean_environment_and_the_incident_reach_a_command(harness: AppHarness) -> None:
    desk = Desk(harness, "env")
    evil = "x'; touch owned; $(touch owned) `touch owned` \x1b[2J\nPATH=/evil"
    desk.room.receive_alert(
        ReceiveAlert("Orders; touch owned", service="checkout-api", labels={"instance": evil, "a b;c": "1"})
    )
    (alert,) = desk.room.team().alerts
    desk.incident_id = desk.room.declare(Declare("checkout-api", "$(touch owned)"), alert=alert).incident.id
    result = desk.run().result
    assert result
    got = dict(line.partition("=")[::2] for line in result.output.splitlines())
    ours = {name.removeprefix("WARROOM_"): value for name, value in got.items() if name.startswith("WARROOM_")}
    assert set(got) - {f"WARROOM_{name}" for name in ours} <= {
        "PATH",
        "HOME",
        "KUBECONFIG",
        "PWD",
        "SHLVL",
        "_",
        "OLDPWD",
    }
    assert got["PATH"] == os.environ["PATH"] and got["KUBECONFIG"] == "kube"
    assert ours["ALERT"] == "Orders; touch owned" and ours["IMPACT"] == "$(touch owned)"
    assert ours["ALERT_LABEL_instance"] == "x'; touch owned; $(touch owned) `touch owned` ␛[2J PATH=/evil"
    assert ours["ALERT_LABEL_a_b_c"] == "1" and ours["SERVICE"] == "checkout-api" and ours["STEP"] == "1"
    assert os.listdir(desk.folder) == ["checkout-api.md"]


def test_an_alert_that_was_retracted_does_not_reach_a_command(harness: AppHarness) -> None:
    desk = Desk(harness, "true")
    desk.room.receive_alert(ReceiveAlert("Wrong", service="checkout-api"))
    (alert,) = desk.room.team().alerts
    desk.incident_id = desk.room.declare(Declare("checkout-api", "x"), alert=alert).incident.id
    assert desk.prepare().variables["WARROOM_ALERT"] == "Wrong"
    desk.room.execute(desk.incident_id, RetractEntry(str(alert)))
    assert desk.events(EntryRetracted) and "WARROOM_ALERT" not in desk.prepare().variables


def test_output_is_redacted_and_bounded_before_it_is_kept(harness: AppHarness) -> None:
    token = "xoxb-" + "1234567890-1234567890-abcdefABCDEFabcdefABCDEF"
    desk = Desk(harness, f"printf 'token {token[:20]}'; printf '{token[20:]}\\033[31m!\\n'; seq 1 20000")
    result = desk.run().result
    assert result and len(result.output) <= KEPT_CHARACTERS + 100
    assert result.output.endswith("\n20000") and "earlier lines are left out" in result.output
    assert token not in result.output
    first = Desk(harness, f"printf 'token {token[:20]}'; printf '{token[20:]}\\033[31m!\\n'").run().result
    assert first and "‹redacted:slack-token›" in first.output and "\x1b" not in first.output


@given(st.lists(st.binary(max_size=12)), st.integers(1, 40))
def test_however_output_is_cut_into_pieces_the_same_is_kept(pieces: list[bytes], most: int) -> None:
    def fed(*pieces: bytes) -> str:
        output = RunOutput(most=most)
        for piece in pieces:
            output.feed(piece)
        output.feed(b"", final=True)
        return output.text()

    assert fed(*pieces) == fed(b"".join(pieces))


def test_a_command_is_ended_at_its_limit_with_what_it_started(harness: AppHarness) -> None:
    settings = harness.settings.runbooks.model_copy(update={"timeout_s": 1})
    harness.room.settings = harness.settings.model_copy(update={"runbooks": settings})
    desk = Desk(
        harness, "sh -c 'echo $$ > child; exec sleep 60' &\nwhile [ ! -s child ]; do sleep 0.01; done\nsleep 60"
    )
    result = desk.run().result
    assert result and result.outcome == "timed out" and result.status is None
    assert result.result.startswith("timed out after 1.")
    child = int((desk.folder / "child").read_text())
    until(lambda: not alive(child))


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_a_command_leaves_behind_holds_up_nobody_and_is_ended(harness: AppHarness) -> None:
    desk = Desk(harness, "sleep 60 &\necho $! > child")
    result = desk.run().result
    assert result and result.status == 0 and result.seconds < 5
    until(lambda: not alive(int((desk.folder / "child").read_text())))


def test_a_person_can_stop_it_and_so_does_leaving_the_console(harness: AppHarness) -> None:
    desk = Desk(harness, "echo begun; exec sleep 60")
    run = desk.runs.start(desk.prepare())
    until(lambda: run.output.text() == "begun")
    step = run.prepared.step.id
    assert desk.runs.running(desk.incident_id, "checkout-api", step, 1) is run
    with pytest.raises(Refusal, match="Alice has this running"):
        desk.runs.start(desk.prepare())
    run.stop()
    assert run.wait(WAIT_S) and run.result and run.result.outcome == "stopped"
    again = desk.runs.start(desk.prepare())
    desk.runs.stop()
    assert again.result and again.result.outcome == "stopped"
    assert desk.runs.running(desk.incident_id, "checkout-api", step, 1) is None


def test_a_command_that_cannot_be_started_says_so(harness: AppHarness) -> None:
    desk = Desk(harness, "true")
    desk.runs = RunbookRuns(desk.room, {"PATH": "no\0path"})
    result = desk.run().result
    assert result and result.outcome == "not started" and result.result == "could not be started"


REFUSED = {
    "off": ("", "", "run no commands"),
    "drill": ("", "", "is a drill"),
    "hidden": ("echo a\u202eb", "", "invisible characters"),
    "writable": ("", "", "cannot be trusted"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_it_says_why_a_command_may_not_run(harness: AppHarness, why: str) -> None:
    command, header, words = REFUSED[why]
    desk = Desk(harness, command or "touch ran", header, **({"drill": True} if why == "drill" else {}))
    if why == "off":
        off = harness.settings.runbooks.model_copy(update={"run": False})
        harness.room.settings = harness.settings.model_copy(update={"runbooks": off})
    if why == "writable":
        desk.path.chmod(0o666)
    with pytest.raises(Refusal, match=words) as caught:
        desk.prepare()
    assert caught.value.remedy


def test_a_runbook_for_drills_runs_in_a_drill(harness: AppHarness) -> None:
    desk = Desk(harness, 'test "$WARROOM_DRILL" = true', "drills: true", drill=True)
    assert (result := desk.run().result) and result.status == 0


# ── readiness ─────────────────────────────────────────────────────────────────────────────────────────────


def test_readiness_says_which_service_has_no_runbook(harness: AppHarness) -> None:
    folder, room = Path(harness.settings.runbooks.folders[0]), harness.room
    item = room.playbook.item("runbooks")
    assert (found := built_in(room, item)) and found.against and "there is no runbook" in found.text
    (folder / "checkout-api.md").write_text("- [ ] x\n")
    assert built_in(room, item) == judged(False, "no runbook for search-api")
    (folder / "search.md").write_text("---\nservices: [search-api]\n---\n- [ ] x\n")
    assert built_in(room, item) == judged(True, "2 runbooks, every service has one")
    (folder / "search.md").write_text("---\nservices [search-api]\n---\n- [ ] x\n")
    found = built_in(room, item)
    assert found and found.against and "search.md:2" in found.text
