"""The SQLite journal: the contract of every journal, then what is a file's own: modes, faults, kills."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

pytest.register_assert_rewrite("warroom.testing")

from warroom.errors import Conflict, JournalError, NewerJournal, NotSaved  # noqa: E402
from warroom.incident.delivery import DeliveryState  # noqa: E402
from warroom.incident.events import (  # noqa: E402
    TEAM,
    KnownEvent,
    serialize_event,
)
from warroom.incident.incident import fold  # noqa: E402
from warroom.incident.team import fold_team  # noqa: E402
from warroom.journal.checksums import last_link, link  # noqa: E402
from warroom.journal.port import Journal  # noqa: E402
from warroom.journal.sqlite import SqliteJournal  # noqa: E402
from warroom.journal.sqlite_schema import MIGRATIONS  # noqa: E402
from warroom.testing.journal_contract import JournalContract  # noqa: E402
from warroom.testing.journal_samples import ME, NOW, Place, note, post, take, write  # noqa: E402
from warroom.testing.outbox_model import OUTBOX_SETTINGS, OutboxModel  # noqa: E402

OPENING = "from pathlib import Path\nfrom warroom.journal.sqlite import SqliteJournal\n"
PYTHON = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def sums(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    with SqliteJournal(path) as journal:
        yield journal


class TestContract(JournalContract):
    @pytest.fixture
    def place(self, path: Path) -> Place:
        return Place(
            open=lambda: SqliteJournal(path), source=f"{OPENING}journal = SqliteJournal(Path({str(path)!r}))"
        )


class SqliteOutbox(OutboxModel):
    def fresh(self) -> Journal:
        self.folder = tempfile.TemporaryDirectory()
        return SqliteJournal(Path(self.folder.name) / "journal.db")

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "folder"):
            self.folder.cleanup()


TestOutbox = SqliteOutbox.TestCase
TestOutbox.settings = OUTBOX_SETTINGS


# ── the file ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
def test_the_files_and_a_new_folder_are_for_this_person_alone(path: Path, umask: int) -> None:
    before = os.umask(umask & 0o077)
    try:
        with SqliteJournal(path) as journal:
            write(journal, post())
            journal.read("INC-1")
            assert mode(path.parent) == 0o700
            assert {name.name: mode(name) for name in path.parent.iterdir()} == {
                "journal.db": 0o600,
                "journal.db-wal": 0o600,
                "journal.db-shm": 0o600,
                "journal.db-saved": 0o600,
            }
    finally:
        os.umask(before)


def test_a_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    SqliteJournal(path).close()
    path.chmod(0o644)
    with SqliteJournal(path):
        assert mode(path) == 0o600


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    SqliteJournal(tmp_path / "journal.db").close()
    assert mode(tmp_path) == 0o755


def test_a_clean_close_leaves_the_whole_journal_in_one_file(path: Path) -> None:
    with SqliteJournal(path) as journal:
        write(journal, post())
    assert {name.name for name in path.parent.iterdir()} == {"journal.db", "journal.db-saved"}


def test_a_wait_for_a_change_looks_until_there_is_one(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = iter([1, 1, 2])
    monkeypatch.setattr(journal, "change_count", lambda: next(counts))
    assert journal.wait_for_change(1, 3600.0) == 2


def test_a_journal_of_one_entry_is_counted_in_the_singular(journal: SqliteJournal) -> None:
    write(journal, post())
    assert journal.check().endswith(": 1 entry in 1 stream, OK")


def test_an_append_waits_for_the_disk(journal: SqliteJournal) -> None:
    writer = journal._file._writer
    assert writer and writer.execute("PRAGMA synchronous").fetchone() == (2,), "2 is FULL: synced at each commit"
    assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_odd_characters_in_the_path_are_part_of_the_name(tmp_path: Path) -> None:
    odd = tmp_path / "a b#c?d%20é" / "j?mode=ro#.db"
    with SqliteJournal(odd) as journal:
        write(journal, post())
    assert odd.exists()
    with SqliteJournal(odd) as journal:
        assert journal.version("INC-1") == 1


@pytest.mark.parametrize("killed", [False, True], ids=["closed", "killed before its log was folded in"])
def test_a_newer_journal_is_refused_and_left_byte_for_byte(path: Path, killed: bool) -> None:
    with SqliteJournal(path) as journal:
        write(journal, post())
    raising = f"PRAGMA user_version = {len(MIGRATIONS) + 1}"
    if killed:
        code = f"import os, sqlite3; sqlite3.connect({str(path)!r}).execute({raising!r}); os._exit(1)"
        subprocess.run([sys.executable, "-c", code], check=False)
        assert Path(f"{path}-wal").stat().st_size > 0
    else:
        with sqlite3.connect(path) as db:
            db.execute(raising)
        db.close()
    kept = ("journal.db", "journal.db-wal")
    before = {name: digest for name, digest in sums(path.parent).items() if name in kept}
    with pytest.raises(NewerJournal, match="newer warroom") as caught:
        SqliteJournal(path)
    assert "Upgrade" in caught.value.remedy
    assert {name: digest for name, digest in sums(path.parent).items() if name in kept} == before


def test_a_newer_warroom_that_moves_in_meanwhile_stops_the_writing(path: Path, journal: SqliteJournal) -> None:
    write(journal, post())
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    with pytest.raises(NewerJournal):
        write(journal, post())
    assert journal.version("INC-1") == 1


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    for garbage in (b"hel", b"# my notes\n" * 1000, b"SQLite format 3\0" + b"\xff" * 5000):
        path.write_bytes(garbage)
        with pytest.raises(JournalError) as caught:
            SqliteJournal(path)
        assert str(path) in str(caught.value) and caught.value.remedy
        assert path.read_bytes() == garbage and [name.name for name in path.parent.iterdir()] == ["journal.db"]


def test_a_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE cookies (x)")
    db.close()
    before = sums(path.parent)
    with pytest.raises(JournalError, match="another program"):
        SqliteJournal(path)
    assert sums(path.parent) == before


def test_an_empty_file_left_by_a_killed_start_becomes_a_journal(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    with SqliteJournal(path) as journal:
        assert journal.new_incident() == "INC-1"


def test_a_start_killed_between_file_and_tables_is_taken_up(path: Path) -> None:
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    db.close()
    assert path.stat().st_size > 0
    with SqliteJournal(path) as journal:
        assert journal.new_incident() == "INC-1"


def test_many_that_open_a_new_journal_at_once_all_get_it(tmp_path: Path) -> None:
    barrier = threading.Barrier(4)
    problem: list[Exception] = []
    given: list[tuple[int, str]] = []

    def start() -> None:
        for n in range(25):
            barrier.wait()
            try:
                with SqliteJournal(tmp_path / str(n) / "journal.db") as journal:
                    given.append((n, journal.new_incident()))
            except Exception as error:  # noqa: BLE001 — told to the test's own thread
                problem.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problem == []
    assert sorted(given) == [(n, f"INC-{k}") for n in range(25) for k in range(1, 5)]


def test_a_folder_in_place_of_the_file_is_said_so(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(JournalError, match="is a folder"):
        SqliteJournal(path)


def test_a_file_in_place_of_the_folder_is_said_so(path: Path) -> None:
    path.parent.write_text("")
    with pytest.raises(NotSaved, match="cannot be opened"):
        SqliteJournal(path)


def test_the_journal_does_not_cross_a_fork(path: Path, journal: SqliteJournal) -> None:
    write(journal, post())
    pid = os.fork()
    if pid == 0:
        try:
            journal.save_draft("k", "child")
        except JournalError:
            journal.close()  # must not take the parent's locks along
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    write(journal, post())
    assert journal.version("INC-1") == 2 and journal.draft("k") == ""


# ── faults ────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_event_whose_delivery_cannot_be_written_is_not_kept(path: Path, journal: SqliteJournal) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TRIGGER fault BEFORE INSERT ON deliveries BEGIN SELECT RAISE(ABORT, 'fault'); END")
    with pytest.raises(NotSaved):
        journal.append("INC-1", 0, [note()], [(0, post())], at=NOW, by="Ann", summary="s")
    assert journal.version("INC-1") == 0 and journal.read("INC-1") == [] and journal.summaries() == []
    db.execute("DROP TRIGGER fault")
    db.close()
    assert len(write(journal, post())) == 1


def test_a_lock_held_for_too_long_is_not_saved_and_then_is_again(path: Path) -> None:
    with SqliteJournal(path, wait_s=0.05) as journal:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(NotSaved, match="locked") as caught:
            write(journal, post())
        assert caught.value.remedy
        assert journal.read("INC-1") == [] and take(journal) is None, "reading does not wait for the writer"
        other.execute("ROLLBACK")
        other.close()
        assert len(write(journal, post())) == 1


def test_a_full_disk_keeps_nothing_of_the_append_and_the_journal_recovers(path: Path) -> None:
    # A limit on the size of files stands for the full disk: the write in the middle of a commit fails.
    code = f"""{OPENING}
