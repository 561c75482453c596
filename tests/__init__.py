"""The tests mirror the packages; what spans several of them is in `tests/browser` and `tests/project`."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[1]
REAL_LOGS = Path(os.environ.get("GRUPA_REAL_LOGS") or ROOT / "../shared/data")
"""Folder of real logs; tests that need it are skipped, saying so, where it is absent."""
