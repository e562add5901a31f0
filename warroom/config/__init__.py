"""What the team and this machine are set to: settings, secrets by reference, the on-call rota, where files lie."""
