"""What may stand at the cursor of a command line. Knows the grammar and the names, no shell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from warroom.cli.completion import FILES, FOLDERS
from warroom.cli.completion.values import KnownNames

PLACES = {"--settings": "settings", "--data": "data", "--incident": "incident"}
"""Options that decide which names there are."""


@dataclass
class Offer:
    """What may stand there: ``candidates``, each with what is said beside it, or what the shell knows itself."""

    candidates: list[tuple[str, str]] = field(default_factory=list)
    shell: str = "words"
    """``files`` or ``folders`` where the shell offers those."""


@dataclass
class _Line:
    """The words before the cursor, understood."""

    verb: str = ""
    arguments: int = 0
    given: dict[str, str] = field(default_factory=dict)
    waiting: str = ""
    """The option whose value comes next."""
    literal: bool = False
    """Whether -- has ended the options."""


def offer(grammar: Mapping[str, Any], words: Sequence[str], current: str, environ: Mapping[str, str]) -> Offer:
    """Return what ``current``, the word in which the cursor is, may become. ``words`` are those before it."""
    line = _understood(grammar, words)
    options = _options(grammar, line.verb)
    names = KnownNames(environ, {PLACES[name]: value for name, value in line.given.items() if name in PLACES})
    name, equals, begun = current.partition("=")
    if line.waiting:
        return _values(options[line.waiting]["value"], names, current)
    if equals and name in options and options[name]["value"] and not line.literal:
        found = _values(options[name]["value"], names, begun)
        return Offer([(f"{name}={value}", about) for value, about in found.candidates], found.shell)
    if current.startswith("-") and not line.literal:
        return Offer(_beginning(((name, option["help"]) for name, option in options.items()), current))
    if not line.verb:
        return Offer(_beginning(((name, verb["help"]) for name, verb in grammar["verbs"].items()), current))
    arguments = grammar["verbs"][line.verb]["arguments"]
    if line.arguments < len(arguments):
        return _values(arguments[line.arguments], names, current)
    if arguments and arguments[-1]["many"] and set(arguments[-1]["kinds"]) & {FILES, "actions", "people"}:
        return _values(arguments[-1], names, current)
    return Offer()


def _understood(grammar: Mapping[str, Any], words: Sequence[str]) -> _Line:
    line = _Line()
    for word in words:
        options = _options(grammar, line.verb)
        name, equals, value = word.partition("=")
        if line.waiting:
            line.given[line.waiting], line.waiting = word, ""
        elif word == "--" and not line.literal:
            line.literal = True
        elif name in options and not line.literal:
            if equals:
                line.given[name] = value
            elif options[name]["value"]:
                line.waiting = name
        elif word.startswith("--") and not line.literal:
            continue
        elif line.verb:
            line.arguments += 1
        elif word in grammar["verbs"]:
            line.verb = word
    return line


def _options(grammar: Mapping[str, Any], verb: str) -> dict[str, Any]:
    """The options that may stand here by each of their names; those of the verb first."""
    own = grammar["verbs"][verb]["options"] if verb else {}
    every = {**own, **{name: option for name, option in grammar["options"].items() if name not in own}}
    return {name: option for long, option in every.items() for name in (long, *option["also"])}


def _values(value: Mapping[str, Any], names: KnownNames, begun: str) -> Offer:
    shell = next((kind for kind in value["kinds"] if kind in (FILES, FOLDERS)), "words")
    found = [(word, "") for word in value["words"]]
    for kind in value["kinds"]:
        found += names.of(kind)
    return Offer(_beginning(found, begun), shell)


def _beginning(candidates: Iterable[tuple[str, str]], begun: str) -> list[tuple[str, str]]:
    """Those that begin so, whatever the case, each once. Left out is what a terminal would obey."""
    wanted = begun.casefold()
    found = {
        value: " ".join("".join(char if char.isprintable() else " " for char in about).split())
        for value, about in candidates
        if value and value.isprintable() and value.casefold().startswith(wanted)
    }
    return list(found.items())
