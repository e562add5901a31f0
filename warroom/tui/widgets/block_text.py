"""Large type: digits and capital letters of solid blocks, readable in a compressed video. Pure, holds no state.

A glyph is five pixels high. At scale 1 a pixel is one column wide and half a row high, which is a square in nearly
every terminal font; at scale n it is n columns by n half rows.
"""

from __future__ import annotations

import unicodedata
from datetime import timedelta
from functools import lru_cache

from textual.content import Content

HEIGHT = 5
"""The height of a glyph, in pixels."""

_GLYPHS = {
    "0": "111 101 101 101 111",
    "1": "110 010 010 010 111",
    "2": "111 001 111 100 111",
    "3": "111 001 111 001 111",
    "4": "101 101 111 001 001",
    "5": "111 100 111 001 111",
    "6": "111 100 111 101 111",
    "7": "111 001 001 001 001",
    "8": "111 101 111 101 111",
    "9": "111 101 111 001 111",
    "A": "111 101 111 101 101",
    "B": "110 101 110 101 110",
    "C": "111 100 100 100 111",
    "D": "110 101 101 101 110",
    "E": "111 100 110 100 111",
    "F": "111 100 110 100 100",
    "G": "1111 1000 1011 1001 1111",
    "H": "101 101 111 101 101",
    "I": "1 1 1 1 1",
    "J": "001 001 001 101 111",
    "K": "1001 1010 1100 1010 1001",
    "L": "100 100 100 100 111",
    "M": "10001 11011 10101 10001 10001",
    "N": "1001 1101 1011 1001 1001",
    "O": "1111 1001 1001 1001 1111",
    "P": "111 101 111 100 100",
    "Q": "1111 1001 1001 1011 1111",
    "R": "1111 1001 1111 1010 1001",
    "S": "111 100 111 001 111",
    "T": "111 010 010 010 010",
    "U": "101 101 101 101 111",
    "V": "101 101 101 101 010",
    "W": "10001 10001 10101 11011 10001",
    "X": "101 101 010 101 101",
    "Y": "101 101 010 010 010",
    "Z": "111 001 010 100 111",
    "-": "000 000 111 000 000",
    ".": "0 0 0 0 1",
    "'": "1 1 0 0 0",
    " ": "00 00 00 00 00",
}


def rows(scale: int) -> int:
    """How many rows text of this scale takes."""
    return -(-HEIGHT * scale // 2)


def width(text: str, scale: int = 1) -> int:
    """How many columns the text takes; 0 if it has a character without a glyph."""
    return max(map(len, lines(text, scale)), default=0)


def fits(text: str, columns: int, *, largest: int = 8) -> int:
    """The largest scale at which the text fits into ``columns``; 0 for none."""
    return next((scale for scale in range(largest, 0, -1) if 0 < width(text, scale) <= columns), 0)


def content(text: str, scale: int, style: str) -> Content:
    """The text as lines of blocks; plain text in capitals at scale 0 or if it has a character without a glyph."""
    made = lines(text, scale) if scale else ()
    return Content.styled("\n".join(made), style) if made else Content.styled(text.upper(), f"{style} bold")


def duration(value: timedelta) -> str:
    """Format a duration for large type, to the minute: ``13 MIN``, ``2 H 05``, ``3 D 04 H``."""
    minutes = max(0, int(value.total_seconds())) // 60
    if minutes < 60:
        return f"{minutes} MIN"
    if minutes < 24 * 60:
        return f"{minutes // 60} H {minutes % 60:02}"
    return f"{minutes // (24 * 60)} D {minutes // 60 % 24:02} H"


@lru_cache(256)
def lines(text: str, scale: int = 1) -> tuple[str, ...]:
    """The text as lines of ``█``, ``▀`` and ``▄``, of equal width, without accents. () if a glyph is missing."""
    letters = [c for c in unicodedata.normalize("NFKD", text.upper()) if not unicodedata.combining(c)]
    if not letters or any(letter not in _GLYPHS for letter in letters):
        return ()
    glyphs = [_GLYPHS[letter].split() for letter in letters]
    pixels = ["0".join(glyph[row] for glyph in glyphs) for row in range(HEIGHT)]
    half_rows = ["".join(bit * scale for bit in row) for row in pixels for _ in range(scale)]
    if len(half_rows) % 2:
        half_rows.append("0" * len(half_rows[0]))
    blocks = {"11": "█", "10": "▀", "01": "▄", "00": " "}
    return tuple(
        "".join(blocks[upper + lower] for upper, lower in zip(top, bottom, strict=True))
        for top, bottom in zip(half_rows[::2], half_rows[1::2], strict=True)
    )
