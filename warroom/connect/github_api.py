"""What connectors to GitHub share: the client of its REST API, and the name of a repository.

Facts of the API: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api. A request beyond
the limits is answered with 403 or 429; ``retry-after`` is in seconds, ``x-ratelimit-reset`` a Unix time.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from warroom.connect.answers import objects_in, text_of
from warroom.connect.http import HttpResponse, Transport, as_number, bounded_wait
from warroom.connect.outcome import DeliveryClient, OutcomeRules
from warroom.errors import DeliveryError, NotSent

VERSION = "2022-11-28"

SHORTEST_PAUSE_S = 60.0
"""What GitHub asks to wait where it names no time."""

Repository = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}/[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*$")]
"""OWNER/NAME."""

_RULES = OutcomeRules(
    {
        "Bad credentials": "Set a valid token; it may have been revoked or have expired.",
        "Not Found": "Check the repository in the settings, and that the token may use it.",
        "Resource not accessible by personal access token": "Give the token the permission it needs there.",
    },
    code_keys=("message",),
)


class GitHubAccess(BaseModel):
    """The options that all connectors to GitHub have."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token: SecretStr
    """A fine-grained personal access token for the repository, or the token of an app."""
    base_url: str = "https://api.github.com"
    """The API's address; of a GitHub Enterprise Server https://HOST/api/v3."""

    @property
    def root(self) -> str:
        """What the paths of a client begin with."""
        return ""


class GitHubOptions(GitHubAccess):
    """The options of a connector to one repository."""

    repository: Repository
    """OWNER/NAME."""

    @property
    def root(self) -> str:
        """The path of the repository."""
        return f"repos/{self.repository}"


class GitHubClient(DeliveryClient):
    """A client of the API. Paths begin behind ``root`` of the options; one that begins with / does not."""

    def __init__(self, options: GitHubAccess, transport: Transport | None) -> None:
        headers = {"Authorization": SecretStr(f"Bearer {options.token.get_secret_value()}")}
        super().__init__("GitHub", options.base_url, _RULES, headers=headers, transport=transport)
        self._root = options.root

    async def call(self, method: str, path: str = "", **sent: Any) -> HttpResponse:
        """``send`` with the API's version and its media type."""
        path = path if path.startswith("/") else f"{self._root}/{path}".strip("/")
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": VERSION}
        return await self.send(method, path, headers=headers, **sent)

    async def page(self, path: str, query: Mapping[str, str]) -> list[Mapping[str, Any]]:
        """One page of a list."""
        answer = await self.call("GET", path, params=query, wants_json=False)
        if not isinstance(answer.json, list):
            raise self.doubt("gave an answer that cannot be read", repeatable=True)
        return objects_in(answer.json)

    async def user(self) -> str:
        """The account that the token belongs to; "" for that of an app, which has none."""
        return self.clean(text_of((await self.call("GET", "/user")).data, "login"), 80)

    def _judge(self, response: HttpResponse, repeatable: bool, wants_json: bool) -> DeliveryError | None:
        if response.status in (403, 429) and (wait := _wait(response)) is not None:
            return NotSent("GitHub is rate-limiting", "It will be retried.", retry_after=wait)
        return super()._judge(response, repeatable, wants_json)


def _wait(response: HttpResponse) -> float | None:
    """The pause in seconds that a refused request asks for; None if it was refused for another reason."""
    if response.retry_after is not None:
        return response.retry_after
    if response.limits.get("x-ratelimit-remaining") == "0":
        reset = as_number(response.limits.get("x-ratelimit-reset"))
        return SHORTEST_PAUSE_S if reset is None else bounded_wait(reset - time.time())
    limited = response.status == 429 or "rate limit" in text_of(response.data, "message").lower()
    return SHORTEST_PAUSE_S if limited else None
