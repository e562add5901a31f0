"""Writes exported documents to files, and knows its own: one that people edited is not replaced without asking.

The journal keeps the SHA-256 of what was last written to each path. A file that still has it is warroom's own work
and is written anew without a question; any other file that is there may hold somebody's words.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from warroom.config.paths import shown, write_atomically
from warroom.errors import Refusal
from warroom.room.room import WarRoom

LARGEST = 64_000_000
"""Bytes that are read of a file that is there; a longer one counts as edited."""


class ExportEdited(Refusal):
    """A file is there that is not what warroom wrote last. ``digest`` is what it holds, ``other`` a name for
    another file beside it."""

    def __init__(self, path: Path, digest: str, remedy: str, *, known: bool) -> None:
        what = "was edited after warroom wrote it" if known else "exists already, and warroom did not write it"
        super().__init__(f"{shown(path)} {what}", remedy)
        self.path = path
        self.digest = digest
        self.other = other_name(path)


def write_export(
    room: WarRoom,
    path: Path,
    text: str,
    *,
    overwrite: str | bool = False,
    remedy: str = "Choose another name, or replace it.",
    write: Callable[[Path, str], None] = write_atomically,
) -> None:
    """Write ``text`` to ``path`` and remember it.

    Raises ``ExportEdited`` with ``remedy`` if a file is there that warroom did not leave like this, unless
    ``overwrite`` is true or the digest of what it holds; ``SettingsError`` if it cannot be written.
    """
    digest = _digest_of(path)
    written = _last_written(room, path)
    if digest and digest != written and overwrite is not True and overwrite != digest:
        raise ExportEdited(path, digest, remedy, known=bool(written))
    write(path, text)
    if path.is_file() and not room.read_only:
        room.journal.save_observation(_key(path), json.dumps({"sha256": _digest(text.encode("utf-8"))}))


def other_name(path: Path) -> Path:
    """The first name like ``INC-1-postmortem-2.md`` that no file beside ``path`` has."""
    number = 2
    while (other := path.with_stem(f"{path.stem}-{number}")).exists():
        number += 1
    return other


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _digest_of(path: Path) -> str:
    """What a regular file holds; "" if there is none. Devices and pipes are not read."""
    if not path.is_file():
        return ""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError:
        return "unreadable"
    return _digest(data) if len(data) <= LARGEST else "too long"


def _last_written(room: WarRoom, path: Path) -> str:
    text = room.journal.observation(_key(path))
    return str(json.loads(text).get("sha256", "")) if text else ""


def _key(path: Path) -> str:
    return f"export/{_digest(str(path.resolve()).encode('utf-8', 'surrogateescape'))[:32]}"
