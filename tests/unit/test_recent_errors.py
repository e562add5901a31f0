"""The errors of the last minute at the ends of log files."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from warroom.logs.recent_errors import TAIL, errors_in_last_minute

NOW = datetime(2026, 1, 28, 13, 15, tzinfo=UTC)


def line(ago_s: float, level: str = "ERROR") -> str:
    return f"{NOW - timedelta(seconds=ago_s):%Y-%m-%dT%H:%M:%S.000Z} {level} something\n"


def errors(*names: object) -> int | None:
    return errors_in_last_minute(map(str, names), NOW, UTC)


def test_only_errors_of_the_last_minute_count(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(line(90) * 5 + line(50) * 3 + line(40, "INFO") + line(1, "FATAL"))
    assert errors(log) == 4


def test_the_files_of_a_folder_and_a_pattern_count_together(tmp_path: Path) -> None:
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_text(line(10))
    assert errors(tmp_path) == errors(tmp_path / "*.log") == 2
    assert errors(tmp_path / "a.log", tmp_path / "b.log", tmp_path / "missing.log") == 2


def test_times_that_have_to_be_learned_count_too(tmp_path: Path) -> None:
    log = tmp_path / "bgl.log"
    written = [(n, "FATAL" if n % 2 else "INFO") for n in range(100, 0, -10)]
    log.write_text(
        "".join(f"- {NOW.timestamp() - ago:.0f} 2026.01.28 R02 RAS KERNEL {level} x\n" for ago, level in written)
    )
    assert errors(log) == 0
    log.write_text(log.read_text().replace("INFO", "FATAL"))
    assert errors(log) == 6


def test_of_a_large_file_only_the_end_is_read(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    old, new = line(3600, "INFO"), line(5)
    log.write_text(old * (2 * TAIL // len(old)) + new * 7)
    assert errors(log) == 7


@pytest.mark.parametrize("text", ["ERROR without a time\n" * 3, "neither\n"])
def test_a_log_without_times_tells_nothing(tmp_path: Path, text: str) -> None:
    log = tmp_path / "app.log"
    log.write_text(text)
    assert errors(log) is None


def test_a_quiet_log_is_known_to_be_quiet(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(line(10, "INFO"))
    assert errors(log) == 0
    log.write_text("")
    assert errors(log) == 0


def test_what_is_no_plain_file_is_left_out_and_never_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert errors(pipe, tmp_path / "missing.log", "journal:nginx", "docker:web") is None
