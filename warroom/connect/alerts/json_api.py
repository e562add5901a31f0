"""Any JSON API as an alert source, by a declaration: where the list is, which entries fire, what each part is.

The declarations of some vendors are in ``declared/``; ``backend = "pagerduty"`` is that declaration, with what the
table of the settings gives laid over it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr, create_model

from warroom import toml
from warroom.connect.alerts import PollClient, moment_of, unusable
from warroom.connect.http import HttpRejected, Transport
from warroom.connect.placeholders import fill, fill_all, missing, value_at
from warroom.errors import NotSent, SettingsError
from warroom.incident.alerting import Firing

MOST_PAGES = 10
"""Pages of one poll. A list that has more is not read: a part of it would clear what is beyond."""


class JsonAlertsOptions(BaseModel):
    """Options of a JSON API. In a text, `{{ name }}` is filled in: in `url`, `body` and `acknowledge` from `names`,
    in what describes an entry from the entry, with dots for what is within (`{{ service.name }}`) and `|` before
    what to take where that is missing."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str | None = None
    """The address to ask, with its query."""
    token: SecretStr | None = None
    """The API token; goes into `authorization`."""
    authorization: str | None = None
    """The header that carries the token: `Authorization: Bearer {{ token }}`."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """More headers. Each value is a secret."""
    names: dict[str, str] = Field(default_factory=dict)
    """Values for `{{ name }}` in `url`, `body` and `acknowledge`, such as your organization there."""
    method: Literal["GET", "POST"] | None = None
    """How to ask."""
    body: dict[str, JsonValue] | None = None
    """The JSON body of a POST."""
    list: str | None = None
    """Where the list is in the answer, as in `data.incidents`; "" where the answer is the list."""
    more: str | None = None
    """Where the answer says that there is more: the address of the next page, or a value that is true."""
    offset: str | None = None
    """The parameter of the address that skips entries, where `more` is no address."""
    at_most: int | None = Field(default=None, ge=1)
    """The most entries an answer holds, where nothing in it says that there is more: a full one is not read."""
    fires: dict[str, tuple[JsonValue, ...]] | None = None
    """Which entries fire: the values each of these places may have. Without it all do."""
    key: str | None = None
    """What identifies an entry for as long as it fires."""
    title: str | None = None
    """The name of the alert."""
    detail: str | None = None
    """A sentence about it."""
    service: str | None = None
    """The service it is about."""
    severity: str | None = None
    """Its severity, in the source's own word."""
    since: str | None = None
    """When it began: RFC 3339, or seconds or milliseconds since 1970."""
    link: str | None = None
    """The web address to look at; `names` are filled in here too."""
    group: str | None = None
    """What alerts of one group have in common; without it title and service."""
    errors: str | None = None
    """Where the answer of status 200 has its errors, if it has any."""
    acknowledge: dict[str, JsonValue] | None = None
    """The request that acknowledges an alert there: a table of `method`, `url`, `body` and `headers`, in which
    `{{ key }}` is the alert's."""
    resolve: dict[str, JsonValue] | None = None
    """The same for the request that closes an alert there, once its incident is resolved."""
    muted: str | None = None
    """Where an entry says that it is silenced there: it counts as silenced where anything stands there."""


