"""Posts as JSON to one address: a bot, a chat service's incoming webhook, a flow; never a particular receiver.

The default body is ``{key, incident, kind, audience, severity, status, title, text, at}``, ``at`` in RFC 3339, UTC;
every request carries the delivery's key in the header ``Idempotency-Key`` as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr, field_validator

from warroom.connect.chat import message_lines, neutralize_markup, plain
from warroom.connect.http import Transport
from warroom.connect.outcome import DeliveryClient, OutcomeRules
from warroom.connect.setup import Setup
from warroom.errors import SettingsError, Unconfirmed
from warroom.incident.delivery import Channel, Message, Opening, Receipt
from warroom.safety import sanitize

_NAMES = ("key", "incident", "kind", "audience", "severity", "status", "title", "text", "at")

_RULES = OutcomeRules(
    throttled=frozenset(("ratelimited", "rate_limited", "RATE_LIMIT_HIT")),
    wait_keys={"retry_after_ms": 0.001, "retry_after": 1.0},
    code_keys=("errcode", "error", "code", "id"),
)
"""The receiver may be any chat service's incoming webhook, such as Slack's, Zulip's or Discord's."""

Shape = Callable[[Mapping[str, str]], Any]


class WebhookOptions(BaseModel):
    """Settings of a webhook."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: SecretStr
    """The address; all of it is a secret: anyone who has it can post."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """More headers, such as Authorization."""
    body: dict[str, JsonValue] | None = None
    """The body to send instead of the default one, as a table or as JSON in a string. Strings in it may hold
    ``{{ text }}``, ``{{ title }}`` and so on for the default body's keys; all else is sent as it is."""
    idempotent: bool = False
    """True if the receiver acts once on requests with the same Idempotency-Key: then a post whose answer was lost
    is tried again by itself, else a person is asked."""
    max_length: int = Field(default=4000, ge=1)
    """The longest text the receiver takes, in characters; a longer one is sent in numbered parts."""

    @field_validator("body", mode="before")
    @classmethod
    def _json_of_a_string(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError("a body given as a string must be a JSON object") from None


class Webhook:
    """A ``Chat`` that posts to an address. Nothing is known of the receiver, so markup of all kinds is broken."""

    Options = WebhookOptions
    setup = Setup(
        "a webhook",
        ("Create an incoming webhook at the receiver, and copy its address.",),
        ("url",),
    )
    reads_back = False
    reports_sending = True

    def __init__(self, options: WebhookOptions, *, transport: Transport | None = None) -> None:
        self.dedupes = options.idempotent
        self.max_length = options.max_length
        self._http = DeliveryClient("Webhook", options.url, _RULES, headers=options.headers, transport=transport)
        self._templated = options.body is not None
        self._shape = _default if options.body is None else _compiled(options.body, "body")

    def render(self, message: Message) -> str:
        """The text that is sent; with a ``body`` of one's own, that body."""
        if not self._templated:
            return neutralize_markup(plain(message_lines(message, recognises=self.dedupes)))
        return json.dumps(self._body(message, "(key)"), ensure_ascii=False, indent=2)

    def measure(self, message: Message) -> int:
        """The length of the text alone: that is what ``max_length`` limits, whatever is around it."""
        return len(neutralize_markup(plain(message_lines(message))))

    async def open(self, opening: Opening, key: str) -> Channel:
        """There is nothing to open: the address decides where posts go."""
        return Channel(id="", name=self._http.host)

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        """Post. Any 2xx is success, whatever its body; an ``id`` in it is kept."""
        header = {"Idempotency-Key": sanitize(key, newlines=False).encode("ascii", "replace").decode()}
        answer = await self._http.send("POST", json_body=self._body(message, key), headers=header, wants_json=False)
        found = answer.data.get("id", "")
        return Receipt(id=self._http.mask.identifier(str(found)) if isinstance(found, str | int) else "")

    async def show_status(self, channel: Channel, message: Message, previous: Receipt | None, key: str) -> Receipt:
        """Nothing: a webhook cannot edit."""
        return Receipt()

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        """Never certain: a webhook cannot be read."""
        raise Unconfirmed("A webhook cannot be read back", f"Look at the receiver ({self._http.host}).")

    async def check(self) -> str:
        """The host alone. Nothing is sent: a webhook has no request that posts nothing."""
        return f"Webhook: posts to {self._http.host} (not tried)"

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    def _body(self, message: Message, key: str) -> Any:
        values = {
            "key": key,
            "incident": message.incident,
            "kind": message.kind,
            "audience": message.audience,
            "severity": message.severity,
            "status": message.status,
            "title": message.title,
            "text": plain(message_lines(message, recognises=self.dedupes)),
            "at": message.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        return self._shape({name: neutralize_markup(sanitize(value)) for name, value in values.items()})


def _default(values: Mapping[str, str]) -> Any:
    return dict(values)


def _compiled(value: JsonValue, place: str) -> Shape:
    """A function that fills the placeholders of ``value``, keeping its structure. Raises ``SettingsError``."""
    if isinstance(value, dict):
        fields = {name: _compiled(part, f"{place}.{name}") for name, part in value.items()}
        return lambda values: {name: fill(values) for name, fill in fields.items()}
    if isinstance(value, list):
        items = [_compiled(part, f"{place}[{number}]") for number, part in enumerate(value)]
        return lambda values: [fill(values) for fill in items]
    if isinstance(value, str) and ("{{" in value or "{%" in value):
        return _template(value, place)
    return lambda _said: value


def _template(source: str, place: str) -> Shape:
    # Only bodies with placeholders pay for Jinja.
    from jinja2 import StrictUndefined, TemplateError
    from jinja2.sandbox import SandboxedEnvironment

    wrong = ""
    try:
        template = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(source)
        # Tried once now, so that a misspelt name is a mistake in the settings and not one in an incident.
        template.render(dict.fromkeys(_NAMES, ""))
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        wrong = str(error)
    if wrong:
        raise SettingsError(f"the template cannot be filled: {wrong}", f"Names: {', '.join(_NAMES)}.", place)
    return lambda values: template.render(values)
