"""The grid in words: its columns, ways of selection and verdicts, as the app and Dagster both say them. Data only."""

COLUMNS = (
    "Neighbours",
    "Smallest cluster",
    "Min. samples",
    "Selection",
    "Clusters",
    "Largest cluster",
    "Unassigned",
    "DBCV",
    "Stability",
    "Score",
    "Verdict",
)
"""What is said of a candidate, in the order in which it is shown."""

SELECTIONS = {"eom": "longest-lived (eom)", "leaf": "finest (leaf)"}
"""Which clusters of HDBSCAN's tree are taken."""

VERDICTS = {
    "passed": "passed",
    "too_few_clusters": "too few clusters",
    "one_big_cluster": "one cluster holds most users",
    "too_much_noise": "leaves too many users out",
    "unstable": "too unstable",
}
"""What `selection.judge` says of a candidate."""
