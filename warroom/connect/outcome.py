"""What an HTTP answer means for a delivery, and the client that raises it. Vendors add their own rules.

    2xx                                       delivered
    2xx without the JSON object it promised   Unconfirmed
    429, or a throttling code in the body     NotSent       with the service's wait in seconds, if it gave one
    408, 425                                  NotSent       the service did not take the request
    other 4xx, any redirect                   Rejected      with a remedy
    5xx                                       Unconfirmed   it may have been done

A request that is harmless to repeat never ends ``Unconfirmed``: no one has to be asked whether to send it again, so
the same answers are ``NotSent``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from warroom.connect.http import HttpClient, HttpRejected, HttpResponse, Transport, as_number, bounded_wait
from warroom.errors import DeliveryError, NotSent

_REMEDIES = {
    400: "The service does not accept what was sent. Check this destination's settings.",
    401: "Check the token in the settings; it may have been revoked.",
    403: "The account may not do this. Give it the permission, or use another one.",
    404: "Check the address and the channel in the settings.",
    405: "Check the address in the settings.",
    410: "This address is no longer in use. Create a new one there and set it.",
    413: "Shorten the text.",
}


@dataclass(frozen=True)
class OutcomeRules:
    """What a service's answers mean beyond their HTTP status."""

    remedies: Mapping[str, str] = field(default_factory=dict)
    """What to do about each of the service's own error codes."""
    throttled: frozenset[str] = frozenset()
    """Error codes that ask for a pause, whatever the status."""
    throttling_statuses: frozenset[int] = frozenset()
    """HTTP statuses that ask for a pause, besides 429."""
    wait_keys: Mapping[str, float] = field(default_factory=dict)
    """Keys of the body that hold a wait, each with its unit in seconds. Proxies drop the Retry-After header."""
    wait_headers: Mapping[str, float] = field(default_factory=dict)
    """Headers about the rate limit that hold a wait, names in lower case, each with its unit in seconds."""
    code_keys: tuple[str, ...] = ("error", "code", "id")
    """Keys of the body that may hold the error code; the first text counts."""
    message_keys: tuple[str, ...] = ("message", "error", "msg")
    """Keys of the body that may hold a sentence about the error."""


class DeliveryClient(HttpClient):
    """An ``HttpClient`` whose ``send`` returns what was delivered and raises every other outcome."""

    def __init__(
        self,
        service: str,
        base_url: str | SecretStr,
        rules: OutcomeRules = OutcomeRules(),
        *,
        headers: Mapping[str, SecretStr] | None = None,
        transport: Transport | None = None,
        **limits: float,
    ) -> None:
        super().__init__(service, base_url, headers=headers, transport=transport, **limits)
        self._rules = rules

    async def send(
        self,
        method: str,
        path: str = "",
        *,
        json_body: Any = None,
        form: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = False,
        wants_json: bool = True,
    ) -> HttpResponse:
        """Send one request and return its 2xx answer; every other outcome raises an error of the module's table.

        Arguments are those of ``request``. With ``wants_json`` the answer must be a JSON object.
        """
        repeatable = repeatable or method == "GET"
        response = await self.request(
            method, path, json_body=json_body, form=form, params=params, headers=headers, repeatable=repeatable
        )
        failure = self._judge(response, repeatable, wants_json)
        if failure is not None:
            raise failure
        return response

    def wait_of(self, response: HttpResponse) -> float | None:
        """The seconds the service asks to wait: by the Retry-After header, else by its body or another header."""
        if response.retry_after is not None:
            return response.retry_after
        rules = self._rules
        named = [(response.data.get(key), unit_s) for key, unit_s in rules.wait_keys.items()]
        named += [(response.limits.get(name), unit_s) for name, unit_s in rules.wait_headers.items()]
        for value, unit_s in named:
            if (number := as_number(value)) is not None:
                return bounded_wait(number * unit_s)
        return None

    def _judge(self, response: HttpResponse, repeatable: bool, wants_json: bool) -> DeliveryError | None:
        """The error this answer means, or None for one that delivers."""
        status, rules = response.status, self._rules
        if 200 <= status < 300:
            if wants_json and not isinstance(response.json, dict):
                return self.doubt("gave an answer that cannot be read", repeatable)
            return None
        code = self.clean(_first_text(response.data, *rules.code_keys), 60)
        words = self.clean(_first_text(response.data, *rules.message_keys))
        if status == 429 or status in rules.throttling_statuses or code in rules.throttled:
            wait = self.wait_of(response)
            return NotSent(f"{self.service} is rate-limiting", "It will be retried.", retry_after=wait)
        if status in (408, 425):
            return NotSent(f"{self.service} did not take the request ({status})", "It will be retried.")
        if status >= 500 or status < 200:
            return self.doubt(f"failed ({status})", repeatable)
        if status < 400:
            where = f" at {response.redirects_to}" if response.redirects_to else ""
            remedy = f"Redirects are not followed. Set the service's final address{where}."
            return HttpRejected(f"{self.service} redirects ({status})", remedy, status)
        reason = next(text for text in (code, words, response.text, response.reason, "no reason") if text)
        detail = words if words and words != reason else ""
        remedy = rules.remedies.get(code) or _REMEDIES.get(status, "Check this destination's settings.")
        return HttpRejected(
            f"{self.service} refused: {reason} ({status})", " ".join(filter(None, (detail, remedy))), status, code
        )


def _first_text(data: Mapping[str, Any], *names: str) -> str:
    return next((data[name] for name in names if isinstance(data.get(name), str) and data[name]), "")
