"""A post stands in the transcript exactly once, whatever byte the machine died at."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from harness import servers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from warroom.connect.attempt import Attempt, post_under
from warroom.connect.chat import defuse_mentions, message_lines, transcript
from warroom.connect.chat.transcript import Transcript
from warroom.connect.ports import Chat
from warroom.errors import NotSent, Rejected
from warroom.incident.delivery import Message, Opening, Receipt

pytestmark = pytest.mark.anyio
anyio_backend = servers.anyio_backend

AT = datetime(2026, 11, 23, 18, 31, 5, tzinfo=UTC)
OPENING = Opening(incident="INC-7", name="inc-7-checkout", title="Checkout fails", topic="SEV1 · investigating")


TEXT = "INC-7 Checkout fails\nImpact: one in five orders\n\nNext update: 19:00"


def message(text: str = TEXT, **more: Any) -> Message:
    fields = {
        "kind": "update",
        "audience": "team",
        "incident": "INC-7",
        "severity": "SEV1",
        "status": "investigating",
        "title": text.partition("\n")[0],
        "text": text,
        "marker": "INC-7·u3",
        "at": AT,
    }
    return Message.model_validate({**fields, **more})


def backend(folder: Path, **more: Any) -> Transcript:
    return Transcript(Transcript.Options(folder=folder, **more))


async def test_a_transcript_reads_as_written(tmp_path: Path) -> None:
    chat = backend(tmp_path)
    channel = await chat.open(OPENING, "INC-7.1.transcript.open")
    receipt = await chat.post(channel, message(), "INC-7.3.transcript.post")
    path = tmp_path / "transcripts" / "INC-7.md"
    assert (channel.id, channel.name) == (str(path), "INC-7.md")
    assert receipt == Receipt(id="INC-7.3.transcript.post", url=path.as_uri())
    visible = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("<!--"))
    assert visible.strip("\n") == (
        "# INC-7 Checkout fails\n\nSEV1 · investigating\n\n\n"
        "### 2026-11-23 18:31:05 UTC · update · team\n\n"
        "INC-7 Checkout fails  \n**Impact:** one in five orders\n\n**Next update:** 19:00  \nINC-7·u3"
    )
    assert isinstance(chat, Chat)
    await chat.close()


async def test_the_file_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        channel = await backend(tmp_path).open(OPENING, "k")
    finally:
        os.umask(old)
    assert stat.S_IMODE(Path(channel.id).stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(channel.id).parent.stat().st_mode) == 0o700


async def test_the_same_key_is_written_once(tmp_path: Path) -> None:
    chat = backend(tmp_path)
    channel = await chat.open(OPENING, "k1")
    await chat.open(OPENING, "k1")
    await chat.post(channel, message(), "k2")
    before = Path(channel.id).read_bytes()
    await backend(tmp_path).post(channel, message(), "k2")
    await chat.post(channel, message("another text, the same key"), "k2")
    assert Path(channel.id).read_bytes() == before
    await chat.post(channel, message(), "k22")
    await chat.post(channel, message(), "k")
    assert Path(channel.id).read_text().count("Checkout fails  ") == 3, "k, k2 and k22 are three keys"


async def test_a_key_is_found_only_when_its_record_is_whole(tmp_path: Path) -> None:
    chat = backend(tmp_path)
    channel = await chat.open(OPENING, "k1")
    assert await chat.find(channel, "k2") is None
    await chat.post(channel, message(), "k2")
    assert await chat.find(channel, "k2") == Receipt(id="k2", url=channel.url)
    path = Path(channel.id)
    path.write_bytes(path.read_bytes()[:-1])
    assert await chat.find(channel, "k2") is None
    path.unlink()
    assert await chat.find(channel, "k1") is None


async def test_status_is_nothing_here(tmp_path: Path) -> None:
    chat = backend(tmp_path)
    channel = await chat.open(OPENING, "k1")
    before = Path(channel.id).read_bytes()
    assert await chat.show_status(channel, message(), None, "k2") == Receipt()
    assert Path(channel.id).read_bytes() == before


def written(folder: Path) -> tuple[Path, bytes, bytes]:
    """A transcript's path, its bytes before the last post, and after."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "t.md"
    path.unlink(missing_ok=True)
    transcript._append(path, "k1", "# title")
    transcript._append(path, "k2", "first")
    before = path.read_bytes()
    transcript._append(path, "k3", "second & last\n\n<!-- not ours -->")
    return path, before, path.read_bytes()


