"""What is measured while an incident runs: readings of its probes, the rate of its logs, the health of the jobs.

Values only; nothing here measures. An ``Observation`` is what one console measured last, kept for other processes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

Verdict = Literal["for", "against", "neither"]

ERRORS = "errors"
"""The name of the probe that counts the errors in the watched logs."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is measured about an item now, in a few words, and whether it speaks for it, against it or neither."""

    text: str
    speaks: Verdict = "neither"

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
    """What one console measured about an incident at ``at`` (UTC)."""

    at: datetime
    by: str = ""
    """Whose console it was."""
    readings: Mapping[str, Reading] = field(default_factory=dict)
    """By the name of the probe."""
    logs: LogStats = LogStats()
    jobs: tuple[JobHealth, ...] = ()

    def to_json(self) -> str:
        """The observation as text."""
        return json.dumps(
            {
                "at": self.at.isoformat(),
                "by": self.by,
                "readings": {name: [reading.text, reading.speaks] for name, reading in self.readings.items()},
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
            readings = {
                str(name): Reading(str(words), _verdict(speaks))
                for name, (words, speaks) in data["readings"].items()
            }
            jobs = tuple(JobHealth(str(name), str(problem)) for name, problem in data["jobs"])
            logs = LogStats(tuple(map(str, sources)), int(rate), int(dropped))
            at = datetime.fromisoformat(data["at"])
            return cls(at, str(data["by"]), readings, logs, jobs) if at.tzinfo else None
        except (ValueError, LookupError, TypeError, AttributeError):
            return None


def _verdict(text: str) -> Verdict:
    if text not in get_args(Verdict):
        raise ValueError(text)
    verdict: Verdict = text  # type: ignore[assignment]
    return verdict
