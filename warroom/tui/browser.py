"""Opens a web address in the person's browser, without a sign of it on this terminal."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

OPEN_S = 10.0
"""How long a browser may take to answer, in seconds."""

_OPEN = "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv.pop()))"


def has_browser(environ: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Whether a browser would open where the person sits: not over SSH, and not in this terminal."""
    if environ.get("BROWSER") or environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"):
        return True
    return platform in ("darwin", "win32") and not environ.get("SSH_CONNECTION")


def open_url(url: str, environ: Mapping[str, str]) -> bool:
    """Open ``url``, http or https, in the browser. Returns whether that worked; blocks for at most ``OPEN_S``.

    In a process and session of its own: what a browser prints would be drawn over the screen, and one for terminals
    would take the keyboard.
    """
    if not has_browser(environ):
        return False
    try:
        done = subprocess.run(
            [sys.executable, "-c", _OPEN, url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=dict(environ),
            start_new_session=True,
            timeout=OPEN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
