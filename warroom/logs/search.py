"""Finds text in lines, forwards or backwards, until told to stop; never reads a file, never blocks who asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_BATCH = 1000   # lines between two looks at whether to stop: about a millisecond
_NESTED = re.compile(r"\((?:[^()\\]|\\.)*(?<!\\)[*+}](?:[^()\\]|\\.)*\)\s*[*+{]")


class BadPattern(ValueError):
    """What was typed is no regular expression, or one whose cost nobody can foresee. ``str()`` says which."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for. Smart case: without a capital, case does not matter."""

    text: str
    pattern: re.Pattern[str]

    @classmethod
    def of(cls, text: str, *, regex: bool = False) -> Query:
        """Raises BadPattern. An empty text is found nowhere."""
        if regex and _NESTED.search(text):
            raise BadPattern("a repeated group that itself repeats may never end")
        flags = re.IGNORECASE if text == text.lower() else 0
        try:
            return cls(text, re.compile(text if regex else re.escape(text), flags))
        except re.error as error:
            raise BadPattern(f"not a regular expression: {error.msg}") from error

    def matches(self, text: str) -> bool:
        """Whether it is in the text."""
        return bool(self.text) and self.pattern.search(text) is not None

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where it is in the text, as character offsets, for showing; nothing of width zero."""
        if not self.text:
            return []
        return [match.span() for match in self.pattern.finditer(text) if match.end() > match.start()]


def find(
    query: Query,
    lines: Callable[[int, int], Sequence[str]],
    start: int,
    stop: int,
    cancelled: Callable[[], bool],
) -> int | None:
    """The first position from ``start`` towards ``stop`` (not itself) that matches; backwards if ``stop`` is less.

    ``lines(a, b)`` gives the lines from position a to b; fewer than asked for if the oldest are gone. None if there
    is no such line or ``cancelled()`` became true.
    """
    step = 1 if stop > start else -1
    at = start
    while at != stop and not cancelled():
        ahead = min(_BATCH, abs(stop - at))
        low = at if step > 0 else at - ahead + 1
        batch = lines(low, low + ahead)
        gone = ahead - len(batch)   # the oldest went while we were looking: positions count from the new end
        places = range(len(batch)) if step > 0 else range(len(batch) - 1, -1, -1)
        for place in places:
            if query.matches(batch[place]):
                return low + gone + place
        at += step * ahead
    return None
