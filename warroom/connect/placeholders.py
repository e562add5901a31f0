"""Placeholders in the declarations of the settings: ``{{ name }}`` in a text or a JSON value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

_PLACE = re.compile(r"\{\{\s*([\w.| -]+?)\s*\}\}")


def value_at(value: Any, path: str) -> Any:
    """What is at a dotted path; a number is a place in a list. None where there is nothing."""
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def fill(text: str, values: Any, *, quoted: bool = False) -> str:
    """The text with its placeholders filled in, "" for what is missing."""

    def value(match: re.Match[str]) -> str:
        for path in match[1].split("|"):
            found = value_at(values, path.strip())
            if isinstance(found, list):
                found = ", ".join(str(one) for one in found if isinstance(one, str | int))
            if isinstance(found, str | int | float) and not isinstance(found, bool) and found != "":
                return quote(str(found), safe="") if quoted else str(found)
        return ""

    return _PLACE.sub(value, text).strip()


def fill_all(value: Any, values: Any) -> Any:
    """The value with every text in it filled in."""
    if isinstance(value, str):
        return fill(value, values)
    if isinstance(value, dict):
        return {name: fill_all(part, values) for name, part in value.items()}
    return [fill_all(part, values) for part in value] if isinstance(value, list) else value


def missing(value: Any, names: Mapping[str, str]) -> list[str]:
    """The names that the placeholders of a value need and ``names`` does not have."""
    if isinstance(value, dict):
        return [name for part in value.values() for name in missing(part, names)]
    if isinstance(value, list):
        return [name for part in value for name in missing(part, names)]
    wanted = [match[1].strip() for match in _PLACE.finditer(value)] if isinstance(value, str) else []
    return [name for name in wanted if not names.get(name)]
