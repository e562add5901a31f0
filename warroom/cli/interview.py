"""Asks questions in turn on the terminal. Each answer is checked at once, may be left out, and can be changed."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import click

from warroom.cli import output
from warroom.errors import BadInput

BACK, NOTHING = "<", "-"
"""What is typed to go back to the question before, and to leave an answer out."""

Answers = Mapping[str, str]
"""The answers so far, by the id of their question; "" for one that was left out."""

Read = Callable[[str], str]
"""Reads one line after this prompt. Raises ``click.Abort`` when there will be none (ctrl+c, ctrl+d)."""


@dataclass(frozen=True, slots=True)
class Checked:
    """An answer as it will be used, and what was found out about it, for the person to see."""

    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """One question. ``check`` raises ``BadInput`` with the way to correct an answer; "" is not checked."""

    id: str
    text: str
    check: Callable[[str], Checked]
    suggest: Callable[[], str] = str
    asked: Callable[[Answers], bool] = lambda _: True


def ask(questions: Sequence[Question], read: Read | None = None) -> dict[str, str]:
    """Ask all questions; their answers by id. ``click.Abort`` if the person leaves."""
    read = read or _read
    answers: dict[str, str] = {}
    at = 0
    while at < len(questions):
        question = questions[at]
        if not question.asked(answers):
            answers[question.id] = ""
            at += 1
            continue
        output.print_err("\n" + _filled(question.text))
        answer = _ask(question, answers.get(question.id), read)
        if answer is None:
            at = _before(questions, at, answers)
        else:
            answers[question.id] = answer
            at += 1
    return answers


def _before(questions: Sequence[Question], at: int, answers: Answers) -> int:
    """The question asked before the one at ``at``; the first one has none."""
    return next((number for number in range(at - 1, -1, -1) if questions[number].asked(answers)), at)


def _ask(question: Question, before: str | None, read: Read) -> str | None:
    """The answer to one question, asked until it is right; None to go back. ``before`` is what was answered."""
    offered = question.suggest() if before is None else before
    prompt = f"  {question.id} [{offered}]: " if offered else f"  {question.id}: "
    while True:
        typed = read(output.sanitize(prompt)).strip()
        if typed == BACK:
            return None
        text = offered if not typed else "" if typed == NOTHING else typed
        if not text:
            return ""
        try:
            checked = question.check(text)
        except BadInput as error:
            output.print_err(_filled(f"  ✗ {error.title}. {error.remedy}".rstrip()))
            continue
        if checked.note:
            output.print_err(_filled(f"  {checked.note}"))
        return checked.value


def _read(prompt: str) -> str:
    # "" stands for the default: click would ask again for an empty answer.
    typed: str = click.prompt(prompt, default="", show_default=False, prompt_suffix="", err=True)
    return typed


def _filled(text: str) -> str:
    width = min(100, shutil.get_terminal_size().columns)
    return "\n".join(textwrap.fill(line, width, subsequent_indent="     ") for line in text.splitlines())
