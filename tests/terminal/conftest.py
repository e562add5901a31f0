"""Every JSON that a verb prints in this folder is held against its schema."""

from __future__ import annotations

from typing import Any

import click
import pytest
from harness import shapes

from warroom.cli import output


@pytest.fixture(autouse=True)
def judged_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no verb print JSON that ``warroom schema`` does not describe."""
    written = output.as_json

    def judging(value: Any, **options: Any) -> str:
        text = written(value, **options)
        context = click.get_current_context(silent=True)
        if context is not None and context.info_name != "warroom":
            shapes.judge(str(context.info_name), text)
        return text

    monkeypatch.setattr(output, "as_json", judging)