import resource, sys
sys.path[:0] = {[str(Path(__file__).parents[1])]!r}
from warroom.testing.journal_samples import NOW, note, post
from warroom.errors import NotSaved
journal = SqliteJournal(Path({str(path)!r}))
journal.append("INC-1", 0, [note()], [(0, post())], at=NOW, by="Ann")
refused = 0
for spare in (0, 1000, 5000, 9000, 40000):
    size = Path({str(path) + "-wal"!r}).stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + spare, resource.RLIM_INFINITY))
    try:
        journal.append("INC-1", 1, [note("x" * 100_000)] * 3, [(2, post())], at=NOW, by="Ann", summary="no")
        sys.exit("appended to a full disk")
    except NotSaved as error:
        assert error.title and error.remedy
        refused += 1
    assert journal.version("INC-1") == 1 and len(journal.read("INC-1")) == 1 and len(journal.deliveries()) == 1
    try:
        journal.save_draft("k", "y" * 100_000)
        sys.exit("saved a draft to a full disk")
    except NotSaved:
        refused += 1
    SqliteJournal(Path({str(path)!r})).close()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.append("INC-1", 1, [note("x" * 100_000)] * 3, [(2, post())], at=NOW, by="Ann", summary="yes")
print(refused, journal.version("INC-1"), journal.draft("k") == "")
"""
    done = subprocess.run([sys.executable, "-c", code], env=PYTHON, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("10 4 True", "")
    with SqliteJournal(path) as journal:
        assert len(journal.read("INC-1")) == 4 and journal.summaries() == [("INC-1", 4, "yes")]
        journal.check()


def test_a_file_half_way_through_taking_in_its_log_is_opened(path: Path) -> None:
    # So a full disk leaves it: the first page already speaks of pages that are still in the log only.
    journal = SqliteJournal(path)
    for n in range(30):
        journal.append("INC-1", n, [note("x" * 9000)], at=NOW, by="Ann")
    whole = Path(f"{path}-wal").read_bytes()
    assert journal._file._writer
    journal._file._writer.execute("PRAGMA wal_checkpoint(FULL)")
    half = path.read_bytes()[: 5 * 4096]
    journal.close()
    path.write_bytes(half)
    Path(f"{path}-wal").write_bytes(whole)
    with SqliteJournal(path) as journal:
        assert len(journal.read("INC-1")) == 30 and "OK" in journal.check()


@pytest.fixture
def nobodys(path: Path) -> Iterator[Path]:
    """A folder with a journal in it that an unprivileged process can reach but not write."""
    folder = Path(tempfile.mkdtemp())
    copy = folder / "journal.db"
    with SqliteJournal(copy) as journal:
        write(journal, post())
    copy.chmod(0o444)
    folder.chmod(0o555)
    yield copy
    folder.chmod(0o700)
    shutil.rmtree(folder)


UNPRIVILEGED = "import os\nif os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"


def test_a_place_that_cannot_be_written_is_said_so_on_opening(nobodys: Path) -> None:
    # The modules are imported first: an unprivileged process may not be able to reach them.
    code = f"""{OPENING}
