"""The configuration of a segmentation: every number that a result depends on."""

from dataclasses import asdict, dataclass
from typing import Any

from grupa_pipeline.vocabulary.enums import ClusterSelection


@dataclass(frozen=True)
class SegmentationConfig:
    """Configuration of `segment`; sizes are counts of distinct feature rows unless noted otherwise.

    `landmarks` bounds what is embedded and clustered, `trust_sample` and `trust_share` the rows of each null fit and each
    subsample fit. `map_epochs_again` are those of a map that continues an earlier one: more would move it without need.
    `densities` are HDBSCAN's part of the grid: minimum cluster size as a share of the rows fitted, minimum samples,
    selection method. `keep_margin` is how much better another candidate's score must be before the previous choice is
    given up. Fields keep their names: `segmentations.parameters` stores them.
    """

    min_users: int = 50
    landmarks: int = 3000
    cells: int = 128
    trust_sample: int = 800
    trust_share: float = 0.6
    subsamples: int = 8
    null_fits: int = 10
    null_days: int = 7
    dimensions: int = 5
    epochs: int = 100
    map_epochs: int = 200
    map_epochs_again: int = 60
    neighbors: tuple[int, ...] = (15, 40)
    fellow_neighbors: int = 50
    densities: tuple[tuple[float, int, ClusterSelection], ...] = (
        (0.008, 5, ClusterSelection.EOM),
        (0.02, 5, ClusterSelection.EOM),
        (0.02, 15, ClusterSelection.EOM),
        (0.05, 15, ClusterSelection.EOM),
        (0.05, 10, ClusterSelection.LEAF),
    )
    smallest_cluster: int = 12
    min_clusters: int = 3
    max_largest_share: float = 0.7
    max_unassigned: float = 0.5
    min_stability: float = 0.6
    max_p_value: float = 0.01
    keep_margin: float = 0.05
    placing_neighbors: int = 40
    match_jaccard: float = 0.3
    workers: int = 2

    def validation_size(self, rows: int) -> int:
        """Rows of one validation fit when `rows` distinct rows were made landmarks."""
        return min(self.trust_sample, round(self.trust_share * rows))

    def as_parameters(self) -> dict[str, Any]:
        """The settings as JSON-ready values; `workers` is left out because it changes no result."""
        return {name: value for name, value in asdict(self).items() if name != "workers"}
