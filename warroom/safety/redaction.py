"""Masks secrets in a text or a stream: finds out in one pass which rules can match, then tries those.

All rules are in one RE2 set, which finds in time linear in the text, and independent of their number, which of them
match anywhere. For an ordinary line the answer is none, and the work ends there.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from itertools import chain
from typing import Any

from warroom.safety import prefilter
from warroom.safety.command_formats import forms
from warroom.safety.patterns import Pattern
from warroom.safety.prefilter import END, START, clue_of, spaced
from warroom.safety.rules import KEY_RULE, Hits, Rules, is_placeholder, label
from warroom.safety.sanitize import sanitize, strip_ansi
from warroom.safety.token_formats import Vendor, vendors

__all__ = ["Redacted", "Redactor", "redact", "redact_stream", "use"]

_LONGEST = 1024 * 1024  # characters of one line that are held until its end comes
_PIECE = 256 * 1024  # characters a pattern sees at once: no single call holds the interpreter for long
_OWN_PIECE = 2048  # characters a team's pattern is located in: all its matches may take the square of these
_KEY_LINES = 200  # a 16,384-bit RSA key takes 190 lines; after that the END line is not coming
_PASSES = 8  # a mask may lay bare a boundary; ordinary text needs one pass, masked text two or three
_MEMORY = 32 << 20  # bytes RE2 may take for the set of all rules

_LABEL_OR_NOT = re.compile(r"(‹redacted:[a-z0-9-]{1,40}›)")
_SEAM = re.compile(r"(?<![:=,\s])[\s,;&]")


@dataclass(frozen=True, slots=True)
class Redacted:
    """Safe text, how many secrets were masked in it, and by which rules (in the order found)."""

    text: str
    count: int = 0
    hits: tuple[str, ...] = ()


_used = Rules()


def use(rules: Rules) -> None:
    """From now on ``redact`` goes by these rules where it is given no others. Called once, at the start."""
    global _used
    _used = rules


def redact(text: str, *, personal: bool = True, rules: Rules | None = None) -> Redacted:
    """``sanitize(text)`` with every recognised secret masked; ``personal`` adds e-mail addresses and phone numbers.

    ``rules`` are the team's; left out, those given to ``use``. A private key block is masked as a whole, also over
    several lines. Never raises; ``redact(redact(x).text)`` finds nothing more. Linear time; text of more than
    256 Ki characters is taken in pieces cut between words.
    """
    text = sanitize(text)
    rules = _used if rules is None else rules
    if len(text) <= _PIECE:
        return _mask(text, personal, rules)
    hits = Hits(rules)
    # The one rule that spans many lines must see the whole.
    if "PRIVATE KEY" in text and KEY_RULE not in rules.off:
        text = _Later("private_keys", "mask_keys")(text, personal, hits)
    parts: list[str] = []
    start = 0
    while start < len(text):
        end = _cut(text, start)
        piece = _mask(text[start:end], personal, rules)
        parts.append(piece.text)
        hits.extend(piece.hits)
        start = end
    return Redacted("".join(parts), len(hits), tuple(hits))


class Redactor:
    """Redacts a stream line by line and remembers what a line implies for the next: a key, the name of a value.

    One for each stream, used by one thread. ``inside`` may be given as true when the first line is known to be
    the middle of a key.
    """

    def __init__(self, *, personal: bool = True, inside: bool = False, rules: Rules | None = None) -> None:
        self._personal = personal
        self._rules = rules
        self._left = _KEY_LINES if inside else 0
        self._named = False

    @property
    def inside(self) -> bool:
        """Whether the next line is still expected to belong to a private key."""
        return self._left > 0

    def line(self, text: str) -> Redacted:
        """The line, safe. Each line within a key becomes a label; the key is counted once, where it begins."""
        rules = _used if self._rules is None else self._rules
        if self._left:
            return self._key_line(text, rules)
        if "PRIVATE KEY" in text and KEY_RULE not in rules.off and self._opens_key(text):
            self._left = _KEY_LINES
        before: tuple[str, ...] = ()
        if self._named:
            from warroom.safety import named_values as named

            hits = Hits(rules)
            text = named.mask_value_line(sanitize(text), hits)
            before = tuple(hits)
        self._named = "name" in text and self._names_secret(text)
        safe = redact(text, personal=self._personal, rules=rules)
        return Redacted(safe.text, safe.count + len(before), before + safe.hits) if before else safe

    @staticmethod
    def _opens_key(text: str) -> bool:
        from warroom.safety import private_keys as keys

        return keys.opens_key(text)

    @staticmethod
    def _names_secret(text: str) -> bool:
        from warroom.safety import named_values as named

        return named.names_secret(text)

    def _key_line(self, text: str, rules: Rules) -> Redacted:
        from warroom.safety import private_keys as keys

        self._left -= 1
        end = keys.end_of_key(text)
        if end is not None:
            self._left = 0
            rest = redact(text[end:], personal=self._personal, rules=rules)
            return Redacted(label(KEY_RULE) + rest.text, rest.count, rest.hits)
        if keys.is_key_line(text):
            return Redacted(label(KEY_RULE))
        # Another writer's line in between, or the key's line behind a log prefix.
        return redact(keys.mask_key_runs(text), personal=self._personal, rules=rules)


def redact_stream(pieces: Iterable[bytes], *, personal: bool = True, rules: Rules | None = None) -> Iterator[str]:
    """Bytes as safe text, as they come; line ends stay, also a last line's missing one. Memory is bounded.

    A line of more than a megabyte is taken in parts cut between words.
    """
    redactor = Redactor(personal=personal, rules=rules)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    held: list[str] = []  # of the line without an end, so that a long one is not copied again and again
    size = 0
    for data in chain(pieces, [b""]):
        text = decoder.decode(data, final=not data)
        cut = text.rfind("\n")
        if cut >= 0:
            lines = "".join([*held, text[:cut]]).split("\n")
            yield "\n".join(redactor.line(line.removesuffix("\r")).text for line in lines) + "\n"
            held, size, text = [], 0, text[cut + 1 :]
        held.append(text)
        size += len(text)
        if size > _LONGEST:
            text = "".join(held)
            seam = _last_seam(text, len(text) - _PIECE, len(text)) + 1 or len(text)
            yield redactor.line(text[:seam]).text
            held, size = [text[seam:]], len(text) - seam
    if size:
        yield redactor.line("".join(held)).text


def _cut(text: str, start: int) -> int:
    """Where the piece that begins at ``start`` ends: after a line, else between two words, else anywhere."""
    limit = start + _PIECE
    if limit >= len(text):
        return len(text)
    line = text.rfind("\n", start, limit)
    if line > start:
        return line + 1
    at = _last_seam(text, limit - 4096, limit)
    return at if at > start else limit


def _last_seam(text: str, start: int, end: int) -> int:
    """Where the last two words of ``text[start:end]`` part, not a name and its value; -1 if nowhere."""
    at = -1
    for match in _SEAM.finditer(text, start, end):
        at = match.start()
    return at


def _mask(text: str, personal: bool, rules: Rules) -> Redacted:
    if "␛" not in text:
        return _masked(text, personal, rules)
    hits: list[str] = []
    for _ in range(_PASSES):  # colour codes may run through a token: look without them first
        bare = strip_ansi(text)
        found = _masked(bare, personal, rules)
        if not found.count and bare != text:
            found = _masked(text, personal, rules)
        if not found.count:
            break
        text = found.text
        hits.extend(found.hits)
    return Redacted(text, len(hits), tuple(hits))


def _masked(text: str, personal_too: bool, rules: Rules) -> Redacted:
    hits = Hits(rules)
    scanners = _scanners_of(rules)
    for _ in range(_PASSES):
        before = len(hits)
        for scanner in scanners:
            for step in scanner.steps_for(text):
                text = step(text, personal_too, hits)
        if len(hits) == before:
            break
    return Redacted(text, len(hits), tuple(hits)) if hits else Redacted(text)


# ---------------------------------------------------------------------------------------------- the set

_Step = Callable[[str, bool, Hits], str]
_Clues = Iterable[tuple[str, _Step]]
"""Patterns without which a step finds nothing, each with the step."""


@lru_cache(maxsize=8)
def _scanners_of(rules: Rules) -> tuple[_Scanner, ...]:
    shipped = _shipped(rules.off, rules.ips)
    own = [(pattern.source, _Own(name, pattern)) for name, pattern in rules.own]
    return (_Scanner(own, spaced=False), shipped) if own else (shipped,)


@lru_cache(maxsize=8)
def _shipped(off: frozenset[str], ips: bool) -> _Scanner:
    return _Scanner(_shipped_clues(off, ips), spaced=True)


class _Scanner:
    """Rules in the order they are tried, and the set that finds which of them match somewhere.

    ``spaced``: the clues are those of ``prefilter.py``.
    """

    def __init__(self, clues: _Clues, *, spaced: bool) -> None:
        import re2  # 15 ms, needed by nothing before the first text that is masked

        options = re2.Options()
        options.log_errors = False  # RE2 would write to the terminal
        options.never_nl = True
        options.max_mem = _MEMORY
        self._set = re2.Set.SearchSet(options)
        self._spaced = spaced
        self._steps: list[_Step] = []
        self._set.Add("")  # always matches: an answer without it means RE2 ran out of memory
        for clue, step in clues:
            self._set.Add(f"(?m){clue}")
            self._steps.append(step)
        self._set.Compile()

    def steps_for(self, text: str) -> list[_Step]:
        """The steps that can find something in the text, in order."""
        found: set[int] = set()
        for seen in spaced(text) if self._spaced else (text,):
            matched = self._set.Match(seen)
            if not matched:
                return self._steps
            found.update(matched)
        return [self._steps[place - 1] for place in sorted(found) if place]


def _shipped_clues(off: frozenset[str], ips: bool) -> _Clues:
    """Of every rule of warroom's that is not switched off."""
    if KEY_RULE not in off:
        yield "PRIVATE KEY", _Later("private_keys", "mask_keys")
    for vendor in chain(vendors(), forms()):
        if vendor.name not in off:
            yield clue_of(vendor.pattern), _Token(vendor)
    yield prefilter.NAME_CLUE, _Later("named_values", "mask_pairs")
    yield prefilter.VALUE_CLUE, _Later("named_values", "mask_named_values")
    yield prefilter.ELEMENT_CLUE, _Later("named_values", "mask_elements")
    yield prefilter.FLAG_CLUE, _Later("named_values", "mask_flags")
    yield prefilter.BEARER_CLUE, _Later("named_values", "mask_bearers")
    yield prefilter.ADDRESS_CLUE, _Later("named_values", "mask_addresses")
    yield prefilter.CARD_CLUE, _Later("personal_data", "mask_cards")
    yield prefilter.EMAIL_CLUE, _Later("personal_data", "mask_emails")
    yield prefilter.PHONE_CLUE, _Later("personal_data", "mask_phones")
    if ips:
        yield prefilter.IP_CLUE, _Later("personal_data", "mask_ips")


