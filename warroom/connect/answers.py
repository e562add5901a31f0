"""Reads the JSON of an answer whose shape is not certain: a value of another type counts as missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def object_of(data: Any, name: str) -> Mapping[str, Any]:
    """Return the object under ``name``; an empty one if there is none."""
    value = data.get(name) if isinstance(data, Mapping) else None
    return value if isinstance(value, dict) else {}


def objects_of(data: Any, name: str) -> list[Mapping[str, Any]]:
    """Return the objects in the list under ``name``; anything else in it is left out."""
    value = data.get(name) if isinstance(data, Mapping) else None
    return objects_in(value)


def objects_in(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects in a list; empty for anything that is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def text_of(data: Any, name: str) -> str:
    """Return the text under ``name``; "" if there is none."""
    value = data.get(name) if isinstance(data, Mapping) else None
    return value if isinstance(value, str) else ""


def id_of(data: Any, name: str = "id") -> str:
    """Return an id that is text or a whole number, as text; "" if there is none."""
    value = data.get(name) if isinstance(data, Mapping) else None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def number_of(data: Any, name: str) -> int:
    """Return the whole number under ``name``, also one written as a float; 0 if there is none."""
    value = data.get(name) if isinstance(data, Mapping) else None
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0
