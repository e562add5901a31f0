"""The lines below the headline: which phase, and whose update is due first."""

from __future__ import annotations

from datetime import timedelta

import pytest
from harness.case import NOON, PLAYBOOK, Case, declared

from warroom.incident.commands import Acknowledge, PostUpdate, Resolve
from warroom.incident.delivery import Audience
from warroom.tui.panes.phase import phase_lines


def told(case: Case, audience: Audience, minutes: float) -> None:
    """An update to the audience that promises the next one so many minutes after noon."""
    case.do(
        PostUpdate(
            message="update",
            template="update",
            audience=audience,
            title="t",
            words="w",
            next_update_at=NOON + timedelta(minutes=minutes),
            approved_by="Ada",
        )
    )


def case(**promises: float) -> Case:
    made = declared("critical")
    made.do(Acknowledge())
    for audience, minutes in promises.items():
        told(made, audience, minutes)  # type: ignore[arg-type]
    return made


def lines(made: Case, minutes: float, width: int = 78, *, clock: bool = True) -> list[str]:
    now = NOON + timedelta(minutes=minutes)
    return phase_lines(made.incident, PLAYBOOK, now, NOON.tzinfo, width, clock=clock).plain.split("\n")  # type: ignore[arg-type]


def test_with_the_team_alone_it_is_the_next_update() -> None:
    assert lines(case(team=20), 4)[1] == " Next update in 16 min · due 12:20    Team updated 12:00"


def test_of_several_the_one_due_first_is_in_full_and_the_others_are_short() -> None:
    made = case(team=20, customers=12, executives=45)
    assert lines(made, 4)[1] == " Customer update in 8 min · due 12:12    team in 16 min · 12:20"
    assert "executives in 41 min" in lines(made, 4, 120)[1]
    assert lines(made, 15)[1].startswith(" CUSTOMER UPDATE 3 min ")


def test_beside_the_large_digits_the_others_have_a_line_of_their_own() -> None:
    _, second, third = lines(case(team=20, customers=12, executives=45), 4, 90, clock=False)
    assert "Customer update in 8 min · due 12:12" in second and "team in" not in second
    assert third == "team in 16 min · 12:20   executives in 41 min · 12:45"


@pytest.mark.parametrize("width", [60, 78, 90, 118, 158])
@pytest.mark.parametrize("clock", [True, False])
def test_whatever_the_width_the_most_urgent_countdown_is_never_cut(width: int, clock: bool) -> None:
    made = case(team=20, customers=12, executives=45)
    for minutes in (1, 7, 11, 13, 25, 60):
        found = lines(made, minutes, width, clock=clock)
        assert "customer update" in found[1].lower()
        assert all(len(line) <= width for line in found)


def test_no_update_is_due_once_it_is_resolved() -> None:
    made = case(team=20, customers=12)
    made.later(minutes=10).do(Resolve("verified by hand"))
    assert "pdate in" not in "".join(lines(made, 11))
