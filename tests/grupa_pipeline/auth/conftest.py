import pytest

from tests.grupa_pipeline.auth.clocks import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()
