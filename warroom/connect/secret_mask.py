"""Takes known secrets out of text that a service or a plugin gave, whatever form they are echoed in.

Everything that leaves ``connect`` for an error, a receipt, a channel or a screen goes through a ``SecretMask``.
"""

from __future__ import annotations

import base64
import binascii
import functools
import html
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote_plus, urlsplit

from warroom.safety import redact, sanitize

MASK = "‹redacted›"

SHORTEST = 5
"""Characters. Anything shorter is in too many words of an error to be masked there."""

MAX_TEXT = 4096
MAX_LINE = 200
MAX_ID = 255
MAX_LINK = 500

# Invisible characters that can be between those of a secret, and what ``sanitize`` makes of them.
_UNSEEN = (
    (0x00, 0x20),
    (0x7F, 0xA0),
    (0xAD, 0xAD),
    (0x300, 0x36F),
    (0x61C, 0x61C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x1AB0, 0x1AFF),
    (0x1DC0, 0x1DFF),
    (0x2000, 0x200F),
    (0x2028, 0x202F),
    (0x205F, 0x206F),
    (0x20D0, 0x20FF),
    (0x2400, 0x2426),
    (0x3000, 0x3000),
    (0x3164, 0x3164),
    (0xD800, 0xDFFF),
    (0xFE00, 0xFE0F),
    (0xFE20, 0xFE2F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF9, 0xFFFD),
    (0x1D173, 0x1D17A),
    (0x1F3FB, 0x1F3FF),
    (0xE0000, 0xE01EF),
)
_LAYERS = 3
_LONG = 16_384  # characters; a longer text that holds a secret is not worth being gone through one by one


class SecretMask:
    """Replaces each of ``secrets`` by a label: as it is, percent-, JSON- or HTML-escaped, in base64 or hex, in
    another case, and with invisible characters or white space in between. Its repr shows none of them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        found = {secret for secret in secrets if len(secret.strip()) >= SHORTEST}
        forms = {_folded(form) for secret in found for form in _forms(secret)}
        # Longest first, so that no part outlives the whole.
        self._forms = sorted((form for form in forms if len(form) >= SHORTEST), key=len, reverse=True)

    def __repr__(self) -> str:
        return f"SecretMask({len(self._forms)} forms)"

    def text(self, text: str) -> str:
        """``text``, at most ``MAX_TEXT`` long, without control characters and without the secrets. Idempotent."""
        return self.secrets(sanitize(text))

    def secrets(self, text: str) -> str:
        """``text``, at most ``MAX_TEXT`` long, without the secrets; all else stays, for an id to be given back."""
        masked = self._replaced(text)[:MAX_TEXT]
        # Escapes of which nothing can be cut out for certain cost the whole text.
        return MASK if self._forms and any(map(self._holds, _decoded(masked, _LAYERS))) else masked

    def line(self, text: str, limit: int = MAX_LINE) -> str:
        """Words to show: one line without secrets, known or recognised by their form, at most ``limit`` long."""
        words = " ".join(redact(self.text(text)).text.split())
        return words if len(words) <= limit else words[: limit - 1] + "…"

    def identifier(self, text: str) -> str:
        """A service's id to keep and to send back: as it is, but on one line and at most ``MAX_ID`` long."""
        return "".join(self.text(text).split())[:MAX_ID]

    def link(self, url: str) -> str:
        """A web address to keep and to show, "" for anything else: no user or password, no secret, not too long."""
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
        except ValueError:
            return ""
        plain = url.isascii() and url.isprintable() and not set(url) & set(' "<>\\^`{|}')
        return url if usable and plain and len(url) <= MAX_LINK and self.text(url) == url else ""

    def data(self, value: Any) -> Any:
        """Decoded JSON, no string in it shortened, without control characters and secrets.

        Secrets under escapes are left to what takes a string out of it: looking under each escape of a long answer
        would take minutes. Raises ``RecursionError`` for what is nested too deeply.
        """
        if isinstance(value, str):
            return self._replaced(sanitize(value))
        if isinstance(value, dict):
            return {self._replaced(sanitize(name)): self.data(below) for name, below in value.items()}
        if isinstance(value, list):
            return [self.data(below) for below in value]
        return value

    def _holds(self, text: str) -> bool:
        folded = _folded(text)
        return any(form in folded for form in self._forms)

    def _replaced(self, text: str) -> str:
        if len(text) < SHORTEST:
            return text
        for _ in range(_LAYERS):  # what is left can come together to another one
            if not self._holds(text):
                return text
            if len(text) > _LONG:
                return MASK
            text = self._once_replaced(text)
        return MASK if self._holds(text) else text

    def _once_replaced(self, text: str) -> str:
        folded: list[str] = []
        origin: list[int] = []
        for place, character in enumerate(text):
            for part in _folded(character):
                folded.append(part)
                origin.append(place)
        pieces: list[str] = []
        done = 0
        for match in re.finditer("|".join(map(re.escape, self._forms)), "".join(folded)):
            start, end = origin[match.start()], origin[match.end() - 1] + 1
            if start >= done:
                pieces += [text[done:start], MASK]
            done = end
        return "".join([*pieces, text[done:]])


