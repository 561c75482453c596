"""Insights: measured differences between clusters, told as names, pain points and recommendations; code does the sums."""
