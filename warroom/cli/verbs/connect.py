"""The verb that connects a chat service."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import get_args

import click

from warroom.cli import output
from warroom.cli.context import CliContext, verb
from warroom.incident.delivery import Audience

SECTION = "Setup"


@verb(
    SECTION,
    example="warroom connect\nwarroom connect slack\n"
    "warroom connect webhook --set url=env:STATUS_HOOK --audience customers --name status",
)
@click.argument("service", default="")
@click.option("--name", default="", metavar="NAME", help="What the settings call it. [default: the service's name]")
@click.option(
    "--set", "given", multiple=True, metavar="OPTION=VALUE", help="An option; a secret as env:NAME or file:PATH."
)
@click.option(
    "--audience",
    "audiences",
    multiple=True,
    type=click.Choice(get_args(Audience)),
    help="Whose messages go there; may be given several times. [default: team; customers of a status page]",
)
@click.option("--drills", is_flag=True, help="Post drills there too.")
@click.option("--steps", is_flag=True, help="Print what to do in the service, and its app manifest, and end.")
@click.option("--no-test", is_flag=True, help="Send no test message.")
def connect(
    context: CliContext,
    service: str,
    name: str,
    given: Sequence[str],
    audiences: Sequence[Audience],
    drills: bool,
    steps: bool,
    no_test: bool,
) -> None:
    """Connect a chat service: ask the least, send a test message, write the settings.

    Without a service, list them. Nothing is written before the service has answered.
    """
    from warroom.cli import connecting

    if not service:
        _list(context)
        return
    options = dict(_pair(one) for one in given)
    places = context.find_paths()
    known = context.read_settings()[1].destinations if places.settings.exists() else {}
    made = connecting.begin(service, name or service, options, _named(known))
    made.audiences = tuple(audiences) or made.audiences
    if steps:
        lines = connecting.steps(made.setup)
        if context.json:
            output.data({"service": service, "steps": lines})
        else:
            output.print_out("\n".join(lines))
        return
    found, written = connecting.connect(
        made, places, context.environ, needed_only=bool(given), post=not no_test, drills=drills
    )
    if context.json:
        output.data({"name": made.name, "found": found, "written": [str(path) for path in written]})
    else:
        for path in written:
            output.print_out(str(path))
        output.print_err("Next: warroom doctor")


def _list(context: CliContext) -> None:
    from warroom.cli import connecting

    known = connecting.services()
    if context.json:
        output.data([{"service": name, "is": setup.service} for name, setup, _ in known])
        return
    rows = []
    for name, setup, promises in known:
        can = ("reads_back", "edits", "threads", "receives")
        words = [word.replace("_", " ") for word in can if promises and getattr(promises, word)]
        rows.append([name, setup.service, ", ".join(words)])
    output.table(rows)
    output.print_err("warroom connect SERVICE asks for the rest.")


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise click.UsageError(f"--set takes OPTION=VALUE, not {text!r}.")
    return key.strip(), value.strip()


def _named(destinations: Collection[str]) -> Collection[str]:
    """The destinations that the settings file names; the transcript used without any does not count."""
    from warroom.bootstrap import TRANSCRIPT

    return [] if list(destinations) == [TRANSCRIPT] else destinations
