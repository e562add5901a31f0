"""The verbs for shells and scripts: the schema of what --json prints, and completion."""

from __future__ import annotations

import click

from warroom.cli import output
from warroom.cli.context import CliContext, pick, verb

SECTION = "Setup"
SHELLS = ("bash", "zsh", "fish")


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


@verb(
    SECTION,
    has_json=False,
    example="warroom completion bash > ~/.local/share/bash-completion/completions/warroom\n"
    "warroom completion fish > ~/.config/fish/completions/warroom.fish",
)
@click.argument("shell", type=click.Choice(SHELLS), metavar="bash|zsh|fish")
def completion(context: CliContext, shell: str) -> None:
    """Print the script by which a shell completes verbs, options, incidents, people and more."""
    from warroom.cli.completion import FOLDER

    output.print_out((FOLDER / f"warroom.{shell}").read_text(encoding="utf-8"), end="")
