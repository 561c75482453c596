"""What all tests of segmentation share."""

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """One thread for linear algebra, as `segment` has it; on a busy machine many threads wait for one another."""
    with threadpool_limits(1):
        yield
