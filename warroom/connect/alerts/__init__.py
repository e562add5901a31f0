"""Alert sources: one file a monitoring system. What they share: how an answer is read, and how a time is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from warroom.connect.http import HttpClient, HttpRejected, as_number
from warroom.errors import NotSent

_REMEDIES = {
    401: "Check the token in the settings; it may have been revoked.",
    403: "The token may not read {reads}. Give it the permission, or use another one.",
    404: "Check the address in the settings.",
}


class PollClient(HttpClient):
    """An ``HttpClient`` whose requests may be repeated; every answer but 2xx with JSON is an error."""

    reads = "alerts"
    """What is read, as an error calls it."""

    async def read(
        self,
        path: str = "",
        *,
        method: str = "GET",
        json_body: Any = None,
        text_body: str | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        wants_json: bool = True,
    ) -> Any:
        """The parsed JSON of the answer, of any type; None for another body where ``wants_json`` is False.

        Raises ``NotSent`` where it is worth asking again, with the pause the service wants, and ``HttpRejected``
        where it is not before somebody changes something.
        """
        answer = await self.request(
            method,
            path,
            json_body=json_body,
            text_body=text_body,
            params=params,
            headers=headers,
            repeatable=True,
        )
        status = answer.status
        if 200 <= status < 300:
            if answer.json is None and wants_json:
                remedy = f"Check the address in the settings: {self.host} may be a proxy's login page."
                raise NotSent(f"{self.service} gave an answer that is not JSON", remedy)
            return answer.json
        if status == 429:
            raise NotSent(f"{self.service} is rate-limiting", "It is asked again.", retry_after=answer.retry_after)
        if status in (408, 425) or status >= 500 or status < 200:
            raise NotSent(f"{self.service} failed ({status})", "It is asked again.", retry_after=answer.retry_after)
        if status < 400:
            where = f" at {answer.redirects_to}" if answer.redirects_to else ""
            remedy = f"Redirects are not followed. Set the final address{where}."
            raise HttpRejected(f"{self.service} redirects ({status})", remedy, status)
        words = self.clean(_reason(answer.json) or answer.text or answer.reason or "no reason", 120)
        remedy = _REMEDIES.get(status, "Check its options in the settings.").format(reads=self.reads)
        raise HttpRejected(f"{self.service} refused: {words} ({status})", remedy, status)


def _reason(value: Any) -> str:
    """The sentence about an error in a JSON body."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        for key in ("message", "error", "detail", "errormessage", "errors"):
            if words := _reason(value.get(key)):
                return words
    if isinstance(value, list) and value:
        return _reason(value[0])
    return ""


def bearer(token: SecretStr | None, headers: Mapping[str, SecretStr] | None = None) -> dict[str, SecretStr]:
    """The headers of each request: those given, and Authorization for a ``token``."""
    found = dict(headers or {})
    if token is not None:
        found["Authorization"] = SecretStr(f"Bearer {token.get_secret_value()}")
    return found


def moment_of(value: object) -> datetime | None:
    """The UTC time in a value: RFC 3339 text, or seconds or milliseconds since 1970; None for anything else.

    The zero times that Go and some vendors write for "never" are None too.
    """
    number = as_number(value)
    try:
        if number is not None:
            at = datetime.fromtimestamp(number / 1000 if abs(number) > 1e11 else number, UTC)
        else:
            at = datetime.fromisoformat(str(value).strip())
            at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return at if at.year > 1970 else None


def fingerprint(labels: Mapping[str, str]) -> str:
    """A key for a set of labels, where the source gives none."""
    text = "\x1f".join(f"{name}\x1e{labels[name]}" for name in sorted(labels))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24]


def first_of(labels: Mapping[str, str], names: tuple[str, ...]) -> str:
    """The value of the first of these labels that there is."""
    return next((labels[name] for name in names if labels.get(name)), "")


def texts_in(value: object) -> dict[str, str]:
    """The entries of an object whose values are text."""
    if not isinstance(value, dict):
        return {}
    return {str(name): text for name, text in value.items() if isinstance(text, str)}


def unusable(service: str, what: str) -> NotSent:
    """The error for an answer of another shape than the service documents."""
    return NotSent(f"{service} gave an answer without {what}", "Check the address in the settings.")
