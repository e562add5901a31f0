"""The command line when things go wrong: settings, disk, network, signals, other processes. Nothing is lost, and
what happened is said in words."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import random
import re
import resource
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from harness import servers
from harness.ids import numbered
from harness.leaks import ECHOES, holds
from harness.program import ForkedProgram

from warroom.cli.context import CliContext
from warroom.cli.main import run
from warroom.cli.verbs import response
from warroom.config.paths import JOURNAL

DEADLINE_S = 60.0


class Program:
    """The program in processes of its own, on one data folder."""

    def __init__(self, folder: Path, settings: str = "") -> None:
        self.folder = folder
        self.data = folder / "data"
        self.settings = folder / "settings.toml"
        self.settings.write_text(settings)
        self.environ = {
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TMPDIR": str(folder),
            "HOME": str(folder),
            "WARROOM_SETTINGS": str(self.settings),
            "WARROOM_DATA": str(self.data),
            "WARROOM_AS": "Bob",
        }

    @property
    def journal(self) -> Path:
        return self.data / JOURNAL

    def start(self, *arguments: str, **how: Any) -> ForkedProgram | subprocess.Popen[str]:
        """Start it; its streams are pipes unless ``how`` says otherwise."""
        if "preexec_fn" not in how:
            return ForkedProgram(arguments, self.environ, **how)
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            [sys.executable, "-m", "warroom", *arguments], text=True, env=self.environ, **{**pipes, **how}
        )

    def run(self, *arguments: str, **how: Any) -> tuple[int, str, str]:
        """Its exit status, stdout and stderr; never a traceback."""
        process = self.start(*arguments, **how)
        out, err = process.communicate(timeout=60)
        assert "Traceback" not in err, err
        return process.returncode, numbered(out or "", self.journal), numbered(err or "", self.journal)

    def does(self, *arguments: str) -> tuple[str, str]:
        """The same, and it has to succeed."""
        status, out, err = self.run(*arguments)
        assert status == 0, (arguments, out, err)
        return out, err

    def shows(self, *arguments: str) -> Any:
        """What it prints as JSON."""
        return json.loads(self.does(*arguments, "--json")[0])

    def states(self) -> dict[str, str]:
        """How each delivery stands."""
        return {row["id"]: row["state"] for row in self.shows("deliveries")}


def in_process(environ: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    """As ``Program.run``, in this process: for where many are run."""
    command = SimpleNamespace(
        main=lambda args, **_: sys.exit(run(args, CliContext(environ=environ))), name="warroom"
    )
    done = CliRunner().invoke(command, list(arguments))  # type: ignore[arg-type]
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def until(true: Callable[[], object]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


# ── settings and playbook ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("[team]\nnmae = 'x'\n", ":2 [team] nmae: unknown key"),
        ("[team\n", ":1: not valid TOML"),
        ("[team]\ntimezone = 'Mars'\n", ":2 [team] timezone"),
        ("[destinations.x]\naudiences = ['team']\n", "[destinations.x] backend: missing key"),
        ("playbook = 'gone.toml'\n", "gone.toml: cannot be read"),
        ("playbook = 'own.toml'\n", "own.toml:2 [severities.critical] responce_minutes: unknown key"),
    ],
)
@pytest.mark.parametrize("verb", [["status"], ["declare", "x", "y"]], ids=["reading", "writing"])
def test_wrong_settings_end_with_3_and_their_place(
    tmp_path: Path, settings: str, words: str, verb: list[str]
) -> None:
    (tmp_path / "own.toml").write_text("[severities.critical]\nresponce_minutes = 1\n")
    program = Program(tmp_path, settings)
    status, out, err = program.run(*verb)
    assert status == 3
    assert words in err
    assert out == ""
    assert not program.data.exists()


def test_a_settings_file_that_was_named_has_to_be_there(program: Program) -> None:
    status, _, err = program.run("list", "--settings", "/nowhere/at/all.toml")
    assert status == 3
    assert "/nowhere/at/all.toml" in err and "warroom init" in err


def test_a_template_that_cannot_be_used_is_found_before_anything_is_posted(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("[templates.update]\ntext = '{{ impcat }}'\n")
    program = Program(tmp_path, "playbook = 'own.toml'\n")
    status, _, err = program.run("declare", "x", "y")
    assert status == 3
    assert "own.toml" in err and "[templates.update]" in err and "impcat" in err
    assert program.shows("list") == []  # who only looks is not held up
    status, _, err = program.run("playbook", "check")
    assert status == 3


# ── the disk ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_where_the_data_folder_should_be_is_told(program: Program) -> None:
    program.data.write_text("mine")
    status, _, err = program.run("declare", "x", "y")
    assert status == 3
    assert "--data" in err and "a file stands in its place" in err
    assert program.data.read_text() == "mine"


def test_on_a_full_disk_nothing_is_half_kept_and_it_is_said(program: Program) -> None:
    # Python keeps a compiled module that was cut off by the limit, and every later process would fail over it.
    program.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    program.does("declare", "x", "y")
    before = program.shows("timeline")

    def full() -> None:
        # No file may grow beyond a page or so: what a disk without room does, without needing one.
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    status, out, err = program.run("note", "kept or not kept " * 500, preexec_fn=full)
    assert status == 1
    assert out == ""
    assert "not saved" in err.lower() or "disk" in err.lower(), err
    assert program.shows("timeline") == before
    program.does("note", "and now there is room")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own, which can be filled up and mounted read-only."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", place], capture_output=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip(f"file systems cannot be mounted here: {done.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture
def on_disk(disk: Path, tmp_path: Path) -> Program:
    """The program with an incident in a journal on that disk."""
    program = Program(tmp_path)
    program.environ["WARROOM_DATA"] = str(disk / "data")
    program.data = disk / "data"
    program.does("declare", "web", "payments fail", "--no-wait")
    return program


def fill_up(disk: Path) -> None:
    with suppress(OSError), (disk / "ballast").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def leave_hot(program: Program) -> None:
    """A log that is not folded in: what a killed console leaves."""
    code = (
        "import os, sys; from datetime import datetime, UTC; from pathlib import Path\n"
        "from warroom.journal.sqlite import SqliteJournal; from warroom.incident.events import Noted\n"
        f"j = SqliteJournal(Path({str(program.data / JOURNAL)!r})); n = j.version('INC-1')\n"
        "j.append('INC-1', n, [Noted(note='note', words='only in the log')], at=datetime.now(UTC), by='Ann')\n"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (program.data / f"{JOURNAL}-wal").stat().st_size > 0


LOOKING = [
    [verb]
    for verb in ["list", "status", "timeline", "deliveries", "postmortem", "export", "actions", "ready", "alert"]
]
READ_ONLY = "! The journal is read-only here ({}): you can read it, but nothing can be recorded."


@pytest.mark.parametrize("hot", [False, True], ids=["closed", "killed"])
@pytest.mark.parametrize("state", ["full", "full, temporary folder too", "read-only"])
def test_verbs_that_only_look_work_on_a_disk_that_cannot_be_written(
    on_disk: Program, disk: Path, state: str, hot: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = on_disk
    monkeypatch.setattr(tempfile, "tempdir", str(program.folder))

    def does(*verb: str) -> tuple[str, str]:
        status, out, err = in_process(program.environ, *verb)
        assert status == 0, (verb, out, err)
        return out, err

    if hot:
        leave_hot(program)
        (program.data / f"{JOURNAL}-shm").unlink()  # as after a restart of the machine
    if state == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        reason = "the disk is mounted read-only"
    else:
        if state != "full":
            (disk / "tmp").mkdir()
            monkeypatch.setattr(tempfile, "tempdir", str(disk / "tmp"))
        fill_up(disk)
        reason = "the disk is full"
    before = {path.name: path.read_bytes() for path in program.data.glob(f"{JOURNAL}*") if path.suffix != "-shm"}
    for verb in LOOKING:
        out, err = does(*verb)
        assert err.startswith(READ_ONLY.format(reason)), (verb, err)
        assert err.count("read-only here") == 1
    assert "payments fail" in does("list")[0]
    assert ("only in the log" in does("timeline")[0]) == hot
    for verb in (["note", "x"], ["declare", "a", "b"], ["ack"], ["alert", "fire", "--service", "web"]):
        status, out, err = in_process(program.environ, *verb)
        assert (status, out) == (1, "") and f"Not saved: {reason}" in err, err
    status, out, _ = in_process(program.environ, "doctor")
    assert reason in out
    after = {path.name: path.read_bytes() for path in program.data.glob(f"{JOURNAL}*") if path.suffix != "-shm"}
    assert {name: after.get(name) for name in before} == before, "what is saved is left as it is"
    assert [name for name in os.listdir(program.folder) if name.startswith("warroom-")] == [], "no copy is left"
    if state == "read-only":
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    else:
        (disk / "ballast").unlink()
    _, err = does("note", "and now it can be written")
    assert "read-only" not in err
    assert ("only in the log" in does("timeline")[0]) == hot


def test_an_append_that_finds_the_disk_full_says_full(on_disk: Program, disk: Path) -> None:
    from warroom.errors import NotSaved
    from warroom.journal.sqlite import SqliteJournal

    with SqliteJournal(on_disk.data / JOURNAL) as journal:
        fill_up(disk)
        with pytest.raises(NotSaved, match="the disk is full") as caught:
            journal.save_draft("k", "x" * 900_000)
        assert "Free some space" in caught.value.remedy
        assert journal.read("INC-1")


def test_a_demo_without_a_temporary_folder_says_so(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(**_: str) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "mkdtemp", fails)
    status, _, err = in_process(program.environ, "demo", "--plain")
    assert status == 1
    assert "cannot create its folder: no space left" in err and "TMPDIR" in err


def test_too_many_open_files_are_called_that(program: Program) -> None:
    program.does("declare", "web", "down", "--no-wait")
    code = f"""
