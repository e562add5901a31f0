"""Exports: warroom replaces its own file, and asks before it replaces what people edited."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.fakes import START

from warroom import bootstrap
from warroom.room.exports import ExportEdited, other_name, write_export
from warroom.room.room import WarRoom


@pytest.fixture
def room(tmp_path: Path) -> Iterator[WarRoom]:
    settings = tmp_path / "settings.toml"
    settings.write_text("", encoding="utf-8")
    with bootstrap.open_context(settings, tmp_path / "data", "Bob", environ={}, clock=lambda: START) as app:
        yield app.room


def test_a_file_that_warroom_wrote_last_is_written_anew(room: WarRoom, tmp_path: Path) -> None:
    path = tmp_path / "INC-1.md"
    for text in ("one", "two", "two", "three ✓"):
        write_export(room, path, text)
        assert path.read_text("utf-8") == text


@pytest.mark.parametrize("edited", ["one more word", "", "on"])
def test_an_edited_file_is_kept_until_somebody_says_otherwise(room: WarRoom, tmp_path: Path, edited: str) -> None:
    path = tmp_path / "INC-1.md"
    write_export(room, path, "one")
    path.write_text(edited, encoding="utf-8")
    with pytest.raises(ExportEdited, match="was edited after warroom wrote it") as refused:
        write_export(room, path, "two")
    assert path.read_text("utf-8") == edited and "INC-1.md" in refused.value.title
    assert refused.value.other == tmp_path / "INC-1-2.md"
    write_export(room, path, "two", overwrite=refused.value.digest)
    assert path.read_text("utf-8") == "two"


def test_what_is_edited_while_the_question_is_open_is_asked_about_again(room: WarRoom, tmp_path: Path) -> None:
    path = tmp_path / "INC-1.md"
    path.write_text("theirs", encoding="utf-8")
    with pytest.raises(ExportEdited, match="exists already") as refused:
        write_export(room, path, "ours")
    path.write_text("theirs, and more", encoding="utf-8")
    with pytest.raises(ExportEdited):
        write_export(room, path, "ours", overwrite=refused.value.digest)
    assert path.read_text("utf-8") == "theirs, and more"
    write_export(room, path, "ours", overwrite=True)
    assert path.read_text("utf-8") == "ours"


def test_a_deleted_file_is_written_without_a_question_and_a_moved_one_is_another(
    room: WarRoom, tmp_path: Path
) -> None:
    path = tmp_path / "INC-1.md"
    write_export(room, path, "one")
    path.rename(tmp_path / "moved.md")
    write_export(room, path, "two")
    with pytest.raises(ExportEdited):
        write_export(room, tmp_path / "moved.md", "three")


def test_the_same_file_by_another_way_is_known(room: WarRoom, tmp_path: Path) -> None:
    path = tmp_path / "INC-1.md"
    write_export(room, path, "one")
    (tmp_path / "link.md").symlink_to(path)
    write_export(room, tmp_path / "link.md", "two")
    assert path.read_text("utf-8") == "two" and (tmp_path / "link.md").is_symlink()


def test_the_other_name_is_free(tmp_path: Path) -> None:
    for name in ("INC-1.md", "INC-1-2.md"):
        (tmp_path / name).touch()
    assert other_name(tmp_path / "INC-1.md").name == "INC-1-3.md"
