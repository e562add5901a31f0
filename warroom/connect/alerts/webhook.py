"""Alerts that their source sends to `warroom watch --listen`: as Alertmanager, as Grafana, or as plain JSON.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config (version 4)
https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr

from warroom.connect.alerts import fingerprint, first_of, moment_of, texts_in
from warroom.connect.answers import id_of, objects_of, text_of
from warroom.errors import BadInput, Refusal, SettingsError
from warroom.incident.alerting import Firing, Notice

MOST = 1_000
"""Alerts of one request."""

SHORTEST_SECRET = 16
"""Characters of a secret; fewer could be guessed."""

_FIRING = ("", "firing", "alerting", "triggered", "problem")
_OVER = ("resolved", "ok", "cleared", "recovered")


class WebhookAlertsOptions(BaseModel):
    """Options of a webhook."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    secret: SecretStr | None = None
    """Part of the path that is sent to, `/hook/SECRET/NAME`; at least 16 characters. Needed where other machines
    can reach it. Without it the path is `/hook/NAME`."""
    service_labels: tuple[str, ...] = ("service", "job")
    """The labels that name the service; the first that an alert has counts."""
    severity_label: str = "severity"
    """The label with the severity."""


class WebhookAlerts:
    """An ``AlertSource`` that is told what fires instead of being asked."""

    Options = WebhookAlertsOptions

    def __init__(self, options: WebhookAlertsOptions) -> None:
        if options.secret is not None and len(options.secret.get_secret_value()) < SHORTEST_SECRET:
            raise SettingsError("is too short", f"Use at least {SHORTEST_SECRET} characters.", "secret")
        self._options = options

    def path(self, name: str) -> str:
        """The path to send to, as ``[alerts.NAME]``. It holds the secret."""
        secret = self._options.secret
        return f"/hook/{secret.get_secret_value()}/{name}" if secret else f"/hook/{name}"

    @property
    def has_secret(self) -> bool:
        """Whether strangers cannot guess the path."""
        return self._options.secret is not None

    def read(self, body: bytes) -> Sequence[Notice]:
        """Read what was sent. Raises ``BadInput`` that says what is wrong with it."""
        try:
            sent = json.loads(body)
        except (ValueError, RecursionError):
            raise BadInput("The body is not JSON", "Send an object.") from None
        if isinstance(sent, dict) and isinstance(sent.get("alerts"), list):
            alerts = objects_of(sent, "alerts")
            if len(alerts) < len(sent["alerts"]):
                raise BadInput("One of the alerts is no object", "Send objects with labels and a status.")
            notices = [self._labelled(alert, text_of(sent, "groupKey")) for alert in alerts]
        else:
            plain = sent if isinstance(sent, list) else [sent]
            if not all(isinstance(one, dict) for one in plain):
                raise BadInput(
                    "The body is no object", 'Send {"name": "…", "status": "firing"}, or a list of these.'
                )
            notices = [self._plain(one) for one in plain]
        if len(notices) > MOST:
            raise BadInput(f"The body has {len(notices):,} alerts, more than {MOST:,}", "Send fewer at once.")
        return notices

    async def firing(self) -> Sequence[Firing]:
        """It cannot be asked."""
        raise Refusal("A webhook is not asked what fires", "Run warroom watch --listen ADDR:PORT.")

    async def check(self) -> str:
        """What ``doctor`` says of it. Nothing can be tried."""
        return "receives what is sent to warroom watch --listen" + ("" if self.has_secret else ", without a secret")

    async def close(self) -> None:
        """There is nothing to close."""

    def _labelled(self, alert: Mapping[str, Any], group: str) -> Notice:
        """An alert of Alertmanager or Grafana: what it is stands in its labels."""
        labels, notes = texts_in(alert.get("labels")), texts_in(alert.get("annotations"))
        if not labels:
            raise BadInput("An alert has no labels", "Send it as Alertmanager does.")
        name = labels.get("alertname", "")
        options = self._options
        url = first_of(notes, ("runbook_url", "dashboard_url")) or first_of(
            texts_in(dict(alert)), ("dashboardURL", "panelURL", "generatorURL")
        )
        firing = Firing(
            key=text_of(alert, "fingerprint") or fingerprint(labels),
            title=name,
            since=moment_of(alert.get("startsAt")),
            service=first_of(labels, options.service_labels),
            severity=labels.get(options.severity_label, ""),
            detail=first_of(notes, ("summary", "description", "message")),
            url=url,
            labels=labels,
            group=f"{group} · {name}" if group else "",
        )
        return Notice(firing, _is_over(alert))

    def _plain(self, sent: Mapping[str, Any]) -> Notice:
        name = text_of(sent, "name") or text_of(sent, "title")
        if not name.strip():
            raise BadInput(
                "The alert has no name", 'Send {"name": "…"}; key, service, severity, status … may follow.'
            )
        service = text_of(sent, "service")
        firing = Firing(
            key=id_of(sent, "key") or f"{name} · {service}",
            title=name,
            since=moment_of(sent.get("since")) if sent.get("since") is not None else None,
            service=service,
            severity=id_of(sent, "severity"),
            detail=text_of(sent, "detail"),
            url=text_of(sent, "url"),
            labels=texts_in(sent.get("labels")),
            group=text_of(sent, "group"),
        )
        return Notice(firing, _is_over(sent))


def _is_over(alert: Mapping[str, Any]) -> bool:
    status = text_of(alert, "status").strip().casefold()
    if status not in _FIRING + _OVER:
        raise BadInput(f"{status[:40]!r} is no status", "Send firing or resolved.")
    return status in _OVER
