"""PagerDuty: pages through the Events API v2, and who is on call by the REST API.

Facts: developer.pagerduty.com/docs/send-alert-event (202 means accepted; one ``dedup_key`` and routing key are one
alert; an event that acknowledges or resolves an alert that is not there is dropped) and
developer.pagerduty.com/api-reference (GET /oncalls).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from warroom.config.rota import Shift
from warroom.connect.answers import object_of, objects_of, text_of
from warroom.connect.http import Transport
from warroom.connect.outcome import DeliveryClient, OutcomeRules
from warroom.connect.paging import alert_key, summary
from warroom.errors import NotSent, Rejected, SettingsError
from warroom.incident.delivery import Receipt
from warroom.incident.requests import Page

EVENTS = "https://events{region}.pagerduty.com/v2"
REST = "https://api{region}.pagerduty.com"

MOST_PAGES = 20
"""Pages of one answer about who is on call, 100 entries each."""

_SEVERITIES = {"critical": "critical", "high": "error", "medium": "warning", "low": "info"}
_THROTTLED_S = 30.0
"""The Events API names no pause; PagerDuty's advice is to try again after 30 seconds."""


class PagerDutyOptions(BaseModel):
    """Options of PagerDuty."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    routing_key: SecretStr | None = None
    """The integration key of a service there (Events API v2): it pages by its own escalation policy."""
    people: dict[str, SecretStr] = Field(default_factory=dict)
    """The integration key of a service that pages this person, by names of the team: needed for whom
    `routing_key` would not page, for PagerDuty itself decides whom a service pages."""
    schedule: str = ""
    """The id of the schedule that says who is on call: `PXXXXXX`, the end of its address."""
    api_token: SecretStr | None = None
    """A read-only REST API key, for `schedule`."""
    eu: bool = False
    """True for an account in PagerDuty's EU region."""


class PagerDuty:
    """A paging service, and an ``OnCallSchedule`` where ``schedule`` is given."""

    Options = PagerDutyOptions
    dedupes = True
    reads_back = False
    reports_sending = True

    def __init__(self, options: PagerDutyOptions, *, transport: Transport | None = None) -> None:
        if not (options.routing_key or options.people or options.schedule):
            raise SettingsError("is missing", 'Give routing_key = { env = "NAME" }.', "routing_key")
        if options.schedule and options.api_token is None:
            raise SettingsError("is missing", 'schedule needs api_token = { env = "NAME" }.', "api_token")
        region = ".eu" if options.eu else ""
        self._options = options
        self._events = DeliveryClient(
            "PagerDuty", EVENTS.format(region=region), OutcomeRules(code_keys=("status",)), transport=transport
        )
        self._rest: DeliveryClient | None = None
        if options.schedule and options.api_token is not None:
            self.shifts = self._shifts
            token = SecretStr(f"Token token={options.api_token.get_secret_value()}")
            headers = {"Authorization": token}
            rules = OutcomeRules(wait_headers={"ratelimit-reset": 1.0})
            self._rest = DeliveryClient(
                "PagerDuty", REST.format(region=region), rules, headers=headers, transport=transport
            )

    async def send(self, request: Page, key: str) -> Receipt:
        """Trigger, acknowledge or resolve the incident's alert. Repeating it has no further effect there."""
        keys = self._keys_for(request)
        for routing_key in keys:
            await self._send(request, routing_key)
        return Receipt(id=alert_key(request))

    async def find(self, request: Page, key: str) -> Receipt | None:
        """Never needed: what is repeated has its effect once. The Events API cannot be asked."""
        raise NotSent("PagerDuty cannot look for an event", "It is sent again.")

    async def check(self) -> str:
        """Who is on call by the schedule; a key of the Events API cannot be tried without paging somebody."""
        if self._rest is None:
            return "PagerDuty: pages through the Events API (the key is not tried)"
        now = datetime.now(UTC)
        people = ", ".join(one.person for one in await self._shifts(now, now)) or "nobody"
        pages = "; pages are not tried" if self._options.routing_key or self._options.people else ""
        return f"PagerDuty schedule {self._options.schedule}: {people} on call{pages}"

    async def close(self) -> None:
        """Let go of connections."""
        await self._events.close()
        if self._rest is not None:
            await self._rest.close()

    def _keys_for(self, page: Page) -> list[SecretStr]:
        options = self._options
        found = [options.people[name] for name in page.people if name in options.people]
        without = [name for name in page.people if name not in options.people]
        if (without or not found) and options.routing_key is not None:
            found.insert(0, options.routing_key)
        if not found:
            who = ", ".join(without) or "anybody"
            raise Rejected(f"PagerDuty has no key that pages {who}", "Give routing_key, or their key under people.")
        return found

    async def _send(self, page: Page, routing_key: SecretStr) -> None:
        body: dict[str, Any] = {
            "routing_key": routing_key.get_secret_value(),
            "event_action": page.change,
            "dedup_key": alert_key(page),
        }
        if page.change == "trigger":
            body["payload"] = {
                "summary": summary(page),
                "source": page.service or "warroom",
                "severity": _SEVERITIES.get(page.severity, "critical"),
                "timestamp": page.at.isoformat(),
                "component": page.service,
                "custom_details": {"incident": page.incident, "page": page.what, "people": ", ".join(page.people)},
            }
            body["client"] = "warroom"
            if page.url:
                body["links"] = [{"href": page.url, "text": page.incident}]
        try:
            await self._events.send("POST", "enqueue", json_body=body, repeatable=True)
        except NotSent as error:
            raise NotSent(error.title, error.remedy, retry_after=error.retry_after or _THROTTLED_S) from None
        except Rejected as error:
            # The answer may repeat the key, which is in the body and so unknown to the client's mask.
            secret = routing_key.get_secret_value()
            raise Rejected(error.title.replace(secret, "…"), error.remedy.replace(secret, "…")) from None

    async def _shifts(self, since: datetime, until: datetime) -> Sequence[Shift]:
        """See ``OnCallSchedule``."""
        assert self._rest is not None
        found: list[Shift] = []
        for page in range(MOST_PAGES):
            params = {
                "schedule_ids[]": self._options.schedule,
                "include[]": "users",
                "since": since.isoformat(),
                "until": until.isoformat(),
                "limit": "100",
                "offset": str(100 * page),
            }
            answer = await self._rest.send(
                "GET", "oncalls", params=params, headers={"Accept": "application/vnd.pagerduty+json;version=2"}
            )
            entries = objects_of(answer.data, "oncalls")
            if "oncalls" not in answer.data:
                raise NotSent("PagerDuty gave an answer without on-calls", "Check the address and the token.")
            found += [shift for entry in entries if (shift := _shift(entry))]
            if answer.data.get("more") is not True:
                break
        # Several escalation policies may use one schedule: the same shift stands there once for each.
        return sorted(set(found), key=lambda one: (one.begins, one.person))


def _shift(entry: Mapping[str, Any]) -> Shift | None:
    user = object_of(entry, "user")
    person = text_of(user, "email") or text_of(user, "name") or text_of(user, "summary")
    begins, ends = _moment(text_of(entry, "start")), _moment(text_of(entry, "end"))
    # Without a start somebody is always on call, as the only one of an escalation level.
    return Shift(person, begins or datetime(1970, 1, 1, tzinfo=UTC), ends) if person else None


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
