"""Ten sources polled by three consoles for an hour of a virtual clock: each fact is recorded once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.bench.polling import EVERY_S, HOUR_S, SOURCES, poll_for_an_hour


def test_three_consoles_record_each_fact_of_an_hour_once_with_the_requests_of_one(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    alone, expected = poll_for_an_hour(tmp_path / "one", 1)
    sources, facts = poll_for_an_hour(tmp_path, 3)
    assert set(facts.values()) == set(expected.values()) == {1}
    assert any("burst" in fact for fact in facts) and any(fact.endswith("is over") for fact in facts)
    assert facts == expected, "what several consoles see is what one sees"
    # An alert that fires again is a fact of its own, with its own beginning.
    began = {fact for fact in facts if fact.startswith("source0 alert 1") and not fact.endswith("over")}
    assert len(began) >= timedelta(seconds=HOUR_S) // timedelta(minutes=20)
    most = len(SOURCES) * (HOUR_S / EVERY_S + 1)
    assert sum(source.polls for source in sources.values()) <= most
    assert sum(source.polls for source in alone.values()) <= most
