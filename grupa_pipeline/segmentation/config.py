"""The configuration of a segmentation: every number that a result depends on."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class SegmentationConfig:
    """Configuration of `segment`; sizes are counts of distinct feature rows unless noted otherwise.

    A user of less than `few_events` is assigned by `few_events.py`. `landmarks` bounds what is embedded and clustered,
    `trust_sample` and `trust_share` the rows of each subsample.
    `map_epochs_again` are those of a map that continues an earlier one: more would move it without need. `fine_cells` are the
    numbers of cells of the fine partitions by k-means, `leaf_size` the smallest cell of the one by HDBSCAN, as a share of the
    landmarks. `min_kappa`, `max_valley` and `max_valley_p` say when two groups are two (`merging.py`), `min_signal` when a view
    of the users' behaviour takes part (`views.py`). `keep_margin` is the share by which another candidate must tell more about
    other sessions before the previous partition is given up. Fields keep their names: `segmentations.parameters` stores them.
    """

    min_users: int = 50
    few_events: int = 5
    landmarks: int = 3000
    cells: int = 128
    trust_sample: int = 2400
    trust_share: float = 0.8
    subsamples: int = 5
    map_epochs: int = 200
    map_epochs_again: int = 60
    neighbors: int = 15
    fine_cells: tuple[int, ...] = (24, 40, 60)
    leaf_size: float = 0.005
    smallest_cluster: int = 12
    min_kappa: float = 0.75
    max_valley: float = 0.65
    max_valley_p: float = 0.002
    min_signal: float = 0.2
    min_clusters: int = 3
    max_unassigned: float = 0.5
    min_stability: float = 0.6
    min_replication: float = 0.6
    max_p_value: float = 0.01
    keep_margin: float = 0.05
    placing_neighbors: int = 15
    match_jaccard: float = 0.3
    workers: int = 2

    def validation_size(self, rows: int) -> int:
        """Rows of one subsample when `rows` distinct rows were made landmarks."""
        return min(self.trust_sample, round(self.trust_share * rows))

    def as_parameters(self) -> dict[str, Any]:
        """The settings as JSON-ready values; `workers` is left out because it changes no result."""
        return {name: value for name, value in asdict(self).items() if name != "workers"}
