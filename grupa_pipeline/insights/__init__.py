"""Insights: measured differences between clusters, described by names, pain points and recommendations.

All numbers are computed here; a language model, or rules where there is none, only puts them into words.
"""
