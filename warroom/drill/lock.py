"""One drill at a time on a machine: a lock that the kernel takes back however its process ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from warroom.config.paths import make_folder


class DrillLock:
    """The lock of the drills whose logs are in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / ".lock"
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock; whether that was possible. Raises ``OSError`` if its file cannot be made."""
        if self._descriptor is not None:
            return True
        make_folder(self._path.parent)
        descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Give the lock back, if it is held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
