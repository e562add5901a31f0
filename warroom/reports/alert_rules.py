"""The playbook's alert rules as a Prometheus rule file. Pure: the metrics' names are given, nothing is measured.

https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

WINDOW = "5m"
"""Rates are taken over this span."""

BASELINE = "1d"
"""What "baseline" and "increase" are compared with: the same service so long ago."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """The names of a team's metrics. The defaults are those of the common client libraries and exporters."""

    label: str = "job"
    """The label that names the service."""
    up: str = "up"
    requests: str = "http_requests_total"
    failed: str = 'code=~"5.."'
    """The matcher of the requests that failed."""
    latency: str = "http_request_duration_seconds_bucket"
    """A histogram's buckets."""
    memory: str = "container_memory_working_set_bytes"
    memory_limit: str = "container_spec_memory_limit_bytes"
    queue: str = "queue_depth"


class RuleFile(NamedTuple):
    """A rule file, and the playbook's rules of which no form is known."""

    text: str
    unknown: tuple[str, ...]


class _Rule(NamedTuple):
    expression: str
    pending: str
    """For how long it must hold."""
    summary: str


Make = Callable[[Metrics, str, str], _Rule]
"""Makes a rule for metrics, a matcher of the service, and the number in the rule's name."""


def prometheus_rules(
    critical: Sequence[str], warning: Sequence[str], services: Sequence[str], metrics: Metrics = Metrics()
) -> RuleFile:
    """The rules of these names for each service, as YAML. Without services a rule is about all there are.

    A rule's name says what it is: ``error_rate_50percent``, ``queue_depth_1000``; the number is the threshold.
    """
    lines = ["groups:", "- name: warroom", "  rules:"]
    unknown: list[str] = []
    for severity, names in (("critical", critical), ("warning", warning)):
        for name in names:
            found = _known(name)
            if found is None:
                unknown.append(name)
                continue
            make, number = found
            for service in services or ("",):
                lines += _yaml(name, severity, service, make(metrics, _matcher(metrics, service), number))
    if len(lines) == 3:
        lines[2] = "  rules: []"
    return RuleFile("\n".join(lines) + "\n", tuple(unknown))


def _yaml(name: str, severity: str, service: str, rule: _Rule) -> Iterator[str]:
    # A JSON string is a YAML string.
    yield f"  - alert: {json.dumps(name)}"
    yield f"    expr: {json.dumps(rule.expression)}"
    yield f"    for: {rule.pending}"
    labels = {"severity": severity} | ({"service": service} if service else {})
    yield f"    labels: {json.dumps(labels)}"
    yield f"    annotations: {json.dumps({'summary': rule.summary})}"


def _matcher(metrics: Metrics, service: str) -> str:
    return f"{metrics.label}={json.dumps(service)}" if service else ""


def _selected(metric: str, *matchers: str) -> str:
    given = ",".join(filter(None, matchers))
    return f"{metric}{{{given}}}" if given else metric


def _error_ratio(metrics: Metrics, service: str, offset: str = "") -> str:
    failed = f"rate({_selected(metrics.requests, service, metrics.failed)}[{WINDOW}]{offset})"
    every = f"rate({_selected(metrics.requests, service)}[{WINDOW}]{offset})"
    return f"(sum by ({metrics.label}) ({failed}) / sum by ({metrics.label}) ({every}))"


def _slowest(metrics: Metrics, service: str, offset: str = "") -> str:
    buckets = f"rate({_selected(metrics.latency, service)}[{WINDOW}]{offset})"
    return f"histogram_quantile(0.95, sum by (le, {metrics.label}) ({buckets}))"


def _down(metrics: Metrics, service: str, minutes: str) -> _Rule:
    up = _selected(metrics.up, service)
    absent = f" or absent({up})" if service else ""
    return _Rule(f"sum by ({metrics.label}) ({up}) == 0{absent}", f"{minutes}m", f"Down for {minutes} minutes")


def _errors(metrics: Metrics, service: str, percent: str) -> _Rule:
    ratio = _error_ratio(metrics, service)
    return _Rule(f"{ratio} > {int(percent) / 100:g}", "2m", f"More than {percent} % of the requests fail")


def _slow(metrics: Metrics, service: str, times: str) -> _Rule:
    before = _slowest(metrics, service, f" offset {BASELINE}")
    text = f"The slowest 5 % of the requests take {times} times as long as a day ago"
    return _Rule(f"{_slowest(metrics, service)} > {times} * {before}", "5m", text)


def _more_errors(metrics: Metrics, service: str, percent: str) -> _Rule:
    before = _error_ratio(metrics, service, f" offset {BASELINE}")
    factor = f"{1 + int(percent) / 100:g}"
    text = f"The error rate is {percent} % above that of a day ago"
    return _Rule(f"{_error_ratio(metrics, service)} > {factor} * {before}", "10m", text)


def _memory(metrics: Metrics, service: str, percent: str) -> _Rule:
    used, limit = _selected(metrics.memory, service), _selected(metrics.memory_limit, service)
    ratio = f"{used} / ({limit} > 0)"
    return _Rule(f"{ratio} > {int(percent) / 100:g}", "5m", f"More than {percent} % of the memory is in use")


def _queue(metrics: Metrics, service: str, depth: str) -> _Rule:
    queue = _selected(metrics.queue, service)
    return _Rule(f"{queue} > {depth}", "5m", f"More than {depth} entries wait in a queue")


_FORMS: tuple[tuple[str, Make], ...] = (
    (r"service_down_(\d{1,3})min", _down),
    (r"error_rate_(\d{1,2})percent", _errors),
    (r"response_time_(\d{1,3})x_baseline", _slow),
    (r"error_rate_increase_(\d{1,4})percent", _more_errors),
    (r"memory_usage_(\d{1,2})percent", _memory),
    (r"queue_depth_(\d{1,9})", _queue),
)


def _known(name: str) -> tuple[Make, str] | None:
    for pattern, make in _FORMS:
        if match := re.fullmatch(pattern, name):
            return make, match[1]
    return None
