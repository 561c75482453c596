"""How fast `grupa run` is beside a notebook, how its cost grows, and how quick the app is."""
