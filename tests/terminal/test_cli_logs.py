"""``warroom logs`` and ``warroom redact`` as they are used in pipes: chosen, merged, followed, streamed, safe."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.program import ForkedProgram

from warroom.cli.log_printer import Printer, Wanted, _pieces
from warroom.logs.query import Query
from warroom.logs.sources.source import LineCutter
from warroom.logs.stores import Numbering

ENV = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": str(Path(__file__).parents[2])}
PEAK = "import re; peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]); "
"""``peak()``: the most memory the process has used, in kB. (ru_maxrss would count that of its parent too.)"""

needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc to read memory from")
LOG = """\
2026-01-28T03:00:00Z INFO  started password=hunter2secret
2026-01-28T03:01:00Z ERROR query failed:
java.lang.IllegalStateException: pool exhausted
\tat com.foo.Bar(Bar.java:1)
2026-01-28T03:02:00Z WARN  slow
2026-01-28T03:03:00Z INFO  done
"""


def run(*arguments: str, given: bytes = b"", status: int = 0, cwd: Path | None = None) -> tuple[str, str]:
    with tempfile.TemporaryFile() as file:
        file.write(given)
        file.seek(0)
        program = ForkedProgram(arguments, {**ENV, "HOME": os.environ["HOME"]}, cwd=cwd, stdin=file)
        out, err = program.communicate(timeout=60)
    assert program.returncode == status, err
    return out, err


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "app.log"
    file.write_text(LOG)
    return file


def rows(*arguments: str, **how: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("logs", "--json", *arguments, **how)[0].splitlines()]


def numbers(*arguments: str) -> list[int]:
    return [row["line"] for row in rows(*arguments)]


def test_every_record_is_an_object(log: Path) -> None:
    got = rows(str(log))
    assert all(list(row) == ["time", "level", "source", "line", "text"] for row in got)
    assert [row["line"] for row in got] == [1, 2, 3, 4, 5, 6]
    assert [row["level"] for row in got] == ["info", "error", None, None, "warn", "info"]
    assert got[0] == {
        "time": "2026-01-28T03:00:00.000Z",
        "level": "info",
        "source": "app.log",
        "line": 1,
        "text": "2026-01-28T03:00:00Z INFO  started password=‹redacted:password›",
    }
    assert got[2]["time"] is None


def test_records_are_chosen_whole(log: Path) -> None:
    file = str(log)
    assert numbers(file, "--level", "warn") == [2, 3, 4, 5]
    assert numbers(file, "--level", "error") == [2, 3, 4]
    assert numbers(file, "--level", "fatal") == []
    assert numbers(file, "--grep", "Bar.java") == [2, 3, 4]  # a match in the trace brings its error
    assert numbers(file, "--grep", "QUERY") == []  # a capital: case counts
    assert numbers(file, "--grep", "slow|done") == [5, 6]
    assert numbers(file, "--grep", "done", "--level", "warn") == []
    assert numbers(file, "--since", "2026-01-28T03:01:00Z") == [2, 3, 4, 5, 6]
    assert numbers(file, "--until", "2026-01-28T03:02:00Z") == [1, 2, 3, 4]
    day = "2026-01-28"
    assert numbers(file, "--since", f"{day} 03:01", "--until", f"{day} 03:02", "--level", "warn") == [2, 3, 4]


def test_a_duration_means_ago(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    file = tmp_path / "a.log"
    then = [(ago, now - timedelta(minutes=ago)) for ago in (60, 20, 5)]
    file.write_text("".join(f"{at:%Y-%m-%dT%H:%M:%SZ} INFO {ago}\n" for ago, at in then))
    assert [row["text"][-2:] for row in rows(str(file), "--since", "30m")] == ["20", " 5"]
    assert [row["text"][-2:] for row in rows(str(file), "--since=-30m", "--until", "10m")] == ["20"]


def test_an_uncaught_error_is_one_though_the_line_before_was_none(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text(
        '2026-01-28T03:00:00Z INFO up\nTraceback (most recent call last):\n  File "a.py"\nValueError: x\n'
    )
    assert numbers(str(file), "--level", "error") == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--grep", "("], "not a regular expression"),
        (["--grep", "(?=a)"], "the pattern has a look-ahead"),
        (["--grep", r"(a)\1"], "the pattern has a back-reference"),
        (["--since", "soon"], "is not a time"),
        (["--level", "bad"], "'bad' is not one of"),
        ([], ""),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(log: Path, arguments: list[str], error: str) -> None:
    if arguments:
        assert error in run("logs", str(log), *arguments, status=2)[1]
    else:
        assert "PATH" in run("logs", status=2)[1]
    assert "Not a log" in run("logs", "run:'x", status=1)[1]


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|aa)+$", "(a|a)*b", ".*.*.*.*x"])
def test_no_pattern_of_grep_keeps_it_from_ending(tmp_path: Path, pattern: str) -> None:
    file = tmp_path / "a.log"
    file.write_text("a" * 5000 + "!\n" + "a" * 60 + "!\naab x\n")
    assert run("logs", str(file), "--grep", pattern)[0] in ("", "aab x\n")


def test_nothing_is_masked_if_so_asked_but_all_is_inert(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_bytes(b"password=hunter2secret \x1b]0;owned\x07\n-----BEGIN PRIVATE KEY-----\nMIIEpAIBAAKCAQEA75\n")
    result = run("logs", str(file), "--no-redact")[0]
    assert "hunter2secret" in result and "MIIE" in result and "\x1b" not in result
    result = run("logs", str(file))[0]
    assert "hunter2" not in result and "MIIE" not in result and result.count("\n") == 3
    assert "hunter2secret" in run("logs", str(file), "--no-redact", "--json")[0]


def test_a_key_is_masked_whichever_of_its_lines_are_chosen(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text(
        "2026-01-28T03:00:00Z INFO key\n-----BEGIN PRIVATE KEY-----\nMIIEpAIBAAKCAQEA75\n"
        "-----END PRIVATE KEY-----\n2026-01-28T03:00:01Z INFO x\n"
    )
    assert "MIIE" not in run("logs", str(file), "--grep", "MIIE")[0]


def test_several_files_are_merged_by_time(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("2026-01-28T03:00:01Z a1\n\tat a1\n2026-01-28T03:00:05Z a2\nlast")
    (tmp_path / "b.log").write_text("2026-01-28T03:00:03Z b1\n2026-01-28T03:00:07Z b2\n")
    (tmp_path / "c.log.gz").write_bytes(gzip.compress(b"2026-01-28T03:00:04Z c1\n"))
    got = rows("*.log*", cwd=tmp_path)
    assert [row["text"].split("Z ")[-1] for row in got] == ["a1", "\tat a1", "b1", "c1", "a2", "last", "b2"]
    assert [(row["source"], row["line"]) for row in got][:4] == [
        ("a.log", 1),
        ("a.log", 2),
        ("b.log", 1),
        ("c.log.gz", 1),
    ]
    assert run("logs", "a.log", "b.log", cwd=tmp_path)[0].splitlines()[2] == "2026-01-28T03:00:03Z b1"
    assert [row["source"] for row in rows(str(tmp_path))] == ["a.log", "a.log", "b.log", "a.log", "a.log", "b.log"]


@pytest.mark.parametrize("suffix", ["gz", "plain"])
def test_a_log_that_is_odd_is_still_shown(tmp_path: Path, suffix: str) -> None:
    data = b"one\r\nb\xffd\n\0nul\n" + b"x" * 3_000_000 + b"\nlast"
    file = tmp_path / f"odd.{suffix}"
    file.write_bytes(gzip.compress(data) if suffix == "gz" else data)
    got = rows(str(file))
    assert [row["line"] for row in got] == [1, 2, 3, 4, 5]
    assert [row["text"] for row in got if row["line"] != 4] == ["one", "b\ufffdd", "␀nul", "last"]
    assert "3.0 MB" in got[3]["text"]


def test_what_cannot_be_read_is_told_and_the_rest_printed(tmp_path: Path, log: Path) -> None:
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(LOG.encode() * 2000)[:-20])
    out, err = run("logs", str(tmp_path / "gone"), str(cut), str(tmp_path / "none*"), str(log), status=1)
    assert "gone: no such file" in err and "cut.gz: is truncated" in err and "none*: no file there" in err
    assert out.count("\n") > 2000
    file = tmp_path / "plain.log"
    file.write_text("no times here\nat all\n")
    out, err = run("logs", str(file), "--since", "10m")
    assert out == "" and "no line has a time" in err


def big(file: Path, lines: int) -> datetime:
    """A log of a line a second; when it begins."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    with file.open("w") as out:
        for n in range(lines):
            out.write(f"{begin + timedelta(seconds=n):%Y-%m-%dT%H:%M:%SZ} INFO line {n + 1} {'x' * 80}\n")
    return begin


