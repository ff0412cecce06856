"""The status page: its rules, its server, and the page in a real browser."""
