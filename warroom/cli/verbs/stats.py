"""The verb about many incidents: their figures, as text, JSON or an HTML page."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import click

from warroom.cli import output
from warroom.cli.context import CliContext, verb
from warroom.cli.reporting import STDOUT, confirm, deliver, warn_of_unknown_person, write_output

if TYPE_CHECKING:
    from warroom.reports.figures import IncidentFigures

SECTION = "Overview"


@verb(
    SECTION,
    posts=True,
    example="warroom stats\nwarroom stats --since 90d --by service\nwarroom stats --html figures.html\n"
    "warroom stats --post",
)
@click.option("--since", metavar="TIME", help="Incidents declared since then: 90d, 12w, 2026-01-01. [default: all]")
@click.option("--until", metavar="TIME", help="Incidents declared before then.")
@click.option(
    "--by",
    type=click.Choice(["month", "service", "severity"]),
    default="month",
    show_default=True,
    help="Group the incidents by this.",
)
@click.option("--html", metavar="FILE", help="Write a page with charts to this file.")
@click.option("--improvement", is_flag=True, help="Only the line about a quarter that was better.")
@click.option("--post", is_flag=True, help="Post that line to the team; shows it first and asks.")
@click.option("--yes", is_flag=True, help="post: do not ask.")
def stats(
    context: CliContext,
    since: str | None,
    until: str | None,
    by: str,
    html: str | None,
    improvement: bool,
    post: bool,
    yes: bool,
) -> None:
    """Show figures over all incidents: times, updates, severities, alerts, actions, causes."""
    from warroom.reports.figures import GroupBy
    from warroom.reports.figures_text import WIDE, figure_lines, public
    from warroom.room.figures_reader import FiguresReader

    if yes and not post:
        raise click.UsageError("--yes is for --post.")
    room = context.room
    grouping: GroupBy = by  # type: ignore[assignment]
    figures = FiguresReader(room).read(
        since=context.moment(since, "--since"), until=context.moment(until, "--until"), by=grouping
    )
    if post:
        _post(context, figures, yes)
    elif improvement:
        if context.json:
            output.data({"improvement": figures.improvement or None})
        elif figures.improvement:
            output.print_out(figures.improvement)
        else:
            output.print_err(
                "The last complete quarter was not better than the one before, or had too few incidents"
            )
    elif html is not None and not (context.json and html in STDOUT):
        from warroom.reports.figures_html import to_html

        write_output(html, to_html(figures, room.settings.team.name, room.clock(), room.zone), context)
    elif context.json:
        output.data(public(figures))
    else:
        looks = {"title": "strong", "note": "quiet", "good": "good", "row": ""}
        for line in figure_lines(figures, room.zone, shutil.get_terminal_size((WIDE, 0)).columns):
            output.print_parts(output.Styled.of(line.text, looks[line.look]))


def _post(context: CliContext, figures: IncidentFigures, yes: bool) -> None:
    """Post the line about a better quarter to the team, after a question."""
    from warroom.incident.events import TEAM
    from warroom.room.improvement import post_improvement, prepare_improvement

    room = context.room
    prepared = prepare_improvement(room, figures)
    if not yes:
        confirm(prepared.preview(), "Post it to the team?", "nothing was posted")
    post_improvement(room, prepared)
    warn_of_unknown_person(context)
    if not context.json:
        output.print_out(prepared.words)
    deliveries = deliver(context, TEAM, {prepared.id})
    if context.json:
        sent = [output.delivery(delivery) for delivery in deliveries]
        output.data({"quarter": prepared.quarter, "text": prepared.words, "deliveries": sent})
