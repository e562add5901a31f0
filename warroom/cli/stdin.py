"""Read stdin for the verbs that take text or logs from it, with an error for a person if it cannot be read."""

from __future__ import annotations

import sys

from warroom.errors import BadInput, WarroomError

MAX_TEXT_BYTES = 1 << 20
"""The longest text that a verb takes from stdin."""


def read_text() -> str:
    """All of stdin without the line breaks at its end. Bytes that are not UTF-8 become ``�``.

    Raises ``WarroomError`` if stdin is closed or cannot be read, ``BadInput`` if it is empty or longer than
    ``MAX_TEXT_BYTES``: text is taken whole or not at all.
    """
    require_open()
    try:
        data = sys.stdin.buffer.read(MAX_TEXT_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: closed since the start
        reason = (getattr(error, "strerror", None) or "it is closed").lower()
        raise WarroomError(f"stdin cannot be read: {reason}", _REMEDY) from None
    if len(data) > MAX_TEXT_BYTES:
        raise BadInput(
            f"The text on stdin is longer than {MAX_TEXT_BYTES >> 20} MiB; nothing was saved",
            "Shorten it, or keep it in a file and note where it is.",
        )
    text = data.decode("utf-8", "replace").rstrip("\r\n")
    if not text.strip():
        raise BadInput("stdin was empty", "Nothing was changed. Check the command before the pipe.")
    return text


def require_open() -> None:
    """Raise ``WarroomError`` if stdin was closed when the program started.

    Its number may then belong to another file, so it must not be read by number either.
    """
    if sys.stdin is None:
        raise WarroomError("stdin is closed", _REMEDY)


_REMEDY = "Pipe the text in, or put it in quotes after the verb."
