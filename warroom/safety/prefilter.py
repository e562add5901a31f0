"""Finds in a pattern a short piece that every match must have, so that RE2 can look for hundreds of them at once.

A set of whole patterns would need a new state for nearly every random identifier. Pieces of literal text need few:
a set of them is searched at the speed of one pattern. The whole pattern is tried only where its piece was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = [
    "ADDRESS_CLUE",
    "BEARER_CLUE",
    "CARD_CLUE",
    "ELEMENT_CLUE",
    "EMAIL_CLUE",
    "END",
    "FLAG_CLUE",
    "IP_CLUE",
    "NAME_CLUE",
    "PHONE_CLUE",
    "START",
    "VALUE_CLUE",
    "clue_of",
    "spaced",
]

# A token starts where its own alphabet does not run on, or right after an escape as in "\\nxoxb-…" or "%20ghp_…".
START = r"(?:^|[^0-9A-Za-z]|\\[nrtbf]|\\u[0-9a-fA-F]{4}|%[0-9A-Fa-f]{2})"
END = r"(?:$|[^0-9A-Za-z])"

# The same for a text that went through `spaced`. RE2 shares a beginning that is one class among all pieces.
_BEFORE = "[^0-9A-Za-z]"
_ESCAPE = re.compile(r"\\[nrtbf]|\\u[0-9a-fA-F]{4}|%[0-9A-Fa-f]{2}")

# In RE2 syntax: what a text must have for the functions of named.py and personal.py to find something.
_SECRET_WORD = (
    r"(?:pass(?:word|wd|wort|phrase|code|key)?|pwd|kennwort|wachtwoord|senha|contrasena|secrets?|tokens?|keys?"
    r"|auth(?:orization)?|cred(?:ential)?s?|cookies?|bearer|jwt|pat|psk|mnemonic|sig(?:nature)?|code|session|sid"
    r"|sess(?:ion)?id|pin|t?otp|cv[vc]|ssn|phone|mobile|msisdn|tel|cell|number)"
)
NAME_CLUE = (
    rf"(?i){_SECRET_WORD}\d{{0,2}}(?:[_-]?(?:hash|confirmation|value|header|data|base64|b64|pem|text|plaintext|string))?"
    r"[\\\"'`\]]{0,6}[ \t]*[=:]"
)
FLAG_CLUE = r"(?:^|[\s\"'\[(=,])--?[A-Za-z]"
ADDRESS_CLUE = "://"
ELEMENT_CLUE = "</"
VALUE_CLUE = r"(?i)\bvalue\\{0,4}[\"']?\s*[:=]"
BEARER_CLUE = r"(?i)(?:bearer|basic)\s"
CARD_CLUE = r"\d{4}[ -]?\d{4}[ -]?\d{4}|\d{4}[ -]\d{6}[ -]\d"
EMAIL_CLUE = r"[\w.+-]@[A-Za-z0-9-]"
PHONE_CLUE = r"[^\w+./:-](?:\+\d[\d .()-]{6}|(?:\([2-9]\d\d\)\s?|[2-9]\d\d-)[2-9]\d\d-\d{4})"
IP_CLUE = r"\d\.\d|:[0-9A-Fa-f:]*:"

_ENOUGH = 4  # literal characters at the start of a pattern that are selective enough
_COUNTED = 8  # characters of a class behind a piece that belong to it
_ATOM = re.compile(r"\\x\{[^}]*\}|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[()|]|[^\\]")
_REPEAT = re.compile(r"(?:[*+?]|\{(\d+)(?:,\d*)?\})\??")


class _Piece(NamedTuple):
    """A part of every match, and how many literal characters it has at least."""

    text: str = ""
    weight: float = 0.0


def clue_of(pattern: str) -> str:
    """A pattern that matches wherever ``pattern`` does, from its start or in its middle; cheap beside others."""
    flags, body = ("(?i)", pattern[4:]) if pattern.startswith("(?i)") else ("", pattern)
    pieces = _pieces(body)
    first = best = next(pieces)
    if first.weight < _ENOUGH:  # else the rest need not be taken apart
        best = max([first, *pieces], key=lambda piece: piece.weight + (piece is first))
    if not best.weight:
        return f"{_BEFORE}(?:{pattern})"
    return f"{_BEFORE}{flags}{best.text}" if best is first else flags + best.text


def spaced(text: str) -> list[str]:
    """The text, and if needed a second one with a blank before whatever ``START`` matches before."""
    first = " " + text.replace("\n", "\n ") if "\n" in text else " " + text
    if ("\\" in text or "%" in text) and (second := _ESCAPE.sub(r"\g<0> ", text)) != text:
        return [first, second]
    return [first]


def _pieces(body: str) -> Iterator[_Piece]:
    """The runs of a sequence that hold no repeat but, at their end, the beginning of one."""
    run = _Piece()
    at = 0
    while at < len(body):
        atom, closed, end = _atom(body, at)
        repeat = _REPEAT.match(body, end)
        at = repeat.end() if repeat else end
        if repeat and repeat[0].startswith("?"):
            if closed:
                run = _Piece(f"{run.text}{atom.text}?", run.weight)
                continue
        elif repeat is None:
            run = _Piece(run.text + atom.text, run.weight + atom.weight)
            if closed:
                continue
        elif closed and repeat[1] and int(repeat[1]):
            run = run._replace(text=f"{run.text}{atom.text}{{{min(int(repeat[1]), _COUNTED)}}}")
        elif closed and repeat[0].startswith("+"):
            run = run._replace(text=run.text + atom.text)
        yield run
        run = _Piece()
    yield run


def _atom(body: str, at: int) -> tuple[_Piece, bool, int]:
    """The character, class or group at a place, whether that is all of it, and where it ends."""
    found = _ATOM.match(body, at)
    assert found
    if found[0] != "(":
        return _Piece(found[0], _weight(found[0])), True, found.end()
    depth, end = 0, at
    while True:
        match = _ATOM.match(body, end)
        assert match
        end = match.end()
        depth += (match[0] == "(") - (match[0] == ")")
        if depth == 0:
            break
    choices = [list(_pieces(choice)) for choice in _choices(body[at + 1 : end - 1].removeprefix("?:"))]
    closed = all(len(choice) == 1 for choice in choices)
    text = "(?:" + "|".join(choice[0].text for choice in choices) + ")"
    return _Piece(text, min(choice[0].weight for choice in choices)), closed, end


def _choices(inner: str) -> list[str]:
    """The alternatives of a group's inside."""
    choices, depth, start, at = [], 0, 0, 0
    while at < len(inner):
        match = _ATOM.match(inner, at)
        assert match
        if match[0] == "|" and depth == 0:
            choices.append(inner[start:at])
            start = match.end()
        depth += (match[0] == "(") - (match[0] == ")")
        at = match.end()
    return [*choices, inner[start:]]


def _weight(atom: str) -> float:
    if atom[0] == "\\":
        return 0.0 if atom[1] in "dDwWsSbBpP" else 1.0
    if atom[0] == "[":
        return 0.5 if "-" not in atom and "\\" not in atom and len(atom) <= 8 and atom[1] != "^" else 0.0
    return 0.0 if atom in ".^$" else 1.0
