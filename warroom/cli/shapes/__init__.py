"""The shapes of what ``--json`` prints: types whose names are a promise. ``json_schema.py`` makes a schema of them.

Where a value is printed as it is (a brief, a phase of the playbook), its own class is its shape.
"""

from __future__ import annotations

from pydantic import ConfigDict, with_config

explained = with_config(ConfigDict(use_attribute_docstrings=True))
"""Make the docstring under a key its description in the schema."""
