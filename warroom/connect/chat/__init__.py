"""What all chat backends share: a message's lines, the marker last, markup from outside neutralized.

Each backend is a module beside this one. They do not import each other.
"""

from __future__ import annotations

import re

from warroom.incident.delivery import Message, MessageLine, Opening
from warroom.safety import sanitize

_MENTION = re.compile(r"@(?=everyone|here|all|channel|room|team|online)|(?<![\w.+-])@", re.IGNORECASE)
_TAG = re.compile(r"<(?=[\w!@#&:/?%])")
_LINK = re.compile(r"\](?=[(\[])")
_MARKDOWN = re.compile(r"[\\`*_~\[\]|<>]")
_HEADING = re.compile(r"^(\s*)(#|=|-(?=-))", re.MULTILINE)
_HEADING_IN_LIST = re.compile(r"^((?:[\s+-]|\d+\.)+)#", re.MULTILINE)
_ADDRESS = re.compile(r"https?://[^\s<>\\`*|\[\]]+")
_LINK_TARGET = re.compile(r"^(\s*\[[^\]\n]*\]):", re.MULTILINE)


def message_lines(message: Message, *, recognises: bool = False) -> tuple[MessageLine, ...]:
    """The lines of a post: the message's own, and its marker last unless they end with it already.

    ``recognises``: the destination identifies a post by its key, or the backend ends it with a code of its own, so
    customers need no marker.

    Control characters and the like were taken out when the text was written; this does it again, as a backend
    is the last place where it can be done.
    """
    lines = message.lines() or (MessageLine(label="", text=""),)
    lines = tuple(
        MessageLine(label=sanitize(line.label), text=sanitize(line.text, newlines=False)) for line in lines
    )
    marker = sanitize(message.marker, newlines=False)
    if recognises and message.audience == "customers":
        return lines
    if not marker or lines[-1].text.rstrip().endswith(marker):
        return lines
    return (*lines, MessageLine(label="", text=marker))


def headline(opening: Opening) -> str:
    """The incident and its title in one line, the incident named once."""
    title = sanitize(opening.title, newlines=False).strip()
    if opening.public:
        return title
    known = re.match(rf"{re.escape(opening.incident)}(?!\w)", title)
    return title if known else f"{sanitize(opening.incident, newlines=False)} {title}".strip()


def plain(lines: tuple[MessageLine, ...]) -> str:
    """The lines as text without any markup."""
    return "\n".join(f"{line.label}: {line.text}" if line.label else line.text for line in lines)


def defuse_mentions(text: str) -> str:
    """Replace every ``@`` that could mention someone by its full-width form (``＠everyone``).

    A full-width sign is chosen over an invisible break: it can be seen, copied, and survives services that
    strip invisible characters. Within a word (``root@db1``) it stays, unless a calling word follows it.
    """
    return _MENTION.sub("＠", text)


def escape_markdown(text: str, *, mentions: bool = False) -> str:
    """The text with a backslash before whatever Markdown would format: emphasis, code, links, tables, tags,
    headings, quotes, also behind the mark of a list. A hyphen that begins a line of a list stays.

    Web addresses stay as they are: they show where they lead, and a backslash would break them. ``mentions`` are
    defused everywhere else.
    """
    pieces, done = [], 0
    for address in _ADDRESS.finditer(text):
        pieces += [_escape_words(text[done : address.start()], mentions), address[0]]
        done = address.end()
    return "".join([*pieces, _escape_words(text[done:], mentions)])


def _escape_words(text: str, mentions: bool) -> str:
    escaped = _MARKDOWN.sub(r"\\\g<0>", defuse_mentions(text) if mentions else text)
    return _HEADING_IN_LIST.sub(r"\1\\#", _HEADING.sub(r"\1\\\2", escaped))


def neutralize_markup(text: str) -> str:
    """The text with the markup of services we do not know broken, for receivers that may be any of them.

    Mentions as in ``defuse_mentions``; ``<`` that opens a tag, mention or link becomes ``＜`` (Slack's
    ``<!channel>``, Google Chat's ``<users/all>``, Teams' ``<at>``, HTML); ``](`` becomes ``] (``, so no link
    and no image hides behind other words. A bare address stays as it is: its target is visible.
    """
    text = _TAG.sub("＜", defuse_mentions(text))
    return _LINK_TARGET.sub(r"\1 :", _LINK.sub("] ", text))
