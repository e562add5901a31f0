"""What ``warroom doctor`` found, and what to do next. Looks at nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from warroom.errors import WarroomError

Verdict = Literal["fine", "look", "wrong"]

READY = "Ready: warroom opens the console, warroom drill plays an incident to practise with."

_FIRST = (
    "settings",
    "deliveries",
    "disk",
    "data folder",
    "you",
    "chat",
    "services",
    "log of",
    "alerts of",
    "probe",
)
_LAST = ("contacts", "diagnostics", "terminal")
"""What is worth a look, by how much an incident would suffer from it; anything else comes in between."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: ``fine``, worth a ``look``, or ``wrong``."""

    what: str
    state: Verdict
    text: str
    status: int = 0
    """The exit status it ends the program with: 3 for settings, 1 for all else that is wrong."""
    remedy: str = ""
    """What to do about it, with the command if there is one; "" if ``text`` says it."""

    @property
    def glyph(self) -> str:
        """One cell that shows the state without colour."""
        return {"fine": "✓", "look": "!", "wrong": "✗"}[self.state]


def wrong(what: str, error: WarroomError) -> Finding:
    """The finding that an error is."""
    return Finding(what, "wrong", str(error), error.exit_status)


def next_step(findings: Sequence[Finding]) -> Finding:
    """Return that everything is ready, or the one thing to do next: first what is wrong, then what matters most.

    Its state is the worst of all.
    """
    open_ones = [one for one in findings if one.state != "fine"]
    if not open_ones:
        return Finding("next", "fine", READY)
    first = min(open_ones, key=_rank)
    return Finding("next", first.state, f"Next: {first.what} — {first.remedy or ' '.join(first.text.split())}")


def _rank(finding: Finding) -> int:
    """Where it stands in the order of what is to be done; of several in one place the first found counts."""
    if finding.state == "wrong":
        return -1
    for number, name in enumerate(_FIRST):
        if finding.what.startswith(name):
            return number
    return len(_FIRST) + (1 + _LAST.index(finding.what) if finding.what in _LAST else 0)