import os, resource
from pathlib import Path
import encodings.idna, tempfile, random
from warroom.errors import JournalError
from warroom.journal.sqlite import SqliteJournal
path = Path({str(program.data / JOURNAL)!r})
resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
held = []
try:
    while True: held.append(os.open("/dev/null", os.O_RDONLY))
except OSError: pass
for spare in range(6):
    try:
        SqliteJournal(path, reads_anyway=True).close()
        print("opened")
    except JournalError as error:
        print(error.title)
    os.close(held.pop())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "The journal cannot be opened: too many files are open"
    assert set(lines) <= {lines[0], "opened"}


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "your disk quota is used up"),
        (errno.EROFS, "the disk is mounted read-only"),
        (errno.EMFILE, "too many files are open"),
        (errno.EFBIG, "a file may not grow any more"),
        (errno.EACCES, "cannot be written"),
    ],
)
def test_why_nothing_can_be_written_is_told_by_what_the_system_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int, words: str
) -> None:
    from warroom.journal import read_only as fallback

    def fails(_: int) -> None:
        raise OSError(number, os.strerror(number))

    assert fallback.why_not_written(tmp_path) is None
    monkeypatch.setattr(os, "fsync", fails)
    result = fallback.why_not_written(tmp_path)
    assert result and words in result[0] and result[1]
    assert os.listdir(tmp_path) == []