def test_a_time_behind_other_columns_is_found_by_halves_too(tmp_path: Path) -> None:
    file = tmp_path / "bgl.log"
    begin = 1_131_500_000
    lines = (f"- {begin + n} 2005.11.09 node{n % 7} RAS KERNEL INFO {'x' * 60} {n}" for n in range(60_000))
    file.write_text("\n".join(lines) + "\n")
    assert file.stat().st_size > 5_000_000
    since, until = (datetime.fromtimestamp(begin + n, UTC).isoformat() for n in (59_000, 59_003))
    got = rows("--since", since, "--until", until, str(file))
    assert [(row["line"], row["level"]) for row in got] == [(n, "info") for n in (59_001, 59_002, 59_003)]


def test_a_time_in_a_large_file_is_found_by_halves(tmp_path: Path) -> None:
    file = tmp_path / "big.log"
    begin = big(file, 120_000)
    since = begin + timedelta(seconds=110_000)
    wanted = Wanted(datetime(2026, 1, 5, tzinfo=UTC), UTC, since=since, json=True)
    printer = Printer("big.log", wanted)
    got = [json.loads(text) for block in _pieces(file, printer, wanted, []) for _, text in block]
    assert [row["line"] for row in got] == list(range(110_001, 120_001))
    assert got[0]["text"].split()[3] == "110001" and got[0]["time"] == "2026-01-02T06:33:20.000Z"
    assert printer._lines < 40_000  # most of the file was passed over


