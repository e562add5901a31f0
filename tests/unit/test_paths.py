"""What is written where: streams are written into, links stay links, and nothing but the file named is replaced."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from warroom.config.paths import make_folder, write_atomically, write_document
from warroom.errors import SettingsError
from warroom.journal.sqlite import SqliteJournal

WRITERS = [write_atomically, write_document]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


# ── streams ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_document_goes_into_a_named_pipe_that_somebody_reads(pipe: Path) -> None:
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    received: list[bytes] = []
    with os.fdopen(reader, "rb") as file:
        kept_open = os.open(pipe, os.O_WRONLY)  # without a writer the reader would be at the end at once
        thread = threading.Thread(target=lambda: received.append(file.read()))
        thread.start()
        write_document(pipe, "é" * 200_000)  # far more than a pipe holds
        os.close(kept_open)
        thread.join(30)
    assert received == ["é".encode() * 200_000]
    assert pipe.is_fifo()


def test_a_named_pipe_without_a_reader_is_refused_at_once_and_kept(pipe: Path) -> None:
    with pytest.raises(SettingsError, match="no program reads from it") as caught:
        write_document(pipe, "text")
    assert caught.value.remedy and pipe.is_fifo()


def test_a_document_goes_into_a_device_and_the_device_stays() -> None:
    before = os.stat(os.devnull)
    write_document(Path(os.devnull), "text")
    after = os.stat(os.devnull)
    assert stat.S_ISCHR(after.st_mode) and (after.st_ino, after.st_dev) == (before.st_ino, before.st_dev)


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_stdout_by_its_name_is_appended_to_like_stdout(tmp_path: Path, name: str) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    code = f"from pathlib import Path; from warroom.config.paths import write_document as w; w(Path({name!r}), 'after\\n')"  # noqa: E501
    with log.open("a") as file:
        subprocess.run([sys.executable, "-c", code], stdout=file, check=True)
    assert log.read_text() == "before\nafter\n"


def test_a_descriptor_that_is_closed_is_said_so() -> None:
    with pytest.raises(SettingsError, match="bad file descriptor"):
        write_document(Path("/dev/fd/987654"), "text")


@pytest.mark.parametrize("write", WRITERS)
def test_a_folder_is_refused_and_kept(tmp_path: Path, write: object) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(SettingsError, match="a folder, not a regular file"):
        write(tmp_path / "folder", "text")  # type: ignore[operator]
    assert os.listdir(tmp_path) == ["folder"] and os.listdir(tmp_path / "folder") == []


def test_settings_are_never_written_over_a_pipe_or_device(pipe: Path, tmp_path: Path) -> None:
    (tmp_path / "null").symlink_to(os.devnull)
    for path in (pipe, tmp_path / "null", Path(os.devnull)):
        with pytest.raises(SettingsError, match="not a regular file"):
            write_atomically(path, "text")
    assert pipe.is_fifo() and stat.S_ISCHR(os.stat(os.devnull).st_mode)


@pytest.mark.parametrize("verb", ["export", "postmortem"])
def test_a_verb_writes_its_document_into_the_pipe_it_is_given(tmp_path: Path, pipe: Path, verb: str) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", "WARROOM_AS": "Bob"}
    warroom = [sys.executable, "-m", "warroom"]
    subprocess.run([*warroom, "declare", "web", "down", "--no-wait"], env=environ, check=True, capture_output=True)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        blocked = os.open(pipe, os.O_WRONLY)  # returns once cat has it open
        subprocess.run([*warroom, verb, "--output", str(pipe)], env=environ, check=True, capture_output=True)
        os.close(blocked)
        assert reader.stdout and b"web" in reader.stdout.read()
    assert pipe.is_fifo()


# ── links ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("write", WRITERS)
def test_a_link_is_kept_and_the_file_it_names_written(tmp_path: Path, write: object) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("old")
    (tmp_path / "hop").symlink_to("real/file")
    (tmp_path / "link").symlink_to("hop")
    write(tmp_path / "link", "new")  # type: ignore[operator]
    assert (tmp_path / "link").readlink() == Path("hop") and (tmp_path / "hop").readlink() == Path("real/file")
    assert (tmp_path / "real" / "file").read_text() == "new"
    assert os.listdir(tmp_path / "real") == ["file"]


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(SettingsError, match="too many symbolic links"):
        write_atomically(tmp_path / "a", "text")


@pytest.mark.parametrize("write", WRITERS)
def test_a_strangers_link_in_a_shared_folder_is_not_followed(tmp_path: Path, write: object) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can make another user's link")
    shared, victim = tmp_path / "shared", tmp_path / "victim"
    shared.mkdir()
    shared.chmod(0o1777)
    victim.write_text("mine")
    (shared / "INC-1.md").symlink_to(victim)
    os.lchown(shared / "INC-1.md", 65534, 65534)
    with pytest.raises(SettingsError, match="another user's symbolic link"):
        write(shared / "INC-1.md", "text")  # type: ignore[operator]
    assert victim.read_text() == "mine"


# ── folders ───────────────────────────────────────────────────────────────────────────────────────────────


def test_every_folder_that_is_made_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make_folder(tmp_path / "share" / "warroom" / "transcripts")
        write_atomically(tmp_path / "config" / "warroom" / "settings.toml", "text")
        SqliteJournal(tmp_path / "data" / "warroom" / "journal.sqlite").close()
    finally:
        os.umask(before)
    made = [path for path in tmp_path.rglob("*") if path.is_dir()]
    assert len(made) == 7 and {mode(path) for path in made} == {0o700}
    assert mode(tmp_path / "config" / "warroom" / "settings.toml") == 0o600


def test_the_program_makes_its_folders_in_a_new_home_for_its_owner_alone(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", "WARROOM_AS": "Bob"}
    for verb in (["init"], ["declare", "web", "down"]):
        subprocess.run(
            [sys.executable, "-m", "warroom", *verb],
            env=environ,
            preexec_fn=lambda: os.umask(0),
            check=True,
            capture_output=True,
        )
    made = [path for path in tmp_path.rglob("*") if path.is_dir()]
    assert len(made) >= 4 and {mode(path) for path in made} == {0o700}, {
        str(path): oct(mode(path)) for path in made
    }


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old").chmod(0o755)
    make_folder(tmp_path / "old" / "new")
    assert mode(tmp_path / "old") == 0o755 and mode(tmp_path / "old" / "new") == 0o700
