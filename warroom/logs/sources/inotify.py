"""Waits for something to happen to a file, by inotify where there is one; never reads it.

Elsewhere, and on file systems that report no changes (network mounts), ``wait`` just waits as long as it may.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from contextlib import suppress
from threading import Lock

_FILE = 0x2 | 0x4 | 0x400 | 0x800  # IN_MODIFY, IN_ATTRIB, IN_DELETE_SELF, IN_MOVE_SELF
_FOLDER = 0x100 | 0x80 | 0x200  # IN_CREATE, IN_MOVED_TO, IN_DELETE
_NONBLOCK = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)


class FileNotifier:
    """Watch one file at a time, and its folder. One thread calls ``wait``; any may call ``stop``."""

    def __init__(self) -> None:
        self._out, self._in = os.pipe()
        self._lock = Lock()
        self._open = True
        self._fd = -1
        self._poll = select.poll()
        self._poll.register(self._out, select.POLLIN)
        self._add: Callable[[int, bytes, int], int] | None = None
        self._watched = ""
        self.tells = False
        """Whether a change of the file is reported at once, as far as is known."""
        if sys.platform == "linux":
            with suppress(OSError, AttributeError, ImportError):
                import ctypes  # takes 5 ms, so only after the first lines have been shown

                libc = ctypes.CDLL(None, use_errno=True)
                self._fd = libc.inotify_init1(_NONBLOCK)
                self._add = libc.inotify_add_watch
                if self._fd >= 0:
                    self._poll.register(self._fd, select.POLLIN)

    def at(self, path: str) -> None:
        """Watch this file from now on; call again when another file has its name."""
        if self._fd < 0 or self._add is None:
            return
        try:
            file = self._add(self._fd, os.fsencode(path), _FILE)
            if self._watched != path:
                self._add(self._fd, os.fsencode(os.path.dirname(path) or "."), _FOLDER)  # noqa: PTH120
                self._watched = path
        except OSError:
            file = -1
        self.tells = file >= 0

    def wait(self, seconds: float) -> bool:
        """Whether something happened (or may have) within this time."""
        ready = [fd for fd, _ in self._poll.poll(max(0, seconds * 1000))]
        if self._fd in ready:
            with suppress(BlockingIOError):
                os.read(self._fd, 64 * 1024)
        return bool(ready)

    def stop(self) -> None:
        """Ends a wait, and all that follow."""
        with self._lock:
            if self._open:
                os.write(self._in, b"x")

    def close(self) -> None:
        """Release everything; no thread may be waiting."""
        with self._lock:
            if self._open:
                self._open = False
                for fd in (self._out, self._in, self._fd):
                    if fd >= 0:
                        os.close(fd)
