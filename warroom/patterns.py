"""Whether a regular expression's cost is bounded whatever the text; never runs one.

Python's engine tries every way to match. That stays cheap as long as there are few: a repeated group must take a
fixed number of characters each time, and between two repeats something must stand that the first cannot take.
What is refused may be harmless; what is accepted costs at most about the square of the text's length.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from re import _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

_FEW = 32  # rounds of a group; more count as any number
_LENIENT = 4  # times an optional character may be taken either way: each doubles the cost
# Characters: Latin-1 one by one, then all other letters and signs, blanks, digits.
_OTHER, _BLANK, _DIGIT = 256, 257, 258
_ALL = frozenset(range(259))
_CATEGORIES = {"DIGIT": (r"\d", {_DIGIT}), "SPACE": (r"\s", {_BLANK}), "WORD": (r"\w", {_OTHER, _DIGIT})}
_ONE = ("LITERAL", "NOT_LITERAL", "ANY", "IN")
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")

_CHOICE = "repeats a choice between alternatives: write them as one set, [abc]"


class _Refused(Exception):
    """Why, as the person who wrote the pattern is told."""


class _Open(NamedTuple):
    """A repeat whose end is not settled yet: what it may take, and whether it is but an optional character."""

    taken: frozenset[int]
    small: bool


def unbounded(pattern: str) -> str | None:
    """Why the cost of ``pattern`` has no bound that is known, or None if it has. ``pattern`` must compile."""
    try:
        parsed = _parser.parse(pattern)
        _Check(bool(int(parsed.state.flags) & re.IGNORECASE)).walk(list(parsed), None)
    except _Refused as refused:
        return str(refused)
    except RecursionError:
        return "is nested too deeply"
    return None


class _Check:
    """Goes through one pattern."""

    def __init__(self, fold: bool) -> None:
        self._fold = fold
        self._lenient = 0
        self._looped = 0  # repeated groups we are in

    def walk(self, items: Sequence[Any], before: _Open | None) -> _Open | None:
        """Checks a sequence; what is open at its end, where ``before`` was open at its beginning."""
        for op, value in items:
            name = str(op)
            if name in _REPEATS:
                before = self._repeat(name, int(value[0]), int(value[1]), list(value[2]), before)
            elif name in ("SUBPATTERN", "ATOMIC_GROUP"):
                before = self.walk(list(value[-1] if name == "SUBPATTERN" else value), before)
            elif name == "BRANCH":
                if self._looped:
                    raise _Refused(_CHOICE)
                ends = [self.walk(list(branch), before) for branch in value[1]]
                before = None
                for end in ends:
                    before = _either(before, end)
            elif name in ("ASSERT", "ASSERT_NOT"):
                self.walk(list(value[1]), None)
            elif name in ("GROUPREF", "GROUPREF_EXISTS"):
                raise _Refused("refers back to a group, and nobody can say what that costs")
            elif name != "AT" and before is not None and not before.taken & self._chars(op, value):
                before = None  # the repeat before ends where this stands, and nowhere else
        return before

    def _repeat(self, name: str, low: int, high: int, inner: list[Any], before: _Open | None) -> _Open | None:
        if len(inner) == 1 and str(inner[0][0]) in _ONE:
            if low == high:
                return self.walk(inner, before) if high else before
            taken = self._chars(*inner[0])
        elif high > _FEW:
            taken = self._fixed(inner)
        else:
            self._looped += high > 3
            after = self.walk(inner, before)
            if high > 1:
                after = self.walk(inner, after)
            self._looped -= high > 3
            return _either(after, before) if low == 0 else after
        small = high - low == 1
        if before is not None and before.taken & taken:
            self._lenient += 1
            if not (small or before.small) or self._lenient > _LENIENT:
                raise _Refused(
                    "has two repeats that may take the same characters: put something between them that "
                    "the first cannot take"
                )
        if name == "POSSESSIVE_REPEAT":
            return None
        return _either(_Open(taken, small), before) if low == 0 else _Open(taken, small)

    def _fixed(self, items: list[Any]) -> frozenset[int]:
        """What one round of a repeat may take; its length must be fixed."""
        taken: frozenset[int] = frozenset()
        for op, value in items:
            name = str(op)
            if name in _REPEATS:
                if int(value[0]) != int(value[1]):
                    raise _Refused("repeats a group that itself repeats: that may take for ever")
                taken |= self._fixed(list(value[2]))
            elif name in ("SUBPATTERN", "ATOMIC_GROUP"):
                taken |= self._fixed(list(value[-1] if name == "SUBPATTERN" else value))
            elif name == "BRANCH":
                raise _Refused(_CHOICE)
            elif name in _ONE:
                taken |= self._chars(op, value)
            else:
                raise _Refused("repeats something nobody can say the cost of")
        return taken

    def _chars(self, op: Any, value: Any) -> frozenset[int]:
        """The characters one item may take."""
        name = str(op)
        if name == "ANY":
            return _ALL
        if name == "LITERAL":
            return self._folded({_place(int(value))})
        if name == "NOT_LITERAL":
            return _ALL if self._fold or int(value) > 255 else _ALL - {int(value)}
        found: set[int] = set()
        negated = False
        for kind, what in value:
            part = str(kind)
            if part == "NEGATE":
                negated = True
            elif part == "LITERAL":
                found.add(_place(int(what)))
            elif part == "RANGE":
                found.update(range(int(what[0]), min(int(what[1]), 255) + 1))
                found.update((_OTHER, _BLANK, _DIGIT) if int(what[1]) > 255 else ())
            else:
                found |= _category(str(what))
        if not negated:
            return self._folded(found)
        # Of what is not Latin-1 a few characters excluded leave the rest.
        named = {str(what) for kind, what in value if str(kind) == "CATEGORY"}
        return _ALL if self._fold else _ALL - (found if named else {c for c in found if c < 256})

    def _folded(self, found: set[int]) -> frozenset[int]:
        if not self._fold:
            return frozenset(found)
        turned = {_place(ord(other)) for c in found if c < 256 for other in chr(c).lower() + chr(c).upper()}
        return frozenset(found | turned | {_OTHER})


def _place(code: int) -> int:
    if code < 256:
        return code
    return _BLANK if chr(code).isspace() else _DIGIT if chr(code).isdecimal() else _OTHER


def _category(name: str) -> frozenset[int]:
    short = name.removeprefix("CATEGORY_").removeprefix("UNI_")
    pattern, others = _CATEGORIES.get(short.removeprefix("NOT_"), (".", {_OTHER, _BLANK, _DIGIT}))
    test = re.compile(pattern)
    found = frozenset({c for c in range(256) if test.match(chr(c))} | others)
    if not short.startswith("NOT_"):
        return found
    return _ALL - found if short != "NOT_WORD" else (_ALL - found) | {_OTHER}


def _either(one: _Open | None, other: _Open | None) -> _Open | None:
    if one is None or other is None:
        return one or other
    return _Open(one.taken | other.taken, one.small and other.small)
