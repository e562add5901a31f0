"""The event of a reminder that was posted to the team."""

from typing import Literal

from warroom.incident.event_base import EventBase

ReminderSubject = Literal["update", "roles", "actions", "follow-up"]
"""What a reminder is about: an update that is late, roles that nobody holds, action items that are late, the
post-mortem, its meeting or a review that is late."""


class ReminderPosted(EventBase):
    """The team was reminded; of a review in its own stream. ``words`` is the whole text of the post."""

    kind: Literal["reminder"] = "reminder"
    subject: ReminderSubject
    words: str

    @property
    def text(self) -> str:
        return self.words
