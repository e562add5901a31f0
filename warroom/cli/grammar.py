"""The grammar of the command line as plain data, made from the verbs.

``python -m warroom.cli.grammar`` writes ``completion/grammar.json``. Read from there it costs a Tab two
milliseconds, where importing the verbs would take half a second.
"""

from __future__ import annotations

import json
from typing import Any

from warroom.cli.completion import FILES, FOLDERS, GRAMMAR

BY_METAVAR = {
    "C1": ["changes"],
    "DEST": ["destinations"],
    "DIR": [FOLDERS],
    "FILE": [FILES],
    "FILE.html": [FILES],
    "INC-N": ["incidents"],
    "INC-n": ["incidents"],
    "ITEM": ["items"],
    "LEVEL": ["severities"],
    "PATH": [FILES],
    "PATH…": [FILES],
    "PERSON": ["people"],
    "[INC-n]": ["incidents"],
}
"""The kinds of the values of a parameter that is shown as this in the help."""

BY_NAME = {
    "accept role": ["roles"],
    "action owner": ["people"],
    "actions items": ["actions"],
    "alert service": ["services"],
    "assign name": ["people"],
    "assign role": ["roles"],
    "check item": ["items"],
    "declare commander": ["people"],
    "declare service": ["services"],
    "deliveries delivery_id": ["deliveries"],
    "delivery delivery_id": ["deliveries"],
    "done item": ["actions"],
    "drill name": ["drills", "incidents"],
    "drill what": ["drills"],
    "global by": ["people"],
    "handover name": ["people"],
    "handover role": ["roles"],
    "oncall names": ["people"],
    "page through": ["paging"],
    "page who": ["people", "roles"],
    "pin level": [],
    "postmortem stores": ["documents"],
    "actions tracker": ["trackers"],
    "probes name": ["probes"],
    "ready item": ["readiness"],
    "release role": ["roles"],
    "runbook name": ["runbooks"],
    "severity level": ["severities"],
    "update approved_by": ["people"],
    "update template": ["templates"],
}
"""The kinds of the values of a verb's parameter, where its metavar does not tell."""


def build() -> dict[str, Any]:
    """Return the grammar: the global options, and each verb with its options and arguments."""
    import click

    from warroom.cli.context import Verb
    from warroom.cli.main import cli

    context = click.Context(cli, info_name="warroom")
    verbs = [(name, cli.get_command(context, name)) for name in cli.list_commands(context)]
    own = [param for param in cli.get_params(context) if isinstance(param, click.Option)]
    return {
        "options": dict(_option("global", param) for param in own),
        "verbs": {
            name: {
                "help": command.get_short_help_str(200),
                "options": dict(
                    _option(name, param)
                    for param in (*command.params, *command.wait_options)
                    if isinstance(param, click.Option)
                ),
                "arguments": [
                    {"many": param.nargs == -1, **_value(name, param)}
                    for param in command.params
                    if isinstance(param, click.Argument)
                ],
            }
            for name, command in verbs
            if isinstance(command, Verb)
        },
    }


def _option(verb: str, param: Any) -> tuple[str, dict[str, Any]]:
    names = sorted({*param.opts, *param.secondary_opts}, key=lambda name: (not name.startswith("--"), name))
    if "--help" in names:
        names = ["--help", "-h"]
    long, *others = names
    takes = None if param.is_flag or param.count or param.is_eager else _value(verb, param)
    return long, {"help": param.help or "", "also": others, "value": takes}


def _value(verb: str, param: Any) -> dict[str, Any]:
    """What may be given: kinds that ``values.py`` knows, words that are always the same; neither for free text."""
    import click

    metavar = param.metavar or ""
    kinds = BY_NAME.get(f"{verb} {(param.name or '').removeprefix('global_')}", BY_METAVAR.get(metavar, []))
    words = list(param.type.choices) if isinstance(param.type, click.Choice) else _words(verb, param.name or "")
    return {"kinds": kinds, "words": words, "metavar": metavar or (param.name or "").upper()}


def _words(verb: str, name: str) -> list[str]:
    """Words that are the same for every team, of parameters that do not list them themselves."""
    from warroom.cli import connecting, json_schema, manual
    from warroom.cli.verbs.drills import WORDS
    from warroom.cli.verbs.overview import PLAYBOOK_PARTS
    from warroom.config.escalation import EVERYONE, NEXT, ON_CALL
    from warroom.incident.delivery import AUDIENCES
    from warroom.incident.events import MILESTONES, SECTIONS

    known: dict[str, Any] = {
        "connect service": [service for service, _, _ in connecting.services()],
        "drill what": WORDS,
        "help topic": manual.topics(),
        "milestone name": MILESTONES,
        "page who": (ON_CALL, NEXT, EVERYONE),
        "playbook part": PLAYBOOK_PARTS,
        "schema name": sorted(json_schema.SHAPES),
        "section name": SECTIONS,
        "state status": ("investigating", "mitigated", "resolved"),
        "update audience": AUDIENCES,
    }
    return list(known.get(f"{verb} {name}", ()))


def text() -> str:
    """Return the grammar as it is to be shipped."""
    return json.dumps(build(), ensure_ascii=False, indent=1) + "\n"


def write() -> None:
    """Write the file that is shipped."""
    GRAMMAR.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    write()
