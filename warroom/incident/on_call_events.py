"""The events about who is on call: turns that two people swap, an hour that somebody takes, and each handover."""

from typing import ClassVar, Literal

from warroom.incident.event_base import EventBase, Moment


class TurnsSwapped(EventBase):
    """Two people swapped turns of the rotation (team stream).

    ``turn`` and ``other_turn`` are when these turns begin. A swap of turns that a changed rotation no longer has,
    or that somebody else holds by now, has no effect.
    """

    kind: Literal["turns_swapped"] = "turns_swapped"
    label: ClassVar[str] = "on call"
    person: str
    turn: Moment
    other: str
    other_turn: Moment

    @property
    def text(self) -> str:
        turns = f"{self.turn:%Y-%m-%d %H:%M} UTC and {self.other_turn:%Y-%m-%d %H:%M} UTC"
        return f"{self.person} and {self.other} swapped their turns of {turns}"


class OnCallTaken(EventBase):
    """Somebody is on call for a while, whoever's turn it is (team stream)."""

    kind: Literal["on_call_taken"] = "on_call_taken"
    label: ClassVar[str] = "on call"
    person: str
    start: Moment
    until: Moment

    @property
    def text(self) -> str:
        return f"{self.person} is on call from {self.start:%Y-%m-%d %H:%M} to {self.until:%Y-%m-%d %H:%M} UTC"


class OnCallHandover(EventBase):
    """Somebody's turn began: told to the team's chat, and in each open incident. ``words`` are what was posted."""

    kind: Literal["on_call_handover"] = "on_call_handover"
    label: ClassVar[str] = "on call"
    person: str
    before: str = ""
    words: str

    @property
    def text(self) -> str:
        return self.words
