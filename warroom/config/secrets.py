"""Secrets by reference: an environment variable, a file or a command, read within bounded time and size.

The settings hold references. A value is looked up only to be used, and no error contains it.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import re
import select
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from warroom import toml
from warroom.config.fields import Table
from warroom.config.paths import expanded, shown
from warroom.errors import SettingsError

_COMMAND_TIMEOUT_S = 10.0
_REFERENCE = 'Name where it is kept: { env = "NAME" }, { file = "path" } or { command = ["pass", "show", "…"] }'
LARGEST = 65536
"""Bytes. A secret is shorter; what is longer was named by mistake."""

_running: set[subprocess.Popen[bytes]] = set()


class Secret(Table):
    """Where a secret is kept; exactly one of the three. Never contains the value itself."""

    env: Annotated[str, Field(min_length=1)] | None = None
    """Name of an environment variable."""
    file: Annotated[str, Field(min_length=1)] | None = None
    """Path of a file that holds nothing else."""
    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """A command and its arguments that prints it within 10 seconds; no shell is involved."""

    @model_validator(mode="after")
    def _one(self) -> Secret:
        if len(self.model_fields_set) != 1:
            raise ValueError("must have exactly one of env, file, command")
        return self

    @property
    def label(self) -> str:
        """Where it is kept, in words. A command's arguments are left out: some are given a password there."""
        if self.command:
            return f"command {toml.plain(self.command[0], 200)}"
        if self.env:
            return f"environment variable {toml.plain(self.env, 200)}"
        return f"file {shown(expanded(self.file or ''))}"


def resolve(
    ref: Secret,
    environ: Mapping[str, str],
    run: Callable[..., subprocess.CompletedProcess[bytes]] | None = None,
) -> str:
    """The secret, without the one line break its keeper may put after it.

    Raises ``SettingsError`` naming the reference, never what was found there.
    """
    value, problem = _look_up(ref, environ, run)
    value = re.sub(r"\r?\n\Z", "", value)
    if problem is None and not value:
        problem = ("is empty", "Put the secret there, or name another place.")
    if problem is not None:
        what, remedy = problem
        raise SettingsError(f"{ref.label} {what}", remedy)
    return value


def _look_up(
    ref: Secret, environ: Mapping[str, str], run: Callable[..., subprocess.CompletedProcess[bytes]] | None
) -> tuple[str, tuple[str, str] | None]:
    """The value, or what is wrong and what to do. Raises nothing: no traceback may hold what a command printed."""
    by_hand = "Run it yourself to see why."
    try:
        if ref.env:
            missing = ("is not set", 'Export it, or use { file = "…" }.')
            return environ.get(ref.env, ""), None if ref.env in environ else missing
        if ref.file:
            found = read_file(expanded(ref.file))
        else:
            done = (run or run_command)(ref.command or (), timeout=_COMMAND_TIMEOUT_S)
            if done.returncode:
                return "", (f"ended with status {done.returncode}", by_hand)
            found = done.stdout
        return found.decode("utf-8"), None
    except subprocess.TimeoutExpired:
        return "", (f"took longer than {_COMMAND_TIMEOUT_S:.0f} s", by_hand)
    except UnicodeDecodeError:
        return "", ("is not UTF-8 text", "Store the secret as text.")
    except ValueError:
        return "", ("cannot be used as it is written", "Correct it.")
    except FileNotFoundError:
        return "", ("does not exist", "Correct the name, or put the secret there.")
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        return "", (f"cannot be read: {reason}", "Correct the name or its permissions.")


