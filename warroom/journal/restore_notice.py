"""The file beside a journal that says it was restored from a backup, at every start until a person deletes it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

SUFFIX = "-restored"
"""What follows the journal's name in the name of that file."""


def notice_path(journal: Path) -> Path:
    """The file that says that ``journal`` was restored."""
    return Path(f"{journal}{SUFFIX}")


def read_notice(journal: Path) -> str:
    """Return that the journal was restored and what to do about it; "" if there is no such file."""
    path = notice_path(journal)
    with suppress(OSError):
        if path.is_file() and (text := path.read_bytes().decode("utf-8", "replace").strip()):
            return f"{text}. Once you have read this, delete {path}"
    return ""
