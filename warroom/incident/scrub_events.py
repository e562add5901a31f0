"""The event of an entry whose text was removed for good: part of the union in ``events``."""

from __future__ import annotations

from typing import ClassVar, Literal
from uuid import UUID

from warroom.incident.event_base import EventBase
from warroom.incident.identity import short_id


class EntryScrubbed(EventBase):
    """The text of an earlier entry was removed for good. Says who and when, never what."""

    kind: Literal["scrubbed"] = "scrubbed"
    entry: UUID
    reason: str = ""

    label: ClassVar[str] = ""

    def describe(self, number: str) -> str:
        return f"entry {number or short_id(self.entry)} scrubbed" + (f": {self.reason}" if self.reason else "")
