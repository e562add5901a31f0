"""Where warroom's files are on this machine, and how one is written. Knows nothing about their contents.

Importing this costs next to nothing, because the console's first frame waits for it.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from warroom.errors import SettingsError

JOURNAL = "journal.sqlite"
"""The journal's name in the data folder."""

SEARCH_INDEX = "search.sqlite"
"""The file of the search index in the data folder. It can be deleted: it is made anew from the journal."""


@dataclass(frozen=True)
class AppPaths:
    """Where warroom's files are on this machine. Finding them touches none of them."""

    settings: Path
    named: bool
    """True if a person named the settings file, so that it has to exist."""
    personal: Path
    """The person's own settings file; it need not exist."""
    data: Path
    """Journal, drafts, crash reports; only for its owner."""
    themes: tuple[Path, ...]
    """Folders of themes: the shipped one, the team's, the person's. A later theme replaces one of its name."""

    @classmethod
    def find(cls, environ: Mapping[str, str], flags: Mapping[str, str | None] | None = None) -> AppPaths:
        """By ``flags`` ("settings", "data"), then WARROOM_SETTINGS, WARROOM_DATA and WARROOM_PERSONAL, then the
        platform. What the personal settings name is found by ``personal.find_paths``."""
        named, _ = chosen("settings", environ, flags or {})
        data, _ = chosen("data", environ, flags or {})
        own, _ = chosen("personal", environ, flags or {})
        folder = platformdirs.user_config_path("warroom", appauthor=False)
        settings = expanded(named).absolute() if named else folder / "settings.toml"
        personal = expanded(own).absolute() if own else folder / "personal.toml"
        themes = dict.fromkeys((shipped("themes"), settings.parent / "themes", personal.parent / "themes"))
        return cls(
            settings=settings,
            named=bool(named),
            personal=personal,
            data=expanded(data).absolute() if data else platformdirs.user_data_path("warroom", appauthor=False),
            themes=tuple(themes),
        )

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.data / JOURNAL

    def make_data(self) -> Path:
        """The data folder, made for its owner alone if it is not there. ``SettingsError`` if that fails."""
        _make_folder(self.data)
        return self.data


def make_folder(folder: Path) -> None:
    """Make ``folder`` and the parents it lacks, each for its owner alone (0700), whatever the umask.

    The mode is the XDG base directory specification's. A folder that is there keeps its own. Raises ``OSError``.
    """
    if folder.is_dir():
        return
    if folder.parent != folder:
        make_folder(folder.parent)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "a file stands in its place", str(folder)) from None


def _make_folder(folder: Path) -> None:
    try:
        make_folder(folder)
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise SettingsError(
            f"the folder cannot be created: {reason}",
            "Create it yourself, or choose another place (--data, --settings).",
            place=shown(folder),
        ) from None


def shipped(name: str) -> Path:
    """What came with warroom ("themes", "sample_data", "playbooks/…"), be it installed or a checkout."""
    package = Path(__file__).parents[1]
    for place in (package / name, package.parent / name):
        if place.exists():
            return place
    raise SettingsError("is missing from this installation", "Install warroom again.", place=name)


