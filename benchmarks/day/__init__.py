"""A day of a whole gateway in simulated time; see `__main__.py`."""
