"""Backups of the journal: whole and of one moment, refused if they are not as written, and never half restored."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warroom.errors import BadInput, JournalError, NewerJournal, NotFound, NotSaved, Refusal, SettingsError
from warroom.incident.delivery import DeliveryState
from warroom.journal import sqlite_file
from warroom.journal.backup import MAY_HAVE_BEEN_SENT, back_up, restore
from warroom.journal.folder_lock import FolderLock
from warroom.journal.restore_notice import notice_path
from warroom.journal.sqlite import SqliteJournal
from warroom.testing.journal_samples import ME, NOW, Place, elsewhere, note, post, status, take, write

DAY = timedelta(days=1)
V1 = Path(__file__).parents[1] / "data" / "journal_v1.sql"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "journal.sqlite"


@pytest.fixture
def backup(path: Path, tmp_path: Path) -> Path:
    """A backup of a journal with two incidents, messages in every state, and a draft."""
    with SqliteJournal(path) as journal:
        journal.new_incident()
        write(journal, post("slack"), post("matrix"), status("slack"))
        write(journal, post(), stream="INC-2")
        journal.save_draft("update", "We are looking into it")
        assert take(journal)
    back_up(path, tmp_path / "backup.sqlite", NOW)
    return tmp_path / "backup.sqlite"


def place(path: Path) -> Place:
    source = "from pathlib import Path\nfrom warroom.journal.sqlite import SqliteJournal\n"
    return Place(
        open=lambda: SqliteJournal(path), source=f"{source}journal = SqliteJournal(Path({str(path)!r}), wait_s=60)"
    )


def content(path: Path) -> dict[str, object]:
    """Everything in a journal that people rely on."""
    with SqliteJournal(path) as journal:
        streams = [stream for stream, _, _ in journal.summaries()]
        return {
            "entries": {stream: journal.read(stream) for stream in streams},
            "deliveries": [(one.id, one.item) for one in journal.deliveries()],
            "draft": journal.draft("update"),
        }


def sums(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


# ── backing up ────────────────────────────────────────────────────────────────────────────────────────────


WRITING = """
from warroom.testing.journal_samples import NOW, note
a, b = (f"{letter}-{sys.argv[1]}" for letter in "AB")
print("ready", flush=True)
sys.stdin.readline()
n = 0
while not stop.exists():
    journal.append(a, n, [note()], at=NOW, by="Ann")
    journal.append(b, n, [note("x" * 200)], at=NOW, by="Ann")
    n += 1
