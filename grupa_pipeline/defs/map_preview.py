"""The picture of the map that Dagster shows beside an asset; the app draws its own map."""

import base64

import numpy as np
import pyarrow as pa

from grupa_pipeline.palette import UNASSIGNED, color_of

_SIZE, _MARGIN, _MAX_DOTS = 480, 16, 3000


def draw_map(embeddings: pa.Table, labels: pa.Table, identities: pa.Table) -> str:
    """Markdown with a drawing (SVG) of at most 3,000 users of one snapshot, coloured by cluster."""
    dots = embeddings.to_pandas().merge(labels.to_pandas()[["user_id", "cluster_id"]], on="user_id")
    if dots.empty:
        return "No user has enough events to be on the map."
    dots = dots.iloc[:: max(1, -(-len(dots) // _MAX_DOTS))]
    slots = dict(zip(*identities.select(["cluster_id", "color_slot"]).to_pydict().values(), strict=True))
    low, high = dots[["x", "y"]].min(), dots[["x", "y"]].max()
    positions = (dots[["x", "y"]] - low) / np.maximum(high - low, 1e-9) * (_SIZE - 2 * _MARGIN) + _MARGIN
    circles = "".join(
        f'<circle cx="{x:.0f}" cy="{_SIZE - y:.0f}" r="2" fill="{color_of(slots[name]) if name in slots else UNASSIGNED}"/>'
        for x, y, name in zip(positions["x"], positions["y"], dots["cluster_id"], strict=True)
    )
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE} {_SIZE}" width="{_SIZE}">{circles}</svg>'
    return f"![map](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"
