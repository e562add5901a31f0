"""Screens compose and handle."""
