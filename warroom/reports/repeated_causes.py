"""Finds causes that came back: incidents whose root causes say the same. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from warroom.incident.telling_words import telling_words, words_in_order

SHARED_WORDS = 3
"""How many telling words two root causes share at least before they count as the same."""

SHARED_PART = 0.5
"""Which part of the shorter root cause's telling words they share at least."""

SHOWN_WORDS = 5

DEFINITION = (
    "Root causes are the same if they carry the same #tag, or share at least"
    f" {SHARED_WORDS} telling words and half of those of the shorter one."
)


@dataclass(frozen=True, slots=True)
class Cause:
    """The root cause of one incident, as it was written down."""

    incident: str
    service: str
    at: datetime
    text: str
    open_actions: int = 0


@dataclass(frozen=True, slots=True)
class RepeatedCause:
    """Incidents with the same cause, the earliest first.

    ``words`` are what their root causes share. ``open_actions`` counts their action items that are not done.
    """

    words: tuple[str, ...]
    incidents: tuple[str, ...]
    services: tuple[str, ...]
    open_actions: int


def same_words(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    """Return what makes two root causes the same, as ``DEFINITION`` says; nothing if they are not."""
    shared = one & other
    if any(word.startswith("#") for word in shared):
        return shared
    shorter = min(len(one), len(other))
    return shared if len(shared) >= max(SHARED_WORDS, SHARED_PART * shorter) else frozenset()


def repeated_causes(causes: Iterable[Cause]) -> tuple[RepeatedCause, ...]:
    """Return the causes of two or more incidents: the most frequent first, then the latest.

    Each is compared with the first incident of the groups before it, so that a chain of small likenesses does not
    make one group of everything.
    """
    groups: list[list[tuple[Cause, frozenset[str]]]] = []
    for cause in sorted(causes, key=lambda cause: cause.at):
        words = telling_words(cause.text)
        group = next((group for group in groups if same_words(group[0][1], words)), None)
        if group is None:
            groups.append([(cause, words)])
        else:
            group.append((cause, words))
    repeated = sorted(
        (group for group in groups if len(group) > 1),
        key=lambda group: (len(group), group[-1][0].at),
        reverse=True,
    )
    return tuple(_group(group) for group in repeated)


def _group(group: Sequence[tuple[Cause, frozenset[str]]]) -> RepeatedCause:
    counts = Counter(word for _, words in group for word in words)
    order = {word: place for place, word in enumerate(words_in_order(group[0][0].text))}
    shared = [word for word, count in counts.items() if count > 1]
    # Tags first, then what most of them share, as in the first of the texts.
    shared.sort(key=lambda word: (not word.startswith("#"), -counts[word], order.get(word, len(order)), word))
    return RepeatedCause(
        words=tuple(shared[:SHOWN_WORDS]),
        incidents=tuple(cause.incident for cause, _ in group),
        services=tuple(dict.fromkeys(cause.service for cause, _ in group)),
        open_actions=sum(cause.open_actions for cause, _ in group),
    )
