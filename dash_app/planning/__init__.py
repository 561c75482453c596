"""Planning a test, from sample size to brief and exports: pure functions, no tables, no screen."""
