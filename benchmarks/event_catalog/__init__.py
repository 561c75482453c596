"""Whether the names of actions are understood: precision and recall of roles on schemas of public products."""
