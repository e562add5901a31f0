"""What a person reads before a command of a runbook runs: the command, its folder, its limit, what it is given."""

from __future__ import annotations

from warroom.config.paths import shown
from warroom.room.runbook_runs import PreparedRun
from warroom.safety import redact


def preview_text(prepared: PreparedRun) -> str:
    """The preview, redacted, in lines."""
    minutes, seconds = divmod(prepared.timeout_s, 60)
    limit = f"{minutes} min" if minutes and not seconds else f"{prepared.timeout_s} s"
    given = "\n".join(f"  {name}={value}" for name, value in prepared.variables.items())
    text = (
        f"{_indented(prepared.command)}\n\n"
        f"Runs with sh -eu in {shown(prepared.folder)}, for at most {limit}.\n"
        f"Gets {', '.join(prepared.passed_on)} of this machine, and:\n{given}"
    )
    return redact(text, personal=False).text


def _indented(command: str) -> str:
    return "\n".join(f"  {line}" for line in command.splitlines())
