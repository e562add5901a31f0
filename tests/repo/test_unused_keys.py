"""Every key of the settings and of the playbook is read by code: one that is only written would promise in vain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mypy.build import BuildResult, build
from mypy.main import process_options
from mypy.nodes import MemberExpr
from mypy.types import Instance, Type, UnionType, get_proper_type
from pydantic import BaseModel

from warroom.config.manual import _model_in
from warroom.config.settings import Settings
from warroom.incident.playbook import Playbook

ROOT = Path(__file__).parents[2]

UNREAD: dict[str, str] = {
    "warroom.incident.playbook.Pitfall.id": "names the table, so that a team can change or remove it",
}
"""Keys that no code needs to read, each with its reason."""


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The model and those of the tables in it."""
    yield model
    for field in model.model_fields.values():
        if inner := _model_in(field.annotation):
            yield from models(inner)


def keys() -> set[str]:
    found = {*models(Settings), *models(Playbook)}
    return {f"{model.__module__}.{model.__name__}.{key}" for model in found for key in model.model_fields}


def typed() -> BuildResult:
    """The program with the type of every expression. What comes from other packages counts as unknown: nothing of
    theirs is a key of ours, and reading them takes twice as long as reading the program."""
    sources, options = process_options(["-p", "warroom", "--config-file", str(ROOT / "pyproject.toml")])
    options.export_types, options.incremental = True, False
    options.follow_imports, options.plugins = "skip", []
    return build(sources, options)


def owners(kind: Type | None) -> Iterator[Instance]:
    """The classes that a value may be of."""
    known = get_proper_type(kind) if kind else None
    if isinstance(known, UnionType):
        for item in known.items:
            yield from owners(item)
    elif isinstance(known, Instance):
        yield known


def read_keys() -> set[str]:
    """Attributes that some code reads, by the class that declares them."""
    result, found = typed(), set()
    for node in result.types:
        if isinstance(node, MemberExpr):
            for owner in owners(result.types.get(node.expr)):
                found |= {f"{base.fullname}.{node.name}" for base in owner.type.mro}
    return found


def test_no_key_is_left_that_no_code_reads() -> None:
    unread = keys() - read_keys()
    assert unread - UNREAD.keys() == set(), "read it, or remove it"


def test_a_key_that_is_not_read_would_be_found() -> None:
    class Table(BaseModel):
        promised: str = ""

    assert {*models(Table)} == {Table} and _model_in(dict[str, Table]) is Table
    assert len(keys()) > 100, "the tables are found"


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