from warroom.errors import NotSaved
import encodings.idna
{UNPRIVILEGED}
for path in ({str(nobodys)!r}, {str(nobodys.parent / "new.db")!r}, {str(nobodys.parent / "new" / "j.db")!r}):
    try:
        SqliteJournal(Path(path))
        print("opened")
    except NotSaved as error:
        assert error.remedy
        print("refused")
"""
    done = subprocess.run([sys.executable, "-c", code], env=PYTHON, capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (["refused"] * 3, "")


def test_a_folder_removed_while_it_is_open_is_not_saved_and_no_crash(path: Path, journal: SqliteJournal) -> None:
    write(journal, post())
    shutil.rmtree(path.parent)
    for change in (
        lambda: journal.append("INC-1", 1, [note()], at=NOW, by="Ann"),
        lambda: journal.save_draft("k", "v"),
        journal.new_incident,
        lambda: journal.claim(ME, NOW),
    ):
        with pytest.raises(NotSaved, match="removed or replaced"):
            change()
    assert [entry.seq for entry in journal.read("INC-1")] == [1], "what was known can still be read"


def test_a_file_replaced_while_it_is_open_is_not_saved(path: Path, journal: SqliteJournal) -> None:
    write(journal, post())
    path.parent.rename(path.parent.with_suffix(".old"))
    SqliteJournal(path).close()
    with pytest.raises(NotSaved, match="removed or replaced"):
        journal.append("INC-1", 1, [note()], at=NOW, by="Ann")
    assert journal.version("INC-1") == 1
    with SqliteJournal(path) as new:
        assert new.version("INC-1") == 0


def test_what_is_read_never_comes_from_a_file_that_took_its_place(path: Path, journal: SqliteJournal) -> None:
    journal.append("INC-1", 0, [note()], at=NOW, by="Ann")
    path.parent.rename(path.parent.with_suffix(".old"))
    SqliteJournal(path).close()
    with pytest.raises(JournalError, match="removed or replaced"):
        journal.read("INC-1")  # the first reading: it needs a connection of its own


def test_an_entry_of_an_unknown_kind_is_kept_and_one_that_cannot_be_read_is_named(
    path: Path, journal: SqliteJournal
) -> None:
    journal.append("INC-1", 0, [note(), note(), note()], at=NOW, by="Ann")
    journal.append("INC-2", 0, [note()], at=NOW, by="Ann")
    with sqlite3.connect(path) as db:
        db.execute("UPDATE entries SET kind = 'teleported', body = '{\"kind\": \"teleported\"}' WHERE seq = 2")
    db.close()
    assert serialize_event(journal.read("INC-1")[1].event) == '{"kind": "teleported"}'
    with sqlite3.connect(path) as db:
        db.execute("UPDATE entries SET kind = 'noted', body = '{\"kind\": \"noted\"}' WHERE seq = 2")
    db.close()
    with pytest.raises(JournalError, match=r"Entry 2 of INC-1 .*noted") as caught:
        journal.read("INC-1")
    assert "backup" in caught.value.remedy
    assert [entry.seq for entry in journal.read("INC-1", 2)] == [3]
    assert len(journal.read("INC-2")) == 1 and len(journal.summaries()) == 2
    assert journal.append("INC-1", 3, [note()], at=NOW, by="Ann")
    with pytest.raises(JournalError, match="INC-1 is damaged from entry 2 on"):
        journal.check()


def test_the_check_says_how_much_is_sound(path: Path, journal: SqliteJournal) -> None:
    write(journal, post())
    assert "1 entry in 1 stream, OK" in journal.check()


def test_the_check_finds_a_gap_and_a_torn_page(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.append("INC-1", 0, [note("x" * 3000) for _ in range(50)], at=NOW, by="Ann")
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM entries WHERE seq = 2")
    db.close()
    with (
        SqliteJournal(path) as journal,
        pytest.raises(JournalError, match="INC-1 is damaged from entry 2 on: it is missing"),
    ):
        journal.check()
    data = bytearray(path.read_bytes())
    for page in range(24, len(data) // 4096):
        data[page * 4096 : page * 4096 + 200] = os.urandom(200)
    path.write_bytes(data)
    with SqliteJournal(path) as journal, pytest.raises(JournalError, match="damaged"):
        journal.check()


# ── damage and loss ───────────────────────────────────────────────────────────────────────────────────────

V1 = Path(__file__).parents[1] / "data" / "journal_v1.sql"
V2 = Path(__file__).parents[1] / "data" / "journal_v2.sql"
KINDS = get_args(get_args(KnownEvent)[0])


def in_file(path: Path, *statements: str) -> None:
    """Change the closed journal's rows, as damage or another program would."""
    db = sqlite3.connect(path)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


