"""What the scripts of the shells call: ``warroom __complete SHELL …`` prints how the word at the cursor may go on.

    warroom __complete bash LINE BREAKS     the line up to the cursor, and COMP_WORDBREAKS
    warroom __complete fish LINE
    warroom __complete zsh WORD…            the words up to the cursor, without their quotes

The first line of the answer is ``words``, ``files`` or ``folders``: what the shell offers itself. The others are
candidates: for bash as they are to be typed, else as they are, with a tab and a description where there is one.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence

from warroom.cli.completion import GRAMMAR
from warroom.cli.completion.candidates import offer
from warroom.cli.completion.quoting import Word, insertion, split

PROGRAM = "warroom"


def answer(arguments: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of the answer."""
    shell, *rest = arguments
    words = [Word(word, word) for word in rest] if shell == "zsh" else split(rest[0])
    *before, current = _after_program(words)
    found = offer(json.loads(GRAMMAR.read_bytes()), [word.text for word in before], current.text, environ)
    yield found.shell
    for value, about in found.candidates:
        if shell == "bash":
            typed = insertion(value, current, rest[1])
            if typed is not None:
                yield typed
        else:
            yield f"{value}\t{about}" if about else value


def _after_program(words: Sequence[Word]) -> Sequence[Word]:
    """The words behind the program's name. In front of it variables may be set; another name is an alias of it."""
    for place, word in enumerate(words[:-1]):
        if word.text.rpartition("/")[2] == PROGRAM:
            return words[place + 1 :]
    return words[1:] or [Word("", "")]


def main(arguments: Sequence[str]) -> None:
    """Print the answer. Whatever is wrong, nothing is printed: a Tab that fails must not spoil the line."""
    try:
        text = "".join(f"{line}\n" for line in answer(arguments, os.environ))
    except Exception:  # noqa: BLE001 — the edge: the person is typing
        return
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))
