"""A metric by PromQL: Prometheus, Mimir, Thanos, VictoriaMetrics, or Grafana in front of one.

An instant query (https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries) against a limit,
against what the same query gave before, or against both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from warroom.connect.answers import object_of, objects_of, text_of
from warroom.connect.http import HttpClient, Transport, as_number
from warroom.connect.probes import ProbeOptions, Seconds
from warroom.errors import WarroomError
from warroom.incident.readings import Reading, judged

Worse = Literal["higher", "lower"]


class PromqlOptions(ProbeOptions):
    """Settings of a PromQL probe."""

    url: str
    """The address before /api/v1: "http://prometheus:9090"."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """More headers, such as Authorization or X-Scope-OrgID."""
    query: str = Field(min_length=1)
    """The query. Of several series in its answer the worst one counts."""
    at_most: float | None = None
    """The highest value that is good."""
    at_least: float | None = None
    """The lowest value that is good."""
    baseline: str = ""
    """How long before now to look for the normal value: "1d", "1w". It is the mean over ``baseline_window``."""
    baseline_window: str = "1h"
    """The length of that window, which ends ``baseline`` ago."""
    tolerance: float = Field(0.2, ge=0)
    """How far from the normal value is still good: 0.2 is 20 %."""
    worse: Worse = "higher"
    """Which side of the normal value is bad, and which of several series counts: "higher" for error rates and
    latencies, "lower" for orders and logins."""
    unit: str = ""
    """What stands behind the value: "%", " req/s"."""
    timeout_s: Seconds = 10.0
    """How long the answer may take, in seconds."""

    @field_validator("baseline", "baseline_window")
    @classmethod
    def _duration(cls, text: str) -> str:
        if text and not re.fullmatch(r"[0-9]+[smhdw]", text):
            raise ValueError('must be a whole number and a unit: "30m", "1h", "7d"')
        return text

    @model_validator(mode="after")
    def _has_a_limit(self) -> PromqlOptions:
        if self.at_most is None and self.at_least is None and not self.baseline:
            raise ValueError("needs at_most, at_least or baseline")
        return self


class PromqlProbe:
    """A ``Probe`` that queries Prometheus. One that cannot be asked, or gives no data, measures nothing."""

    Options = PromqlOptions

    def __init__(self, options: PromqlOptions, *, transport: Transport | None = None) -> None:
        self._options = options
        self._http = HttpClient(
            "Prometheus",
            options.url,
            headers=options.headers,
            transport=transport,
            total_seconds=options.timeout_s,
        )

    async def run(self) -> Reading:
        """Query. The value is the query's. ``WarroomError`` if there is none."""
        options = self._options
        value = await self._ask(options.query)
        shown = self._shown(value)
        if options.at_most is not None and value > options.at_most:
            return judged(False, f"{shown}, more than {self._shown(options.at_most)}", value, options.unit)
        if options.at_least is not None and value < options.at_least:
            return judged(False, f"{shown}, less than {self._shown(options.at_least)}", value, options.unit)
        if not options.baseline:
            return judged(True, shown, value, options.unit)
        normal = await self._ask(
            f"avg_over_time(({options.query})[{options.baseline_window}:] offset {options.baseline})"
        )
        room = abs(normal) * options.tolerance
        ok = value <= normal + room if options.worse == "higher" else value >= normal - room
        return judged(ok, f"{shown}, normally {self._shown(normal)}", value, options.unit)

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    def _shown(self, value: float) -> str:
        number = f"{value:,.0f}" if abs(value) >= 1000 and math.isfinite(value) else f"{value:.3g}"
        return f"{number}{self._options.unit}"

    async def _ask(self, query: str) -> float:
        answer = await self._http.request("GET", "api/v1/query", params={"query": query})
        if answer.data.get("status") != "success":
            why = self._http.clean(text_of(answer.data, "error")) or f"HTTP {answer.status} from {self._http.host}"
            raise WarroomError(f"the query failed: {why}")
        values = [value for value in _values(object_of(answer.data, "data")) if not math.isnan(value)]
        if not values:
            raise WarroomError("the query gives no data")
        return max(values) if self._options.worse == "higher" else min(values)


def _values(data: Any) -> Iterable[float]:
    """The values in the data of an answer: ``[time, "value"]``, alone (scalar) or one a series (vector)."""
    if data.get("resultType") == "scalar":
        pairs: list[Any] = [data.get("result")]
    else:
        pairs = [series.get("value") for series in objects_of(data, "result")]
    for pair in pairs:
        number = as_number(pair[1]) if isinstance(pair, list) and len(pair) == 2 else None
        if number is not None:
            yield number