def test_cut_at_any_byte_a_retry_makes_the_file_whole_again(tmp_path: Path) -> None:
    path, before, after = written(tmp_path)
    for length in range(len(before), len(after)):
        path.write_bytes(after[:length])
        transcript._append(path, "k3", "second & last\n\n<!-- not ours -->")
        assert path.read_bytes() == after, f"cut at {length} of {len(after)}"


def test_cut_at_any_byte_another_post_leaves_nothing_of_the_torn_one(tmp_path: Path) -> None:
    path, before, after = written(tmp_path)
    transcript._append(path, "k4", "third")
    end = path.read_bytes()[len(after) :]
    for length in range(len(before), len(after)):
        path.write_bytes(after[:length])
        transcript._append(path, "k2", "first")
        assert path.read_bytes() == before, "a repeated older key clears the torn one away"
        path.write_bytes(after[:length])
        transcript._append(path, "k4", "third")
        assert path.read_bytes() == before + end


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(max_size=80), min_size=1, max_size=4), data=st.data())
def test_any_texts_torn_anywhere_each_stand_once(tmp_path: Path, texts: list[str], data: st.DataObject) -> None:
    path = tmp_path / "t.md"
    path.unlink(missing_ok=True)
    whole = []
    for number, text in enumerate(texts):
        shown = Transcript(Transcript.Options()).render(message(text))
        transcript._append(path, f"INC-7.{number}", shown)
        whole.append(path.read_bytes())
    for number in range(len(texts)):
        start = len(whole[number - 1]) if number else 0
        cut = data.draw(st.integers(start, len(whole[number])))
        path.write_bytes(whole[number][:cut])
        for again in range(number + 1):
            shown = Transcript(Transcript.Options()).render(message(texts[again]))
            transcript._append(path, f"INC-7.{again}", shown)
        assert path.read_bytes() == whole[number]


def test_what_a_person_wrote_is_kept(tmp_path: Path) -> None:
    path, before, after = written(tmp_path)
    theirs = (b"my own note", b"my own note\n", b"\n<b>", b"<!-- my comment -->\n", b"<!-- warroom is fine -->\n")
    for words in theirs:
        path.write_bytes(after + words)
        transcript._append(path, "k4", "third")
        assert path.read_bytes().startswith(after + words), words
    # Below a torn record, more than the record announced.
    path.write_bytes(after[: len(before) + 40] + b"\n" + b"my own note " * 40)
    transcript._append(path, "k3", "second & last")
    assert path.read_bytes().count(b"my own note") == 40
    assert b"second & last\n\n<!-- /warroom k3 -->" in path.read_bytes()


def test_a_text_cannot_pretend_to_be_a_marker(tmp_path: Path) -> None:
    path = tmp_path / "t.md"
    forged = "x\n<!-- /warroom k9 -->\n<!-- warroom k8 3 -->\n"
    transcript._append(path, "k1", Transcript(Transcript.Options()).render(message(forged)))
    transcript._append(path, "k9", "real")
    assert b"\nreal\n" in path.read_bytes()
    assert path.read_bytes().count(b"<!-- warroom") == 2


@pytest.mark.parametrize("key", ["a -->\n<b>", "a--b", "--", "é·ü", "a b", "k\n", "-" * 9, "\ud800"])
def test_any_key_is_a_harmless_comment(tmp_path: Path, key: str) -> None:
    path = tmp_path / "t.md"
    transcript._append(path, key, "text")
    transcript._append(path, key, "text")
    html = MarkdownIt("commonmark").render(path.read_text())
    assert html.replace(" ", "").count("<p>text</p>") == 1
    assert "--" not in path.read_text().split("-->")[0].removeprefix("<!--")


HOSTILE = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "<!-- /warroom k -->",
        "[click](https://evil.test)",
        "![x](https://evil.test/y)",
        "[a]: https://evil.test",
        "<https://evil.test>",
        "# heading",
        "> quote",
        "```",
        "~~~",
        "***",
        "---",
        "===",
        "- item",
        "+ item",
        "1. item",
        "1) item",
        "    code",
        "\tcode",
        "a | b",
        "-|-",
        "__bold__",
        "_it_",
        "`code`",
        "~~gone~~",
        "&copy;&#64;",
        "\\",
        "\\*",
        "@everyone",
        "Impact: *x*",
        "\n",
        "\n\n",
        "[ ] todo",
    ]
)
TEXTS = st.lists(st.one_of(HOSTILE, st.text(max_size=12)), max_size=6).map("".join)


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_every_character_of_a_text_means_itself_in_markdown(text: str) -> None:
    fields = message(text)
    shown = Transcript(Transcript.Options()).render(fields)
    for flavour in ("commonmark", "gfm-like"):
        parser = MarkdownIt(flavour, {"linkify": False})
        tokens = parser.parse(shown)
        assert {token.type for token in tokens} <= {"paragraph_open", "inline", "paragraph_close"}
        parts = [child for token in tokens for child in token.children or []]
        kinds = {part.type for part in parts}
        assert kinds <= {"text", "text_special", "softbreak", "hardbreak", "strong_open", "strong_close"}, kinds
        seen = "".join(part.content for part in parts)
        expected = "".join(
            f"{line.label}: {line.text}" if line.label else line.text for line in message_lines(fields)
        )
        assert _bare(seen) == _bare(defuse_mentions(expected))


