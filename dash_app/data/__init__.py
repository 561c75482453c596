"""The only gate from the tables to the screen: all SQL that reads the warehouse lives in this package, nothing else does."""