def secret_values(value: Any) -> set[str]:
    """Every secret in ``value``, a text or tables and lists of texts, and the credentials in it."""
    if isinstance(value, str):
        return credentials(value)
    if isinstance(value, Mapping):
        return set().union(*map(secret_values, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return set().union(*map(secret_values, value))
    return set()


def credentials(value: str) -> set[str]:
    """A secret and what gives access in it: a header's credential without its scheme, the password of either."""
    value = value.strip()
    found = {value}
    scheme, _, credential = value.partition(" ")
    if credential and scheme.isalpha():
        found.add(credential.strip())
        if scheme.lower() == "basic":
            try:
                pair = base64.b64decode(credential, validate=True).decode()
            except (binascii.Error, ValueError):
                pair = ""
            found |= {pair, pair.partition(":")[2]}
    found |= _address_secrets(value) if "://" in value else set()
    return found - {""}


def _address_secrets(address: str) -> set[str]:
    """What gives access in a secret address: its path, its longer parts, its query, its user and password."""
    try:
        parts = urlsplit(address)
        user, password = parts.username or "", parts.password or ""
    except ValueError:
        return set()
    values = [pair.partition("=")[2] for pair in parts.query.split("&")]
    found = {parts.query, parts.fragment, password, *values}
    found |= {f"{user}:{password}"} if password else {user}
    found |= {part for part in (parts.path, *parts.path.split("/")) if len(part) >= 8}
    return found | {unquote_plus(one) for one in found}


def _forms(secret: str) -> set[str]:
    """The secret as services echo it."""
    raw = secret.encode("utf-8", "replace")
    forms = {
        secret,
        quote(secret, safe=""),
        quote(secret),
        json.dumps(secret)[1:-1],
        html.escape(secret),
        raw.hex(),
    }
    for before in range(3):  # base64 of a longer text has the secret at one of three offsets
        coded = base64.b64encode(b"\0" * before + raw).decode()
        own = coded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        if len(own) > SHORTEST:
            forms |= {own, own.replace("+", "-").replace("/", "_")}
    return forms


@functools.cache
def _unseen() -> dict[int, None]:
    return dict.fromkeys(code for first, last in _UNSEEN for code in range(first, last + 1))


def _folded(text: str) -> str:
    """The text by which secrets are compared: no invisible characters, no white space, no case, no wide forms."""
    if text.isascii():
        return "".join(text.split()).lower() if text.isprintable() else text.translate(_unseen()).lower()
    return unicodedata.normalize("NFKD", text).translate(_unseen()).lower()


def _unescaped(text: str) -> str:
    return re.sub(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", _character, text, flags=re.DOTALL)


def _character(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    return chr(int(code, 16)) if code else match[3]


def _decoded(text: str, layers: int) -> Iterator[str]:
    """The text itself and whatever it is with escapes of up to so many layers taken off, in any order."""
    yield text
    for sign, decode in (("%", unquote_plus), ("\\", _unescaped), ("&", html.unescape)):
        if layers and sign in text and (further := decode(text)) != text:
            yield from _decoded(further, layers - 1)
