"""Writes down an unexpected error for whoever is to fix it: where it happened, without values, secrets masked."""

from __future__ import annotations

import os
import platform
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path

from warroom import __version__
from warroom.config.paths import make_folder

KEPT = 20
"""How many reports a folder keeps; older ones make room."""


def write_report(error: BaseException, folder: Path) -> str:
    """Write a report into ``folder``, readable by its owner alone; its path, or why there is none. Never raises.

    The folder is made if it is missing. Where nothing can be written there, the system's temporary folder is used.
    The name cannot be guessed and the file is always a new one, so that nobody can put a link in its place.
    """
    text = f"warroom {__version__}, Python {platform.python_version()}, {platform.system()}\n\n{_redacted(error)}"
    for place in (folder, Path(tempfile.gettempdir())):
        with suppress(OSError):
            make_folder(place)
            number, path = tempfile.mkstemp(prefix="crash-", suffix=".txt", dir=place)  # O_EXCL, O_NOFOLLOW, 0600
            with os.fdopen(number, "w", encoding="utf-8", errors="replace") as file:
                file.write(text)
            _make_room(place)
            return path
    return "no file: none could be written"


def _redacted(error: BaseException) -> str:
    from warroom.safety import redact

    try:
        return redact("".join(traceback.format_exception(error))).text
    except Exception:  # noqa: BLE001 — an error whose text cannot be had or masked is named by its type alone
        return type(error).__name__


def _make_room(folder: Path) -> None:
    with suppress(OSError):
        reports = sorted(folder.glob("crash-*.txt"), key=lambda report: report.lstat().st_mtime)
        for old in reports[:-KEPT]:
            old.unlink(missing_ok=True)