def test_a_journal_of_a_newer_warroom_is_refused_untouched(program: Program) -> None:
    program.does("declare", "x", "y")
    file = program.data / JOURNAL
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    before = file.read_bytes()
    for verb in (["status"], ["note", "x"], ["doctor"]):
        status, out, err = program.run(*verb)
        assert status == 1
        assert "newer warroom" in out + err
    assert file.read_bytes() == before


def test_a_file_that_is_no_journal_is_refused_untouched(program: Program) -> None:
    program.data.mkdir()
    file = program.data / JOURNAL
    file.write_text("my shopping list, which is longer than it should be")
    status, _, err = program.run("list")
    assert status == 1
    assert "not a journal" in err
    assert file.read_text().startswith("my shopping list")


def test_a_damaged_entry_is_told_by_every_verb_on_its_incident_and_by_doctor(program: Program) -> None:
    program.does("declare", "web", "down")
    program.does("note", "the pool is empty", "--incident", "INC-1")
    program.does("declare", "search", "slow")
    with sqlite3.connect(program.data / JOURNAL) as db:
        db.execute("UPDATE entries SET body = replace(body, 'pool', 'pond') WHERE body LIKE '%pool%'")
    db.close()
    for verb in ("status", "timeline", "export", "postmortem"):
        _, err = program.does(verb, "--incident", "INC-1")
        assert len(re.findall(r"! INC-1 is damaged from entry \d+ on", err)) == 1
        assert "damaged" not in program.does(verb, "--incident", "INC-2")[1]
    status, out, _ = program.run("doctor")
    assert status == 1
    assert "INC-1 is damaged from entry" in out and "are intact and can be read" in out


def test_entries_lost_with_the_log_are_told_until_the_note_of_it_is_deleted(program: Program) -> None:
    program.does("declare", "web", "down")
    file = program.data / JOURNAL
    older = file.read_bytes()
    program.does("note", "gone with the disk")
    file.write_bytes(older)
    for verb in ("list", "status", "ack"):
        _, err = program.does(verb)
        assert "! INC-1: entry 7 was saved but is missing" in err and f"delete {file}-lost" in err
    status, out, _ = program.run("doctor")
    assert status == 1 and "INC-1: entry 7 was saved" in out
    Path(f"{file}-lost").unlink()
    assert program.does("list")[1] == ""
    assert program.does("doctor")


