"""Any paging service with a JSON API, by a declaration: the requests that page, acknowledge and resolve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr

from warroom.connect.http import Transport
from warroom.connect.outcome import DeliveryClient
from warroom.connect.paging import alert_key, summary
from warroom.connect.placeholders import fill, fill_all, missing
from warroom.errors import Rejected, SettingsError, Unconfirmed
from warroom.incident.delivery import Receipt
from warroom.incident.requests import Page

VALUES = ("key", "incident", "severity", "service", "title", "summary", "people", "page", "url", "change")
"""What a template may name."""


class HttpRequest(BaseModel):
    """A request of a declaration. In `path` and in the texts of `body`, `{{ name }}` is filled in."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    method: Literal["POST", "PUT", "PATCH", "DELETE"] = "POST"
    path: str = ""
    body: dict[str, JsonValue] | None = None


class HttpPagingOptions(BaseModel):
    """Options of a paging service with a JSON API. `{{ key }}` is the same for everything about one incident; there
    are `{{ incident }}`, `{{ severity }}`, `{{ service }}`, `{{ title }}`, `{{ summary }}`, `{{ people }}`,
    `{{ page }}` (why somebody is paged), `{{ url }}` and `{{ change }}`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str
    """The address all paths are appended to: `https://api.opsgenie.com/v2`."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """Headers of each request, such as Authorization. Each value is a secret."""
    trigger: HttpRequest
    """The request that pages: a table of `method` (POST), `path` and `body`. A text in the body that is
    `{{ people }}` alone becomes a list."""
    acknowledge: HttpRequest | None = None
    """The request that says that somebody has acknowledged; without it the service is not told."""
    resolve: HttpRequest | None = None
    """The request that says that it is over; without it the service is not told."""
    people: dict[str, JsonValue] = Field(default_factory=dict)
    """The value of `{{ people }}` for a person, by names of the team; the name itself without it. A table is
    put in as it is, as in `{ type = "user", username = "bob@example.com" }`."""
    dedupes: bool = False
    """True where the service treats requests with the same `{{ key }}` as one: then one without an answer is sent
    again by itself. Otherwise a person is asked whether it arrived."""
    check_path: str = ""
    """A path that can be asked without effect: `warroom doctor` does a GET there."""


class HttpPaging:
    """A paging service over a declared JSON API."""

    Options = HttpPagingOptions
    dedupes = False
    reads_back = False
    reports_sending = True

    def __init__(self, options: HttpPagingOptions, *, transport: Transport | None = None) -> None:
        for key in ("trigger", "acknowledge", "resolve"):
            request: HttpRequest | None = getattr(options, key)
            unknown = missing([request.path, request.body], dict.fromkeys(VALUES, "?")) if request else []
            if unknown:
                known = ", ".join(VALUES)
                raise SettingsError(f"names {{{{ {unknown[0]} }}}}", f"There are: {known}.", key)
        self.dedupes = options.dedupes
        self._options = options
        host = urlsplit(options.url).hostname or "The paging service"
        self._http = DeliveryClient(host, options.url, headers=options.headers, transport=transport)

    async def send(self, request: Page, key: str) -> Receipt | None:
        """Send the declared request; None where none is declared for this change."""
        declared: HttpRequest | None = getattr(self._options, request.change)
        if declared is None:
            return None
        values = self._values(request)
        quoted = {name: quote(str(value), safe="") for name, value in values.items()}
        body = _with_list(declared.body, self._people(request))
        await self._http.send(
            declared.method,
            fill(declared.path, quoted),
            json_body=fill_all(body, values),
            repeatable=self.dedupes,
            wants_json=False,
        )
        return Receipt(id=alert_key(request))

    async def find(self, request: Page, key: str) -> Receipt | None:
        """Never certain: nothing is declared that looks for a page."""
        raise Unconfirmed(f"{self._http.service} cannot be asked for a page", "Look there whether it arrived.")

    async def check(self) -> str:
        """The answer to a GET of ``check_path``; without it only that nothing was tried."""
        if not self._options.check_path:
            return f"pages through {self._http.host} (not tried: give check_path)"
        answer = await self._http.request("GET", self._options.check_path)
        if answer.status >= 400:
            words = self._http.clean(answer.text or answer.reason)
            raise Rejected(f"{self._http.host} answered {answer.status}: {words}", "Check url and headers.")
        return f"pages through {self._http.host}, which answered {answer.status}"

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    def _people(self, page: Page) -> list[JsonValue]:
        return [self._options.people.get(name, name) for name in page.people]

    def _values(self, page: Page) -> Mapping[str, str]:
        named = [
            one if isinstance(one, str) else name for name, one in zip(page.people, self._people(page), strict=True)
        ]
        return {
            "key": alert_key(page),
            "incident": page.incident,
            "severity": page.severity,
            "service": page.service,
            "title": page.title,
            "summary": summary(page, 130),
            "people": ", ".join(named),
            "page": page.what,
            "url": page.url,
            "change": page.change,
        }


def _with_list(value: Any, people: list[JsonValue]) -> Any:
    """The body with each text that is ``{{ people }}`` alone replaced by the list of them."""
    if isinstance(value, str):
        return people if value.replace(" ", "") == "{{people}}" else value
    if isinstance(value, dict):
        return {name: _with_list(part, people) for name, part in value.items()}
    return [_with_list(part, people) for part in value] if isinstance(value, list) else value