@needs_proc
def test_a_large_file_streams_in_bounded_memory(tmp_path: Path) -> None:
    file = tmp_path / "big.log"
    big(file, 200_000)
    small = tmp_path / "small.log"
    big(small, 2000)
    code = PEAK + (
        "import sys; from warroom.cli.main import run; "
        "run(['logs', sys.argv[1], '--grep', 'line 1999 ']); before = peak(); "
        "run(['logs', sys.argv[2], '--grep', 'line 199999 ']); print(peak() - before, peak())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(small), str(file)], capture_output=True, text=True, check=True
    )
    *found, figures = done.stdout.splitlines()
    assert len(found) == 2 and "line 199999 " in found[1]
    grown, peak = map(int, figures.split())
    assert grown < 5_000 and peak < 90_000  # kB, of a file of 23 MB


def test_it_stops_quietly_when_nobody_reads(tmp_path: Path) -> None:
    file = tmp_path / "big.log"
    big(file, 100_000)
    for verb in (["logs", str(file)], ["logs", str(file), str(file)], ["logs", str(file), "--json"]):
        process = subprocess.Popen(
            [sys.executable, "-m", "warroom", *verb],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**ENV, "HOME": os.environ["HOME"]},
        )
        assert process.stdout and process.stderr
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 128 + signal.SIGPIPE
        assert process.stderr.read() == b""
        process.stderr.close()