def test_whatever_bytes_are_damaged_every_verb_ends_in_words(tmp_path: Path) -> None:
    environ = {"WARROOM_DATA": str(tmp_path), "WARROOM_AS": "Bob", "HOME": str(tmp_path)}

    def runs(*arguments: str) -> tuple[int, str]:
        status, _, err = in_process(environ, *arguments)
        return status, err

    for words in ("one", "two"):
        assert runs("declare", "wéb", words, "--no-wait")[0] == 0
        assert runs("note", "größer " * 40, "--incident", "INC-1")[0] == 0
    file = tmp_path / JOURNAL
    whole = file.read_bytes()
    chance = random.Random(6)
    refused = 0
    for _ in range(25):
        data = bytearray(whole)
        size = 4096 if chance.random() < 0.4 else len(data)
        for _ in range(chance.choice([1, 5, 80])):
            data[chance.randrange(size)] = chance.randrange(256)
        for name in tmp_path.glob(f"{JOURNAL}*"):
            name.unlink()
        file.write_bytes(data)
        for verb in (["list"], ["status", "--incident", "INC-1"], ["export", "--incident", "INC-2"], ["alert"]):
            status, err = runs(*verb)
            assert status in (0, 1) and "unexpected" not in err, (verb, err)
            refused += status
    assert refused > 4, "the damage must have been met for this to mean anything"


def test_output_that_cannot_be_written_is_told_but_done_is_done(program: Program) -> None:
    with Path("/dev/full").open("w") as full:
        status, _, err = program.run("declare", "x", "y", stdout=full)
    assert status == 1
    assert "no space left" in err
    assert program.shows("status")["id"] == "INC-1"


@pytest.mark.parametrize("verb", [["timeline"], ["logs", "big.log"], ["postmortem"], ["redact"]], ids=" ".join)
def test_a_reader_that_goes_away_is_no_error(program: Program, verb: list[str]) -> None:
    program.does("declare", "x", "y")
    big = program.folder / "big.log"
    big.write_text("line\n" * 200_000)
    reading, writing = os.pipe()
    os.close(reading)
    with big.open() as given, os.fdopen(writing, "w") as out:
        status, _, err = program.run(*verb, stdout=out, stdin=given, cwd=program.folder)
    assert status == 141
    assert err == ""


# ── the network ───────────────────────────────────────────────────────────────────────────────────────────


def hook(url: str, name: str = "hook", more: str = "") -> str:
    """Settings with a webhook there."""
    return f'[destinations.{name}]\nbackend = "webhook"\nurl = "{url}/in"\nplain_secrets = true\n{more}\n'


OK = servers.http_answer("200 OK")


def keys(server: servers.RawServer, program: Program) -> list[str]:
    """The deliveries that arrived, in their order, entries by their numbers."""
    lines = [line for request in server.requests for line in request.decode().splitlines()]
    found = [line.split(": ")[1] for line in lines if line.lower().startswith("idempotency-key")]
    return [numbered(key, program.journal) for key in found]


def test_a_post_is_waited_for_and_told(tmp_path: Path) -> None:
    with servers.RawServer(OK) as server:
        program = Program(tmp_path, hook(server.url))
        _, err = program.does("declare", "checkout-api", "Card payments fail")
        assert "✓ hook" in err
        _, err = program.does("update", "--impact", "Still failing")
        assert "✓ hook" in err
        assert keys(server, program) == ["INC-1.3.hook.post", "INC-1.5.hook.post"]
        body = json.loads(server.requests[1].partition(b"\r\n\r\n")[2])
    assert body["incident"] == "INC-1" and body["kind"] == "update" and "Still failing" in body["text"]
    assert program.states() == dict.fromkeys(program.states(), "delivered")


def test_a_server_that_never_answers_leaves_a_question_not_a_lie(tmp_path: Path) -> None:
    with servers.RawServer(...) as server:
        program = Program(tmp_path, hook(server.url))
        _, err = program.does("declare", "x", "y", "--wait", "8s")
        assert "? hook: outcome unknown" in err
        assert "warroom delivery INC-1.3.hook.post --sent or --resend" in err
        assert program.states()["INC-1.3.hook.post"] == "uncertain"
        assert len(keys(server, program)) == 1
        program.does("deliveries", "--wait", "2s")
        assert len(keys(server, program)) == 1, "it must not be tried again blindly"
    out, _ = program.does("delivery", "INC-1.3.hook.post", "--sent")
    assert "delivered" in out
    assert program.run("delivery", "INC-1.3.hook.post", "--sent")[0] == 1


def test_a_question_can_be_answered_by_sending_again(tmp_path: Path) -> None:
    with servers.RawServer(None, OK) as server:  # reset after it took the request
        program = Program(tmp_path, hook(server.url))
        _, err = program.does("declare", "x", "y")
        assert "outcome unknown" in err
        out, err = program.does("delivery", "INC-1.3.hook.post", "--resend")
        assert "delivered" in out and "✓ hook" in err
        assert keys(server, program) == ["INC-1.3.hook.post"] * 2


