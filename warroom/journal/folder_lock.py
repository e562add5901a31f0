"""Who uses the journal of a folder: everyone who has it open shares a lock, which a restore takes for itself alone.

The lock is on the folder (flock(2)), not on the journal, because a restore puts another file in the journal's
place: whoever waited for the old file would go on with it, and SQLite would then mix the logs of the two. The
kernel gives the lock back however a process ends.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

POLL_S = 0.05
"""How often a lock that others hold is tried again."""


class FolderLock:
    """A lock on ``folder``, which has to exist: shared by those who use its journal, or ``exclusive``."""

    def __init__(self, folder: Path, *, exclusive: bool = False) -> None:
        self._folder = folder
        self._operation = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        self._descriptor: int | None = None

    def acquire(self, wait_s: float) -> bool:
        """Take the lock, trying for ``wait_s`` seconds. Returns whether that succeeded.

        Raises ``OSError`` where the folder cannot be opened or its file system has no locks.
        """
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
        give_up = time.monotonic() + wait_s
        try:
            while True:
                try:
                    fcntl.flock(descriptor, self._operation | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() >= give_up:
                        return False
                    time.sleep(POLL_S)
                else:
                    self._descriptor, descriptor = descriptor, -1
                    return True
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def release(self) -> None:
        """Give the lock back, if it is held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
