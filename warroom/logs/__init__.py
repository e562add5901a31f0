"""How logs are read. Knows no screen."""