class _Later:
    """A function of a module of this package. Loading it compiles many patterns, and most start-ups need none."""

    __slots__ = ("_function", "_module", "_name")

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name
        self._function: _Step | None = None

    def __call__(self, text: str, personal: bool, hits: Hits) -> str:
        if self._function is None:
            function: _Step = getattr(import_module(f"warroom.safety.{self._module}"), self._name)
            self._function = function
        return self._function(text, personal, hits)


class _Token:
    """Masks what one line of a table describes."""

    __slots__ = ("_check", "_compiled", "_name", "_pattern")

    def __init__(self, row: Vendor) -> None:
        self._name = row.name
        self._check = _CHECKS[row.check]
        self._pattern = row.pattern
        self._compiled: Any = None

    def __call__(self, text: str, _: bool, hits: Hits) -> str:
        if self._compiled is None:
            import re2

            options = re2.Options()
            options.log_errors = False
            options.never_nl = True
            self._compiled = re2.compile(f"(?m){START}({self._pattern}){END}", options)
        parts: list[str] = []
        done = 0
        for match in self._compiled.finditer(text):
            group = next((n for n in range(2, self._compiled.groups + 1) if match[n] is not None), 1)
            start, end = match.span(group)
            value = text[start:end]
            if is_placeholder(value) or not self._check(value) or (masked := hits.take(self._name)) is None:
                continue
            parts += [text[done:start], masked]
            done = end
        return "".join([*parts, text[done:]]) if parts else text


