"""Drills: a scripted incident, its logs and its people, played against the same WarRoom as a real one."""
