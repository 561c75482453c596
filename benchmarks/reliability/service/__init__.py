"""Benchmarks of `grupa serve` as a service that runs for years: `python -m benchmarks.reliability.service`."""
