"""What we say: pure functions of the incident."""
