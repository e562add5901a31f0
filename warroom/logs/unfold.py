"""Format one log record for reading: JSON and logfmt over several lines. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

from warroom.logs.records import PAIR

_MAX_PREFIX = 240  # characters that may be before the JSON of a line


def unfold(text: str) -> str:
    """Format a record for reading: JSON indented, logfmt one pair a line, escaped line breaks as line breaks.

    Numbers, repeated keys and their order stay as they were written. What is neither JSON nor logfmt is returned
    unchanged. Escapes are decoded, so the result has to be sanitized and redacted like the text itself.
    """
    at = text.find("{")
    if 0 <= at <= _MAX_PREFIX and text.rstrip().endswith("}"):
        try:
            value = json.loads(
                text[at:], object_pairs_hook=_Pairs, parse_int=_Number, parse_float=_Number, parse_constant=_Number
            )
            if isinstance(value, _Pairs) and value:
                before = text[:at].rstrip()
                return (before + "\n" if before else "") + _indented(value, "")
        except (ValueError, RecursionError):
            pass
    pairs = list(PAIR.finditer(text))
    if len(pairs) < 3:
        return text
    width = min(max(len(pair["key"]) for pair in pairs), 24)
    lines: list[str] = []
    done = 0
    for pair in pairs:
        if between := text[done : pair.start()].strip():
            lines.append(between)
        value = pair["bare"] if pair["quoted"] is None else _unescaped(pair["quoted"])
        first, *more = value.split("\n")
        lines += [f"{pair['key']:<{width}} = {first}", *(" " * (width + 3) + line for line in more)]
        done = pair.end()
    if rest := text[done:].strip():
        lines.append(rest)
    return "\n".join(lines)


class _Pairs(list[tuple[str, Any]]):
    """A JSON object, its keys as often as they were given."""


class _Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


def _indented(value: Any, indent: str) -> str:
    inner = indent + "  "
    if isinstance(value, _Pairs):
        rows = [f"{inner}{json.dumps(key, ensure_ascii=False)}: {_indented(one, inner)}" for key, one in value]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}" if rows else "{}"
    if isinstance(value, list):
        if not any(isinstance(one, list) for one in value):
            flat = "[" + ", ".join(_indented(one, inner) for one in value) + "]"
            if len(flat) <= 80 and "\n" not in flat:
                return flat
        return "[\n" + ",\n".join(inner + _indented(one, inner) for one in value) + f"\n{indent}]"
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, str) and "\n" in value.strip("\n"):  # a stack trace: each of its lines
        return (
            '"'
            + f"\n{inner}".join(
                json.dumps(line, ensure_ascii=False)[1:-1].replace("\\t", "    ").replace('\\"', '"')
                for line in value.rstrip("\n").split("\n")
            )
            + '"'
        )
    return json.dumps(value, ensure_ascii=False)


_ESCAPE = re.compile(r"\\(.)")


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda m: {"n": "\n", "t": "    ", "r": ""}.get(m[1], m[1]), text)