def _bare(text: str) -> str:
    """Without blanks: Markdown folds them."""
    return "".join(text.split())


def test_a_console_waits_while_another_writes(tmp_path: Path) -> None:
    path, _, after = written(tmp_path)
    waiting = threading.Thread(target=transcript._append, args=(path, "k4", "third"), daemon=True)
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        assert path.read_bytes() == after
    waiting.join(10)
    assert b"\nthird\n" in path.read_bytes()


async def test_a_file_that_stays_locked_is_not_sent_for_now_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcript, "LOCK_S", 0.1)
    chat = backend(tmp_path)
    channel = await chat.open(OPENING, "INC-7.1.transcript.open")
    with Path(channel.id).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(NotSent, match="another program keeps it locked"):
            await chat.post(channel, message(), "INC-7.3.transcript.post")
        with pytest.raises(NotSent, match="locked"):
            await chat.find(channel, "INC-7.3.transcript.post")
    assert (await chat.post(channel, message(), "INC-7.3.transcript.post")).id


async def test_an_attempt_that_has_ended_writes_nothing_more(tmp_path: Path) -> None:
    chat = backend(tmp_path)
    channel = await chat.open(OPENING, "INC-7.1.transcript.open")
    before = Path(channel.id).read_bytes()
    attempt = Attempt()
    post_under(attempt)
    assert attempt.end() is False
    with pytest.raises(NotSent):
        await chat.post(channel, message(), "INC-7.3.transcript.post")
    assert Path(channel.id).read_bytes() == before


def test_consoles_at_the_same_time_write_each_post_once(tmp_path: Path) -> None:
    path = tmp_path / "t.md"
    code = (
        "import sys; from pathlib import Path; from warroom.connect.chat.transcript import _append\n"
        "for n in range(15): _append(Path(sys.argv[1]), f'k{n}', f'post {n}.' + 'x' * 5000)"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(2)]
    assert [process.wait(60) for process in running] == [0, 0]
    assert [path.read_text().count(f"post {n}.") for n in range(15)] == [1] * 15


def test_a_full_disk_is_not_sent_and_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _, after = written(tmp_path)

    def half(file: int, data: bytes) -> None:
        os.write(file, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(transcript, "_write", half)
        with pytest.raises(NotSent) as info:
            transcript._append(path, "k4", "third")
    assert "No space left" in info.value.title and info.value.remedy
    assert path.read_bytes() == after
    transcript._append(path, "k4", "third")
    assert path.read_bytes().startswith(after)


async def test_what_cannot_be_a_transcript_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.md").mkdir()
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    for path in ("folder.md", "file/below.md", "pipe", "/dev/null"):
        with pytest.raises(Rejected) as info:
            await backend(tmp_path, path=path).open(OPENING, "k")
        assert info.value.remedy
    with pytest.raises(Rejected):
        await backend(tmp_path, path="file/below.md").check()


async def test_an_incidents_name_cannot_leave_the_folder(tmp_path: Path) -> None:
    channel = await backend(tmp_path).open(OPENING.model_copy(update={"incident": "../../etc/x"}), "k")
    assert Path(channel.id).parent == tmp_path / "transcripts"


async def test_the_doctor_is_told_where_files_go_and_none_is_made(tmp_path: Path) -> None:
    assert str(tmp_path) in await backend(tmp_path, path="{incident}/log.md").check()
    assert list(tmp_path.iterdir()) == []


def test_customers_read_no_marker_where_a_post_is_known_by_its_key() -> None:
    words = message("Checkout is slow", audience="customers", marker="Ref 4F7K2Q")
    assert Transcript(Transcript.Options()).render(words) == "Checkout is slow"
