"""What is looked for in lines: a text or regular expression, and a literal it must have; never reads a file.

Works on the bytes of many lines at once: the longest literal of a pattern is found first, at the speed of memory,
and the pattern is tried on the lines that have it. A pattern without a literal is matched over all lines at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from warroom.safety import strip_ansi
from warroom.safety.patterns import BadPattern, Pattern

__all__ = ["BadPattern", "Query", "decoded"]


def decoded(line: bytes) -> str:
    """A line as it is shown but for its secrets: text without its end and its colours."""
    return strip_ansi(line.decode("utf-8", "replace").removesuffix("\r"))


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for. Smart case: without a capital, case does not matter."""

    text: str
    pattern: Pattern = field(compare=False)
    _literal: bytes = field(default=b"", compare=False)  # must be in a line that matches; lower case if _fold
    _alone: bool = field(default=False, compare=False)  # and that is all
    _fold: bool = field(default=False, compare=False)

    @classmethod
    def of(cls, text: str, *, regex: bool = False) -> Query:
        """Raises BadPattern. An empty text is found nowhere."""
        fold = text == text.lower()
        try:
            pattern = Pattern(text, ignore_case=fold, literal=not regex)
        except BadPattern as error:
            raise BadPattern(f"the pattern {error}", unsupported=error.unsupported) from None
        literal, alone = _longest_literal(text) if regex else (text, True)
        if fold and not literal.isascii():  # bytes know no other case than ASCII's
            literal, alone = max(re.split(r"[^\x00-\x7f]+", literal), key=len), False
        return cls(text, pattern, (literal.lower() if fold else literal).encode(), alone, fold)

    @classmethod
    def typed(cls, text: str) -> Query:
        """As somebody types it: a regular expression, or the text as it is where that is none (yet).

        Raises BadPattern only for an expression that other engines would take and this one refuses.
        """
        try:
            return cls.of(text, regex=True)
        except BadPattern as error:
            if error.unsupported:
                raise
            return cls.of(text)

    def matches(self, text: str) -> bool:
        """Whether it is in the text: in one of its lines, if it has several."""
        return bool(self.text) and self.pattern.found(text)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where it is in the text, as character offsets, for showing; nothing of width zero."""
        return self.pattern.spans(text) if self.text else iter(())

    def starts(self, data: bytes) -> list[int]:
        """Where in ``data``, which begins with a line, lines begin that match."""
        if not self.text:
            return []
        if self._alone and b"\x1b" not in data:
            return self._starts(data)
        # Colour codes may be in the middle of a word, and RE2 reads UTF-8 only.
        if b"\x1b" in data or b"\r" in data or not _is_utf8(data):
            clean = decoded(data).replace("\r\n", "\n").encode()
            return _moved(self._starts(clean), clean, data)
        return self._starts(data)

    def _starts(self, data: bytes) -> list[int]:
        return self._starts_by_literal(data) if self._literal else self._starts_by_pattern(data)

    def _starts_by_literal(self, data: bytes) -> list[int]:
        found = []
        literal = self._literal
        hay = data.lower() if self._fold else data
        at = hay.find(literal)
        while at >= 0:
            start = data.rfind(b"\n", 0, at) + 1
            end = data.find(b"\n", at)
            end = end if end >= 0 else len(data)
            if self._alone or self.pattern.found(data[start:end]):
                found.append(start)
            at = hay.find(literal, end)
        return found

    def _starts_by_pattern(self, data: bytes) -> list[int]:
        found = []
        at = 0
        while at < len(data) and (span := self.pattern.search(data, at)):
            start = data.rfind(b"\n", 0, span[0]) + 1
            if start == len(data):  # an empty match behind the last line
                break
            found.append(start)
            end = data.find(b"\n", span[0])
            at = end + 1 if end >= 0 else len(data)
        return found


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _moved(starts: list[int], clean: bytes, data: bytes) -> list[int]:
    """Beginnings of lines of ``clean`` as those of the same lines of ``data``."""
    found = []
    before = at = 0
    for start in starts:
        for _ in range(clean.count(b"\n", before, start)):
            at = data.index(b"\n", at) + 1
        before = start
        found.append(at)
    return found


def _longest_literal(pattern: str) -> tuple[str, bool]:
    """The longest text that whatever matches must have, and whether it is the whole pattern."""
    if "[:" in pattern:  # a class such as [[:alpha:]], which the parser below reads as a set
        return "", False
    try:
        # The standard library's own parser reads all of RE2's syntax that yields a literal, or fails.
        tree = import_module("re._parser").parse(pattern)
        if tree.state.flags & (re.IGNORECASE | re.VERBOSE):
            return "", False
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