class Followed:
    """``warroom logs … --follow`` running."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "warroom", "logs", *arguments, "--follow"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**ENV, "HOME": os.environ["HOME"]},
        )
        assert self.process.stdout
        self.lines: Iterator[str] = iter(self.process.stdout.readline, "")

    def next(self) -> str:
        return next(self.lines).rstrip("\n")

    def end(self) -> str:
        self.process.terminate()
        return self.process.communicate(timeout=20)[1]


def test_files_are_followed_and_new_ones_join(tmp_path: Path, log: Path) -> None:
    followed = Followed(str(tmp_path / "*.log"), "--level", "warn", "--json")
    try:
        assert [json.loads(followed.next())["line"] for _ in range(4)] == [2, 3, 4, 5]
        with log.open("a") as more:
            more.write("2026-01-28T03:04:00Z FATAL gone\n")
        row = json.loads(followed.next())
        assert (row["line"], row["level"]) == (7, "fatal")
        (tmp_path / "b.log").write_text("2026-01-28T03:05:00Z ERROR of another\n")
        assert json.loads(followed.next())["source"] == "b.log"
    finally:
        err = followed.end()
    assert "b.log joined" in err


def test_a_command_is_followed_and_ends_with_us(tmp_path: Path) -> None:
    followed = Followed(f"run:{sys.executable} -uc 'import os, time; print(os.getpid()); time.sleep(600)'")
    try:
        pid = int(followed.next())
    finally:
        followed.end()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and " Z" not in Path(f"/proc/{pid}/stat").read_text():
        assert time.monotonic() < deadline


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="no /dev/fd")
def test_an_open_pipe_is_read_though_its_writer_has_ended() -> None:
    read, write = os.pipe()
    try:
        os.write(write, b"2026-01-28T03:00:00Z INFO piped\n")
        os.close(write)
        done = subprocess.run(
            [sys.executable, "-m", "warroom", "logs", f"/dev/fd/{read}"],
            capture_output=True,
            timeout=60,
            check=True,
            pass_fds=[read],
            env={**ENV, "HOME": os.environ["HOME"]},
        )
    finally:
        os.close(read)
    assert done.stdout == b"2026-01-28T03:00:00Z INFO piped\n"


@pytest.mark.parametrize("how", [["--follow"], []])
def test_a_socket_and_a_device_are_refused(tmp_path: Path, how: list[str]) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        _, err = run("logs", *how, str(tmp_path / "s"), status=1)
    assert "is a socket, not a log" in err and "Name a file, a pipe" in err
    assert "/dev/zero is a device, not a log" in run("logs", *how, "/dev/zero", status=1)[1]


# ---------------------------------------------------------------------------------------------- redact


def test_the_filter_goes_by_the_teams_rules(tmp_path: Path) -> None:
    settings = tmp_path / "s.toml"
    rule = '{ name = "customer-id", pattern = "cus_\\\\w{8,}" }'
    settings.write_text(f'[redaction]\noff = ["email"]\nrules = [{rule}]\n')
    key = b"-----BEGIN PRIVATE KEY-----\nMIIEpAIBAAKCAQEA75\n-----END PRIVATE KEY-----"
    given = b"bob@example.com cus_9sK2mQ7x\r\n" + key
    out, _ = run("redact", "--settings", str(settings), given=given)
    assert out == "bob@example.com ‹redacted:customer-id›\n" + "\n".join(["‹redacted:private-key›"] * 3)
    settings.write_text('[redaction]\nrules = [{ name = "a", pattern = "(?=a)b" }]\n')
    out, err = run("redact", "--settings", str(settings), given=given, status=3)
    assert out == "" and "s.toml:2 [redaction.rules #1] pattern" in err


def test_the_filter_hands_on_what_it_has(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "warroom", "redact"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**ENV, "HOME": os.environ["HOME"]},
    )
    assert process.stdin and process.stdout
    process.stdin.write(b"password=hunter2secret\nnext")
    process.stdin.flush()
    assert process.stdout.readline() == "password=‹redacted:password›\n".encode()
    assert process.communicate(b" line\n", timeout=20)[0] == b"next line\n"


@needs_proc
def test_the_filter_needs_little_memory(tmp_path: Path) -> None:
    file = tmp_path / "in"
    file.write_bytes(
        (b"2026-01-28T03:00:00Z INFO password=hunter2secret " + b"x " * 40 + b"\n") * 100_000
        + b"one long line " * 500_000
    )
    code = PEAK + "import sys; from warroom.cli.main import run; run(['redact']); print(peak(), file=sys.stderr)"
    with file.open("rb") as given:
        done = subprocess.run([sys.executable, "-c", code], stdin=given, capture_output=True, check=True)
    assert int(done.stderr) < 90_000 and done.stdout.count(b"redacted:password") == 100_000  # kB
    assert done.stdout.endswith(b"one long line ") and b"hunter2" not in done.stdout


@pytest.mark.parametrize(
    "grep", ["needle", "^needle", "end$", r"needle\s*end", "(?i)NEEDLE", "need[^l]", r"\Aneedle", "at n"]
)
@pytest.mark.parametrize("size", [7, 64, 10_000])
def test_looking_through_many_lines_at_once_finds_the_same(grep: str, size: int) -> None:
    lines = []
    for n in range(400):
        lines.append(f"2026-01-28T03:00:{n % 60:02}Z INFO {n}")
        if n % 50 == 7:
            lines += ["\tat x", "needle end" if n % 100 == 7 else "needles", "\tat needle", "\tat y"]
    data = "\n".join(lines).encode()
    pattern = re.compile(grep)
    query = Query.of(grep, regex=True)
    wanted = Wanted(datetime(2026, 1, 29, tzinfo=UTC), UTC, grep=query, json=True)
    printer, cutter, got = Printer("x", wanted), LineCutter(Numbering(0)), []
    for at in range(0, len(data), size):
        if chunk := cutter.feed(data[at : at + size]):
            got += printer.take(chunk)
    got += printer.finish()
    want, record = [], list[int]()
    for number, line in enumerate([*lines, "2026"], 1):
        if line.startswith("2026") and record:
            want += record if any(pattern.search(lines[one - 1]) for one in record) else []
            record = []
        record.append(number)
    assert [json.loads(text)["line"] for _, text in got] == want
