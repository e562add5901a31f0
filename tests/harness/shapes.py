"""Hold what ``--json`` prints against its JSON Schema; no test.

Strictly: a key that the schema does not know is a mistake here, though not for readers, for whom keys may be added.
"""

from __future__ import annotations

import functools
import json
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from warroom.cli import json_schema


def names_of(verb: str) -> list[str]:
    """The names of the shapes that a verb prints."""
    longer = [one for one in json_schema.SHAPES if one.startswith(f"{verb}-")]
    return [*([verb] if verb in json_schema.SHAPES else []), *longer]


def strict(value: Any) -> Any:
    """The schema, with no key allowed but those it names."""
    if isinstance(value, list):
        return [strict(one) for one in value]
    if not isinstance(value, dict):
        return value
    closed = {key: strict(below) for key, below in value.items()}
    return closed | {"additionalProperties": False} if isinstance(value.get("properties"), dict) else closed


@functools.cache
def validator(name: str) -> Draft202012Validator:
    """What judges the values of a shape."""
    return Draft202012Validator(strict(json_schema.schema(name)), format_checker=FormatChecker())


def mistakes(name: str, value: Any) -> list[str]:
    """What is wrong with a value, each with its place."""
    return [f"{error.json_path}: {error.message[:300]}" for error in validator(name).iter_errors(value)]


def judge(verb: str, text: str) -> None:
    """Fail unless the JSON is one of the shapes that the verb prints."""
    value, names = json.loads(text), names_of(verb)
    found = {name: mistakes(name, value) for name in names}
    assert not all(found.values()), (
        f"warroom {verb} --json printed what no schema describes: {found or 'no schema'}"
    )
