"""How a person sets a destination up, as data: for ``warroom connect`` and the manual."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Setup:
    """The clicks in a service, and what has to be known afterwards."""

    service: str
    """What people call it."""
    steps: tuple[str, ...]
    """What to do there, in order; each a sentence."""
    asks: tuple[str, ...]
    """The options to ask for, in order; the others have defaults that do."""
    manifest: str = ""
    """A description of the app that the service takes as it stands; the first step says where."""
