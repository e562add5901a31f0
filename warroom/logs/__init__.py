"""Reading logs: sources produce lines, records parse them, a view is what a screen shows. Knows no screen."""
