"""What every test stands on: no animation, a home of its own, nobody's settings, histories that repeat."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A shell starts a background command with SIGINT ignored, nohup one with SIGHUP ignored, and children inherit
# that: the tests send both.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Textual reads this once, when it is imported.
os.environ["TEXTUAL_ANIMATIONS"] = "none"

# No deadline: a busy machine is not a broken promise. Derandomized: what passes here passes there.
# The fixture below sets the same home for every example, so it may be shared by them.
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("ci")


@pytest.fixture
def anyio_backend() -> str:
    """The only event loop warroom runs on."""
    return "asyncio"


@pytest.fixture(autouse=True)
def faults(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[BaseException]]:
    """The unexpected errors that a console survived: none, or the test fails (unless it is marked ``faults``)."""
    from warroom.tui.faults import ErrorReports

    noted: list[BaseException] = []
    note = ErrorReports.note

    def noting(self: ErrorReports, error: BaseException) -> None:
        noted.append(error)
        note(self, error)

    monkeypatch.setattr(ErrorReports, "note", noting)
    yield noted
    if noted and not request.node.get_closest_marker("faults"):
        raise noted[0]


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home: no test sees, or touches, what the person running it has on their machine."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.startswith(("WARROOM_", "XDG_")) or name in ("NO_COLOR", "FORCE_COLOR", "TEXTUAL_THEME"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    for name, folder in {
        "XDG_CONFIG_HOME": ".config",
        "XDG_DATA_HOME": ".local/share",
        "XDG_STATE_HOME": ".local/state",
        "XDG_CACHE_HOME": ".cache",
        "XDG_RUNTIME_DIR": ".run",
    }.items():
        (home / folder).mkdir(parents=True, mode=0o700)
        monkeypatch.setenv(name, str(home / folder))
    return home
