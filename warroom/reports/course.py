"""The course of an incident in a few sentences: what set it off, how it was noticed, what ended it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise

from warroom.incident import timing
from warroom.incident.events import AlertReceived, EvidencePinned
from warroom.incident.incident import Incident
from warroom.incident.playbook import Playbook
from warroom.reports.messages import format_moment
from warroom.reports.metrics import Durations

CHANGES = "changes"
"""The source of evidence that lists what had changed in the service."""


@dataclass(frozen=True, slots=True)
class Course:
    """Writes about one incident. ``blameless`` replaces names in a text as of a time; times are in ``zone``."""

    incident: Incident
    playbook: Playbook
    zone: tzinfo
    now: datetime
    blameless: Callable[[str, datetime], str]

    def _moment(self, at: datetime) -> str:
        return format_moment(at, self.zone, self.incident.milestones.get("started"))

    def trigger(self) -> str:
        """The last change of the service before the incident started, if its changes are known."""
        started = self.incident.milestones.get("started")
        changes = [
            event
            for _, event in self.incident.evidence
            if event.source == CHANGES and event.logged_at and started and event.logged_at <= started
        ]
        if not started or not changes:
            return ""
        last = max(changes, key=_logged)
        apart = timing.format_duration(started - _logged(last))
        text = f"The last known change before it was “{last.words.strip()}”, {apart} before the start."
        return self.blameless(text, started)

    def detection(self, durations: Durations) -> str:
        """How it was noticed and how long that took."""
        incident = self.incident
        detected, started = incident.milestones.get("detected"), incident.milestones.get("started")
        if detected is None or started is None:
            return ""
        alert = next((row for row in incident.rows if isinstance(row.entry.event, AlertReceived)), None)
        after = f", {_format_seconds(durations.detect_s)} after it started" if durations.detect_s else ""
        when = self._moment(detected)
        if alert and isinstance(alert.entry.event, AlertReceived):
            event = alert.entry.event
            source = f" of {event.source}" if event.source else ""
            text = f"The alert {event.name}{source} fired at {when}{after}."
        else:
            text = f"It was noticed at {when}{after}; no alert had fired."
        if (took := durations.acknowledge_s) is not None:
            text += f" It was acknowledged {_format_seconds(took)} after the declaration."
        return self.blameless(text, detected)

    def resolution(self, durations: Durations) -> Iterable[str]:
        """Yield what was done about it and when users were no longer affected, in order."""
        incident = self.incident
        steps: list[tuple[datetime, str]] = []
        for entry, fix in incident.fixes:
            if row := incident.row(entry):
                words, sort = row.words or fix.words.rstrip(". "), "temporary" if fix.temporary else "permanent"
                steps.append((row.at, self.blameless(f"{words} ({sort} fix).", row.at)))
        mitigated, resolved = incident.milestones.get("mitigated"), incident.milestones.get("resolved")
        if mitigated and durations.mitigate_s is not None:
            after = _format_seconds(durations.mitigate_s)
            steps.append((mitigated, f"Users were no longer affected, {after} after the start."))
        if resolved and resolved != mitigated:
            steps.append((resolved, "Resolved."))
        for at, text in sorted(steps, key=lambda step: step[0]):
            yield f"{self._moment(at)}: {text}"

    def severities(self) -> str:
        """How long it had which severity, if that changed: ``High for 12 min, then Critical for 6 h``."""
        titles = {severity.id: severity.title for severity in self.playbook.severities}
        end = self.incident.milestones.get("resolved", self.now)
        steps = [*self.incident.severities, (end, "")]
        spans = [
            f"{titles.get(severity, severity)} for {timing.format_duration(max(until - at, timedelta(0)))}"
            for (at, severity), (until, _) in pairwise(steps)
        ]
        return ", then ".join(spans) if len(spans) > 1 else ""


def _logged(event: EvidencePinned) -> datetime:
    assert event.logged_at is not None
    return event.logged_at


def _format_seconds(seconds: float) -> str:
    return timing.format_duration(timedelta(seconds=seconds))
