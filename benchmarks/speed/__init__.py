"""Speed of `grupa run`: compared with a notebook, and how its cost grows with the log."""
