"""What a bug report holds, and what it must not."""
