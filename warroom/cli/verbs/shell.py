"""The verbs for shells and scripts: the schema of what --json prints, and completion."""

from __future__ import annotations

import click

from warroom.cli import output
from warroom.cli.context import CliContext, pick, verb

SECTION = "Setup"


@verb(
    SECTION,
    example="warroom schema status\nwarroom schema drill-list\nwarroom schema > warroom.schema.json",
)
@click.argument("name", default="")
def schema(context: CliContext, name: str) -> None:
    """Print the JSON Schema of what a verb prints with --json; without a name, all of them."""
    from warroom.cli import json_schema

    if name:
        chosen = pick("schema", name, [(one, one) for one in sorted(json_schema.SHAPES)], abbreviated=False)
        output.data(json_schema.schema(chosen))
    else:
        output.data(json_schema.schemas())
