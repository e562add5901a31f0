"""Unexpected errors of a console that goes on: one report each, a message now and then. Draws nothing."""

from __future__ import annotations

import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from warroom.diagnostics import write_report

AGAIN_S = 60.0
"""How long a fault is not shown again, in seconds; a clock that fails does so every second."""

APART_S = 2.0
"""The least time between two messages, so that they do not pile up on the screen."""

MAX_REPORTS = 20
"""How many reports one console writes."""


class ErrorReports:
    """Records unexpected errors. ``folder`` is for the reports; ``notify`` shows a message.

    Safe to call from any thread; the disk is not waited for.
    """

    def __init__(
        self, folder: Path, notify: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._notify = notify
        self._clock = clock
        self._shown_at: dict[tuple[str, str, int], float] = {}
        self._last = float("-inf")
        self._lock = threading.Lock()
        self.seen: Counter[tuple[str, str, int]] = Counter()
        """How often each fault came: by its type and the line of code that raised it."""

    def note(self, error: BaseException) -> None:
        """Write a report of this error, unless there is one; show it, unless it was shown just now."""
        where = _origin(error)
        with self._lock:
            now = self._clock()
            self.seen[where] += 1
            writes = self.seen[where] == 1 and len(self.seen) <= MAX_REPORTS
            shows = now - self._shown_at.get(where, float("-inf")) >= AGAIN_S and now - self._last >= APART_S
            if shows:
                self._shown_at[where] = self._last = now
        if writes or shows:
            threading.Thread(target=self._report, args=(error, writes, shows), name="fault", daemon=True).start()

    def _report(self, error: BaseException, writes: bool, shows: bool) -> None:
        report = write_report(error, self._folder) if writes else ""
        if shows:
            written = f"The report is {report}." if report else "It was already reported."
            self._notify(f"Unexpected {summary(error)}\nThe console keeps running. {written}")


def summary(error: BaseException) -> str:
    """The type and the first line of an error's message, secrets and people masked."""
    from warroom.safety import redact

    lines = redact(str(error), personal=True).text.splitlines()[:1]
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def _origin(error: BaseException) -> tuple[str, str, int]:
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    frame = frames[-1] if frames else None
    return (type(error).__name__, frame.filename if frame else "", frame.lineno or 0 if frame else 0)
