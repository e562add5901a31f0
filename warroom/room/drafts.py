"""Half-written forms, kept for the person who typed them. Knows no form and no screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from warroom.journal.port import Journal
from warroom.safety import redact


class Drafts:
    """The drafts of one person. Nobody else's are read, replaced or deleted."""

    def __init__(self, journal: Journal, by: str) -> None:
        self._journal = journal
        self._by = by

    def save(self, incident_id: str, form: str, text: str) -> None:
        """Keep a half-written form, its secrets masked ("" deletes it)."""
        self._journal.save_draft(self._key(incident_id, form), redact(text, personal=False).text)

    def load(self, incident_id: str, form: str) -> str:
        """The half-written form, or ""."""
        return self._journal.draft(self._key(incident_id, form))

    def adopt(self, incident_id: str, form: str) -> bool:
        """Take over a draft that was kept without its author, as version 0.1.0 did. True if there was one.

        A draft of one's own stays, and the other one with it.
        """
        ownerless = f"{incident_id}/{form}"
        return bool(self._journal.draft(ownerless)) and self._journal.move_draft(
            ownerless, self._key(incident_id, form)
        )

    def _key(self, incident_id: str, form: str) -> str:
        return f"{incident_id}/{form}/{self._by}"


@dataclass(frozen=True, slots=True)
class OpenedDraft:
    """A draft as a form opens it. ``ownerless``: its author was not recorded and may be someone else."""

    text: str = ""
    ownerless: bool = False


def packed(values: Mapping[str, str]) -> str:
    """Values as the text of a draft, secrets masked: each name on a line of its own, then its lines, set in.

    No quotes and no escapes: the room masks secrets in a draft as in any text, and must not break it by that.
    """
    lines = []
    for name, value in values.items():
        masked = redact(value, personal=False).text
        lines += [name, *(f"  {line}" for line in masked.split("\n") if masked)]
    return "\n".join(lines)


def unpacked(text: str) -> dict[str, str]:
    """The values of a draft, as ``packed`` wrote them."""
    values: dict[str, list[str]] = {}
    for line in text.split("\n") if text else ():
        if line.startswith("  ") and values:
            values[next(reversed(values))].append(line[2:])
        else:
            values[line] = []
    return {name: "\n".join(lines) for name, lines in values.items()}
