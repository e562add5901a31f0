"""Whether anything of an attempt to send may have left this process. Sends nothing."""

from __future__ import annotations

import threading
from contextvars import ContextVar

from warroom.errors import NotSent


class Attempt:
    """One attempt to post something.

    Safe to use from any thread: an attempt that has ended lets nothing more leave, so that a thread that was left
    behind cannot send what was recorded as not sent.
    """

    def __init__(self) -> None:
        self.doing = "starting"
        """What it is busy with, in a few words."""
        self._lock = threading.Lock()
        self._left = False
        self._ended = False

    def leave(self) -> None:
        """Say that from now on the post may arrive. Raises ``NotSent`` once the attempt has ended."""
        with self._lock:
            if self._ended:
                raise NotSent("The attempt has ended", "It will be retried.")
            self._left = True

    def end(self) -> bool:
        """End the attempt; whether the post may have arrived."""
        with self._lock:
            self._ended = True
            return self._left


_current: ContextVar[Attempt | None] = ContextVar("attempt", default=None)


def post_under(attempt: Attempt) -> None:
    """Have what this task and the threads it starts send from now on count for ``attempt``."""
    _current.set(attempt)


def leaving() -> None:
    """To be called right before the first byte of a request that must not be repeated can leave this process.

    Raises ``NotSent`` where the attempt has ended meanwhile; nothing may be sent then.
    """
    attempt = _current.get()
    if attempt is not None:
        attempt.leave()
