"""Downlinks: what may be sent, when, and how it ended. See docs/many-servers.md."""
