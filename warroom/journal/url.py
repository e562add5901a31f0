"""Open a journal by its URL: the only place that lists the kinds of journals."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from warroom.errors import SettingsError
from warroom.journal.port import Journal


def open_journal(url: str) -> Journal:
    """Open the journal at ``url``: ``sqlite:`` followed by the path of a file, such as ``sqlite:///var/lib/journal``.

    A journal that cannot be written opens read-only. Raises ``SettingsError`` for another scheme, and what the kind
    of journal raises on opening: ``NewerJournal``, ``JournalError``, ``NotSaved``.
    """
    parts = urlsplit(url)
    if parts.scheme == "sqlite" and not parts.netloc and parts.path:
        from warroom.journal.sqlite import SqliteJournal

        return SqliteJournal(Path(unquote(parts.path)), reads_anyway=True)
    raise SettingsError(f"{url} is not the URL of a journal", "Write sqlite: and the path of a file.")


def sqlite_url(path: Path) -> str:
    """Return the URL of the SQLite journal in the file ``path``."""
    return path.absolute().as_uri().replace("file:", "sqlite:", 1)
