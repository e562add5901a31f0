"""What is measured while an incident runs: readings of its probes, the rate of its logs, the health of the jobs.

Values only; nothing here measures. An ``Observation`` is what consoles measured last, kept for other processes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

Verdict = Literal["for", "against", "neither"]

ERRORS = "errors"
"""The name of the probe that counts the errors in the watched logs."""

PER_MINUTE = "errors/min"

FRESH_S = 120
"""For how long a reading speaks for or against an item unless it says otherwise, in seconds."""

KEPT = timedelta(minutes=10)
"""For how long a reading of another console is kept beside newer ones."""

KEEP_AGAIN = timedelta(seconds=30)
"""How often an unchanged observation is stored again, so that its age shows that a console is still watching."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is measured about an item now, in a few words, and whether it speaks for it, against it or neither."""

    text: str
    speaks: Verdict = "neither"
    value: float | None = None
    """The figure that was judged, in ``unit``; None where there is none."""
    unit: str = ""
    at: datetime | None = None
    """When it was taken (UTC); None: with the observation it is part of."""
    fresh_s: int = FRESH_S
    """For how long it speaks for or against an item, in seconds; an older one is only shown."""
    verifies: str = ""
    """The probe that the playbook names, where that is another than the one that was run."""

    @property
    def against(self) -> bool:
        return self.speaks == "against"

    def is_fresh(self, now: datetime) -> bool:
        """Whether it still speaks for or against an item at ``now``."""
        return self.at is None or (now - self.at).total_seconds() <= self.fresh_s


def judged(ok: bool | None, text: str, value: float | None = None, unit: str = "") -> Reading:
    """What a probe measured: ``ok`` speaks for the item, not ok against it, None neither."""
    return Reading(text, "neither" if ok is None else "for" if ok else "against", value, unit)


def unmeasured(why: str) -> Reading:
    """The reading of a probe that failed: ``why``, and nothing for or against."""
    return Reading(f"cannot be measured: {why}")


def worst_of(readings: Iterable[Reading]) -> Reading | None:
    """The reading that counts where several verify an item: one against it, else one that could not be taken."""
    order: tuple[Verdict, ...] = ("against", "neither", "for")
    return min(readings, key=lambda reading: order.index(reading.speaks), default=None)


def of_errors(by_minute: Sequence[int]) -> Reading:
    """The errors in the log, minute by minute, the oldest first, read for "no new errors"."""
    worst = max(by_minute)
    was = f" (was {worst}/min)" if worst else ""
    quiet = next((n for n, errors in enumerate(reversed(by_minute)) if errors), len(by_minute))
    if quiet:
        return Reading(f"no errors in the last {quiet} min{was}", "for", 0.0, PER_MINUTE)
    before = max(by_minute[:-1], default=0)
    return of_last_minute(by_minute[-1], f" (was {before}/min)" if before else "")


def of_last_minute(errors: int, was: str = "") -> Reading:
    """The errors in the log in the last minute, read for "no new errors"."""
    if not errors:
        return Reading("no errors in the last minute", "for", 0.0, PER_MINUTE)
    words = f"{errors:,} error{'s' if errors != 1 else ''} in the last minute{was}"
    return Reading(words, "against", float(errors), PER_MINUTE)


Measured = tuple[Verdict, str, float | None]
"""A reading as an event keeps it: its verdict, text and value."""

MORE_ERRORS = 1.5
"""How many times the error rate before a fix is worse than before: it is never quite steady."""


def worse_than(before: Mapping[str, Measured], readings: Mapping[str, Reading]) -> list[str]:
    """What is worse than it was ``before``, in words: a reading that has turned against its item, or more errors.

    What was not measured before, or is not now, is left out.
    """
    worse = []
    for name, (spoke, text, value) in before.items():
        reading = readings.get(name)
        if reading is None or not reading.against:
            continue
        rose = name == ERRORS and value is not None and (reading.value or 0.0) > value * MORE_ERRORS
        if spoke == "for" or rose:
            worse.append(f"{name}: {reading.text} (was: {text})")
    return worse


@dataclass(frozen=True, slots=True)
class LogStats:
    """The rate of the watched logs."""

    sources: tuple[str, ...] = ()
    """Their labels."""
    lines_per_second: int = 0
    dropped: int = 0
    """Lines that went before they could be read again."""


@dataclass(frozen=True, slots=True)
class JobHealth:
    """How a piece of background work is doing: ``problem`` is why it makes no progress, "" while it does."""

    name: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """What was measured about an incident: by the console of ``by`` at ``at`` (UTC), older readings by others."""

    at: datetime
    by: str = ""
    """Whose console it was."""
    readings: Mapping[str, Reading] = field(default_factory=dict)
    """By the name of the probe."""
    logs: LogStats = LogStats()
    jobs: tuple[JobHealth, ...] = ()

    def of_probe(self, probe: str) -> list[Reading]:
        """The readings for the probe that a playbook's item names, with the time of each."""
        return [reading for name, reading in self.dated().items() if probe in (name, reading.verifies)]

    def dated(self) -> dict[str, Reading]:
        """The readings by the names of their probes, with the time of each."""
        return {
            name: reading if reading.at else replace(reading, at=self.at) for name, reading in self.readings.items()
        }

    def over(self, before: Observation | None) -> Observation:
        """This observation, with what only the one ``before`` has: readings up to ``KEPT`` old, the logs' rate."""
        if before is None:
            return self
        kept = {name: one for name, one in before.dated().items() if one.at and self.at - one.at <= KEPT}
        return replace(
            self, readings={**kept, **self.readings}, logs=self.logs if self.logs.sources else before.logs
        )

    def to_json(self) -> str:
        """The observation as text."""
        return json.dumps(
            {
                "at": self.at.isoformat(),
                "by": self.by,
                "readings": {name: _row(reading) for name, reading in self.readings.items()},
                "logs": [list(self.logs.sources), self.logs.lines_per_second, self.logs.dropped],
                "jobs": [[job.name, job.problem] for job in self.jobs],
            },
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str) -> Observation | None:
        """The observation ``to_json`` wrote; None for anything else, such as one of another version."""
        try:
            data = json.loads(text)
            sources, rate, dropped = data["logs"]
            readings = {str(name): _reading(row) for name, row in data["readings"].items()}
            jobs = tuple(JobHealth(str(name), str(problem)) for name, problem in data["jobs"])
            logs = LogStats(tuple(map(str, sources)), int(rate), int(dropped))
            at = datetime.fromisoformat(data["at"])
            return cls(at, str(data["by"]), readings, logs, jobs) if at.tzinfo else None
        except (ValueError, LookupError, TypeError, AttributeError):
            return None


def _row(reading: Reading) -> list[object]:
    at = reading.at.isoformat() if reading.at else ""
    value = reading.value if reading.value is None or math.isfinite(reading.value) else None
    return [reading.text, reading.speaks, value, reading.unit, at, reading.fresh_s, reading.verifies]


def _reading(row: Sequence[Any]) -> Reading:
    text, speaks, value, unit, taken, fresh_s, verifies = row
    at = datetime.fromisoformat(taken) if taken else None
    if at is not None and at.tzinfo is None:
        raise ValueError(taken)
    value = None if value is None else float(value)
    return Reading(str(text), _verdict(speaks), value, str(unit), at, int(fresh_s), str(verifies))


def _verdict(text: str) -> Verdict:
    if text not in get_args(Verdict):
        raise ValueError(text)
    verdict: Verdict = text  # type: ignore[assignment]
    return verdict
