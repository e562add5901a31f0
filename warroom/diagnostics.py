"""Records unexpected errors for whoever is to fix them: where they happened, without values, secrets masked.

A *crash report* is a file of its own for an error that reached a person. The *diagnostic log* holds the tracebacks
of errors that were survived: in a job, in a plugin.
"""

from __future__ import annotations

import logging
import os
import platform
import sys
import tempfile
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warroom import __version__
from warroom.config.paths import make_folder

LOG = "diagnostics.log"
"""The diagnostic log's name in the data folder."""

LOG_BYTES = 1_000_000
"""The size at which the log becomes ``diagnostics.log.1``, which replaces an older one."""

SHOWN_BYTES = 20_000
"""How much of the log's end ``read_log`` returns."""

KEPT = 20
"""How many reports a folder keeps; older ones make room."""


_logger = logging.getLogger("warroom.diagnostics")
_logger.propagate = False


@dataclass(slots=True)
class _Log:
    folder: Path | None = None
    echo: bool = False
    opened: bool = False


_log = _Log()


def keep_log(folder: Path) -> None:
    """Keep the diagnostic log in ``folder`` from now on. The file is made at the first error."""
    _log.folder, _log.opened = folder, False


def echo_log() -> None:
    """Print what goes into the diagnostic log on stderr as well."""
    _log.echo, _log.opened = True, False


def log_failure(where: str, error: BaseException) -> None:
    """Write an error that was survived to the diagnostic log, with its traceback. From any thread; never raises."""
    with suppress(Exception):
        if not _log.opened:
            _open()
        _logger.error("%s: %s", where, traceback_of(error).rstrip())


def read_log(folder: Path) -> tuple[Path, str]:
    """The path of the diagnostic log in ``folder``, and its last ``SHOWN_BYTES``; "" if there is none."""
    path = folder / LOG
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - SHOWN_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return path, ""
    return path, text.rstrip()


def _open() -> None:
    from logging.handlers import RotatingFileHandler  # 5 ms that only an error has to pay

    class OwnersFile(RotatingFileHandler):
        def _open(self) -> Any:
            make_folder(Path(self.baseFilename).parent)
            stream = super()._open()
            Path(self.baseFilename).chmod(0o600)
            return stream

        def handleError(self, record: logging.LogRecord) -> None:  # a disk that is full is reported elsewhere
            return

    for handler in _logger.handlers[:]:
        _logger.removeHandler(handler)
        handler.close()
    handlers: list[logging.Handler] = [logging.NullHandler()]
    if _log.folder is not None:
        handlers.append(
            OwnersFile(_log.folder / LOG, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8", delay=True)
        )
    if _log.echo:
        handlers.append(logging.StreamHandler(sys.stderr))
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        _logger.addHandler(handler)
    _log.opened = True


def write_report(error: BaseException, folder: Path) -> str:
    """Write a report into ``folder``, readable by its owner alone; its path, or why there is none. Never raises.

    The folder is made if it is missing. Where nothing can be written there, the system's temporary folder is used.
    The name cannot be guessed and the file is always new, so that no one can put a link in its place.
    """
    text = (
        f"warroom {__version__}, Python {platform.python_version()}, {platform.system()}\n\n{traceback_of(error)}"
    )
    for place in (folder, Path(tempfile.gettempdir())):
        with suppress(OSError):
            make_folder(place)
            number, path = tempfile.mkstemp(prefix="crash-", suffix=".txt", dir=place)  # O_EXCL, O_NOFOLLOW, 0600
            with os.fdopen(number, "w", encoding="utf-8", errors="replace") as file:
                file.write(text)
            _make_room(place)
            return path
    return "no file: none could be written"


def traceback_of(error: BaseException) -> str:
    """The traceback as text, without values, secrets masked."""
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
