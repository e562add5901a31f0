"""The promises of a hub, kept by one in memory and by one in a real Postgres; what only Postgres has to prove."""

from __future__ import annotations

import pytest
from harness.postgres import new_hub

from warroom.journal.hub.postgres import PostgresHub
from warroom.testing.hub_contract import Connect, HubContract
from warroom.testing.memory_hub import MemoryHub


class TestMemoryHub(HubContract):
    @pytest.fixture
    def connect(self) -> Connect:
        return MemoryHub().connect


class TestPostgresHub(HubContract):
    @pytest.fixture
    def connect(self) -> Connect:
        url = new_hub()
        return lambda: PostgresHub(url)
