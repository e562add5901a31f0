"""The base of full screens that people write in: keeps the draft, lets no letter act. Knows no field."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from functools import partial
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.worker import WorkType

from warroom.errors import Refusal, WarroomError
from warroom.room.drafts import packed, unpacked
from warroom.tui.actions import BY_ID
from warroom.tui.context import ScreenContext
from warroom.tui.screens.base import BaseScreen, is_letter

PAUSE_S = 0.2
"""So long nothing may be typed before the draft is written to the disk: what a kill can cost."""


class Draft:
    """One half-written form. An older text never lands after a newer one, whatever the disk does."""

    def __init__(self, context: ScreenContext, incident_id: str, form: str) -> None:
        self._context = context
        self._key = (incident_id, form)
        self._text = ""
        self._kept = ""
        self._disk = threading.Lock()
        self._warned = False
        self._refused: str | None = None  # what could not be saved when the form was to be left

    async def load(self) -> dict[str, str]:
        """What was kept, {} for nothing."""
        return unpacked(await self.load_text())

    async def load_text(self) -> str:
        """As ``load``, for a draft that is one text."""
        self._text = self._kept = await self._context.open_draft(*self._key)
        return self._text

    def put(self, values: Mapping[str, str]) -> bool:
        """Take the values ({} for none) to be saved next; True if they are not on the disk yet."""
        return self.put_text(packed(values))

    def put_text(self, text: str) -> bool:
        """As ``put``, for a draft that is one text."""
        self._text = text
        return self._text != self._kept

    async def save(self) -> None:
        """Save what was put last. A failure is shown once, until saving works again."""
        try:
            await self._context.work(self._write)
            self._warned = False
        except WarroomError as error:
            if not self._warned:
                self._context.notify_error(error)
            self._warned = True

    async def let_go(self) -> WarroomError | None:
        """Save what was put last, before the form is left. Why the form has to stay if that fails.

        At the second attempt with the same text the form closes and the text is discarded: the person was warned.
        """
        try:
            await self._context.work(self._write)
        except WarroomError as error:
            if self._text != self._refused:
                self._refused = self._text
                remedy = f"{error.remedy} Leave again to discard your text.".strip()
                return WarroomError(f"The draft is not saved: {error.title}", remedy)
            self._text = self._kept
        return None

    async def forget(self) -> None:
        """Nothing is half-written any more."""
        self._text = ""
        await self.save()

    def _write(self) -> None:
        with self._disk:
            text = self._text
            if text != self._kept:
                self._context.room.save_draft(*self._key, text)
                self._kept = text


class FormScreen(BaseScreen):
    """A full screen that is a form. Keys that are letters do nothing on it, even where no field has the focus:
    typing means text here. Subclasses return what is written (``written``) and send it (``action_send``).
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "send", "Send", show=False, priority=True),
    ]

    def __init__(self, context: ScreenContext) -> None:
        super().__init__(context)
        self.draft: Draft | None = None
        self.ready = False
        """True once the fields hold their first values; what is in them before is not the person's text."""
        self.busy = False
        """True while what was written is being sent."""
        self._rejected: Mapping[str, str] | None = None  # what was written when the error that is shown came

    @property
    def loaded(self) -> bool:
        return self.ready and not self.busy

    def written(self) -> Mapping[str, str]:
        """What is half-written, {} if it is what it was at the start."""
        raise NotImplementedError

    def keep(self) -> None:
        """Save the draft at the next pause in typing. An error shown before no longer fits the text: it goes."""
        if self._rejected is not None and self.written() != self._rejected:
            self._rejected = None
            self.complain("")
        if self.draft and self.ready and not self.busy and self.draft.put(self.written()):
            self.start(partial(self._keep_soon, self.draft), "draft")

    async def _keep_soon(self, draft: Draft) -> None:
        await asyncio.sleep(PAUSE_S)
        await draft.save()

    async def on_unmount(self) -> None:
        if self.draft:
            await self.draft.save()

    def start(self, job: WorkType[None], group: str = "default") -> None:
        """Run ``job`` as a worker; in a group of its own it takes the place of the one before it."""
        self.run_worker(job, group=group, exclusive=group != "default")

    def leave(self) -> None:
        """Go, if this screen is still the one that is seen."""
        if self.app.screen is self and len(self.app.screen_stack) > 1:
            self.dismiss()

    async def let_go(self) -> WarroomError | None:
        """Save the draft before this screen is left; why it has to stay if that fails."""
        if not self.draft or not self.ready or self.busy:
            return None
        self.draft.put(self.written())
        why = await self.draft.let_go()
        if why:
            self.reject(why)
        return why

    def reject(self, error: WarroomError) -> None:
        """Show the error until what is written changes."""
        self._rejected = dict(self.written())
        self.complain(describe_error(error))

    def complain(self, text: str) -> None:
        """Show a problem in the form; "" hides it."""
        raise NotImplementedError

    async def action_back(self) -> None:
        if not await self.let_go():
            await super().action_back()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "do" and parameters:
            action_id = str(parameters[0])
            keys = self.context.keys.get(action_id, BY_ID[action_id].keys).split(",")
            return not any(is_letter(key) for key in keys)
        return super().check_action(action, parameters)

    def action_send(self) -> None:
        """Send what is written."""
        raise NotImplementedError


def describe_error(error: WarroomError) -> str:
    """An error as a form shows it: what, every blocker, and what to do."""
    lines = [f"✗ {error.title}"]
    if isinstance(error, Refusal):
        lines += [f"  · {blocker}" for blocker in error.blockers]
    return "\n".join([*lines, f"  {error.remedy}"] if error.remedy else lines)
