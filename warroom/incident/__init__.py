"""What an incident is: values and rules. No clock, no I/O, no async."""
