"""TOML with mistakes in it: each is named by file, line, table and key; only SettingsError ever gets out."""

from __future__ import annotations

import re
from typing import Any, Literal

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, field_validator

from warroom import toml
from warroom.errors import SettingsError


class Log(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Literal["file", "command"] = "file"
    path: str = ""


class Service(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    log: str = ""
    lines: int = Field(default=0, ge=0)
    logs: tuple[Log, ...] = ()


class Chat(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    backend: Literal["slack", "matrix"]
    token: str = ""
    webhook_url: int = 0

    @field_validator("token")
    @classmethod
    def _token(cls, value: str) -> str:
        if value and not value.startswith("xoxb-"):
            raise ValueError(f"{value} is no bot token")
        return value


class AppContext(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    team: str
    services: dict[str, Service] = Field(default_factory=dict)
    chat: dict[str, Chat] = Field(default_factory=dict)


def error(text: str) -> SettingsError:
    with pytest.raises(SettingsError) as raised:
        toml.parse(text, AppContext, "warroom.toml")
    return raised.value


def test_right_text_becomes_the_model() -> None:
    context = toml.parse('team = "a"\n[services.checkout]\nlog = "app.log"\n', AppContext, "warroom.toml")
    assert context.services["checkout"].log == "app.log"


def test_an_unknown_key_is_named_by_file_line_table_and_key_with_what_is_allowed() -> None:
    problem = error('team = "a"\n\n# comment\n[services.checkout]\nlgo = "app.log"\n')
    assert problem.place == "warroom.toml:5 [services.checkout] lgo"
    assert "unknown key" in problem.title
    assert 'Did you mean "log"?' in problem.remedy
    assert "log, lines, logs" in problem.remedy


def test_a_key_at_the_top_is_named_without_a_table() -> None:
    assert error('team = "a"\nteems = 1\n').place == "warroom.toml:2 teems"


def test_a_missing_key_points_to_its_table() -> None:
    problem = error('team = "a"\n[chat.ops]\ntoken = "xoxb-1"\n')
    assert problem.place == "warroom.toml:2 [chat.ops] backend"
    assert "missing" in problem.title


def test_a_wrong_choice_lists_the_choices() -> None:
    problem = error('team = "a"\n[chat.ops]\nbackend = "slak"\n')
    assert problem.place == "warroom.toml:3 [chat.ops] backend"
    assert '"slak" is not a choice' in problem.title
    assert problem.remedy == 'Did you mean "slack"? Allowed: slack, matrix.'


def test_a_wrong_type_says_what_is_wanted_and_found() -> None:
    assert "must be text in quotes, not a number" in error("team = 5\n").title
    assert "must be a table, not text" in error('team = "a"\nservices = "x"\n').title


def test_a_number_out_of_range_says_the_range() -> None:
    problem = error('team = "a"\n[services.a]\nlines = -3\n')
    assert "must be at least 0, not -3" in problem.title


def test_arrays_of_tables_and_lists_are_counted() -> None:
    text = 'team = "a"\n[[services.a.logs]]\npath = "1"\n\n[[services.a.logs]]\npath = "2"\nkind = "fil"\n'
    assert error(text).place == "warroom.toml:7 [services.a.logs #2] kind"
    text = 'team = "a"\n[services.a]\nlogs = [\n  { path = "1" },  # one\n  { path = "2", kin = "file" },\n]\n'
    assert error(text).place == "warroom.toml:5 [services.a.logs #2] kin"


def test_brackets_and_hashes_in_text_do_not_confuse_the_lines() -> None:
    text = 'team = """\n[services.a]\nlgo = 1 # no\n"""\n[services."a.b # c"]\n"l.o" = "]"\n'
    assert error(text).place == "warroom.toml:6 [services.a.b # c] l.o"


def test_all_mistakes_are_told_one_a_line() -> None:
    problem = str(error("[services.a]\nlgo = 1\n[services.b]\nlines = 1.5\n"))
    assert "team: missing key" in problem
    assert "warroom.toml:2 [services.a] lgo: unknown key" in problem
    assert "warroom.toml:4 [services.b] lines: must be a whole number" in problem
    assert "Correct all 3 places" in problem


def test_broken_toml_is_named_by_line() -> None:
    problem = error('team = "a"\n[services\n')
    assert problem.place == "warroom.toml:2"
    assert "not valid TOML" in problem.title
    assert error('team = "a"\nlog =').place == "warroom.toml:2"


@pytest.mark.parametrize("text", ["a = " + "9" * 5000, "a = " + "[" * 5000, "a = " + "[" * 5000 + "]" * 5000])
def test_hostile_sizes_are_a_settings_error(text: str) -> None:
    error(text)


@pytest.mark.parametrize(
    "text",
    [
        'team = "a"\n[chat.ops]\nbackend = "slack"\ntoken = "hunter2-hunter2"\n',
        'team = "a"\n[chat.ops]\nbackend = "slack"\nwebhook_url = "https://hunter2-hunter2"\n',
        'team = "a"\n[chat.ops]\nbackend = "slack"\nwebhook_url = [ "hunter2-hunter2" ]\n',
        'team = "a"\n[chat.ops]\nbackend = "xoxb-hunter2-hunter2"\n',
    ],
)
def test_what_may_be_a_secret_is_never_repeated(text: str) -> None:
    assert "hunter2" not in str(error(text))


def test_control_and_direction_characters_are_spelled_out() -> None:
    problem = str(error('team = "a"\n"\\u202Eevil\\u001b[2J" = 1\n'))
    assert "\u202e" not in problem and "\x1b" not in problem
    assert "\\u202eevil\\x1b[2J" in problem


def test_merging_lays_tables_over_and_takes_removed_ones_out() -> None:
    base = {"a": {"x": {"n": 1, "l": [1]}, "y": {"n": 2}}, "b": 1}
    over = {"a": {"x": {"l": [2]}, "y": {"remove": True}, "z": {"n": 3}}}
    merged = toml.merge(base, over)
    assert merged == {"a": {"x": {"n": 1, "l": [2]}, "z": {"n": 3}}, "b": 1}
    assert base["a"]["y"] == {"n": 2}  # type: ignore[index]


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200) | st.text(alphabet="[]{}=.\"'#\n ab1,", max_size=80))
def test_any_text_gives_a_model_or_a_settings_error(text: str) -> None:
    try:
        toml.parse(text, AppContext, "warroom.toml")
    except SettingsError as problem:
        assert str(problem).startswith("warroom.toml")


leaf = st.integers(-5, 5) | st.booleans() | st.text(max_size=6)
tables = st.dictionaries(
    st.text(max_size=4),
    st.recursive(leaf, lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=4), x, max_size=3)),
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(tables)
def test_every_value_of_any_toml_has_its_line(table: dict[str, Any]) -> None:
    text = tomli_w.dumps(table)
    lines = toml._lines(text)
    rows = text.split("\n")

    def walk(value: Any, path: toml.Path) -> None:
        if path:
            assert path in lines, (path, text)
            name = path[-1]
            if isinstance(name, str) and re.fullmatch(r"[A-Za-z]+", name):
                assert name in rows[lines[path] - 1]
        if isinstance(value, dict):
            for key, below in value.items():
                walk(below, (*path, key))
        elif isinstance(value, list):
            for number, below in enumerate(value):
                walk(below, (*path, number))

    walk(table, ())
