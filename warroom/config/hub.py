"""Where the team's hub is: the table of the settings. Connects to nothing."""

from __future__ import annotations

from warroom.config.fields import Table
from warroom.config.secrets import Secret


class HubSettings(Table):
    """The Postgres database through which several laptops share incidents; see warroom help hub."""

    url: Secret
    """Its address, postgresql://USER:PASSWORD@HOST/DATABASE. It holds a password: name where it is kept."""
