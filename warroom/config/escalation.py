"""Who is paged when nobody acknowledges an incident: the table of the settings. Decides and sends nothing."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from warroom.config.fields import Key, Name, Table

ON_CALL, NEXT, EVERYONE = "on-call", "next", "everyone"
WHO = (ON_CALL, NEXT, EVERYONE)
"""Whom a step can page besides people and the ids of roles."""


def _after(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(r"(\d{1,4}) ?([smh])", value) if isinstance(value, str) else None
    if not found:
        raise ValueError('must be a time in seconds, minutes or hours: "90s", "5m", "1h"')
    return timedelta(seconds=int(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]])


class EscalationStep(Table):
    """Whom to page once an incident has waited for so long without anybody acknowledging it."""

    after: Annotated[timedelta, BeforeValidator(_after)]
    """How long after the declaration, as in "0m" (at once), "5m"."""
    page: Annotated[tuple[Name, ...], Field(min_length=1)]
    """Whom: "on-call", "next" (who is on call after them), "everyone", the id of a role, or a name."""
    through: tuple[Key, ...] = ()
    """Through which paging services; all of them if none is named."""


class Escalation(Table):
    """Who is paged when nobody acknowledges an incident. Carried out where a console or `warroom watch` runs."""

    severities: tuple[Key, ...] = ()
    """The ids of the severities it is for; the highest one if none is named."""
    steps: Annotated[tuple[EscalationStep, ...], Field(min_length=1)]
    """Each step is taken once, unless somebody has acknowledged by then: { after = "5m", page = ["next"], through
    = ["pagerduty"] }."""

    @model_validator(mode="after")
    def _in_order(self) -> Escalation:
        if list(self.steps) != sorted(self.steps, key=lambda step: step.after):
            raise ValueError("steps must be in the order of their times")
        return self
