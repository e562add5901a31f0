"""Configuration: settings, secrets by reference, the on-call rota, paths, UI state."""