def test_a_refused_post_says_why_and_how_to_send_it_again(tmp_path: Path) -> None:
    with servers.RawServer(servers.http_answer("403 Forbidden", b'{"error": "no_permission"}'), OK) as server:
        program = Program(tmp_path, hook(server.url))
        status, _, err = program.run("declare", "x", "y")
        assert status == 0, "the decision is recorded"
        assert "✗ hook" in err and "no_permission" in err and "--resend" in err
        assert program.states()["INC-1.3.hook.post"] == "failed"
        program.does("delivery", "INC-1.3.hook.post", "--resend")
        assert program.states()["INC-1.3.hook.post"] == "delivered"


def test_what_could_not_go_out_is_kept_and_goes_with_the_next_verb_that_posts(tmp_path: Path) -> None:
    port = servers.free_port()
    program = Program(tmp_path, hook(f"http://127.0.0.1:{port}"))
    began = time.monotonic()
    status, _, err = program.run("declare", "x", "y", "--wait", "3s")
    assert status == 0 and "↻ hook" in err and "kept" in err
    assert time.monotonic() - began < 3 + ENOUGH_S
    assert program.states()["INC-1.3.hook.post"] == "pending"
    with servers.RawServer(OK) as server:
        program.settings.write_text(hook(server.url))
        until(lambda: program.does("update", "--wait", "3s") and keys(server, program))
        assert keys(server, program)[0] == "INC-1.3.hook.post", "and before what was said later"


def test_a_destination_without_channels_never_claims_to_have_opened_one(tmp_path: Path) -> None:
    program = Program(tmp_path, hook(f"http://127.0.0.1:{servers.free_port()}"))
    program.does("declare", "x", "y", "--wait", "5s")
    assert "INC-1.3.hook.post" in program.states()
    out, _ = program.does("deliveries")
    assert "delivered" not in out and "open" not in out
    assert "channel" not in [row["kind"] for row in program.shows("timeline")]


def test_deliveries_after_closing_are_those_of_the_latest_incident(tmp_path: Path) -> None:
    with servers.RawServer(OK) as server:
        program = Program(tmp_path, hook(server.url))
        assert "Nothing has been sent yet" in program.does("deliveries")[1]
        program.does("declare", "x", "y")
        for verb in ("resolve", "close"):
            program.does(verb, "--reason", "A test", "--no-wait")
        assert program.shows("status", "--incident", "INC-1")["status"] == "closed"
        out, err = program.does("deliveries")
        assert "INC-1.3.hook.post" in out and "Nothing" not in err


def test_nothing_is_sent_with_no_wait_until_somebody_sends(tmp_path: Path) -> None:
    with servers.RawServer(OK) as server:
        program = Program(tmp_path, hook(server.url))
        _, err = program.does("declare", "x", "y", "--no-wait")
        assert "… hook: not sent yet" in err
        program.does("deliveries")
        assert keys(server, program) == [] and program.states()["INC-1.3.hook.post"] == "pending"
        program.does("deliveries", "--wait", "5s")
        assert keys(server, program) == ["INC-1.3.hook.post"]


def test_a_destination_that_asks_for_a_long_pause_holds_up_neither_another_nor_the_verb(tmp_path: Path) -> None:
    pause = servers.http_answer("429 Too Many Requests", b"{}", "Retry-After: 120")
    with servers.RawServer(OK) as server, servers.RawServer(pause) as throttled:
        program = Program(tmp_path, hook(throttled.url, "slow") + hook(server.url, "quick"))
        for verb in (["declare", "x", "y"], ["update"]):
            began = time.monotonic()
            _, err = program.does(*verb, "--wait", "20s")
            assert "✓ quick" in err
            assert "↻ slow: Webhook is rate-limiting; kept" in err
            assert time.monotonic() - began < 15, "what cannot go within the wait is not waited for"
        assert len(keys(throttled, program)) == 1


def test_a_process_without_the_secret_leaves_the_post_to_one_that_has_it(tmp_path: Path) -> None:
    with servers.RawServer(OK) as server:
        program = Program(tmp_path, hook(server.url, more='headers = { A = { env = "TOKEN" } }'))
        program.environ["TOKEN"] = "s3cr3t-t0ken"
        program.does("declare", "x", "y", "--no-wait")
        del program.environ["TOKEN"]
        for _ in range(3):
            program.does("deliveries", "--wait", "5s")
        _, err = program.does("update")
        assert (
            "↻ hook: " in err
            and "is not set" in err
            and "kept, another warroom with the missing settings sends it" in err
        )
        assert "failed" not in program.states().values() and keys(server, program) == []
        program.environ["TOKEN"] = "s3cr3t-t0ken"
        program.does("deliveries", "--wait", "10s")
        assert keys(server, program) == ["INC-1.3.hook.post", "INC-1.5.hook.post"]


