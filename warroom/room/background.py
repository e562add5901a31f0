"""Runs asynchronous work so that ending it never waits for a call that is stuck. Knows nothing of incidents."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class DaemonExecutor(ThreadPoolExecutor):
    """Runs each call in a daemon thread of its own.

    A call that never returns (a name look-up without a network, a file on a dead disk) then holds up no other
    call, and neither the event loop nor the process waits for it at its end, as they do with the threads of the
    base class. asyncio accepts only a ``ThreadPoolExecutor`` as a loop's executor.
    """

    def __init__(self) -> None:
        super().__init__(max_workers=1)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Start the call at once."""
        future: Future[T] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 — whoever waits for the future gets it
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=work, name="warroom-call", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Return at once: daemon threads end with the process."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """As ``asyncio.run``, but a thread that is stuck is left behind instead of waited for."""
    with asyncio.Runner() as runner:
        runner.get_loop().set_default_executor(DaemonExecutor())
        return runner.run(main)


def start(main: Callable[[], Coroutine[Any, Any, T]]) -> Future[T]:
    """Run the coroutine that ``main`` makes on a loop in a daemon thread of its own.

    The main thread stays free for signals: Python handles them there, between two instructions.
    """
    return DaemonExecutor().submit(lambda: run(main()))
