"""Which drills there are: the scripts that are shipped and the team's own, by name. Reads files, plays nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from warroom import toml
from warroom.config.paths import shipped, shown
from warroom.drill.script import Script, parse_script
from warroom.errors import NotFound, SettingsError, WarroomError

DEFAULT = "checkout-down"
"""The drill that is played unless another is named."""

MAX_BYTES = 1_000_000
"""A larger script is refused."""


@dataclass(frozen=True, slots=True)
class DrillFile:
    """A script by its name, the file's without ``.toml``. ``script`` is None if it has mistakes: ``problem``."""

    name: str
    path: Path
    own: bool
    """Whether it is the team's own, not one that is shipped."""
    script: Script | None = None
    problem: WarroomError | None = None


def find_drills(folders: Iterable[Path]) -> list[DrillFile]:
    """Every drill, the shipped ones first; one of the team's replaces the shipped one of its name.

    A script with mistakes, or a folder that cannot be read, costs nothing but itself.
    """
    found: dict[str, DrillFile] = {}
    ours = shipped("sample_data") / "drills"
    for folder in (ours, *folders):
        own = folder.absolute() != ours.absolute()  # the demo's settings lie beside the shipped ones
        try:
            paths = sorted(path for path in folder.glob("*.toml") if path.is_file())
        except OSError:
            continue
        for path in paths:
            try:
                found[path.stem] = DrillFile(path.stem, path, own, read_script(path))
            except SettingsError as error:
                found[path.stem] = DrillFile(path.stem, path, own, problem=error)
    return sorted(found.values(), key=lambda one: (one.own, one.name != DEFAULT, one.name))


def read_script(path: Path) -> Script:
    """Read a script. ``SettingsError`` with every mistake by line, or why it cannot be read."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise SettingsError("is too large for a drill", "A script has at most 1 MB.", place=shown(path))
        return parse_script(raw.decode("utf-8"), shown(path))
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
    raise SettingsError(
        f"cannot be read: {reason}", "warroom drill list shows the drills there are.", place=shown(path)
    )


def pick_drill(drills: Sequence[DrillFile], name: str) -> DrillFile:
    """The drill of that name, or the only one that begins so. ``NotFound``; ``SettingsError`` for mistakes."""
    wanted = name.strip().casefold()
    exact = [one for one in drills if one.name.casefold() == wanted]
    found = exact or [one for one in drills if wanted and one.name.casefold().startswith(wanted)]
    if len(found) != 1:
        names = [one.name for one in drills]
        raise NotFound(f"There is no drill {toml.plain(name) or '“”'}", toml.allowed(names, name))
    if found[0].problem:
        raise found[0].problem
    return found[0]
