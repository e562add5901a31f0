"""The five questions of ``warroom init``: each answer is checked, can be changed, and whatever comes out loads."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warroom import toml
from warroom.cli import first_settings, interview
from warroom.cli.first_settings import members, questions, starter, write
from warroom.config.loading import load
from warroom.config.paths import AppPaths
from warroom.config.personal import PersonalSettings
from warroom.config.settings import LogCommand, Settings
from warroom.config.starter import Member, Starter, personal_toml, team_toml
from warroom.errors import BadInput, Refusal

CHATS = {"slack": "Slack", "teams": "Microsoft Teams", "zulip": "Zulip"}
LEFT_OUT = ["-"] * 4
TEXT = st.text(st.characters(codec="utf-8"), max_size=30)


def typing(*lines: str) -> Callable[[str], str]:
    """A person who types these lines, and then leaves."""
    rest = iter(lines)

    def read(prompt: str) -> str:
        for line in rest:
            return line
        raise click.Abort

    return read


def asked(places: AppPaths, lines: Iterable[str]) -> dict[str, str]:
    return interview.ask(questions(places, {"TZ": "Asia/Tokyo"}, CHATS), typing(*lines))


@pytest.fixture
def places(home: Path) -> AppPaths:
    return AppPaths.find({})


def test_all_answers_come_out_as_settings(places: AppPaths, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("x\n")
    lines = ["Checkout", "berlin", "Alice <a@example.com>, Bob", "api", str(tmp_path / "*.log"), "Slack", ""]
    answers = asked(places, lines)
    assert answers["chat"] == "slack"
    write(answers, places, found_at=places.settings)
    found = load(places.settings, {})
    assert (found.team.name, found.team.timezone) == ("Checkout", "Europe/Berlin")
    assert [(one.name, one.email) for one in found.team.people] == [("Alice", "a@example.com"), ("Bob", "")]
    assert [(one.name, one.logs) for one in found.services] == [("api", (str(tmp_path / "*.log"),))]
    assert toml.parse(places.personal.read_text(), PersonalSettings, "p").name == "Alice"


def test_every_answer_can_be_left_out(places: AppPaths) -> None:
    write(asked(places, [*LEFT_OUT, "-", ""]), places, found_at=places.settings)
    found = load(places.settings, {})
    assert (found.team, found.services, found.destinations) == (Settings().team, (), {})
    assert not places.personal.exists()


def test_enter_takes_what_is_suggested(places: AppPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_settings, "account_holder", lambda: "Ada Lovelace")
    answers = asked(places, [""] * 6)
    assert (answers["zone"], answers["people"]) == ("Asia/Tokyo", "Ada Lovelace")


def test_a_question_can_be_gone_back_on_and_its_answer_is_kept(places: AppPaths) -> None:
    there_and_back = ["Chekcout", "<", "Checkout", "<", "", "UTC", "Alice", "api", "<", "<", "<", "<", "", ""]
    answers = asked(places, [*there_and_back, "Bob", "-", "-", ""])
    assert (answers["team"], answers["zone"]) == ("Checkout", "UTC")
    assert (answers["people"], answers["service"], answers["log"]) == ("Bob", "", "")


def test_before_the_first_question_there_is_none(places: AppPaths) -> None:
    assert asked(places, ["<", "<", "Checkout", *LEFT_OUT, ""])["team"] == "Checkout"


@pytest.mark.parametrize("number", range(7))
def test_leaving_at_any_question_gives_no_answers(places: AppPaths, number: int) -> None:
    with pytest.raises(click.Abort):
        asked(places, ["x", "UTC", "Alice", "api", "/x.log", "-", ""][:number])


@pytest.mark.parametrize(
    ("at", "wrong", "told"),
    [
        ("team", "A\x1b[2JB", "control"),
        ("team", "x" * 81, "at most 80"),
        ("zone", "Mars/Base", "no such time zone"),
        ("zone", "Berln", 'Did you mean "Europe/Berlin"'),
        ("people", "alice@example.com", "Write NAME or NAME <E-MAIL>"),
        ("people", "Alice, alice", "appears twice"),
        ("people", ",", "no name in it"),
        ("people", "A <a\u202e@b>", "direction"),
        ("log", "journal:", "nothing after journal:"),
        ("log", "x" * 499, "at most 500"),
        ("service", "\u202eapi", "direction"),
        ("log", "/dev/null", "not a log"),
        ("log", "$ kubectl 'logs", "Close every quote"),
        ("log", "$", "nothing after $"),
        ("log", "run:kubectl logs", "Write: $ kubectl logs"),
        ("chat", "slak", 'Did you mean "slack"?'),
        ("chat", "xoxb-12345678-secret", "Allowed: slack, teams, zulip"),
    ],
)
def test_a_wrong_answer_is_told_at_once_with_what_to_do(
    places: AppPaths, capsys: pytest.CaptureFixture[str], at: str, wrong: str, told: str
) -> None:
    right = {"team": "x", "zone": "UTC", "people": "Alice", "service": "api", "log": "-", "chat": "-"}
    order = list(right)
    lines = [
        *(right[id] for id in order[: order.index(at)]),
        wrong,
        *(right[id] for id in order[order.index(at) :]),
    ]
    asked(places, [*lines, ""])
    said = " ".join(capsys.readouterr().err.split())
    assert told.casefold() in said.casefold() and "\x1b" not in said and "secret" not in said


@pytest.mark.parametrize(
    ("log", "note"),
    [
        ("/nowhere/app.log", "is not there yet"),
        ("/nowhere/*.log", "is not there yet"),
        ("$ no-such-program-1 x", "no program no-such-program-1"),
        ("$ ls /", "is run while"),
    ],
)
def test_a_log_that_is_not_there_is_kept_and_told(
    places: AppPaths, capsys: pytest.CaptureFixture[str], log: str, note: str
) -> None:
    answers = asked(places, ["-", "-", "-", "api", log, "-", ""])
    assert answers["log"] == log and note in capsys.readouterr().err


def test_a_log_is_found_from_any_folder_afterwards(
    places: AppPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answers = asked(places, ["-", "-", "-", "api", "logs/app.log", "-", ""])
    write(answers, places, found_at=places.settings)
    assert load(places.settings, {}).services[0].logs == (str(tmp_path / "logs/app.log"),)


def test_a_command_is_written_word_by_word(places: AppPaths) -> None:
    made = starter(asked(places, ["-", "-", "-", "api", "$ ls -l 'a b'", "-", ""]))
    (service,) = toml.parse(team_toml(made), Settings, "s").services
    assert service.logs == (LogCommand(("ls", "-l", "a b")),)


@pytest.mark.parametrize(
    ("typed", "zone"),
    [("berlin", "Europe/Berlin"), ("new york", "America/New_York"), ("utc", "UTC"), ("ASIA/TOKYO", "Asia/Tokyo")],
)
def test_a_zone_may_be_named_by_its_city(places: AppPaths, typed: str, zone: str) -> None:
    assert asked(places, ["-", typed, "-", "-", "-", ""])["zone"] == zone


@pytest.mark.parametrize("variable", ["CET-1CEST", ":/etc/localtime", "../etc/passwd", ""])
def test_what_is_no_name_of_a_zone_is_not_suggested(variable: str) -> None:
    assert first_settings.system_zone({"TZ": variable}) == first_settings.system_zone({})
    assert first_settings.system_zone({"TZ": ":Asia/Tokyo"}) == "Asia/Tokyo"


def test_nothing_that_is_there_is_replaced(places: AppPaths) -> None:
    places.personal.parent.mkdir(parents=True)
    places.personal.write_text('name = "Bob"\n')
    answers = asked(places, ["x", "-", "Alice", "-", "-", ""])
    assert write(answers, places, found_at=places.settings).personal is None
    assert places.personal.read_text() == 'name = "Bob"\n'
    before = places.settings.read_text()
    with pytest.raises(Refusal, match="already exists"):
        write(answers, places, found_at=places.settings)
    assert places.settings.read_text() == before


def test_settings_in_another_place_are_named_by_the_personal_file(places: AppPaths, tmp_path: Path) -> None:
    team = tmp_path / "clone" / "team.toml"
    elsewhere = AppPaths.find({}, {"settings": str(team)})
    write(asked(elsewhere, ["x", *LEFT_OUT, ""]), elsewhere, found_at=places.settings)
    assert toml.parse(places.personal.read_text(), PersonalSettings, "p").settings == str(team)


LINE = st.one_of(TEXT, st.sampled_from(["<", "-", "", "UTC", "Alice, Bob", "$ ls", "slack", "y"]))


@given(st.lists(LINE, max_size=25))
def test_whatever_is_typed_either_nothing_comes_out_or_settings_that_load(home: Path, lines: list[str]) -> None:
    try:
        answers = asked(AppPaths.find({}), itertools.chain(lines, ["-"] * 6, [""]))
    except click.Abort:
        return
    toml.parse(team_toml(starter(answers)), Settings, "s")


@given(TEXT)
def test_people_are_read_or_refused_and_none_is_lost(text: str) -> None:
    try:
        found = members(text)
    except BadInput:
        return
    assert len(found) == sum(1 for part in re.split("[,;]", text) if part.strip())
    assert all(one.name.strip() for one in found)


@given(st.builds(Starter, TEXT, st.just("UTC"), st.lists(st.builds(Member, TEXT, TEXT)).map(tuple), TEXT, TEXT))
def test_text_comes_back_from_the_file_as_it_was(made: Starter) -> None:
    import tomllib

    found = tomllib.loads(team_toml(made))
    assert found["team"].get("name", "") == made.team
    people = [(one.get("name", ""), one.get("email", "")) for one in found["team"].get("people", ())]
    assert people == [(one.name, one.email) for one in made.people if one.name or one.email]
    assert tomllib.loads(personal_toml(made.team, None)).get("name", "") == made.team
