"""Where facts are kept: what is asked of a journal, and the journals there are. Never decides anything."""
