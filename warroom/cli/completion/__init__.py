"""Completion of a command line in bash, zsh and fish. Imports only the standard library: a Tab must feel instant.

answer.py        what the scripts of the shells call; prints how the word before the cursor may go on
candidates.py    what may stand there, by ``grammar.json``, which ``cli/grammar.py`` makes of the verbs
values.py        names that change: incidents, people, roles and so on, read from settings, playbook and journal
quoting.py       words of a line, and text written so that the shell takes it literally
warroom.bash, warroom.zsh, warroom.fish    the scripts; ``warroom completion SHELL`` prints them
"""

from pathlib import Path

FOLDER = Path(__file__).parent
GRAMMAR = FOLDER / "grammar.json"

FILES, FOLDERS = "files", "folders"
"""Kinds of values that the shell knows itself."""
