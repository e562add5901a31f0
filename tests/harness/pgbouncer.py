"""A pgbouncer in front of a Postgres, in transaction mode: each transaction gets whichever connection is free."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from harness.postgres import ACCOUNT, Postgres


@contextmanager
def pgbouncer(server: Postgres) -> Iterator[int]:
    """Run one, and yield its port on loopback; skips where it is not installed."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    settings = Path(server.folder) / f"pgbouncer{port}.ini"
    settings.write_text(
        f"[databases]\n* = host=127.0.0.1 port={server.port} user=postgres\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        "pool_mode = transaction\nauth_type = any\n",
        encoding="ascii",
    )
    account = ["-u", ACCOUNT] if os.geteuid() == 0 else []
    process = subprocess.Popen([program, "-q", *account, str(settings)], stderr=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            threading.Event().wait(0.02)
        yield port
    finally:
        process.terminate()
        process.wait()