def killed(path: Path, body: str) -> None:
    """A process that runs ``body`` with a ``journal`` and is then killed, its log not folded in."""
    code = f"""{OPENING}import os, signal, sys
sys.path[:0] = [{str(Path(__file__).parents[1])!r}]
from warroom.testing.journal_samples import NOW, note
journal = SqliteJournal(Path({str(path)!r}))
{body}
os.kill(os.getpid(), signal.SIGKILL)"""
    done = subprocess.run([sys.executable, "-c", code], env=PYTHON, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_a_journal_of_the_first_version_opens_and_goes_on(path: Path) -> None:
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.executescript(V1.read_text("utf-8"))
    before = db.execute("SELECT stream, seq, at, by, kind, body FROM entries ORDER BY 1, 2").fetchall()
    db.close()
    with SqliteJournal(path) as journal:
        assert "OK" in journal.check() and journal.lost == ()
        assert (
            len(journal.read("INC-1")) + len(journal.read("INC-2")) + len(journal.read(TEAM)) == len(before) == 18
        )
        journal.append("INC-2", journal.version("INC-2"), [note()], at=NOW, by="Ann")
        assert "OK" in journal.check()
    in_file(path, "UPDATE entries SET by = 'Mallory' WHERE stream = 'INC-1' AND seq = 3")
    with SqliteJournal(path) as journal:
        assert "INC-1 is damaged from entry 3 on" in journal.damage("INC-1") and journal.damage("INC-2") == ""


def test_a_journal_written_before_entries_had_ids_is_read_whole(path: Path) -> None:
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(V2.read_text("utf-8"))
    with SqliteJournal(path) as journal:
        assert "59 entries in 3 streams, OK" in journal.check()
        entries, deliveries = journal.read("INC-1"), journal.deliveries("INC-1")
        incident, team = fold("INC-1", entries), fold_team(journal.read(TEAM))
        assert "half a note" in journal.draft("INC-1/note/Bob")
        everything = [*entries, *journal.read("INC-2"), *journal.read(TEAM)]
    written = {kind.model_fields["kind"].default for kind in KINDS}
    later = {"alert_cleared", "hypothesis_confirmed", "hypothesis_ruled_out", "task", "task_done", "rerouted"}
    later |= {"alerts_acknowledged", "alerts_closed", "alert_silenced", "reminder", "request", "request_accepted"}
    later |= {"runbook_step", "runbook_step_undone", "step_run", "step_result", "workflow_result", "meeting"}
    later |= {"turns_swapped", "on_call_taken", "on_call_handover", "drill_started", "hint", "drill_ended"}
    later |= {"change_planned", "change_dropped"}
    later |= {"not_needed", "action_reopened", "improvement_posted"}
    later |= {"suggestion_dismissed", "learnings", "action_changed", "delivery", "delivery_adopted"}
    later |= {"scrubbed"}
    assert written - {entry.event.kind for entry in everything} == later, "every kind of its time is in it"
    assert len({entry.id for entry in entries}) == len(entries) == len(incident.rows) == 47
    assert [row.text for row in incident.rows if row.kind == "chat"] == ["Dan (slack): refunds are failing as well"]
    assert incident.rows[2].words == "Amended text" and incident.rows[22].retracted
    assert [(item.id, bool(item.done_at)) for item in incident.actions.values()] == [("A1", False), ("A2", True)]
    assert "→ A1" in incident.rows[27].text and [post.number for post in incident.posts] == [1, 2]
    assert incident.roles["incident_commander"].person == "Carol" and incident.status == "investigating"
    assert team.alerts == {} and len(team.received) == 2 and "on-call" in team.ready
    posts = [one for one in deliveries if one.item.operation == "post"]
    assert {one.entry_id for one in posts} == {post.id for post in incident.posts}
    assert {one.id for one in posts} >= {"INC-1.7.hook.post", "INC-1.35.transcript.post"}, "old keys stay"
    assert {one.state for one in deliveries} == set(DeliveryState) - {DeliveryState.SENDING}
    with SqliteJournal(path) as journal:
        assert journal.read("INC-1") == entries, "the same ids each time"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ("UPDATE entries SET body = replace(body, 'p99', 'p98') WHERE stream = 'INC-1' AND seq = 4", 4),
        ("UPDATE entries SET body = CAST(x'ff' || body AS TEXT) WHERE stream = 'INC-1' AND seq = 4", 4),
        ("UPDATE entries SET by = 'Eve' WHERE stream = 'INC-1' AND seq = 4", 4),
        ("UPDATE entries SET at = at + 1 WHERE stream = 'INC-1' AND seq = 4", 4),
        ("UPDATE entries SET at = 'soon' WHERE stream = 'INC-1' AND seq = 4", 4),
        ("DELETE FROM entries WHERE stream = 'INC-1' AND seq = 4", 4),
        ("DELETE FROM entries WHERE stream = 'INC-1' AND seq > 6", 7),
        ("UPDATE streams SET length = 9 WHERE stream = 'INC-1'", 9),
        ("UPDATE streams SET length = 7 WHERE stream = 'INC-1'", 9),
    ],
)
def test_damage_is_placed_to_the_entry_and_the_rest_can_be_read(path: Path, change: str, where: int) -> None:
    with SqliteJournal(path) as journal:
        for stream in ("INC-1", "INC-2"):
            for n in range(8):
                journal.append(stream, n, [note()], at=NOW, by="Ann")
    in_file(path, change)
    with SqliteJournal(path) as journal:
        result = journal.damage("INC-1")
        assert f"INC-1 is damaged from entry {where} on" in result
        with pytest.raises(JournalError) as caught:
            journal.check()
        assert result in caught.value.title and "1 of 2 streams are intact" in caught.value.remedy
        assert "backup" in caught.value.remedy
        assert journal.damage("INC-2") == "" and len(journal.read("INC-2")) == 8
        assert len(journal.summaries()) == 2


