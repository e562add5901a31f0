"""The event of learnings that were posted to the team: part of the union in ``events``."""

from __future__ import annotations

from typing import ClassVar, Literal

from warroom.incident.event_base import EventBase


class LearningsShared(EventBase):
    """The summary of the post-mortem was posted to the team. ``words`` is the whole text, ``url`` the document's
    address or ""."""

    kind: Literal["learnings"] = "learnings"
    label: ClassVar[str] = "shared"
    words: str
    url: str = ""

    @property
    def text(self) -> str:
        return self.words
