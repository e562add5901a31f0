"""What became of the suggestions for the post-mortem: accepted, edited or dismissed, one by one. Pure.

A suggestion is a line that ``reports/suggestions.py`` draws from the timeline. Its key stays the same while its
figures change, so that what a person has decided about it holds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from warroom.incident.commands import CommandContext, required
from warroom.incident.events import Event, NewEntry, Section, SectionWritten, SuggestionDismissed
from warroom.incident.identity import outside_id
from warroom.incident.incident import Incident


@dataclass(frozen=True, slots=True)
class Settled:
    """The suggestions of an incident that are not offered any more.

    ``whole`` are sections that a person wrote in full, ``keys`` single suggestions as section and key.
    """

    whole: frozenset[Section]
    keys: frozenset[tuple[Section, str]]

    def covers(self, section: Section, key: str) -> bool:
        """Whether a suggestion was accepted, edited or dismissed."""
        return section in self.whole or (section, key) in self.keys


def settled(incident: Incident) -> Settled:
    """Return what was decided about suggestions. A dismissal that was retracted does not count."""
    whole: set[Section] = set()
    keys: set[tuple[Section, str]] = set()
    for row in incident.rows:
        event = row.entry.event
        if isinstance(event, SectionWritten):
            if event.settles is None:
                whole.add(event.section)
            else:
                keys.update((event.section, key) for key in event.settles)
        elif isinstance(event, SuggestionDismissed) and not row.retracted:
            keys.add((event.section, event.suggestion))
    return Settled(frozenset(whole), frozenset(keys))


@dataclass(frozen=True, slots=True)
class AcceptSuggestion:
    """Add a suggestion to its section, as it is or with other ``words``. One that is settled is no news."""

    section: Section
    suggestion: str
    words: str
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        words = required(self.words, "The suggestion", "Dismiss it instead.")
        if settled(incident).covers(self.section, self.suggestion):
            return []
        text = words if self.section == "summary" else _with_line(incident.sections.get(self.section, ""), words)
        return [SectionWritten(section=self.section, words=text, settles=(self.suggestion,))]


@dataclass(frozen=True, slots=True)
class DismissSuggestion:
    """Leave a suggestion out of the post-mortem. ``words`` is what it says. One that is settled is no news."""

    section: Section
    suggestion: str
    words: str
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        if settled(incident).covers(self.section, self.suggestion):
            return []
        event = SuggestionDismissed(section=self.section, suggestion=self.suggestion, words=self.words)
        before = sum(
            isinstance(row.entry.event, SuggestionDismissed) and row.entry.event.suggestion == self.suggestion
            for row in incident.rows
        )
        return [NewEntry(event, outside_id("suggestion", incident.id, self.section, self.suggestion, str(before)))]


_ITEM = re.compile(r"\s*(?:[-+*]|\d{1,9}[.)])\s")


def _with_line(text: str, words: str) -> str:
    """Return ``text`` with ``words`` as one more item of its list."""
    item = "- " + "\n  ".join(words.splitlines())
    if not text.strip():
        return item
    text = text.rstrip()
    lines = text.splitlines()
    if _ITEM.match(lines[-1]) or lines[-1].startswith("  "):
        return f"{text}\n{item}"
    if len(lines) > 1 and not any(_ITEM.match(line) or not line.strip() for line in lines):
        return f"{text}\n{words}"  # several plain lines are shown as a list
    return f"{text}\n\n{item}"
