"""The verb that searches everything recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from warroom.cli import output
from warroom.cli.context import CliContext, verb
from warroom.cli.reporting import join_words, text_argument

if TYPE_CHECKING:
    from warroom.incident.search import Found

SECTION = "Overview"

MARK = ("[", "]")
"""Around the words that match."""


@verb(
    SECTION,
    reads=True,
    example="warroom search connection pool\nwarroom search kind:fix service:checkout rollback\n"
    "warroom search '\"card payments\" since:90d' --json",
)
@text_argument("words", "WORDS")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many at most.")
def search(context: CliContext, words: Sequence[str], limit: int) -> None:
    """Search everything that was ever recorded: incidents, chat, evidence, post-mortems, alerts.

    A word finds words that begin with it, "quoted words" that phrase, -word leaves out. Narrow it by service:,
    kind:, by:, incident:, since: and until:.
    """
    room = context.room
    result = context.app.search.find(join_words(words), limit)
    for incident in result.unreadable:
        output.print_err(f"! {incident} cannot be read and was not searched; warroom doctor says why")
    if context.json:
        output.data([_public(found) for found in result.found])
        return
    if not result.found:
        output.print_err("Nothing found")
    now, zone = room.clock(), room.zone
    output.table(
        [
            found.incident or found.stream,
            str(found.number) if found.stream == found.incident else "",
            output.when(found.at, zone, now, seconds=False),
            output.Styled.of(found.kind, "quiet" if found.retracted else ""),
            found.by,
            ("(retracted) " if found.retracted else "") + _marked(found),
        ]
        for found in result.found
    )


def _marked(found: Found) -> str:
    return "".join(f"{MARK[0]}{text}{MARK[1]}" if marked else text for text, marked in found.excerpt)


def _public(found: Found) -> dict[str, Any]:
    return {
        "incident": found.incident or None,
        "stream": found.stream,
        "seq": found.number,
        "id": str(found.entry),
        "at": found.at,
        "kind": found.kind,
        "service": found.service,
        "by": found.by,
        "excerpt": found.text,
        "matches": [text for text, marked in found.excerpt if marked],
        "retracted": found.retracted,
    }
