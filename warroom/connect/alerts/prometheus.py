"""Prometheus without an Alertmanager: the alerts its own rules fire. It can be told nothing.

https://prometheus.io/docs/prometheus/latest/querying/api/#alerts
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from warroom.connect.alerts import PollClient, bearer, fingerprint, first_of, moment_of, texts_in, unusable
from warroom.connect.answers import object_of, objects_in, text_of
from warroom.connect.http import Transport
from warroom.incident.alerting import Firing


class PrometheusOptions(BaseModel):
    """Options of a Prometheus."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str
    """Its address with the route prefix, without `/api/v1`: `http://127.0.0.1:9090`."""
    token: SecretStr | None = None
    """A bearer token, where a proxy in front asks for one."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """More headers, such as Authorization for basic authentication."""
    service_labels: tuple[str, ...] = ("service", "job")
    """The labels that name the service; the first that an alert has counts."""
    severity_label: str = "severity"
    """The label with the severity."""
    group_labels: tuple[str, ...] = ("alertname", "service")
    """Alerts that have these labels in common are one row on the screen."""


class Prometheus:
    """An ``AlertSource``."""

    Options = PrometheusOptions

    def __init__(self, options: PrometheusOptions, *, transport: Transport | None = None) -> None:
        self._options = options
        self._http = PollClient(
            "Prometheus", options.url, headers=bearer(options.token, options.headers), transport=transport
        )

    async def firing(self) -> Sequence[Firing]:
        """See ``AlertSource``. A pending alert does not fire yet."""
        data = object_of(await self._http.read("api/v1/alerts"), "data")
        if not isinstance(data.get("alerts"), list):
            raise unusable("Prometheus", "a list of alerts")
        alerts = objects_in(data["alerts"])
        return [self._firing(alert) for alert in alerts if text_of(alert, "state") == "firing"]

    async def check(self) -> str:
        """The version, and how many alerts fire."""
        build = object_of(await self._http.read("api/v1/status/buildinfo"), "data")
        version = text_of(build, "version") or "of unknown version"
        return f"Prometheus {version} at {self._http.host}, {len(await self.firing())} alerts"

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    def _firing(self, alert: Any) -> Firing:
        labels, notes = texts_in(alert.get("labels")), texts_in(alert.get("annotations"))
        options = self._options
        return Firing(
            key=fingerprint(labels),
            title=labels.get("alertname", ""),
            since=moment_of(alert.get("activeAt")),
            service=first_of(labels, options.service_labels),
            severity=labels.get(options.severity_label, ""),
            detail=first_of(notes, ("summary", "description", "message")),
            url=first_of(notes, ("runbook_url", "dashboard_url")),
            labels=labels,
            group=" · ".join(filter(None, (labels.get(name, "") for name in options.group_labels))),
        )
