"""One outcome for one tree: property tests draw the same examples everywhere.

`HYPOTHESIS_PROFILE=explore scripts/test` draws new ones each time, to look for what nobody has seen.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
