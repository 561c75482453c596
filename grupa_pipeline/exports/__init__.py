"""Segments as they leave the warehouse: which users they hold on a day, who entered and left, and the files that list them."""
