"""A hub that is slow, hangs, refuses, fills up or comes back different: what a laptop does, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from harness.bad_network import BadNetwork
from harness.monitoring import until
from harness.postgres import new_hub, shared_postgres

from warroom.bootstrap import AppContext, open_context
from warroom.incident.commands import Declare, Note

SETTINGS = """
[team]
people = [{ name = "Ada" }, { name = "Bob" }]

[[services]]
name = "checkout-api"

[hub]
url = { env = "HUB" }
"""


class Laptop:
    """A laptop of the team, with a network of its own between it and the hub."""

    def __init__(self, folder: Path, name: str, url: str) -> None:
        self.network = BadNetwork(shared_postgres().port)
        address = url.replace(f":{shared_postgres().port}/", f":{self.network.port}/")
        settings = folder / "settings.toml"
        settings.write_text(SETTINGS, encoding="utf-8")
        environ = {"HUB": address, "HOME": str(folder)}
        self.app: AppContext = open_context(settings, folder / f"data of {name}", name, environ=environ)
        self.app.jobs.start(*self.app.background_jobs())

    def standing(self) -> tuple[str, str]:
        """How it stands with the hub, and why."""
        assert self.app.shared
        standing = self.app.shared.standing()
        return standing.state, standing.problem

    def declare(self, impact: str = "Payments fail") -> str:
        return self.app.room.declare(Declare("checkout-api", impact, "high")).incident.id

    def note(self, incident: str, words: str) -> None:
        self.app.room.execute(incident, Note(words, "finding"))

    def has(self, incident: str, words: str) -> bool:
        """Whether the incident's timeline says this here."""
        if not any(row.id == incident for row in self.app.room.summaries()):
            return False
        return any(words in row.text for row in self.app.room.incident(incident).rows)

    def close(self) -> None:
        self.network.close()
        self.app.close()


Join = Callable[..., Laptop]


@pytest.fixture
def hub() -> str:
    return new_hub()


@pytest.fixture
def join(tmp_path: Path, hub: str) -> Iterator[Join]:
    """Makes laptops that take part, and are in sync unless ``url`` leads elsewhere."""
    with ExitStack() as stack:

        def make(name: str, url: str = "") -> Laptop:
            laptop = Laptop(tmp_path, name, url or hub)
            stack.callback(laptop.close)
            if not url:
                until(lambda: laptop.standing() == ("in sync", ""))
            return laptop

        yield make


def test_an_incident_has_the_same_name_everywhere_when_the_hubs_number_came_too_late(join: Join) -> None:
    ada, bob = join("Ada"), join("Bob")
    ada.network.delay_s = 0.4  # there and back is longer than declaring waits
    assert ada.declare() == "INC-A1"
    ada.network.heal()
    until(lambda: bool(bob.app.room.summaries()))
    assert [row.id for row in bob.app.room.summaries()] == ["INC-A1"]
