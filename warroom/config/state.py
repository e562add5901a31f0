"""What the console remembers between runs on this machine: the theme chosen with its key.

It is kept in the data folder, not in the settings file, which belongs to the team and may be under version control.
A choice holds until the settings name another theme than they did when it was made.
"""

from __future__ import annotations

import json
from pathlib import Path

from warroom.config.paths import write_atomically

FILE = "console.json"
"""The file's name in the data folder."""


def chosen_theme(data: Path, configured: str) -> str:
    """The theme to show where the settings name ``configured``. An unreadable file counts as no choice."""
    try:
        state = json.loads((data / FILE).read_text(encoding="utf-8"))
        theme = state["theme"]
        return theme if isinstance(theme, str) and state["configured"] == configured else configured
    except (OSError, ValueError, LookupError, TypeError):
        return configured


def choose_theme(data: Path, theme: str, configured: str) -> None:
    """Remember ``theme``, chosen while the settings name ``configured``. ``SettingsError`` if it cannot be kept."""
    write_atomically(data / FILE, json.dumps({"theme": theme, "configured": configured}) + "\n")
