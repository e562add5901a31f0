"""Regular expressions that people and settings give: matched by RE2, in time linear in the text.

The syntax is RE2's (https://github.com/google/re2/wiki/Syntax). It has no look-around and no back-references:
these can take forever. A pattern is matched within one line: ``^`` and ``$`` are the ends of a line, and nothing
matches a newline. ``\\w``, ``\\d``, ``\\s`` and ``\\b`` know ASCII only; ``\\pL`` is any letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

__all__ = ["BadPattern", "Pattern"]

_LONGEST = 10_000  # characters of a pattern
_LARGEST = 20_000  # instructions of a compiled pattern; the worst case is this many steps for each character
_MEMORY = 8 << 20  # bytes RE2 may take for one pattern, its cache of states included

# What Python's `re` writes differently: \uXXXX, \Z and {,n}. RE2 would read the last as plain text.
_UNICODE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|.)", re.DOTALL)
_OUTSIDE_SETS = re.compile(r"\\(.)|\[\^?\]?(?:\\.|[^\]\\])*\]|\{,(?=\d)", re.DOTALL)
_LINE_ENDS = {"A": "^", "Z": "$", "z": "$"}
_FLAG_OFF = re.compile(r"\(\?[A-Za-z]*-[A-Za-z]*m")

_BACK_REFERENCE = "has a back-reference"
_UNSUPPORTED = {
    "(?=": "has a look-ahead, (?=…)",
    "(?!": "has a look-ahead, (?!…)",
    "(?<=": "has a look-behind, (?<=…)",
    "(?<!": "has a look-behind, (?<!…)",
    "(?P": f"{_BACK_REFERENCE}, (?P=…)",
    "(?(": f"{_BACK_REFERENCE}, (?(…)…)",
}
_SYNTAX = {
    "missing )": 'a ")" is missing',
    "unexpected )": 'a ")" has no "(" before it',
    "missing ]": 'a "]" is missing',
    "trailing \\": "it ends in a backslash",
}


class BadPattern(ValueError):
    """A pattern cannot be used. ``str()`` is the reason, worded to follow "the pattern".

    ``unsupported`` is true for what other engines know and RE2 refuses, and for what is too large; false for what
    is no regular expression at all.
    """

    def __init__(self, reason: str, *, unsupported: bool = False) -> None:
        super().__init__(reason)
        self.unsupported = unsupported


class Pattern:
    """A compiled pattern. May be used by several threads at once; RE2 releases the interpreter while it matches."""

    __slots__ = ("_compiled", "source", "text")

    def __init__(self, text: str, *, ignore_case: bool = False, literal: bool = False) -> None:
        """Raises BadPattern. ``literal`` takes the text as it is."""
        import re2  # 15 ms, needed by nothing before the first search

        self.text = text
        if len(text) > _LONGEST:
            raise BadPattern(f"has more than {_LONGEST:,} characters", unsupported=True)
        options = re2.Options()
        options.log_errors = False  # RE2 would write to the terminal
        options.never_nl = True
        options.max_mem = _MEMORY
        try:
            source = re2.escape(text) if literal else _translated(text)
            self._compiled = re2.compile(("(?mi)" if ignore_case else "(?m)") + source, options)
            self.source = source  # in RE2's syntax
        except UnicodeEncodeError:
            raise BadPattern("is not valid UTF-8") from None
        except re2.error as error:
            raise _explained(error.args[0] if error.args else b"", text) from None
        if self._compiled.programsize > _LARGEST:
            raise BadPattern("is too large: repeat fewer times", unsupported=True)

    def found(self, text: str | bytes) -> bool:
        """Whether it matches anywhere in the text, which may have several lines. Bytes must be UTF-8."""
        return self._match(text) is not None

    def search(self, data: bytes, at: int = 0) -> tuple[int, int] | None:
        """Where it matches first from ``at`` on, as byte offsets. ``^`` considers what is before ``at``."""
        match = self._match(data, at)
        return None if match is None else match.span()

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where it matches, as character offsets, from left to right; nothing of width zero."""
        for match in self._compiled.finditer(_encodable(text)):
            start, end = match.span()
            if end > start:
                yield start, end

    def _match(self, text: str | bytes, at: int = 0) -> Any:
        if isinstance(text, str):
            text = text.encode("utf-8", "replace")
        return self._compiled.search(text, at)


def _encodable(text: str) -> str:
    """The text with a question mark for each lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def _translated(text: str) -> str:
    """The pattern as RE2 writes it."""

    def code_point(match: re.Match[str]) -> str:
        digits = match[1] or match[2]
        return f"\\x{{{digits}}}" if digits else match[0]

    def outside_sets(match: re.Match[str]) -> str:
        if match[1]:
            return _LINE_ENDS.get(match[1], match[0])
        return "{0," if match[0] == "{," else match[0]

    if _FLAG_OFF.search(re.sub(r"\\.", "", text)):
        raise BadPattern("switches the flag m off; patterns are matched line by line", unsupported=True)
    return _OUTSIDE_SETS.sub(outside_sets, _UNICODE.sub(code_point, text))


def _explained(message: str | bytes, text: str) -> BadPattern:
    """RE2's error message as a sentence; ``text`` is the pattern."""
    error = message.decode("utf-8", "replace") if isinstance(message, bytes) else message
    kind, _, what = error.partition(": ")
    reason = _UNSUPPORTED.get(what) if kind == "invalid perl operator" else None
    if kind == "invalid escape sequence" and what[1:2] in "123456789kg" and "(" in text:
        reason = f"{_BACK_REFERENCE}, {what}"
    if reason:
        return BadPattern(f"{reason}: not supported, because matching it can take forever", unsupported=True)
    if kind == "bad repetition operator" and what in ("*+", "++", "?+", "}+"):
        return BadPattern(f'has a possessive repeat, "{what}": not supported, drop the last "+"', unsupported=True)
    if what == "(?>":
        return BadPattern("has an atomic group, (?>…): not supported, write (?:…)", unsupported=True)
    if kind == "invalid repetition size":
        return BadPattern(f"repeats too often, {what}: at most 1,000 times in all", unsupported=True)
    if kind.startswith("pattern too large"):
        return BadPattern("is too large: repeat fewer times", unsupported=True)
    detail = _SYNTAX.get(kind) or error
    return BadPattern(f"is not a regular expression: {detail}")
