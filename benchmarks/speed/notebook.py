"""The notebook that one would write instead of using Grupa: pandas, umap-learn and hdbscan with their defaults.

`python benchmarks/speed/notebook.py LOG.csv CLUSTERS.csv`; prints when each stage began and ended. Imports nothing of Grupa.
"""

import json
import sys
import time

import pandas as pd

ends = [time.time()]


def stage(name: str) -> None:
    """Print the stage that ends here, with its times, for the watcher."""
    ends.append(time.time())
    print(f"STAGE {name} {ends[-2]} {ends[-1]}", flush=True)


events = pd.read_csv(sys.argv[1], parse_dates=["timestamp"])
stage("reading")

events = events.sort_values(["user_id", "timestamp"])
by_user = events.groupby("user_id", sort=True)
features = pd.DataFrame({"events": by_user.size()})
actions = events.groupby(["user_id", "action"], observed=True).size().unstack(fill_value=0)
features = features.join(actions.div(features["events"], axis=0).add_prefix("share_"))
gap = by_user["timestamp"].diff().dt.total_seconds()
features["median_gap"] = gap.groupby(events["user_id"]).median()
new_session = gap.isna() | (gap > 30 * 60)
features["sessions"] = new_session.groupby(events["user_id"]).sum()
features["events_per_session"] = features["events"] / features["sessions"]
features["active_days"] = events["timestamp"].dt.floor("D").groupby(events["user_id"]).nunique()
features["days_known"] = (by_user["timestamp"].max() - by_user["timestamp"].min()).dt.total_seconds() / 86400
hour = events["timestamp"].dt.hour
features["hour"] = hour.groupby(events["user_id"]).mean()
features["weekend"] = (events["timestamp"].dt.day_of_week >= 5).groupby(events["user_id"]).mean()
used = events.loc[events["action"] == "feature_use", ["user_id", "metadata"]]
used = used.assign(feature=used["metadata"].map(json.loads).str.get("feature"))
uses = used.groupby(["user_id", "feature"]).size().unstack(fill_value=0)
features = features.join(uses.div(uses.sum(axis=1), axis=0).add_prefix("uses_"))
steps = events[events["action"].isin(["proposal_create", "proposal_submit"])]
steps = steps.assign(proposal=steps["metadata"].map(json.loads).str.get("proposal_id"))
times = steps.pivot_table(index=["user_id", "proposal"], columns="action", values="timestamp", aggfunc="min")
times = times.reindex(columns=["proposal_create", "proposal_submit"])
hours = (times["proposal_submit"] - times["proposal_create"]).dt.total_seconds() / 3600
features["hours_to_submit"] = hours.groupby("user_id").median()
features["submitted_share"] = times["proposal_submit"].notna().groupby("user_id").mean()
features = features[features["events"] >= 5].fillna(0)
stage("features")

from sklearn.preprocessing import StandardScaler  # noqa: E402

scaled = StandardScaler().fit_transform(features)
stage("scaling")

import umap  # noqa: E402

embedding = umap.UMAP().fit_transform(scaled)
stage("UMAP")

import hdbscan  # noqa: E402

features["cluster"] = hdbscan.HDBSCAN().fit_predict(embedding)
features["x"], features["y"] = embedding[:, 0], embedding[:, 1]
features.to_csv(sys.argv[2])
stage("HDBSCAN")
print(features["cluster"].value_counts())