def test_an_entry_that_is_whole_but_cannot_be_read_is_named_by_the_check(path: Path) -> None:
    with SqliteJournal(path) as journal:
        write(journal, post())
    body, id, at = b'{"kind": "noted"}', bytes(16), 0
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        chain = link(last_link(db, "INC-1", 1), "INC-1", 2, at, b"Ann", b"noted", body, id)
        row = ("INC-1", 2, at, "Ann", "noted", body.decode(), chain, id)
        db.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        db.execute("UPDATE streams SET length = 2 WHERE stream = 'INC-1'")
    with SqliteJournal(path) as journal:
        assert journal.damage("INC-1") == ""
        with pytest.raises(JournalError, match="Entry 2 of INC-1 cannot be read"):
            journal.check()


def test_entries_that_change_places_are_damage(path: Path) -> None:
    with SqliteJournal(path) as journal:
        for n in range(4):
            journal.append("INC-1", n, [note(f"words {n}")], at=NOW, by="Ann")
    in_file(
        path,
        "PRAGMA foreign_keys = OFF",
        "UPDATE entries SET seq = 99 WHERE seq = 2",
        "UPDATE entries SET seq = 2 WHERE seq = 3",
        "UPDATE entries SET seq = 3 WHERE seq = 99",
    )
    with SqliteJournal(path) as journal:
        assert "from entry 2 on" in journal.damage("INC-1")


