"""Benchmarks the app's response times on a warehouse with many users, in Chromium."""
