"""What a service needs, and which of it is in trouble."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.app import AppHarness, run_screen, screen_text, settle, type_in
from hypothesis import given
from hypothesis import strategies as st

from warroom.config.loading import load
from warroom.config.settings import Service
from warroom.errors import SettingsError
from warroom.incident.alerts import ReceiveAlert
from warroom.incident.commands import Declare
from warroom.incident.topology import dependencies
from warroom.room.snapshot import incident_snapshot
from warroom.tui.panes.state import state_rows
from warroom.tui.screens.declare import DeclareScreen

NAMES = st.sampled_from("abcdef")


@given(st.dictionaries(NAMES, st.lists(NAMES, max_size=4)), NAMES)
def test_all_that_is_needed_is_found_once_nearest_first_also_in_a_circle(
    graph: dict[str, list[str]], service: str
) -> None:
    found = dependencies(service, graph)
    assert len(found) == len(set(found)) and service not in found
    reached, distance, edge = {service}, {service: 0}, [service]
    while edge:
        edge = [
            need for one in edge for need in graph.get(one, ()) if need not in reached and not reached.add(need)
        ]  # type: ignore[func-returns-value]
        distance |= {one: max(distance.values()) + 1 for one in edge}
    assert set(found) == reached - {service}
    assert [distance[one] for one in found] == sorted(distance[one] for one in found)


SERVICES = (
    Service(name="checkout-api", depends_on=("Payments",)),
    Service(name="payments", depends_on=("database", "checkout-api")),
    Service(name="database"),
)


def alert(harness: AppHarness, service: str, *, drill: bool = False) -> None:
    room = harness.room
    room.transact_team(
        lambda team, context: [
            ReceiveAlert(
                name="Down", source="prom", service=service, fingerprint=f"{service}{drill}", drill=drill
            ).entry(context)
        ]
    )


def test_what_is_in_trouble_is_shown_with_the_incident(tmp_path: Path) -> None:
    with AppHarness(tmp_path, services=SERVICES) as harness:
        room = harness.room
        alert(harness, "Database")
        alert(harness, "payments", drill=True)
        other = room.declare(Declare("payments", "Payments fail")).incident.id
        incident = room.declare(Declare("checkout-api", "Card payments fail")).incident
        snapshot = incident_snapshot(room, incident.id)
        assert list(map(str, snapshot.troubles)) == [f"payments: {other}", "database: 1 alert firing"]
        rows = state_rows(incident, room.clock(), troubles=snapshot.troubles)
        shown = [row.content.plain.strip() for row in rows]
        assert shown[shown.index("Dependencies in trouble") + 1] == f"payments: {other}"
        drill = room.declare(Declare("checkout-api", "A drill", drill=True)).incident.id
        assert list(map(str, incident_snapshot(room, drill).troubles)) == ["payments: 1 alert firing"]


@pytest.mark.anyio
async def test_the_form_that_declares_shows_what_is_in_trouble(tmp_path: Path) -> None:
    with AppHarness(tmp_path, services=SERVICES) as harness:
        room = harness.room
        room.declare(Declare("database", "The database is down"))
        async with run_screen(harness, lambda context: DeclareScreen(context, lambda _: None)) as pilot:
            assert "Depends on" not in screen_text(pilot.app)
            await type_in(pilot, "payments")
            await settle(pilot)
            assert "Depends on database: INC-1" in screen_text(pilot.app)


@pytest.mark.parametrize(
    ("needs", "says"),
    [
        ('"paymnts"', 'settings.toml:3 [services #1.depends_on #1]: "paymnts" is not in [[services]]'),
        ('"checkout"', "a service cannot depend on itself"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, needs: str, says: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f'[[services]]\nname = "checkout"\ndepends_on = [{needs}]\n[[services]]\nname = "payments"\n')
    with pytest.raises(SettingsError) as caught:
        load(file, {})
    assert says in str(caught.value)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
