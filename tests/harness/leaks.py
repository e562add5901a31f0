"""Reads a text the way somebody who looks for a secret in it would; never a test itself."""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from urllib.parse import quote, unquote_plus


def _json_escaped(text: str) -> str:
    return "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else json.dumps(c)[1:-1] for c in text)


def _between(mark: str) -> Callable[[str], str]:
    return mark.join


ECHOES: dict[str, Callable[[str], str]] = {
    "as it is": lambda secret: secret,
    "upper case": str.upper,
    "percent": lambda secret: quote(secret, safe=""),
    "percent, every character": lambda secret: "".join(f"%{byte:02x}" for byte in secret.encode()),
    "percent, twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "JSON": lambda secret: json.dumps(secret)[1:-1],
    "JSON, every character": _json_escaped,
    "HTML": html.escape,
    "HTML, every character": lambda secret: "".join(f"&#{ord(c)};" for c in secret),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 after a user": lambda secret: base64.b64encode(f"user:{secret}".encode()).decode(),
    "base64 in a text": lambda secret: base64.b64encode(f"my {secret} is".encode()).decode(),
    "base64 for addresses": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    "hex": lambda secret: secret.encode().hex(),
    "zero-width spaces": _between("\u200b"),
    "joiners": _between("\u200d"),
    "soft hyphens": _between("\u00ad"),
    "combining marks": _between("\u0301"),
    "variation selectors": _between("\ufe0f"),
    "nulls": _between("\0"),
    "escape sequences": _between("\x1b"),
    "line breaks": _between("\n"),
    "spaces": _between(" "),
    "wide letters": lambda secret: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in secret),
}
"""Forms in which a service may give a secret back."""


def holds(text: str, secret: str) -> bool:
    """Whether the secret can be read out of the text, under up to three layers of what is in ``ECHOES``."""
    wanted = _plain(secret)
    return any(wanted in _plain(reading) for reading in _readings(text))


def _plain(text: str) -> str:
    kept = (c for c in unicodedata.normalize("NFKD", text) if unicodedata.category(c)[0] not in "CMZ")
    return "".join(c for c in kept if not 0x2400 <= ord(c) < 0x2440).casefold()


def _readings(text: str, layers: int = 3) -> Iterator[str]:
    yield text
    if not layers:
        return
    for decode in (unquote_plus, html.unescape, _json_decoded):
        if (further := decode(text)) != text:
            yield from _readings(further, layers - 1)
    for run in set(re.findall(r"[A-Za-z0-9+/_-]{6,}", text)):
        coded = run.replace("-", "+").replace("_", "/")
        for start in range(4):
            block = coded[start:]
            yield base64.b64decode(block[: len(block) // 4 * 4]).decode("latin-1")
    for run in re.findall(r"(?:[0-9a-fA-F]{2}){5,}", text):
        try:
            yield bytes.fromhex(run).decode("latin-1")
        except (ValueError, binascii.Error):
            continue


def _json_decoded(text: str) -> str:
    return re.sub(r"\\(?:u([0-9a-fA-F]{4})|(.))", lambda m: chr(int(m[1], 16)) if m[1] else m[2], text)
