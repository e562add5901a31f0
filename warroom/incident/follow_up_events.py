"""The events of the follow-up that no command of the incident itself leads to: part of the union in ``events``."""

from __future__ import annotations

from typing import ClassVar, Literal
from uuid import UUID

from warroom.incident.event_base import EventBase


class ItemNotNeeded(EventBase):
    """A checklist item was marked as not needed after this incident, and why. ``ItemUnchecked`` takes it back."""

    kind: Literal["not_needed"] = "not_needed"
    label: ClassVar[str] = "not needed"
    item: str
    title: str
    reason: str

    @property
    def text(self) -> str:
        return f"– {self.title} — {self.reason}"


class ActionReopened(EventBase):
    """An action item is not done after all. ``entry`` is that of its ``ActionAdded``."""

    kind: Literal["action_reopened"] = "action_reopened"
    label: ClassVar[str] = "reopened"
    entry: UUID
    words: str

    def describe(self, number: str) -> str:
        return f"{number} ○ {self.words} (not done after all)".lstrip()


class ActionChanged(EventBase):
    """Owner, due date or type of an action item changed; all three as they are now. ``entry`` as above."""

    kind: Literal["action_changed"] = "action_changed"
    label: ClassVar[str] = "action"
    entry: UUID
    words: str
    owner: str = ""
    due: str = ""
    type: str = ""

    def describe(self, number: str) -> str:
        facts = " · ".join(filter(None, (self.owner or "no owner", self.due or "no date", self.type)))
        return f"{number} {self.words}: now {facts}".lstrip()


class ImprovementPosted(EventBase):
    """The team's chat was told that a quarter was better than the one before (team stream).

    ``quarter`` is such as ``Q4 2025``, ``words`` the whole text of the post.
    """

    kind: Literal["improvement_posted"] = "improvement_posted"
    label: ClassVar[str] = "figures"
    quarter: str
    words: str
    destinations: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return self.words