def test_a_secret_in_a_pipe_is_refused_with_its_place_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "token")
    program = Program(
        tmp_path, hook("http://127.0.0.1:9", more=f'headers = {{ A = {{ file = "{tmp_path}/token" }} }}')
    )
    _, err = program.does("declare", "x", "y", "--wait", "300s")
    assert "not a regular file" in err and "[destinations.hook.headers] A" in err and "kept" in err


def test_the_remedy_names_the_post_and_resend_all_sends_everything(tmp_path: Path) -> None:
    no = servers.http_answer("403 Forbidden", b'{"error": "no_permission"}')
    with servers.RawServer(no, no, no, OK) as server:
        program = Program(tmp_path, hook(server.url))
        _, err = program.does("declare", "x", "y")
        assert "Fix the cause, then: warroom delivery INC-1.3.hook.post --resend" in err
        program.does("update")
        program.does("update")
        assert list(program.states().values()).count("failed") == 3
        assert program.run("resend")[0] == 2
        out, _ = program.does("resend", "--all")
        assert out.count("✓") == 3
        assert [*dict.fromkeys(keys(server, program)[3:])] == [f"INC-1.{n}.hook.post" for n in (3, 5, 7)]
        assert "Nothing has failed" in program.does("resend", "--all")[1]


def test_an_update_too_long_for_one_post_arrives_in_parts_whoever_sends_it(tmp_path: Path) -> None:
    with servers.RawServer(OK) as server:
        more = 'max_length = 2000\nheaders = { A = { env = "TOKEN" } }'
        program = Program(tmp_path, hook(server.url, more=more))
        program.does("declare", "x", "y", "--no-wait")  # no secret is needed to measure a text
        program.does("update", "--impact", "No one can pay. " * 190, "--no-wait")
        program.environ["TOKEN"] = "s3cr3t-t0ken"
        program.does("deliveries", "--wait", "20s")
        assert keys(server, program)[-2:] == ["INC-1.5.hook.post", "INC-1.5.hook.post.2"]
        bodies = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.requests[-2:]]
    assert all(len(body["text"]) <= 2000 for body in bodies)
    assert sum(body["text"].count("pay.") for body in bodies) == 190


def test_two_processes_that_send_at_once_send_each_post_once(tmp_path: Path) -> None:
    with servers.RawServer(OK) as server:
        program = Program(tmp_path, hook(server.url))
        program.does("declare", "x", "y", "--no-wait")
        for _ in range(3):
            program.does("update", "--no-wait")
        both = [program.start("deliveries", "--wait", "10s") for _ in range(2)]
        for process in both:
            process.communicate(timeout=60)
            assert process.returncode == 0
        sent = keys(server, program)
        assert len(sent) == 4 and len({*sent}) == 4
    assert {*program.states().values()} == {"delivered"}


def test_no_secret_of_a_destination_is_ever_said(tmp_path: Path) -> None:
    with servers.RawServer(servers.http_answer("401 Unauthorized", b'{"error": "s3cr3t-t0ken-abcdef"}')) as server:
        table = hook(server.url, more='headers = { Authorization = { env = "TOKEN" } }')
        program = Program(tmp_path, table)
        program.environ["TOKEN"] = "Bearer s3cr3t-t0ken-abcdef"
        _, err = program.does("declare", "x", "y")
        result = err + "".join(program.run(verb)[1] for verb in ("deliveries", "doctor", "export", "timeline"))
    assert "✗ hook" in err
    assert "s3cr3t" not in result
    assert b"s3cr3t" not in b"".join(file.read_bytes() for file in program.data.rglob("*") if file.is_file())


@pytest.mark.parametrize("echo", ["zero-width spaces", "base64 in a text"])
@pytest.mark.parametrize(("status", "ok"), [("200 OK", True), ("403 {}", False)])
def test_a_service_that_gives_its_token_back_everywhere_spreads_it_nowhere(
    tmp_path: Path, echo: str, status: str, ok: bool
) -> None:
    token = "s3cr3t/t0ken-abcdef"
    word = ECHOES[echo](token)
    names = ("error", "user", "team", "id", "ts", "name", "needed", "message", "stuff")
    wording = {
        **dict.fromkeys(names, word),
        "url": f"https://{word}@{word}/",
        "channel": {"id": word, "name": word},
    }
    body = json.dumps({"ok": ok, **wording, "channels": [wording], "messages": [wording]}).encode()
    answer = servers.http_answer(status.format(ECHOES["as it is"](token)), body)
    with servers.RawServer(answer) as server:
        table = f'backend = "slack"\nchannel = "#ops"\nbase_url = "{server.url}"\ntoken = {{ env = "TOKEN" }}\n'
        program = Program(
            tmp_path,
            f'[destinations.chat]\n{table}[destinations.hook]\nbackend = "webhook"\n'
            f'url = "{server.url}"\nheaders = {{ Authorization = {{ env = "BASIC" }} }}\n'
            "plain_secrets = true\n",
        )
        program.environ |= {"TOKEN": token, "BASIC": f"Basic {ECHOES['base64 after a user'](token)}"}
        result = ["".join(program.does("declare", "x", "y")), *map("".join, [program.does("update")])]
        result += ["".join(map(str, program.run(verb))) for verb in ("deliveries", "doctor", "export", "timeline")]
        assert any(token.encode() in request for request in server.requests), "it was sent to the service"
    result += [file.read_bytes().decode("utf-8", "replace") for file in tmp_path.rglob("*") if file.is_file()]
    for text in result:
        assert not holds(text, token), text


