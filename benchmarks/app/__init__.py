"""How quick the app is over a warehouse of many users, measured in a real Chromium."""
