"""The application service: the only place that decides and writes anything."""
