"""Grupa from Python: `grupa.open("warehouse")` gives the numbers of every page as tables and figures.

Importing it is quick; what it works with is imported when a warehouse is opened.
"""

from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dash_app.agents.reader import Warehouse

__all__ = ["open"]


def open(  # noqa: A001 - `grupa.open`, as in `gzip.open`
    warehouse: "str | PathLike[str] | None" = None, *, arrow: bool = False
) -> "Warehouse":
    """Open a warehouse to read; neither runs nor the app are kept waiting.

    Args:
        warehouse: Its folder; default `GRUPA_WAREHOUSE`, else `warehouse/`.
        arrow: Whether tables come as `pyarrow.Table`; else as `pandas.DataFrame`.

    Raises:
        NoWarehouseError: Nothing has been published there.

    Example:
        >>> warehouse = grupa.open("warehouse")
        >>> warehouse.clusters()[["cluster_id", "name", "size"]]
    """
    from dash_app.agents.reader import Warehouse
    from grupa_pipeline.settings import Settings

    folder = Settings.from_env({"GRUPA_WAREHOUSE": str(warehouse)} if warehouse is not None else None).warehouse
    return Warehouse(folder, arrow=arrow)
