"""The promises of a hub, kept by one in memory and by one in a real Postgres; what only Postgres has to prove."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from harness.postgres import new_hub, shared_postgres

from warroom.errors import SettingsError
from warroom.journal.hub.port import SCHEMA, HubRefused, HubUnreachable
from warroom.journal.hub.postgres import PostgresHub, check_url, create_hub
from warroom.journal.hub.schema import MEMBER
from warroom.testing.hub_contract import Connect, HubContract, an_entry
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


# ── what only Postgres has to prove ───────────────────────────────────────────────────────────────────────


@pytest.fixture
def member() -> Iterator[str]:
    """The address of a new hub with the rights that teammates have."""
    owner = new_hub()
    role = f"bob{owner.rpartition('hub')[2]}"
    with psycopg.connect(owner, autocommit=True) as db:
        db.execute(f"CREATE ROLE {role} LOGIN IN ROLE {MEMBER}".encode())
    yield owner.replace("postgres@", f"{role}@")


def test_a_member_can_do_all_that_a_hub_is_asked_for(member: str) -> None:
    hub = PostgresHub(member)
    device = uuid4()
    hub.hello(device, "Bob", "1", 0)
    entry = an_entry(device, 1)
    hub.push([entry])
    assert [one.id for one in hub.pull(0)] == [entry.id]
    assert hub.chain_at(1) and hub.number(uuid4()) == "INC-2"
    assert hub.heartbeat(device, "s", [], ["inbox"], lease_s=9).leases["inbox"]
    hub.close()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT body FROM warroom.entry",
        "UPDATE warroom.entry SET body = ''",
        "DELETE FROM warroom.entry",
        "INSERT INTO warroom.head VALUES (true, 1, 1, '')",
        "TRUNCATE warroom.device",
        "DROP FUNCTION warroom.pull",
        "CREATE TABLE warroom.mine (a int)",
        "ALTER TABLE warroom.meta ADD COLUMN a int",
        "SELECT * FROM warroom.presence",
    ],
)
def test_a_member_has_no_right_to_the_tables(member: str, query: str) -> None:
    with psycopg.connect(member, autocommit=True) as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.execute(query.encode())


def test_someone_who_is_no_member_is_told_what_to_grant() -> None:
    owner = new_hub()
    role = f"eve{owner.rpartition('hub')[2]}"
    with psycopg.connect(owner, autocommit=True) as db:
        db.execute(f"CREATE ROLE {role} LOGIN".encode())
    with pytest.raises(HubRefused) as refused:
        PostgresHub(owner.replace("postgres@", f"{role}@"))
    assert f"GRANT {MEMBER} TO" in refused.value.remedy


def test_a_function_finds_nothing_that_a_member_put_in_the_way(member: str) -> None:
    """The functions run as their owner: a table of the same name in a schema of the member's must not be used."""
    with psycopg.connect(member, autocommit=True) as db:
        db.execute("CREATE TEMP TABLE head (pos bigint, number int, chain text)")
        db.execute("CREATE TEMP TABLE meta (schema int)")
        assert db.execute("SELECT warroom.version()").fetchone() == (SCHEMA,)


def test_creating_the_hub_again_keeps_what_is_there() -> None:
    url = new_hub()
    hub = PostgresHub(url)
    device = uuid4()
    epoch = hub.hello(device, "Ada", "1", 0).epoch
    hub.push([an_entry(device, 1)])
    assert create_hub(url)
    assert hub.hello(device, "Ada", "1", 0).epoch == epoch and len(hub.pull(0)) == 1
    hub.close()


def test_a_hub_of_a_newer_warroom_is_refused_and_left_alone() -> None:
    url = new_hub()
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("UPDATE warroom.meta SET schema = %s", (SCHEMA + 1,))
        with pytest.raises(HubRefused, match="Upgrade warroom"):
            PostgresHub(url)
        with pytest.raises(HubRefused):
            create_hub(url)
        assert db.execute("SELECT schema FROM warroom.meta").fetchone() == (SCHEMA + 1,)


def test_a_database_without_a_hub_says_how_to_make_one() -> None:
    with pytest.raises(HubRefused, match="no hub yet") as refused:
        PostgresHub(shared_postgres().new_database())
    assert "warroom hub init" in refused.value.remedy


def test_a_database_that_does_not_exist_is_refused_without_naming_the_password() -> None:
    url = shared_postgres().url("nowhere").replace("postgres@", "postgres:s3cret-word@")
    with pytest.raises(HubRefused) as refused:
        PostgresHub(url)
    assert "s3cret-word" not in str(refused.value) and "no such database" in refused.value.title


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
def test_an_address_that_asks_for_no_encryption_is_refused(mode: str) -> None:
    with pytest.raises(SettingsError, match="unencrypted"):
        check_url(f"postgresql://ada@db.example.net/warroom?sslmode={mode}")


def test_an_address_elsewhere_is_reached_with_encryption_only(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, object] = {}

    def connect(url: str, **options: object) -> None:
        seen.update(options)
        raise psycopg.OperationalError("stop here")

    monkeypatch.setattr(psycopg, "connect", connect)
    for url, mode in (
        ("postgresql://ada@db.example.net/warroom", "require"),
        ("postgresql://ada@localhost/warroom", None),
        ("postgresql://ada@/warroom?host=/run/postgresql", None),
        ("postgresql://ada@/warroom?host=db.example.net", "require"),
        ("postgresql://ada@localhost/warroom?host=db.example.net", "require"),
        ("postgresql://ada@localhost/warroom?hostaddr=203.0.113.9", "require"),
    ):
        seen.clear()
        with pytest.raises(HubUnreachable):
            PostgresHub(url)
        assert seen.get("sslmode") == mode, url


@pytest.mark.parametrize("url", ["mysql://x/y", "db.example.net", ""])
def test_an_address_of_something_else_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="postgresql://"):
        check_url(url)
