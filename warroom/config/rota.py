"""Who is on call when: people in turn, handing over at the same local time."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from warroom.config.fields import Name, Table


def _length(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(r"(\d{1,4}) ?([hdw])", value) if isinstance(value, str) else None
    length = timedelta(hours=int(found[1]) * {"h": 1, "d": 24, "w": 168}[found[2]]) if found else timedelta()
    if not timedelta() < length <= timedelta(days=366):
        raise ValueError('must be a length of time in hours, days or weeks: "12h", "1d", "1w"')
    return length


def _start(value: date) -> date:
    if not 2000 <= value.year <= 2200:
        raise ValueError("must be a date between 2000 and 2200")
    return value


def _local_time(value: time) -> time:
    if value.tzinfo:
        raise ValueError("must be a time without a zone: the team's is meant")
    return value


class OnCall(Table):
    """Who is on call when: people in turn, handing over at the same local time whatever summer time does."""

    rotation: Annotated[tuple[Name, ...], Field(min_length=1)]
    """Names of people, in the order of their turns."""
    starts: Annotated[date | datetime, AfterValidator(_start)]
    """When the first turn begins: a date, or a date with a time in the team's zone."""
    every: Annotated[timedelta, BeforeValidator(_length)] = timedelta(days=7)
    """How long a turn lasts, in hours, days or weeks: "12h", "1d", "1w"."""
    handover: Annotated[time, AfterValidator(_local_time)] = time(9)
    """Time of day, in the team's zone, at which turns change, where starts is a date alone."""

    @model_validator(mode="after")
    def _one_time(self) -> OnCall:
        if isinstance(self.starts, datetime) and "handover" in self.model_fields_set:
            raise ValueError("starts has a time already; drop it there, or drop handover")
        return self

    def _begin(self, turn: int, zone: ZoneInfo) -> datetime:
        """When the turn with this number (from 0) begins. Counted in local time, so 09:00 stays 09:00."""
        start = self.starts if isinstance(self.starts, datetime) else datetime.combine(self.starts, self.handover)
        local = start.astimezone(zone).replace(tzinfo=None) if start.tzinfo else start
        return (local + turn * self.every).replace(tzinfo=zone).astimezone(UTC)

    def turn(self, at: datetime, zone: ZoneInfo) -> tuple[int, datetime]:
        """Number of the turn at ``at`` (-1 before the first), and when the next one begins (UTC)."""
        if at < self._begin(0, zone):
            return -1, self._begin(0, zone)
        turn = (at - self._begin(0, zone)) // self.every
        # Elapsed time is off by the hour a clock change takes or gives: at most one turn either way.
        while self._begin(turn, zone) > at:
            turn -= 1
        while self._begin(turn + 1, zone) <= at:
            turn += 1
        return turn, self._begin(turn + 1, zone)
