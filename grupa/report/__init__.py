"""A snapshot, a cluster or the roadmap as a page to show in a meeting: one HTML file that holds everything, or a PDF of it."""
