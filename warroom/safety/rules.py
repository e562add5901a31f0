"""What is masked: the rules' names, those a team adds or switches off, and the labels; masks nothing itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from warroom.safety.patterns import BadPattern, Pattern
from warroom.safety.token_formats import vendors

__all__ = [
    "KEY_RULE",
    "LABELS",
    "RULES",
    "BadRule",
    "Hits",
    "Rules",
    "check_name",
    "check_pattern",
    "is_placeholder",
    "label",
    "words",
]

KEY_RULE = "private-key"

RULES = frozenset(
    (
        *(vendor.name for vendor in vendors()),
        KEY_RULE,
        "password",
        "secret",
        "token",
        "api-key",
        "credential",
        "authorization",
        "cookie",
        "pin",
        "session",
        "query-secret",
        "url-password",
        "card",
        "email",
        "phone",
        "ip",
    )
)
"""The names of the rules warroom has; each can be switched off."""

LABELS = re.compile(r"(?:‹redacted:[a-z0-9-]{1,40}›)+")


def words(text: str) -> frozenset[str]:
    """The words of a list that is written as text."""
    return frozenset(text.split())


_BENIGN = words(
    "true false null none nil undefined yes no ok on off required missing invalid expired empty unset set present"
    " absent redacted masked hidden filtered n/a changed failed success valid denied rejected accepted incorrect"
    " wrong string unknown default enabled disabled not too must is was for"
)
_PLACEHOLDER = re.compile(r"[*xX•.·#-]+|\$\{?[A-Z_][A-Z0-9_]*\}?|\$\{\{.*|%\(?\w*\)?s?|\{\w*\}|<[^>]*>?")


def label(rule: str) -> str:
    """The label that replaces what the rule found."""
    return f"‹redacted:{rule}›"


def is_placeholder(value: str) -> bool:
    """Whether the value is a mask, a variable, or a word about a secret rather than the secret."""
    return (
        LABELS.fullmatch(value) is not None
        or _PLACEHOLDER.fullmatch(value) is not None
        or value.strip("<>[](){}.,:; ").lower() in _BENIGN
    )


class BadRule(ValueError):
    """A team's rule cannot be used. ``str()`` is the reason, worded to follow the pattern's name."""


_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+){0,9}")
_OWN_MOST = 100  # rules of a team's own


@dataclass(frozen=True, slots=True)
class Rules:
    """What is masked besides, and what is not: rules of the team's own, rules switched off, IP addresses."""

    own: tuple[tuple[str, Pattern], ...] = ()
    off: frozenset[str] = frozenset()
    ips: bool = False

    @classmethod
    def of(cls, own: Iterable[tuple[str, str]] = (), off: Iterable[str] = (), *, ips: bool = False) -> Rules:
        """From names and patterns. Raises ``BadRule``."""
        rules = []
        for name, pattern in own:
            check_name(name)
            rules.append((name, check_pattern(pattern)))
        unknown = [name for name in off if name not in RULES]
        if unknown:
            raise BadRule(f"there is no rule {unknown[0]!a}")
        if len(rules) > _OWN_MOST:
            raise BadRule(f"at most {_OWN_MOST} rules")
        return cls(tuple(rules), frozenset(off), ips)


def check_name(name: str) -> str:
    """The name of a rule of one's own, as the label shows it. Raises ``BadRule``."""
    if len(name) > 40 or not _NAME.fullmatch(name):
        raise BadRule("must be small letters a to z, digits and single hyphens, at most 40")
    if name in RULES:
        raise BadRule("is the name of a built-in rule; choose another")
    return name


def check_pattern(pattern: str) -> Pattern:
    """The pattern compiled, as RE2 does it: in time linear in the text. Raises ``BadRule`` saying what is wrong."""
    if len(pattern) > 1000:
        raise BadRule("must be at most 1,000 characters")
    try:
        compiled = Pattern(pattern)
    except BadPattern as error:
        raise BadRule(str(error)) from None
    if compiled.found(""):
        raise BadRule("matches the empty text, so it would match everywhere")
    return compiled


class Hits(list[str]):
    """The names of the rules that found something, in order."""

    __slots__ = ("rules",)

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self.rules = rules

    def take(self, rule: str) -> str | None:
        """Count a find of this rule; its label, or None if the rule is switched off."""
        if rule in self.rules.off:
            return None
        self.append(rule)
        return label(rule)