print(n)
"""


def test_a_backup_is_of_one_moment_while_four_processes_write(path: Path, tmp_path: Path) -> None:
    SqliteJournal(path).close()
    stop = tmp_path / "stop"
    body = f"stop = Path({str(stop)!r})\n{WRITING}"
    writers = [elsewhere(place(path), body, argument=str(n)) for n in range(4)]
    for one in writers:
        assert one.stdin and one.stdout and one.stdout.readline() == "ready\n"
        one.stdin.write("go\n")
        one.stdin.flush()
    taken: dict[Path, int] = {}
    with SqliteJournal(path) as journal:
        for number in range(3):
            journal.wait_for_change(journal.change_count(), 30)  # they are writing
            saved = sum(length for _, length, _ in journal.summaries())
            taken[tmp_path / f"{number}.sqlite"] = saved
            back_up(path, tmp_path / f"{number}.sqlite", NOW)
    stop.touch()
    written = [int(one.communicate(timeout=60)[0]) for one in writers]
    assert all(written)
    for file, saved in taken.items():
        target = tmp_path / file.stem / "journal.sqlite"
        restore(file, target, NOW)
        with SqliteJournal(target) as journal:
            assert journal.check().endswith("OK")
            lengths = [(journal.version(f"A-{n}"), journal.version(f"B-{n}")) for n in range(4)]
        assert all(a - b in (0, 1) for a, b in lengths), lengths
        assert sum(a + b for a, b in lengths) >= saved > 0


def test_a_backup_is_one_file_for_its_owner_alone(backup: Path, tmp_path: Path) -> None:
    assert mode(backup) == 0o600
    assert {name.name for name in tmp_path.iterdir()} == {"data", "backup.sqlite"}


def test_a_backup_says_what_is_in_it(path: Path, backup: Path, tmp_path: Path) -> None:
    found = back_up(path, tmp_path / "again.sqlite", NOW + DAY)
    assert (found.entries, found.incidents, found.taken_at) == (2, 2, NOW + DAY)
    assert found.last_entry_at == NOW and found.size == (tmp_path / "again.sqlite").stat().st_size


def test_a_file_that_is_there_is_replaced_only_when_that_is_asked_for(path: Path, backup: Path) -> None:
    before = backup.read_bytes()
    with pytest.raises(Refusal, match="already exists"):
        back_up(path, backup, NOW + DAY)
    assert backup.read_bytes() == before
    assert back_up(path, backup, NOW + DAY, replace=True).taken_at == NOW + DAY


def test_a_backup_never_replaces_the_journal_itself(path: Path, backup: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(path)
    before = sums(path.parent)
    for target in (path, path.with_name("journal.sqlite-wal"), tmp_path / "link"):
        with pytest.raises(Refusal, match="belongs to the journal"):
            back_up(path, target, NOW, replace=True)
    assert sums(path.parent) == before


def test_a_damaged_journal_is_not_backed_up_as_if_it_were_sound(path: Path, backup: Path, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE entries SET at = at + 1 WHERE stream = 'INC-2'")
        db.commit()
    with pytest.raises(JournalError, match="INC-2 is damaged from entry 1 on"):
        back_up(path, tmp_path / "other.sqlite", NOW)
    assert not (tmp_path / "other.sqlite").exists()
    assert [name.name for name in tmp_path.iterdir() if name.name.startswith(".")] == []


def test_a_backup_is_written_to_a_name_in_the_present_folder(
    path: Path, backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    back_up(Path("data/journal.sqlite"), Path("here.sqlite"), NOW)
    assert restore(Path("here.sqlite"), Path("new/journal.sqlite"), NOW).backup.entries == 2


def test_a_backup_onto_a_full_disk_leaves_nothing(
    path: Path, backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        with contextlib.closing(sqlite3.connect(":memory:")) as db:
            db.executescript("PRAGMA max_page_count = 1; CREATE TABLE t (a)")

    before = sums(tmp_path)
    monkeypatch.setattr("warroom.journal.backup._seal", full)
    with pytest.raises(SettingsError, match="cannot be written: the disk is full"):
        back_up(path, tmp_path / "other.sqlite", NOW)
    assert sums(tmp_path) == before


def test_there_is_nothing_to_back_up_without_a_journal(path: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        back_up(path, tmp_path / "backup.sqlite", NOW)
    assert not path.parent.exists() and not (tmp_path / "backup.sqlite").exists()


def test_a_backup_that_cannot_be_written_says_where(path: Path, backup: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"backup\.sqlite"):
        back_up(path, backup / "in-a-file.sqlite", NOW)
    with pytest.raises(BadInput, match="is a folder"):
        back_up(path, tmp_path, NOW, replace=True)


# ── restoring ─────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_backed_up_is_what_is_restored(path: Path, backup: Path, tmp_path: Path) -> None:
    before = content(path)
    target = tmp_path / "elsewhere" / "journal.sqlite"
    done = restore(backup, target, NOW + DAY)
    assert mode(target) == 0o600 and mode(target.parent) == 0o700
    assert content(target) == before and done.kept is None
    with SqliteJournal(target) as journal:
        assert journal.check().endswith("OK")


def test_the_journal_that_was_there_is_kept_and_can_be_brought_back(path: Path, backup: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.append("INC-2", 1, [note()], at=NOW, by="Ann")
    before = content(path)
    done = restore(backup, path, NOW + DAY)
    assert done.kept and done.kept.name == "journal.sqlite-replaced-20260302T120000Z" and done.newer_entries == 1
    assert len(content(path)["entries"]["INC-2"]) == 1  # type: ignore[index]
    again = restore(done.kept, path, NOW + DAY)
    assert content(path) == before
    assert again.kept and again.kept != done.kept and again.newer_entries == 0


def test_a_log_that_a_killed_warroom_left_is_kept_with_its_journal(path: Path, backup: Path) -> None:
    process = elsewhere(
        place(path),
        "from warroom.testing.journal_samples import NOW, note\n"
        "journal.append('INC-2', 1, [note()], at=NOW, by='Ann')\nos.kill(os.getpid(), signal.SIGKILL)",
    )
    assert process.wait(60) == -signal.SIGKILL
    assert Path(f"{path}-wal").stat().st_size
    done = restore(backup, path, NOW)
    assert done.kept and len(content(path)["entries"]["INC-2"]) == 1  # type: ignore[index]
    assert len(content(done.kept)["entries"]["INC-2"]) == 2  # type: ignore[index]


def test_a_journal_that_is_beyond_reading_is_kept_with_its_log(path: Path, backup: Path) -> None:
    path.write_bytes(b"not a database any more" * 500)
    Path(f"{path}-wal").write_bytes(b"and its log")
    done = restore(backup, path, NOW)
    assert done.kept and done.newer_entries is None
    assert done.kept.read_bytes().startswith(b"not a database")
    assert Path(f"{done.kept}-wal").read_bytes() == b"and its log"
    assert content(path)["draft"] == "We are looking into it"


def test_what_was_waiting_in_the_backup_is_left_to_a_person(path: Path, backup: Path) -> None:
    done = restore(backup, path, NOW)
    with SqliteJournal(path) as journal:
        deliveries = journal.deliveries()
        assert len(deliveries) == 4 and {one.id for one in deliveries} == {*done.unconfirmed}
        assert {(one.state, one.error) for one in deliveries} == {(DeliveryState.UNCONFIRMED, MAY_HAVE_BEEN_SENT)}
        assert journal.claim(ME, NOW + 365 * DAY) is None
        journal.confirm(deliveries[0].id, sent=False, now=NOW)
        assert take(journal) == (deliveries[0].id, DeliveryState.SENDING)


def test_what_was_delivered_stays_delivered(path: Path, tmp_path: Path) -> None:
    with SqliteJournal(path) as journal:
        (sent,) = write(journal, post())
        assert take(journal)
        journal.complete(sent, owner=ME, outcome=DeliveryState.DELIVERED)
    back_up(path, tmp_path / "backup.sqlite", NOW)
    assert restore(tmp_path / "backup.sqlite", path, NOW).unconfirmed == ()
    with SqliteJournal(path) as journal:
        assert [one.state for one in journal.deliveries()] == [DeliveryState.DELIVERED]


def test_a_number_that_was_given_since_the_backup_is_not_given_again(path: Path, backup: Path) -> None:
    with SqliteJournal(path) as journal:
        for _ in range(5):
            last = journal.new_incident()
    restore(backup, path, NOW)
    with SqliteJournal(path) as journal:
        assert last == "INC-7" and journal.new_incident() == "INC-8"


def test_a_restore_on_purpose_is_no_loss_and_is_said_until_the_notice_is_deleted(path: Path, backup: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.append("INC-2", 1, [note()], at=NOW, by="Ann")
    restore(backup, path, NOW + DAY)
    for _ in range(2):
        with SqliteJournal(path) as journal:
            assert journal.lost == ()
            (notice,) = journal.notices()
    assert "restored at 2026-03-02 12:00Z from a backup taken at 2026-03-01 12:00Z" in notice
    assert "4 deliveries" in notice and str(notice_path(path)) in notice
    notice_path(path).unlink()
    with SqliteJournal(path) as journal:
        assert journal.notices() == ()


def test_the_search_index_does_not_outlive_what_it_was_made_from(path: Path, backup: Path) -> None:
    index = path.with_name("search.sqlite")
    index.write_bytes(b"an index")
    restore(backup, path, NOW)
    assert not index.exists()


def test_a_plain_copy_of_a_journal_is_restored_with_its_log(path: Path, backup: Path, tmp_path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.append("INC-2", 1, [note()], at=NOW, by="Ann")
        copy = tmp_path / "copy" / "journal.sqlite"
        copy.parent.mkdir()
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
    before = sums(copy.parent)
    assert restore(copy, tmp_path / "new" / "journal.sqlite", NOW).backup.entries == 3
    assert sums(copy.parent) == before


def test_a_journal_of_an_earlier_version_is_restored_and_brought_up_to_date(path: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.sqlite"
    with contextlib.closing(sqlite3.connect(old)) as db:
        db.executescript(V1.read_text("utf-8"))
    done = restore(old, path, NOW)
    assert done.backup.version == 1 and done.backup.entries
    with SqliteJournal(path) as journal:
        assert journal.check().endswith("OK")


def test_a_backup_that_was_put_in_the_journals_place_is_a_journal(path: Path, backup: Path, tmp_path: Path) -> None:
    used = tmp_path / "used" / "journal.sqlite"
    used.parent.mkdir()
    shutil.copyfile(backup, used)
    with SqliteJournal(used) as journal:
        journal.append("INC-2", 1, [note()], at=NOW, by="Ann")
    back_up(used, tmp_path / "of-it.sqlite", NOW)
    for number, source in enumerate((tmp_path / "of-it.sqlite", used)):
        target = tmp_path / str(number) / "journal.sqlite"
        assert restore(source, target, NOW).backup.entries == 3


# ── refused ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("where", ["warroom", "another program"])
def test_nothing_is_restored_while_anybody_has_the_journal_open(path: Path, backup: Path, where: str) -> None:
    other = (
        "import sqlite3\ndb = sqlite3.connect(Path(sys.argv[1]))\ndb.execute('SELECT * FROM streams').fetchall()\n"
    )
    waiting = "print('open', flush=True)\nsys.stdin.readline()"
    body = waiting if where == "warroom" else f"journal.close()\n{other}{waiting}"
    process = elsewhere(place(path), body, argument=str(path))
    assert process.stdout and process.stdout.readline() == "open\n"
    before = sums(path.parent)
    try:
        with pytest.raises(Refusal, match="journal is in use"):
            restore(backup, path, NOW)
        after = sums(path.parent)
        assert after.pop("journal.sqlite") == before.pop("journal.sqlite") and not notice_path(path).exists()
    finally:
        process.communicate("\n", timeout=60)
    assert restore(backup, path, NOW).kept


def test_a_journal_that_is_being_restored_cannot_be_opened(path: Path, backup: Path) -> None:
    lock = FolderLock(path.parent, exclusive=True)
    assert lock.acquire(0)
    with pytest.raises(JournalError, match="is being restored"):
        SqliteJournal(path, wait_s=0, reads_anyway=True)
    lock.release()
    SqliteJournal(path).close()


def truncated(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def of_another_program(file: Path) -> None:
    file.unlink()
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE bookmarks (url)")


def with_a_changed_draft(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("UPDATE drafts SET text = 'All is well'")
        db.commit()


def with_a_changed_entry(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.executescript("DROP TABLE backup; UPDATE entries SET at = at + 1 WHERE stream = 'INC-2'")


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (truncated, "is damaged"),
    "empty": (lambda file: os.truncate(file, 0), "is not a journal"),
    "text": (lambda file: file.write_text("a letter to my aunt\n" * 100), "is not a journal"),
    "another program's": (of_another_program, "is not a journal"),
    "a changed draft": (with_a_changed_draft, "does not match its checksum"),
    "a changed entry": (with_a_changed_entry, "INC-2 is damaged from entry 1 on"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_file_that_is_no_whole_backup_is_refused_in_words(path: Path, backup: Path, how: str) -> None:
    breaks, words = BROKEN[how]
    breaks(backup)
    before = sums(path.parent)
    with pytest.raises(JournalError, match=words) as caught:
        restore(backup, path, NOW)
    assert str(backup) in caught.value.title and caught.value.remedy
    assert sums(path.parent) == before


def test_a_backup_of_a_newer_warroom_is_refused_and_left_alone(path: Path, backup: Path) -> None:
    with contextlib.closing(sqlite3.connect(backup)) as db:
        db.execute("PRAGMA user_version = 999")
    before = sums(path.parent), backup.read_bytes()
    with pytest.raises(NewerJournal, match="newer warroom"):
        restore(backup, path, NOW)
    assert (sums(path.parent), backup.read_bytes()) == before


def test_what_is_no_file_and_the_journal_itself_are_refused(path: Path, backup: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        restore(tmp_path / "nothing", path, NOW)
    for source in (tmp_path, path):
        with pytest.raises(BadInput):
            restore(source, path, NOW)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_changes_nothing(path: Path, backup: Path, where: float, bit: int) -> None:
    whole = backup.read_bytes()
    data = bytearray(whole)
    data[int(where * len(data))] ^= 1 << bit
    flipped = backup.with_name("flipped.sqlite")
    flipped.write_bytes(data)
    target = backup.parent / "flipped" / "journal.sqlite"
    shutil.rmtree(target.parent, ignore_errors=True)
    with contextlib.suppress(JournalError):
        restore(flipped, target, NOW)
        assert content(target) == content(path)


# ── kills ─────────────────────────────────────────────────────────────────────────────────────────────────

EVENTS = ("open", "os.", "shutil.", "tempfile.", "sqlite3.", "fcntl.")
"""What is counted of Python's audit events: everything that touches a file."""


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Carry out ``work`` in a child process that is killed before its ``step``-th use of a file; whether it was."""
    child = os.fork()
    if child == 0:
        count = 0

        def hook(event: str, _: object) -> None:
            nonlocal count
            if event.startswith(EVENTS):
                count += 1
                if count == step:
                    os._exit(9) if event == "os.kill" else os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        try:
            work()
        except BaseException:  # noqa: BLE001 — this is another process
            os._exit(1)
        os._exit(0)
    _, how = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(how) in (0, -signal.SIGKILL)
    return os.WIFSIGNALED(how)


def steps(work: Callable[[], object], prepare: Callable[[], object]) -> Iterator[int]:
    """Kill the work at each of its steps in turn, prepared anew each time."""
    for step in range(1, 1000):
        prepare()
        if not killed_at(step, work):
            assert step > 10, "it did nothing that can be killed"
            return
        yield step


def test_a_killed_backup_is_whole_or_not_there(path: Path, backup: Path, tmp_path: Path) -> None:
    target = tmp_path / "target.sqlite"
    whole = 0
    work = lambda: back_up(path, target, NOW)  # noqa: E731
    for _ in steps(work, lambda: target.unlink(missing_ok=True)):
        if target.exists():
            whole += 1
            assert restore(target, tmp_path / str(time.monotonic_ns()) / "journal.sqlite", NOW).backup.entries == 2
    assert whole, "no kill came after the file had its name"


def test_a_killed_restore_leaves_the_one_journal_or_the_other(path: Path, backup: Path, tmp_path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.append("INC-2", 1, [note()], at=NOW, by="Ann")
    saved = tmp_path / "saved"
    shutil.copytree(path.parent, saved)

    def prepare() -> None:
        shutil.rmtree(path.parent)
        shutil.copytree(saved, path.parent)

    found = []
    for _ in steps(lambda: restore(backup, path, NOW), prepare):
        entries = content(path)["entries"]
        found.append(len(entries["INC-2"]))  # type: ignore[index]
    assert found == sorted(found, reverse=True) and {*found} == {1, 2}
    assert restore(backup, path, NOW).backup.entries == 2
    assert [name.name for name in path.parent.iterdir() if name.name.startswith(".")] == []


@pytest.mark.parametrize("where", ["tempfile.mkdtemp", "shutil.copyfile", "warroom.journal.backup._prepare"])
def test_a_restore_onto_a_full_disk_changes_nothing(
    path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def full(*_: object, **__: object) -> None:
        if where.endswith("_prepare"):
            with contextlib.closing(sqlite3.connect(":memory:")) as db:
                db.executescript("PRAGMA max_page_count = 1; CREATE TABLE t (a)")
        raise OSError(28, os.strerror(28), str(path.parent / "copy"))

    before = sums(path.parent)
    monkeypatch.setattr(where, full)
    with pytest.raises(NotSaved, match="Nothing was restored: the disk is full"):
        restore(backup, path, NOW)
    after = sums(path.parent)
    for made_by_reading in ("journal.sqlite-wal", "journal.sqlite-shm"):
        after.pop(made_by_reading, None)
    assert after == before


def test_a_journal_on_a_file_system_without_locks_opens(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object) -> bool:
        raise OSError(95, os.strerror(95))

    monkeypatch.setattr(sqlite_file.FolderLock, "acquire", unsupported)
    with SqliteJournal(path) as journal:
        assert write(journal, post())
