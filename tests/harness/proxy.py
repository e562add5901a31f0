"""A TCP proxy that can be cut: what is connected through it is lost, and nothing gets through until it is
healed."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading


class Proxy:
    """Forwards connections on a port of its own to ``port`` on loopback, while it is not ``cut``."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_cut = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Lose every connection, and take no more."""
        self._is_cut = True
        with self._lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def heal(self) -> None:
        """Forward connections again."""
        self._is_cut = False

    def close(self) -> None:
        """Stop for good."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._is_cut:
                    client.close()
                    continue
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            client.close()
            return
        pair = {client: server, server: client}
        with self._lock:
            self._open |= pair.keys()
        watch = selectors.DefaultSelector()
        for one in pair:
            watch.register(one, selectors.EVENT_READ)
        with contextlib.suppress(OSError):
            while True:
                for key, _ in watch.select():
                    source = key.fileobj
                    assert isinstance(source, socket.socket)
                    data = source.recv(65536)
                    if not data:
                        raise OSError
                    pair[source].sendall(data)
        with self._lock:
            self._open -= pair.keys()
        watch.close()
        for one in pair:
            one.close()
