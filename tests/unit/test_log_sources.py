"""Where lines come from besides a plain file: real commands that die, compressed files, patterns, directories."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from warroom.logs.sources import command as command_module
from warroom.logs.sources import discovery as gather
from warroom.logs.sources.command import CommandSource, _ReplayFilter, _StderrLimiter
from warroom.logs.sources.compressed import CompressedSource, Unreadable, decompressed, is_compressed
from warroom.logs.sources.file import FileSource
from warroom.logs.sources.pipe import FifoSource, StreamSource
from warroom.logs.sources.source import Chunk, Source


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    tick = threading.Event()
    while not condition():
        assert time.monotonic() < end, f"never happened: {what}"
        tick.wait(0.005)


class Taken:
    """A sink that keeps everything: lines by number, notices in parentheses."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.numbered: list[tuple[int | None, str]] = []
        self.sources: list[Source] = []

    def lines(self, source: Source, chunk: Chunk) -> None:
        if chunk.grows:
            self.rows.pop()
            self.numbered.pop()
        before = chunk.numbering.before
        self.rows += chunk.texts
        self.numbered += [
            (None if before is None else before + chunk.first + place + 1, text)
            for place, text in enumerate(chunk.texts)
        ]

    def notice(self, source: Source, text: str) -> None:
        self.rows.append(f"({text})")

    def add(self, source: Source) -> None:
        self.sources.append(source)
        source.start(self)

    @property
    def notices(self) -> list[str]:
        return [row[1:-1] for row in self.rows if row.startswith("(")]


@pytest.fixture
def taken() -> Iterator[Taken]:
    taken = Taken()
    yield taken
    for source in taken.sources:
        source.close()


# ---------------------------------------------------------------------------------------------- pipes