class _Declaration(BaseModel):
    """A declaration that is complete."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str
    key: str
    title: str
    vendor: str = "The alert source"
    method: Literal["GET", "POST"] = "GET"
    authorization: str = "Authorization: Bearer {{ token }}"
    headers: dict[str, str] = Field(default_factory=dict)
    names: dict[str, str] = Field(default_factory=dict)
    body: dict[str, JsonValue] | None = None
    list: str = ""
    more: str = ""
    offset: str = ""
    at_most: int = 0
    fires: dict[str, tuple[JsonValue, ...]] = Field(default_factory=dict)
    detail: str = ""
    service: str = ""
    severity: str = ""
    since: str = ""
    link: str = ""
    group: str = ""
    errors: str = ""
    acknowledge: dict[str, JsonValue] | None = None
    resolve: dict[str, JsonValue] | None = None
    muted: str = ""


class JsonAlerts:
    """An ``AlertSource`` over a declared JSON API; it acknowledges and resolves where that is declared, and its
    names given."""

    Options = JsonAlertsOptions
    vendor = ""
    """The name of the shipped declaration that the options are laid over."""

    def __init__(self, options: JsonAlertsOptions, *, transport: Transport | None = None) -> None:
        shipped = read_declaration(self.vendor) if self.vendor else {}
        given = {name: getattr(options, name) for name in options.model_fields_set - {"token", "headers", "names"}}
        names = {**shipped.pop("names", {}), **options.names}
        for key in ("url", "key", "title"):
            if not given.get(key) and not shipped.get(key):
                raise SettingsError("is missing", f"Give {key}.", key)
        self._declared = declared = _Declaration.model_validate({**shipped, **given, "names": names})
        headers = dict(options.headers)
        if options.token is not None:
            name, _, value = declared.authorization.partition(":")
            headers[name.strip()] = SecretStr(fill(value.strip(), {"token": options.token.get_secret_value()}))
        elif self.vendor and not options.headers:
            raise SettingsError("is missing", 'Give token = { env = "NAME" }.', "token")
        address = self._named(declared.url, "url", quoted=True)
        self._http = PollClient(declared.vendor, _origin(address), headers=headers, transport=transport)
        self._path = _rest(address)
        self._body = self._named(declared.body, "body")
        if self._can(declared.acknowledge):
            self.acknowledge = self._acknowledge
        if self._can(declared.resolve):
            self.resolve = self._resolve

    async def firing(self) -> Sequence[Firing]:
        """See ``AlertSource``. Every page is read; a list that goes on for too long is ``NotSent``."""
        entries: list[Any] = []
        path = self._path
        for _ in range(MOST_PAGES):
            answer = await self._http.read(
                path, method=self._declared.method, json_body=self._body, headers=self._declared.headers
            )
            found = self._entries(answer)
            entries += found
            following = self._next(answer, found, len(entries))
            if following is None:
                return [self._firing(entry) for entry in entries if self._fires(entry)]
            path = following
        raise self._too_many()

    async def check(self) -> str:
        """How many alerts fire there."""
        return f"{self._http.service} at {self._http.host}, {len(await self.firing())} alerts"

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    def _can(self, action: Mapping[str, JsonValue] | None) -> bool:
        """Whether a request is declared, and every name in it given."""
        return bool(action) and not missing(action, {**self._declared.names, "key": "?", "comment": "?"})

    async def _acknowledge(self, key: str, comment: str) -> str:
        return await self._act(self._declared.acknowledge, key, comment, "acknowledged")

    async def _resolve(self, key: str, comment: str) -> str:
        return await self._act(self._declared.resolve, key, comment, "resolved")

    async def _act(self, action: Mapping[str, JsonValue] | None, key: str, comment: str, done: str) -> str:
        assert action is not None
        declared = self._declared
        names = {**declared.names, "key": key, "comment": comment}
        try:
            await self._http.read(
                _rest(fill(str(action.get("url", "")), names, quoted=True)),
                method=str(action.get("method", "POST")),
                json_body=fill_all(action.get("body"), names),
                headers={**declared.headers, **(fill_all(action.get("headers"), names) or {})},
                wants_json=False,
            )
        except HttpRejected as error:
            if error.status != 409:  # Conflict: it is in that state already, as Better Stack says it
                raise
            return f"was {done} already"
        return done

    def _named(self, value: Any, key: str, *, quoted: bool = False) -> Any:
        names = {name: text for name, text in self._declared.names.items() if text}
        if absent := missing(value, names):
            first = absent[0]
            raise SettingsError(f"{toml.plain(first)} is missing", f'Give names = {{ {first} = "…" }}.', "names")
        return fill(value, names, quoted=quoted) if isinstance(value, str) else fill_all(value, names)

    def _entries(self, answer: Any) -> list[Any]:
        declared, service = self._declared, self._http.service
        if declared.errors and (problem := value_at(answer, declared.errors)):
            words = self._http.clean(str(value_at(problem, "0.message") or "an error"), 120)
            raise NotSent(f"{service} answered: {words}", "Check the token and the names.")
        found = value_at(answer, declared.list) if declared.list else answer
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            raise unusable(service, f"the list {declared.list}".strip())
        if declared.at_most and len(found) >= declared.at_most:
            raise self._too_many()
        return found

    def _next(self, answer: Any, found: Sequence[Any], so_far: int) -> str | None:
        """The path of the next page; None if this is the last one."""
        declared = self._declared
        more = value_at(answer, declared.more) if declared.more else None
        if not more or not found:
            return None
        if isinstance(more, str) and more.startswith(("http://", "https://")):
            if urlsplit(_origin(more)).netloc != urlsplit(_origin(self._named(declared.url, "url"))).netloc:
                raise unusable(self._http.service, "a next page of its own")
            return _rest(more)
        if not declared.offset:
            raise self._too_many()
        return f"{self._path}{'&' if '?' in self._path else '?'}{quote(declared.offset)}={so_far}"

    def _too_many(self) -> NotSent:
        return NotSent(f"{self._http.service} lists too many alerts", "Filter them in the address of the settings.")

    def _fires(self, entry: Any) -> bool:
        return all(value_at(entry, place) in values for place, values in self._declared.fires.items())

    def _firing(self, entry: Any) -> Firing:
        declared = self._declared
        key = fill(declared.key, entry)
        if not key.strip(" ·:/-"):
            raise unusable(self._http.service, "the key of each alert")
        return Firing(
            key=key,
            title=fill(declared.title, entry),
            since=moment_of(fill(declared.since, entry)) if declared.since else None,
            service=fill(declared.service, entry),
            severity=fill(declared.severity, entry),
            detail=fill(declared.detail, entry),
            url=fill(declared.link, {**declared.names, **entry}),
            group=fill(declared.group, entry),
            muted=bool(declared.muted and value_at(entry, declared.muted)),
        )


def read_declaration(vendor: str) -> dict[str, Any]:
    """The shipped declaration of a vendor. Raises ``FileNotFoundError`` if there is none."""
    file = resources.files("warroom.connect.alerts") / "declared" / f"{vendor}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def __getattr__(vendor: str) -> type[JsonAlerts]:
    """The backend that a vendor is declared as: ``pagerduty`` is the class of ``declared/pagerduty.toml``."""
    try:
        read_declaration(vendor)
    except FileNotFoundError:
        raise AttributeError(vendor) from None
    options = create_model(f"{vendor}Options", __base__=JsonAlertsOptions)
    return type(vendor, (JsonAlerts,), {"vendor": vendor, "Options": options})


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _rest(url: str) -> str:
    return url[len(_origin(url)) :]
