"""Edit a text in the person's own editor, in the terminal that the console gives up meanwhile."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

MAX_LENGTH = 1_000_000
"""The longest text that is read back from an editor, in characters."""


class EditorError(Exception):
    """The editor did not start, or its file cannot be read; the message says which."""


async def edit_text(app: App[Any], editor: list[str], text: str, name: str) -> str:
    """Let ``editor`` (a command and its arguments) edit ``text``; return the result without trailing line breaks.

    The text is in a file ``name``.txt that only this user can read; it is deleted afterwards. ``EditorError``.
    """
    problem = ""
    edited: str | None = None
    with tempfile.TemporaryDirectory(prefix="warroom-") as folder:  # mode 0700
        file = Path(folder) / f"{name}.txt"
        await asyncio.to_thread(file.write_text, text + "\n", encoding="utf-8")
        try:
            # Nothing may be drawn while the editor has the terminal, and no error may leave this block: either
            # would stop Textual's writer for good.
            with app.batch_update(), app.suspend():
                try:
                    process = await asyncio.create_subprocess_exec(*editor, str(file))
                    await process.wait()
                except (OSError, ValueError) as error:
                    problem = getattr(error, "strerror", "") or "it cannot be started"
        except SuspendNotSupported:
            problem = "this terminal cannot be handed over to it"
        if not problem:
            try:
                edited = await asyncio.to_thread(file.read_text, encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                edited = None
    app.refresh()
    if problem:
        raise EditorError(f"{editor[0]}: {problem}")
    if edited is None or len(edited) > MAX_LENGTH:
        raise EditorError("The edited file cannot be read; the text is unchanged")
    return edited.rstrip("\n")
