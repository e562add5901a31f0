"""Where warroom's files lie on this machine, and how one is written. Knows nothing of what stands in them.

Importing this costs next to nothing, because the console's first frame waits for it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from warroom.incident.errors import SettingsError

JOURNAL = "journal.sqlite"
"""The journal's name in the data folder."""


@dataclass(frozen=True)
class Places:
    """Where warroom's files lie on this machine. Finding them touches none of them."""

    settings: Path
    named: bool
    """True if a person named the settings file, so that it has to exist."""
    data: Path
    """Journal, drafts, crash reports; only for its owner."""
    themes: tuple[Path, ...]
    """Folders of themes, the shipped one first; a later theme replaces one of its name."""

    @classmethod
    def find(cls, environ: Mapping[str, str], flags: Mapping[str, str | None] | None = None) -> Places:
        """By ``flags`` ("settings", "data"), then WARROOM_SETTINGS and WARROOM_DATA, then the platform."""
        named, _ = chosen("settings", environ, flags or {})
        data, _ = chosen("data", environ, flags or {})
        default = platformdirs.user_config_path("warroom", appauthor=False) / "settings.toml"
        settings = expanded(named).absolute() if named else default
        return cls(
            settings=settings,
            named=bool(named),
            data=expanded(data).absolute() if data else platformdirs.user_data_path("warroom", appauthor=False),
            themes=(shipped("themes"), settings.parent / "themes"),
        )

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.data / JOURNAL

    def make_data(self) -> Path:
        """The data folder, made for its owner alone if it is not there. ``SettingsError`` if that fails."""
        _make_folder(self.data)
        return self.data


def _make_folder(folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):  # one that is there keeps the rights its owner gave it
            folder.mkdir(mode=0o700)
        if not folder.is_dir():
            raise NotADirectoryError(20, "a file stands in its place")
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise SettingsError(
            f"the folder cannot be made: {reason}",
            "Make it yourself, or name another place (--data, --settings).",
            place=shown(folder),
        ) from None


def shipped(name: str) -> Path:
    """What came with warroom ("themes", "sample_data", "playbooks/…"), be it installed or a checkout."""
    package = Path(__file__).parent
    for place in (package / name, package.parent / name):
        if place.exists():
            return place
    raise SettingsError("is missing from this installation", "Install warroom again.", place=name)


def shown(path: Path) -> str:
    """A path as people read it, at most 60 characters: ~ for their home, the beginning cut, not the end."""
    from warroom.incident import toml  # only errors need it

    text = str(path)
    with suppress(RuntimeError, ValueError):
        text = f"~/{path.relative_to(Path.home())}"
    text = toml.plain(text, len(text))
    return text if len(text) <= 60 else "…" + text[-59:]


def chosen(name: str, environ: Mapping[str, str], flags: Mapping[str, str | None]) -> tuple[str, str]:
    """A flag's value, else that of its variable, else ""; and where it was given."""
    if flag := flags.get(name):
        return flag, f"--{name}"
    variable = f"WARROOM_{name.upper()}"
    return environ.get(variable, ""), variable


def expanded(path: str) -> Path:
    """``path`` with ~ replaced; left alone where there is no such user."""
    with suppress(RuntimeError):
        return Path(path).expanduser()
    return Path(path)


def write_atomically(path: Path, text: str) -> None:
    """``path`` holds ``text`` (UTF-8, only for its owner), or what it held before; never half of it.

    A symbolic link stays one. Raises ``SettingsError`` if it cannot be written.
    """
    path = path.resolve()
    _make_folder(path.parent)
    temporary: Path | None = None
    try:
        number, made = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # with 0600
        temporary = Path(made)
        with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(number)
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the new name too has to outlive a power cut
        finally:
            os.close(folder)
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise SettingsError(f"cannot be written: {reason}", "The file is as it was.", place=shown(path)) from None
    finally:
        if temporary:  # after the rename there is nothing of that name any more
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
