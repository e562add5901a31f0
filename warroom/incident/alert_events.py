"""The events about what was done to alerts at their source beside acknowledging them: silenced, closed there."""

from typing import ClassVar, Literal
from uuid import UUID

from warroom.incident.event_base import EventBase, Moment


class AlertSilenced(EventBase):
    """An alert was silenced at its source, at a person's wish.

    In the team's stream while the alert waits, in the incident's once it is part of one. ``alert`` is the entry of
    its ``AlertReceived``, ``outcome`` what the source did.
    """

    kind: Literal["alert_silenced"] = "alert_silenced"
    label: ClassVar[str] = "silenced"
    alert: UUID
    name: str
    source: str
    until: Moment
    outcome: str
    reason: str = ""

    @property
    def text(self) -> str:
        reason = f" — {self.reason}" if self.reason else ""
        return f"{self.name} ({self.source}): {self.outcome}{reason}"


class AlertsClosed(EventBase):
    """The source of the incident's alerts was told that the incident is resolved, or refused to be told.

    ``alerts`` are the entries of their ``AlertReceived``, ``outcome`` is what the source did about them. ``last``:
    no alert of the incident is open at any source any more.
    """

    kind: Literal["alerts_closed"] = "alerts_closed"
    label: ClassVar[str] = "alert source"
    source: str
    alerts: tuple[UUID, ...]
    outcome: str
    refused: bool = False
    last: bool = False

    @property
    def text(self) -> str:
        many = f"{len(self.alerts)} alerts" if len(self.alerts) != 1 else "the alert"
        told = "was not told of the end of" if self.refused else "was told of the end of"
        return f"{self.source} {told} {many}: {self.outcome}"
