"""The man page, made from the verbs: ``warroom help --man`` prints it, and installing puts it beside the others.

``python -m warroom.cli.man_page`` writes the file that is installed. Source of the format: man(7) and the sections
that man-pages(7) asks for. It has no date and nothing of this machine, so that it is the same wherever it is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from warroom import __version__
from warroom.cli.context import Verb, Verbs
from warroom.cli.verb_table import FAMILIES
from warroom.config.paths import shipped

NAME = "warroom.1"

ENVIRONMENT = (
    ("WARROOM_SETTINGS", "The team's settings file."),
    ("WARROOM_DATA", "The folder of the journal."),
    ("WARROOM_AS", "Who you are."),
    ("WARROOM_PLAYBOOK", "A playbook instead of the settings' one."),
    ("WARROOM_THEME", "A theme instead of the settings' one."),
    ("NO_COLOR", "No colours in what verbs print."),
)

FILES = (
    ("~/.config/warroom/settings.toml", "The team's settings. warroom init writes a first one."),
    ("~/.local/share/warroom/", "The journal, transcripts and the diagnostic log."),
)


def man_page(program: Verbs) -> str:
    """Return the page of the program with all its verbs, as roff."""
    return "\n".join(_lines(program)) + "\n"


def _lines(program: Verbs) -> Iterator[str]:
    context = click.Context(program, info_name="warroom")
    yield f'.TH WARROOM 1 "" "warroom {__version__}" "User Commands"'
    yield ".SH NAME"
    yield r"warroom \- the terminal console a small team runs its production incidents in"
    yield ".SH SYNOPSIS"
    yield r".B warroom"
    yield r"[\fIOPTION\fR]... [\fIVERB\fR [\fIARGUMENT\fR]...]"
    yield ".SH DESCRIPTION"
    yield _text(
        "Declare an incident, work through its checklist, post updates to chat, watch the log, resolve it. "
        "Everything that happens is written to one timeline on disk. Without a verb the console opens."
    )
    yield ".PP"
    yield _text("warroom help lists the pages of the manual; warroom help TOPIC prints one.")
    yield ".SH OPTIONS"
    yield _text("These may stand before or after every verb.")
    yield from _options(program, context, program.params)
    yield ".SH VERBS"
    for section in dict.fromkeys(family.section for family in FAMILIES):
        yield f'.SS "{_text(section)}"'
        for family in FAMILIES:
            for name in family.verbs if family.section == section else ():
                verb = program.get_command(context, name)
                assert isinstance(verb, Verb)
                yield from _verb(verb, context)
    yield ".SH EXIT STATUS"
    for status, meaning in exit_statuses():
        yield from _item(status, meaning)
    yield ".SH ENVIRONMENT"
    for variable, meaning in ENVIRONMENT:
        yield from _item(variable, meaning)
    yield ".SH FILES"
    for path, meaning in FILES:
        yield from _item(path, meaning)


def _verb(verb: Verb, parent: click.Context) -> Iterator[str]:
    context = click.Context(verb, info_name=verb.name, parent=parent)
    pieces = [piece for piece in verb.collect_usage_pieces(context) if piece != "[OPTIONS]"]
    yield ".TP"
    yield rf"\fBwarroom {_text(str(verb.name))}\fR {_text(' '.join(pieces))}".rstrip()
    yield from _paragraphs(verb.help or "")
    yield ".RS"
    yield from _options(verb, context, [*verb.params, *verb.wait_options])
    yield ".PP"
    yield "Example:" if "\n" not in verb.example else "Examples:"
    yield ".PP"
    yield ".nf"
    yield ".RS"
    yield from (_text(line.strip()) for line in verb.example.splitlines())
    yield ".RE"
    yield ".fi"
    yield ".RE"


def _options(command: click.Command, context: click.Context, params: list[click.Parameter]) -> Iterator[str]:
    for param in params:
        record = param.get_help_record(context) if isinstance(param, click.Option) else None
        if record:
            yield from _item(*record)


def _item(term: str, meaning: str) -> Iterator[str]:
    yield ".TP"
    yield rf"\fB{_text(term)}\fR"
    yield _text(meaning)


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(text.replace("\b\n", "").strip().split("\n\n")):
        if number:
            yield ".IP"
        yield _text(" ".join(paragraph.split()))


def _text(text: str) -> str:
    r"""Text as roff prints it: a dash that can be copied, no escapes, no line that is taken for a request."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("`", r"\(ga")
    escaped = escaped.replace("^", r"\(ha").replace("~", r"\(ti").replace('"', r"\(dq")
    return rf"\&{escaped}" if escaped.startswith(".") else escaped


def exit_statuses() -> list[tuple[str, str]]:
    """Return the exit statuses and their meanings, as the docstring of ``main`` has them."""
    from warroom.cli import main

    listed = re.search(r"Exit status: (.*?)\. Reasons", main.__doc__ or "", re.DOTALL)
    found = " ".join(listed[1].split()).split(" · ") if listed else []
    return [(status, meaning) for status, _, meaning in (one.partition(" ") for one in found)]


def write() -> None:
    """Write the file that is installed."""
    from warroom.cli.main import cli

    (shipped("docs") / NAME).write_text(man_page(cli), encoding="utf-8")


if __name__ == "__main__":
    write()
