"""The events of a change before it is made: part of the union in ``events``. Once made it is a note, or a fix."""

from __future__ import annotations

from typing import ClassVar, Literal
from uuid import UUID

from warroom.incident.event_base import EventBase


class ChangePlanned(EventBase):
    """A change is decided and not yet made. ``rollback`` is how to undo it."""

    kind: Literal["change_planned"] = "change_planned"
    label: ClassVar[str] = "planned"
    words: str
    rollback: str

    def describe(self, number: str) -> str:
        return f"{number} {self.words} (rollback: {self.rollback})".lstrip()


class ChangeDropped(EventBase):
    """A planned change is not going to be made. ``change`` is the entry that planned it, ``words`` what that
    said."""

    kind: Literal["change_dropped"] = "change_dropped"
    label: ClassVar[str] = "dropped"
    change: UUID
    words: str
    reason: str = ""

    def describe(self, number: str) -> str:
        return f"{number} {self.words}".lstrip() + (f" — {self.reason}" if self.reason else "")
