"""What a probe can measure. Each kind is a module beside this one; they do not import each other.

A probe measures once when it is asked and keeps no clock: the caller notes when. What it measured is a
reading; that it could not measure is a ``WarroomError``, which speaks neither for nor against an item.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0, le=20)]
"""A time limit shorter than the caller's."""


class ProbeOptions(BaseModel):
    """What the options of all kinds have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
