"""Alertmanager, API v2: of Prometheus, Mimir and Grafana. Silencing an alert is how it is acknowledged;
that silence is ended when the incident is resolved.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from warroom.connect.alerts import PollClient, bearer, first_of, moment_of, texts_in, unusable
from warroom.connect.answers import id_of, object_of, objects_in, text_of
from warroom.connect.http import Transport
from warroom.errors import Rejected
from warroom.incident.alerting import Firing


class AlertmanagerOptions(BaseModel):
    """Options of an Alertmanager."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str
    """Its address with the route prefix, without `/api/v2`: `http://127.0.0.1:9093`; Mimir's ends in
    `/alertmanager`, Grafana's in `/api/alertmanager/grafana`."""
    token: SecretStr | None = None
    """A bearer token, such as that of a service account of Grafana."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """More headers, such as Authorization for basic authentication, or X-Scope-OrgID for Mimir."""
    filter: tuple[str, ...] = ()
    """Matchers an alert must have, as in `team="checkout"`."""
    receiver: str = ""
    """Only the alerts that are routed to these receivers; a regular expression of Alertmanager's."""
    service_labels: tuple[str, ...] = ("service", "job")
    """The labels that name the service; the first that an alert has counts."""
    severity_label: str = "severity"
    """The label with the severity."""
    group_labels: tuple[str, ...] = ("alertname", "service")
    """Alerts that have these labels in common are one row on the screen."""
    silence_minutes: int = Field(default=60, ge=1, le=1440)
    """For how long an alert is silenced when its incident is acknowledged."""


class Alertmanager:
    """An ``AlertSource`` that also acknowledges and silences. A resolved incident ends the silence of its
    acknowledgement, not one that a person asked for, and no alert: that is over when its rule says so."""

    Options = AlertmanagerOptions
    ends_alerts = False

    def __init__(self, options: AlertmanagerOptions, *, transport: Transport | None = None) -> None:
        self._options = options
        self._http = PollClient(
            "Alertmanager", options.url, headers=bearer(options.token, options.headers), transport=transport
        )
        query = [("active", "true"), ("silenced", "true"), ("inhibited", "true"), ("unprocessed", "true")]
        query += [("filter", one) for one in options.filter]
        query += [("receiver", options.receiver)] if options.receiver else []
        self._path = f"api/v2/alerts?{urlencode(query)}"

    async def firing(self) -> Sequence[Firing]:
        """See ``AlertSource``. A silenced or inhibited alert is muted."""
        return [self._firing(alert) for alert in await self._alerts()]

    async def acknowledge(self, key: str, comment: str) -> str:
        """Silence the alert for ``silence_minutes``."""
        until = datetime.now(UTC) + timedelta(minutes=self._options.silence_minutes)
        return await self.silence(key, until, f"{comment} {_mark(key)}")

    async def resolve(self, key: str, comment: str) -> str:
        """End the silence that ``acknowledge`` set, though the alert may have cleared meanwhile."""
        ended = 0
        for silence in objects_in(await self._http.read("api/v2/silences")):
            active = text_of(object_of(silence, "status"), "state") in ("active", "pending")
            if active and text_of(silence, "comment").endswith(_mark(key)) and (id := id_of(silence)):
                await self._http.read(f"api/v2/silence/{quote(id, safe='')}", method="DELETE", wants_json=False)
                ended += 1
        return "silence ended" if ended else "its silence had ended already"

    async def silence(self, key: str, until: datetime, comment: str) -> str:
        """Silence exactly this alert: every one of its labels is matched. One that is silenced already is left."""
        alert = next((one for one in await self._alerts() if text_of(one, "fingerprint") == key), None)
        if alert is None:
            raise Rejected("Alertmanager no longer has the alert", "It may have cleared.")
        if object_of(alert, "status").get("silencedBy"):
            return "was silenced already"
        body = {
            "matchers": [
                {"name": name, "value": value, "isRegex": False, "isEqual": True}
                for name, value in sorted(texts_in(alert.get("labels")).items())
            ],
            "startsAt": datetime.now(UTC).isoformat(),
            "endsAt": until.astimezone(UTC).isoformat(),
            "createdBy": "warroom",
            "comment": comment,
        }
        await self._http.read("api/v2/silences", method="POST", json_body=body)
        return f"silenced until {until.astimezone(UTC):%H:%M} UTC"

    async def check(self) -> str:
        """The version, and how many alerts fire."""
        status = await self._http.read("api/v2/status")
        version = text_of(object_of(status, "versionInfo"), "version") or "of unknown version"
        return f"Alertmanager {version} at {self._http.host}, {len(await self._alerts())} alerts"

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def _alerts(self) -> list[Mapping[str, Any]]:
        answer = await self._http.read(self._path)
        if not isinstance(answer, list):
            raise unusable("Alertmanager", "a list of alerts")
        alerts = objects_in(answer)
        if len(alerts) < len(answer) or not all(text_of(alert, "fingerprint") for alert in alerts):
            raise unusable("Alertmanager", "the alerts' fingerprints")
        return alerts

    def _firing(self, alert: Mapping[str, Any]) -> Firing:
        labels, notes = texts_in(alert.get("labels")), texts_in(alert.get("annotations"))
        options = self._options
        return Firing(
            key=text_of(alert, "fingerprint"),
            title=labels.get("alertname", ""),
            since=moment_of(alert.get("startsAt")),
            service=first_of(labels, options.service_labels),
            severity=labels.get(options.severity_label, ""),
            detail=first_of(notes, ("summary", "description", "message")),
            url=first_of(notes, ("runbook_url", "dashboard_url")) or text_of(alert, "generatorURL"),
            labels=labels,
            group=" · ".join(filter(None, (labels.get(name, "") for name in options.group_labels))),
            muted=text_of(object_of(alert, "status"), "state") == "suppressed",
        )


def _mark(key: str) -> str:
    """The end of the comment of the silence that acknowledges an alert: the silence is found again by it."""
    return f"(acknowledged alert {key})"
