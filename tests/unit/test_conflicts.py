"""What two laptops recorded without knowing of each other: which of it holds, and what the timeline says."""

from __future__ import annotations

from uuid import UUID

from harness.case import NOON
from harness.ids import entry_id

from warroom.incident.events import (
    Declared,
    Entry,
    Event,
    Noted,
    Resolved,
    RoleAssigned,
    SeveritySet,
    StatusSet,
)
from warroom.incident.incident import Incident, fold

MITIGATED = StatusSet(status="mitigated", before="investigating")
ADA, BOB = UUID(int=1), UUID(int=2)


def at(pos: int, by: str, seen: int, event: Event) -> Entry:
    device = {"Ada": ADA, "Bob": BOB}[by]
    return Entry(
        stream="INC-1", seq=pos, id=entry_id(pos), at=NOON, by=by, event=event, pos=pos, device=device, seen=seen
    )


def folded(*entries: Entry) -> Incident:
    declared = at(1, "Ada", 0, Declared(service="web", impact="down", severity="high", started_at=NOON))
    return fold("INC-1", [declared, *entries])


def severity(name: str, rank: int) -> SeveritySet:
    return SeveritySet(severity=name, before="high", rank=rank)


def test_of_two_severities_the_higher_holds_whichever_arrives_first() -> None:
    critical, low = severity("critical", 0), severity("low", 3)
    first = folded(at(2, "Ada", 1, critical), at(3, "Bob", 1, low))
    assert first.severity == "critical"
    assert "not applied: Ada had set critical meanwhile" in first.rows[2].text
    second = folded(at(2, "Ada", 1, low), at(3, "Bob", 1, critical))
    assert second.severity == "critical"
    assert "Ada had set low meanwhile" in second.rows[2].text


def test_who_has_read_the_severity_may_lower_it() -> None:
    incident = folded(at(2, "Ada", 1, severity("critical", 0)), at(3, "Bob", 2, severity("low", 3)))
    assert incident.severity == "low"
    assert not any(row.remark for row in incident.rows)


def test_a_late_mitigated_does_not_reopen_what_was_resolved() -> None:
    incident = folded(at(2, "Ada", 1, Resolved()), at(3, "Bob", 1, MITIGATED))
    assert incident.status == "resolved" and not incident.open
    assert "not applied: Ada had set resolved meanwhile" in incident.rows[2].text


def test_two_who_resolve_at_once_resolve_it_once() -> None:
    incident = folded(at(2, "Ada", 1, Resolved()), at(3, "Bob", 1, Resolved()))
    assert [status for _, status in incident.statuses] == ["investigating", "resolved"]


def test_a_resolve_says_which_entries_its_author_had_not_read() -> None:
    incident = folded(at(2, "Bob", 1, Noted(note="finding", words="errors again")), at(3, "Ada", 1, Resolved()))
    assert incident.status == "resolved"
    assert "recorded before 2 by Bob had arrived" in incident.rows[2].text


def test_of_two_holders_of_a_role_the_later_holds_and_the_timeline_says_so() -> None:
    def assigned(person: str) -> RoleAssigned:
        return RoleAssigned(role="incident_commander", title="Incident commander", person=person)

    incident = folded(at(2, "Ada", 1, assigned("Ada")), at(3, "Bob", 1, assigned("Bob")))
    assert incident.commander == "Bob"
    assert "Ada had it by an entry that was not read yet" in incident.rows[2].text


def test_what_one_laptop_records_never_conflicts_with_itself() -> None:
    incident = folded(at(2, "Ada", 1, Resolved()), at(3, "Ada", 1, MITIGATED))
    assert not any(row.remark for row in incident.rows)
