"""Finds private key blocks: the one secret that spans many lines."""

from __future__ import annotations

import re

from warroom.safety.rules import KEY_RULE, Hits, label

__all__ = ["end_of_key", "is_key_line", "mask_key_runs", "mask_keys", "opens_key"]

_LONGEST = 256 * 1024  # characters of a whole block

_KEY_BEGIN = re.compile(r"-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_END = re.compile(r"-----END[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
# The inside of a key: base64, armour headers, blank lines; \n and \r may be written out, lines may be indented.
_KEY_BODY = re.compile(
    r"(?:[A-Za-z0-9+/=]{16,}+|(?:Proc-Type|DEK-Info|Version|Comment):[^\n]*+"
    r"|[A-Za-z0-9+/]{0,15}+={1,2}|\\[nr]|[ \t>|\"',+]|\r?\n)*+"
)
_KEY_LINE = re.compile(r"[ \t>|]*+(?:[A-Za-z0-9+/=]{1,}+|(?:Proc-Type|DEK-Info|Version|Comment):.*)?[ \t]*+\r?")
_KEY_RUN = re.compile(r"(?<![A-Za-z0-9+/=])(?![0-9a-fA-F]+(?![A-Za-z0-9+/=]))[A-Za-z0-9+/]{40,}+={0,2}")


def opens_key(line: str) -> bool:
    """Whether a key begins in this line and does not end in it."""
    begins = [match.start() for match in _KEY_BEGIN.finditer(line)]
    return bool(begins) and not _KEY_END.search(line, begins[-1])


def end_of_key(line: str) -> int | None:
    """Where in the line a key ends."""
    end = _KEY_END.search(line)
    return end.end() if end else None


def is_key_line(line: str) -> bool:
    """Whether the line may be the inside of a key."""
    return _KEY_LINE.fullmatch(line) is not None


def mask_key_runs(line: str) -> str:
    """Key material in a line that has other text as well."""
    return _KEY_RUN.sub(label(KEY_RULE), line)


def mask_keys(text: str, _: bool, hits: Hits) -> str:
    """Whole blocks, and what is there of a block that was cut off."""
    parts: list[str] = []
    at = 0
    ends = _KEY_END.finditer(text)
    end = next(ends, None)
    while begin := _KEY_BEGIN.search(text, at):
        parts += [text[at : begin.start()], label(KEY_RULE)]
        hits.append(KEY_RULE)
        while end is not None and end.start() < begin.end():
            end = next(ends, None)
        if end is not None and end.end() - begin.end() <= _LONGEST:
            at = end.end()
        else:  # cut off: mask what still looks like the inside of a key
            body = _KEY_BODY.match(text, begin.end())
            at = body.end() if body else begin.end()
            if text[at - 1 : at] == "\n":
                at -= 1
    parts.append(text[at:])
    return "".join(parts)
