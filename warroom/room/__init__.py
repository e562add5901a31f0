"""The desk: the only place where anything is decided or written."""
