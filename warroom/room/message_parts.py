"""Fits a message to the longest post a destination takes: in numbered parts, or cut. Sends nothing."""

from __future__ import annotations

from collections.abc import Callable

from warroom.connect.ports import Chat
from warroom.incident.delivery import Message

MOST_PARTS = 20
"""More posts than this would bury a channel."""

LONGEST_STATUS = 3_000
"""Characters of a status message: every service takes them, edited and in whatever script."""

_SHORT_TITLE = 80


def length(chat: Chat, message: Message) -> int:
    """How long the post is, counted as the destination counts its ``max_length``."""
    measure: Callable[[Message], int] | None = getattr(chat, "measure", None)
    return measure(message) if measure else len(chat.render(message))


def split(chat: Chat, message: Message) -> tuple[Message, ...]:
    """The message in as few posts as the destination needs; () where more than ``MOST_PARTS`` would be needed.

    Each part begins with the title and its number, ``Title (2/3)``. Lines stay whole where they fit, words too.
    """
    limit = chat.max_length
    if length(chat, message) <= limit:
        return (message,)
    title = message.title if len(message.title) <= _SHORT_TITLE else ""
    rest = message.text
    if title and rest.startswith(f"{title}\n"):
        rest = rest[len(title) + 1 :]

    def part(body: str, number: str) -> Message:
        return message.model_copy(update={"text": f"{title} ({number})\n{body}".strip()})

    bodies: list[str] = []
    while rest:
        if len(bodies) == MOST_PARTS:
            return ()
        taken = _longest(rest, lambda body: length(chat, part(body, f"{MOST_PARTS}/{MOST_PARTS}")) <= limit)
        if not taken:
            return ()
        bodies.append(taken.strip("\n"))
        rest = rest[len(taken) :].lstrip("\n")
    parts = [part(body, f"{number}/{len(bodies)}") for number, body in enumerate(bodies, 1)]
    return tuple(one.model_copy(update={"pin": message.pin and one is parts[0]}) for one in parts)


def cut(chat: Chat, message: Message) -> Message:
    """The message itself, or its beginning as far as the destination takes it in one post."""

    def begun(text: str) -> Message:
        return message.model_copy(update={"text": f"{text}…"})

    if length(chat, message) <= chat.max_length:
        return message
    return begun(_longest(message.text, lambda text: length(chat, begun(text)) <= chat.max_length).rstrip())


def shortened(message: Message) -> Message:
    """A status message of at most ``LONGEST_STATUS`` characters."""
    if len(message.text) <= LONGEST_STATUS:
        return message
    return message.model_copy(update={"text": f"{message.text[: LONGEST_STATUS - 1]}…"})


def _longest(text: str, fits: Callable[[str], bool]) -> str:
    """The longest beginning that fits, "" if none does; to the end of a line or else of a word, if there is one."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(text[:middle]) else (low, middle - 1)
    if low == len(text):
        return text
    for end in (text.rfind("\n", 0, low + 1), text.rfind(" ", 0, low + 1)):
        if end > low // 2 and fits(text[:end]):
            return text[:end] + text[end]  # the separator goes with it
    return text[:low]
