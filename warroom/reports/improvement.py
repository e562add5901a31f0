"""One line about a quarter that was better than the one before, to post to the team. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from warroom.incident.timing import format_duration
from warroom.reports.cases import Case
from warroom.reports.metrics import Average, averages_of

FEWEST = 3
"""Both quarters need so many incidents with a figure before it is compared."""

CHANGE = 0.1
"""A median counts as changed from this part on; the share of updates kept from as many points on."""

DEFINITION = (
    "The last complete quarter against the one before: medians and updates kept, each over at least"
    f" {FEWEST} incidents and changed by at least {CHANGE:.0%}. It improved if more of them got better than worse."
)

_WORDS = {
    "mttd": "detected in",
    "mtta": "acknowledged in",
    "mttm": "mitigated in",
    "mttr": "resolved in",
}


class Quarter(NamedTuple):
    """A quarter of a calendar year; ``number`` is 1 to 4."""

    year: int
    number: int

    @classmethod
    def of(cls, at: datetime, zone: tzinfo) -> Quarter:
        """The quarter that ``at`` is in."""
        here = at.astimezone(zone)
        return cls(here.year, (here.month + 2) // 3)

    @property
    def before(self) -> Quarter:
        return Quarter(self.year, self.number - 1) if self.number > 1 else Quarter(self.year - 1, 4)

    def __str__(self) -> str:
        return f"Q{self.number} {self.year}"


def improvement_line(cases: Sequence[Case], now: datetime, zone: tzinfo) -> str:
    """Return the line about the last complete quarter, as ``DEFINITION`` says; "" if it did not improve.

    What got worse is named too. ``cases`` are those of incidents that were no drills.
    """
    quarter = Quarter.of(now, zone).before
    present = [case for case in cases if Quarter.of(case.declared_at, zone) == quarter]
    past = [case for case in cases if Quarter.of(case.declared_at, zone) == quarter.before]
    better: list[str] = []
    worse: list[str] = []
    figures = averages_of(case.durations for case in present), averages_of(case.durations for case in past)
    for name, words in _WORDS.items():
        one, other = (figure.get(name) for figure in figures)
        if not _comparable(one) or not _comparable(other):
            continue
        assert one and other
        change = one.median_s - other.median_s
        if abs(change) >= max(CHANGE * other.median_s, 1.0):
            text = f"{words} {_span(one.median_s)} (was {_span(other.median_s)})"
            (better if change < 0 else worse).append(text)
    shares = _kept(present), _kept(past)
    if shares[0] is not None and shares[1] is not None and abs(shares[0] - shares[1]) >= CHANGE:
        text = f"{shares[0]:.0%} of promised updates on time (was {shares[1]:.0%})"
        (better if shares[0] > shares[1] else worse).append(text)
    if len(better) <= len(worse):
        return ""
    drawback = f"; but {', '.join(worse)}" if worse else ""
    return f"{quarter} was better than {quarter.before}: {', '.join(better)}{drawback}. {len(present)} incidents."


def _comparable(figure: Average | None) -> bool:
    return figure is not None and figure.count >= FEWEST


def _kept(cases: Sequence[Case]) -> float | None:
    with_updates = [case for case in cases if case.promised]
    if len(with_updates) < FEWEST:
        return None
    return sum(case.kept for case in with_updates) / sum(case.promised for case in with_updates)


def _span(seconds: float) -> str:
    return format_duration(timedelta(seconds=seconds))