@pytest.mark.parametrize("cut", ["deleted", "emptied", "half"])
def test_entries_lost_with_a_cut_log_are_noticed_until_somebody_has_seen_to_it(path: Path, cut: str) -> None:
    with SqliteJournal(path) as journal:
        journal.append("INC-1", 0, [note()], at=NOW, by="Ann")
    killed(path, 'for n in range(1, 9): journal.append("INC-1", n, [note("x" * 2000)], at=NOW, by="Ann")')
    log = Path(f"{path}-wal")
    whole = log.read_bytes()
    assert len(whole) > 8 * 4096
    if cut == "deleted":
        log.unlink()
    else:
        log.write_bytes(whole[: len(whole) // 2] if cut == "half" else b"")
    for _ in range(2):  # and it is told again, until a person has deleted the note of it
        with SqliteJournal(path) as journal:
            length = journal.version("INC-1")
            assert 1 <= length < 9
            assert len(journal.lost) == 1
            assert journal.lost[0].startswith(f"INC-1: entries {length + 1} to 9 were saved but are missing")
            assert "OK" in journal.check(), "what is left is whole"
    with SqliteJournal(path) as journal:
        journal.append("INC-1", length, [note()] * 20, at=NOW, by="Ann")
    with SqliteJournal(path) as journal:
        assert len(journal.lost) == 1, "writing on does not make it forgotten"
    Path(f"{path}-lost").unlink()
    with SqliteJournal(path) as journal:
        assert journal.lost == ()


def test_an_older_copy_in_the_journals_place_is_noticed(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.append("INC-1", 0, [note()], at=NOW, by="Ann")
    shutil.copy(path, path.with_suffix(".backup"))
    with SqliteJournal(path) as journal:
        journal.append("INC-1", 1, [note("before")], at=NOW, by="Ann")
        journal.append("INC-2", 0, [note()], at=NOW, by="Ann")
    path.with_suffix(".backup").replace(path)
    with SqliteJournal(path) as journal:
        assert journal.lost == (
            "INC-1: entry 2 was saved but is missing: the journal is older than it was",
            "INC-2: entry 1 was saved but is missing: the journal is older than it was",
        )


def test_a_kill_at_any_moment_and_other_processes_raise_no_false_alarm(path: Path) -> None:
    for n in range(4):
        killed(path, f'journal.append("INC-{n}", 0, [note()] * 3, at=NOW, by="Ann"); journal.new_incident()')
        with SqliteJournal(path) as journal, SqliteJournal(path) as other:
            journal.append("INC-9", 2 * n, [note()], at=NOW, by="Ann")
            other.append("INC-9", 2 * n + 1, [note()], at=NOW, by="Bob")
            assert journal.lost == other.lost == ()
    Path(f"{path}-saved").write_bytes(Path(f"{path}-saved").read_bytes()[:-7] + b"\0" * 40 + b"INC-1\t77\tab")
    with SqliteJournal(path) as journal:  # as a power cut may leave it
        assert journal.lost == () and "OK" in journal.check()


def test_what_is_noted_of_saved_entries_stays_small(path: Path) -> None:
    with SqliteJournal(path) as journal:
        for n in range(60):
            journal.append(f"INC-{n}", 0, [note()], at=NOW, by="Ann")
            for seq in range(1, 6):
                journal.append(f"INC-{n}", seq, [note()], at=NOW, by="Ann")
    assert Path(f"{path}-saved").stat().st_size < 9_000
    with SqliteJournal(path) as journal:
        assert journal.lost == ()


@pytest.mark.parametrize("left", ["missing", "empty"])
def test_a_log_whose_journal_is_gone_is_refused_and_nothing_is_touched(path: Path, left: str) -> None:
    killed(path, 'journal.append("INC-1", 0, [note()] * 3, at=NOW, by="Ann")')
    log = Path(f"{path}-wal")
    whole, aside = log.read_bytes(), path.with_suffix(".aside")
    assert whole
    path.rename(aside)
    if left == "empty":
        path.touch()
    with pytest.raises(JournalError, match=f"is {left}, but its write-ahead log") as caught:
        SqliteJournal(path)
    assert "backup" in caught.value.remedy and log.read_bytes() == whole
    assert path.exists() == (left == "empty")
    aside.replace(path)
    with SqliteJournal(path) as journal:
        assert len(journal.read("INC-1")) == 3 and journal.lost == ()


def test_a_journal_with_damaged_bytes_is_read_right_or_refused_in_words(path: Path) -> None:
    with SqliteJournal(path) as journal:
        for n in range(12):
            text = f"größer {n} " * 30
            journal.append(
                f"INC-{n % 3}", n // 3, [note(text)], [(0, post(text="…" + text))], at=NOW, by="Änn", summary="{}"
            )
        journal.save_draft("k", "draft")
    whole = path.read_bytes()
    with SqliteJournal(path) as journal:
        right = {stream: journal.read(stream) for stream, _, _ in journal.summaries()}
    chance = random.Random(22)
    refused = damaged = 0
    for _ in range(320):
        data = bytearray(whole)
        if chance.random() < 0.2:
            del data[chance.randrange(len(data)) :]
        else:
            # The first page holds the schema: half of all flips go there.
            size = 4096 if chance.random() < 0.5 else len(data)
            for _ in range(chance.choice([1, 1, 4, 60])):
                data[chance.randrange(size)] = chance.randrange(256)
        for name in path.parent.iterdir():
            name.unlink()
        path.write_bytes(data)
        try:
            with SqliteJournal(path) as journal:
                for look in (journal.summaries, journal.deliveries, journal.change_count, journal.check):
                    with contextlib.suppress(JournalError):
                        look()
                for stream, entries in right.items():
                    try:
                        if journal.read(stream) != entries:
                            assert journal.damage(stream), "read wrong, and not noticed"
                            damaged += 1
                    except JournalError as error:
                        assert error.title and error.remedy
                        damaged += 1
                for change in (
                    lambda: journal.append("INC-1", 4, [note()], at=NOW, by="Ann"),
                    lambda: journal.save_draft("k", "v"),
                    lambda: take(journal),
                    journal.new_incident,
                ):
                    with contextlib.suppress(JournalError, Conflict):
                        change()
        except JournalError as error:
            assert error.title and error.remedy
            refused += 1
    assert refused > 20 and damaged > 20, (
        "the damage must have reached schema and entries for this to mean anything"
    )


@pytest.mark.parametrize("column", ["lease_until", "next_attempt_at", "holder"])
def test_a_delivery_whose_column_has_another_type_is_refused_in_words(path: Path, column: str) -> None:
    with SqliteJournal(path) as journal:
        write(journal, post())
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(f"UPDATE deliveries SET {column} = x'00ff'")
        db.commit()
    with SqliteJournal(path) as journal, pytest.raises(JournalError) as raised:
        take(journal)
    assert "doctor" in raised.value.remedy


# ── kill -9 ───────────────────────────────────────────────────────────────────────────────────────────────

WRITER = """
import os, sys
sys.path[:0] = [{tests!r}]
{opening}
from warroom.testing.journal_samples import NOW, later, note, post
from warroom.incident.delivery import DeliveryState

def life(path, token):
    journal = SqliteJournal(Path(path))
    here = f"elsewhere:{{os.getpid()}}:{{token}}"
    seq = journal.version("INC-1")
    while True:
        count = 1 + seq % 3
        events = [note(f"{{token}} {{seq + n + 1}}") for n in range(count)]
        orders = [(n, post(f"d{{n}}", text=events[n].words)) for n in range(count)]
        journal.append("INC-1", seq, events, orders, at=NOW, by=token, summary=str(seq + count))
        seq += count
        os.write(1, b"appended %d %d\\n" % (seq - count + 1, seq))
        claimed = journal.claim(here, later(100 * seq))
        if claimed and journal.complete(claimed.id, owner=here, outcome=DeliveryState.DELIVERED):
            os.write(1, b"settled %s\\n" % claimed.id.encode())

# One import serves every life: each is forked, told its name, and killed by whoever reads what it says.
for line in sys.stdin:
    path, token = line.split()
    child = os.fork()
    if child == 0:
        life(path, token)
    os.write(1, b"born %d\\n" % child)
    os.waitpid(child, 0)
    os.write(1, b"dead\\n")
"""


def test_whatever_was_said_to_be_written_survives_kill_nine(path: Path) -> None:
    chance = random.Random()
    code = WRITER.format(tests=str(Path(__file__).parents[1]), opening=OPENING)
    nursery = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=PYTHON
    )
    assert nursery.stdin and nursery.stdout
    out = nursery.stdout.fileno()
    promised: dict[int, str] = {}
    settled: set[str] = set()
    for life in range(30):
        token = f"life{life}"
        nursery.stdin.write(f"{path} {token}\n".encode())
        nursery.stdin.flush()
        received = b""
        while b"born" not in received:
            received += os.read(out, 65536)
        # Anything between the opening of the file and a few dozen appends.
        patience = chance.choice([0.0, 0.005, 0.02, 0.05, 5.0]) * chance.random() * 2
        enough = chance.randrange(40)
        while received.count(b"\n") < enough and select.select([out], [], [], patience)[0]:
            received += os.read(out, 65536)
        born = next(line for line in received.split(b"\n") if line.startswith(b"born"))
        os.kill(int(born.split()[1]), signal.SIGKILL)
        while b"dead\n" not in received:
            received += os.read(out, 65536)
        for line in received.decode().splitlines():
            match line.split():
                case ["appended", first, last]:
                    promised |= dict.fromkeys(range(int(first), int(last) + 1), token)
                case ["settled", identity]:
                    settled.add(identity)

        with SqliteJournal(path) as journal:
            entries = journal.read("INC-1")
            deliveries = {delivery.seq: delivery for delivery in journal.deliveries()}
            assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
            assert journal.version("INC-1") == len(entries) == len(deliveries)
            assert journal.summaries() in ([], [("INC-1", len(entries), str(len(entries)))])
            by_seq = {entry.seq: entry for entry in entries}
            assert {seq: by_seq[seq].by for seq in promised} == promised
            for entry in entries:
                message = deliveries[entry.seq].item.message
                assert message and entry.event.text == message.text == f"{entry.by} {entry.seq}"
            assert settled <= {one.id for one in deliveries.values() if one.state is DeliveryState.DELIVERED}
    nursery.stdin.close()
    nursery.wait(30)
    with SqliteJournal(path) as journal:
        assert "OK" in journal.check() and journal.lost == (), "no kill is taken for a loss"
    assert len(promised) > 50, "the writers must have got somewhere for this to mean anything"
