"""Verbs in scripts: what is printed when, on which stream, and what a closed pipe does."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path

import httpx
import pytest
from harness import servers
from harness.program import ForkedProgram


def environ(folder: Path, settings: str = "") -> dict[str, str]:
    (folder / "settings.toml").write_text(settings)
    places = {"WARROOM_SETTINGS": str(folder / "settings.toml"), "WARROOM_DATA": str(folder / "data")}
    return {**os.environ, **places, "WARROOM_AS": "Bob"}


@pytest.mark.parametrize("option", [[], ["--json"]], ids=["text", "json"])
def test_declare_prints_its_id_before_anything_is_sent(tmp_path: Path, option: list[str]) -> None:
    """The destination answers only after the id has been read: a declare that waits for it first never ends."""
    read, sent = threading.Event(), threading.Event()

    def reply(request: httpx.Request) -> httpx.Response:
        sent.set()
        assert read.wait(60)
        return httpx.Response(200)

    with servers.serving(reply) as url:
        hook = f'[destinations.hook]\nbackend = "webhook"\nurl = "{url}/in"\nplain_secrets = true\n'
        words = ["declare", "checkout-api", "Card payments fail", "--wait", "60s", *option]
        with ForkedProgram(words, environ(tmp_path, hook), stdout=subprocess.PIPE) as program:
            assert program.stdout is not None
            text = program.stdout.readline()
            if option:
                while not text.endswith("}\n"):
                    text += program.stdout.readline()
                assert json.loads(text)["id"] == "INC-1"
            assert "INC-1" in text
            read.set()
            _, err = program.communicate(timeout=60)
    assert program.returncode == 0 and sent.is_set()
    assert "✓ hook" in err, "the outcome follows on stderr"


@pytest.mark.parametrize(
    "words", [["list", "--json"], ["status"], ["timeline", "--json"], ["schema"], ["help", "--man"]]
)
def test_a_reader_that_stops_is_no_error(tmp_path: Path, words: list[str]) -> None:
    """As with head: the pipe is closed before anything is written."""
    ours = environ(tmp_path)
    with ForkedProgram(["declare", "search", "Slow", "--no-wait"], ours) as program:
        program.communicate(timeout=60)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as out, ForkedProgram(words, ours, stdout=out) as program:
        _, err = program.communicate(timeout=60)
    assert (program.returncode, err) == (141, "")


def test_notices_never_mix_with_what_is_piped(tmp_path: Path) -> None:
    ours = environ(tmp_path, '[[team.people]]\nname = "Ann"\n') | {"WARROOM_AS": ""}
    with ForkedProgram(["declare", "search", "Slow", "--json"], ours) as program:
        out, err = program.communicate(timeout=60)
    assert json.loads(out)["id"] == "INC-1"
    assert "You act as" in err and "transcript" in err
