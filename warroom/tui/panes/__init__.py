"""The panes a screen is made of."""
