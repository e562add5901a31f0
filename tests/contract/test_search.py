"""The search finds what is recorded as it reads now, whatever becomes of its index, with FTS5 and without."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from harness.app import AppHarness
from harness.fakes import Clock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warroom.incident.alerts import ReceiveAlert
from warroom.incident.commands import Declare, Note, Pin, RecordChat, RecordFix, Resolve, WriteSection
from warroom.incident.corrections import AmendEntry, RetractEntry
from warroom.incident.events import TEAM, AlertReceived, AlertTaken, Declared, Noted
from warroom.incident.search import parse_query
from warroom.journal.search_index import SearchIndex
from warroom.room.search import IncidentSearch, SearchResult

NOW = datetime(2026, 1, 28, 13, 15, tzinfo=UTC)


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[AppHarness]:
    with AppHarness(tmp_path, clock=Clock(NOW)) as harness:
        yield harness


@pytest.fixture(params=[True, False], ids=["fts5", "without fts5"])
def search(request: pytest.FixtureRequest, harness: AppHarness) -> Iterator[IncidentSearch]:
    index = SearchIndex(harness.folder / "search.sqlite", full_text=request.param)
    yield IncidentSearch(harness.room, index)
    index.close()


def _texts(result: SearchResult) -> list[str]:
    return [found.text for found in result.found]


def test_it_finds_notes_chat_evidence_fixes_sections_and_alerts(
    harness: AppHarness, search: IncidentSearch
) -> None:
    room = harness.room
    room.receive_alert(ReceiveAlert("zebra in the queue", service="mail"))
    incident = room.declare(Declare("checkout-api", "zebra at checkout", "high")).incident.id
    room.execute(incident, Note("zebra in the pool", "finding"))
    room.record_chat(incident, RecordChat(who="Bob", via="chat", words="I saw a zebra", message_id="m1"))
    room.execute(incident, Pin("app.log", "zebra not found"))
    room.execute(incident, RecordFix("caught the zebra", temporary=False))
    room.execute(incident, WriteSection("root_cause", "an escaped zebra"))
    found = search.find("zebra").found
    assert {"declared", "finding", "chat", "evidence", "fix", "section", "alert"} <= {one.kind for one in found}
    assert all(any(marked for _, marked in one.excerpt) for one in found)
    assert {"".join(text for text, marked in one.excerpt if marked).lower() for one in found} >= {"zebra"}


def test_what_sums_an_incident_up_comes_before_what_was_only_ticked(
    harness: AppHarness, search: IncidentSearch
) -> None:
    if search._index._wants_full_text:
        incident = harness.room.declare(Declare("mail", "No mail", "high")).incident.id
        harness.room.execute(incident, Note("giraffe seen near the gate today", "note"))
        harness.room.execute(incident, WriteSection("root_cause", "giraffe broke the gate today ok"))
        assert [one.kind for one in search.find("giraffe").found] == ["section", "note"]


def test_words_match_beginnings_quotes_a_phrase_and_a_dash_leaves_out(
    harness: AppHarness, search: IncidentSearch
) -> None:
    incident = harness.room.declare(Declare("mail", "No mail", "high")).incident.id
    for words in ("connection pool exhausted", "the pool has a connection", "Connections to nowhere"):
        harness.room.execute(incident, Note(words, "note"))
    assert len(_texts(search.find("connect"))) == 3
    assert _texts(search.find('"connection pool"')) == ["connection pool exhausted"]
    assert _texts(search.find("connect -pool")) == ["Connections to nowhere"]
    assert _texts(search.find("-pool connect")) == ["Connections to nowhere"]


def test_filters_narrow_the_search(harness: AppHarness, search: IncidentSearch) -> None:
    mail = harness.room.declare(Declare("mail", "No mail", "high")).incident.id
    shop = harness.room.declare(Declare("checkout-api", "No shop", "high")).incident.id
    harness.room.execute(mail, Note("otter", "note"), by="Bob")
    harness.clock.later(hours=2)
    harness.room.execute(shop, Note("otter", "finding"))

    def where(text: str) -> list[str]:
        return [one.incident for one in search.find(text).found]

    assert where("otter") and set(where("otter")) == {mail, shop}
    assert where("otter service:check") == where("otter kind:finding") == where("otter since:1h") == [shop]
    assert where("otter by:bob") == where("otter until:1h") == where(f"otter incident:{mail[4:]}") == [mail]
    assert where("kind:finding") == [shop], "a filter alone lists what it leaves, the newest first"
    assert where("otter since:never") == [], "what is no filter is searched as words"


def test_an_amended_entry_is_found_as_it_reads_now_and_a_retracted_one_is_marked(
    harness: AppHarness, search: IncidentSearch
) -> None:
    incident = harness.room.declare(Declare("mail", "No mail", "high")).incident.id
    first, second = (
        harness.room.execute(incident, Note(words, "note")).entries[0].id for words in ("badger", "weasel")
    )
    assert search.find("badger").found
    harness.room.execute(incident, AmendEntry(str(first), words="hedgehog"))
    harness.room.execute(incident, RetractEntry(str(second)))
    assert not [one for one in search.find("badger").found if one.entry == first]
    assert [one.entry for one in search.find("hedgehog kind:note").found] == [first]
    assert [one.retracted for one in search.find("weasel kind:note").found] == [True]


def test_of_a_section_only_the_newest_version_is_found(harness: AppHarness, search: IncidentSearch) -> None:
    incident = harness.room.declare(Declare("mail", "No mail", "high")).incident.id
    harness.room.execute(incident, WriteSection("root_cause", "a lynx"))
    assert search.find("lynx").found
    harness.room.execute(incident, WriteSection("root_cause", "a puma"))
    assert not search.find("lynx").found and search.find("puma").found


def test_an_alert_that_became_an_incident_is_found_once_and_leads_there(
    harness: AppHarness, search: IncidentSearch
) -> None:
    harness.room.receive_alert(ReceiveAlert("walrus alarm", service="mail"))
    assert [one.incident for one in search.find("walrus").found] == [""]
    alert = next(iter(harness.room.team().alerts))
    incident = harness.room.declare(Declare("mail", "No mail", "high"), alert=alert).incident.id
    assert [(one.kind, one.incident) for one in search.find("walrus").found] == [("alert", incident)]


def test_an_alert_of_the_group_leads_to_the_incident_too(harness: AppHarness, search: IncidentSearch) -> None:
    ids = UUID(int=1), UUID(int=2)
    harness.journal.append(TEAM, 0, [AlertReceived(name="walrus")], at=NOW, by="", ids=ids[:1])
    assert search.find("walrus").found
    harness.journal.append(TEAM, 1, [AlertTaken(alert=ids[0], incident="INC-9")], at=NOW, by="", ids=ids[1:])
    assert [one.incident for one in search.find("walrus").found] == ["INC-9"]


@pytest.mark.parametrize("word", ["決済", "100%", "::", "a_b"])
def test_scripts_without_spaces_and_punctuation_are_found(
    harness: AppHarness, search: IncidentSearch, word: str
) -> None:
    incident = harness.room.declare(Declare("mail", "No mail", "high")).incident.id
    harness.room.execute(incident, Note(f"また{word}エラー {word} again", "note"))
    assert [one.kind for one in search.find(word).found] == ["note"]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text() | st.from_regex(r'(["*():^+\-]|AND|OR|NOT|NEAR|since:|kind:| |\x00|a){0,20}', fullmatch=True))
def test_no_query_fails(search: IncidentSearch, text: str) -> None:
    search.find(text)
    search.find(f"-{text}")
    parse_query(text, NOW, UTC)


def test_hostile_text_comes_back_without_control_characters(harness: AppHarness, search: IncidentSearch) -> None:
    declared = Declared(service="mail", impact="panda \x1b]0;x\x07 \x02\x03", severity="high", started_at=NOW)
    harness.journal.append("INC-1", 0, [declared], at=NOW, by="\x1b[31m")
    (found,) = search.find("panda").found
    assert "\x1b" not in found.text + found.by and "\x02" not in found.text


# ── the index ─────────────────────────────────────────────────────────────────────────────────────────────


def _recorded(harness: AppHarness) -> str:
    incident = harness.room.declare(Declare("mail", "No mail", "high")).incident.id
    harness.room.execute(incident, Note("raccoon", "note"))
    return incident


def _damage(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 100)


def _tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000] + b"\xff" * 30_000)


def _age(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")


def _empty(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE records")


@pytest.mark.parametrize("spoil", [Path.unlink, _damage, _tear, _age, _empty])
def test_an_index_that_is_missing_damaged_or_of_another_version_is_made_anew(
    harness: AppHarness, spoil: Callable[[Path], None]
) -> None:
    path = harness.folder / "search.sqlite"
    _recorded(harness)
    first = SearchIndex(path)
    assert IncidentSearch(harness.room, first).find("raccoon").found
    first.close()
    spoil(path)
    again = SearchIndex(path)
    assert IncidentSearch(harness.room, again).find("raccoon").found
    again.close()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("longer", [0, 1])
def test_an_index_of_a_journal_that_was_replaced_follows_the_new_one(tmp_path: Path, longer: int) -> None:
    index = SearchIndex(tmp_path / "search.sqlite")
    for name, words, more in (("one", "raccoon", 0), ("two", "coyote", longer)):
        with AppHarness(tmp_path / name, clock=Clock(NOW)) as harness:
            declared = Declared(service="mail", impact=words, severity="high", started_at=NOW)
            noted = [Noted(note="note", words=words)] * (1 + more)
            harness.journal.append("INC-1", 0, [declared, *noted], at=NOW, by="")
            harness.journal.append(TEAM, 0, [AlertReceived(name=words)] * (1 + more), at=NOW, by="")
            search = IncidentSearch(harness.room, index)
            assert len(search.find(words).found) == 3 + 2 * more
            assert name == "one" or not search.find("raccoon").found
    index.close()


def test_it_works_where_no_index_can_be_written(harness: AppHarness, tmp_path: Path) -> None:
    _recorded(harness)
    for path in (tmp_path / "missing" / "search.sqlite", None):
        index = SearchIndex(path)
        assert IncidentSearch(harness.room, index).find("raccoon").found
        index.close()


def test_an_index_that_another_process_keeps_locked_does_not_stop_a_search(
    harness: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warroom.journal.search_index.WAIT_S", 0.05)
    path = harness.folder / "search.sqlite"
    _recorded(harness)
    SearchIndex(path).streams()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    index = SearchIndex(path)
    assert IncidentSearch(harness.room, index).find("raccoon").found
    holder.execute("ROLLBACK")
    holder.close()
    index.close()


def test_two_consoles_share_an_index_and_both_see_what_is_new(harness: AppHarness) -> None:
    path = harness.folder / "search.sqlite"
    indexes = [SearchIndex(path), SearchIndex(path)]
    searches = [IncidentSearch(harness.room, index) for index in indexes]
    incident = _recorded(harness)
    for words in ("ferret", "marmot"):
        harness.room.execute(incident, Note(words, "note"))
        assert [len(search.find(words).found) for search in searches] == [1, 1]
    for index in indexes:
        index.close()


def test_a_damaged_incident_is_named_and_the_others_are_searched(harness: AppHarness) -> None:
    first, second = _recorded(harness), _recorded(harness)
    with sqlite3.connect(harness.journal.path) as db:
        db.execute("UPDATE entries SET body = 'no JSON' WHERE stream = ? AND seq = 1", (first,))
    with AppHarness(harness.folder, clock=Clock(NOW)) as other:
        result = IncidentSearch(other.room, SearchIndex(None)).find("raccoon")
    assert result.unreadable == (first,) and [one.incident for one in result.found] == [second]


def test_the_journal_is_sound_and_unchanged_after_a_search(harness: AppHarness, search: IncidentSearch) -> None:
    _recorded(harness)
    before = harness.journal.change_count()
    search.find("raccoon")
    assert harness.journal.change_count() == before and harness.journal.check().endswith("OK")


# ── similar incidents ─────────────────────────────────────────────────────────────────────────────────────


def _past(harness: AppHarness, service: str, impact: str, fix: str = "") -> str:
    incident = harness.room.declare(Declare(service, impact, "high")).incident.id
    if fix:
        harness.room.execute(incident, RecordFix(fix, temporary=False, rollback="redeploy"))
    harness.clock.later(minutes=1)
    return incident


def test_similar_incidents_share_alert_service_or_words_and_say_what_fixed_them(
    harness: AppHarness, search: IncidentSearch
) -> None:
    harness.room.receive_alert(ReceiveAlert("QueueDepth", service="mail"))
    alert = next(iter(harness.room.team().alerts))
    by_alert = harness.room.declare(Declare("mail", "Mail is late", "high"), alert=alert).incident.id
    by_words = _past(harness, "search-api", "Card payments fail with timeouts", "Rolled back 42")
    _past(harness, "wiki", "Pages are slow")
    found = {
        one.id: one for one in search.similar("checkout-api", "Card payments fail with timeouts", "QueueDepth")
    }
    assert set(found) == {by_alert, by_words}
    assert found[by_alert].reasons == ("same alert",)
    assert found[by_words].reasons == ("words: card, payment, fail, timeout",)
    assert found[by_words].fixed_by.startswith("Rolled back 42")
    assert search.similar("", "", "") == ()
    assert by_words not in {one.id for one in search.similar("x", "Card payments fail", drill=True)}


def test_an_incident_is_not_similar_to_itself_and_an_open_one_is_named_first(
    harness: AppHarness, search: IncidentSearch
) -> None:
    over = _past(harness, "mail", "No mail goes out of the queue")
    harness.room.execute(over, Resolve(reason="verified by hand"))
    still_open = _past(harness, "mail", "No mail")
    itself = _past(harness, "mail", "No mail goes out of the queue")
    found = search.similar("mail", "No mail goes out of the queue", without=itself)
    assert [(one.id, one.outcome) for one in found] == [(still_open, "still open"), (over, "no fix recorded")]


@given(st.text(), st.text(), st.timedeltas(timedelta(0), timedelta(days=900)))
def test_a_query_keeps_every_word_that_is_no_filter(one: str, two: str, age: timedelta) -> None:
    query = parse_query("zebra " + one + " " + two, NOW, UTC)
    assert query.terms and query.terms[0].text.startswith("zebra")
    since = NOW - age
    assert parse_query(f"since:{since.isoformat()}", NOW, UTC).since == since
