"""Keys typed faster than screens come up: each waits until the one before it was acted on. Draws nothing."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from textual import events
from textual.app import App
from textual.message_pump import MessagePump

MAX_HELD = 1_000
"""How many keys are held at most; later ones are dropped."""

PATIENCE_S = 10.0
"""How long keys wait for a screen that is loading. After that they are dropped, and it gets those that follow."""

LOOK_S = 0.005
"""How often it is asked whether the screen takes keys now."""

Input = events.Key | events.Paste


class KeyQueue:
    """The keys of one app, in order. A screen with ``takes_keys`` False holds them back.

    ``at_work`` are the widgets that are handling a message, ``up`` whether there is a screen yet, ``pass_on``
    gives a key to the screen and ``notify`` shows a message.
    """

    def __init__(
        self,
        app: App[None],
        at_work: set[MessagePump],
        up: Callable[[], bool],
        pass_on: Callable[[Input], Awaitable[None]],
        notify: Callable[[str], None],
    ) -> None:
        self._app = app
        self._at_work = at_work
        self._up = up
        self._pass_on = pass_on
        self._notify = notify
        self._held: deque[Input] = deque()
        self._passing = False
        self._not_waited_for: object = None

    @property
    def waiting(self) -> bool:
        """Whether a key is held or on its way."""
        return bool(self._held) or self._passing

    def hold(self, key: Input) -> bool:
        """Hold a key back if it has to wait; True if it has. ``hand_on`` is to be running then."""
        if not self.waiting and self._ready(self._app):
            return False
        if len(self._held) < MAX_HELD:
            self._held.append(key)
        return True

    async def hand_on(self) -> None:
        """Give the screens what is held, key by key, until nothing is. Running it twice is running it once."""
        if self._passing:
            return
        self._passing = True
        try:
            while self._held:
                await self._wait()
                if self._held:
                    await self._pass_on(self._held.popleft())
        finally:
            self._passing = False

    async def _wait(self) -> None:
        since, spins = time.monotonic(), 0
        while not self._ready():
            await asyncio.sleep(LOOK_S if spins > 3 else 0)
            spins += 1
            if self._up() and time.monotonic() - since > PATIENCE_S:
                self._not_waited_for = self._app.screen
                self._held.clear()
                self._notify("This screen is still loading. The keys you pressed were ignored.")
                return

    def _ready(self, but: MessagePump | None = None) -> bool:
        """Whether the key before was acted on and the screen takes the next; ``but`` may be at work."""
        if not self._up():
            return False
        screen = self._app.screen
        if screen is self._not_waited_for:
            return True
        self._not_waited_for = None
        if not screen.is_mounted or not getattr(screen, "takes_keys", True):
            return False
        pumps = (self._app.focused or screen).ancestors_with_self
        return not any(p is not but and (p in self._at_work or p.message_queue_size) for p in pumps)
