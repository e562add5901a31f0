"""The event of a meeting after an incident: part of the union in ``events``."""

from typing import ClassVar, Literal

from warroom.incident.event_base import EventBase, Moment

Meeting = Literal["post-mortem", "action review"]


class MeetingScheduled(EventBase):
    """A meeting was put into the calendar, or moved. The latest one of a ``meeting`` counts.

    ``when`` is its time in the team's zone, for people.
    """

    kind: Literal["meeting"] = "meeting"
    label: ClassVar[str] = "meeting"
    meeting: Meeting
    at: Moment
    minutes: int
    when: str

    @property
    def text(self) -> str:
        return f"{self.meeting.capitalize()} meeting: {self.when}, {self.minutes} min"
