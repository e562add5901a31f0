"""What every event of the journal has, and the type of its times.

This and the other modules with many models do without ``from __future__ import annotations``: pydantic would have
to compile each annotation from its text again, which is nearly half of the time it takes to make a class.
"""

from datetime import UTC, datetime
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict


def to_moment(value: datetime) -> datetime:
    """Return the time in UTC, truncated to milliseconds. Raises ``ValueError`` without a zone."""
    if value.tzinfo is None:
        raise ValueError("a time needs a zone")
    value = value.astimezone(UTC)
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


Moment = Annotated[datetime, AfterValidator(to_moment)]
"""A time: UTC, truncated to milliseconds."""


class EventBase(BaseModel):
    """What every event has: a ``kind`` and a ``text`` for people."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    label: ClassVar[str] = ""
    """The word the timeline shows for it; the kind itself if empty."""

    @property
    def text(self) -> str:
        """The event in one or more lines, for the timeline, exports and the post-mortem."""
        return self.describe("")

    def describe(self, number: str) -> str:
        """Return ``text`` with the number that the fold gave to the event or to what it refers to, such as
        ``A3``."""
        return self.text