def shown(path: Path) -> str:
    """A path as people read it, at most 60 characters: ~ for their home, the beginning cut, not the end."""
    from warroom import toml

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

    A symbolic link stays one, and the file it names is replaced. Anything but a regular file is refused. Raises
    ``SettingsError`` if it cannot be written.
    """
    with new_file(path, replace=True) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


@contextmanager
def new_file(path: Path, *, replace: bool) -> Iterator[Path]:
    """Lend an empty file (0600) beside ``path`` to be filled, which takes that name when the block ends.

    It is on the disk then. Where the block raises, ``path`` is what it was. Without ``replace`` a file that has the
    name by then is kept. A symbolic link stays one, and the file it names is replaced; anything but a regular file
    is refused. Raises ``SettingsError`` if it cannot be written, for an ``OSError`` of the block too.
    """
    _make_folder(path.parent)
    temporary: Path | None = None
    try:
        target = _link_target(path)
        if target.exists() and not target.is_file():
            raise OSError(errno.EINVAL, f"it is {_kind(target.stat().st_mode)}, not a regular file")
        make_folder(target.parent)
        number, made = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # with 0600
        os.close(number)
        temporary = Path(made)
        yield temporary
        sync(temporary)
        if replace:
            temporary.replace(target)
        else:
            _name_unless_taken(temporary, target)
        sync(target.parent)  # the new name too has to outlive a power cut
    except OSError as error:
        raise _unwritten(path, error, "The file is unchanged.") from None
    finally:
        if temporary:  # after the rename there is nothing of that name any more
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Have what is in a file, or the names in a folder, on the disk when this returns. Raises ``OSError``."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _name_unless_taken(temporary: Path, target: Path) -> None:
    """Give a file its name. Raises ``FileExistsError`` if another file has it."""
    try:
        target.hardlink_to(temporary)  # unlike a rename, this never replaces
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links, as on many a USB stick
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        temporary.replace(target)


def write_document(path: Path, text: str) -> None:
    """Write ``text`` to what a person named: into a character device, pipe or open descriptor, never replacing it.

    Anything else is written as ``write_atomically`` does. Raises ``SettingsError`` if it cannot be written; a named
    pipe that no program reads from is refused, not waited for.
    """
    try:
        number = _open_stream(path)
        if number is not None:
            with os.fdopen(number, "w", encoding="utf-8", newline="") as stream:
                stream.write(text)
            return
    except OSError as error:
        if error.errno == errno.ENXIO:
            error = OSError(errno.ENXIO, "no program reads from it")
        raise _unwritten(path, error, "Start the reader first, or name a file.") from None
    write_atomically(path, text)


def _open_stream(path: Path) -> int | None:
    """The descriptor to write to where ``path`` names a stream, None where it names a file or nothing yet."""
    named = re.fullmatch(r"/dev/std(out|err)|/(?:dev|proc/self)/fd/(\d{1,9})", str(path.absolute()))
    if named:  # opening the name anew would start at the beginning of a file the shell appends to
        return os.dup(int(named[2]) if named[2] else {"out": 1, "err": 2}[named[1]])
    if not path.exists():
        return None
    kinds = (stat.S_IFCHR, stat.S_IFIFO)
    if stat.S_IFMT(path.stat().st_mode) not in kinds:
        return None
    # Not blocking: opening a pipe waits for its reader, for ever if there is none.
    number = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if stat.S_IFMT(os.fstat(number).st_mode) not in kinds:  # something else took its place meanwhile
        os.close(number)
        return None
    os.set_blocking(number, True)
    return number


def _link_target(path: Path) -> Path:
    """The file that ``path`` names, through any symbolic links in its last part.

    A stranger's link in a folder that everybody can write, such as /tmp, is refused. That is the kernel's own rule
    (fs.protected_symlinks), which a rename beside the link's target would get round.
    """
    for _ in range(40):
        if not path.is_symlink():
            return path
        link, folder = path.lstat(), path.parent.stat()
        shared = folder.st_mode & (stat.S_ISVTX | stat.S_IWOTH) == stat.S_ISVTX | stat.S_IWOTH
        if shared and link.st_uid not in (os.geteuid(), folder.st_uid):
            raise OSError(errno.EACCES, "it is another user's symbolic link in a shared folder")
        path = path.parent / path.readlink()
    raise OSError(errno.ELOOP, "too many symbolic links")


def _kind(mode: int) -> str:
    names = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a block device",
    }
    return names.get(stat.S_IFMT(mode), "something else")


def _unwritten(path: Path, error: OSError, remedy: str) -> SettingsError:
    reason = error.strerror or "unknown reason"
    return SettingsError(f"cannot be written: {reason[0].lower()}{reason[1:]}", remedy, place=shown(path))
