"""Who else has an incident open now, and what they are doing. Not history: it expires by itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

LASTS = timedelta(seconds=30)
"""How long a presence counts unless it is renewed."""

RENEW_S = 10.0
"""How often a console renews its presence, in seconds."""


@dataclass(frozen=True, slots=True)
class Presence:
    """A person at a console that shows the incident. ``doing`` is what they do there since ``since``, such as
    "composing an update"; "" if they look at it."""

    by: str
    doing: str
    since: datetime

    def to_json(self) -> str:
        """The presence as text."""
        return json.dumps({"by": self.by, "doing": self.doing, "since": self.since.isoformat()}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Presence | None:
        """The presence ``to_json`` wrote; None for anything else, such as one of another version."""
        try:
            data = json.loads(text)
            since = datetime.fromisoformat(data["since"])
            return cls(str(data["by"]), str(data["doing"]), since) if since.tzinfo else None
        except (ValueError, LookupError, TypeError):
            return None


def composing(present: tuple[Presence, ...]) -> tuple[Presence, ...]:
    """Those who are doing something, not only looking."""
    return tuple(one for one in present if one.doing)
