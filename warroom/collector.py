"""When Python's garbage collector runs: not while modules load, in short steps after that. Standard library only.

    collector.loading()   # the program begins
    collector.loaded()    # a screen is up, or a verb that stays has begun
    collector.ending()    # the process is about to end

Loading makes some 100,000 objects that all stay, and the collector would look through them again and again: a tenth
of the start-up time. The interpreter does so once more when it ends. https://docs.python.org/3/library/gc.html
"""

from __future__ import annotations

import gc

LOADING = 200_000
"""How many new objects are looked through at once while the program loads: more than a start makes."""

RUNNING = 10_000
"""The same for a program that stays: a few milliseconds, so that no frame is late."""

OLDER = 20
"""How many rounds an older generation is left alone for."""


def loading() -> None:
    """Leave the collector alone until there is far more than the modules of a start."""
    gc.set_threshold(LOADING, OLDER, OLDER)


def loaded() -> None:
    """Never look through what exists now again: it stays. Collect often and little from now on."""
    gc.freeze()
    gc.set_threshold(RUNNING, OLDER, OLDER)


def ending() -> None:
    """Look through nothing at the end: the system takes the memory back faster."""
    gc.freeze()
