"""A warehouse as people's programs and agents see it: the reader behind `grupa.open`, and the tools of agents."""
