"""Widgets take values, post messages, import no app."""
