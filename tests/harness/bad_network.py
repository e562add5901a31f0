"""A network that misbehaves: a TCP proxy that cuts, delays, half-closes and swallows; no test."""

from __future__ import annotations

import contextlib
import socket
import threading


class BadNetwork:
    """Forwards connections on ``port`` to ``target`` on loopback, as well as it is told to.

    ``delay_s`` is how long each piece of data is held back. Safe to use from any thread.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.delay_s = 0.0
        self._is_cut = False
        self._flows = threading.Event()
        self._flows.set()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Lose every connection, and take no more."""
        self._is_cut = True
        self._shut(socket.SHUT_RDWR)

    def half_close(self) -> None:
        """Tell each side that the other has nothing more to say; new connections are as before."""
        self._shut(socket.SHUT_WR)

    def swallow(self) -> None:
        """Keep every connection, accept new ones, and let nothing through."""
        self._flows.clear()

    def heal(self) -> None:
        """Forward connections as a good network does."""
        self.delay_s = 0.0
        self._is_cut = False
        self._flows.set()

    def close(self) -> None:
        """Stop for good."""
        self._listener.close()
        self.cut()
        self._flows.set()

    def _shut(self, how: int) -> None:
        with self._lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(how)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._is_cut:
                    client.close()
                    continue
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, socket.create_connection(("127.0.0.1", self._target)) as server:
            pair = {client, server}
            with self._lock:
                self._open |= pair
            back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
            back.start()
            self._pump(client, server)
            back.join()
            with self._lock:
                self._open -= pair

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        """Pass on what one side says, and that it has ended."""
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                if self.delay_s:
                    threading.Event().wait(self.delay_s)
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