class _Own:
    """Masks what a team's pattern matches, on what is not a label."""

    __slots__ = ("_name", "_pattern")

    def __init__(self, name: str, pattern: Pattern) -> None:
        self._name = name
        self._pattern = pattern

    def __call__(self, text: str, _: bool, hits: Hits) -> str:
        parts: list[str] = []
        for piece in _LABEL_OR_NOT.split(text):
            start = 0 if not piece.startswith("‹redacted:") else len(piece)
            if start:
                parts.append(piece)
            while start < len(piece):
                end = _own_end(piece, start)
                part = piece[start:end]
                done = 0
                for low, high in self._pattern.spans(part):
                    parts += [part[done:low], label(self._name)]
                    hits.append(self._name)
                    done = high
                parts.append(part[done:])
                start = end
        return "".join(parts)


def _own_end(text: str, start: int) -> int:
    limit = start + _OWN_PIECE
    if limit >= len(text):
        return len(text)
    at = max(text.rfind("\n", start, limit), text.rfind(" ", start, limit))
    return at + 1 if at > start else limit


def _anything(_: str) -> bool:
    return True


def _has_digit(value: str) -> bool:
    return any(map(str.isdigit, value))


def _looks_random(value: str) -> bool:
    """Whether no one would type it as a name: letters and digits mixed, or capitals all over."""
    capitals = sum(map(str.isupper, value))
    small = sum(map(str.islower, value))
    return (_has_digit(value) and capitals + small > 0) or (small > 0 and 4 * capitals >= len(value))


def _is_mixed(value: str) -> bool:
    return _has_digit(value) and any(map(str.isupper, value)) and any(map(str.islower, value))


_CHECKS: dict[str, Callable[[str], bool]] = {
    "-": _anything,
    "digit": _has_digit,
    "random": _looks_random,
    "mixed": _is_mixed,
}
