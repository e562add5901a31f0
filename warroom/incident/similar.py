"""Which past incidents are like one that is being declared. Pure: what is known of them is given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import log

from warroom.incident.telling_words import telling_words, words_in_order

SAME_ALERT, SAME_SERVICE = 4.0, 2.0
"""What these count beside the words that two impacts share: each of those counts up to 1, the rarer the more."""

ENOUGH = 2.0
"""From this score on an incident is like another."""


@dataclass(frozen=True, slots=True)
class ComparedIncident:
    """What is compared: ``impact`` as it was declared, ``alerts`` by name."""

    id: str
    service: str
    impact: str
    at: datetime
    open: bool = False
    alerts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Likeness:
    """An incident that is alike, and why: such as "same alert", "same service", "words: card, payments"."""

    id: str
    open: bool
    reasons: tuple[str, ...]


def find_similar(
    past: Iterable[ComparedIncident], service: str, impact: str, alert: str = "", limit: int = 3
) -> list[Likeness]:
    """Return the incidents most like the one described: those still open first, then the most alike, the newest."""
    known: Sequence[ComparedIncident] = list(past)
    words = {one.id: telling_words(one.impact) for one in known}
    used = Counter(word for each in words.values() for word in each)
    wanted = telling_words(impact)
    scored = []
    for one in known:
        shared = wanted & words[one.id]
        same_alert = bool(alert) and alert.casefold() in {name.casefold() for name in one.alerts}
        same_service = bool(service) and one.service.casefold() == service.strip().casefold()
        rarity = sum(1 - log(used[word]) / log(len(known) + 2) for word in shared)
        score = SAME_ALERT * same_alert + SAME_SERVICE * same_service + rarity
        if score >= ENOUGH:
            spelled = [word for word in words_in_order(impact) if word in shared]
            reasons = ["same alert"] * same_alert + ["same service"] * same_service
            reasons += [f"words: {', '.join(spelled)}"] if spelled else []
            scored.append((one.open, score, one.at, Likeness(one.id, one.open, tuple(reasons))))
    scored.sort(key=lambda row: row[:3], reverse=True)
    return [likeness for *_, likeness in scored[:limit]]
