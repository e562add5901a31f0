"""What is looked for in lines: a text or regular expression, and a literal it must have; never reads a file.

Works on the bytes of many lines at once: the longest literal of a pattern is found first, at the speed of memory,
and the pattern is tried on the lines that have it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from warroom.redact import uncoloured

_NESTED = re.compile(r"\((?:[^()\\]|\\.)*(?<!\\)[*+}](?:[^()\\]|\\.)*\)\s*[*+{]")


class BadPattern(ValueError):
    """What was typed is no regular expression, or one whose cost nobody can foresee. ``str()`` says which."""


def decoded(line: bytes) -> str:
    """A line as it is shown but for its secrets: text without its end and its colours."""
    return uncoloured(line.decode("utf-8", "replace").removesuffix("\r"))


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for. Smart case: without a capital, case does not matter."""

    text: str
    pattern: re.Pattern[str]
    _literal: bytes = field(default=b"", compare=False)  # must be in a line that matches; lower case if _fold
    _alone: bool = field(default=False, compare=False)  # and that is all
    _fold: bool = field(default=False, compare=False)
    _raw: re.Pattern[bytes] | None = field(default=None, compare=False)

    @classmethod
    def of(cls, text: str, *, regex: bool = False) -> Query:
        """Raises BadPattern. An empty text is found nowhere."""
        if regex and _NESTED.search(text):
            raise BadPattern("a repeated group that itself repeats may never end")
        fold = text == text.lower()
        try:
            pattern = re.compile(text if regex else re.escape(text), re.IGNORECASE if fold else 0)
        except (re.error, RecursionError, OverflowError) as error:
            raise BadPattern(f"not a regular expression: {getattr(error, 'msg', error)}") from error
        if not regex:
            literal, alone = text, True
        else:
            literal, alone = _longest_literal(text)
        if fold and not literal.isascii():  # bytes know no other case than ASCII's
            literal, alone = max(re.split(r"[^\x00-\x7f]+", literal), key=len), False
        raw = None
        if not literal and text.isascii():
            raw = re.compile(text.encode(), re.MULTILINE | (re.IGNORECASE if fold else 0))
        return cls(text, pattern, (literal.lower() if fold else literal).encode(), alone, fold, raw)

    @classmethod
    def typed(cls, text: str) -> Query:
        """As somebody types it: a regular expression, or the text as it is where that is none (yet).

        Raises BadPattern only for an expression that may never end.
        """
        try:
            return cls.of(text, regex=True)
        except BadPattern:
            if _NESTED.search(text):
                raise
            return cls.of(text)

    def matches(self, text: str) -> bool:
        """Whether it is in the text."""
        return bool(self.text) and self.pattern.search(text) is not None

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where it is in the text, as character offsets, for showing; nothing of width zero."""
        if not self.text:
            return []
        return [match.span() for match in self.pattern.finditer(text) if match.end() > match.start()]

    def starts(self, data: bytes) -> list[int]:
        """Where in ``data``, which begins with a line, lines begin that match."""
        if not self.text:
            return []
        if b"\x1b" in data or not (self._literal or self._raw):  # colours may stand in the midst of a word
            return self._starts_slowly(data)
        if not self._literal:
            return self._starts_raw(data)
        found = []
        literal = self._literal
        hay = data.lower() if self._fold else data
        at = hay.find(literal)
        while at >= 0:
            start = data.rfind(b"\n", 0, at) + 1
            end = data.find(b"\n", at)
            end = end if end >= 0 else len(data)
            if self._alone or self.pattern.search(decoded(data[start:end])):
                found.append(start)
            at = hay.find(literal, end)
        return found

    def _starts_raw(self, data: bytes) -> list[int]:
        assert self._raw
        found = []
        at = 0
        while at < len(data) and (match := self._raw.search(data, at)):
            start = data.rfind(b"\n", 0, match.start()) + 1
            end = data.find(b"\n", match.start())
            end = end if end >= 0 else len(data)
            if match.end() <= end or self.pattern.search(decoded(data[start:end])):  # \s may leave the line
                found.append(start)
            at = end + 1
        return found

    def _starts_slowly(self, data: bytes) -> list[int]:
        found = []
        at = 0
        while at < len(data):
            end = data.find(b"\n", at)
            end = end if end >= 0 else len(data)
            if self.pattern.search(decoded(data[at:end])):
                found.append(at)
            at = end + 1
        return found


def _longest_literal(pattern: str) -> tuple[str, bool]:
    """The longest text that whatever matches must have, and whether it is the whole pattern."""
    try:
        # The standard library's own parser: the only one that reads patterns the way they will be matched.
        tree = import_module("re._parser").parse(pattern)
        runs = [""]
        alone = _walk(tree, runs)
    except Exception:  # noqa: BLE001 - its shape is no promise; without a literal a search is only slower
        return "", False
    longest = max(runs, key=len)
    return longest, alone and len(runs) == 1


def _walk(tree: Any, runs: list[str]) -> bool:
    """Adds the literal runs of a parsed sequence; true if it was nothing but literals."""
    alone = True
    for op, value in tree:
        name = str(op)
        if name == "LITERAL" and value != 10:
            runs[-1] += chr(value)
            continue
        alone = False
        if name == "SUBPATTERN" and not value[1] and not value[2]:
            _walk(value[3], runs)
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT") and value[0] >= 1:
            runs.append("")
            _walk(value[2], runs)
            runs.append("")
        else:
            runs.append("")
    return alone