def test_a_pipe_is_read_from_one_writer_after_the_other(taken: Taken, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    taken.add(FifoSource(fifo, again=0.01))
    nobody, ended = "(no writer yet; waiting)", "(its writer closed the pipe; waiting for another)"
    wait_for(lambda: taken.rows == [nobody], "waiting for a writer")
    fifo.write_text("one\ntwo")
    wait_for(lambda: taken.rows == [nobody, "one", "two", ended], "the first writer")
    fifo.write_text("three\n")
    wait_for(lambda: taken.rows[4:] == ["three", ended], "the second writer")


def test_a_pipe_with_a_silent_writer_waits_without_a_word(taken: Taken, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = os.open(fifo, os.O_RDWR)
    try:
        taken.add(FifoSource(fifo))
        os.write(writer, b"one\n")
        wait_for(lambda: taken.rows == ["one"], "its line")
    finally:
        os.close(writer)


def test_a_pipe_that_is_made_anew_is_read_on(taken: Taken, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    taken.add(FifoSource(fifo, again=0.01))
    wait_for(lambda: len(taken.rows) == 1, "waiting for a writer")
    fifo.unlink()
    os.mkfifo(fifo)
    fifo.write_text("one\n")
    wait_for(lambda: "one" in taken.rows, "the line of the new one")


def test_closing_a_pipe_nobody_writes_to_ends_its_thread(taken: Taken, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    source = FifoSource(tmp_path / "fifo")
    taken.add(source)
    wait_for(lambda: len(taken.rows) == 1, "waiting for a writer")
    source.close()
    wait_for(lambda: not source.running, "its end")


def test_a_pipe_that_cannot_be_opened_says_so(taken: Taken, tmp_path: Path) -> None:
    taken.add(FifoSource(tmp_path / "none"))
    taken.add(FifoSource(tmp_path))
    wait_for(lambda: len(taken.rows) == 2, "two notices")
    assert set(taken.notices) == {
        "cannot be read: No such file or directory",
        "cannot be read: no longer a pipe; add it again",
    }


# ---------------------------------------------------------------------------------------------- commands


def python(code: str) -> list[str]:
    return [sys.executable, "-u", "-c", code]


def command(taken: Taken, argv: list[str], **how: float) -> CommandSource:
    source = CommandSource(argv, **{"first_wait": 0.01, "longest_wait": 0.05, "grace": 5.0, **how})
    taken.add(source)
    return source


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie that init has not reaped yet is dead.
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_what_a_command_prints_are_lines(taken: Taken) -> None:
    source = command(
        taken,
        python("import sys, time; print('one'); print('oops', file=sys.stderr); print('two'); time.sleep(60)"),
    )
    wait_for(lambda: {"one", "two", "(stderr: oops)"} <= {*taken.rows}, "both")
    source.close()
    wait_for(lambda: not source.running, "the thread's end")
    assert [row for row in taken.numbered if row[1] in ("one", "two")] == [(1, "one"), (2, "two")]


def test_a_command_that_ends_is_told_and_started_again(taken: Taken) -> None:
    source = command(taken, python("import os, sys; print('run', os.getpid()); sys.exit(3)"))
    wait_for(lambda: sum(row.startswith("run") for row in taken.rows) >= 3, "three runs")
    source.close()
    wait_for(lambda: not source.running, "the thread's end")
    assert taken.rows[0].startswith("run ") and taken.rows[2].startswith("run ")
    assert taken.rows[1] == "(ended with status 3; starting it again in 10 ms)"
    assert taken.rows[3] == "(ended with status 3; starting it again in 20 ms)"
    assert [line for line, _ in taken.numbered[:3]] == [1, 2, 3]


def test_a_killed_command_says_by_what(taken: Taken) -> None:
    command(taken, python("import os; os.kill(os.getpid(), 9)"))
    wait_for(lambda: bool(taken.rows), "a notice")
    assert taken.rows[0] == "(was killed by SIGKILL; starting it again in 10 ms)"


def test_a_command_that_is_not_there_is_told_once_and_tried_again(taken: Taken, tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    command(taken, [str(tool), "x"])
    wait_for(lambda: bool(taken.rows), "a notice")
    assert taken.rows == ["(cannot be started: No such file or directory; starting it again in 10 ms)"]
    tool.with_suffix(".new").write_text("#!/bin/sh\necho here $1\nexec cat /dev/zero > /dev/null\n")
    tool.with_suffix(".new").chmod(0o755)
    tool.with_suffix(".new").rename(tool)
    wait_for(lambda: taken.rows[-1] == "here x", "it runs")
    assert taken.rows[1:] == ["(started)", "here x"]


def test_no_shell_reads_the_words_of_a_command(taken: Taken, tmp_path: Path) -> None:
    command(taken, ["echo", f"$HOME; touch {tmp_path}/made `id`"])
    wait_for(lambda: bool(taken.rows), "a line")
    assert taken.rows[0] == f"$HOME; touch {tmp_path}/made `id`"
    assert not (tmp_path / "made").exists()


def test_a_command_has_no_input_and_no_terminal_to_ask_on(taken: Taken) -> None:
    command(taken, python("import sys, os; print(repr(sys.stdin.read()), os.getsid(0) == os.getpid())"))
    wait_for(lambda: taken.rows[:1] == ["'' True"], "a line")


FAMILY = (
    "import subprocess, sys, time, os; p = subprocess.Popen([sys.executable, '-c', 'import time; {child}']);"
    "print('pids', os.getpid(), p.pid); time.sleep(600)"
)


@pytest.mark.parametrize("stubborn", [False, True])
def test_closing_ends_the_command_and_all_it_started(taken: Taken, stubborn: bool) -> None:
    code = FAMILY.format(child="time.sleep(600)")
    if stubborn:
        code = "import signal; signal.signal(15, signal.SIG_IGN); " + code
    source = command(taken, python(code), grace=0.05)
    wait_for(lambda: bool(taken.rows), "the pids")
    pids = [int(word) for word in taken.rows[0].split()[1:]]
    assert all(map(alive, pids))
    began = time.monotonic()
    source.close()
    source.close()
    assert time.monotonic() - began < 0.5
    wait_for(lambda: not any(map(alive, pids)), "their end")
    wait_for(lambda: not source.running, "the thread's end")


LEAVES = "(setsid sleep 600 & echo $!); exec sleep 600"
"""For a shell: starts a process that leaves its session and whose parent ends, and prints its number."""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere only the process group is known")
@pytest.mark.parametrize("ends", [False, True])
def test_what_left_the_commands_session_ends_with_it(taken: Taken, ends: bool) -> None:
    source = command(
        taken, ["sh", "-c", LEAVES.replace("exec sleep 600", "exit 3") if ends else LEAVES], first_wait=30.0
    )
    wait_for(lambda: bool(taken.rows), "the number")
    pid = int(taken.rows[0])
    if not ends:
        assert alive(pid)
        source.close()
    wait_for(lambda: not alive(pid), "its end")
    if ends:
        wait_for(lambda: taken.rows[1:] == ["(ended with status 3; starting it again in 30 s)"], "its status")


def test_the_supervisor_ends_all_when_who_asked_is_gone() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        supervisor = subprocess.Popen(
            [sys.executable, "-I", "-S", command_module._SUPERVISOR, str(theirs.fileno()), "60", *python(STUBBORN)],
            stdout=subprocess.PIPE,
            pass_fds=[theirs.fileno()],
        )
    assert supervisor.stdout
    pid = int(supervisor.stdout.readline())
    assert alive(pid) and ours.recv(16) == b"R\n"
    ours.close()
    assert supervisor.wait(20) == 0 and not alive(pid)
    supervisor.stdout.close()


STUBBORN = "import os, signal, time; signal.signal(15, signal.SIG_IGN); print(os.getpid()); time.sleep(600)"


def test_who_is_left_behind_with_the_pipe_does_not_keep_a_dead_command_alive(taken: Taken) -> None:
    code = FAMILY.format(child="time.sleep(600)").replace('time.sleep(600)"', "").removesuffix("time.sleep(600)")
    command(taken, python(code), first_wait=30.0)
    wait_for(lambda: any("starting it again" in row for row in taken.rows), "the end is seen")
    child = int(taken.rows[0].split()[2])
    wait_for(lambda: not alive(child), "the one left behind is killed")


def test_a_program_that_ends_takes_its_commands_along() -> None:
    code = (
        "import sys; from warroom.logs.sources.command import CommandSource\n"
        "class Sink:\n"
        "    def lines(self, source, chunk): print(chunk.texts[0], flush=True)\n"
        "    def notice(self, source, text): pass\n"
        "s = CommandSource([sys.executable, '-u', '-c', "
        "'import os, signal, time; signal.signal(15, signal.SIG_IGN); print(os.getpid()); time.sleep(600)'])\n"
        "s.start(Sink()); sys.stdin.readline()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    pid = int(process.stdout.readline())
    assert alive(pid)
    process.communicate("go\n", timeout=20)
    wait_for(lambda: not alive(pid), "its end")


def test_a_flood_on_stderr_is_counted_not_shown() -> None:
    complaints = _StderrLimiter()
    complaints.take(b"".join(b"bad %d\n" % n for n in range(500)) + b"half")
    result = complaints.due()
    assert len(result) == 20 and result[0] == "stderr: bad 0"
    assert complaints.due(finished=True) == ["stderr: half", "stderr: … and 480 lines more"]


def test_a_flood_on_stdout_arrives_whole(taken: Taken) -> None:
    command(taken, ["seq", "1", "200000"], first_wait=30.0)
    wait_for(lambda: bool(taken.rows) and taken.rows[-1].startswith("("), "the end")
    assert taken.rows[:-1] == [str(n) for n in range(1, 200_001)]
    assert taken.rows[-1].startswith("(ended; starting it again in 30 s")


def stamped(*numbers: int) -> bytes:
    return b"".join(b"2025-03-05 14:00:%02d line\n" % n for n in numbers)


@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_what_a_restarted_command_repeats_is_not_shown_twice(cut: int) -> None:
    echo = _ReplayFilter()
    assert echo.fresh(stamped(*range(30))) == stamped(*range(30))
    echo.restarted()
    again = stamped(*range(20, 35))
    shown = b"".join(echo.fresh(again[at : at + cut]) for at in range(0, len(again), cut))
    assert shown + echo.let_go() == stamped(*range(30, 35))
    assert echo.repeated == 10


def test_lines_that_only_look_repeated_are_shown() -> None:
    echo = _ReplayFilter()
    echo.fresh(stamped(1, 2, 3, 4))
    echo.restarted()
    assert echo.fresh(stamped(2, 3)) == b""  # perhaps
    assert echo.fresh(stamped(9)) == stamped(2, 3, 9)  # no: what follows is not what followed
    echo.restarted()
    assert echo.fresh(stamped(9)[:10]) == b"" and echo.let_go() == stamped(9)[:10]  # nothing more came
    plain = _ReplayFilter()
    plain.fresh(b"starting\nready\n")
    plain.restarted()
    assert plain.fresh(b"starting\nready\n") == b"starting\nready\n"  # without a time they may be new


def test_a_restart_that_repeats_says_what_it_left_out(taken: Taken, tmp_path: Path) -> None:
    log = tmp_path / "pod.log"
    log.write_bytes(stamped(1, 2, 3))
    command(taken, ["cat", str(log)])
    wait_for(lambda: "(3 repeated lines are hidden)" in taken.rows, "told")
    with log.open("ab") as more:
        more.write(stamped(4))
    wait_for(lambda: taken.rows.count("2025-03-05 14:00:04 line") == 1, "the new line")
    assert taken.rows.count("2025-03-05 14:00:01 line") == 1


# ---------------------------------------------------------------------------------------------- compressed files

LINES = [f"line {n} {'x' * (n % 90)}" for n in range(1, 40_001)]
TEXT = "".join(line + "\n" for line in LINES).encode()


def zstd(data: bytes) -> bytes:
    zstandard = pytest.importorskip("zstandard", reason="the package zstandard, which reads .zst, is not installed")
    packed: bytes = zstandard.ZstdCompressor().compress(data)
    return packed


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd,
}


def done(taken: Taken, source: CompressedSource) -> None:
    taken.add(source)
    wait_for(lambda: not source.running, "unfolded")


@pytest.mark.parametrize("kind", PACK)
def test_the_end_of_a_compressed_file_has_its_line_numbers(taken: Taken, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"app.log.{kind}"
    path.write_bytes(PACK[kind](TEXT[:700_000]) + PACK[kind](TEXT[700_000:]))  # two members, as appending makes
    done(taken, CompressedSource(path, tail=300_000))
    lines = [row for row in taken.numbered if row[0] is not None]
    assert lines[-1] == (40_000, LINES[-1]) and 5_000 < len(lines) < 30_000
    assert all(text == LINES[(number or 0) - 1] for number, text in lines)
    assert taken.notices[0].startswith("the last ")


@pytest.mark.parametrize("kind", PACK)
def test_a_small_compressed_file_is_shown_whole(taken: Taken, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"app.log.1.{kind}"
    path.write_bytes(PACK[kind](b"one\r\ntwo\nlast"))
    done(taken, CompressedSource(path))
    assert taken.numbered == [(1, "one"), (2, "two"), (3, "last")] and not taken.notices


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc to read memory from")
def test_a_bomb_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", 9) as file:
        for _ in range(300):
            file.write(b"\n" * 1_000_000)
    code = (
        "import re, sys\nfrom warroom.logs.sources.compressed import CompressedSource\n"
        "def peak(): return int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])\n"
        "class Sink:\n"
        "    seen = 0\n"
        "    def lines(self, source, chunk): Sink.seen = chunk.numbering.before + chunk.first + len(chunk.texts)\n"
        "    def notice(self, source, text): print(text)\n"
        "s = CompressedSource(sys.argv[1], tail=1_000_000)\n"
        "before = peak()\n"
        "s.start(Sink()); s._thread.join()\n"
        "print(Sink.seen, peak() - before)\n"
    )
    result = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    seen, grown = map(int, result.stdout.splitlines()[-1].split())
    assert seen == 300_000_000 and grown < 60_000  # kB


def test_damage_is_told_after_what_could_be_read(taken: Taken, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(TEXT)[:-2000])
    done(taken, CompressedSource(cut))
    assert taken.rows[0] == LINES[0] and taken.notices == ["is truncated"]
    assert len(taken.rows) > 35_000  # most of what stands before the cut
    for kind, pack in (("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)):
        bad = bytearray(pack(TEXT))
        bad[len(bad) // 2] ^= 0x55
        bad[len(bad) // 2 + 1] ^= 0x55
        path = tmp_path / f"bad.{kind}"
        path.write_bytes(bad)
        with pytest.raises(Unreadable, match=r"is damaged|is cut short"):
            list(decompressed(path))


def test_other_cases_are_said(taken: Taken, tmp_path: Path) -> None:
    (tmp_path / "empty.gz").write_bytes(gzip.compress(b""))
    (tmp_path / "plain.gz").write_text("no gzip at all\n")
    (tmp_path / "core.gz").write_bytes(gzip.compress(b"\0\1\n"))
    for name in ("empty.gz", "plain.gz", "core.gz", "gone.gz"):
        done(taken, CompressedSource(tmp_path / name))
    assert taken.rows == [
        "(empty)",
        "no gzip at all",
        "(contains binary data, shown as ␀ or �)",
        "\0\1",
        "(cannot be read: No such file or directory)",
    ]


def test_without_the_package_a_zst_file_says_how_to_get_it(
    taken: Taken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    path = tmp_path / "a.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd\x00")
    done(taken, CompressedSource(path))
    assert taken.notices == ["cannot be read without the package zstandard: pip install 'warroom[zstd]'"]


def test_the_first_bytes_tell_what_is_compressed(tmp_path: Path) -> None:
    (tmp_path / "app.log.1").write_bytes(gzip.compress(b"x"))
    (tmp_path / "app.log").write_text("x")
    os.mkfifo(tmp_path / "fifo")
    assert [is_compressed(tmp_path / name) for name in ("app.log.1", "app.log", "fifo", "gone", "gone.xz")] == [
        True,
        False,
        False,
        False,
        True,
    ]


def test_closing_stops_unfolding(taken: Taken, tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(TEXT))
    source = CompressedSource(path)
    source.close()
    done(taken, source)
    assert not taken.rows


# ---------------------------------------------------------------------------------------------- what a name means


def names(taken: Taken) -> list[str]:
    return sorted(source.name for source in taken.sources[1:])


def test_files_that_appear_later_join(taken: Taken, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("a1\n")
    watch = gather.GlobWatcher(str(tmp_path / "*.log"), taken.add, again=0.01)
    taken.add(watch)
    wait_for(lambda: names(taken) == ["a.log"], "the first")
    (tmp_path / "b.log").write_text("b1\n")
    wait_for(lambda: "b1" in taken.rows, "the second")
    assert "(b.log joined)" in taken.rows
    (tmp_path / "a.log").rename(tmp_path / "old.log")  # a renamed file is no new one
    (tmp_path / "c.log").write_text("c1\n")
    wait_for(lambda: "c1" in taken.rows, "the third")
    assert names(taken) == ["a.log", "b.log", "c.log"]


def test_a_directory_gives_its_live_logs(tmp_path: Path) -> None:
    for name in (
        "app.log",
        "app.log.1",
        "app.log-20250305",
        "app.log.2.gz",
        ".hidden",
        "x.pid",
        "messages",
        "a.json",
    ):
        (tmp_path / name).touch()
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "x.log").touch()
    assert [path.name for path in gather.files(str(tmp_path))] == ["a.json", "app.log", "messages"]
    assert [path.name for path in gather.files(str(tmp_path / "app.log*"))] == [
        "app.log",
        "app.log-20250305",
        "app.log.1",
        "app.log.2.gz",
    ]
    assert [path.name for path in gather.files(str(tmp_path / "**" / "x.log"))] == ["x.log"]
    assert gather.files(str(tmp_path / "gone")) == [tmp_path / "gone"]


def test_a_pattern_that_matches_nothing_yet_waits(taken: Taken, tmp_path: Path) -> None:
    taken.add(gather.GlobWatcher(str(tmp_path / "*.log"), taken.add, again=0.01))
    wait_for(lambda: taken.rows == ["(no file yet; waiting for one)"], "told")
    (tmp_path / "a.log").write_text("here\n")
    wait_for(lambda: "here" in taken.rows, "read")


def test_of_too_many_files_the_last_written_are_read(tmp_path: Path) -> None:
    for n in range(gather.MOST + 20):
        file = tmp_path / f"{n:03}.log"
        file.touch()
        os.utime(file, (n, n))
    found = gather.files(str(tmp_path / "*.log"))
    assert len(found) == gather.MOST and found[0].name == "020.log"


def test_a_name_stands_for_its_source(tmp_path: Path) -> None:
    def one(name: str) -> Source:
        [source] = gather.sources(name, lambda source: None)
        return source

    (tmp_path / "[odd].log").touch()
    assert isinstance(one(str(tmp_path / "app.log")), FileSource)
    assert isinstance(one(str(tmp_path / "[odd].log")), FileSource)
    assert isinstance(one(str(tmp_path / "app.log.gz")), CompressedSource)
    assert isinstance(one(str(tmp_path)), gather.GlobWatcher)
    os.mkfifo(tmp_path / "fifo")
    assert isinstance(one(str(tmp_path / "fifo")), FifoSource)
    read, write = os.pipe()
    assert isinstance(one(f"/dev/fd/{read}"), StreamSource)
    os.close(read)
    os.close(write)
    journal, docker, run = one("journal:nginx"), one("docker:web"), one("run:ssh web 'tail -F /var/log/x'")
    assert isinstance(journal, CommandSource) and isinstance(docker, CommandSource)
    assert isinstance(run, CommandSource)
    assert (journal.name, journal.argv[0], journal.argv[-1]) == ("nginx", "journalctl", "--unit=nginx")
    assert (docker.name, docker.argv[-2:]) == ("web", ("--", "web"))
    assert run.argv == ("ssh", "web", "tail -F /var/log/x")
    for source in (journal, docker, run):
        source.close()
    for bad in ("run:", "run:'x", "docker: "):
        with pytest.raises(ValueError):
            gather.command_of(bad)