# ── several processes ─────────────────────────────────────────────────────────────────────────────────────


def test_verbs_of_many_processes_at_once_all_count(program: Program) -> None:
    program.does("declare", "x", "y")
    all_ = [program.start("note", f"note {number}") for number in range(6)]
    all_ += [program.start("declare", "s", "i") for _ in range(3)]
    for process in all_:
        process.communicate(timeout=60)
    # A note that was asked which incident it means is refused; nothing else may fail.
    assert all(process.returncode in (0, 1) for process in all_)
    wording = [row["text"] for row in program.shows("timeline", "--incident", "INC-1")]
    for number, process in enumerate(all_[:6]):
        assert (f"note {number}" in wording) == (process.returncode == 0)
    assert sorted(row["id"] for row in program.shows("list")) == ["INC-1", "INC-2", "INC-3", "INC-4"]


# ── signals ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=["ctrl-c", "terminated", "hung up"],
)
def test_a_verb_that_is_stopped_while_it_waits_has_kept_everything(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    with servers.RawServer(...) as server:
        program = Program(tmp_path, hook(server.url))
        process = program.start("declare", "x", "y", "--wait", "60s")
        until(lambda: server.requests)
        process.send_signal(number)
        out, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == status, (out, err)
    assert "Traceback" not in err
    assert out.startswith("INC-1"), "what was recorded is said before it is waited for"
    assert program.shows("status")["id"] == "INC-1"
    # A busy machine may not get round to the last word within the time an ending is given: then the next one does.
    assert program.states()["INC-1.3.hook.post"] in ("uncertain", "sending")


# ── calls that never return ───────────────────────────────────────────────────────────────────────────────

STUCK_LOOKUP = """
import socket, time
look_up = socket.getaddrinfo
def getaddrinfo(host, *more, **named):
    if host in ("dead.example", b"dead.example"):
        time.sleep(600)
    return look_up(host, *more, **named)
socket.getaddrinfo = getaddrinfo
"""
"""A name server that never answers, as the C library shows it: the call does not return and cannot be cancelled."""


def stuck(tmp_path: Path, what: str) -> Program:
    """A program whose only destination can never be reached because of ``what``."""
    table = hook("https://dead.example")
    if what == "secret command":
        script = f"echo $$ > {tmp_path}/pid; exec sleep 600"
        command = json.dumps(["sh", "-c", script])
        table = hook("http://127.0.0.1:9", more=f"headers = {{ A = {{ command = {command} }} }}")
    elif what == "locked transcript":
        table = '[destinations.hook]\nbackend = "transcript"\npath = "kept.md"\n'
    program = Program(tmp_path, table)
    if what == "name look-up":
        (tmp_path / "sitecustomize.py").write_text(STUCK_LOOKUP)
        program.environ["PYTHONPATH"] = str(tmp_path)
    return program


@pytest.fixture
def locked(tmp_path: Path) -> Any:
    """The transcript, locked by another process for as long as the test runs."""
    (tmp_path / "data").mkdir(mode=0o700)
    with (tmp_path / "data" / "kept.md").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


STUCK = ["name look-up", "secret command", "locked transcript"]
ENOUGH_S = 20.0
"""Far more than a verb needs on a busy machine, far less than the ten minutes of a stuck call."""


@pytest.mark.parametrize("what", STUCK)
@pytest.mark.usefixtures("locked")
def test_what_never_returns_holds_a_verb_no_longer_than_its_wait_and_nothing_counts_as_sent(
    tmp_path: Path, what: str
) -> None:
    program = stuck(tmp_path, what)
    began = time.monotonic()
    status, out, err = program.run("declare", "x", "y", "--wait", "3s")
    assert time.monotonic() - began < ENOUGH_S
    assert status == 0 and out.startswith("INC-1"), err
    assert "↻ hook: " in err and "kept" in err
    assert program.states()["INC-1.3.hook.post"] == "pending", "nothing had left"
    if what == "secret command":
        pid = int((tmp_path / "pid").read_text())
        until(lambda: not Path(f"/proc/{pid}").exists())


@pytest.mark.parametrize(
    ("what", "number", "status"),
    [
        ("name look-up", signal.SIGINT, 130),
        ("secret command", signal.SIGTERM, 143),
        ("locked transcript", signal.SIGTERM, 143),
        ("locked transcript", signal.SIGINT, 130),
    ],
)
@pytest.mark.usefixtures("locked")
def test_a_signal_ends_a_verb_whatever_call_is_stuck(
    tmp_path: Path, what: str, number: signal.Signals, status: int
) -> None:
    program = stuck(tmp_path, what)
    process = program.start("declare", "x", "y", "--wait", "300s")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("INC-1"), "it is said the moment it is on disk"
    until(lambda: "sending" in program.states().values())
    process.send_signal(number)
    _, err = process.communicate(timeout=ENOUGH_S)
    assert process.returncode == status, err
    assert "Traceback" not in err and "exception" not in err
    assert "uncertain" not in program.states().values()


def test_a_server_whose_queue_is_full_leaves_the_post_pending(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        where = server.getsockname()
        waiting = [socket.socket() for _ in range(8)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(where)  # never accepted: what comes after them gets no answer at all
        program = Program(tmp_path, hook(f"http://127.0.0.1:{where[1]}"))
        _, err = program.does("declare", "x", "y", "--wait", "8s")
        for one in waiting:
            one.close()
    assert "hook: " in err and "kept" in err
    assert program.states()["INC-1.3.hook.post"] == "pending"


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=lambda v: str(v)
)
def test_doctor_can_be_stopped_while_a_look_up_is_stuck(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    (tmp_path / "kept.md").touch()
    program = stuck(tmp_path, "secret command")
    process = program.start("doctor")
    until((tmp_path / "pid").exists)
    process.send_signal(number)
    _, err = process.communicate(timeout=ENOUGH_S)
    assert process.returncode == status
    assert "Task exception" not in err and "Traceback" not in err


STOPPED_IN_A_TASK = """
import asyncio, os, signal
from warroom.cli import main

async def part():
    os.kill(os.getpid(), signal.SIGHUP)
    await asyncio.sleep(60)

async def all_():
    await asyncio.gather(asyncio.create_task(part()), asyncio.sleep(60))

main.run = lambda arguments: asyncio.run(all_())
main.main()
"""


def test_a_signal_that_comes_while_a_task_runs_ends_it_without_a_complaint() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STOPPED_IN_A_TASK], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert (done.returncode, done.stderr) == (128 + signal.SIGHUP, "")


# ── bugs ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_bug_becomes_one_line_and_a_report_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "xoxb-" + "123456789012-abcdefghijklmnopqrstuvwx"

    def broken(*_: object) -> None:
        local = "only-in-a-local"
        raise RuntimeError(f"it broke with {token}" + local[:0])

    monkeypatch.setattr(response, "execute", broken)
    with CliRunner().isolation() as (out, err, _):
        status = run(["ack"], CliContext(environ={"WARROOM_DATA": str(tmp_path / "data")}))
    result = err.getvalue().decode()
    assert status == 1
    assert out.getvalue() == b""
    assert result.count("\n") == 1 and "unexpected RuntimeError" in result and token not in result
    report = Path(result.strip().rpartition(" ")[2])
    assert report.parent == tmp_path / "data"
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    text = report.read_text()
    assert "broken" in text and "it broke with" in text
    assert token not in text and "only-in-a-local" not in text.replace('local = "only-in-a-local"', "")


def test_a_bug_is_told_even_where_no_report_can_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(response, "execute", broken)
    monkeypatch.setattr("tempfile.mkstemp", lambda **_: (_ for _ in ()).throw(OSError("full")))
    with CliRunner().isolation() as (_, err, _):
        assert run(["ack"], CliContext(environ={"WARROOM_DATA": str(tmp_path / "data")})) == 1
    assert "unexpected RuntimeError" in err.getvalue().decode()


def test_what_nobody_can_take_at_the_end_does_not_change_the_exit_status() -> None:
    code = (
        "import sys\nfrom warroom.cli import main\n"
        "main.run = lambda words: (sys.stdout.write('x'), sys.stderr.write('x'), 129)[2]\nmain.main()"
    )
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    reading, writing = os.pipe()
    os.close(reading)
    try:
        words = [sys.executable, "-c", code]
        done = subprocess.run(words, stdout=writing, stderr=writing, env=environ, timeout=60)
    finally:
        os.close(writing)
    assert done.returncode == 129
