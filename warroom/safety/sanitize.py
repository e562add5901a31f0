"""Sanitize text from outside: nothing in it can control a terminal. Does not look for secrets."""

from __future__ import annotations

import re

__all__ = ["sanitize", "strip_ansi"]

_TABLE: dict[int, str | None] = {
    **{c: chr(0x2400 + c) for c in range(0x20) if c not in (0x09, 0x0A)},  # control pictures: ␀ … ␛ … ␟
    0x7F: "␡",
    **dict.fromkeys(range(0x80, 0xA0), "�"),  # C1: an 8-bit terminal obeys them
    **dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), "�"),  # bidi overrides: fake the order
    **dict.fromkeys((0x2028, 0x2029), "␤"),
    **dict.fromkeys(range(0xFFF9, 0xFFFC), "�"),
    # Invisible characters are dropped rather than shown, so that they cannot split a token either.
    **dict.fromkeys((0x00AD, 0x061C, 0x180E, 0x200B, 0x200E, 0x200F, 0xFEFF, 0xFE0E, 0xFE0F)),
    **dict.fromkeys((*range(0x2060, 0x2066), *range(0x206A, 0x2070))),
    **dict.fromkeys(range(0x1F3FB, 0x1F400)),  # skin tones: terminals disagree about their width
    **dict.fromkeys(range(0xE0000, 0xE0080)),  # tags: a whole invisible alphabet
    **dict.fromkeys(range(0xD800, 0xE000), "�"),
}
_ONE_LINE: dict[int, str | None] = {**_TABLE, 0x09: " ", 0x0A: " "}
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufe0e\ufe0f\ufeff\ufff9-\ufffb\ud800-\udfff\U0001f3fb-\U0001f3ff\U000e0000-\U000e007f]"
)
_COLOUR = re.compile(r"(?:\x1b\[|\x9b|␛\[)[0-9;:]{0,40}+m")


def sanitize(text: str, *, newlines: bool = True) -> str:
    """The text with nothing in it that a terminal would obey: what was hidden is shown (``␛``, ``�``) or dropped.

    Newline and tab stay, unless ``newlines`` is false: then each becomes a space and the result is one line.
    Never raises, whatever the text; ``sanitize(sanitize(x)) == sanitize(x)``.
    """
    if text.isascii() and text.isprintable():
        return text
    if "\r\n" in text:
        text = text.replace("\r\n", "\n")
    if not newlines:
        return text.translate(_ONE_LINE)
    return text.translate(_TABLE) if _UNSAFE.search(text) else text


def strip_ansi(text: str) -> str:
    """The text without SGR sequences, which only colour it (even ones ``sanitize`` has made visible already)."""
    return _COLOUR.sub("", text) if "\x1b" in text or "␛" in text or "\x9b" in text else text
