"""The log pane: the lines, the prompt below them, and how a line is painted."""
