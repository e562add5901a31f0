"""The verb about alert sources: how their last polls went, silences, the playbook's rules for Prometheus."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta

import click

from warroom.cli import output
from warroom.cli.context import CliContext, usage, verb
from warroom.errors import BadInput
from warroom.incident.timing import format_duration, read_duration
from warroom.reports.alert_rules import Metrics, prometheus_rules

SECTION = "Setup"


@verb(
    SECTION,
    reads=True,
    example="warroom alerts\nwarroom alerts silence 3 --for 2h --reason 'planned work'\n"
    "warroom alerts rules --label service > rules.yml",
)
@click.argument("what", required=False, type=click.Choice(["rules", "silence"]), metavar="[rules|silence ALERT]")
@click.argument("alert", required=False, metavar="")
@click.option("--for", "span", metavar="TIME", help="silence: for how long. [default: 1h]")
@click.option("--reason", metavar="TEXT", help="silence: why.")
@click.option("--label", metavar="NAME", help="rules: the label that names the service. [default: job]")
@click.option("--up", metavar="METRIC", help="rules: whether a target is up. [default: up]")
@click.option("--requests", metavar="METRIC", help="rules: requests. [default: http_requests_total]")
@click.option("--failed", metavar="MATCHER", help='rules: which of them failed. [default: code=~"5.."]')
@click.option("--latency", metavar="METRIC", help="rules: buckets of a histogram of the response time.")
@click.option("--memory", metavar="METRIC", help="rules: memory in use.")
@click.option("--memory-limit", metavar="METRIC", help="rules: the memory there is.")
@click.option("--queue", metavar="METRIC", help="rules: the depth of a queue. [default: queue_depth]")
def alerts(
    context: CliContext,
    what: str | None,
    alert: str | None,
    span: str | None,
    reason: str | None,
    **metrics: str | None,
) -> None:
    """List the alert sources; silence an alert at its source; print rules for Prometheus.

    ALERT is the number or id of an alert that fires, as warroom alert lists it. The rules are for Prometheus: those
    of the playbook, for the services and metrics of the team.
    """
    given = {name: value for name, value in metrics.items() if value}
    if what == "silence":
        if not alert or given:
            raise click.UsageError("Name the alert: warroom alerts silence ALERT --for 2h")
        _silence(context, alert, span or "1h", reason or "")
        return
    if alert or span or reason:
        raise click.UsageError("--for and --reason are for warroom alerts silence ALERT.")
    if what == "rules":
        _print_rules(context, Metrics(**given))
    elif given:
        raise click.UsageError("These options are for the rules: warroom alerts rules")
    else:
        _list_sources(context)


def _silence(context: CliContext, alert: str, span: str, reason: str) -> None:
    from warroom.room.silencing import silence_alerts

    try:
        until = context.room.clock() + timedelta(seconds=read_duration(span))
    except BadInput as error:
        raise usage(error, "--for") from None
    known = context.room.team().find_tracked(alert)
    outcome = silence_alerts(context.room, [known.alert.id], until, reason)
    if context.json:
        output.data({"alert": known.alert.id.hex, "source": known.source, "until": until, "outcome": outcome})
    else:
        output.print_out(f"{known.source}: {outcome}")


def _list_sources(context: CliContext) -> None:
    room = context.room
    now, reports = room.clock(), room.source_reports()
    if context.json:
        output.data(
            [
                {
                    "source": name,
                    "backend": table.backend,
                    "every_s": table.every,
                    "polled_at": report.at if report else None,
                    "succeeded_at": report.succeeded_at if report else None,
                    "firing": report.firing if report else None,
                    "problem": report.problem if report else "",
                }
                for name, table in room.settings.alerts.items()
                for report in [reports.get(name)]
            ]
        )
        return
    rows = []
    for name, table in room.settings.alerts.items():
        report = reports.get(name)
        if report is None:
            unseen = (
                ("not polled yet", "a console polls it")
                if table.polled
                else ("nothing received yet", "warroom watch --listen receives it")
            )
            rows.append([name, table.backend, *unseen])
            continue
        ago = f"{format_duration(max(now - report.at, now - now))} ago"
        problem = " ".join(report.problem.split())
        rows.append([name, table.backend, ago, output.Styled.of(problem, "bad") or f"{report.firing} firing"])
    output.table(rows)
    if not rows:
        output.print_err("No alert sources. Add [alerts.NAME] to the settings: warroom help alerts")


def _print_rules(context: CliContext, metrics: Metrics) -> None:
    for field in fields(metrics):
        value = getattr(metrics, field.name)
        if not value.isprintable() or not value.strip():
            raise BadInput(f"--{field.name.replace('_', '-')} is empty or has a line break")
    room = context.room
    book, services = room.playbook.alerts, [service.name for service in room.settings.services]
    rules = prometheus_rules(book.critical, book.warning, services, metrics)
    if context.json:
        output.data({"rules": rules.text, "unknown": rules.unknown})
    else:
        output.print_out(rules.text, end="")
    for name in rules.unknown:
        output.print_err(f"! {name}: no form of rule is known by this name; it is left out")
