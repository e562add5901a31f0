"""The events of a drill: what its script wants to see, the hints it gave, how it ended.

They are recorded with the drill's incident, so that its score can be computed on any machine, without the script.
"""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from warroom.incident.event_base import EventBase

RemedyEffect = Literal["helps", "nothing", "worse"]
DrillOutcome = Literal["finished", "abandoned", "timed out"]


class Remedy(BaseModel):
    """Something that may be done about the cause of a drill: the right thing, or a distractor.

    ``match`` recognises it in words of one's own: each entry is one or more words that must all be there. ``why``
    says in the debrief why it helps or does not.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    id: str
    words: str
    effect: RemedyEffect = "nothing"
    why: str = ""
    match: tuple[str, ...] = ()


class DrillStarted(EventBase):
    """A scripted drill is played around this incident.

    ``script`` is the script's name, ``machine`` the host that plays it. The rest is what its score is measured
    against: the ``severity`` and ``service`` that are right, the ``cause`` and the words it is recognised by
    (``cause_match``, as ``Remedy.match``), and the remedies. None of it is in ``text``.

    ``pace`` is how many times as fast the script runs.
    """

    kind: Literal["drill_started"] = "drill_started"
    label: ClassVar[str] = "drill"
    script: str
    title: str
    machine: str = ""
    pace: float = 1.0
    service: str = ""
    severity: str = ""
    cause: str = ""
    cause_match: tuple[str, ...] = ()
    remedies: tuple[Remedy, ...] = ()

    @property
    def text(self) -> str:
        return f"Drill started: {self.title}"


class HintGiven(EventBase):
    """The script of a drill gave a hint."""

    kind: Literal["hint"] = "hint"
    words: str

    @property
    def text(self) -> str:
        return self.words


class DrillEnded(EventBase):
    """The drill is over: by its own rule, abandoned, or because its time was up."""

    kind: Literal["drill_ended"] = "drill_ended"
    label: ClassVar[str] = "drill"
    outcome: DrillOutcome
    reason: str = ""

    @property
    def text(self) -> str:
        return f"Drill {self.outcome}" + (f": {self.reason}" if self.reason else "")
