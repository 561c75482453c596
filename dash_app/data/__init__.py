"""All SQL that reads the warehouse for the app; no other package of the app queries it."""
