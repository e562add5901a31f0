"""Whether an address answers as it should: status, time, words in the body, a value in its JSON."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from warroom.connect.http import HttpClient, HttpResponse, Transport
from warroom.connect.probes import ProbeOptions, Seconds
from warroom.errors import DeliveryError
from warroom.incident.readings import Reading, judged
from warroom.safety.patterns import BadPattern, Pattern


class HttpProbeOptions(ProbeOptions):
    """Settings of an HTTP probe."""

    url: str
    """The address to ask. Redirects are not followed."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """More headers, such as Authorization."""
    method: Literal["GET", "HEAD"] = "GET"
    """GET, or HEAD where only the status counts."""
    status: tuple[int, ...] = ()
    """The statuses that are good; empty: 200 to 299."""
    latency_ms: float | None = Field(default=None, gt=0)
    """How long the whole answer may take and still be good, in milliseconds."""
    match: str = ""
    """A regular expression in RE2 syntax that a line of the body must match."""
    json_path: str = ""
    """Where in the JSON of the body to look, names and numbers of list elements with dots between:
    "status.indicator"."""
    equals: str = ""
    """What must be there; true, false and numbers as JSON writes them."""
    timeout_s: Seconds = 10.0
    """How long the answer may take at all, in seconds."""

    @field_validator("match")
    @classmethod
    def _usable(cls, pattern: str) -> str:
        try:
            Pattern(pattern)
        except BadPattern as error:
            raise ValueError(f"the pattern {error}") from None
        return pattern

    @model_validator(mode="after")
    def _belong_together(self) -> HttpProbeOptions:
        if bool(self.json_path) != bool(self.equals):
            raise ValueError("json_path and equals go together")
        if self.method == "HEAD" and (self.match or self.json_path):
            raise ValueError("an answer to HEAD has no body to look into")
        return self


class HttpProbe:
    """A ``Probe`` that asks an address. No answer speaks against the item as a wrong one does."""

    Options = HttpProbeOptions

    def __init__(self, options: HttpProbeOptions, *, transport: Transport | None = None) -> None:
        self._options = options
        self._pattern = Pattern(options.match) if options.match else None
        self._http = HttpClient(
            "The address",
            options.url,
            headers=options.headers,
            transport=transport,
            total_seconds=options.timeout_s,
        )

    async def run(self) -> Reading:
        """Ask. The value is how long the answer took, in ms."""
        try:
            answer = await self._http.request(self._options.method, repeatable=True)
        except DeliveryError as error:
            return judged(False, error.title.replace("The address", self._http.host, 1))
        took = answer.elapsed_s * 1000
        wrong = self._wrong(answer, took)
        words = f"HTTP {answer.status} in {took:,.0f} ms"
        return judged(not wrong, f"{words}, {wrong}" if wrong else words, took, "ms")

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    def _wrong(self, answer: HttpResponse, took_ms: float) -> str:
        """What is not as it should be; "" if all is well."""
        options = self._options
        if not (answer.status in options.status if options.status else 200 <= answer.status < 300):
            if answer.redirects_to:
                return f"a redirect to {answer.redirects_to}"
            return f"not {' or '.join(map(str, options.status))}" if options.status else "not 2xx"
        if options.latency_ms is not None and took_ms > options.latency_ms:
            return f"more than {options.latency_ms:,.0f} ms"
        if self._pattern and not self._pattern.found(answer.body):
            return f"no line matches {options.match}"
        if options.json_path:
            found = _written(_at(answer.json, options.json_path))
            if found != options.equals:
                return f"{options.json_path} is {found[:60]}, not {options.equals}"
        return ""


def _at(data: Any, path: str) -> Any:
    """The value at a path such as ``components.0.status``; None if there is none."""
    for name in path.split("."):
        if isinstance(data, dict):
            data = data.get(name)
        elif isinstance(data, list) and name.isdecimal() and int(name) < len(data):
            data = data[int(name)]
        else:
            return None
    return data


def _written(value: Any) -> str:
    """A value as the settings write it: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
