"""What a live reading says for or against a checklist item; reads nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Reading:
    """What is measured about an item now, in a few words, and whether it speaks for it, against it or neither."""

    text: str
    speaks: Literal["for", "against", "neither"] = "neither"

    @property
    def against(self) -> bool:
        return self.speaks == "against"


def of_errors(by_minute: Sequence[int]) -> Reading:
    """The errors in the log, minute by minute, the oldest first, read for "no new errors"."""
    worst = max(by_minute)
    was = f" (was {worst}/min)" if worst else ""
    quiet = next((n for n, errors in enumerate(reversed(by_minute)) if errors), len(by_minute))
    if quiet:
        return Reading(f"no errors in the last {quiet} min{was}", "for")
    before = max(by_minute[:-1], default=0)
    return of_last_minute(by_minute[-1], f" (was {before}/min)" if before else "")


def of_last_minute(errors: int, was: str = "") -> Reading:
    """The errors in the log in the last minute, read for "no new errors"."""
    if not errors:
        return Reading("no errors in the last minute", "for")
    return Reading(f"{errors:,} error{'s' if errors != 1 else ''} in the last minute{was}", "against")
