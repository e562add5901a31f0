"""The verbs of the command line, one module a family, imported when one of its verbs is called."""