def resolve_options(
    table: str,
    options: Mapping[str, Any],
    secret_fields: Collection[str],
    environ: Mapping[str, str],
    run: Callable[..., subprocess.CompletedProcess[bytes]] | None = None,
    *,
    tables: Collection[str] = (),
    plain_secrets: bool = False,
) -> dict[str, Any]:
    """Return the ``options`` of the settings' ``table`` with the references in ``secret_fields`` looked up.

    A field that is also in ``tables`` holds a table of secrets, each under its own name. Raises ``SettingsError``
    for a plaintext secret (unless ``plain_secrets``), for a table that is no reference, and for a secret that
    cannot be read.
    """

    def secret(value: object, place: str) -> object:
        if not isinstance(value, dict):
            if plain_secrets:
                return value
            raise SettingsError("plaintext secret", f"{_REFERENCE}; or set plain_secrets = true.", place)
        _check_reference(value, place)
        failure: SettingsError
        try:
            return resolve(Secret.model_validate(value), environ, run)
        except SettingsError as error:
            failure = SettingsError(error.title, error.remedy, place)
        raise failure

    def field(key: str, value: object) -> object:
        if key not in secret_fields:
            return value
        place = f"[{table}] {toml.plain(key)}"
        if key not in tables:
            return secret(value, place)
        if not isinstance(value, dict):
            remedy = f'Write {toml.plain(key)} = {{ NAME = {{ env = "…" }} }}.'
            raise SettingsError("must be a table", remedy, place)
        return {name: secret(below, f"{place}.{toml.plain(name)}") for name, below in value.items()}

    return {key: field(key, value) for key, value in options.items()}


def _check_reference(value: Mapping[str, Any], place: str) -> None:
    """Raise ``SettingsError`` with the key for a table that is no reference to a secret."""
    known = list(Secret.model_fields)
    for key in value:
        if key not in known:
            raise SettingsError("unknown key", toml.allowed(known, key), f"{place}.{toml.plain(key)}")
    if len(value) != 1:
        what = f"names {len(value)} places" if value else "does not say where the secret is kept"
        raise SettingsError(what, f"{_REFERENCE}.", place)
    ((key, given),) = value.items()
    below = f"{place}.{key}"
    if key != "command" and not (isinstance(given, str) and given):
        raise SettingsError("must be text in quotes, and not empty", f"{_REFERENCE}.", below)
    if key == "command":
        words = isinstance(given, list) and given and all(isinstance(word, str) for word in given)
        if not words:
            remedy = 'Write each word by itself: ["pass", "show", "…"].'
            raise SettingsError("must be a list of words in quotes", remedy, below)


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────


def read_file(path: Path) -> bytes:
    """What the file holds. ``OSError`` for anything but a regular file: a pipe or a device may never end."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a regular file")
    with os.fdopen(handle, "rb") as file:
        found = file.read(LARGEST + 1)
    if len(found) > LARGEST:
        raise OSError(errno.EFBIG, f"it holds more than {LARGEST} bytes")
    return found


def run_command(command: Sequence[str], *, timeout: float) -> subprocess.CompletedProcess[bytes]:
    """Run the command for its output; kill it, and what it started, if it is late or prints too much.

    ``timeout`` is in seconds. Raises ``subprocess.TimeoutExpired`` and ``OSError``.
    """
    deadline = time.monotonic() + timeout
    found = b""
    # A session of its own: its whole process group can be killed, and it cannot ask on the console's terminal.
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    _running.add(process)
    try:
        assert process.stdout is not None
        with process.stdout as output:
            while True:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([output], [], [], left)[0]:
                    raise subprocess.TimeoutExpired(command[0], timeout)
                part = os.read(output.fileno(), LARGEST)
                if not part:
                    break
                found += part
                if len(found) > LARGEST:
                    raise OSError(errno.EFBIG, f"it printed more than {LARGEST} bytes")
        return subprocess.CompletedProcess([], process.wait(max(0.0, deadline - time.monotonic())), found)
    except BaseException:
        _kill(process)
        process.wait()
        raise
    finally:
        _running.discard(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)


@atexit.register
def kill_commands() -> None:
    """Kill the commands that still run: the process ends, and their output is not needed."""
    for process in tuple(_running):
        _kill(process)
