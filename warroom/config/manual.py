"""The settings file that ``warroom init`` writes, made from the docstrings of the tables and their keys.

The docstrings are read from the source: pydantic's ``use_attribute_docstrings`` would read them whenever a table's
class is created, which costs every start of the program some 20 ms.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import re
import textwrap
import typing
from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import BaseModel

from warroom import toml
from warroom.config import escalation, hub, rota, settings
from warroom.config.secrets import Secret
from warroom.config.settings import Settings

_EXAMPLE: dict[str, Any] = {
    "playbook": "playbook.toml",
    "team": {
        "name": "Checkout",
        "company": "Example Ltd",
        "timezone": "Europe/Berlin",
        "video": "https://meet.example.com/incident",
        "people": [
            {
                "name": "Alice",
                "email": "alice@example.com",
                "phone": "+49 30 1234567",
                "handles": {"slack": "U0123456789", "matrix": "@alice:example.com"},
                "roles": ["incident_commander"],
            },
            {"name": "Bob", "email": "bob@example.com"},
        ],
    },
    "services": [
        {
            "name": "checkout-api",
            "description": "Card payments",
            "links": {
                "dashboard": "https://grafana.example.com/d/checkout",
                "runbook": "https://wiki.example.com/checkout",
            },
            "logs": [
                "/var/log/checkout/*.log",
                {"command": ["kubectl", "logs", "-f", "deploy/checkout"], "name": "checkout"},
                {"from": "papertrail", "query": "program:checkout"},
            ],
            "changes": "~/src/checkout",
            "depends_on": ["payments"],
        },
        {"name": "payments"},
    ],
    "on_call": {
        "rotation": ["Alice", "Bob"],
        "starts": date(2026, 1, 5),
        "every": "1w",
        "handover": "09:00",
        "overrides": [{"person": "Bob", "from": date(2026, 12, 24), "until": date(2026, 12, 26)}],
    },
    "hub": {"url": {"env": "WARROOM_HUB"}},
    "escalation": {
        "severities": ["critical"],
        "steps": [
            {"after": "0m", "page": ["on-call"]},
            {"after": "5m", "page": ["next"], "through": ["pagerduty"]},
            {"after": "15m", "page": ["everyone"]},
        ],
    },
    "destinations": {
        "slack": {
            "backend": "slack",
            "audiences": ["team"],
            "token": {"env": "SLACK_TOKEN"},
            "channel": "#incidents",
        },
    },
    "alerts": {
        "prometheus": {
            "backend": "alertmanager",
            "service": "checkout-api",
            "severities": {"page": "critical"},
            "url": "http://127.0.0.1:9093",
        },
    },
    "probes": {
        "health": {
            "kind": "http",
            "service": "checkout-api",
            "url": "https://checkout.example.org/healthz",
            "latency_ms": 500,
        },
    },
    "runbooks": {"run": True, "environment": ["KUBECONFIG"]},
    "paging": {
        "pagerduty": {"backend": "pagerduty", "routing_key": {"env": "PAGERDUTY_ROUTING_KEY"}},
    },
    "documents": {
        "wiki": {"backend": "confluence", "site": "example.atlassian.net", "space": "OPS"},
    },
    "trackers": {
        "github": {"backend": "github", "repository": "acme/shop", "token": {"env": "GITHUB_TOKEN"}},
    },
    "workflows": {
        "actions": {"backend": "github", "token": {"env": "GITHUB_TOKEN"}, "repositories": ["acme/ops"]},
    },
    "log_services": {"papertrail": {"backend": "papertrail", "token": {"env": "PAPERTRAIL_TOKEN"}}},
    "redaction": {"off": ["phone"], "rules": [{"name": "customer-id", "pattern": "cus_[A-Za-z0-9]{8,}"}]},
    "console": {"keys": {"update": "u,f5"}},
}


def commented_toml() -> str:
    """The settings file ``warroom init`` writes: every key, explained, with an example, all commented out.

    Explanations begin with "# ", settings with "#": take that one character away to use a line.
    """
    manual = _manual()
    explained: set[type[BaseModel]] = set()
    lines = [
        "# Settings of warroom. Every key may be left out. What follows are examples: take away the # before",
        "# a line, and before the [header] above it, to use it.",
        "",
    ]

    def explain(text: str) -> None:
        lines.extend(textwrap.wrap(" ".join(text.split()), 100, initial_indent="# ", subsequent_indent="# "))

    def table(header: str, model: type[BaseModel], example: Mapping[str, Any], *, docs: bool = True) -> None:
        if header:
            if docs:
                explain(manual[model.__name__, ""])
            lines.append(f"#{header}")
        below = []
        for key, field in model.model_fields.items():
            if toml.TABLE_NAME in field.metadata:
                continue
            inner = _model_in(field.annotation)
            if inner and inner is not Secret:
                below.append((key, inner))
                continue
            if key == "options":
                given = {k: v for k, v in example.items() if k not in model.model_fields}
            else:
                default = None if field.is_required() else field.default
                name = field.alias or key
                given = {name: example.get(name, default)} if docs or name in example else {}
            if docs:
                explain(manual[model.__name__, key])
            lines.extend(f"#{key} = {toml_value(value)}" for key, value in given.items())
        lines.append("")
        path = header.strip("[]") + "." if header else ""
        for key, inner in below:
            value = example.get(key, {})
            if isinstance(value, list):
                for number, entry in enumerate(value):
                    table(f"[[{path}{key}]]", inner, entry, docs=number == 0)
            elif key in settings.PLUGIN_TABLES:
                explain(manual.get((model.__name__, key), ""))
                for name, entry in value.items():
                    table(f"[{path}{key}.{name}]", inner, entry, docs=inner not in explained)
                    explained.add(inner)
            else:
                table(f"[{path}{key}]", inner, value)

    table("", Settings, _EXAMPLE)
    return "\n".join(lines).rstrip("\n") + "\n"


def _manual() -> dict[tuple[str, str], str]:
    """The docstrings of the settings' tables and keys, by (class, key); the class's own under ""."""
    found: dict[tuple[str, str], str] = {}
    source = inspect.getsource(settings)
    for module in (rota, escalation, hub):
        source += inspect.getsource(module).partition("import annotations")[2]
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            found[node.name, ""] = ast.get_docstring(node) or ""
            for key, text in zip(node.body, node.body[1:], strict=False):
                if (
                    isinstance(key, ast.AnnAssign)
                    and isinstance(key.target, ast.Name)
                    and isinstance(text, ast.Expr)
                    and isinstance(text.value, ast.Constant)
                ):
                    found[node.name, key.target.id] = str(text.value.value)
    return found


def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstring of each field of a model, on one line and without the marks of code."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if issubclass(one, BaseModel) and one is not BaseModel:
            found |= _own_descriptions(one)
    return found


def _own_descriptions(model: type[BaseModel]) -> dict[str, str]:
    body = ast.parse(inspect.getsource(model)).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for key, text in itertools.pairwise(body.body):
        if isinstance(key, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            assert isinstance(key.target, ast.Name)
            found[key.target.id] = " ".join(str(text.value.value).split()).replace("``", "`")
    return found


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for m in map(_model_in, typing.get_args(annotation)) if m), None)


def toml_value(value: object) -> str:
    """``value`` as TOML on one line: text, numbers, booleans, dates, and lists and tables of these."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_toml_key(k)} = {toml_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    if isinstance(value, date):
        return value.isoformat()
    # Strings, numbers and booleans are written as in JSON, but in TOML a DEL is escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)
