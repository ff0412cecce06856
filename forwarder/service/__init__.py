"""What the system is told: systemd and the journal."""
