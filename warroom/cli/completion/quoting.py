"""Take a command line apart as a shell does, and write text so that a shell takes it literally. Pure.

Candidates come from settings and journals, and with them text that other people wrote: none of it may ever run.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_PLAIN = re.compile(r"[\w%+,./-]*\Z")
"""What no shell gives a meaning to, wherever it stands in a word."""


class Word(NamedTuple):
    """A word of a command line: what it means, how it is typed, and the quote that is still open at its end."""

    text: str
    typed: str
    quote: str = ""


def split(line: str) -> list[Word]:
    """Return the words of a line up to the cursor; the last is the one the cursor is in, which may be empty.

    Nothing is expanded: ``$HOME`` stands for itself.
    """
    words: list[Word] = []
    text = typed = quote = ""
    begun = False
    rest = iter(line)
    for char in rest:
        if not quote and char.isspace():
            if begun:
                words.append(Word(text, typed))
            text, typed, begun = "", "", False
            continue
        begun, typed = True, typed + char
        if char == quote:
            quote = ""
        elif not quote and char in "\"'":
            quote = char
        elif char == "\\" and quote != "'":
            escaped = next(rest, "")
            typed += escaped
            keeps = quote == '"' and escaped not in '"\\$`'
            text += f"\\{escaped}" if keeps else escaped
        else:
            text += char
    words.append(Word(text, typed, quote))
    return words


def quoted(text: str, quote: str = "") -> str | None:
    """Return ``text`` as typed in bash: behind an open ``quote``, else with backslashes. None if that cannot be.

    Within quotes the text goes on behind the opening one, and the shell adds the closing one.
    """
    if quote == "'":
        return None if "'" in text else text
    if quote == '"':
        return None if "!" in text else re.sub(r'(["\\$`])', r"\\\1", text)
    return "".join(char if _PLAIN.match(char) else f"\\{char}" for char in text)


def insertion(text: str, word: Word, breaks: str) -> str | None:
    """Return what replaces, in bash, the part of ``word`` behind the last of its ``breaks``, to make it ``text``.

    ``breaks`` is bash's COMP_WORDBREAKS. None where the word cannot be continued safely.
    """
    if word.quote:
        opened = word.typed.rfind(word.quote)
        before = split(word.typed[:opened])[-1].text
        if not text.casefold().startswith(before.casefold()):
            return None
        return quoted(text[len(before) :], word.quote)
    cut = 0
    for found in re.finditer(r"\\.|.", word.typed, re.DOTALL):
        if found[0] in "\"'":
            return None  # quotes that are closed again: what readline replaces cannot be told here
        if found[0] in breaks:  # one behind a backslash breaks no word
            cut = found.end()
    before = split(word.typed[:cut])[-1].text
    return quoted(text[len(before) :])
