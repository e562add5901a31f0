"""Messages and documents: pure functions of the incident."""
