"""Which chat backends are installed, found by entry points at three grains; never a list of brands."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from pydantic import BaseModel

from warroom import toml
from warroom.connect.guarded_chat import describe, is_ending
from warroom.connect.ports import ChatBackend
from warroom.errors import SettingsError

GROUP = "warroom.chat"
"""The entry point group a package registers its backend in; warroom's own stand there the same way."""


def names() -> tuple[str, ...]:
    """The names of all installed chat backends, sorted. Imports none of them."""
    return tuple(sorted(_registered()))


def load(name: str) -> ChatBackend:
    """The backend registered as ``name``; imports that one alone.

    Raises ``SettingsError`` that names the backends there are, or says why this one cannot be used.
    """
    found = _registered().get(name)
    if found is None:
        raise SettingsError(f'no chat backend is called "{toml.plain(name)}"', toml.allowed(names(), name))
    if len(found) > 1:
        owners = ", ".join(sorted({_owner(point) for point in found}))
        raise SettingsError(f'the chat backend "{name}" is registered twice, by {owners}', "Uninstall one of them.")
    (point,) = found
    try:
        backend: ChatBackend = point.load()
        options = getattr(backend, "Options", None)
        complete = callable(backend) and isinstance(options, type) and issubclass(options, BaseModel)
    except BaseException as error:
        if is_ending(error):
            raise
        raise SettingsError(
            f'the chat backend "{name}" cannot be loaded: {describe(error)}',
            f"Reinstall or remove the package {_owner(point)}.",
        ) from error
    if not complete:
        raise SettingsError(
            f'the chat backend "{name}" is not a backend: {point.value} has no Options model',
            f"Update or remove the package {_owner(point)}.",
        )
    return backend


def load_all() -> tuple[dict[str, ChatBackend], tuple[SettingsError, ...]]:
    """Every backend that loads, by name, and an error for each that does not. One broken plugin costs itself."""
    loaded: dict[str, ChatBackend] = {}
    broken: list[SettingsError] = []
    for name in names():
        try:
            loaded[name] = load(name)
        except SettingsError as error:
            broken.append(error)
    return loaded, tuple(broken)


def _registered() -> dict[str, tuple[EntryPoint, ...]]:
    """Entry points by name. The same one seen twice (an editable install beside a wheel) counts once."""
    by_name: dict[str, dict[str, EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        by_name.setdefault(point.name, {}).setdefault(point.value, point)
    return {name: tuple(points.values()) for name, points in by_name.items()}


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.module.partition(".")[0]
