"""The roles: who holds each since when, and who is asked to take over or fills in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo

from textual.content import Content

from warroom.incident.incident import Incident
from warroom.incident.playbook import Playbook
from warroom.tui.actions import key_of
from warroom.tui.panes.pane import ListPane, PaneInput
from warroom.tui.widgets.row_list import ListRow
from warroom.tui.widgets.text import literal


def role_rows(incident: Incident, playbook: Playbook, zone: tzinfo, keys: Mapping[str, str]) -> list[ListRow]:
    """Each role with who holds it since when, who is asked to take over, or who fills in."""
    rows: list[ListRow] = []
    for role in playbook.roles:
        held = incident.roles.get(role.id)
        rows.append(ListRow("", literal(role.title, "$text-primary bold")))
        if held:
            since = Content.styled(f"{held.since.astimezone(zone):%H:%M}", "$text-quiet")
            rows.append(ListRow(role.id, Content("  ") + literal(held.person, "bold"), since))
            if held.offered_to:
                rows.append(
                    ListRow(
                        "",
                        Content("  → ")
                        + literal(f"{held.offered_to}? {key_of('accept', keys)} accepts", "$text-warning"),
                    )
                )
        else:
            key = Content.styled(key_of("assign", keys), "$key bold")
            rows.append(ListRow(role.id, Content.styled("  unassigned", "$text-warning"), key))
            rows.append(ListRow("", literal(f"  backup: {role.backup}", "$text-quiet")))
    return rows


def _rows(given: PaneInput) -> list[ListRow]:
    return role_rows(given.snapshot.incident, given.snapshot.playbook, given.zone, given.keys)


ROLES = ListPane("roles", "Roles", "pane_roles", "people", _rows, choose=lambda _: "assign", private=True)
