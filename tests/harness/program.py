"""Run warroom in processes of their own without paying its imports each time; no test.

A server for each test process has warroom imported and forks: the child gets the arguments, environment, folder
and streams of a new process, runs ``warroom.__main__.main`` and ends like one. Its parent is a small process that
reports its exit status. What depends on how Python itself starts uses ``subprocess``.
"""

from __future__ import annotations

import atexit
import functools
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Never


class ForkedProgram:
    """A running warroom; the part of ``subprocess.Popen`` that tests use, with text streams.

    ``stdin``, ``stdout`` and ``stderr`` are ``subprocess.PIPE``, ``DEVNULL`` or a file.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environ: dict[str, str],
        *,
        cwd: Path | None = None,
        stdin: Any = subprocess.DEVNULL,
        stdout: Any = subprocess.PIPE,
        stderr: Any = subprocess.PIPE,
    ) -> None:
        self.returncode: int | None = None
        self.stdin, ours_in = self._pipe(stdin, "r")
        self.stdout, ours_out = self._pipe(stdout, "w")
        self.stderr, ours_err = self._pipe(stderr, "w")
        status_read, status_write = os.pipe()
        order = {"arguments": list(arguments), "environ": environ, "cwd": str(cwd or Path.cwd())}
        server = _server()
        with server.lock:
            fds = [ours_in, ours_out, ours_err, status_write]
            socket.send_fds(server.socket, [json.dumps(order).encode()], fds)
            for fd in fds:
                os.close(fd)
        self._status = os.fdopen(status_read, "r", encoding="ascii")
        self.pid = int(self._status.readline())

    @staticmethod
    def _pipe(where: Any, mode: str) -> tuple[IO[str] | None, int]:
        if where == subprocess.DEVNULL:
            return None, os.open(os.devnull, os.O_RDWR)
        if where != subprocess.PIPE:
            return None, os.dup(where if isinstance(where, int) else where.fileno())
        reading, writing = os.pipe()
        if mode == "r":
            return os.fdopen(writing, "w", encoding="utf-8"), reading
        return os.fdopen(reading, "r", encoding="utf-8", errors="strict"), writing

    def send_signal(self, number: int) -> None:
        """Send a signal to the program, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End the program at once."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; the exit status, negative for a signal. ``subprocess.TimeoutExpired``."""
        if self.returncode is None:
            reader = threading.Thread(target=self._read_status, daemon=True)
            reader.start()
            reader.join(timeout)
            if self.returncode is None:
                raise subprocess.TimeoutExpired("warroom", timeout or 0)
        return self.returncode

    def _read_status(self) -> None:
        self.returncode = int(self._status.readline())

    def communicate(self, input: str | None = None, timeout: float | None = None) -> tuple[str, str]:
        """Write ``input``, read both streams to their ends and wait for the end."""
        texts = {"stdout": "", "stderr": ""}

        def read(name: str, stream: IO[str]) -> None:
            texts[name] = stream.read()

        threads = [
            threading.Thread(target=read, args=(name, stream), daemon=True)
            for name in texts
            if (stream := getattr(self, name)) is not None
        ]
        for thread in threads:
            thread.start()
        if self.stdin is not None:
            try:
                self.stdin.write(input or "")
                self.stdin.close()
            except BrokenPipeError:
                pass
        deadline = None if timeout is None else time.monotonic() + timeout
        for thread in threads:
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                raise subprocess.TimeoutExpired("warroom", timeout or 0)
        self.wait(None if deadline is None else max(1.0, deadline - time.monotonic()))
        return texts["stdout"], texts["stderr"]

    def __enter__(self) -> ForkedProgram:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        for stream in (self.stdin, self.stdout, self.stderr, self._status):
            if stream is not None:
                stream.close()


class _Server:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        code = f"import harness.program as p; p.serve({theirs.fileno()})"
        environ = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "TEXTUAL_ANIMATIONS": "none",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], pass_fds=[theirs.fileno()], env=environ, cwd=Path(__file__).parents[2]
        )
        theirs.close()
        atexit.register(self.socket.close)


@functools.cache
def _server() -> _Server:
    return _Server()


# ── in the server ─────────────────────────────────────────────────────────────────────────────────────────


def serve(fd: int) -> None:
    """Fork a program for each order on the socket ``fd``, until it is closed."""
    from importlib import import_module

    from warroom.cli.verb_table import FAMILIES

    for family in FAMILIES:
        import_module(f"warroom.cli.verbs.{family.module}")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the reporting processes
    orders = socket.socket(fileno=fd)
    while True:
        data, fds, _, _ = socket.recv_fds(orders, 1 << 20, 4)
        if not data:
            return
        if os.fork() == 0:
            orders.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _report(json.loads(data), fds)
        for each in fds:
            os.close(each)


def _report(order: dict[str, Any], fds: list[int]) -> Never:
    """Fork the program, report its id, wait and report its exit status."""
    pid = os.fork()
    if pid == 0:
        _become_the_program(order, fds)
    status = fds[3]
    for each in fds[:3]:
        os.close(each)
    os.write(status, f"{pid}\n".encode())
    _, ended = os.waitpid(pid, 0)
    os.write(status, f"{os.waitstatus_to_exitcode(ended)}\n".encode())
    os._exit(0)


def _become_the_program(order: dict[str, Any], fds: list[int]) -> Never:
    os.setpgid(0, 0)
    for number, fd in enumerate(fds[:3]):
        os.dup2(fd, number)
    os.closerange(3, 256)
    os.environ.clear()
    os.environ.update(order["environ"])
    time.tzset()
    os.chdir(order["cwd"])
    sys.argv = ["warroom", *order["arguments"]]
    sys.stdin = io.TextIOWrapper(
        io.BufferedReader(io.FileIO(0, "r", closefd=False)), encoding="utf-8", errors="strict"
    )
    out, err = io.FileIO(1, "w", closefd=False), io.FileIO(2, "w", closefd=False)
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(out), encoding="utf-8", errors="strict")
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(err), encoding="utf-8", errors="backslashreplace", line_buffering=True
    )
    from warroom.__main__ import main

    code: Any = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 — Python would print it and end with 1
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = code or 120
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)
